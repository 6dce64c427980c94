// `bench pipeline`: the highest rate at which nothing is lost between UDP and ClickHouse, found by search. Generator,
// Hairpin and its ClickHouse share the machine, as they do on one server. A rate holds when every record sent is stored
// and no counter of loss moved. The rate found by short runs is confirmed, or lowered, by a long one.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RunningHairpin, startHairpin, until } from '../../testing/spawned.ts';
import { runLoad } from '../load/load.ts';
import { parseLoadOptions } from '../load/options.ts';
import type { Results } from './results.ts';

interface Run {
  readonly offeredPerS: number;
  readonly sentPerS: number;
  readonly sent: number;
  readonly lost: number;
  /** Microseconds of CPU a stored record. */
  readonly hairpinUs: number;
  readonly clickhouseUs: number;
  readonly generatorUs: number;
  readonly rssMiB: number;
}

const LOAD = { bridges: 4, vms: 2000, apps: 60, protocol: 'netflow9' };
const FIRST_RATE = 100_000;
const STEP = 1.25;
const BISECTIONS = 3;
const BACK_OFF = 0.93;
const LONG_TRIES_MAX = 4;
const SETTLE_MS_MAX = 60_000;
const RMEM_HINT = '/proc/sys/net/core/rmem_max';

export async function benchPipeline(smoke: boolean): Promise<Results> {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-bench-'));
  const documents = join(folder, 'documents');
  const options = (to: string, rate: number, seconds: number) =>
    parseLoadOptions({ ...LOAD, ...(smoke && { vms: 60, apps: 9 }), to, rate, seconds, documents });
  await runLoad(options('127.0.0.1:9', 1, 0));
  const files = ['inventory', 'applications', 'exporters'].flatMap(name => [
    `--${name}`,
    join(documents, `${name}.json`),
  ]);
  const hairpin = await startHairpin({ args: files });
  try {
    const run = (rate: number, seconds: number) =>
      measure(hairpin, options(`127.0.0.1:${hairpin.udpPort}`, rate, seconds));
    const runs = smoke ? [await run(2000, 1)] : await search(run);
    return {
      name: 'pipeline',
      about: `UDP to ClickHouse with generator, Hairpin and ClickHouse on one machine: NetFlow v9, ${LOAD.vms} VMs in ${LOAD.apps} applications behind ${LOAD.bridges} bridges, every record enriched, elected, stored and rolled up. Flow records a second; CPU in microseconds a record. Receive buffer limit (rmem_max) ${readFileSync(RMEM_HINT, 'utf8').trim()}.`,
      columns: [
        'seconds',
        'records/s sent',
        'records',
        'lost',
        'Hairpin us',
        'ClickHouse us',
        'generator us',
        'Hairpin RSS MiB',
      ],
      rows: runs.map(({ sent, sentPerS, lost, hairpinUs, clickhouseUs, generatorUs, rssMiB }) => [
        (sent / sentPerS).toFixed(0),
        Math.round(sentPerS).toString(),
        String(sent),
        String(lost),
        hairpinUs.toFixed(2),
        clickhouseUs.toFixed(2),
        generatorUs.toFixed(2),
        rssMiB.toFixed(0),
      ]),
    };
  } finally {
    await hairpin.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Runner = (rate: number, seconds: number) => Promise<Run>;

/** Doubles as the log of the search: every run is a row of the result. */
async function search(run: Runner): Promise<Run[]> {
  const runs: Run[] = [];
  const holds = async (rate: number, seconds: number) => {
    const result = await run(rate, seconds);
    runs.push(result);
    process.stderr.write(
      `${Math.round(result.sentPerS)} records/s for ${seconds} s: ${result.lost} of ${result.sent} lost, CPU us a record: Hairpin ${result.hairpinUs.toFixed(2)}, ClickHouse ${result.clickhouseUs.toFixed(2)}, generator ${result.generatorUs.toFixed(2)}\n`,
    );
    // A generator that cannot keep up has found its own limit, not Hairpin's.
    return result.lost === 0 && result.sentPerS > 0.95 * result.offeredPerS;
  };
  await run(FIRST_RATE / 2, 5);
  let low = 0;
  let high = FIRST_RATE;
  while (await holds(high, 8)) {
    low = high;
    high *= STEP;
  }
  for (let i = 0; i < BISECTIONS; i++) {
    const middle = (low + high) / 2;
    if (await holds(middle, 8)) low = middle;
    else high = middle;
  }
  for (let tries = 0; tries < LONG_TRIES_MAX && low > 0; tries++) {
    if (await holds(low, 30)) break;
    low *= BACK_OFF;
  }
  return runs;
}

async function measure(hairpin: RunningHairpin, options: ReturnType<typeof parseLoadOptions>): Promise<Run> {
  const before = await losses(hairpin);
  const cpuBefore = cpuOf(hairpin.process.pid!);
  const own = process.cpuUsage();
  const summary = await runLoad(options);
  const { user, system } = process.cpuUsage(own);
  let last = -1;
  await until(
    async () => {
      const { stored, dropped } = await losses(hairpin);
      const arrived = stored - before.stored + dropped - before.dropped >= summary.records;
      // What the kernel dropped never arrives: then stillness is the end.
      const still = stored === last;
      last = stored;
      if (still && !arrived) await new Promise(resolve => setTimeout(resolve, 1500));
      return arrived || (still && (await losses(hairpin)).stored === last);
    },
    SETTLE_MS_MAX,
    'every record stored',
  ).catch(() => {});
  const after = await losses(hairpin);
  const cpu = cpuOf(hairpin.process.pid!);
  const stored = after.stored - before.stored;
  const perRecord = (us: number) => us / Math.max(1, stored);
  return {
    offeredPerS: (options.rate * summary.records) / Math.max(1, summary.flows),
    sentPerS: summary.recordsPerS,
    sent: summary.records,
    lost: summary.records - stored,
    hairpinUs: perRecord(cpu.own - cpuBefore.own),
    clickhouseUs: perRecord(cpu.children - cpuBefore.children),
    generatorUs: perRecord(user + system),
    rssMiB: cpu.rssMiB,
  };
}

async function losses(hairpin: RunningHairpin): Promise<{ stored: number; dropped: number }> {
  const [stored, noBatch, refused] = await Promise.all([
    hairpin.metric('enricher_rows_stored_total'),
    hairpin.metric('collector_rows_dropped_total'),
    hairpin.metric('encoder_rows_refused_total', 'kind="flows"'),
  ]);
  return { stored, dropped: noBatch + refused };
}

/** CPU microseconds of a process and of its children (the embedded ClickHouse), from /proc. */
function cpuOf(pid: number): { own: number; children: number; rssMiB: number } {
  const ticksUs = 10_000;
  const read = (id: number) => {
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), us: (Number(fields[11]) + Number(fields[12])) * ticksUs };
  };
  let children = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const { parent, us } = read(Number(name));
      if (parent === pid) children += us;
    } catch {
      // Ended meanwhile.
    }
  }
  const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { own: read(pid).us, children, rssMiB: Number(rss) / 1024 };
}
