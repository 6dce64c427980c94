// The cells of a matrix and its totals, from rows to the answer: estimates, what was lost on the way, how much of a cell
// can be seen, and cells of which nothing was seen.

import { type Static, Type } from 'typebox';
import { protocolTitles } from '../../schemas/protocols.ts';
import { closed, estimate, NullableNumber, Value } from '../answers/answers.ts';
import type { Metric } from '../answers/metric.ts';
import { unseenInterval } from '../estimates/interval.ts';
import { estimateOf, NO_SUMS, type Observed, type Sums, unseenEstimate } from '../sql/metrics-sql.ts';
import { isRanked } from '../sql/ranked.ts';
import type { NameValue } from '../sql/values.ts';
import { Compared } from './comparison.ts';
import type { ExporterRow } from './exporters.ts';
import type { Adjusted } from './loss.ts';
import type { Listed, MatrixQuery, MatrixRow, Orientation } from './matrix-statement.ts';

/** The longest IP packet of a link without jumbo frames. */
const MTU_BYTES = 1500;

const lossAdjusted = NullableNumber(
  `the estimate with what ${protocolTitles(({ lossAdjusted }) => lossAdjusted)} lost on the way added, and what collectors dropped, by exporter and minute; the sample pool of sFlow has its loss before the collector already. null where it is not computed`,
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
    compared: Type.Optional(Compared),
  },
  closed,
);
export const Total = Type.Object({ ...Value.properties, ...estimate, compared: Type.Optional(Compared) }, closed);
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
  readonly largestPointShare: number | null;
  readonly unclassifiedShare: number | null;
  /** The total of a node of which nothing was seen. */
  readonly unseen: Omit<MatrixTotal, 'key' | 'name'>;
}

export function shapeMatrix(
  { rows: rowAxis, columns: columnAxis, metric, orientation, order }: MatrixQuery,
  answer: readonly MatrixRow[],
  listed: Listed,
  observed: Observed,
  name: NameValue,
): MatrixFigures {
  const level = (wanted: MatrixRow['level']) => answer.filter(row => row.level === wanted);
  const estimated = (sums: Sums) => estimateOf(sums, metric, observed);
  const [whole] = level('total');
  const totalOf = (sums: Sums | undefined) => (sums ? estimated(sums) : unseenEstimate(whole, metric, observed));
  const [rowEnd, columnEnd] = [rowAxis.ends[0], columnAxis.ends[1]];
  const cells = level('cell').map(row => ({
    src: name(rowEnd, row.src),
    dst: name(columnEnd, row.dst),
    ...estimated(row),
    lossAdjusted: null,
    coverage: null,
    ...directions(row, metric, orientation, observed.seconds),
  }));
  // A node that only receives is a row too, of zero: rows name every listed node.
  const sent = new Map(level('row').map(row => [row.src, row]));
  const rows = listed.rows.map(raw => ({ ...name(rowEnd, raw), ...totalOf(sent.get(raw)) }));
  const received = order !== 'volume' ? inOrder(level('column'), listed.columns) : level('column');
  const columns = received.map(row => ({ ...name(columnEnd, row.dst), ...estimated(row) }));
  const [inter] = level('inter');
  const total = estimated(whole ?? NO_SUMS);
  const bytes = Number(whole?.bytes ?? 0);
  return {
    cells,
    rows,
    columns,
    unseen: totalOf(undefined),
    nodes: Number(whole?.nodes ?? 0),
    total,
    interTotal: estimated(inter ?? NO_SUMS),
    rest: isRanked(metric) || total.value === null ? null : restOf(total.value, cells),
    unelectedShare: whole && bytes > 0 ? Number(whole.unelectedBytes) / bytes : null,
    largestPointShare: whole && bytes > 0 ? Number(whole.unlearnedBytes) / bytes : null,
    unclassifiedShare: whole && bytes > 0 ? Number(whole.unclassifiedBytes) / bytes : null,
  };
}

function inOrder(rows: readonly MatrixRow[], nodes: readonly string[]): readonly MatrixRow[] {
  const placeOf = new Map(nodes.map((node, place) => [node, place]));
  return rows.toSorted((a, b) => (placeOf.get(a.dst) ?? 0) - (placeOf.get(b.dst) ?? 0));
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

type Node = Pick<MatrixTotal, 'key' | 'name'>;

/** The pairs of the listed nodes of which nothing was seen: nothing was sent, or where no time is covered nobody knows. */
export function unseenCells(
  senders: readonly Node[],
  receivers: readonly Node[],
  seen: readonly MatrixCell[],
  isCovered: boolean,
): MatrixCell[] {
  const known = new Set(seen.map(({ src, dst }) => `${src.key} ${dst.key}`));
  return senders.flatMap(src =>
    receivers
      .filter(dst => !known.has(`${src.key} ${dst.key}`))
      .map(dst => unseenCell(src, dst, { value: isCovered ? 0 : null, ciLow: null, ciHigh: null })),
  );
}

export function unseenCell(
  src: Node,
  dst: Node,
  { value, ciLow, ciHigh }: Pick<MatrixCell, 'value' | 'ciLow' | 'ciHigh'>,
): MatrixCell {
  return {
    src: { key: src.key, name: src.name },
    dst: { key: dst.key, name: dst.name },
    value,
    ciLow,
    ciHigh,
    samples: 0,
    method: 'none',
    lossAdjusted: null,
    coverage: null,
    toServer: null,
    toClient: null,
  };
}

/**
 * What one sampled packet may stand for, in the unit of the metric: the highest current rate times a full packet, or more
 * where more was seen. 0 where nothing is sampled; null where a metric does not add up or no rate is known.
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
  const bytes = Math.max(rate * MTU_BYTES, total?.largestBytes ?? 0);
  return metric === 'avgBps' ? (bytes * 8) / seconds : bytes;
}

/**
 * A cell of which nothing was seen has an upper limit where something would have been. Where no live point sees the pair, nothing
 * is known of it, and 0 would say that it sent nothing.
 */
export function withCoverage(cell: MatrixCell, coverage: number | null, perSample: number | null): MatrixCell {
  if (cell.method !== 'none' || cell.value !== 0) return { ...cell, coverage };
  if (coverage === 0) return { ...cell, value: null, coverage };
  if (coverage === null || perSample === null) return { ...cell, coverage };
  return { ...cell, ...unseenInterval(perSample), coverage };
}
