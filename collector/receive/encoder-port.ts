// A receive worker's way to the encoder thread: batches are numbered and leave with their column buffers; free buffers
// come back.

import type { MessagePort } from 'node:worker_threads';
import { type Batch, buffersOf } from '../../schemas/batch.ts';
import type { Column } from '../../schemas/columns.ts';
import type { FactRow } from '../../schemas/facts.ts';
import type { Counters } from '../../service/counters.ts';
import type { WORKER_COUNTERS } from '../threads/counters.ts';
import type { FilledBatch, FilledFacts, FreeBuffers } from '../threads/messages.ts';

export class EncoderPort {
  readonly #port: MessagePort;
  readonly #counters: Counters<typeof WORKER_COUNTERS>;
  #sequence = 0;

  constructor(port: MessagePort, counters: Counters<typeof WORKER_COUNTERS>) {
    this.#port = port;
    this.#counters = counters;
  }

  /** Transfers the buffers of a batch; the caller must not use it again. */
  send(kind: FilledBatch['kind'], batch: Batch<readonly Column[]>): void {
    const buffers = buffersOf(batch);
    const message: FilledBatch = { kind, sequence: this.#sequence++, rows: batch.rows, buffers };
    this.#port.postMessage(message, buffers);
    this.#counters.add('batches');
  }

  sendFacts(facts: readonly FactRow[]): void {
    const message: FilledFacts = { kind: 'facts', sequence: this.#sequence++, facts };
    this.#port.postMessage(message);
    this.#counters.add('batches');
  }

  onFree(take: (buffers: ArrayBuffer[]) => void): void {
    this.#port.on('message', ({ buffers }: FreeBuffers) => take(buffers));
  }

  close(): void {
    this.#port.close();
  }
}
