// Answers queries about the documents themselves, from the versions kept in ClickHouse: what held at the requested moment,
// compiled when it is first needed and kept until another state is. It runs in a thread of its own (advisor-thread.ts):
// compiling 100,000 VMs takes seconds, and no request may wait for it.

import type { Liveness } from '../../inventory/model/liveness.ts';
import type { HistoryOptions } from '../../inventory/snapshot/history.ts';
import { epochAt } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshotData, openSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { readLiveness } from '../../inventory/sources/liveness-source.ts';
import type {
  AdvisorAnswer,
  AdvisorRequest,
  CellsReport,
  CellsRequest,
  DiscoverReport,
  DiscoverRequest,
  MembersReport,
  MembersRequest,
  States,
} from '../../schemas/coverage.ts';
import type { Storage } from '../../storage/storage.ts';
import { discover } from '../discovery/discover.ts';
import { knownVms } from '../discovery/known-vms.ts';
import {
  answerCoverage,
  countAll,
  countCells,
  findSpots,
  type Known,
  type Since,
  silenceAt,
  type View,
  viewOf,
} from './coverage.ts';
import { LastSeen } from './liveness.ts';
import { type Recorded, RecordedInventory, VERSIONS_MAX } from './recorded-inventory.ts';
import { type Slice, slicesOf, spreadOrder, WeightedShare } from './slices.ts';
import type { PairCount } from './vm-classes.ts';

/** The time that may take to find since when a spot is blind, in at most VERSIONS_MAX older states of the inventory. */
const SINCE_MS_MAX = 3000;
/** Time in which the slices of a window are examined, those first that say most of it; the others are left out. */
const SLICES_MS_MAX = 10_000;
/** States and views of them that are kept: those of a large installation take much memory. */
const VIEWS_MAX = 4;

type NamedKnown = Known & { readonly name: string };

/** What the election knows of silent exporters, and when they were seen. */
interface KnownLiveness {
  readonly recorded: Liveness;
  readonly lastSeen: LastSeen;
}

/** Since when spots are blind; `oldest` is the start of the oldest state examined. */
interface Ages {
  readonly name: string;
  readonly spots: ReadonlyMap<string, Since>;
  readonly oldest: Since;
}

export class Advice {
  readonly #storage: Storage;
  readonly #inventory: RecordedInventory;
  /** Name of what was read last. */
  #read: string | undefined;
  /** By what is known, and by who is silent besides; those used longest ago first. */
  readonly #known = new Map<string, NamedKnown | undefined>();
  readonly #views = new Map<string, View>();
  #ages: Ages | undefined;

  /** `nowMs` is the clock of what is recorded: that of the installation. */
  constructor(storage: Storage, options: HistoryOptions, nowMs: () => number = Date.now) {
    this.#storage = storage;
    this.#inventory = new RecordedInventory(storage, options, nowMs);
  }

  /** Undefined when no inventory was recorded. */
  async answer(question: AdvisorRequest): Promise<AdvisorAnswer> {
    const all = await this.#inventory.read(question);
    if (all?.name !== this.#read) this.#forget(all?.name);
    if (!all) return undefined;
    const epoch = epochAt(all.epochs.starts, question.atMs);
    const current = this.#knownAt(all, epoch);
    if (!current) return undefined;
    const liveness = {
      recorded: await readLiveness(this.#storage, question.fromMs, question.atMs + 1),
      lastSeen: new LastSeen(question.seen),
    };
    if (question.request === 'cells') return this.#answerCells(question, all, liveness);
    const view = this.#viewAt(all, liveness, question.atMs)!;
    if (question.request === 'members') return membersIn(view, question);
    if (question.request === 'discover') return discoverIn(view, question);
    const { spots, oldest } = this.#agesOf(all, current, epoch);
    const report = answerCoverage(question, view, id => spots.get(id) ?? oldest);
    const whole = new WeightedShare();
    const states = this.#eachSlice(question, all, liveness, ({ fromMs, toMs }, held) =>
      whole.add(toMs - fromMs, countAll(held)),
    );
    return { ...report, share: whole.share, states };
  }

  #answerCells(question: CellsRequest, all: Recorded, liveness: KnownLiveness): CellsReport {
    const overall = new WeightedShare();
    const cells = question.cells.map(() => new WeightedShare());
    const slices: CellsReport['slices'][number][] = [];
    const states = this.#eachSlice(question, all, liveness, ({ fromMs, toMs }, view) => {
      overall.add(toMs - fromMs, countAll(view));
      const counts = countCells(question, view);
      counts.forEach((count, i) => cells[i]!.add(toMs - fromMs, count));
      slices.push({ fromMs, toMs, cells: counts.map(shareOf) });
    });
    return {
      overall: overall.share,
      cells: cells.map(({ share }) => share),
      states,
      slices: slices.sort((a, b) => a.fromMs - b.fromMs),
    };
  }

  /** Calls `examine` with each slice of the window and what holds in it, as many as there is time for. */
  #eachSlice(
    { fromMs, atMs }: AdvisorRequest,
    all: Recorded,
    liveness: KnownLiveness,
    examine: (slice: Slice, view: View) => void,
  ): States {
    const boundaries = [...all.epochs.starts, ...liveness.recorded.boundaries()];
    const { slices, found } = slicesOf(Math.min(fromMs, atMs - 1), atMs, boundaries);
    const deadline = performance.now() + SLICES_MS_MAX;
    let examined = 0;
    for (const i of spreadOrder(slices.length)) {
      if (examined > 0 && performance.now() > deadline) break;
      const view = this.#viewAt(all, liveness, slices[i]!.atMs);
      if (!view) continue;
      examine(slices[i]!, view);
      examined++;
    }
    return { found, examined };
  }

  #forget(name: string | undefined): void {
    this.#read = name;
    this.#known.clear();
    this.#views.clear();
    this.#ages = undefined;
  }

  #knownAt(all: Recorded, epoch: number): NamedKnown | undefined {
    return remember(this.#known, `${all.name} ${all.epochs.names[epoch]}`, () => knownIn(all, epoch));
  }

  /** What is seen changes with the documents and with the silent exporters, not with each query. */
  #viewAt(all: Recorded, liveness: KnownLiveness, atMs: number): View | undefined {
    const known = this.#knownAt(all, epochAt(all.epochs.starts, atMs));
    if (!known) return undefined;
    const silence = silenceAt(liveness.recorded, liveness.lastSeen, atMs);
    const name = `${known.name} ${liveness.recorded.nameAt(atMs)}`;
    return { ...remember(this.#views, name, () => viewOf(known, silence)), ...silence };
  }

  #agesOf(all: Recorded, current: NamedKnown, epoch: number): Ages {
    if (this.#ages?.name !== current.name) this.#ages = { name: current.name, ...agesOf(all, current, epoch) };
    return this.#ages;
  }
}

