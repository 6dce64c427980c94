// What the answers of the API share, as schemas: they document it (/docs), serialise it, and type the console. Each
// question states its own answer in its file (query-api/questions).
//
// Sums are JSON numbers: exact up to 2^53 (9 petabytes), to 15 digits beyond.

import { type Static, Type } from 'typebox';
import { METHODS } from '../estimates/interval.ts';
import { METRICS } from './metric.ts';

export const closed = { additionalProperties: false } as const;
export const Sum = (description: string) => Type.Number({ description: `${description}; exact up to 2^53` });
export const NullableNumber = (description: string) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], description });
export const Time = (description: string) => Type.String({ format: 'date-time', description });
export const NullableTime = (description: string) =>
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

export const estimate = {
  value: NullableNumber(
    'estimate, in the unit of the answer; exact up to 2^53. null for a p95 of fewer than 20 closed buckets, which would be the maximum, and a maximum of none',
  ),
  ciLow: NullableNumber('lower end of the 95 % interval; null where none is known (unknown sampling rate)'),
  ciHigh: NullableNumber('upper end of the 95 % interval'),
  samples: Type.Number({ description: 'sampled packets behind the estimate; 0 when nothing of it was sampled' }),
  method: Type.Enum([...METHODS] as unknown as typeof METHODS, {
    description:
      'how the interval was found. exact: nothing was sampled; poisson: from the number of samples; normal: from the variance; approximate: from the variance of records of several sampled packets, an upper bound where the exporter does not report sizes of packets; unknown: the sampling rate of a part is not known, there is no interval; order: of a p95 or maximum, by order statistics and the error of each bucket; noisy: the same where the median bucket scatters by more than a tenth, so that the value is too high; none: there is none, or nothing was seen',
  }),
};

export const Ranking = Type.Object(
  {
    bucketSec: Type.Integer(),
    buckets: Type.Integer({ description: 'closed buckets, which are ranked; the open one is left out' }),
    tooFewBuckets: Type.Boolean({
      description: 'fewer than 20 closed buckets for a p95, none for a maximum: values are null',
    }),
    longestRecordSec: NullableNumber(
      'duration of the longest record that counts, at most the last six hours of the window; null where there is none',
    ),
    invalid: Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description:
        'a record lasts longer than a bucket, because of an active timeout beyond it: its bytes are spread evenly, and peaks shorter than it are missing; null where no record says',
    }),
    noisy: Type.Boolean({ description: 'the noise of sampling dominates in the total, so that its value is too high' }),
    warnings: Type.Array(Type.String(), { description: 'what of this to know, in words' }),
  },
  { ...closed, description: 'what a p95 or a maximum is over' },
);
export type Ranking = Static<typeof Ranking>;
export const NullableRanking = Type.Union([Ranking, Type.Null()], {
  description: 'what a p95 or a maximum is over; null for metrics that add up',
});

const EstimateSchema = Type.Object(estimate, closed);
export type Estimate = Static<typeof EstimateSchema>;

/** What every answer about a window says about itself. */
export const about = {
  from: Time('start of the window, aligned outward to the resolution'),
  to: Time('end of the window, excluded, aligned outward to the resolution'),
  resolutionSec: Type.Integer({
    description:
      'seconds to which the window is aligned: 60, 300 where unelected traffic or VM pairs take part and for p95, 3600 for long windows',
  }),
  coveredFrom: NullableTime('first minute of the window with stored records; rates are over the covered part'),
  coveredTo: NullableTime('end of the covered part: the end of the window, or now'),
  metric: MetricName,
  layer: Type.Enum(['l3', 'l2'], { description: 'l3: IP bytes; l2: bytes of frames' }),
  unit: Unit,
  table: Type.String({ description: 'tables the answer was read from' }),
  steady: Type.Boolean({
    description: 'false when scheduled roll-ups ran all the time: a minute of records may be missing or counted twice',
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
      'share of records whose sampling rate neither exporter nor registry states; of the last six hours of a longer window',
    ),
    unknownErrorShare: NullableNumber(
      'share of bytes without a sampling rate to estimate their error: reported bytes of unknown rate, and those of exporters that scale them by a rate they do not report; of the last six hours of a longer window',
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
      'complete until: traffic before this moment has arrived, unless an exporter holds flows longer than a minute',
    ),
    accounting: Type.Union([Accounting, Type.Null()], { description: 'null for windows longer than six hours' }),
  },
  closed,
);
export type Quality = Static<typeof Quality>;

export const Health = Type.Object(
  {
    ok: Type.Boolean(),
    dependencies: Type.Array(Type.Object({ name: Type.String(), ok: Type.Boolean(), detail: Type.String() })),
  },
  closed,
);
export type Health = Static<typeof Health>;
