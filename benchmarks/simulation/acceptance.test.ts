// Simulated packets through the real decoder and enricher against the truth, without sockets and database.

import { describe, expect, test } from 'vitest';
import { type Measured, measure } from './harness.ts';
import { SIMULATED, scenarioOf } from './scenarios/scenarios.ts';
import { type Simulated, type SimulationOptions, simulate } from './simulate.ts';

/** Cells of the truth that a meter saw, and of the answer, by name; equal when every byte is counted once. */
function matrices({ truth }: Simulated, { cells }: Measured) {
  const seen = truth.applications.map(
    ({ src, dst, bytes, unseenBytes }) => [`${src} -> ${dst}`, bytes - unseenBytes] as const,
  );
  return {
    truth: Object.fromEntries(seen.filter(([, bytes]) => bytes > 0).sort()),
    measured: Object.fromEntries([...cells].map(([name, { bytes }]) => [name, bytes] as const).sort()),
  };
}

function judge(name: string, options: SimulationOptions) {
  const simulated = simulate(scenarioOf(name), { pairs: false, ...options });
  return matrices(simulated, measure(simulated));
}

const EXACT = SIMULATED.filter(({ promise }) => promise === 'exact').map(({ name }) => name);

describe('unsampled, every byte a meter saw is counted once', () => {
  test.each(EXACT)('%s', name => {
    const { truth, measured } = judge(name, { volume: 0.2 });
    expect(measured).toEqual(truth);
  });

  test.each(['two-bridges', 'three-bridges', 'move', 'port-extender', 'routed', 'external'])('%s, sFlow', name => {
    const { truth, measured } = judge(name, { volume: 0.1, protocol: 'sflow5' });
    expect(measured).toEqual(truth);
  });

  test.each(['three-bridges', 'vepa', 'move', 'restart'])('%s, NetFlow v9', name => {
    const { truth, measured } = judge(name, { volume: 0.2, protocol: 'netflow9' });
    expect(measured).toEqual(truth);
  });
});

test('a VM that moves in the middle of its transfers, with both directions metered and three bridges, at several seeds', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const { truth, measured } = judge('mixed', { seed, volume: 0.02 });
    expect({ seed, ...measured }).toEqual({ seed, ...truth });
  }
});

test.each(['ipfix', 'netflow9', 'sflow5'] as const)(
  'datagrams that overtake each other cost no record and count nothing twice, %s',
  protocol => {
    for (const seed of [1, 2, 3]) {
      const { truth, measured } = judge('reorder', { protocol, seed });
      expect({ seed, ...measured }).toEqual({ seed, ...truth });
    }
  },
);
