// Moves from records to answers: enrichers in front of a real ClickHouse, asked by the API.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ENRICHER_SERVICE } from '../../enricher/configuration.ts';
import { ENRICHER_COUNTERS } from '../../enricher/counters.ts';
import { Enricher } from '../../enricher/enricher.ts';
import { formatAddress, wordsOfRow } from '../../schemas/address.ts';
import { COUNT_REASON, ELECTION_RULE, MARKS } from '../../schemas/codes.ts';
import { openCounters } from '../../service/counters.ts';
import { createMetrics } from '../../service/metrics.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import { insertEvents, type NoticedEvent } from '../../storage/tables/events.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { batchOf, LIMITS, type Row } from '../../testing/data/enrichment.ts';
import { createFakeSource, createSignal, decodedArrow } from '../../testing/fakes.ts';
import { createQueryApi } from '../app.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';
import { EPISODE_GAP_S } from './events.ts';

const WEB = '02:00:00:00:00:01';
const LEAF_2 = '192.0.2.2';

// Stands in for the election of moves: web's own MAC at the access port of the host it has moved to.
vi.mock('../../enricher/election/election.ts', async original => {
  const actual = await original<typeof import('../../enricher/election/election.ts')>();
  class Election extends actual.Election {
    override elect(...args: Parameters<InstanceType<typeof actual.Election>['elect']>): void {
      super.elect(...args);
      const [columns, from, to] = args;
      for (let row = from; row < to; row++) {
        if (columns.srcMac[2 * row] !== 1 || columns.inIf[row] !== 3) continue;
        if (formatAddress(wordsOfRow(columns.exporter, row)) !== LEAF_2) continue;
        columns.marks[row] = MARKS.moved;
        columns.weight[row] = 1;
        columns.electionRule[row] = ELECTION_RULE.moved;
        columns.countReason[row] = COUNT_REASON.elected;
      }
    }
  }
  return { ...actual, Election };
});

