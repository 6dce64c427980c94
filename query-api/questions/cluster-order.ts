// Rows and columns of a matrix arranged so that blocks that talk to each other stand together. Only what is listed is
// arranged: which nodes these are is by volume, as without it.

import { graphOf } from '../../analysis/grouping/agglomeration.ts';
import { leafOrder } from '../../analysis/grouping/leaf-order.ts';
import type { MatrixCell, MatrixFigures } from './cells.ts';

/** Nodes are one for both ways where the ways list the same ones; else a row and a column are nodes of their own. */
export function inClusterOrder<F extends Pick<MatrixFigures, 'cells' | 'rows' | 'columns'>>(
  figures: F,
  isSquare: boolean,
): F {
  const { cells, rows, columns } = figures;
  const column = (key: string) => (isSquare ? key : ` ${key}`);
  // By key, so that the order of equal blocks does not depend on the order of the cells.
  const names = [...new Set([...rows.map(({ key }) => key), ...columns.map(({ key }) => column(key))])].sort();
  const numbers = new Map(names.map((name, i) => [name, i]));
  const pairs = cells.map(
    ({ src, dst, value }: MatrixCell) =>
      [numbers.get(src.key) ?? -1, numbers.get(column(dst.key)) ?? -1, value ?? 0] as const,
  );
  const known = pairs.filter(([a, b, weight]) => a >= 0 && b >= 0 && weight > 0);
  const place = new Map(leafOrder(graphOf(names.length, known)).map((node, at) => [names[node]!, at]));
  const placed = <N extends { readonly key: string }>(nodes: readonly N[], name: (key: string) => string) =>
    nodes.toSorted((a, b) => place.get(name(a.key))! - place.get(name(b.key))!);
  return { ...figures, rows: placed(rows, key => key), columns: placed(columns, column) };
}
