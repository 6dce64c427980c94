// Which tables answer a query, and how they are read at a moment when they agree.
//
// Views keep the traffic tables complete with every insert. VM pairs and unelected traffic are rolled up on a
// schedule, once a minute: rows stored before `rolledUpUntil` are in its tables, later ones are read from the records. A
// roll-up that runs or ends during a query could be seen half; the query is repeated then.

import type { Storage } from '../../storage/storage.ts';
import { CELL_KEYS } from '../../storage/tables/cells.ts';
import { FIVE_MINUTES_S } from '../../storage/tables/elections.ts';
import type { Metric } from '../answers/metric.ts';
import { type Calendar, inSpans, isOfHours, spansOf } from './calendar.ts';
import { type Covered, coveredPart, overCoveredSql } from './covered.ts';
import { storedColumns } from './derived.ts';
import { PAIRS_COLUMNS, TRAFFIC_COLUMNS } from './dimensions.ts';
import type { Condition } from './filter.ts';
import { type History, isSteady, readHistory, readSteadiness, type Steadiness, type Stored } from './history.ts';
import { type Kept, keptSince, readKept } from './kept.ts';
import { type Layer, refuseUnreported } from './layer.ts';
import { inBoth, type Part } from './parts.ts';
import { isRanked } from './ranked.ts';
import { readReceiving } from './receiving.ts';
import { type Relation, relationOf } from './relation.ts';
import { chooseUnelected } from './unelected-choices.ts';
import type { Source } from './unelected-rows.ts';
import { alignWindow, type RequestedWindow, type Resolution, type Window } from './window.ts';

