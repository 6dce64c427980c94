// What exporters export of stations, hosts and VRFs as a source. Facts come in batches, from the thread that enriches.

import type { FactRow } from '../../schemas/facts.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import { createKnownFacts } from './exporter-facts.ts';
import type { InventorySource, SourceContext } from './source.ts';

/** Each change of the facts costs the endpoint cache. */
const FACTS_INTERVAL_MS = 30_000;

export class FactSource implements InventorySource {
  readonly name = 'facts of exporters';
  readonly #context: SourceContext;
  readonly #facts = createKnownFacts();
  #usedAtMs = 0;

  constructor(context: SourceContext) {
    this.#context = context;
  }

  /** Takes what an earlier process has stored; before the start. */
  restore(stored: readonly StoredFact[]): void {
    this.#facts.restore(stored);
  }

  start(): void {
    this.#use();
  }

  /** By the wall clock, as are all intervals. */
  poll(): boolean {
    const { factsIntervalMs = FACTS_INTERVAL_MS } = this.#context;
    return Date.now() - this.#usedAtMs >= factsIntervalMs && this.#use();
  }

  learn(rows: readonly FactRow[]): void {
    this.#facts.learn(rows);
    if (this.poll()) this.#context.onChange();
  }

  stop(): void {}

  #use(): boolean {
    const { inForce, nowMs } = this.#context;
    this.#usedAtMs = Date.now();
    this.#facts.expire(nowMs());
    if (!this.#facts.takeChange()) return false;
    inForce.history.useFacts([...this.#facts.values()]);
    return true;
  }
}
