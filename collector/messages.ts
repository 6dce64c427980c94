// What the threads of the collector say to each other.

import type { MessagePort } from 'node:worker_threads';
import type { BatchKind } from '../schemas/batch.ts';
import type { Configuration } from '../schemas/configuration.ts';
import type { SpoolSettings } from '../transport/spool.ts';

/** Worker to encoder: the column buffers of a batch, transferred. */
export interface FilledBatch {
  readonly kind: BatchKind;
  readonly sequence: number;
  readonly rows: number;
  readonly buffers: ArrayBuffer[];
}

/** Encoder to worker: buffers of flow columns, zeroed, to fill again. */
export interface FreeBuffers {
  readonly buffers: ArrayBuffer[];
}

export interface WorkerData {
  readonly configuration: Configuration;
  readonly worker: number;
  readonly counters: SharedArrayBuffer;
  readonly faults: SharedArrayBuffer;
  readonly toEncoder: MessagePort;
}

export type WorkerMessage =
  | { readonly type: 'listening'; readonly ports: readonly number[]; readonly bufferBytes: number }
  | { readonly type: 'failed'; readonly code: string; readonly port: number; readonly message: string }
  | { readonly type: 'stopped' };

export interface EncoderData {
  readonly configuration: Configuration;
  readonly counters: SharedArrayBuffer;
  readonly spool: SpoolSettings;
  /** Tokens of stored batches go here. */
  readonly announce: MessagePort;
}

export type EncoderMessage =
  | { readonly type: 'worker'; readonly worker: number; readonly epoch: string; readonly port: MessagePort }
  | { readonly type: 'stop' };
