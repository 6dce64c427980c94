// Parameters that questions share, as route schemas: they check, they give defaults, they are the documentation.

import { Type } from 'typebox';
import { METRICS, PERCENTILE_STEP } from '../answers/metric.ts';
import { TEXT_LENGTH_MAX } from '../filter/syntax.ts';
import { FORMATS } from '../http/format-table.ts';
import { CALENDAR_SYNTAX } from '../sql/calendar.ts';
import { COLUMN_NAMES, PAIR_NAMES, PREFIXES } from '../sql/dimensions.ts';
import { LAYERS } from '../sql/layer.ts';
import { ORDERS } from '../sql/name-order.ts';
import { MATRIX_ORDERS } from './matrix-statement.ts';

export const choice = <const L extends readonly string[]>(values: L, options: object) =>
  Type.Unsafe<L[number]>({ type: 'string', enum: values, ...options });
export const Limit = (normal: number, maximum: number, description: string) =>
  Type.Integer({ default: normal, minimum: 1, maximum, description });

export const window = {
  from: Type.String({
    default: 'now-1h',
    maxLength: 64,
    description:
      'start: RFC 3339, `now`, `now-15m` (s m h d w), or a day (`2026-01-31`: its midnight in the zone of the calendar)',
  }),
  to: Type.String({ default: 'now', maxLength: 64, description: 'end, excluded' }),
};
/** The same of a question that begins earlier where nothing is stated. */
export const windowFrom = (normal: string, description = 'start: RFC 3339, `now`, `now-15m` (s m h d w)') => ({
  ...window,
  from: Type.String({ default: normal, maxLength: 64, description }),
});
export const calendar = Type.String({
  default: '',
  maxLength: 4000,
  description: `the hours of the window that count: ${CALENDAR_SYNTAX}. Days are those of the zone, 23 or 25 hours long where its clocks change; hours over midnight (22-06) belong to the day they began on`,
  examples: ['mo-fr 08:00-18:00 Europe/Berlin not 2026-12-25..2026-12-26'],
});
export const filter = Type.String({
  default: '',
  maxLength: TEXT_LENGTH_MAX,
  description:
    '`src.app in (web, api) and not dst.app = db or service = https`: terms joined by and (`,`), or (`;`) and not, groups in parentheses. = != in, not in and, for numbers, < <= > >= and ranges (`dst.port in 8000-8100`). `app=web` is either end, also `either.app`; `srcApp` is `src.app`. Nodes by name or glob (`web-*`), in any case, or by key; addresses by prefix (`addr in 10.0.0.0/8`); values with `,;|` or parentheses in double quotes. In short `srcApp=web|api,dstApp!=db;service=tcp/443`. docs/FILTERS.md has the whole language',
  examples: [
    'src.app in (web, api) and not dst.app = db or service = https',
    'dst.port in 8000-8100',
    'addr in 10.0.0.0/8',
    'srcApp=web,dstApp=db',
    'srcApp=web|api,dstApp!=db;service=tcp/443',
    'app=web',
    'vm=web-*',
    'locality=cross-rack|cross-site',
  ],
});
export const format = choice(FORMATS, {
  default: 'json',
  description:
    'json: everything; the others have the table alone: jsonl (an object a line), csv (RFC 4180), arrow (an Arrow IPC stream), parquet. Unit, window and quality of a table are in the header `hairpin-about`, and in the metadata of arrow and parquet',
});
/** Part of every question that has `format`. */
export const preamble = Type.Boolean({
  default: false,
  description: 'csv: lines `# NAME: VALUE` with unit, window and quality before the names of the columns',
});
export const layer = choice(LAYERS, {
  default: 'l3',
  description:
    'l3: IP bytes. l2: bytes of frames, read from the records; refused, with the share, where an exporter behind the answer does not report the length of frames',
});
export const metric = choice(METRICS, {
  default: 'bytes',
  description:
    'p50Bps, p95Bps and p99Bps are the nearest rank of five-minute buckets; rates are over the observed part of the window',
});
export const percentile = Type.Optional(
  Type.Number({
    exclusiveMinimum: 0,
    maximum: 100,
    multipleOf: PERCENTILE_STEP,
    description:
      'in place of metric: this percentile of the rates of five-minute buckets, nearest rank; 100 is the maximum',
    examples: [97.5],
  }),
);
export const pairNames = `one of ${PAIR_NAMES.join(', ')}, ${PREFIXES}`;
export const dimensionNames = `one of ${[...PAIR_NAMES, ...COLUMN_NAMES].join(', ')}, ${PREFIXES}`;
const ORDER_TEXT =
  'volume: the largest first; name: by name, so that pages of a fixed window do not depend on late records; change: what changed most since the compared window first, of a matrix the nodes of the cells that did (without `compare`: since the window before)';
export const order = choice(ORDERS, { default: 'volume', description: ORDER_TEXT });
export const matrixOrder = choice(MATRIX_ORDERS, {
  default: 'volume',
  description: `${ORDER_TEXT}; cluster: the nodes that volume lists, arranged so that blocks that talk to each other stand together`,
});
export const Offset = (description: string) =>
  Type.Integer({ default: 0, minimum: 0, maximum: 10_000_000, description });
export const columnNames = `up to four of ${[...PAIR_NAMES, ...COLUMN_NAMES].join(', ')}, ${PREFIXES}, joined by commas`;
