// Everything the documents have said, in time: the sources of the inventory and the versions of the exporter registry.
// It is cut into epochs, in each of which one state holds, and compiles the state of an epoch on demand. Applications are
// apart: their newest version holds for all time, so that enriching again applies a corrected rule.

import { type ExporterRegistry, exporterRegistryChecker } from '../../schemas/exporters.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import { type Merged, merge, type SourceState } from '../model/merge.ts';
import { dropOldest } from './share.ts';
import { compileSnapshotData, type SnapshotData } from './snapshot.ts';
import { createSourceTimeline, type Silence, type SourceTimeline } from './timeline.ts';

/** Sources beyond this are refused: each is asked about each moment. */
export const SOURCES_MAX = 64;
/** Versions of the registry with a time of their own; the oldest gives way. */
const REGISTRIES_MAX = 256;

export interface HistoryOptions extends Silence {
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

export interface History {
  /** Takes a snapshot; false when it changes nothing, or comes from one source too many. */
  putInventory(inventory: Inventory): boolean;
  hear(source: string, atMs: number): void;
  /** Versions in the order they were recorded. One without `asOf` holds for all time, whatever was said before. */
  putRegistry(registry: ExporterRegistry): void;
  /** What exporters told; it serves every epoch as the lowest source. */
  useFacts(facts: readonly StoredFact[]): void;
  epochs(): Epochs;
  /** The name of what holds at a moment. */
  nameAt(ms: number): string;
  /** What the documents say of a moment, without what exporters told; undefined before any inventory was known. */
  documentsAt(ms: number): { readonly inventory: Merged; readonly exporters: ExporterRegistry } | undefined;
  /** Compiles what holds at a moment, or takes it from what was compiled last. */
  compile(ms: number): SnapshotData;
  forget(beforeMs: number): void;
  readonly sources: readonly string[];
}

/** `finish` is what is done to compiled data before it is kept. */
export function createHistory(
  options: HistoryOptions,
  finish: (data: SnapshotData) => SnapshotData = data => data,
): History {
  const timelines = new Map<string, SourceTimeline>();
  const compiled = new Map<string, SnapshotData>();
  let registries: { fromMs: number; number: number; registry: ExporterRegistry }[] = [];
  let registryNumber = 0;
  let facts: readonly StoredFact[] = [];
  let factsNumber = 0;

  const ranked = (): SourceTimeline[] => {
    const rank = (source: string) => {
      const at = options.inventorySources.indexOf(source);
      return at < 0 ? options.inventorySources.length : at;
    };
    return [...timelines.values()].sort(
      (a, b) => rank(a.source) - rank(b.source) || (a.source < b.source ? -1 : a.source > b.source ? 1 : 0),
    );
  };

  const registryAt = (ms: number) => registries.findLast(entry => entry.fromMs <= ms);

  const statesAt = (ms: number) =>
    ranked()
      .map(timeline => timeline.at(ms))
      .filter((state): state is SourceState => state !== undefined);

  const nameAt = (ms: number) =>
    [...ranked().map(timeline => timeline.nameAt(ms)), registryAt(ms)?.number ?? 0, factsNumber].join(' ');

  return {
    putInventory(inventory) {
      let timeline = timelines.get(inventory.source);
      if (!timeline) {
        if (timelines.size >= SOURCES_MAX) return false;
        timeline = createSourceTimeline(inventory.source, options);
        timelines.set(inventory.source, timeline);
      }
      return timeline.put(inventory);
    },
    hear: (source, atMs) => timelines.get(source)?.hear(atMs),
    putRegistry(registry) {
      const entry = { fromMs: registryFrom(registry), number: ++registryNumber, registry };
      registries =
        entry.fromMs === Number.NEGATIVE_INFINITY
          ? [entry]
          : [...registries.filter(other => other.fromMs !== entry.fromMs), entry]
              .sort((a, b) => a.fromMs - b.fromMs)
              .slice(-REGISTRIES_MAX);
    },
    useFacts(given) {
      facts = given;
      factsNumber++;
    },
    nameAt,
    epochs() {
      const moments = new Set<number>();
      for (const timeline of timelines.values()) for (const ms of timeline.boundaries()) moments.add(ms);
      for (const { fromMs } of registries) if (fromMs > Number.NEGATIVE_INFINITY) moments.add(fromMs);
      const starts = [Number.NEGATIVE_INFINITY, ...[...moments].sort((a, b) => a - b)];
      const kept: { startMs: number; name: string }[] = [];
      for (const startMs of starts) {
        const name = nameAt(startMs);
        if (kept.at(-1)?.name !== name) kept.push({ startMs, name });
      }
      // A row older than everything takes the oldest that is known, and not what was before anything was.
      if (kept.length > 1) kept.shift();
      const first = kept[0]!;
      return {
        starts: Float64Array.from(kept, ({ startMs }) =>
          startMs === first.startMs ? Number.NEGATIVE_INFINITY : startMs,
        ),
        asOfs: Float64Array.from(kept, (_, i) => {
          const endMs = kept[i + 1]?.startMs ?? Number.POSITIVE_INFINITY;
          const asOfs = ranked().map(timeline => timeline.asOfAt(endMs - 1));
          return Math.max(0, ...asOfs);
        }),
        names: kept.map(({ name }) => name),
        moments: kept.map(({ startMs }) => startMs),
      };
    },
    documentsAt(ms) {
      const states = statesAt(ms);
      if (states.length === 0) return undefined;
      return { inventory: merge(states), exporters: registryAt(ms)?.registry ?? NO_REGISTRY };
    },
    compile(ms) {
      const name = nameAt(ms);
      const known = compiled.get(name);
      if (known) {
        compiled.delete(name);
        compiled.set(name, known);
        return known;
      }
      const data = finish(compileSnapshotData(merge(statesAt(ms)), registryAt(ms)?.registry ?? NO_REGISTRY, facts));
      compiled.set(name, data);
      dropOldest(compiled);
      return data;
    },
    forget(beforeMs) {
      for (const timeline of timelines.values()) timeline.forget(beforeMs);
    },
    get sources() {
      return ranked().map(({ source }) => source);
    },
  };
}

const NO_REGISTRY: ExporterRegistry = exporterRegistryChecker.check('exporters', {});

function registryFrom({ asOf }: ExporterRegistry): number {
  return asOf === undefined ? Number.NEGATIVE_INFINITY : Date.parse(asOf);
}
