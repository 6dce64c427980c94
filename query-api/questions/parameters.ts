// The parameters of every question, as route schemas: they check, they give defaults, they are the documentation.

import { type Static, type TSchema, Type } from 'typebox';
import { METRICS } from '../answers/metric.ts';
import { FORMATS } from '../http/format-table.ts';
import { COLUMN_NAMES, PAIR_NAMES } from '../sql/dimensions.ts';
import { INTERFACES_MAX } from './interfaces.ts';
import { ORIENTATIONS } from './matrix.ts';
import { PORTS_MAX } from './reconciliation.ts';

const closed = { additionalProperties: false } as const;
const choice = <const L extends readonly string[]>(values: L, options: object) =>
  Type.Unsafe<L[number]>({ type: 'string', enum: values, ...options });
const Limit = (normal: number, maximum: number, description: string) =>
  Type.Integer({ default: normal, minimum: 1, maximum, description });

const window = {
  from: Type.String({ default: 'now-1h', maxLength: 64, description: 'start: RFC 3339, `now`, `now-15m` (s m h d w)' }),
  to: Type.String({ default: 'now', maxLength: 64, description: 'end, excluded' }),
};
const filter = Type.String({
  default: '',
  maxLength: 4000,
  description:
    '`srcApp=web|api,dstApp!=db;service=tcp/443`: terms joined by `,` (and) or `;` (or), values by `|`; = != and, for numbers, < <= > >=. `app=web` is either end. Nodes by name or glob (`web-*`), in any case, or by key; addresses by prefix; values with `,;|` in double quotes',
});
const format = choice(FORMATS, { default: 'json', description: 'json, csv, or arrow (an Arrow IPC stream)' });
const layer = choice(['l3', 'l2'], {
  default: 'l3',
  description:
    'l3: IP bytes. l2 is refused: not every exporter tells the frame length, and an estimate would not say so',
});
const metric = choice(METRICS, {
  default: 'bytes',
  description: 'p95Bps is nearest rank over five-minute buckets; rates are over the observed part of the window',
});
const pairNames = `one of ${PAIR_NAMES.join(', ')}`;
const columnNames = `up to four of ${[...PAIR_NAMES, ...COLUMN_NAMES].join(', ')}, joined by commas`;

export const MatrixParameters = Type.Object(
  {
    ...window,
    by: Type.String({ default: 'app', maxLength: 64, description: pairNames }),
    metric,
    layer,
    orientation: choice(ORIENTATIONS, {
      default: 'sender',
      description: 'sender: cell (A,B) is what A sent to B; client: rows are clients, columns servers',
    }),
    cells: choice(['seen', 'all'], {
      default: 'seen',
      description:
        'all: pairs of the nodes told of which nothing was seen are cells too, with what may have been missed; null where nothing covers them',
    }),
    filter,
    limit: Limit(30, 200, 'nodes told, the largest first; everything else is the rest'),
    format,
  },
  closed,
);

export const SeriesParameters = Type.Object(
  {
    ...window,
    by: Type.String({ default: 'app', maxLength: 64, description: `what src and dst name: ${pairNames}` }),
    src: Type.Optional(
      Type.String({ maxLength: 1000, description: 'senders, by name or glob, in any case, or by key, joined by |' }),
    ),
    dst: Type.Optional(Type.String({ maxLength: 1000, description: 'receivers' })),
    split: Type.Optional(
      Type.String({
        maxLength: 200,
        description: `one series per value of ${columnNames}; left out: one series of all`,
      }),
    ),
    metric: choice(['bytes', 'packets', 'avgBps'], { default: 'avgBps', description: 'per bucket' }),
    layer,
    step: Type.Optional(
      Type.Integer({
        minimum: 60,
        maximum: 31_536_000,
        description: 'seconds per bucket; raised to the resolution and to at most 2000 buckets',
      }),
    ),
    filter,
    limit: Limit(10, 100, 'series told when split; the others are one series, the rest'),
    format,
  },
  closed,
);

export const TopParameters = Type.Object(
  {
    ...window,
    by: Type.String({ default: 'service', maxLength: 200, description: columnNames }),
    metric,
    layer,
    filter,
    limit: Limit(20, 10_000, 'groups told'),
    format,
  },
  closed,
);

export const FlowsParameters = Type.Object(
  { ...window, filter, limit: Limit(100, 10_000, 'records told, the newest first'), format },
  closed,
);

export const CoverageParameters = Type.Object(
  {
    ...window,
    host: Type.String({ default: '', maxLength: 255, description: 'only blind spots of this host, by id or name' }),
    vm: Type.String({ default: '', maxLength: 255, description: 'only those of VMs of this name or glob' }),
    limit: Limit(100, 10_000, 'blind spots told, the largest first'),
    pairs: Type.Integer({ default: 100, minimum: 0, maximum: 10_000, description: 'invisible VM pairs listed' }),
    ports: Limit(100, PORTS_MAX, 'ports compared with their counters, those that agree least first'),
    format,
  },
  closed,
);

export const ExportersParameters = Type.Object(
  {
    ...window,
    from: Type.String({ default: 'now-24h', maxLength: 64, description: 'start; exporters heard since then are told' }),
    interfaces: Type.Integer({
      minimum: 0,
      maximum: INTERFACES_MAX,
      default: INTERFACES_MAX,
      description: 'ports told of each exporter at most; only JSON tells them',
    }),
    format,
  },
  closed,
);

export type Parameters<S extends TSchema> = Static<S>;
