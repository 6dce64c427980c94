// A re-enrichment: whole days of receipt, one after the other, under the lease that there is one of. It can be stopped
// between two groups of records and killed anywhere; the next run adopts what is staged, if it is for the same day and the
// same documents, and completes or undoes what was between fence and swap (storage/rewrite/recovery.ts).

import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import type { Log } from '../../service/log.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { DAY_MS, dayOf, dayStartS } from '../../storage/days.ts';
import { RetryingStorage } from '../../storage/retrying.ts';
import { type DayContext, DayRefused, rewriteDay, SwapLeft } from '../../storage/rewrite/day.ts';
import { HEARTBEAT_MS, releaseLease, takeLease } from '../../storage/rewrite/lease.ts';
import { type FlowSpan, hasInside, nextRevision } from '../../storage/rewrite/records.ts';
import { newRun } from '../../storage/rewrite/recovery.ts';
import { adoptRecords, dropStaged, recordsMatch } from '../../storage/rewrite/staging.ts';
import { type RunRow, recentStates, recordHeartbeat, recordState } from '../../storage/tables/reenrichments.ts';
import { createErasure, type Erasure, reportedOf } from '../erasure/erase.ts';
import { loadPastKnowledge, type PastConfiguration } from './past-knowledge.ts';
import { type Changes, previewChanges, stageRecords } from './reenrich-records.ts';

const STATES_MAX = 1000;

export interface ReenrichRequest {
  /** Every UTC day of receipt that [fromMs, toMs) touches. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Reports what would change, and changes nothing. */
  readonly dryRun: boolean;
  /** Nothing is enriched again: the address is erased from the records of these days (erase.ts). */
  readonly erase?: string;
  /** Only records of flows that began in these spans are enriched again; the others of their days stay as they are. */
  readonly changed?: readonly FlowSpan[];
}

export interface DayReport {
  /** 20260131 */
  readonly day: number;
  readonly outcome: 'working' | 'done' | 'stopped' | 'refused' | 'previewed';
  /** Records written anew by this run, and how many the day had when it began. */
  readonly records: number;
  readonly recordsMax: number;
  readonly elapsedMs: number;
  readonly recordsPerS: number;
  /** How long rows of that day had to wait. */
  readonly fencedMs: number;
  readonly detail: string;
  readonly changes?: Changes;
  /** Records of the day that held the erased address at an end. */
  readonly erased?: number;
}

export interface ReenrichDependencies extends Pick<DayContext, 'reached' | 'fenceMsMax'> {
  readonly storage: ClickHouse;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly onProgress?: (report: DayReport) => void;
}

/** Thrown when another run has the lease. */
export class AnotherRun extends Error {}

export async function reenrich(
  config: PastConfiguration,
  request: ReenrichRequest,
  dependencies: ReenrichDependencies,
): Promise<DayReport[]> {
  const { log, signal } = dependencies;
  const storage = new RetryingStorage(dependencies.storage);
  const run = newRun();
  if (request.dryRun) return new RewriteRun(config, request, { ...dependencies, storage }, run).rewrite();
  const holder = await takeLease(storage, run);
  if (holder !== undefined) throw new AnotherRun('another re-enrichment is running; wait for it, or stop it');
  const beating = setInterval(
    () =>
      recordHeartbeat(dependencies.storage, run).catch(error =>
        log.warn({ err: error }, 'the heartbeat of a re-enrichment could not be recorded'),
      ),
    HEARTBEAT_MS,
  );
  let isSwapLeft = false;
  try {
    return await new RewriteRun(config, request, { ...dependencies, storage }, run).rewrite();
  } catch (error) {
    isSwapLeft = error instanceof SwapLeft;
    throw error;
  } finally {
    clearInterval(beating);
    if (!isSwapLeft) await releaseLease(storage, run);
    if (signal.aborted) log.info('the re-enrichment is stopped; the next run continues from here');
  }
}

type Dependencies = ReenrichDependencies & { readonly storage: ClickHouse };

/** One day while it is worked on: its report so far. */
class DayProgress {
  readonly day: number;
  readonly #recordsMax: number;
  readonly #onProgress: ReenrichDependencies['onProgress'];
  readonly #startedAt = performance.now();
  #records = 0;

  constructor(day: number, recordsMax: number, onProgress: ReenrichDependencies['onProgress']) {
    this.day = day;
    this.#recordsMax = recordsMax;
    this.#onProgress = onProgress;
  }

  get records(): number {
    return this.#records;
  }

  readonly count = (records: number): void => {
    this.#records += records;
    this.#onProgress?.(this.report('working'));
  };

