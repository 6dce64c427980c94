// How loaded each link of the physical network is: host NICs and access ports, LAGs, switch to switch, external ports. The load
// is that of the counted traffic on the paths that the inventory of its time gives (docs/PLANNING.md), beside what the
// interfaces counted themselves.

import { type Static, Type } from 'typebox';
import { FRAME_BYTES, type LinkLoad, type LinksReport } from '../../schemas/planning.ts';
import type { Storage } from '../../storage/storage.ts';
import { about, closed, type Estimate, estimate, NullableNumber, Sum, Value } from '../answers/answers.ts';
import type { FlatRow } from '../http/format-table.ts';
import { pairOf } from '../sql/dimensions.ts';
import { estimateOf, type Observed, type Sums } from '../sql/metrics-sql.ts';
import { NOT_RANKED, rankedEstimate } from '../sql/ranked.ts';
import { type NameValue, nameValues } from '../sql/values.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { aboutWindow, ESTIMATE_KINDS, observedOf } from './grouped.ts';
import { overallCoverage } from './overall-coverage.ts';
import { planTables } from './pair-traffic.ts';
import { choice, format, Limit, window } from './parameters.ts';
import { Kind, PlacedAnswer, Side, shapePlaced, sideOf, sideText } from './placed.ts';
import { requestPlan } from './planner.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion } from './question.ts';

const Parameters = Type.Object(
  {
    ...window,
    sort: choice(['utilisation', 'load'], {
      default: 'utilisation',
      description: 'utilisation: the share of its speed, links of unknown speed last; load: bytes',
    }),
    host: Type.String({
      default: '',
      maxLength: 255,
      description: 'only links of this host, by id or name',
      examples: ['host-001'],
    }),
    switch: Type.String({
      default: '',
      maxLength: 255,
      description: 'only links of this switch, by id or name',
      examples: ['leaf-01'],
    }),
    limit: Limit(20, 200, 'links listed, each direction of its own'),
    cells: Limit(3, 20, 'pairs of applications listed of each link, the largest first'),
    format,
  },
  closed,
);

const LinkAnswer = Type.Object(
  {
    kind: Kind,
    from: Side,
    to: Side,
    speedBps: NullableNumber('of all its members, by inventory, else as the interface reports it; null unknown'),
    load: Type.Object(estimate, { ...closed, description: 'average bit/s of IP bytes in the covered time' }),
    p95: Type.Object(estimate, { ...closed, description: 'p95 of five-minute buckets, bit/s' }),
    maxBps: NullableNumber('largest five-minute bucket, bit/s'),
    utilisation: NullableNumber('average bit/s of frames, of speedBps'),
    p95Utilisation: NullableNumber('the same of the p95'),
    counters: Type.Union(
      [
        Type.Object(
          {
            bps: NullableNumber('bit/s of frames while the counters cover'),
            coveredSeconds: Type.Number({ description: 'seconds of the window between two readings' }),
            utilisation: NullableNumber('bps of speedBps'),
            by: Type.String({ description: 'exporter and ports that counted' }),
          },
          closed,
        ),
        Type.Null(),
      ],
      { description: 'what the interface counted itself; null where no registered exporter reports counters' },
    ),
    ratio: NullableNumber('frames of load, with 18 bytes a packet, by counters.bps; 0.95 to 1.05 agrees'),
    fills: Type.Array(
      Type.Object(
        { src: Value, dst: Value, bytes: Sum('IP bytes on this link'), share: NullableNumber('of its bytes') },
        closed,
      ),
      { description: 'pairs of applications, the largest first' },
    ),
    fillCount: Type.Integer({ description: 'pairs of applications in all' }),
    partial: Type.Boolean({ description: 'it was not there all the window' }),
  },
  closed,
);
export type LinkAnswer = Static<typeof LinkAnswer>;

export const LinksAnswer = Type.Object(
  {
    ...about,
    sort: Type.Enum(['utilisation', 'load']),
    links: Type.Array(LinkAnswer),
    linkCount: Type.Integer({ description: 'links in all, each direction of its own' }),
    placed: Type.Union([PlacedAnswer, Type.Null()], { description: 'null without inventory' }),
    coverage: NullableNumber(
      'of the pairs of running VMs and the covered time, the share with a live canonical point; below 1 loads are too low where the others talk',
    ),
  },
  closed,
);
export type LinksAnswer = Static<typeof LinksAnswer>;

