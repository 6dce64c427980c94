// What a query must know of the tables before it runs: how far the scheduled roll-up has come, since when there are records,
// and whether unelected traffic takes part.

import type { Storage } from '../../storage/storage.ts';
import { FIVE_MINUTES_S, UNELECTED_SQL } from '../../storage/tables/elections.ts';
import { ROLLED_UP_UNTIL_SQL } from '../../storage/tables/passes.ts';
import type { RequestedWindow } from './window.ts';

export interface History {
  /** Rows stored before this are in the tables of the scheduled roll-up; seconds. */
  readonly rolledUpUntilS: number;
  /** A roll-up has started and not ended, or partitions are being swapped. */
  readonly rollingUp: boolean;
  /** Changes with every swap of partitions. */
  readonly swap: string;
  /** Start of the first bucket that holds anything; undefined when nothing is stored. */
  readonly firstS: number | undefined;
  /** Unelected traffic lies in the requested window. */
  readonly unelected: boolean;
}

interface HistoryRow {
  readonly swapAt: string;
  readonly rolledUpUntil: number;
  readonly rollingUp: number;
  readonly first: number;
  readonly unelected: number;
}

const firstBucket = (table: string) =>
  `(SELECT toUInt32(minOrNull(bucket)) FROM ${table} WHERE day = (SELECT min(day) FROM ${table}))`;

const SQL = `
WITH (${ROLLED_UP_UNTIL_SQL}) AS rolledUpUntilS, toDateTime(rolledUpUntilS, 'UTC') AS rolledUpUntilTime
SELECT rolledUpUntilS AS rolledUpUntil,
  (SELECT (argMax(state, at), toString(max(at))) FROM reenrichments WHERE state IN ('swapping', 'swapped', 'done')) AS swap,
  swap.2 AS swapAt,
  (SELECT max(minute) FROM passes WHERE state = 'started') >= rolledUpUntilTime OR swap.1 IN ('swapping', 'swapped') AS rollingUp,
  arrayMin(arrayFilter(at -> at > 0, [
    ifNull(${firstBucket('traffic_1m')}, 0), ifNull(${firstBucket('unelected_5m')}, 0), ifNull(if(
      (SELECT min(day) FROM traffic_1h) < (SELECT min(day) FROM traffic_1m), ${firstBucket('traffic_1h')}, 0), 0),
    ifNull((SELECT toUInt32(toDateTime(minOrNull(flowStart))) FROM flows WHERE storedAt >= rolledUpUntilTime AND ${UNELECTED_SQL}), 0)])) AS first,
  (SELECT count() FROM (SELECT 1 FROM unelected_5m WHERE bucket >= toDateTime({from:UInt32} - ${FIVE_MINUTES_S}) AND bucket < toDateTime({to:UInt32}) LIMIT 1)) > 0
  OR (SELECT count() FROM (SELECT 1 FROM flows WHERE storedAt >= rolledUpUntilTime AND ${UNELECTED_SQL}
    AND flowEnd >= toDateTime({from:UInt32} - ${FIVE_MINUTES_S}) AND flowStart < toDateTime({to:UInt32} + ${FIVE_MINUTES_S}) LIMIT 1)) > 0 AS unelected`;

export async function readHistory(storage: Storage, { fromMs, toMs }: RequestedWindow): Promise<History> {
  const params = { from: Math.floor(fromMs / 1000), to: Math.ceil(toMs / 1000) };
  const [row] = await storage.select<HistoryRow>(SQL, params);
  if (!row) throw new Error('ClickHouse gave no row for a SELECT without FROM');
  return {
    rolledUpUntilS: row.rolledUpUntil,
    rollingUp: row.rollingUp > 0,
    swap: row.swapAt,
    firstS: row.first > 0 ? row.first : undefined,
    unelected: row.unelected > 0,
  };
}
