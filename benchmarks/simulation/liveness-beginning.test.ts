// Exporters that were registered long before they send anything: where nobody was live before, they count from their first
// flows on, and every cell holds all its bytes once. Where somebody was, what began before the end of their first minute is
// its own to count.

import { expect, test } from 'vitest';
import {
  registrationsOf,
  registryWith,
  SimulatedCollector,
  SimulatedEnricher,
  SimulatedJudge,
  sumsOf,
} from './liveness-harness.ts';
import { scenarioOf } from './scenarios/scenarios.ts';
import { START_MS, simulate } from './simulate.ts';

const MINUTE = 60_000;
const DURATION_MIN = 8;
const END_MS = START_MS + DURATION_MIN * MINUTE;
const REGISTERED_MS = START_MS - 10 * MINUTE;
const EXAMINED_MS = REGISTERED_MS - 60 * MINUTE;

/** The cells as they are once everything is decided, and what really went. */
function play(name: string, seed: number) {
  const simulated = simulate(scenarioOf(name), { seed, volume: 0.03, pairs: false, seconds: 60 * DURATION_MIN });
  const { documents, truth, datagrams } = simulated;
  const collector = new SimulatedCollector(() => 1000);
  for (const datagram of datagrams) collector.take(datagram);
  collector.advance(END_MS + MINUTE);
  const registrations = registrationsOf(documents.exporters, () => REGISTERED_MS);
  const judge = new SimulatedJudge(registrations, collector, EXAMINED_MS);
  for (let ms = REGISTERED_MS; ms <= END_MS; ms += 30_000) judge.decide(ms);
  const enricher = new SimulatedEnricher(documents, [registryWith(documents.exporters)]);
  for (const { batch } of collector.batches) enricher.enrich(batch, judge.recordedAt(END_MS));
  return {
    measured: sumsOf(
      collector.batches.map(({ batch }) => batch),
      [enricher],
    ),
    truth: Object.fromEntries(
      truth.applications.map(({ src, dst, bytes }) => [`${src} -> ${dst}`, bytes] as const).sort(),
    ),
    states: judge.recordedAt(END_MS).map(({ state }) => state),
  };
}

test.each([1, 2, 3])(
  'mixed exporters that begin together ten minutes after their registration lose nothing (seed %i)',
  seed => {
    const { measured, truth, states } = play('mixed', seed);
    expect(states.filter(state => state === 'live')).toHaveLength(6);
    expect(measured).toEqual(truth);
  },
);
