// `hairpin reenrich` of the current day while a numbered load runs into a real Hairpin: every flow carries a number of its
// own in its byte count; no number is stored twice, and none is missing that was not dropped and counted.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { runLoad } from '../benchmarks/load/load.ts';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import type { ReenrichmentAnswer } from '../query-api/maintenance/reenrichments.ts';
import { createLog } from '../service/log.ts';
import { createStorage } from '../storage/client.ts';
import { EmbeddedServer } from '../storage/embedded/embedded.ts';
import { freeUdpPort, startHairpin, until } from '../testing/spawned.ts';

const RATE = 10_000;
const BYTES_BASE = 1_000_000;
const RUNS = 2;
const PROGRAM = fileURLToPath(new URL('../hairpin.ts', import.meta.url));

const data = mkdtempSync(join(tmpdir(), 'hairpin-reenrich-'));
afterAll(() => rmSync(data, { recursive: true, force: true }));

async function command(args: readonly string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM, 'reenrich', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr.on('data', chunk => {
    text += chunk;
  });
  const [code] = await once(child, 'exit');
  return { code: code as number | null, text };
}

test('twice under load: nothing twice, nothing missing, and new records wait for a moment only', async () => {
  const udpPort = await freeUdpPort();
  const hairpin = await startHairpin({ data, udpPort });
  const abort = new AbortController();
  const load = runLoad(
    parseLoadOptions({
      to: `127.0.0.1:${udpPort}`,
      scenario: 'numbered',
      protocol: 'netflow9',
      rate: RATE,
      seconds: 120,
    }),
    { signal: abort.signal },
  );
  const stored = () => hairpin.metric('enricher_rows_stored_total');
  await until(async () => (await stored()) > 3 * RATE, 60_000, 'some records stored');
  const days = ['--from', 'now-1h', '--to', 'now', '--api', hairpin.api];
  for (let i = 0; i < RUNS; i++) {
    const before = await stored();
    const { code, text } = await command(days);
    expect(text).toMatch(/done: \d+ records/);
    expect(code, text).toBe(0);
    const { days: reports } = await hairpin.get<ReenrichmentAnswer>('/api/v1/reenrichments');
    for (const { day, records, recordsPerS, fencedMs } of reports) {
      console.log(`${day}: ${records} records at ${recordsPerS} records/s; ingest delay ${Math.round(fencedMs)} ms`);
      expect(fencedMs).toBeLessThan(30_000);
    }
    // Ingest goes on.
    await until(async () => (await stored()) > before + RATE, 60_000, 'records stored after the swap');
  }
  abort.abort();
  const { flows } = await load;
  await until(
    async () =>
      (await hairpin.metric('spool_bytes')) === 0 && (await hairpin.metric('enricher_inserts_in_flight')) === 0,
    60_000,
    'the spool emptied',
  );
  const dropped =
    (await hairpin.metric('collector_kernel_drops_total')) + (await hairpin.metric('collector_rows_dropped_total'));
  expect(await hairpin.metric('quarantine_batches_total')).toBe(0);
  expect(await hairpin.stop()).toBe(0);
  const numbers = await readNumbers();
  console.log(
    `${flows} sent, ${numbers.different} stored, ${numbers.records - numbers.different} twice, ${dropped} dropped`,
  );
  expect(numbers.records, 'records stored twice').toBe(numbers.different);
  expect(numbers.most).toBeLessThanOrEqual(flows);
  if (dropped === 0) expect(numbers.different).toBe(flows);
  expect(numbers.revision).toBe(RUNS);
  expect(numbers.rolledUp).toBe(numbers.elected);
}, 240_000);

async function readNumbers(): Promise<
  Record<'records' | 'different' | 'most' | 'revision' | 'rolledUp' | 'elected', number>
> {
  const server = new EmbeddedServer({ folder: join(data, 'clickhouse'), port: 0, log: createLog('test', 'error') });
  const storage = createStorage({ ...(await server.start()), database: 'hairpin', queryTimeoutMs: 30_000 });
  try {
    const [row] = await storage.select<Record<string, string | number>>(
      `SELECT count() AS records, uniqExact(bytes) AS different, max(bytes) - {base:UInt64} AS most, max(revision) AS revision,
         (SELECT sum(records) FROM traffic_1m) AS rolledUp, countIf(weight > 0) AS elected FROM flows`,
      { base: BYTES_BASE },
    );
    return Object.fromEntries(Object.entries(row!).map(([name, value]) => [name, Number(value)])) as Awaited<
      ReturnType<typeof readNumbers>
    >;
  } finally {
    await storage.close();
    await server.stop();
  }
}
