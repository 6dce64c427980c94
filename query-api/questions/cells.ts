// The cells of a matrix and its totals, from rows to the answer: estimates, what was lost on the way, how much of a cell
// can be seen, and cells of which nothing was seen.

import { type Static, Type } from 'typebox';
import { protocolTitles } from '../../schemas/protocols.ts';
import { closed, estimate, NullableNumber, Value } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { unseenInterval } from '../estimates/interval.ts';
import { estimateOf, type Observed, type Sums } from '../sql/metrics-sql.ts';
import { isRanked, NOT_RANKED } from '../sql/ranked.ts';
import type { NameValue } from '../sql/values.ts';
import type { ExporterRow } from './exporters.ts';
import type { Adjusted } from './loss.ts';
import type { MatrixQuery, MatrixRow, Orientation } from './matrix-statement.ts';

const lossAdjusted = NullableNumber(
  `the estimate with what ${protocolTitles(({ lossAdjusted }) => lossAdjusted)} lost on the way added, by exporter and minute; the sample pool of sFlow has its loss already. null where it is not computed`,
);
export const Cell = Type.Object(
  {
    src: Value,
    dst: Value,
    ...estimate,
    lossAdjusted,
    coverage: NullableNumber(
      'share of the running (VM in src, VM in dst) pairs with a live canonical point; the interval speaks of these. null without inventory',
    ),
    toServer: NullableNumber('orientation=client: client to server'),
    toClient: NullableNumber('orientation=client: server to client'),
  },
  closed,
);
export const Total = Type.Object({ ...Value.properties, ...estimate }, closed);
export type MatrixCell = Static<typeof Cell>;
export type MatrixTotal = Static<typeof Total>;

export interface MatrixFigures {
  readonly cells: MatrixCell[];
  readonly rows: MatrixTotal[];
  readonly columns: MatrixTotal[];
  readonly nodes: number;
  readonly total: Omit<MatrixTotal, 'key' | 'name'>;
  readonly interTotal: Omit<MatrixTotal, 'key' | 'name'>;
  readonly rest: number | null;
  readonly unelectedShare: number | null;
  readonly unclassifiedShare: number | null;
}

const NOTHING: Sums = { bytes: 0, packets: 0, varBytes: 0, samples: 0, records: 0, ...NOT_RANKED };

export function shapeMatrix(
  { pair, metric, orientation }: MatrixQuery,
  answer: readonly MatrixRow[],
  observed: Observed,
  name: NameValue,
): MatrixFigures {
  const level = (wanted: MatrixRow['level']) => answer.filter(row => row.level === wanted);
  const estimated = (sums: Sums) => estimateOf(sums, metric, observed);
  const cells = level('cell').map(row => ({
    src: name(pair[0], row.src),
    dst: name(pair[1], row.dst),
    ...estimated(row),
    lossAdjusted: null,
    coverage: null,
    ...directions(row, metric, orientation, observed.seconds),
  }));
  const rows = level('row').map(row => ({ ...name(pair[0], row.src), ...estimated(row) }));
  const columns = level('column').map(row => ({ ...name(pair[1], row.dst), ...estimated(row) }));
  const [whole] = level('total');
  const [inter] = level('inter');
  const total = estimated(whole ?? NOTHING);
  const bytes = Number(whole?.bytes ?? 0);
  return {
    cells,
    rows: withPeers(rows, columns, estimated(NOTHING)),
    columns,
    nodes: Number(whole?.nodes ?? 0),
    total,
    interTotal: estimated(inter ?? NOTHING),
    rest: isRanked(metric) ? null : restOf(total.value ?? 0, cells),
    unelectedShare: whole && bytes > 0 ? Number(whole.unelectedBytes) / bytes : null,
    unclassifiedShare: whole && bytes > 0 ? Number(whole.unclassifiedBytes) / bytes : null,
  };
}

/** A node that only receives is a row too, of zero: rows name every listed node. */
function withPeers(
  rows: readonly MatrixTotal[],
  columns: readonly MatrixTotal[],
  nothing: Omit<MatrixTotal, 'key' | 'name'>,
): MatrixTotal[] {
  const received = new Map(columns.map(column => [column.key, column.value ?? 0]));
  const sent = new Set(rows.map(row => row.key));
  const silent = columns.filter(column => !sent.has(column.key)).map(({ key, name }) => ({ key, name, ...nothing }));
  const size = (node: MatrixTotal) => Math.max(node.value ?? 0, received.get(node.key) ?? 0);
  return [...rows, ...silent].sort((a, b) => size(b) - size(a) || (a.key < b.key ? -1 : 1));
}

function restOf(total: number, cells: readonly MatrixCell[]): number {
  return Math.max(0, total - cells.reduce((sum, cell) => sum + (cell.value ?? 0), 0));
}

function directions(
  row: MatrixRow,
  metric: Metric,
  orientation: Orientation,
  seconds: number,
): Pick<MatrixCell, 'toServer' | 'toClient'> {
  if (orientation === 'sender' || isRanked(metric)) return { toServer: null, toClient: null };
  const scale = metric === 'avgBps' ? 8 / seconds : 1;
  const [all, back] = metric === 'packets' ? [row.packets, row.toClientPackets] : [row.bytes, row.toClientBytes];
  return { toServer: (Number(all) - Number(back)) * scale, toClient: Number(back) * scale };
}

/** `rows` are those that the cells were made of, in their order. */
export function withLoss(cells: readonly MatrixCell[], rows: readonly MatrixRow[], adjusted: Adjusted): MatrixCell[] {
  const own = rows.filter(row => row.level === 'cell');
  return cells.map((cell, i) => {
    const { src, dst } = own[i]!;
    const lossAdjusted = adjusted.nothingLost ? cell.value : (adjusted.cells?.get(`${src} ${dst}`) ?? null);
    return { ...cell, lossAdjusted };
  });
}

/** The pairs of the listed nodes of which nothing was seen. */
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
 * What stands behind one sampled packet, in the unit of the metric: the highest current rate times the mean size of a
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
  if (cell.method !== 'none' || cell.value !== 0) return { ...cell, coverage };
  if (coverage === null || coverage === 0 || perSample === null) return { ...cell, coverage };
  return { ...cell, ...unseenInterval(perSample), coverage };
}
