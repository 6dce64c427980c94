// The answer of the coverage question, as a schema: what is seen, what is not, since when, and what would help.

import { type Static, Type } from 'typebox';
import { BLIND_REASONS } from '../../schemas/coverage.ts';

const closed = { additionalProperties: false } as const;
const Count = (description: string) => Type.Number({ description });
const Share = (description: string) => Type.Unsafe<number | null>({ type: ['number', 'null'], description });
const Reason = Type.Enum([...BLIND_REASONS] as unknown as typeof BLIND_REASONS, {
  description:
    'veb: turned round inside the host by a bridge that exports nothing; relay-not-operational: a VEPA whose switch does not turn frames back; vswitch-not-metered: the exporter of the vSwitch is not registered or not heard; no-access-port: the inventory does not say where the host is cabled; not-metered: no registered exporter meters the access port; exporter-silent: it is not heard',
});
const Since = Type.String({ format: 'date-time', description: 'start of the unbroken time of which this holds' });

const Spot = Type.Object(
  {
    reason: Reason,
    site: Type.String(),
    rack: Type.String(),
    host: Type.String(),
    vswitch: Type.String(),
    segment: Type.String({ description: 'empty where the segment does not matter' }),
    vms: Count('running VMs there'),
    pairs: Count('ordered pairs of VMs that nobody sees, for this reason'),
    since: Since,
    sinceOrEarlier: Type.Boolean({ description: 'older inventories were not looked at' }),
    ports: Type.Array(Type.Object({ switch: Type.String(), ifIndex: Type.Integer(), name: Type.String() }, closed), {
      description: 'switch ports that the host hangs on',
    }),
    remedies: Type.Array(Type.String(), { description: 'what would make it visible, the likeliest first' }),
  },
  closed,
);
export type SpotAnswer = Static<typeof Spot>;

const Pair = Type.Object(
  { src: Type.String(), dst: Type.String(), reason: Reason, host: Type.String(), since: Since },
  closed,
);

const Port = Type.Object(
  {
    exporter: Type.String(),
    ifIndex: Type.Integer(),
    host: Type.String({ description: 'what hangs on the port, as the inventory says' }),
    direction: Type.Enum(['ingress', 'egress']),
    minutes: Count('whole minutes that the counters of the interface cover'),
    countedBytes: Count('layer-2 bytes of the records that count at this port, in these minutes'),
    octets: Count('ifInOctets or ifOutOctets in these minutes'),
    ratio: Share('countedBytes / octets; 0.95 to 1.05 is well'),
    agrees: Type.Unsafe<boolean | null>({ type: ['boolean', 'null'] }),
  },
  closed,
);

const Names = (description: string) => Type.Array(Type.String(), { description });

export const CoverageAnswer = Type.Object(
  {
    from: Type.String({ format: 'date-time' }),
    to: Type.String({ format: 'date-time' }),
    coverage: Share(
      'share of the ordered pairs of running VMs that have a live canonical point; null without inventory',
    ),
    doubtful: Type.Boolean({ description: 'coverage is below 0.95: sums of VM traffic miss more than a little' }),
    inventoryAsOf: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'inventory in force at `to`' }),
    vms: Share('running VMs with a vNIC'),
    pairs: Share('ordered pairs of them'),
    invisiblePairs: Share('pairs without a live canonical point; their bytes are not estimated'),
    byReason: Type.Unsafe<Record<string, number> | null>({
      type: ['object', 'null'],
      additionalProperties: { type: 'number' },
      description: 'invisible pairs by reason',
    }),
    spots: Type.Array(Spot, { description: 'the largest first; limit says how many are told' }),
    spotCount: Count('blind spots there are'),
    invisible: Type.Array(Pair, { description: 'the pairs themselves, spot by spot, as many as `pairs` allows' }),
    exporters: Type.Object(
      {
        silent: Names('heard in the window, but not in its last three minutes'),
        unheard: Names('registered and not heard for three minutes at the end of the window'),
        unregistered: Names('heard, but in no registry: their ports are unknown'),
        withoutTemplate: Names('with data sets that wait for their template or were given up'),
        withoutRate: Names('with records whose sampling rate nobody tells, in the last six hours of the window'),
        lossy: Names('that lost more than one in a hundred on the way'),
      },
      closed,
    ),
    lossRatio: Share('share of records lost before the collector'),
    unknownRateShare: Share(
      'share of records whose sampling rate neither exporter nor registry tells; of the last six hours of a longer window',
    ),
    unknownErrorShare: Share(
      'share of bytes without a sampling rate to tell their error by; of the last six hours of a longer window',
    ),
    unclassifiedByReason: Type.Unsafe<Record<string, number> | null>({
      type: ['object', 'null'],
      additionalProperties: { type: 'number' },
      description: 'share of bytes without an application, by reason; null beyond six hours',
    }),
    ports: Type.Union([Type.Array(Port), Type.Null()], {
      description:
        'ports with counters of their own (sFlow if_counters), those that agree least first; null beyond six hours',
    }),
    elapsedMs: Type.Number(),
  },
  closed,
);
export type CoverageAnswer = Static<typeof CoverageAnswer>;
