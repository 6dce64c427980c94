// What is known of the domains of all exporters, as bytes: templates as they were announced and what options have reported.
// The main thread keeps one as the image of the journal, every receive worker one to wake its domains from: a template is
// compiled when data need it. Fed by changes, which are also what threads send each other and what the journal holds.
// Bounds: domains, templates of a domain, bytes in all; roster.ts decides which is evicted.

import { type DomainState, ratesIn } from './domain-state.ts';
import { type Member, NEVER, RENEW_MS, Roster } from './roster.ts';

export const STORE_BYTES_MAX = 64 * 1024 * 1024;

/** Domains of all exporters together, for each exporter that may be known; most have one or two. */
export const DOMAINS_PER_EXPORTER = 4;

/** Kept so long without a sign of the exporter; a collector may be down over a long weekend while exporters go on. */
export const DORMANT_MS_MAX = 7 * 24 * 3600_000;

/** Sessions of one address that are looked at for one that may be taken over. */
const SAME_ADDRESS_MAX = 1024;

/** What a domain and a template cost beside their bytes, generously. */
const DOMAIN_OVERHEAD_BYTES = 512;
const TEMPLATE_OVERHEAD_BYTES = 256;
const RATE_BYTES = 64;

/** Scope of templates: transport session (address, port, protocol) and domain; RFC 7011 8. */
export interface DomainKey {
  readonly address: string;
  readonly port: number;
  readonly protocol: number;
  readonly domain: number;
}

export type Change =
  /** `raw` is the template as it stood in a set of this id. */
  | {
      readonly type: 'template';
      readonly key: DomainKey;
      readonly atMs: number;
      readonly setId: number;
      readonly templateId: number;
      readonly raw: Uint8Array;
    }
  | { readonly type: 'withdrawn'; readonly key: DomainKey; readonly atMs: number; readonly templateId: number }
  | { readonly type: 'state'; readonly key: DomainKey; readonly atMs: number; readonly state: DomainState }
  /** Seen at this time; `proven` when it has delivered decodable data by then. */
  | { readonly type: 'seen'; readonly key: DomainKey; readonly atMs: number; readonly proven: boolean }
  | { readonly type: 'forgotten'; readonly key: DomainKey };

/** Gets every change of what this decoder knows; must not call back. */
export interface ChangeSink {
  changed(change: Change): void;
}

/** What a decoder knows beyond its own memory, and who is notified when it learns. */
export interface Knowledge {
  readonly store: TemplateStore;
  readonly sink: ChangeSink;
}

export function publish(knowledge: Knowledge | undefined, change: Change): void {
  if (knowledge?.store.apply(change)) knowledge.sink.changed(change);
}

export interface DormantTemplate {
  readonly setId: number;
  readonly raw: Uint8Array;
}

export interface DormantDomain extends Member {
  readonly key: DomainKey;
  readonly templates: Map<number, DormantTemplate>;
  state: DomainState | undefined;
  bytes: number;
}

/** A store with the bounds of a decoder. */
export function createTemplateStore(limits: {
  readonly exportersMax: number;
  readonly templatesMax: number;
}): TemplateStore {
  return new TemplateStore(DOMAINS_PER_EXPORTER * limits.exportersMax, limits.templatesMax);
}

export class TemplateStore {
  readonly #byAddress = new Map<string, Map<string, DormantDomain>>();
  readonly #roster: Roster<DormantDomain>;
  readonly #templatesMax: number;
  bytes = 0;
  /** Domains that were evicted or refused at a bound. */
  refused = 0;

  constructor(domainsMax: number, templatesMax: number) {
    this.#roster = new Roster(domainsMax);
    this.#templatesMax = templatesMax;
  }

  /** Domains known. */
  get size(): number {
    return this.#roster.size;
  }

  get(key: DomainKey): DormantDomain | undefined {
    return this.#byAddress.get(key.address)?.get(nameOf(key));
  }

  /** Domains that differ from `key` in the port only; none where an address has too many to look at. */
  others(key: DomainKey): DormantDomain[] {
    const domains = this.#byAddress.get(key.address);
    if (!domains || domains.size > SAME_ADDRESS_MAX) return [];
    return [...domains.values()].filter(
      ({ key: other }) => other.domain === key.domain && other.protocol === key.protocol && other.port !== key.port,
    );
  }

