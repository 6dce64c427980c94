// The exporters a decoder knows. A session is a source address and port and holds the domains that were heard from there;
// sFlow agents are kept apart, for an agent may send from any address. Both are bounded: at the bound the one not heard
// for longest gives way (to the accuracy of RENEW_MS), and what it had not reported yet is still reported.

import { Domain, type TemplateCount } from './domain.ts';

const TWO_32 = 4294967296;

export const DOMAINS_PER_SESSION_MAX = 1024;

/** How often a session or agent that goes on sending moves to the young end. */
const RENEW_MS = 10_000;

export class Session {
  readonly addressText: string;
  readonly address: Uint32Array;
  readonly port: number;
  readonly domains = new Map<number, Domain>();
  readonly templateCount: TemplateCount;
  last: Domain | undefined;
  renewedMs = 0;

  constructor(addressText: string, address: Uint32Array, port: number, templateCount: TemplateCount) {
    this.addressText = addressText;
    this.address = address;
    this.port = port;
    this.templateCount = templateCount;
  }
}

export class ExporterTable {
  readonly #byAddress = new Map<string, Map<number, Session>>();
  /** Oldest first. */
  readonly #sessions = new Set<Session>();
  /** Oldest first. */
  readonly #agents = new Map<string, Domain>();
  /** Let go with counters that no report has had yet. */
  #retired: Domain[] = [];
  readonly #templates = { count: 0 };
  readonly #exportersMax: number;
  evicted = 0;

  constructor(exportersMax: number) {
    this.#exportersMax = exportersMax;
  }

  /** The session of a source, made when it is new. */
  session(addressText: string, port: number, nowMs: number, parse: (text: string) => Uint32Array): Session {
    const known = this.#byAddress.get(addressText)?.get(port);
    if (known) {
      if (nowMs - known.renewedMs >= RENEW_MS) {
        known.renewedMs = nowMs;
        this.#sessions.delete(known);
        this.#sessions.add(known);
      }
      return known;
    }
    if (this.#sessions.size >= this.#exportersMax) this.#evictSession();
    const session = new Session(addressText, parse(addressText), port, { exporter: 0, total: this.#templates });
    session.renewedMs = nowMs;
    const ports = this.#byAddress.get(addressText) ?? new Map<number, Session>();
    this.#byAddress.set(addressText, ports.set(port, session));
    this.#sessions.add(session);
    return session;
  }

  /** The domain of a session; undefined when the session has DOMAINS_PER_SESSION_MAX already. */
  domain(session: Session, protocol: number, id: number): Domain | undefined {
    const { last } = session;
    if (last && last.id === id && last.protocol === protocol) return last;
    const key = protocol * TWO_32 + id;
    let domain = session.domains.get(key);
    if (!domain) {
      if (session.domains.size >= DOMAINS_PER_SESSION_MAX) return undefined;
      domain = new Domain(session.address, protocol, id, session.templateCount);
      session.domains.set(key, domain);
    }
    session.last = domain;
    return domain;
  }

  /** The domain of an sFlow agent and sub-agent. */
  agent(session: Session, agent: Uint32Array, protocol: number, subAgent: number, nowMs: number): Domain {
    const { last } = session;
    if (
      last &&
      !last.evicted &&
      last.id === subAgent &&
      last.protocol === protocol &&
      sameAddress(last.exporter, agent)
    ) {
      if (nowMs - last.renewedMs < RENEW_MS) return last;
    }
    const key = `${agent.join('.')}.${subAgent}`;
    let domain = this.#agents.get(key);
    if (!domain) {
      if (this.#agents.size >= this.#exportersMax) this.#evictAgent();
      domain = new Domain(agent, protocol, subAgent, session.templateCount);
      domain.renewedMs = nowMs;
      this.#agents.set(key, domain);
    } else if (nowMs - domain.renewedMs >= RENEW_MS) {
      domain.renewedMs = nowMs;
      this.#agents.delete(key);
      this.#agents.set(key, domain);
    }
    session.last = domain;
    return domain;
  }

  /** Every domain to report on; those that were let go are told once. */
  *domains(): Iterable<Domain> {
    for (const session of this.#sessions) yield* session.domains.values();
    yield* this.#agents.values();
    const retired = this.#retired;
    this.#retired = [];
    yield* retired;
  }

  /** Sessions known. */
  get size(): number {
    return this.#sessions.size;
  }

  #evictSession(): void {
    const [session] = this.#sessions;
    if (!session) return;
    this.#sessions.delete(session);
    const ports = this.#byAddress.get(session.addressText)!;
    ports.delete(session.port);
    if (ports.size === 0) this.#byAddress.delete(session.addressText);
    this.#templates.count -= session.templateCount.exporter;
    for (const domain of session.domains.values()) this.#retire(domain);
    this.evicted++;
  }

  #evictAgent(): void {
    const [entry] = this.#agents;
    if (!entry) return;
    this.#agents.delete(entry[0]);
    this.#retire(entry[1]);
    this.evicted++;
  }

  /** Between two reports at most as many as may be known are kept. */
  #retire(domain: Domain): void {
    domain.evicted = true;
    if (domain.datagrams > 0 && this.#retired.length < this.#exportersMax) this.#retired.push(domain);
  }
}

function sameAddress(a: Uint32Array, b: Uint32Array): boolean {
  return a[0] === b[0] && a[1] === b[1] && a[2] === b[2] && a[3] === b[3];
}
