// What exporters tell besides flows, on its way to the enricher: a fact is handed over when it is new, when it changed
// and once in ten minutes while it is told, so that its age is known downstream. Exporters repeat themselves every few
// seconds; most of that ends here. Bounded in all and by exporter (schemas/fact-map.ts).

import { formatAddress, wordsOfRow } from '../../schemas/address.ts';
import { createFactMap } from '../../schemas/fact-map.ts';
import { type FactRow, factKey } from '../../schemas/facts.ts';
import type { Fact, FactSink } from '../decode/facts.ts';

export const FACTS_MAX = 65_536;
export const EXPORTER_FACTS_MAX = FACTS_MAX / 8;
/** Facts handed over at once: the receive worker copies them to another thread and must not stand still. */
export const HAND_OVER_FACTS_MAX = 4096;
export const HAND_OVER_INTERVAL_MS = 2000;
export const REPEAT_MS = 600_000;
/** A fact that was not told for so long gives its room to others. */
export const FORGET_MS = 3_600_000;
const FORGET_INTERVAL_MS = 60_000;

interface Entry {
  row: FactRow;
  handedOverAtMs: number;
}

export interface FactTable extends FactSink {
  /** What is to be handed over now; nothing when the last time was less than HAND_OVER_INTERVAL_MS ago. */
  take(nowMs: number): FactRow[];
  readonly size: number;
  /** Times a fact was told for which there was no room. */
  readonly refused: number;
}

export function createFactTable(factsMax = FACTS_MAX, exporterFactsMax = EXPORTER_FACTS_MAX): FactTable {
  const facts = createFactMap<Entry>(factsMax, exporterFactsMax);
  const pending = new Set<Entry>();
  let refused = 0;
  let takenAtMs = 0;
  let forgottenAtMs = 0;

  return {
    tell(fact: Fact, exporter, observationDomain, protocol, receivedAtMs) {
      const { kind, index, macHigh, macLow, stationId } = fact;
      const address = formatAddress(wordsOfRow(exporter, 0));
      const about = { kind, index, mac: macHigh * 2 ** 32 + macLow, stationId, observationDomain, protocol };
      const row = { ...about, exporter: address, receivedAtMs, name: fact.name, hostId: fact.hostId };
      const key = factKey(row);
      const known = facts.get(address, key);
      // One protocol or record tells the name, another the host: what is not told now stays.
      const name = row.name || known?.row.name || '';
      const hostId = row.hostId || known?.row.hostId || '';
      const entry = known ?? { row, handedOverAtMs: 0 };
      if (!facts.put(address, key, entry, receivedAtMs)) {
        refused++;
        return;
      }
      const changed = !known || name !== known.row.name || hostId !== known.row.hostId;
      entry.row = { ...row, name, hostId };
      if (changed || receivedAtMs - entry.handedOverAtMs >= REPEAT_MS) pending.add(entry);
    },
    take(nowMs) {
      if (nowMs - takenAtMs < HAND_OVER_INTERVAL_MS) return [];
      takenAtMs = nowMs;
      if (nowMs - forgottenAtMs >= FORGET_INTERVAL_MS) {
        forgottenAtMs = nowMs;
        facts.expire(nowMs - FORGET_MS);
      }
      const rows: FactRow[] = [];
      for (const entry of pending) {
        if (rows.length === HAND_OVER_FACTS_MAX) break;
        pending.delete(entry);
        entry.handedOverAtMs = entry.row.receivedAtMs;
        rows.push(entry.row);
      }
      return rows;
    },
    get size() {
      return facts.size;
    },
    get refused() {
      return refused;
    },
  };
}
