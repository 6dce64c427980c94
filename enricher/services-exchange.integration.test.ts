// Two enrichers and a real ClickHouse: what one learns, the other uses, for flows of that time alone.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAddress } from '../schemas/address.ts';
import { openCounters } from '../service/counters.ts';
import { createLog } from '../service/log.ts';
import { migrate } from '../storage/migrations/migrate.ts';
import { insertServices, recordedServices, type ServiceSeen, servicesSeen } from '../storage/tables/services.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { batchOf } from '../testing/data/enrichment.ts';
import { ENRICHER_SERVICE } from './configuration.ts';
import { ENRICHER_COUNTERS } from './counters.ts';
import { createServicesExchange } from './services-exchange.ts';
import { LearnedServices } from './stages/learned-services.ts';
import { ephemeralBits } from './stages/server-side.ts';

const HOUR = 3_600_000;
const NOW = Math.floor(Date.now() / 1000) * 1000;
const DEADLINE_MS = 10_000;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const seen = (fields: Partial<ServiceSeen>): ServiceSeen => ({
  address: parseAddress('10.0.0.1')!,
  vrf: 0,
  proto: 6,
  port: 45000,
  answered: true,
  firstSeenMs: NOW,
  lastSeenMs: NOW,
  ...fields,
});

async function connect(database: string) {
  const storage = server.connect(database);
  await migrate(storage, ENRICHER_SERVICE.load({}));
  const enricher = () => {
    const services = new LearnedServices({ ephemeral: ephemeralBits() });
    const exchange = createServicesExchange({
      services,
      storage,
      log: createLog('test', 'error'),
      counters: openCounters(ENRICHER_COUNTERS),
      intervalMs: 20,
    });
    return { services, exchange };
  };
  return { storage, enricher };
}

test('one enricher uses what the other has learned, and a later one what is still alive', async () => {
  const { storage, enricher } = await connect('exchange');
  const first = enricher();
  const second = enricher();
  await first.exchange.start();
  await second.exchange.start();
  const answer = { src: '10.0.0.1', srcPort: 45000, dst: '10.0.0.9', dstPort: 2000, tcpFlags: 0x12 };
  first.services.learn(batchOf([{ ...answer, flowStart: NOW, flowEnd: NOW, receivedAt: NOW }]).columns, 0, 1);
  const deadline = Date.now() + DEADLINE_MS;
  while (second.services.size === 0 && Date.now() < deadline) await new Promise(resolve => setTimeout(resolve, 10));
  expect(second.services.size).toBe(1);
  await first.exchange.stop();
  await second.exchange.stop();
  await insertServices(storage, [seen({ port: 46000, firstSeenMs: NOW - 50 * HOUR, lastSeenMs: NOW - 48 * HOUR })]);
  const later = enricher();
  await later.exchange.start();
  await later.exchange.stop();
  expect(later.services.size).toBe(1);
});

test('rows of one spell become one, those of another day stay, and a window finds those of its time', async () => {
  const { storage } = await connect('spells');
  const old = { firstSeenMs: NOW - 100 * HOUR, lastSeenMs: NOW - 99 * HOUR };
  await insertServices(storage, [seen(old)]);
  await insertServices(storage, [seen({}), seen({ address: parseAddress('fd00::1')!, vrf: 7, answered: false })]);
  await insertServices(storage, [seen({ firstSeenMs: NOW - 5000, lastSeenMs: NOW })]);
  await storage.command('OPTIMIZE TABLE services FINAL');
  const now = await servicesSeen(storage, NOW - HOUR, NOW, 10);
  expect(now).toHaveLength(2);
  expect(now).toEqual(
    expect.arrayContaining([
      seen({ firstSeenMs: NOW - 5000 }),
      seen({ address: parseAddress('fd00::1')!, vrf: 7, answered: false }),
    ]),
  );
  expect(await servicesSeen(storage, NOW - 101 * HOUR, NOW - 98 * HOUR, 10)).toEqual([seen(old)]);
  expect(await recordedServices(storage, 60, 10)).toHaveLength(3);
});
