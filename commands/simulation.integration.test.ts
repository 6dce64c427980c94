// Simulated packets over real sockets into a running Hairpin, in simulated time, judged by `verify`.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import { runSimulation } from '../benchmarks/simulation/run.ts';
import { startHairpin } from './spawned.ts';

const PROGRAM = fileURLToPath(new URL('../hairpin.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'hairpin-simulation-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const DAY_MS = 86_400_000;

test('two days of a data centre pass in seconds, and every byte is where it belongs', async () => {
  const documents = join(folder, 'documents');
  const truth = join(folder, 'truth.json');
  const text = (ms: number) => new Date(ms).toISOString();
  // What Hairpin needs to start is a day or so on this clock.
  const clock = `${text(Date.now() - 10 * DAY_MS)}*10000@${text(Date.now())}`;
  const load = { scenario: 'three-bridges', documents, clock, volume: 0.01, seconds: (2 * DAY_MS) / 1000 };
  await runSimulation(parseLoadOptions({ ...load, prepare: true }));
  const file = (name: string) => join(documents, `${name}.json`);
  const hairpin = await startHairpin({
    args: [
      ...['--inventory', file('inventory-1'), '--applications', file('applications'), '--exporters', file('exporters')],
      // A stall of a second is three hours.
      ...['--clock', clock, '--span-ms-max', String(DAY_MS)],
    ],
  });
  try {
    const summary = await runSimulation(parseLoadOptions({ ...load, truth, to: `127.0.0.1:${hairpin.udpPort}` }));
    expect(summary.elapsedS).toBeLessThan(60);
    const { status, stdout } = spawnSync(
      process.execPath,
      [PROGRAM, 'verify', '--truth', truth, '--api', hairpin.api],
      { encoding: 'utf8', timeout: 60_000 },
    );
    expect(stdout).toMatch(/every unsampled cell equals the truth to the byte/);
    expect(status, stdout).toBe(0);
  } finally {
    await hairpin.stop();
  }
}, 180_000);
