// Exporters as the decoder knows them. A session is a source address and port; inside it, templates, sampling rates,
// sequence and health belong to a domain: protocol and observation domain (RFC 7011 8). sFlow keys domains by agent.

import type { Template } from './template.ts';

export class Domain {
  readonly exporter: Uint32Array;
  /** Observation domain id, NetFlow v9 source id, NetFlow v5 engine, sFlow sub-agent id. */
  readonly id: number;
  readonly protocol: number;
  readonly templates = new Map<number, Template>();
  /** The template used last: most data sets use the same one again. */
  lastTemplate: Template | undefined;

  /** Sampling rate of the domain, 0 unknown, and where it was learnt. */
  samplingRate = 0;
  rateSource = 0;
  /** Rates by sampler id (48) or selector id (302). */
  readonly selectorRates = new Map<number, number>();
  /** 160 systemInitTimeMilliseconds from options, 0 unknown. */
  systemInitMs = 0;

  /** Sequence number expected next, -1 before the first datagram. */
  sequenceNext = -1;
  /** IPFIX: sequence number of the previous message. */
  sequenceLast = -1;
  /** IPFIX: the exporter's sequence numbers count the records of their own message too. */
  sequenceInclusive = false;

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

  constructor(exporter: Uint32Array, protocol: number, id: number) {
    this.exporter = Uint32Array.from(exporter);
    this.protocol = protocol;
    this.id = id;
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

  /** Counts what is missing before `sequence`, modulo 2^32; a step back is a restart or reordering and counts nothing. */
  checkSequence(sequence: number, advance: number): void {
    if (this.sequenceNext >= 0) {
      const gap = (sequence - this.sequenceNext) | 0;
      if (gap > 0) this.lost += gap;
    }
    this.sequenceNext = (sequence + advance) >>> 0;
  }
}

export class Session {
  readonly address: Uint32Array;
  readonly port: number;
  readonly domains = new Map<number, Domain>();
  last: Domain | undefined;

  constructor(address: Uint32Array, port: number) {
    this.address = address;
    this.port = port;
  }
}

const TWO_32 = 4294967296;

/** Sessions and domains, both bounded: at the bound the oldest session of the address known longest gives way. */
export class ExporterTable {
  readonly #sessions = new Map<string, Map<number, Session>>();
  readonly #agents = new Map<string, Domain>();
  readonly #exportersMax: number;
  #count = 0;
  evicted = 0;

  constructor(exportersMax: number) {
    this.#exportersMax = exportersMax;
  }

  session(addressText: string, port: number, parse: (text: string) => Uint32Array): Session {
    const ports = this.#sessions.get(addressText);
    const known = ports?.get(port);
    if (known) return known;
    if (this.#count >= this.#exportersMax) this.#evict();
    const session = new Session(parse(addressText), port);
    const home = this.#sessions.get(addressText) ?? new Map<number, Session>();
    home.set(port, session);
    this.#sessions.set(addressText, home);
    this.#count++;
    return session;
  }

  /** The domain of a session; undefined when the session has as many domains as exporters may be known. */
  domain(session: Session, protocol: number, id: number): Domain | undefined {
    const { last } = session;
    if (last && last.id === id && last.protocol === protocol) return last;
    const key = protocol * TWO_32 + id;
    let domain = session.domains.get(key);
    if (!domain) {
      if (session.domains.size >= DOMAINS_PER_SESSION_MAX) return undefined;
      domain = new Domain(session.address, protocol, id);
      session.domains.set(key, domain);
    }
    session.last = domain;
    return domain;
  }

  /** The domain of an sFlow agent, which may send from any address. */
  agent(session: Session, agent: Uint32Array, protocol: number, subAgent: number): Domain | undefined {
    const { last } = session;
    if (last && last.id === subAgent && last.protocol === protocol && sameAddress(last.exporter, agent)) return last;
    const key = `${agent.join('.')}.${subAgent}`;
    let domain = this.#agents.get(key);
    if (!domain) {
      if (this.#agents.size >= this.#exportersMax) return undefined;
      domain = new Domain(agent, protocol, subAgent);
      this.#agents.set(key, domain);
    }
    session.last = domain;
    return domain;
  }

  *domains(): Iterable<Domain> {
    for (const ports of this.#sessions.values()) for (const session of ports.values()) yield* session.domains.values();
    yield* this.#agents.values();
  }

  get size(): number {
    return this.#count;
  }

  #evict(): void {
    const [address, ports] = this.#sessions.entries().next().value!;
    const port = ports.keys().next().value!;
    ports.delete(port);
    if (ports.size === 0) this.#sessions.delete(address);
    this.#count--;
    this.evicted++;
  }
}

export const DOMAINS_PER_SESSION_MAX = 1024;

function sameAddress(a: Uint32Array, b: Uint32Array): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}
