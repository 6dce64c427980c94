// A receive worker's way to the encoder thread: batches are numbered and leave with their column buffers; free buffers
// come back. Sequence numbers leave with the records they belong to.

import type { MessagePort } from 'node:worker_threads';
import { type Batch, buffersOf } from '../../schemas/batch.ts';
import type { Column } from '../../schemas/columns.ts';
import type { FactRow } from '../../schemas/facts.ts';
import type { Counters } from '../../service/counters.ts';
import type { Received } from '../reports/receiving-minutes.ts';
import type { WORKER_COUNTERS } from '../threads/counters.ts';
import type { Filled, FilledBatch, FilledFacts, FreeBuffers, KeptSequences } from '../threads/messages.ts';

export class EncoderPort {
  readonly #port: MessagePort;
  readonly #counters: Counters<typeof WORKER_COUNTERS>;
  #sequence = 0;
  #takeSequences: () => Uint8Array<ArrayBuffer> | undefined = () => undefined;

  constructor(port: MessagePort, counters: Counters<typeof WORKER_COUNTERS>) {
    this.#port = port;
    this.#counters = counters;
  }

  /** Transfers the buffers of a batch; the caller must not use it again. */
  send(kind: FilledBatch['kind'], batch: Batch<readonly Column[]>): void {
    const buffers = buffersOf(batch);
    // What the other reports hold does not depend on how far the numbers are.
    const sequences = kind === 'interfaces' ? undefined : this.#takeSequences();
    const message: FilledBatch = {
      kind,
      sequence: this.#sequence++,
      rows: batch.rows,
      buffers,
      ...(sequences && { sequences }),
    };
    this.#post(message, sequences ? [...buffers, sequences.buffer] : buffers);
    this.#counters.add('batches');
  }

  /** Sends sequence numbers alone, if there are any. */
  sendSequences(): void {
    const sequences = this.#takeSequences();
    if (sequences) this.#post({ kind: 'sequences', sequences }, [sequences.buffer]);
  }

  sendFacts(facts: readonly FactRow[]): void {
    const message: FilledFacts = { kind: 'facts', sequence: this.#sequence++, facts };
    this.#post(message);
    this.#counters.add('batches');
  }

  /** Behind everything that was received before. */
  sendReceived(received: Received): void {
    this.#post({ kind: 'received', ...received });
  }

  /** Resolves with the sequence numbers to continue, and takes those of every batch from here; undefined: none are kept. */
  async kept(take: () => Uint8Array<ArrayBuffer> | undefined): Promise<Uint8Array | undefined> {
    const { records } = await new Promise<KeptSequences>(resolve => {
      this.#port.once('message', resolve);
    });
    if (records) this.#takeSequences = take;
    return records;
  }

  onFree(take: (buffers: ArrayBuffer[]) => void): void {
    this.#port.on('message', (message: FreeBuffers | KeptSequences) => {
      if (message.kind === 'free') take(message.buffers);
    });
  }

  close(): void {
    this.#port.close();
  }

  #post(message: Filled, transfer: readonly ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }
}
