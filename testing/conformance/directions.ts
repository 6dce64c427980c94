// Rows of records that report both directions of a conversation, against an oracle that reports them in one.

import type { Row, Value } from '../data/datagrams.ts';

/**
 * Splits rows into those of the records expected, in their order, and the rows between them, which report the other
 * direction of a record.
 */
export function splitReverse(
  rows: readonly Row[],
  expected: readonly Readonly<Record<string, Value | undefined>>[],
  leftOut: readonly string[] = [],
): { readonly forward: Row[]; readonly reverse: Row[] } {
  const forward: Row[] = [];
  const reverse: Row[] = [];
  for (const row of rows) {
    const next = expected[forward.length];
    const same = (column: string) =>
      next?.[column] === undefined || next[column] === row[column] || leftOut.includes(column);
    const ahead = next !== undefined && ['srcAddr', 'dstAddr', 'srcPort', 'inIf'].every(same);
    (ahead ? forward : reverse).push(row);
  }
  return { forward, reverse };
}
