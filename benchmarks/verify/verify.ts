// `hairpin verify`: asks a running Hairpin for the application matrix of a load and compares it with the truth. Cells
// that nobody samples must agree to the byte, sampled ones must lie in the interval the API states for them.

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Truth, truthChecker } from '../load/truth.ts';
import { type TruthV2, truthV2Checker } from '../simulation/truth.ts';
import {
  type CoverageAnswer,
  judgeCoverage,
  judgeMinute,
  judgeStrata,
  judgeTotal,
  matrixTruthOf,
  type Verdict,
} from './judge.ts';

/** What a matrix is compared with, of either version. */
export type MatrixTruth = Pick<Truth, 'from' | 'to' | 'applications'> & {
  /** Bytes told by records that were lost on the way: so much may be missing. */
  readonly lostBytes?: number;
};

export interface VerifyOptions {
  /** File written by `hairpin load --truth`, or the truth itself, of either version. */
  readonly truth: string | Truth | TruthV2;
  /** Where Hairpin answers: http://127.0.0.1:8080 */
  readonly api: string;
  /** Sent with each question: `authorization`, where tokens are needed. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Relative difference allowed to unsampled cells, for loads that lose datagrams on purpose. */
  readonly tolerance?: number;
  /** How long answers may go on changing. */
  readonly settleMsMax?: number;
  /** Time between two questions; longer than a batch may wait. */
  readonly pollMs?: number;
  /** Takes each line of the report. */
  readonly print?: (line: string) => void;
}

/** Answers to a path of the API. */
type Get = (path: string) => Promise<Response>;

export interface VerifyResult {
  /** 0 only when everything holds. */
  readonly exitCode: 0 | 1;
  readonly comparison: Comparison | undefined;
}

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

const POLL_MS = 1500;
const SETTLE_MS_MAX = 30_000;
/** So many equal answers in a row, once everything decoded is accounted for, are the last word. */
const EQUAL_ANSWERS_MIN = 3;
/** The most the API tells; a load has at most 190 applications. */
const NODES_MAX = 200;
const CELLS_SHOWN_MAX = 15;
/** Questions about single minutes, and pairs asked for. */
const MINUTES_MAX = 60;
const PAIRS_MAX = 10_000;
/** The API states 95 % intervals. */
const OUTSIDE_SHARE = 0.05;
/** Nothing sampled of so many packets over N is no fault: the one-sided 95 % limit (rule of three). */
const UNSEEN_PACKETS_MAX = 3;

export async function verify({
  truth: given,
  api,
  headers = {},
  tolerance = 0,
  settleMsMax = SETTLE_MS_MAX,
  pollMs = POLL_MS,
  print = console.log,
}: VerifyOptions): Promise<VerifyResult> {
  const get: Get = path => {
    const url = api.replace(/\/+$/, '') + path;
    return fetch(url, { headers }).catch((error: Error) => {
      throw new Error(`${url} does not answer: ${error.cause instanceof Error ? error.cause.message : error.message}`);
    });
  };
  try {
    const truth = typeof given === 'string' ? parseTruth(given, await readFile(given, 'utf8')) : given;
    const matrixTruth: MatrixTruth = truth.version === 2 ? matrixTruthOf(truth) : truth;
    const { comparison, answer } = await compareSettled(matrixTruth, get, { tolerance, settleMsMax, pollMs });
    for (const line of report(comparison)) print(line);
    const verdicts = truth.version === 2 ? await judge(truth, matrixTruth, comparison, answer, get) : [];
    for (const line of verdicts.flatMap(({ lines }) => lines)) print(line);
    const holds = comparison.holds && verdicts.every(verdict => verdict.holds);
    if (!holds && comparison.holds) print('verify: does not hold');
    return { exitCode: holds ? 0 : 1, comparison };
  } catch (error) {
    print(`verify: ${(error as Error).message}`);
    return { exitCode: 1, comparison: undefined };
  }
}

function parseTruth(file: string, text: string): Truth | TruthV2 {
  // The version decides which schema it must fit.
  return /"version":\s*2\b/.test(text.slice(0, 200))
    ? truthV2Checker.parse(file, text)
    : truthChecker.parse(file, text);
}

