// Do peaks meet: the correlation of each two of a few series, when each has its peak, and the peak of their sum by the sum of
// their peaks. What shares a link needs room for the former, and what does not for the latter.

import { type Static, Type } from 'typebox';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, estimate, NullableNumber, Time } from '../answers/answers.ts';
import { BUCKETS_MIN, correlationOf, meetingOf, noiseShareOf } from '../estimates/correlation.ts';
import { TEXT_LENGTH_MAX } from '../filter/syntax.ts';
import { ParameterError, refuse } from '../http/problem.ts';
import { columnsOf, type DimensionColumn } from '../sql/dimensions.ts';
import { allOf, compileFilter, nodeNamesOf, parseFilter, type ResolveNodes } from '../sql/filter.ts';
import { estimateOf, varianceOf } from '../sql/metrics-sql.ts';
import { conditionOf, nameValues, nodeResolver } from '../sql/values.ts';
import { requestedTime } from '../sql/window.ts';
import { type CellsCoverage, COVERAGE_MS_MAX } from './advisor.ts';
import { type Bucket, type Bucketed, readBuckets } from './bucketed.ts';
import { aboutWindow, iso, rawValues } from './grouped.ts';
import { isInvisible, leastOf, type NamedPairs, NODE_KINDS, namedPairs, readPairCoverages } from './named-pairs.ts';
import { calendar, columnNames, filter, format, Limit, windowFrom } from './parameters.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion, type QuestionContext } from './question.ts';

const SERIES_MAX = 20;
const BUCKET_S = 300;
/** 31 days. */
const BUCKETS_MAX = 31 * 288;
/** Statements at a time. */
const AT_ONCE = 4;
/** Where more of the variance of a series is noise, its correlations are drawn to zero by a third and more. */
const NOISE_SHARE_MAX = 0.5;

const Parameters = Type.Object(
  {
    ...windowFrom('now-24h', 'start; the window has at most 31 days'),
    calendar,
    series: Type.Optional(
      Type.Unsafe<string | string[]>({
        type: ['string', 'array'],
        items: { type: 'string', maxLength: TEXT_LENGTH_MAX },
        maxLength: TEXT_LENGTH_MAX,
        minItems: 1,
        maxItems: SERIES_MAX,
        description: `a filter that names a series; repeated for each, at most ${SERIES_MAX}. Traffic that several of them name is in the sum several times`,
        examples: ['srcApp=web,dstApp=db'],
      }),
    ),
    by: Type.Optional(
      Type.String({
        maxLength: 64,
        description: `in place of series: the largest groups of ${columnNames}; app unless stated`,
        examples: ['srcApp'],
      }),
    ),
    filter,
    limit: Limit(10, SERIES_MAX, 'with by: groups taken, the largest first'),
    format,
  },
  closed,
);

const Series = Type.Object(
  {
    name: Type.String({ description: 'the filter, or the names of the group' }),
    keys: Type.Array(Type.String(), { description: 'of the group; empty of a filter' }),
    buckets: Type.Integer({ description: 'five-minute buckets of which it is known' }),
    meanBps: NullableNumber('mean of these'),
    peak: Type.Union([Type.Object({ at: Time('start of the bucket'), ...estimate }, closed), Type.Null()], {
      description:
        'its largest bucket, the first of equal ones, in bit/s; null where it is not known or nothing flowed',
    }),
    noiseShare: NullableNumber(
      `share of the variance of its buckets that the noise of sampling explains; null below ${BUCKETS_MIN} buckets, without variance, or where the sampling rate of a part is not known`,
    ),
    coverage: NullableNumber(
      'of a series that names both ends: share of the pairs of running VMs with a live canonical point, of several pairs of nodes the least; null where it is not known',
    ),
  },
  closed,
);
const Pair = Type.Object(
  {
    a: Type.Integer({ description: 'position in series' }),
    b: Type.Integer(),
    correlation: NullableNumber(
      `Pearson's, over buckets of which both are known; null with fewer than ${BUCKETS_MIN}, or where one does not vary`,
    ),
    buckets: Type.Integer(),
    noisy: Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description: `the noise of sampling is more than ${NOISE_SHARE_MAX * 100} % of the variance of one of the two: the true correlation is farther from zero; null where it is not known`,
    }),
  },
  closed,
);

