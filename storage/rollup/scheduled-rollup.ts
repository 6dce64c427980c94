// The scheduled pass: rolls up what is too wide for a view. Once a minute of `storedAt` can get no further rows it reads
// that minute's records once and inserts their pairs and their unelected points, each under a token of table and minute,
// so that a pass that was killed, or that two processes run at once, can be repeated.
//
// Readers take rows stored before PASSED_THROUGH_SQL from the roll-ups and later ones from the records. `passes` tells
// them when that may be half true: a minute that is `started` and not `done` is being moved from one to the other.
//
// Of several shards a minute is rolled up on each, between the same two marks: readers see one pass. Whose process passes is
// told by pass-owner.ts; two at once do the work twice and change nothing.
//
// All of it trusts the server's clock not to go back further than SETTLE_S. After a longer step back, records are stored
// in minutes that are done already: they are in `flows` and in the traffic roll-ups, but neither a pass nor a reader of
// later records finds them, until the clock has caught up. The pass says so in the log.

import { createThrottle, type Log } from '../../service/log.ts';
import { type ClickHouse, INSERT_S_MAX, shardsOf } from '../client.ts';
import { standingFences } from '../fence.ts';
import { SYNC_FLOWS_SQL } from '../placement.ts';
import { pairsSelectSql, UNELECTED_KEYS, unelectedSelectSql } from '../tables/elections.ts';
import { PAIR_KEYS, SUMS } from '../tables/spread.ts';

const MINUTE_S = 60;
/**
 * How long after its end a minute is left alone. `storedAt` is the start of an insert, and an insert is cut off after
 * INSERT_S_MAX; as much again is for what the server does between two looks at its clock.
 */
export const SETTLE_S = 2 * INSERT_S_MAX;

/** Seconds since the epoch: every record stored before is in the roll-ups. 60 before the first pass. */
export const PASSED_THROUGH_SQL = `SELECT toUInt32(toUInt32(max(minute)) + ${MINUTE_S}) AS passedThrough FROM passes WHERE state = 'done'`;

const IN_MINUTE = `storedAt >= toDateTime({minute:UInt32}, 'UTC') AND storedAt < toDateTime({minute:UInt32} + ${MINUTE_S}, 'UTC')`;

// INSERT ... SELECT goes by position, so the columns are named.
const into = (table: string, keys: readonly string[]) =>
  `INSERT INTO ${table} (${['day', 'bucket', ...keys, ...SUMS].join(', ')})`;
const ROLLUPS = [
  { table: 'pairs_5m', sql: `${into('pairs_5m', PAIR_KEYS)}\n${pairsSelectSql(IN_MINUTE)}` },
  { table: 'unelected_5m', sql: `${into('unelected_5m', UNELECTED_KEYS)}\n${unelectedSelectSql(IN_MINUTE)}` },
] as const;

export interface PassOptions {
  readonly storage: ClickHouse;
  readonly log: Log;
}

export interface Pass {
  /** Rolls up every minute that is ripe at `nowMs` and resolves with the number of minutes that had records. */
  run(nowMs: number): Promise<number>;
}

const mark = (storage: ClickHouse, minute: number, state: 'started' | 'done') =>
  storage.command(
    'INSERT INTO passes (minute, state) SELECT toDateTime({minute:UInt32}, {zone:String}), {state:String}',
    { minute, state, zone: 'UTC' },
  );

async function rollUp(storage: ClickHouse, minute: number): Promise<void> {
  await mark(storage, minute, 'started');
  await Promise.all(
    shardsOf(storage).map(async shard => {
      for (const { table, sql } of ROLLUPS) await shard.insertSelect(sql, { minute }, `${table}.${minute}`);
    }),
  );
  await mark(storage, minute, 'done');
}

/** Seconds since the epoch: every record stored before is in the roll-ups of the pass. */
export async function passedThrough(storage: ClickHouse): Promise<number> {
  const [row] = await storage.select<{ passedThrough: number }>(PASSED_THROUGH_SQL);
  return row?.passedThrough ?? 0;
}

/** Minutes that a pass has started and not done. */
export async function halfPassed(storage: ClickHouse): Promise<number[]> {
  const rows = await storage.select<{ minute: number }>(
    `SELECT DISTINCT toUInt32(minute) AS minute FROM passes WHERE state = 'started' AND toUInt32(minute) >= (${PASSED_THROUGH_SQL}) ORDER BY minute`,
  );
  return rows.map(row => row.minute);
}

/** Completes the minutes that were left half done. */
export async function finishPassing(storage: ClickHouse): Promise<void> {
  for (const minute of await halfPassed(storage)) await rollUp(storage, minute);
}

export function createPass({ storage, log }: PassOptions): Pass {
  const throttle = createThrottle();

  /** Now and the end of the last minute that is ripe on every shard. */
  async function ripeUntil(nowMs: number): Promise<{ nowS: number; until: number }> {
    const shards = await Promise.all(shardsOf(storage).map(shard => ripeOn(shard, nowMs)));
    return {
      nowS: Math.min(...shards.map(({ nowS }) => nowS)),
      until: Math.min(...shards.map(({ until }) => until)),
    };
  }

  /** By the clock of the server, which is the one that wrote `storedAt`. */
  async function ripeOn(shard: ClickHouse, nowMs: number): Promise<{ nowS: number; until: number }> {
    const [row] = await shard.select<{ serverMs: string; insertingS: number | null }>(
      `SELECT toUnixTimestamp64Milli(now64(3)) AS serverMs,
         (SELECT maxOrNull(elapsed) FROM system.processes WHERE query_kind = 'Insert' AND startsWith(query, 'INSERT INTO flows')) AS insertingS`,
    );
    const serverMs = Number(row?.serverMs);
    const nowS = (nowMs + serverMs - Date.now()) / 1000;
    // The cut-off acts between blocks, not while a client that stands still sends one: such an insert is waited for.
    const oldestInsert = serverMs / 1000 - (row?.insertingS ?? Number.NEGATIVE_INFINITY);
    return { nowS, until: Math.floor(Math.min(nowS - SETTLE_S, oldestInsert) / MINUTE_S) * MINUTE_S };
  }

  return {
    async run(nowMs) {
      // What it would insert for that day is refused; waiting, it leaves no minute half done for the swap to wait for.
      for (const shard of shardsOf(storage)) if ((await standingFences(shard)).length > 0) return 0;
      const { nowS, until } = await ripeUntil(nowMs);
      const from = await passedThrough(storage);
      if (nowS < from)
        throttle('clock', () =>
          log.error(
            { seconds: Math.ceil(from - nowS) },
            'the clock of ClickHouse is behind the last pass; what is stored until it has caught up misses in pairs and unelected traffic',
          ),
        );
      if (until <= from) return 0;
      if (storage.replicated) await Promise.all(shardsOf(storage).map(shard => shard.command(SYNC_FLOWS_SQL)));
      const minutes = await storage.select<{ minute: number }>(
        `SELECT DISTINCT toUInt32(toStartOfMinute(storedAt)) AS minute FROM flows
         WHERE storedAt >= toDateTime({from:UInt32}, 'UTC') AND storedAt < toDateTime({until:UInt32}, 'UTC') ORDER BY minute`,
        { from, until },
      );
      for (const { minute } of minutes) await rollUp(storage, minute);
      // Minutes without records need no pass: the last one stands for all of them.
      if (minutes.at(-1)?.minute !== until - MINUTE_S) await mark(storage, until - MINUTE_S, 'done');
      if (minutes.length > 1) log.info({ minutes: minutes.length }, 'the roll-up pass has caught up');
      return minutes.length;
    },
  };
}
