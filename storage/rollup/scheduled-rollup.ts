// The scheduled roll-up: it sums what is too wide for a view. Once a minute of `storedAt` can get no further rows it reads
// that minute's records once and inserts their pairs and their unelected observation points. Each insert has a token of
// table and minute, so a roll-up that was killed, or that two processes run at once, can be repeated.
//
// The table `passes` marks which minutes are started and done (tables/passes.ts). With several shards a minute is rolled up
// on each, between the same two marks. The leader (rollup-leader.ts) runs the roll-up; two at once do the work twice and
// change nothing.
//
// All of it relies on the server's clock not to go back by more than SETTLE_S. After a longer step back, records are stored
// in minutes that are done already: they are in `flows` and in the traffic roll-ups, but neither a roll-up nor a reader of
// later records finds them until the clock has caught up. The log reports it.

import { createThrottle, type Log } from '../../service/log.ts';
import { INSERT_S_MAX } from '../client.ts';
import { fencesInPlace, OLDEST_INSERT_S_SQL } from '../fence.ts';
import { SYNC_FLOWS_SQL } from '../placement.ts';
import { type Storage, shardsOf } from '../storage.ts';
import { pairsSelectSql } from '../tables/pairs.ts';
import { MINUTE_S, minutesHalfDone, recordMinute, rolledUpUntil } from '../tables/passes.ts';
import { insertRollupSql } from '../tables/rollup.ts';
import { PAIR_KEYS } from '../tables/spread.ts';
import { UNELECTED_KEYS, unelectedSelectSql } from '../tables/unelected.ts';

/**
 * How long after its end a minute is left alone. `storedAt` is the start of an insert, and an insert is cut off after
 * INSERT_S_MAX; as much again is for what the server does between two readings of its clock.
 */
export const SETTLE_S = 2 * INSERT_S_MAX;

const IN_MINUTE = `storedAt >= toDateTime({minute:UInt32}, 'UTC') AND storedAt < toDateTime({minute:UInt32} + ${MINUTE_S}, 'UTC')`;

const ROLLUPS = [
  { table: 'pairs_5m', sql: `${insertRollupSql('pairs_5m', PAIR_KEYS)}\n${pairsSelectSql(IN_MINUTE)}` },
  {
    table: 'unelected_5m',
    sql: `${insertRollupSql('unelected_5m', UNELECTED_KEYS)}\n${unelectedSelectSql(IN_MINUTE)}`,
  },
] as const;

export interface ScheduledRollupOptions {
  readonly storage: Storage;
  readonly log: Log;
}

interface Reach {
  /** The time by the clock of the server. */
  readonly nowS: number;
  /** The end of the last minute that can get no further rows. */
  readonly untilS: number;
}

export class ScheduledRollup {
  readonly #storage: Storage;
  readonly #log: Log;
  readonly #throttle = createThrottle();

  constructor({ storage, log }: ScheduledRollupOptions) {
    this.#storage = storage;
    this.#log = log;
  }

  /** Rolls up every minute that is complete at `nowMs` and resolves to the number of minutes that had records. */
  async run(nowMs: number): Promise<number> {
    const storage = this.#storage;
    // A fence refuses what would be inserted for its day. Waiting leaves no minute half done for the swap to wait for.
    for (const shard of shardsOf(storage)) if ((await fencesInPlace(shard)).length > 0) return 0;
    const { nowS, untilS } = await this.#reach(nowMs);
    const fromS = await rolledUpUntil(storage);
    if (nowS < fromS) this.#reportClock(fromS - nowS);
    if (untilS <= fromS) return 0;
    if (storage.replicated) await Promise.all(shardsOf(storage).map(shard => shard.command(SYNC_FLOWS_SQL)));
    const minutes = await minutesWithRecords(storage, fromS, untilS);
    for (const minute of minutes) await rollUpMinute(storage, minute);
    // Minutes without records need no roll-up: the mark of the last one covers all of them.
    if (minutes.at(-1) !== untilS - MINUTE_S) await recordMinute(storage, untilS - MINUTE_S, 'done');
    if (minutes.length > 1) this.#log.info({ minutes: minutes.length }, 'the scheduled roll-up has caught up');
    return minutes.length;
  }

  /** The earliest over all shards. */
  async #reach(nowMs: number): Promise<Reach> {
    const shards = await Promise.all(shardsOf(this.#storage).map(shard => reachOf(shard, nowMs)));
    return {
      nowS: Math.min(...shards.map(({ nowS }) => nowS)),
      untilS: Math.min(...shards.map(({ untilS }) => untilS)),
    };
  }

  #reportClock(seconds: number): void {
    this.#throttle('clock', () =>
      this.#log.error(
        { seconds: Math.ceil(seconds) },
        'the clock of ClickHouse is behind the last scheduled roll-up; records stored until it has caught up are missing from pairs and unelected traffic; check the time of the server',
      ),
    );
  }
}

/** By the clock of the server, which is the one that wrote `storedAt`. */
async function reachOf(shard: Storage, nowMs: number): Promise<Reach> {
  const [row] = await shard.select<{ serverMs: string; insertingS: number | null }>(
    `SELECT toUnixTimestamp64Milli(now64(3)) AS serverMs, ${OLDEST_INSERT_S_SQL} AS insertingS`,
  );
  const serverMs = Number(row?.serverMs);
  const nowS = (nowMs + serverMs - Date.now()) / 1000;
  const oldestInsertS = serverMs / 1000 - (row?.insertingS ?? Number.NEGATIVE_INFINITY);
  return { nowS, untilS: Math.floor(Math.min(nowS - SETTLE_S, oldestInsertS) / MINUTE_S) * MINUTE_S };
}

/** Their starts, in seconds since the epoch. */
async function minutesWithRecords(storage: Storage, fromS: number, untilS: number): Promise<number[]> {
  const rows = await storage.select<{ minute: number }>(
    `SELECT DISTINCT toUInt32(toStartOfMinute(storedAt)) AS minute FROM flows
     WHERE storedAt >= toDateTime({from:UInt32}, 'UTC') AND storedAt < toDateTime({until:UInt32}, 'UTC') ORDER BY minute`,
    { from: fromS, until: untilS },
  );
  return rows.map(({ minute }) => minute);
}

async function rollUpMinute(storage: Storage, minute: number): Promise<void> {
  await recordMinute(storage, minute, 'started');
  await Promise.all(
    shardsOf(storage).map(async shard => {
      for (const { table, sql } of ROLLUPS) await shard.command(sql, { minute }, `${table}.${minute}`);
    }),
  );
  await recordMinute(storage, minute, 'done');
}

/** Completes the minutes that were left half done. */
export async function completeMinutes(storage: Storage): Promise<void> {
  for (const minute of await minutesHalfDone(storage)) await rollUpMinute(storage, minute);
}
