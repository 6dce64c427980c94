// The advisor as the API sees it: it reads the inventory, which no table holds. Without one, coverage is not known.

import type {
  AdvisorAnswer,
  AdvisorRequest,
  CellsReport,
  CoverageReport,
  DiscoverReport,
  DiscoverRequest,
  MembersReport,
  SeenInWindow,
} from '../../schemas/coverage.ts';
import type { Value } from '../answers/answers.ts';

export interface Advisor {
  /** Rejects with a message for people. `undefined`: there is no inventory. */
  request(question: AdvisorRequest): Promise<AdvisorAnswer>;
}

/** The advisor could not answer; the message says why. */
export class AdvisorError extends Error {}

/** A matrix waits no longer for its coverage. */
const MATRIX_MS_MAX = 2000;
/** Where zero or unknown follows from it, an answer waits longer. */
export const COVERAGE_MS_MAX = 15_000;

/** Kinds of nodes that the inventory has pairs of VMs for. */
const KINDS = ['app', 'vm', 'host', 'rack'] as const;

export async function requestCoverage(
  advisor: Advisor,
  question: Omit<Extract<AdvisorRequest, { request: 'coverage' }>, 'request'>,
): Promise<CoverageReport | undefined> {
  return (await request(advisor, { request: 'coverage', ...question })) as CoverageReport | undefined;
}

/** Running VMs by application; undefined where it is not known. */
export async function requestMembers(
  advisor: Advisor | undefined,
  window: SeenInWindow,
  nodesMax: number,
): Promise<MembersReport | undefined> {
  if (!advisor) return undefined;
  return (await request(advisor, { request: 'members', ...window, by: 'app', nodesMax })) as MembersReport | undefined;
}

/** Applications that VMs without one may belong to; undefined where no inventory is known. */
export async function requestDiscovery(
  advisor: Advisor | undefined,
  question: Omit<DiscoverRequest, 'request'>,
): Promise<DiscoverReport | undefined> {
  if (!advisor) return undefined;
  return (await request(advisor, { request: 'discover', ...question })) as DiscoverReport | undefined;
}

export interface CellsCoverage extends CellsReport {
  /** The inventory failed to answer, or did not within the time: there may be coverage, and nothing is known of it. */
  readonly isMissing: boolean;
}

/** Coverage of a matrix and its cells; nulls where it is not known. A matrix is answered without it. */
export async function coverageOfCells(
  advisor: Advisor | undefined,
  by: string,
  window: SeenInWindow,
  cells: readonly { readonly src: Pick<Value, 'key'>; readonly dst: Pick<Value, 'key'> }[],
  msMax = MATRIX_MS_MAX,
): Promise<CellsCoverage> {
  const unknown: CellsReport = {
    overall: null,
    cells: cells.map(() => null),
    states: { found: 0, examined: 0 },
    slices: [],
  };
  if (!advisor) return { ...unknown, isMissing: false };
  const kind = KINDS.find(name => name === by);
  const pairs = kind ? cells.map(({ src, dst }) => [src.key, dst.key] as const) : [];
  const report = await Promise.race([
    request(advisor, { request: 'cells', ...window, by: kind ?? 'vm', cells: pairs }).catch(() => null),
    new Promise<null>(resolve => setTimeout(resolve, msMax, null).unref()),
  ]);
  if (!report) return { ...unknown, isMissing: report === null };
  const known = { ...(report as CellsReport), isMissing: false };
  return kind ? known : { ...known, cells: unknown.cells };
}

function request(advisor: Advisor, question: AdvisorRequest): Promise<AdvisorAnswer> {
  return advisor.request(question).catch((error: unknown) => {
    throw new AdvisorError(error instanceof Error ? error.message : String(error), { cause: error });
  });
}
