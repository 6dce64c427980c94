// The evidence behind a verdict against figures of the records, sequence numbers and counters of the test.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { DIRECTION, MARKS, PROTOCOL } from '../../schemas/codes.ts';
import { insertExporterMinutes } from '../../storage/tables/exporters.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { encodeExporters, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { insertReceiving } from '../../testing/receiving.ts';
import type { TrustAnswer } from './trust.ts';

const MINUTE = 60_000;
const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000;
const START = NOW - 120 * MINUTE;
const [web, db, lone] = ['web', 'db', 'lone'].map(name => node('application', name)) as [
  ReturnType<typeof node>,
  ReturnType<typeof node>,
  ReturnType<typeof node>,
];
const EXPORTER = '192.0.2.1';

interface Sent {
  readonly minute: number;
  readonly bytes: number;
  /** Seconds before the flow. */
  readonly age: number;
  readonly revision: number;
  readonly isStale: boolean;
}
/** One record a minute from web to db by port 1. */
const sent: readonly Sent[] = Array.from({ length: 120 }, (_, minute) => ({
  ...{ minute, bytes: 10_000 + 10 * minute, age: 60 * (1 + (minute % 7)), revision: minute % 5 === 0 ? 1 : 0 },
  isStale: minute % 40 === 0,
}));
const at = (minute: number) => START + minute * MINUTE;
/** What the port counted of web to db and of something else that was counted too. */
const OTHER = 500;
const FRAME = 18;

/** Ports at which something of another cell counts both ways, in one minute; the first has the fewest bytes. */
const PORTS = Array.from({ length: 1001 }, (_, i) => ({ ifIndex: 100 + i, bytes: 1000 + i }));
const PORTS_MINUTE = 90;

let server: TestServer;
let house: QueryHouse;
beforeAll(async () => {
  server = await startTestServer();
  const record = (minute: number) => ({
    inIf: 1,
    flowStart: at(minute) + 100,
    flowEnd: at(minute) + 1100,
    receivedAt: at(minute) + 1200,
  });
  house = await createQueryHouse(server, 'trust', {
    ...{ nowMs: NOW, nodes: [web, db, lone], receives: false },
    flows: sent
      .flatMap(({ minute, bytes, age, revision, isStale }) => [
        flow({
          ...{ ...record(minute), srcApp: web.key, dstApp: db.key, bytes, revision, marks: isStale ? MARKS.stale : 0 },
          inventoryAsOf: at(minute) + 100 - age * 1000,
        }),
        flow({ ...record(minute), srcApp: db.key, dstApp: db.key, bytes: OTHER }),
      ])
      .concat(
        PORTS.flatMap(({ ifIndex, bytes }) => {
          const one = { ...record(PORTS_MINUTE), srcApp: lone.key, dstApp: db.key, bytes };
          return [
            flow({ ...one, inIf: ifIndex }),
            flow({ ...one, inIf: 0, outIf: ifIndex, direction: DIRECTION.egress }),
          ];
        }),
      ),
  });
  await insertReceiving(house.storage, START, NOW);
  const rows = sent.map(({ minute }) => ({
    ...{
      minute: at(minute),
      exporter: EXPORTER,
      protocol: PROTOCOL.ipfix,
      lastSeen: at(minute) + 1200,
      datagrams: 1,
      records: 2,
    },
    lost: minute % 60 === 0 ? 1 : 0,
  }));
  await insertExporterMinutes(house.storage, encodeExporters(rows), `exporters.test.0.${'0'.repeat(32)}.0`);
  await house.storage.insert({
    table: 'interfaces',
    rows: sent.flatMap(({ minute, bytes }) =>
      [1, 2].map(ifIndex => ({
        ...{
          minute: at(minute),
          exporter: `::ffff:${EXPORTER}`,
          protocol: PROTOCOL.sflow5,
          ifIndex,
          coveredMs: MINUTE,
        },
        inOctets: String(Math.round((bytes + OTHER + 2 * FRAME) * 1.2)),
      })),
    ),
  });
  await house.storage.insert({
    table: 'interfaces',
    rows: PORTS.map(({ ifIndex, bytes }) => ({
      ...{ minute: at(PORTS_MINUTE), exporter: `::ffff:${EXPORTER}`, protocol: PROTOCOL.sflow5, ifIndex },
      ...{ coveredMs: MINUTE, inOctets: String(bytes + FRAME), outOctets: String(2 * (bytes + FRAME)) },
    })),
  });
});
afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

const iso = (ms: number) => new Date(ms).toISOString();
const cell = { from: iso(START), to: iso(NOW), src: 'web', dst: 'db' };
const total = sent.reduce((sum, { bytes }) => sum + bytes, 0);
const mean = (of: (one: Sent) => number) => sent.reduce((sum, one) => sum + one.bytes * of(one), 0) / total;
const figuresOf = ({ checks }: TrustAnswer) => Object.fromEntries(checks.map(({ check, figure }) => [check, figure]));

