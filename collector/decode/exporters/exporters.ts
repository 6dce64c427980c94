// The exporters a decoder knows: sessions (session.ts), domains that go on under another port (take-over.ts), and sFlow agents,
// which are kept apart (agents.ts). Sessions, domains and agents are bounded, and those
// that deliver decodable data are never evicted for new ones (roster.ts). A newcomer that is refused is still decoded where
// its protocol needs no state: its session and domain are not kept. What was let go and had not been reported still is.

import { AgentTable } from './agents.ts';
import { Domain } from './domain.ts';
import { restoreState } from './domain-state.ts';
import { ExporterClock } from './exporter-clock.ts';
import type { PendingSets } from './pending.ts';
import { REFUSED_MAX, RefusedSources } from './refused-sources.ts';
import { CLAIM, type Claim, NEVER, PROVEN_MS, RENEW_MS, Roster } from './roster.ts';
import { SequenceTrack } from './sequence-track.ts';
import { isConnectionPort, keyOf, oldestUnproven, Session } from './session.ts';
import { type Rival, SILENT_MS, TakeOvers } from './take-over.ts';
import {
  type Change,
  DOMAINS_PER_EXPORTER,
  type DomainKey,
  type DormantDomain,
  type Knowledge,
  publish,
} from './template-store.ts';

export const DOMAINS_PER_SESSION_MAX = 1024;

/** An address has so many sessions at which a new one is admitted because the address is known. */
export const KNOWN_SESSIONS_MAX = 64;

export { REFUSED_MAX };

/**
 * RFC 7011 8.4 leaves the lifetime of templates over UDP to the collector. A day without announcement and without data:
 * exporters that announce hourly or only when something changes are not hurt, ids that went out of use are not kept.
 */
export const TEMPLATE_IDLE_MS = 24 * 3600_000;

/** Domains of all exporters. */
function domainsMax(exportersMax: number): number {
  return Math.max(DOMAINS_PER_SESSION_MAX, DOMAINS_PER_EXPORTER * exportersMax);
}

/** Domains and agents whose sequence numbers may be kept. */
export function sequencesMax(exportersMax: number): number {
  return domainsMax(exportersMax) + exportersMax;
}

export interface ExporterOptions {
  /** Addresses for which there is always room. */
  readonly isReserved?: ((address: string) => boolean) | undefined;
  /** Exporters may have sent to other collectors before. */
  readonly hasPeers?: boolean | undefined;
  /** Receipt is now: the clocks of exporters are measured by it, and their times corrected. */
  readonly measuresClocks?: boolean | undefined;
}

export class ExporterTable {
  readonly #byAddress = new Map<string, Map<number, Session>>();
  readonly #sessions: Roster<Session>;
  /** Connections, bounded by whoever accepts them. */
  readonly #connections = new Set<Session>();
  readonly #domains: Roster<Domain>;
  readonly agents: AgentTable;
  /** Let go with counters that no report has had yet. */
  #retired: Domain[] = [];
  readonly #templates = { count: 0, makeRoom: () => this.#evictForTemplates() };
  readonly #exportersMax: number;
  readonly #pending: PendingSets;
  readonly #knowledge: Knowledge | undefined;
  /** Sequence numbers and counters that outlive the process. */
  readonly sequences: SequenceTrack;
  readonly #refused = new RefusedSources();
  /** Addresses for which there is always room; of the configuration. */
  readonly #isReserved: (address: string) => boolean;
  /** Other collectors may have received an exporter that is new here. */
  readonly #hasPeers: boolean;
  readonly #measuresClocks: boolean;
  #nowMs = 0;
  #startedMs = NEVER;
  /** The session whose datagram is being decoded. */
  #current: Session | undefined;
  #evicted = 0;
  readonly #takeOvers: TakeOvers;

