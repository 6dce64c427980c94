// Back-pressure between the consumers and the enricher. A few deliveries wait. While they do, the handler of a partition
// waits too and sends heartbeats, so that kafkajs fetches nothing more and the group does not revoke the partition.

import type { Delivery } from '../transport.ts';
import type { EachBatchPayload } from './kafka.ts';

/** Deliveries that wait for the enricher. Each is a batch, decompressed: 13 MiB at most with default settings. */
export const WAITING_MAX = 2;
const HEARTBEAT_MS = 1000;

export class DeliveryQueue {
  readonly #stopped: AbortSignal;
  readonly #waiting: Delivery[] = [];
  #wakeReader = () => {};
  #wakeWriter = () => {};

  constructor(stopped: AbortSignal) {
    this.#stopped = stopped;
    stopped.addEventListener('abort', () => {
      this.#wakeReader();
      this.#wakeWriter();
    });
  }

  /** Adds a delivery when there is room; false when the partition is revoked or the process stops before. */
  async offer(delivery: Delivery, { heartbeat, isRunning, isStale }: EachBatchPayload): Promise<boolean> {
    let beatAtMs = Date.now();
    while (this.#waiting.length >= WAITING_MAX) {
      if (this.#stopped.aborted || !isRunning() || isStale()) return false;
      await this.#room();
      if (Date.now() - beatAtMs >= HEARTBEAT_MS) {
        await heartbeat();
        beatAtMs = Date.now();
      }
    }
    this.#waiting.push(delivery);
    this.#wakeReader();
    return true;
  }

  /** Adds a small delivery, whether there is room or not. */
  put(delivery: Delivery): void {
    this.#waiting.push(delivery);
    this.#wakeReader();
  }

  /** Undefined once the process stops. */
  async next(): Promise<Delivery | undefined> {
    while (!this.#stopped.aborted) {
      const delivery = this.#waiting.shift();
      if (delivery) {
        this.#wakeWriter();
        return delivery;
      }
      await new Promise<void>(resolve => {
        this.#wakeReader = resolve;
      });
    }
    return undefined;
  }

  /** Resolves when a delivery was taken, and in time for the next heartbeat. */
  #room(): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, HEARTBEAT_MS);
      this.#wakeWriter = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