test('each check has the figure of what was stored, and the verdict is that of the worst', async () => {
  const answer = await house.answer<TrustAnswer>('trust', cell);
  expect(answer.cell).toMatchObject({ value: total, method: 'exact' });
  const figures = figuresOf(answer);
  expect(figures['covered']).toBe(1);
  expect(figures['inventory']).toBeCloseTo(
    mean(({ age }) => age),
    0,
  );
  expect(figures['stale']).toBeCloseTo(
    mean(({ isStale }) => Number(isStale)),
    9,
  );
  expect(figures['re-enriched']).toBeCloseTo(
    mean(({ revision }) => revision),
    9,
  );
  // Everything that counts at port 1 by everything that the port counted; port 2 has no record of the cell.
  expect(figures['counters']).toBeCloseTo(1 / 1.2, 3);
  // Of two minutes a third is missing: each of their bytes stands for one and a half.
  const adjusted = sent.reduce((sum, { minute, bytes }) => sum + bytes * (minute % 60 === 0 ? 1.5 : 1), 0);
  expect(answer.lossAdjusted).toBeCloseTo(adjusted, 3);
  expect(figures['loss']).toBeCloseTo(1 - total / adjusted, 6);
  expect(answer.records).toMatchObject({
    records: 120,
    exporters: 1,
    ports: 1,
    comparedPorts: 1,
    oldestInventory: iso(at(0) + 100 - 60_000),
  });
  expect([answer.verdict, answer.checks.find(({ check }) => check === 'counters')!.verdict]).toEqual([
    'usable',
    'usable',
  ]);
  expect(answer.reasons).toContainEqual(expect.stringMatching(/^At the 1 port where .* 0\.83 of what/));
});

test('of more ports than are compared those with the most bytes are, both ways, and the answer says how many', async () => {
  const answer = await house.answer<TrustAnswer>('trust', { ...cell, src: 'lone', dst: 'db' });
  expect(answer.records).toMatchObject({ records: 2 * PORTS.length, ports: PORTS.length, comparedPorts: 1000 });
  // At each port all of what arrives was counted, and half of what leaves.
  expect(figuresOf(answer)['counters']).toBeCloseTo(2 / 3, 6);
  expect(answer.reasons).toContainEqual(
    expect.stringMatching(/^At 1000 of the 1001 ports where it counts, .* 0\.67 of/),
  );
});

test('what was not covered, not seen, or cannot be said is unknown', async () => {
  const before = await house.answer<TrustAnswer>('trust', { ...cell, from: iso(START - 7200_000), to: iso(START) });
  expect([before.verdict, before.cell.value]).toEqual(['unknown', null]);
  const partly = await house.answer<TrustAnswer>('trust', { ...cell, from: iso(START - 60 * MINUTE) });
  expect([partly.verdict, figuresOf(partly)['covered']]).toEqual(['doubtful', 2 / 3]);
  const unseen = await house.answer<TrustAnswer>('trust', { ...cell, dst: 'lone' });
  expect([unseen.verdict, unseen.cell.value, figuresOf(unseen)['inventory']]).toEqual(['unknown', 0, null]);
  const few = await house.answer<TrustAnswer>('trust', { ...cell, from: iso(NOW - 10 * MINUTE), metric: 'p95Bps' });
  expect(few.verdict).toBe('unknown');
});

test('every level takes its own values, refuses others, and a table has a line a check', async () => {
  for (const [by, src, dst] of [
    ['addr', '10.0.0.0/8', '::/0'],
    ['mac', '02:00:00:00:00:01', '02:00:00:00:00:02'],
    ['port', '1024-65535', '443'],
    ['interface', '192.0.2.1/1', '192.0.2.1/0'],
    ['rack', 'external', 'external'],
    ['segment', 'external', 'external'],
  ] as const)
    expect((await house.get('/api/v1/trust', { ...cell, by, src, dst })).status, by).toBe(200);
  for (const [by, src, reason] of [
    ['addr', 'web', 'is an address or a prefix'],
    ['port', 'https', 'is a whole number'],
    ['app', 'nobody', 'nothing is named "nobody"'],
  ] as const) {
    const { status, body } = await house.get('/api/v1/trust', { ...cell, by, src });
    expect([status, JSON.parse(body).parameters[0]]).toMatchObject([
      400,
      { parameter: 'src', reason: expect.stringContaining(reason) },
    ]);
  }
  const { body } = await house.get('/api/v1/trust', { ...cell, format: 'csv' });
  expect(body.split('\r\n').map(line => line.split(',')[0])).toEqual([
    ...[
      'check',
      'covered',
      'interval',
      'method',
      'coverage',
      'loss',
      'inventory',
      'stale',
      're-enriched',
      'counters',
      'provisional',
      '',
    ],
  ]);
});
