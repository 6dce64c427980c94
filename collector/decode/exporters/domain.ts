// A domain: what one observation domain of an exporter has reported about itself, and how it does. Templates, sampling
// rates, sequence and health belong to (address, port, protocol, domain); RFC 7011 8. For sFlow a domain is an agent.

import { RateTable, type RateTotal } from '../sampling/rate-table.ts';
import type { SflowAgent } from '../sflow/agent.ts';
import type { Template } from '../templated/template.ts';
import type { ExporterClock } from './exporter-clock.ts';
import type { Holder, PendingSet } from './pending.ts';
import { type Member, NEVER } from './roster.ts';
import { SequenceMeter } from './sequence.ts';
import { NOT_KEPT } from './sequence-record.ts';
import type { Claims } from './shared-agent.ts';
import type { DomainKey } from './template-store.ts';

/** Templates that all exporters together may have; some 3 KB each. */
export const TEMPLATES_TOTAL_MAX = 131_072;

/** Rates a domain may report, by selector, by interface and by template each. */
export const SELECTORS_PER_DOMAIN_MAX = 4096;
export const INTERFACES_PER_DOMAIN_MAX = 4096;
export const TEMPLATE_RATES_PER_DOMAIN_MAX = 1024;

/** How many templates an exporter has, all its domains together, and how many there are in all. */
export interface TemplateCount {
  exporter: number;
  /** `makeRoom` lets exporters go that have proven nothing; false when there are none. */
  readonly total: RateTotal & { count: number };
}

/** Data and announcements exported so long before a redefinition were overtaken by it; earlier ones show a wrong clock. */
const OVERTAKEN_MS = 60_000;

/** The layout a template had before it was redefined, for data exported until then. */
interface Previous {
  readonly template: Template;
  readonly untilMs: number;
}

export class Domain implements Member {
  readonly exporter: Uint32Array;
  /** Observation domain id, NetFlow v9 source id, NetFlow v5 or v8 engine, sFlow sub-agent id. */
  readonly id: number;
  readonly protocol: number;
  readonly templates = new Map<number, Template>();
  /** The template used last: most data sets use the same one again. */
  lastTemplate: Template | undefined;
  /** One older layout per redefined template, and export time of the newest redefinition. */
  readonly #previous = new Map<number, Previous>();
  #redefinedMs = 0;
  #templateCount: TemplateCount;

  /** Sampling rate of the domain, 0 unknown, and where it was learnt. */
  samplingRate = 0;
  rateSource = 0;
  /** That of the newest record of a template. */
  newestRate = 0;
  /** Rates by sampler id (48) or selector id (302). */
  readonly selectorRates: RateTable;
  /** Rates by ifIndex, and by template. */
  readonly interfaceRates: RateTable;
  readonly templateRates: RateTable;
  /** 160 systemInitTimeMilliseconds from options, 0 unknown. */
  systemInitMs = 0;

  readonly sequence = new SequenceMeter(this);
  /** The port under which its sequence is kept, and whether it changed since it was written; sequence-track.ts. */
  port = NOT_KEPT;
  isTouched = false;

  /** Undefined where its protocol has no time of export, or nobody measures. */
  clock: ExporterClock | undefined;

  /** sFlow: data sources and hosts of the agent. */
  sflow: SflowAgent | undefined;
  /** sFlow, agents.ts: where it is kept, the address it reports, and the source whose datagrams are measured. */
  agentKey = '';
  claimed: Uint32Array;
  speaker = '';
  speakerSeenMs = 0;
  /** Other sources that report its address. */
  claims: Claims | undefined;

  /** Raised by whatever changes what domain-state.ts keeps: options that say nothing new cost no write. */
  stateRevision = 0;

  /** Data sets that wait for their template, by template id; pending.ts. */
  readonly pending = new Map<number, PendingSet[]>();
  pendingSets = 0;
  pendingBytes = 0;

  // What the table of exporters keeps of it; exporters.ts and roster.ts.
  holder: Holder = { pendingBytes: 0, provenMs: NEVER, forget() {} };
  lastReceivedMs = 0;
  provenMs = NEVER;
  firstProvenMs?: number;
  isSettled = false;
  /** Where the journal keeps it. */
  key: DomainKey | undefined;
  /** Another session of the address has this domain and may fall silent. */
  hasRival = false;
  rivalAskedMs = NEVER;
  /** False: there was no room for it, it serves the datagram at hand only. */
  listed = true;
  /** Set when the table let it go: whoever still holds it must look it up again. */
  evicted = false;

  /** Age of the youngest flow that a firewall sent an update of, ms; 0 when it has sent none. */
  firewallUpdateMs = 0;

