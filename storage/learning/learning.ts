// Learning, in rounds: evidence of the last minutes (evidence.ts) becomes a choice of interfaces for each sender and one for
// all senders together (choice.ts), which queries apply to unelected traffic. Records are never changed, so a choice holds
// for everything that was stored before, and it is the same however many enrichers there are.
//
// A choice is stored once two rounds in a row agree on it. It is completed when new interfaces appear, and replaced only
// after ROUNDS_AGAINST rounds in a row speak against it; then the new one holds from half a window before the first of them.
// The roll-up leader runs the rounds. What it remembers between them is lost with it, which delays a choice by two rounds.

import type { Log } from '../../service/log.ts';
import type { Storage } from '../storage.ts';
import { FIVE_MINUTES_S } from '../tables/elections.ts';
import { insertLearned, type Learned, sourcesLearned } from '../tables/learned-interfaces.ts';
import { type Choice, chooseInterfaces, completeChoice, contradicts, type Judged, Shares } from './choice.ts';
import { type Evidence, type EvidenceBounds, readEvidence } from './evidence.ts';

/** What a round looks at, by time of receipt. */
export const LEARNING_WINDOW_MS = 10 * 60_000;
/**
 * A flow cache reports a flow a minute or more after it began, a sampler at once. In a shorter time an interface would seem
 * to see less than another one that only reports earlier.
 */
export const LEARNING_SPAN_MS_MIN = 6 * 60_000;
export const ROUNDS_AGAINST = 3;
/** The share of a sender's bytes at interfaces about which nothing is known, from which on nothing is learned of it. */
const OPEN_MAX = 0.02;
/** A row that expires is written again. */
const REFRESH_MS = 86_400_000;

export interface LearningBounds extends EvidenceBounds {
  /** Senders that the table holds; beyond it only those are learned on. */
  readonly learnedMax: number;
}

export const LEARNING_BOUNDS: LearningBounds = {
  sourcesMax: 10_000,
  interfacesMax: 256,
  recordsMax: 20_000_000,
  comparedMax: 2_000_000,
  learnedMax: 200_000,
};

export interface LearningOptions {
  readonly storage: Storage;
  readonly log: Log;
  readonly bounds?: LearningBounds;
  /** Reads the evidence of a round; from the records when left out. */
  readonly read?: typeof readEvidence;
}

/** What rounds have said of a sender that is not stored yet. */
interface Pending {
  readonly choice: Choice | undefined;
  readonly against: number;
  readonly againstSinceMs: number;
}

export class Learning {
  readonly #storage: Storage;
  readonly #log: Log;
  readonly #bounds: LearningBounds;
  readonly #read: typeof readEvidence;
  #pending = new Map<string, Pending>();

  constructor({ storage, log, bounds = LEARNING_BOUNDS, read = readEvidence }: LearningOptions) {
    this.#storage = storage;
    this.#log = log;
    this.#bounds = bounds;
    this.#read = read;
  }

  /** A round over the records received before `nowMs`; resolves to the number of senders whose choice was stored. */
  async run(nowMs: number): Promise<number> {
    const found = await this.#read(
      this.#storage,
      { fromMs: nowMs - LEARNING_WINDOW_MS, toMs: nowMs, spanMsMin: LEARNING_SPAN_MS_MIN },
      this.#bounds,
    );
    if (!found) return 0;
    const { evidence, spanMs } = found;
    const pending = new Map<string, Pending>();
    const learned: Learned[] = [];
    const room = this.#bounds.learnedMax - (await sourcesLearned(this.#storage));
    let added = 0;
    for (const one of evidence) {
      if (one.learned === undefined && added >= room) continue;
      const stored = this.#judge(one, spanMs / 1000, nowMs, pending);
      if (!stored) continue;
      if (one.learned === undefined) added++;
      learned.push(stored);
    }
    this.#pending = pending;
    if (learned.length > 0) await insertLearned(this.#storage, learned, nowMs);
    if (added > 0) this.#log.info({ senders: added }, 'learned which interfaces of exporters see the same packets');
    return learned.length;
  }

  #judge(evidence: Evidence, spanS: number, nowMs: number, pending: Map<string, Pending>): Learned | undefined {
    const shares = new Shares(evidence, spanS);
    const { source, learned } = evidence;
    const before = this.#pending.get(source);
    if (!learned) {
      const choice = chooseInterfaces(shares);
      pending.set(source, { choice, against: 0, againstSinceMs: 0 });
      if (!before?.choice || !isKnown(choice) || contradicts(shares, before.choice)) return undefined;
      const agreed = completeChoice(shares, before.choice);
      return isKnown(agreed) ? { source, sinceS: 0, ...named(agreed) } : undefined;
    }
    if (contradicts(shares, learned)) {
      const against = (before?.against ?? 0) + 1;
      const againstSinceMs = before?.against ? before.againstSinceMs : nowMs;
      const choice = chooseInterfaces(shares);
      pending.set(source, { choice: undefined, against, againstSinceMs });
      if (against < ROUNDS_AGAINST || !isKnown(choice)) return undefined;
      const bucketMs = FIVE_MINUTES_S * 1000;
      const sinceMs = Math.floor((againstSinceMs - LEARNING_WINDOW_MS / 2) / bucketMs) * bucketMs;
      return { source, sinceS: Math.max(learned.sinceS, sinceMs / 1000), ...named(choice) };
    }
    const choice = completeChoice(shares, learned);
    const isNew = choice.counted.length > learned.counted.length || choice.repeated.length > learned.repeated.length;
    if (!isNew && nowMs - learned.learnedAtMs < REFRESH_MS) return undefined;
    return { source, sinceS: learned.sinceS, ...named(choice) };
  }
}

function isKnown({ counted, open }: Judged): boolean {
  return counted.length > 0 && open <= OPEN_MAX;
}

function named({ counted, repeated }: Choice): Choice {
  return { counted, repeated };
}
