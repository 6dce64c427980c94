// Choices by evidence whose truth is known: packets of keys at interfaces, sampled by a fixed generator.

import { expect, test } from 'vitest';
import { createRandom, samplePackets } from '../../benchmarks/random.ts';
import { type Choice, chooseInterfaces, completeChoice, contradicts, Shares } from './choice.ts';
import type { InterfaceEvidence, Overlap } from './evidence.ts';

const SPAN_S = 600;

/** What an interface sees of each key: packets, before sampling. */
interface Seen {
  readonly id: string;
  readonly rate?: number;
  readonly longestS?: number;
  readonly packets: readonly number[];
}

/** The sums of evidence.ts, by the definitions there. */
function sharesOf(interfaces: readonly Seen[], seed = 1, spanS = SPAN_S): Shares {
  const random = createRandom(seed);
  const sampled = interfaces.map(({ id, rate = 1, longestS = 60, packets }) => ({
    id,
    rate,
    longestS,
    packets: packets.map(count => rate * samplePackets(random, count, rate)),
  }));
  const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  const evidence = sampled.map(
    ({ packets, ...one }): InterfaceEvidence => ({
      ...one,
      bytes: 1000 * sum(packets),
      packets: sum(packets.map(x => weighted(x, one.rate))),
      packetsSquare: sum(packets.map(x => weighted(x, one.rate) ** 2)),
    }),
  );
  const overlaps: Overlap[] = [];
  for (const of of sampled)
    for (const by of sampled) {
      const seen = by.packets.map((y, key) => (of.packets[key]! > 0 ? y : 0));
      if (of === by || sum(seen) === 0) continue;
      overlaps.push({
        of: of.id,
        by: by.id,
        packets: sum(seen),
        packetsSquare: sum(seen.map(y => y * y)),
        product: sum(seen.map((y, key) => y * weighted(of.packets[key]!, of.rate))),
      });
    }
  const byBytes = evidence.toSorted((a, b) => b.bytes - a.bytes);
  return new Shares({ interfaces: byBytes, overlaps }, spanS);
}

/** Estimated packets of a key times its chance to be sampled. */
const weighted = (packets: number, rate: number) => packets - (packets === rate ? rate - 1 : 0);

const KEYS = 40;
const all = (packets: number) => Array.from({ length: KEYS }, () => packets);
const some = (packets: number, takes: (key: number) => boolean) =>
  Array.from({ length: KEYS }, (_, key) => (takes(key) ? packets : 0));
const chosen = (choice: Choice) => [[...choice.counted].sort(), [...choice.repeated].sort()];

test('of bridges in series one counts, of spines side by side all', () => {
  const bridges = sharesOf([
    { id: 'a', packets: all(100) },
    { id: 'b', packets: all(100) },
    { id: 'c', packets: all(100) },
  ]);
  expect(chosen(chooseInterfaces(bridges))).toEqual([['a'], ['b', 'c']]);
  const spines = sharesOf([0, 1, 2].map(i => ({ id: `s${i}`, packets: some(100, key => key % 3 === i) })));
  expect(chosen(chooseInterfaces(spines))).toEqual([['s0', 's1', 's2'], []]);
});

test('spines behind a leaf repeat it, and count where the leaf does not report', () => {
  const spines = [0, 1].map(i => ({ id: `s${i}`, packets: some(100, key => key % 2 === i) }));
  expect(chosen(chooseInterfaces(sharesOf([...spines, { id: 'leaf', packets: all(100) }])))).toEqual([
    ['leaf'],
    ['s0', 's1'],
  ]);
  expect(chosen(chooseInterfaces(sharesOf(spines)))).toEqual([['s0', 's1'], []]);
});

test('of interfaces that see the same the least sampled one counts, however chance has it', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const shares = sharesOf(
      [
        { id: 'coarse', rate: 100, packets: all(1000) },
        { id: 'fine', rate: 10, packets: all(1000) },
      ],
      seed,
    );
    expect([seed, chosen(chooseInterfaces(shares))]).toEqual([seed, [['fine'], ['coarse']]]);
  }
});

test('a flow cache that reports a minute late is not taken to see less: sizes would decide, and chance with them', () => {
  // In seven minutes six of the cache have arrived.
  const [sent, arrived] = [84_000, 72_000];
  const counted = new Set<string>();
  for (let seed = 1; seed <= 20; seed++) {
    const sampler = { id: 'sampler', rate: 100, longestS: 0, packets: all(sent) };
    const cache = { id: 'cache', rate: 10, longestS: 60, packets: all(arrived) };
    for (const id of chooseInterfaces(sharesOf([sampler, cache], seed, 420)).counted) counted.add(id);
  }
  expect([...counted]).toEqual(['cache']);
  // One that sees six of seven and reports at once does see less.
  const less = { id: 'less', rate: 10, longestS: 0, packets: all(arrived) };
  const sampler = { id: 'sampler', rate: 100, longestS: 0, packets: all(sent) };
  expect(chooseInterfaces(sharesOf([sampler, less], 1, 420)).counted).toEqual(['sampler']);
});

test('of equally sampled ones it is always the same one, not the one that chance has raised', () => {
  const counted = new Set<string>();
  for (let seed = 1; seed <= 50; seed++) {
    const shares = sharesOf(
      [
        { id: 'a', rate: 100, packets: all(1500) },
        { id: 'b', rate: 100, packets: all(1500) },
      ],
      seed,
    );
    for (const id of chooseInterfaces(shares).counted) counted.add(id);
  }
  expect([...counted]).toEqual(['a']);
});

