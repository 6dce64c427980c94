// Simulated packets over real sockets into a running Hairpin, in simulated time, judged by `verify`.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import { runSimulation } from '../benchmarks/simulation/run.ts';
import type { TruthV2 } from '../benchmarks/simulation/truth.ts';
import { verify } from '../benchmarks/verify/verify.ts';
import type { CoverageAnswer } from '../query-api/questions/coverage.ts';
import { type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

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
      ...['--clock', clock, '--span-ms-max', String(DAY_MS), '--inventory-unknown-ms', String(30 * DAY_MS)],
    ],
  });
  try {
    const summary = await runSimulation(parseLoadOptions({ ...load, truth, to: `127.0.0.1:${hairpin.udpPort}` }));
    expect(summary.elapsedS).toBeLessThan(60);
    // On a busy machine the last batches are stored later than the command waits for them.
    const lines: string[] = [];
    await verify({ truth, api: hairpin.api, settleMsMax: 120_000, print: line => lines.push(line) });
    // At this speed every exporter is silent a blink after the load, so coverage is judged by the slower ones below.
    expect(lines.join('\n')).toMatch(/every unsampled cell equals the truth to the byte/);
  } finally {
    await hairpin.stop();
  }
}, 300_000);

interface Played {
  readonly hairpin: RunningHairpin;
  readonly truth: TruthV2;
  /** The window of the load, for questions. */
  readonly window: string;
}

/**
 * A scenario in simulated time into a Hairpin that starts with nothing and is given every document by its API. The clock
 * is slow enough that exporters are not silent yet by the time the last datagram is stored: 3 minutes.
 */
