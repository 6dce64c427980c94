// What the answers of the API share, as schemas: they document it (/docs), serialise it, and type the console. Each
// question states its own answer in its file (query-api/questions).
//
// Sums are JSON numbers: exact up to 2^53 (9 petabytes), to 15 digits beyond.

import { type Static, Type } from 'typebox';
import { METHODS } from '../estimates/interval.ts';
import { METRICS, type Metric } from './metric.ts';

export const closed = { additionalProperties: false } as const;
export const Sum = (description: string) => Type.Number({ description: `${description}; exact up to 2^53` });
export const NullableNumber = (description: string) =>
  Type.Unsafe<number | null>({ type: ['number', 'null'], description });
export const Time = (description: string) => Type.String({ format: 'date-time', description });
export const NullableTime = (description: string) =>
  Type.Unsafe<string | null>({ type: ['string', 'null'], description: `${description} (RFC 3339)` });

const Unit = Type.String({ description: 'bytes, packets or bit/s' });
const MetricName = Type.Unsafe<Metric>({
  type: 'string',
  description: `${METRICS.join(', ')}, or p97.5Bps for percentile=97.5`,
});

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
    'estimate, in the unit of the answer; exact up to 2^53. null for a percentile of too few closed buckets (20 for a p95), which would be the maximum, and a maximum of none',
  ),
  ciLow: NullableNumber('lower end of the 95 % interval; null where none is known (unknown sampling rate)'),
  ciHigh: NullableNumber('upper end of the 95 % interval'),
  samples: Type.Number({ description: 'sampled packets behind the estimate; 0 when nothing of it was sampled' }),
  method: Type.Enum([...METHODS] as unknown as typeof METHODS, {
    description:
      'how the interval was found. exact: nothing was sampled; poisson: from the number of samples and the largest packet that one may have missed; normal: from the variance; approximate: from the variance of records of several sampled packets, an upper bound where the exporter does not report sizes of packets; unknown: the sampling rate of a part is not known, there is no interval; order: of a p95 or maximum, by order statistics and the error of each bucket; noisy: the same where the median bucket scatters by more than a tenth, so that the value is too high; largest-point: a part was seen at several observation points, and it is not known which of them saw the same packets: the interval reaches from what one of them saw to what all of them saw; partly-covered: nothing was sampled, but of some buckets only a part is covered, and they may hold bytes of flows that began before: the interval of a rate reaches from their bytes by all their seconds to their bytes by the covered ones; none: there is none, or nothing was seen',
  }),
};

export const Ranking = Type.Object(
  {
    bucketSec: Type.Integer(),
    buckets: Type.Integer({
      description: 'closed buckets that are covered, which are ranked; the open one is left out',
    }),
    tooFewBuckets: Type.Boolean({
      description:
        'too few closed buckets: fewer than 20 for a p95 (2 for a p50, 100 for a p99), none for a maximum: values are null',
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
  {
    ...closed,
    description: 'what a percentile or a maximum is over: the values of five minutes themselves, from whichever table',
  },
);
export type Ranking = Static<typeof Ranking>;
export const NullableRanking = Type.Union([Ranking, Type.Null()], {
  description: 'what a percentile or a maximum is over; null for metrics that add up',
});

const EstimateSchema = Type.Object(estimate, closed);
export type Estimate = Static<typeof EstimateSchema>;

const Provisional = Type.Object(
  {
    from: Time('start, in the time of flows'),
    to: Time('end'),
    refused: Type.Boolean({
      description:
        'it stays as it is: records of a day of it have begun to expire, or the tables are on several servers',
    }),
  },
  closed,
);
export type ProvisionalSpan = Static<typeof Provisional>;

/** Of every answer that is summed from elected records, or lists them (questions/provisional.ts). */
export const provisional = Type.Array(Provisional, {
  description:
    'spans in which values may still change, or, where refused, are known to be too low: a registered exporter was silent, or had returned, and records of that time are not yet elected accordingly',
});

/** What every answer about a window says about itself. */
export const about = {
  from: Time('start of the window, aligned outward to the resolution'),
  to: Time('end of the window, excluded, aligned outward to the resolution'),
  resolutionSec: Type.Integer({
    description:
      'seconds to which the window is aligned: 60, 300 where unelected traffic or VM pairs take part and for percentiles, 3600 for long windows',
  }),
  coveredFrom: NullableTime(
    'start of what is covered of the window: a collector was receiving, and everything it received then is stored; null where nothing is, and then nothing is known of the window',
  ),
  coveredTo: NullableTime('end of what is covered of the window; there may be gaps before'),
  coveredSeconds: Type.Number({ description: 'seconds of the window that are covered; rates divide by them' }),
  coveredShare: NullableNumber(
    'share of them in the window up to now; below 1 a sum misses what was sent in the rest. null for a window in the future',
  ),
  storedUntil: NullableTime(
    'everything that collectors received before is stored; null where no collector says so, because it is of an earlier version',
  ),
  settledUntil: NullableTime(
    'complete until: sums of traffic before this moment do not change any more, unless an exporter holds flows longer than a minute, or data waited for their template',
  ),
  waiting: NullableNumber('batches that enrichers have before them and that are not stored; null where none says so'),
  recordsSince: NullableTime(
    'start of the first bucket of which anything is stored, in any window; null where nothing is',
  ),
  metric: MetricName,
  layer: Type.Enum(['l3', 'l2'], { description: 'l3: IP bytes; l2: bytes of frames' }),
  unit: Unit,
  table: Type.String({ description: 'tables the answer was read from' }),
  provisional,
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
    unelectedShare: NullableNumber('share of bytes for which no rule of the election names an observation point'),
    largestPointShare: NullableNumber(
      'share of bytes counted by the largest exporter of each pair, because no rule names an observation point and what exporters see in common is not learned',
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
      'of the pairs of running VMs and the covered time of the window, the share with a live canonical point, doubtful below 0.95; null without inventory',
    ),
    inventoryAsOf: NullableTime('asOf of the newest inventory used'),
    settledUntil: NullableTime('as `settledUntil` of the answer'),
    provisional,
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