  /** Under which running totals are kept, 0 where there are none yet. */
  totalsKey = 0;
  /** Until then another session, process or collector may have counted what it reported; by the collector's clock. */
  countedUntilMs = Number.NEGATIVE_INFINITY;
  /** Another thread has received it since. */
  isCountedElsewhere = false;

  // Counters since the last report; see schemas/exporter-minute.ts.
  lastSeenMs = 0;
  datagrams = 0;
  datagramBytes = 0;
  records = 0;
  lost = 0;
  restarts = 0;
  templatesLearned = 0;
  /** Data sets that came before their template, and those evicted or expired while they waited for it. */
  unknownTemplateSets = 0;
  lostSets = 0;
  malformedSets = 0;
  unknownRateRecords = 0;
  rateChanges = 0;
  /** 1 when it was found to share its agent address with others. */
  clashes = 0;
  /** sFlow discarded_packet events: packets the device dropped, no traffic. Not reset by a report. */
  discardedSamples = 0;

  constructor(exporter: Uint32Array, protocol: number, id: number, templateCount: TemplateCount) {
    this.exporter = Uint32Array.from(exporter);
    this.claimed = this.exporter;
    this.protocol = protocol;
    this.id = id;
    this.#templateCount = templateCount;
    this.selectorRates = new RateTable(SELECTORS_PER_DOMAIN_MAX, templateCount.total);
    this.interfaceRates = new RateTable(INTERFACES_PER_DOMAIN_MAX, templateCount.total);
    this.templateRates = new RateTable(TEMPLATE_RATES_PER_DOMAIN_MAX, templateCount.total);
  }

  seen(bytes: number, nowMs: number): void {
    this.datagrams++;
    this.datagramBytes += bytes;
    this.lastSeenMs = nowMs;
  }

  setRate(rate: number, source: number): void {
    if (this.samplingRate !== rate && this.rateSource !== 0) this.rateChanges++;
    if (this.samplingRate !== rate || this.rateSource !== source) this.stateRevision++;
    this.samplingRate = rate;
    this.rateSource = source;
  }

  /** Gives its rates back to the total; called when the domain itself is evicted. */
  releaseRates(): void {
    this.selectorRates.clear();
    this.interfaceRates.clear();
    this.templateRates.clear();
  }

  /** The template in force for data of this export time. */
  find(templateId: number, exportMs: number): Template | undefined {
    if (exportMs < this.#redefinedMs) {
      const previous = this.#previousAt(templateId, exportMs);
      if (previous) return previous;
    }
    const last = this.lastTemplate;
    if (last && last.id === templateId) return last;
    const template = this.templates.get(templateId);
    if (template) this.lastTemplate = template;
    return template;
  }

  /** Whether an announcement of this export time was overtaken by one that redefined its template. */
  isOvertaken(templateId: number, exportMs: number): boolean {
    return exportMs < this.#redefinedMs && this.#previousAt(templateId, exportMs) !== undefined;
  }

  /** Takes a new or changed template; false when the exporter, or all of them, have as many as they may. */
  learn(template: Template, templatesMax: number, exportMs = 0): boolean {
    const count = this.#templateCount;
    const known = this.templates.get(template.id);
    if (known) {
      this.#previous.set(template.id, { template: known, untilMs: exportMs });
      this.#redefinedMs = Math.max(this.#redefinedMs, exportMs);
    } else {
      if (count.exporter >= templatesMax) return false;
      while (count.total.count >= TEMPLATES_TOTAL_MAX) if (!count.total.makeRoom?.()) return false;
      count.exporter++;
      count.total.count++;
    }
    this.templates.set(template.id, template);
    this.lastTemplate = undefined;
    return true;
  }

  /** False when it was not known. */
  forget(templateId: number): boolean {
    this.lastTemplate = undefined;
    this.#previous.delete(templateId);
    if (!this.templates.delete(templateId)) return false;
    this.#templateCount.exporter--;
    this.#templateCount.total.count--;
    return true;
  }

  /** Its templates count for another session from now on. */
  moveTo(count: TemplateCount): void {
    this.#templateCount.exporter -= this.templates.size;
    count.exporter += this.templates.size;
    this.#templateCount = count;
  }

  #previousAt(templateId: number, exportMs: number): Template | undefined {
    const previous = this.#previous.get(templateId);
    if (!previous || exportMs >= previous.untilMs || previous.untilMs - exportMs > OVERTAKEN_MS) return undefined;
    return previous.template;
  }

  /** `advance` is what this datagram adds to the sequence number; `uptimeMs` 0 where the header has none. */
  checkSequence(sequence: number, advance: number, uptimeMs = 0): void {
    this.sequence.checkUptime(uptimeMs);
    this.sequence.check(sequence, advance);
  }
}
