// Who uses a segment, a port group or a VLAN, and which links carry it: with what went over each, when last, and since when it has
// been idle, so that it can be pruned there. A link is idle only where everything that could have used it was seen.

import { type Static, Type } from 'typebox';
import { type Carrier, type CarriersReport, SEGMENT_KINDS } from '../../schemas/planning.ts';
import { about, closed, estimate, NullableNumber, NullableTime, Value } from '../answers/answers.ts';
import { pairOf } from '../sql/dimensions.ts';
import { estimateOf, NO_SUMS, type Sums } from '../sql/metrics-sql.ts';
import { NOT_RANKED } from '../sql/ranked.ts';
import { RELATION_FIGURES, relationFiguresSql } from '../sql/relation.ts';
import { type Context, queryTables, type Rows, type Statement } from '../sql/tables.ts';
import { nameValues } from '../sql/values.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { requestCoverage } from './advisor.ts';
import { aboutWindow, iso, observedOf } from './grouped.ts';
import { planMembers } from './pair-traffic.ts';
import { choice, format, Limit, windowFrom } from './parameters.ts';
import { isCovered, type Past, pastOf } from './past.ts';
import { Kind, PlacedAnswer, Side, shapePlaced, sideOf, sideText } from './placed.ts';
import { requestPlan } from './planner.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion, type QuestionContext } from './question.ts';
import { readSeen, seenWindow } from './seen-exporters.ts';
import { type Members, membersOf } from './segment-members.ts';
import { Of } from './subject.ts';

const Parameters = Type.Object(
  {
    ...windowFrom('now-30d'),
    of: { ...Of('which one'), examples: ['vlan-10'] },
    by: choice(SEGMENT_KINDS, {
      default: 'segment',
      description:
        'what `of` names: a segment, a port group of the inventory as of the time of the traffic, or a number of a VLAN, which records of the window must report',
    }),
    limit: Limit(50, 1000, 'applications listed, the largest first'),
    links: Limit(100, 1000, 'links listed, those that are configured and carry least first'),
    format,
  },
  closed,
);

const Link = Type.Object(
  {
    ...{ kind: Kind, from: Side, to: Side },
    configured: Type.Boolean({
      description:
        'by inventory it is there, or the link lies on a path between two places where it is; false: only traffic shows it',
    }),
    bytes: NullableNumber('of both directions; null where nothing is known'),
    lastTraffic: NullableTime('end of the last bucket with traffic in the window'),
    idle: Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description: 'no traffic in the whole window: it can be pruned; null where something may have been missed',
    }),
    idleSince: NullableTime(
      'since when there was no traffic until the end of the window, at least since its start; null where the last bucket has some, or that time is not covered',
    ),
  },
  closed,
);
type Link = Static<typeof Link>;

export const SegmentsAnswer = Type.Object(
  {
    ...about,
    by: Type.Enum([...SEGMENT_KINDS] as unknown as typeof SEGMENT_KINDS),
    applications: Type.Array(
      Type.Object(
        { app: Value, ...estimate, share: NullableNumber('of the bytes; traffic between two applications is in both') },
        closed,
      ),
      { description: 'those with an end in it, the largest first' },
    ),
    applicationCount: Type.Integer({ description: 'applications there are' }),
    total: Type.Object(estimate, { ...closed, description: 'traffic with an end in it' }),
    links: Type.Array(Link),
    linkCount: Type.Integer({ description: 'links there are' }),
    attached: NullableNumber('hosts and endpoints that have it, by inventory; null without'),
    uplinksSeen: Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description:
        'at the start and at the end of the window no pair of VMs of different hosts was without a live observation point: where it is not true no link is called idle; null without inventory',
    }),
    warnings: Type.Array(Type.String(), { description: 'why links are not called idle, in words' }),
    placed: Type.Union([PlacedAnswer, Type.Null()], { description: 'null without inventory' }),
  },
  closed,
);
export type SegmentsAnswer = Static<typeof SegmentsAnswer>;

interface Row extends Sums {
  readonly level: number;
  readonly app: string;
  readonly apps: string;
}

const APP = pairOf('by', 'app')[0];

export const segments = defineQuestion({
  name: 'segments',
  right: 'read',
  addresses: ['records'],
  summary: 'Who uses a segment, port group or VLAN, and on which links it is idle',
  parameters: Parameters,
  answer: SegmentsAnswer,
  table: () => ({ kinds: KINDS, keys: ['kind', 'from', 'to'] }),
  async respond(params, context) {
    const { storage, planner, config, nowMs } = context;
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const members = await membersOf(storage, params.by, params.of);
    const columns = ['srcApp', 'dstApp', ...members.columns];
    const needs = { requested, metric: 'bytes', layer: 'l3', columns, condition: members.condition } as const;
    const request = { request: 'carriers', by: params.by, keys: members.keys, limit: params.links } as const;
    const [found, plan] = await Promise.all([
      queryTables<Row>(storage, needs, nowMs, tables => statement(members, params.limit, tables)),
      planMembers(storage, requested, nowMs, members, planWindow =>
        requestPlan<CarriersReport>(planner, { ...planWindow, ...request }),
      ),
    ]);
    const apps = found.rows.filter(({ level }) => level === 1);
    const [provisional, uplinksSeen, name] = await Promise.all([
      provisionalIn(storage, found.window),
      areUplinksSeen(context, plan),
      nameValues(
        storage,
        apps.map(({ app }) => [APP, app] as const),
      ),
    ]);
    const observed = observedOf(found);
    const estimated = (sums: Sums) => estimateOf({ ...sums, ...NOT_RANKED }, 'bytes', observed);
    const whole = found.rows.find(({ level }) => level === 0);
    const total = estimated(whole ?? NO_SUMS);
    const [report] = plan.rows;
    const past = pastOf(plan, nowMs);
    const seesAll = uplinksSeen === true && report?.unplaced.length === 0 && report.allPaths;
    const warnings = report ? warningsOf(report, past, uplinksSeen) : [];
    const links = (report?.links ?? []).map(link => shapeLink(link, past, seesAll));
    return {
      answer: {
        ...aboutWindow(found, { metric: 'bytes', layer: 'l3', provisional, config, nowMs }),
        by: params.by,
        applications: apps.map(row => {
          const one = estimated(row);
          return {
            app: name(APP, row.app),
            ...one,
            share: one.value !== null && total.value ? one.value / total.value : null,
          };
        }),
        applicationCount: Number(whole?.apps ?? 0),
        total,
        links,
        linkCount: report?.linkCount ?? 0,
        attached: report?.attached ?? null,
        ...{ uplinksSeen, warnings, placed: report ? shapePlaced(report) : null },
      },
      kinds: KINDS,
      rows: () => links.map(flatLink),
    };
  },
});

