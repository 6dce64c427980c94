// `bench chaos`: numbered load through two collectors, Kafka and two enrichers into ClickHouse, while all of them are
// killed, stopped and restarted, Kafka is away until the spools are full, and inserts go wrong. At the end every number is
// stored once, or lies where a counter or a named kill says that something was lost, and both sums agree.

import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLog } from '../../service/log.ts';
import { replaceText } from '../../service/replace-file.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { ScheduledRollup } from '../../storage/rollup/scheduled-rollup.ts';
import { type Account, accountFor } from '../chaos/account.ts';
import { type Installation, isStoredUpTo, openInstallation } from '../chaos/installation.ts';
import { type FaultyProxy, PROXY_FAULTS, startFaultyProxy } from '../chaos/proxy.ts';
import { type Fault, type FaultName, planRound } from '../chaos/schedule.ts';
import type { Service } from '../chaos/service.ts';
import { type Stream, startStream } from '../chaos/stream.ts';
import { compareRollUps, type RollUp, storedNumbers } from '../chaos/verdict.ts';
import { type Watch, watchCollector } from '../chaos/watch.ts';
import { runLoad } from '../load/load.ts';
import { parseLoadOptions } from '../load/options.ts';
import { createRandom } from '../random.ts';
import type { Results } from './results.ts';

export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: number;
  /** Brief, and judged by what is stored alone: how long things take is printed. */
  readonly smoke: boolean;
}

const DATABASE = 'chaos';
const RATE = 2000;
/** So small that the longest absence of Kafka but one does not fill it. */
const SPOOL_BYTES_MAX = 8 * 1024 * 1024;
/** A collector that is stopped for seconds loses datagrams. */
const UDP_BUFFER_BYTES = 128 * 1024;
const HANG_MS = 8000;
const FAULTY_SHARE = 0.5;
/** Inserts come when Kafka and the enrichers are there: so many are waited for. */
const FAULTY_MIN = 8;
const FAULTY_MS_MAX = 60_000;
const FILL_EVERY_ROUNDS = 5;
const FILL_MS_MAX = 120_000;
const FILL_REST_MS = 5000;
/** A service that was started is left alone for so long. */
const REST_MS = 3000;
const RECOVERY_MS_MAX = 30_000;
const DRAIN_MS_MAX = 120_000;
/** Far enough that the pass takes every minute for ripe. */
const RIPE_MS = 600_000;
const POLL_MS = 250;
const PAUSES = { fromMs: 3000, toMs: 12_000 };
const SMOKE_PAUSES = { fromMs: 1000, toMs: 5000 };
const PROTOCOLS = ['netflow5', 'netflow9'] as const;

interface Arena {
  readonly installation: Installation;
  readonly services: Readonly<Record<string, Service>>;
  readonly watches: Readonly<Record<string, Watch>>;
  readonly setInsertFaults: (share: number) => void;
  /** How many went wrong so far. */
  readonly insertFaults: () => number;
}

export async function benchChaos(options: ChaosOptions): Promise<Results> {
  const installation = await openInstallation();
  let keep = true;
  try {
    const proxy = await startFaultyProxy({
      target: installation.address.url,
      random: createRandom(options.seed, 2),
      hangMs: HANG_MS,
    });
    const arena = await startArena(installation, proxy);
    const storage = installation.connect(DATABASE);
    const run = await runFaults(arena, options);
    await proxy.close();
    await new ScheduledRollup({ storage, log: createLog('chaos', 'error') }).run(Date.now() + RIPE_MS);
    const verdict = await verdictOn(arena, storage, run, options.smoke);
    keep = verdict.failures.length > 0;
    return {
      name: 'chaos',
      about: aboutOf(run, proxy, verdict.rollUps, options.seed),
      columns: [
        'collector',
        'sent',
        'stored',
        'twice',
        'never sent',
        'missing',
        '= killed',
        '+ restarted',
        '+ refused (counter)',
        '+ dropped by the kernel',
        'datagrams (counter)',
        '+ several',
        '+ unexplained',
        'oldest before its kill, ms',
      ],
      rows: verdict.rows,
      failures: verdict.failures,
    };
  } finally {
    await installation.close(keep);
  }
}

interface ChaosRun {
  readonly streams: readonly Stream[];
  /** How often each fault came. */
  readonly counts: ReadonlyMap<FaultName, number>;
  readonly loadMs: number;
  readonly recoveryMs: number;
  /** Ends of collectors that nobody had killed. */
  readonly crashes: number;
}

