// Which services an application or VM serves: its server ports with bytes, clients, and since when; and whether a service is new
// since a date. A service is new only where the history before that date would have shown it, else it is not known.

import { type Static, Type } from 'typebox';
import { SERVER_SIDE } from '../../schemas/codes.ts';
import type { Storage } from '../../storage/storage.ts';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, estimate, NullableNumber, NullableTime, Value } from '../answers/answers.ts';
import { refuse } from '../http/problem.ts';
import { columnsOf, groupColumns, groupSql } from '../sql/dimensions.ts';
import { keptSince, readKept } from '../sql/kept.ts';
import { estimateOf, NO_SUMS, type Observed, type Sums } from '../sql/metrics-sql.ts';
import { inBoth, secondsOf } from '../sql/parts.ts';
import { NOT_RANKED } from '../sql/ranked.ts';
import { readReceiving } from '../sql/receiving.ts';
import { RELATION_FIGURES, relationFiguresSql } from '../sql/relation.ts';
import { ServiceTitle, serviceTitle } from '../sql/service-titles.ts';
import { type Context, queryTables, type Rows, type Statement } from '../sql/tables.ts';
import { type NameValue, nameValues } from '../sql/values.ts';
import { parseRequestedWindow, parseTime } from '../sql/window.ts';
import { joined, readFirstSeen, type Seen, SeenAnswer, type SeenQuery, seenIn, shapeSeen } from './first-seen.ts';
import { aboutWindow, ESTIMATE_KINDS, iso, observedOf } from './grouped.ts';
import { choice, format, Limit, Offset, windowFrom } from './parameters.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion } from './question.ts';
import { NAMED_MAX, Of, SUBJECT_KINDS, type Subject, shapeSubject, subjectAnswer, subjectOf } from './subject.ts';

const DAY_S = 86_400;
/** Of the days before `since` less may be missing. */
const BASELINE_SHARE_MIN = 0.95;
const SERVICE = columnsOf('by', 'service')[0]!;

const Parameters = Type.Object(
  {
    ...windowFrom('now-7d'),
    of: Of('whose services are listed'),
    by: choice(SUBJECT_KINDS, { default: 'app', description: 'what `of` names, and what clients are' }),
    since: Type.String({
      default: '',
      maxLength: 64,
      description: 'says of each service whether it is new since then; empty: `new` is null',
      examples: ['now-30d'],
    }),
    baselineDays: Type.Integer({
      ...{ default: 7, minimum: 1, maximum: 366 },
      description: `a service not seen before since is new where ${BASELINE_SHARE_MIN} of so many days before are covered`,
    }),
    limit: Limit(50, 1000, 'services listed, the largest first'),
    offset: Offset('services left out before the first one listed'),
    format,
  },
  closed,
);

const Service = Type.Object(
  {
    service: Value,
    title: ServiceTitle,
    ...estimate,
    share: NullableNumber('of the bytes that it serves'),
    clients: Type.Integer({
      description: 'clients seen, explicit nodes such as external as one each; it may be among them',
    }),
    new: Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description:
        'seen since `since` and never before; null without `since`, and where history does not reach or was not covered before it',
    }),
    seen: SeenAnswer,
  },
  closed,
);
type Service = Static<typeof Service>;

const Baseline = Type.Object(
  {
    since: NullableTime('the date that `new` refers to'),
    from: NullableTime('start of the days before it that are looked at'),
    coveredShare: NullableNumber('of these days, what is covered and kept'),
    reaches: Type.Boolean({ description: 'that is enough: what is not seen before since is new' }),
  },
  closed,
);

export const ServicesAnswer = Type.Object(
  {
    ...about,
    ...subjectAnswer,
    services: Type.Array(Service),
    serviceCount: Type.Integer({ description: 'services there are' }),
    rest: NullableNumber('bytes of services that are not listed'),
    total: Type.Object(estimate, { ...closed, description: 'what it serves, both ways' }),
    unknownSide: Type.Object(estimate, { ...closed, description: 'traffic of it whose server is not known' }),
    baseline: Type.Union([Baseline, Type.Null()], { description: 'null without since' }),
  },
  closed,
);
export type ServicesAnswer = Static<typeof ServicesAnswer>;

