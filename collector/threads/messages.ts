// What the threads of the collector say to each other.

import type { MessagePort } from 'node:worker_threads';
import type { BatchKind } from '../../schemas/batch.ts';
import type { FactRow } from '../../schemas/facts.ts';
import type { SpoolSettings } from '../../transport/spool/spool.ts';
import type { CollectorConfiguration } from '../configuration.ts';
import type { Change } from '../decode/exporters/template-store.ts';
import type { MappedElement } from '../decode/templated/elements.ts';
import type { Received } from '../reports/receiving-minutes.ts';

/** Worker to encoder: the column buffers of a batch, transferred. */
export interface FilledBatch {
  readonly kind: Exclude<BatchKind, 'facts' | 'collectors'>;
  readonly sequence: number;
  readonly rows: number;
  readonly buffers: ArrayBuffer[];
  /** Sequence numbers as of this batch, to be kept before it is; sequence-record.ts. */
  readonly sequences?: Uint8Array<ArrayBuffer>;
}

/** Worker to encoder: sequence numbers that no batch takes along. */
export interface FilledSequences {
  readonly kind: 'sequences';
  readonly sequences: Uint8Array<ArrayBuffer>;
}

/** Worker to encoder: a batch of facts, which has texts and no column buffers. */
export interface FilledFacts {
  readonly kind: 'facts';
  readonly sequence: number;
  readonly facts: readonly FactRow[];
}

/** Worker to encoder, behind everything that it received before `untilMs`. */
export interface FilledReceived extends Received {
  readonly kind: 'received';
}

export type Filled = FilledBatch | FilledFacts | FilledReceived | FilledSequences;

/** Encoder to worker: buffers of flow columns, zeroed, to fill again. */
export interface FreeBuffers {
  readonly kind: 'free';
  readonly buffers: ArrayBuffer[];
}

/** Encoder to worker, first of all: the sequence numbers to continue; none where nothing is kept. */
export interface KeptSequences {
  readonly kind: 'sequences';
  readonly records?: Uint8Array<ArrayBuffer>;
}

export interface WorkerData {
  readonly configuration: CollectorConfiguration;
  readonly worker: number;
  readonly counters: SharedArrayBuffer;
  readonly faults: SharedArrayBuffer;
  /** Elements that the installation maps to columns. */
  readonly mapped: readonly MappedElement[];
  /** Exporters may send to other collectors too. */
  readonly hasPeers: boolean;
  /** Counters of the connections: this worker takes IPFIX over TCP and TLS, and no datagrams. */
  readonly streams?: SharedArrayBuffer;
  /** What the journal knew when the worker was started; undefined without a journal. */
  readonly known?: readonly Change[];
  readonly toEncoder: MessagePort;
}

/** Main thread to worker. */
export type WorkerOrder =
  | { readonly type: 'stop' }
  /** What another worker has learned. */
  | { readonly type: 'changes'; readonly changes: readonly Change[] };

export type Transport = 'UDP' | 'TCP' | 'TLS';

export type WorkerMessage =
  | {
      readonly type: 'listening';
      readonly ports: Readonly<Record<Transport, readonly number[]>>;
      readonly bufferBytes: number;
    }
  | {
      readonly type: 'failed';
      readonly code: string;
      readonly transport: Transport;
      readonly port: number;
      readonly message: string;
    }
  /** What this worker has learned, for the journal. */
  | { readonly type: 'changes'; readonly changes: readonly Change[] }
  | { readonly type: 'stopped' };

export interface EncoderData {
  readonly configuration: CollectorConfiguration;
  readonly counters: SharedArrayBuffer;
  /** Counters of the sockets, which the main thread writes. */
  readonly sockets: SharedArrayBuffer;
  /** Receive workers in all. */
  readonly workersTotal: number;
  readonly spool: SpoolSettings;
  /** Where sequence numbers are kept; nowhere when left out. */
  readonly sequences?: string;
  /** Tokens of stored batches go here. */
  readonly announce: MessagePort;
}

export type EncoderMessage =
  | {
      readonly type: 'worker';
      readonly worker: number;
      readonly epoch: string;
      readonly port: MessagePort;
      /** It receives datagrams, so that its sequence numbers are kept; those of a connection end with it. */
      readonly isKept: boolean;
    }
  | { readonly type: 'stop' };
