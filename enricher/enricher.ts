// The enricher: takes batches from the transport, enriches them with the documents in force, and inserts each as one
// block under its own identity. A batch is acknowledged only after ClickHouse has it; its bytes are made once, so that a
// retry is the same block. Enriching the next batch goes on while up to `insertsMax` are on their way.

import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { createLocalFeed, type KnowledgeFeed } from '../inventory/snapshot/feed.ts';
import type { FollowerConfiguration } from '../inventory/snapshot/follower.ts';
import { createKnownFacts } from '../inventory/sources/exporter-facts.ts';
import { decodeArrow, encodePieces } from '../schemas/arrow.ts';
import { type BatchKind, tokenOf } from '../schemas/batch.ts';
import type { Column } from '../schemas/columns.ts';
import { EXPORTER_COLUMNS } from '../schemas/exporter-minute.ts';
import { decodeFacts } from '../schemas/fact-batch.ts';
import { FLOW_COLUMNS } from '../schemas/flow.ts';
import { INTERFACE_COLUMNS } from '../schemas/interface-minute.ts';
import { type Key, keyToBigint } from '../schemas/keys.ts';
import type { Counters } from '../service/counters.ts';
import { createThrottle, type Log } from '../service/log.ts';
import { retry } from '../service/retry.ts';
import { DAY_MS, dayOf } from '../storage/days.ts';
import { createPersistence } from '../storage/persistence.ts';
import type { Storage } from '../storage/storage.ts';
import { insertEvents } from '../storage/tables/events.ts';
import { insertExporterMinutes } from '../storage/tables/exporters.ts';
import { insertFacts, type StoredFact } from '../storage/tables/facts.ts';
import { hasBatch, insertFlows } from '../storage/tables/flows.ts';
import { insertInterfaceMinutes } from '../storage/tables/interfaces.ts';
import { insertNodes, type NodeName } from '../storage/tables/nodes.ts';
import type { BatchSource, Delivery } from '../transport/transport.ts';
import type { EnricherThreadConfiguration } from './configuration.ts';
import type { ENRICHER_COUNTERS } from './counters.ts';
import { createNodeNames } from './endpoints/node-names.ts';
import { createEnrichment, type FlowBatch, type MendedBatch } from './stages/enrich.ts';
import type { LearnedServices } from './stages/learned-services.ts';
import { createMoves } from './stages/moves.ts';
import type { Privacy } from './stages/privacy.ts';
import { ephemeralBits } from './stages/server-side.ts';
import { timeAt } from './stages/times.ts';

/**
 * A batch delivered again is inserted again, under its token: ClickHouse leaves out what it has, in the table and in each
 * roll-up, also where it died between the two. It remembers the tokens of 100,000 blocks of each table, an hour of 16 a
 * second (eight receive workers) being 57,600; and few come between a try and its repetition, because what was left is taken up oldest first. A
 * batch received longer ago than this is looked up in the table before its first try. What remains: a crash between table
 * and roll-up, and then more than this until the next start, leaves the roll-up without that batch.
 */
const TOKEN_TRUST_MS = 3_600_000;

/** Roll-ups hold seconds of 32 bits, and ClickHouse stores a time that it cannot hold as another one, in silence. */
const RECEIVED_MS_MAX = Date.UTC(2100, 0, 1);
const STOP_MS_MAX = 10_000;
/** Times a batch asks for states: each time another snapshot may have come and cut other epochs. */
const NEEDS_MAX = 3;
const SOURCE_PAUSES = { pauseMsMin: 1000, pauseMsMax: 1000 };
const MOVES_EXPIRE_MS = 60_000;
const DECODED = new Set<string>(FLOW_COLUMNS.filter(column => column.stage === 'decoded').map(column => column.name));

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

export interface Enricher {
  /** Waits for the knowledge and begins; see KnowledgeFeed.start. `facts` are those that an earlier process stored. */
  start(restarted?: boolean, facts?: readonly StoredFact[]): Promise<void>;
  /** Takes no further batch and finishes what is on its way; what is not done by the deadline stays with the transport. */
  stop(deadlineMs?: number): Promise<void>;
}

