// With umask 000, and a data folder that others could read: after flows were stored, nothing in it is for others.

import { chmodSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { runLoad } from '../benchmarks/load/load.ts';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import { type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

const root = mkdtempSync(join(tmpdir(), 'hairpin-modes-'));
const umask = process.umask(0);
let hairpin: RunningHairpin | undefined;
afterEach(() => {
  process.umask(umask);
  hairpin?.process.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

/** What others may read, write or enter, and how much there is. ClickHouse removes parts while they are listed. */
function walk(folder: string): { total: number; open: string[] } {
  let total = 0;
  const open: string[] = [];
  const visit = (path: string): void => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (!stat) return;
    total++;
    if (!stat.isSymbolicLink() && (stat.mode & 0o077) !== 0)
      open.push(`${relative(folder, path)} ${(stat.mode & 0o777).toString(8)}`);
    if (stat.isDirectory()) for (const name of namesIn(path)) visit(join(path, name));
  };
  visit(folder);
  return { total, open };
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

test('umask 000 and a real start: folders 0700, files 0600', async () => {
  const data = join(root, 'data');
  mkdirSync(data);
  chmodSync(data, 0o777);
  hairpin = await startHairpin({ data });
  const load = { to: `127.0.0.1:${hairpin.udpPort}`, scenario: 'numbered', protocol: 'ipfix', rate: 2000, seconds: 3 };
  await runLoad(parseLoadOptions(load));
  await until(async () => (await hairpin!.metric('enricher_rows_stored_total')) > 3000, 30_000, 'flows stored');
  const running = walk(data);
  expect(running.total).toBeGreaterThan(100);
  expect(running.open).toEqual([]);
  expect(await hairpin.stop()).toBe(0);
  expect(walk(data).open).toEqual([]);
}, 90_000);
