// What belongs to cells beside their sums: what was lost on the way, how much of them can be seen, and cells of which
// nothing was seen.

import type { MatrixCell, MatrixTotal } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { unseenInterval } from '../estimates/interval.ts';
import { isRanked } from '../sql/metrics-sql.ts';
import type { ExporterRow } from './exporters.ts';
import type { Adjusted } from './loss.ts';
import type { MatrixRow } from './matrix.ts';

/** `rows` are those that the cells were made of, in their order. */
export function withLoss(cells: readonly MatrixCell[], rows: readonly MatrixRow[], adjusted: Adjusted): MatrixCell[] {
  const own = rows.filter(row => row.level === 'cell');
  return cells.map((cell, i) => {
    const { src, dst } = own[i]!;
    const lossAdjusted = adjusted.nothingLost ? cell.value : (adjusted.cells?.get(`${src} ${dst}`) ?? null);
    return { ...cell, lossAdjusted };
  });
}

/** The pairs of the nodes told of which nothing was seen. */
export function unseenCells(nodes: readonly MatrixTotal[], seen: readonly MatrixCell[]): MatrixCell[] {
  const known = new Set(seen.map(({ src, dst }) => `${src.key} ${dst.key}`));
  return nodes.flatMap(src =>
    nodes
      .filter(dst => !known.has(`${src.key} ${dst.key}`))
      .map(
        (dst): MatrixCell => ({
          src: { key: src.key, name: src.name },
          dst: { key: dst.key, name: dst.name },
          value: 0,
          ciLow: null,
          ciHigh: null,
          samples: 0,
          method: 'none',
          lossAdjusted: null,
          coverage: null,
          toServer: null,
          toClient: null,
        }),
      ),
  );
}

/**
 * What stands behind one sampled packet, in the unit of the metric: the highest rate in force times the mean size of a
 * packet. 0 where nothing is sampled; null where a metric does not add up or no rate is known.
 */
export function perSampleOf(
  rows: readonly MatrixRow[],
  exporters: readonly ExporterRow[],
  metric: Metric,
  seconds: number,
): number | null {
  const rates = exporters.map(exporter => exporter.rate);
  if (isRanked(metric) || rates.length === 0 || rates.includes(0)) return null;
  const rate = Math.max(...rates);
  if (rate <= 1) return 0;
  if (metric === 'packets') return rate;
  const total = rows.find(row => row.level === 'total');
  if (!total || Number(total.packets) === 0) return null;
  const bytes = (rate * Number(total.bytes)) / Number(total.packets);
  return metric === 'avgBps' ? (bytes * 8) / seconds : bytes;
}

/** A cell of which nothing was seen has an upper limit where something would have been. */
export function withCoverage(cell: MatrixCell, coverage: number | null, perSample: number | null): MatrixCell {
  if (cell.method !== 'none' || cell.value > 0) return { ...cell, coverage };
  if (coverage === null || coverage === 0 || perSample === null) return { ...cell, coverage };
  return { ...cell, ...unseenInterval(perSample), coverage };
}
