// What a receive worker knows of exporters beyond its own memory: what the journal held and the other workers learned, and
// the way of its own changes to them.

import type { Counters } from '../../service/counters.ts';
import type { CollectorConfiguration } from '../configuration.ts';
import type { Decoder } from '../decode/decoder.ts';
import { NEVER } from '../decode/exporters/roster.ts';
import { SILENT_MS } from '../decode/exporters/take-over.ts';
import {
  type Change,
  createTemplateStore,
  type DomainKey,
  type Knowledge,
} from '../decode/exporters/template-store.ts';
import type { WORKER_COUNTERS } from '../threads/counters.ts';
import { type ChangeOutbox, createChangeOutbox } from './change-outbox.ts';
import type { ContinuedTotals } from './continued-totals.ts';

/** How often templates, pending sets and idle exporters are looked through for what is out of date. */
const EXPIRE_INTERVAL_MS = 60_000;

export class SharedKnowledge {
  /** Undefined without a journal. */
  readonly knowledge: Knowledge | undefined;
  readonly #outbox: ChangeOutbox | undefined;
  readonly #seenIntervalMs: number;
  #expiredAtMs: number;
  #seenAtMs: number;

  constructor(
    configuration: CollectorConfiguration,
    known: readonly Change[] | undefined,
    post: (changes: readonly Change[]) => void,
    nowMs: number,
  ) {
    this.#expiredAtMs = nowMs;
    this.#seenAtMs = nowMs;
    // Other workers must know which exporters are live here; the journal alone is content with less.
    this.#seenIntervalMs = configuration.workers > 1 ? SILENT_MS / 3 : 3600_000;
    if (!known) return;
    const store = createTemplateStore(configuration);
    for (const change of known) store.apply(change);
    const isProven = (key: DomainKey) => store.get(key)?.provenMs !== NEVER;
    this.#outbox = createChangeOutbox({ post, isProven, later: setImmediate, now: Date.now });
    this.knowledge = { store, sink: this.#outbox };
  }

  /** Regular upkeep of what exporters have announced. */
  keep(decoder: Decoder, nowMs: number): void {
    if (nowMs - this.#expiredAtMs >= EXPIRE_INTERVAL_MS) {
      this.#expiredAtMs = nowMs;
      decoder.expire(nowMs);
    }
    if (this.#outbox && nowMs - this.#seenAtMs >= this.#seenIntervalMs) {
      for (const change of decoder.exporters.seenSince(this.#seenAtMs)) this.#outbox.changed(change);
      this.#seenAtMs = nowMs;
    }
    this.#outbox?.flush();
  }

  publish(decoder: Decoder, counters: Counters<typeof WORKER_COUNTERS>, totals: ContinuedTotals): void {
    const { pending } = decoder.context.templated;
    totals.set('exportersTakenOver', decoder.exporters.takenOver);
    totals.set('agentClashes', decoder.exporters.agents.clashes);
    totals.set('changesDropped', this.#outbox?.dropped ?? 0);
    counters.set('pendingSets', pending.sets);
    counters.set('pendingBytes', pending.bytes);
  }

  /** Sends every change that still waits. */
  finish(): void {
    this.#outbox?.flush(true);
  }
}
