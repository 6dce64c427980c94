// Columns to columns: adds to a decoded batch what flows do not carry. Each step is one pass over the rows and fills its
// own columns; nothing here knows of files, transport or storage.

import { setImmediate as turn } from 'node:timers/promises';
import { hostAtPort } from '../../inventory/model/access.ts';
import type { Knowledge } from '../../inventory/snapshot/knowledge.ts';
import type { Snapshot } from '../../inventory/snapshot/snapshot.ts';
import type { Batch } from '../../schemas/batch.ts';
import { MARKS } from '../../schemas/codes.ts';
import type { FLOW_COLUMNS, FlowColumns } from '../../schemas/flow.ts';
import type { Key } from '../../schemas/keys.ts';
import { Election } from '../election/election.ts';
import { SeenPorts } from '../election/seen-ports.ts';
import { ENDPOINTS_MAX, Endpoints } from '../endpoints/endpoints.ts';
import { isOutside } from '../endpoints/entry-filler.ts';
import type { NodeNames } from '../endpoints/node-names.ts';
import { BLOCK_ROWS, ENTRY, ENTRY_FLAGS, KEY_WORDS } from '../entries/endpoint-table.ts';
import { RowOffsets } from '../entries/row-offsets.ts';
import { Classifier } from './classification.ts';
import { createEpochs, type RowEpochs } from './epochs.ts';
import { estimate } from './estimate.ts';
import type { LearnedServices } from './learned-services.ts';
import { fillLocations, locateSource } from './location-columns.ts';
import type { Moves } from './moves.ts';
import { markImplausible } from './plausibility.ts';
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
  /** Rows with counters that no network can have counted. */
  implausible: number;
  cacheResets: number;
  /** Endpoints kept, over all states of the inventory in use. */
  endpoints: number;
  /** Rows that straddle a change of one of their ends, or of what counts them. */
  straddles: number;
}

export interface NormalisedBatch {
  readonly cut: number;
  readonly reversed: number;
  readonly epochs: RowEpochs;
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
/**
 * Tables of endpoints that together may be full, of all stages that are kept. Facts from exporters make a new snapshot every
 * few seconds at worst, and 16 full tables would take more than a gigabyte.
 */
const FULL_TABLES_MAX = 2;
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
  readonly election: Election;
}

export class Enrichment {
  readonly #knowledge: Knowledge;
  readonly #names: NodeNames;
  readonly #options: EnrichmentOptions;
  /** The one used last stands last. */
  readonly #kept = new Map<Snapshot, Stages>();
  readonly #epochs = createEpochs();
  readonly #offsets = new RowOffsets();
  #resets = 0;
  #implausible = 0;
  /** Whose entries the offsets of sources and destinations are, for so many rows. */
  #latest: { readonly endpoints: Endpoints; readonly rows: number } | undefined;

  /** Names of the nodes that batches use are announced to `names`. */
  constructor(knowledge: Knowledge, names: NodeNames, options: EnrichmentOptions) {
    this.#knowledge = knowledge;
    this.#names = names;
    this.#options = options;
  }

