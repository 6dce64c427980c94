// The rows of a query: one relation with a bucket, the requested columns, and the sums that are counted once.
//
// Elected traffic comes from roll-ups and simply adds up. Unelected traffic is kept by pair and observation point;
// unelected.ts says which of it counts.

import { ELECTED_SQL } from '../../storage/tables/elections.ts';
import { pairsSelectSql } from '../../storage/tables/pairs.ts';
import { FIGURES, figuresSql, spreadSql } from '../../storage/tables/spread.ts';
import { storedColumns, withDerived } from './derived.ts';
import type { Condition } from './filter.ts';
import { type Layer, MEETS_WINDOW, VOLUMES } from './layer.ts';
import { type Choices, DOUBTS, NO_DOUBT, unelectedSql } from './unelected.ts';
import {
  ARRIVED,
  BUCKET_IN_WINDOW,
  carriedOf,
  figuresOf,
  IN_WINDOW,
  NOT_ROLLED_UP,
  type Source,
  statedSql,
  windowParams,
} from './unelected-rows.ts';
import type { Window } from './window.ts';

export interface Relation {
  readonly sql: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly tables: readonly string[];
}

export interface RelationOptions {
  readonly source: Source;
  readonly window: Window;
  readonly columns: readonly string[];
  readonly condition: Condition;
  /** Undefined where no unelected traffic takes part. */
  readonly choices: Choices | undefined;
  readonly rolledUpUntilS: number;
  /** Layer 2 is read from the records only. */
  readonly layer: Layer;
  /** From the records only: by minute of arrival as well (`arrived`), with `squares` and `largestRecord` (storage/tables/spread.ts). */
  readonly arrival?: boolean;
}

const SUFFIX = { 60: '1m', 300: '5m', 3600: '1h' } as const;

/** What is read of a relation: the figures of roll-ups, and what may be wrong with the choice of unelected traffic. */
export const RELATION_FIGURES = [...FIGURES, ...DOUBTS] as const;

/** The same of a group of rows. */
export function relationFiguresSql(table: string): string {
  return [figuresSql(table), ...DOUBTS.map(name => `sum(${table}.${name}) AS ${name}`)].join(', ');
}

/**
 * The relation has bucket, the columns, RELATION_FIGURES, `unelected` (1 where no rule named a point) and `unlearned` (1
 * where nothing was learned either).
 */
export function relationOf(given: RelationOptions): Relation {
  const options = { ...given, columns: storedColumns(given.columns) };
  const { source, columns, condition, layer, choices, arrival = false } = options;
  const elected = electedParts(options);
  const own = { ...condition.params, ...windowParams(options) };
  if (!choices)
    return {
      sql: withDerived(elected.parts.join('\nUNION ALL\n'), given.columns),
      params: own,
      tables: elected.tables,
    };
  const unelected = unelectedSql({ source, layer, columns, condition: condition.sql, arrival }, choices);
  const tables = source === 'flows' ? ['flows'] : ['unelected_5m', 'flows'];
  return {
    sql: withDerived([...elected.parts, unelected].join('\nUNION ALL\n'), given.columns),
    params: { ...own, ...choices.params },
    tables: [...new Set([...elected.tables, ...tables])],
  };
}

interface Part {
  readonly parts: readonly string[];
  readonly tables: readonly string[];
}

function electedParts({ source, window, columns, condition, layer, arrival = false }: RelationOptions): Part {
  const selected = [
    'bucket',
    ...columns,
    ...carriedOf(arrival),
    ...figuresOf(arrival).map(statedSql),
    NO_DOUBT,
    '0 AS unelected',
    '0 AS unlearned',
  ].join(', ');
  const select = (from: string, where: string) => `SELECT ${selected} FROM ${from} WHERE ${where} AND ${condition.sql}`;
  const suffix = SUFFIX[window.resolutionS];
  if (source === 'traffic') return { parts: [select(`traffic_${suffix}`, IN_WINDOW)], tables: [`traffic_${suffix}`] };
  if (source === 'cells') return { parts: [select('cells_5m', IN_WINDOW)], tables: ['cells_5m'] };
  if (source === 'pairs') {
    const table = `pairs_${window.resolutionS === 3600 ? '1h' : '5m'}`;
    return {
      parts: [
        select(table, IN_WINDOW),
        select(`(${pairsSelectSql(`${NOT_ROLLED_UP} AND ${MEETS_WINDOW}`)})`, BUCKET_IN_WINDOW),
      ],
      tables: [table, 'flows'],
    };
  }
  const spread = spreadSql({
    stepSeconds: window.resolutionS,
    from: 'flows',
    where: `${ELECTED_SQL} AND ${MEETS_WINDOW}`,
    keys: arrival ? [...columns, ARRIVED] : columns,
    volume: VOLUMES[layer].counted,
    squares: arrival,
  });
  return { parts: [select(`(${spread})`, BUCKET_IN_WINDOW)], tables: ['flows'] };
}
