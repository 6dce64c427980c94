// Data sets that came before their template wait here: H3C announces templates every 20 packets or 30 minutes, vCenter
// hardly ever. Each set keeps the header it came with and is decoded when its template comes. Bounds: bytes in all, bytes
// of an exporter, sets of a domain, age. At its own bound the oldest set of the same domain is evicted, so no flood
// costs another exporter its data; exporters that have not proven themselves (roster.ts) share half the bytes.

import { FAULT, faultSlot } from '../faults.ts';
import type { Template } from '../templated/template.ts';
import type { Domain } from './domain.ts';
import { NEVER } from './roster.ts';

export const PENDING_BYTES_MAX = 16 * 1024 * 1024;
export const PENDING_UNPROVEN_BYTES_MAX = PENDING_BYTES_MAX / 2;
export const PENDING_EXPORTER_BYTES_MAX = 2 * 1024 * 1024;
export const PENDING_DOMAIN_SETS_MAX = 1024;
/** The longest usual interval between two announcements, and one minute more. */
export const PENDING_MS_MAX = 31 * 60_000;

/** What a set costs beside its bytes: objects, headers, its place in a list. */
const OVERHEAD_BYTES = 256;

/** Who pays for the sets of its domains. */
export interface Holder {
  pendingBytes: number;
  readonly provenMs: number;
  /** The domain is let go. */
  forget(domain: Domain): void;
}

/** The datagram that holds the set, and the times in its header. */
export interface DatagramAtHand {
  readonly bytes: Uint8Array;
  readonly receivedAtMs: number;
  readonly exportMs: number;
  readonly uptimeMs: number;
}

export interface PendingSet {
  /** Body of the set, without its header. */
  readonly bytes: Uint8Array;
  readonly receivedAtMs: number;
  readonly exportMs: number;
  readonly uptimeMs: number;
}

/** Sets whose template has come. */
export interface ReadySets {
  readonly domain: Domain;
  readonly template: Template;
  readonly sets: readonly PendingSet[];
}

export class PendingSets {
  bytes = 0;
  sets = 0;
  readonly #faults: Float64Array;
  readonly #domains = new Set<Domain>();
  #ready: ReadySets[] = [];

  constructor(faults: Float64Array) {
    this.#faults = faults;
  }

  /** Keeps the set between `start` and `end` of the datagram at hand, which has no template. */
  add(datagram: DatagramAtHand, domain: Domain, templateId: number, start: number, end: number): void {
    const cost = end - start + OVERHEAD_BYTES;
    while (!this.#mayTake(domain, cost)) {
      if (!this.#giveUpOldest(domain)) {
        this.#lose(domain, 1, FAULT['pending-limit']);
        return;
      }
    }
    const { receivedAtMs, exportMs, uptimeMs } = datagram;
    const set = { bytes: datagram.bytes.slice(start, end), receivedAtMs, exportMs, uptimeMs };
    const sets = domain.pending.get(templateId);
    if (sets) sets.push(set);
    else domain.pending.set(templateId, [set]);
    this.#domains.add(domain);
    this.#count(domain, 1, cost);
  }

  /** The template of sets that wait has come; they are decoded after the datagram at hand. */
  release(domain: Domain, template: Template): void {
    const sets = domain.pending.get(template.id);
    if (!sets) return;
    domain.pending.delete(template.id);
    this.#forget(domain, sets);
    this.#ready.push({ domain, template, sets });
  }

  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  takeReady(): readonly ReadySets[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  /** Moves what waits from one domain to the one that takes its place. */
  move(from: Domain, to: Domain): void {
    for (const [templateId, sets] of from.pending) {
      from.pending.delete(templateId);
      this.#forget(from, sets);
      for (const set of sets) {
        const known = to.pending.get(templateId);
        if (known) known.push(set);
        else to.pending.set(templateId, [set]);
        this.#count(to, 1, set.bytes.length + OVERHEAD_BYTES);
      }
      this.#domains.add(to);
    }
  }

  /** The domain is let go. */
  drop(domain: Domain): void {
    if (domain.pendingSets === 0) return;
    this.#lose(domain, domain.pendingSets, FAULT['pending-limit']);
    for (const sets of domain.pending.values()) this.#forget(domain, sets);
    domain.pending.clear();
  }

  /** Gives up what has waited too long. */
  expire(nowMs: number): void {
    for (const domain of this.#domains) {
      for (const [templateId, sets] of domain.pending) {
        const fresh = sets.findIndex(set => nowMs - set.receivedAtMs <= PENDING_MS_MAX);
        const expired = sets.splice(0, fresh < 0 ? sets.length : fresh);
        if (sets.length === 0) domain.pending.delete(templateId);
        this.#forget(domain, expired);
        this.#lose(domain, expired.length, FAULT['pending-expired']);
      }
    }
  }

  #mayTake({ holder, pendingSets }: Domain, cost: number): boolean {
    return (
      pendingSets < PENDING_DOMAIN_SETS_MAX &&
      holder.pendingBytes + cost <= PENDING_EXPORTER_BYTES_MAX &&
      this.bytes + cost <= (holder.provenMs === NEVER ? PENDING_UNPROVEN_BYTES_MAX : PENDING_BYTES_MAX)
    );
  }

  /** The oldest set of the template that has waited longest; false when the domain has none. */
  #giveUpOldest(domain: Domain): boolean {
    const [entry] = domain.pending;
    if (!entry) return false;
    const [templateId, sets] = entry;
    const [oldest] = sets.splice(0, 1);
    if (sets.length === 0) domain.pending.delete(templateId);
    this.#forget(domain, [oldest!]);
    this.#lose(domain, 1, FAULT['pending-limit']);
    return true;
  }

  #forget(domain: Domain, sets: readonly PendingSet[]): void {
    let bytes = 0;
    for (const set of sets) bytes += set.bytes.length + OVERHEAD_BYTES;
    this.#count(domain, -sets.length, -bytes);
    if (domain.pendingSets === 0) this.#domains.delete(domain);
  }

  #count(domain: Domain, sets: number, bytes: number): void {
    domain.pendingSets += sets;
    this.sets += sets;
    domain.pendingBytes += bytes;
    domain.holder.pendingBytes += bytes;
    this.bytes += bytes;
  }

  #lose(domain: Domain, sets: number, fault: number): void {
    this.#faults[faultSlot(domain.protocol, fault)]! += sets;
    domain.lostSets += sets;
  }
}
