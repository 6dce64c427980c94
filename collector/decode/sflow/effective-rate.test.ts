import { describe, expect, test } from 'vitest';
import { RATE_SOURCES } from '../../../schemas/codes.ts';
import { SampleSource, WINDOW_MS, WINDOW_SAMPLES } from './effective-rate.ts';

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

/** A source and the samples it is given; `take` gives the rate of the sample. */
class Port {
  source: SampleSource | undefined;
  gaps = 0;
  readonly #rates = new Uint32Array(1);
  readonly #sources = new Uint8Array(1);

  take(sequence: number, pool: number, uptimeMs = 0, rate = 100, drops = 0): number {
    if (this.source) this.source.see(sequence >>> 0, pool >>> 0, drops >>> 0, rate, uptimeMs >>> 0, this.gaps);
    else this.source = new SampleSource(sequence >>> 0, pool >>> 0, drops >>> 0, rate, uptimeMs >>> 0, this.gaps);
    this.source.write(this.#rates, this.#sources, 0);
    return this.#rates[0]!;
  }

  get rateSource(): string {
    return RATE_SOURCES[this.#sources[0]!]!;
  }

  /** `count` samples of which every `step`th arrives; the pool moves by `packets` for each that was taken. */
  run(count: number, { start = 1, step = 1, packets = 100, rate = 100, pool = 0, uptimeMs = 0, drops = 0 } = {}) {
    const rates: number[] = [];
    for (let i = 0; i < count; i++) {
      const n = start + i * step;
      rates.push(this.take(n, pool + n * packets, uptimeMs, rate, drops * n));
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
    expect(port.rateSource).toBe('sample');
    expect(port.take(1 + 2 * WINDOW_SAMPLES, 100 * (1 + 2 * WINDOW_SAMPLES))).toBe(200);
    expect(port.rateSource).toBe('pool');
  });

  test('of a lossless source is the nominal rate', () => {
    expect(new Set(new Port().run(500))).toEqual(new Set([100]));
  });

  test('holds the loss of the agent too: packets counted for samples it dropped', () => {
    expect(new Port().run(200, { packets: 150, drops: 1 }).at(-1)).toBe(150);
  });

  test('is measured across a wrap of pool and sequence', () => {
    const port = new Port();
    const rates = port.run(400, { start: 2 ** 32 - 300, step: 2, pool: -(2 ** 32 - 300) * 100 + 2 ** 32 - 5000 });
    expect(rates.slice(0, 50)).toEqual(Array(50).fill(100));
    expect(new Set(rates.slice(51))).toEqual(new Set([200]));
  });

  test('is rounded without bias: what is cut off is carried to the next sample', () => {
    const port = new Port();
    // 10 of 11 arrive: the rate is 1.1.
    const rates: number[] = [];
    for (let n = 1; n <= 11_000; n++) if (n % 11 !== 0) rates.push(port.take(n, n, 0, 1));
    const later = rates.slice(WINDOW_SAMPLES + 1);
    expect(new Set(later)).toEqual(new Set([1, 2]));
    expect(Math.abs(sum(later) / later.length - 1.1)).toBeLessThan(0.001);
  });

  test('starts anew with the sequence', () => {
    const port = new Port();
    expect(port.run(200, { step: 2, start: 5000 }).at(-1)).toBe(200);
    expect(port.run(WINDOW_SAMPLES)).toEqual(Array(WINDOW_SAMPLES).fill(100));
    expect(port.rateSource).toBe('sample');
  });

  test('starts anew soon where the sequence fell back by a little', () => {
    const port = new Port();
    expect(port.run(120, { step: 2 }).at(-1)).toBe(200);
    const again = port.run(40);
    expect(again.slice(0, 7)).toEqual(Array(7).fill(200));
    expect(again.slice(7)).toEqual(Array(33).fill(100));
  });

  test('takes overtaken samples as received: no loss is seen where only the order changed', () => {
    const port = new Port();
    const rates: number[] = [];
    for (let n = 1; n < 400; n += 2) for (const s of [n + 1, n]) rates.push(port.take(s, s * 100));
    expect(Math.max(...rates)).toBeLessThanOrEqual(102);
    expect(Math.abs(sum(rates) / rates.length - 100)).toBeLessThan(1);
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
    expect(new Set(Array.from({ length: 300 }, (_, i) => port.take(7, i * 300)))).toEqual(new Set([100]));
  });

  test('saturates at 2^32 - 1', () => {
    const port = new Port();
    const rates = Array.from({ length: 120 }, (_, i) => port.take(1 + 2 * i, i * 6e7, 0, 0xffffffff));
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
      expect(port.take(1 + step, 1000, WINDOW_MS)).toBe(rate);
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
    for (let i = 1; i < WINDOW_SAMPLES; i++) rates.push(port.take(n + 1 + i, 100 * (n + 1) + 150 * i, WINDOW_MS - 1));
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
      effective += bytes * port.take(sequence, pool, pool / 1000, N, drops);
      nominal += bytes * N;
      squares += bytes * bytes;
      received++;
    }
    return { truth, effective, nominal, received, squares };
  }

  test('the effective rate finds the true bytes within its error, the nominal one misses what was lost', () => {
    const lost = 1 - 0.95 * 0.9;
    const errors: number[] = [];
    for (let seed = 1; seed <= 8; seed++) {
      const { truth, effective, nominal, received, squares } = simulate(seed);
      const rate = N / (1 - lost);
      const deviation = Math.sqrt(rate * (rate - 1) * squares);
      expect(received).toBeGreaterThan(8000);
      // Nominal for the first window, and one window behind at the end.
      const behind = (WINDOW_SAMPLES / received) * truth;
      expect(Math.abs(effective - truth), `seed ${seed}`).toBeLessThan(3 * deviation + behind);
      expect(truth - nominal, `seed ${seed}`).toBeGreaterThan((lost - 0.05) * truth);
      errors.push((effective - truth) / truth);
    }
    // No bias: the mean of all runs is far closer than any one need be.
    expect(Math.abs(sum(errors) / errors.length)).toBeLessThan(0.01);
  });
});
