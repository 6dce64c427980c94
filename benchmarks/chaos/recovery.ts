// When everything that was received is stored again, after the last fault and at the end.

import { setTimeout as sleep } from 'node:timers/promises';
import { type Arena, allReady } from './arena.ts';
import type { Service } from './service.ts';

/** Without any progress. How long it takes is judged elsewhere: on a busy machine a backlog takes minutes. */
const STILL_MS_MAX = 120_000;
const LOOK_EVERY_MS = 500;

/** Milliseconds after `sinceMs` at which everything received before it was stored and every service was ready. */
export async function recovered(arena: Arena, sinceMs: number): Promise<number> {
  await noneLeft(arena, 'batches of before in the spools', async () =>
    collectorsOf(arena).map(collector => collector.spooledAt().filter(writtenMs => writtenMs <= sinceMs).length),
  );
  let ends: readonly number[] | undefined;
  await noneLeft(arena, 'batches of before that are not stored', async () => {
    const progress = await arena.installation.progress();
    ends ??= progress?.ends;
    return ends?.map((end, partition) => Math.max(0, end - (progress?.stored[partition] ?? 0)));
  });
  await noneLeft(arena, 'services that are not ready', async () => [Number(!(await allReady(arena)))]);
  return Date.now() - sinceMs;
}

/** Everything that was received is stored. Collectors go on to say that they are there. */
export async function drained(arena: Arena): Promise<void> {
  // The last batch closes within a second.
  await sleep(2000);
  await recovered(arena, Date.now());
}

function collectorsOf({ services }: Arena): readonly Service[] {
  return Object.values(services).filter(service => service.name.startsWith('collector'));
}

/** Waits until nothing is left; undefined: not known. Throws with the state of everything when it is the same for too long. */
async function noneLeft(arena: Arena, what: string, left: () => Promise<readonly number[] | undefined>): Promise<void> {
  let [before, changedMs] = ['', Date.now()];
  for (;;) {
    const counts = await left();
    if (counts?.every(count => count === 0)) return;
    const now = JSON.stringify(counts);
    if (now !== before) [before, changedMs] = [now, Date.now()];
    if (Date.now() - changedMs > STILL_MS_MAX)
      throw new Error(`${what} stay ${now} for ${STILL_MS_MAX / 1000} s; ${await stateOf(arena)}`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** For whoever looks for what stands still. */
async function stateOf(arena: Arena): Promise<string> {
  const names = [
    'kafka_up',
    'kafka_partitions',
    'kafka_lag_batches',
    'enricher_inserts_in_flight',
    'kafka_batches_received_total',
    'kafka_batches_acknowledged_total',
  ];
  const reported = await Promise.all(
    Object.values(arena.services).map(async service => {
      const metrics = await service.metrics();
      const values = names.map(name => `${name} ${metrics?.sum(name)}`);
      return `${service.name}: ready ${await service.ready()}, ${values.join(', ')}`;
    }),
  );
  const spooled = collectorsOf(arena).map(collector => `${collector.name} spools ${collector.spooledAt().length}`);
  return [...spooled, JSON.stringify(await arena.installation.progress()), ...reported].join('; ');
}
