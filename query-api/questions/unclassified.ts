// Endpoints that no application names, by the reason why, over any window of which records are kept: only records say how an
// end was recognised. Each end of a record is judged by itself; a record counts once, under the reason of the end that says most
// against it, as in `unclassifiedByReason`.

import { type Static, Type } from 'typebox';
import { IDENTITY, MARKS } from '../../schemas/codes.ts';
import type { Storage } from '../../storage/storage.ts';
import { about, closed, estimate, NullableNumber, Value } from '../answers/answers.ts';
import type { FlatRow } from '../http/format-table.ts';
import { columnOrPair } from '../sql/dimensions.ts';
import type { Condition } from '../sql/filter.ts';
import { estimateOf, NO_SUMS, type Sums } from '../sql/metrics-sql.ts';
import { NOT_RANKED } from '../sql/ranked.ts';
import { RELATION_FIGURES, relationFiguresSql } from '../sql/relation.ts';
import { type Context, queryTables, type Statement } from '../sql/tables.ts';
import { AMBIGUOUS_SQL, UNCLASSIFIED_SQL, unnamed } from '../sql/unclassified.ts';
import { type NameValue, nameValues } from '../sql/values.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { UNCLASSIFIED_REASONS } from './accounting.ts';
import { aboutWindow, ESTIMATE_KINDS, observedOf } from './grouped.ts';
import { choice, format, Limit, Offset, window } from './parameters.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion } from './question.ts';
import { totalStatement } from './total.ts';

const Parameters = Type.Object(
  {
    ...window,
    reason: Type.Optional(choice(UNCLASSIFIED_REASONS, { description: 'endpoints of this reason only' })),
    limit: Limit(100, 10_000, 'endpoints listed, the largest first'),
    offset: Offset('endpoints left out before the first one listed: all pages are all endpoints'),
    format,
  },
  closed,
);

const Reason = choice(UNCLASSIFIED_REASONS, {
  description:
    'ambiguous: several machines have the address; unknown-mac: no IP packet, and the inventory does not have the MAC; unknown-address: the inventory does not have the address; stale-inventory: known, by facts that were not confirmed for too long; no-rule: known, and no rule of the applications document covers it',
});
const text = (description: string) => Type.Unsafe<string | null>({ type: ['string', 'null'], description });

export const UnclassifiedAnswer = Type.Object(
  {
    ...about,
    reasons: Type.Array(
      Type.Object(
        {
          reason: Reason,
          ...estimate,
          share: NullableNumber('of all bytes'),
          endpoints: Type.Integer({ description: 'endpoints of this reason; one may have several reasons' }),
        },
        closed,
      ),
      { description: 'every reason, the gravest first; each record counts once, by its graver end' },
    ),
    endpoints: Type.Array(
      Type.Object(
        {
          reason: Reason,
          address: text('null of what is no IP packet; hidden from roles that may not see addresses'),
          mac: text('of what is no IP packet; else null'),
          vm: Type.Union([Value, Type.Null()], { description: 'VM or endpoint of the inventory, where it is known' }),
          node: Type.Object(Value.properties, { ...closed, description: 'what stands for it in a matrix' }),
          ...estimate,
          share: NullableNumber('of all bytes; traffic between two such endpoints is in both'),
        },
        closed,
      ),
      { description: 'the largest first' },
    ),
    endpointCount: Type.Integer({ description: 'endpoints there are, of `reason` where that is stated' }),
    unclassified: Type.Object(estimate, { ...closed, description: 'traffic with such an endpoint, each byte once' }),
    total: Type.Object(estimate, { ...closed, description: 'all traffic of the window' }),
    share: NullableNumber('unclassified of total'),
  },
  closed,
);
export type UnclassifiedAnswer = Static<typeof UnclassifiedAnswer>;

