// `bench knowledge`: what a change of the documents costs. 100,000 VMs, 2,000 rules and a million prefixes are compiled as
// the knowledge thread does it, in a process that never did before (cold: what a start waits for) and again (warm: what
// each change costs beside the batches); then a thread compiles and hands over again and again, and this one enriches
// batch after batch. CPU time of the thread in question, so that a busy neighbour does not change it.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import { Enrichment } from '../../enricher/stages/enrich.ts';
import { compileApplications } from '../../inventory/applications/applications.ts';
import type { Documents } from '../../inventory/model/documents.ts';
import { mergedOf } from '../../inventory/model/merge.ts';
import type { KnowledgeUpdate } from '../../inventory/snapshot/follower.ts';
import type { Knowledge } from '../../inventory/snapshot/knowledge.ts';
import { createReceived } from '../../inventory/snapshot/received.ts';
import { share } from '../../inventory/snapshot/share.ts';
import { compileSnapshotData } from '../../inventory/snapshot/snapshot.ts';
import { applicationsChecker } from '../../schemas/applications.ts';
import { inlineFurther } from '../../service/inlining.ts';
import { applicationsDocument } from './applications.ts';
import { batchesOf, documentsOf, LIMITS } from './enrich.ts';
import type { Results } from './results.ts';

/** In the bundle, a file with all that it imports, as threads are. */
const PROGRAM = fileURLToPath(new URL('./knowledge.ts', import.meta.url));

const VMS = { vms: 100_000, hosts: 2500, switches: 100, rules: 2000 };
const SIZES = {
  full: { ...VMS, prefixes: 1_000_000, rows: 65_536, batches: 4, colds: 3, warms: 6, swaps: 12 },
  smoke: {
    ...VMS,
    vms: 1000,
    hosts: 50,
    switches: 5,
    rules: 40,
    prefixes: 2000,
    rows: 2048,
    batches: 2,
    colds: 1,
    warms: 2,
    swaps: 3,
  },
};
type Size = (typeof SIZES)['full'];

/** Batches after a swap until the next state is asked for. */
const SETTLED_BATCHES = 12;

interface Compiled {
  readonly inventoryMs: number;
  readonly applicationsMs: number;
  readonly shareMs: number;
}

export async function benchKnowledge(smoke: boolean): Promise<Results> {
  const size = smoke ? SIZES.smoke : SIZES.full;
  const run = (what: string): Compiled[] =>
    JSON.parse(execFileSync(process.execPath, [PROGRAM, what, String(smoke)], { encoding: 'utf8' }));
  const colds = Array.from({ length: size.colds }, () => run('cold')[0]!);
  const warms = run('warm').slice(1);
  const swaps = await measureSwaps(size, smoke);
  const row = (name: string, values: readonly number[]) => {
    const sorted = values.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
    return [name, String(values.length), at(0.5).toFixed(1), at(0.9).toFixed(1), at(1).toFixed(1)];
  };
  const all = ({ inventoryMs, applicationsMs, shareMs }: Compiled) => inventoryMs + applicationsMs + shareMs;
  return {
    name: 'knowledge',
    about: `${size.vms} VMs on ${size.hosts} hosts, ${size.rules} rules with ${size.prefixes} prefixes; ${size.batches} batches of ${size.rows} records with ${endsOf(size)} distinct ends in the first. Milliseconds of CPU time of one thread.`,
    columns: ['what', 'times', 'ms p50', 'ms p90', 'ms max'],
    rows: [
      row('compile, cold', colds.map(all)),
      row('compile, warm', warms.map(all)),
      row(
        'of that the inventory',
        warms.map(({ inventoryMs }) => inventoryMs),
      ),
      row(
        'of that the applications',
        warms.map(({ applicationsMs }) => applicationsMs),
      ),
      row(
        'of that into shared memory',
        warms.map(({ shareMs }) => shareMs),
      ),
      row(
        'swap: longest pause between batches',
        swaps.map(({ pauseMs }) => pauseMs),
      ),
      row(
        'swap: all of it, in slices',
        swaps.map(({ preparedMs }) => preparedMs),
      ),
      row(
        'swap: by the clock, batches included',
        swaps.map(({ heldMs }) => heldMs),
      ),
      row(
        'batch before a swap',
        swaps.map(({ beforeMs }) => beforeMs),
      ),
      row(
        'delay of the first batch after it',
        swaps.map(({ delayMs }) => delayMs),
      ),
    ],
  };
}

function documents(size: Size): Documents {
  const applications = applicationsChecker.check('applications', applicationsDocument(size.rules, size.prefixes));
  return { ...documentsOf(size), applications };
}

function compile({ inventory, applications, exporters }: Documents) {
  const [startedMs, merged] = [cpuMs(), mergedOf(inventory)];
  const snapshot = compileSnapshotData(merged, exporters);
  const inventoryMs = cpuMs() - startedMs;
  const rules = compileApplications(applications);
  const applicationsMs = cpuMs() - startedMs - inventoryMs;
  const shared = { snapshot: share(snapshot), applications: share(rules) };
  const took: Compiled = { inventoryMs, applicationsMs, shareMs: cpuMs() - startedMs - inventoryMs - applicationsMs };
  return { ...shared, took };
}

