// The enricher: takes batches from the transport, enriches them with the documents in force, and inserts each as one
// block under its own identity. A batch is acknowledged only after ClickHouse has it; its bytes are made once, so that a
// retry is the same block. Enriching the next batch goes on while up to `insertsMax` are on their way.

import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeArrow, encodePieces } from '../schemas/arrow.ts';
import { type BatchKind, tokenOf } from '../schemas/batch.ts';
import type { Column } from '../schemas/columns.ts';
import type { Configuration } from '../schemas/configuration.ts';
import { EXPORTER_COLUMNS } from '../schemas/exporter-minute.ts';
import { decodeFacts } from '../schemas/fact-batch.ts';
import { FLOW_COLUMNS } from '../schemas/flow.ts';
import { INTERFACE_COLUMNS } from '../schemas/interface-minute.ts';
import { type Key, keyToBigint } from '../schemas/keys.ts';
import type { Counters } from '../service/counters.ts';
import { createThrottle, type Log } from '../service/log.ts';
import type { NodeName, Storage, StoredFact } from '../storage/storage.ts';
import type { BatchSource, Delivery } from '../transport/transport.ts';
import type { ENRICHER_COUNTERS } from './counters.ts';
import { createDocuments, type DocumentStore, type RecordedDocuments } from './documents.ts';
import { createEnrichment, type Enrichment, type FlowBatch } from './enrich.ts';
import { createKnownFacts } from './known-facts.ts';
import { createNodeNames } from './node-names.ts';
import { createPersistence } from './persistence.ts';
import { compileSnapshot, type Documents, type Snapshot } from './snapshot.ts';
import { addStations } from './stations.ts';
import { timeAt } from './times.ts';

/**
 * A batch delivered again is inserted again, under its token: ClickHouse leaves out what it has, in the table and in each
 * roll-up, also where it died between the two. It remembers the tokens of 100,000 blocks of each table, 20 hours of one a
 * second being 72,000; and few come between a try and its repetition, because what was left is taken up oldest first. A
 * batch received longer ago than this is looked up in the table before its first try. What remains: a crash between table
 * and roll-up, and then more than this until the next start, leaves the roll-up without that batch.
 */
const TOKEN_TRUST_MS = 20 * 3_600_000;

const STOP_MS_MAX = 10_000;
const SOURCE_PAUSE_MS = 1000;
/** Each change of the facts costs the endpoint cache. */
const FACTS_INTERVAL_MS = 30_000;
const DECODED = new Set<string>(FLOW_COLUMNS.filter(column => column.stage === 'decoded').map(column => column.name));

export type EnricherConfiguration = Pick<
  Configuration,
  'inventory' | 'applications' | 'exporters' | 'insertsMax' | 'insertTriesMax' | 'spanMsMax' | 'skewMsMax'
>;

export interface EnricherDependencies {
  readonly source: BatchSource;
  readonly storage: Storage;
  readonly log: Log;
  readonly counters: Counters<typeof ENRICHER_COUNTERS>;
  /** First pause before a retry. */
  readonly pauseMsMin?: number;
  readonly documentPollMs?: number;
  /** Facts that change come into force no more often than this. */
  readonly factsIntervalMs?: number;
}

export interface Enricher {
  /** Reads the documents and begins; see DocumentStore.start. `facts` are those that an earlier process stored. */
  start(recorded?: RecordedDocuments, facts?: readonly StoredFact[]): void;
  /** Takes no further batch and finishes what is on its way; what is not done by the deadline stays with the transport. */
  stop(deadlineMs?: number): Promise<void>;
  readonly documents: DocumentStore;
}

/** A batch as it will be inserted, however often that takes. */
interface Prepared {
  readonly delivery: Delivery;
  readonly token: string;
  readonly kind: BatchKind;
  /** One try; the same bytes each time. */
  readonly insert: () => Promise<void>;
  readonly rows: number;
  /** The columns that `insert` sends; they are free when the batch is settled. */
  readonly columns?: FlowBatch;
  readonly names: readonly NodeName[];
  /** Set when the batch must be looked up before the first try to insert it. */
  readonly lookup?: { readonly key: bigint; readonly receivedAtMs: readonly number[] };
}

