// What exporters have reported, as far as it holds: bounded, forgotten a day after it was reported last, read again from ClickHouse
// at a start. Names of ports only pass through here to the table `facts`; stations and hosts also change what endpoints
// are (stations.ts), which `takeChange` reports.

import { createFactMap } from '../../schemas/fact-map.ts';
import { FACT_LIFE_MS, type FactRow, factKey } from '../../schemas/facts.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';

export const FACTS_MAX = 131_072;
export const EXPORTER_FACTS_MAX = FACTS_MAX / 8;

export interface KnownFacts {
  /** Takes facts as they were reported; returns them as they are now to be stored. What is beyond a bound is left out and counted. */
  learn(rows: readonly FactRow[]): StoredFact[];
  /** Takes what an earlier process has stored. */
  restore(facts: readonly StoredFact[]): void;
  /** Forgets what was not reported for FACT_LIFE_MS. */
  expire(nowMs: number): void;
  /** Whether a station or a host is new, changed or forgotten since the last call. */
  takeChange(): boolean;
  values(): Iterable<StoredFact>;
  readonly size: number;
  readonly refused: number;
}

/** Whether endpoints depend on it. */
function joins({ kind }: StoredFact): boolean {
  return kind === 'station' || kind === 'host';
}

export function createKnownFacts(factsMax = FACTS_MAX, exporterFactsMax = EXPORTER_FACTS_MAX): KnownFacts {
  const facts = createFactMap<StoredFact>(factsMax, exporterFactsMax);
  let changed = false;
  let refused = 0;

  const keep = (fact: StoredFact): boolean => {
    const kept = facts.put(fact.exporter, factKey(fact), fact, fact.receivedAtMs);
    if (!kept) refused++;
    return kept;
  };

  return {
    learn(rows) {
      const stored: StoredFact[] = [];
      for (const row of rows) {
        const known = facts.get(row.exporter, factKey(row));
        // Batches of several workers, and old ones after a start, come in any order: the newest word counts.
        const [newest, other] = known && known.receivedAtMs > row.receivedAtMs ? [known, row] : [row, known];
        const fact: StoredFact = {
          ...newest,
          name: newest.name || other?.name || '',
          hostId: newest.hostId || other?.hostId || '',
          firstSeenMs: Math.min(row.receivedAtMs, known?.firstSeenMs ?? row.receivedAtMs),
        };
        if (!keep(fact)) continue;
        stored.push(fact);
        if (joins(fact) && (!known || known.name !== fact.name || known.hostId !== fact.hostId)) changed = true;
      }
      return stored;
    },
    restore(stored) {
      for (const fact of stored) if (keep(fact) && joins(fact)) changed = true;
    },
    expire(nowMs) {
      if (facts.expire(nowMs - FACT_LIFE_MS).some(joins)) changed = true;
    },
    takeChange() {
      const taken = changed;
      changed = false;
      return taken;
    },
    values: () => facts.values(),
    get size() {
      return facts.size;
    },
    get refused() {
      return refused;
    },
  };
}
