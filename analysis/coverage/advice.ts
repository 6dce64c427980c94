// Answers questions about the documents themselves, from the versions kept in ClickHouse: what held at the moment asked
// about, compiled when it is first needed and kept until something else is. It runs in a thread of its own
// (advisor-thread.ts): compiling 100,000 VMs takes seconds and must keep nobody waiting.

import {
  type ApplicationTable,
  compileApplications,
  openApplications,
} from '../../inventory/applications/applications.ts';
import { NO_DOCUMENTS } from '../../inventory/model/documents.ts';
import { type Epochs, History, type HistoryOptions } from '../../inventory/snapshot/history.ts';
import { epochAt } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshotData, openSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { readHistory } from '../../inventory/sources/read-history.ts';
import { heartbeatsSince, type RecordedVersion, versionsSince } from '../../inventory/sources/recorded.ts';
import { PROTOCOL } from '../../schemas/codes.ts';
import type { AdvisorAnswer, AdvisorQuestion, HeardExporter } from '../../schemas/coverage.ts';
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

/** Older states of the inventory looked at to tell since when a place is blind, and the time that may take. */
export const VERSIONS_MAX = 32;
const SINCE_MS_MAX = 3000;
const HEARTBEATS_BACK_MS = 3_600_000;

/** Everything recorded, as far back as is looked. */
interface Told {
  readonly name: string;
  readonly history: History;
  readonly epochs: Epochs;
  readonly applications: ApplicationTable;
}

type NamedKnown = Known & { readonly name: string };

export interface Advice {
  answer(question: AdvisorQuestion): Promise<AdvisorAnswer>;
}

/** `nowMs` is the clock of what is recorded: that of the installation. */
export function createAdvice(storage: Storage, options: HistoryOptions, nowMs: () => number = Date.now): Advice {
  let told: Told | undefined;
  let known: NamedKnown | undefined;
  let view: { readonly name: string; readonly view: View } | undefined;
  let since: { readonly name: string; readonly spots: ReadonlyMap<string, Since>; readonly oldest: Since } | undefined;

  /** Undefined when no inventory was recorded. */
  async function readTold(toMs: number): Promise<Told | undefined> {
    const versions = await versionsSince(storage, 0);
    const inventories = versions.filter(({ kind }) => kind === 'inventory').map(({ asOfMs }) => asOfMs);
    if (inventories.length === 0) return undefined;
    const name = `${versions.length} ${nameOf(versions.at(-1))} ${inventories.some(asOfMs => asOfMs > toMs) ? toMs : ''}`;
    if (told?.name === name) return heardAgain(told);
    const fromMs = inventories.sort((a, b) => b - a)[Math.min(inventories.length, VERSIONS_MAX) - 1]!;
    const history = new History(options);
    const { applications } = await readHistory(storage, history, { fromMs, toMs });
    const table = openApplications(compileApplications(applications ?? NO_DOCUMENTS.applications));
    told = { name, history, epochs: history.epochs(), applications: table };
    [known, view, since] = [undefined, undefined, undefined];
    return told;
  }

  /** The same versions, and what their sources have confirmed since. */
  async function heardAgain(before: Told): Promise<Told> {
    for (const { source, asOfMs } of await heartbeatsSince(storage, nowMs() - HEARTBEATS_BACK_MS))
      before.history.markSeen(source, asOfMs);
    told = { ...before, epochs: before.history.epochs() };
    return told;
  }

  function knownIn({ history, epochs, applications, name }: Told, epoch: number): NamedKnown | undefined {
    const documents = history.documentsAt(epochs.moments[epoch]!);
    if (!documents) return undefined;
    const data = compileSnapshotData(documents.inventory, documents.exporters);
    return { name: `${name} ${epochs.names[epoch]}`, documents, snapshot: openSnapshot(data, applications) };
  }

  function knowledgeAt(all: Told, epoch: number): NamedKnown | undefined {
    if (known?.name === `${all.name} ${all.epochs.names[epoch]}`) return known;
    known = knownIn(all, epoch);
    [view, since] = [undefined, undefined];
    return known;
  }

  /** What is seen changes with the documents and with who is silent, not with each question. */
  function viewFor(current: NamedKnown, heard: readonly HeardExporter[], atMs: number): View {
    const silence = silenceOf(current.documents.exporters, heard, atMs);
    const name = current.documents.exporters.exporters
      .filter(silence.isSilent)
      .map(exporter => JSON.stringify(exporter))
      .join();
    if (view?.name !== name) view = { name, view: viewOf(current, silence) };
    return { ...view.view, ...silence };
  }

  /** Walks back through older states until nothing blind today is left, or the bound is reached. */
  function ages(all: Told, current: NamedKnown, epoch: number) {
    if (since?.name === current.name) return since;
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
    // What was blind in the oldest state looked at may have been so before.
    const first: Since = { ms: oldest.ms, orEarlier: at >= 0 };
    for (const id of open) spots.set(id, first);
    since = { name: current.name, spots, oldest: first };
    return since;
  }

  return {
    async answer(question) {
      const all = await readTold(question.atMs);
      if (!all) return undefined;
      const epoch = epochAt(all.epochs.starts, question.atMs);
      const current = knowledgeAt(all, epoch);
      if (!current) return undefined;
      const seen = viewFor(current, question.heard, question.atMs);
      if (question.question === 'cells') return answerCells(question, seen);
      const { spots, oldest } = ages(all, current, epoch);
      return answerCoverage(question, seen, id => spots.get(id) ?? oldest);
    },
  };
}

function nameOf(version: RecordedVersion | undefined): string {
  return version ? `${version.kind} ${version.source} ${version.asOfMs} ${version.recordedAtMs}` : '';
}

/** As if no exporter were silent: what the documents alone say. */
function viewAllHeard(known: Known): View {
  const heard = known.documents.exporters.exporters.map(
    ({ address, domain, protocol }): HeardExporter => ({
      address,
      domain: domain ?? 0,
      protocol: protocol === undefined ? 0 : PROTOCOL[protocol],
      lastSeenMs: 0,
    }),
  );
  return viewOf(known, silenceOf(known.documents.exporters, heard, 0));
}
