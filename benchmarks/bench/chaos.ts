// `bench chaos`: numbered load through two collectors, Kafka and two enrichers into ClickHouse, while all of them are
// killed, stopped and restarted, Kafka is away until the spools are full, and inserts go wrong. At the end every number is
// stored once, or lies where a counter or a named kill says that something was lost, and both sums agree.

import { createLog } from '../../service/log.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { ScheduledRollup } from '../../storage/rollup/scheduled-rollup.ts';
import { type Account, accountFor } from '../chaos/account.ts';
import { type Arena, DATABASE, PROTOCOLS, startArena } from '../chaos/arena.ts';
import { throwFaults } from '../chaos/faults.ts';
import { openInstallation } from '../chaos/installation.ts';
import { type FaultyProxy, PROXY_FAULTS, startFaultyProxy } from '../chaos/proxy.ts';
import { drained, recovered } from '../chaos/recovery.ts';
import type { FaultName } from '../chaos/schedule.ts';
import { type Stream, startStream } from '../chaos/stream.ts';
import { compareRollUps, type RollUp, storedNumbers } from '../chaos/verdict.ts';
import { createRandom } from '../random.ts';
import type { Results } from './results.ts';

export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: number;
  /** Brief, and judged by what is stored alone: how long things take is printed. */
  readonly smoke: boolean;
}

const RATE = 2000;
const HANG_MS = 8000;
const RECOVERY_MS_MAX = 30_000;
/** Far enough that the pass takes every minute for ripe. */
const RIPE_MS = 600_000;

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