  /** Normalises the times of a batch, and finds which epochs of the inventory its rows belong to. */
  normalise({ columns, rows }: FlowBatch): NormalisedBatch {
    const faults = { cut: 0, reversed: 0 };
    normaliseTimes(columns, rows, this.#options, faults);
    return { ...faults, epochs: this.#epochs.find(columns, rows, this.#knowledge.starts) };
  }

  /** Fills the enriched columns of `batch` in place; `key` is what its rows say in column `batch`. */
  enrichBatch(batch: FlowBatch, key: Key, normalised = this.normalise(batch)): EnrichTallies {
    const { columns, rows } = batch;
    const { cut, reversed, epochs } = normalised;
    this.#offsets.reserve(rows);
    this.#resets = 0;
    this.#implausible = 0;
    this.#latest = undefined;
    let unknownRate = 0;
    let straddles = 0;
    this.#options.services?.learn(columns, 0, rows);
    if (epochs.distinct.length === 1) {
      const stages = this.#stagesAt(epochs.distinct[0]!);
      unknownRate = this.#enrichBlocks(stages, columns, 0, rows);
      this.#latest = { endpoints: stages.endpoints, rows };
    } else {
      const were = this.#endsThen(batch, epochs);
      unknownRate = this.#enrichByEpoch(columns, epochs, rows);
      straddles = markStraddles(batch, epochs.straddlers, were);
    }
    for (let row = 0; row < rows; row++) {
      columns.batch[2 * row] = key.low;
      columns.batch[2 * row + 1] = key.high;
    }
    return {
      cut,
      reversed,
      unknownRate,
      straddles,
      implausible: this.#implausible,
      cacheResets: this.#resets,
      endpoints: this.#endpointsKept(),
    };
  }

  /**
   * Makes ready for a snapshot that is about to be in force: fills in the ends that are likely to come, in slices between
   * batches, so that the first batch joined with it need not look up all of its ends at once. Ends early, which costs that
   * batch time and nothing else, after PREPARE_MS_MAX or when stopped.
   */
  async prepare(snapshot: Snapshot, isStopped?: () => boolean): Promise<void> {
    if (!this.#latest || this.#kept.has(snapshot)) return;
    await turn();
    const { src, dst } = this.#offsets;
    const keys = this.#latest?.endpoints.likelyKeys([src, dst], this.#latest.rows) ?? NO_KEYS;
    await turn();
    const stages = this.#createStages(snapshot, 0);
    const { endpoints } = stages;
    const limits = { sliceMs: SLICE_MS, totalMs: PREPARE_MS_MAX, ...(isStopped && { isStopped }) };
    await inSlices(keys.length / KEY_WORDS, number => endpoints.know(keys, number * KEY_WORDS), limits);
    this.#keep(stages);
  }

  #stagesAt(epoch: number): Stages {
    const snapshot = this.#knowledge.snapshotAt(epoch);
    const asOfMs = this.#knowledge.asOfs[epoch]!;
    let stages = this.#kept.get(snapshot) ?? this.#createStages(snapshot, asOfMs);
    if (stages.asOfMs !== asOfMs) stages = { ...stages, asOfMs };
    this.#keep(stages);
    return stages;
  }

  #createStages(snapshot: Snapshot, asOfMs: number): Stages {
    const endpoints = new Endpoints(snapshot, this.#names, this.#options.endpointsMax);
    return {
      asOfMs,
      snapshot,
      endpoints,
      classifier: new Classifier(snapshot.applications, endpoints, this.#names, this.#options),
      hide: this.#options.hiding?.beside(address => isOutside(snapshot, address)),
      ports: new SeenPorts(snapshot),
      election: new Election(snapshot.access),
    };
  }

  #keep(stages: Stages): void {
    const kept = this.#kept;
    const { endpointsMax = ENDPOINTS_MAX } = this.#options;
    kept.delete(stages.snapshot);
    kept.set(stages.snapshot, stages);
    let endpoints = this.#endpointsKept();
    for (const [snapshot, oldest] of kept) {
      if (oldest === stages || (kept.size <= STAGES_MAX && endpoints <= FULL_TABLES_MAX * endpointsMax)) return;
      endpoints -= oldest.endpoints.size;
      kept.delete(snapshot);
    }
  }

  #endpointsKept(): number {
    let endpoints = 0;
    for (const { endpoints: table } of this.#kept.values()) endpoints += table.size;
    return endpoints;
  }

  /** By blocks, whose entries stay in the processor's cache from stage to stage. Returns the rows of unknown sampling rate. */
  #enrichBlocks(stages: Stages, columns: FlowColumns, from: number, to: number): number {
    let unknownRate = 0;
    for (let block = from; block < to; block += BLOCK_ROWS) {
      const end = Math.min(to, block + BLOCK_ROWS);
      unknownRate += this.#enrichRows(stages, columns, block, end);
      // The last that is done with rows: from here on nothing looks at their addresses.
      if (stages.hide) this.#hideOutside(stages.hide, stages.endpoints.entries, columns, block, end);
    }
    return unknownRate;
  }

  /** Rows `from` to `to`, all of which are joined with one snapshot. */
  #enrichRows(stages: Stages, columns: FlowColumns, from: number, to: number): number {
    const { asOfMs, snapshot, endpoints, classifier, ports, election } = stages;
    const offsets = this.#offsets;
    columns.marks.fill(0, from, to);
    snapshot.exporters.resolve(columns, from, to, offsets.exporters);
    const unknownRate = estimate(columns, from, to, offsets.exporters, snapshot.exporters);
    this.#implausible += markImplausible(columns, from, to);
    const resetsBefore = endpoints.resets;
    endpoints.resolve(columns, from, to, offsets);
    this.#resets += endpoints.resets - resetsBefore;
    ports.resolve(columns, from, to, offsets);
    classifier.classify(columns, from, to, offsets);
    election.elect(columns, from, to, offsets, stages);
    fillLocations(columns, from, to, offsets, stages);
    this.#options.moves?.elected(columns, from, to);
    fillTime(columns.inventoryAsOf, from, to, asOfMs);
    this.#followMoves(stages, columns, from, to);
    return unknownRate;
  }

