// The one place where the simulator's tests touch the enricher: documents in, rows of a batch named and elected in place,
// sums and names out. Each inventory holds from its `asOf` on, as a history of complete snapshots of one source does.

import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import { Enrichment, type FlowBatch } from '../../enricher/stages/enrich.ts';
import type { Knowledge } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { keyToBigint } from '../../schemas/keys.ts';
import type { SimulatedDocuments } from './simulate.ts';

export interface HarnessEnrichment {
  /** Fills the enriched columns of every row. */
  enrich(batch: FlowBatch): void;
  /** Name of a node key, by its two words. */
  nameOf(column: Uint32Array, row: number): string;
}

const LIMITS = { spanMsMax: 3_600_000, skewMsMax: 60_000 };

/** `knowledge`: another one than that of documents under which nobody is silent. */
export function createHarnessEnrichment(
  documents: SimulatedDocuments,
  knowledge: Knowledge = knowledgeOf(documents),
): HarnessEnrichment {
  const names = createNodeNames();
  const known = new Map<bigint, string>([[0n, '']]);
  const enrichment = new Enrichment(knowledge, names, LIMITS);
  return {
    enrich(batch) {
      enrichment.enrichBatch(batch, { low: 1, high: 1 });
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

function knowledgeOf({ inventories, exporters, applications }: SimulatedDocuments): Knowledge {
  const snapshots = inventories.map(({ inventory }) => compileSnapshot({ inventory, exporters, applications }));
  const asOfs = Float64Array.from(inventories, ({ inventory }) => Date.parse(inventory.asOf));
  return {
    starts: asOfs.map((ms, epoch) => (epoch === 0 ? Number.NEGATIVE_INFINITY : ms)),
    asOfs,
    snapshotAt: epoch => snapshots[epoch]!,
  };
}
