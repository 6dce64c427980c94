// How far traffic goes: inside a vSwitch, a host, a rack, across racks, across sites, to the outside; of everything, or of each
// application, VM, host or rack. Traffic between two nodes belongs to both of them, and counts once where they are one.

import { type Static, Type } from 'typebox';
import { LOCALITIES } from '../../schemas/codes.ts';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, estimate, NullableNumber, Value } from '../answers/answers.ts';
import { type DimensionColumn, groupColumns, groupSql, PAIR_NAMES, pairOf } from '../sql/dimensions.ts';
import { addSums, estimateOf, NO_SUMS, type Observed, type Sums } from '../sql/metrics-sql.ts';
import { NOT_RANKED } from '../sql/ranked.ts';
import { RELATION_FIGURES, relationFiguresSql } from '../sql/relation.ts';
import { type Context, queryTables, type Statement } from '../sql/tables.ts';
import { conditionOf, type NameValue, nameValues } from '../sql/values.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { aboutWindow, ESTIMATE_KINDS, observedOf } from './grouped.ts';
import { overallCoverage } from './overall-coverage.ts';
import { choice, filter, format, Limit, layer, window } from './parameters.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion } from './question.ts';

const Parameters = Type.Object(
  {
    ...window,
    by: Type.String({
      default: 'app',
      maxLength: 64,
      description: `whose traffic is listed: one of ${PAIR_NAMES.join(', ')}`,
      examples: ['app', 'host', 'rack'],
    }),
    metric: choice(['bytes', 'packets', 'avgBps'], { default: 'bytes', description: 'avgBps: over the observed time' }),
    layer,
    filter,
    limit: Limit(50, 1000, 'nodes listed, the largest first'),
    format,
  },
  closed,
);
type Metric = Static<typeof Parameters>['metric'];

const Part = Type.Object(
  {
    locality: Type.Enum([...LOCALITIES] as unknown as typeof LOCALITIES, {
      description: 'the nearest place that both ends share; unknown where the inventory does not place an end',
    }),
    ...estimate,
    share: NullableNumber('of the traffic of this node, or of all'),
  },
  closed,
);
type Part = Static<typeof Part>;

export const LocalityAnswer = Type.Object(
  {
    ...about,
    by: Type.String(),
    parts: Type.Array(Part, { description: 'of all traffic, each locality once' }),
    total: Type.Object(estimate, closed),
    nodes: Type.Array(
      Type.Object(
        {
          node: Value,
          total: Type.Object(estimate, { ...closed, description: 'what it sends and receives' }),
          parts: Type.Array(Part, { description: 'localities that were seen' }),
        },
        closed,
      ),
      { description: 'the largest first; what goes from one node to another is in both' },
    ),
    nodeCount: Type.Integer({ description: 'nodes there are' }),
    coverage: NullableNumber(
      'of the pairs of running VMs and the covered time, the share with a live canonical point; what stays inside a host is missing most, where it is below 1',
    ),
  },
  closed,
);
export type LocalityAnswer = Static<typeof LocalityAnswer>;

interface LocalityRow extends Sums {
  /** 1 for the traffic of all nodes together. */
  readonly whole: number;
  readonly node: string;
  readonly locality: number;
  readonly nodes: string;
}

const KINDS = { nodeKey: 'text', node: 'text', locality: 'text', ...ESTIMATE_KINDS, share: 'number' } as const;

export const locality = defineQuestion({
  name: 'locality',
  right: rightForColumns,
  summary: 'How far traffic goes: same vSwitch, host, rack, across racks and sites, external',
  parameters: Parameters,
  answer: LocalityAnswer,
  table: () => ({ kinds: KINDS, keys: ['nodeKey', 'node', 'locality'] }),
  async respond(params, { storage, advisor, config, nowMs }) {
    const { by, metric, limit } = params;
    const pair = pairOf('by', by);
    const condition = await conditionOf(storage, params.filter);
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const columns = [...groupColumns(pair), 'locality'];
    const needs = { requested, metric, layer: params.layer, columns, condition };
    const found = await queryTables<LocalityRow>(storage, needs, nowMs, context => statement(pair, limit, context));
    const name = await nameValues(
      storage,
      found.rows.filter(({ whole }) => whole === 0).map(({ node }) => [pair[0], node] as const),
    );
    const provisional = await provisionalIn(storage, found.window);
    const coverage = await overallCoverage({ storage, advisor, nowMs }, found);
    const shaped = shapeLocality(found.rows, pair[0], metric, observedOf(found), name);
    return {
      answer: { ...aboutWindow(found, { ...params, provisional, config, nowMs }), by, ...shaped, coverage },
      kinds: KINDS,
      rows: () => [
        ...shaped.parts.map(part => ({ nodeKey: null, node: 'all', ...part })),
        ...shaped.nodes.flatMap(({ node, parts }) =>
          parts.map(part => ({ nodeKey: node.key, node: node.name, ...part })),
        ),
      ],
    };
  },
});

