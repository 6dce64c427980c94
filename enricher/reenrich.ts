// A re-enrichment: whole days of receipt, one after the other, under the lease that there is one of. It can be stopped
// between two groups of records and killed anywhere; the next run takes up what is staged, if it is for the same day and
// the same documents, and completes or undoes what was between fence and swap (storage/reenrichments.ts).

import type { Log } from '../service/log.ts';
import { retry } from '../service/retry.ts';
import type { ClickHouse } from '../storage/client.ts';
import {
  giveLeaseBack,
  HEARTBEAT_MS,
  heartbeat,
  newRun,
  type RunRow,
  recentStates,
  recordState,
  takeLease,
} from '../storage/reenrichments.ts';
import { adoptRecords, DAY_MS, dayOf, dayStartS, dropStaged, recordsMatch } from '../storage/staging.ts';
import { StorageError } from '../storage/storage.ts';
import { createErasure, toldOf } from './erase.ts';
import { createNodeNames } from './node-names.ts';
import { loadPastKnowledge, type PastConfiguration } from './past-knowledge.ts';
import { type DayContext, DayRefused, reenrichDay, SwapLeft } from './reenrich-day.ts';
import { type Changes, previewChanges, stageRecords } from './reenrich-records.ts';

const STATES_MAX = 1000;
/** How long ClickHouse may be away before a run gives up; what it staged stays for the next. */
const PATIENCE_MS = 60_000;
const PATIENCE_PAUSES = { pauseMsMin: 500, pauseMsMax: 500 };

export interface ReenrichRequest {
  /** Every UTC day of receipt that [fromMs, toMs) touches. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Tells what would change, and changes nothing. */
  readonly dryRun: boolean;
  /** Nothing is enriched again: in the records of these days the address is nobody's (erase.ts). */
  readonly erase?: string;
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
  const storage = patient(dependencies.storage);
  const run = newRun();
  if (request.dryRun) return runDays(config, request, { ...dependencies, storage }, run);
  const holder = await takeLease(storage, run);
  if (holder !== undefined) throw new AnotherRun('another re-enrichment is running; wait for it, or stop it');
  const beating = setInterval(
    () => heartbeat(dependencies.storage, run).catch(error => log.warn({ err: error }, 'no sign of life')),
    HEARTBEAT_MS,
  );
  let leave = false;
  try {
    const reports = await runDays(config, request, { ...dependencies, storage }, run);
    return reports;
  } catch (error) {
    leave = error instanceof SwapLeft;
    throw error;
  } finally {
    clearInterval(beating);
    if (!leave) await giveLeaseBack(storage, run);
    if (signal.aborted) log.info('stopped; the next run goes on from here');
  }
}

