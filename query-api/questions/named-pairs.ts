// The pairs of nodes that a series is about, where its `src` and `dst` or its filter name both ends, and whether any live
// point sees them: of a pair that nobody sees an empty bucket says nothing.

import type { CellsReport } from '../../schemas/coverage.ts';
import type { Storage } from '../../storage/storage.ts';
import { conjuncts, explicitNode, parseFilter, parseValues, type ResolveNodes } from '../sql/filter.ts';
import type { RequestedWindow } from '../sql/window.ts';
import { type Advisor, type CellsCoverage, coverageOfCells } from './advisor.ts';
import { readSeen } from './seen-exporters.ts';

/** Of more pairs it is not examined whether they can be seen. */
const PAIRS_MAX = 400;
/** What nodes of a column of senders are. */
export const NODE_KINDS = { srcApp: 'app', srcVm: 'vm', srcHost: 'host', srcRack: 'rack' } as const;

export interface NamedPairs {
  readonly by: string;
  readonly cells: readonly { readonly src: { readonly key: string }; readonly dst: { readonly key: string } }[];
}

interface SeriesEnds {
  readonly by: string;
  readonly src?: string;
  readonly dst?: string;
  readonly filter: string;
}

/** Undefined where not both ends are named, or more pairs than PAIRS_MAX. */
export async function namedPairs(params: SeriesEnds, resolve: ResolveNodes): Promise<NamedPairs | undefined> {
  const named = endsOf(params);
  if (!named) return undefined;
  const unknown = [...named.src, ...named.dst].filter(name => explicitNode(name) === undefined);
  const found = await resolve(unknown);
  const keysOf = (names: readonly string[]) =>
    [...new Set(names.flatMap(name => explicitNode(name) ?? found.get(name) ?? []))].map(key => ({
      key: key.toString(16).padStart(16, '0'),
    }));
  const [src, dst] = [keysOf(named.src), keysOf(named.dst)];
  const count = src.length * dst.length;
  if (count === 0 || count > PAIRS_MAX) return undefined;
  return { by: named.by, cells: src.flatMap(one => dst.map(other => ({ src: one, dst: other }))) };
}

function endsOf({ by, src, dst, filter }: SeriesEnds) {
  if (src !== undefined && dst !== undefined) return { by, src: parseValues('src', src), dst: parseValues('dst', dst) };
  const terms = conjuncts(parseFilter('filter', filter)).filter(({ operator }) => operator === '=');
  const valuesOf = (name: string) =>
    terms.find(({ columns }) => columns.length === 1 && columns[0]!.name === name)?.values.map(({ text }) => text);
  for (const [name, kind] of Object.entries(NODE_KINDS)) {
    const [senders, receivers] = [valuesOf(name), valuesOf(name.replace('src', 'dst'))];
    if (senders && receivers) return { by: kind, src: senders, dst: receivers };
  }
  return undefined;
}

/** Undefined without an inventory. */
export async function readPairCoverage(
  storage: Storage,
  advisor: Advisor | undefined,
  pairs: NamedPairs,
  window: RequestedWindow,
  msMax?: number,
): Promise<CellsCoverage | undefined> {
  return advisor && (await readPairCoverages(storage, advisor, [pairs], window, msMax))[0];
}

/** The same of several series at once: one request for all that name nodes of one kind. */
export async function readPairCoverages(
  storage: Storage,
  advisor: Advisor,
  series: readonly NamedPairs[],
  window: RequestedWindow,
  msMax?: number,
): Promise<CellsCoverage[]> {
  const seen = await readSeen(storage, window);
  const kinds = Map.groupBy(series.keys(), i => series[i]!.by);
  const found: CellsCoverage[] = [];
  const read = async (by: string, places: readonly number[]) => {
    const all = places.flatMap(i => series[i]!.cells);
    const coverage = await coverageOfCells(advisor, by, seen, all, msMax);
    let from = 0;
    for (const i of places) {
      const to = from + series[i]!.cells.length;
      found[i] = partOf(coverage, from, to);
      from = to;
    }
  };
  await Promise.all([...kinds].map(([by, places]) => read(by, places)));
  return found;
}

function partOf(coverage: CellsCoverage, from: number, to: number): CellsCoverage {
  const slices = coverage.slices.map(slice => ({ ...slice, cells: slice.cells.slice(from, to) }));
  return { ...coverage, cells: coverage.cells.slice(from, to), slices };
}

/** The share of the pair that is seen least; null where none is known. */
export function leastOf(coverage: CellsReport | undefined): number | null {
  const known = coverage?.cells.filter(share => share !== null) ?? [];
  return known.length > 0 ? Math.min(...known) : null;
}

/** Of a bucket in which no live point saw any of the pairs, or may not have, nothing is known where it is empty. */
export function isInvisible({ slices, isMissing }: CellsCoverage, fromMs: number, toMs: number): boolean {
  if (isMissing) return true;
  const shares = slices
    .filter(slice => slice.fromMs < toMs && slice.toMs > fromMs)
    .flatMap(({ cells }) => cells.filter(share => share !== null));
  return shares.length > 0 && shares.every(share => share === 0);
}
