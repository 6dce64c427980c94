// What would change if VMs, applications or the VMs of hosts moved: loads of links, how far traffic goes, which pairs nobody
// would see any more. The traffic is that of the window; where VMs stand is the newest inventory. Nothing is stored.

import { type Static, Type } from 'typebox';
import { LOCALITIES } from '../../schemas/codes.ts';
import { FRAME_BYTES, type LinkChange, type MoveFaults, type WhatIfReport } from '../../schemas/planning.ts';
import { about, closed, type Estimate, estimate, NullableNumber, NullableTime, Sum } from '../answers/answers.ts';
import type { FlatRow } from '../http/format-table.ts';
import { HttpProblem, ParameterError, refuse } from '../http/problem.ts';
import { estimateOf, type Observed, type Sums } from '../sql/metrics-sql.ts';
import { bucketsMin, NOT_RANKED } from '../sql/ranked.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { aboutWindow, iso, observedOf } from './grouped.ts';
import { planTables } from './pair-traffic.ts';
import { format, Limit, windowFrom } from './parameters.ts';
import { Kind, Moved, movedOf, PairBytes, pairBytesOf, Side, sideOf, sideText } from './placed.ts';
import { type Planner, requestPlan } from './planner.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion } from './question.ts';

const MOVES_MAX = 10_000;
const BODY_BYTES_MAX = 8 * 1024 * 1024;

export const linkLimit = Type.Number({
  default: 0.7,
  exclusiveMinimum: 0,
  maximum: 10,
  description: 'share of its speed beyond which a link is over the limit',
});

const Parameters = Type.Object(
  {
    ...windowFrom('now-24h', 'start of the traffic that is looked at'),
    linkLimit,
    limit: Limit(50, 500, 'links listed, those with the highest utilisation afterwards first'),
    pairs: Type.Integer({ default: 100, minimum: 0, maximum: 10_000, description: 'pairs and moved VMs listed' }),
    format,
  },
  closed,
);

const Name = (description: string) => Type.String({ minLength: 1, maxLength: 255, description });
const Move = Type.Object(
  {
    vm: Type.Optional(Name('id, name or key of a VM')),
    app: Type.Optional(Name('id or key of an application, or an automatic node (auto:lab): all its running VMs')),
    host: Type.Optional(Name('id or name of a host: all its VMs')),
    toHost: Type.Optional(Name('id or name')),
    toRack: Type.Optional(
      Name(
        'id or name; each VM goes to the running host there that has the fewest VMs, and stays where it is there already',
      ),
    ),
  },
  closed,
);
const Body = Type.Object(
  { moves: Type.Array(Move, { minItems: 1, maxItems: MOVES_MAX }) },
  {
    ...closed,
    description: 'each move names one of vm, app and host, and one of toHost and toRack',
    examples: [
      {
        moves: [
          { vm: 'web-01', toHost: 'host-002' },
          { app: 'db', toRack: 'rack-02' },
        ],
      },
    ],
  },
);

const ChangedLink = Type.Object(
  {
    kind: Kind,
    from: Side,
    to: Side,
    speedBps: NullableNumber('by inventory; null unknown'),
    before: Type.Object(estimate, { ...closed, description: 'average bit/s of IP bytes' }),
    after: Type.Object(estimate, closed),
    deltaBps: NullableNumber('after less before'),
    p95BeforeBps: NullableNumber('p95 of five-minute buckets, bit/s; null with fewer than 20 of them'),
    p95AfterBps: NullableNumber('the same afterwards: the buckets of its new pairs summed, then ranked'),
    utilisationBefore: NullableNumber('average bit/s of frames, of speedBps'),
    utilisationAfter: NullableNumber('the same afterwards'),
    p95UtilisationAfter: NullableNumber('of the p95'),
    overLimit: Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description: 'p95UtilisationAfter, else utilisationAfter, is beyond linkLimit; null unknown',
    }),
  },
  closed,
);

