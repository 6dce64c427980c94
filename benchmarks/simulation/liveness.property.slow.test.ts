// Random schedules of silence, undecodable data, return and late registration, of two exporters at each switch of which one
// is live at any time: in the end every cell holds all its bytes once. Two enrichers learn of each decision at different
// moments, one of them with a backlog; minutes of exporters come late and make decisions that are corrected; repairs run in
// between. Enriching everything again from scratch gives the same.
//
// Silences and returns cut between records: simulated exporters of one switch begin their records at the same moments, so no
// packet lies on both sides. What a record that straddles costs elsewhere is stated in docs/COUNTING.md.

import { describe, expect, test } from 'vitest';
import type { LivenessRow } from '../../storage/tables/liveness.ts';
import { createRandom, type Random } from '../random.ts';
import {
  registrationsOf,
  registryWith,
  SimulatedCollector,
  SimulatedEnricher,
  SimulatedJudge,
  sumsOf,
  touches,
} from './liveness-harness.ts';
import { racked, scenario } from './scenarios/build.ts';
import { exporting } from './scenarios/plan.ts';
import type { Datagram } from './scenarios/transit.ts';
import { START_MS, simulate } from './simulate.ts';

const MINUTE = 60_000;
const DURATION_MIN = 32;
const END_MS = START_MS + DURATION_MIN * MINUTE;
const DECIDE_MS = 30_000;
const STREAM = 77;

type Protocol = 'sflow5' | 'ipfix' | 'netflow9';

/** Two exporters at each leaf; the first states the lower rate, the second none. */
const TWO_AT_EACH = (protocol: Protocol) =>
  scenario('two at each switch', '', 'exact', world => {
    const { leaves, calls } = racked(world, { host: { switching: 'vepa' }, each: 1 });
    for (const leaf of leaves) for (const domain of [1, 2]) exporting(world, leaf, { protocol, domain });
    return { calls, tickMs: 10_000, durationMs: DURATION_MIN * MINUTE };
  });

interface Silence {
  readonly fromMs: number;
  readonly toMs: number;
  readonly mode: 'lost' | 'undecodable';
}

interface Schedule {
  /** By exporter. */
  readonly silences: readonly (readonly Silence[])[];
  /** When exporters were registered, by exporter; -Infinity: before. */
  readonly registeredMs: readonly number[];
}

/** Two exporters of one switch, at any moment one of them live at least. */
function scheduleOf(random: Random): Schedule {
  const silences: Silence[][] = [[], [], [], []];
  const registeredMs = [0, 0, 0, 0].map(() => Number.NEGATIVE_INFINITY);
  const minutes = (least: number, more: number) => (least + random.unit() * more) * MINUTE;
  const mode = () => (random.below(3) === 0 ? ('undecodable' as const) : ('lost' as const));
  for (const first of [0, 2]) {
    let atMs = START_MS + minutes(0, 5);
    const beginning = random.below(4);
    if (beginning === 0) {
      atMs = START_MS + minutes(6, 3);
      silences[first]!.push({ fromMs: 0, toMs: atMs, mode: mode() });
    } else if (beginning === 1) {
      registeredMs[first] = START_MS + Math.floor(minutes(2, 6) / 10_000) * 10_000;
      atMs = registeredMs[first]! + minutes(6, 2);
      if (random.below(2) === 0) silences[first]!.push({ fromMs: 0, toMs: atMs, mode: mode() });
    }
    for (;;) {
      // Until the one that has returned counts, and what it had in its cache before is reported.
      const fromMs = atMs + minutes(4, 3);
      const toMs = fromMs + minutes(5, 4);
      if (toMs > END_MS - 2 * MINUTE) break;
      silences[first + random.below(2)]!.push({ fromMs, toMs, mode: mode() });
      atMs = toMs;
    }
  }
  return { silences, registeredMs };
}

/** What arrives of a datagram, undefined: nothing. */
function arrived(datagram: Datagram, silences: readonly Silence[], protocol: Protocol): Datagram | undefined {
  const silence = silences.find(({ fromMs, toMs }) => datagram.sentMs >= fromMs && datagram.sentMs < toMs);
  if (!silence) return datagram;
  return silence.mode === 'lost' ? undefined : { ...datagram, payload: undecodable(datagram.payload, protocol) };
}

/** sFlow: cut in its first sample. Else: each set is of a template that nobody knows. */
function undecodable(payload: Uint8Array, protocol: Protocol): Uint8Array {
  if (protocol === 'sflow5') return payload.slice(0, 44);
  const copy = payload.slice();
  const view = new DataView(copy.buffer);
  for (let at = protocol === 'ipfix' ? 16 : 20; at + 4 <= copy.length; at += Math.max(4, view.getUint16(at + 2)))
    view.setUint16(at, 0x7777);
  return copy;
}