export const CoincidenceAnswer = Type.Object(
  {
    ...about,
    bucketSec: Type.Integer(),
    series: Type.Array(Series),
    pairs: Type.Array(Pair, { description: 'each two, the highest correlation first, those without one last' }),
    together: Type.Union(
      [
        Type.Object(
          {
            buckets: Type.Integer({
              description: 'buckets of which all series are known; both figures are over these',
            }),
            sumOfPeaks: Type.Number({ description: 'bit/s' }),
            peakOfSum: Type.Number({ description: 'bit/s' }),
            at: Time('start of the bucket with the largest sum'),
            ratio: NullableNumber(
              'peakOfSum by sumOfPeaks: 1 where all peak at once, near 1 by their number where one at a time does; null where nothing flowed',
            ),
          },
          closed,
        ),
        Type.Null(),
      ],
      { description: 'null without a bucket of which all are known' },
    ),
    warnings: Type.Array(Type.String()),
  },
  closed,
);
export type CoincidenceAnswer = Static<typeof CoincidenceAnswer>;

export const coincidence = defineQuestion({
  name: 'coincidence',
  right: rightForColumns,
  summary: 'Whether the peaks of a few series meet',
  parameters: Parameters,
  answer: CoincidenceAnswer,
  table: () => ({ kinds: PAIR_KINDS, keys: ['a', 'b'] }),
  async respond(params, context) {
    const { storage, config, nowMs } = context;
    const time = requestedTime(params, nowMs);
    if (time.requested.toMs - time.requested.fromMs > BUCKETS_MAX * BUCKET_S * 1000)
      refuse('from', `lies more than ${(BUCKETS_MAX * BUCKET_S) / 86_400} days before to; choose a shorter window`);
    const read =
      params.series === undefined ? await readGroups(params, time, context) : await readNamed(params, time, context);
    const { found, times } = read.bucketed;
    const [coverages, provisional] = await Promise.all([
      coveragesOf(read.lines, read.bucketed, context),
      provisionalIn(storage, found.window),
    ]);
    const lines = read.lines.map(line => measured(line, times, coverages.get(line)));
    const shaped = shapeCoincidence(lines, times);
    return {
      answer: {
        ...aboutWindow(found, { metric: 'avgBps', layer: 'l3', provisional, config, nowMs }),
        ...shaped,
      },
      kinds: PAIR_KINDS,
      rows: () =>
        shaped.pairs.map(({ a, b, noisy, ...pair }) => ({
          ...{ ...pair, a: shaped.series[a]!.name, b: shaped.series[b]!.name },
          noisy: noisy === null ? null : String(noisy),
        })),
    };
  },
});

const PAIR_KINDS = { a: 'text', b: 'text', correlation: 'number', buckets: 'number', noisy: 'text' } as const;

type Parameters = Static<typeof Parameters>;
type Requested = ReturnType<typeof requestedTime>;

/** A series as it was read, and the pairs of nodes that it is about, where both ends are named. */
interface Line {
  readonly name: string;
  readonly keys: readonly string[];
  readonly buckets: readonly (Bucket | null)[];
  readonly pairs: NamedPairs | undefined;
}

interface ReadLines {
  /** What the answer reports of its window. */
  readonly bucketed: Bucketed;
  readonly lines: readonly Line[];
}

async function readGroups(
  params: Parameters,
  time: Requested,
  { storage, nowMs }: QuestionContext,
): Promise<ReadLines> {
  const columns = columnsOf('by', params.by ?? 'app');
  const condition = await conditionOf(storage, params.filter);
  const bucketed = await readBuckets(
    storage,
    { ...time, layer: 'l3', condition },
    { columns, limit: params.limit },
    nowMs,
  );
  const raws = bucketed.series.map(({ keys }) => Object.fromEntries(keys.map((raw, i) => [`k${i}`, raw])));
  const name = await nameValues(storage, rawValues(columns, raws));
  const lines = bucketed.series.map(({ keys: raw, buckets }) => {
    const values = columns.map((column, i) => name(column, raw[i]!));
    const keys = values.map(({ key }) => key);
    return { name: values.map(value => value.name).join(' -> '), keys, buckets, pairs: pairOfGroup(columns, keys) };
  });
  return { bucketed, lines };
}

