// `hairpin start` as a user meets it: what is wrong is said in one clear message.

import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { freeUdpPort, startHairpin, until } from '../testing/spawned.ts';

const PROGRAM = fileURLToPath(new URL('../hairpin.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'hairpin-start-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the program to its end; for what is refused at once. */
function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status, stdout, stderr };
}

function document(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

describe('what is wrong at the start is one clear message', () => {
  test('a taken UDP port is named, with the remedy', async () => {
    const port = await freeUdpPort();
    const socket = createSocket('udp4').bind(port, '127.0.0.1');
    await once(socket, 'listening');
    const { status, stderr } = run(
      'start',
      '--data',
      join(folder, 'taken'),
      '--udp',
      String(port),
      '--udp-host',
      '127.0.0.1',
      '--http',
      '127.0.0.1:0',
    );
    socket.close();
    expect(status).toBe(1);
    expect(stderr).toContain(
      `PORT_TAKEN: UDP port ${port} on 127.0.0.1 is in use by another program; choose others with --udp`,
    );
    expect(stderr).not.toContain('    at ');
  });

  test('a wrong inventory is refused with its lines and every fault', () => {
    const inventory = document(
      'wrong.yaml',
      'source: lab\nasOf: 2026-01-01T00:00:00Z\nvms:\n  - id: a\n    name: web-1\n    vnics:\n      - mac: 00:11\n  - id: a\n    name: web-2\n    host: nowhere\ncomplete: [hosts]\n',
    );
    const { status, stderr } = run(
      'start',
      '--data',
      join(folder, 'wrong'),
      '--udp',
      '65000',
      '--http',
      '127.0.0.1:0',
      '--inventory',
      inventory,
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(/line 7: .*mac "00:11" is no MAC address/);
    expect(stderr).toMatch(/line 8: .*id "a" is the id of \/vms\/0 already/);
    expect(stderr).toMatch(/line 10: .*host "nowhere" is no id of \/hosts/);
    const checked = run('inventory', 'check', inventory);
    expect(checked.status).toBe(2);
    expect(checked.stderr).toContain('3 faults');
  });

  test('configuration faults are reported all at once', () => {
    const { status, stderr } = run('start', '--udp', '99999', '--workers', 'many', '--log-level', 'loud');
    expect(status).toBe(2);
    for (const flag of ['--udp', '--workers', '--log-level']) expect(stderr).toContain(flag);
    expect(run('start', '--no-such-flag').stderr).toContain('--no-such-flag');
    expect(run('start', '--help').stdout).toContain('--batch-rows-max');
  });
});

describe('a ClickHouse server of its own', () => {
  test('that does not answer is named, with what to check', () => {
    const { status, stderr } = run(
      'start',
      '--data',
      join(folder, 'away'),
      '--clickhouse',
      'http://127.0.0.1:9',
      '--udp',
      '65000',
      '--http',
      '127.0.0.1:0',
    );
    expect(status).toBe(1);
    expect(stderr).toContain('STORAGE_UNREACHABLE');
    expect(stderr).toContain('127.0.0.1:9; check --clickhouse and that the server runs');
  });
});

describe('documents', () => {
  test('are read again when they change; a bad one leaves the one before in force and is counted', async () => {
    const applications = document('applications.yaml', 'applications: []\n');
    const hairpin = await startHairpin({ args: ['--applications', applications] });
    try {
      document('applications.yaml', 'applications:\n  - id: web\n    servers: { prefixes: [10.0.0.0/33] }\n');
      await until(
        async () => (await hairpin.metric('enricher_document_stale', 'kind="applications"')) === 1,
        10_000,
        'the refusal',
      );
      expect(hairpin.stderr()).toContain('10.0.0.0/33');
      document('applications.yaml', 'applications:\n  - id: web\n    servers: { prefixes: [10.0.0.0/8] }\n');
      await until(
        async () => (await hairpin.metric('enricher_documents_total', 'outcome="accepted"')) >= 2,
        10_000,
        'the good one in force',
      );
      expect(await hairpin.metric('enricher_document_stale', 'kind="applications"')).toBe(0);
    } finally {
      await hairpin.stop();
    }
  });
});