export const WhatIfAnswer = Type.Object(
  {
    ...about,
    moved: Type.Array(Moved, { description: 'VMs that change their host' }),
    movedCount: Type.Integer(),
    links: Type.Array(ChangedLink),
    linkCount: Type.Integer({ description: 'links whose load changes, each direction of its own' }),
    overLimit: Type.Integer({ description: 'of the listed links those over the limit afterwards' }),
    locality: Type.Array(
      Type.Object(
        {
          locality: Type.Enum([...LOCALITIES] as unknown as typeof LOCALITIES),
          before: Sum('bytes'),
          after: Sum('bytes'),
        },
        closed,
      ),
    ),
    byteHops: Type.Object(
      { before: Type.Number(), after: Type.Number(), gain: Type.Number({ description: 'before less after' }) },
      { ...closed, description: 'sum over pairs of bytes times links on their path' },
    ),
    bytes: Sum('bytes of the window that were looked at'),
    unplaced: Type.Object(
      { before: Sum('bytes whose links are not known'), after: Sum('bytes') },
      { ...closed, description: 'they have no part in links and byteHops' },
    ),
    becomeInvisible: Type.Array(PairBytes, { description: 'pairs that no live exporter would see any more' }),
    becomeInvisibleCount: Type.Integer(),
    becomeVisible: Type.Array(PairBytes),
    becomeVisibleCount: Type.Integer(),
    allPairsExamined: Type.Boolean({
      description: 'false: of more than 2,000,000 pairs of moved VMs with peers and neighbours some were left out',
    }),
    inventoryAsOf: NullableTime('asOf of the inventory that says where VMs stand'),
  },
  closed,
);
export type WhatIfAnswer = Static<typeof WhatIfAnswer>;

export const whatIf = defineQuestion({
  name: 'what-if',
  right: 'read',
  addresses: ['records'],
  summary: 'What would change if VMs, applications or the VMs of hosts moved',
  parameters: Parameters,
  answer: WhatIfAnswer,
  body: { schema: Body, bytesMax: BODY_BYTES_MAX },
  async respond(params, { storage, planner, config, nowMs }, body) {
    const { moves } = body as Static<typeof Body>;
    refuseIncomplete(moves);
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const found = await planTables(storage, requested, nowMs, planWindow =>
      requestPlan<WhatIfReport | MoveFaults>(planner, {
        ...{ ...planWindow, request: 'what-if', moves },
        ...{ linksMax: params.limit, pairsMax: params.pairs },
      }),
    );
    if (!found.covered) refuse('to', 'nothing of this window is stored; choose one that has passed');
    const [report] = found.rows;
    if (!report) refuseWithoutInventory(planner);
    if ('faults' in report) refuseFaults(report);
    const provisional = await provisionalIn(storage, found.window);
    const observed = observedOf(found);
    const links = report.links.map(link => shapeLink(link, observed, params.linkLimit));
    return {
      answer: {
        ...aboutWindow(found, { metric: 'avgBps', layer: 'l3', provisional, config, nowMs }),
        ...shapeReport(report),
        links,
        overLimit: links.filter(({ overLimit }) => overLimit === true).length,
      },
      kinds: KINDS,
      rows: () => links.map(flatLink),
    };
  },
});

function refuseIncomplete(moves: Static<typeof Body>['moves']): void {
  const faults = moves.flatMap(({ vm, app, host, toHost, toRack }, i) => {
    const given = (values: readonly unknown[]) => values.filter(value => value !== undefined).length;
    if (given([vm, app, host]) !== 1) return [{ parameter: `moves/${i}`, reason: 'must name one of vm, app and host' }];
    return given([toHost, toRack]) === 1
      ? []
      : [{ parameter: `moves/${i}`, reason: 'must name one of toHost and toRack' }];
  });
  if (faults.length > 0) throw new ParameterError(faults.slice(0, FAULTS_MAX));
}
const FAULTS_MAX = 100;

