// The newest flow records, every column in words. This is what a number is made of; it adds nothing up. A page ends with a
// cursor for the next one; `all` sends page after page as one stream.

import { type Static, Type } from 'typebox';
import type { Column } from '../../schemas/columns.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { keyToHex, serviceName } from '../../schemas/keys.ts';
import { rightToSee } from '../access/rights.ts';
import { about, closed } from '../answers/answers.ts';
import type { ColumnKinds } from '../http/format-table.ts';
import { refuse } from '../http/problem.ts';
import type { DimensionColumn } from '../sql/dimensions.ts';
import { type Condition, compileFilter, parseFilter } from '../sql/filter.ts';
import type { Statement } from '../sql/tables.ts';
import { addressText, type NameValue, nameValues, nodeResolver, wordsOf } from '../sql/values.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { CURSOR_LENGTH_MAX, cursorOf, type Paging, type Position, parseCursor } from './flows-cursor.ts';
import { iso } from './grouped.ts';
import { filter, format, Limit, window } from './parameters.ts';
import { provisionalOf } from './provisional.ts';
import { defineQuestion, type QuestionContext, type TablePiece } from './question.ts';
import { type EndedWindow, receiptBounds } from './receipt.ts';

const PAGE_ROWS_MAX = 10_000;

const Parameters = Type.Object(
  {
    ...window,
    filter,
    limit: Limit(100, PAGE_ROWS_MAX, 'records of a page, the newest first'),
    cursor: Type.String({
      default: '',
      maxLength: CURSOR_LENGTH_MAX,
      description: '`next` of the page before; times are then those of the first page',
    }),
    all: Type.Boolean({
      default: false,
      description:
        'every record instead of a page, as a stream; with jsonl, csv, arrow or parquet. A connection that is cut before its end has failed',
    }),
    progress: Type.Boolean({
      default: false,
      description: 'with all and jsonl: a line `{"progress":{"records":N,"share":0.4}}` after each part',
    }),
    format,
  },
  closed,
);
type Parameters = Static<typeof Parameters>;

export const FlowsAnswer = Type.Object(
  {
    from: about.from,
    to: about.to,
    columns: Type.Array(Type.String()),
    flows: Type.Array(
      Type.Record(Type.String(), Type.Unsafe<string | number | null>({ type: ['string', 'number', 'null'] }), {
        description: 'varBytes is null where the sampling rate is unknown',
      }),
    ),
    provisional: about.provisional,
    next: Type.Unsafe<string | null>({
      type: ['string', 'null'],
      description: 'the parameter `cursor` of the next page; null on the last one. The header `link` has its URL',
    }),
    elapsedMs: about.elapsedMs,
  },
  closed,
);
export type FlowsAnswer = Static<typeof FlowsAnswer>;

const COLUMNS = FLOW_COLUMNS as readonly Column[];
export const FLOW_NAMES = COLUMNS.map(column => column.name);

/** The answer holds every column of its table. */
export const flows = defineQuestion({
  name: 'flows',
  settles: true,
  right: rightToSee(FLOW_COLUMNS.map(({ reveals }) => reveals)),
  summary: 'The newest records, every column in words',
  parameters: Parameters,
  answer: FlowsAnswer,
  async respond(params, context) {
    if (params.all && params.format === 'json') refuse('all', 'goes with format=jsonl, csv, arrow or parquet');
    if (params.all && params.progress && params.format !== 'jsonl') refuse('progress', 'goes with format=jsonl');
    const reader = await FlowsReader.open(params, context);
    const size = params.all ? PAGE_ROWS_MAX : params.limit;
    const first = await reader.page(size);
    const { fromMs, toMs } = reader;
    const provisional = await provisionalOf(context.storage, { fromMs, toMs });
    const found = {
      answer: {
        from: iso(fromMs),
        to: iso(toMs),
        columns: FLOW_NAMES,
        flows: first.rows,
        provisional,
        next: first.next,
      },
      kinds: KINDS,
      rows: () => first.rows,
    };
    if (!params.all) return { ...found, next: first.next };
    return { ...found, stream: reader.rest(first, params.progress) };
  },
});

