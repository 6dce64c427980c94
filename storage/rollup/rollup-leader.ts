// Which of several processes makes the scheduled passes. Every candidate tells ClickHouse every few seconds that it lives,
// and since when; the owner is the one that has lived longest, of two of one age the lower name. That is no lock: for a
// moment, and after a long pause of a process, two may think that they are the owner. It need be none, because a pass
// that is made twice changes nothing (pass.ts); it only saves the work.
//
// A candidate that is silent for OWNER_S is passed over, so a pass is late by that much when its owner dies. One whose work
// fails begins anew as the youngest: where it fails for a reason of its own, such as its disk, the next one does it.

import { randomBytes } from 'node:crypto';
import { type ClickHouse, shardsOf } from '../client.ts';

export const OWNER_S = 20;
const TELL_MS = 5000;

export interface PassOwner {
  /** Tells that this candidate lives, and does the work if it is the owner; resolves to whether it was, throws what it throws. */
  ifOwner(work: () => Promise<unknown>): Promise<boolean>;
  /** So that the next owner need not wait. */
  resign(): Promise<void>;
}

export function createPassOwner(storage: ClickHouse, candidate = randomBytes(8).toString('hex')): PassOwner {
  const [home] = shardsOf(storage);
  /** Microseconds, by the clock of the server. */
  let since: string | undefined;

  async function tell(lives: boolean): Promise<void> {
    if (since === undefined) {
      const [row] = await home.select<{ now: string }>('SELECT toString(toUnixTimestamp64Micro(now64(6))) AS now');
      since = row!.now;
    }
    await home.command(
      `INSERT INTO passers (candidate, since, lives) SETTINGS async_insert = 0
       SELECT {candidate:String}, fromUnixTimestamp64Micro({since:Int64}, 'UTC'), {lives:UInt8}`,
      { candidate, since, lives: lives ? 1 : 0 },
    );
  }

  return {
    async ifOwner(work) {
      await tell(true);
      const [owner] = await home.select<{ candidate: string }>(
        `SELECT candidate FROM passers GROUP BY candidate
         HAVING argMax(lives, at) = 1 AND max(at) > now64(6) - toIntervalSecond({ownerS:UInt32})
         ORDER BY argMax(since, at), candidate LIMIT 1`,
        { ownerS: OWNER_S },
      );
      if (owner?.candidate !== candidate) return false;
      // Work that catches up takes longer than others wait; a sign of life that fails is told again.
      const telling = setInterval(() => void tell(true).catch(() => {}), TELL_MS);
      try {
        await work();
      } catch (error) {
        since = undefined;
        throw error;
      } finally {
        clearInterval(telling);
      }
      return true;
    },
    resign: () => tell(false),
  };
}