  /** Takes a change; false when it changes nothing or a bound refuses it. */
  apply(change: Change): boolean {
    const { key, type } = change;
    if (type === 'forgotten') return this.#delete(this.get(key));
    const { atMs } = change;
    const known = this.get(key);
    if (!known && (type === 'withdrawn' || type === 'seen')) return false;
    const domain = known ?? this.#create(key, atMs);
    if (!domain) return false;
    if (atMs - domain.lastReceivedMs >= RENEW_MS) this.#roster.renew(domain, atMs);
    switch (type) {
      case 'seen':
        if (change.proven) this.#roster.prove(domain, atMs);
        domain.lastReceivedMs = Math.max(domain.lastReceivedMs, atMs);
        return true;
      case 'withdrawn':
        return this.#withdraw(domain, change.templateId);
      case 'state':
        this.#count(domain, RATE_BYTES * (ratesIn(change.state) - ratesIn(domain.state)));
        domain.state = change.state;
        return this.#makeRoom(domain);
      case 'template':
        this.#withdraw(domain, change.templateId);
        if (domain.templates.size >= this.#templatesMax) return false;
        domain.templates.set(change.templateId, { setId: change.setId, raw: change.raw });
        this.#count(domain, change.raw.length + TEMPLATE_OVERHEAD_BYTES);
        return this.#makeRoom(domain);
    }
  }

  /** Everything known, as changes that make a store like this one. */
  *changes(): Iterable<Change> {
    for (const { key, templates, state, lastReceivedMs: atMs, provenMs } of this.#roster) {
      for (const [templateId, { setId, raw }] of templates)
        yield { type: 'template', key, atMs, setId, templateId, raw };
      if (state) yield { type: 'state', key, atMs, state };
      if (provenMs !== NEVER) yield { type: 'seen', key, atMs: provenMs, proven: true };
      yield { type: 'seen', key, atMs, proven: false };
    }
  }

  /** Forgets the domains that were not seen for DORMANT_MS_MAX; returns them. */
  expire(nowMs: number): DomainKey[] {
    const idle = [...this.#roster].filter(
      domain => nowMs - Math.max(domain.lastReceivedMs, domain.provenMs) > DORMANT_MS_MAX,
    );
    for (const domain of idle) this.#delete(domain);
    return idle.map(({ key }) => key);
  }

  #create(key: DomainKey, nowMs: number): DormantDomain | undefined {
    const other = this.#roster.givesWay(nowMs);
    if (other === null) {
      this.refused++;
      return undefined;
    }
    if (other) this.#evict(other);
    const domain: DormantDomain = {
      key,
      templates: new Map(),
      state: undefined,
      bytes: 0,
      lastReceivedMs: nowMs,
      provenMs: NEVER,
    };
    const domains = this.#byAddress.get(key.address) ?? new Map<string, DormantDomain>();
    this.#byAddress.set(key.address, domains.set(nameOf(key), domain));
    this.#roster.add(domain);
    this.#count(domain, DOMAIN_OVERHEAD_BYTES);
    return domain;
  }

  /** False when `domain` itself had to go. */
  #makeRoom(domain: DormantDomain): boolean {
    while (this.bytes > STORE_BYTES_MAX) {
      const other = this.#roster.oldestUnproven(domain);
      this.#evict(other ?? domain);
      if (!other) return false;
    }
    return true;
  }

  #withdraw(domain: DormantDomain, templateId: number): boolean {
    const template = domain.templates.get(templateId);
    if (!template) return false;
    domain.templates.delete(templateId);
    this.#count(domain, -template.raw.length - TEMPLATE_OVERHEAD_BYTES);
    return true;
  }

  #evict(domain: DormantDomain): void {
    this.refused++;
    this.#delete(domain);
  }

  #delete(domain: DormantDomain | undefined): boolean {
    if (!domain) return false;
    const { key } = domain;
    const domains = this.#byAddress.get(key.address)!;
    domains.delete(nameOf(key));
    if (domains.size === 0) this.#byAddress.delete(key.address);
    this.#roster.delete(domain);
    this.#count(domain, -domain.bytes);
    return true;
  }

  #count(domain: DormantDomain, bytes: number): void {
    domain.bytes += bytes;
    this.bytes += bytes;
  }
}

function nameOf({ port, protocol, domain }: DomainKey): string {
  return `${port}/${protocol}/${domain}`;
}
