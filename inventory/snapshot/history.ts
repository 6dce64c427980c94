// Everything the documents say, in time: the sources of the inventory and the versions of the exporter registry.
// It is cut into epochs, in each of which one state holds, and compiles the state of an epoch on demand. Applications are
// apart: their newest version holds for all time, so that enriching again applies a corrected rule.

import { type ExporterRegistry, exporterRegistryChecker } from '../../schemas/exporters.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import { type Merged, merge, type SourceState } from '../model/merge.ts';
import type { HistorySink } from '../sources/history-sink.ts';
import { dropOldest } from './share.ts';
import { compileSnapshotData, type SnapshotData } from './snapshot.ts';
import { type SilenceLimits, SourceTimeline } from './timeline.ts';

/** Sources beyond this are refused: each moment looks at all of them. */
export const SOURCES_MAX = 64;
/** Versions of the registry with a time of their own; the oldest is dropped. */
const REGISTRIES_MAX = 256;

export interface HistoryOptions extends SilenceLimits {
  /** Sources from the highest rank down; others follow by name. */
  readonly inventorySources: readonly string[];
}

/** Epoch n lasts from starts[n] to starts[n + 1]; the first reaches back for ever. */
export interface Epochs {
  readonly starts: Float64Array;
  /** The newest snapshot of the inventory that holds in the epoch, 0 none. */
  readonly asOfs: Float64Array;
  /** What holds, by name: epochs of one name are the same. */
  readonly names: readonly string[];
  /** A moment in each: its start, where the first has one. */
  readonly moments: readonly number[];
}

interface RegistryVersion {
  readonly fromMs: number;
  readonly number: number;
  readonly registry: ExporterRegistry;
}

export class History implements HistorySink {
  readonly #options: HistoryOptions;
  readonly #finish: (data: SnapshotData) => SnapshotData;
  readonly #timelines = new Map<string, SourceTimeline>();
  readonly #compiled = new Map<string, SnapshotData>();
  #registries: RegistryVersion[] = [];
  #registryNumber = 0;
  #facts: readonly StoredFact[] = [];
  #factsNumber = 0;

  /** `finish` is what is done to compiled data before it is kept. */
  constructor(options: HistoryOptions, finish: (data: SnapshotData) => SnapshotData = data => data) {
    this.#options = options;
    this.#finish = finish;
  }

  get sources(): readonly string[] {
    return this.#ranked().map(({ source }) => source);
  }

  putInventory(inventory: Inventory): boolean {
    let timeline = this.#timelines.get(inventory.source);
    if (!timeline) {
      if (this.#timelines.size >= SOURCES_MAX) return false;
      timeline = new SourceTimeline(inventory.source, this.#options);
      this.#timelines.set(inventory.source, timeline);
    }
    return timeline.put(inventory);
  }

  markSeen(source: string, atMs: number): void {
    this.#timelines.get(source)?.markSeen(atMs);
  }

  putRegistry(registry: ExporterRegistry): void {
    const version = { fromMs: registryFrom(registry), number: ++this.#registryNumber, registry };
    this.#registries =
      version.fromMs === Number.NEGATIVE_INFINITY
        ? [version]
        : [...this.#registries.filter(other => other.fromMs !== version.fromMs), version]
            .sort((a, b) => a.fromMs - b.fromMs)
            .slice(-REGISTRIES_MAX);
  }

  useFacts(facts: readonly StoredFact[]): void {
    this.#facts = facts;
    this.#factsNumber++;
  }

  epochs(): Epochs {
    const kept: { startMs: number; name: string }[] = [];
    for (const startMs of this.#boundaries()) {
      const name = this.nameAt(startMs);
      if (kept.at(-1)?.name !== name) kept.push({ startMs, name });
    }
    // A row older than everything takes the oldest that is known, and not what was before anything was.
    if (kept.length > 1) kept.shift();
    const starts = kept.map(({ startMs }) => startMs);
    return {
      starts: Float64Array.from(starts, (startMs, i) => (i === 0 ? Number.NEGATIVE_INFINITY : startMs)),
      asOfs: Float64Array.from(starts, (_, i) => this.#newestAsOf((starts[i + 1] ?? Number.POSITIVE_INFINITY) - 1)),
      names: kept.map(({ name }) => name),
      moments: starts,
    };
  }

  /** The name of what holds at a moment. */
  nameAt(ms: number): string {
    const states = this.#ranked().map(timeline => timeline.nameAt(ms));
    return [...states, this.#registryAt(ms)?.number ?? 0, this.#factsNumber].join(' ');
  }

  /** What the documents say of a moment, without the facts of exporters; undefined before any inventory was known. */
  documentsAt(ms: number): { readonly inventory: Merged; readonly exporters: ExporterRegistry } | undefined {
    const states = this.#statesAt(ms);
    if (states.length === 0) return undefined;
    return { inventory: merge(states), exporters: this.#registryAt(ms)?.registry ?? NO_REGISTRY };
  }

  /** Compiles what holds at a moment, or takes it from what was compiled last. */
  compile(ms: number): SnapshotData {
    const name = this.nameAt(ms);
    let data = this.#compiled.get(name);
    if (data) {
      // It is then the last that is dropped.
      this.#compiled.delete(name);
      this.#compiled.set(name, data);
      return data;
    }
    const registry = this.#registryAt(ms)?.registry ?? NO_REGISTRY;
    data = this.#finish(compileSnapshotData(merge(this.#statesAt(ms)), registry, this.#facts));
    this.#compiled.set(name, data);
    dropOldest(this.#compiled);
    return data;
  }

  forget(beforeMs: number): void {
    for (const timeline of this.#timelines.values()) timeline.forget(beforeMs);
  }

  /** Moments at which what holds may change, ascending. */
  #boundaries(): number[] {
    const moments = new Set([Number.NEGATIVE_INFINITY]);
    for (const timeline of this.#timelines.values()) for (const ms of timeline.boundaries()) moments.add(ms);
    for (const { fromMs } of this.#registries) moments.add(fromMs);
    return [...moments].sort((a, b) => (a < b ? -1 : 1));
  }

  /** The newest snapshot document up to a moment, 0 none. */
  #newestAsOf(ms: number): number {
    return Math.max(0, ...this.#ranked().map(timeline => timeline.asOfAt(ms)));
  }

  #ranked(): SourceTimeline[] {
    const { inventorySources } = this.#options;
    const rank = (source: string) => {
      const at = inventorySources.indexOf(source);
      return at < 0 ? inventorySources.length : at;
    };
    return [...this.#timelines.values()].sort(
      (a, b) => rank(a.source) - rank(b.source) || (a.source < b.source ? -1 : a.source > b.source ? 1 : 0),
    );
  }

  #registryAt(ms: number): RegistryVersion | undefined {
    return this.#registries.findLast(({ fromMs }) => fromMs <= ms);
  }

  #statesAt(ms: number): SourceState[] {
    return this.#ranked()
      .map(timeline => timeline.at(ms))
      .filter(state => state !== undefined);
  }
}

const NO_REGISTRY: ExporterRegistry = exporterRegistryChecker.check('exporters', {});

function registryFrom({ asOf }: ExporterRegistry): number {
  return asOf === undefined ? Number.NEGATIVE_INFINITY : Date.parse(asOf);
}