export interface Statement {
  readonly sql: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface Context {
  readonly window: Window;
  readonly covered: Covered;
  readonly relation: Relation;
}

/** What was found of a window. */
export interface FoundWindow {
  readonly window: Window;
  readonly stored: Stored;
  /** Start of the first bucket with records, in seconds; undefined when nothing is stored. */
  readonly firstS: number | undefined;
  /** Undefined when nothing of the window can be stored whole. */
  readonly covered: Covered | undefined;
  /** What the question speaks of: the window, or the spans of its calendar. */
  readonly asked: readonly Part[];
  readonly tables: readonly string[];
  /** Whether unelected traffic takes part, and whether anything was learned of it. */
  readonly unelected: boolean;
  readonly isLearned: boolean;
  /** False when roll-ups or swaps of partitions ran all the time: a minute of records may be missing or counted twice. */
  readonly steady: boolean;
}

export interface Rows<T> extends FoundWindow {
  readonly rows: T[];
}

/** The same of several windows that one statement reads, in the order of their queries. */
export interface RowsOfWindows<T> {
  readonly rows: T[];
  readonly windows: readonly FoundWindow[];
}

export interface TableQuery {
  readonly requested: RequestedWindow;
  readonly metric: Metric;
  readonly layer: Layer;
  readonly columns: readonly string[];
  readonly condition: Condition;
  /** The answer is over five-minute buckets, as a p95 and a maximum are. */
  readonly fiveMinutes?: boolean;
  /** The question speaks of its spans alone. */
  readonly calendar?: Calendar | undefined;
  /** No finer buckets: a window that this one is compared with has no others. */
  readonly resolutionMinS?: Resolution;
}

const TRIES_MAX = 20;
const RETRY_MS = 100;
const HOUR_MS = 3_600_000;

export function queryTables<T>(
  storage: Storage,
  query: TableQuery,
  nowMs: number,
  statement: (context: Context) => Statement,
): Promise<Rows<T>> {
  return readTables(storage, query, nowMs, context => {
    const { sql, params } = statement(context);
    return storage.select<T>(sql, params);
  });
}

/** The same where the caller reads the relation itself. */
export async function readTables<T>(
  storage: Storage,
  query: TableQuery,
  nowMs: number,
  read: (context: Context) => Promise<T[]>,
): Promise<Rows<T>> {
  const { rows, windows } = await readWindows(storage, [query], nowMs, ([context]) => read(context!));
  return { ...windows[0]!, rows };
}

/** One statement over several windows. A window of which nothing can be stored whole has no context; without any nothing is read. */
export async function readWindows<T>(
  storage: Storage,
  queries: readonly TableQuery[],
  nowMs: number,
  read: (contexts: readonly (Context | undefined)[], windows: readonly Window[]) => Promise<T[]>,
): Promise<RowsOfWindows<T>> {
  for (let tries = 1; ; tries++) {
    const marks = await Promise.all(queries.map(query => readMarks(storage, query, nowMs)));
    const isLast = tries >= TRIES_MAX;
    if (marks.some(({ needsRollup, before }) => needsRollup && before.rollingUp) && !isLast) {
      await new Promise(resolve => setTimeout(resolve, RETRY_MS));
      continue;
    }
    const opened = await Promise.all(queries.map((query, i) => openWindow(storage, query, marks[i]!, nowMs)));
    const contexts = opened.map(({ context }) => context);
    const aligned = opened.map(({ about }) => about.window);
    const rows = contexts.some(context => context !== undefined) ? await read(contexts, aligned) : [];
    const mayMove = opened.map(({ context }, i) => context && (marks[i]!.needsRollup || marks[i]!.before.unelected));
    const after = mayMove.some(Boolean) ? await readSteadiness(storage) : undefined;
    const windows = opened.map(({ about }, i) => ({
      ...about,
      steady: !after || !mayMove[i] || isSteadyFor(marks[i]!, after),
    }));
    if (isLast || windows.every(({ steady }) => steady)) return { rows, windows };
    await new Promise(resolve => setTimeout(resolve, RETRY_MS));
  }
}

/** The window that a query is aligned to now. */
export async function alignedWindow(storage: Storage, query: TableQuery, nowMs: number): Promise<Window> {
  return windowOf(query, await readMarks(storage, query, nowMs));
}

/** What is known before a window is opened. */
interface Marks {
  readonly source: Source;
  readonly before: History;
  readonly kept: Kept;
  readonly needsRollup: boolean;
}

async function readMarks(storage: Storage, query: TableQuery, nowMs: number): Promise<Marks> {
  const source = query.layer === 'l2' ? 'flows' : sourceOf(storedColumns(columnsOfQuery(query)));
  const [before, kept] = await Promise.all([readHistory(storage, query.requested, nowMs), readKept(storage)]);
  return { source, before, kept, needsRollup: source === 'pairs' || (source === 'traffic' && before.unelected) };
}

function isSteadyFor({ needsRollup, before }: Marks, after: Steadiness): boolean {
  return needsRollup ? isSteady(before, after) : before.learnedAt === after.learnedAt;
}

function columnsOfQuery({ columns, condition }: TableQuery): string[] {
  return [...new Set([...columns, ...condition.columns])];
}

function windowOf(query: TableQuery, { source, before, kept }: Marks): Window {
  return alignWindow(
    query.requested,
    {
      fiveMinutes: before.unelected || source === 'pairs' || query.fiveMinutes === true,
      fiveMinutesAlone: isRanked(query.metric) || !isOfHours(spansIn(query.requested, query.calendar)),
      resolutionMinS: query.resolutionMinS,
    },
    resolutionS => keptSince(kept, source, resolutionS, before.unelected),
  );
}

interface Opened {
  readonly about: Omit<FoundWindow, 'steady'>;
  readonly context: Context | undefined;
}

async function openWindow(storage: Storage, query: TableQuery, marks: Marks, nowMs: number): Promise<Opened> {
  const { before, kept } = marks;
  const window = windowOf(query, marks);
  const source = sourceIn(window, query, marks);
  const asked = query.calendar ? spansOf(query.calendar, window) : [window];
  const isLearned = before.learnedAt !== '';
  const about = { window, asked, stored: before, firstS: before.firstS, unelected: before.unelected, isLearned };
  const bounds = coveredPart(window, [], { ...before, nowMs });
  if (!bounds) return { about: { ...about, covered: undefined, tables: [] }, context: undefined };
  const within = readWindow(window, bounds);
  const reading = { source, layer: query.layer, window: within, rolledUpUntilS: before.rolledUpUntilS };
  const [receiving, choices] = await Promise.all([
    readReceiving(storage, window, before.firstS),
    before.unelected ? chooseUnelected(storage, { ...reading, isLearned }) : undefined,
    query.layer === 'l2' ? refuseUnreported(storage, within, query.condition) : undefined,
  ]);
  const sinceS = keptSince(kept, source, window.resolutionS, before.unelected);
  const whole = inBoth(receiving, [{ fromS: sinceS, toS: Number.POSITIVE_INFINITY }]);
  const covered = coveredPart(window, whole, { ...before, nowMs }, asked)!;
  const { condition } = query;
  const read = relationOf({ ...reading, columns: columnsOfQuery(query), condition, choices });
  const spoken = query.calendar ? { ...read, ...inSpans(read, asked, window.resolutionS) } : read;
  const relation = query.metric === 'avgBps' ? overCovered(spoken, covered, within) : spoken;
  return { about: { ...about, covered, tables: relation.tables }, context: { window, covered, relation } };
}

/** Spans of whole hours around a window: what bounds they have is the calendar's doing. */
function spansIn({ fromMs, toMs }: RequestedWindow, calendar: Calendar | undefined): readonly Part[] {
  if (!calendar) return [];
  return spansOf(calendar, { fromS: Math.floor(fromMs / HOUR_MS) * 3600, toS: Math.ceil(toMs / HOUR_MS) * 3600 });
}

/** What of a window is read: where batches wait, only what is stored whole. */
export function readWindow(window: Window, { readToS }: Covered): Window {
  return { ...window, toS: readToS };
}

/** A rate is over what is covered: bytes of other buckets have no part in it. */
export function overCovered(relation: Relation, covered: Covered, window: Window): Relation {
  const { sql, params } = overCoveredSql(relation.sql, covered, window);
  return { ...relation, sql, params: { ...relation.params, ...params } };
}

const CELL_COLUMNS: ReadonlySet<string> = new Set(CELL_KEYS);

/** Five minutes that the roll-up of them does not reach are those of cells, where these have what the query needs. */
function sourceIn({ fromS, resolutionS }: Window, query: TableQuery, { source, kept }: Marks): Source {
  const sinceS = kept.traffic[FIVE_MINUTES_S];
  const isReached = source !== 'traffic' || resolutionS !== FIVE_MINUTES_S || sinceS <= fromS || sinceS <= kept.cells;
  const isOfCells = storedColumns(columnsOfQuery(query)).every(name => CELL_COLUMNS.has(name));
  return !isReached && isOfCells ? 'cells' : source;
}

function sourceOf(columns: readonly string[]): Source {
  if (columns.every(name => TRAFFIC_COLUMNS.has(name))) return 'traffic';
  return columns.every(name => PAIRS_COLUMNS.has(name)) ? 'pairs' : 'flows';
}
