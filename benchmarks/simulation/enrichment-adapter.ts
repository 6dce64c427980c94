// The one place where the simulator's tests touch the enricher: documents in, rows of a batch named and elected in place,
// sums and names out. What a row is joined with is decided here by when it flowed, one compiled snapshot for each
// inventory; an enricher that follows inventories by itself replaces `epochOf` and the loop over epochs.

import { createEnrichment, type FlowBatch } from '../../enricher/enrich.ts';
import { createNodeNames } from '../../enricher/node-names.ts';
import { compileSnapshot } from '../../enricher/snapshot.ts';
import { timeAt } from '../../enricher/times.ts';
import { keyToBigint } from '../../schemas/keys.ts';
import type { SimulatedDocuments } from './simulate.ts';

export interface HarnessEnrichment {
  /** Fills the enriched columns of every row. */
  enrich(batch: FlowBatch, take: (from: number, to: number) => void): void;
  /** Name of a node key, by its two words. */
  nameOf(column: Uint32Array, row: number): string;
}

const LIMITS = { spanMsMax: 3_600_000, skewMsMax: 60_000 };

export function createHarnessEnrichment({
  inventories,
  exporters,
  applications,
}: SimulatedDocuments): HarnessEnrichment {
  const names = createNodeNames();
  const known = new Map<bigint, string>([[0n, '']]);
  const epochs = inventories.map(({ inventory }) => ({
    fromMs: Date.parse(inventory.asOf),
    enrichment: createEnrichment(compileSnapshot({ inventory, exporters, applications }), names, LIMITS),
  }));

  const epochOf = (ms: number): number => {
    let at = epochs.length - 1;
    while (at > 0 && epochs[at]!.fromMs > ms) at--;
    return at;
  };

  return {
    enrich(batch, take) {
      const { flowStart } = batch.columns;
      const wanted = new Set<number>();
      for (let row = 0; row < batch.rows; row++) wanted.add(epochOf(timeAt(flowStart, row)));
      for (const at of wanted) {
        epochs[at]!.enrichment.enrichBatch(batch, { low: 1, high: 1 });
        let from = 0;
        for (let row = 0; row <= batch.rows; row++) {
          if (row < batch.rows && epochOf(timeAt(flowStart, row)) === at) continue;
          if (row > from) take(from, row);
          from = row + 1;
        }
      }
    },
    nameOf(column, row) {
      const key = keyToBigint({ low: column[2 * row]!, high: column[2 * row + 1]! });
      let name = known.get(key);
      if (name === undefined) {
        for (const node of names.take()) known.set(node.key, node.name);
        name = known.get(key) ?? 'never announced';
      }
      return name;
    },
  };
}