  constructor(
    exportersMax: number,
    pending: PendingSets,
    knowledge?: Knowledge,
    { isReserved = () => false, hasPeers = false, measuresClocks = false }: ExporterOptions = {},
  ) {
    this.#isReserved = isReserved;
    this.#hasPeers = hasPeers;
    this.#measuresClocks = measuresClocks;
    this.#exportersMax = exportersMax;
    this.#pending = pending;
    this.#knowledge = knowledge;
    this.#takeOvers = new TakeOvers({
      ...{ knowledge, pending, sessionsAt: addressText => this.#byAddress.get(addressText) },
      remove: domain => this.#removeDomain(domain),
    });
    this.#sessions = new Roster(exportersMax);
    this.#domains = new Roster(domainsMax(exportersMax));
    this.sequences = new SequenceTrack(sequencesMax(exportersMax));
    this.agents = new AgentTable(
      exportersMax,
      SILENT_MS,
      { sequences: this.sequences, refused: this.#refused },
      agent => this.#retire(agent),
    );
  }

  /** The session of a source, made when it is new; one that is not `admitted` when there is no room for it. */
  session(addressText: string, port: number, nowMs: number, parse: (text: string) => Uint32Array): Session {
    this.#nowMs = nowMs;
    const known = this.#byAddress.get(addressText)?.get(port);
    if (known) {
      if (nowMs - known.lastReceivedMs >= RENEW_MS) this.#sessions.renew(known, nowMs);
      this.#current = known;
      return known;
    }
    if (this.#startedMs === NEVER) this.#startedMs = nowMs;
    const connection = isConnectionPort(port);
    const address = parse(addressText);
    const claim = connection || this.#sessions.hasRoom ? CLAIM.none : this.#claimOf(addressText, address);
    const oldest = connection ? undefined : this.#sessions.givesWay(nowMs, claim);
    if (oldest) this.#evictSession(oldest);
    const templateCount = { exporter: 0, total: this.#templates };
    const session = new Session(addressText, address, port, templateCount, oldest !== null, nowMs);
    session.isKnown = claim === CLAIM.known || this.#isReserved(addressText);
    this.#current = session;
    if (!session.admitted) {
      this.#refused.add(addressText);
      return session;
    }
    const ports = this.#byAddress.get(addressText) ?? new Map<number, Session>();
    this.#byAddress.set(addressText, ports.set(port, session));
    if (connection) this.#connections.add(session);
    else this.#sessions.add(session);
    return session;
  }

  has(addressText: string, port: number): boolean {
    return this.#byAddress.get(addressText)?.has(port) ?? false;
  }

  /** Datagrams whose source found no room, or whose agent. */
  get refused(): number {
    return this.#refused.total;
  }

  get refusedRemembered(): number {
    return this.#refused.size;
  }

  /** Sources and agents that were refused since, to be named in the log; not all of a flood. */
  takeRefused(): readonly string[] {
    return this.#refused.take();
  }

  /** What an address without a session under this port has for itself. */
  #claimOf(addressText: string, address: Uint32Array): Claim {
    if (this.#isReserved(addressText)) return CLAIM.known;
    const ports = this.#byAddress.get(addressText);
    if ((ports?.size ?? 0) < KNOWN_SESSIONS_MAX) {
      if (this.sequences.wasSettled(address)) return CLAIM.known;
      for (const session of ports?.values() ?? []) if (session.isSettled) return CLAIM.known;
    }
    return this.#refused.has(addressText) ? CLAIM.again : CLAIM.none;
  }

  /** The domain of a session; undefined when there are as many as there may be, all of them proven. */
  domain(session: Session, protocol: number, id: number): Domain | undefined {
    const { last } = session;
    if (last && last.id === id && last.protocol === protocol) return last;
    const domain = session.domains.get(keyOf(protocol, id)) ?? this.#newDomain(session, protocol, id);
    if (domain) session.last = domain;
    return domain;
  }

  /** Called for every datagram that gave records. */
  prove(session: Session, domain: Domain, nowMs: number): void {
    if (nowMs - domain.provenMs < RENEW_MS) return;
    const first = domain.provenMs === NEVER;
    this.#sessions.prove(session, nowMs);
    this.#domains.prove(domain, nowMs);
    this.agents.prove(domain, nowMs);
    if (first && domain.key) publish(this.#knowledge, { type: 'seen', key: domain.key, atMs: nowMs, proven: true });
  }

  /**
   * Lets a domain take over its only rival, once that one is silent; called while data wait, and rarely otherwise. True
   * when it did: more templates may be known now.
   */
  retryTakeOver(session: Session, domain: Domain, nowMs: number): boolean {
    if (nowMs - domain.rivalAskedMs < 1000) return false;
    domain.rivalAskedMs = nowMs;
    const rival = this.#takeOvers.rivalOf(session, domain.protocol, domain.id, this.#startedMs);
    domain.hasRival = rival !== undefined;
    // A newcomer that gets on by itself only clears away what is long gone.
    if (!rival || nowMs - rival.lastReceivedMs < (domain.pendingSets > 0 ? SILENT_MS : PROVEN_MS)) return false;
    domain.hasRival = false;
    this.#takeOvers.inherit(domain, rival);
    return true;
  }

  /** A connection has ended: RFC 7011 8.1, 10.4.3. */
  endSession(addressText: string, port: number): void {
    const session = this.#byAddress.get(addressText)?.get(port);
    if (session) this.#removeSession(session);
  }

  /** A change that another decoder made: a domain that is live here learns of it. Returns that domain. */
  learn(change: Change): Domain | undefined {
    const { key } = change;
    const domain = this.#byAddress.get(key.address)?.get(key.port)?.domains.get(keyOf(key.protocol, key.domain));
    if (!domain) return undefined;
    domain.isCountedElsewhere = true;
    // Its template wakes anew when data need it.
    if (change.type === 'template' || change.type === 'withdrawn') domain.forget(change.templateId);
    else if (change.type === 'state') restoreState(domain, change.state);
    else if (change.type === 'forgotten') this.#removeDomain(domain);
    return domain;
  }

  /** Domains of the journal that were seen since, as changes. */
  *seenSince(sinceMs: number): Iterable<Change> {
    for (const { key, lastSeenMs, provenMs } of this.#domains) {
      if (key && lastSeenMs >= sinceMs)
        yield { type: 'seen', key, atMs: lastSeenMs, proven: lastSeenMs - provenMs < PROVEN_MS };
    }
  }

  /** Forgets templates, sessions and agents that have not been used for TEMPLATE_IDLE_MS. */
  expire(nowMs: number): void {
    this.#pending.expire(nowMs);
    const before = nowMs - TEMPLATE_IDLE_MS;
    for (const session of this.#sessions) if (session.lastReceivedMs < before) this.#removeSession(session);
    this.agents.expire(before);
    for (const domain of this.#domains) {
      for (const { id, usedMs } of domain.templates.values()) {
        if (usedMs >= before) continue;
        domain.forget(id);
        if (domain.key)
          publish(this.#knowledge, { type: 'withdrawn', key: domain.key, atMs: domain.lastSeenMs, templateId: id });
      }
    }
  }

  /** Every domain to report on; those that were let go are reported once. */
  *domains(): Iterable<Domain> {
    for (const session of this.#sessions) yield* session.domains.values();
    for (const session of this.#connections) yield* session.domains.values();
    yield* this.agents;
    const retired = this.#retired;
    this.#retired = [];
    yield* retired;
  }

  /** Sessions, domains and agents that were evicted at a bound. */
  get evicted(): number {
    return this.#evicted + this.agents.evicted;
  }

  /** Domains that went on under another port. */
  get takenOver(): number {
    return this.#takeOvers.count;
  }

  /** Sessions known. */
  get size(): number {
    return this.#sessions.size + this.#connections.size;
  }

  #newDomain(session: Session, protocol: number, id: number): Domain | undefined {
    if (!session.admitted) {
      const domain = new Domain(session.address, protocol, id, session.templateCount);
      domain.listed = false;
      this.sequences.drop({ exporter: session.address, port: session.port, protocol, id });
      return domain;
    }
    if (!this.#makeRoomForDomain(session)) return undefined;
    const key = this.#takeOvers.journalKey(session, protocol, id);
    const dormant = key && this.#knowledge?.store.get(key);
    const rival =
      session.isConnection || dormant ? undefined : this.#takeOvers.rivalOf(session, protocol, id, this.#startedMs);
    const inherits = rival !== undefined && this.#nowMs - rival.lastReceivedMs >= SILENT_MS;
    const domain =
      (inherits && this.#moveDomain(session, rival)) ||
      new Domain(session.address, protocol, id, session.templateCount);
    domain.key = key;
    domain.holder = session;
    if (this.#measuresClocks) domain.clock ??= new ExporterClock(session.isConnection);
    domain.lastReceivedMs = this.#nowMs;
    session.domains.set(keyOf(protocol, id), domain);
    if (dormant) this.#wake(session, domain, dormant);
    if (domain.lastSeenMs === 0 && (dormant || this.#mayBeCountedElsewhere(session, protocol, id, key)))
      domain.countedUntilMs = this.#nowMs;
    if (!session.isConnection) {
      this.#domains.add(domain);
      this.sequences.adopt(domain, session.port, this.#nowMs);
    }
    if (inherits) this.#takeOvers.inherit(domain, rival);
    else domain.hasRival = rival !== undefined;
    return domain;
  }

  /** Whether another session, process or collector may have decoded records of a domain that is new here. */
  #mayBeCountedElsewhere(session: Session, protocol: number, id: number, key: DomainKey | undefined): boolean {
    if (this.#hasPeers || session.isConnection) return true;
    return this.#takeOvers.isHeldElsewhere(session, protocol, id, key);
  }

  #makeRoomForDomain(session: Session): boolean {
    const full = session.domains.size >= DOMAINS_PER_SESSION_MAX;
    const gives = full ? null : session.isConnection ? undefined : this.#domains.givesWay(this.#nowMs);
    if (gives === undefined) return true;
    const oldest = gives ?? oldestUnproven(session);
    if (!oldest) return false;
    this.#removeDomain(oldest);
    this.#evicted++;
    return true;
  }

  /** What was known before a start, or learnt elsewhere: templates wake when data need them. */
  #wake(session: Session, domain: Domain, { state, provenMs }: DormantDomain): void {
    if (state) restoreState(domain, state);
    if (provenMs === NEVER) return;
    domain.provenMs = provenMs;
    if (session.provenMs === NEVER) this.#sessions.prove(session, provenMs);
  }

  /** The domain itself goes over to another session: its sequence goes on. */
  #moveDomain(session: Session, { session: from, domain }: Rival): Domain | undefined {
    if (!from || !domain) return undefined;
    from.forget(domain);
    this.sequences.forget(domain);
    this.#domains.delete(domain);
    from.pendingBytes -= domain.pendingBytes;
    session.pendingBytes += domain.pendingBytes;
    domain.moveTo(session.templateCount);
    return domain;
  }

  #evictSession(session: Session): void {
    this.#removeSession(session);
    this.#evicted++;
  }

  /** Templates of all exporters are at their bound: false when only proven ones hold some. */
  #evictForTemplates(): boolean {
    const oldest = this.#sessions.oldestUnproven(this.#current);
    if (oldest) this.#evictSession(oldest);
    return oldest !== undefined;
  }

  #removeSession(session: Session): void {
    for (const domain of session.domains.values()) this.#removeDomain(domain);
    this.#sessions.delete(session);
    this.#connections.delete(session);
    const ports = this.#byAddress.get(session.addressText)!;
    ports.delete(session.port);
    if (ports.size === 0) this.#byAddress.delete(session.addressText);
  }

  #removeDomain(domain: Domain): void {
    domain.holder.forget(domain);
    this.#domains.delete(domain);
    this.#retire(domain);
  }

  /** Between two reports at most as many as may be known are kept. */
  #retire(domain: Domain): void {
    this.sequences.forget(domain);
    domain.releaseRates();
    this.#pending.drop(domain);
    for (const id of [...domain.templates.keys()]) domain.forget(id);
    domain.evicted = true;
    const { datagrams, lostSets } = domain;
    if (datagrams + lostSets > 0 && this.#retired.length < this.#exportersMax) this.#retired.push(domain);
  }
}
