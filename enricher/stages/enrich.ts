// Columns to columns: adds to a decoded batch what flows do not carry. Each step is one pass over the rows and fills its
// own columns; nothing here knows of files, transport or storage.

import { setImmediate as turn } from 'node:timers/promises';
import { hostAtPort } from '../../inventory/model/access.ts';
import type { Knowledge } from '../../inventory/snapshot/knowledge.ts';
import type { Snapshot } from '../../inventory/snapshot/snapshot.ts';
import type { Batch } from '../../schemas/batch.ts';
import { MARKS } from '../../schemas/codes.ts';
import type { FLOW_COLUMNS } from '../../schemas/flow.ts';
import type { Key } from '../../schemas/keys.ts';
import { elect } from '../election/election.ts';
import { createSeenPorts, type SeenPorts } from '../election/seen-ports.ts';
import { createEndpoints, type Endpoints, isOutside } from '../endpoints/endpoints.ts';
import type { NodeNames } from '../endpoints/node-names.ts';
import { BLOCK_ROWS, ENTRY, ENTRY_FLAGS, KEY_WORDS } from '../entries/endpoint-table.ts';
import { type Classifier, createClassifier } from './classification.ts';
import { createEpochs, type RowEpochs } from './epochs.ts';
import { estimate } from './estimate.ts';
import type { LearnedServices } from './learned-services.ts';
import { fillPlaces, placeSource } from './location-columns.ts';
import type { Moves } from './moves.ts';
import type { Hide, Privacy } from './privacy.ts';
import type { PortBits } from './server-side.ts';
import { inSlices } from './slices.ts';
import { fillTime, normaliseTimes, type TimeLimits } from './times.ts';

export type FlowBatch = Batch<typeof FLOW_COLUMNS>;

export interface EnrichTallies {
  /** Rows with a flow time outside the limits, and with a start behind the end. */
  cut: number;
  reversed: number;
  unknownRate: number;
  cacheResets: number;
  /** Rows that straddle a change of one of their ends. */
  straddles: number;
}

export interface NormalisedBatch {
  readonly cut: number;
  readonly reversed: number;
  readonly epochs: RowEpochs;
}

export interface Enrichment {
  /** Normalises the times of a batch, and finds which epochs of the inventory its rows belong to. */
  normalise(batch: FlowBatch): NormalisedBatch;
  /** Fills the enriched columns of `batch` in place; `key` is what its rows say in column `batch`. */
  enrichBatch(batch: FlowBatch, key: Key, normalised?: NormalisedBatch): EnrichTallies;
  /**
   * Makes ready for a snapshot that is about to be in force: fills in the ends that are likely to come, in slices between
   * batches, so that the first batch joined with it need not look up all of its ends at once. Ends early, which costs that
   * batch time and nothing else, after PREPARE_MS_MAX or when stopped.
   */
  prepare(snapshot: Snapshot, isStopped?: () => boolean): Promise<void>;
}

export interface EnrichmentOptions extends TimeLimits {
  readonly endpointsMax?: number;
  /** Is shown the rows that the election marks as moved. */
  readonly moves?: Pick<Moves, 'elected'>;
  /** Ports that are taken for a client's. */
  readonly ephemeral?: PortBits;
  /** What was learned of servers; rows add to it. */
  readonly services?: LearnedServices;
  /** What becomes of addresses outside once everything was decided by them. */
  readonly hiding?: Privacy | undefined;
}

/** Snapshots whose stages are kept: the newest one, and those of rows that began before its time. */
export const STAGES_MAX = 16;
/** A change of the inventory comes into force later by up to so long: only where batches leave hardly a pause. */
const PREPARE_MS_MAX = 1500;
/** With the hand-over itself below 20 ms, the longest that a batch is kept waiting. */
const SLICE_MS = 10;
const NO_KEYS = new Uint32Array(0);

interface Stages {
  readonly asOfMs: number;
  readonly snapshot: Snapshot;
  readonly endpoints: Endpoints;
  readonly classifier: Classifier;
  readonly hide: Hide | undefined;
  readonly ports: SeenPorts;
}