/** Load and faults, until everything is stored and every service is ended. */
async function runFaults(arena: Arena, { minutes, seed, smoke }: ChaosOptions): Promise<ChaosRun> {
  const collectors = [1, 2].map(number => arena.services[`collector-${number}`]!);
  const streams = await Promise.all(
    PROTOCOLS.map((protocol, i) =>
      startStream({ udpPort: collectors[i]!.udpPort, protocol, rate: RATE, seed: seed + i }),
    ),
  );
  const began = performance.now();
  const { counts, endedMs } = await throwFaults(arena, createRandom(seed, 1), { minutes, smoke });
  const recoveryMs = await recovered(arena, endedMs);
  await Promise.all(streams.map(stream => stream.stop()));
  const loadMs = performance.now() - began;
  await drained(arena);
  for (const watch of Object.values(arena.watches)) {
    await watch.look();
    watch.stop();
  }
  const crashes = collectors.reduce((sum, service) => sum + service.deaths(), 0);
  for (const service of Object.values(arena.services)) await service.end();
  return { streams, counts, loadMs, recoveryMs, crashes };
}

interface Verdict {
  /** A row for each collector. */
  readonly rows: readonly string[][];
  readonly rollUps: readonly RollUp[];
  readonly failures: readonly string[];
}

async function verdictOn(
  { installation, watches }: Arena,
  storage: ClickHouse,
  { streams, crashes, recoveryMs }: ChaosRun,
  smoke: boolean,
): Promise<Verdict> {
  const failures: string[] = [];
  const rows: string[][] = [];
  for (const [i, stream] of streams.entries()) {
    const { account, row } = await judge(storage, stream, `collector-${i + 1}`, watches);
    failures.push(...account.failures);
    rows.push(row);
  }
  const rollUps = await compareRollUps(storage);
  for (const { table, different } of rollUps)
    if (different > 0) failures.push(`${table}: ${different} combinations of keys are not those of the records`);
  const quarantined = await installation.quarantined();
  if (quarantined > 0) failures.push(`${quarantined} batches went to quarantine`);
  if (crashes > 0) failures.push(`a collector died ${crashes} times without being killed`);
  if (!smoke && recoveryMs > RECOVERY_MS_MAX)
    failures.push(
      `recovery took ${(recoveryMs / 1000).toFixed(1)} s, at most ${RECOVERY_MS_MAX / 1000} s are promised`,
    );
  return { rows, rollUps, failures };
}

function aboutOf(
  { counts, loadMs, recoveryMs }: ChaosRun,
  proxy: FaultyProxy,
  rollUps: readonly RollUp[],
  seed: number,
): string {
  return [
    `Numbered load of 2 x ${RATE} flows/s for ${(loadMs / 1000).toFixed(0)} s through two collectors, Kafka and two enrichers into ClickHouse, seed ${seed}.`,
    `Faults: ${[...counts].map(([name, count]) => `${name} ${count}`).join(', ')}; inserts: ${PROXY_FAULTS.map(fault => `${fault} ${proxy.counts[fault]}`).join(', ')}.`,
    `Everything of before the end of the last fault was stored at most ${(recoveryMs / 1000).toFixed(1)} s after it.`,
    `Roll-ups compared with the records by every key: ${rollUps.map(({ table, records, different }) => `${table} ${records} records, ${different} different`).join('; ')}.`,
  ].join(' ');
}

async function startArena(installation: Installation, proxy: FaultyProxy): Promise<Arena> {
  const documents = join(installation.folder, 'documents');
  await runLoad(parseLoadOptions({ to: '127.0.0.1:9', seconds: 0, protocol: PROTOCOLS[0], documents }));
  leaveOutOneExporter(join(documents, 'exporters.json'));
  const files = Object.fromEntries(
    ['inventory', 'applications', 'exporters'].map(name => [name, join(documents, `${name}.json`)]),
  );
  const services: Record<string, Service> = {};
  for (const number of [1, 2]) {
    services[`collector-${number}`] = await installation.collector(`collector-${number}`, {
      'spool-bytes-max': SPOOL_BYTES_MAX,
      'udp-buffer-bytes': UDP_BUFFER_BYTES,
    });
    services[`enricher-${number}`] = await installation.enricher(`enricher-${number}`, {
      clickhouse: proxy.url,
      'clickhouse-database': DATABASE,
      ...files,
    });
  }
  for (const service of Object.values(services)) service.start();
  const watches = Object.fromEntries(
    [1, 2].map(number => [`collector-${number}`, watchCollector(services[`collector-${number}`]!)]),
  );
  const arena = {
    installation,
    services,
    watches,
    setInsertFaults: proxy.setFaults,
    insertFaults: () => PROXY_FAULTS.reduce((sum, fault) => sum + proxy.counts[fault], 0),
  };
  await until(() => allReady(arena), 60_000, 'every service ready');
  return arena;
}

