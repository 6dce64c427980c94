// Sources that report one sFlow agent address. An agent may send from any of its addresses, with one sequence. Several agents
// that report the same address (a vendor's default, 127.0.0.1) have a sequence each: they clash, and their source addresses
// distinguish them. What another source sends is measured only where it goes on with the sequence, so a clash is
// neither loss nor a restart.

/** Sources remembered of one agent beside the one that is measured; the oldest is evicted. */
export const CLAIMS_PER_AGENT_MAX = 16;
/** So many datagrams that go on where their own source stopped, and not where the agent did, are another agent's. */
export const CLASH_EVIDENCE = 4;

/** What a datagram of another source than the one that is measured is. */
export const CLAIM = {
  /** It goes on with the sequence of the agent. */
  one: 0,
  /** It fills a gap of that sequence. */
  late: 1,
  /** The source that was measured is silent: this one takes its place. */
  successor: 2,
  unsure: 3,
  clash: 4,
} as const;

const UNKNOWN = -1;

interface Claim {
  /** Number of the next datagram of this source. */
  next: number;
  /** First number of its run that was not measured, UNKNOWN none. */
  first: number;
  evidence: number;
  /** Where the agent's own sequence was when this source sent last. */
  agentNext: number;
}

export class Claims {
  readonly #claims = new Map<string, Claim>();
  /** Datagrams of this source that were not measured and now can be: first number, and how many; 0 none. */
  first = 0;
  count = 0;

  get size(): number {
    return this.#claims.size;
  }

  /** `agentNext` is the number that goes on with the agent's sequence, UNKNOWN (-1) any does. */
  weigh(source: string, sequence: number, agentNext: number, isLate: boolean, isAgentSilent: boolean): number {
    const claim = this.#claims.get(source);
    this.count = 0;
    if (agentNext === UNKNOWN || sequence === agentNext) {
      if (claim) this.#settle(claim);
      return CLAIM.one;
    }
    if (isLate) return CLAIM.late;
    if (!claim || sequence !== claim.next) {
      this.#put(source, sequence + 1, sequence, agentNext);
      return CLAIM.unsure;
    }
    if (isAgentSilent) {
      this.#settle(claim);
      return CLAIM.successor;
    }
    // As long as the agent itself sends nothing, it may be the agent that sends this.
    if (claim.agentNext !== agentNext) claim.evidence++;
    claim.agentNext = agentNext;
    claim.next = (sequence + 1) >>> 0;
    if (claim.first === UNKNOWN) claim.first = sequence;
    return claim.evidence >= CLASH_EVIDENCE ? CLAIM.clash : CLAIM.unsure;
  }

  /** Remembers the source that was measured until now. */
  leave(source: string, agentNext: number): void {
    if (agentNext !== UNKNOWN) this.#put(source, agentNext, UNKNOWN, agentNext);
  }

  #settle(claim: Claim): void {
    if (claim.first !== UNKNOWN) {
      this.first = claim.first;
      this.count = (claim.next - claim.first) >>> 0;
    }
    claim.first = UNKNOWN;
    claim.evidence = 0;
  }

  /** A datagram lost on the way takes no evidence back. */
  #put(source: string, next: number, first: number, agentNext: number): void {
    const evidence = this.#claims.get(source)?.evidence ?? 0;
    this.#claims.delete(source);
    const [oldest] = this.#claims.keys();
    if (oldest !== undefined && this.#claims.size >= CLAIMS_PER_AGENT_MAX) this.#claims.delete(oldest);
    this.#claims.set(source, { next: next >>> 0, first, evidence, agentNext });
  }
}
