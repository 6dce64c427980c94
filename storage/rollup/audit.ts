// Roll-ups compared with the records that they were made of, day by day: as many records, as many bytes, in each table. A
// day is looked at once, when it is over and the pass has had it; a difference is told, and rebuilt where the records are all
// there (enricher/rebuild.ts).
//
// What makes a difference: a server that died between a table and its roll-up and came back only after it had forgotten the
// token; a clock that went back; hands. Days of which retention may have taken records are left out.

import type { ClickHouse } from '../client.ts';
import { dayOf, dayStartS } from '../rewrite/staging.ts';
import { ELECTED_SQL, UNELECTED_SQL } from '../tables/elections.ts';
import { COUNTED, WHOLE } from '../tables/spread.ts';
import { passedThrough } from './scheduled-rollup.ts';

const DAY_S = 86_400;
const HOUR_S = 3600;
const HOURS = 24;
/** Days that are over and looked at, counted back from today. */
const DAYS_MAX = 3;
/** A day is left alone for so long after its end: batches that waited come late. */
const LATE_S = 3600;

export interface Difference {
  readonly table: string;
  readonly records: bigint;
  readonly bytes: bigint;
  readonly expectedRecords: bigint;
  readonly expectedBytes: bigint;
}

const TABLES = [
  { table: 'traffic_1m', of: 'elected', passed: false },
  { table: 'traffic_5m', of: 'elected', passed: false },
  { table: 'traffic_1h', of: 'elected', passed: false },
  { table: 'pairs_5m', of: 'elected', passed: true },
  { table: 'pairs_1h', of: 'elected', passed: true },
  { table: 'unelected_5m', of: 'unelected', passed: true },
] as const;

/** Days that are over, passed and not audited yet, the oldest first. */
export async function daysToAudit(home: ClickHouse, storage: ClickHouse, nowMs: number): Promise<number[]> {
  const passedS = await passedThrough(home);
  const kept = await keptDays(storage);
  const audited = await home.select<{ minute: number }>(
    "SELECT DISTINCT toUInt32(minute) AS minute FROM passes WHERE state = 'audited'",
  );
  const done = new Set(audited.map(({ minute }) => minute));
  const today = dayStartS(dayOf(nowMs));
  const days: number[] = [];
  // The oldest day that is kept whole began less than that many days ago.
  for (let back = Math.min(DAYS_MAX, kept - 1); back >= 1; back--) {
    const startS = today - back * DAY_S;
    if (startS + DAY_S + LATE_S <= Math.min(passedS, nowMs / 1000) && !done.has(startS))
      days.push(dayOf(startS * 1000));
  }
  return days;
}

/** The shortest time that records or one of their roll-ups are kept, as the tables themselves say. */
async function keptDays(storage: ClickHouse): Promise<number> {
  const names = ['flows', ...TABLES.map(({ table }) => table)];
  const rows = await storage.select<{ sql: string }>(
    'SELECT create_table_query AS sql FROM system.tables WHERE database = currentDatabase() AND name IN {names:Array(String)}',
    { names },
  );
  const days = rows.map(({ sql }) => Number(/TTL .*toIntervalDay\((\d+)\)/.exec(sql)?.[1] ?? 0));
  return Math.min(...days, rows.length < names.length ? 0 : Number.POSITIVE_INFINITY);
}

export function markAudited(home: ClickHouse, day: number): Promise<void> {
  return home.command("INSERT INTO passes (minute, state) SELECT toDateTime({minute:UInt32}, 'UTC'), {state:String}", {
    minute: dayStartS(day),
    state: 'audited',
  });
}

/** Where the roll-ups of one server differ from its records. Roll-ups are read first: what comes meanwhile shows as missing. */
export async function compareDay(home: ClickHouse, storage: ClickHouse, day: number): Promise<Difference[]> {
  const passedS = await passedThrough(home);
  const found = await Promise.all(
    TABLES.map(async ({ table }) => {
      const [row] = await storage.select<{ records: string; bytes: string }>(
        `SELECT sum(records) AS records, sum(bytes) AS bytes FROM ${table} WHERE day = {day:UInt32}`,
        { day },
      );
      return { records: BigInt(row?.records ?? 0), bytes: BigInt(row?.bytes ?? 0) };
    }),
  );
  const told = new Map<string, bigint>();
  for (let hour = 0; hour < HOURS; hour++)
    for (const [name, value] of Object.entries(await tellHour(storage, day, hour, passedS)))
      told.set(name, (told.get(name) ?? 0n) + BigInt(value));
  return TABLES.flatMap(({ table, of, passed: isPassed }, i) => {
    const name = `${of}${isPassed ? 'Passed' : ''}`;
    const expectedRecords = told.get(`${name}Records`) ?? 0n;
    const expectedBytes = told.get(`${name}Bytes`) ?? 0n;
    const { records, bytes } = found[i]!;
    return records === expectedRecords && bytes === expectedBytes
      ? []
      : [{ table, records, bytes, expectedRecords, expectedBytes }];
  });
}

/** An hour at a time: records are sorted by receipt. */
async function tellHour(
  storage: ClickHouse,
  day: number,
  hour: number,
  passedS: number,
): Promise<Record<string, string>> {
  const passed = "storedAt < toDateTime({passedS:UInt32}, 'UTC')";
  const fromS = dayStartS(day) + hour * HOUR_S;
  const [row] = await storage.select<Record<string, string>>(
    `SELECT countIf(${ELECTED_SQL}) AS electedRecords, sumIf(${COUNTED.bytes}, ${ELECTED_SQL}) AS electedBytes,
       countIf(${ELECTED_SQL} AND ${passed}) AS electedPassedRecords, sumIf(${COUNTED.bytes}, ${ELECTED_SQL} AND ${passed}) AS electedPassedBytes,
       countIf(${UNELECTED_SQL} AND ${passed}) AS unelectedPassedRecords, sumIf(${WHOLE.bytes}, ${UNELECTED_SQL} AND ${passed}) AS unelectedPassedBytes
     FROM flows WHERE receivedAt >= toDateTime64({fromS:UInt32}, 3, 'UTC') AND receivedAt < toDateTime64({toS:UInt32}, 3, 'UTC')`,
    { fromS, toS: fromS + HOUR_S, passedS },
  );
  return row ?? {};
}
