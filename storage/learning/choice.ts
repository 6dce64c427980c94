// Which interfaces of a sender count, by the evidence: a set of interfaces that see no packet twice and together see every
// packet that any interface saw.
//
// Two interfaces are in series where one sees what the other sees, and parallel where they have no flow key in common. The
// largest interface counts first, then each one that is parallel to all that count; one that they cover is left out. What
// is neither, or too little seen to tell, stays open: it has no part in the sum and makes the answer's interval wider.

import type { Evidence, InterfaceEvidence, Overlap } from './evidence.ts';

export interface Choice {
  readonly counted: readonly string[];
  readonly repeated: readonly string[];
}

/** `open` is the share of the bytes of interfaces, repeated ones aside, about which the evidence says nothing. */
export interface Judged extends Choice {
  readonly open: number;
}

/** An interface is covered from this share on: exporters report one packet at different times, so windows never agree. */
const COVERED_MIN = 0.75;
/** Beyond it the packets of a key are not the same: two networks with equal addresses. */
const COVERED_MAX = 1.5;
const PARALLEL_MAX = 0.15;
/**
 * An interface that with LESS_ERRORS standard errors more sees less than this share of another one does not see the same. What a
 * flow cache reports only at the end of a record is not in the window yet, and is no traffic that it does not see.
 *
 * The error is what sampling does to an interface that sees this share of every key. That of its own deviations is too small
 * where keys are few, and where chance has lowered the share: by two of those another one than the first by identity was chosen for
 * 6 % of senders of four keys and 60 samples past three bridges, the one that chance had raised, and the sum was 1.1 % too large.
 */
const LESS_MAX = 0.9;
const LESS_ERRORS = 3;
/** A standing choice is wrong where even half of the traffic says so. */
const HALF = 0.5;
/** The standard error of a share that decides: a half of one and all of the other are two of them apart. */
const ERROR_MAX = 0.25;
/** Samples that an interface in series would have of keys that are sampled at the other; with so many expected, none is no chance. */
const SAMPLES_MIN = 16;

interface Share {
  readonly value: number;
  readonly error: number;
}

/** The evidence of one sender as a table of shares. */
export class Shares {
  readonly interfaces: readonly InterfaceEvidence[];
  readonly #byId: ReadonlyMap<string, InterfaceEvidence>;
  readonly #overlaps: ReadonlyMap<string, Overlap>;
  readonly #spanS: number;

  constructor({ interfaces, overlaps }: Pick<Evidence, 'interfaces' | 'overlaps'>, spanS: number) {
    this.interfaces = interfaces;
    this.#byId = new Map(interfaces.map(one => [one.id, one]));
    this.#overlaps = new Map(overlaps.map(one => [`${one.by} ${one.of}`, one]));
    this.#spanS = spanS;
  }

  has(id: string): boolean {
    return this.#byId.has(id);
  }

  /** Whether an interface of the same or a lower sampling rate would show that it sees the same. */
  wouldShow(id: string): boolean {
    return this.seenBy([], id) !== undefined;
  }

