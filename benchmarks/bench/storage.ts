// `bench storage`: what a flow record costs behind the collector: bytes in the spool, in Kafka and on the disk of
// ClickHouse, and CPU of ClickHouse for inserts (with the roll-ups by view) and for the scheduled pass. The figures that
// docs/SCALING.md multiplies.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { decodeArrow } from '../../schemas/arrow.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { createLog } from '../../service/log.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { ROLLUPS } from '../../storage/rewrite/staging.ts';
import { ScheduledRollup } from '../../storage/rollup/scheduled-rollup.ts';
import { startTestServer } from '../../testing/clickhouse.ts';
import { startHairpin, until } from '../../testing/spawned.ts';
import { BATCH_SUFFIX, payloadOf } from '../../transport/batch-file.ts';
import { runLoad } from '../load/load.ts';
import { parseLoadOptions } from '../load/options.ts';
import type { Results } from './results.ts';

const LOAD = { bridges: 4, vms: 2000, apps: 60, protocol: 'netflow9' };
const DATABASE = 'hairpin';
/** Everything stored until now is ripe for a pass at this time. */
const LATER_MS = 600_000;
const SETTLE_MS_MAX = 120_000;
const STILL_MS = 3000;
const ROUNDS = 10;

export async function benchStorage(smoke: boolean): Promise<Results> {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-bench-'));
  const documents = join(folder, 'documents');
  const [rate, seconds] = smoke ? [2000, 3] : [50_000, 60];
  const options = (to: string, seconds_: number) =>
    parseLoadOptions({ ...LOAD, ...(smoke && { vms: 60, apps: 9 }), to, rate, seconds: seconds_, documents });
  await runLoad(options('127.0.0.1:9', 0));
  const files = ['inventory', 'applications', 'exporters'].flatMap(name => [
    `--${name}`,
    join(documents, `${name}.json`),
  ]);
  const house = await startTestServer();
  const storage = house.connect(DATABASE);
  try {
    const { url, user, password } = house.address;
    const clickhouse = ['--clickhouse', url, '--clickhouse-user', user, '--clickhouse-password', password];
    const hairpin = await startHairpin({ args: [...files, ...clickhouse] });
    const cpu = () => cpuUs(house.server.pid()!);
    const begun = cpu();
    const watching = new AbortController();
    const sampled = largestBatch(join(hairpin.data, 'spool'), watching.signal);
    const sent = await runLoad(options(`127.0.0.1:${hairpin.udpPort}`, seconds));
    let records = 0;
    // What the kernel dropped on a busy machine never arrives: then stillness is the end.
    await until(
      async () => {
        const before = records;
        records = await hairpin.metric('enricher_rows_stored_total');
        if (records >= sent.records) return true;
        await sleep(STILL_MS);
        return records === before && records > 0;
      },
      SETTLE_MS_MAX,
      'the end of the records',
    );
    const insertedUs = cpu() - begun;
    watching.abort();
    const batch = await sampled;
    await hairpin.stop();
    const beforePass = cpu();
    await new ScheduledRollup({ storage, log: createLog('bench', 'error') }).run(Date.now() + LATER_MS);
    const passedUs = cpu() - beforePass;
    await storage.command('OPTIMIZE TABLE flows FINAL');
    for (const table of ROLLUPS) await storage.command(`OPTIMIZE TABLE ${table} FINAL`);
    const flows = await sizeOf(storage, ['flows']);
    const rollups = await sizeOf(storage, ROLLUPS);
    const perRecord = (total: number, digits: number) => (total / records).toFixed(digits);
    return {
      name: 'storage',
      about: `${records} NetFlow v9 records of ${LOAD.vms} VMs in ${LOAD.apps} applications sent at ${rate} flows/s through all of Hairpin into a ClickHouse server; CPU is that of the server, merges until then included; sizes on disk after merging, codecs as they come. The batch had ${batch.rows} rows; Kafka holds it compressed by zstd, level 3. Roll-ups have ${((100 * rollups.rows) / records).toFixed(1)} rows for 100 records; the longer the traffic, the fewer.`,
      columns: ['what', 'bytes a record', 'CPU us a record'],
      rows: [
        ['batch in the spool, Arrow', (batch.bytes / batch.rows).toFixed(1), '-'],
        ['the same in Kafka, compressed once', (batch.compressed / batch.rows).toFixed(1), batch.compressUs.toFixed(3)],
        ['decompressed once', '-', batch.decompressUs.toFixed(3)],
        ['insert with roll-ups by view', perRecord(flows.bytes, 1), perRecord(insertedUs, 2)],
        ['scheduled pass', '-', perRecord(passedUs, 2)],
        [`all ${ROLLUPS.length} roll-ups`, perRecord(rollups.bytes, 1), '-'],
      ],
    };
  } finally {
    await house.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface BatchSize {
  readonly rows: number;
  readonly bytes: number;
  readonly compressed: number;
  /** CPU a row. */
  readonly compressUs: number;
  readonly decompressUs: number;
}

/** The largest batch of flows that passes through the spool while one looks. */
async function largestBatch(spool: string, signal: AbortSignal): Promise<BatchSize> {
  let largest = Buffer.alloc(0);
  let token = '';
  while (!signal.aborted) {
    for (const name of readdirSync(spool)) {
      if (!name.startsWith('flows.') || !name.endsWith(BATCH_SUFFIX)) continue;
      try {
        const file = readFileSync(join(spool, name));
        if (file.length <= largest.length) continue;
        largest = file;
        token = name.slice(0, -BATCH_SUFFIX.length);
      } catch {
        // Stored meanwhile.
      }
    }
    await sleep(20, undefined, { signal }).catch(() => {});
  }
  const arrow = payloadOf(largest, token);
  if (typeof arrow === 'string') throw new Error(`the spool showed no batch (${arrow})`);
  const { rows } = decodeArrow(DECODED_COLUMNS, arrow).batch;
  const compressed = zstdCompressSync(largest);
  const usOf = (work: () => unknown) => {
    const before = process.cpuUsage();
    for (let round = 0; round < ROUNDS; round++) work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / ROUNDS / rows;
  };
  return {
    rows,
    bytes: largest.length,
    compressed: compressed.length,
    compressUs: usOf(() => zstdCompressSync(largest)),
    decompressUs: usOf(() => zstdDecompressSync(compressed)),
  };
}

async function sizeOf(storage: ClickHouse, tables: readonly string[]): Promise<{ bytes: number; rows: number }> {
  const [row] = await storage.select<{ bytes: string; rows: string }>(
    `SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS rows FROM system.parts
     WHERE database = currentDatabase() AND table IN {tables:Array(String)} AND active`,
    { tables },
  );
  return { bytes: Number(row!.bytes), rows: Number(row!.rows) };
}

/** Of a process, from /proc: ticks of 10 ms. */
function cpuUs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}
