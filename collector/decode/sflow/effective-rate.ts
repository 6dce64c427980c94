// How many packets a sample of one data source stands for. An agent samples 1 in sampling_rate, but samples get lost: in
// the agent (drops), on the way (UDP), in our kernel. sample_pool counts every packet that could have been sampled, so
//
//   effective rate = packets the pool moved / samples received
//
// absorbs them all. It is measured over a window of at least WINDOW_SAMPLES samples, or WINDOW_MS of the agent's own uptime,
// and scales the samples that come after it: a rate taken from the samples it scales would favour whatever came last, and
// windows given by the agent's own sequence and time give the same answer when a capture is replayed. Windows follow each
// other without a gap, so the packets of all windows add up to the packets of the pool.
//
// Datagrams overtake each other. A window is measured SETTLE_MS after its end, and what came by then counts for the window
// it was numbered in: a late sample is not a lost one. Two things keep that without bias. Every window waits, also one that
// misses nothing: if only those with losses did, their rates would hold for fewer samples than the others' (-0.5 % of the
// totals at a loss of 5 %, -3 % at 60 samples a second). And how many samples end a window is decided when it begins, enough
// that the one before is measured by then: a window that time ended would hold few samples where many were lost, and the
// mean of pool / received is then too large.
//
// What is late and what is a restart follows from the agent's uptime, which a late datagram has from before the newest one; a source
// that fell back with a newer uptime, or an uptime that fell back by more than LATE_MS_MAX, began anew if that goes on for
// RESTART_RUN_MIN samples.
//
// The pool is believed where it moved 1/2 to 4 times as far as the samples taken and dropped explain; agents that leave
// it at 0, or count something else in it, keep the nominal rate. A window of few samples says little of the rate:
// generated / received then scales the nominal one, 1 to 4 times, if datagrams of the agent did get lost.
//
// Sampling is random, so the pool moves by N packets a sample on average only: over 60 samples it is off by 13 %, and so
// would be all that a window's rate scales. What was lost on the way follows from sequence numbers to the sample. So the
// rate is nominal x generated / received. The pool corrects it where an agent samples otherwise than it says: by what all
// windows together show beyond chance (positive-part James and Stein). A window in which the agent dropped samples takes
// the pool as it is, because whether dropped samples have numbers is left open by the standard.
//
// samplingRate is a whole number. What rounding takes or adds is carried to the next sample of the source, so that the
// estimate over many samples has no bias: rounding 1.11 to 1 each time would hide a loss of 10 %.

import { RATE_SOURCE } from '../../../schemas/codes.ts';

export const WINDOW_SAMPLES = 50;
export const WINDOW_MS = 60_000;
export const FEW_FACTOR_MAX = 4;
const POOL_RATIO_MIN = 0.5;
const POOL_RATIO_MAX = 4;

/** A window may still get samples for so long after its end, by the agent's uptime. */
export const SETTLE_MS = 1000;
/** What a window is meant to last at least, at the pace of the one before: some more than the wait, as paces vary. */
const WINDOW_MS_MIN = 1.5 * SETTLE_MS;
/** Where the uptime does not move, a window waits for so many samples instead. */
const STILL_SAMPLES_MIN = 1000;
/** A datagram is not overtaken by more; an uptime that falls back further is a restart. */
export const LATE_MS_MAX = 10_000;
/** So many in a row that fit no window, and the source began anew. One alone may be a stray. */
export const RESTART_RUN_MIN = 4;
/** A larger step of the sequence is a restart. */
const STEP_MAX = 10_000_000;
/** An uptime that does not move proves nothing: a larger step back is a restart then. */
const REORDER_MAX = 1000;

const RATE_MAX = 0xffffffff;

