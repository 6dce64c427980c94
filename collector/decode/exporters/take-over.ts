// Take-overs: an exporter that goes on under another port keeps its templates, rates and sequence. A domain may take over its
// only rival at the address, once that one is silent: a session here, or what the journal has of another one.

import { protocolRow } from '../../../schemas/protocols.ts';
import type { Domain } from './domain.ts';
import { restoreState, stateOf } from './domain-state.ts';
import type { PendingSets } from './pending.ts';
import { NEVER } from './roster.ts';
import { keyOf, type Session } from './session.ts';
import { type DomainKey, type DormantDomain, type Knowledge, publish } from './template-store.ts';

/** Nothing is taken over at an address with more sessions: a NAT of that size, or a flood. */
const TAKE_OVER_SESSIONS_MAX = 64;

/**
 * A session that was not seen for so long is no longer live. Two live exporters behind one address send at least once a
 * minute (the usual active timeout); meanwhile the data of the newcomer wait (pending.ts), so waiting loses nothing.
 */
export const SILENT_MS = 60_000;

/** The only other session of an address that has a domain: live here, or known from the journal, or both. */
export interface Rival {
  readonly session: Session | undefined;
  readonly domain: Domain | undefined;
  readonly dormant: DormantDomain | undefined;
  readonly lastReceivedMs: number;
}

/** What take-overs need of the table of exporters. */
export interface TakeOverTable {
  readonly knowledge: Knowledge | undefined;
  readonly pending: PendingSets;
  sessionsAt(addressText: string): ReadonlyMap<number, Session> | undefined;
  remove(domain: Domain): void;
}

export class TakeOvers {
  readonly #table: TakeOverTable;
  /** Domains that went on under another port. */
  count = 0;

  constructor(table: TakeOverTable) {
    this.#table = table;
  }

  /** Undefined without a rival, and with several. `startedMs`: since when this decoder receives. */
  rivalOf(session: Session, protocol: number, id: number, startedMs: number): Rival | undefined {
    const ports = this.#table.sessionsAt(session.addressText);
    if (!ports || ports.size > TAKE_OVER_SESSIONS_MAX) return undefined;
    const rivals = new Map<number, Rival>();
    for (const other of ports.values()) {
      const domain = other.isConnection || other === session ? undefined : other.domains.get(keyOf(protocol, id));
      if (domain)
        rivals.set(other.port, { session: other, domain, dormant: undefined, lastReceivedMs: domain.lastSeenMs });
    }
    const key = this.journalKey(session, protocol, id);
    for (const dormant of (key && this.#table.knowledge?.store.others(key)) ?? []) {
      const live = rivals.get(dormant.key.port);
      // It cannot be known to be silent before this decoder has listened for so long.
      const lastReceivedMs = Math.max(dormant.lastReceivedMs, live?.lastReceivedMs ?? startedMs);
      rivals.set(dormant.key.port, { session: live?.session, domain: live?.domain, dormant, lastReceivedMs });
    }
    const [rival] = rivals.values();
    return rivals.size === 1 ? rival : undefined;
  }

  /** Takes over what a rival knows and this domain does not; the rival is gone afterwards. */
  inherit(domain: Domain, { domain: from, dormant }: Rival): void {
    this.count++;
    const unset = domain.rateSource === 0 && domain.systemInitMs === 0;
    if (from && from !== domain) {
      if (unset) restoreState(domain, stateOf(from));
      for (const template of from.templates.values()) {
        if (domain.templates.has(template.id) || !domain.learn(template, Number.POSITIVE_INFINITY)) continue;
        this.#table.pending.release(domain, template);
      }
      this.#table.pending.move(from, domain);
      this.#table.remove(from);
    } else if (unset && dormant?.state) restoreState(domain, dormant.state);
    const { key } = domain;
    if (!dormant || !key) return;
    const known = this.#table.knowledge?.store.get(key)?.templates;
    const { lastReceivedMs: atMs } = dormant;
    for (const [templateId, { setId, raw }] of dormant.templates) {
      if (!known?.has(templateId))
        publish(this.#table.knowledge, { type: 'template', key, atMs, setId, templateId, raw });
    }
    publish(this.#table.knowledge, { type: 'state', key, atMs, state: stateOf(domain) });
    if (domain.provenMs !== NEVER)
      publish(this.#table.knowledge, { type: 'seen', key, atMs: domain.provenMs, proven: true });
    publish(this.#table.knowledge, { type: 'forgotten', key: dormant.key });
  }

  /** Where the journal keeps a domain; what has no templates or belongs to a connection is not kept. */
  journalKey(session: Session, protocol: number, domain: number): DomainKey | undefined {
    if (!this.#table.knowledge || session.isConnection) return undefined;
    if (!protocolRow(protocol).templates) return undefined;
    return { address: session.addressText, port: session.port, protocol, domain };
  }

  /** Whether another session or process may have decoded records of a domain that is new here. */
  isHeldElsewhere(session: Session, protocol: number, id: number, key: DomainKey | undefined): boolean {
    const ports = this.#table.sessionsAt(session.addressText)!;
    if (ports.size > TAKE_OVER_SESSIONS_MAX) return true;
    for (const other of ports.values()) if (other !== session && other.domains.has(keyOf(protocol, id))) return true;
    return key !== undefined && (this.#table.knowledge?.store.others(key) ?? []).length > 0;
  }
}
