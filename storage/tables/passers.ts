// Candidates for the leader of the scheduled roll-up, and when each was last seen. The name of the table is older than the
// name of the roll-up.

import type { Storage } from '../storage.ts';
import { column, DATETIME_US, type Table } from './table.ts';

export const PASSERS: Table = {
  name: 'passers',
  columns: [
    column('candidate', 'String'),
    column('since', DATETIME_US),
    column('lives', 'UInt8'),
    column('at', DATETIME_US, 'DEFAULT now64(6)'),
  ],
  engine: 'ReplacingMergeTree(at)',
  order: 'candidate',
  expiry: { column: 'toDateTime(at)', days: () => 1 },
};

export interface Candidate {
  readonly candidate: string;
  /** Microseconds since the epoch, by the clock of the server. */
  readonly since: string;
  /** False when it resigns. */
  readonly lives: boolean;
}

export function recordCandidate(storage: Storage, { candidate, since, lives }: Candidate): Promise<void> {
  return storage.command(
    `INSERT INTO passers (candidate, since, lives) SETTINGS async_insert = 0
     SELECT {candidate:String}, fromUnixTimestamp64Micro({since:Int64}, 'UTC'), {lives:UInt8}`,
    { candidate, since, lives: lives ? 1 : 0 },
  );
}

/** The candidate that has lived longest among those seen within `leaderS` seconds; of two of one age the lower name. */
export async function leadingCandidate(storage: Storage, leaderS: number): Promise<string | undefined> {
  const [leader] = await storage.select<{ candidate: string }>(
    `SELECT candidate FROM passers GROUP BY candidate
     HAVING argMax(lives, at) = 1 AND max(at) > now64(6) - toIntervalSecond({leaderS:UInt32})
     ORDER BY argMax(since, at), candidate LIMIT 1`,
    { leaderS },
  );
  return leader?.candidate;
}
