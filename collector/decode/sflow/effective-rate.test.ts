import { describe, expect, test } from 'vitest';
import { RATE_SOURCES } from '../../../schemas/codes.ts';
import { LATE_MS_MAX, RESTART_RUN_MIN, SampleSource, SETTLE_MS, WINDOW_MS, WINDOW_SAMPLES } from './effective-rate.ts';

/** mulberry32 */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A source and the samples it is given, each SETTLE_MS after the one before unless stated otherwise; `take` gives the rate of the sample. */
class Port {
  source: SampleSource | undefined;
  gaps = 0;
  uptimeMs = 0;
  readonly #rates = new Uint32Array(1);
  readonly #sources = new Uint8Array(1);

  take(sequence: number, pool: number, uptimeMs = this.uptimeMs + SETTLE_MS, rate = 100, drops = 0): number {
    this.uptimeMs = uptimeMs;
    if (this.source) this.source.see(sequence >>> 0, pool >>> 0, drops >>> 0, rate, uptimeMs >>> 0, this.gaps);
    else this.source = new SampleSource(sequence >>> 0, pool >>> 0, drops >>> 0, rate, uptimeMs >>> 0, this.gaps);
    this.source.write(this.#rates, this.#sources, 0);
    return this.#rates[0]!;
  }

  get rateSource(): string {
    return RATE_SOURCES[this.#sources[0]!]!;
  }

  /** `count` samples of which every `step`th arrives; the pool moves by `packets` for each that was taken. */
  run(count: number, { start = 1, step = 1, packets = 100, rate = 100, pool = 0, drops = 0 } = {}) {
    const rates: number[] = [];
    for (let i = 0; i < count; i++) {
      const n = start + i * step;
      rates.push(this.take(n, pool + n * packets, undefined, rate, drops * n));
    }
    return rates;
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

describe('effective rate', () => {
  test('is the nominal rate before the first window is complete, then that of the window before', () => {
    const port = new Port();
    // The first sample only opens the window.
    expect(port.run(WINDOW_SAMPLES, { step: 2 })).toEqual(Array(WINDOW_SAMPLES).fill(100));
    // What is missing of a window may still come.
    expect(port.run(1, { start: 1 + 2 * WINDOW_SAMPLES })).toEqual([100]);
    expect(port.rateSource).toBe('sample');
    expect(port.run(1, { start: 3 + 2 * WINDOW_SAMPLES })).toEqual([200]);
    expect(port.rateSource).toBe('pool');
  });

  // proves: effective-rate
  test('of a lossless source is the nominal rate', () => {
    expect(new Set(new Port().run(500))).toEqual(new Set([100]));
  });

  // proves: effective-rate
  test('holds the loss of the agent too: packets counted for samples it dropped', () => {
    expect(new Port().run(200, { packets: 150, drops: 1 }).at(-1)).toBe(150);
  });

  test('is measured across a wrap of pool and sequence', () => {
    const port = new Port();
    const rates = port.run(400, { start: 2 ** 32 - 300, step: 2, pool: -(2 ** 32 - 300) * 100 + 2 ** 32 - 5000 });
    expect(rates.slice(0, 51)).toEqual(Array(51).fill(100));
    expect(new Set(rates.slice(51))).toEqual(new Set([200]));
  });

  test('is rounded without bias: what is cut off is carried to the next sample', () => {
    const port = new Port();
    // 10 of 11 arrive: the rate is 1.1.
    const rates: number[] = [];
    for (let n = 1; n <= 11_000; n++) if (n % 11 !== 0) rates.push(port.take(n, n, undefined, 1));
    const later = rates.slice(WINDOW_SAMPLES + 2);
    expect(new Set(later)).toEqual(new Set([1, 2]));
    expect(Math.abs(sum(later) / later.length - 1.1)).toBeLessThan(0.001);
  });

  test.each([
    ['far', 5000],
    ['by a little', 1],
  ])('starts anew soon where the sequence fell back %s while the agent ran on', (_, start) => {
    const port = new Port();
    expect(port.run(120, { step: 2, start }).at(-1)).toBe(200);
    const again = port.run(WINDOW_SAMPLES);
    expect(again.slice(0, RESTART_RUN_MIN - 1)).toEqual(Array(RESTART_RUN_MIN - 1).fill(200));
    expect(new Set(again.slice(RESTART_RUN_MIN - 1))).toEqual(new Set([100]));
    expect(port.rateSource).toBe('sample');
  });

  test('starts anew with the agent: uptime and sequence fall back', () => {
    const port = new Port();
    port.uptimeMs = 10 * LATE_MS_MAX;
    expect(port.run(120, { step: 2 }).at(-1)).toBe(200);
    port.uptimeMs = 0;
    expect(new Set(port.run(WINDOW_SAMPLES).slice(RESTART_RUN_MIN))).toEqual(new Set([100]));
  });

  test('stays what it was for a single stray of another time', () => {
    const port = new Port();
    port.run(120, { step: 2 });
    port.take(7, 700);
    expect(new Set(port.run(200, { start: 241, step: 2 }))).toEqual(new Set([200]));
  });

  test('follows the loss again after a stray with an uptime far ahead, whichever sample of a window it is', () => {
    for (let phase = 0; phase < 2 * WINDOW_SAMPLES; phase++) {
      const port = new Port();
      const lossy = 200 + phase;
      expect(port.run(lossy, { step: 2 }).at(-1)).toBe(200);
      const { uptimeMs } = port;
      const n = 1 + 2 * lossy;
      port.take(n, 100 * n, uptimeMs + 86_400_000);
      port.uptimeMs = uptimeMs;
      const rates = port.run(5000, { start: n + 1 });
      expect(new Set(rates.slice(3000)), `phase ${phase}`).toEqual(new Set([100]));
    }
  });

  test('follows the loss again where the uptime began anew and the sequence went on', () => {
    for (let phase = 0; phase < 300; phase++) {
      const port = new Port();
      port.uptimeMs = 86_400_000;
      const lossy = 200 + phase;
      expect(port.run(lossy, { step: 2 }).at(-1)).toBe(200);
      port.uptimeMs = 0;
      const rates = port.run(5000, { start: 1 + 2 * lossy });
      expect(new Set(rates.slice(3000)), `phase ${phase}`).toEqual(new Set([100]));
    }
  });

  test('is the nominal rate to the packet where datagrams only overtake each other, however long the run that is late', () => {
    for (const late of [1, 20, 400]) {
      const port = new Port();
      const rates: number[] = [];
      // A sample each millisecond; of each 1000, a run of `late` comes after all others.
      for (let second = 0; second < 5; second++) {
        const order = Array.from({ length: 1000 }, (_, i) => i);
        order.push(...order.splice(100, late));
        for (const n of order)
          rates.push(port.take(second * 1000 + n + 1, second * 1000 + n + 1, second * 1000 + n, 1));
      }
      expect(new Set(rates), `${late} late`).toEqual(new Set([1]));
    }
  });

  test('is measured where the uptime stands still, later', () => {
    const port = new Port();
    const rates = Array.from({ length: 1200 }, (_, i) => port.take(2 * i, 200 * i, 0));
    expect([rates[1000], rates[1199]]).toEqual([100, 200]);
  });

  test('of a late sample is its own where the nominal rate changed in between', () => {
    const port = new Port();
    port.run(120, { step: 2 });
    const { uptimeMs } = port;
    expect(port.take(241, 24_100, uptimeMs + 10, 1000)).toBe(2000);
    expect(port.take(240, 24_000, uptimeMs + 5, 100)).toBe(200);
    expect(port.take(243, 26_100, uptimeMs + 20, 1000)).toBe(2000);
  });

  test('goes on with the share that is lost when the nominal rate changes', () => {
    const port = new Port();
    expect(port.run(200, { step: 2 }).at(-1)).toBe(200);
    expect(port.run(10, { start: 401, step: 2, rate: 1000, packets: 1000 })).toEqual(Array(10).fill(2000));
  });

  test.each([
    ['leaves the pool at 0', 0, 0],
    ['leaves the pool constant', 0, 77_777],
    ['counts samples in the pool', 1, 0],
    ['counts all its ports in the pool', 5000, 0],
  ])('is the nominal rate where the agent %s', (_, packets, pool) => {
    const port = new Port();
    expect(new Set(port.run(300, { packets, pool, step: 2 }))).toEqual(new Set([100]));
    expect(port.rateSource).toBe('sample');
  });

  test('is the nominal rate where the sequence does not move', () => {
    const port = new Port();
    expect(new Set(Array.from({ length: 300 }, (_, i) => port.take(7, i * 300, 0)))).toEqual(new Set([100]));
  });

  test('saturates at 2^32 - 1', () => {
    const port = new Port();
    const rates = Array.from({ length: 120 }, (_, i) => port.take(1 + 2 * i, i * 6e7, undefined, 0xffffffff));
    expect(rates.every(rate => rate > 0 && rate <= 0xffffffff)).toBe(true);
  });
});

describe('a window of few samples', () => {
  const slow = (port: Port, step: number, count = 6) =>
    Array.from({ length: count }, (_, i) => port.take(1 + i * step, i * 1000, (i * WINDOW_MS) / 2));

  test('scales by what the sequence says is missing, flagged, at most 4 times', () => {
    for (const [step, rate] of [
      [2, 200],
      [3, 300],
      [9, 400],
    ] as const) {
      const port = new Port();
      port.take(1, 0, 0);
      port.gaps++;
      expect(port.take(1 + step, 1000, WINDOW_MS)).toBe(100);
      expect(port.take(1 + 2 * step, 2000, WINDOW_MS + SETTLE_MS)).toBe(rate);
      expect(port.rateSource).toBe('sequence');
    }
  });

  test('keeps the nominal rate when no datagram got lost: the agent numbers all its sources together', () => {
    const port = new Port();
    expect(new Set(slow(port, 5))).toEqual(new Set([100]));
    expect(port.rateSource).toBe('sample');
  });

  test('keeps what the pool moved without a sample for the window that follows', () => {
    const port = new Port();
    port.run(WINDOW_SAMPLES + 1);
    // Half an hour of packets, and one sample at its end which opens no window of its own.
    const n = WINDOW_SAMPLES + 1;
    expect(port.take(n + 1, 100 * (n + 1), WINDOW_MS - 1)).toBe(100);
    const rates: number[] = [];
    for (let i = 1; i < WINDOW_SAMPLES; i++)
      rates.push(port.take(n + 1 + i, 100 * (n + 1) + 150 * i, WINDOW_MS - 1, 100, i));
    const last = 100 * (n + 1) + 150 * WINDOW_SAMPLES;
    rates.push(port.take(n + 1 + WINDOW_SAMPLES, last, WINDOW_MS - 1 + SETTLE_MS, 100, WINDOW_SAMPLES));
    expect(rates.at(-1)).toBe(149);
  });
});

describe('simulated ports', () => {
  const PACKETS = 2_000_000;
  const N = 200;

  /** Packets of two sizes, 1 in N sampled at random; the agent drops 5 %, UDP 10 % of the rest. */
  function simulate(seed: number) {
    const random = randomFrom(seed);
    const port = new Port();
    port.gaps = 1;
    let truth = 0;
    let effective = 0;
    let nominal = 0;
    let received = 0;
    let squares = 0;
    let sequence = 0;
    let drops = 0;
    for (let pool = 1; pool <= PACKETS; pool++) {
      const bytes = random() < 1 / 3 ? 1500 : 64;
      truth += bytes;
      if (random() * N >= 1) continue;
      if (random() < 0.05) {
        drops++;
        continue;
      }
      sequence++;
      if (random() < 0.1) continue;
      effective += bytes * port.take(sequence, pool, pool / 10, N, drops);
      nominal += bytes * N;
      squares += bytes * bytes;
      received++;
    }
    return { truth, effective, nominal, received, squares };
  }

  // proves: effective-rate
  test('the effective rate finds the true bytes within its error, the nominal one misses what was lost', () => {
    const lost = 1 - 0.95 * 0.9;
    const errors: number[] = [];
    for (let seed = 1; seed <= 8; seed++) {
      const { truth, effective, nominal, received, squares } = simulate(seed);
      const rate = N / (1 - lost);
      const deviation = Math.sqrt(rate * (rate - 1) * squares);
      expect(received).toBeGreaterThan(8000);
      // Nominal for the first two windows, and two windows behind at the end.
      const behind = ((2 * WINDOW_SAMPLES) / received) * truth;
      expect(Math.abs(effective - truth), `seed ${seed}`).toBeLessThan(3 * deviation + behind);
      expect(truth - nominal, `seed ${seed}`).toBeGreaterThan((lost - 0.05) * truth);
      errors.push((effective - truth) / truth);
    }
    // No bias: the mean of all runs is far closer than any one need be.
    expect(Math.abs(sum(errors) / errors.length)).toBeLessThan(0.01);
  });
});

describe('a rate that chance moves', () => {
  const N = 100;
  const BYTES = 1000;

  /** Samples at these milliseconds: each packet of the port is one in N times a sample. */
  function estimateOf(seed: number, sampleTimes: readonly number[], sampledAs = N) {
    const random = randomFrom(seed);
    const port = new Port();
    let pool = 0;
    let truth = 0;
    let estimate = 0;
    let variance = 0;
    const rates = sampleTimes.map((ms, i) => {
      // Packets up to the next sample: geometric, of mean `sampledAs`.
      const packets = Math.floor(Math.log(1 - random()) / Math.log(1 - 1 / sampledAs)) + 1;
      pool += packets;
      truth += packets * BYTES;
      const rate = port.take(i + 1, pool, ms, N);
      estimate += rate * BYTES;
      variance += rate * (rate - 1) * BYTES ** 2;
      return rate;
    });
    return { truth, estimate, variance, rates };
  }

  /** Of so many sources, those whose 95 % interval holds the truth. */
  const covered = (sources: number, sampleTimes: readonly number[]) =>
    Array.from({ length: sources }, (_, seed) => estimateOf(seed + 1, sampleTimes)).filter(
      ({ truth, estimate, variance }) => Math.abs(estimate - truth) <= 1.96 * Math.sqrt(variance),
    ).length;

  const steady = (from: number, perSecond: number, count: number) =>
    Array.from({ length: count }, (_, i) => from + Math.floor((1000 * i) / perSecond));

  // Of 200 sources 190 are expected, and fewer than 181 of one source in 500 runs (binomial).
  test('a burst at one uptime and a steady stream behind it stay within their interval', () => {
    const burst = Array<number>(60).fill(1000);
    expect(covered(200, [...burst, ...steady(2000, 30, 1800)])).toBeGreaterThanOrEqual(181);
  });

  test('an idle port that turns busy stays within its interval', () => {
    expect(covered(200, [...steady(0, 0.1, 60), ...steady(600_000, 30, 1800)])).toBeGreaterThanOrEqual(181);
  });

  test('an agent that samples otherwise than it says is believed by its pool, within 2,000 samples', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { rates } = estimateOf(seed, steady(0, 30, 4000), 1.28 * N);
      const settled = rates.slice(2000);
      // The pool itself is off by 1 / sqrt(2000), 2.2 %; the nominal rate would be off by 22 %.
      expect(Math.abs(sum(settled) / settled.length / (1.28 * N) - 1), `seed ${seed}`).toBeLessThan(0.1);
    }
  });
});

describe('loss and late datagrams at once', () => {
  const SAMPLES_PER_DATAGRAM = 7;
  const LATE_SHARE = 0.2;
  const LATE_MS = 200;

  interface Way {
    readonly rate: number;
    readonly samplesPerS: number;
    readonly loss: number;
    /** Whether the agent's datagrams show that some are missing; the numbers of the samples do anyway. */
    readonly showsGaps: boolean;
  }

  /** Estimated packets by true packets of a port that sends at a steady pace through a way that loses and delays. */
  function ratioOf(seed: number, { rate, samplesPerS, loss, showsGaps }: Way): number {
    const random = randomFrom(seed);
    const count = Math.max(10_000, 100 * samplesPerS);
    const datagrams: { atMs: number; uptimeMs: number; samples: { n: number; pool: number }[] }[] = [];
    let [pool, n] = [0, 0];
    while (n < count) {
      const samples = Array.from({ length: SAMPLES_PER_DATAGRAM }, () => {
        pool += rate === 1 ? 1 : 1 + Math.floor(Math.log(1 - random()) / Math.log(1 - 1 / rate));
        return { n: ++n, pool };
      });
      const uptimeMs = Math.floor((1000 * pool) / (rate * samplesPerS));
      const delayMs = random() < LATE_SHARE ? LATE_MS * random() : 0;
      if (random() >= loss) datagrams.push({ atMs: uptimeMs + delayMs, uptimeMs, samples });
    }
    datagrams.sort((a, b) => a.atMs - b.atMs);
    const port = new Port();
    port.take(0, 0, 0, rate);
    let estimated = 0;
    let next = 1;
    for (const { uptimeMs, samples } of datagrams) {
      if (showsGaps && samples[0]!.n > next) port.gaps++;
      next = Math.max(next, samples[0]!.n + SAMPLES_PER_DATAGRAM);
      for (const sample of samples) estimated += port.take(sample.n, sample.pool, uptimeMs, rate);
    }
    return estimated / pool;
  }

  test.each(
    [1, 100].flatMap(rate =>
      [5, 20, 60, 100, 300, 2000].flatMap(samplesPerS =>
        [0, 0.05, 0.2].flatMap(loss => [true, false].map(showsGaps => ({ rate, samplesPerS, loss, showsGaps }))),
      ),
    ),
  )('1 in $rate, $samplesPerS samples/s, loss $loss, gaps shown $showsGaps: totals have no bias', way => {
    const ratios = Array.from({ length: way.samplesPerS <= 100 ? 20 : way.samplesPerS < 1000 ? 8 : 3 }, (_, i) =>
      ratioOf(i + 1, way),
    );
    const mean = sum(ratios) / ratios.length;
    // To the packet where nothing is lost and nothing drawn.
    if (way.rate === 1 && way.loss === 0) expect(new Set(ratios)).toEqual(new Set([1]));
    expect(Math.abs(mean - 1), `${(100 * (mean - 1)).toFixed(3)} %`).toBeLessThan(0.005);
  });
});
