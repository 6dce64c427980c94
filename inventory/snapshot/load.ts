// Knowledge of a span of time from what ClickHouse keeps: for enriching stored records again, and for cold questions. It is
// read once and compiled on demand in the thread that asks.

import type { Applications } from '../../schemas/applications.ts';
import { FACT_LIFE_MS } from '../../schemas/facts.ts';
import type { Storage } from '../../storage/storage.ts';
import { recentFacts } from '../../storage/tables/facts.ts';
import { ApplicationTable, compileApplications } from '../applications/applications.ts';
import { NO_DOCUMENTS } from '../model/documents.ts';
import { FACTS_MAX } from '../sources/exporter-facts.ts';
import { readLiveness } from '../sources/liveness-source.ts';
import { readHistory } from '../sources/read-history.ts';
import { History, type HistoryOptions } from './history.ts';
import type { Knowledge } from './knowledge.ts';
import { dropOldest } from './share.ts';
import { openSnapshot, type Snapshot } from './snapshot.ts';

export interface LoadRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What held from `fromMs` to `toMs`, as it is known today; the newest applications hold for all of it. */
export async function loadKnowledge(
  storage: Storage,
  { fromMs, toMs }: LoadRange,
  options: HistoryOptions,
): Promise<Knowledge> {
  const history = new History(options);
  const { applications } = await readHistory(storage, history, { fromMs, toMs });
  history.useFacts(await recentFacts(storage, fromMs - FACT_LIFE_MS, FACTS_MAX));
  history.useLiveness(await readLiveness(storage, fromMs, toMs));
  return knowledgeOf(history, applications ?? NO_DOCUMENTS.applications);
}

/** A history as it stands, compiled on demand. */
export function knowledgeOf(history: History, applications: Applications): Knowledge {
  const { starts, asOfs, moments, names } = history.epochs();
  const table = new ApplicationTable(compileApplications(applications));
  const opened = new Map<string, Snapshot>();
  return {
    starts,
    asOfs,
    snapshotAt(epoch) {
      const name = names[epoch]!;
      let snapshot = opened.get(name);
      if (!snapshot) {
        snapshot = openSnapshot(history.compile(moments[epoch]!), table);
        opened.set(name, snapshot);
        dropOldest(opened);
      }
      return snapshot;
    },
  };
}