/** Deviations of the pool up to so many standard errors are chance. */
const CHANCE = 3;
/** Samples that the pool is compared with; of more, the older ones count half. */
const COMPARED_MAX = 20_000;
/** An agent that numbers the samples of two sources together explains half of them. */
const NUMBERED_MIN = 0.75;

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
  #uptime: number;
  #gaps: number;
  /** The sample that ended the last window. */
  #windowSequence: number;
  #windowPool: number;
  #windowDrops: number;
  #windowUptime: number;
  #windowGaps: number;
  /** Samples received since, how many end this window and the next one, and the rate they have. */
  #received = 0;
  #enough = WINDOW_SAMPLES;
  #paced = WINDOW_SAMPLES;
  #windowRate: number;
  /** The last window while it waits for late samples: its counts, and the uptime at its end. */
  #isSettling = false;
  #settlingReceived = 0;
  #settlingGenerated = 0;
  #settlingPooled = 0;
  #settlingDropped = 0;
  #settlingGapped = false;
  #restartRun = 0;
  /** Of the last completed window: effective rate by nominal rate, and its source. */
  #factor = 1;
  #factorSource: number = RATE_SOURCE.sample;
  /** Over windows without drops: samples by their numbers, and by what the pool moved at the nominal rate. */
  #comparedSamples = 0;
  #comparedTaken = 0;
  #carry = 0;

  constructor(sequence: number, pool: number, drops: number, rate: number, uptimeMs: number, gaps: number) {
    this.nominal = this.#windowRate = rate;
    this.seenMs = 0;
    this.#sequence = this.#windowSequence = sequence | 0;
    this.#pool = this.#windowPool = pool | 0;
    this.#drops = this.#windowDrops = drops | 0;
    this.#uptime = this.#windowUptime = uptimeMs | 0;
    this.#gaps = this.#windowGaps = gaps;
  }

  /**
   * Takes the head of a sample, the newest of `samples` that followed each other at this rate. `gaps` counts how often
   * datagrams of the agent were missing.
   */
  see(sequence: number, pool: number, drops: number, rate: number, uptimeMs: number, gaps: number, samples = 1): void {
    this.nominal = rate;
    const step = (sequence - this.#sequence) | 0;
    const later = (uptimeMs - this.#uptime) | 0;
    if (step <= 0 && later <= 0 && later >= -LATE_MS_MAX && (later < 0 || step > -REORDER_MAX)) {
      this.#takeLate(sequence, samples);
      return;
    }
    if (step <= 0 || step > STEP_MAX) {
      this.#restartRun += samples;
      if (this.#restartRun < RESTART_RUN_MIN) return;
      this.#restart(rate);
      this.#move(sequence, pool, drops, uptimeMs, gaps);
      this.#startWindow();
      return;
    }
    if (rate !== this.#windowRate) {
      // What the pool moved at the old rate says nothing of the new one; the share that gets lost stays.
      this.#windowRate = rate;
      this.#isSettling = false;
      this.#startWindow();
      this.#enough = this.#paced = WINDOW_SAMPLES;
      this.#comparedSamples = this.#comparedTaken = 0;
    }
    this.#move(sequence, pool, drops, uptimeMs, gaps);
    this.#received += samples;
    if (this.#isSettling) {
      const waitedMs = (uptimeMs - this.#windowUptime) | 0;
      // An uptime that fell back further than a datagram is late would be waited for until it is reached again.
      const hasFallenBack = waitedMs < -LATE_MS_MAX;
      if (!hasFallenBack && waitedMs < SETTLE_MS && (waitedMs !== 0 || this.#received < STILL_SAMPLES_MIN)) return;
      this.#measure();
    }
    const age = (uptimeMs - this.#windowUptime) | 0;
    if (age < 0) this.#windowUptime = uptimeMs | 0;
    if (this.#received >= this.#enough || age >= WINDOW_MS) this.#endWindow(age);
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

  /** Counts for the window it was numbered in; of one that was measured already it changes nothing any more. */
  #takeLate(sequence: number, samples: number): void {
    this.#restartRun = 0;
    if (((sequence - this.#windowSequence) | 0) > 0) this.#received += samples;
    else if (this.#isSettling) this.#settlingReceived += samples;
  }

  #restart(rate: number): void {
    this.#factor = 1;
    this.#factorSource = RATE_SOURCE.sample;
    this.#carry = 0;
    this.#windowRate = rate;
    this.#isSettling = false;
    this.#enough = this.#paced = WINDOW_SAMPLES;
    this.#comparedSamples = this.#comparedTaken = 0;
  }

  #move(sequence: number, pool: number, drops: number, uptimeMs: number, gaps: number): void {
    this.#restartRun = 0;
    this.#sequence = sequence | 0;
    this.#pool = pool | 0;
    this.#drops = drops | 0;
    this.#uptime = uptimeMs | 0;
    this.#gaps = gaps;
  }

  /** The next window starts where the newest sample is. */
  #startWindow(): void {
    this.#windowSequence = this.#sequence;
    this.#windowPool = this.#pool;
    this.#windowDrops = this.#drops;
    this.#windowUptime = this.#uptime;
    this.#windowGaps = this.#gaps;
    this.#received = 0;
  }

  /** It waits for late samples from here on, while the next one runs. */
  #endWindow(age: number): void {
    this.#settlingReceived = this.#received;
    this.#settlingGenerated = (this.#sequence - this.#windowSequence) >>> 0;
    this.#settlingPooled = (this.#pool - this.#windowPool) >>> 0;
    this.#settlingDropped = (this.#drops - this.#windowDrops) >>> 0;
    this.#settlingGapped = this.#gaps !== this.#windowGaps;
    this.#isSettling = true;
    this.#startWindow();
    this.#enough = Math.max(WINDOW_SAMPLES, this.#paced);
    // Not for the window that this one's rate will scale: a window of few samples for their packets would have a high rate for few.
    // A burst at one uptime says nothing of the pace.
    this.#paced = age <= 0 ? WINDOW_SAMPLES : Math.ceil((this.#settlingGenerated * WINDOW_MS_MIN) / age);
  }

  #measure(): void {
    this.#isSettling = false;
    const received = this.#settlingReceived;
    const pooled = this.#settlingPooled;
    const generated = Math.max(received, this.#settlingGenerated);
    this.#factor = 1;
    this.#factorSource = RATE_SOURCE.sample;
    if (pooled === 0) return;
    if (received < WINDOW_SAMPLES) {
      if (!this.#settlingGapped || generated === received) return;
      this.#factor = Math.min(FEW_FACTOR_MAX, generated / received);
      this.#factorSource = RATE_SOURCE.sequence;
      return;
    }
    const taken = pooled / this.#windowRate;
    if (taken < POOL_RATIO_MIN * generated || taken > POOL_RATIO_MAX * (generated + this.#settlingDropped)) return;
    this.#factorSource = RATE_SOURCE.pool;
    // Numbers that leap although no datagram is missing do not count this source's samples alone.
    const isNumbered = this.#settlingGapped ? taken > NUMBERED_MIN * generated : generated === received;
    const followsNumbers = isNumbered && this.#settlingDropped === 0;
    this.#factor = followsNumbers ? (generated / received) * this.#compare(generated, taken) : taken / received;
  }

  /** How much more than the nominal rate a sample stands for, by all windows and beyond chance. */
  #compare(samples: number, taken: number): number {
    this.#comparedSamples += samples;
    this.#comparedTaken += taken;
    if (this.#comparedSamples > COMPARED_MAX) {
      this.#comparedSamples /= 2;
      this.#comparedTaken /= 2;
    }
    const excess = this.#comparedTaken / this.#comparedSamples - 1;
    const squaredErrors = this.#comparedSamples * excess * excess;
    return squaredErrors <= CHANCE * CHANCE ? 1 : 1 + excess * (1 - (CHANCE * CHANCE) / squaredErrors);
  }
}
