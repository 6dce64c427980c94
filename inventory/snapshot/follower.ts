// Keeps the knowledge of an enricher up to date: follows the sources of the inventory, and hands over what holds in each
// epoch, compiled. It runs in a thread of its own (follower-thread.ts), so that parsing and compiling 100,000 VMs holds
// up no batch.

import type { Applications } from '../../schemas/applications.ts';
import { decodeFacts } from '../../schemas/fact-batch.ts';
import type { Counters } from '../../service/counters.ts';
import type { Log } from '../../service/log.ts';
import { createPersistence } from '../../storage/insert-retries.ts';
import type { Storage } from '../../storage/storage.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import { type CompiledApplications, compileApplications } from '../applications/applications.ts';
import type { DocumentConfiguration, InventoryConfiguration, InventoryThreadConfiguration } from '../configuration.ts';
import type { INVENTORY_COUNTERS } from '../counters.ts';
import { DocumentRecorder } from '../sources/document-recorder.ts';
import { DocumentsInForce } from '../sources/documents-in-force.ts';
import { HORIZON_MS, type InventorySource } from '../sources/source.ts';
import { openSources, type Sources } from '../sources/sources.ts';
import { type Epochs, History } from './history.ts';
import { epochAt } from './knowledge.ts';
import type { SnapshotData } from './snapshot.ts';

const SOURCE_POLL_MS = 2000;

export type FollowerConfiguration = DocumentConfiguration &
  InventoryConfiguration &
  Pick<InventoryThreadConfiguration, 'insertTriesMax'>;

/** What changed since the last update. */
export interface KnowledgeUpdate {
  readonly epochs: Epochs;
  /** By the name of the state. */
  readonly snapshots: readonly (readonly [string, SnapshotData])[];
  readonly applications?: CompiledApplications;
}

export interface FollowerDependencies {
  readonly storage: Storage;
  readonly log: Log;
  readonly counters: Counters<typeof INVENTORY_COUNTERS>;
  readonly onUpdate: (update: KnowledgeUpdate) => void;
  readonly signal: AbortSignal;
  readonly pauseMsMin?: number;
  readonly documentPollMs?: number;
  readonly sourcePollMs?: number;
  readonly factsIntervalMs?: number;
  /** The clock of what flows carry and documents are recorded by; the wall clock when left out. How often things are done goes by the wall clock. */
  readonly nowMs?: () => number;
  /** What is done to compiled data before it is kept. */
  readonly finish?: <T>(data: T) => T;
}

export class InventoryFollower {
  readonly #dependencies: FollowerDependencies;
  readonly #finish: <T>(data: T) => T;
  readonly #nowMs: () => number;
  readonly #history: History;
  readonly #inForce: DocumentsInForce;
  readonly #recorder: DocumentRecorder;
  readonly #sources: Sources;
  readonly #unknownSwitches = new Set<string>();
  #handedApplications: Applications | undefined;
  /** Name of what held when the last update was handed over. */
  #newestHanded: string | undefined;
  #isFollowing = false;
  #timer: NodeJS.Timeout | undefined;
  #polling = Promise.resolve();

