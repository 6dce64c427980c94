// The enricher's end of Kafka: batches of the partitions that this member of the group was given, and every fact. A batch
// is acknowledged only when ClickHouse has it, and the offset of a partition is committed as far as all before it are
// settled; so after a crash, or when a partition moves to another enricher, batches come again and their token tells.
//
// Back-pressure: a few deliveries wait, and while nobody takes them the handler of a partition stands still and sends
// heartbeats, so that kafkajs fetches nothing more and the group does not take the partition away.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Consumer, type EachBatchPayload, type Kafka, type KafkaMessage, type Producer } from 'kafkajs';
import { parseToken } from '../../schemas/batch.ts';
import { type CounterSpec, type Counters, openCounters } from '../../service/counters.ts';
import { createThrottle, type Log } from '../../service/log.ts';
import { payloadOf } from '../batch-file.ts';
import type { BatchSource, Delivery } from '../transport.ts';
import type { KafkaSourceConfiguration } from './configuration.ts';
import { prepareTopics, REASON_HEADER, TOKEN_HEADER, topicsOf } from './kafka.ts';
import { createOffsets } from './offsets.ts';

export const KAFKA_SOURCE_COUNTERS = {
  received: { name: 'kafka_batches_received_total', help: 'batches read from Kafka, those that came again included' },
  acknowledged: { name: 'kafka_batches_acknowledged_total', help: 'batches that ClickHouse has' },
  committed: { name: 'kafka_commits_total', help: 'commits of offsets' },
  commitFailures: { name: 'kafka_commit_failures_total', help: 'commits that failed; the batches come again' },
  joins: { name: 'kafka_group_joins_total', help: 'times this enricher was given its partitions' },
  restarts: { name: 'kafka_consumer_restarts_total', help: 'times the consumer was started again after a failure' },
  partitions: { name: 'kafka_partitions', help: 'partitions this enricher has' },
  lag: { name: 'kafka_lag_batches', help: 'batches in these partitions that were not read yet' },
  'quarantined format': {
    name: 'kafka_quarantined_total',
    help: 'batches moved to the topic of quarantine',
    labels: { reason: 'format' },
  },
  'quarantined rejected': {
    name: 'kafka_quarantined_total',
    help: 'batches moved to the topic of quarantine',
    labels: { reason: 'rejected' },
  },
  up: { name: 'kafka_up', help: '1 while the consumer is a member of its group' },
} as const satisfies Record<string, CounterSpec>;

/** Deliveries that wait for the enricher. Each is a batch, decompressed: 13 MiB at most with default settings. */
export const WAITING_MAX = 2;

const HEARTBEAT_MS = 1000;
const COMMIT_INTERVAL_MS = 500;
const COMMIT_MS_MAX = 5000;
/** An idle consumer sends a heartbeat every five seconds. */
const SILENT_MS_MAX = 12_000;
const STOP_MS_MAX = 8000;
const RETIRE_MS = 100;
/** A member that died holds its partitions, and a group that forms anew, for so long. */
const SESSION_MS = 10_000;
const REBALANCE_MS = 15_000;
const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 5000;
/** Tries of the consumer, each as long as the client's, before it leaves the group and joins it anew. */
const CONSUMER_RETRY = { retries: 5, maxRetryTime: 2000, restartOnFailure: async () => true };
/** A fetch brings one large batch, or several small ones up to this. */
const FETCH_BYTES = 1024 * 1024;

export interface KafkaSource extends BatchSource {
  start(): void;
  /** Commits what is settled and leaves the group. */
  stop(): Promise<void>;
  running(): boolean;
}

export interface KafkaSourceDependencies {
  /** For topics and quarantine. */
  readonly kafka: Kafka;
  /** For the consumers; a patient client keeps their place in the group while Kafka is away. */
  readonly members: Kafka;
  readonly log: Log;
  readonly counters?: Counters<typeof KAFKA_SOURCE_COUNTERS>;
}