  #hideOutside(hide: Hide, entries: Uint32Array, { srcAddr, dstAddr }: FlowColumns, from: number, to: number): void {
    const { src, dst } = this.#offsets;
    for (let row = from; row < to; row++) {
      if ((entries[src[row]! + ENTRY.identity]! & ENTRY_FLAGS.outside) !== 0) hide(srcAddr, 4 * row);
      if ((entries[dst[row]! + ENTRY.identity]! & ENTRY_FLAGS.outside) !== 0) hide(dstAddr, 4 * row);
    }
  }

  /** The sender of a row that is marked as moved stands where the port is cabled to, and nowhere if that is not known. */
  #followMoves({ snapshot, endpoints }: Stages, columns: FlowColumns, from: number, to: number): void {
    const { exporters, src, dst } = this.#offsets;
    const { marks, inIf } = columns;
    for (let row = from; row < to; row++) {
      if ((marks[row]! & MARKS.moved) === 0) continue;
      const position = hostAtPort(snapshot.access, exporters[row]!, inIf[row]!);
      locateSource(columns, row, endpoints.movedTo(src[row]!, position), dst[row]!, endpoints);
    }
  }

  /** Every run of rows of each epoch in turn, so that a snapshot is fetched once a batch. */
  #enrichByEpoch(columns: FlowColumns, { ofRow, distinct }: RowEpochs, rows: number): number {
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
        stages ??= this.#stagesAt(epoch);
        unknownRate += this.#enrichBlocks(stages, columns, from, to);
        from = to;
      }
      if (stages) newest = { epoch, stages };
    }
    if (!newest) return unknownRate;
    const { src, dst } = this.#offsets;
    for (let row = 0; row < rows; row++) if (ofRow[row] !== newest.epoch) src[row] = dst[row] = 0;
    this.#latest = { endpoints: newest.stages.endpoints, rows };
    return unknownRate;
  }

  /** The ends of straddling rows, as of their end. */
  #endsThen({ columns }: FlowBatch, { straddlers, endEpochs, distinct }: RowEpochs): Uint32Array {
    const were = new Uint32Array(straddlers.length * END_WORDS);
    for (const epoch of distinct) {
      straddlers.forEach((row, i) => {
        if (endEpochs[i] !== epoch) return;
        this.#enrichRows(this.#stagesAt(epoch), columns, row, row + 1);
        readEnds(columns, row, were, i * END_WORDS);
      });
    }
    return were;
  }
}

/**
 * Marks the straddling rows whose ends were something else at their end, or that would count otherwise then; `were` are
 * their ends as of then.
 */
function markStraddles({ columns }: FlowBatch, straddlers: Uint32Array, were: Uint32Array): number {
  let straddles = 0;
  straddlers.forEach((row, i) => {
    if (endsEqual(columns, row, were, i * END_WORDS)) return;
    columns.marks[row]! |= MARKS.straddles;
    straddles++;
  });
  return straddles;
}

/** VM, host, place and application of both ends; behind them the reason why the record counts or not. */
const END_COLUMNS = ['srcVm', 'dstVm', 'srcHost', 'dstHost', 'srcPlace', 'dstPlace', 'srcApp', 'dstApp'] as const;
const END_WORDS = 2 * END_COLUMNS.length + 1;

function readEnds(columns: FlowColumns, row: number, words: Uint32Array, at: number): void {
  END_COLUMNS.forEach((name, i) => {
    words[at + 2 * i] = columns[name][2 * row]!;
    words[at + 2 * i + 1] = columns[name][2 * row + 1]!;
  });
  words[at + END_WORDS - 1] = columns.countReason[row]!;
}

function endsEqual(columns: FlowColumns, row: number, words: Uint32Array, at: number): boolean {
  if (columns.countReason[row] !== words[at + END_WORDS - 1]) return false;
  return END_COLUMNS.every(
    (name, i) => columns[name][2 * row] === words[at + 2 * i] && columns[name][2 * row + 1] === words[at + 2 * i + 1],
  );
}