async function play(
  scenario: string,
  load: object,
  judge: (played: Played) => Promise<void>,
  speed = 50,
): Promise<void> {
  const now = Date.now();
  const clock = `${new Date(now - 2 * DAY_MS).toISOString()}*${speed}@${new Date(now).toISOString()}`;
  const documents = join(folder, `${scenario}-${now}`);
  const options = { volume: 0.2, ...load, scenario, documents, clock };
  await runSimulation(parseLoadOptions({ ...options, prepare: true }));
  const hairpin = await startHairpin({ args: ['--clock', clock, '--span-ms-max', String(DAY_MS)] });
  try {
    const before = await hairpin.get<CoverageAnswer>('/api/v1/coverage');
    expect({ coverage: before.coverage, pairs: before.pairs }).toEqual({ coverage: null, pairs: null });
    for (const [path, name] of [
      ['inventory/snapshots', 'inventory-1'],
      ['exporters/registry', 'exporters'],
      ['applications', 'applications'],
    ]) {
      const response = await fetch(`${hairpin.api}/api/v1/${path}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: readFileSync(join(documents, `${name}.json`)),
      });
      expect(response.ok, `${path}: ${await response.text()}`).toBe(true);
    }
    // Enrichers follow within 5 s.
    await until(() => /"epochs":[3-9].*knowledge compiled/.test(hairpin.stderr()), 10_000, 'documents in force');
    await new Promise(resolve => setTimeout(resolve, FOLLOW_MS));
    const sent = { ...options, api: hairpin.api, to: `127.0.0.1:${hairpin.udpPort}` };
    const { truth } = await runSimulation(parseLoadOptions(sent));
    await judge({ hairpin, truth, window: `from=${truth.from}&to=${truth.to}` });
  } finally {
    await hairpin.stop();
  }
}
const FOLLOW_MS = 5000;

async function verdictOf({ hairpin, truth }: Played): Promise<{ exitCode: number; report: string }> {
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);
  const { exitCode } = await verify({ truth, api: hairpin.api, settleMsMax: 8000, print });
  return { exitCode, report: lines.join('\n') };
}

function reenrich({ hairpin, truth }: Played): void {
  const days = ['--from', truth.from, '--to', truth.to, '--api', hairpin.api];
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, 'reenrich', ...days], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(stderr).toMatch(/done: \d+ records/);
  expect(status, stderr).toBe(0);
}

test('VEB hosts: a planner reads exactly the pairs that nobody can see, and cells say how much of them is seen', async () => {
  await play('veb', {}, async played => {
    const { exitCode, report } = await verdictOf(played);
    expect(report).toMatch(/every unsampled cell equals the truth to the byte/);
    expect(report).toMatch(/16 of 16 invisible pairs are named$/m);
    expect(exitCode, report).toBe(0);
    const { hairpin, truth, window } = played;
    const coverage = await hairpin.get<CoverageAnswer>(`/api/v1/coverage?${window}`);
    expect(coverage).toMatchObject({ pairs: 90, invisiblePairs: truth.invisible.length });
    expect(coverage.coverage).toBeCloseTo(1 - 16 / 90, 9);
    // By hand from the truth: pairs of VMs by application, and which of them are invisible.
    const appOf = (vm: string) => vm.replace(/-\d+$/, '');
    const { cells, quality } = await hairpin.matrix(`${window}&by=app`);
    expect(quality.coverage).toBeCloseTo(1 - 16 / 90, 9);
    for (const { src, dst, coverage: share } of cells) {
      const blind = truth.invisible.filter(
        pair => appOf(pair.src) === src.name.replace('auto:', '') && appOf(pair.dst) === dst.name.replace('auto:', ''),
      );
      expect(share !== null && share < 1, `${src.name} -> ${dst.name}: ${share}`).toBe(blind.length > 0);
    }
  });
}, 120_000);

test('VEPA, VEB, S-channels, sFlow and IPFIX, vSwitches, a move: exact at once, and after the inventory of its time is applied', async () => {
  const judge = async (played: Played) => {
    // On a fast clock the inventory comes minutes after the move: until then the sender shows at its new port (`moved`).
    for (const step of [() => {}, () => reenrich(played)]) {
      step();
      const { exitCode, report } = await verdictOf(played);
      expect(report).toMatch(/every unsampled cell equals the truth to the byte/);
      expect(report).toMatch(/invisible pairs are named$/m);
      expect(exitCode, report).toBe(0);
    }
  };
  // Exporters are seen within three minutes of their registration: of one that is not, it is decided later what counts.
  await play('mixed', {}, judge, 20);
}, 180_000);

test.each([
  ['move-late-snapshot', 'a snapshot an hour late'],
  ['address-reuse', 'an address given from one VM to another'],
])(
  '%s: after `reenrich`, %s leaves every minute under its right name',
  async scenario => {
    await play(scenario, {}, async played => {
      reenrich(played);
      const { exitCode, report } = await verdictOf(played);
      // It asks for each minute around the change too.
      expect(new Set(played.truth.minutes.map(({ start }) => start)).size).toBeGreaterThan(1);
      expect(report).toMatch(/every unsampled cell equals the truth to the byte/);
      expect(exitCode, report).toBe(0);
    });
  },
  60_000,
);

test.each(['ipfix', 'netflow9'])(
  '%s with one datagram in twenty lost: lossAdjusted reports what was sent',
  async protocol => {
    await play('loss', { protocol, sampling: 1, volume: 1, seconds: 300 }, async played => {
      const { hairpin, truth, window } = played;
      await verdictOf(played);
      const { total, lossAdjusted, quality } = await hairpin.matrix(`${window}&by=app`);
      const seen = truth.applications.reduce((sum, { bytes, unseenBytes }) => sum + bytes - unseenBytes, 0);
      const reported = `${total.value} received, ${JSON.stringify(lossAdjusted)}, loss ${quality.lossRatio}, of ${seen} sent`;
      console.log(reported);
      expect(total.value, reported).toBeLessThan(seen);
      const close = Math.abs(lossAdjusted!.value! / seen - 1) < 0.005;
      const inside = lossAdjusted!.ciLow! <= seen && seen <= lossAdjusted!.ciHigh!;
      expect(close || inside, reported).toBe(true);
    });
  },
  60_000,
);

test('an access switch that falls silent: its pairs are named as invisible, and no others', async () => {
  // Silence is recorded half a minute later by the wall clock; the others send until then.
  await play('silent-exporter', { seconds: 2700 }, async played => {
    await until(() => /recorded liveness of an exporter/.test(played.hairpin.stderr()), 10_000, 'silence recorded');
    const { report } = await verdictOf(played);
    expect(report).toMatch(/(\d+) of \1 invisible pairs are named$/m);
    const { hairpin, truth } = played;
    const [{ to } = { to: truth.to }] = truth.invisible;
    const coverage = await hairpin.get<CoverageAnswer>(`/api/v1/coverage?from=${truth.from}&to=${to}`);
    expect(coverage.exporters.silent).toHaveLength(1);
    expect(coverage.invisiblePairs).toBe(truth.invisible.length);
  });
}, 180_000);
