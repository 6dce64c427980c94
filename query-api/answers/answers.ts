// The answers of the API, as schemas: they document it (/docs), serialise it, and type the console.
//
// Sums are JSON numbers: exact up to 2^53 (9 petabytes), to 15 digits beyond.

import { type Static, Type } from 'typebox';
import { protocolTitles } from '../../schemas/protocols.ts';
import { METHODS } from '../estimates/interval.ts';
import { METRICS } from './metric.ts';

const closed = { additionalProperties: false } as const;
const Sum = (description: string) => Type.Number({ description: `${description}; exact up to 2^53` });
const NullableNumber = (description: string) => Type.Unsafe<number | null>({ type: ['number', 'null'], description });
const Time = (description: string) => Type.String({ format: 'date-time', description });
const NullableTime = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description: `${description} (RFC 3339)` });

const Unit = Type.String({ description: 'bytes, packets or bit/s' });
const MetricName = Type.Enum([...METRICS] as unknown as typeof METRICS);

export const Value = Type.Object(
  {
    key: Type.String({
      description: 'what to filter by: 16 hexadecimal digits for a node or service, else the value itself',
    }),
    name: Type.String({ description: 'the name for people' }),
  },
  closed,
);
export type Value = Static<typeof Value>;

const estimate = {
  value: Sum('estimate, in the unit of the answer'),
  ciLow: NullableNumber(
    'lower end of the 95 % interval; null where none is known (p95 and maximum of sampled traffic, unknown sampling rate)',
  ),
  ciHigh: NullableNumber('upper end of the 95 % interval'),
  samples: Type.Number({ description: 'sampled packets behind the estimate; 0 when nothing of it was sampled' }),
  method: Type.Enum([...METHODS] as unknown as typeof METHODS, {
    description:
      'how the interval was found. exact: nothing was sampled; poisson: from the number of samples; normal: from the variance; approximate: from the variance of records of several sampled packets, an upper bound where the exporter does not tell sizes of packets; unknown: the sampling rate of a part is not known, there is no interval; none: there is none, or nothing was seen',
  }),
};

/** What every answer about a window says about itself. */
const about = {
  from: Time('start of the window, aligned outward to the resolution'),
  to: Time('end of the window, excluded, aligned outward to the resolution'),
  resolutionSec: Type.Integer({
    description:
      'seconds to which the window is aligned: 60, 300 where unelected traffic or VM pairs take part and for p95, 3600 for long windows',
  }),
  coveredFrom: NullableTime('first moment of the window with stored records; rates are over the covered part'),
  coveredTo: NullableTime('end of the covered part: the end of the window, or now'),
  metric: MetricName,
  unit: Unit,
  table: Type.String({ description: 'tables the answer was read from' }),
  steady: Type.Boolean({
    description:
      'false when the scheduled roll-up never stood still: a minute of records may be missing or counted twice',
  }),
  elapsedMs: Type.Number(),
};

export const Accounting = Type.Object(
  {
    accepted: Sum('records stored; the sum of counted and every reason not to count'),
    counted: Sum('records that carry weight of their own: elected'),
    byReason: Type.Record(Type.String(), Type.Number(), { description: 'records by countReason' }),
  },
  { ...closed, description: 'records whose flow ended in the window' },
);

