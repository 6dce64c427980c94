// In which minutes collectors received: only such a minute is evidence that an exporter was silent. While a collector that
// was there a while ago is away, or its batches are on their way, nobody falls silent: what it received may come later.

import type { Storage } from '../../storage/storage.ts';
import { COLLECTOR_MINUTES_SQL } from '../../storage/tables/collectors.ts';
import { MINUTE_MS } from './transitions.ts';

/** A collector that is away for longer is not waited for: what exporters send to it is not received. */
const AWAY_MS_MAX = 30 * MINUTE_MS;
/** A minute in which a collector was receiving for less is none. */
const RECEIVING_MS_MIN = 55_000;
const END_OF_TIME_S = 0xffffffff;

export interface CollectorMinute {
  readonly collector: string;
  /** Start of the minute. */
  readonly minuteMs: number;
  readonly receivingMs: number;
}

/** Starts of the minutes that count, ascending. */
export async function receivingMinutes(storage: Storage, fromMs: number): Promise<number[]> {
  const rows = await storage.select<{ minuteMs: string; collector: string; ms: string }>(
    `SELECT toString(toUnixTimestamp64Milli(toDateTime64(minute, 3))) AS minuteMs, collector, toString(receivingMs) AS ms FROM (${COLLECTOR_MINUTES_SQL}) ORDER BY minute`,
    { from: Math.floor((fromMs - AWAY_MS_MAX) / 1000), to: END_OF_TIME_S },
  );
  const minutes = rows.map(({ minuteMs, collector, ms }) => ({
    collector,
    minuteMs: Number(minuteMs),
    receivingMs: Number(ms),
  }));
  const firstMs = minutes[0]?.minuteMs ?? Number.POSITIVE_INFINITY;
  const earlier = (await exporterMinutes(storage, fromMs)).filter(ms => ms < firstMs);
  return [...earlier, ...minutesOfAll(minutes).filter(ms => ms >= fromMs)];
}

/**
 * Collectors of before this version report no minutes of their own: what any exporter was received in stands for them. The
 * newest one is left out, for more of it may be on its way.
 */
async function exporterMinutes(storage: Storage, fromMs: number): Promise<number[]> {
  const rows = await storage.select<{ number: number }>(
    `SELECT DISTINCT toUInt32(intDiv(toUnixTimestamp64Milli(minute), ${MINUTE_MS})) AS number FROM exporters
     WHERE minute >= fromUnixTimestamp64Milli({from:Int64}) AND datagrams > 0 ORDER BY number`,
    { from: fromMs },
  );
  return rows.map(({ number }) => number * MINUTE_MS).slice(0, -1);
}

/** Minutes in which every collector was receiving that had been there within AWAY_MS_MAX; `minutes` ascend. */
export function minutesOfAll(minutes: readonly CollectorMinute[]): number[] {
  const newest = new Map<string, number>();
  const counted: number[] = [];
  for (const [minuteMs, rows] of Map.groupBy(minutes, row => row.minuteMs)) {
    const whole = new Set(rows.filter(row => row.receivingMs >= RECEIVING_MS_MIN).map(row => row.collector));
    for (const { collector } of rows) newest.set(collector, minuteMs);
    const expected = [...newest].filter(([, lastMs]) => minuteMs - lastMs <= AWAY_MS_MAX);
    if (expected.every(([collector]) => whole.has(collector))) counted.push(minuteMs);
  }
  return counted;
}
