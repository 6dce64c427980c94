// The preview against the plain way: the same rows, ungrouped, enriched with either document and summed by hand.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { ENRICHER_SERVICE } from '../../enricher/configuration.ts';
import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import { Enrichment } from '../../enricher/stages/enrich.ts';
import { fixedKnowledge } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { encodeArrow } from '../../schemas/arrow.ts';
import { keyToBigint } from '../../schemas/keys.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import { insertFlows } from '../../storage/tables/flows.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { BATCH_KEY, batchOf, documentsOf, LIMITS, type Row } from '../../testing/data/enrichment.ts';
import { previewApplications } from './preview.ts';

const NOW = Math.floor(Date.now() / 1000) * 1000;
const WINDOW = { fromMs: NOW - 3_600_000, toMs: NOW + 60_000 };
const inventory = {
  vms: [
    { id: '1', name: 'web-01', vnics: [{ addresses: ['10.0.0.1'] }] },
    { id: '2', name: 'db-01', vnics: [{ addresses: ['10.0.0.2'] }] },
    { id: '3', name: 'lab-07', vnics: [{ addresses: ['10.0.0.3'] }] },
  ],
};
const present = {
  applications: [
    { id: 'web', servers: { names: ['web-*'] }, ports: ['tcp/443'] },
    { id: 'gone', servers: { addresses: ['10.0.0.3'] } },
  ],
};
const proposed = {
  applications: [
    { id: 'vip', servers: { vips: ['10.0.0.1 tcp/40000-41000'] } },
    {
      id: 'web',
      servers: { names: ['web-*'] },
      ports: ['tcp/8000-8100', 'tcp/45000-46000'],
      clientPorts: ['tcp/50000-50100'],
    },
    { id: 'data', servers: { names: ['db-*', 'nothing-*'] }, strict: true, ports: ['tcp/5432'] },
    { id: 'idle', servers: { prefixes: ['10.99.0.0/16'] } },
  ],
};

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** Rows from a fixed seed: few addresses and ports, so that every rule is met. */
function rowsOf(count: number): Row[] {
  let state = 42;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
  const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.99.1.1', '10.50.0.9', '8.8.8.8'];
  const port = () => pick([443, 5432, 8042, 3000, 40_500, 45_500, 50_050, 33_000 + random(30_000)]);
  return Array.from({ length: count }, () => ({
    src: pick(addresses),
    dst: pick(addresses.slice(0, 4)),
    proto: pick([6, 6, 6, 17, 1]),
    srcPort: port(),
    dstPort: port(),
    bytes: 100 + random(10_000),
    packets: 3,
    receivedAt: NOW - random(3_000_000),
  }));
}

const NAMED_BY: Record<number, boolean> = { 4: true, 5: true, 6: true, 8: true };

function enriched(documents: ReturnType<typeof documentsOf>, rows: readonly Row[]) {
  const names = createNodeNames();
  const batch = batchOf(rows);
  new Enrichment(fixedKnowledge(compileSnapshot(documents)), names, LIMITS).enrichBatch(batch, BATCH_KEY);
  const nameOf = new Map(names.take().map(({ key, name }) => [key, name]));
  const { columns } = batch;
  const named = (column: Uint32Array, row: number) =>
    nameOf.get(keyToBigint({ low: column[2 * row]!, high: column[2 * row + 1]! }))!;
  const reported = rows.map((_, row) => ({
    src: named(columns.srcApp, row),
    dst: named(columns.dstApp, row),
    service: named(columns.service, row),
    isAuto: NAMED_BY[columns.srcRule[row]!] === true || NAMED_BY[columns.dstRule[row]!] === true,
  }));
  return { batch, reported };
}