  /** Which share of what `id` sees those of `others` see that saw anything; undefined where there is too little to tell. */
  seenBy(others: readonly string[], id: string): Share | undefined {
    const own = this.#byId.get(id);
    if (!own) return undefined;
    const seen = others.map(other => this.#byId.get(other)).filter(other => other !== undefined);
    const rate = Math.min(...(seen.length === 0 ? [own.rate] : seen.map(other => other.rate)));
    if (own.packets / rate < SAMPLES_MIN) return undefined;
    const value = sum(this.#overlapsOf(seen, id), 'packets') / own.packets;
    return { value, error: this.#errorOf(seen, own, value) };
  }

  /** Whether `id` surely sees less than `of` sees. */
  seesLess(id: string, of: string): boolean {
    const share = this.seenBy([id], of);
    const [one, other] = [this.#byId.get(id), this.#byId.get(of)];
    if (!share || !other) return false;
    const error = Math.sqrt(samplingVariance(one ? [one] : [], other, LESS_MAX)) / other.packets;
    const reportedLateS = Math.min(this.#spanS, one?.longestS ?? 0);
    return share.value + LESS_ERRORS * error < LESS_MAX * (1 - reportedLateS / this.#spanS);
  }

  /** The standard error of a share: by how far keys deviate from it, and no less than by sampling, because few keys show no deviation. */
  #errorOf(seen: readonly InterfaceEvidence[], own: InterfaceEvidence, share: number): number {
    const overlaps = this.#overlapsOf(seen, own.id);
    const deviations =
      sum(overlaps, 'packetsSquare') - 2 * share * sum(overlaps, 'product') + share * share * own.packetsSquare;
    return Math.sqrt(Math.max(deviations, samplingVariance(seen, own, share))) / own.packets;
  }

  #overlapsOf(seen: readonly InterfaceEvidence[], of: string): Overlap[] {
    return seen.map(by => this.#overlaps.get(`${by.id} ${of}`)).filter(overlap => overlap !== undefined);
  }

  isCovered(counted: readonly string[], id: string): boolean {
    const share = this.seenBy(counted, id);
    return share !== undefined && share.error <= ERROR_MAX && share.value >= COVERED_MIN && share.value <= COVERED_MAX;
  }

  /** No key in common either way, and no record of either that may describe packets of another window. */
  isParallel(counted: readonly string[], id: string): boolean {
    const isApart = (others: readonly string[], one: string) => {
      const share = this.seenBy(others, one);
      return share !== undefined && share.value + share.error <= PARALLEL_MAX;
    };
    const longestS = Math.max(...[id, ...counted].map(one => this.#byId.get(one)?.longestS ?? 0));
    return (
      longestS <= this.#spanS / 2 &&
      isApart(counted, id) &&
      counted.every(other => !this.has(other) || (this.seenBy([id], other)?.value ?? 0) <= PARALLEL_MAX)
    );
  }
}

/** Of the packets at `seen` less `share` of those at `own`, where they see that share of every key. */
function samplingVariance(seen: readonly InterfaceEvidence[], own: InterfaceEvidence, share: number): number {
  const coarsest = Math.max(1, ...seen.map(({ rate }) => rate));
  return share * own.packets * (coarsest - 1 + share * (own.rate - 1));
}

function sum(overlaps: readonly Overlap[], of: 'packets' | 'packetsSquare' | 'product'): number {
  return overlaps.reduce((all, overlap) => all + overlap[of], 0);
}

/** The choice that the evidence alone makes. */
export function chooseInterfaces(shares: Shares): Judged {
  return completeChoice(shares, { counted: [], repeated: [] });
}

/** A standing choice with what the evidence says of interfaces that it does not name. */
export function completeChoice(shares: Shares, { counted: standing, repeated: left }: Choice): Judged {
  const counted = [...standing];
  const repeated = [...left];
  const named = new Set([...counted, ...repeated]);
  let bytes = 0;
  let openBytes = 0;
  for (const one of shares.interfaces) {
    if (named.has(one.id)) continue;
    const isNew = counted.length === 0 ? shares.wouldShow(one.id) : shares.isParallel(counted, one.id);
    const best = isNew ? bestOf(shares, one, named) : undefined;
    // Without the largest interface nothing can be said of the others.
    if (counted.length === 0 && !best) return { counted, repeated, open: 1 };
    if (best) {
      counted.push(best.id);
      named.add(best.id);
      if (best !== one) repeated.push(one.id);
    } else if (!isNew && shares.isCovered(counted, one.id)) repeated.push(one.id);
    else openBytes += one.bytes;
    named.add(one.id);
  }
  const isCounted = new Set(counted);
  for (const one of shares.interfaces) if (isCounted.has(one.id)) bytes += one.bytes;
  return { counted, repeated, open: openBytes / Math.max(1, bytes + openBytes) };
}

/**
 * Of the interfaces that see the same as this one the least sampled, and of equal ones always the same: the largest would be
 * the one that chance has raised most. Undefined where it is not clear whether one of them sees the same.
 */
function bestOf(shares: Shares, largest: InterfaceEvidence, named: ReadonlySet<string>): InterfaceEvidence | undefined {
  let best = largest;
  for (const one of shares.interfaces) {
    if (named.has(one.id) || one === largest || one.rate > largest.rate) continue;
    if (shares.seesLess(one.id, largest.id)) continue;
    if (!shares.isCovered([one.id], largest.id) || !shares.isCovered([largest.id], one.id)) return undefined;
    if (one.rate < best.rate || (one.rate === best.rate && one.id < best.id)) best = one;
  }
  return best;
}

/** Whether the evidence speaks against a choice: it counts packets twice, or leaves out what nothing else sees. */
export function contradicts(shares: Shares, { counted, repeated }: Choice): boolean {
  const isSure = (share: Share | undefined) => share !== undefined && share.error <= ERROR_MAX;
  const twice = counted.some((id, i) => {
    const share = shares.seenBy(counted.slice(0, i), id);
    return isSure(share) && share!.value > HALF;
  });
  const lost = repeated.some(id => {
    const share = shares.seenBy(counted, id);
    return isSure(share) && share!.value < HALF;
  });
  return twice || lost;
}
