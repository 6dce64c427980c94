// The sequence meter of a domain: what was lost between exporter and collector, and when the exporter started again. It
// counts in the unit of the protocol: flows in NetFlow v5, v7 and v8, datagrams in NetFlow v9 and sFlow, data records in
// IPFIX. Numbers are modulo 2^32. What comes late was counted as lost when the later one came and is taken back; what
// comes twice changes nothing; a restart loses nothing and is counted.

/** Where the meter counts; a report reads both and sets them back to 0. */
export interface SequenceTally {
  lost: number;
  restarts: number;
}

/** A larger step forward is a restart that happened to land ahead; no exporter sends so much between two datagrams. */
const GAP_MAX = 10_000_000;
/** A step back within this may be a datagram that was overtaken or repeated; a larger one is a restart. */
const REORDER_MAX = 100_000;
/** So many steps back in their own order are no late ones: the exporter started again. */
const LATE_RUN_MAX = 8;
/** Gaps remembered, the newest, so that a late datagram is distinguished from a repeated one. */
export const GAPS_MAX = 8;

/** An uptime lower by no more than this comes from a datagram that was overtaken. */
const UPTIME_REORDER_MS = 60_000;
/** Within this of 2^32 an uptime rolls over; elsewhere a lower one is a restart. */
const ROLLOVER_MS = 3_600_000;
const TWO_32 = 4294967296;

/** Messages that fit one convention only before it holds against as many that fit the other only. */
const EVIDENCE_MAX = 4;

/** Stands for the records of a message that cannot be counted. */
export const UNCOUNTED = -1;

const UNKNOWN = -1;

/** What is kept of a meter beyond its process; -1 is unknown. */
export interface SequenceState {
  readonly next: number;
  readonly last: number;
  readonly lastRecords: number;
  readonly evidence: number;
  readonly uptimeMs: number;
}

/** What the first numbers after a start said: how many lost are counted, or that they are unknown. */
export interface ResumeTally {
  counted: number;
  unknown: number;
}

/** From the start of a process to the first number that is judged. */
interface Resume {
  readonly tally: ResumeTally;
  /** Since the numbers that are known. */
  readonly elapsedMs: number;
  /** The uptime shows that the exporter has run all the time: the gap is true, however large. */
  isSameRun: boolean;
}

export class SequenceMeter {
  readonly #tally: SequenceTally;
  #next = UNKNOWN;
  /** First number and length of each gap; made when there is one. */
  #gaps: Uint32Array | undefined;
  #gapAt = 0;
  /** Number that would follow the last step back, and how many have followed each other so. */
  #lateNext = UNKNOWN;
  #lateRun = 0;
  #uptimeMs = 0;

  /** IPFIX: number and records of the message before, UNKNOWN where they could not be counted. */
  #last = UNKNOWN;
  #lastRecords = UNKNOWN;
  /** IPFIX: above 0, the numbers count the records of their own message too. */
  #evidence = 0;
  #resume: Resume | undefined;

  constructor(tally: SequenceTally) {
    this.#tally = tally;
  }

  /** The number that goes on with the sequence, -1 when any does. */
  get next(): number {
    return this.#next;
  }

  /** Whether a number is one of those that are missing. */
  fillsGap(sequence: number): boolean {
    const gaps = this.#gaps;
    if (!gaps) return false;
    for (let i = 0; i < gaps.length; i += 2) if ((sequence - gaps[i]!) >>> 0 < gaps[i + 1]!) return true;
    return false;
  }

  state(): SequenceState {
    const next = this.#next;
    return {
      next,
      last: this.#last,
      lastRecords: this.#lastRecords,
      evidence: this.#evidence,
      uptimeMs: this.#uptimeMs,
    };
  }

  /**
   * Continues where another process was. A number ahead is a loss: an exporter that restarted meanwhile begins at 0, so
   * that it has sent, and lost, even more. A number far ahead is one only where the uptime shows the same run; otherwise
   * what was lost is unknown.
   */
  resume(state: SequenceState, elapsedMs: number, tally: ResumeTally): void {
    this.#next = state.next;
    this.#last = state.last;
    this.#lastRecords = state.lastRecords;
    this.#evidence = state.evidence;
    this.#uptimeMs = state.uptimeMs;
    this.#resume = { tally, elapsedMs, isSameRun: false };
  }

  /** `advance` is what this datagram adds to the number of the next one. False when it came late or again. */
  check(sequence: number, advance: number): boolean {
    const resume = this.#resume;
    const gap = this.#next < 0 ? 0 : (sequence - this.#next) | 0;
    if (resume && gap >= 0) return this.#judge(resume, gap, sequence, advance);
    if (gap < 0 && gap >= -REORDER_MAX) {
      if (this.#takeBack(sequence, advance) || !this.#isRestart(sequence, advance)) return false;
      this.#restart();
    } else if (gap < 0 || gap > GAP_MAX) this.#restart();
    else if (gap > 0) {
      this.#tally.lost += gap;
      this.#remember(this.#next, gap);
    }
    this.#lateRun = 0;
    this.#next = (sequence + advance) >>> 0;
    return true;
  }

  /** The first number after a start. */
  #judge({ tally, isSameRun }: Resume, gap: number, sequence: number, advance: number): true {
    const isKnown = this.#next >= 0 && (isSameRun || gap <= GAP_MAX);
    this.#resume = undefined;
    if (isKnown) tally.counted++;
    else tally.unknown++;
    if (isKnown && gap > 0) {
      this.#tally.lost += gap;
      this.#remember(this.#next, gap);
    }
    this.#next = (sequence + advance) >>> 0;
    return true;
  }

