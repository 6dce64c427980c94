// What the questions share that group the rows of a window: what an answer states of its window, and its groups as columns
// of a table.

import { type Metric, UNITS } from '../answers/metric.ts';
import type { FlatRow } from '../http/format-table.ts';
import type { DimensionColumn } from '../sql/dimensions.ts';
import type { Layer } from '../sql/layer.ts';
import type { Observed } from '../sql/metrics-sql.ts';
import type { Rows } from '../sql/tables.ts';
import type { ColumnKinds } from './question.ts';

/** Columns of a table that hold an estimate. */
export const ESTIMATE_KINDS = {
  value: 'number',
  ciLow: 'number',
  ciHigh: 'number',
  samples: 'number',
  method: 'text',
} as const;

export function observedOf({ covered }: Rows<unknown>): Observed {
  return covered
    ? { seconds: covered.toS - covered.fromS, closedBuckets: covered.closedBuckets }
    : { seconds: 1, closedBuckets: 0 };
}

export function aboutWindow({ window, covered, tables, steady }: Rows<unknown>, metric: Metric, layer: Layer) {
  return {
    from: iso(window.fromS * 1000),
    to: iso(window.toS * 1000),
    resolutionSec: window.resolutionS,
    coveredFrom: covered ? iso(covered.fromS * 1000) : null,
    coveredTo: covered ? iso(covered.toS * 1000) : null,
    metric,
    layer,
    unit: UNITS[metric],
    table: tables.join(' + '),
    steady,
  };
}

/** Raw values of the group columns k0, k1 ... of rows. */
export function* rawValues(
  columns: readonly DimensionColumn[],
  rows: readonly { readonly [group: `k${number}`]: string }[],
): Generator<readonly [DimensionColumn, string]> {
  for (const row of rows) for (const [i, column] of columns.entries()) yield [column, row[`k${i}`] || '0'];
}

export function textColumns(columns: readonly DimensionColumn[]): ColumnKinds {
  return Object.fromEntries(
    columns.flatMap(({ name }) => [
      [`${name}Key`, 'text'],
      [name, 'text'],
    ]),
  );
}

/** Key and name of each column; the rest has the name `rest` and no key. */
export function namesOf(columns: readonly DimensionColumn[], keys: readonly { key: string; name: string }[]): FlatRow {
  return Object.fromEntries(
    columns.flatMap(({ name }, i) => [
      [`${name}Key`, keys[i]?.key ?? null],
      [name, keys[i]?.name ?? 'rest'],
    ]),
  );
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}