/** Where no registered exporter sees a pair, its traffic is unelected: that roll-up is to be compared too. */
function leaveOutOneExporter(file: string): void {
  const registry = JSON.parse(readFileSync(file, 'utf8')) as { exporters: unknown[] };
  replaceText(file, JSON.stringify({ ...registry, exporters: registry.exporters.slice(0, -1) }));
}

/** Plays rounds of faults until the time is over; returns how often each came, and when the last one was over. */
async function throwFaults(
  arena: Arena,
  random: ReturnType<typeof createRandom>,
  { minutes, smoke }: Pick<ChaosOptions, 'minutes' | 'smoke'>,
): Promise<{ counts: Map<FaultName, number>; endedMs: number }> {
  const counts = new Map<FaultName, number>();
  /** What is done to each victim, one after the other. */
  const busy = new Map<string, Promise<unknown>>();
  const ends: Promise<number>[] = [];
  const until = performance.now() + minutes * 60_000;
  await sleep(REST_MS);
  for (let round = 0; round === 0 || performance.now() < until; round++) {
    const faults = planRound(random, smoke ? SMOKE_PAUSES : PAUSES, round % FILL_EVERY_ROUNDS === 0);
    for (const fault of faults) {
      if (round > 0 && performance.now() >= until) break;
      await sleep(fault.afterMs);
      const victims = victimsOf(fault.name);
      const before = Promise.all(victims.map(victim => busy.get(victim)));
      const end = before.then(() => commit(arena, fault)).then(endedMs => endedMs ?? Date.now());
      ends.push(end);
      const work = end.then(() => sleep(REST_MS));
      for (const victim of victims) busy.set(victim, work);
      counts.set(fault.name, (counts.get(fault.name) ?? 0) + 1);
    }
  }
  return { counts, endedMs: Math.max(...(await Promise.all(ends))) };
}

/** While the spools fill, the counters of the collectors must live. */
function victimsOf(name: FaultName): readonly string[] {
  return name === 'spools fill' ? ['broker', 'collector-1', 'collector-2'] : [name.slice(0, name.indexOf(' '))];
}

/** Returns when it was over, if that was before its end was awaited. */
async function commit(arena: Arena, { name, forMs }: Fault): Promise<number | undefined> {
  const { installation, services, watches } = arena;
  say(arena, `${name}${forMs > 0 ? ` for ${forMs} ms` : ''}`);
  const [victim = '', action] = name.split(' ');
  const [broker] = installation.kafka.nodes;
  const stopFor = async (pid: number) => {
    process.kill(pid, 'SIGSTOP');
    await sleep(forMs);
    process.kill(pid, 'SIGCONT');
  };
  if (name === 'spools fill') return fillSpools(arena);
  if (name === 'inserts fail') {
    const before = arena.insertFaults();
    arena.setInsertFaults(FAULTY_SHARE);
    await sleep(forMs);
    await until(() => arena.insertFaults() >= before + FAULTY_MIN, FAULTY_MS_MAX, 'inserts that went wrong').catch(
      () => {},
    );
    arena.setInsertFaults(0);
  } else if (name === 'clickhouse kill') {
    process.kill(installation.clickhouse.pid()!, 'SIGKILL');
  } else if (name === 'clickhouse stop') await stopFor(installation.clickhouse.pid()!);
  else if (name === 'broker kill') {
    await broker!.kill();
    await sleep(forMs);
    await broker!.start();
  } else if (name === 'broker stop') {
    broker!.pause();
    await sleep(forMs);
    broker!.resume();
  } else {
    const service = services[victim]!;
    if (action === 'stop' || action === 'freeze') {
      service.pause();
      await sleep(forMs);
      service.resume();
      return;
    }
    const restarted = await watches[victim]?.ends(action as 'kill' | 'restart');
    await (action === 'kill' ? service.kill() : service.end());
    await sleep(forMs);
    service.start();
    if (restarted) {
      await service.listening();
      restarted();
    }
  }
}

async function fillSpools({ installation, watches }: Arena): Promise<number> {
  const [broker] = installation.kafka.nodes;
  const before = Object.values(watches).map(({ counted }) => counted.refusedRows);
  await broker!.kill();
  await until(
    () => Object.values(watches).every(({ counted }, i) => counted.refusedRows > before[i]!),
    FILL_MS_MAX,
    'both spools at their bound',
  ).finally(() => broker!.start());
  const endedMs = Date.now();
  // What is refused from here on, and lost otherwise, could not be distinguished.
  let refused = -1;
  await until(
    () => {
      const now = Object.values(watches).reduce((sum, { counted }) => sum + counted.refusedRows, 0);
      const still = now === refused;
      refused = now;
      return still;
    },
    FILL_MS_MAX,
    'no more refusals',
    FILL_REST_MS,
  );
  return endedMs;
}

