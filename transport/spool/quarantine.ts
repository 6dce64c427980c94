// Quarantine on disk: batches that can never be stored, each with its reason beside it as JSON. Its bytes are bounded:
// at the bound the oldest batch is dropped. A batch can be moved back into the spool once the reason is gone.

import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BATCH_SUFFIX } from '../batch-file.ts';
import type { Quarantined } from '../transport.ts';
import { tokenOfFile } from './spool.ts';

export interface QuarantineOptions {
  readonly folder: string;
  readonly spoolFolder: string;
  readonly bytesMax: number;
}

const REASON_SUFFIX = '.json';

export class QuarantineFolder {
  readonly #folder: string;
  readonly #spoolFolder: string;
  readonly #bytesMax: number;

  constructor({ folder, spoolFolder, bytesMax }: QuarantineOptions) {
    this.#folder = folder;
    this.#spoolFolder = spoolFolder;
    this.#bytesMax = bytesMax;
  }

  /** Oldest first. */
  list(): Quarantined[] {
    return readdirSync(this.#folder)
      .flatMap(name => {
        const token = tokenOfFile(name);
        if (token === undefined) return [];
        return [{ token, bytes: statSync(this.#batchFile(token)).size, ...this.#reasonOf(token) }];
      })
      .sort((a, b) => a.at.localeCompare(b.at));
  }

  /** Moves the file of a batch out of the spool; returns how many batches were dropped to keep within the bound. */
  add(token: string, bytes: number, reason: string): number {
    let dropped = 0;
    const held = this.list();
    let total = held.reduce((sum, batch) => sum + batch.bytes, 0) + bytes;
    while (total > this.#bytesMax && held.length > 0) {
      const oldest = held.shift()!;
      this.#remove(oldest.token);
      total -= oldest.bytes;
      dropped++;
    }
    if (total > this.#bytesMax) {
      rmSync(this.#spoolFile(token), { force: true });
      return dropped + 1;
    }
    renameSync(this.#spoolFile(token), this.#batchFile(token));
    try {
      writeFileSync(this.#reasonFile(token), JSON.stringify({ reason, at: new Date().toISOString() }), { mode: 0o600 });
    } catch {
      // A full disk allows a rename but no new file. The batch matters more than its reason, which is in the log too.
    }
    return dropped;
  }

  /** Moves a batch back into the spool, where the next start finds it; false when it is not in quarantine. */
  replay(token: string): boolean {
    if (!this.list().some(batch => batch.token === token)) return false;
    renameSync(this.#batchFile(token), this.#spoolFile(token));
    rmSync(this.#reasonFile(token), { force: true });
    return true;
  }

  /** People and full disks write into this file too: it may hold anything. */
  #reasonOf(token: string): { reason: string; at: string } {
    let read: Partial<Record<'reason' | 'at', unknown>> | null = null;
    try {
      read = JSON.parse(readFileSync(this.#reasonFile(token), 'utf8'));
    } catch {
      // As if it were empty.
    }
    const { reason, at } = read ?? {};
    return {
      reason: typeof reason === 'string' ? reason : 'unknown: the reason was not written',
      at: typeof at === 'string' ? at : '',
    };
  }

  #remove(token: string): void {
    rmSync(this.#batchFile(token), { force: true });
    rmSync(this.#reasonFile(token), { force: true });
  }

  #batchFile(token: string): string {
    return join(this.#folder, token + BATCH_SUFFIX);
  }

  #reasonFile(token: string): string {
    return join(this.#folder, token + REASON_SUFFIX);
  }

  #spoolFile(token: string): string {
    return join(this.#spoolFolder, token + BATCH_SUFFIX);
  }
}
