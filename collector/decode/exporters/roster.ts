// A bounded table in two classes: who delivered decodable data within PROVEN_MS is proven, everybody else is not. At the
// bound the oldest unproven member is evicted, then the one whose proof is oldest, if that is out of date; otherwise the
// newcomer is refused. A flood of new sources so ends where proven ones begin.

/** How long a proof lasts: exporters with the longest usual active timeout (30 minutes) prove themselves once in it. */
export const PROVEN_MS = 30 * 60_000;

/** How often a member that goes on sending is moved; no more often than the hot path can forget. */
export const RENEW_MS = 10_000;

export interface Member {
  /** When it was last moved to the young end for being seen. */
  lastReceivedMs: number;
  /** When it last delivered decodable data, to the accuracy of RENEW_MS; NEVER before that. */
  provenMs: number;
}

/** Before every time, that of tests and captures too. */
export const NEVER = Number.NEGATIVE_INFINITY;

export class Roster<M extends Member> {
  /** Oldest first. */
  readonly #unproven = new Set<M>();
  /** Oldest proof first. */
  readonly #proven = new Set<M>();
  readonly #membersMax: number;

  constructor(membersMax: number) {
    this.#membersMax = membersMax;
  }

  get size(): number {
    return this.#unproven.size + this.#proven.size;
  }

  *[Symbol.iterator](): Iterator<M> {
    yield* this.#unproven;
    yield* this.#proven;
  }

  /** The one to evict before another may come: undefined when there is room, `null` when none may be evicted. */
  givesWay(nowMs: number): M | undefined | null {
    return this.size < this.#membersMax ? undefined : (this.oldestUnproven() ?? this.#outOfDate(nowMs) ?? null);
  }

  /** The oldest unproven member; `except` is passed over. */
  oldestUnproven(except?: M): M | undefined {
    for (const member of this.#unproven) if (member !== except) return member;
    return undefined;
  }

  /** The caller has made room with givesWay(). */
  add(member: M): void {
    (member.provenMs === NEVER ? this.#unproven : this.#proven).add(member);
  }

  delete(member: M): void {
    if (!this.#unproven.delete(member)) this.#proven.delete(member);
  }

  renew(member: M, nowMs: number): void {
    member.lastReceivedMs = nowMs;
    if (this.#unproven.delete(member)) this.#unproven.add(member);
  }

  prove(member: M, nowMs: number): void {
    const known = this.#unproven.delete(member) || this.#proven.delete(member);
    member.provenMs = nowMs;
    if (known) this.#proven.add(member);
  }

  #outOfDate(nowMs: number): M | undefined {
    const [member] = this.#proven;
    return member && nowMs - member.provenMs > PROVEN_MS ? member : undefined;
  }
}
