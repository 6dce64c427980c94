// What the keeper of the knowledge has handed over, as the stages read it. Snapshots are opened when they come and kept in
// a small number; an epoch whose snapshot is not here takes the nearest newer one, else the nearest older one, until it
// was asked for and came.

import { ApplicationTable, compileApplications } from '../applications/applications.ts';
import { NO_DOCUMENTS } from '../model/documents.ts';
import type { KnowledgeUpdate } from './follower.ts';
import type { Knowledge } from './knowledge.ts';
import { dropOldest } from './share.ts';
import { openSnapshot, type Snapshot, type SnapshotData } from './snapshot.ts';

export interface Received extends Knowledge {
  /** The newest snapshot of an update before it is taken; undefined when that stays as it is. `take` will use the same object. */
  open(update: KnowledgeUpdate): Snapshot | undefined;
  take(update: KnowledgeUpdate): void;
  /** Moments of those of the given epochs whose snapshots are not here. */
  missing(epochs: readonly number[]): number[];
}

/** What was opened of an update that is not taken yet. */
interface Ahead {
  readonly update: KnowledgeUpdate;
  readonly name: string;
  readonly applications: ApplicationTable;
  readonly snapshot: Snapshot;
}

export function createReceived(): Received {
  const data = new Map<string, SnapshotData>();
  const opened = new Map<string, Snapshot>();
  let applications: ApplicationTable = new ApplicationTable(compileApplications(NO_DOCUMENTS.applications));
  let epochs: KnowledgeUpdate['epochs'] | undefined;
  let ahead: Ahead | undefined;

  const nameFor = (epoch: number): string => {
    const names = epochs?.names ?? [];
    for (let at = epoch; at < names.length; at++) if (data.has(names[at]!)) return names[at]!;
    for (let at = epoch; at >= 0; at--) if (data.has(names[at]!)) return names[at]!;
    const [any] = data.keys();
    if (any === undefined) throw new Error('no knowledge has been handed over yet');
    return any;
  };

  return {
    get starts() {
      return epochs?.starts ?? ALWAYS;
    },
    get asOfs() {
      return epochs?.asOfs ?? NEVER;
    },
    snapshotAt(epoch) {
      const name = nameFor(epoch);
      const known = opened.get(name);
      if (known) return known;
      const snapshot = openSnapshot(data.get(name)!, applications);
      opened.set(name, snapshot);
      return snapshot;
    },
    open(update) {
      const name = update.epochs.names.at(-1)!;
      const [, given] = update.snapshots.findLast(([reported]) => reported === name) ?? [];
      const newest = given ?? (update.applications && data.get(name));
      if (!newest) return undefined;
      const table = update.applications ? new ApplicationTable(update.applications) : applications;
      ahead = { update, name, applications: table, snapshot: openSnapshot(newest, table) };
      return ahead.snapshot;
    },
    take(update) {
      const prepared = ahead?.update === update ? ahead : undefined;
      ahead = undefined;
      epochs = update.epochs;
      if (update.applications) {
        applications = prepared?.applications ?? new ApplicationTable(update.applications);
        opened.clear();
      }
      for (const [name, snapshot] of update.snapshots) {
        data.delete(name);
        data.set(name, snapshot);
        opened.delete(name);
      }
      if (prepared) opened.set(prepared.name, prepared.snapshot);
      for (const name of dropOldest(data)) opened.delete(name);
    },
    missing(wanted) {
      if (!epochs) return [];
      const { names, moments } = epochs;
      return wanted.filter(epoch => !data.has(names[epoch]!)).map(epoch => moments[epoch]!);
    },
  };
}

const ALWAYS = Float64Array.of(Number.NEGATIVE_INFINITY);
const NEVER = Float64Array.of(0);
