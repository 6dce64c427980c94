// Moves batches that can never be stored to the quarantine topic.

import { createThrottle, type Log } from '../../service/log.ts';
import { retry } from '../../service/retry.ts';
import type { KafkaConfiguration } from './configuration.ts';
import { createProducer, DURABLE, type Kafka, type Producer, REASON_HEADER, TOKEN_HEADER, topicsOf } from './kafka.ts';

const PAUSES = { pauseMsMin: 5000, pauseMsMax: 5000 };

export interface QuarantineSenderDependencies {
  readonly kafka: Kafka;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export class QuarantineSender {
  readonly #topic: string;
  readonly #dependencies: QuarantineSenderDependencies;
  readonly #throttle = createThrottle();
  #producer: Producer | undefined;

  constructor(config: KafkaConfiguration, dependencies: QuarantineSenderDependencies) {
    this.#topic = topicsOf(config).quarantine;
    this.#dependencies = dependencies;
  }

  /** Tries until Kafka has the batch; false when the process stops before. */
  async send(token: string, value: Buffer, reason: string): Promise<boolean> {
    const { signal, log } = this.#dependencies;
    const send = async () => {
      this.#producer ??= await this.#connected();
      const headers = { [TOKEN_HEADER]: token, [REASON_HEADER]: reason };
      await this.#producer.send({ ...DURABLE, topic: this.#topic, messages: [{ value, headers }] });
      return true;
    };
    const onFailure = (error: unknown) =>
      this.#throttle('quarantine', heldBack =>
        log.error(
          { token, heldBack },
          `a batch was not moved to quarantine, the next try follows: ${(error as Error).message}`,
        ),
      );
    return (await retry(send, { pauses: PAUSES, signal, onFailure })) ?? false;
  }

  async disconnect(): Promise<void> {
    await this.#producer?.disconnect().catch(() => {});
  }

  async #connected(): Promise<Producer> {
    const producer = createProducer(this.#dependencies.kafka);
    await producer.connect();
    return producer;
  }
}
