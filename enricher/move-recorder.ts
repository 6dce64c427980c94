// Stores the moves that batches show, beside those batches; one write at a time, what comes meanwhile waits in `moves`.

import type { Counters } from '../service/counters.ts';
import type { Persist } from '../storage/insert-retries.ts';
import type { Storage } from '../storage/storage.ts';
import { insertEvents } from '../storage/tables/events.ts';
import type { ENRICHER_COUNTERS } from './counters.ts';
import type { FlowBatch } from './stages/enrich.ts';
import { Moves } from './stages/moves.ts';

const EXPIRE_INTERVAL_MS = 60_000;

export interface MoveRecorderDependencies {
  readonly storage: Storage;
  readonly counters: Counters<typeof ENRICHER_COUNTERS>;
  readonly persist: Persist;
  readonly nowMs: () => number;
  /** Once aborted, nothing further is stored. */
  readonly signal: AbortSignal;
}

export class MoveRecorder {
  readonly moves = new Moves();
  readonly #dependencies: MoveRecorderDependencies;
  #expiredAtMs = 0;
  #stored = Promise.resolve();
  #isStoring = false;

  constructor(dependencies: MoveRecorderDependencies) {
    this.#dependencies = dependencies;
  }

  /** Takes a batch that is enriched, and stores what it shows. */
  enriched({ columns, rows }: FlowBatch): void {
    const { counters, nowMs } = this.#dependencies;
    const { moves } = this;
    const now = nowMs();
    if (now - this.#expiredAtMs >= EXPIRE_INTERVAL_MS) {
      this.#expiredAtMs = now;
      moves.expire(now);
    }
    moves.enriched(columns, rows, now);
    for (const name of ['begun', 'heldBack', 'refused'] as const) counters.set(`moves ${name}`, moves[name]);
    if (!this.#isStoring) this.#store();
  }

  /** Resolves when what was taken is stored. */
  settled(): Promise<void> {
    return this.#stored;
  }

  #store(): void {
    const { storage, counters, persist, nowMs, signal } = this.#dependencies;
    const events = this.moves.take(nowMs());
    if (events.length === 0) return;
    this.#isStoring = true;
    this.#stored = persist('events', () => insertEvents(storage, events)).then(({ done }) => {
      this.#isStoring = false;
      if (done !== 'abandoned') counters.add(done === 'stored' ? 'eventsStored' : 'eventsFailed', events.length);
      if (!signal.aborted) this.#store();
    });
  }
}
