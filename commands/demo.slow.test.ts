// The two promises a stranger checks first: the demo fills the matrix within 20 s, and every cell of it is true.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { runLoad } from '../benchmarks/load/load.ts';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';
import { freeTcpPort, freeUdpPort, startHairpin, until } from '../testing/spawned.ts';

const PROGRAM = fileURLToPath(new URL('../hairpin.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'hairpin-demo-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function verify(truth: string, api: string) {
  return spawnSync(process.execPath, [PROGRAM, 'verify', '--truth', truth, '--api', api], {
    encoding: 'utf8',
    timeout: 60_000,
  });
}

test('the demo shows a filled matrix within 20 s, and its cells equal the truth to the byte', async () => {
  const http = `127.0.0.1:${await freeTcpPort()}`;
  const udp = [await freeUdpPort(), await freeUdpPort(), await freeUdpPort()].join(',');
  const data = join(folder, 'demo');
  const demo = spawn(
    process.execPath,
    [PROGRAM, 'demo', '--http', http, '--udp', udp, '--udp-host', '127.0.0.1', '--data', data],
    { stdio: 'ignore' },
  );
  const exited = once(demo, 'exit');
  try {
    let cells = 0;
    await until(
      async () => {
        const response = await fetch(`http://${http}/api/v1/matrix?from=now-1h`).catch(() => undefined);
        cells = response?.ok ? ((await response.json()) as MatrixAnswer).cells.length : 0;
        return cells >= 15;
      },
      20_000,
      'fifteen cells in the matrix',
    );
    const truth = join(data, 'truth.json');
    await until(() => existsSync(truth), 20_000, 'the truth of the past');
    const { status, stdout } = verify(truth, `http://${http}`);
    expect(stdout).toMatch(/every unsampled cell equals the truth to the byte \(\d+ cells, \d+ B\)/);
    expect(status).toBe(0);
  } finally {
    demo.kill('SIGTERM');
    expect((await exited)[0]).toBe(0);
  }
}, 90_000);

test('load and verify: all protocols at once, two bridges on the path of most flows, every byte once', async () => {
  const documents = join(folder, 'documents');
  const load = { protocol: 'netflow5,netflow9,ipfix,sflow5', bridges: 4, vms: 40, apps: 8, documents };
  await runLoad(parseLoadOptions({ ...load, seconds: 0 }));
  const args = ['inventory', 'applications', 'exporters'].flatMap(name => [
    `--${name}`,
    join(documents, `${name}.json`),
  ]);
  const hairpin = await startHairpin({ args });
  try {
    const truth = join(folder, 'load.json');
    const to = `127.0.0.1:${hairpin.udpPort}`;
    const { records, flows } = await runLoad(parseLoadOptions({ ...load, to, truth, rate: 1500, seconds: 3 }));
    expect(records).toBeGreaterThan(flows);
    const { status, stdout } = verify(truth, hairpin.api);
    expect(stdout).toContain('every unsampled cell equals the truth to the byte');
    expect(status).toBe(0);
    const { accounting } = (await hairpin.matrix()).quality;
    expect(Object.values(accounting!.byReason).reduce((sum, count) => sum + count, 0)).toBe(accounting!.accepted);
    expect(accounting!.byReason['not-canonical']).toBeGreaterThan(0);
  } finally {
    await hairpin.stop();
  }
}, 90_000);

test('a sampled load lies within the stated intervals', async () => {
  const documents = join(folder, 'sampled');
  const load = { protocol: 'ipfix', bridges: 2, vms: 24, apps: 6, sampling: 16, documents };
  await runLoad(parseLoadOptions({ ...load, seconds: 0 }));
  const args = ['inventory', 'applications', 'exporters'].flatMap(name => [
    `--${name}`,
    join(documents, `${name}.json`),
  ]);
  const hairpin = await startHairpin({ args });
  try {
    const truth = join(folder, 'sampled.json');
    await runLoad(parseLoadOptions({ ...load, to: `127.0.0.1:${hairpin.udpPort}`, truth, rate: 1000, seconds: 3 }));
    const { status, stdout } = verify(truth, hairpin.api);
    expect(stdout).toMatch(/interval/);
    expect(status).toBe(0);
  } finally {
    await hairpin.stop();
  }
}, 90_000);