export function createEnricher(config: EnricherConfiguration, dependencies: EnricherDependencies): Enricher {
  const { source, storage, log, counters } = dependencies;
  const deadline = new AbortController();
  const stopping = new AbortController();
  // Each insert that waits for its next try listens.
  setMaxListeners(0, deadline.signal);
  const throttle = createThrottle();
  const { factsIntervalMs = FACTS_INTERVAL_MS } = dependencies;
  const names = createNodeNames();
  const facts = createKnownFacts();
  let factsUsedAtMs = 0;
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
  /** The documents alone, and with the stations that exporters told of. */
  let documented: Snapshot;
  let snapshot: Snapshot;
  let enrichment: Enrichment;
  let running = Promise.resolve();
  // Names and documents are stored one after the other, in the order they were learned.
  let namesStored = Promise.resolve();
  let documentsStored = Promise.resolve();

  const documents = createDocuments(config, {
    log,
    counters,
    onVersion: version => {
      documentsStored = documentsStored.then(async () => {
        const outcome = await persist(`${version.kind} document`, () => storage.insertDocument(version));
        if (outcome.done === 'refused') {
          counters.add('documentsUnrecorded');
          log.error({ kind: version.kind }, `a document version is in force but not recorded: ${outcome.reason}`);
        }
      });
    },
    onChange: useDocuments,
    ...(dependencies.documentPollMs !== undefined && { pollMs: dependencies.documentPollMs }),
  });

  function useDocuments(current: Documents): void {
    const startedAt = performance.now();
    documented = compileSnapshot(current);
    for (const id of documented.access.unknownSwitches)
      log.warn(`the exporter registry names switch "${id}", which the inventory does not have`);
    useFacts();
    log.info(
      {
        vms: current.inventory.vms.length,
        applications: current.applications.applications.length,
        elapsedMs: Math.round(performance.now() - startedAt),
      },
      'documents compiled',
    );
  }

  function useFacts(): void {
    facts.takeChange();
    factsUsedAtMs = Date.now();
    snapshot = addStations(documented, facts.values());
    enrichment = createEnrichment(snapshot, names, config);
  }

  /** Between two batches of flows: what was told since, and what was not told any more, comes into force. */
  function refreshFacts(): void {
    const now = Date.now();
    if (now - factsUsedAtMs < factsIntervalMs) return;
    factsUsedAtMs = now;
    facts.expire(now);
    counters.set('facts', facts.size);
    if (facts.takeChange()) useFacts();
  }

  function storeNames(nodes: readonly NodeName[]): Promise<void> {
    if (nodes.length === 0) return namesStored;
    namesStored = namesStored.then(async () => {
      const { done } = await persistNames('node names', () => storage.insertNodes(nodes));
      if (done !== 'abandoned') counters.add(done === 'stored' ? 'nodesAnnounced' : 'nodesFailed', nodes.length);
      if (done !== 'refused') return;
      // The caches of the enrichment announce a node once, so they start anew as well.
      names.forget();
      enrichment = createEnrichment(snapshot, names, config);
    });
    return namesStored;
  }

  function quarantine(delivery: Delivery, reason: string): void {
    counters.add(`${delivery.identity.kind}Quarantined`);
    log.error({ batch: tokenOf(delivery.identity) }, `batch goes to quarantine: ${reason}`);
    delivery.quarantine(reason);
  }

  function prepareFlows(delivery: Delivery, token: string): Prepared {
    const { batch, missing, unknown } = decodeArrow(FLOW_COLUMNS, delivery.arrow, spares.pop());
    counters.add('columnsMissing', missing.filter(name => DECODED.has(name)).length);
    counters.add('columnsUnknown', unknown.length);
    counters.add('rowsIn', batch.rows);
    refreshFacts();
    const key = batchKey(token);
    const tallies = enrichment.enrichBatch(batch, key);
    counters.add('timesCut', tallies.cut);
    counters.add('timesReversed', tallies.reversed);
    counters.add('unknownRateRows', tallies.unknownRate);
    counters.add('cacheResets', tallies.cacheResets);
    const { oldest, newest } = receivedSpan(batch);
    const isOld = delivery.redelivered && Date.now() - newest > TOKEN_TRUST_MS;
    const arrow = encodePieces(batch);
    return {
      delivery,
      token,
      kind: 'flows',
      insert: () => storage.insertArrow('flows', arrow, token),
      rows: batch.rows,
      columns: batch,
      names: names.take(),
      ...(isOld && { lookup: { key: keyToBigint(key), receivedAtMs: [oldest, newest] } }),
    };
  }

  /** What needs nothing added: minutes of exporters and of interfaces. */
  function prepareMinutes(kind: 'exporters' | 'interfaces', columns: readonly Column[]) {
    return (delivery: Delivery, token: string): Prepared => {
      const { batch, unknown } = decodeArrow(columns, delivery.arrow);
      counters.add('columnsUnknown', unknown.length);
      const arrow = encodePieces(batch);
      const insert = () => storage.insertArrow(kind, arrow, token);
      return { delivery, token, kind, rows: batch.rows, names: [], insert };
    };
  }

  function prepareFacts(delivery: Delivery, token: string): Prepared {
    const told = facts.learn(decodeFacts(delivery.arrow));
    counters.set('facts', facts.size);
    counters.set('factsRefused', facts.refused);
    return { delivery, token, kind: 'facts', rows: told.length, names: [], insert: () => storage.insertFacts(told) };
  }

  const PREPARE = {
    flows: prepareFlows,
    exporters: prepareMinutes('exporters', EXPORTER_COLUMNS),
    facts: prepareFacts,
    interfaces: prepareMinutes('interfaces', INTERFACE_COLUMNS),
  } as const;

  /** Undefined when there is nothing to insert; the delivery is settled then. */
  function prepare(delivery: Delivery): Prepared | undefined {
    const { kind } = delivery.identity;
    try {
      const token = tokenOf(delivery.identity);
      return PREPARE[kind](delivery, token);
    } catch (error) {
      quarantine(delivery, `cannot be read: ${(error as Error).message}`);
      return undefined;
    }
  }

  /** Looks an old batch up; a batch that spans midnight must be there on both days. */
  async function isStored({ key, receivedAtMs }: NonNullable<Prepared['lookup']>): Promise<boolean> {
    for (const ms of receivedAtMs) if (!(await storage.hasBatch(key, ms))) return false;
    return true;
  }

  async function settle({ delivery, token, kind, insert, rows, names: nodes, lookup }: Prepared): Promise<void> {
    await storeNames(nodes);
    // Undefined until looked up. Never asked after a try of our own: that may have reached the table and not the roll-ups.
    let repeated = lookup === undefined ? false : undefined;
    const outcome = await persist(token, async () => {
      if (rows === 0) return;
      repeated ??= await isStored(lookup!);
      if (!repeated) await insert();
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

  async function next(): Promise<Delivery | undefined> {
    while (!stopping.signal.aborted) {
      try {
        return await new Promise<Delivery | undefined>((resolve, reject) => {
          stopWaiting = () => resolve(undefined);
          source.next().then(resolve, reject);
        });
      } catch (error) {
        counters.add('sourceErrors');
        throttle('source', heldBack =>
          log.error({ heldBack }, `no batch from the transport: ${(error as Error).message}`),
        );
        await sleep(SOURCE_PAUSE_MS, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
    return undefined;
  }

  async function run(): Promise<void> {
    for (let delivery = await next(); delivery && !stopping.signal.aborted; delivery = await next()) {
      const prepared = prepare(delivery);
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
    documents,
    start(recorded, stored = []) {
      facts.restore(stored);
      documents.start(recorded);
      running = run();
    },
    async stop(deadlineMs = STOP_MS_MAX) {
      stopping.abort();
      stopWaiting();
      documents.stop();
      const timer = setTimeout(() => deadline.abort(), deadlineMs);
      const aborted = new Promise<void>(resolve => deadline.signal.addEventListener('abort', () => resolve()));
      await Promise.race([running.then(() => Promise.all([namesStored, documentsStored])), aborted]);
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
