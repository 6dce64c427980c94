// The enricher's end of Kafka: the batches of the partitions that this member of the group was assigned, and every batch
// of facts. A batch is acknowledged only when ClickHouse has it. The offset of a partition is committed up to the first
// batch that is not settled. So batches are delivered again after a crash, or when a partition moves to another
// enricher, and their token makes that harmless.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseToken } from '../../schemas/batch.ts';
import { type CounterSpec, type Counters, openCounters } from '../../service/counters.ts';
import { createThrottle, type Log } from '../../service/log.ts';
import { payloadOf } from '../batch-file.ts';
import type { BatchSource, Delivery } from '../transport.ts';
import type { KafkaSourceConfiguration } from './configuration.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { type EachBatchPayload, type Kafka, type KafkaMessage, TOKEN_HEADER } from './kafka.ts';
import { GroupMembers } from './members.ts';
import { createOffsets } from './offsets.ts';
import { QuarantineSender } from './quarantine-sender.ts';

export const KAFKA_SOURCE_COUNTERS = {
  received: { name: 'kafka_batches_received_total', help: 'batches read from Kafka, repeated ones included' },
  acknowledged: { name: 'kafka_batches_acknowledged_total', help: 'batches that ClickHouse has' },
  committed: { name: 'kafka_commits_total', help: 'commits of offsets' },
  commitFailures: { name: 'kafka_commit_failures_total', help: 'commits that failed; the batches are delivered again' },
  joins: { name: 'kafka_group_joins_total', help: 'times this enricher was assigned its partitions' },
  restarts: { name: 'kafka_consumer_restarts_total', help: 'times the consumer was restarted after a failure' },
  partitions: { name: 'kafka_partitions', help: 'partitions assigned to this enricher' },
  lag: { name: 'kafka_lag_batches', help: 'batches in these partitions that were not read yet' },
  'quarantined format': {
    name: 'kafka_quarantined_total',
    help: 'batches moved to the quarantine topic',
    labels: { reason: 'format' },
  },
  'quarantined rejected': {
    name: 'kafka_quarantined_total',
    help: 'batches moved to the quarantine topic',
    labels: { reason: 'rejected' },
  },
  up: { name: 'kafka_up', help: '1 while the consumer is a member of its group' },
} as const satisfies Record<string, CounterSpec>;

const COMMIT_INTERVAL_MS = 500;
/** An idle consumer sends a heartbeat every five seconds. */
const SILENT_MS_MAX = 12_000;
const STOP_MS_MAX = 8000;

export interface KafkaSourceDependencies {
  /** For topics and quarantine. */
  readonly kafka: Kafka;
  /** For the consumers. A patient client keeps their place in the group while Kafka is away. */
  readonly members: Kafka;
  readonly log: Log;
  readonly counters?: Counters<typeof KAFKA_SOURCE_COUNTERS>;
}

export class KafkaSource implements BatchSource {
  readonly #log: Log;
  readonly #counters: Counters<typeof KAFKA_SOURCE_COUNTERS>;
  readonly #stopping = new AbortController();
  readonly #queue: DeliveryQueue;
  readonly #quarantine: QuarantineSender;
  readonly #members: GroupMembers;
  readonly #offsets = createOffsets();
  readonly #throttle = createThrottle();
  readonly #lags = new Map<number, number>();
  #commitTimer: NodeJS.Timeout | undefined;
  #commits: Promise<void> | undefined;
  #lastSeenAtMs = 0;