async function runDays(
  config: PastConfiguration,
  { fromMs, toMs, dryRun, erase }: ReenrichRequest,
  dependencies: ReenrichDependencies,
  run: string,
): Promise<DayReport[]> {
  const { storage, log, signal, onProgress } = dependencies;
  const erasure = erase === undefined ? undefined : createErasure(storage, erase, config);
  const stored = await storedDays(storage, fromMs, toMs);
  const names = createNodeNames();
  const knowledgeOf = (day: number) => {
    const fromMs = dayStartS(day) * 1000;
    return loadPastKnowledge(storage, { fromMs, toMs: fromMs + DAY_MS }, names, config);
  };
  const reports: DayReport[] = [];
  const left = dryRun ? [] : (await recentStates(storage, STATES_MAX)).filter(({ state }) => state === 'left');
  if (!dryRun) await dropStaged(storage, { keep: left.filter(row => stored.has(row.day)).map(row => row.run) });
  for (const [day, recordsMax] of stored) {
    if (signal.aborted) break;
    const startedAt = performance.now();
    let records = 0;
    const report = (outcome: DayReport['outcome'], more: Partial<DayReport> = {}): DayReport => {
      const elapsedMs = performance.now() - startedAt;
      const recordsPerS = elapsedMs > 0 ? Math.round((records / elapsedMs) * 1000) : 0;
      return { day, outcome, records, recordsMax, elapsedMs, recordsPerS, fencedMs: 0, detail: '', ...more };
    };
    const onRecords = (count: number) => {
      records += count;
      onProgress?.(report('working'));
    };
    const erased = await erasure?.count(day);
    if (erased === 0 || (dryRun && erasure)) {
      reports.push(report(dryRun ? 'previewed' : 'done', { erased: erased! }));
    } else if (dryRun) {
      const { enrichment } = await knowledgeOf(day);
      const changes = await previewChanges({ storage, day, enrichment, names, signal, onRecords });
      reports.push(report('previewed', { changes }));
    } else {
      const revision = await nextRevision(storage, day);
      const past = erasure ? undefined : await knowledgeOf(day);
      const knowledge = past?.id ?? erasure!.id;
      await takeUp(storage, left, { run, day, revision, knowledge });
      const shared = { storage, run, day, revision, onRecords };
      const stage: DayContext['stage'] = (window, stop) =>
        past
          ? stageRecords({ ...shared, enrichment: past.enrichment, names, signal: stop }, window)
          : erasure!.stage({ ...shared, signal: stop }, window);
      const context = { ...dependencies, run, day, revision, knowledge, stage };
      try {
        const { outcome, fencedMs } = await reenrichDay(context);
        // The state is written by whoever ends the swap, which may be another; a stop is the run's own word.
        if (outcome === 'stopped') {
          await dropStaged(storage, { run, keep: [run, ...left.map(row => row.run)] });
          await recordState(storage, context, 'left', { records });
        }
        reports.push(report(outcome, { fencedMs, ...(erased !== undefined && { erased }) }));
        const what = erasure ? 'an address is erased from a day' : 'a day is re-enriched';
        log.info(reports.at(-1), outcome === 'done' ? what : 'a day is left half staged');
      } catch (error) {
        if (error instanceof SwapLeft) throw error;
        const failed = (reason: unknown) =>
          recordState(storage, context, 'failed', { detail: erasure ? toldOf(reason) : (reason as Error).message });
        const inPlace = erasure !== undefined && error instanceof DayRefused;
        if (!inPlace) await failed(error);
        await dropStaged(storage, { run, keep: left.map(row => row.run) });
        if (!(error instanceof DayRefused)) throw error;
        if (inPlace) {
          try {
            await erasure.change(day, revision, signal);
          } catch (reason) {
            await failed(reason);
            throw reason;
          }
          await recordState(storage, context, 'done', { records: erased!, detail: CHANGED_IN_PLACE });
          reports.push(report('done', { erased: erased!, detail: CHANGED_IN_PLACE }));
          log.info(reports.at(-1), 'an address is erased from a day');
        } else {
          log.warn(error.message);
          reports.push(report('refused', { detail: error.message }));
        }
      }
    }
    onProgress?.(reports.at(-1)!);
  }
  return reports;
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

export async function nextRevision(storage: ClickHouse, day: number): Promise<number> {
  const [row] = await storage.select<{ revision: number }>(
    'SELECT max(revision) AS revision FROM flows WHERE toYYYYMMDD(receivedAt) = {day:UInt32}',
    { day },
  );
  return (row?.revision ?? 0) + 1;
}

/** What an earlier run staged of this day, if it applied the same documents. Anything else is dropped. */
async function takeUp(
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
    await recordState(storage, row, 'failed', { detail: taken ? 'taken up by a later run' : 'begun anew' });
  }
}

/** Tries again what fails because ClickHouse is away or busy; every statement of a run can be repeated. */
function patient(storage: ClickHouse): ClickHouse {
  const again =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> => {
      const deadline = performance.now() + PATIENCE_MS;
      const onFailure = (error: unknown) => {
        const passes =
          error instanceof StorageError && error.failure === 'passing' && error.clickhouseCode !== UNKNOWN_TABLE;
        if (!passes || performance.now() > deadline) throw error;
      };
      return retry(() => call(...args), { pauses: PATIENCE_PAUSES, onFailure });
    };
  return {
    ...storage,
    select: again(storage.select) as ClickHouse['select'],
    command: again(storage.command),
    insertSelect: again(storage.insertSelect),
    insertArrow: again(storage.insertArrow),
    selectArrow: again(storage.selectArrow),
    insertNodes: again(storage.insertNodes),
    recentFacts: again(storage.recentFacts),
  };
}

const CHANGED_IN_PLACE =
  'records of that day have begun to expire: its roll-ups, which hold no address, stay as they are';

/** Means that another has taken over, or that a rename succeeded and its answer got lost. */
const UNKNOWN_TABLE = 60;