export function createKafkaSource(
  config: KafkaSourceConfiguration,
  { kafka, members, log, counters = openCounters(KAFKA_SOURCE_COUNTERS) }: KafkaSourceDependencies,
): KafkaSource {
  const topics = topicsOf(config);
  const throttle = createThrottle();
  const stopping = new AbortController();
  const waiting: Delivery[] = [];
  const offsets = createOffsets();
  const lags = new Map<number, number>();
  let wakeReader = () => {};
  let wakeWriter = () => {};
  let consumer: Consumer | undefined;
  let facts: Consumer | undefined;
  let producer: Producer | undefined;
  let committing: NodeJS.Timeout | undefined;
  let commits: Promise<void> | undefined;
  let heardAt = 0;
  let work: Promise<unknown> = Promise.resolve();

  /** Hands a delivery over when there is room; false when the partition or the process goes. */
  async function offer(delivery: Delivery, { heartbeat, isRunning, isStale }: EachBatchPayload): Promise<boolean> {
    let beatAt = Date.now();
    while (waiting.length >= WAITING_MAX) {
      if (stopping.signal.aborted || !isRunning() || isStale()) return false;
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, HEARTBEAT_MS);
        wakeWriter = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      if (Date.now() - beatAt >= HEARTBEAT_MS) {
        await heartbeat();
        beatAt = Date.now();
      }
    }
    waiting.push(delivery);
    wakeReader();
    return true;
  }

  function deliveryOf(message: KafkaMessage, settled: () => void): Delivery | undefined {
    counters.add('received');
    const value = message.value ?? Buffer.alloc(0);
    const token = String(message.headers?.[TOKEN_HEADER] ?? '');
    const identity = parseToken(token);
    const payload = identity ? payloadOf(value, token) : 'format';
    const putAside = (label: 'format' | 'rejected', reason: string) =>
      void quarantine(token, value, reason).then(done => {
        if (!done) return;
        counters.add(`quarantined ${label}`);
        settled();
      });
    if (!identity || typeof payload === 'string') {
      log.error(
        { token, offset: message.offset },
        `a message of Kafka is no batch (${payload}): it goes to quarantine`,
      );
      putAside('format', `message fails its ${payload} check`);
      return undefined;
    }
    return {
      identity,
      arrow: payload,
      redelivered: true,
      acknowledge() {
        counters.add('acknowledged');
        settled();
      },
      quarantine: reason => putAside('rejected', reason),
    };
  }

  /** Until Kafka has it; false when the process stops before. */
  async function quarantine(token: string, value: Buffer, reason: string): Promise<boolean> {
    while (!stopping.signal.aborted) {
      try {
        producer ??= await connectedProducer();
        await producer.send({
          topic: topics.quarantine,
          acks: -1,
          compression: kafkajs.CompressionTypes.ZSTD,
          messages: [{ value, headers: { [TOKEN_HEADER]: token, [REASON_HEADER]: reason } }],
        });
        return true;
      } catch (error) {
        throttle('quarantine', heldBack =>
          log.error({ token, heldBack }, `quarantine takes no batch, it is tried again: ${(error as Error).message}`),
        );
        await pause(RESTART_MS_MAX);
      }
    }
    return false;
  }

  async function connectedProducer(): Promise<Producer> {
    const fresh = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await fresh.connect();
    return fresh;
  }

  async function takeBatches(payload: EachBatchPayload): Promise<void> {
    const { batch, resolveOffset, isRunning, isStale } = payload;
    lags.set(batch.partition, Number(batch.offsetLag()));
    counters.set(
      'lag',
      [...lags.values()].reduce((sum, lag) => sum + lag, 0),
    );
    for (const message of batch.messages) {
      if (stopping.signal.aborted || !isRunning() || isStale()) return;
      const settled = offsets.take(batch.partition, Number(message.offset));
      // What this process is still storing is not handed out a second time.
      const delivery = settled && deliveryOf(message, settled);
      if (delivery && !(await offered(delivery, payload, Number(message.offset)))) return;
      resolveOffset(message.offset);
    }
  }

  /** What was not handed over is given back, also when a heartbeat says that the group is changing: it comes again. */
  async function offered(delivery: Delivery, payload: EachBatchPayload, offset: number): Promise<boolean> {
    let taken = false;
    try {
      taken = await offer(delivery, payload);
    } finally {
      if (!taken) offsets.giveBack(payload.batch.partition, offset);
    }
    return taken;
  }

  async function takeFacts(payload: EachBatchPayload): Promise<void> {
    for (const message of payload.batch.messages) {
      const delivery = deliveryOf(message, () => {});
      if (delivery && !(await offer(delivery, payload))) return;
      payload.resolveOffset(message.offset);
    }
  }

  async function commitDue(): Promise<void> {
    const due = offsets.due();
    if (due.length === 0 || !consumer) return;
    try {
      const committed = consumer.commitOffsets(
        due.map(({ partition, offset }) => ({ topic: topics.batches, partition, offset: String(offset) })),
      );
      // The consumer may have been given up meanwhile, and then its answer never comes.
      const late = sleep(COMMIT_MS_MAX, 'late', { ref: false });
      if ((await Promise.race([committed, late])) === 'late') {
        committed.catch(() => {});
        throw new Error(`no answer within ${COMMIT_MS_MAX / 1000} s`);
      }
      offsets.committed(due);
      counters.add('committed');
    } catch (error) {
      counters.add('commitFailures');
      throttle('commit', heldBack =>
        log.warn({ heldBack }, `offsets could not be committed, batches may come again: ${(error as Error).message}`),
      );
    }
  }

  /** One at a time. */
  function commit(): Promise<void> {
    commits ??= commitDue().finally(() => {
      commits = undefined;
    });
    return commits;
  }

  function hear(): void {
    heardAt = Date.now();
    counters.set('up', 1);
  }

  /** kafkajs says nothing while it tries again and again. */
  function listen(): void {
    if (counters.get('up') === 0 || Date.now() - heardAt <= SILENT_MS_MAX) return;
    counters.set('up', 0);
    log.warn('Kafka does not answer; batches come again when it does');
  }

  async function startConsumers(): Promise<void> {
    await prepareTopics(kafka, config);
    const group = { sessionTimeout: SESSION_MS, rebalanceTimeout: REBALANCE_MS, maxBytesPerPartition: FETCH_BYTES };
    const fresh = members.consumer({
      groupId: config.kafkaGroup,
      ...group,
      retry: CONSUMER_RETRY,
    });
    consumer = fresh;
    retireLater(fresh, () => consumer === fresh);
    fresh.on(fresh.events.GROUP_JOIN, ({ payload }) => {
      if (consumer !== fresh) return;
      const mine = payload.memberAssignment[topics.batches] ?? [];
      offsets.assign(mine);
      lags.clear();
      counters.add('joins');
      counters.set('partitions', mine.length);
      counters.set('lag', 0);
      hear();
    });
    fresh.on(fresh.events.HEARTBEAT, () => {
      if (consumer === fresh) hear();
    });
    fresh.on(fresh.events.CRASH, ({ payload }) => {
      if (consumer === fresh) counters.set('up', 0);
      crashed(payload, () => consumer === fresh);
    });
    await fresh.connect();
    await fresh.subscribe({ topics: [topics.batches], fromBeginning: true });
    // Every enricher reads all facts, so each is a group of its own and begins with what the topic still holds.
    const everything = members.consumer({
      groupId: `${config.kafkaGroup}-facts-${randomUUID()}`,
      ...group,
      retry: CONSUMER_RETRY,
    });
    facts = everything;
    retireLater(everything, () => facts === everything);
    everything.on(everything.events.CRASH, ({ payload }) => crashed(payload, () => facts === everything));
    await everything.connect();
    await everything.subscribe({ topics: [topics.facts], fromBeginning: true });
    const running = { autoCommit: false, eachBatchAutoResolve: false };
    await fresh.run({
      ...running,
      partitionsConsumedConcurrently: WAITING_MAX,
      eachBatch: async payload => {
        if (consumer === fresh) await takeBatches(payload);
      },
    });
    await everything.run({ ...running, eachBatch: takeFacts });
  }

  /** kafkajs goes on by itself after what it takes for a passing failure; after any other it has left the group for good. */
  function crashed({ error, restart }: { error: Error; restart: boolean }, isCurrent: () => boolean): void {
    counters.add('restarts');
    throttle('crash', heldBack => log.warn({ heldBack }, `the consumer starts again: ${error.name}: ${error.message}`));
    if (restart) return;
    work = work.then(async () => {
      await pause(RESTART_MS_MIN);
      if (!isCurrent() || stopping.signal.aborted) return;
      await disconnectConsumers();
      await keepStarting();
    });
  }

  /**
   * One that was given up while it looked for Kafka joins the group all the same when Kafka is back. Then it would hold
   * partitions of which nobody commits anything: it leaves as soon as it is heard of.
   */
  function retireLater(member: Consumer, isCurrent: () => boolean): void {
    const retire = () => {
      if (!isCurrent()) setTimeout(() => member.disconnect().catch(() => {}), RETIRE_MS);
    };
    member.on(member.events.GROUP_JOIN, retire);
    member.on(member.events.HEARTBEAT, retire);
  }

  async function disconnectConsumers(): Promise<void> {
    const given = [consumer, facts];
    consumer = undefined;
    facts = undefined;
    await Promise.race([
      Promise.all(given.map(member => member?.disconnect().catch(() => {}))),
      sleep(STOP_MS_MAX, undefined, { ref: false }),
    ]);
  }

  async function keepStarting(): Promise<void> {
    for (let pauseMs = RESTART_MS_MIN; !stopping.signal.aborted; pauseMs = Math.min(2 * pauseMs, RESTART_MS_MAX)) {
      try {
        await startConsumers();
        return;
      } catch (error) {
        counters.set('up', 0);
        throttle('start', heldBack =>
          log.warn({ heldBack }, `Kafka gives no batches, it is tried again: ${(error as Error).message}`),
        );
        await disconnectConsumers();
        await pause(pauseMs);
      }
    }
  }

  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {});

  return {
    start() {
      work = keepStarting();
      committing = setInterval(() => {
        void commit();
        listen();
      }, COMMIT_INTERVAL_MS);
    },
    async next() {
      while (!stopping.signal.aborted) {
        const delivery = waiting.shift();
        if (delivery) {
          wakeWriter();
          return delivery;
        }
        await new Promise<void>(resolve => {
          wakeReader = resolve;
        });
      }
      return undefined;
    },
    close() {
      stopping.abort();
      wakeReader();
      wakeWriter();
    },
    running: () => counters.get('up') === 1,
    async stop() {
      stopping.abort();
      wakeReader();
      wakeWriter();
      clearInterval(committing);
      const leave = async () => {
        await work;
        await commits;
        await commit();
        await Promise.all([consumer, facts, producer].map(client => client?.disconnect().catch(() => {})));
      };
      // Without Kafka there is nobody to tell.
      await Promise.race([leave(), sleep(STOP_MS_MAX, undefined, { ref: false })]);
      counters.set('up', 0);
    },
  };
}
