// A small seeded generator (sfc32), so that a load can be repeated bit for bit. One stream per purpose: dropping a
// datagram or sampling a packet never changes which traffic comes next. Not for secrets.

export interface Random {
  /** 0 to 2^32 - 1. */
  uint32(): number;
  /** 0 up to but not including 1, in steps of 2^-32. */
  unit(): number;
  /** An integer of 0 up to but not including `limit`. */
  below(limit: number): number;
}

const WARM_UP_ROUNDS = 12;

export function createRandom(seed: number, stream = 0): Random {
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32) >>> 0;
  let c = stream >>> 0;
  let counter = 1;
  const uint32 = () => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < WARM_UP_ROUNDS; round++) uint32();
  const unit = () => uint32() / 2 ** 32;
  return { uint32, unit, below: limit => Math.floor(unit() * limit) };
}

/**
 * How many of `packets` a sampler takes that gives each the chance 1 in `rate`. Jumps from one taken packet to the
 * next (geometric steps), so it costs a draw per packet taken, not per packet seen.
 */
export function samplePackets(random: Random, packets: number, rate: number): number {
  if (rate === 1) return packets;
  const logMissed = Math.log1p(-1 / rate);
  let taken = -1;
  let position = -1;
  do {
    taken++;
    position += 1 + Math.floor(Math.log(1 - random.unit()) / logMissed);
  } while (position < packets);
  return taken;
}

/** Draws an index with the chance of its weight in constant time (Vose's alias method). */
export function createWeightedChoice(weights: readonly number[]): (random: Random) => number {
  const count = weights.length;
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const share = Float64Array.from(weights, weight => (weight * count) / total);
  const alias = new Uint32Array(count);
  const small: number[] = [];
  const large: number[] = [];
  share.forEach((value, i) => {
    (value < 1 ? small : large).push(i);
  });
  while (small.length > 0 && large.length > 0) {
    const low = small.pop()!;
    const high = large.at(-1)!;
    alias[low] = high;
    share[high]! -= 1 - share[low]!;
    if (share[high]! < 1) small.push(large.pop()!);
  }
  for (const i of [...small, ...large]) share[i] = 1;
  return random => {
    const draw = random.unit() * count;
    const i = Math.floor(draw);
    return draw - i < share[i]! ? i : alias[i]!;
  };
}
