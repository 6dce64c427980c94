// A preview of as many groups as are taken, over HTTP: the API answers others while it is made.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { PREVIEW_GROUPS_MAX } from '../analysis/previews/preview.ts';
import { createPreviews } from '../analysis/previews/previews.ts';
import type { ApplicationsPreview } from '../schemas/applications-preview.ts';
import { COUNT_REASON, PROTOCOL } from '../schemas/codes.ts';
import { createLog } from '../service/log.ts';
import { createMetrics } from '../service/metrics.ts';
import { migrate } from '../storage/migrations/migrate.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { createQueryApi } from './app.ts';
import { QUERY_API_SERVICE } from './configuration.ts';

const DATABASE = 'previews';
const GROUPS = PREVIEW_GROUPS_MAX;
const config = { ...QUERY_API_SERVICE.load({}), http: '127.0.0.1:0' };
const log = createLog('test', 'error');
const document = { applications: [{ id: 'even', servers: { prefixes: ['10.0.0.0/9'] } }] };

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

async function start(options: { questionsMax?: number; answerMsMax?: number } = {}) {
  const { url, readUser, readPassword } = server.address;
  const previews = createPreviews(
    {
      storage: { url, user: readUser, password: readPassword },
      database: DATABASE,
      queryTimeoutMs: 30_000,
      history: config,
      ephemeralPorts: config.ephemeralPorts,
    },
    { log, ...options },
  );
  const storage = server.connect(DATABASE);
  const api = createQueryApi(config, { storage, log, metrics: createMetrics(), ready: () => [], previews });
  const { url: address } = await api.start();
  const preview = () =>
    fetch(`${address}/api/v1/applications?preview=true`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(document),
    });
  return { storage, address, previews, preview, stop: () => Promise.all([api.stop(), previews.stop()]) };
}

test(`/healthz answers while ${GROUPS} groups are previewed, and previews beyond the bound are refused`, async () => {
  await migrate(server.connect(DATABASE), config);
  const { storage, address, preview, stop } = await start({ questionsMax: 1 });
  // One record a group: half of the senders in the prefix of the application.
  await storage.command(
    `INSERT INTO flows (receivedAt, flowStart, flowEnd, exporter, protocol, samplingRate, etherType, proto, srcAddr, dstAddr, srcPort, dstPort, bytes, packets, estBytes, estPackets, weight, countReason)
     SELECT now64(3) - 60, now64(3) - 60, now64(3) - 60, toIPv6('192.0.2.1'), ${PROTOCOL.ipfix}, 1, 2048, 6,
       toIPv6(toIPv4(toUInt32(167772160 + number + if(number % 2 = 0, 0, 8388608)))), toIPv6('192.168.0.1'), 40000, 443, 1000, 10, 1000, 10, 1, ${COUNT_REASON.elected}
     FROM numbers(${GROUPS})`,
  );
  const startedAt = performance.now();
  let done = false;
  const asked = preview().finally(() => {
    done = true;
  });
  const waits: number[] = [];
  while (!done) {
    const at = performance.now();
    const { status } = await fetch(`${address}/healthz`);
    expect(status).toBe(200);
    waits.push(performance.now() - at);
    if (waits.length === 10) {
      const refused = await preview();
      expect([refused.status, await refused.json()]).toMatchObject([
        503,
        { detail: expect.stringContaining('1 previews wait already') },
      ]);
    }
    await new Promise(resolve => setTimeout(resolve, 5));
  }
  const tookMs = performance.now() - startedAt;
  const response = await asked;
  expect(response.status).toBe(200);
  const answer = (await response.json()) as ApplicationsPreview;
  expect([answer.conversations, answer.examinedShare, answer.movedShare]).toEqual([GROUPS, 1, 0.5]);
  waits.sort((a, b) => a - b);
  console.log(
    `preview ${Math.round(tookMs)} ms; ${waits.length} health checks meanwhile, median ${Math.round(waits[waits.length >> 1]!)} ms, longest ${Math.round(waits.at(-1)!)} ms`,
  );
  expect(waits.at(-1)!).toBeLessThan(tookMs / 4);
  await stop();
}, 60_000);

test('a preview that takes too long is given up and says so; the next one is made', async () => {
  const { preview, stop } = await start({ answerMsMax: 1 });
  const late = await preview();
  expect([late.status, await late.json()]).toMatchObject([
    503,
    { detail: expect.stringContaining('was not made within 0.001 s') },
  ]);
  await stop();
  const patient = await start();
  expect((await patient.preview()).status).toBe(200);
  await patient.stop();
});
