// Keeps the knowledge of an enricher up to date: follows the configured files and the documents recorded in ClickHouse,
// takes what exporters tell of stations, and hands over what holds in each epoch, compiled. It runs in a thread of its own
// (thread.ts), so that parsing and compiling 100,000 VMs holds up no batch.

import { createHash } from 'node:crypto';
import { type Applications, applicationsChecker } from '../../schemas/applications.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { decodeFacts } from '../../schemas/fact-batch.ts';
import type { Counters } from '../../service/counters.ts';
import type { Log } from '../../service/log.ts';
import { createPersistence } from '../../storage/persistence.ts';
import type { Storage } from '../../storage/storage.ts';
import { type DocumentVersion, insertDocument } from '../../storage/tables/documents.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import { insertHeartbeat } from '../../storage/tables/heartbeats.ts';
import { type CompiledApplications, compileApplications } from '../applications/applications.ts';
import type { InventoryThreadConfiguration } from '../configuration.ts';
import type { INVENTORY_COUNTERS } from '../counters.ts';
import { NO_DOCUMENTS } from '../model/documents.ts';
import { createKnownFacts } from '../sources/exporter-facts.ts';
import { createDocuments, type DocumentKind, type DocumentStore } from '../sources/files.ts';
import {
  bodyOf,
  heartbeatsSince,
  inventoryOf,
  LATE_MS_MAX,
  type RecordedVersion,
  versionsSince,
} from '../sources/recorded.ts';
import { createHistory, type Epochs } from './history.ts';
import { epochAt } from './knowledge.ts';
import { readHistory } from './read-history.ts';
import type { SnapshotData } from './snapshot.ts';

/** What is older is folded into one; flows that began before take the oldest that is kept. */
export const HORIZON_MS = 48 * 3_600_000;
const TABLE_POLL_MS = 2000;
/** Each change of the facts costs the endpoint cache. */
const FACTS_INTERVAL_MS = 30_000;

export type KeeperConfiguration = Pick<
  InventoryThreadConfiguration,
  | 'inventory'
  | 'applications'
  | 'exporters'
  | 'insertTriesMax'
  | 'inventorySources'
  | 'inventoryStaleMs'
  | 'inventoryUnknownMs'
>;

/** What changed since the last update. */
export interface KnowledgeUpdate {
  readonly epochs: Epochs;
  /** By the name of the state. */
  readonly snapshots: readonly (readonly [string, SnapshotData])[];
  readonly applications?: CompiledApplications;
}

export interface KeeperDependencies {
  readonly storage: Storage;
  readonly log: Log;
  readonly counters: Counters<typeof INVENTORY_COUNTERS>;
  readonly onUpdate: (update: KnowledgeUpdate) => void;
  readonly signal: AbortSignal;
  readonly pauseMsMin?: number;
  readonly documentPollMs?: number;
  readonly tablePollMs?: number;
  readonly factsIntervalMs?: number;
  /** The clock of what flows carry and documents are recorded by; the wall clock when left out. How often things are done goes by the wall clock. */
  readonly nowMs?: () => number;
  /** What is done to compiled data before it is kept. */
  readonly finish?: <T>(data: T) => T;
}

export interface Keeper {
  /**
   * Reads what is recorded and the files, hands over the first update and begins to follow. Throws a DocumentError where
   * a file is refused, unless `restarted`: then the recorded version stands. `facts` are those an earlier process stored.
   */
  start(restarted: boolean, facts: readonly StoredFact[]): Promise<void>;
  /** A batch of facts, as it came. */
  tell(arrow: Uint8Array): void;
  /** Compiles what holds at these moments and hands it over. */
  request(moments: readonly number[]): void;
  readonly documents: DocumentStore;
  /** Ends following; what is on its way to be recorded is waited for. */
  stop(): Promise<void>;
}