/** What version 2 says beyond the matrix. */
async function judge(
  truth: TruthV2,
  matrixTruth: MatrixTruth,
  comparison: Comparison,
  answer: MatrixAnswer,
  get: Get,
): Promise<Verdict[]> {
  const verdicts = [judgeStrata(truth, comparison), judgeTotal(matrixTruth, answer)];
  const isComplete = matrixTruth.lostBytes === 0 && truth.exporters.every(exporter => !exporter.silentFrom);
  const isExact = matrixTruth.applications.every(cell => cell.samplingRate === 1);
  if (isComplete && isExact) {
    for (const start of [...new Set(truth.minutes.map(minute => minute.start))].slice(0, MINUTES_MAX)) {
      const to = new Date(Date.parse(start) + 60_000).toISOString();
      verdicts.push(judgeMinute(truth, start, await ask({ from: start, to }, get)));
    }
  }
  // As it was when the load ended: in the time that receipt may take on a fast clock all exporters fall silent.
  const ends = [...truth.invisible, ...truth.unreachable].map(pair => Date.parse(pair.to));
  const to = ends.length > 0 ? new Date(Math.max(...ends)).toISOString() : truth.to;
  const question = new URLSearchParams({ from: truth.from, to, pairs: String(PAIRS_MAX) });
  const response = await get(`/api/v1/coverage?${question}`).catch(() => undefined);
  const coverage = response?.ok ? ((await response.json()) as CoverageAnswer) : undefined;
  verdicts.push(judgeCoverage(truth, coverage));
  return verdicts;
}

/** Batches arrive late, a stalled one very late: asks until all holds to the byte or the answer stands still. */
async function compareSettled(
  truth: MatrixTruth,
  get: Get,
  { tolerance, settleMsMax, pollMs }: { tolerance: number; settleMsMax: number; pollMs: number },
): Promise<{ comparison: Comparison; answer: MatrixAnswer }> {
  const deadline = performance.now() + settleMsMax;
  const isExact = truth.applications.every(cell => cell.samplingRate === 1);
  let previous = '';
  let equal = 0;
  for (;;) {
    const answer = await ask(truth, get);
    const comparison = compare(truth, answer, tolerance);
    const cells = JSON.stringify(answer.cells);
    equal = cells === previous ? equal + 1 : 1;
    previous = cells;
    if (comparison.holds && isExact) return { comparison, answer };
    if (equal >= EQUAL_ANSWERS_MIN && (await isAllAccounted(get))) return { comparison, answer };
    if (performance.now() + pollMs > deadline) return { comparison, answer };
    await sleep(pollMs);
  }
}

/** Whether every record decoded is stored, refused or dropped, as /metrics has it; true where that does not tell. */
async function isAllAccounted(get: Get): Promise<boolean> {
  const response = await get('/metrics').catch(() => undefined);
  const text = response?.ok ? await response.text() : '';
  const decoded = counter(text, 'hairpin_collector_records_total');
  const stored = counter(text, 'hairpin_enricher_rows_stored_total');
  if (decoded === undefined || stored === undefined) return true;
  const refused = counter(text, 'hairpin_encoder_rows_refused_total', 'kind="flows"') ?? 0;
  const dropped = counter(text, 'hairpin_collector_rows_dropped_total') ?? 0;
  return decoded === stored + refused + dropped;
}

/** A counter of a Prometheus text, summed over its labels, or those with `label`; undefined when it is not there. */
function counter(text: string, name: string, label = ''): number | undefined {
  const lines = text
    .split('\n')
    .filter(line => (line.startsWith(`${name} `) || line.startsWith(`${name}{`)) && line.includes(label));
  if (lines.length === 0) return undefined;
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

async function ask(truth: Pick<MatrixTruth, 'from' | 'to'>, get: Get): Promise<MatrixAnswer> {
  const question = new URLSearchParams({
    from: truth.from,
    to: truth.to,
    by: 'app',
    metric: 'bytes',
    layer: 'l3',
    limit: String(NODES_MAX),
    format: 'json',
  });
  const response = await get(`/api/v1/matrix?${question}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url} answers ${response.status}: ${text.slice(0, 500)}`);
  const answer: unknown = JSON.parse(text);
  if (typeof answer !== 'object' || answer === null || !Array.isArray((answer as MatrixAnswer).cells))
    throw new Error(`${response.url} answers without cells`);
  return answer as MatrixAnswer;
}

export function compare(truth: MatrixTruth, answer: MatrixAnswer, tolerance: number): Comparison {
  // What is lost on the way is missing in some cells; never is there too much.
  const isLost = (bytes: number) => bytes > 0 && bytes <= (truth.lostBytes ?? 0);
  const measured = new Map(answer.cells.map(cell => [nameOf(cell.src.name, cell.dst.name), cell]));
  const cells = truth.applications.map((cell): ComparedCell => {
    const name = nameOf(cell.src, cell.dst);
    const found = measured.get(name);
    measured.delete(name);
    const value = Number(found?.value ?? 0);
    // Without an interval nothing is claimed, and nothing holds; a cell that is not told claims zero.
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

function report({ cells, missing, surplus, sampled, sampledInside, holds }: Comparison): string[] {
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