/** Of records: what the reasons and the endpoint of each end are made of. */
const COLUMNS = ['App', 'Vm', 'Addr', 'Mac', 'Identity'].flatMap(name => [`src${name}`, `dst${name}`]);
const UNCLASSIFIED: Condition = { sql: UNCLASSIFIED_SQL, params: {}, columns: ['srcApp', 'dstApp'] };
const EVERYTHING: Condition = { sql: '1', params: {}, columns: [] };

interface Row extends Sums {
  /** 0: a reason; 1: an endpoint; 2: everything unclassified. */
  readonly level: number;
  /** 1 + the place in UNCLASSIFIED_REASONS. */
  readonly why: number;
  readonly addr: string;
  readonly mac: string;
  readonly vm: string;
  readonly app: string;
  readonly endpoints: string;
  readonly wanted: string;
}

export const unclassified = defineQuestion({
  name: 'unclassified',
  right: 'read',
  addresses: ['records'],
  summary: 'Endpoints without an application, by reason, with bytes and share',
  parameters: Parameters,
  answer: UnclassifiedAnswer,
  table: () => ({ kinds: KINDS, keys: ['reason', 'address', 'mac', 'vmKey', 'vm', 'nodeKey', 'node'] }),
  async respond(params, { storage, config, nowMs }) {
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const needs = { requested, metric: 'bytes', layer: 'l3' } as const;
    const [found, whole] = await Promise.all([
      queryTables<Row>(
        storage,
        { ...needs, columns: [...COLUMNS, 'etherType', 'marks'], condition: UNCLASSIFIED },
        nowMs,
        context => statement(params, context),
      ),
      // From the records too, so that both are of the same time.
      queryTables<Sums>(storage, { ...needs, columns: ['etherType'], condition: EVERYTHING }, nowMs, context =>
        totalStatement('bytes', context),
      ),
    ]);
    const [provisional, name] = await Promise.all([
      provisionalIn(storage, found.window),
      nameEndpoints(storage, found.rows),
    ]);
    const observed = observedOf(found);
    const estimated = (sums: Sums | undefined) =>
      estimateOf({ ...(sums ?? NO_SUMS), ...NOT_RANKED }, 'bytes', observed);
    const total = estimated(whole.rows[0]);
    const shareOf = (value: number | null) => (value !== null && total.value ? value / total.value : null);
    const shared = (row: Row | undefined) => {
      const one = estimated(row);
      return { ...one, share: shareOf(one.value) };
    };
    const reasons = UNCLASSIFIED_REASONS.map((reason, i) => {
      const row = found.rows.find(({ level, why }) => level === 0 && why === i + 1);
      return { reason, ...shared(row), endpoints: Number(row?.endpoints ?? 0) };
    });
    const endpoints = found.rows
      .filter(({ level }) => level === 1)
      .map(row => ({ ...shapeEndpoint(row, name), ...shared(row) }));
    const all = found.rows.find(({ level }) => level === 2);
    const { share, ...unclassified } = shared(all);
    return {
      answer: {
        ...aboutWindow(found, { ...needs, provisional, config, nowMs }),
        ...{ reasons, endpoints, endpointCount: Number(all?.wanted ?? 0), unclassified, total, share },
      },
      kinds: KINDS,
      rows: () => endpoints.map(flatEndpoint),
    };
  },
});

const isIp = 'r.etherType IN (0x0800, 0x86dd)';

/** 1 + the place in UNCLASSIFIED_REASONS of an end without an application. */
function whySql(side: 'src' | 'dst'): string {
  return `multiIf(NOT ${unnamed(`r.${side}App`)}, 0, r.${side}App = ${AMBIGUOUS_SQL}, 1, r.${side}Identity = ${IDENTITY.none}, if(${isIp}, 3, 2), bitAnd(r.marks, ${MARKS.stale}) != 0, 4, 5)`;
}

function endSql(side: 'src' | 'dst'): string {
  const [address, mac] = [`if(${isIp}, r.${side}Addr, toIPv6('::'))`, `if(${isIp}, 0, r.${side}Mac)`];
  return `(1, ${side}Why, ${address}, toUInt64(${mac}), r.${side}Vm, r.${side}App)`;
}

