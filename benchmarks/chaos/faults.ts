// Throws the faults of a schedule (schedule.ts) at an arena, each once its victims are over the one before.

import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../testing/spawned.ts';
import type { createRandom } from '../random.ts';
import { type Arena, say } from './arena.ts';
import { type Fault, type FaultName, planRound } from './schedule.ts';

const FAULTY_SHARE = 0.5;
/** Inserts come when Kafka and the enrichers are there: so many are waited for. */
const FAULTY_MIN = 8;
const FAULTY_MS_MAX = 60_000;
const FILL_EVERY_ROUNDS = 5;
const FILL_MS_MAX = 120_000;
const FILL_REST_MS = 5000;
/** A service that was started is left alone for so long. */
const REST_MS = 3000;
const PAUSES = { fromMs: 3000, toMs: 12_000 };
const SMOKE_PAUSES = { fromMs: 1000, toMs: 5000 };

/** Plays rounds of faults until the time is over; returns how often each came, and when the last one was over. */
export async function throwFaults(
  arena: Arena,
  random: ReturnType<typeof createRandom>,
  { minutes, smoke }: { readonly minutes: number; readonly smoke: boolean },
): Promise<{ counts: Map<FaultName, number>; endedMs: number }> {
  const counts = new Map<FaultName, number>();
  /** What is done to each victim, one after the other. */
  const busy = new Map<string, Promise<unknown>>();
  const ends: Promise<number>[] = [];
  const endsAt = performance.now() + minutes * 60_000;
  await sleep(REST_MS);
  for (let round = 0; round === 0 || performance.now() < endsAt; round++) {
    const faults = planRound(random, smoke ? SMOKE_PAUSES : PAUSES, round % FILL_EVERY_ROUNDS === 0);
    for (const fault of faults) {
      if (round > 0 && performance.now() >= endsAt) break;
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