export function createKeeper(config: KeeperConfiguration, dependencies: KeeperDependencies): Keeper {
  const { storage, log, counters, onUpdate, signal } = dependencies;
  const { tablePollMs = TABLE_POLL_MS, factsIntervalMs = FACTS_INTERVAL_MS } = dependencies;
  const { finish = same, nowMs = Date.now } = dependencies;
  const history = createHistory(config, finish);
  const facts = createKnownFacts();
  const persist = createPersistence({
    triesMax: config.insertTriesMax,
    log,
    counters,
    signal,
    ...(dependencies.pauseMsMin !== undefined && { pauseMsMin: dependencies.pauseMsMin }),
  });
  let timer: NodeJS.Timeout | undefined;
  let applications = NO_DOCUMENTS.applications;
  let handedApplications: Applications | undefined;
  /** Name of what held when the last update was handed over. */
  let newestHanded: string | undefined;
  const unknownSwitches = new Set<string>();
  /** SHA-256 of the body in force of applications and registry. */
  const inForce = new Map<DocumentKind, string>();
  let recording = Promise.resolve();
  let polling = Promise.resolve();
  /** Rows seen within LATE_MS_MAX, and the newest time among them. */
  const seen = new Map<string, number>();
  let cursorMs = 0;
  /** SHA-256 of every recorded body of applications and registry, and which of them was recorded last. */
  let recordedBodies: ReadonlyMap<DocumentKind, readonly string[]> = new Map();
  let factsUsedAtMs = 0;
  let heardAtMs = 0;
  let heardSource = '';
  let isStarting = true;
  let isStopped = false;

  /** A configured file that is not the newest word of its kind: it was recorded, and something else after it. */
  const isSuperseded = ({ kind, body }: DocumentVersion): boolean => {
    if (!isStarting || kind === 'inventory') return false;
    const bodies = recordedBodies.get(kind) ?? [];
    const at = bodies.lastIndexOf(digestOf(body));
    return at >= 0 && at < bodies.length - 1;
  };

  const documents = createDocuments(config, {
    log,
    counters,
    onVersion: version => {
      if (isSuperseded(version)) {
        log.warn(`the file of the ${version.kind} is older than the version recorded last, which is in force`);
        return;
      }
      record(version);
      const { inventory, exporters, applications } = documents.current();
      if (version.kind === 'inventory') history.putInventory(inventory);
      else if (version.kind === 'exporters') history.putRegistry(exporters);
      else useApplications(applications);
      inForce.set(version.kind, digestOf(version.body));
      if (version.kind === 'inventory') heardSource = version.source;
    },
    onChange: () => {
      if (!isStarting) update();
    },
    nowMs,
    ...(dependencies.documentPollMs !== undefined && { pollMs: dependencies.documentPollMs }),
  });

  function useApplications(given: Applications): void {
    applications = given;
  }

  function record(version: DocumentVersion): void {
    recording = recording.then(async () => {
      const outcome = await persist(`${version.kind} document`, () => insertDocument(storage, version));
      if (outcome.done !== 'refused') return;
      counters.add('documentsUnrecorded');
      log.error({ kind: version.kind }, `a document version is in force but not recorded: ${outcome.reason}`);
    });
  }

  /** Hands over the epochs, the snapshot of the newest where it is another, and those of the moments asked for. */
  function update(moments: readonly number[] = []): void {
    const startedAt = performance.now();
    const epochs = history.epochs();
    const snapshots = new Map<string, SnapshotData>();
    const now = nowMs();
    const newest = epochs.names[epochAt(epochs.starts, now)]!;
    for (const ms of newest === newestHanded ? moments : [now, ...moments]) {
      const at = epochAt(epochs.starts, ms);
      snapshots.set(epochs.names[at]!, history.compile(epochs.moments[at]!));
    }
    newestHanded = newest;
    onUpdate({
      epochs,
      snapshots: [...snapshots],
      ...(applications !== handedApplications && { applications: finish(compileApplications(applications)) }),
    });
    handedApplications = applications;
    if (snapshots.size === 0) return;
    tellUnknownSwitches(snapshots.get(newest));
    log.info(
      { epochs: epochs.starts.length, sources: history.sources, elapsedMs: Math.round(performance.now() - startedAt) },
      'knowledge compiled',
    );
  }

  function tellUnknownSwitches(data: SnapshotData | undefined): void {
    for (const id of data?.access.unknownSwitches ?? []) {
      if (unknownSwitches.has(id)) continue;
      unknownSwitches.add(id);
      log.warn(`the exporter registry names switch "${id}", which the inventory does not have`);
    }
  }

  const factsAreDue = () => Date.now() - factsUsedAtMs >= factsIntervalMs;

  function useFacts(): boolean {
    factsUsedAtMs = Date.now();
    facts.expire(nowMs());
    if (!facts.takeChange()) return false;
    history.useFacts([...facts.values()]);
    return true;
  }

  /** A watched file that is there and was taken is a source that is heard. */
  function hearFile(now: number): boolean {
    const everyMs = Math.max(1000, config.inventoryStaleMs / 8);
    if (heardSource === '' || now - heardAtMs < everyMs || documents.lastError('inventory')) return false;
    heardAtMs = now;
    history.hear(heardSource, now);
    const heartbeat = { kind: 'inventory', source: heardSource, asOfMs: now, recordedAtMs: now } as const;
    recording = recording.then(async () => {
      await persist('heartbeat', () => insertHeartbeat(storage, heartbeat));
    });
    return true;
  }

  async function poll(): Promise<boolean> {
    let changed = false;
    const versions = await versionsSince(storage, cursorMs - LATE_MS_MAX);
    for (const version of versions) {
      if (!isNew(`${version.kind} ${version.source} ${version.asOfMs} ${version.recordedAtMs}`, version.recordedAtMs))
        continue;
      changed = (await takeRecorded(version)) || changed;
    }
    for (const { source, asOfMs, recordedAtMs } of await heartbeatsSince(storage, cursorMs - LATE_MS_MAX)) {
      if (!isNew(`heartbeat ${source} ${asOfMs}`, recordedAtMs)) continue;
      history.hear(source, asOfMs);
      changed = true;
    }
    for (const [name, ms] of seen) if (ms < cursorMs - LATE_MS_MAX) seen.delete(name);
    return changed;
  }

  function isNew(name: string, recordedAtMs: number): boolean {
    if (seen.has(name)) return false;
    seen.set(name, recordedAtMs);
    cursorMs = Math.max(cursorMs, recordedAtMs);
    return true;
  }

  async function takeRecorded(version: RecordedVersion): Promise<boolean> {
    if (version.kind === 'inventory') {
      const inventory = await inventoryOf(storage, version);
      return inventory !== undefined && history.putInventory(inventory);
    }
    const body = await bodyOf(storage, version);
    if (body === undefined) return false;
    const digest = digestOf(body);
    // What this process recorded itself comes back as well.
    if (inForce.get(version.kind) === digest) return false;
    inForce.set(version.kind, digest);
    if (version.kind === 'exporters') history.putRegistry(exporterRegistryChecker.restore(body));
    else useApplications(applicationsChecker.restore(body));
    return true;
  }

  async function readRecorded(restarted: boolean): Promise<ReadonlyMap<DocumentKind, string>> {
    const bodies = new Map<DocumentKind, string>();
    try {
      const now = nowMs();
      const found = await readHistory(storage, history, { fromMs: now - HORIZON_MS, toMs: Number.POSITIVE_INFINITY });
      if (found.applications) applications = found.applications;
      const digests = new Map<DocumentKind, string[]>();
      for (const version of found.versions) {
        isNew(`${version.kind} ${version.source} ${version.asOfMs} ${version.recordedAtMs}`, version.recordedAtMs);
        if (version.kind === 'inventory') continue;
        const body = (await bodyOf(storage, version)) ?? '';
        digests.set(version.kind, [...(digests.get(version.kind) ?? []), digestOf(body)]);
        bodies.set(version.kind, body);
        inForce.set(version.kind, digestOf(body));
      }
      recordedBodies = digests;
      const inventory = restarted && found.versions.findLast(({ kind }) => kind === 'inventory');
      const body = inventory ? await bodyOf(storage, inventory) : undefined;
      if (body !== undefined) bodies.set('inventory', body);
    } catch (error) {
      log.warn({ err: error }, 'the recorded documents cannot be read; those on disk must do');
    }
    return bodies;
  }

  /** Looks at everything that tells nothing by itself. */
  async function tick(): Promise<void> {
    const now = nowMs();
    let changed = hearFile(now);
    if (factsAreDue()) changed = useFacts() || changed;
    try {
      changed = (await poll()) || changed;
    } catch (error) {
      log.warn({ err: error }, 'the recorded documents cannot be followed; it is tried again');
    }
    history.forget(now - HORIZON_MS);
    // Also when a source has been silent for too long since the last look.
    changed ||= history.nameAt(now) !== newestHanded;
    if (changed && !isStopped) update();
  }

  function follow(): void {
    polling = tick().finally(() => {
      if (!isStopped) timer = setTimeout(follow, tablePollMs).unref();
    });
  }

  return {
    documents,
    async start(restarted, stored) {
      facts.restore(stored);
      const bodies = await readRecorded(restarted);
      documents.start(restarted ? bodies : undefined);
      isStarting = false;
      hearFile(nowMs());
      useFacts();
      update();
      timer = setTimeout(follow, tablePollMs).unref();
    },
    tell(arrow) {
      facts.learn(decodeFacts(arrow));
      if (factsAreDue() && useFacts()) update();
    },
    request: update,
    async stop() {
      isStopped = true;
      documents.stop();
      clearTimeout(timer);
      await Promise.all([recording, polling.catch(() => {})]);
    },
  };
}

function same<T>(data: T): T {
  return data;
}

function digestOf(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}
