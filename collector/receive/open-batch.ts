// The batch that a receive worker fills, and the free column buffers that may follow it. When every buffer is on its way,
// the rows of a full batch are dropped and counted; the templates that came with them are not.

import { batchOver, clearBatch, createBatch } from '../../schemas/batch.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import type { Counters } from '../../service/counters.ts';
import type { CollectorConfiguration } from '../configuration.ts';
import { type Output, RECORDS_PER_DATAGRAM_MAX } from '../decode/context.ts';
import type { FlowBatch } from '../decode/flow-batch.ts';
import type { WORKER_COUNTERS } from '../threads/counters.ts';
import type { EncoderPort } from './encoder-port.ts';

export class OpenBatch implements Output {
  batch: FlowBatch;
  readonly #configuration: CollectorConfiguration;
  readonly #counters: Counters<typeof WORKER_COUNTERS>;
  readonly #encoder: EncoderPort;
  readonly #free: FlowBatch[] = [];
  #openedAtMs = 0;

  constructor(configuration: CollectorConfiguration, counters: Counters<typeof WORKER_COUNTERS>, encoder: EncoderPort) {
    const { batchRowsMax, batchesMax } = configuration;
    this.#configuration = configuration;
    this.#counters = counters;
    this.#encoder = encoder;
    this.batch = createBatch(DECODED_COLUMNS, batchRowsMax) as unknown as FlowBatch;
    for (let i = 1; i < batchesMax; i++)
      this.#free.push(createBatch(DECODED_COLUMNS, batchRowsMax) as unknown as FlowBatch);
  }

  /** To be called before rows are added: the age of a batch counts from its first row, by the wall clock. */
  touch(nowMs: number): void {
    if (this.batch.rows === 0) this.#openedAtMs = nowMs;
  }

  flush(): void {
    const { batch } = this;
    if (batch.rows === 0) return;
    const next = this.#free.pop();
    if (next) {
      this.#counters.add('rowsHandedOver', batch.rows);
      this.#encoder.send('flows', batch);
      this.batch = next;
    } else {
      this.#counters.add('rowsDropped', batch.rows);
      clearBatch(batch);
    }
  }

  /** Without a free buffer an aged batch waits for one: it may still have room. */
  flushAged(nowMs: number): void {
    const { batchAgeMsMax } = this.#configuration;
    if (this.batch.rows > 0 && nowMs - this.#openedAtMs >= batchAgeMsMax && this.#free.length > 0) this.flush();
  }

  /** Hands over what there is, where a free buffer can follow it. */
  flushEarly(): void {
    if (this.#free.length > 0) this.flush();
  }

  /** Hands over the last batch, which needs no free buffer to follow it. */
  finish(): void {
    if (this.batch.rows > 0) this.#encoder.send('flows', this.batch);
    this.batch.rows = 0;
  }

  reclaim(buffers: ArrayBuffer[]): void {
    this.#free.push(batchOver(DECODED_COLUMNS, this.#configuration.batchRowsMax, buffers, 0) as unknown as FlowBatch);
  }

  /** Whether any message can be decoded without flush() having to drop rows. */
  hasRoom(): boolean {
    const { batchRowsMax, batchesMax } = this.#configuration;
    const free = this.#free;
    const rowsFree = batchRowsMax - this.batch.rows + free.length * batchRowsMax;
    if (rowsFree > RECORDS_PER_DATAGRAM_MAX) return true;
    // Buffers too few and small for the largest message: each then gets all of them.
    if (this.batch.rows > 0 && free.length > 0) this.flush();
    return this.batch.rows === 0 && free.length === batchesMax - 1;
  }
}
