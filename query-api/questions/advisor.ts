// The advisor as the API sees it: it reads the inventory, which no table holds. Without one, coverage is not known.

import type {
  AdvisorAnswer,
  AdvisorRequest,
  CellsReport,
  CoverageReport,
  SeenExporter,
} from '../../schemas/coverage.ts';
import type { Value } from '../answers/answers.ts';
import { addressText } from '../sql/values.ts';

export interface Advisor {
  /** Rejects with a message for people. `undefined`: there is no inventory. */
  request(question: AdvisorRequest): Promise<AdvisorAnswer>;
}

/** The advisor could not answer; the message says why. */
export class AdvisorError extends Error {}

/** A matrix waits no longer for its coverage. */
const MATRIX_MS_MAX = 2000;

/** Kinds of nodes that the inventory has pairs of VMs for. */
const KINDS = ['app', 'vm', 'host', 'rack'] as const;

/** Of a row of the exporters table: when its exporter was last seen. */
interface SeenRow {
  readonly address: string;
  readonly domain: number;
  readonly code: number;
  readonly seen: string;
}

export function seenOf(rows: readonly SeenRow[]): SeenExporter[] {
  return rows.map(({ address, domain, code, seen }) => ({
    address: addressText(address),
    domain,
    protocol: code,
    lastSeenMs: Number(seen),
  }));
}

export async function requestCoverage(
  advisor: Advisor,
  question: Omit<Extract<AdvisorRequest, { request: 'coverage' }>, 'request'>,
): Promise<CoverageReport | undefined> {
  return (await request(advisor, { request: 'coverage', ...question })) as CoverageReport | undefined;
}

/** Coverage of a matrix and its cells; nulls where it is not known. A matrix is answered without it. */
export async function coverageOfCells(
  advisor: Advisor | undefined,
  by: string,
  seen: readonly SeenExporter[],
  atMs: number,
  cells: readonly { readonly src: Value; readonly dst: Value }[],
): Promise<CellsReport> {
  const unknown: CellsReport = { overall: null, cells: cells.map(() => null) };
  if (!advisor) return unknown;
  const kind = KINDS.find(name => name === by);
  const pairs = kind ? cells.map(({ src, dst }) => [src.key, dst.key] as const) : [];
  const report = await Promise.race([
    request(advisor, { request: 'cells', seen, atMs, by: kind ?? 'vm', cells: pairs }).catch(() => undefined),
    new Promise<undefined>(resolve => setTimeout(resolve, MATRIX_MS_MAX, undefined).unref()),
  ]);
  if (!report) return unknown;
  const { overall, cells: shares } = report as CellsReport;
  return kind ? { overall, cells: shares } : { overall, cells: unknown.cells };
}

function request(advisor: Advisor, question: AdvisorRequest): Promise<AdvisorAnswer> {
  return advisor.request(question).catch((error: unknown) => {
    throw new AdvisorError(error instanceof Error ? error.message : String(error), { cause: error });
  });
}