  constructor(config: KafkaSourceConfiguration, dependencies: KafkaSourceDependencies) {
    const { kafka, members, log, counters = openCounters(KAFKA_SOURCE_COUNTERS) } = dependencies;
    const { signal } = this.#stopping;
    this.#log = log;
    this.#counters = counters;
    this.#queue = new DeliveryQueue(signal);
    this.#quarantine = new QuarantineSender(config, { kafka, log, signal });
    this.#members = new GroupMembers(config, {
      kafka,
      members,
      log,
      signal,
      takeBatches: payload => this.#takeBatches(payload),
      takeFacts: payload => this.#takeFacts(payload),
      onAssigned: partitions => this.#assign(partitions),
      onHeartbeat: () => this.#seen(),
      onDown: () => this.#counters.set('up', 0),
      onCrash: () => this.#counters.add('restarts'),
    });
  }

  start(): void {
    this.#members.start();
    this.#commitTimer = setInterval(() => {
      void this.#commit();
      this.#checkSilence();
    }, COMMIT_INTERVAL_MS);
  }

  next(): Promise<Delivery | undefined> {
    return this.#queue.next();
  }

  close(): void {
    this.#stopping.abort();
  }

  running(): boolean {
    return this.#counters.get('up') === 1;
  }

  /** Commits what is settled and leaves the group. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    clearInterval(this.#commitTimer);
    const leave = async () => {
      await this.#members.idle();
      await this.#commits;
      await this.#commit();
      await Promise.all([this.#members.disconnect(), this.#quarantine.disconnect()]);
    };
    // While Kafka is away, nothing answers.
    await Promise.race([leave(), sleep(STOP_MS_MAX, undefined, { ref: false })]);
    this.#counters.set('up', 0);
  }

  #assign(partitions: readonly number[]): void {
    this.#offsets.assign(partitions);
    this.#lags.clear();
    this.#counters.add('joins');
    this.#counters.set('partitions', partitions.length);
    this.#counters.set('lag', 0);
    this.#seen();
  }

  #seen(): void {
    this.#lastSeenAtMs = Date.now();
    this.#counters.set('up', 1);
  }

  /** kafkajs reports nothing while it tries again and again. */
  #checkSilence(): void {
    if (this.#counters.get('up') === 0 || Date.now() - this.#lastSeenAtMs <= SILENT_MS_MAX) return;
    this.#counters.set('up', 0);
    this.#log.warn('Kafka does not answer; batches are delivered again when it does');
  }

  async #takeBatches(payload: EachBatchPayload): Promise<void> {
    const { batch, resolveOffset, isRunning, isStale } = payload;
    this.#lags.set(batch.partition, Number(batch.offsetLag()));
    this.#counters.set('lag', sumOf(this.#lags.values()));
    for (const message of batch.messages) {
      if (this.#stopping.signal.aborted || !isRunning() || isStale()) return;
      const settled = this.#offsets.take(batch.partition, Number(message.offset));
      // What this process is still storing is not delivered a second time.
      const delivery = settled && this.#deliveryOf(message, settled);
      if (delivery && !(await this.#offered(delivery, payload, Number(message.offset)))) return;
      resolveOffset(message.offset);
    }
  }

  async #takeFacts(payload: EachBatchPayload): Promise<void> {
    for (const message of payload.batch.messages) {
      const delivery = this.#deliveryOf(message, () => {});
      if (delivery && !(await this.#queue.offer(delivery, payload))) return;
      payload.resolveOffset(message.offset);
    }
  }

  /** A delivery that was not taken is released, also when a heartbeat reports that the group changes: it comes again. */
  async #offered(delivery: Delivery, payload: EachBatchPayload, offset: number): Promise<boolean> {
    let taken = false;
    try {
      taken = await this.#queue.offer(delivery, payload);
    } finally {
      if (!taken) this.#offsets.release(payload.batch.partition, offset);
    }
    return taken;
  }

  /** Undefined when the message is no batch: then it goes to quarantine. */
  #deliveryOf(message: KafkaMessage, settled: () => void): Delivery | undefined {
    this.#counters.add('received');
    const value = message.value ?? Buffer.alloc(0);
    const token = String(message.headers?.[TOKEN_HEADER] ?? '');
    const identity = parseToken(token);
    const payload = identity ? payloadOf(value, token) : 'format';
    const moveToQuarantine = (label: 'format' | 'rejected', reason: string) =>
      void this.#quarantine.send(token, value, reason).then(sent => {
        if (!sent) return;
        this.#counters.add(`quarantined ${label}`);
        settled();
      });
    if (!identity || typeof payload === 'string') {
      this.#log.error(
        { token, offset: message.offset },
        `a Kafka message is no batch (${payload}); it is moved to the quarantine topic`,
      );
      moveToQuarantine('format', `message fails its ${payload} check`);
      return undefined;
    }
    return {
      identity,
      arrow: payload,
      redelivered: true,
      acknowledge: () => {
        this.#counters.add('acknowledged');
        settled();
      },
      quarantine: reason => moveToQuarantine('rejected', reason),
    };
  }

  /** One commit at a time. */
  #commit(): Promise<void> {
    this.#commits ??= this.#commitDue().finally(() => {
      this.#commits = undefined;
    });
    return this.#commits;
  }

  async #commitDue(): Promise<void> {
    const due = this.#offsets.due();
    if (due.length === 0 || !this.#members.started) return;
    try {
      await this.#members.commit(due);
      this.#offsets.committed(due);
      this.#counters.add('committed');
    } catch (error) {
      this.#counters.add('commitFailures');
      this.#throttle('commit', heldBack =>
        this.#log.warn(
          { heldBack },
          `offsets were not committed, batches may be delivered again: ${(error as Error).message}`,
        ),
      );
    }
  }
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