interface Swap {
  /** The longest that anything of the hand-over kept a batch waiting: message, wrapping, a slice of the preparation. */
  readonly pauseMs: number;
  /** All of it, from the message until the state is in force; batches in between not counted. */
  readonly preparedMs: number;
  /** The same by the clock, batches included. */
  readonly heldMs: number;
  readonly beforeMs: number;
  /** How much longer the first batch took, its pause and cold caches included. */
  readonly delayMs: number;
}

/** Distinct addresses of the first batch: each is looked up anew after a swap. */
function endsOf(size: Size): number {
  const [first] = batchesOf({ ...size, batches: 1 }, 'uniform');
  const { srcAddr, dstAddr } = first!.columns;
  const ends = new Set<number>();
  for (let row = 0; row < size.rows; row++) ends.add(srcAddr[4 * row + 3]!).add(dstAddr[4 * row + 3]!);
  return ends.size;
}

/** Batches are enriched without a rest while a thread compiles; it hands over when it is done. */
async function measureSwaps(size: Size, smoke: boolean): Promise<Swap[]> {
  inlineFurther();
  const batches = batchesOf(size, 'uniform');
  const received = createReceived();
  let openMs = 0;
  const knowledge: Knowledge = {
    get starts() {
      return received.starts;
    },
    get asOfs() {
      return received.asOfs;
    },
    snapshotAt(epoch) {
      const startedMs = cpuMs();
      const snapshot = received.snapshotAt(epoch);
      openMs += cpuMs() - startedMs;
      return snapshot;
    },
  };
  const enrichment = new Enrichment(knowledge, createNodeNames(), LIMITS);
  const worker = new Worker(PROGRAM, { workerData: { smoke } });
  let taken = 0;
  let arrivedAtMs: number | undefined;
  // As the feed does it (inventory/snapshot/feed.ts).
  worker.on('message', async (update: KnowledgeUpdate) => {
    arrivedAtMs = performance.now();
    const newest = received.open(update);
    if (newest) await enrichment.prepare(newest);
    received.take(update);
    taken++;
  });
  await once(worker, 'message');
  while (taken === 0) await turn();
  const swaps: Swap[] = [];
  const recent: number[] = [];
  let pauses: number[] = [];
  arrivedAtMs = undefined;
  for (let n = 0; swaps.length < size.swaps; n++) {
    const before = taken;
    openMs = 0;
    const startedMs = cpuMs();
    await turn();
    const handedMs = cpuMs() - startedMs;
    if (arrivedAtMs !== undefined) pauses.push(handedMs);
    const heldMs = performance.now() - (arrivedAtMs ?? 0);
    enrichment.enrichBatch(batches[n % batches.length]!, { low: 7, high: 9 });
    const elapsedMs = cpuMs() - startedMs;
    if (taken === before) {
      // The next state is compiled while caches are warm again.
      if (arrivedAtMs === undefined && recent.push(elapsedMs) === SETTLED_BATCHES) worker.postMessage('next');
      continue;
    }
    const beforeMs = recent.slice(-SETTLED_BATCHES).sort((a, b) => a - b)[SETTLED_BATCHES / 2]!;
    swaps.push({
      pauseMs: Math.max(...pauses, handedMs + openMs),
      preparedMs: pauses.reduce((sum, ms) => sum + ms, openMs),
      heldMs,
      beforeMs,
      delayMs: elapsedMs - beforeMs,
    });
    recent.length = 0;
    pauses = [];
    arrivedAtMs = undefined;
  }
  await worker.terminate();
  return swaps;
}

/** The knowledge thread of the benchmark: each state has a name of its own, so that every hand-over is a swap. */
async function handOver(size: Size): Promise<void> {
  const given = documents(size);
  for (let n = 0; ; n++) {
    const { snapshot, applications } = compile(given);
    const epochs = {
      starts: Float64Array.of(Number.NEGATIVE_INFINITY),
      asOfs: Float64Array.of(n),
      names: [`state ${n}`],
      moments: [0],
    };
    parentPort!.postMessage({ epochs, snapshots: [[`state ${n}`, snapshot]], applications } satisfies KnowledgeUpdate);
    await once(parentPort!, 'message');
  }
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

if (!isMainThread && workerData && 'smoke' in workerData) await handOver(workerData.smoke ? SIZES.smoke : SIZES.full);
else if (process.argv[1] === PROGRAM) {
  const [, , what, smoke] = process.argv;
  const size = smoke === 'true' ? SIZES.smoke : SIZES.full;
  const given = documents(size);
  const rounds = what === 'cold' ? 1 : size.warms;
  console.log(JSON.stringify(Array.from({ length: rounds }, () => compile(given).took)));
}
