// Answers queries about the documents themselves, from the versions kept in ClickHouse: what held at the requested moment,
// compiled when it is first needed and kept until another state is. It runs in a thread of its own (advisor-thread.ts):
// compiling 100,000 VMs takes seconds, and no request may wait for it.

import { ApplicationTable, compileApplications } from '../../inventory/applications/applications.ts';
import { NO_DOCUMENTS } from '../../inventory/model/documents.ts';
import { type Epochs, History, type HistoryOptions } from '../../inventory/snapshot/history.ts';
import { epochAt } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshotData, openSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { readHistory } from '../../inventory/sources/read-history.ts';
import { heartbeatsSince, type RecordedVersion, versionsSince } from '../../inventory/sources/recorded.ts';
import { PROTOCOL } from '../../schemas/codes.ts';
import type { AdvisorAnswer, AdvisorRequest, SeenExporter } from '../../schemas/coverage.ts';
import type { Storage } from '../../storage/storage.ts';
import {
  answerCells,
  answerCoverage,
  findSpots,
  type Known,
  type Since,
  silenceOf,
  type View,
  viewOf,
} from './coverage.ts';

/** Older states of the inventory examined to find since when a spot is blind, and the time that may take. */
export const VERSIONS_MAX = 32;
const SINCE_MS_MAX = 3000;
const HEARTBEATS_BACK_MS = 3_600_000;

/** Everything recorded, as far back as is examined. */
interface Recorded {
  readonly name: string;
  readonly history: History;
  readonly epochs: Epochs;
  readonly applications: ApplicationTable;
}

type NamedKnown = Known & { readonly name: string };

interface NamedView {
  readonly name: string;
  readonly view: View;
}

/** Since when spots are blind; `oldest` is the start of the oldest state examined. */
interface Ages {
  readonly name: string;
  readonly spots: ReadonlyMap<string, Since>;
  readonly oldest: Since;
}

export class Advice {
  readonly #storage: Storage;
  readonly #options: HistoryOptions;
  readonly #nowMs: () => number;
  #recorded: Recorded | undefined;
  #known: NamedKnown | undefined;
  #view: NamedView | undefined;
  #ages: Ages | undefined;

  /** `nowMs` is the clock of what is recorded: that of the installation. */
  constructor(storage: Storage, options: HistoryOptions, nowMs: () => number = Date.now) {
    this.#storage = storage;
    this.#options = options;
    this.#nowMs = nowMs;
  }

  /** Undefined when no inventory was recorded. */
  async answer(question: AdvisorRequest): Promise<AdvisorAnswer> {
    const all = await this.#read(question.atMs);
    if (!all) return undefined;
    const epoch = epochAt(all.epochs.starts, question.atMs);
    const current = this.#knownAt(all, epoch);
    if (!current) return undefined;
    const view = this.#viewOf(current, question.seen, question.atMs);
    if (question.request === 'cells') return answerCells(question, view);
    const { spots, oldest } = this.#agesOf(all, current, epoch);
    return answerCoverage(question, view, id => spots.get(id) ?? oldest);
  }

  async #read(toMs: number): Promise<Recorded | undefined> {
    const versions = await versionsSince(this.#storage, 0);
    const inventories = versions.filter(({ kind }) => kind === 'inventory').map(({ asOfMs }) => asOfMs);
    if (inventories.length === 0) return undefined;
    const name = `${versions.length} ${nameOf(versions.at(-1))} ${inventories.some(asOfMs => asOfMs > toMs) ? toMs : ''}`;
    if (this.#recorded?.name === name) return this.#confirm(this.#recorded);
    const fromMs = inventories.sort((a, b) => b - a)[Math.min(inventories.length, VERSIONS_MAX) - 1]!;
    const history = new History(this.#options);
    const { applications } = await readHistory(this.#storage, history, { fromMs, toMs });
    const table = new ApplicationTable(compileApplications(applications ?? NO_DOCUMENTS.applications));
    this.#recorded = { name, history, epochs: history.epochs(), applications: table };
    this.#known = undefined;
    this.#forgetKnown();
    return this.#recorded;
  }

  /** The same versions, and what their sources have confirmed since. */
  async #confirm(before: Recorded): Promise<Recorded> {
    for (const { source, asOfMs } of await heartbeatsSince(this.#storage, this.#nowMs() - HEARTBEATS_BACK_MS))
      before.history.markSeen(source, asOfMs);
    this.#recorded = { ...before, epochs: before.history.epochs() };
    return this.#recorded;
  }

  #forgetKnown(): void {
    this.#view = undefined;
    this.#ages = undefined;
  }

  #knownAt(all: Recorded, epoch: number): NamedKnown | undefined {
    if (this.#known?.name === `${all.name} ${all.epochs.names[epoch]}`) return this.#known;
    this.#known = knownIn(all, epoch);
    this.#forgetKnown();
    return this.#known;
  }

  /** What is seen changes with the documents and with the silent exporters, not with each query. */
  #viewOf(current: NamedKnown, seen: readonly SeenExporter[], atMs: number): View {
    const silence = silenceOf(current.documents.exporters, seen, atMs);
    const name = current.documents.exporters.exporters
      .filter(silence.isSilent)
      .map(exporter => JSON.stringify(exporter))
      .join();
    if (this.#view?.name !== name) this.#view = { name, view: viewOf(current, silence) };
    return { ...this.#view.view, ...silence };
  }

  #agesOf(all: Recorded, current: NamedKnown, epoch: number): Ages {
    if (this.#ages?.name !== current.name) this.#ages = { name: current.name, ...agesOf(all, current, epoch) };
    return this.#ages;
  }
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

function nameOf(version: RecordedVersion | undefined): string {
  return version ? `${version.kind} ${version.source} ${version.asOfMs} ${version.recordedAtMs}` : '';
}

/** As if no exporter were silent: what the documents alone say. */
function viewAllHeard(known: Known): View {
  const seen = known.documents.exporters.exporters.map(
    ({ address, domain, protocol }): SeenExporter => ({
      address,
      domain: domain ?? 0,
      protocol: protocol === undefined ? 0 : PROTOCOL[protocol],
      lastSeenMs: 0,
    }),
  );
  return viewOf(known, silenceOf(known.documents.exporters, seen, 0));
}
