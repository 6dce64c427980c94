// Answers questions about the documents themselves, from the versions kept in ClickHouse: the one in force at the moment
// asked about, compiled when it is first needed and kept until another is. It runs in a thread of its own
// (advisor-thread.ts): compiling 100,000 VMs takes seconds and must keep nobody waiting.

import { applicationsChecker } from '../schemas/applications.ts';
import { PROTOCOL } from '../schemas/codes.ts';
import type { AdvisorAnswer, AdvisorQuestion, HeardExporter } from '../schemas/coverage.ts';
import { exporterRegistryChecker } from '../schemas/exporters.ts';
import { inventoryChecker } from '../schemas/inventory.ts';
import type { Storage } from '../storage/storage.ts';
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
import { compileSnapshot, type Documents, NO_DOCUMENTS } from './snapshot.ts';

/** Older inventories looked at to tell since when a place is blind, and the time that may take. */
export const VERSIONS_MAX = 32;
const SINCE_MS_MAX = 3000;

interface Version {
  readonly kind: string;
  readonly recorded: string;
  readonly asOf: string;
}

/** Milliseconds since the epoch; `recorded` names the row. */
interface Chosen {
  readonly inventory?: Version | undefined;
  readonly applications?: Version | undefined;
  readonly exporters?: Version | undefined;
}

export interface Advice {
  answer(question: AdvisorQuestion): Promise<AdvisorAnswer>;
}

export function createAdvice(storage: Pick<Storage, 'select'>): Advice {
  let known: (Known & { readonly name: string }) | undefined;
  let view: { readonly name: string; readonly view: View } | undefined;
  let since: { readonly name: string; readonly spots: ReadonlyMap<string, Since>; readonly oldest: Since } | undefined;

  async function body(version: Version | undefined): Promise<unknown> {
    if (!version) return undefined;
    const [row] = await storage.select<{ body: string }>(
      'SELECT body FROM documents WHERE kind = {kind:String} AND recordedAt = fromUnixTimestamp64Milli({recorded:Int64}) LIMIT 1',
      { kind: version.kind, recorded: version.recorded },
    );
    return row && JSON.parse(row.body);
  }

  async function load({ inventory, applications, exporters }: Chosen): Promise<Documents> {
    const [first, second, third] = await Promise.all([body(inventory), body(applications), body(exporters)]);
    return {
      inventory: first === undefined ? NO_DOCUMENTS.inventory : inventoryChecker.check('inventory', first),
      applications:
        second === undefined ? NO_DOCUMENTS.applications : applicationsChecker.check('applications', second),
      exporters: third === undefined ? NO_DOCUMENTS.exporters : exporterRegistryChecker.check('exporters', third),
    };
  }

  async function knowledgeFor(chosen: Chosen): Promise<Known & { readonly name: string }> {
    const name = nameOf(chosen);
    if (known?.name !== name) {
      const documents = await load(chosen);
      known = { name, documents, snapshot: compileSnapshot(documents) };
      [view, since] = [undefined, undefined];
    }
    return known;
  }

  /** What is seen changes with the documents and with who is silent, not with each question. */
  function viewFor(current: Known & { readonly name: string }, heard: readonly HeardExporter[], atMs: number): View {
    const silence = silenceOf(current.documents.exporters, heard, atMs);
    const name = current.documents.exporters.exporters
      .filter(silence.isSilent)
      .map(exporter => JSON.stringify(exporter))
      .join();
    if (view?.name !== name) view = { name, view: viewOf(current, silence) };
    return { ...view.view, ...silence };
  }

  /** Walks back through older inventories until nothing blind today is left, or the bound is reached. */
  async function ages(current: Known & { readonly name: string }, versions: readonly Version[], chosen: Chosen) {
    if (since?.name === current.name) return since;
    const spots = new Map<string, Since>();
    const asOf = (version: Version | undefined) => Number(version?.asOf ?? 0) || Number(version?.recorded ?? 0);
    let oldest: Since = { ms: asOf(chosen.inventory), orEarlier: false };
    let open = new Set(findSpots(viewAllHeard(current)).keys());
    const inventories = versions.filter(({ kind }) => kind === 'inventory');
    const older = inventories.slice(inventories.indexOf(chosen.inventory!) + 1);
    const deadline = performance.now() + SINCE_MS_MAX;
    let at = 0;
    while (open.size > 0 && at < older.length && at < VERSIONS_MAX && performance.now() < deadline) {
      const version = older[at]!;
      const documents = await load({ ...choose(versions, asOf(version)), inventory: version });
      const blind = findSpots(viewAllHeard({ documents, snapshot: compileSnapshot(documents) }));
      const still = new Set<string>();
      for (const id of open) {
        if (blind.has(id)) still.add(id);
        else spots.set(id, oldest);
      }
      oldest = { ms: Math.min(oldest.ms, asOf(version)), orEarlier: false };
      open = still;
      at++;
    }
    // What was blind in the oldest version looked at may have been so before.
    const first: Since = { ms: oldest.ms, orEarlier: at < older.length };
    for (const id of open) spots.set(id, first);
    since = { name: current.name, spots, oldest: first };
    return since;
  }

  return {
    async answer(question) {
      const versions = await storage.select<Version>(
        `SELECT kind, toString(toUnixTimestamp64Milli(recordedAt)) AS recorded, toString(toUnixTimestamp64Milli(asOf)) AS asOf
         FROM documents ORDER BY recordedAt DESC LIMIT ${4 * VERSIONS_MAX} BY kind`,
      );
      const chosen = choose(versions, question.atMs);
      if (!chosen.inventory) return undefined;
      const current = await knowledgeFor(chosen);
      const seen = viewFor(current, question.heard, question.atMs);
      if (question.question === 'cells') return answerCells(question, seen);
      const { spots, oldest } = await ages(current, versions, chosen);
      return answerCoverage(question, seen, id => spots.get(id) ?? oldest);
    },
  };
}

/** The newest versions, the newest first, that speak of a moment; the oldest there are where none does. */
function choose(versions: readonly Version[], atMs: number): Chosen {
  const of = (kind: string) => {
    const all = versions.filter(version => version.kind === kind);
    const told = (version: Version) => (kind === 'inventory' && Number(version.asOf)) || Number(version.recorded);
    return all.find(version => told(version) <= atMs) ?? all.at(-1);
  };
  return { inventory: of('inventory'), applications: of('applications'), exporters: of('exporters') };
}

function nameOf({ inventory, applications, exporters }: Chosen): string {
  return [inventory, applications, exporters].map(version => version?.recorded ?? '').join();
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
