// What exporters report besides flows, on its way to the enricher: a fact is handed over when it is new, when it changed
// and once in ten minutes while it is reported, so that its age is known downstream. Exporters repeat themselves every few
// seconds; most of that ends here. Bounded in all and by exporter (schemas/fact-map.ts).

import { formatAddress, wordsOfRow } from '../../schemas/address.ts';
import { createFactMap, type FactMap } from '../../schemas/fact-map.ts';
import { type FactRow, factKey } from '../../schemas/facts.ts';
import type { Fact, FactSink } from '../decode/facts.ts';

export const FACTS_MAX = 65_536;
export const EXPORTER_FACTS_MAX = FACTS_MAX / 8;
/** Facts handed over at once: the receive worker copies them to another thread and must not be held up. */
export const HAND_OVER_FACTS_MAX = 4096;
export const HAND_OVER_INTERVAL_MS = 2000;
export const REPEAT_MS = 600_000;
/** A fact that was not reported for so long expires. */
export const FORGET_MS = 3_600_000;
const FORGET_INTERVAL_MS = 60_000;

interface Entry {
  row: FactRow;
  handedOverAtMs: number;
}

export class FactTable implements FactSink {
  readonly #facts: FactMap<Entry>;
  readonly #pending = new Set<Entry>();
  #takenAtMs = 0;
  #forgottenAtMs = 0;
  /** Times a fact was reported for which there was no room. */
  refused = 0;

  constructor(factsMax = FACTS_MAX, exporterFactsMax = EXPORTER_FACTS_MAX) {
    this.#facts = createFactMap<Entry>(factsMax, exporterFactsMax);
  }

  get size(): number {
    return this.#facts.size;
  }

  report(fact: Fact, exporter: Uint32Array, observationDomain: number, protocol: number, receivedAtMs: number): void {
    const { kind, index, macHigh, macLow, stationId } = fact;
    const address = formatAddress(wordsOfRow(exporter, 0));
    const about = { kind, index, mac: macHigh * 2 ** 32 + macLow, stationId, observationDomain, protocol };
    const row = {
      ...about,
      exporter: address,
      receivedAtMs: Math.floor(receivedAtMs),
      name: fact.name,
      hostId: fact.hostId,
    };
    const key = factKey(row);
    const known = this.#facts.get(address, key);
    // One protocol or record reports the name, another the host: what is not reported now stays.
    const name = row.name || known?.row.name || '';
    const hostId = row.hostId || known?.row.hostId || '';
    const entry = known ?? { row, handedOverAtMs: 0 };
    if (!this.#facts.put(address, key, entry, receivedAtMs)) {
      this.refused++;
      return;
    }
    const changed = !known || name !== known.row.name || hostId !== known.row.hostId;
    entry.row = { ...row, name, hostId };
    if (changed || receivedAtMs - entry.handedOverAtMs >= REPEAT_MS) this.#pending.add(entry);
  }

  /** What is to be handed over now; nothing when the last time was less than HAND_OVER_INTERVAL_MS ago. */
  take(nowMs: number): FactRow[] {
    if (nowMs - this.#takenAtMs < HAND_OVER_INTERVAL_MS) return [];
    this.#takenAtMs = nowMs;
    if (nowMs - this.#forgottenAtMs >= FORGET_INTERVAL_MS) {
      this.#forgottenAtMs = nowMs;
      this.#facts.expire(nowMs - FORGET_MS);
    }
    const rows: FactRow[] = [];
    for (const entry of this.#pending) {
      if (rows.length === HAND_OVER_FACTS_MAX) break;
      this.#pending.delete(entry);
      entry.handedOverAtMs = entry.row.receivedAtMs;
      rows.push(entry.row);
    }
    return rows;
  }
}
