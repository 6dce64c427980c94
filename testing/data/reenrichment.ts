// For tests of re-enrichment: numbered records of a small data centre, stored as an enricher stores them, documents that
// come late, and what must hold of the tables whatever happened. Run as a program it is a run that kills itself.

import { pathToFileURL } from 'node:url';
import type { PastConfiguration } from '../../analysis/reenrichment/past-knowledge.ts';
import { type ReenrichDependencies, reenrich } from '../../analysis/reenrichment/reenrich.ts';
import { repair } from '../../analysis/reenrichment/repair.ts';
import { ENRICHER_SERVICE } from '../../enricher/configuration.ts';
import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import { batchKey } from '../../enricher/flow-preparation.ts';
import { Enrichment } from '../../enricher/stages/enrich.ts';
import { type Documents, NO_DOCUMENTS } from '../../inventory/model/documents.ts';
import { fixedKnowledge } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { encodePieces } from '../../schemas/arrow.ts';
import { keyToBigint } from '../../schemas/keys.ts';
import { createLog } from '../../service/log.ts';
import { type ClickHouse, createStorage } from '../../storage/client.ts';
import { dayOf } from '../../storage/days.ts';
import { isFenced } from '../../storage/failures.ts';
import type { Step } from '../../storage/rewrite/day.ts';
import { insertDocument } from '../../storage/tables/documents.ts';
import { insertFlows } from '../../storage/tables/flows.ts';
import { insertNodes } from '../../storage/tables/nodes.ts';
import { insertPlaces } from '../../storage/tables/places.ts';
import { batchOf, documentsOf, LIMITS, type Row } from './enrichment.ts';

export const BYTES_BASE = 1_000_000;

/** Two hosts behind a switch that exports, each with VMs of two applications. */
export const LATE: Documents = documentsOf({
  inventory: {
    source: 'lab',
    asOf: '2026-01-02T00:00:00Z',
    switches: [{ id: 'sw1', ports: [{ ifIndex: 1 }, { ifIndex: 2 }] }],
    hosts: [1, 2].map(i => ({
      id: `h${i}`,
      name: `esx-${i}`,
      pnics: [{ id: 'p', switch: 'sw1', ifIndex: i }],
      vswitches: [{ id: 'v', uplinks: ['p'] }],
    })),
    vms: Array.from({ length: 20 }, (_, i) => ({
      id: `vm${i}`,
      name: i % 2 === 0 ? `web-${i}` : `db-${i}`,
      host: `h${1 + (i % 2)}`,
      vnics: [{ addresses: [`10.0.0.${i + 1}`] }],
    })),
  },
  applications: {
    applications: [
      { id: 'web', name: 'web', servers: { names: ['web-*'] }, ports: ['tcp/443'] },
      { id: 'db', name: 'db', servers: { names: ['db-*'] }, ports: ['tcp/5432'] },
    ],
  },
  exporters: [{ address: '192.0.2.1', switch: 'sw1' }],
});

/** Records `from` to `to`, one number each, as two bridges report them: the second half of them is nobody's. */
export function numbered(from: number, to: number, receivedAt: (n: number) => number): Row[] {
  return Array.from({ length: to - from }, (_, i) => {
    const n = from + i;
    return {
      src: `10.0.0.${(n % 24) + 1}`,
      dst: `10.0.0.${((n * 7) % 24) + 1}`,
      bytes: BYTES_BASE + n,
      packets: 30,
      // The error of one in fifty is not known.
      samplingRate: n % 50 === 0 ? 0 : 1,
      dstPort: n % 3 === 0 ? 5432 : 443,
      exporter: n % 4 === 0 ? '192.0.2.2' : '192.0.2.1',
      inIf: 1 + ((n % 24) % 2),
      direction: 'ingress',
      receivedAt: receivedAt(n),
    };
  });
}

/** The configuration of a re-enrichment. */
export const PAST: PastConfiguration = {
  ...ENRICHER_SERVICE.load({}),
  ...LIMITS,
  // The documents of these tests are of a fixed day, and hold.
  inventoryStaleMs: 1e12,
  inventoryUnknownMs: 1e12,
};

/** Stores rows as an enricher with these documents does; tries again while the day is fenced, and reports for how long. */
export async function ingest(
  storage: ClickHouse,
  token: string,
  rows: readonly Row[],
  documents: Documents = NO_DOCUMENTS,
  again = false,
): Promise<number> {
  const batch = batchOf(rows);
  const key = batchKey(token);
  const names = createNodeNames();
  new Enrichment(fixedKnowledge(compileSnapshot(documents)), names, LIMITS).enrichBatch(batch, key);
  await insertNodes(storage, names.take());
  await insertPlaces(storage, names.takePlaces());
  const times = rows.map(row => row.receivedAt!);
  const days = [...new Set(times.map(dayOf))];
  const before = { batch: keyToBigint(key), fromMs: Math.min(...times), toMs: Math.max(...times), days };
  const startedAt = performance.now();
  for (let tries = 0; ; tries++) {
    try {
      await insertFlows(storage, encodePieces(batch), token, again || tries > 0 ? before : undefined);
      return performance.now() - startedAt;
    } catch (error) {
      if (!isFenced(error) || tries > 400) throw error;
      await new Promise(done => setTimeout(done, 50));
    }
  }
}