function refuseFaults({ faults, faultCount }: MoveFaults): never {
  const listed = faults.map(({ at, reason }) => ({ parameter: at, reason }));
  const more = faultCount - listed.length;
  throw new ParameterError(more > 0 ? [...listed, { parameter: 'moves', reason: `${more} further faults` }] : listed);
}

function refuseWithoutInventory(planner: Planner | undefined): never {
  throw new HttpProblem(
    409,
    'inventory-missing',
    planner
      ? 'no inventory was recorded that holds in this window, and only an inventory says where VMs stand; start with --inventory FILE, or send a snapshot to /api/v1/inventory/snapshots'
      : 'this process does not hold the inventory; send the request to one that does',
  );
}

function shapeReport(report: WhatIfReport) {
  const { localityBefore, localityAfter, byteHopsBefore, byteHopsAfter } = report;
  return {
    moved: report.moved.map(movedOf),
    movedCount: report.movedCount,
    linkCount: report.linkCount,
    locality: LOCALITIES.map(locality => ({
      locality,
      before: localityBefore[locality] ?? 0,
      after: localityAfter[locality] ?? 0,
    })),
    byteHops: { before: byteHopsBefore, after: byteHopsAfter, gain: byteHopsBefore - byteHopsAfter },
    bytes: report.bytes,
    unplaced: { before: report.unplacedBefore, after: report.unplacedAfter },
    becomeInvisible: report.invisible.map(pairBytesOf),
    becomeInvisibleCount: report.invisibleCount,
    becomeVisible: report.visible.map(pairBytesOf),
    becomeVisibleCount: report.visibleCount,
    allPairsExamined: report.allPairsExamined,
    inventoryAsOf: report.asOfMs > 0 ? iso(report.asOfMs) : null,
  };
}

function shapeLink(link: LinkChange, observed: Observed, limit: number): Static<typeof ChangedLink> {
  const { speedBps, rankedBefore, rankedAfter } = link;
  const averages = [link.before, link.after].map(load =>
    estimateOf({ ...load, ...NOT_RANKED } as unknown as Sums, 'avgBps', observed),
  ) as [Estimate, Estimate];
  const framed = ({ bytes, packets }: LinkChange['after']) => (bytes ? 1 + (FRAME_BYTES * (packets ?? 0)) / bytes : 1);
  const utilisation = (bps: number | null, load: LinkChange['after']) =>
    bps === null || speedBps === null ? null : (bps * framed(load)) / speedBps;
  const isRanked = observed.closedBuckets >= bucketsMin(95);
  const p95AfterBps = isRanked ? (rankedAfter?.ranked ?? null) : null;
  const utilisationAfter = utilisation(averages[1].value, link.after);
  const p95UtilisationAfter = utilisation(p95AfterBps, link.after);
  const highest = p95UtilisationAfter ?? utilisationAfter;
  const [before, after] = averages;
  return {
    ...{ kind: link.kind, from: sideOf(link.from), to: sideOf(link.to), speedBps, before, after },
    deltaBps: before.value === null || after.value === null ? null : after.value - before.value,
    p95BeforeBps: isRanked ? (rankedBefore?.ranked ?? null) : null,
    p95AfterBps,
    utilisationBefore: utilisation(before.value, link.before),
    utilisationAfter,
    p95UtilisationAfter,
    overLimit: highest === null ? null : highest > limit,
  };
}

const KINDS = {
  kind: 'text',
  from: 'text',
  to: 'text',
  speedBps: 'number',
  beforeBps: 'number',
  afterBps: 'number',
  deltaBps: 'number',
  p95BeforeBps: 'number',
  p95AfterBps: 'number',
  utilisationBefore: 'number',
  utilisationAfter: 'number',
  p95UtilisationAfter: 'number',
  overLimit: 'text',
} as const;

function flatLink({ from, to, before, after, overLimit, ...link }: Static<typeof ChangedLink>): FlatRow {
  return {
    ...link,
    ...{ from: sideText(from), to: sideText(to), beforeBps: before.value, afterBps: after.value },
    overLimit: overLimit === null ? null : String(overLimit),
  };
}