  constructor(config: FollowerConfiguration, dependencies: FollowerDependencies) {
    const { storage, log, counters, signal, pauseMsMin, finish = same, nowMs = Date.now } = dependencies;
    this.#dependencies = dependencies;
    this.#finish = finish;
    this.#nowMs = nowMs;
    this.#history = new History(config, finish);
    this.#inForce = new DocumentsInForce(this.#history);
    const persist = createPersistence({
      triesMax: config.insertTriesMax,
      log,
      counters,
      signal,
      ...(pauseMsMin !== undefined && { pauseMsMin }),
    });
    this.#recorder = new DocumentRecorder({ storage, log, counters, persist });
    this.#sources = openSources({
      config,
      storage,
      log,
      counters,
      nowMs,
      inForce: this.#inForce,
      recorder: this.#recorder,
      onChange: () => {
        if (this.#isFollowing) this.#update();
      },
      documentPollMs: dependencies.documentPollMs,
      factsIntervalMs: dependencies.factsIntervalMs,
    });
  }

  /**
   * Starts the sources, hands over the first update and begins to follow. Throws a DocumentError where a file is refused,
   * unless `restarted`: then the recorded version is in force. `facts` are those that an earlier process stored.
   */
  async start(restarted: boolean, facts: readonly StoredFact[]): Promise<void> {
    this.#sources.facts.restore(facts);
    for (const source of this.#sources.all) await source.start(restarted);
    this.#isFollowing = true;
    this.#update();
    this.#schedulePoll();
  }

  /** A batch of facts, as it came. */
  learnFacts(arrow: Uint8Array): void {
    this.#sources.facts.learn(decodeFacts(arrow).facts);
  }

  /** Compiles what holds at these moments and hands it over. */
  request(moments: readonly number[]): void {
    this.#update(moments);
  }

  /** Ends following; what is on its way to be recorded is waited for. */
  async stop(): Promise<void> {
    this.#isFollowing = false;
    clearTimeout(this.#timer);
    await Promise.all(this.#sources.all.map(source => source.stop()));
    await Promise.all([this.#recorder.settled(), this.#polling.catch(() => {})]);
  }

  /** Hands over the epochs, the snapshot of the newest where it is another, and those of the requested moments. */
  #update(moments: readonly number[] = []): void {
    const startedAt = performance.now();
    const history = this.#history;
    const { applications } = this.#inForce;
    const epochs = history.epochs();
    const snapshots = new Map<string, SnapshotData>();
    const now = this.#nowMs();
    const newest = epochs.names[epochAt(epochs.starts, now)]!;
    for (const ms of newest === this.#newestHanded ? moments : [now, ...moments]) {
      const at = epochAt(epochs.starts, ms);
      snapshots.set(epochs.names[at]!, history.compile(epochs.moments[at]!));
    }
    this.#newestHanded = newest;
    this.#handOver(epochs, snapshots, applications);
    if (snapshots.size === 0) return;
    this.#reportUnknownSwitches(snapshots.get(newest));
    this.#dependencies.log.info(
      { epochs: epochs.starts.length, sources: history.sources, elapsedMs: Math.round(performance.now() - startedAt) },
      'knowledge compiled',
    );
  }

  #handOver(epochs: Epochs, snapshots: ReadonlyMap<string, SnapshotData>, applications: Applications): void {
    const isNew = applications !== this.#handedApplications;
    this.#handedApplications = applications;
    this.#dependencies.onUpdate({
      epochs,
      snapshots: [...snapshots],
      ...(isNew && { applications: this.#finish(compileApplications(applications)) }),
    });
  }

  #reportUnknownSwitches(data: SnapshotData | undefined): void {
    for (const id of data?.access.unknownSwitches ?? []) {
      if (this.#unknownSwitches.has(id)) continue;
      this.#unknownSwitches.add(id);
      this.#dependencies.log.warn(`the exporter registry names switch "${id}", which the inventory does not have`);
    }
  }

  #schedulePoll(): void {
    const { sourcePollMs = SOURCE_POLL_MS } = this.#dependencies;
    this.#timer = setTimeout(() => {
      this.#polling = this.#poll().finally(() => {
        if (this.#isFollowing) this.#schedulePoll();
      });
    }, sourcePollMs).unref();
  }

  async #poll(): Promise<void> {
    const now = this.#nowMs();
    const found = await Promise.all(this.#sources.all.map(source => this.#pollSource(source, now)));
    this.#history.forget(now - HORIZON_MS);
    // What holds also changes when a source has been silent for too long since the last poll.
    const changed = found.includes(true) || this.#history.nameAt(now) !== this.#newestHanded;
    if (changed && this.#isFollowing) this.#update();
  }

  async #pollSource(source: InventorySource, nowMs: number): Promise<boolean> {
    try {
      return await source.poll(nowMs);
    } catch (error) {
      this.#dependencies.log.warn({ err: error }, `the ${source.name} cannot be followed; it is tried again`);
      return false;
    }
  }
}

function same<T>(data: T): T {
  return data;
}
