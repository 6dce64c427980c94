// Quarantine: batches that can never be stored, each with its reason beside it as JSON. Bounded in bytes: at the bound
// the oldest gives way. A batch can be put back into the spool once the reason is gone.

import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BATCH_SUFFIX } from './batch-file.ts';
import { tokenOfFile } from './spool.ts';

export interface QuarantineOptions {
  readonly folder: string;
  readonly spoolFolder: string;
  readonly bytesMax: number;
}

export interface Quarantined {
  readonly token: string;
  readonly bytes: number;
  readonly reason: string;
  /** When it was put aside, RFC 3339. */
  readonly at: string;
}

export interface Quarantine {
  /** Takes the file of a batch out of the spool; returns how many batches the bound made it drop. */
  add(token: string, bytes: number, reason: string): number;
  /** Oldest first. */
  list(): Quarantined[];
  /** Puts a batch back into the spool, where the next start finds it; false when it is not here. */
  replay(token: string): boolean;
}

const REASON_SUFFIX = '.json';

export function createQuarantine({ folder, spoolFolder, bytesMax }: QuarantineOptions): Quarantine {
  const batchFile = (token: string) => join(folder, token + BATCH_SUFFIX);
  const reasonFile = (token: string) => join(folder, token + REASON_SUFFIX);

  function remove(token: string): void {
    rmSync(batchFile(token), { force: true });
    rmSync(reasonFile(token), { force: true });
  }

  function list(): Quarantined[] {
    return readdirSync(folder)
      .flatMap(name => {
        const token = tokenOfFile(name);
        return token === undefined ? [] : [{ token, bytes: statSync(batchFile(token)).size, ...reasonOf(token) }];
      })
      .sort((a, b) => a.at.localeCompare(b.at));
  }

  /** Whatever the file holds: people and full disks write there too. */
  function reasonOf(token: string): { reason: string; at: string } {
    let read: Partial<Record<'reason' | 'at', unknown>> | null = null;
    try {
      read = JSON.parse(readFileSync(reasonFile(token), 'utf8'));
    } catch {
      // As if it were empty.
    }
    const { reason, at } = read ?? {};
    return {
      reason: typeof reason === 'string' ? reason : 'unknown: the reason was not written',
      at: typeof at === 'string' ? at : '',
    };
  }

  return {
    list,
    add(token, bytes, reason) {
      let dropped = 0;
      const held = list();
      let total = held.reduce((sum, batch) => sum + batch.bytes, 0) + bytes;
      while (total > bytesMax && held.length > 0) {
        const oldest = held.shift()!;
        remove(oldest.token);
        total -= oldest.bytes;
        dropped++;
      }
      if (total > bytesMax) {
        rmSync(join(spoolFolder, token + BATCH_SUFFIX), { force: true });
        return dropped + 1;
      }
      renameSync(join(spoolFolder, token + BATCH_SUFFIX), batchFile(token));
      try {
        writeFileSync(reasonFile(token), JSON.stringify({ reason, at: new Date().toISOString() }), { mode: 0o600 });
      } catch {
        // A full disk takes a rename but no new file; the batch matters more than its reason, which the log has too.
      }
      return dropped;
    },
    replay(token) {
      if (!list().some(batch => batch.token === token)) return false;
      renameSync(batchFile(token), join(spoolFolder, token + BATCH_SUFFIX));
      rmSync(reasonFile(token), { force: true });
      return true;
    },
  };
}
