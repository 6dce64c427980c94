// The parts of a window in which a collector was receiving. Whole hours are taken as such: a year of minutes would take
// seconds. Minutes are read of the other hours only. Of a minute with a gap the last part is taken for the whole of its length.

import type { Storage } from '../../storage/storage.ts';
import {
  RECEIVED_BEFORE_SQL,
  type ReceivingPart,
  receivingMinutesSql,
  WAS_UPGRADED_SQL,
  WHOLE_HOURS_SQL,
} from '../../storage/tables/collectors.ts';
import { OF_INSTALLATION } from './bookkeeping.ts';
import type { Part } from './parts.ts';

/** Parts of a window, each behind an outage; of more the newest count. */
const PARTS_MAX = 1000;
const HOUR_S = 3600;
/** Ranges of hours that are read by minutes; of more, neighbours are read as one with what lies between. */
export const RANGES_MAX = 20;

/** `firstS` is the start of the first bucket with records. */
export async function readReceiving(
  storage: Storage,
  { fromS, toS }: Part,
  firstS: number | undefined,
): Promise<Part[]> {
  const params = { from: fromS, to: toS };
  const [[found], [installed]] = await Promise.all([
    storage.select<{ hours: readonly number[] }>(WHOLE_HOURS_SQL, params),
    storage.select<{ wasUpgraded: number }>(WAS_UPGRADED_SQL, {}, OF_INSTALLATION),
  ]);
  const hours = joined((found?.hours ?? []).map(atS => ({ fromS: atS, toS: atS + HOUR_S })));
  const [minutes, before] = await Promise.all([
    readMinutes(storage, inFewRanges(between(hours, { fromS, toS }))),
    installed?.wasUpgraded
      ? storage.select<ReceivingPart>(RECEIVED_BEFORE_SQL, { ...params, first: firstS ?? toS })
      : [],
  ]);
  const read = [...minutes, ...before].map(part => ({
    fromS: Number(part.fromMs) / 1000,
    toS: Number(part.toMs) / 1000,
  }));
  const parts = [...hours, ...read].filter(part => part.toS > part.fromS && part.toS > fromS && part.fromS < toS);
  return joined(parts).slice(-PARTS_MAX);
}

async function readMinutes(storage: Storage, ranges: readonly Part[]): Promise<readonly ReceivingPart[]> {
  if (ranges.length === 0) return [];
  const params = Object.fromEntries(
    ranges.flatMap(({ fromS, toS }, i) => [
      [`from${i}`, Math.floor(fromS)],
      [`to${i}`, Math.ceil(toS)],
    ]),
  );
  return storage.select<ReceivingPart>(receivingMinutesSql(ranges.length), params);
}

/** Parts in order, those that touch or overlap as one. */
export function joined(parts: readonly Part[]): Part[] {
  const whole: { fromS: number; toS: number }[] = [];
  for (const { fromS, toS } of parts.toSorted((a, b) => a.fromS - b.fromS)) {
    const last = whole.at(-1);
    if (last && fromS <= last.toS) last.toS = Math.max(last.toS, toS);
    else whole.push({ fromS, toS });
  }
  return whole;
}

/** What of a window parts in order leave. */
function between(parts: readonly Part[], { fromS, toS }: Part): Part[] {
  const starts = [fromS, ...parts.map(part => part.toS)];
  const ends = [...parts.map(part => part.fromS), toS];
  return starts.map((start, i) => ({ fromS: start, toS: ends[i]! })).filter(part => part.toS > part.fromS);
}

export function inFewRanges(ranges: readonly Part[]): Part[] {
  const gaps = ranges.slice(1).map(({ fromS }, i) => fromS - ranges[i]!.toS);
  const kept = new Set(
    gaps
      .map((length, i) => ({ length, i }))
      .sort((a, b) => b.length - a.length)
      .slice(0, RANGES_MAX - 1)
      .map(({ i }) => i),
  );
  const few: Part[] = [];
  ranges.forEach((range, i) => {
    const last = few.at(-1);
    if (last && !kept.has(i - 1)) few[few.length - 1] = { fromS: last.fromS, toS: range.toS };
    else few.push(range);
  });
  return few;
}