/** A record between two applications is of both, and once in all. */
function statement({ src, dst }: Members, limit: number, { relation }: Context): Statement {
  const sql = `
WITH every AS (
  SELECT arrayJoin(arrayConcat([(0, toUInt64(0))], arrayDistinct(arrayConcat(if(${src}, [(1, r.srcApp)], []), if(${dst}, [(1, r.dstApp)], []))))) AS part,
    ${RELATION_FIGURES.map(name => `r.${name} AS ${name}`).join(', ')}
  FROM (${relation.sql}) AS r
), summed AS (
  SELECT part.1 AS level, part.2 AS app, ${relationFiguresSql('e')} FROM every AS e GROUP BY level, app
), placed AS (
  SELECT *, countIf(level = 1) OVER () AS apps, row_number() OVER (PARTITION BY level ORDER BY bytes DESC, app) AS place FROM summed
)
SELECT toUInt8(level) AS level, toString(p.app) AS app, toString(apps) AS apps, ${RELATION_FIGURES.map(name => `p.${name} AS ${name}`).join(', ')}
FROM placed AS p
WHERE place <= {limit:UInt32}
ORDER BY p.level, place`;
  return { sql, params: { ...relation.params, limit } };
}

/** Reasons for which a pair of VMs of different hosts is not seen; what else nobody sees stays inside a host. */
const ON_UPLINKS = ['no-access-port', 'not-metered', 'exporter-silent'] as const;

/** The start of a window, in which exporters report. */
const MOMENT_MS = 600_000;

/** Whether everything that leaves a host is seen, at the start of the window and at its end. */
async function areUplinksSeen(
  { storage, advisor, nowMs }: QuestionContext,
  plan: Rows<unknown>,
): Promise<boolean | null> {
  if (!advisor) return null;
  const { fromMs, toMs } = seenWindow(plan, nowMs);
  const moments = [
    { fromMs, toMs },
    { fromMs, toMs: Math.min(toMs, fromMs + MOMENT_MS) },
  ];
  const reports = await Promise.all(
    moments.map(async moment => {
      const question = { ...(await readSeen(storage, moment)), host: '', vm: '', spotsMax: 1, pairsMax: 0 };
      // An answer without it is better than none.
      return requestCoverage(advisor, question).catch(() => undefined);
    }),
  );
  if (reports.some(report => report === undefined)) return null;
  return reports.every(report => ON_UPLINKS.every(reason => report!.byReason[reason] === 0));
}

function warningsOf({ unplaced, allPaths }: CarriersReport, past: Past, seen: boolean | null): string[] {
  const warnings: string[] = [];
  if (!isCovered(past, past.fromS))
    warnings.push('the window is not covered all the time; choose one in which collectors were receiving');
  if (seen !== true)
    warnings.push(
      seen === null
        ? 'without an inventory it is not known what exporters see'
        : 'not every pair of VMs of different hosts has a live observation point; see coverage',
    );
  if (unplaced.length > 0)
    warnings.push('for a part of the traffic the links are not known (placed.unplaced): it may use any of them');
  if (!allPaths)
    warnings.push('too many places have it to look for the paths between them: links without traffic may be missing');
  return warnings;
}

/** Where something may have been missed, traffic alone is known. */
function shapeLink({ kind, from, to, isConfigured, bytes, lastS }: Carrier, past: Past, seesAll: boolean): Link {
  const isKnown = seesAll && isCovered(past, past.fromS);
  const lastEndS = lastS > 0 ? Math.min(lastS + past.stepS, past.toS) : past.fromS;
  return {
    ...{ kind, from: sideOf(from), to: sideOf(to), configured: isConfigured },
    bytes: bytes > 0 || isKnown ? bytes : null,
    lastTraffic: lastS > 0 ? iso(lastEndS * 1000) : null,
    idle: lastS > 0 ? false : isKnown ? true : null,
    idleSince: seesAll && lastEndS < past.toS && isCovered(past, lastEndS) ? iso(lastEndS * 1000) : null,
  };
}

const KINDS = {
  kind: 'text',
  from: 'text',
  to: 'text',
  configured: 'text',
  bytes: 'number',
  lastTraffic: 'text',
  idle: 'text',
  idleSince: 'text',
} as const;

function flatLink({ from, to, configured, idle, ...link }: Link) {
  const text = idle === null ? null : String(idle);
  return { ...link, from: sideText(from), to: sideText(to), configured: String(configured), idle: text };
}