async function allReady({ services }: Arena): Promise<boolean> {
  return (await Promise.all(Object.values(services).map(service => service.ready()))).every(Boolean);
}

/** Milliseconds after `sinceMs` at which everything received before it was stored and every service was ready. */
async function recovered(arena: Arena, sinceMs: number): Promise<number> {
  const { installation, services } = arena;
  const collectors = Object.values(services).filter(service => service.name.startsWith('collector'));
  await until(
    () => collectors.every(collector => collector.spooledAt().every(writtenMs => writtenMs > sinceMs)),
    DRAIN_MS_MAX,
    'everything of before the last fault out of the spools',
  );
  let ends: readonly number[] | undefined;
  await until(
    async () => {
      const progress = await installation.progress();
      ends ??= progress?.ends;
      return ends !== undefined && isStoredUpTo(ends, progress) && (await allReady(arena));
    },
    DRAIN_MS_MAX,
    'everything of before the last fault stored',
  ).catch(async error => {
    throw new Error(`${error.message}; ${await stateOf(arena, ends)}`);
  });
  return Date.now() - sinceMs;
}

/** For whoever looks for what stands still. */
async function stateOf({ installation, services }: Arena, ends: readonly number[] | undefined): Promise<string> {
  const progress = await installation.progress();
  const names = [
    'kafka_up',
    'kafka_partitions',
    'kafka_lag_batches',
    'enricher_inserts_in_flight',
    'kafka_batches_received_total',
    'kafka_batches_acknowledged_total',
  ];
  const reported = await Promise.all(
    Object.values(services).map(async service => {
      const metrics = await service.metrics();
      const values = names.map(name => `${name} ${metrics?.sum(name)}`);
      return `${service.name}: ready ${await service.ready()}, ${values.join(', ')}`;
    }),
  );
  return `wanted ${ends}, ${JSON.stringify(progress)}; ${reported.join('; ')}`;
}

async function drained({ installation, services }: Arena): Promise<void> {
  // The last batch closes within a second.
  await sleep(2000);
  const collectors = Object.values(services).filter(service => service.name.startsWith('collector'));
  await until(
    async () => {
      if (collectors.some(collector => collector.spooledAt().length > 0)) return false;
      const progress = await installation.progress();
      return progress !== undefined && isStoredUpTo(progress.ends, progress);
    },
    DRAIN_MS_MAX,
    'spools empty and every batch stored',
  );
}

async function judge(
  storage: ClickHouse,
  { protocol, ledger }: Stream,
  name: string,
  watches: Arena['watches'],
): Promise<{ account: Account; row: string[] }> {
  const { windows, counted } = watches[name]!;
  const stored = await storedNumbers(storage, protocol, ledger.flows);
  const account = accountFor({ name, ledger, missing: stored.missing, windows, counted });
  const failures = [...account.failures];
  if (stored.twice > 0) failures.push(`${name}: ${stored.twice} numbers are stored more than once`);
  if (stored.invented > 0) failures.push(`${name}: ${stored.invented} numbers were never sent`);
  const { rows } = account;
  return {
    account: { ...account, failures },
    row: [
      `${name} (${protocol})`,
      String(account.sent),
      String(stored.records),
      String(stored.twice),
      String(stored.invented),
      String(account.missing),
      `${rows.kill} in ${windows.filter(({ loss }) => loss === 'kill').length}`,
      `${rows.restart} in ${windows.filter(({ loss }) => loss === 'restart').length}`,
      `${rows.refused} (${counted.refusedRows})`,
      String(rows.dropped),
      `${account.droppedDatagrams} (${counted.droppedDatagrams})`,
      String(account.several),
      String(account.unexplained),
      account.oldestBeforeKillMs.toFixed(0),
    ],
  };
}

async function until(
  condition: () => boolean | Promise<boolean>,
  msMax: number,
  what: string,
  pollMs = POLL_MS,
): Promise<void> {
  const deadline = Date.now() + msMax;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${msMax / 1000} s: ${what}`);
    await sleep(pollMs);
  }
}

function say({ installation }: Arena, line: string): void {
  const text = `${new Date().toISOString()} ${line}\n`;
  process.stderr.write(text);
  appendFileSync(join(installation.folder, 'faults.log'), text);
}
