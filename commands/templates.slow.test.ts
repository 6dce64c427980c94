// What exporters have reported outlives the process: `kill -9` right after templates and rates arrived, a start, and data
// alone are decoded at once; and data that came before their template are not lost in between.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createLog } from '../service/log.ts';
import { createStorage } from '../storage/client.ts';
import { EmbeddedServer } from '../storage/embedded/embedded.ts';
import { ipfix, ipfixOptions, netflow9, set, template, u32, v9Options } from '../testing/data/datagrams.ts';
import { freeUdpPort, type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

const data = mkdtempSync(join(tmpdir(), 'hairpin-templates-'));
afterAll(() => rmSync(data, { recursive: true, force: true }));

// proves: state-kept, netstream-templates
test('kill -9 and a start lose no template and no rate', async () => {
  const udpPort = await freeUdpPort();
  const sender = createSocket('udp4');
  sender.bind(0, '127.0.0.1');
  await once(sender, 'listening');
  const send = (datagram: Uint8Array) =>
    new Promise<void>((resolve, reject) =>
      sender.send(datagram, udpPort, '127.0.0.1', error => (error ? reject(error) : resolve())),
    );
  const running: RunningHairpin[] = [];
  const start = async () => {
    const hairpin = await startHairpin({ data, udpPort });
    running.push(hairpin);
    return hairpin;
  };
  try {
    const first = await start();
    await send(
      netflow9([
        set(
          0,
          template(300, [
            [1, 4],
            [2, 4],
          ]),
        ),
        set(1, v9Options(310, [[1, 4]], [[34, 4]])),
        set(310, u32(0), u32(64)),
      ]),
    );
    await send(
      ipfix([
        set(
          2,
          template(400, [
            [1, 4],
            [2, 4],
          ]),
        ),
        set(3, ipfixOptions(410, [[149, 4]], [[34, 4]])),
        set(410, u32(0), u32(32)),
      ]),
    );
    await until(
      async () => (await first.metric('collector_journal_domains')) === 2,
      10_000,
      'two domains in the journal',
    );
    await first.kill();

    const second = await start();
    await send(netflow9([set(300, u32(1000), u32(1))], { sequence: 1 }));
    await send(ipfix([set(400, u32(2000), u32(2))], { sequence: 1 }));
    await until(async () => (await second.metric('collector_records_total')) === 2, 10_000, 'two records');
    expect(await second.metric('collector_decode_faults_total', 'unknown-template')).toBe(0);
    // Unknown here is what the first process knew of nothing: it waits.
    await send(netflow9([set(301, u32(5000))], { sequence: 2 }));
    await until(async () => (await second.metric('collector_pending_sets')) === 1, 10_000, 'a set that waits');
    await send(netflow9([set(0, template(301, [[1, 4]]))], { sequence: 3 }));
    await until(async () => (await second.metric('collector_records_total')) === 3, 10_000, 'three records');
    await until(async () => (await second.metric('enricher_rows_stored_total')) >= 3, 20_000, 'three rows stored');
    expect(await second.stop()).toBe(0);
    expect(await storedFlows()).toEqual([
      { bytes: '1000', samplingRate: 64 },
      { bytes: '2000', samplingRate: 32 },
      { bytes: '5000', samplingRate: 64 },
    ]);
    expect(readdirSync(join(data, 'templates'))).toEqual(['templates.journal']);
  } finally {
    sender.close();
    for (const { process } of running) process.kill('SIGKILL');
  }
}, 90_000);

async function storedFlows(): Promise<{ bytes: string; samplingRate: number }[]> {
  const server = new EmbeddedServer({ folder: join(data, 'clickhouse'), port: 0, log: createLog('test', 'error') });
  const storage = createStorage({ ...(await server.start()), database: 'hairpin', queryTimeoutMs: 30_000 });
  try {
    return await storage.select('SELECT toString(bytes) AS bytes, samplingRate FROM flows ORDER BY flows.bytes', {});
  } finally {
    await storage.close();
    await server.stop();
  }
}
