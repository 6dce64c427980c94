// Whether the staged day is whole: as many records as are stored, of the same batches, and each of them in the staged
// roll-ups where it belongs. The counts are taken window by window while the day is staged, so that behind the fence only
// totals have to be compared.

import type { Storage } from '../storage.ts';
import { ELECTED_SQL, UNELECTED_SQL } from '../tables/elections.ts';
import { ROLLUPS, type StoredWindow, stagedName } from './staging.ts';

/** Records by the roll-ups that count them, within windows of `storedAt`. */
export interface Tally {
  readonly records: bigint;
  /** Sum of the batch keys. */
  readonly batches: bigint;
  /** In the roll-ups by view, and in those of the scheduled roll-up. */
  readonly elected: bigint;
  readonly pairs: bigint;
  readonly unelected: bigint;
}
export const NOTHING: Tally = { records: 0n, batches: 0n, elected: 0n, pairs: 0n, unelected: 0n };

/** What was rolled up since the last tally: by view, and by the scheduled roll-up. */
export interface TallyWindows {
  readonly byView: StoredWindow;
  readonly bySchedule: StoredWindow;
}

/**
 * Adds the staged records of the windows to `before`. Throws when they are not the records stored in `byView`: as many, of
 * the same batches.
 */
export async function addTally(
  storage: Storage,
  { run, day }: { readonly run: string; readonly day: number },
  before: Tally,
  windows: TallyWindows,
): Promise<Tally> {
  const stored = await tallyOf(storage, 'flows', day, windows);
  const staged = await tallyOf(storage, stagedName(run, 'flows'), day, windows);
  if (stored.records !== staged.records || stored.batches !== staged.batches)
    throw new Error(`${staged.records} records of ${day} are staged where ${stored.records} are stored`);
  return {
    records: before.records + staged.records,
    batches: before.batches + staged.batches,
    elected: before.elected + staged.elected,
    pairs: before.pairs + staged.pairs,
    unelected: before.unelected + staged.unelected,
  };
}

async function tallyOf(
  storage: Storage,
  table: string,
  day: number,
  { byView, bySchedule }: TallyWindows,
): Promise<Tally> {
  const within = (name: string) =>
    `storedAt >= toDateTime({${name}From:UInt32}, 'UTC') AND storedAt < toDateTime({${name}To:UInt32}, 'UTC')`;
  const [row] = await storage.select<Record<keyof Tally, string>>(
    `SELECT countIf(viewed) AS records, sumIf(batch, viewed) AS batches, countIf(viewed AND elected_) AS elected,
       countIf(scheduled AND elected_) AS pairs, countIf(scheduled AND unelected_) AS unelected
     FROM (SELECT batch, ${within('v')} AS viewed, ${within('s')} AS scheduled, ${ELECTED_SQL} AS elected_, ${UNELECTED_SQL} AS unelected_
       FROM ${table} WHERE toYYYYMMDD(receivedAt) = {day:UInt32} AND storedAt >= toDateTime(least({vFrom:UInt32}, {sFrom:UInt32}), 'UTC'))`,
    { day, vFrom: byView.fromS, vTo: byView.toS, sFrom: bySchedule.fromS, sTo: bySchedule.toS },
  );
  return {
    records: BigInt(row?.records ?? 0),
    batches: BigInt(row?.batches ?? 0),
    elected: BigInt(row?.elected ?? 0),
    pairs: BigInt(row?.pairs ?? 0),
    unelected: BigInt(row?.unelected ?? 0),
  };
}

/**
 * Throws unless the staged day is whole: all its records, and in each roll-up every record that belongs there. Call it
 * behind the fence: of the records it reads only how many there are.
 */
export async function checkStaged(storage: Storage, run: string, day: number, tally: Tally): Promise<void> {
  for (const table of ['flows', stagedName(run, 'flows')]) {
    const rows = await rowsOfPartition(storage, table, day);
    if (rows !== tally.records) throw new Error(`${day} has ${rows} records in ${table}, ${tally.records} were staged`);
  }
  const expected: Record<(typeof ROLLUPS)[number], bigint> = {
    traffic_1m: tally.elected,
    traffic_5m: tally.elected,
    traffic_1h: tally.elected,
    pairs_5m: tally.pairs,
    pairs_1h: tally.pairs,
    unelected_5m: tally.unelected,
    cells_5m: tally.elected,
  };
  for (const table of ROLLUPS) {
    const records = await recordsIn(storage, stagedName(run, table), day);
    if (records !== expected[table])
      throw new Error(`${records} records of ${day} are staged in ${table}, ${expected[table]} belong there`);
  }
}

async function rowsOfPartition(storage: Storage, table: string, day: number): Promise<bigint> {
  const [row] = await storage.select<{ rows: string }>(
    `SELECT sum(rows) AS rows FROM system.parts WHERE database = currentDatabase() AND table = {table:String} AND active AND partition = {day:String}`,
    { table, day: String(day) },
  );
  return BigInt(row?.rows ?? 0);
}

async function recordsIn(storage: Storage, rollup: string, day: number): Promise<bigint> {
  const [row] = await storage.select<{ records: string }>(
    `SELECT sum(records) AS records FROM ${rollup} WHERE day = {day:UInt32}`,
    { day },
  );
  return BigInt(row?.records ?? 0);
}

/**
 * Whether roll-ups of a day count more records than there are: retention has removed some, and the roll-ups are all that is
 * left of them. Roll-ups may count fewer, for the moment of an insert or after a crash.
 */
export async function recordsExpired(storage: Storage, day: number): Promise<boolean> {
  // The roll-up first: a record that arrives in between is then in the records.
  const rolledUp = await recordsIn(storage, 'traffic_1h', day);
  const [row] = await storage.select<{ elected: string }>(
    `SELECT countIf(${ELECTED_SQL}) AS elected FROM flows WHERE toYYYYMMDD(receivedAt) = {day:UInt32}`,
    { day },
  );
  return rolledUp > BigInt(row?.elected ?? 0);
}
