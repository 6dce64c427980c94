// What ClickHouse holds at the end, asked by SQL: numbers twice, numbers that nobody sent, numbers that are missing, and
// whether every roll-up has the bytes, packets and records of the records by each of its keys.

import { PROTOCOL } from '../../schemas/codes.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { CELL_KEYS } from '../../storage/tables/cells.ts';
import { ELECTED_SQL, PAIR_SQL, POINT_SQL, UNELECTED_SQL } from '../../storage/tables/elections.ts';
import { PAIR_KEYS, TRAFFIC_KEYS } from '../../storage/tables/spread.ts';
import { NUMBERED_BYTES_BASE } from '../load/model/traffic.ts';

export interface StoredNumbers {
  readonly records: number;
  readonly twice: number;
  readonly invented: number;
  readonly missing: ReadonlySet<number>;
}

/** The numbers of one protocol of which `sent` were sent: 0 and up; `condition` is SQL that leaves out records without one. */
export async function storedNumbers(
  storage: ClickHouse,
  protocol: string,
  sent: number,
  condition = '1',
): Promise<StoredNumbers> {
  const params = { base: NUMBERED_BYTES_BASE, protocol: PROTOCOL[protocol as keyof typeof PROTOCOL], sent };
  const numbers = 'toInt64(bytes) - {base:Int64}';
  const [row] = await storage.select<{ records: string; twice: string; invented: string }>(
    `SELECT sum(times) AS records, countIf(times > 1) AS twice, countIf(n < 0 OR n >= {sent:Int64}) AS invented
     FROM (SELECT ${numbers} AS n, count() AS times FROM flows WHERE protocol = {protocol:UInt8} AND ${condition} GROUP BY n)`,
    params,
  );
  const missing = await storage.select<{ n: string }>(
    `SELECT toInt64(number) AS n FROM numbers({sent:UInt64})
     WHERE n NOT IN (SELECT ${numbers} FROM flows WHERE protocol = {protocol:UInt8} AND ${condition})`,
    params,
  );
  return {
    records: Number(row!.records),
    twice: Number(row!.twice),
    invented: Number(row!.invented),
    missing: new Set(missing.map(({ n }) => Number(n))),
  };
}

const traffic = { keys: TRAFFIC_KEYS, of: ELECTED_SQL };
const pairs = { keys: PAIR_KEYS, of: ELECTED_SQL };
const ROLLUPS: Readonly<
  Record<string, { keys: readonly string[]; of: string; more?: Readonly<Record<string, string>> }>
> = {
  traffic_1m: traffic,
  traffic_5m: traffic,
  traffic_1h: traffic,
  pairs_5m: pairs,
  pairs_1h: pairs,
  cells_5m: { keys: CELL_KEYS, of: ELECTED_SQL },
  unelected_5m: { keys: PAIR_KEYS, of: UNELECTED_SQL, more: { pair: PAIR_SQL, point: POINT_SQL } },
};

export interface RollUp {
  readonly table: string;
  readonly records: number;
  /** Combinations of keys of which bytes, packets or records are not those of the records. */
  readonly different: number;
}

/** The records here have weight 1 or 0, so that what counts of one is the whole of it. */
export async function compareRollUps(storage: ClickHouse): Promise<RollUp[]> {
  const [weights] = await storage.select<{ other: string }>(
    'SELECT countIf(weight != 0 AND weight != 1) AS other FROM flows',
  );
  if (Number(weights!.other) > 0) throw new Error(`${weights!.other} records have a weight between 0 and 1`);
  const compared: RollUp[] = [];
  for (const [table, { keys, of, more = {} }] of Object.entries(ROLLUPS)) {
    const names = [...keys, ...Object.keys(more)].join(', ');
    const own = [...keys, ...Object.entries(more).map(([name, sql]) => `${sql} AS ${name}`)].join(', ');
    const sums = ['volume', 'pieces', 'rows'].map(name => `sum(${name})`);
    const [row] = await storage.select<{ records: string; different: string }>(
      `SELECT (SELECT sum(records) FROM ${table}) AS records,
        (SELECT count() FROM (
          SELECT ${names} FROM (
            SELECT ${own}, toInt64(estBytes) AS volume, toInt64(estPackets) AS pieces, toInt64(1) AS rows FROM flows WHERE ${of}
            UNION ALL
            SELECT ${names}, -toInt64(bytes), -toInt64(packets), -toInt64(records) FROM ${table}
          ) GROUP BY ${names} HAVING ${sums.map(sum => `${sum} != 0`).join(' OR ')}
        )) AS different`,
    );
    compared.push({ table, records: Number(row!.records), different: Number(row!.different) });
  }
  return compared;
}