  report(outcome: DayReport['outcome'], more: Partial<DayReport> = {}): DayReport {
    const elapsedMs = performance.now() - this.#startedAt;
    const recordsPerS = elapsedMs > 0 ? Math.round((this.#records / elapsedMs) * 1000) : 0;
    const counts = { records: this.#records, recordsMax: this.#recordsMax, elapsedMs, recordsPerS };
    return { day: this.day, outcome, ...counts, fencedMs: 0, detail: '', ...more };
  }
}

/** The days of one request, rewritten or previewed one after the other. */
class RewriteRun {
  readonly #config: PastConfiguration;
  readonly #request: ReenrichRequest;
  readonly #dependencies: Dependencies;
  readonly #run: string;
  readonly #erasure: Erasure | undefined;
  readonly #names = createNodeNames();
  /** Days that earlier runs left half staged. */
  #left: readonly RunRow[] = [];

  constructor(config: PastConfiguration, request: ReenrichRequest, dependencies: Dependencies, run: string) {
    this.#config = config;
    this.#request = request;
    this.#dependencies = dependencies;
    this.#run = run;
    this.#erasure =
      request.erase === undefined ? undefined : createErasure(dependencies.storage, request.erase, config);
  }

  async rewrite(): Promise<DayReport[]> {
    const { storage, signal, onProgress } = this.#dependencies;
    const { fromMs, toMs, dryRun } = this.#request;
    const stored = await storedDays(storage, fromMs, toMs);
    if (!dryRun) {
      this.#left = (await recentStates(storage, STATES_MAX)).filter(({ state }) => state === 'left');
      await dropStaged(storage, { keep: this.#left.filter(row => stored.has(row.day)).map(row => row.run) });
    }
    const reports: DayReport[] = [];
    for (const [day, recordsMax] of stored) {
      if (signal.aborted) break;
      const report = await this.#rewriteDay(new DayProgress(day, recordsMax, onProgress));
      reports.push(report);
      onProgress?.(report);
    }
    return reports;
  }

  async #rewriteDay(progress: DayProgress): Promise<DayReport> {
    const { dryRun } = this.#request;
    const erased = await this.#erasure?.count(progress.day);
    if (erased !== undefined && (erased === 0 || dryRun))
      return progress.report(dryRun ? 'previewed' : 'done', { erased });
    if (dryRun) return this.#preview(progress);
    const { changed } = this.#request;
    if (changed && !(await hasInside(this.#dependencies.storage, progress.day, changed)))
      return progress.report('done', { detail: NOTHING_CHANGED });
    const context = await this.#prepare(progress);
    if (await this.#isRepaired(context)) return progress.report('done', { detail: REPAIRED });
    try {
      return await this.#swap(progress, context, erased);
    } catch (error) {
      return this.#recover(progress, context, erased, error);
    }
  }

  /** A repair that was killed before it was settled need not rewrite a day once more. */
  async #isRepaired({ day, knowledge }: DayContext): Promise<boolean> {
    if (!this.#request.changed) return false;
    const states = await recentStates(this.#dependencies.storage, STATES_MAX);
    return states.some(row => row.state === 'done' && row.day === day && row.knowledge === knowledge);
  }

  async #preview(progress: DayProgress): Promise<DayReport> {
    const { storage, signal } = this.#dependencies;
    const { day, count: onRecords } = progress;
    const { enrichment } = await this.#knowledgeOf(day);
    const changes = await previewChanges({ storage, day, enrichment, names: this.#names, signal, onRecords });
    return progress.report('previewed', { changes });
  }

  #knowledgeOf(day: number): ReturnType<typeof loadPastKnowledge> {
    const fromMs = dayStartS(day) * 1000;
    const window = { fromMs, toMs: fromMs + DAY_MS };
    return loadPastKnowledge(this.#dependencies.storage, window, this.#names, this.#config);
  }

  async #prepare({ day, count: onRecords }: DayProgress): Promise<DayContext> {
    const { storage } = this.#dependencies;
    const erasure = this.#erasure;
    const run = this.#run;
    const revision = await nextRevision(storage, day);
    const past = erasure ? undefined : await this.#knowledgeOf(day);
    const { changed } = this.#request;
    const knowledge = changed ? `${past!.id} ${textOf(changed)}` : (past?.id ?? erasure!.id);
    await adoptStaged(storage, this.#left, { run, day, revision, knowledge });
    const shared = { storage, run, day, revision, onRecords };
    const stage: DayContext['stage'] = (window, signal) =>
      past
        ? stageRecords({ ...shared, enrichment: past.enrichment, names: this.#names, signal, changed }, window)
        : erasure!.stage({ ...shared, signal }, window);
    return { ...this.#dependencies, run, day, revision, knowledge, stage };
  }

  async #swap(progress: DayProgress, context: DayContext, erased: number | undefined): Promise<DayReport> {
    const { storage, log } = this.#dependencies;
    const { outcome, fencedMs } = await rewriteDay(context);
    // The state is written by the run that ends the swap, which may be another; only a stop is recorded here.
    if (outcome === 'stopped') {
      await dropStaged(storage, { run: this.#run, keep: [this.#run, ...this.#left.map(row => row.run)] });
      await recordState(storage, context, 'left', { records: progress.records });
    }
    const report = progress.report(outcome, { fencedMs, ...(erased !== undefined && { erased }) });
    const done = this.#erasure ? ERASED : 're-enriched a day';
    log.info(report, outcome === 'done' ? done : 'left a day half staged; the next run continues it');
    return report;
  }

  /** A refused day is reported, or changed in place where an address is erased; anything else ends the run. */
  async #recover(
    progress: DayProgress,
    context: DayContext,
    erased: number | undefined,
    error: unknown,
  ): Promise<DayReport> {
    if (error instanceof SwapLeft) throw error;
    const { storage, log } = this.#dependencies;
    const isInPlace = this.#erasure !== undefined && error instanceof DayRefused;
    if (!isInPlace) await this.#recordFailure(context, error);
    await dropStaged(storage, { run: this.#run, keep: this.#left.map(row => row.run) });
    if (!(error instanceof DayRefused)) throw error;
    if (isInPlace) return this.#eraseInPlace(progress, context, erased!);
    log.warn(error.message);
    return progress.report('refused', { detail: error.message });
  }

  async #eraseInPlace(progress: DayProgress, context: DayContext, erased: number): Promise<DayReport> {
    const { storage, log, signal } = this.#dependencies;
    try {
      await this.#erasure!.change(progress.day, context.revision, signal);
    } catch (reason) {
      await this.#recordFailure(context, reason);
      throw reason;
    }
    await recordState(storage, context, 'done', { records: erased, detail: CHANGED_IN_PLACE });
    const report = progress.report('done', { erased, detail: CHANGED_IN_PLACE });
    log.info(report, ERASED);
    return report;
  }

  #recordFailure(context: DayContext, reason: unknown): Promise<void> {
    const detail = this.#erasure ? reportedOf(reason) : (reason as Error).message;
    return recordState(this.#dependencies.storage, context, 'failed', { detail });
  }
}

const NOTHING_CHANGED = 'no flow of the spans is of that day';
const REPAIRED = 'an earlier run had put it right';
const ERASED = 'erased an address from a day';

/** What is staged for some spans is of no use for others. */
function textOf(spans: readonly FlowSpan[]): string {
  return spans.map(({ fromMs, untilMs }) => `${fromMs}-${untilMs}`).join();
}

/** Days that the request touches and that hold records, with how many, the oldest first. */
async function storedDays(storage: ClickHouse, fromMs: number, toMs: number): Promise<Map<number, number>> {
  const rows = await storage.select<{ day: number; records: string }>(
    `SELECT toUInt32(partition) AS day, sum(rows) AS records FROM system.parts
     WHERE database = currentDatabase() AND table = 'flows' AND active AND day BETWEEN {from:UInt32} AND {to:UInt32}
     GROUP BY day HAVING records > 0 ORDER BY day`,
    { from: dayOf(fromMs), to: dayOf(toMs - 1) },
  );
  return new Map(rows.map(({ day, records }) => [day, Number(records)]));
}

/** What an earlier run staged of this day, if it applied the same documents. Anything else is dropped. */
async function adoptStaged(
  storage: ClickHouse,
  left: readonly RunRow[],
  { run, day, revision, knowledge }: { run: string; day: number; revision: number; knowledge: string },
): Promise<void> {
  let taken = false;
  for (const row of left) {
    if (row.day !== day) continue;
    const fits = row.revision === revision && row.knowledge === knowledge && !taken;
    if (fits && (await adoptRecords(storage, row.run, run))) {
      taken = await recordsMatch(storage, run);
      if (!taken) await dropStaged(storage, { run });
    } else await dropStaged(storage, { run: row.run });
    await recordState(storage, row, 'failed', { detail: taken ? 'adopted by a later run' : 'started again' });
  }
}

const CHANGED_IN_PLACE =
  'records of that day have begun to expire: its roll-ups, which hold hashes of pairs but no address, stay as they are';
