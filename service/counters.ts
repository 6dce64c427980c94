// Counters that any thread may raise and the metrics endpoint reads: doubles in shared memory, with one writer thread per
// set and without messages or locks. The set of counters, and so of labels, is fixed in the source.

export interface CounterSpec {
  /** Prometheus name: `<stage>_<noun>_<unit>_total`, or a gauge without `_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: Readonly<Record<string, string>>;
}

export type CounterSpecs = Readonly<Record<string, CounterSpec>>;

export interface Counters<S extends CounterSpecs> {
  readonly specs: S;
  /** Post this to the thread that writes or to the one that reads. */
  readonly buffer: SharedArrayBuffer;
  add(key: keyof S & string, amount?: number): void;
  set(key: keyof S & string, value: number): void;
  get(key: keyof S & string): number;
  /** The memory itself and the index of a key in it, for loops in which a look-up by name would cost too much. */
  readonly values: Float64Array;
  slot(key: keyof S & string): number;
}

/** Counters over fresh shared memory, or over that of another thread. */
export function openCounters<const S extends CounterSpecs>(
  specs: S,
  buffer = new SharedArrayBuffer(Object.keys(specs).length * Float64Array.BYTES_PER_ELEMENT),
): Counters<S> {
  const values = new Float64Array(buffer);
  const index = new Map(Object.keys(specs).map((key, i) => [key, i]));
  const slot = (key: string) => index.get(key)!;
  return {
    specs,
    buffer,
    add: (key, amount = 1) => {
      values[slot(key)]! += amount;
    },
    set: (key, value) => {
      values[slot(key)] = value;
    },
    get: key => values[slot(key)]!,
    values,
    slot,
  };
}
