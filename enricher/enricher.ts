// The enricher: takes batches from the transport, enriches them with the documents in force, and inserts each as one
// block under its own identity. A batch is acknowledged only after ClickHouse has it; its bytes are made once, so that a
// retry is the same block. Enriching the next batch goes on while up to `insertsMax` are on their way.

import { setMaxListeners } from 'node:events';
import { createLocalFeed, type KnowledgeFeed } from '../inventory/snapshot/feed.ts';
import type { FollowerConfiguration } from '../inventory/snapshot/follower.ts';
import { createKnownFacts } from '../inventory/sources/exporter-facts.ts';
import { decodeArrow, encodePieces } from '../schemas/arrow.ts';
import { type BatchKind, tokenOf } from '../schemas/batch.ts';
import { COLLECTOR_COLUMNS } from '../schemas/collector-minute.ts';
import type { Column } from '../schemas/columns.ts';
import { EXPORTER_COLUMNS } from '../schemas/exporter-minute.ts';
import { decodeFacts } from '../schemas/fact-batch.ts';
import { INTERFACE_COLUMNS } from '../schemas/interface-minute.ts';
import type { Counters } from '../service/counters.ts';
import { createThrottle, type Log } from '../service/log.ts';
import { retry } from '../service/retry.ts';
import { createPersistence, type Persist } from '../storage/insert-retries.ts';
import type { Storage } from '../storage/storage.ts';
import { insertCollectorMinutes } from '../storage/tables/collectors.ts';
import { insertExporterMinutes } from '../storage/tables/exporters.ts';
import { insertFacts, type StoredFact } from '../storage/tables/facts.ts';
import { hasBatch } from '../storage/tables/flows.ts';
import { insertInterfaceMinutes } from '../storage/tables/interfaces.ts';
import { insertNodes, type NodeName } from '../storage/tables/nodes.ts';
import { insertPlaces, type Place } from '../storage/tables/places.ts';
import type { BatchSource, Delivery } from '../transport/transport.ts';
import type { EnricherThreadConfiguration } from './configuration.ts';
import type { ENRICHER_COUNTERS } from './counters.ts';
import { createNodeNames } from './endpoints/node-names.ts';
import { FlowPreparation } from './flow-preparation.ts';
import { MoveRecorder } from './move-recorder.ts';
import type { PreparedBatch } from './prepared-batch.ts';
import type { LearnedServices } from './stages/learned-services.ts';
import type { Privacy } from './stages/privacy.ts';
import { ephemeralBits } from './stages/server-side.ts';

const STOP_MS_MAX = 10_000;
const SOURCE_PAUSES = { pauseMsMin: 1000, pauseMsMax: 1000 };

export type EnricherConfiguration = FollowerConfiguration &
  Pick<EnricherThreadConfiguration, 'insertsMax' | 'spanMsMax' | 'skewMsMax'> &
  Partial<Pick<EnricherThreadConfiguration, 'ephemeralPorts'>>;

export interface EnricherDependencies {
  readonly source: BatchSource;
  readonly storage: Storage;
  readonly log: Log;
  readonly counters: Counters<typeof ENRICHER_COUNTERS>;
  /** Where the knowledge comes from; a follower in this thread when left out. */
  readonly feed?: KnowledgeFeed;
  /** What is known of servers; none is learned when left out. */
  readonly services?: LearnedServices;
  /** What becomes of addresses outside; all are stored as they are when left out. */
  readonly privacy?: Privacy | undefined;
  /** First pause before a retry. */
  readonly pauseMsMin?: number;
  readonly documentPollMs?: number;
  /** Facts that change come into force no more often than this. */
  readonly factsIntervalMs?: number;
  /** The clock of what flows carry; the wall clock when left out. */
  readonly nowMs?: () => number;
}

export class Enricher {
  readonly #config: EnricherConfiguration;
  readonly #dependencies: EnricherDependencies;
  readonly #deadline = new AbortController();
  readonly #stopping = new AbortController();
  readonly #throttle = createThrottle();
  readonly #facts = createKnownFacts();
  readonly #feed: KnowledgeFeed;
  readonly #flows: FlowPreparation;
  readonly #moves: MoveRecorder;
  readonly #persist: Persist;
  readonly #persistNames: Persist;
  readonly #prepare: Record<BatchKind, (delivery: Delivery, token: string) => PreparedBatch | Promise<PreparedBatch>>;
  readonly #inFlight = new Set<Promise<void>>();
  #running = Promise.resolve();
  // Names are stored one after the other, in the order they were learned.
  #namesStored = Promise.resolve();
  /** Ends the wait for a batch; made anew for each, since a promise raced for ever would remember every race. */
  #stopWaiting = () => {};