export const links = defineQuestion({
  name: 'links',
  right: 'read',
  addresses: ['records'],
  summary: 'Load of links: host NICs, access ports, LAGs, switch to switch, external ports',
  parameters: Parameters,
  answer: LinksAnswer,
  table: () => ({ kinds: KINDS, keys: ['kind', 'from', 'to'] }),
  async respond(params, context) {
    const { storage, planner, config, nowMs } = context;
    const { sort, limit, host, cells } = params;
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const found = await planTables(storage, requested, nowMs, planWindow =>
      requestPlan<LinksReport>(planner, {
        ...planWindow,
        ...{ request: 'links', sort, limit, host, switch: params.switch, cells },
      }),
    );
    const [report] = found.rows;
    const provisional = await provisionalIn(storage, found.window);
    const coverage = await overallCoverage(context, found);
    const name = await nameCells(storage, report?.links ?? []);
    const observed = observedOf(found);
    const listed = (report?.links ?? []).map(link => shapeLink(link, observed, coverage, name));
    return {
      answer: {
        ...aboutWindow(found, { metric: 'avgBps', layer: 'l3', provisional, config, nowMs }),
        sort,
        links: listed,
        linkCount: report?.linkCount ?? 0,
        placed: report ? shapePlaced(report) : null,
        coverage,
      },
      kinds: KINDS,
      rows: () => listed.map(flatLink),
    };
  },
});

function nameCells(storage: Storage, loads: readonly LinkLoad[]): Promise<NameValue> {
  const [src, dst] = pairOf('by', 'app');
  return nameValues(
    storage,
    loads.flatMap(({ cells }) =>
      cells.flatMap(({ srcApp, dstApp }) => [[src, srcApp] as const, [dst, dstApp] as const]),
    ),
  );
}

const UNKNOWN: Estimate = { value: null, ciLow: null, ciHigh: null, samples: 0, method: 'none' };

export function shapeLink(link: LinkLoad, observed: Observed, coverage: number | null, name: NameValue): LinkAnswer {
  const [src, dst] = pairOf('by', 'app');
  const { load, ranked, counters } = link;
  const sums = load && ({ ...load, ...NOT_RANKED } as unknown as Sums);
  // Nothing counted is nothing sent only where all pairs are seen.
  const isKnown = sums !== null && (Number(sums.records) > 0 || coverage === 1);
  const average = sums && isKnown ? estimateOf(sums, 'avgBps', observed) : UNKNOWN;
  const p95 =
    ranked && isKnown
      ? rankedEstimate(ranked, 'p95Bps', observed.closedBuckets, average.samples, average.method)
      : UNKNOWN;
  const framed = load?.bytes ? 1 + (FRAME_BYTES * (load.packets ?? 0)) / load.bytes : 1;
  const speedBps = link.speedBps ?? (counters && counters.speedBps > 0 ? counters.speedBps : null);
  const ofSpeed = (bps: number | null) => (bps === null || speedBps === null ? null : bps / speedBps);
  const frames = (bps: number | null) => (bps === null ? null : bps * framed);
  const countedBps = counters && counters.coveredMs > 0 ? (counters.octets * 8000) / counters.coveredMs : null;
  return {
    ...{ kind: link.kind, from: sideOf(link.from), to: sideOf(link.to), speedBps, load: average, p95 },
    maxBps: isKnown ? (ranked?.maxBps ?? null) : null,
    utilisation: ofSpeed(frames(average.value)),
    p95Utilisation: ofSpeed(frames(p95.value)),
    counters: counters && {
      ...{ bps: countedBps, coveredSeconds: counters.coveredMs / 1000, utilisation: ofSpeed(countedBps) },
      by: counters.by,
    },
    ratio: countedBps !== null && countedBps > 0 && average.value !== null ? frames(average.value)! / countedBps : null,
    fills: link.cells.map(({ srcApp, dstApp, bytes }) => ({
      ...{ src: name(src, srcApp), dst: name(dst, dstApp), bytes },
      share: load?.bytes ? bytes / load.bytes : null,
    })),
    fillCount: link.cellCount,
    partial: link.isPartial,
  };
}

const KINDS = {
  kind: 'text',
  from: 'text',
  to: 'text',
  speedBps: 'number',
  ...ESTIMATE_KINDS,
  p95Bps: 'number',
  p95Low: 'number',
  p95High: 'number',
  maxBps: 'number',
  utilisation: 'number',
  p95Utilisation: 'number',
  countersBps: 'number',
  ratio: 'number',
  largestSrc: 'text',
  largestDst: 'text',
  largestShare: 'number',
} as const;

function flatLink({
  kind,
  from,
  to,
  speedBps,
  load,
  p95,
  maxBps,
  counters,
  ratio,
  fills,
  ...rest
}: LinkAnswer): FlatRow {
  const [largest] = fills;
  return {
    ...{ kind, from: sideText(from), to: sideText(to), speedBps, ...load },
    ...{ p95Bps: p95.value, p95Low: p95.ciLow, p95High: p95.ciHigh, maxBps },
    ...{ utilisation: rest.utilisation, p95Utilisation: rest.p95Utilisation },
    ...{ countersBps: counters?.bps ?? null, ratio },
    largestSrc: largest?.src.name ?? null,
    largestDst: largest?.dst.name ?? null,
    largestShare: largest?.share ?? null,
  };
}