  /**
   * RFC 7011 3.1: the number counts the data records sent before this message. Some exporters (VMware, softflowd) count
   * those of this message too. Messages that fit one reading only show which; that one then measures the gaps.
   * Across a message with UNCOUNTED records no loss is measured that may be none.
   */
  checkRecords(sequence: number, records: number): void {
    this.#weigh(sequence, records);
    const isInclusive = this.#isInclusive(sequence, records);
    if (this.#last >= 0) {
      if (isInclusive) this.#next = this.#last;
      else this.#next = this.#lastRecords < 0 ? UNKNOWN : (this.#last + this.#lastRecords) >>> 0;
    }
    if (records >= 0) {
      const start = isInclusive ? (sequence - records) >>> 0 : sequence;
      if (!this.check(start, records)) return;
    } else if (isInclusive) {
      // Its own records are part of the number: what is missing before it cannot be known.
      this.#next = UNKNOWN;
    } else if (!this.check(sequence, 0)) return;
    this.#last = sequence;
    this.#lastRecords = records;
  }

  /** After a start, while messages have not shown the convention, that which counts less holds. */
  #isInclusive(sequence: number, records: number): boolean {
    const evidence = this.#evidence;
    if (!this.#resume || Math.abs(evidence) >= EVIDENCE_MAX || Math.min(this.#last, this.#lastRecords, records) < 0)
      return evidence > 0;
    const gapWith = (sequence - records - this.#last) | 0;
    return records > this.#lastRecords && gapWith >= 0;
  }

  /** Which convention this message speaks for. */
  #weigh(sequence: number, records: number): void {
    if (this.#last < 0 || this.#lastRecords < 0 || records < 0) return;
    const isExclusiveFit = sequence === (this.#last + this.#lastRecords) >>> 0;
    const isInclusiveFit = sequence === (this.#last + records) >>> 0;
    if (isExclusiveFit && !isInclusiveFit) this.#evidence = Math.max(-EVIDENCE_MAX, this.#evidence - 1);
    if (isInclusiveFit && !isExclusiveFit) this.#evidence = Math.min(EVIDENCE_MAX, this.#evidence + 1);
  }

  /** The exporter's uptime in milliseconds modulo 2^32; 0 says nothing. Lower than before is a restart or a rollover. */
  checkUptime(uptimeMs: number): void {
    const before = this.#uptimeMs;
    if (uptimeMs === 0 || (uptimeMs < before && before - uptimeMs <= UPTIME_REORDER_MS)) return;
    this.#uptimeMs = uptimeMs;
    const resume = this.#resume;
    if (resume && before > 0)
      resume.isSameRun = Math.abs(((uptimeMs - before) >>> 0) - resume.elapsedMs) <= UPTIME_REORDER_MS;
    if (uptimeMs >= before || isRollover(before, uptimeMs)) return;
    this.#restart();
  }

  #restart(): void {
    if (this.#resume) this.#resume.tally.unknown++;
    this.#resume = undefined;
    this.#tally.restarts++;
    this.#next = UNKNOWN;
    this.#last = UNKNOWN;
    this.#lateRun = 0;
    this.#gaps?.fill(0);
  }

  #isRestart(sequence: number, advance: number): boolean {
    if (advance === 0) return false;
    this.#lateRun = sequence === this.#lateNext ? this.#lateRun + 1 : 1;
    this.#lateNext = (sequence + advance) >>> 0;
    return this.#lateRun >= LATE_RUN_MAX;
  }

  #remember(start: number, length: number): void {
    this.#gaps ??= new Uint32Array(2 * GAPS_MAX);
    this.#gaps[2 * this.#gapAt] = start;
    this.#gaps[2 * this.#gapAt + 1] = length;
    this.#gapAt = (this.#gapAt + 1) % GAPS_MAX;
  }

  /** Closes the part of a gap that a late datagram fills; false when it fills none. */
  #takeBack(sequence: number, advance: number): boolean {
    const gaps = this.#gaps;
    if (!gaps || advance === 0) return false;
    for (let i = 0; i < gaps.length; i += 2) {
      const start = gaps[i]!;
      const length = gaps[i + 1]!;
      const before = (sequence - start) >>> 0;
      if (before >= length) continue;
      const taken = Math.min(advance, length - before);
      const after = length - before - taken;
      // A report in between may have set the count back to 0.
      this.#tally.lost = Math.max(0, this.#tally.lost - taken);
      gaps[i + 1] = before;
      if (before > 0 && after > 0) this.#remember(sequence + taken, after);
      else if (after > 0) {
        gaps[i] = sequence + taken;
        gaps[i + 1] = after;
      }
      return true;
    }
    return false;
  }
}

/** Whether a lower uptime is the one before gone on beyond 2^32. */
export function isRollover(beforeMs: number, uptimeMs: number): boolean {
  return beforeMs > TWO_32 - ROLLOVER_MS && uptimeMs < ROLLOVER_MS;
}