interface Row extends Sums {
  readonly part: 'service' | 'all' | 'unknown';
  readonly service: string;
  readonly clients: string;
  readonly groups: string;
  readonly first: number;
  readonly last: number;
}

export const services = defineQuestion({
  name: 'services',
  right: rightForColumns,
  summary: 'What an application or VM serves: ports, clients, what is new since a date',
  parameters: Parameters,
  answer: ServicesAnswer,
  table: () => ({ kinds: KINDS, keys: ['serviceKey', 'service'] }),
  async respond(params, { storage, config, nowMs }) {
    const { by } = params;
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const sinceMs = params.since === '' ? undefined : parseTime('since', params.since, nowMs);
    if (sinceMs !== undefined && sinceMs > nowMs) refuse('since', 'lies in the future');
    const subject = await subjectOf(storage, by, params.of);
    const columns = [...groupColumns(subject.columns), 'service', 'serverSide'];
    const needs = { requested, metric: 'bytes', layer: 'l3', columns, condition: subject.condition } as const;
    const found = await queryTables<Row>(storage, needs, nowMs, context => statement(subject, params, context));
    const listed = found.rows.filter(({ part }) => part === 'service');
    const [provisional, seen, baseline, name] = await Promise.all([
      provisionalIn(storage, found.window),
      readFirstSeen(storage, { ...servedOf(subject), values: listed.map(({ service }) => service) }),
      sinceMs === undefined ? null : baselineOf(storage, found, { sinceMs, days: params.baselineDays, by }),
      nameValues(
        storage,
        subject.keys.slice(0, NAMED_MAX).map(key => [subject.columns[0], String(key)] as const),
      ),
    ]);
    const seenOf = (row: Row) => joined(seen.get(row.service), seenIn(row, found.window.resolutionS));
    const isNew = (row: Row) => (baseline ? newSince(seenOf(row), sinceMs! / 1000, baseline.reaches) : null);
    const shaped = shapeServices(found.rows, observedOf(found), name, row => ({
      new: isNew(row),
      seen: shapeSeen(seenOf(row), found.firstS),
    }));
    return {
      answer: {
        ...aboutWindow(found, { metric: 'bytes', layer: 'l3', provisional, config, nowMs }),
        ...shapeSubject(subject, name),
        ...shaped,
        baseline,
      },
      kinds: KINDS,
      rows: () => shaped.services.map(flatService),
    };
  },
});

/** Rows that it is the server of. */
function servedSql({ sends, receives }: Subject, prefix = ''): string {
  const side = `${prefix}serverSide`;
  return `(${sends(prefix)} AND ${side} = ${SERVER_SIDE.src} OR ${receives(prefix)} AND ${side} = ${SERVER_SIDE.dst})`;
}

function servedOf(subject: Subject): Omit<SeenQuery, 'values'> {
  const { condition } = subject;
  const columns = [...condition.columns, 'service', 'serverSide'];
  return { value: 'service', condition: { ...condition, sql: servedSql(subject), columns } };
}