const config = QUERY_API_SERVICE.load({});
const NOW = Math.floor(Date.now() / 60_000) * 60_000;
/** What the clock of the enrichers shows while they notice the move. */
const NOTICED_MS = NOW - 560_000;
let server: TestServer;
let folder: string;
beforeAll(async () => {
  server = await startTestServer();
  folder = mkdtempSync(join(tmpdir(), 'hairpin-events-'));
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** Three hosts at two leaves with a spine between them; web is on h1, db on h2, h3 is empty. */
const inventory = {
  source: 'lab',
  asOf: new Date(NOW - 3_600_000).toISOString(),
  switches: ['leaf-1', 'leaf-2', 'spine'].map(id => ({ id, ports: [1, 2, 3, 49].map(ifIndex => ({ ifIndex })) })),
  hosts: [
    ['h1', 'leaf-1', 1],
    ['h2', 'leaf-2', 2],
    ['h3', 'leaf-2', 3],
  ].map(([id, to, ifIndex]) => ({
    ...{ id, name: `esx-${id}`, pnics: [{ id: 'p', switch: to, ifIndex }], vswitches: [{ id: 'v', uplinks: ['p'] }] },
  })),
  vms: [
    { id: 'web', name: 'web', host: 'h1', vnics: [{ mac: WEB, addresses: ['10.0.0.1'] }] },
    { id: 'db', name: 'db', host: 'h2', vnics: [{ mac: '02:00:00:00:00:02', addresses: ['10.0.0.2'] }] },
  ],
};
const leaf = (address: string, id: string) => ({
  ...{ address, switch: id, metering: 'ingress', role: 'access', ports: [{ ifIndex: 49, role: 'fabric' }] },
});
const exporters = [leaf('192.0.2.1', 'leaf-1'), leaf(LEAF_2, 'leaf-2')];

/** A packet of web to db at second `s`, at each port it comes in by. */
function packet(s: number, hasMoved: boolean): Row[] {
  const ports = hasMoved
    ? [[LEAF_2, 3]]
    : [
        ['192.0.2.1', 1],
        ['192.0.2.3', 1],
        [LEAF_2, 49],
      ];
  const at = NOW - 600_000 + 1000 * s;
  return ports.map(([exporter, inIf]) => ({
    ...{ src: '10.0.0.1', dst: '10.0.0.2', srcMac: WEB, dstMac: '02:00:00:00:00:02', direction: 'ingress' },
    ...{
      exporter: String(exporter),
      inIf: Number(inIf),
      bytes: 1000 + s,
      flowStart: at,
      flowEnd: at,
      receivedAt: at + 500,
    },
  }));
}

/** The records of a move at second 30, in batches of ten seconds. */
const batches = Array.from({ length: 6 }, (_, i) =>
  Array.from({ length: 10 }, (_, j) => packet(10 * i + j, 10 * i + j >= 30)).flat(),
);
const sent = Array.from({ length: 60 }, (_, s) => 1000 + s).reduce((sum, bytes) => sum + bytes, 0);

async function prepare(database: string): Promise<{ storage: ClickHouse; ask: <T>(path: string) => Promise<T> }> {
  const storage = server.connect(database);
  await migrate(storage, config);
  const { app } = createQueryApi(config, {
    ...{ storage, log: pino({ level: 'silent' }), metrics: createMetrics(), ready: () => [], nowMs: () => NOW },
  });
  await app.ready();
  const ask = async <T>(path: string) => {
    const response = await app.inject(`/api/v1/${path}`);
    if (response.statusCode !== 200) throw new Error(response.body);
    return (response.headers['content-type']?.includes('json') ? response.json() : response.body) as T;
  };
  return { storage, ask };
}

/** As many enrichers as there are lists of numbers of batches; each takes its own, all under one identity. */
async function enrich(storage: ClickHouse, shares: readonly (readonly number[])[]): Promise<void> {
  const files = { inventory: join(folder, 'inventory.json'), exporters: join(folder, 'exporters.json') };
  writeFileSync(files.inventory, JSON.stringify(inventory));
  writeFileSync(files.exporters, JSON.stringify({ exporters }));
  await Promise.all(
    shares.map(async share => {
      const signal = createSignal();
      const { source, deliver, acknowledged } = createFakeSource(signal);
      const enricher = new Enricher(
        { ...ENRICHER_SERVICE.load(), ...files, ...LIMITS },
        {
          ...{ source, storage, log: pino({ level: 'silent' }), counters: openCounters(ENRICHER_COUNTERS) },
          nowMs: () => NOTICED_MS,
        },
      );
      enricher.start();
      for (const number of share) deliver(number, decodedArrow(batchOf(batches[number]!)));
      await signal.until(() => acknowledged.length === share.length);
      await enricher.stop();
    }),
  );
}

interface Answer {
  readonly events: readonly Record<string, unknown>[];
}

describe.each([
  ['one enricher', [[0, 1, 2, 3, 4, 5]]],
  [
    'two enrichers that share the batches',
    [
      [0, 2, 4],
      [1, 3, 5],
    ],
  ],
  [
    'two enrichers that both get some',
    [
      [0, 1, 2, 3, 5],
      [0, 3, 4, 5],
    ],
  ],
] as const)('a move, with %s', (name, shares) => {
  test('is one event, its records are marked, and each byte counts once', async () => {
    const { storage, ask } = await prepare(`events_${name.replaceAll(/\W/g, '_')}`);
    await enrich(storage, shares);
    const { events } = await ask<Answer>('events?from=now-1h');
    expect(events).toEqual([
      expect.objectContaining({
        ...{
          kind: 'move',
          mac: WEB,
          vm: 'web',
          fromHost: 'esx-h1',
          toExporter: LEAF_2,
          toIfIndex: 3,
          confirmedAt: null,
        },
        ...{ at: new Date(NOW - 570_000).toISOString(), lastSeen: expect.any(String) },
        detectedAt: new Date(NOTICED_MS).toISOString(),
      }),
    ]);
    // Reported within a second of the records; refreshed later only.
    expect(Date.parse(String(events[0]!['lastSeen']))).toBeGreaterThanOrEqual(NOW - 570_000);
    const [row] = await storage.select(
      `SELECT toString(sum(estBytes * weight)) AS bytes, toString(countIf(bitAnd(marks, ${MARKS.moved}) != 0)) AS marked, toString(count()) AS records FROM flows`,
    );
    expect(row).toEqual({ bytes: String(sent), marked: '30', records: String(3 * 30 + 30) });
    const [rollup] = await storage.select('SELECT toString(sum(bytes)) AS bytes FROM traffic_1m');
    expect(rollup).toEqual({ bytes: String(sent) });
  });
});

describe('the answer', () => {
  const at = (minutesAgo: number) => NOW - 60_000 * minutesAgo;
  const event = (firstAgo: number, lastAgo: number, more: Partial<NoticedEvent> = {}): NoticedEvent => ({
    ...{ kind: 'move', mac: 1, atMs: at(firstAgo), lastSeenMs: at(lastAgo), detectedAtMs: at(firstAgo) + 900 },
    ...{ confirmedAtMs: 0, vm: 0n, fromHost: 0n, toHost: 0n, fromExporter: '::', fromIfIndex: 0 },
    ...{ toExporter: LEAF_2, toIfIndex: 3, ...more },
  });
  const gap = EPISODE_GAP_S / 60;

  test('joins what several report while its times meet, and keeps what came later apart', async () => {
    const { storage, ask } = await prepare('events_joined');
    await insertEvents(storage, [event(100, 98), event(99, 90, { confirmedAtMs: at(89) })]);
    await insertEvents(storage, [event(100, 97), event(90 - gap, 74), event(73 - gap, 55), event(100, 98, { mac: 2 })]);
    const { events } = await ask<Answer>('events?from=now-2h');
    const iso = (minutesAgo: number) => new Date(at(minutesAgo)).toISOString();
    expect(events.map(({ mac, at: first, lastSeen, confirmedAt }) => [mac, first, lastSeen, confirmedAt])).toEqual([
      ['00:00:00:00:00:01', iso(73 - gap), iso(55), null],
      ['00:00:00:00:00:01', iso(100), iso(74), iso(89)],
      ['00:00:00:00:00:02', iso(100), iso(98), null],
    ]);
  });

  test('is for a window and a kind, bounded, and has a table form', async () => {
    const { storage, ask } = await prepare('events_asked');
    await insertEvents(storage, [
      event(100, 98),
      event(50, 40, { mac: 2 }),
      event(30, 20, { kind: 'mac-conflict', mac: 3 }),
    ]);
    const macs = async (query: string) =>
      (await ask<Answer>(`events?${query}`)).events.map(({ mac }) => String(mac).slice(-1));
    expect(await macs('from=now-3h')).toEqual(['3', '2', '1']);
    expect(await macs('from=now-3h&limit=2')).toEqual(['3', '2']);
    expect(await macs('from=now-45m')).toEqual(['3', '2']);
    expect(await macs('from=now-3h&to=now-60m')).toEqual(['1']);
    expect(await macs('from=now-3h&kind=mac-conflict')).toEqual(['3']);
    const csv = await ask<string>('events?from=now-45m&kind=mac-conflict&format=csv');
    expect(csv.split('\r\n')).toEqual([
      'kind,mac,at,lastSeen,detectedAt,confirmedAt,vmKey,vm,fromHost,fromExporter,fromIfIndex,toExporter,toIfIndex,toHost',
      `mac-conflict,00:00:00:00:00:03,${new Date(at(30)).toISOString()},${new Date(at(20)).toISOString()},${new Date(at(30) + 900).toISOString()},,,,,,0,192.0.2.2,3,`,
      '',
    ]);
  });
});
