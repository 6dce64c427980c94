// The lease of the one run that may rewrite days at a time. A table named `reenriching` is the lease: only one CREATE of it
// succeeds, and its comment names the run. The run sends a heartbeat every few seconds; without one for LEASE_S it is taken
// for crashed, and whoever notices it completes or reverts its work (recovery.ts).

import { type Storage, StorageError } from '../storage.ts';
import { recordHeartbeat, secondsSinceHeartbeat } from '../tables/reenrichments.ts';
import { LEASE_S, newRun, recoverRun } from './recovery.ts';
import { isUnknownTable } from './staging.ts';

export const HEARTBEAT_MS = 3000;
const TABLE_ALREADY_EXISTS = 57;

export async function leaseHolder(storage: Storage): Promise<string | undefined> {
  const [row] = await storage.select<{ run: string }>(
    "SELECT comment AS run FROM system.tables WHERE database = currentDatabase() AND name = 'reenriching'",
  );
  return row?.run;
}

/** Takes the lease for `run`; resolves to undefined, or to the run that holds it and sends heartbeats. */
export async function takeLease(storage: Storage, run: string): Promise<string | undefined> {
  // The heartbeat is there before anybody can find the lease.
  await recordHeartbeat(storage, run);
  for (;;) {
    if (await createLease(storage, run)) return undefined;
    const holder = await leaseHolder(storage);
    if (holder === undefined) continue;
    // An earlier try took it, and its answer was lost.
    if (holder === run) return undefined;
    if ((await secondsSinceHeartbeat(storage, holder)) <= LEASE_S) return holder;
    await recoverRun(storage, holder);
    await removeLease(storage, holder);
  }
}

async function createLease(storage: Storage, run: string): Promise<boolean> {
  try {
    await storage.command(`CREATE TABLE reenriching (run String) ENGINE = Memory COMMENT '${run}'`);
    return true;
  } catch (error) {
    if (error instanceof StorageError && error.clickhouseCode === TABLE_ALREADY_EXISTS) return false;
    throw error;
  }
}

/** Removes the lease of a crashed run. Of several processes that take over, only one can rename the table. */
async function removeLease(storage: Storage, holder: string): Promise<void> {
  const aside = `reenriching_${holder}_${newRun()}`;
  try {
    await storage.command(`RENAME TABLE reenriching TO ${aside}`);
  } catch (error) {
    if (!isUnknownTable(error)) throw error;
    return;
  }
  await storage.command(`DROP TABLE IF EXISTS ${aside} SYNC`);
}

export async function releaseLease(storage: Storage, run: string): Promise<void> {
  if ((await leaseHolder(storage)) === run) await storage.command('DROP TABLE IF EXISTS reenriching SYNC');
}