export const Quality = Type.Object(
  {
    unclassifiedShare: NullableNumber('share of bytes with an automatic, unknown or ambiguous node at either end'),
    unelectedShare: NullableNumber(
      'share of bytes counted by the largest single point, because no canonical point is known',
    ),
    lossRatio: NullableNumber('share of records lost before the collector, by sequence numbers'),
    unknownRateShare: NullableNumber(
      'share of records whose sampling rate neither exporter nor registry tells; of the last six hours of a longer window',
    ),
    unknownErrorShare: NullableNumber(
      'share of bytes without a sampling rate to tell their error by: reported bytes of unknown rate, and those of exporters that scale them by a rate they do not tell; of the last six hours of a longer window',
    ),
    sharedShare: NullableNumber('share of bytes whose client several applications claim; null beyond six hours'),
    unclassifiedByReason: Type.Unsafe<Record<string, number> | null>({
      type: ['object', 'null'],
      additionalProperties: { type: 'number' },
      description:
        'share of bytes of the records that may count, by the reason why an end has no application; null beyond six hours',
    }),
    coverage: NullableNumber(
      'share of running VM pairs with a live canonical point, doubtful below 0.95; null without inventory',
    ),
    inventoryAsOf: NullableTime('asOf of the newest inventory used'),
    settledUntil: NullableTime(
      'traffic before this moment has arrived, unless an exporter holds flows longer than a minute',
    ),
    accounting: Type.Union([Accounting, Type.Null()], { description: 'null for windows longer than six hours' }),
  },
  closed,
);
export type Quality = Static<typeof Quality>;

const lossAdjusted = NullableNumber(
  `the estimate with what ${protocolTitles(({ lossAdjusted }) => lossAdjusted)} lost on the way added, by exporter and minute; the sample pool of sFlow has its loss already. null where it is not computed`,
);
const Cell = Type.Object(
  {
    src: Value,
    dst: Value,
    ...estimate,
    lossAdjusted,
    coverage: NullableNumber(
      'share of the running (VM in src, VM in dst) pairs with a live canonical point; the interval speaks of these. null without inventory',
    ),
    toServer: NullableNumber('orientation=client: client to server'),
    toClient: NullableNumber('orientation=client: server to client'),
  },
  closed,
);
const LossAdjusted = Type.Object(
  {
    value: estimate.value,
    ciLow: estimate.ciLow,
    ciHigh: estimate.ciHigh,
    method: Type.Enum(['records', 'share'], {
      description:
        'records: every record by the loss of its exporter and minute; share: the total by the loss of all exporters, where there are too many records',
    }),
  },
  closed,
);
export type LossAdjusted = Static<typeof LossAdjusted>;
const Total = Type.Object({ ...Value.properties, ...estimate }, closed);
export type MatrixCell = Static<typeof Cell>;
export type MatrixTotal = Static<typeof Total>;

export const MatrixAnswer = Type.Object(
  {
    ...about,
    by: Type.String(),
    orientation: Type.Enum(['sender', 'client']),
    cells: Type.Array(Cell, {
      description: 'cell (src, dst): sent by src to dst; with orientation=client between client src and server dst',
    }),
    rows: Type.Array(Total, {
      description: 'totals of senders, largest node first; what is not among the cells included',
    }),
    columns: Type.Array(Total, { description: 'totals of receivers, in the order of their own size' }),
    nodes: Type.Integer({ description: 'nodes there are; limit says how many are told' }),
    total: Type.Object(estimate, closed),
    lossAdjusted: Type.Union([LossAdjusted, Type.Null()], {
      description: 'the total with what was lost on the way added; null for p95 and maximum',
    }),
    interTotal: Type.Object(estimate, { ...closed, description: 'the total without the diagonal' }),
    rest: NullableNumber('total less the cells told; null for p95 and maximum, which do not add up'),
    quality: Quality,
  },
  closed,
);
export type MatrixAnswer = Static<typeof MatrixAnswer>;

const Series = Type.Object(
  {
    keys: Type.Array(Value, { description: 'values of the columns in `split`; empty for the one series of all' }),
    rest: Type.Boolean({ description: 'true for the sum of what is beyond limit' }),
    values: Type.Array(NullableNumber('null where nothing was observed yet, 0 where nothing flowed')),
    ciLow: Type.Array(NullableNumber('')),
    ciHigh: Type.Array(NullableNumber('')),
    total: Sum('bytes or packets of the whole series; for rates bytes'),
  },
  closed,
);

