// Which VMs should come together, which fill a link, and the moves that save most: by a greedy search that docs/PLANNING.md
// states. A move's gain is what POST /what-if says of it after the moves before it.

import { type Static, Type } from 'typebox';
import { LOCALITIES } from '../../schemas/codes.ts';
import type { PlacementReport } from '../../schemas/planning.ts';
import { about, closed, NullableNumber, NullableTime, Sum } from '../answers/answers.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { aboutWindow, iso } from './grouped.ts';
import { planTables } from './pair-traffic.ts';
import { format, Limit, windowFrom } from './parameters.ts';
import { Kind, Moved, movedOf, Named, namedOf, PairBytes, pairBytesOf, Side, sideOf } from './placed.ts';
import { requestPlan } from './planner.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion } from './question.ts';
import { linkLimit } from './what-if.ts';

const Parameters = Type.Object(
  {
    ...windowFrom('now-24h', 'start of the traffic that is looked at'),
    moves: Limit(5, 50, 'moves wanted'),
    linkLimit,
    hostVms: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 100_000,
      description: 'VMs of a host at most; 0: no limit',
      examples: [40],
    }),
    hostMemoryMiB: Type.Integer({
      default: 0,
      minimum: 0,
      maximum: 1_000_000_000,
      description:
        'memory of the VMs of a host together at most; 0: no limit. A VM of unknown memory is not moved then, and its host takes no more',
    }),
    limit: Limit(20, 200, 'pairs and links listed'),
    format,
  },
  closed,
);

const Together = Type.Object(
  {
    a: Named,
    b: Named,
    hostA: Type.String(),
    hostB: Type.String(),
    locality: Type.Enum([...LOCALITIES] as unknown as typeof LOCALITIES),
    bytes: Sum('bytes of both directions'),
    byteHops: Type.Number({ description: 'times the links of their path; 0 where it is not known' }),
  },
  closed,
);
const Hot = Type.Object(
  {
    ...{ kind: Kind, from: Side, to: Side, speedBps: NullableNumber('by inventory') },
    utilisation: Type.Number({ description: 'average bit/s of frames, of speedBps' }),
    pairs: Type.Array(PairBytes, {
      description: 'of its pairs of VMs the five largest: one of each should part from it',
    }),
  },
  closed,
);
const Advised = Type.Object(
  { ...Moved.properties, gain: Type.Number({ description: 'byte-hops that it saves, made after those before it' }) },
  closed,
);

export const PlacementAnswer = Type.Object(
  {
    ...about,
    moves: Type.Array(Advised, { description: 'in their order; fewer than wanted where none gains anything more' }),
    together: Type.Array(Together, { description: 'pairs across racks and sites, the most byte-hops first' }),
    hot: Type.Array(Hot, { description: 'links over linkLimit, the most utilised first' }),
    byteHops: Type.Union(
      [
        Type.Object(
          { before: Type.Number(), after: Type.Number(), gain: Type.Number({ description: 'of all moves' }) },
          closed,
        ),
        Type.Null(),
      ],
      { description: 'sum over pairs of bytes times links on their path; null without inventory' },
    ),
    bytes: NullableNumber('bytes of the window that were looked at; null without inventory'),
    unplaced: NullableNumber('bytes whose links are not known'),
    candidates: Type.Integer({ description: 'VMs that moves were chosen among, those with the most byte-hops' }),
    talking: Type.Integer({ description: 'VMs that sent or received anything' }),
    inventoryAsOf: NullableTime('asOf of the inventory that says where VMs stand'),
  },
  closed,
);
export type PlacementAnswer = Static<typeof PlacementAnswer>;

const KINDS = { key: 'text', name: 'text', from: 'text', to: 'text', gain: 'number' } as const;

export const placement = defineQuestion({
  name: 'placement',
  right: 'read',
  addresses: ['records'],
  summary: 'Which VMs should come together, which fill a link, and the best moves',
  parameters: Parameters,
  answer: PlacementAnswer,
  table: () => ({ kinds: KINDS, keys: ['key', 'name'] }),
  async respond(params, { storage, planner, config, nowMs }) {
    const { from, to, format: _, ...limits } = params;
    const requested = parseRequestedWindow(from, to, nowMs);
    const found = await planTables(storage, requested, nowMs, planWindow =>
      requestPlan<PlacementReport>(planner, { ...planWindow, ...limits, request: 'placement' }),
    );
    const provisional = await provisionalIn(storage, found.window);
    const shaped = shapePlacement(found.rows[0]);
    return {
      answer: { ...aboutWindow(found, { metric: 'bytes', layer: 'l3', provisional, config, nowMs }), ...shaped },
      kinds: KINDS,
      rows: () => shaped.moves,
    };
  },
});

function shapePlacement(report: PlacementReport | undefined) {
  const { byteHopsBefore = 0, byteHopsAfter = 0 } = report ?? {};
  return {
    moves: (report?.moves ?? []).map(({ gain, ...moved }) => ({ ...movedOf(moved), gain })),
    together: (report?.together ?? []).map(({ a, b, locality, ...pair }) => ({
      ...{ ...pair, a: namedOf(a), b: namedOf(b), locality: locality as Static<typeof Together>['locality'] },
    })),
    hot: (report?.hot ?? []).map(({ kind, from, to, speedBps, utilisation, pairs }) => ({
      ...{ kind, from: sideOf(from), to: sideOf(to), speedBps, utilisation, pairs: pairs.map(pairBytesOf) },
    })),
    byteHops:
      report === undefined
        ? null
        : {
            before: byteHopsBefore,
            after: byteHopsAfter,
            gain: byteHopsBefore - byteHopsAfter,
          },
    bytes: report?.bytes ?? null,
    unplaced: report?.unplacedBefore ?? null,
    candidates: report?.candidates ?? 0,
    talking: report?.talking ?? 0,
    inventoryAsOf: report && report.asOfMs > 0 ? iso(report.asOfMs) : null,
  };
}
