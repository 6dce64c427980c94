// Until when everything is stored that collectors received, and what waits: one statement of plain rows, and arithmetic on
// them. As subqueries of one value it took ClickHouse ten times as long to plan as to run.

import { PROGRESS_S_MAX } from './progress.ts';

/** A collector that is so far behind the others is taken for gone: what it received and still holds comes late. */
export const COLLECTOR_BEHIND_MS = 600_000;
/** One whose clock is ahead by more is not listened to. */
const AHEAD_MS_MAX = 60_000;

/** What a copy of a collector's minutes was last stored of, or what waits before an enricher. */
export interface CarrierRow {
  readonly kind: 'collector' | 'enricher';
  readonly name: string;
  /** Copies of each batch: a time counts once all of them are stored. */
  readonly shares: number;
  /** Milliseconds until which the collector was receiving; batches before the enricher. */
  readonly value: string;
  /** Milliseconds when the collector stopped; 0 while it runs. */
  readonly stopped: string;
}

const SINCE = `minute <= fromUnixTimestamp64Milli({now:Int64} + ${AHEAD_MS_MAX})`;

/** Of the hour before the newest minute of any collector. {now:Int64}: milliseconds. */
export const LATELY_SQL = `
SELECT 'collector' AS kind, toString(c.collector) AS name, toUInt32(c.shares) AS shares,
  toString(toUnixTimestamp64Milli(max(c.receivingUntil))) AS value, toString(toUnixTimestamp64Milli(max(c.stoppedAt))) AS stopped
FROM collectors AS c
WHERE ${SINCE} AND minute > (SELECT minute FROM collectors WHERE ${SINCE} ORDER BY minute DESC LIMIT 1) - toIntervalHour(1)
GROUP BY name, shares, c.share
UNION ALL
SELECT 'enricher', enricher, 0, toString(argMax(batches, at)), '0' FROM progress
GROUP BY enricher HAVING max(at) > now64(3) - toIntervalSecond(${PROGRESS_S_MAX})`;

/**
 * Milliseconds: everything that any collector received before is stored. Undefined where no collector has said anything. One
 * that was stopped has stored everything; one that runs is waited for until it is COLLECTOR_BEHIND_MS behind the newest.
 */
export function storedUntilOf(rows: readonly CarrierRow[]): number | undefined {
  const collectors = [...Map.groupBy(wholeOnes(rows), ({ name }) => name).values()].map(carried => ({
    untilMs: Math.max(...carried.map(({ untilMs }) => untilMs)),
    stoppedMs: Math.max(...carried.map(({ stoppedMs }) => stoppedMs)),
  }));
  if (collectors.length === 0) return undefined;
  const newest = Math.max(...collectors.map(({ untilMs }) => untilMs));
  const awaited = collectors.filter(
    ({ untilMs, stoppedMs }) => stoppedMs < untilMs && untilMs >= newest - COLLECTOR_BEHIND_MS,
  );
  return awaited.length > 0 ? Math.min(...awaited.map(({ untilMs }) => untilMs)) : newest;
}

interface Carried {
  readonly name: string;
  readonly untilMs: number;
  readonly stoppedMs: number;
}

/** What all copies have, of collectors of which all copies have something. */
function wholeOnes(rows: readonly CarrierRow[]): Carried[] {
  const ofCollectors = rows.filter(({ kind }) => kind === 'collector');
  const groups = [...Map.groupBy(ofCollectors, ({ name, shares }) => `${shares} ${name}`).values()];
  return groups
    .filter(copies => copies.length === copies[0]!.shares)
    .map(copies => ({
      name: copies[0]!.name,
      untilMs: Math.min(...copies.map(({ value }) => Number(value))),
      stoppedMs: Math.min(...copies.map(({ stopped }) => Number(stopped))),
    }));
}

/** Batches that wait before all enrichers; undefined where none has said anything lately. */
export function waitingOf(rows: readonly CarrierRow[]): number | undefined {
  const enrichers = rows.filter(({ kind }) => kind === 'enricher');
  return enrichers.length === 0 ? undefined : enrichers.reduce((sum, { value }) => sum + Number(value), 0);
}
