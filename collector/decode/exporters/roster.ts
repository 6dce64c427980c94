// A bounded table in three classes. Who delivered decodable data is on probation, who still did RENEW_MS later is settled,
// everybody else is unproven. At the bound the oldest unproven member is evicted; then, for a newcomer that asks again, the
// oldest on probation; then who has proven nothing for PROVEN_MS; then, for a newcomer that is known, the settled stranger
// whose proof is oldest. Otherwise the newcomer is refused. A flood of forged sources, which never ask again, so ends where
// sources on probation begin.

/** How long a proof lasts: exporters with the longest usual active timeout (30 minutes) prove themselves once in it. */
export const PROVEN_MS = 30 * 60_000;

/** How often a member that goes on sending is moved; no more often than the hot path can forget. */
export const RENEW_MS = 10_000;

export interface Member {
  /** When it was last moved to the young end for being seen. */
  lastReceivedMs: number;
  /** When it last delivered decodable data, to the accuracy of RENEW_MS; NEVER before that. */
  provenMs: number;
  /** When it first did. */
  firstProvenMs?: number;
  /** It did so for a while. */
  isSettled?: boolean;
  /** It was known when it came, and is not evicted for others that are. */
  isKnown?: boolean;
}

/** What a newcomer has for itself. */
export const CLAIM = { none: 0, again: 1, known: 2 } as const;
export type Claim = (typeof CLAIM)[keyof typeof CLAIM];

/** Before every time, that of tests and captures too. */
export const NEVER = Number.NEGATIVE_INFINITY;

export class Roster<M extends Member> {
  /** Oldest first. */
  readonly #unproven = new Set<M>();
  /** Oldest proof first, both. */
  readonly #onProbation = new Set<M>();
  readonly #settled = new Set<M>();
  readonly #membersMax: number;

  constructor(membersMax: number) {
    this.#membersMax = membersMax;
  }

  get size(): number {
    return this.#unproven.size + this.#onProbation.size + this.#settled.size;
  }

  get hasRoom(): boolean {
    return this.size < this.#membersMax;
  }

  *[Symbol.iterator](): Iterator<M> {
    yield* this.#unproven;
    yield* this.#settled;
    yield* this.#onProbation;
  }

  /** The one to evict before another may come: undefined when there is room, `null` when none may be evicted. */
  givesWay(nowMs: number, claim: Claim = CLAIM.none): M | undefined | null {
    if (this.hasRoom) return undefined;
    return (
      this.oldestUnproven() ??
      (claim >= CLAIM.again ? firstStranger(this.#onProbation) : undefined) ??
      outOfDate(this.#onProbation, nowMs) ??
      outOfDate(this.#settled, nowMs) ??
      (claim === CLAIM.known ? firstStranger(this.#settled) : undefined) ??
      null
    );
  }

  /** The oldest unproven member; `except` is passed over. */
  oldestUnproven(except?: M): M | undefined {
    for (const member of this.#unproven) if (member !== except) return member;
    return undefined;
  }

  /** The caller has made room with givesWay(). */
  add(member: M): void {
    this.#classOf(member).add(member);
  }

  delete(member: M): void {
    if (!this.#unproven.delete(member) && !this.#onProbation.delete(member)) this.#settled.delete(member);
  }

  renew(member: M, nowMs: number): void {
    member.lastReceivedMs = nowMs;
    if (this.#unproven.delete(member)) this.#unproven.add(member);
  }

  prove(member: M, nowMs: number): void {
    const known = this.#unproven.delete(member) || this.#onProbation.delete(member) || this.#settled.delete(member);
    markProven(member, nowMs);
    if (known) this.add(member);
  }

  #classOf(member: M): Set<M> {
    if (member.provenMs === NEVER) return this.#unproven;
    return member.isSettled ? this.#settled : this.#onProbation;
  }
}

/** Notes that a member has delivered decodable data. */
export function markProven(member: Member, nowMs: number): void {
  member.firstProvenMs ??= nowMs;
  member.provenMs = nowMs;
  if (nowMs - member.firstProvenMs >= RENEW_MS) member.isSettled = true;
}

function firstStranger<M extends Member>(members: Iterable<M>): M | undefined {
  for (const member of members) if (!member.isKnown) return member;
  return undefined;
}

function outOfDate<M extends Member>(members: Iterable<M>, nowMs: number): M | undefined {
  for (const member of members) return nowMs - member.provenMs > PROVEN_MS ? member : undefined;
  return undefined;
}