function membersIn(view: View, { by, nodesMax }: MembersRequest): MembersReport {
  const nodes = [...view.memberships(by)].map(([key, vms]) => [key, vms.size] as const);
  nodes.sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return { nodes: nodes.slice(0, nodesMax), nodeCount: nodes.length };
}

function discoverIn({ known, memberships }: View, { traffic, limit, membersMax }: DiscoverRequest): DiscoverReport {
  const { inventory } = known.documents;
  const taken = new Set(known.snapshot.applications.names.map(({ identity }) => identity));
  const asOfMs = inventory.sources.reduce((newest, source) => Math.max(newest, source.asOfMs), 0);
  return { ...discover(knownVms(inventory, memberships('app')), traffic, { limit, membersMax, taken }), asOfMs };
}

/** What is kept under a name, or made; beyond VIEWS_MAX the one used longest ago is dropped. */
function remember<T>(kept: Map<string, T>, name: string, make: () => T): T {
  const value = kept.has(name) ? (kept.get(name) as T) : make();
  kept.delete(name);
  kept.set(name, value);
  for (const oldest of kept.keys()) if (kept.size > VIEWS_MAX) kept.delete(oldest);
  return value;
}

function knownIn({ history, epochs, applications, name }: Recorded, epoch: number): NamedKnown | undefined {
  const documents = history.documentsAt(epochs.moments[epoch]!);
  if (!documents) return undefined;
  const data = compileSnapshotData(documents.inventory, documents.exporters);
  return { name: `${name} ${epochs.names[epoch]}`, documents, snapshot: openSnapshot(data, applications) };
}

/** Walks back through older states until nothing blind today is left, or the bound is reached. */
function agesOf(all: Recorded, current: NamedKnown, epoch: number): Omit<Ages, 'name'> {
  const startOf = (number: number) => all.epochs.moments[number]!;
  const spots = new Map<string, Since>();
  let oldest: Since = { ms: startOf(epoch), orEarlier: false };
  let open = new Set(findSpots(viewAllHeard(current)).keys());
  const deadline = performance.now() + SINCE_MS_MAX;
  let at = epoch - 1;
  while (open.size > 0 && at >= 0 && epoch - at <= VERSIONS_MAX && performance.now() < deadline) {
    const before = knownIn(all, at);
    const blind = before ? findSpots(viewAllHeard(before)) : new Map<string, never>();
    const still = new Set<string>();
    for (const id of open) {
      if (blind.has(id)) still.add(id);
      else spots.set(id, oldest);
    }
    oldest = { ms: startOf(at), orEarlier: false };
    open = still;
    at--;
  }
  // What was blind in the oldest state examined may have been so before.
  const first: Since = { ms: oldest.ms, orEarlier: at >= 0 };
  for (const id of open) spots.set(id, first);
  return { spots, oldest: first };
}

/** As if no exporter were silent: what the documents alone say. */
function viewAllHeard(known: Known): View {
  return viewOf(known, { isSilent: () => false, lastSeenMs: () => 0 });
}

/** Nothing to see, as inside a node of one VM, is not a share of anything. */
function shareOf({ pairs, invisible }: PairCount): number | null {
  return pairs > 0 ? 1 - invisible / pairs : null;
}
