import { describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
  ethernet,
  ip4,
  ipv4,
  RECEIVED_MS,
  sampledHeader,
  sflow,
  tcp,
  typed,
  u32,
} from '../../../testing/data/datagrams.ts';
import { SflowAgent, SOURCE_IDLE_MS, SOURCES_PER_AGENT_MAX, SOURCES_TOTAL_MAX, sourceKey } from './agent.ts';
import { SampleSource, WINDOW_SAMPLES } from './effective-rate.ts';

const NOW = 1_000_000;

function sourceSeen(atMs: number): SampleSource {
  const source = new SampleSource(1, 0, 0, 100, 0, 0);
  source.seenMs = atMs;
  return source;
}

function fill(agent: SflowAgent, count: number, seenMs: number): void {
  for (let i = 0; i < count; i++) if (!agent.keep(i, sourceSeen(seenMs), NOW)) throw new Error(`no room for ${i}`);
}

describe('data sources', () => {
  test('are distinguished by class and index', () => {
    const keys = [
      sourceKey(0, 1),
      sourceKey(2, 1),
      sourceKey(3, 1),
      sourceKey(0, 0xffffffff),
      sourceKey(2, 0xffffffff),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('of an agent are bounded: a new one is refused while all are in use', () => {
    const total = { count: 0 };
    const agent = new SflowAgent(total);
    fill(agent, SOURCES_PER_AGENT_MAX, NOW);
    for (let i = 0; i < 10; i++) expect(agent.keep(100_000 + i, sourceSeen(NOW), NOW)).toBe(false);
    expect(total.count).toBe(SOURCES_PER_AGENT_MAX);
    for (const i of [0, 1, SOURCES_PER_AGENT_MAX - 1]) expect(agent.source(i)).toBeDefined();
  });

  test('that fell silent give way, those in use do not', () => {
    const total = { count: 0 };
    const agent = new SflowAgent(total);
    fill(agent, SOURCES_PER_AGENT_MAX, NOW);
    agent.source(2)!.seenMs = NOW - SOURCE_IDLE_MS;
    // The two before it are looked at first.
    const kept = [0, 1, 2].map(i => agent.keep(100_000 + i, sourceSeen(NOW), NOW));
    expect(kept).toEqual([false, false, true]);
    expect([agent.source(1), agent.source(2)].map(source => source !== undefined)).toEqual([true, false]);
    expect(total.count).toBe(SOURCES_PER_AGENT_MAX);
  });

  test('of all agents are bounded, and given back when an agent gives way', () => {
    const total = { count: SOURCES_TOTAL_MAX - 3 };
    const [first, second] = [new SflowAgent(total), new SflowAgent(total)];
    fill(first, 3, NOW);
    expect(second.keep(1, sourceSeen(NOW), NOW)).toBe(false);
    first.release();
    expect(total.count).toBe(SOURCES_TOTAL_MAX - 3);
    expect(second.keep(1, sourceSeen(NOW), NOW)).toBe(true);
  });
});

const packet = sampledHeader(ethernet(0x0800, ipv4(tcp())), 1518);

/** A sample with its sequence and pool. */
function sample(source: number, sequence: number, pool: number, rate = 100): Bytes {
  return typed(1, u32(sequence), u32(source), u32(rate), u32(pool), u32(0), u32(3), u32(4), u32(1), packet);
}

describe('an agent', () => {
  test('has an effective rate for each of its data sources', () => {
    const bench = new Bench();
    const last = new Map<number, unknown>();
    for (let n = 1; n <= 2 * WINDOW_SAMPLES + 4; n++) {
      const samples = [sample(1, n, n * 100), sample(2, 2 * n, 200 * n), sample(0x02000001, 3 * n, 300 * n)];
      bench
        .decode(sflow(samples, { sequence: n, uptimeMs: 100 * n }))
        .forEach((row, i) => last.set(i, [row['samplingRate'], row['rateSource']]));
    }
    expect([...last.values()]).toEqual([
      [100, 'pool'],
      [200, 'pool'],
      [300, 'pool'],
    ]);
    // What the exporter says of itself, and no change of it.
    expect(bench.domain()).toMatchObject({ samplingRate: 100, rateChanges: 0, lost: 0 });
  });

  test('counts lost datagrams, not the samples in them', () => {
    const bench = new Bench();
    for (const n of [1, 2, 6]) bench.decode(sflow([sample(1, 10 * n, 1000 * n)], { sequence: n }));
    expect(bench.domain().lost).toBe(3);
  });

  test('gives the same rates when its datagrams are decoded again, however long that takes', () => {
    const datagrams = Array.from({ length: 300 }, (_, i) =>
      sflow([sample(1, 3 * i, 310 * i)], { sequence: i, uptimeMs: 100 * i }),
    );
    const rates = (paceMs: number) => {
      const bench = new Bench();
      return datagrams.flatMap((each, i) =>
        bench.decode(each, '198.51.100.1', 50000, RECEIVED_MS + i * paceMs).map(row => row['samplingRate']),
      );
    };
    expect(rates(1)).toEqual(rates(10_000));
    expect(rates(1).at(-1)).toBe(310);
  });

  test('with more data sources than there is room for keeps their nominal rate, counted', () => {
    const bench = new Bench();
    for (let first = 0; first < SOURCES_PER_AGENT_MAX; first += 128) {
      const samples = Array.from({ length: 128 }, (_, i) => sample(1 + first + i, 1, 0));
      bench.decode(sflow(samples, { sequence: first / 128 }));
    }
    expect(bench.faults('sflow5')).toEqual({});
    expect(bench.decode(sflow([sample(60_000, 1, 0), sample(1, 2, 0)]))).toMatchObject([
      { samplingRate: 100, rateSource: 'sample' },
      { samplingRate: 100, rateSource: 'sample' },
    ]);
    expect(bench.faults('sflow5')).toEqual({ 'source-limit': 1 });
    expect(bench.domain().malformedSets).toBe(0);
  });

  test('that gives way to another leaves no data sources behind', () => {
    const bench = new Bench({ exportersMax: 4 });
    for (let i = 0; i < 200; i++) {
      const agent = ip4(`10.0.${i >> 8}.${i & 0xff}`);
      bench.decode(sflow([sample(1, 1, 0), sample(2, 1, 0)], { agent }), '198.51.100.1', 50000, RECEIVED_MS + i * 1000);
      expect(bench.decoder.context.sflow.sampleSources.count).toBeLessThanOrEqual(2 * 4);
    }
  });
});