export async function recordDocuments(storage: ClickHouse, documents: Documents): Promise<void> {
  for (const kind of ['inventory', 'applications', 'exporters'] as const)
    await insertDocument(storage, {
      kind,
      recordedAtMs: Date.now(),
      asOfMs: kind === 'inventory' ? Date.parse(documents.inventory.asOf) : 0,
      source: 'test',
      body: JSON.stringify(documents[kind]),
    });
}

/** Everything of the records but when they were stored and how often enriched; numbers name them. */
export async function recordsOf(storage: ClickHouse, where = '1'): Promise<unknown[]> {
  return storage.select(`SELECT * EXCEPT (storedAt, revision) FROM flows WHERE ${where} ORDER BY bytes, batch`);
}

/** A roll-up summed by everything it keeps. */
export async function rollupOf(storage: ClickHouse, table: string): Promise<unknown[]> {
  const names = (
    await storage.select<{ name: string }>(
      'SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position',
      { table },
    )
  ).map(({ name }) => name);
  const sums = ['bytes', 'packets', 'varBytes', 'samples', 'records'];
  const keys = names.filter(name => !sums.includes(name)).join(', ');
  return storage.select(
    `SELECT ${keys}, ${sums.map(sum => `sum(t.${sum}) AS ${sum}`).join(', ')} FROM ${table} AS t GROUP BY ${keys} HAVING records > 0 ORDER BY ${keys}`,
  );
}

/**
 * What is wrong with the tables, from SQL that knows nothing of spreading: every number once, and every roll-up the sum of
 * the records it is made of. Flows of these tests have no length, so a record lies in one bucket.
 */
export async function faultsOf(storage: ClickHouse, numbers: number): Promise<string[]> {
  const faults: string[] = [];
  const [row] = await storage.select<Record<'records' | 'different' | 'least' | 'most', string>>(
    `SELECT count() AS records, uniqExact(bytes) AS different, min(bytes) AS least, max(bytes) AS most FROM flows`,
  );
  const wanted = { records: numbers, different: numbers, least: BYTES_BASE, most: BYTES_BASE + numbers - 1 };
  for (const [name, value] of Object.entries(wanted))
    if (Number(row?.[name as keyof typeof wanted]) !== value)
      faults.push(`flows: ${name} is ${row?.[name as keyof typeof wanted]}, expected ${value}`);
  const passed =
    "storedAt < (SELECT toDateTime(toUInt32(max(minute)) + 60, 'UTC') FROM passes WHERE state = 'done' HAVING count() > 0)";
  const compared = [
    { table: 'traffic_1m', keys: 'srcApp, dstApp, service', step: 60, where: 'weight = 1' },
    { table: 'traffic_5m', keys: 'srcApp, dstApp, service', step: 300, where: 'weight = 1' },
    { table: 'traffic_1h', keys: 'srcApp, dstApp, service', step: 3600, where: 'weight = 1' },
    { table: 'cells_5m', keys: 'srcApp, dstApp', step: 300, where: 'weight = 1' },
    { table: 'pairs_5m', keys: 'srcApp, dstApp, srcVm, dstVm', step: 300, where: `weight = 1 AND ${passed}` },
    { table: 'pairs_1h', keys: 'srcApp, dstApp, srcVm, dstVm', step: 3600, where: `weight = 1 AND ${passed}` },
    { table: 'unelected_5m', keys: 'srcApp, dstApp, srcVm, dstVm', step: 300, where: `countReason = 0 AND ${passed}` },
  ];
  for (const { table, keys, step, where } of compared) {
    const rolledUp = await storage.select(
      `SELECT day, toUInt32(bucket) AS at, ${keys}, sum(t.bytes) AS volume, toString(sum(t.varBytes)) AS variance, sum(t.records) AS n FROM ${table} AS t GROUP BY day, at, ${keys} HAVING n > 0 ORDER BY day, at, ${keys}`,
    );
    const summed = await storage.select(
      `SELECT toYYYYMMDD(receivedAt) AS day, toUInt32(intDiv(toUnixTimestamp64Milli(flowStart), ${step * 1000}) * ${step}) AS at, ${keys}, sum(f.bytes) AS volume, if(countIf(samplingRate = 0) > 0, 'inf', '0') AS variance, count() AS n
       FROM flows AS f WHERE ${where} GROUP BY day, at, ${keys} ORDER BY day, at, ${keys}`,
    );
    if (JSON.stringify(rolledUp) !== JSON.stringify(summed)) {
      const total = (rows: readonly unknown[]) => (rows as { n: string }[]).reduce((sum, { n }) => sum + Number(n), 0);
      faults.push(
        `${table}: ${total(rolledUp)} records in ${rolledUp.length} rows, expected ${total(summed)} in ${summed.length}`,
      );
    }
  }
  return faults;
}

export interface KilledRun {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly killAt: Step;
  readonly erase?: string;
  /** What is not settled is put right, whatever the days. */
  readonly repair?: boolean;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { fromMs, toMs, killAt, erase, repair: repairs, ...address } = JSON.parse(process.argv[2]!) as KilledRun;
  const dependencies: ReenrichDependencies = {
    storage: createStorage({ ...address, queryTimeoutMs: 20_000 }),
    log: createLog('killed', 'error'),
    signal: new AbortController().signal,
    reached: step => {
      if (step === killAt) process.kill(process.pid, 'SIGKILL');
    },
  };
  if (repairs) await repair(PAST, { ...dependencies, decidedS: 0 });
  else await reenrich(PAST, { fromMs, toMs, dryRun: false, ...(erase !== undefined && { erase }) }, dependencies);
  process.exit(0);
}