/** Each record is its reason, itself and its one or two endpoints: one reading for all. */
function statement(
  { reason, limit, offset }: Pick<Static<typeof Parameters>, 'reason' | 'limit' | 'offset'>,
  { relation }: Context,
): Statement {
  const nobody = "toIPv6('::'), toUInt64(0), toUInt64(0), toUInt64(0)";
  const keys = ['level', 'why', 'addr', 'mac', 'vm', 'app'];
  const sql = `
WITH every AS (
  SELECT ${whySql('src')} AS srcWhy, ${whySql('dst')} AS dstWhy, ${RELATION_FIGURES.map(name => `r.${name} AS ${name}`).join(', ')},
    arrayJoin(arrayDistinct(arrayFilter(part -> part.2 > 0, [
      (0, multiIf(srcWhy = 0, dstWhy, dstWhy = 0, srcWhy, least(srcWhy, dstWhy)), ${nobody}), (2, 1, ${nobody}), ${endSql('src')}, ${endSql('dst')}
    ]))) AS part
  FROM (${relation.sql}) AS r
), summed AS (
  SELECT part.1 AS level, part.2 AS why, part.3 AS addr, part.4 AS mac, part.5 AS vm, part.6 AS app, ${relationFiguresSql('e')}
  FROM every AS e GROUP BY ${keys.join(', ')}
), counted AS (
  SELECT *, countIf(level = 1) OVER (PARTITION BY why) AS endpoints, level = 1 AND ({why:UInt8} = 0 OR why = {why:UInt8}) AS isWanted,
    countIf(isWanted) OVER () AS wanted, row_number() OVER (PARTITION BY level, isWanted ORDER BY bytes DESC, why, addr, mac, vm, app) AS place
  FROM summed
)
SELECT toUInt8(level) AS level, toUInt8(why) AS why, toString(c.addr) AS addr, toString(c.mac) AS mac, toString(c.vm) AS vm, toString(c.app) AS app,
  toString(c.endpoints) AS endpoints, toString(c.wanted) AS wanted, ${RELATION_FIGURES.map(name => `c.${name} AS ${name}`).join(', ')}
FROM counted AS c
WHERE level != 1 OR (isWanted AND place > {offset:UInt32} AND place <= {offset:UInt32} + {limit:UInt32})
ORDER BY c.level, place`;
  const why = reason === undefined ? 0 : UNCLASSIFIED_REASONS.indexOf(reason) + 1;
  return { sql, params: { ...relation.params, why, limit, offset } };
}

const column = (name: string) => columnOrPair(name)![0]!;
const [VM, NODE, ADDRESS, MAC] = [column('srcVm'), column('srcApp'), column('srcAddr'), column('srcMac')] as const;

function nameEndpoints(storage: Storage, rows: readonly Row[]): Promise<NameValue> {
  return nameValues(
    storage,
    rows.flatMap(({ vm, app }) => [[VM, vm] as const, [NODE, app] as const]),
  );
}

function shapeEndpoint({ why, addr, mac, vm, app }: Row, name: NameValue) {
  return {
    reason: UNCLASSIFIED_REASONS[why - 1]!,
    address: addr === '::' ? null : name(ADDRESS, addr).key,
    mac: mac === '0' ? null : name(MAC, mac).key,
    vm: vm === '0' ? null : name(VM, vm),
    node: name(NODE, app),
  };
}

const KINDS = {
  reason: 'text',
  address: 'text',
  mac: 'text',
  vmKey: 'text',
  vm: 'text',
  nodeKey: 'text',
  node: 'text',
  ...ESTIMATE_KINDS,
  share: 'number',
} as const;

function flatEndpoint({ vm, node, ...one }: UnclassifiedAnswer['endpoints'][number]): FlatRow {
  return { ...one, vmKey: vm?.key ?? null, vm: vm?.name ?? null, nodeKey: node.key, node: node.name };
}