test('it reports what enriching every record anew would report', async () => {
  const rows = rowsOf(4000);
  const before = documentsOf({ inventory, applications: present });
  const after = documentsOf({ inventory, applications: proposed });
  const [was, is] = [enriched(before, rows), enriched(after, rows)];
  was.batch.columns.weight.fill(1);
  const storage = server.connect('preview');
  await migrate(storage, ENRICHER_SERVICE.load({}));
  await insertFlows(storage, encodeArrow(was.batch), `flows.test.0.${'0'.repeat(32)}.0`);

  const answer = await previewApplications(
    storage,
    fixedKnowledge(compileSnapshot(before)),
    before.applications,
    { proposed: after.applications, ...WINDOW },
    { inventory: before.inventory },
  );
  const sum = (chosen: (row: number) => boolean) =>
    rows.reduce((total, { bytes = 0 }, row) => total + (chosen(row) ? bytes : 0), 0);
  const whole = sum(() => true);
  const moved = sum(
    row => was.reported[row]!.src !== is.reported[row]!.src || was.reported[row]!.dst !== is.reported[row]!.dst,
  );
  expect(moved).toBeGreaterThan(0.2 * whole);
  expect([answer.bytes, answer.examinedShare]).toEqual([whole, 1]);
  expect(answer.conversations).toBeLessThan(rows.length);
  expect(answer.movedShare).toBeCloseTo(moved / whole, 12);
  expect(answer.serviceMovedShare).toBeCloseTo(
    sum(row => was.reported[row]!.service !== is.reported[row]!.service) / whole,
    12,
  );
  expect(answer.unclassifiedShare.before).toBeCloseTo(sum(row => was.reported[row]!.isAuto) / whole, 12);
  expect(answer.unclassifiedShare.after).toBeCloseTo(sum(row => is.reported[row]!.isAuto) / whole, 12);
  const ofEnds = (reported: typeof was.reported, name: string) =>
    sum(row => reported[row]!.src === name) + sum(row => reported[row]!.dst === name);
  for (const { name, before: bytesBefore, after: bytesAfter, gained, lost } of answer.applications) {
    expect([name, bytesBefore, bytesAfter]).toEqual([name, ofEnds(was.reported, name), ofEnds(is.reported, name)]);
    expect(bytesAfter - bytesBefore).toBe(gained - lost);
  }
  const cells = new Map<string, number>();
  rows.forEach(({ bytes = 0 }, row) => {
    const [a, b] = [was.reported[row]!, is.reported[row]!];
    if (a.src === b.src && a.dst === b.dst) return;
    const name = [a.src, a.dst, b.src, b.dst].join();
    cells.set(name, (cells.get(name) ?? 0) + bytes);
  });
  for (const cell of answer.cells)
    expect(cell.bytes).toBe(
      cells.get([cell.before.src.name, cell.before.dst.name, cell.after.src.name, cell.after.dst.name].join()),
    );
  expect(answer.cells).toHaveLength(Math.min(50, cells.size));
  expect(answer.warnings).toEqual([
    { path: '/applications/2/servers/names/1', message: 'matches nothing of the inventory' },
  ]);
});

test('of more conversations than it takes the largest are examined, and the answer says how much that is', async () => {
  const rows: Row[] = [1, 2, 3].map(i => ({ src: `10.1.0.${i}`, dst: '10.0.0.1', bytes: 1000 * i, receivedAt: NOW }));
  const documents = documentsOf({ inventory });
  const { batch } = enriched(documents, rows);
  batch.columns.weight.fill(1);
  const storage = server.connect('previewBound');
  await migrate(storage, ENRICHER_SERVICE.load({}));
  await insertFlows(storage, encodeArrow(batch), `flows.test.0.${'1'.repeat(32)}.0`);
  const knowledge = fixedKnowledge(compileSnapshot(documents));
  const answer = await previewApplications(
    storage,
    knowledge,
    documents.applications,
    { proposed: documentsOf({ applications: proposed }).applications, ...WINDOW },
    { groupsMax: 2 },
  );
  expect([answer.conversations, answer.bytes, answer.examinedShare]).toEqual([2, 6000, 5000 / 6000]);
});

test('unelected records count once, at the largest point of each pair', async () => {
  const rows: Row[] = [
    { src: '10.0.0.3', dst: '10.0.0.1', bytes: 1000, exporter: '192.0.2.1', receivedAt: NOW },
    { src: '10.0.0.3', dst: '10.0.0.1', bytes: 900, exporter: '192.0.2.2', receivedAt: NOW },
  ];
  const documents = documentsOf({ inventory });
  const { batch } = enriched(documents, rows);
  const storage = server.connect('previewUnelected');
  await migrate(storage, ENRICHER_SERVICE.load({}));
  await insertFlows(storage, encodeArrow(batch), `flows.test.0.${'2'.repeat(32)}.0`);
  const { bytes } = await previewApplications(
    storage,
    fixedKnowledge(compileSnapshot(documents)),
    documents.applications,
    { proposed: documents.applications, ...WINDOW },
  );
  expect(bytes).toBe(1000);
});
