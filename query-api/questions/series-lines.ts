// The points of one window's series: an estimate for each bucket. Buckets of which nothing is covered are null, others without
// traffic are zero, and up to what one sampled packet may have missed.

import type { Estimate } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { unseenInterval } from '../estimates/interval.ts';
import { type Covered, RANKED_SHARE_MIN, rateSecondsIn, secondsIn } from '../sql/covered.ts';
import { estimateOf, type Sums, varianceOf } from '../sql/metrics-sql.ts';
import { inBoth, secondsOf } from '../sql/parts.ts';
import type { FoundWindow } from '../sql/tables.ts';
import type { Window } from '../sql/window.ts';
import type { CellsCoverage } from './advisor.ts';
import { addsUp, type Compared, comparedWith, WHOLE_SHARE_MIN } from './comparison.ts';
import { isInvisible } from './named-pairs.ts';

export type SeriesMetric = Extract<Metric, 'bytes' | 'packets' | 'avgBps'>;

export interface SeriesRow extends Sums {
  readonly at: number;
  /** Place of the group by size, from 1; 0 is the rest. */
  readonly place: string;
  /** 1: of the compared window; `at` is in the time of the other one. */
  readonly isThen: number;
  readonly [group: `k${number}`]: string;
}

/** What the lines of one window share. */
interface LinesOptions {
  readonly metric: SeriesMetric;
  readonly step: number;
  /** Starts of the buckets as rows have them, and how far those of the window are before them. */
  readonly times: readonly number[];
  readonly shiftS: number;
  readonly found: Pick<FoundWindow, 'window' | 'covered'>;
  /** Of the pairs that the series names. */
  readonly coverage: CellsCoverage | undefined;
}

export interface Point extends Estimate {
  /** Seconds of the bucket; 0 where some of it is open, ahead or not covered. */
  readonly wholeS: number;
}

export interface Line {
  readonly points: readonly Point[];
  /** Bytes or packets of all buckets. */
  readonly total: number;
}

const UNSEEN: Point = { value: null, ciLow: null, ciHigh: null, samples: 0, method: 'none', wholeS: 0 };

export class SeriesLines {
  readonly #options: LinesOptions;
  readonly #rows: readonly SeriesRow[];
  /** Of a bucket; with less of it covered it has no rate. */
  readonly #leastShare: number;

  constructor(options: LinesOptions, rows: readonly SeriesRow[]) {
    this.#options = options;
    this.#rows = rows;
    this.#leastShare = options.found.covered ? this.#leastShareOf(options.found.covered) : RANKED_SHARE_MIN;
  }

  /** The line of a place; without rows of its own it was empty in this window. */
  of(place: number): Line {
    const { metric, times } = this.#options;
    const own = this.#rows.filter(row => Number(row.place) === place);
    const found = new Map(own.map(row => [Number(row.at), row]));
    const perSample = perSampleOf(metric, own.length > 0 ? own : this.#rows);
    return {
      points: times.map(at => this.#point(at, found.get(at), perSample)),
      total: own.reduce((sum, row) => sum + Number(metric === 'packets' ? row.packets : row.bytes), 0),
    };
  }

  #point(at: number, row: SeriesRow | undefined, perSample: number | null): Point {
    const { metric, found, coverage, step, shiftS } = this.#options;
    const { covered } = found;
    const bounds = this.#boundsOf(at);
    if (!covered || secondsIn(covered, ...bounds) === 0) return UNSEEN;
    const seconds = rateSecondsIn(covered, ...bounds);
    if (metric === 'avgBps' && !isEnoughOf(covered, bounds, this.#leastShare)) return UNSEEN;
    const lengthS = this.#lengthOf(covered, at);
    const wholeS = secondsIn(covered, ...bounds) >= WHOLE_SHARE_MIN * lengthS ? lengthS : 0;
    if (row) return { ...estimateOf(row, metric, { seconds, closedBuckets: 0 }), wholeS };
    const fromS = at - shiftS;
    if (coverage && isInvisible(coverage, fromS * 1000, (fromS + step) * 1000)) return UNSEEN;
    const scale = metric === 'avgBps' ? 8 / seconds : 1;
    const unseen = unseenInterval(perSample === null ? null : perSample * scale);
    return { ...unseen, samples: 0, method: 'none', wholeS };
  }

  /** Seconds of a bucket that the question speaks of. */
  #lengthOf({ asked }: Covered, at: number): number {
    const fromS = at - this.#options.shiftS;
    return secondsOf(inBoth(asked, [{ fromS, toS: fromS + this.#options.step }]));
  }

  #boundsOf(at: number): [fromS: number, toS: number] {
    const { found, step, shiftS } = this.#options;
    const { window }: { readonly window: Window } = found;
    return [Math.max(at - shiftS, window.fromS), Math.min(at - shiftS + step, window.toS)];
  }

  /** In the first minutes of an installation no bucket is covered enough; then those that there are have a rate, with wide bounds. */
  #leastShareOf(covered: Covered): number {
    const isEnough = this.#options.times.some(at => {
      const bounds = this.#boundsOf(at);
      return secondsIn(covered, ...bounds) > 0 && isEnoughOf(covered, bounds, RANKED_SHARE_MIN);
    });
    return isEnough ? RANKED_SHARE_MIN : 0;
  }
}

/** Whether a share is covered of what a question speaks of in a bucket, which may be some hours of it. */
function isEnoughOf(covered: Covered, [fromS, toS]: readonly [number, number], share: number): boolean {
  return rateSecondsIn(covered, fromS, toS) >= share * secondsOf(inBoth(covered.asked, [{ fromS, toS }]));
}

/**
 * What one sampled packet of this series may stand for, in bytes or packets: an empty bucket may have missed some. 0 where nothing of
 * it is sampled, null where a sampling rate is not known.
 */
function perSampleOf(metric: SeriesMetric, rows: readonly SeriesRow[]): number | null {
  if (rows.some(row => varianceOf(row) === Number.POSITIVE_INFINITY)) return null;
  const largest = rows.map(row => (metric === 'packets' ? row.largestPackets : row.largestBytes));
  return largest.reduce((most, one) => Math.max(most, one), 0);
}

export function lineOf({ points, total }: Line) {
  return {
    values: points.map(one => one.value),
    ciLow: points.map(one => one.ciLow),
    ciHigh: points.map(one => one.ciHigh),
    total,
  };
}

/** A line beside that of the compared window, bucket by bucket. */
export function comparedLine(metric: SeriesMetric, now: Line, then: Line) {
  const compared = now.points.map((point, i) => {
    const other = then.points[i]!;
    const isAlike = point.wholeS > 0 && point.wholeS === other.wholeS;
    return comparedWith(point, other, !addsUp(metric) || isAlike);
  });
  return {
    ...lineOf(then),
    change: compared.map(one => one.change),
    changeLow: compared.map(one => one.changeLow),
    changeHigh: compared.map(one => one.changeHigh),
    changeShare: compared.map(one => one.changeShare),
    differs: compared.map(one => one.differs),
  };
}

/** One bucket of what comparedLine() gives. */
export function comparedBucket(line: ReturnType<typeof comparedLine>, i: number): Omit<Compared, 'samples' | 'method'> {
  return {
    value: line.values[i] ?? null,
    ciLow: line.ciLow[i] ?? null,
    ciHigh: line.ciHigh[i] ?? null,
    change: line.change[i] ?? null,
    changeLow: line.changeLow[i] ?? null,
    changeHigh: line.changeHigh[i] ?? null,
    changeShare: line.changeShare[i] ?? null,
    differs: line.differs[i] ?? null,
  };
}
