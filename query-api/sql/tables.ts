// Which tables answer a query, and how they are read at a moment when they agree.
//
// Views keep the traffic tables complete with every insert. VM pairs and unelected traffic are rolled up on a
// schedule, once a minute: rows stored before `rolledUpUntil` are in its tables, later ones are read from the records. A
// roll-up that runs or ends during a query could be seen half; the query is repeated then.

import type { Storage } from '../../storage/storage.ts';
import type { Metric } from '../answers/metric.ts';
import { PAIRS_COLUMNS, TRAFFIC_COLUMNS } from './dimensions.ts';
import type { Condition } from './filter.ts';
import { readHistory } from './history.ts';
import { type Layer, refuseUnreported } from './layer.ts';
import { isRanked } from './ranked.ts';
import { type Relation, relationOf, type Source } from './relation.ts';
import { alignWindow, type Covered, coveredPart, type RequestedWindow, type Window } from './window.ts';

export interface Statement {
  readonly sql: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface Context {
  readonly window: Window;
  readonly covered: Covered;
  readonly relation: Relation;
}

export interface Rows<T> {
  readonly rows: T[];
  readonly window: Window;
  /** Undefined when nothing of the window has been observed. */
  readonly covered: Covered | undefined;
  readonly tables: readonly string[];
  /** Whether unelected traffic takes part. */
  readonly unelected: boolean;
  /** False when roll-ups or swaps of partitions ran all the time: a minute of records may be missing or counted twice. */
  readonly steady: boolean;
}

export interface TableQuery {
  readonly requested: RequestedWindow;
  readonly metric: Metric;
  readonly layer: Layer;
  readonly columns: readonly string[];
  readonly condition: Condition;
  /** The answer is over five-minute buckets, as a p95 and a maximum are. */
  readonly fiveMinutes?: boolean;
}

const TRIES_MAX = 20;
const RETRY_MS = 100;

export async function queryTables<T>(
  storage: Storage,
  query: TableQuery,
  nowMs: number,
  statement: (context: Context) => Statement,
): Promise<Rows<T>> {
  const columns = [...new Set([...query.columns, ...query.condition.columns])];
  const source = query.layer === 'l2' ? 'flows' : sourceOf(columns);
  const ranked = isRanked(query.metric);
  for (let tries = 1; ; tries++) {
    const before = await readHistory(storage, query.requested);
    const needsRollup = source === 'pairs' || (source === 'traffic' && before.unelected);
    if (needsRollup && before.rollingUp && tries < TRIES_MAX) {
      await new Promise(resolve => setTimeout(resolve, RETRY_MS));
      continue;
    }
    const window = alignWindow(
      query.requested,
      before.unelected || source === 'pairs' || query.fiveMinutes === true,
      ranked,
    );
    const covered = coveredPart(window, before.firstS, Math.floor(nowMs / 1000));
    if (!covered) return { rows: [], window, covered, tables: [], unelected: before.unelected, steady: true };
    if (query.layer === 'l2') await refuseUnreported(storage, window, query.condition);
    const relation = relationOf({
      source,
      layer: query.layer,
      window,
      columns,
      condition: query.condition,
      unelected: before.unelected,
      rolledUpUntilS: before.rolledUpUntilS,
    });
    const { sql, params } = statement({ window, covered, relation });
    const rows = await storage.select<T>(sql, params);
    if (!needsRollup)
      return { rows, window, covered, tables: relation.tables, unelected: before.unelected, steady: true };
    const after = await readHistory(storage, query.requested);
    const steady = !after.rollingUp && before.rolledUpUntilS === after.rolledUpUntilS && before.swap === after.swap;
    if (steady || tries >= TRIES_MAX)
      return { rows, window, covered, tables: relation.tables, unelected: before.unelected, steady };
    await new Promise(resolve => setTimeout(resolve, RETRY_MS));
  }
}

function sourceOf(columns: readonly string[]): Source {
  if (columns.every(name => TRAFFIC_COLUMNS.has(name))) return 'traffic';
  return columns.every(name => PAIRS_COLUMNS.has(name)) ? 'pairs' : 'flows';
}
