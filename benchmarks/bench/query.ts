// `bench query`: how long questions take over roll-ups of 13 months, of a day and of a year, at three sizes of which each is
// ten times the one before. The API runs in this process, without the network; every request has a window of its own, the
// caches of ClickHouse are dropped before it, and nothing else runs.

import { startTestServer } from '../../testing/clickhouse.ts';
import { createQueryHouse, type QueryHouse, type QueryParameters } from '../../testing/query-house.ts';
import { type StoredSize, storeRollups } from './query-data.ts';
import type { Results } from './results.ts';

const HOUR_MS = 3_600_000;
const NOW = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
const DAY_H = 24;
const SIZES = { applications: 200, vms: 5000, conversations: 60_000, days: 396 };
const SMOKE_SIZE: StoredSize = { applications: 10, vms: 100, conversations: 500, days: 3, flows: 20_000 };
const RUNS = 20;
const SMOKE_RUNS = 2;
/** What a planner may wait for: p95 of the times, ms. */
const DAY_MS_MAX = 100;
const YEAR_MS_MAX = 300;

interface Asked {
  readonly name: string;
  readonly question: string;
  readonly query: QueryParameters;
}

const QUESTIONS: readonly Asked[] = [
  { name: 'matrix by application', question: 'matrix', query: { by: 'app' } },
  { name: 'matrix by application, p95', question: 'matrix', query: { by: 'app', metric: 'p95Bps' } },
  { name: 'matrix by VM', question: 'matrix', query: { by: 'vm' } },
  { name: 'matrix by rack', question: 'matrix', query: { by: 'rack' } },
  { name: 'top services', question: 'top', query: { by: 'service' } },
  { name: 'series of a cell', question: 'series', query: { src: 'application-1', dst: 'application-2' } },
  { name: 'growth of a cell', question: 'growth', query: { filter: 'src.app = application-1' } },
];

export async function benchQuery(smoke: boolean, flowsMax = 10_000_000): Promise<Results> {
  const sizes = smoke ? [SMOKE_SIZE] : [flowsMax / 100, flowsMax / 10, flowsMax].map(flows => ({ ...SIZES, flows }));
  const rows: string[][] = [];
  const failures: string[] = [];
  for (const size of sizes) {
    const isLargest = size === sizes.at(-1) && !smoke;
    for (const { cells, missed } of await measure(size, smoke ? SMOKE_RUNS : RUNS)) {
      rows.push(cells);
      if (isLargest) failures.push(...missed);
    }
  }
  return {
    name: 'query',
    about: `Roll-ups of ${SIZES.days} days, ${SIZES.applications} applications, ${SIZES.vms} VMs and ${SIZES.conversations} conversations, made by arithmetic; the embedded ClickHouse, its caches dropped before each request, idle but for it. ${RUNS} requests each, every one with a window of its own; the API in the same process, without the network.`,
    columns: ['flows', 'question', 'window', 'p50 ms', 'p95 ms', 'seeding', 'on disk'],
    rows,
    failures,
  };
}

interface Measured {
  readonly cells: string[];
  readonly missed: readonly string[];
}

async function measure(size: StoredSize, runs: number): Promise<Measured[]> {
  const server = await startTestServer();
  try {
    const house = await createQueryHouse(server, 'query', {
      nowMs: NOW,
      flows: [],
      nodes: [],
      receives: false,
      config: { rollupRetentionDays: 2 * SIZES.days },
    });
    const began = performance.now();
    await storeRollups(house.storage, size, NOW);
    const seeding = `${((performance.now() - began) / 1000).toFixed(0)} s`;
    const [disk] = await house.storage.select<{ bytes: string }>(
      'SELECT sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND database = currentDatabase()',
    );
    const onDisk = `${(Number(disk!.bytes) / 1e6).toFixed(0)} MB`;
    const windows = [
      { name: 'a day', hours: DAY_H, msMax: DAY_MS_MAX },
      { name: 'a year', hours: Math.min(365, size.days - 2) * DAY_H, msMax: YEAR_MS_MAX },
    ];
    const measured: Measured[] = [];
    for (const asked of QUESTIONS)
      for (const { name, hours, msMax } of windows) {
        const times = await timesOf(house, asked, hours, runs);
        const cells = [size.flows.toLocaleString('en'), asked.name, name];
        if (typeof times === 'string')
          measured.push({
            cells: [...cells, times, times, seeding, onDisk],
            missed: [`${asked.name} of ${name}: ${times}`],
          });
        else {
          const [p50, p95] = [quantile(times, 0.5), quantile(times, 0.95)];
          const missed =
            p95 > msMax ? [`${asked.name} of ${name}: p95 ${p95.toFixed(0)} ms, at most ${msMax} wanted`] : [];
          measured.push({ cells: [...cells, p50.toFixed(0), p95.toFixed(0), seeding, onDisk], missed });
        }
      }
    await house.api.stop();
    return measured;
  } finally {
    await server.close();
  }
}

/** Milliseconds of each request, or why it is refused. */
async function timesOf(
  house: QueryHouse,
  { question, query }: Asked,
  hours: number,
  runs: number,
): Promise<number[] | string> {
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const toMs = NOW - (run % DAY_H) * HOUR_MS;
    const window = { from: new Date(toMs - hours * HOUR_MS).toISOString(), to: new Date(toMs).toISOString() };
    for (const cache of ['MARK', 'UNCOMPRESSED', 'QUERY']) await house.storage.command(`SYSTEM DROP ${cache} CACHE`);
    const began = performance.now();
    const { status, body } = await house.get(`/api/v1/${question}`, { ...query, ...window });
    times.push(performance.now() - began);
    if (status === 200) continue;
    return `refused: ${(JSON.parse(body) as { detail: string }).detail.split(';')[0]!.slice(0, 60)}`;
  }
  return times;
}

function quantile(times: readonly number[], share: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}
