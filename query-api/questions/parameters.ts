// Parameters that questions share, as route schemas: they check, they give defaults, they are the documentation.

import { Type } from 'typebox';
import { METRICS } from '../answers/metric.ts';
import { FORMATS } from '../http/format-table.ts';
import { COLUMN_NAMES, PAIR_NAMES } from '../sql/dimensions.ts';
import { LAYERS } from '../sql/layer.ts';

export const choice = <const L extends readonly string[]>(values: L, options: object) =>
  Type.Unsafe<L[number]>({ type: 'string', enum: values, ...options });
export const Limit = (normal: number, maximum: number, description: string) =>
  Type.Integer({ default: normal, minimum: 1, maximum, description });

export const window = {
  from: Type.String({ default: 'now-1h', maxLength: 64, description: 'start: RFC 3339, `now`, `now-15m` (s m h d w)' }),
  to: Type.String({ default: 'now', maxLength: 64, description: 'end, excluded' }),
};
export const filter = Type.String({
  default: '',
  maxLength: 4000,
  description:
    '`srcApp=web|api,dstApp!=db;service=tcp/443`: terms joined by `,` (and) or `;` (or), values by `|`; = != and, for numbers, < <= > >=. `app=web` is either end. Nodes by name or glob (`web-*`), in any case, or by key; addresses by prefix; values with `,;|` in double quotes',
  examples: [
    'srcApp=web,dstApp=db',
    'srcApp=web|api,dstApp!=db;service=tcp/443',
    'app=web',
    'vm=web-*',
    'locality=cross-rack|cross-site',
  ],
});
export const format = choice(FORMATS, { default: 'json', description: 'json, csv, or arrow (an Arrow IPC stream)' });
export const layer = choice(LAYERS, {
  default: 'l3',
  description:
    'l3: IP bytes. l2: bytes of frames, read from the records; refused, with the share, where an exporter behind the answer does not report the length of frames',
});
export const metric = choice(METRICS, {
  default: 'bytes',
  description: 'p95Bps is nearest rank over five-minute buckets; rates are over the observed part of the window',
});
export const pairNames = `one of ${PAIR_NAMES.join(', ')}`;
export const columnNames = `up to four of ${[...PAIR_NAMES, ...COLUMN_NAMES].join(', ')}, joined by commas`;
