// Sampling rates by selector, by interface or by template. Bounded by itself and with all tables of all exporters
// together; at that bound exporters that have proven nothing are evicted, as for templates.

/** Rates that all exporters together may have reported; some 40 bytes each. */
export const RATES_TOTAL_MAX = 262_144;

/** What all exporters have in common; `makeRoom` is false when none can be evicted. */
export interface RateTotal {
  rates?: number;
  makeRoom?(): boolean;
}

export class RateTable {
  readonly #rates = new Map<number, number>();
  readonly #ratesMax: number;
  readonly #total: RateTotal;

  constructor(ratesMax: number, total: RateTotal) {
    this.#ratesMax = ratesMax;
    this.#total = total;
  }

  get size(): number {
    return this.#rates.size;
  }

  get(key: number): number | undefined {
    return this.#rates.get(key);
  }

  /** False when there is no room for another. */
  set(key: number, rate: number): boolean {
    const total = this.#total;
    if (!this.#rates.has(key)) {
      if (this.#rates.size >= this.#ratesMax) return false;
      while ((total.rates ?? 0) >= RATES_TOTAL_MAX) if (!total.makeRoom?.()) return false;
      total.rates = (total.rates ?? 0) + 1;
    }
    this.#rates.set(key, rate);
    return true;
  }

  clear(): void {
    this.#total.rates = (this.#total.rates ?? 0) - this.#rates.size;
    this.#rates.clear();
  }

  values(): Iterable<number> {
    return this.#rates.values();
  }

  [Symbol.iterator](): Iterator<[key: number, rate: number]> {
    return this.#rates.entries();
  }
}