test.each([
  [5, 40],
  [4, 15],
])(
  'of %i keys of %i samples chance does not choose the larger one: what is counted is right on average',
  (keys, samples) => {
    const seeds = 6000;
    let [seen, learned, others] = [0, 0, 0];
    for (let seed = 1; seed <= seeds; seed++) {
      const packets = Array.from({ length: keys }, () => 100 * samples);
      const three = ['a', 'b', 'c'].map(id => ({ id, rate: 100, packets }));
      const shares = sharesOf(three, seed);
      const { counted, open } = chooseInterfaces(shares);
      // A sender of which nothing is learned has the choice of all senders: the first.
      const ids = open > 0 ? ['a'] : counted;
      if (open === 0) learned++;
      if (!ids.includes('a')) others++;
      for (const { id, bytes } of shares.interfaces) if (ids.includes(id)) seen += bytes;
    }
    expect(learned).toBeGreaterThan(1000);
    expect(others).toBe(0);
    // Three standard errors of the mean.
    const sent = seeds * 1000 * 100 * keys * samples;
    expect(Math.abs(seen / sent - 1)).toBeLessThan(3 / Math.sqrt(keys * samples * seeds));
  },
);

// docs/COUNTING.md has the packets of ten minutes at which the standard error is a quarter: of 60 keys 105 a minute at 1 in 1000.
test('two interfaces are learned from the packets on that the documents state for a sampling rate, and not from a third of them', () => {
  const seeds = 200;
  const learned = (aMinute: number, rate: number) => {
    const packets = Array.from({ length: 60 }, () => 10 * aMinute);
    const runs = Array.from({ length: seeds }, (_, i) =>
      chooseInterfaces(
        sharesOf(
          ['a', 'b'].map(id => ({ id, rate, packets })),
          i,
        ),
      ),
    );
    return runs.filter(({ open }) => open === 0).length / seeds;
  };
  for (const [rate, aMinute] of [
    [100, 11],
    [1000, 105],
    [4096, 431],
  ] as const) {
    expect(learned(Math.round(aMinute / 3), rate)).toBeLessThan(0.05);
    expect(learned(2.5 * aMinute, rate)).toBeGreaterThan(0.9);
  }
});

test('what is neither the same nor apart stays open', () => {
  const half = sharesOf([
    { id: 'a', packets: all(100) },
    { id: 'b', packets: [...some(100, key => key < 20), ...all(100)].slice(0, KEYS) },
    {
      id: 'c',
      packets: Array.from({ length: 2 * KEYS }, (_, key) => (key >= KEYS / 2 && key < 1.5 * KEYS ? 90 : 0)).slice(
        0,
        KEYS,
      ),
    },
  ]);
  expect(chooseInterfaces(half)).toMatchObject({ counted: ['a'], open: 0 });
  const partly = sharesOf([
    { id: 'a', packets: some(100, key => key < 30) },
    { id: 'b', packets: some(100, key => key >= 15) },
  ]);
  const choice = chooseInterfaces(partly);
  expect([choice.counted, choice.repeated]).toEqual([['a'], []]);
  expect(choice.open).toBeGreaterThan(0.4);
});

test('too few samples say nothing: neither that an interface counts nor that two are apart', () => {
  const few = sharesOf([{ id: 'a', rate: 1000, packets: all(300) }]);
  expect(chooseInterfaces(few)).toEqual({ counted: [], repeated: [], open: 1 });
  const sparse = sharesOf([
    { id: 'a', packets: some(100, key => key % 2 === 0) },
    { id: 'b', rate: 1000, packets: some(400, key => key % 2 === 1) },
  ]);
  expect(chooseInterfaces(sparse).open).toBeGreaterThan(0.5);
});

test('an interface whose records last longer than half of the window is not taken to be apart', () => {
  const spines = [0, 1].map(i => ({ id: `s${i}`, longestS: 301 - i, packets: some(100, key => key % 2 === i) }));
  expect(chooseInterfaces(sharesOf(spines))).toMatchObject({ counted: ['s0'], repeated: [] });
});

test('a standing choice stays where the evidence allows it, and is completed', () => {
  const shares = sharesOf([
    { id: 'a', packets: all(100) },
    { id: 'b', packets: all(100) },
    { id: 'c', packets: all(100) },
  ]);
  expect(contradicts(shares, { counted: ['b'], repeated: ['a'] })).toBe(false);
  expect(completeChoice(shares, { counted: ['b'], repeated: ['a'] })).toEqual({
    counted: ['b'],
    repeated: ['a', 'c'],
    open: 0,
  });
});

test('evidence speaks against a choice that counts twice, and against one that leaves traffic out', () => {
  const series = sharesOf([
    { id: 'a', packets: all(100) },
    { id: 'b', packets: all(100) },
  ]);
  expect(contradicts(series, { counted: ['a', 'b'], repeated: [] })).toBe(true);
  const spines = sharesOf([0, 1].map(i => ({ id: `s${i}`, packets: some(100, key => key % 2 === i) })));
  expect(contradicts(spines, { counted: ['s0'], repeated: ['s1'] })).toBe(true);
  // The one that counted is silent.
  expect(contradicts(sharesOf([{ id: 'b', packets: all(100) }]), { counted: ['a'], repeated: ['b'] })).toBe(true);
  // A few packets of it say nothing.
  expect(contradicts(sharesOf([{ id: 'b', rate: 1000, packets: all(100) }]), { counted: ['a'], repeated: ['b'] })).toBe(
    false,
  );
});
