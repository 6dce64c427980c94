// A Hairpin that hides addresses outside, takes exporters of some prefixes at some rate, and answers those who have a token:
// what a user sees of all that, and what is in its log.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { ip4, netflow5, record5 } from '../testing/data/datagrams.ts';
import { startHairpin, until } from '../testing/spawned.ts';

const PROGRAM = fileURLToPath(new URL('../hairpin.ts', import.meta.url));
const RECORDS = 20;
const SENT = 300;
const RATE = 50;
/** One window for all questions, that what is stored later than asked for lies in too. */
const HOUR_MS = 3_600_000;
const WINDOW = `from=${new Date(Date.now() - HOUR_MS).toISOString()}&to=${new Date(Date.now() + HOUR_MS).toISOString()}`;

const folder = mkdtempSync(join(tmpdir(), 'hairpin-privacy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const secret = (role: string) => `secret-${role}`;
function tokens(): string {
  const file = join(folder, 'tokens.json');
  const entries = ['matrix', 'read', 'records', 'admin'].map(role => ({
    name: `the ${role}`,
    role,
    sha256: createHash('sha256').update(secret(role)).digest('hex'),
  }));
  writeFileSync(file, JSON.stringify({ tokens: entries }));
  writeFileSync(join(folder, 'admin'), `${secret('admin')}\n`);
  return file;
}

/** Conversations of 10.0.0.7 and 10.0.0.8 with somebody outside. */
function datagram(sequence: number): Uint8Array {
  const records = Array.from({ length: RECORDS }, (_, i) => [
    ...ip4(i % 2 === 0 ? '10.0.0.7' : '10.0.0.8'),
    ...ip4(`203.0.113.${100 + i}`),
    ...record5().slice(8),
  ]);
  return netflow5(records, { sequence, unixSecs: Math.floor(Date.now() / 1000) });
}

async function erase(api: string, ...args: string[]): Promise<{ code: number | null; text: string }> {
  const flags = ['erase', '--address', '10.0.0.7', '--api', api, ...args];
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr.on('data', chunk => {
    text += chunk;
  });
  const [code] = await once(child, 'exit');
  return { code: code as number | null, text };
}

test('addresses outside are cut, exporters held to list and rate, questions logged, and an address is erased', async () => {
  const limits = ['--exporter-allow', '127.0.0.0/31', '--exporter-rate-max', String(RATE)];
  const hairpin = await startHairpin({ args: ['--tokens', tokens(), '--privacy', 'truncate', ...limits] });
  const { api, udpPort } = hairpin;
  const ask = async (role: string, path: string) => {
    const response = await fetch(api + path, { headers: { authorization: `Bearer ${secret(role)}` } });
    return { status: response.status, body: await response.text() };
  };
  const json = async <T>(role: string, path: string) => JSON.parse((await ask(role, path)).body) as T;
  const metric = async (name: string, label = '') => {
    const { body } = await ask('read', '/metrics');
    const lines = body.split('\n').filter(line => line.startsWith(`hairpin_${name}`) && line.includes(label));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  };
  const sender = createSocket('udp4').bind(0, '127.0.0.1');
  const stranger = createSocket('udp4').bind(0, '127.0.0.2');
  await Promise.all([once(sender, 'listening'), once(stranger, 'listening')]);
  const send = (socket: typeof sender, sequence: number) =>
    new Promise(resolve => socket.send(datagram(sequence), udpPort, '127.0.0.1', resolve));
  try {
    for (let i = 0; i < SENT; i++) await send(sender, i * RECORDS);
    for (let i = 0; i < 5; i++) await send(stranger, i * RECORDS);
    await until(async () => (await metric('collector_datagrams_total')) === SENT + 5, 20_000, 'datagrams');
    expect(await metric('collector_datagrams_refused_total', 'not-allowed')).toBe(5);
    const dropped = await metric('collector_datagrams_refused_total', 'over-rate');
    expect(dropped).toBeGreaterThan(0);
    await new Promise(resolve => setTimeout(resolve, 1000));
    await send(sender, SENT * RECORDS);
    const taken = SENT + 1 - dropped;
    await until(async () => (await metric('enricher_rows_stored_total')) === taken * RECORDS, 20_000, 'rows');

    // What was held back is loss, and the answers say so.
    type Exporters = { exporters: { exporter: string; lost: number; lossRatio: number }[] };
    await until(
      async () => (await json<Exporters>('read', '/api/v1/exporters')).exporters[0]?.lost === dropped * RECORDS,
      30_000,
      'the report of the exporter',
    );
    const { exporters } = await json<Exporters>('read', '/api/v1/exporters');
    expect(exporters.map(({ exporter, lossRatio }) => [exporter, lossRatio])).toEqual([
      ['127.0.0.1', dropped / (SENT + 1)],
    ]);
    const { quality } = await json<{ quality: { lossRatio: number } }>('matrix', `/api/v1/matrix?${WINDOW}`);
    expect(quality.lossRatio).toBeCloseTo(dropped / (SENT + 1), 9);

    // Who may see addresses sees those inside whole.
    expect((await ask('matrix', '/api/v1/flows')).status).toBe(403);
    const flows = await ask('records', `/api/v1/flows?filter=addr%3D10.0.0.7&${WINDOW}`);
    expect(flows.status).toBe(200);
    expect(flows.body).toContain('"10.0.0.7"');
    expect(flows.body).toContain('"203.0.113.0"');
    expect(flows.body).not.toMatch(/203\.0\.113\.1\d\d/);

    // Erasing needs the role, changes nothing when it is only asked, and no total when it is not.
    const totals = async () => (await json<{ total: object }>('matrix', `/api/v1/matrix?${WINDOW}`)).total;
    const before = await totals();
    const stranged = await erase(api);
    expect([stranged.code, stranged.text]).toEqual([1, expect.stringMatching(/^REENRICHMENT_REFUSED: send a token/)]);
    const admin = ['--token-file', join(folder, 'admin')];
    const half = (taken * RECORDS) / 2;
    const preview = await erase(api, '--dry-run', ...admin);
    expect(preview.text).toContain(`flows: ${half} of ${taken * RECORDS} records hold the address`);
    expect(preview.code).toBe(0);
    expect((await ask('records', `/api/v1/flows?${WINDOW}`)).body).toContain('"10.0.0.7"');
    const done = await erase(api, ...admin);
    expect(done.text).toContain(`done: erased from ${half} of ${taken * RECORDS} records`);
    expect(done.code).toBe(0);
    const left = await ask('records', `/api/v1/flows?${WINDOW}&limit=10000`);
    expect(left.body).not.toContain('10.0.0.7');
    expect(left.body).toContain('"10.0.0.8"');
    expect(await totals()).toEqual(before);
    expect((await erase(api, ...admin)).text).toContain('done: no record holds the address');

    // Of users' addresses the log has those that a logged question named.
    const lines = hairpin.stderr().split('\n');
    const audit = lines.filter(line => line.includes('audited request'));
    expect(
      audit.some(line => line.includes('the records') && line.includes('/api/v1/flows?filter=addr%3D10.0.0.7')),
    ).toBe(true);
    expect(audit.some(line => line.includes('the admin') && line.includes('/api/v1/erasures'))).toBe(true);
    expect(lines.filter(line => !audit.includes(line)).join('\n')).not.toMatch(/10\.0\.0\.\d|203\.0\.113/);
    expect(hairpin.stderr()).not.toMatch(/secret-/);
    expect(await hairpin.stop()).toBe(0);
  } finally {
    sender.close();
    stranger.close();
    await hairpin.kill();
  }
}, 180_000);
