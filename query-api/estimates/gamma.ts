// Quantiles of the gamma distribution with scale 1, which are the limits of Poisson means: P(X >= k | m) is the gamma
// distribution function of shape k at m. Shapes up to a few thousand; a dozen steps each, so that a matrix of ten
// thousand cells costs milliseconds.

/** Relative error at which the search stops. */
const PRECISION = 1e-9;
const STEPS_MAX = 100;

/** The x with P(shape, x) = p. */
export function gammaQuantile(shape: number, p: number): number {
  // The search begins where Wilson and Hilferty have 2.5 %: the cube root of a gamma variable is almost normal. Near 0 the density is x^(shape - 1).
  const z = p < 0.5 ? -1.959964 : 1.959964;
  const cube = 1 - 1 / (9 * shape) + z / (3 * Math.sqrt(shape));
  const small = Math.exp((Math.log(p) + lnGamma(shape + 1)) / shape);
  let x = cube > 0.2 ? shape * cube ** 3 : small;
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  for (let i = 0; i < STEPS_MAX; i++) {
    const error = regularized(shape, x) - p;
    if (error > 0) high = x;
    else low = x;
    const density = Math.exp((shape - 1) * Math.log(x) - x - lnGamma(shape));
    let next = x - error / density;
    if (!(next > low && next < high)) next = high === Number.POSITIVE_INFINITY ? 2 * x : (low + high) / 2;
    if (Math.abs(next - x) <= PRECISION * next) return next;
    x = next;
  }
  return x;
}

/** Lower regularized incomplete gamma function P(a, x): its series below a + 1, its continued fraction above. */
export function regularized(a: number, x: number): number {
  if (x <= 0) return 0;
  const front = Math.exp(a * Math.log(x) - x - lnGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let n = 1; term > sum * 1e-15; n++) {
      term *= x / (a + n);
      sum += term;
    }
    return sum * front;
  }
  // Lentz's method.
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let h = d;
  for (let i = 1; i < 10_000; i++) {
    const an = -i * (i - a);
    b += 2;
    d = an * d + b;
    d = 1 / (Math.abs(d) < tiny ? tiny : d);
    c = b + an / c;
    if (Math.abs(c) < tiny) c = tiny;
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-15) break;
  }
  return 1 - front * h;
}

/** Lanczos, g = 7. */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

export function lnGamma(x: number): number {
  let sum = LANCZOS[0]!;
  for (let i = 1; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (x - 1 + i);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}
