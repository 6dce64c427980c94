import type { ExporterRegistry } from '../../schemas/exporters.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import type { Liveness } from '../model/liveness.ts';

/** Where sources put what holds in time: the history of ../snapshot. */
export interface HistorySink {
  /** Takes a snapshot; false when it changes nothing, or comes from one source too many. */
  putInventory(inventory: Inventory): boolean;
  /** The source was reachable, and what it had published last held then. */
  markSeen(source: string, atMs: number): void;
  /** Versions in the order they were recorded. One without `asOf` holds for all time, in place of all before it. */
  putRegistry(registry: ExporterRegistry): void;
  /** What exporters exported; it serves every epoch as the lowest source. */
  useFacts(facts: readonly StoredFact[]): void;
  /** Which exporters are silent, in place of what was used before. */
  useLiveness(liveness: Liveness): void;
}
