// The two consumers of an enricher: one shares the partitions of batches with the other enrichers of the group, one reads
// all facts in a group of its own. They are started until Kafka answers, and restarted after a crash.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createThrottle, type Log } from '../../service/log.ts';
import { pause, retry } from '../../service/retry.ts';
import type { KafkaSourceConfiguration } from './configuration.ts';
import { WAITING_MAX } from './delivery-queue.ts';
import { type Consumer, type EachBatchPayload, type Kafka, prepareTopics, type Topics, topicsOf } from './kafka.ts';
import type { Offset } from './offsets.ts';

const COMMIT_MS_MAX = 5000;
const DISCONNECT_MS_MAX = 8000;
const RETIRE_MS = 100;
const RESTART_PAUSES = { pauseMsMin: 500, pauseMsMax: 5000 };
/** So long a crashed member keeps its partitions, and a group may take to form anew. */
const GROUP = {
  sessionTimeout: 10_000,
  rebalanceTimeout: 15_000,
  /** A fetch brings one large batch, or several small ones up to this. */
  maxBytesPerPartition: 1024 * 1024,
  /** Tries of the consumer, each as long as the client's, before it leaves the group and joins it anew. */
  retry: { retries: 5, maxRetryTime: 2000, restartOnFailure: async () => true },
};
/** Offsets are committed when ClickHouse has the batches, not when they were read. */
const READ_ONLY = { autoCommit: false, eachBatchAutoResolve: false };

export interface MembersDependencies {
  /** For topics. */
  readonly kafka: Kafka;
  /** For the consumers. */
  readonly members: Kafka;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly takeBatches: (payload: EachBatchPayload) => Promise<void>;
  readonly takeFacts: (payload: EachBatchPayload) => Promise<void>;
  /** Called when the group has assigned partitions. */
  readonly onAssigned: (partitions: readonly number[]) => void;
  readonly onHeartbeat: () => void;
  /** Called when this process is no longer a member. */
  readonly onDown: () => void;
  readonly onCrash: () => void;
}

export class GroupMembers {
  readonly #config: KafkaSourceConfiguration;
  readonly #dependencies: MembersDependencies;
  readonly #topics: Topics;
  readonly #throttle = createThrottle();
  #batches: Consumer | undefined;
  #facts: Consumer | undefined;
  /** Starts and restarts, one after the other. */
  #work: Promise<unknown> = Promise.resolve();

  constructor(config: KafkaSourceConfiguration, dependencies: MembersDependencies) {
    this.#config = config;
    this.#dependencies = dependencies;
    this.#topics = topicsOf(config);
  }

  start(): void {
    this.#work = this.#startUntilUp();
  }

  get started(): boolean {
    return this.#batches !== undefined;
  }

  /** Resolves when no start is under way. */
  async idle(): Promise<void> {
    await this.#work;
  }

  /** Rejects when the brokers refuse the commit or do not answer in time. */
  async commit(offsets: readonly Offset[]): Promise<void> {
    const committed = this.#batches!.commitOffsets(
      offsets.map(({ partition, offset }) => ({ topic: this.#topics.batches, partition, offset: String(offset) })),
    );
    // A consumer that was replaced meanwhile never answers.
    const late = sleep(COMMIT_MS_MAX, 'late', { ref: false });
    if ((await Promise.race([committed, late])) !== 'late') return;
    committed.catch(() => {});
    throw new Error(`no answer within ${COMMIT_MS_MAX / 1000} s`);
  }

  async disconnect(): Promise<void> {
    const members = [this.#batches, this.#facts];
    this.#batches = undefined;
    this.#facts = undefined;
    const disconnected = Promise.all(members.map(member => member?.disconnect().catch(() => {})));
    await Promise.race([disconnected, sleep(DISCONNECT_MS_MAX, undefined, { ref: false })]);
  }

  #startUntilUp(): Promise<void> {
    const { signal, log, onDown } = this.#dependencies;
    const onFailure = async (error: unknown) => {
      onDown();
      this.#throttle('start', heldBack =>
        log.warn({ heldBack }, `Kafka delivers no batches, the next try follows: ${(error as Error).message}`),
      );
      await this.disconnect();
    };
    return retry(() => this.#startOnce(), { pauses: RESTART_PAUSES, signal, onFailure });
  }

  async #startOnce(): Promise<void> {
    const { kafka, takeBatches, takeFacts } = this.#dependencies;
    await prepareTopics(kafka, this.#config);
    const batches = await this.#createBatchesMember();
    const facts = await this.#createFactsMember();
    await batches.run({
      ...READ_ONLY,
      partitionsConsumedConcurrently: WAITING_MAX,
      eachBatch: async payload => {
        if (this.#batches === batches) await takeBatches(payload);
      },
    });
    await facts.run({ ...READ_ONLY, eachBatch: takeFacts });
  }

  async #createBatchesMember(): Promise<Consumer> {
    const { onAssigned, onHeartbeat, onDown } = this.#dependencies;
    const member = this.#dependencies.members.consumer({ groupId: this.#config.kafkaGroup, ...GROUP });
    this.#batches = member;
    const isCurrent = () => this.#batches === member;
    this.#retireWhenReplaced(member, isCurrent);
    member.on(member.events.GROUP_JOIN, ({ payload }) => {
      if (isCurrent()) onAssigned(payload.memberAssignment[this.#topics.batches] ?? []);
    });
    member.on(member.events.HEARTBEAT, () => {
      if (isCurrent()) onHeartbeat();
    });
    member.on(member.events.CRASH, ({ payload }) => {
      if (isCurrent()) onDown();
      this.#crashed(payload, isCurrent);
    });
    await member.connect();
    await member.subscribe({ topics: [this.#topics.batches], fromBeginning: true });
    return member;
  }

  /** Every enricher reads all facts, so each is a group of its own and begins with what the topic still holds. */
  async #createFactsMember(): Promise<Consumer> {
    const groupId = `${this.#config.kafkaGroup}-facts-${randomUUID()}`;
    const member = this.#dependencies.members.consumer({ groupId, ...GROUP });
    this.#facts = member;
    const isCurrent = () => this.#facts === member;
    this.#retireWhenReplaced(member, isCurrent);
    member.on(member.events.CRASH, ({ payload }) => this.#crashed(payload, isCurrent));
    await member.connect();
    await member.subscribe({ topics: [this.#topics.facts], fromBeginning: true });
    return member;
  }

  /** kafkajs restarts a consumer itself after failures that it expects to pass; after any other it has left the group. */
  #crashed({ error, restart }: { error: Error; restart: boolean }, isCurrent: () => boolean): void {
    const { signal, log, onCrash } = this.#dependencies;
    onCrash();
    this.#throttle('crash', heldBack =>
      log.warn({ heldBack }, `the Kafka consumer crashed and is restarted: ${error.name}: ${error.message}`),
    );
    if (restart) return;
    this.#work = this.#work.then(async () => {
      await pause(RESTART_PAUSES.pauseMsMin, signal);
      if (!isCurrent() || signal.aborted) return;
      await this.disconnect();
      await this.#startUntilUp();
    });
  }

  /**
   * A member that was replaced while it looked for Kafka joins the group all the same when Kafka is back. It would hold
   * partitions of which nobody commits anything, so it leaves at its first sign.
   */
  #retireWhenReplaced(member: Consumer, isCurrent: () => boolean): void {
    const retire = () => {
      if (!isCurrent()) setTimeout(() => member.disconnect().catch(() => {}), RETIRE_MS);
    };
    member.on(member.events.GROUP_JOIN, retire);
    member.on(member.events.HEARTBEAT, retire);
  }
}