/** Names of the nodes that batches use are announced to `names`. */
export function createEnrichment(knowledge: Knowledge, names: NodeNames, options: EnrichmentOptions): Enrichment {
  /** The one used last stands last. */
  const kept = new Map<Snapshot, Stages>();
  const epochs = createEpochs();
  let src = new Uint32Array(0);
  let dst = src;
  let exporterOf = src;
  let inPorts = src;
  let outPorts = src;
  let resets = 0;
  /** Whose entries the offsets in `src` and `dst` are, for so many rows. */
  let latest: { readonly endpoints: Endpoints; readonly rows: number } | undefined;

  function stagesAt(epoch: number): Stages {
    const snapshot = knowledge.snapshotAt(epoch);
    const asOfMs = knowledge.asOfs[epoch]!;
    let stages = kept.get(snapshot) ?? createStages(snapshot, asOfMs);
    if (stages.asOfMs !== asOfMs) stages = { ...stages, asOfMs };
    keep(stages);
    return stages;
  }

  function createStages(snapshot: Snapshot, asOfMs: number): Stages {
    const endpoints = createEndpoints(snapshot, names, options.endpointsMax);
    return {
      asOfMs,
      snapshot,
      endpoints,
      classifier: createClassifier(snapshot.applications, endpoints, names, options),
      hide: options.hiding?.beside(address => isOutside(snapshot, address)),
      ports: createSeenPorts(snapshot),
    };
  }

  function keep(stages: Stages): void {
    kept.delete(stages.snapshot);
    for (const oldest of kept.keys()) if (kept.size >= STAGES_MAX) kept.delete(oldest);
    kept.set(stages.snapshot, stages);
  }

  /** Rows `from` to `to`, all of which are joined with one snapshot. */
  function enrichRows(stages: Stages, columns: FlowBatch['columns'], from: number, to: number): number {
    const { asOfMs, snapshot, endpoints, classifier, ports } = stages;
    columns.marks.fill(0, from, to);
    snapshot.exporters.resolve(columns, from, to, exporterOf);
    const unknownRate = estimate(columns, from, to, exporterOf, snapshot.exporters);
    const resetsBefore = endpoints.resets;
    endpoints.resolve(columns, from, to, exporterOf, src, dst);
    resets += endpoints.resets - resetsBefore;
    ports.resolve(columns, from, to, exporterOf, inPorts, outPorts);
    classifier.classify(columns, from, to, src, dst);
    elect(columns, from, to, src, dst, endpoints.entries, exporterOf, inPorts, outPorts, ports.words, snapshot.access);
    fillPlaces(columns, from, to, src, dst, inPorts, outPorts, endpoints, ports.words);
    options.moves?.elected(columns, from, to);
    fillTime(columns.inventoryAsOf, from, to, asOfMs);
    followMoves(stages, columns, from, to);
    return unknownRate;
  }

  /** The last that is done with rows: from here on nothing asks for their addresses. */
  function enrichAndHide(stages: Stages, columns: FlowBatch['columns'], from: number, to: number): number {
    const unknownRate = enrichRows(stages, columns, from, to);
    const { hide, endpoints } = stages;
    if (!hide) return unknownRate;
    const { entries } = endpoints;
    const { srcAddr, dstAddr } = columns;
    for (let row = from; row < to; row++) {
      if ((entries[src[row]! + ENTRY.identity]! & ENTRY_FLAGS.outside) !== 0) hide(srcAddr, 4 * row);
      if ((entries[dst[row]! + ENTRY.identity]! & ENTRY_FLAGS.outside) !== 0) hide(dstAddr, 4 * row);
    }
    return unknownRate;
  }

  /** The same by blocks, whose entries stay in the processor's cache from stage to stage. */
  function enrichBlocks(stages: Stages, columns: FlowBatch['columns'], from: number, to: number): number {
    let unknownRate = 0;
    for (let block = from; block < to; block += BLOCK_ROWS)
      unknownRate += enrichAndHide(stages, columns, block, Math.min(to, block + BLOCK_ROWS));
    return unknownRate;
  }

  /** Every run of rows of each epoch in turn, so that a snapshot is fetched once a batch. */
  function enrichByEpoch(columns: FlowBatch['columns'], { ofRow, distinct }: RowEpochs, rows: number): number {
    let unknownRate = 0;
    let newest: { readonly epoch: number; readonly stages: Stages } | undefined;
    for (const epoch of distinct) {
      let stages: Stages | undefined;
      for (let from = 0; from < rows; ) {
        let to = from + 1;
        if (ofRow[from] !== epoch) {
          from = to;
          continue;
        }
        while (to < rows && ofRow[to] === epoch) to++;
        stages ??= stagesAt(epoch);
        unknownRate += enrichBlocks(stages, columns, from, to);
        from = to;
      }
      if (stages) newest = { epoch, stages };
    }
    if (!newest) return unknownRate;
    for (let row = 0; row < rows; row++) if (ofRow[row] !== newest.epoch) src[row] = dst[row] = 0;
    latest = { endpoints: newest.stages.endpoints, rows };
    return unknownRate;
  }

  /** Marks the straddling rows whose ends were something else at their end; `were` are their ends as of then. */
  function markStraddles({ columns }: FlowBatch, straddlers: Uint32Array, were: Uint32Array): number {
    let straddles = 0;
    straddlers.forEach((row, i) => {
      if (endsEqual(columns, row, were, i * END_WORDS)) return;
      columns.marks[row]! |= MARKS.straddles;
      straddles++;
    });
    return straddles;
  }

  /** The ends of straddling rows, as of their end. */
  function endsThen({ columns }: FlowBatch, { straddlers, endEpochs, distinct }: RowEpochs): Uint32Array {
    const were = new Uint32Array(straddlers.length * END_WORDS);
    for (const epoch of distinct) {
      straddlers.forEach((row, i) => {
        if (endEpochs[i] !== epoch) return;
        enrichRows(stagesAt(epoch), columns, row, row + 1);
        readEnds(columns, row, were, i * END_WORDS);
      });
    }
    return were;
  }

  function normalise({ columns, rows }: FlowBatch): NormalisedBatch {
    const faults = { cut: 0, reversed: 0 };
    normaliseTimes(columns, rows, options, faults);
    return { ...faults, epochs: epochs.find(columns, rows, knowledge.starts) };
  }

  /** The sender of a row that is marked as moved stands where the port is cabled to, and nowhere if nobody knows. */
  function followMoves({ snapshot, endpoints }: Stages, columns: FlowBatch['columns'], from: number, to: number): void {
    const { marks, inIf } = columns;
    for (let row = from; row < to; row++) {
      if ((marks[row]! & MARKS.moved) === 0) continue;
      const position = hostAtPort(snapshot.access, exporterOf[row]!, inIf[row]!);
      const place = position === 0 ? -1 : endpoints.placeOfHost(position);
      placeSource(columns, row, place, dst[row]!, endpoints);
    }
  }

  return {
    normalise,
    enrichBatch(given, key, normalised = normalise(given)) {
      const { columns, rows } = given;
      if (src.length < rows) {
        src = new Uint32Array(rows);
        dst = new Uint32Array(rows);
        exporterOf = new Uint32Array(rows);
        inPorts = new Uint32Array(rows);
        outPorts = new Uint32Array(rows);
      }
      resets = 0;
      const { cut, reversed, epochs } = normalised;
      let unknownRate = 0;
      let straddles = 0;
      options.services?.learn(columns, 0, rows);
      latest = undefined;
      if (epochs.distinct.length === 1) {
        const stages = stagesAt(epochs.distinct[0]!);
        unknownRate = enrichBlocks(stages, columns, 0, rows);
        latest = { endpoints: stages.endpoints, rows };
      } else {
        const were = endsThen(given, epochs);
        unknownRate = enrichByEpoch(columns, epochs, rows);
        straddles = markStraddles(given, epochs.straddlers, were);
      }
      const { batch } = columns;
      for (let row = 0; row < rows; row++) {
        batch[2 * row] = key.low;
        batch[2 * row + 1] = key.high;
      }
      return { cut, reversed, unknownRate, straddles, cacheResets: resets };
    },
    async prepare(snapshot, isStopped) {
      if (!latest || kept.has(snapshot)) return;
      await turn();
      const keys = latest?.endpoints.likelyKeys([src, dst], latest.rows) ?? NO_KEYS;
      await turn();
      const stages = createStages(snapshot, 0);
      const { endpoints } = stages;
      const limits = { sliceMs: SLICE_MS, totalMs: PREPARE_MS_MAX, ...(isStopped && { isStopped }) };
      await inSlices(keys.length / KEY_WORDS, number => endpoints.know(keys, number * KEY_WORDS), limits);
      keep(stages);
    },
  };
}

/** VM, host and application of both ends. */
const END_COLUMNS = ['srcVm', 'dstVm', 'srcHost', 'dstHost', 'srcApp', 'dstApp'] as const;
const END_WORDS = 2 * END_COLUMNS.length;

function readEnds(columns: FlowBatch['columns'], row: number, words: Uint32Array, at: number): void {
  END_COLUMNS.forEach((name, i) => {
    words[at + 2 * i] = columns[name][2 * row]!;
    words[at + 2 * i + 1] = columns[name][2 * row + 1]!;
  });
}

function endsEqual(columns: FlowBatch['columns'], row: number, words: Uint32Array, at: number): boolean {
  return END_COLUMNS.every(
    (name, i) => columns[name][2 * row] === words[at + 2 * i] && columns[name][2 * row + 1] === words[at + 2 * i + 1],
  );
}
