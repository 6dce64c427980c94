// Which of several processes runs the scheduled roll-up. Every candidate sends ClickHouse a heartbeat every few seconds,
// with the time of its first one; the leader is the candidate that has lived longest. That is no lock: for a moment, and
// after a long pause of a process, two candidates may take themselves for the leader. A lock is not needed, because a
// roll-up that runs twice changes nothing (scheduled-rollup.ts); a leader only saves the work.
//
// A candidate without a heartbeat for LEADER_S is passed over, so the roll-up is late by that much when its leader crashes.
// A candidate whose work fails starts again as the youngest: where it fails for a reason of its own, such as its disk, the
// next candidate does the work.

import { randomBytes } from 'node:crypto';
import { homeOf, type Storage } from '../storage.ts';
import { leadingCandidate, recordCandidate } from '../tables/passers.ts';

export const LEADER_S = 20;
const HEARTBEAT_MS = 5000;

export class RollupLeader {
  readonly #home: Storage;
  readonly #candidate: string;
  /** Microseconds, by the clock of the server; undefined before the first heartbeat. */
  #since: string | undefined;

  constructor(storage: Storage, candidate = randomBytes(8).toString('hex')) {
    this.#home = homeOf(storage);
    this.#candidate = candidate;
  }

  /** Sends a heartbeat, and does the work if this candidate leads. Resolves to whether it did; throws what the work throws. */
  async ifLeader(work: () => Promise<unknown>): Promise<boolean> {
    await this.#record(true);
    if ((await leadingCandidate(this.#home, LEADER_S)) !== this.#candidate) return false;
    // Work that catches up takes longer than LEADER_S. A heartbeat that fails is followed by the next one.
    const heartbeats = setInterval(() => void this.#record(true).catch(() => {}), HEARTBEAT_MS);
    try {
      await work();
    } catch (error) {
      this.#since = undefined;
      throw error;
    } finally {
      clearInterval(heartbeats);
    }
    return true;
  }

  /** So that the next leader need not wait. */
  resign(): Promise<void> {
    return this.#record(false);
  }

  async #record(lives: boolean): Promise<void> {
    this.#since ??= await this.#serverTime();
    await recordCandidate(this.#home, { candidate: this.#candidate, since: this.#since, lives });
  }

  async #serverTime(): Promise<string> {
    const [row] = await this.#home.select<{ now: string }>('SELECT toString(toUnixTimestamp64Micro(now64(6))) AS now');
    return row!.now;
  }
}
