// What was sent to a collector: the number of each flow, the datagram it was in and when that was sent. An hour at 6,000
// flows a second is 90 MB.

export interface Ledger {
  /** Datagrams, in the order of sending. */
  readonly datagrams: number;
  readonly flows: number;
  add(numbers: readonly number[], sentAtMs: number): void;
  sentAtMs(datagram: number): number;
  numbersOf(datagram: number): Uint32Array;
}

const FIRST_CAPACITY = 65_536;

export function createLedger(): Ledger {
  let numbers = new Uint32Array(FIRST_CAPACITY);
  let ends = new Uint32Array(FIRST_CAPACITY);
  let times = new Float64Array(FIRST_CAPACITY);
  let datagrams = 0;
  let flows = 0;
  return {
    get datagrams() {
      return datagrams;
    },
    get flows() {
      return flows;
    },
    add(sent, sentAtMs) {
      if (flows + sent.length > numbers.length) numbers = grown(numbers, new Uint32Array(2 * numbers.length));
      if (datagrams === ends.length) {
        ends = grown(ends, new Uint32Array(2 * ends.length));
        times = grown(times, new Float64Array(2 * times.length));
      }
      numbers.set(sent, flows);
      flows += sent.length;
      ends[datagrams] = flows;
      times[datagrams] = sentAtMs;
      datagrams++;
    },
    sentAtMs: datagram => times[datagram]!,
    numbersOf: datagram => numbers.subarray(datagram === 0 ? 0 : ends[datagram - 1]!, ends[datagram]!),
  };
}

function grown<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
