// Everything the documents say, in time: the sources of the inventory, the versions of the exporter registry, and which
// exporters were silent. It is cut into epochs, in each of which one state holds, and compiles the state of an epoch on demand. Applications are
// apart: their newest version holds for all time, so that enriching again applies a corrected rule.

import { type ExporterRegistry, exporterRegistryChecker, type RegisteredExporter } from '../../schemas/exporters.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import { Liveness } from '../model/liveness.ts';
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
  #liveness = new Liveness();
  /** Undefined after a change until it is looked for. */
  #oldest: number | undefined;
  /** What was compiled last, by what holds but for the silent exporters. */
  #newest: { readonly name: string; readonly data: SnapshotData } | undefined;

  /** `finish` is what is done to compiled data before it is kept. */
  constructor(options: HistoryOptions, finish: (data: SnapshotData) => SnapshotData = data => data) {
    this.#options = options;
    this.#finish = finish;
  }

  get sources(): readonly string[] {
    return this.#ranked().map(({ source }) => source);
  }

  putInventory(inventory: Inventory): boolean {
    this.#oldest = undefined;
    let timeline = this.#timelines.get(inventory.source);
    if (!timeline) {
      if (this.#timelines.size >= SOURCES_MAX) return false;
      timeline = new SourceTimeline(inventory.source, this.#options);
      this.#timelines.set(inventory.source, timeline);
    }
    return timeline.put(inventory);
  }

  markSeen(source: string, atMs: number): void {
    this.#oldest = undefined;
    this.#timelines.get(source)?.markSeen(atMs);
  }

  putRegistry(registry: ExporterRegistry): void {
    this.#oldest = undefined;
    const version = { fromMs: registryFrom(registry), number: ++this.#registryNumber, registry };
    this.#registries =
      version.fromMs === Number.NEGATIVE_INFINITY
        ? [version]
        : [...this.#registries.filter(other => other.fromMs !== version.fromMs), version]
            .sort((a, b) => a.fromMs - b.fromMs)
            .slice(-REGISTRIES_MAX);
  }

  useFacts(facts: readonly StoredFact[]): void {
    this.#oldest = undefined;
    this.#facts = facts;
    this.#factsNumber++;
  }

  useLiveness(liveness: Liveness): void {
    this.#liveness = liveness;
  }

  epochs(): Epochs {
    const kept: { startMs: number; name: string }[] = [];
    for (const startMs of this.#boundaries()) {
      const name = this.nameAt(startMs);
      if (kept.at(-1)?.name !== name) kept.push({ startMs, name });
    }
    const starts = kept.map(({ startMs }) => startMs);
    const oldest = this.#oldestMs();
    return {
      starts: Float64Array.from(starts),
      asOfs: Float64Array.from(starts, (_, i) => this.#newestAsOf((starts[i + 1] ?? Number.POSITIVE_INFINITY) - 1)),
      names: kept.map(({ name }) => name),
      moments: starts.map((startMs, i) =>
        i === 0 && oldest < (starts[1] ?? Number.POSITIVE_INFINITY) ? oldest : startMs,
      ),
    };
  }

  /** The name of what holds at a moment. */
  nameAt(ms: number): string {
    return `${this.#baseNameAt(ms)} ${this.#liveness.nameAt(ms)}`;
  }

  /** Which exporters were silent at a moment. */
  isSilent(exporter: RegisteredExporter, ms: number): boolean {
    return this.#liveness.isSilent(exporter, ms);
  }

  /** The name of what holds but for the silent exporters. */
  #baseNameAt(ms: number): string {
    const known = Math.max(ms, this.#oldestMs());
    return this.#documentsNameAt(known);
  }

  #documentsNameAt(ms: number): string {
    const states = this.#ranked().map(timeline => timeline.nameAt(ms));
    return [...states, this.#registryAt(ms)?.number ?? 0, this.#factsNumber].join(' ');
  }

  /** A row older than every document takes the oldest that is known, and not what was before anything was. */
  #oldestMs(): number {
    if (this.#oldest === undefined) {
      const before = this.#documentsNameAt(Number.NEGATIVE_INFINITY);
      const moments = this.#documentBoundaries();
      this.#oldest = moments.find(ms => this.#documentsNameAt(ms) !== before) ?? Number.NEGATIVE_INFINITY;
    }
    return this.#oldest;
  }

  /** What the documents say of a moment, without the facts of exporters; undefined before any inventory was known. */
  documentsAt(ms: number): { readonly inventory: Merged; readonly exporters: ExporterRegistry } | undefined {
    const known = Math.max(ms, this.#oldestMs());
    const states = this.#statesAt(known);
    if (states.length === 0) return undefined;
    return { inventory: merge(states), exporters: this.#registryAt(known)?.registry ?? NO_REGISTRY };
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
    const known = Math.max(ms, this.#oldestMs());
    const registry = this.#registryAt(known)?.registry ?? NO_REGISTRY;
    const base = this.#baseNameAt(ms);
    const options = {
      facts: this.#facts,
      isSilent: (exporter: RegisteredExporter) => this.#liveness.isSilent(exporter, ms),
      sibling: this.#newest?.name === base ? this.#newest.data : undefined,
    };
    data = this.#finish(compileSnapshotData(merge(this.#statesAt(known)), registry, options));
    this.#newest = { name: base, data };
    this.#compiled.set(name, data);
    dropOldest(this.#compiled);
    return data;
  }

  forget(beforeMs: number): void {
    this.#oldest = undefined;
    for (const timeline of this.#timelines.values()) timeline.forget(beforeMs);
  }

  /** Moments at which what holds may change, ascending. */
  #boundaries(): number[] {
    const oldest = this.#oldestMs();
    const documents = this.#documentBoundaries().filter(ms => ms > oldest);
    return ascending([Number.NEGATIVE_INFINITY, ...documents, ...this.#liveness.boundaries()]);
  }

  #documentBoundaries(): number[] {
    return ascending([
      Number.NEGATIVE_INFINITY,
      ...[...this.#timelines.values()].flatMap(timeline => timeline.boundaries()),
      ...this.#registries.map(({ fromMs }) => fromMs),
    ]);
  }

  /** The newest snapshot document up to a moment, 0 none. */
  #newestAsOf(ms: number): number {
    const known = Math.max(ms, this.#oldestMs());
    return Math.max(0, ...this.#ranked().map(timeline => timeline.asOfAt(known)));
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

function ascending(moments: readonly number[]): number[] {
  return [...new Set(moments)].sort((a, b) => (a < b ? -1 : 1));
}

function registryFrom({ asOf }: ExporterRegistry): number {
  return asOf === undefined ? Number.NEGATIVE_INFINITY : Date.parse(asOf);
}
