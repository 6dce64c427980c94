// What the main thread and the enricher thread say to each other.

import type { MessagePort } from 'node:worker_threads';
import type { StorageAddress } from '../storage/storage-address.ts';
import type { KafkaSourceConfiguration } from '../transport/kafka/configuration.ts';
import type { SpoolSettings } from '../transport/spool/spool.ts';
import type { EnricherThreadConfiguration } from './configuration.ts';

export interface EnricherData {
  readonly configuration: EnricherThreadConfiguration;
  readonly storage: StorageAddress;
  readonly counters: SharedArrayBuffer;
  /** Where batches come from: the spool, and tokens of those the collector has stored; or Kafka, with its counters. */
  readonly carrier:
    | { readonly spool: SpoolSettings; readonly announced: MessagePort }
    | { readonly kafka: KafkaSourceConfiguration; readonly counters: SharedArrayBuffer };
  /** Not the first thread of this process: a bad document no longer stops the start. */
  readonly restarted: boolean;
}

export type EnricherMessage = { readonly type: 'started' } | { readonly type: 'refused'; readonly message: string };
