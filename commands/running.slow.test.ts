// `hairpin start` while it runs: what is malformed is a counter, a full spool refuses and counts, a ClickHouse that dies costs
// nothing.

import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { runLoad } from '../benchmarks/load/load.ts';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import { createRandom } from '../benchmarks/random.ts';
import { createLog } from '../service/log.ts';
import { EmbeddedServer } from '../storage/embedded/embedded.ts';
import { type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

const PROGRAM = fileURLToPath(new URL('../hairpin.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'hairpin-running-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function send(port: number, datagrams: readonly Uint8Array[]): Promise<void> {
  const socket = createSocket('udp4');
  for (const datagram of datagrams) await new Promise(resolve => socket.send(datagram, port, '127.0.0.1', resolve));
  socket.close();
}

describe('a running Hairpin', () => {
  let hairpin: RunningHairpin;
  beforeAll(async () => {
    hairpin = await startHairpin({ args: ['--spool-bytes-max', String(4 * 1024 * 1024)] });
  });
  afterAll(() => hairpin.stop());
  afterEach(async () => {
    // Refused rows make it 503 for ten seconds.
    await expect.poll(async () => (await fetch(`${hairpin.api}/readyz`)).status, { timeout: 30_000 }).toBe(200);
  });

  /** A steady load of its own, all of which must be stored. */
  async function stillStores(): Promise<void> {
    const before = await hairpin.metric('enricher_rows_stored_total');
    const { records } = await runLoad(parseLoadOptions({ to: `127.0.0.1:${hairpin.udpPort}`, rate: 500, seconds: 1 }));
    await until(
      async () => (await hairpin.metric('enricher_rows_stored_total')) === before + records,
      20_000,
      `${records} records stored`,
    );
  }

  test('refuses its data folder to a second one', () => {
    const args = ['start', '--data', hairpin.data, '--udp', '65000', '--http', '127.0.0.1:0'];
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8', timeout: 20_000 });
    expect(status).toBe(1);
    expect(stderr).toMatch(/DATA_FOLDER_TAKEN: .* is used by another Hairpin \(process \d+\)/);
  });

  test('counts empty, short, random and oversized datagrams and goes on', async () => {
    const random = createRandom(7);
    const noise = Array.from({ length: 300 }, (_, i) =>
      Uint8Array.from({ length: 1 + ((i * 37) % 1400) }, () => random.below(256)),
    );
    const oversized = new Uint8Array(65_507).fill(0xff);
    const zeroTemplate = Buffer.from(
      '0009000100000000000000000000000000000001' + '0000000c' + '0100' + '0001' + '00010000' + '0100000800000000',
      'hex',
    );
    const before = {
      datagrams: await hairpin.metric('collector_datagrams_total'),
      faults: await hairpin.metric('collector_decode_faults_total'),
    };
    await send(hairpin.udpPort, [new Uint8Array(0), new Uint8Array(3), ...noise, oversized, zeroTemplate]);
    await until(
      async () => (await hairpin.metric('collector_datagrams_total')) === before.datagrams + noise.length + 4,
      10_000,
      'all datagrams counted',
    );
    expect(await hairpin.metric('collector_decode_faults_total')).toBeGreaterThanOrEqual(
      before.faults + noise.length * 0.9,
    );
    expect(await hairpin.metric('collector_decode_faults_total', 'reason="too-short"')).toBeGreaterThanOrEqual(2);
    expect(await hairpin.metric('collector_decode_faults_total', 'reason="template-malformed"')).toBeGreaterThanOrEqual(
      1,
    );
    await stillStores();
  });

  test('at the bound of the spool refuses the newest batches, counts their rows, and stores the rest when ClickHouse is back', async () => {
    const clickhouse = childrenOf(hairpin.process.pid!);
    const before = {
      stored: await hairpin.metric('enricher_rows_stored_total'),
      refused: await hairpin.metric('encoder_rows_refused_total', 'kind="flows"'),
    };
    for (const pid of clickhouse) process.kill(pid, 'SIGSTOP');
    let records = 0;
    try {
      records = (await runLoad(parseLoadOptions({ to: `127.0.0.1:${hairpin.udpPort}`, rate: 4000, seconds: 6 })))
        .records;
      await until(
        async () => (await hairpin.metric('encoder_rows_refused_total', 'kind="flows"')) > before.refused,
        10_000,
        'a batch refused',
      );
    } finally {
      for (const pid of clickhouse) process.kill(pid, 'SIGCONT');
    }
    await until(
      async () =>
        (await hairpin.metric('enricher_rows_stored_total')) -
          before.stored +
          (await hairpin.metric('encoder_rows_refused_total', 'kind="flows"')) -
          before.refused ===
        records,
      30_000,
      'stored and refused rows adding up to those sent',
    );
    expect(await hairpin.metric('spool_batches_refused_total', 'reason="bound"')).toBeGreaterThan(0);
    await stillStores();
  }, 60_000);

  test('comes back when its ClickHouse is killed, and has lost nothing', async () => {
    const before = await hairpin.metric('enricher_rows_stored_total');
    const load = runLoad(parseLoadOptions({ to: `127.0.0.1:${hairpin.udpPort}`, rate: 2000, seconds: 3 }));
    for (const pid of childrenOf(hairpin.process.pid!)) process.kill(pid, 'SIGKILL');
    const { records } = await load;
    await until(
      async () => (await hairpin.metric('enricher_rows_stored_total')) === before + records,
      30_000,
      'every record stored',
    );
    const { quality } = await hairpin.matrix('from=now-1h');
    expect(quality.accounting!.accepted).toBe(await hairpin.metric('enricher_rows_stored_total'));
  }, 60_000);
});

describe('a ClickHouse server of its own', () => {
  test('given by URL, user and password takes the tables and the records; Hairpin starts none itself', async () => {
    const server = new EmbeddedServer({ folder: join(folder, 'server'), port: 0, log: createLog('test', 'error') });
    const { url, user, password } = await server.start();
    process.env['HAIRPIN_CLICKHOUSE_PASSWORD'] = password;
    try {
      const hairpin = await startHairpin({ args: ['--clickhouse', url, '--clickhouse-user', user] });
      try {
        expect(childrenOf(hairpin.process.pid!)).toEqual([]);
        const { records } = await runLoad(
          parseLoadOptions({ to: `127.0.0.1:${hairpin.udpPort}`, rate: 500, seconds: 1 }),
        );
        await until(
          async () => (await hairpin.metric('enricher_rows_stored_total')) === records,
          20_000,
          `${records} records stored`,
        );
        expect((await hairpin.matrix()).quality.accounting!.accepted).toBe(records);
        expect(hairpin.stderr()).not.toContain(password);
      } finally {
        await hairpin.stop();
      }
    } finally {
      delete process.env['HAIRPIN_CLICKHOUSE_PASSWORD'];
      await server.stop();
    }
  }, 60_000);
});

/** Process ids of the children: the embedded ClickHouse. */
function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(id => {
      try {
        const stat = readFileSync(`/proc/${id}/stat`, 'utf8');
        return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
      } catch {
        return false;
      }
    });
}