/** A batch as it will be inserted, however often that takes. */
interface Prepared {
  readonly delivery: Delivery;
  readonly token: string;
  readonly kind: BatchKind;
  /** One try; the same bytes each time. `again` when there may have been one before. */
  readonly insert: (again: boolean) => Promise<void>;
  readonly rows: number;
  /** The columns that `insert` sends; they are free when the batch is settled. */
  readonly columns?: FlowBatch;
  readonly names: readonly NodeName[];
  /** Set when the batch must be looked up before the first try to insert it. */
  readonly lookup?: { readonly key: bigint; readonly receivedAtMs: readonly number[] };
}

export function createEnricher(config: EnricherConfiguration, dependencies: EnricherDependencies): Enricher {
  const { source, storage, log, counters, nowMs = Date.now } = dependencies;
  const deadline = new AbortController();
  const stopping = new AbortController();
  // Each insert that waits for its next try listens.
  setMaxListeners(0, deadline.signal);
  const throttle = createThrottle();
  const names = createNodeNames();
  const moves = createMoves();
  const enriching = {
    ...config,
    moves,
    ephemeral: ephemeralBits(config.ephemeralPorts),
    ...(dependencies.services && { services: dependencies.services }),
    hiding: dependencies.privacy,
  };
  const facts = createKnownFacts();
  let movesExpiredAtMs = 0;
  const persistence = {
    triesMax: config.insertTriesMax,
    log,
    counters,
    signal: deadline.signal,
    ...(dependencies.pauseMsMin !== undefined && { pauseMsMin: dependencies.pauseMsMin }),
  };
  const persist = createPersistence(persistence);
  // Batches wait for their names, and the next one announces again what failed lastingly: that is the second try.
  const persistNames = createPersistence({ ...persistence, triesMax: 1 });
  const inFlight = new Set<Promise<void>>();
  // Columns of batches that are settled, at most one more than are on their way: fresh memory for each batch would cost
  // as much as enriching it, in page faults and garbage.
  const spares: FlowBatch[] = [];
  let running = Promise.resolve();
  // Names are stored one after the other, in the order they were learned.
  let namesStored = Promise.resolve();
  let eventsStored = Promise.resolve();
  let storingEvents = false;
  const { feed = createLocalFeed(config, { ...dependencies, signal: deadline.signal }) } = dependencies;
  let enrichment = createEnrichment(feed.knowledge, names, enriching);

  function storeNames(nodes: readonly NodeName[]): Promise<void> {
    if (nodes.length === 0) return namesStored;
    namesStored = namesStored.then(async () => {
      const { done } = await persistNames('node names', () => insertNodes(storage, nodes));
      if (done !== 'abandoned') counters.add(done === 'stored' ? 'nodesAnnounced' : 'nodesFailed', nodes.length);
      if (done !== 'refused') return;
      // The caches of the enrichment announce a node once, so they start anew as well.
      names.forget();
      enrichment = createEnrichment(feed.knowledge, names, enriching);
    });
    return namesStored;
  }

  /** Moves are told at once, beside the batch that shows them; one write at a time, what comes meanwhile waits in `moves`. */
  function storeEvents(batch: FlowBatch): void {
    const now = nowMs();
    if (now - movesExpiredAtMs >= MOVES_EXPIRE_MS) {
      movesExpiredAtMs = now;
      moves.expire(now);
    }
    moves.enriched(batch.columns, batch.rows, now);
    for (const name of ['begun', 'heldBack', 'refused'] as const) counters.set(`moves ${name}`, moves[name]);
    if (!storingEvents) tellEvents();
  }

  function tellEvents(): void {
    const events = moves.take(nowMs());
    if (events.length === 0) return;
    storingEvents = true;
    eventsStored = persist('events', () => insertEvents(storage, events)).then(({ done }) => {
      storingEvents = false;
      if (done !== 'abandoned') counters.add(done === 'stored' ? 'eventsStored' : 'eventsFailed', events.length);
      if (!deadline.signal.aborted) tellEvents();
    });
  }

  function quarantine(delivery: Delivery, reason: string): void {
    counters.add(`${delivery.identity.kind}Quarantined`);
    log.error({ batch: tokenOf(delivery.identity) }, `batch goes to quarantine: ${reason}`);
    delivery.quarantine(reason);
  }

  /** Mends a batch's times and sees to it that what held then is here. */
  async function mend(batch: FlowBatch): Promise<MendedBatch> {
    let mended = enrichment.mend(batch);
    for (let asked = 0; asked < NEEDS_MAX; asked++) {
      const missing = feed.knowledge.missing(mended.epochs.distinct);
      if (missing.length === 0) break;
      counters.add('epochsAwaited', missing.length);
      await feed.need(missing);
      // A snapshot that came meanwhile makes other epochs, whose states may not be here either.
      mended = { ...mended, epochs: enrichment.mend(batch).epochs };
    }
    return mended;
  }

  async function prepareFlows(delivery: Delivery, token: string): Promise<Prepared> {
    const { batch, missing, unknown } = decodeArrow(FLOW_COLUMNS, delivery.arrow, spares.pop());
    counters.add('columnsMissing', missing.filter(name => DECODED.has(name)).length);
    counters.add('columnsUnknown', unknown.length);
    counters.add('rowsIn', batch.rows);
    const key = batchKey(token);
    const { oldest, newest } = receivedSpan(batch);
    if (oldest < 0 || newest >= RECEIVED_MS_MAX)
      throw new Error(`received at ${oldest} to ${newest} ms since 1970: the clock of the collector was wrong`);
    const mended = await mend(batch);
    const tallies = enrichment.enrichBatch(batch, key, mended);
    storeEvents(batch);
    counters.add('timesCut', tallies.cut);
    counters.add('timesReversed', tallies.reversed);
    counters.add('unknownRateRows', tallies.unknownRate);
    counters.add('cacheResets', tallies.cacheResets);
    counters.add('straddlingRows', tallies.straddles);
    const isOld = delivery.redelivered && Date.now() - newest > TOKEN_TRUST_MS;
    const arrow = encodePieces(batch);
    return {
      delivery,
      token,
      kind: 'flows',
      insert: again =>
        insertFlows(
          storage,
          arrow,
          token,
          again
            ? { batch: keyToBigint(key), fromMs: oldest, toMs: newest, days: receivedDays(batch, oldest, newest) }
            : undefined,
        ),
      rows: batch.rows,
      columns: batch,
      names: names.take(),
      ...(isOld && { lookup: { key: keyToBigint(key), receivedAtMs: [oldest, newest] } }),
    };
  }

  /** What needs nothing added: minutes of exporters and of interfaces. */
  function prepareMinutes(
    kind: 'exporters' | 'interfaces',
    columns: readonly Column[],
    insertMinutes: typeof insertExporterMinutes,
  ) {
    return (delivery: Delivery, token: string): Prepared => {
      const { batch, unknown } = decodeArrow(columns, delivery.arrow);
      counters.add('columnsUnknown', unknown.length);
      const arrow = encodePieces(batch);
      const insert = () => insertMinutes(storage, arrow, token);
      return { delivery, token, kind, rows: batch.rows, names: [], insert };
    };
  }

  function prepareFacts(delivery: Delivery, token: string): Prepared {
    facts.expire(nowMs());
    const told = facts.learn(decodeFacts(delivery.arrow));
    feed.learnFacts(delivery.arrow);
    counters.set('facts', facts.size);
    counters.set('factsRefused', facts.refused);
    return { delivery, token, kind: 'facts', rows: told.length, names: [], insert: () => insertFacts(storage, told) };
  }

  const PREPARE = {
    flows: prepareFlows,
    exporters: prepareMinutes('exporters', EXPORTER_COLUMNS, insertExporterMinutes),
    facts: prepareFacts,
    interfaces: prepareMinutes('interfaces', INTERFACE_COLUMNS, insertInterfaceMinutes),
  } as const;

  /** Undefined when there is nothing to insert; the delivery is settled then. */
  async function prepare(delivery: Delivery): Promise<Prepared | undefined> {
    const { kind } = delivery.identity;
    try {
      const token = tokenOf(delivery.identity);
      return await PREPARE[kind](delivery, token);
    } catch (error) {
      quarantine(delivery, `cannot be read: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** Looks an old batch up; a batch that spans midnight must be there on both days. */
  async function isStored({ key, receivedAtMs }: NonNullable<Prepared['lookup']>): Promise<boolean> {
    for (const ms of receivedAtMs) if (!(await hasBatch(storage, key, ms))) return false;
    return true;
  }

  async function settle({ delivery, token, kind, insert, rows, names: nodes, lookup }: Prepared): Promise<void> {
    await storeNames(nodes);
    // Undefined until looked up. Never asked after a try of our own: that may have reached the table and not the roll-ups.
    let repeated = lookup === undefined ? false : undefined;
    let again = delivery.redelivered;
    const outcome = await persist(token, async () => {
      if (rows === 0) return;
      repeated ??= await isStored(lookup!);
      if (repeated) return;
      const before = again;
      again = true;
      await insert(before);
    });
    // After the deadline the transport may be closed: what was stored late comes again, and its token tells.
    if (outcome.done === 'abandoned' || deadline.signal.aborted) return;
    if (outcome.done === 'refused') return quarantine(delivery, `cannot be stored: ${outcome.reason}`);
    if (kind === 'flows') {
      counters.add('rowsStored', rows);
      counters.add(repeated ? 'flowsRepeated' : 'flowsStored');
    } else counters.add(`${kind}Stored`);
    delivery.acknowledge();
  }

  /** Ends the wait for a batch; made anew for each, since a promise raced for ever would remember every race. */
  let stopWaiting = () => {};

  function next(): Promise<Delivery | undefined> {
    const take = () =>
      new Promise<Delivery | undefined>((resolve, reject) => {
        stopWaiting = () => resolve(undefined);
        source.next().then(resolve, reject);
      });
    const onFailure = (error: unknown) => {
      counters.add('sourceErrors');
      throttle('source', heldBack =>
        log.error({ heldBack }, `no batch from the transport: ${(error as Error).message}`),
      );
    };
    return retry(take, { pauses: SOURCE_PAUSES, signal: stopping.signal, onFailure });
  }

  async function run(): Promise<void> {
    for (let delivery = await next(); delivery && !stopping.signal.aborted; delivery = await next()) {
      const prepared = await prepare(delivery);
      if (!prepared) continue;
      while (inFlight.size >= config.insertsMax) await Promise.race(inFlight);
      const work = settle(prepared).finally(() => {
        if (prepared.columns) spares.push(prepared.columns);
        inFlight.delete(work);
        counters.set('insertsInFlight', inFlight.size);
      });
      inFlight.add(work);
      counters.set('insertsInFlight', inFlight.size);
    }
    await Promise.all(inFlight);
  }

  return {
    async start(restarted = false, stored = []) {
      facts.restore(stored);
      await feed.start(restarted, stored, (snapshot, isStopped) => enrichment.prepare(snapshot, isStopped));
      running = run();
    },
    async stop(deadlineMs = STOP_MS_MAX) {
      stopping.abort();
      stopWaiting();
      const timer = setTimeout(() => deadline.abort(), deadlineMs);
      const aborted = new Promise<void>(resolve => deadline.signal.addEventListener('abort', () => resolve()));
      const stored = running.then(() => Promise.all([namesStored, eventsStored]));
      await Promise.race([Promise.all([stored, feed.stop()]), aborted]);
      clearTimeout(timer);
      deadline.abort();
    },
  };
}

/** First 64 bits of the SHA-256 of a token. */
export function batchKey(token: string): Key {
  const digest = createHash('sha256').update(token).digest();
  return { high: digest.readUInt32BE(0), low: digest.readUInt32BE(4) };
}

function receivedSpan({ columns: { receivedAt }, rows }: FlowBatch): { oldest: number; newest: number } {
  let oldest = Number.POSITIVE_INFINITY;
  let newest = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < rows; row++) {
    const ms = timeAt(receivedAt, row);
    if (ms < oldest) oldest = ms;
    if (ms > newest) newest = ms;
  }
  return { oldest, newest };
}

function receivedDays({ columns: { receivedAt }, rows }: FlowBatch, oldest: number, newest: number): number[] {
  const days = new Set([Math.floor(oldest / DAY_MS), Math.floor(newest / DAY_MS)]);
  // Of a batch within a day, or a midnight, that is all.
  if (newest - oldest > DAY_MS)
    for (let row = 0; row < rows; row++) days.add(Math.floor(timeAt(receivedAt, row) / DAY_MS));
  return Array.from(days, day => dayOf(day * DAY_MS));
}
