// The columns of the tables whose days a run swaps (../rewrite). A swap needs staged tables of the same structure, and what a
// crashed run has staged keeps the structure of its version. So a swap that had begun is completed before columns are added,
// and none begins meanwhile: whoever adds them holds the lease of such runs.

import { setTimeout as sleep } from 'node:timers/promises';
import { HairpinError } from '../../service/errors.ts';
import { HERE } from '../placement.ts';
import { releaseLease, takeLease } from '../rewrite/lease.ts';
import { LEASE_S, newRun } from '../rewrite/recovery.ts';
import { SWAPPED } from '../rewrite/staging.ts';
import type { Storage } from '../storage.ts';
import { TABLES } from '../tables/all.ts';
import { alignColumns, lackColumns, readColumns } from './columns.ts';

const isSwapped = ({ name }: { readonly name: string }) => (SWAPPED as readonly string[]).includes(name);
const SWAPPED_TABLES = TABLES.filter(isSwapped);
const OTHER_TABLES = TABLES.filter(table => !isSwapped(table));

const POLL_MS = 200;
/** A run that crashed is recovered within this time; one that still sends heartbeats is not waited for. */
const LEASE_MS_MAX = (LEASE_S + 10) * 1000;

/** As alignColumns(), for a database on one server. Throws STORAGE_BUSY while a run of another process swaps days. */
export async function alignUnderLease(storage: Storage, database: string, leaseMsMax = LEASE_MS_MAX): Promise<void> {
  const found = await readColumns(storage, database);
  if (!lackColumns(found, TABLES)) return alignColumns(storage, HERE, database, TABLES, found);
  // Heartbeats and steps of runs are in one of them.
  await alignColumns(storage, HERE, database, OTHER_TABLES);
  const deadline = performance.now() + leaseMsMax;
  const run = newRun();
  while (lackColumns(await readColumns(storage, database), SWAPPED_TABLES)) {
    const holder = await takeLease(storage, run);
    if (holder === undefined) {
      await alignColumns(storage, HERE, database, SWAPPED_TABLES).finally(() => releaseLease(storage, run));
    } else if (performance.now() > deadline) {
      throw new HairpinError(
        'STORAGE_BUSY',
        `run ${holder} of another process rewrites days of the database "${database}", whose tables this version changes; wait until the re-enrichment, repair or rebuild has ended, or stop the processes of the older version, and start again`,
      );
    } else await sleep(POLL_MS);
  }
  // Types of those that lack nothing.
  await alignColumns(storage, HERE, database, SWAPPED_TABLES);
}
