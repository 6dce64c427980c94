// `hairpin verify`: requests the application matrix of a load from a running Hairpin and compares it with the truth.

import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Truth, truthChecker } from '../load/truth.ts';
import { type TruthV2, truthV2Checker } from '../simulation/truth.ts';
import { type Comparison, compare, type MatrixAnswer, type MatrixTruth, report } from './comparison.ts';
import {
  type CoverageAnswer,
  judgeCoverage,
  judgeMinute,
  judgeStrata,
  judgeTotal,
  matrixTruthOf,
  type Verdict,
} from './judge.ts';

export interface VerifyOptions {
  /** File written by `hairpin load --truth`, or the truth itself, of either version. */
  readonly truth: string | Truth | TruthV2;
  /** URL of the query API: http://127.0.0.1:8080 */
  readonly api: string;
  /** Sent with each request: `authorization`, where tokens are needed. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Relative difference allowed to unsampled cells, for loads that lose datagrams on purpose. */
  readonly tolerance?: number;
  /** How long the answers may change before the last one counts. */
  readonly settleMsMax?: number;
  /** Time between two requests; longer than a batch may wait. */
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

const POLL_MS = 1500;
const SETTLE_MS_MAX = 30_000;
/** After so many equal answers in a row, once everything decoded is accounted for, the answer is final. */
const EQUAL_ANSWERS_MIN = 3;
/** The maximum of the API; a load has at most 190 applications. */
const NODES_MAX = 200;
/** Requests for single minutes, and pairs in one request. */
const MINUTES_MAX = 60;
const PAIRS_MAX = 10_000;
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

/** Judges what version 2 of the truth holds beyond the matrix. */
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
      verdicts.push(judgeMinute(truth, start, await requestMatrix({ from: start, to }, get)));
    }
  }
  // Until the load ended: on a fast clock all exporters count as silent while the last datagrams are received.
  const ends = [...truth.invisible, ...truth.unreachable].map(pair => Date.parse(pair.to));
  const to = ends.length > 0 ? new Date(Math.max(...ends)).toISOString() : truth.to;
  const question = new URLSearchParams({ from: truth.from, to, pairs: String(PAIRS_MAX) });
  const response = await get(`/api/v1/coverage?${question}`).catch(() => undefined);
  const coverage = response?.ok ? ((await response.json()) as CoverageAnswer) : undefined;
  verdicts.push(judgeCoverage(truth, coverage));
  return verdicts;
}

/** Batches arrive late, a stalled one very late: repeats the request until all holds to the byte or nothing changes. */
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
    const answer = await requestMatrix(truth, get);
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

/** Whether every record decoded is stored, refused or dropped according to /metrics; true where /metrics has no such counters. */
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

async function requestMatrix(truth: Pick<MatrixTruth, 'from' | 'to'>, get: Get): Promise<MatrixAnswer> {
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
