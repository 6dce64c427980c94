// Which faults come, in which order and how long: a round has every fault once, in an order that the seed decides.

import type { Random } from '../random.ts';

export const FAULTS = [
  'collector-1 kill',
  'collector-1 stop',
  'collector-1 restart',
  'collector-2 kill',
  'collector-2 stop',
  'collector-2 restart',
  'enricher-1 kill',
  'enricher-1 stop',
  'enricher-1 restart',
  'enricher-2 kill',
  'enricher-2 stop',
  'enricher-2 restart',
  // Longer than its place in the group is kept for it: others have stored its batches when it goes on with them.
  'enricher-2 freeze',
  'clickhouse kill',
  'clickhouse stop',
  'broker kill',
  'broker stop',
  'inserts fail',
] as const;
export type FaultName = (typeof FAULTS)[number] | 'spools fill';

export interface Fault {
  readonly name: FaultName;
  /** Pause before it, after the one before has begun: they may overlap. */
  readonly afterMs: number;
  /** How long the victim is stopped, or away. */
  readonly forMs: number;
}

export interface Pauses {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Milliseconds of a fault by its last word, the least and the most. */
const LENGTHS: Readonly<Record<string, readonly [number, number]>> = {
  kill: [500, 5000],
  stop: [1000, 6000],
  restart: [0, 0],
  freeze: [11_000, 14_000],
  fail: [5000, 10_000],
  fill: [0, 0],
};

/** Faults of one round; at its end the spools are filled when `fills`. */
export function planRound(random: Random, pauses: Pauses, fills: boolean): Fault[] {
  const between = (from: number, to: number) => from + Math.round(random.unit() * (to - from));
  const names: FaultName[] = [...FAULTS];
  for (let i = names.length - 1; i > 0; i--) {
    const other = random.below(i + 1);
    [names[i], names[other]] = [names[other]!, names[i]!];
  }
  if (fills) names.push('spools fill');
  return names.map(name => {
    const [from, to] = LENGTHS[name.slice(name.lastIndexOf(' ') + 1)]!;
    return { name, afterMs: between(pauses.fromMs, pauses.toMs), forMs: between(from, to) };
  });
}