function statement(
  subject: Subject,
  { limit, offset }: { readonly limit: number; readonly offset: number },
  { relation }: Context,
): Statement {
  const [src, dst] = subject.columns;
  const sql = `
WITH every AS (
  SELECT bucket, service, ${servedSql(subject, 'r.')} AS served, r.serverSide = ${SERVER_SIDE.unknown} AS sideless,
    if(r.serverSide = ${SERVER_SIDE.src}, ${groupSql(dst, 'r.')}, ${groupSql(src, 'r.')}) AS client, ${RELATION_FIGURES.join(', ')}
  FROM (${relation.sql}) AS r
), grouped AS (
  SELECT served, service, grouping(service) AS whole, uniqExact(client) AS clients, uniqExact(e.service) AS groups, toUInt32(min(e.bucket)) AS first, toUInt32(max(e.bucket)) AS last, ${relationFiguresSql('e')}
  FROM every AS e WHERE served OR sideless
  GROUP BY GROUPING SETS ((served, service), (served))
), placed AS (
  SELECT *, row_number() OVER (PARTITION BY served, whole ORDER BY bytes DESC, service) AS place FROM grouped
)
SELECT multiIf(NOT served, 'unknown', whole = 1, 'all', 'service') AS part, toString(g.service) AS service, toString(g.clients) AS clients, toString(g.groups) AS groups,
  first, last, ${RELATION_FIGURES.map(name => `g.${name} AS ${name}`).join(', ')}
FROM placed AS g
WHERE whole = 1 OR (served AND place > {offset:UInt32} AND place <= {offset:UInt32} + {limit:UInt32})
ORDER BY part, place`;
  return { sql, params: { ...relation.params, ...subject.condition.params, limit, offset } };
}

/** What is known of the days before a date. */
async function baselineOf(
  storage: Storage,
  { firstS, unelected }: Rows<unknown>,
  { sinceMs, days, by }: { readonly sinceMs: number; readonly days: number; readonly by: Subject['kind'] },
): Promise<Static<typeof Baseline>> {
  const [toS, lengthS] = [Math.floor(sinceMs / 1000), days * DAY_S];
  const window = { fromS: Math.max(0, toS - lengthS), toS, resolutionS: 3600 } as const;
  const [receiving, kept] = await Promise.all([readReceiving(storage, window, firstS), readKept(storage)]);
  const keptS = keptSince(kept, by === 'app' ? 'traffic' : 'pairs', 3600, unelected);
  const coveredShare = secondsOf(inBoth(receiving, [{ fromS: Math.max(keptS, window.fromS), toS }])) / lengthS;
  return {
    since: iso(sinceMs),
    from: iso(window.fromS * 1000),
    coveredShare,
    reaches: coveredShare >= BASELINE_SHARE_MIN,
  };
}

/** A bucket around the date says neither. */
function newSince({ first: { atS, stepS } }: Seen, sinceS: number, reaches: boolean): boolean | null {
  if (atS + stepS <= sinceS) return false;
  return atS >= sinceS && reaches ? true : null;
}

function shapeServices(
  rows: readonly Row[],
  observed: Observed,
  name: NameValue,
  more: (row: Row) => Pick<Service, 'new' | 'seen'>,
): Pick<ServicesAnswer, 'services' | 'serviceCount' | 'rest' | 'total' | 'unknownSide'> {
  const estimated = (sums: Sums | undefined) => estimateOf({ ...(sums ?? NO_SUMS), ...NOT_RANKED }, 'bytes', observed);
  const total = estimated(rows.find(({ part }) => part === 'all'));
  const listed = rows.filter(({ part }) => part === 'service');
  const services = listed.map((row): Service => {
    const service = name(SERVICE, row.service);
    const one = estimated(row);
    const share = one.value !== null && total.value ? one.value / total.value : null;
    return { service, title: serviceTitle(service.name), ...one, share, clients: Number(row.clients), ...more(row) };
  });
  const sum = services.reduce((all, { value }) => all + (value ?? 0), 0);
  return {
    services,
    serviceCount: Number(rows.find(({ part }) => part === 'all')?.groups ?? 0),
    rest: total.value === null ? null : Math.max(0, total.value - sum),
    total,
    unknownSide: estimated(rows.find(({ part }) => part === 'unknown')),
  };
}

const KINDS = {
  serviceKey: 'text',
  service: 'text',
  title: 'text',
  ...ESTIMATE_KINDS,
  share: 'number',
  clients: 'number',
  new: 'text',
  first: 'text',
  firstSec: 'number',
  last: 'text',
  lastSec: 'number',
} as const;

function flatService({ service, seen, new: isNew, ...one }: Service) {
  const { first, firstSec, last, lastSec } = seen;
  const text = isNew === null ? null : String(isNew);
  return { serviceKey: service.key, service: service.name, ...one, new: text, first, firstSec, last, lastSec };
}
