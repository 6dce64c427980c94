// How many packets a sample of one data source stands for. An agent samples 1 in sampling_rate, but samples get lost: in
// the agent (drops), on the way (UDP), in our kernel. sample_pool counts every packet that could have been sampled, so
//
//   effective rate = packets the pool moved / samples received
//
// absorbs them all. It is measured over a window of WINDOW_SAMPLES samples, or WINDOW_MS of the agent's own uptime, and
// scales the samples of the next window: a rate taken from the samples it scales would favour whatever came last, and
// windows told by the agent's own sequence and time give the same answer when a capture is replayed. Windows follow each
// other without a gap, so the packets of all windows add up to the packets of the pool.
//
// The pool is believed where it moved 1/2 to 4 times as far as the samples taken and dropped explain; agents that leave
// it at 0, or count something else in it, keep the nominal rate. A window of few samples says little of the rate:
// generated / received then scales the nominal one, 1 to 4 times, if datagrams of the agent did get lost.
//
// samplingRate is a whole number. What rounding takes or adds is carried to the next sample of the source, so that the
// estimate over many samples has no bias: rounding 1.11 to 1 each time would hide a loss of 10 %.

import { RATE_SOURCE } from '../../../schemas/codes.ts';

export const WINDOW_SAMPLES = 50;
export const WINDOW_MS = 60_000;
export const FEW_FACTOR_MAX = 4;
const POOL_RATIO_MIN = 0.5;
const POOL_RATIO_MAX = 4;

/** A larger step of the sequence is a restart. */
const STEP_MAX = 10_000_000;
/** A step back within this may be a sample that was overtaken; a larger one is a restart. */
const REORDER_MAX = 1000;
/** So many in a row are not overtaken: the agent started again. */
const LATE_RUN_MAX = 8;

const RATE_MAX = 0xffffffff;

/** One data source of an agent. Counters are kept as signed 32-bit numbers: differences wrap as the counters do. */
export class SampleSource {
  /** sampling_rate as sent. */
  nominal: number;
  /** receivedAt of its newest sample. */
  seenMs: number;
  /** The newest sample. */
  #sequence: number;
  #pool: number;
  #drops: number;
  /** The sample that ended the last window. */
  #windowSequence: number;
  #windowPool: number;
  #windowDrops: number;
  #windowUptime: number;
  #windowGaps: number;
  /** Samples received since. */
  #received = 0;
  #lateRun = 0;
  /** Of the last completed window: effective rate by nominal rate, and what told it. */
  #factor = 1;
  #factorSource: number = RATE_SOURCE.sample;
  #carry = 0;

  constructor(sequence: number, pool: number, drops: number, rate: number, uptimeMs: number, gaps: number) {
    this.nominal = rate;
    this.seenMs = 0;
    this.#sequence = this.#windowSequence = sequence | 0;
    this.#pool = this.#windowPool = pool | 0;
    this.#drops = this.#windowDrops = drops | 0;
    this.#windowUptime = uptimeMs | 0;
    this.#windowGaps = gaps;
  }

  /**
   * Takes the head of a sample, the newest of `samples` that followed each other at this rate. `gaps` counts how often
   * datagrams of the agent were missing.
   */
  see(sequence: number, pool: number, drops: number, rate: number, uptimeMs: number, gaps: number, samples = 1): void {
    const step = (sequence - this.#sequence) | 0;
    if (rate !== this.nominal) {
      // What the pool moved at the old rate says nothing of the new one; the share that gets lost stays.
      this.nominal = rate;
      this.#startWindow(uptimeMs, gaps);
    }
    if (step <= 0 || step > STEP_MAX) {
      if (step <= 0 && step > -REORDER_MAX && ++this.#lateRun < LATE_RUN_MAX) {
        this.#received += samples;
        return;
      }
      this.#factor = 1;
      this.#factorSource = RATE_SOURCE.sample;
      this.#carry = 0;
      this.#move(sequence, pool, drops);
      this.#startWindow(uptimeMs, gaps);
      return;
    }
    this.#move(sequence, pool, drops);
    this.#received += samples;
    const age = (uptimeMs - this.#windowUptime) | 0;
    if (age < 0) this.#windowUptime = uptimeMs | 0;
    if (this.#received < WINDOW_SAMPLES && age < WINDOW_MS) return;
    this.#measure(gaps);
    this.#startWindow(uptimeMs, gaps);
  }

  /** Writes the rate of a sample into its row. */
  write(samplingRate: Uint32Array, rateSource: Uint8Array, row: number): void {
    rateSource[row] = this.#factorSource;
    if (this.#factorSource === RATE_SOURCE.sample) {
      samplingRate[row] = this.nominal;
      return;
    }
    const exact = this.nominal * this.#factor + this.#carry;
    const whole = Math.round(exact);
    const kept = Math.min(Math.max(1, whole), RATE_MAX);
    this.#carry = kept === whole ? exact - whole : 0;
    samplingRate[row] = kept;
  }

  #move(sequence: number, pool: number, drops: number): void {
    this.#lateRun = 0;
    this.#sequence = sequence | 0;
    this.#pool = pool | 0;
    this.#drops = drops | 0;
  }

  #startWindow(uptimeMs: number, gaps: number): void {
    this.#windowSequence = this.#sequence;
    this.#windowPool = this.#pool;
    this.#windowDrops = this.#drops;
    this.#windowUptime = uptimeMs | 0;
    this.#windowGaps = gaps;
    this.#received = 0;
  }

  #measure(gaps: number): void {
    const received = this.#received;
    const generated = Math.max(received, (this.#sequence - this.#windowSequence) >>> 0);
    const pooled = (this.#pool - this.#windowPool) >>> 0;
    this.#factor = 1;
    this.#factorSource = RATE_SOURCE.sample;
    if (pooled === 0) return;
    if (received < WINDOW_SAMPLES) {
      if (gaps === this.#windowGaps || generated === received) return;
      this.#factor = Math.min(FEW_FACTOR_MAX, generated / received);
      this.#factorSource = RATE_SOURCE.sequence;
      return;
    }
    // Whether a sample that the agent dropped has a sequence number is left open by the standard.
    const dropped = (this.#drops - this.#windowDrops) >>> 0;
    const taken = pooled / this.nominal;
    if (taken < POOL_RATIO_MIN * generated || taken > POOL_RATIO_MAX * (generated + dropped)) return;
    this.#factor = taken / received;
    this.#factorSource = RATE_SOURCE.pool;
  }
}