/** Of a cell of applications, VMs, hosts or racks. */
function pairOfGroup(columns: readonly DimensionColumn[], [src, dst]: readonly string[]): NamedPairs | undefined {
  const [first, second, more] = columns.map(({ name }) => name);
  const by = first === undefined ? undefined : NODE_KINDS[first as keyof typeof NODE_KINDS];
  if (!by || more !== undefined || second !== first!.replace('src', 'dst')) return undefined;
  return { by, cells: [{ src: { key: src! }, dst: { key: dst! } }] };
}

async function readNamed(params: Parameters, time: Requested, { storage, nowMs }: QuestionContext): Promise<ReadLines> {
  if (params.by !== undefined) refuse('by', 'goes without series: either filters or a dimension name them');
  const texts = [params.series!].flat();
  if (new Set(texts).size < texts.length) refuse('series', 'names a series twice');
  const common = await conditionOf(storage, params.filter);
  const resolve = nodeResolver(storage, 'series');
  const read = async (text: string) => {
    const { condition, pairs } = await namedSeries(text, resolve);
    const query = { ...time, layer: 'l3', condition: allOf([condition, common]) } as const;
    const bucketed = await readBuckets(storage, query, { columns: [], limit: 1 }, nowMs);
    return { bucketed, line: { name: text, keys: [], buckets: bucketed.series[0]!.buckets, pairs } };
  };
  const found: Awaited<ReturnType<typeof read>>[] = [];
  for (let i = 0; i < texts.length; i += AT_ONCE)
    found.push(...(await Promise.all(texts.slice(i, i + AT_ONCE).map(read))));
  const [first] = found;
  const steady = found.every(({ bucketed }) => bucketed.found.steady);
  // Collectors go on meanwhile: what was over for the first one is over for all.
  const known = first!.bucketed.times.length;
  return {
    bucketed: { ...first!.bucketed, found: { ...first!.bucketed.found, steady } },
    lines: found.map(({ line }) => ({ ...line, buckets: line.buckets.slice(0, known) })),
  };
}

/** The condition of a filter and the pairs that it names, with one look-up of its names. */
async function namedSeries(text: string, resolve: ResolveNodes) {
  if (text.trim() === '') throw new ParameterError([{ parameter: 'series', reason: 'has an empty filter' }]);
  const parsed = parseFilter('series', text);
  const nodes = await resolve(nodeNamesOf(parsed));
  const found = async () => nodes;
  const condition = await compileFilter('series', parsed, found, 's');
  return { condition, pairs: await namedPairs({ by: 'app', filter: text }, found) };
}

interface Measured extends Line {
  readonly values: readonly (number | null)[];
  readonly coverage: number | null;
  /** Of a series that names both ends and has buckets without traffic: what these are where its coverage is not known. */
  readonly unknown: 'empty-is-zero' | 'empty-is-null' | undefined;
}

/** Coverage of the lines that name both ends. */
async function coveragesOf(
  lines: readonly Line[],
  { found }: Bucketed,
  { storage, advisor }: QuestionContext,
): Promise<ReadonlyMap<Line, CellsCoverage>> {
  const bounds = found.covered?.bounds;
  const named = lines.flatMap(line => (line.pairs ? [{ line, pairs: line.pairs }] : []));
  if (!advisor || !bounds || named.length === 0) return new Map();
  const window = { fromMs: bounds.fromS * 1000, toMs: bounds.toS * 1000 };
  const pairs = named.map(one => one.pairs);
  const coverages = await readPairCoverages(storage, advisor, pairs, window, COVERAGE_MS_MAX);
  return new Map(named.map(({ line }, i) => [line, coverages[i]!]));
}

/** Rates of the buckets; null where nothing was seen and no live point would have. */
function measured(line: Line, times: readonly number[], report: CellsCoverage | undefined): Measured {
  const values = line.buckets.map((bucket, i) => {
    const value = bucket && (Number(bucket.sums.bytes) * 8) / bucket.seconds;
    const at = times[i]! * 1000;
    return value === 0 && report && isInvisible(report, at, at + BUCKET_S * 1000) ? null : value;
  });
  const coverage = leastOf(report);
  const isEmpty = line.buckets.some(bucket => bucket && Number(bucket.sums.bytes) === 0);
  if (!line.pairs || coverage !== null || !isEmpty) return { ...line, values, coverage, unknown: undefined };
  return { ...line, values, coverage, unknown: report?.isMissing ? 'empty-is-null' : 'empty-is-zero' };
}