interface Page {
  readonly rows: Record<string, string | number | null>[];
  /** Cursor of the page behind; null when there is none. */
  readonly next: string | null;
}

/** Reads the records of one request page by page; a page is all that is in memory. */
class FlowsReader {
  readonly fromMs: number;
  readonly toMs: number;
  readonly #context: QuestionContext;
  readonly #condition: Condition;
  readonly #question: string;
  #after: Position | undefined;

  private constructor(
    context: QuestionContext,
    condition: Condition,
    question: string,
    { fromMs, toMs, after }: Paging,
  ) {
    this.#context = context;
    this.#condition = condition;
    this.#question = question;
    this.fromMs = fromMs;
    this.toMs = toMs;
    this.#after = after;
  }

  static async open({ from, to, filter, cursor }: Parameters, context: QuestionContext): Promise<FlowsReader> {
    const question = JSON.stringify([from, to, filter]);
    const requested = parseRequestedWindow(from, to, context.nowMs);
    const paging = cursor === '' ? { ...requested, after: undefined } : parseCursor(cursor, question);
    const resolver = nodeResolver(context.storage, 'filter');
    const condition = await compileFilter('filter', parseFilter('filter', filter), resolver);
    return new FlowsReader(context, condition, question, paging);
  }

  async page(size: number): Promise<Page> {
    const { storage, config } = this.#context;
    const window = { fromMs: this.fromMs, toMs: this.toMs, ...receiptBounds(config) };
    const statement = flowsStatement({ ...window, limit: size + 1, after: this.#after }, this.#condition);
    const found = await storage.select<FlowRow>(statement.sql, statement.params, { unestimated: true });
    const rows = found.slice(0, size);
    const values = rows.flatMap(row => FLOW_NODE_COLUMNS.map(column => [column, row[column.name] ?? '0'] as const));
    const name = await nameValues(storage, values);
    this.#after = positionAfter(rows, this.#after);
    const next = found.length > size && this.#after ? cursorOf(this.#question, this, this.#after) : null;
    return { rows: rows.map(row => shapeFlow(row, name)), next };
  }

  /** The pages from the first one on. */
  async *rest(first: Page, progress: boolean): AsyncGenerator<TablePiece> {
    let records = 0;
    for (let page = first; ; page = await this.page(PAGE_ROWS_MAX)) {
      records += page.rows.length;
      yield { rows: page.rows, ...(progress && { progress: { records, share: this.#share(page) } }) };
      if (page.next === null) return;
    }
  }

  /** Of the time from the newest to the oldest record that there may be. */
  #share({ next }: Page): number {
    if (next === null || !this.#after) return 1;
    const { earlyMs, lateMs } = receiptBounds(this.#context.config);
    const [newest, oldest] = [Math.min(this.toMs + lateMs, this.#context.nowMs), this.fromMs - earlyMs];
    return Math.min(1, Math.max(0, (newest - this.#after.receivedAtMs) / (newest - oldest)));
  }
}

function positionAfter(rows: readonly FlowRow[], before: Position | undefined): Position | undefined {
  const last = rows.at(-1);
  if (!last) return before;
  const isLast = (row: FlowRow) =>
    row['receivedAt'] === last['receivedAt'] && row['batch'] === last['batch'] && row['rowHash'] === last['rowHash'];
  const equal = rows.length - rows.findIndex(isLast);
  const position = { receivedAtMs: Number(last['receivedAt']), batch: last['batch']!, hash: last['rowHash']! };
  const goesOn =
    equal === rows.length &&
    before?.receivedAtMs === position.receivedAtMs &&
    before.batch === position.batch &&
    before.hash === position.hash;
  return { ...position, given: equal + (goesOn ? before.given : 0) };
}

function readSql(column: Column): string {
  if (column.kind === 'time') return `toUnixTimestamp64Milli(f.${column.name}) AS ${column.name}`;
  if (column.kind === 'bytes16') return `lower(hex(f.${column.name})) AS ${column.name}`;
  return `toString(f.${column.name}) AS ${column.name}`;
}

const DECODED = COLUMNS.filter(({ stage }) => stage === 'decoded').map(({ name }) => `f.${name}`);
const HASH_SQL = `sipHash64(${DECODED.join(', ')})`;

interface FlowsQuery extends EndedWindow {
  readonly limit: number;
  readonly after?: Position | undefined;
}

/** Records in the order of the cursor (flows-cursor.ts), those behind `after`. */
export function flowsStatement(
  { fromMs, toMs, limit, lateMs, earlyMs, after }: FlowsQuery,
  condition: Condition,
): Statement {
  const behind = after
    ? `AND f.receivedAt <= fromUnixTimestamp64Milli({afterMs:Int64})
  AND (f.receivedAt < fromUnixTimestamp64Milli({afterMs:Int64}) OR (f.batch, ${HASH_SQL}) >= ({afterBatch:UInt64}, {afterHash:UInt64}))`
    : '';
  // The condition names columns as they are stored, so it comes before their texts take those names.
  const sql = `
SELECT ${COLUMNS.map(readSql).join(', ')}, toString(f.hash) AS rowHash
FROM (
SELECT f.*, ${HASH_SQL} AS hash FROM flows AS f
WHERE f.receivedAt >= fromUnixTimestamp64Milli({receivedFrom:Int64}) AND f.receivedAt < fromUnixTimestamp64Milli({receivedTo:Int64})
  AND f.flowEnd >= fromUnixTimestamp64Milli({from:Int64}) AND f.flowEnd < fromUnixTimestamp64Milli({to:Int64}) AND ${condition.sql}
  ${behind}
ORDER BY f.receivedAt DESC, f.batch, hash
LIMIT {limit:UInt32} OFFSET {given:UInt32}
) AS f
ORDER BY f.receivedAt DESC, f.batch, f.hash`;
  return {
    sql,
    params: {
      ...condition.params,
      from: Math.floor(fromMs),
      to: Math.floor(toMs),
      receivedFrom: Math.floor(fromMs - earlyMs),
      receivedTo: Math.floor(toMs + lateMs),
      limit,
      given: after?.given ?? 0,
      ...(after && { afterMs: after.receivedAtMs, afterBatch: BigInt(after.batch), afterHash: BigInt(after.hash) }),
    },
  };
}

export type FlowRow = Readonly<Record<string, string>>;

/** Columns whose values are nodes, for naming them all at once. */
export const FLOW_NODE_COLUMNS: readonly DimensionColumn[] = COLUMNS.filter(column => column.shows === 'node').map(
  column => ({ name: column.name, kind: 'node', codes: [], clickhouse: 'UInt64', reveals: column.reveals }),
);
const NODES = new Map(FLOW_NODE_COLUMNS.map(column => [column.name, column]));

export function shapeFlow(row: FlowRow, name: NameValue): Record<string, string | number | null> {
  return Object.fromEntries(COLUMNS.map(column => [column.name, showValue(column, row[column.name] ?? '', name)]));
}

function showValue(column: Column, raw: string, name: NameValue): string | number | null {
  const node = NODES.get(column.name);
  if (node) return raw === '0' ? '' : name(node, raw).name;
  if (column.shows === 'service') return serviceName(wordsOf(raw));
  if (column.shows === 'digest') return keyToHex(wordsOf(raw));
  if (column.shows === 'mac')
    return raw === '0'
      ? ''
      : name({ name: column.name, kind: 'mac', codes: [], clickhouse: 'UInt64', reveals: column.reveals }, raw).name;
  if (column.codes) return column.codes[Number(raw)] ?? raw;
  if (column.kind === 'time') return Number(raw) === 0 ? '' : new Date(Number(raw)).toISOString();
  if (column.kind === 'address') return addressText(raw);
  if (column.kind === 'bytes16') return /^0*$/.test(raw) ? '' : uuid(raw);
  // A variance that is not known.
  if (raw === 'inf') return null;
  return Number(raw);
}

function uuid(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Columns whose values are numbers; what is shown as a word, a name or a time is a text. */
const KINDS: ColumnKinds = Object.fromEntries(
  COLUMNS.map(({ name, kind, shows, codes }) => {
    const isText = shows !== undefined || codes !== undefined || ['time', 'address', 'bytes16'].includes(kind);
    return [name, isText ? 'text' : 'number'];
  }),
);
