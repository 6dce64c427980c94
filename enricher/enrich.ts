// Columns to columns: adds to a decoded batch what flows do not carry. Each step is one pass over the rows and fills its
// own columns; nothing here knows of files, transport or storage.

import type { Batch } from '../schemas/batch.ts';
import { LOCALITY, MARKS } from '../schemas/codes.ts';
import type { FLOW_COLUMNS } from '../schemas/flow.ts';
import type { Key } from '../schemas/keys.ts';
import { hostAtPort } from './access.ts';
import { createClassifier } from './classification.ts';
import { elect } from './election.ts';
import { createEndpoints, ENTRY } from './endpoints.ts';
import { estimate } from './estimate.ts';
import { localityOf } from './locality.ts';
import type { NodeNames } from './node-names.ts';
import type { Snapshot } from './snapshot.ts';
import { mendTimes, setTime, type TimeLimits } from './times.ts';

export type FlowBatch = Batch<typeof FLOW_COLUMNS>;

export interface EnrichTallies {
  /** Rows with a flow time outside the limits, and with a start behind the end. */
  cut: number;
  reversed: number;
  unknownRate: number;
  cacheResets: number;
}

export interface Enrichment {
  /** Fills the enriched columns of `batch` in place; `key` is what its rows say in column `batch`. */
  enrichBatch(batch: FlowBatch, key: Key): EnrichTallies;
}

export interface EnrichmentOptions extends TimeLimits {
  readonly endpointsMax?: number;
}

/**
 * Rows that pass all stages before the next ones do: the entries of their ends, a cache line each, are read by five of
 * the stages and stay near (bench enrich).
 */
const BLOCK_ROWS = 512;

/** Names of the nodes that batches use are announced to `names`. */
export function createEnrichment(snapshot: Snapshot, names: NodeNames, options: EnrichmentOptions): Enrichment {
  const endpoints = createEndpoints(snapshot, names, options.endpointsMax);
  const classifier = createClassifier(snapshot.applications, endpoints, names);
  let src = new Uint32Array(0);
  let dst = src;
  let exporterOf = src;

  /** Rows `from` to `to`, all of which are joined with this snapshot. */
  function enrichRows(columns: FlowBatch['columns'], from: number, to: number): number {
    snapshot.exporters.resolve(columns, from, to, exporterOf);
    const unknownRate = estimate(columns, from, to, exporterOf, snapshot.exporters);
    endpoints.resolve(columns, from, to, src, dst);
    const { entries } = endpoints;
    classifier.classify(columns, from, to, src, dst);
    elect(columns, from, to, src, dst, entries, exporterOf, snapshot.access);
    copyKeys(entries, src, from, to, columns.srcVm, columns.srcHost, columns.srcRack, columns.srcIdentity);
    copyKeys(entries, dst, from, to, columns.dstVm, columns.dstHost, columns.dstRack, columns.dstIdentity);
    const { locality, inventoryAsOf } = columns;
    for (let row = from; row < to; row++) {
      locality[row] = localityOf(entries, src[row]!, dst[row]!);
      setTime(inventoryAsOf, row, snapshot.asOfMs);
    }
    followMoves(columns, from, to);
    return unknownRate;
  }

  /** The sender of a row that is marked as moved stands where the port is cabled to, and nowhere if nobody knows. */
  function followMoves(columns: FlowBatch['columns'], from: number, to: number): void {
    const { marks, inIf, srcHost, srcRack, locality } = columns;
    for (let row = from; row < to; row++) {
      if ((marks[row]! & MARKS.moved) === 0) continue;
      const position = hostAtPort(snapshot.access, exporterOf[row]!, inIf[row]!);
      const at = position === 0 ? -1 : endpoints.hostEntry(position);
      const { entries } = endpoints;
      srcHost[2 * row] = at < 0 ? 0 : entries[at + ENTRY.host]!;
      srcHost[2 * row + 1] = at < 0 ? 0 : entries[at + ENTRY.host + 1]!;
      srcRack[2 * row] = at < 0 ? 0 : entries[at + ENTRY.rack]!;
      srcRack[2 * row + 1] = at < 0 ? 0 : entries[at + ENTRY.rack + 1]!;
      locality[row] = at < 0 ? LOCALITY.unknown : localityOf(entries, at, dst[row]!);
    }
  }

  return {
    enrichBatch({ columns, rows }, key) {
      if (src.length < rows) {
        src = new Uint32Array(rows);
        dst = new Uint32Array(rows);
        exporterOf = new Uint32Array(rows);
      }
      const resetsBefore = endpoints.resets;
      const faults = { cut: 0, reversed: 0 };
      mendTimes(columns, rows, options, faults);
      let unknownRate = 0;
      for (let from = 0; from < rows; from += BLOCK_ROWS)
        unknownRate += enrichRows(columns, from, Math.min(rows, from + BLOCK_ROWS));
      const { batch } = columns;
      for (let row = 0; row < rows; row++) {
        batch[2 * row] = key.low;
        batch[2 * row + 1] = key.high;
      }
      return { ...faults, unknownRate, cacheResets: endpoints.resets - resetsBefore };
    },
  };
}

function copyKeys(
  entries: Uint32Array,
  at: Uint32Array,
  from: number,
  to: number,
  vm: Uint32Array,
  host: Uint32Array,
  rack: Uint32Array,
  identity: Uint8Array,
): void {
  for (let row = from; row < to; row++) {
    const entry = at[row]!;
    vm[2 * row] = entries[entry + ENTRY.vm]!;
    vm[2 * row + 1] = entries[entry + ENTRY.vm + 1]!;
    host[2 * row] = entries[entry + ENTRY.host]!;
    host[2 * row + 1] = entries[entry + ENTRY.host + 1]!;
    rack[2 * row] = entries[entry + ENTRY.rack]!;
    rack[2 * row + 1] = entries[entry + ENTRY.rack + 1]!;
    identity[row] = entries[entry + ENTRY.identity]!;
  }
}