function shapeCoincidence(
  lines: readonly Measured[],
  times: readonly number[],
): Pick<CoincidenceAnswer, 'bucketSec' | 'series' | 'pairs' | 'together' | 'warnings'> {
  const series = lines.map(line => shapeSeries(line, times));
  const pairs = lines.flatMap((line, a) =>
    lines.slice(a + 1).map((other, i) => {
      const b = a + 1 + i;
      const { value: correlation, buckets } = correlationOf(line.values, other.values);
      return { a, b, correlation, buckets, noisy: isNoisy(series[a]!.noiseShare, series[b]!.noiseShare) };
    }),
  );
  pairs.sort((x, y) => (y.correlation ?? -2) - (x.correlation ?? -2) || x.a - y.a || x.b - y.b);
  const meeting = meetingOf(lines.map(({ values }) => values));
  const { sumOfPeaks = 0, peakOfSum = 0 } = meeting ?? {};
  return {
    bucketSec: BUCKET_S,
    series,
    pairs,
    together: meeting
      ? {
          ...{ buckets: meeting.buckets, sumOfPeaks, peakOfSum, at: iso(times[meeting.at]! * 1000) },
          ratio: sumOfPeaks > 0 ? peakOfSum / sumOfPeaks : null,
        }
      : null,
    warnings: [...warningsOf(series, times.length), ...coverageWarnings(lines)],
  };
}

function coverageWarnings(lines: readonly Measured[]): string[] {
  const count = (unknown: Measured['unknown']) => lines.filter(line => line.unknown === unknown).length;
  const [nulls, zeros] = [count('empty-is-null'), count('empty-is-zero')];
  const warnings: string[] = [];
  if (nulls > 0)
    warnings.push(
      `the inventory did not say in time what exporters see of ${nulls} series: their buckets without traffic are left out; try again`,
    );
  if (zeros > 0)
    warnings.push(
      `of ${zeros} series it is not known whether an exporter sees them, without an inventory that has both ends: their buckets without traffic count as zero`,
    );
  return warnings;
}

function shapeSeries({ name, keys, buckets, values, coverage }: Measured, times: readonly number[]) {
  const known = values.filter(value => value !== null);
  const at = values.reduce<number>((best, value, i) => (value !== null && value > (values[best] ?? 0) ? i : best), 0);
  const largest = values[at] ? buckets[at] : null;
  const variances = buckets.map(bucket => (bucket ? varianceOf(bucket.sums) * (8 / bucket.seconds) ** 2 : 0));
  return {
    ...{ name, keys: [...keys], buckets: known.length, coverage },
    meanBps: known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : null,
    peak: largest
      ? {
          at: iso(times[at]! * 1000),
          ...estimateOf(largest.sums, 'avgBps', { seconds: largest.seconds, closedBuckets: 0 }),
        }
      : null,
    noiseShare: noiseShareOf(values, variances),
  };
}

function isNoisy(a: number | null, b: number | null): boolean | null {
  const shares = [a, b].filter(share => share !== null);
  if (shares.some(share => share > NOISE_SHARE_MAX)) return true;
  return shares.length === 2 ? false : null;
}

function warningsOf(series: readonly CoincidenceAnswer['series'][number][], buckets: number): string[] {
  const warnings: string[] = [];
  if (buckets < BUCKETS_MIN)
    warnings.push(
      `a correlation needs ${BUCKETS_MIN} closed buckets of five minutes, and the window has ${buckets}; choose a longer window`,
    );
  const noisy = series.filter(({ noiseShare }) => noiseShare !== null && noiseShare > NOISE_SHARE_MAX);
  if (noisy.length > 0)
    warnings.push(
      `${noisy.length} series vary less than the noise of their sampling: their correlations are too near to zero and their peaks too high; choose a higher sampling rate or larger groups`,
    );
  return warnings;
}
