// What the main thread and the enricher thread say to each other.

import type { MessagePort } from 'node:worker_threads';
import type { KafkaSourceConfiguration } from '../transport/kafka/configuration.ts';
import type { SpoolSettings } from '../transport/spool.ts';
import type { EnricherThreadConfiguration } from './configuration.ts';
import type { HistoryOptions } from './knowledge/history.ts';

export interface StorageAddress {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

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

/** What a thread needs that reads the recorded documents. */
interface RecordedData {
  /** A user that may read is enough. */
  readonly storage: StorageAddress;
  readonly database: string;
  readonly queryTimeoutMs: number;
  readonly history: HistoryOptions;
}

export interface AdvisorData extends RecordedData {
  /** As in the configuration. */
  readonly clock: string;
}

export interface PreviewsData extends RecordedData {
  readonly ephemeralPorts: readonly string[];
}

export interface Asked<Q> {
  readonly id: number;
  readonly question: Q;
}

export interface Answered<A> {
  readonly id: number;
  readonly answer?: A;
  readonly failure?: string;
}
