// Roll-ups compared with the records that they were made of, day by day: as many records, as many bytes, in each table. A
// day is compared once, when it is over and rolled up. A difference is reported, and the day is rebuilt where all its
// records are there (rewrite/rebuild.ts).
//
// What makes a difference: a server that crashed between a table and its roll-up and came back only after it had forgotten
// the token; a clock that went back; a person who changed rows. Days of which retention may have removed records are left out.

import { DAY_S, dayOf, dayStartS } from '../days.ts';
import type { Storage } from '../storage.ts';
import { hasCellsOf } from '../tables/cells.ts';
import { ELECTED_SQL, UNELECTED_SQL } from '../tables/elections.ts';
import { auditedDays, recordMinute, rolledUpUntil } from '../tables/passes.ts';
import { COUNTED, WHOLE } from '../tables/spread.ts';

const HOUR_S = 3600;
const HOURS = 24;
/** Days that are over and compared, counted back from today. */
const DAYS_MAX = 3;
/** A day is left alone for this long after its end: batches that waited arrive late. */
const LATE_S = 3600;

export interface Difference {
  readonly table: string;
  readonly records: bigint;
  readonly bytes: bigint;
  readonly expectedRecords: bigint;
  readonly expectedBytes: bigint;
}

/** Roll-ups, and the column of hourSums() that holds what each should have: those by view take every record. */
const COMPARED = [
  { table: 'traffic_1m', of: 'elected' },
  { table: 'traffic_5m', of: 'elected' },
  { table: 'traffic_1h', of: 'elected' },
  { table: 'pairs_5m', of: 'electedRolledUp' },
  { table: 'pairs_1h', of: 'electedRolledUp' },
  { table: 'unelected_5m', of: 'unelectedRolledUp' },
  { table: 'cells_5m', of: 'elected' },
] as const;

/** Days that are over, rolled up and not compared yet, the oldest first. `home` is the client of the marks. */
export async function daysToAudit(home: Storage, storage: Storage, nowMs: number): Promise<number[]> {
  const untilS = await rolledUpUntil(home);
  const kept = await keptDays(storage);
  const audited = await auditedDays(home);
  const today = dayStartS(dayOf(nowMs));
  const days: number[] = [];
  // The oldest day that is kept whole began less than that many days ago.
  for (let back = Math.min(DAYS_MAX, kept - 1); back >= 1; back--) {
    const startS = today - back * DAY_S;
    if (startS + DAY_S + LATE_S <= Math.min(untilS, nowMs / 1000) && !audited.has(startS))
      days.push(dayOf(startS * 1000));
  }
  return days;
}

/** The shortest time that records or one of their roll-ups are kept, as the tables themselves have it. */
async function keptDays(storage: Storage): Promise<number> {
  const names = ['flows', ...COMPARED.map(({ table }) => table)];
  const rows = await storage.select<{ sql: string }>(
    'SELECT create_table_query AS sql FROM system.tables WHERE database = currentDatabase() AND name IN {names:Array(String)}',
    { names },
  );
  const days = rows.map(({ sql }) => Number(/TTL .*toIntervalDay\((\d+)\)/.exec(sql)?.[1] ?? 0));
  return Math.min(...days, rows.length < names.length ? 0 : Number.POSITIVE_INFINITY);
}

export function markAudited(home: Storage, day: number): Promise<void> {
  return recordMinute(home, dayStartS(day), 'audited');
}

/**
 * Where the roll-ups of one server differ from its records. Roll-ups are read first, so records that arrive meanwhile
 * appear as missing from them.
 */
export async function compareDay(home: Storage, storage: Storage, day: number): Promise<Difference[]> {
  const untilS = await rolledUpUntil(home);
  const hasCells = await hasCellsOf(home, day);
  const compared = COMPARED.filter(({ table }) => hasCells || table !== 'cells_5m');
  const found = await Promise.all(compared.map(({ table }) => rollupSums(storage, table, day)));
  const expected = new Map<string, bigint>();
  for (let hour = 0; hour < HOURS; hour++)
    for (const [name, value] of Object.entries(await hourSums(storage, day, hour, untilS)))
      expected.set(name, (expected.get(name) ?? 0n) + BigInt(value));
  return compared.flatMap(({ table, of }, i) => {
    const expectedRecords = expected.get(`${of}Records`) ?? 0n;
    const expectedBytes = expected.get(`${of}Bytes`) ?? 0n;
    const { records, bytes } = found[i]!;
    return records === expectedRecords && bytes === expectedBytes
      ? []
      : [{ table, records, bytes, expectedRecords, expectedBytes }];
  });
}

async function rollupSums(storage: Storage, table: string, day: number): Promise<{ records: bigint; bytes: bigint }> {
  const [row] = await storage.select<{ records: string; bytes: string }>(
    `SELECT sum(records) AS records, sum(bytes) AS bytes FROM ${table} WHERE day = {day:UInt32}`,
    { day },
  );
  return { records: BigInt(row?.records ?? 0), bytes: BigInt(row?.bytes ?? 0) };
}

/** What the records of one hour add up to. An hour at a time, because records are sorted by receipt. */
async function hourSums(
  storage: Storage,
  day: number,
  hour: number,
  untilS: number,
): Promise<Readonly<Record<string, string>>> {
  const rolledUp = "storedAt < toDateTime({untilS:UInt32}, 'UTC')";
  const fromS = dayStartS(day) + hour * HOUR_S;
  const [row] = await storage.select<Record<string, string>>(
    `SELECT countIf(${ELECTED_SQL}) AS electedRecords, sumIf(${COUNTED.bytes}, ${ELECTED_SQL}) AS electedBytes,
       countIf(${ELECTED_SQL} AND ${rolledUp}) AS electedRolledUpRecords, sumIf(${COUNTED.bytes}, ${ELECTED_SQL} AND ${rolledUp}) AS electedRolledUpBytes,
       countIf(${UNELECTED_SQL} AND ${rolledUp}) AS unelectedRolledUpRecords, sumIf(${WHOLE.bytes}, ${UNELECTED_SQL} AND ${rolledUp}) AS unelectedRolledUpBytes
     FROM flows WHERE receivedAt >= toDateTime64({fromS:UInt32}, 3, 'UTC') AND receivedAt < toDateTime64({toS:UInt32}, 3, 'UTC')`,
    { fromS, toS: fromS + HOUR_S, untilS },
  );
  return row ?? {};
}