export const SeriesAnswer = Type.Object(
  {
    ...about,
    stepSec: Type.Integer(),
    split: Type.Array(Type.String()),
    times: Type.Array(Type.Integer({ description: 'starts of the buckets, seconds since the epoch' })),
    series: Type.Array(Series),
  },
  closed,
);
export type SeriesAnswer = Static<typeof SeriesAnswer>;

export const TopAnswer = Type.Object(
  {
    ...about,
    by: Type.Array(Type.String()),
    rows: Type.Array(
      Type.Object(
        { keys: Type.Array(Value), ...estimate, share: NullableNumber('share of the total; null for p95 and maximum') },
        closed,
      ),
    ),
    groups: Type.Integer({ description: 'groups there are' }),
    rest: NullableNumber('total less the rows told; null for p95 and maximum'),
    total: Type.Object(estimate, closed),
  },
  closed,
);
export type TopAnswer = Static<typeof TopAnswer>;

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
    elapsedMs: about.elapsedMs,
  },
  closed,
);
export type FlowsAnswer = Static<typeof FlowsAnswer>;

const ExporterInterface = Type.Object(
  { ifIndex: Type.Integer(), name: Type.String({ description: 'as the exporter told it' }) },
  closed,
);
export type ExporterInterface = Static<typeof ExporterInterface>;

const Exporter = Type.Object(
  {
    exporter: Type.String(),
    observationDomain: Type.Integer(),
    protocol: Type.String(),
    lastSeen: Time('newest datagram'),
    silent: Type.Boolean({ description: 'no datagram for three minutes' }),
    samplingRate: NullableNumber('N of 1 in N in force; null when unknown'),
    recordsPerSecond: Type.Number({ description: 'over the last five minutes' }),
    datagrams: Sum('datagrams received'),
    datagramBytes: Sum('bytes of their payloads'),
    records: Sum('flow records or samples'),
    lost: Sum('lost before the collector, in the unit of the protocol'),
    lostUnit: Type.Enum(['records', 'datagrams']),
    lossRatio: NullableNumber('lost / (lost + received)'),
    restarts: Sum('starts of the exporter: its sequence number or uptime went back'),
    templates: Sum('templates learned or changed'),
    unknownTemplateSets: Sum('data sets that came before their template'),
    waitingSets: Type.Integer({ description: 'of them those that wait for it now', minimum: 0 }),
    lostSets: Sum('of them those given up'),
    malformedSets: Sum('sets, samples or datagrams with a fault'),
    unknownRateRecords: Sum('records without a sampling rate as they came; the registry may tell one'),
    rateChanges: Sum('changes of the sampling rate'),
    facts: Sum('facts that this address told within the last day: names of ports, stations and hosts'),
    interfaces: Type.Array(ExporterInterface, {
      description: 'ports that this address named within the last day, by ifIndex',
    }),
  },
  closed,
);
export type Exporter = Static<typeof Exporter>;

export const ExportersAnswer = Type.Object(
  {
    from: about.from,
    to: about.to,
    exporters: Type.Array(Exporter),
    live: Type.Integer(),
    silent: Type.Integer(),
    receiving: Type.Object(
      {
        udpPorts: Type.Array(Type.Integer()),
        udpHost: Type.String(),
        protocols: Type.String({ description: 'taken on each of these ports, in words' }),
        templateProtocols: Type.String({ description: 'those whose records need a template first' }),
      },
      {
        ...closed,
        description: 'where to point an exporter; ports are empty where collectors are processes of their own',
      },
    ),
    inventory: Type.Boolean({ description: 'whether an inventory document is configured' }),
    applications: Type.Boolean({ description: 'whether an applications document is configured' }),
    elapsedMs: about.elapsedMs,
  },
  closed,
);
export type ExportersAnswer = Static<typeof ExportersAnswer>;

export const Health = Type.Object(
  {
    ok: Type.Boolean(),
    dependencies: Type.Array(Type.Object({ name: Type.String(), ok: Type.Boolean(), detail: Type.String() })),
  },
  closed,
);
export type Health = Static<typeof Health>;
