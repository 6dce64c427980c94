// The enricher's end of Kafka: the batches of the partitions that this member of the group was assigned, and every batch
// of facts. A batch is acknowledged only when ClickHouse has it. The offset of a partition is committed up to the first
// batch that is not settled. So batches are delivered again after a crash, or when a partition moves to another
// enricher, and their token makes that harmless.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseToken } from '../../schemas/batch.ts';
import { type CounterSpec, type Counters, openCounters } from '../../service/counters.ts';
import { createThrottle, type Log } from '../../service/log.ts';
import { payloadOf } from '../batch-file.ts';
import {
  ageS,
  type Backlog,
  type BatchSource,
  type Delivery,
  isBarrier,
  OLDEST_AGE_METRIC,
  type Share,
} from '../transport.ts';
import type { KafkaSourceConfiguration } from './configuration.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { type EachBatchPayload, type Kafka, type KafkaMessage, SHARE_HEADER, TOKEN_HEADER } from './kafka.ts';
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
  // When it was written, 0 without one; openKafkaSourceCounters reads an age from it.
  oldestAgeS: {
    name: OLDEST_AGE_METRIC,
    help: 'age of the oldest batch in the partitions of this enricher that was not acknowledged; 0 when there is none',
  },
  up: { name: 'kafka_up', help: '1 while the consumer is a member of its group' },
} as const satisfies Record<string, CounterSpec>;

/** For the thread that shows them: an age grows while nobody writes. */
export function openKafkaSourceCounters(): Counters<typeof KAFKA_SOURCE_COUNTERS> {
  const counters = openCounters(KAFKA_SOURCE_COUNTERS);
  const get: typeof counters.get = key =>
    key === 'oldestAgeS' ? ageS(counters.get(key), Date.now()) : counters.get(key);
  return { ...counters, get };
}

const COMMIT_INTERVAL_MS = 500;
/** An idle consumer sends a heartbeat every five seconds. */
const SILENT_MS_MAX = 12_000;
const STOP_MS_MAX = 8000;
/** Minutes of collectors that wait until what is before them in their partition is settled; a few kilobytes each. */
const HELD_MAX = 1000;
const HEARTBEAT_MS = 1000;

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
  /** What was not read of each partition, and when the last message that was read was written. */
  readonly #unread = new Map<number, { readonly batches: number; readonly afterMs: number }>();
  #commitTimer: NodeJS.Timeout | undefined;
  #commits: Promise<void> | undefined;
  #lastSeenAtMs = 0;
  #held = 0;

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
      this.#counters.set('oldestAgeS', this.backlog().sinceMs ?? 0);
    }, COMMIT_INTERVAL_MS);
  }

  next(): Promise<Delivery | undefined> {
    return this.#queue.next();
  }

  /** In the partitions of this member. What was not read yet is younger than what was read last. */
  backlog(): Backlog {
    const batches = this.#offsets.unsettled() + this.#counters.get('lag');
    const since = [...this.#unread.values()].filter(unread => unread.batches > 0).map(({ afterMs }) => afterMs);
    const sinceMs = Math.min(this.#offsets.oldestMs() ?? Number.POSITIVE_INFINITY, ...since);
    return { batches, sinceMs: Number.isFinite(sinceMs) ? sinceMs : undefined };
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
    this.#unread.clear();
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
    const afterMs = Number(batch.messages.at(-1)?.timestamp ?? Date.now());
    this.#unread.set(batch.partition, { batches: Number(batch.offsetLag()), afterMs });
    this.#counters.set('lag', sumOf([...this.#unread.values()].map(({ batches }) => batches)));
    for (const message of batch.messages) {
      if (this.#stopping.signal.aborted || !isRunning() || isStale()) return;
      const settled = this.#offsets.take(batch.partition, Number(message.offset), Number(message.timestamp));
      // What this process is still storing is not delivered a second time.
      const delivery = settled && this.#deliveryOf(message, settled);
      if (delivery && !(await this.#handOver(delivery, payload, Number(message.offset)))) return;
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

  #handOver(delivery: Delivery, payload: EachBatchPayload, offset: number): Promise<boolean> {
    return isBarrier(delivery.identity)
      ? this.#hold(delivery, payload, offset)
      : this.#offered(delivery, payload, offset);
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

  /** Delivers minutes of a collector once everything before them in their partition is settled; what follows does not wait. */
  async #hold(delivery: Delivery, payload: EachBatchPayload, offset: number): Promise<boolean> {
    const { partition } = payload.batch;
    while (this.#held >= HELD_MAX) {
      if (this.#stopping.signal.aborted || !payload.isRunning() || payload.isStale()) {
        this.#offsets.release(partition, offset);
        return false;
      }
      await sleep(HEARTBEAT_MS);
      await payload.heartbeat();
    }
    this.#held++;
    void this.#offsets.settledBefore(partition, offset).then(isSettled => {
      this.#held--;
      if (isSettled) this.#queue.put(delivery);
    });
    return true;
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
      ...(isBarrier(identity) && { share: shareOf(String(message.headers?.[SHARE_HEADER] ?? '')) }),
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

/** `2/12`; a message without it is the only copy. */
function shareOf(text: string): Share {
  const [, index, of] = /^(\d{1,5})\/(\d{1,5})$/.exec(text) ?? [];
  return of === undefined ? { index: 0, of: 1 } : { index: Number(index), of: Number(of) };
}

function sumOf(values: Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