function statement(pair: readonly [DimensionColumn, DimensionColumn], limit: number, { relation }: Context): Statement {
  const [src, dst] = pair.map(column => groupSql(column, 'r.')) as [string, string];
  const sql = `
WITH every AS (
  SELECT locality, ${src} AS sender, ${dst} AS receiver, ${RELATION_FIGURES.join(', ')} FROM (${relation.sql}) AS r
), cells AS (
  SELECT locality, sender, receiver, ${relationFiguresSql('e')} FROM every AS e GROUP BY locality, sender, receiver
), named AS (
  SELECT arrayJoin(arrayDistinct([sender, receiver])) AS node, * FROM cells
), parts AS (
  SELECT 0 AS whole, node, locality, ${relationFiguresSql('n')} FROM named AS n GROUP BY node, locality
), sized AS (
  SELECT *, sum(p.bytes) OVER (PARTITION BY node) AS size FROM parts AS p
), placed AS (
  SELECT *, dense_rank() OVER (ORDER BY size DESC, node) AS place FROM sized
)
SELECT * FROM (
  SELECT 1 AS whole, '' AS node, toUInt8(locality) AS locality, ${RELATION_FIGURES.map(name => `c.${name} AS ${name}`).join(', ')}, '0' AS nodes, toUInt64(0) AS place
  FROM (SELECT locality, ${relationFiguresSql('c')} FROM cells AS c GROUP BY locality) AS c
  UNION ALL
  SELECT 0 AS whole, toString(q.node) AS node, toUInt8(q.locality) AS locality, ${RELATION_FIGURES.map(name => `q.${name} AS ${name}`).join(', ')}, toString(max(q.place) OVER ()) AS nodes, q.place AS place
  FROM placed AS q
) WHERE place <= {limit:UInt32}
ORDER BY whole DESC, place, locality`;
  return { sql, params: { ...relation.params, limit } };
}

function shapeLocality(
  rows: readonly LocalityRow[],
  column: DimensionColumn,
  metric: Metric,
  observed: Observed,
  name: NameValue,
): Pick<LocalityAnswer, 'parts' | 'total' | 'nodes' | 'nodeCount'> {
  const all = rows.filter(({ whole }) => whole === 1);
  const nodes = [
    ...Map.groupBy(
      rows.filter(({ whole }) => whole === 0),
      ({ node }) => node,
    ),
  ];
  return {
    ...partsOf(
      LOCALITIES.map((_, code) => all.find(row => row.locality === code) ?? { ...NO_SUMS, locality: code }),
      metric,
      observed,
    ),
    nodes: nodes.map(([node, own]) => ({ node: name(column, node), ...partsOf(own, metric, observed) })),
    nodeCount: Number(rows.find(({ whole }) => whole === 0)?.nodes ?? 0),
  };
}

function partsOf(
  rows: readonly (Sums & { readonly locality: number })[],
  metric: Metric,
  observed: Observed,
): { readonly parts: Part[]; readonly total: Static<typeof LocalityAnswer>['total'] } {
  const total = estimateOf(rows.reduce(addSums, NO_SUMS), metric, observed);
  const parts = rows.map(row => {
    const one = estimateOf({ ...row, ...NOT_RANKED }, metric, observed);
    const share = one.value !== null && total.value ? one.value / total.value : null;
    return { locality: LOCALITIES[row.locality] ?? 'unknown', ...one, share };
  });
  return { parts, total };
}
