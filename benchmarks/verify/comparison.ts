// The application matrix beside the truth, cell by cell, and the report of what differs. Cells that nobody samples must
// agree to the byte; the interval that the API states for a sampled cell must contain the truth.

import type { Truth } from '../load/truth.ts';

/** What a matrix is compared with, of either version. */
export type MatrixTruth = Pick<Truth, 'from' | 'to' | 'applications'> & {
  /** Bytes in records that were lost on the way: at most so much may be missing. */
  readonly lostBytes?: number;
};

/** The part of the API's matrix answer that is compared. */
export interface MatrixAnswer {
  readonly cells: readonly {
    readonly src: { readonly name: string };
    readonly dst: { readonly name: string };
    readonly value: number;
    readonly ciLow: number | null;
    readonly ciHigh: number | null;
  }[];
}

export interface ComparedCell {
  readonly src: string;
  readonly dst: string;
  /** Bytes sent; 0 for a surplus cell. */
  readonly truth: number;
  /** Bytes in the answer; 0 for a missing cell. */
  readonly measured: number;
  readonly ciLow: number;
  readonly ciHigh: number;
  readonly samplingRate: number;
  readonly holds: boolean;
}

export interface Comparison {
  readonly cells: readonly ComparedCell[];
  readonly missing: number;
  readonly surplus: number;
  readonly sampledInside: number;
  readonly sampled: number;
  readonly holds: boolean;
}

const CELLS_SHOWN_MAX = 15;
/** The API states 95 % intervals. */
const OUTSIDE_SHARE = 0.05;
/** Nothing sampled of so many packets over N is within the interval of nothing seen: -ln(0.025). */
const UNSEEN_PACKETS_MAX = 3.6889;

export function compare(truth: MatrixTruth, answer: MatrixAnswer, tolerance: number): Comparison {
  // Lost records make some cells smaller, never larger.
  const isLost = (bytes: number) => bytes > 0 && bytes <= (truth.lostBytes ?? 0);
  const measured = new Map(answer.cells.map(cell => [nameOf(cell.src.name, cell.dst.name), cell]));
  const cells = truth.applications.map((cell): ComparedCell => {
    const name = nameOf(cell.src, cell.dst);
    const found = measured.get(name);
    measured.delete(name);
    const value = Number(found?.value ?? 0);
    // A cell without an interval claims nothing, so it does not hold; a cell that is not in the answer claims zero.
    const ciLow = Number(found ? (found.ciLow ?? Number.NaN) : value);
    const ciHigh = Number(found ? (found.ciHigh ?? Number.NaN) : value);
    const { src, dst, bytes, packets, samplingRate } = cell;
    const holds =
      samplingRate === 1
        ? Math.abs(value - bytes) <= tolerance * bytes || isLost(bytes - value)
        : found
          ? ciLow <= bytes && bytes <= ciHigh
          : packets <= UNSEEN_PACKETS_MAX * samplingRate;
    return { src, dst, truth: bytes, measured: value, ciLow, ciHigh, samplingRate, holds };
  });
  const missing = cells.filter(cell => cell.measured === 0 && !cell.holds).length;
  const surplus = [...measured.values()].filter(cell => Number(cell.value) !== 0);
  for (const { src, dst, value } of surplus) {
    cells.push({
      src: src.name,
      dst: dst.name,
      truth: 0,
      measured: Number(value),
      ciLow: Number(value),
      ciHigh: Number(value),
      samplingRate: 1,
      holds: false,
    });
  }
  const sampled = cells.filter(cell => cell.samplingRate > 1);
  const sampledInside = sampled.filter(cell => cell.holds).length;
  return {
    cells,
    missing,
    surplus: surplus.length,
    sampled: sampled.length,
    sampledInside,
    holds:
      cells.every(cell => cell.holds || cell.samplingRate > 1) &&
      sampled.length - sampledInside <= outsideMax(sampled.length),
  };
}

const nameOf = (src: string, dst: string) => `${src}\n${dst}`;

/** How many of `cells` 95 % intervals may miss: the mean and three standard deviations of a binomial. */
function outsideMax(cells: number): number {
  return Math.floor(OUTSIDE_SHARE * cells + 3 * Math.sqrt(OUTSIDE_SHARE * (1 - OUTSIDE_SHARE) * cells));
}

export function report({ cells, missing, surplus, sampled, sampledInside, holds }: Comparison): string[] {
  const lines: string[] = [];
  const wrong = cells
    .filter(cell => !cell.holds)
    .sort((a, b) => Math.abs(b.measured - b.truth) - Math.abs(a.measured - a.truth));
  if (wrong.length > 0) {
    const rows = wrong
      .slice(0, CELLS_SHOWN_MAX)
      .map(cell => [
        cell.src,
        cell.dst,
        String(cell.truth),
        String(cell.measured),
        String(cell.measured - cell.truth),
        remarkOf(cell),
      ]);
    lines.push(...table([['source', 'destination', 'truth', 'measured', 'difference', ''], ...rows]));
    if (wrong.length > rows.length) lines.push(`and ${wrong.length - rows.length} more cells`);
  }
  if (sampled > 0)
    lines.push(
      `verify: ${sampledInside} of ${sampled} sampled cells lie in their interval, ${sampled - sampledInside} outside (at most ${outsideMax(sampled)} allowed)`,
    );
  const unsampled = cells.filter(cell => cell.samplingRate === 1);
  const bytes = unsampled.reduce((sum, cell) => sum + cell.truth, 0);
  const exact = unsampled.filter(cell => cell.measured === cell.truth).length;
  if (exact === unsampled.length && (exact > 0 || sampled === 0))
    lines.push(`verify: every unsampled cell equals the truth to the byte (${exact} cells, ${bytes} B)`);
  else if (unsampled.length > 0)
    lines.push(
      `verify: ${exact} of ${unsampled.length} unsampled cells equal the truth to the byte; ${missing} missing, ${surplus} surplus`,
    );
  if (!holds) lines.push('verify: does not hold');
  return lines;
}

function remarkOf(cell: ComparedCell): string {
  if (cell.truth === 0) return 'surplus';
  if (cell.measured === 0) return 'missing';
  return cell.samplingRate > 1
    ? `interval ${cell.ciLow} to ${cell.ciHigh}`
    : `${(((cell.measured - cell.truth) / cell.truth) * 100).toFixed(3)} %`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return rows.map(row =>
    row
      .map((text, column) =>
        column >= 2 && column <= 4 ? text.padStart(widths[column]!) : text.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
}