  constructor(config: EnricherConfiguration, dependencies: EnricherDependencies) {
    const { storage, log, counters, nowMs = Date.now, pauseMsMin, services, privacy } = dependencies;
    const { signal } = this.#deadline;
    this.#config = config;
    this.#dependencies = dependencies;
    // Each insert that waits for its next try listens.
    setMaxListeners(0, signal);
    const persistence = {
      triesMax: config.insertTriesMax,
      log,
      counters,
      signal,
      ...(pauseMsMin !== undefined && { pauseMsMin }),
    };
    this.#persist = createPersistence(persistence);
    // Batches wait for their names, and the next one announces again what failed lastingly: that is the second try.
    this.#persistNames = createPersistence({ ...persistence, triesMax: 1 });
    this.#feed = dependencies.feed ?? createLocalFeed(config, { ...dependencies, signal });
    this.#moves = new MoveRecorder({ storage, counters, persist: this.#persist, nowMs, signal });
    const options = {
      ...config,
      moves: this.#moves.moves,
      ephemeral: ephemeralBits(config.ephemeralPorts),
      ...(services && { services }),
      hiding: privacy,
    };
    this.#flows = new FlowPreparation(options, {
      storage,
      counters,
      feed: this.#feed,
      names: createNodeNames(),
      onEnriched: batch => this.#moves.enriched(batch),
    });
    this.#prepare = {
      flows: (delivery, token) => this.#flows.prepare(delivery, token),
      exporters: (delivery, token) => this.#prepareMinutes(delivery, token, EXPORTER_COLUMNS, insertExporterMinutes),
      facts: (delivery, token) => this.#prepareFacts(delivery, token),
      interfaces: (delivery, token) => this.#prepareMinutes(delivery, token, INTERFACE_COLUMNS, insertInterfaceMinutes),
      collectors: (delivery, token) => {
        const { identity, share } = delivery;
        const of = { collector: identity.collector, ...(share && { share }) };
        return this.#prepareMinutes(delivery, token, COLLECTOR_COLUMNS, (target, arrow) =>
          insertCollectorMinutes(target, arrow, token, of),
        );
      },
    };
  }

  /** Waits for the knowledge and begins; see KnowledgeFeed.start. `facts` are those that an earlier process stored. */
  async start(restarted = false, facts: readonly StoredFact[] = []): Promise<void> {
    this.#facts.restore(facts);
    await this.#feed.start(restarted, facts, (snapshot, isStopped) => this.#flows.prepareSnapshot(snapshot, isStopped));
    this.#running = this.#run();
  }

  /** Takes no further batch and finishes what is on its way; what is not done by the deadline stays with the transport. */
  async stop(deadlineMs = STOP_MS_MAX): Promise<void> {
    const deadline = this.#deadline;
    this.#stopping.abort();
    this.#stopWaiting();
    const timer = setTimeout(() => deadline.abort(), deadlineMs);
    const aborted = new Promise<void>(resolve => deadline.signal.addEventListener('abort', () => resolve()));
    const stored = this.#running.then(() => Promise.all([this.#namesStored, this.#moves.settled()]));
    await Promise.race([Promise.all([stored, this.#feed.stop()]), aborted]);
    clearTimeout(timer);
    deadline.abort();
  }

  async #run(): Promise<void> {
    const inFlight = this.#inFlight;
    for (let delivery = await this.#next(); delivery && !this.#stopping.signal.aborted; delivery = await this.#next()) {
      const prepared = await this.#prepareBatch(delivery);
      if (!prepared) continue;
      while (inFlight.size >= this.#config.insertsMax) await Promise.race(inFlight);
      this.#insert(prepared);
    }
    await Promise.all(inFlight);
  }

  #insert(prepared: PreparedBatch): void {
    const inFlight = this.#inFlight;
    const { counters } = this.#dependencies;
    const work = this.#settle(prepared).finally(() => {
      if (prepared.columns) this.#flows.release(prepared.columns);
      inFlight.delete(work);
      counters.set('insertsInFlight', inFlight.size);
    });
    inFlight.add(work);
    counters.set('insertsInFlight', inFlight.size);
  }

  #next(): Promise<Delivery | undefined> {
    const { source, log, counters } = this.#dependencies;
    const take = () =>
      new Promise<Delivery | undefined>((resolve, reject) => {
        this.#stopWaiting = () => resolve(undefined);
        source.next().then(resolve, reject);
      });
    const onFailure = (error: unknown) => {
      counters.add('sourceErrors');
      this.#throttle('source', heldBack =>
        log.error({ heldBack }, `no batch from the transport: ${(error as Error).message}`),
      );
    };
    return retry(take, { pauses: SOURCE_PAUSES, signal: this.#stopping.signal, onFailure });
  }

  /** Undefined when there is nothing to insert; the delivery is settled then. */
  async #prepareBatch(delivery: Delivery): Promise<PreparedBatch | undefined> {
    try {
      return await this.#prepare[delivery.identity.kind](delivery, tokenOf(delivery.identity));
    } catch (error) {
      this.#quarantine(delivery, `cannot be read: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** What needs nothing added: minutes of exporters, interfaces and collectors. */
  #prepareMinutes(
    delivery: Delivery,
    token: string,
    columns: readonly Column[],
    insertMinutes: typeof insertExporterMinutes,
  ): PreparedBatch {
    const { storage, counters } = this.#dependencies;
    const { batch, unknown } = decodeArrow(columns, delivery.arrow);
    counters.add('columnsUnknown', unknown.length);
    const arrow = encodePieces(batch);
    const insert = () => insertMinutes(storage, arrow, token);
    return { delivery, token, kind: delivery.identity.kind, rows: batch.rows, names: [], places: [], insert };
  }

  #prepareFacts(delivery: Delivery, token: string): PreparedBatch {
    const { storage, counters, nowMs = Date.now } = this.#dependencies;
    const facts = this.#facts;
    facts.expire(nowMs());
    const { facts: reported, leftOut } = decodeFacts(delivery.arrow);
    counters.add('factsLeftOut', leftOut);
    const stored = facts.learn(reported);
    this.#feed.learnFacts(delivery.arrow);
    counters.set('facts', facts.size);
    counters.set('factsRefused', facts.refused);
    const insert = () => insertFacts(storage, stored);
    return { delivery, token, kind: 'facts', rows: stored.length, names: [], places: [], insert };
  }

  async #settle({ delivery, token, kind, insert, rows, names, places, lookup }: PreparedBatch): Promise<void> {
    const { storage, counters } = this.#dependencies;
    await this.#storeNames(names, places);
    // Undefined until looked up. Not looked up after a try of our own: that may have reached the table and not the roll-ups.
    let repeated = lookup === undefined ? false : undefined;
    let again = delivery.redelivered;
    const outcome = await this.#persist(token, async () => {
      if (rows === 0) return;
      repeated ??= await isStored(storage, lookup!);
      if (repeated) return;
      const before = again;
      again = true;
      await insert(before);
    });
    // After the deadline the transport may be closed: what was stored late comes again, and its token says so.
    if (outcome.done === 'abandoned' || this.#deadline.signal.aborted) return;
    if (outcome.done === 'refused') return this.#quarantine(delivery, `cannot be stored: ${outcome.reason}`);
    if (kind === 'flows') {
      counters.add('rowsStored', rows);
      counters.add(repeated ? 'flowsRepeated' : 'flowsStored');
    } else counters.add(`${kind}Stored`);
    delivery.acknowledge();
  }

  #storeNames(nodes: readonly NodeName[], places: readonly Place[]): Promise<void> {
    const { storage, counters } = this.#dependencies;
    const store = (what: string, count: number, insert: () => Promise<void>): void => {
      if (count === 0) return;
      this.#namesStored = this.#namesStored.then(async () => {
        const { done } = await this.#persistNames(what, insert);
        if (done !== 'abandoned') counters.add(done === 'stored' ? 'nodesAnnounced' : 'nodesFailed', count);
        if (done === 'refused') this.#flows.forgetNames();
      });
    };
    store('node names', nodes.length, () => insertNodes(storage, nodes));
    store('places', places.length, () => insertPlaces(storage, places));
    return this.#namesStored;
  }

  #quarantine(delivery: Delivery, reason: string): void {
    const { log, counters } = this.#dependencies;
    counters.add(`${delivery.identity.kind}Quarantined`);
    log.error({ batch: tokenOf(delivery.identity) }, `batch goes to quarantine: ${reason}`);
    delivery.quarantine(reason);
  }
}

/** Looks an old batch up; a batch that spans midnight must be there on both days. */
async function isStored(
  storage: Storage,
  { key, receivedAtMs }: NonNullable<PreparedBatch['lookup']>,
): Promise<boolean> {
  for (const ms of receivedAtMs) if (!(await hasBatch(storage, key, ms))) return false;
  return true;
}