/** The cells after decisions, backlogs and repairs, the same from scratch, and what really went. */
function play(seed: number, protocol: Protocol) {
  const random = createRandom(seed, STREAM);
  const volume = protocol === 'sflow5' ? 0.015 : 0.1;
  const simulated = simulate(TWO_AT_EACH(protocol), { seed, protocol, volume, pairs: false });
  const { silences, registeredMs } = scheduleOf(random);
  const given = simulated.documents.exporters;
  const stated = given.exporters.map((entry, i) => (i % 2 === 0 ? { ...entry, samplingRate: 1 } : entry));
  const registryAt = (ms: number) => stated.filter((_, i) => registeredMs[i]! <= ms);
  const registries = [...new Set([Number.NEGATIVE_INFINITY, ...registeredMs])]
    .sort((a, b) => a - b)
    .map(ms =>
      registryWith({
        ...(Number.isFinite(ms) && { asOf: new Date(ms).toISOString() }),
        exporters: registryAt(ms),
      }),
    );
  const full = registryWith({ exporters: stated });
  const sinceOf = (name: string) => Math.max(START_MS, registeredMs[stated.findIndex(entry => entry.name === name)]!);
  // Minutes of one exporter are stored late for a while, so that it looks silent.
  const late = { exporter: stated[random.below(4)]!.address, domain: 0, fromMs: START_MS + random.below(20) * MINUTE };
  const collector = new SimulatedCollector((exporter, atMs) =>
    exporter === late.exporter && atMs >= late.fromMs && atMs < late.fromMs + 7 * MINUTE && seed % 4 === 0
      ? late.fromMs + 7 * MINUTE - atMs
      : random.below(3000),
  );
  for (const datagram of simulated.datagrams) {
    const reached = arrived(datagram, silences[datagram.exporter]!, protocol);
    if (reached) collector.take(reached);
  }
  collector.advance(END_MS + MINUTE);
  const judge = new SimulatedJudge(registrationsOf(full, sinceOf), collector, START_MS);
  for (let ms = START_MS; ms <= END_MS; ms += DECIDE_MS) judge.decide(ms);
  const batches = collector.batches.map(({ batch }) => batch);
  const enrichers = [0, 1].map(() => new SimulatedEnricher(simulated.documents, registries));
  const repairs = repairMoments(random);
  enrichAsTheyCome(collector, judge, enrichers, repairs, random);
  const measured = sumsOf(batches, enrichers);
  const again = new SimulatedEnricher(simulated.documents, registries);
  for (const batch of batches) again.enrich(batch, judge.recordedAt(END_MS));
  return {
    measured,
    replayed: sumsOf(batches, [again]),
    truth: Object.fromEntries(
      simulated.truth.applications.map(({ src, dst, bytes }) => [`${src} -> ${dst}`, bytes] as const).sort(),
    ),
    decisions: judge.written.length,
  };
}

function repairMoments(random: Random): number[] {
  return [START_MS + (12 + random.below(8)) * MINUTE, Number.POSITIVE_INFINITY];
}

/** Each batch by one of two enrichers, with what that one knows when it comes to it; repairs when they are due. */
function enrichAsTheyCome(
  { batches }: SimulatedCollector,
  judge: SimulatedJudge,
  enrichers: readonly SimulatedEnricher[],
  repairs: readonly number[],
  random: Random,
): void {
  const backlogMs = START_MS + random.below(25) * MINUTE;
  const work = batches.map(({ batch, closedMs }) => {
    const number = random.below(2);
    const isLate = number === 1 && closedMs >= backlogMs && closedMs < backlogMs + 6 * MINUTE;
    const atMs = closedMs + random.below(15_000) + (isLate ? backlogMs + 6 * MINUTE - closedMs : 0);
    return { batch, number, atMs, learnedMs: atMs - random.below(4000) };
  });
  work.sort((a, b) => a.atMs - b.atMs);
  const settled = new Set<LivenessRow>();
  let done = 0;
  for (const repairMs of repairs) {
    for (; done < work.length && work[done]!.atMs <= repairMs; done++) {
      const { batch, number, learnedMs } = work[done]!;
      enrichers[number]!.enrich(batch, judge.recordedAt(learnedMs));
    }
    const due = judge.written
      .filter(({ row, decidedMs }) => decidedMs <= repairMs - 30_000 && !settled.has(row))
      .map(({ row }) => row);
    for (const row of due) settled.add(row);
    const known = judge.recordedAt(repairMs);
    for (const { batch } of work.slice(0, done)) if (touches(batch, due)) enrichers[0]!.enrich(batch, known);
  }
}

/** The gate plays fewer than HAIRPIN_TEST_SCHEDULES=100 does. */
const SCHEDULES = Number(process.env['HAIRPIN_TEST_SCHEDULES'] ?? 20);
const SCHEDULE_MS_MAX = 10_000;
const PROTOCOLS = ['ipfix', 'netflow9', 'sflow5'] as const;

describe(`${SCHEDULES} schedules: every cell holds what live exporters saw, once, with two enrichers and again from scratch`, () => {
  const seedsOf = (own: number) =>
    Array.from({ length: SCHEDULES }, (_, seed) => seed).filter(seed => seed % PROTOCOLS.length === own);
  test.each(PROTOCOLS.map((protocol, i) => [protocol, seedsOf(i)] as const))(
    '%s',
    (protocol, seeds) => {
      let decisions = 0;
      for (const seed of seeds) {
        const { measured, replayed, truth, decisions: own } = play(seed, protocol);
        expect({ seed, protocol, ...replayed }).toEqual({ seed, protocol, ...truth });
        expect({ seed, protocol, ...measured }).toEqual({ seed, protocol, ...truth });
        decisions += own;
      }
      expect(decisions).toBeGreaterThan(3 * seeds.length);
    },
    SCHEDULES * SCHEDULE_MS_MAX,
  );
});
