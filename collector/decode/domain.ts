// A domain: what one observation domain of an exporter has told about itself, and how it does. Templates, sampling
// rates, sequence and health belong to (address, port, protocol, domain); RFC 7011 8. For sFlow a domain is an agent.

import type { Template } from './template.ts';

/** Templates that all exporters together may have; some 2 KB each. */
export const TEMPLATES_TOTAL_MAX = 131_072;

/** How many templates an exporter has, all its domains together, and how many there are in all. */
export interface TemplateCount {
  exporter: number;
  readonly total: { count: number };
}

/** A larger step forward is a restart that happened to land ahead; nobody sends so much between two datagrams. */
const GAP_MAX = 10_000_000;
/** A step back within this may be a datagram that was overtaken; a larger one is a restart. */
const REORDER_MAX = 100_000;
/** So many late ones in their own order are no late ones: the exporter started again. */
const LATE_RUN_MAX = 8;

export class Domain {
  readonly exporter: Uint32Array;
  /** Observation domain id, NetFlow v9 source id, NetFlow v5 engine, sFlow sub-agent id. */
  readonly id: number;
  readonly protocol: number;
  readonly templates = new Map<number, Template>();
  /** The template used last: most data sets use the same one again. */
  lastTemplate: Template | undefined;
  readonly #templateCount: TemplateCount;

  /** Sampling rate of the domain, 0 unknown, and where it was learnt. */
  samplingRate = 0;
  rateSource = 0;
  /** Rates by sampler id (48) or selector id (302). */
  readonly selectorRates = new Map<number, number>();
  /** 160 systemInitTimeMilliseconds from options, 0 unknown. */
  systemInitMs = 0;

  /** Sequence number expected next, -1 before the first datagram and after one whose records could not be counted. */
  sequenceNext = -1;
  /** IPFIX: sequence number of the previous message. */
  sequenceLast = -1;
  /** IPFIX: the exporter's sequence numbers count the records of their own message too. */
  sequenceInclusive = false;

  /** Sequence number that would follow the last late datagram, and how many have followed each other so. */
  #lateNext = -1;
  #lateRun = 0;

  /** When the table last moved it to the young end. */
  renewedMs = 0;
  /** Set when the table let it go: whoever still holds it must ask again. */
  evicted = false;

  // Counters since the last report; see schemas/exporter-minute.ts.
  lastSeenMs = 0;
  datagrams = 0;
  datagramBytes = 0;
  records = 0;
  lost = 0;
  templatesLearned = 0;
  unknownTemplateSets = 0;
  malformedSets = 0;
  unknownRateRecords = 0;
  rateChanges = 0;

  constructor(exporter: Uint32Array, protocol: number, id: number, templateCount: TemplateCount) {
    this.exporter = Uint32Array.from(exporter);
    this.protocol = protocol;
    this.id = id;
    this.#templateCount = templateCount;
  }

  seen(bytes: number, nowMs: number): void {
    this.datagrams++;
    this.datagramBytes += bytes;
    this.lastSeenMs = nowMs;
  }

  setRate(rate: number, source: number): void {
    if (this.samplingRate !== rate && this.rateSource !== 0) this.rateChanges++;
    this.samplingRate = rate;
    this.rateSource = source;
  }

  /** Takes a new or changed template; false when the exporter, or all of them, have as many as they may. */
  learn(template: Template, templatesMax: number): boolean {
    const count = this.#templateCount;
    if (!this.templates.has(template.id)) {
      if (count.exporter >= templatesMax || count.total.count >= TEMPLATES_TOTAL_MAX) return false;
      count.exporter++;
      count.total.count++;
    }
    this.templates.set(template.id, template);
    this.lastTemplate = undefined;
    this.templatesLearned++;
    return true;
  }

  forget(templateId: number): void {
    this.lastTemplate = undefined;
    if (!this.templates.delete(templateId)) return;
    this.#templateCount.exporter--;
    this.#templateCount.total.count--;
  }

  /**
   * Counts what is missing before `sequence`, modulo 2^32. An overtaken datagram was counted as missing when the later
   * one came and is taken back; a restart counts nothing. `advance` is what this datagram adds to the sequence.
   */
  checkSequence(sequence: number, advance: number): void {
    const gap = this.sequenceNext < 0 ? 0 : (sequence - this.sequenceNext) | 0;
    if (gap < 0 && gap >= -REORDER_MAX) {
      this.#lateRun = sequence === this.#lateNext ? this.#lateRun + 1 : 1;
      this.#lateNext = (sequence + advance) >>> 0;
      if (this.#lateRun < LATE_RUN_MAX) {
        this.lost = Math.max(0, this.lost - advance);
        return;
      }
    }
    this.#lateRun = 0;
    if (gap > 0 && gap <= GAP_MAX) this.lost += gap;
    this.sequenceNext = (sequence + advance) >>> 0;
  }
}
