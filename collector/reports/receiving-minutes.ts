// When this collector was receiving, from what its receive workers report: all of them must have been. A worker reports
// after it has handed over everything that it received before, so what is said here of a time goes behind the records of
// that time. The time between the last report of a worker that crashed and the start of the next one is left out.

import { type Batch, createBatch } from '../../schemas/batch.ts';
import { COLLECTOR_COLUMNS } from '../../schemas/collector-minute.ts';
import { fillTime } from '../decode/kernels.ts';

const MINUTE_MS = 60_000;
const TWO_32 = 4294967296;

/** A receive worker's report; its totals continue over its restarts. */
export interface Received {
  /** The worker was receiving from here on, without a gap. */
  readonly fromMs: number;
  /** Everything that it received before is handed over. */
  readonly untilMs: number;
  readonly datagrams: number;
  readonly records: number;
  readonly droppedRecords: number;
  /** The worker has closed its sockets. */
  readonly isStopped: boolean;
}

/** What is counted beside the workers, as totals. */
export interface BesideWorkers {
  readonly droppedDatagrams: number;
  readonly refusedRecords: number;
}

const COUNTERS = ['datagrams', 'records', 'droppedDatagrams', 'droppedRecords'] as const;
type Totals = Readonly<Record<(typeof COUNTERS)[number], number>>;

interface Row extends Totals {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly stoppedAtMs: number;
}

export class ReceivingMinutes {
  readonly #workersTotal: number;
  /** By worker, of those that run. */
  readonly #running = new Map<number, Received>();
  /** By worker, of those that ever ran. */
  readonly #counted = new Map<number, Received>();
  /** Workers that reported since the last row: one row says it for all of them. */
  readonly #renewed = new Set<number>();
  #reportedUntilMs: number | undefined;
  #reported: Totals = { datagrams: 0, records: 0, droppedDatagrams: 0, droppedRecords: 0 };

  constructor(workersTotal: number) {
    this.#workersTotal = workersTotal;
  }

  /** What can be said since the last time, as a batch; undefined when there is nothing new. */
  report(worker: number, received: Received, beside: BesideWorkers): Batch<typeof COLLECTOR_COLUMNS> | undefined {
    this.#running.set(worker, received);
    this.#counted.set(worker, received);
    this.#renewed.add(worker);
    // At its start the collector reports itself, so that what it receives from now on is waited for.
    if (this.#reportedUntilMs === undefined) {
      this.#reportedUntilMs = received.fromMs;
      return batchOf([{ fromMs: received.fromMs, untilMs: received.fromMs, stoppedAtMs: 0, ...this.#take(beside) }]);
    }
    if (this.#renewed.size < this.#workersTotal) return undefined;
    const runs = [...this.#running.values()];
    const untilMs = Math.min(...runs.map(run => run.untilMs));
    const fromMs = Math.max(this.#reportedUntilMs, ...runs.map(run => run.fromMs));
    const isStopped = runs.every(run => run.isStopped);
    if (untilMs <= fromMs && !isStopped) return undefined;
    this.#renewed.clear();
    const endMs = Math.max(this.#reportedUntilMs, untilMs);
    const parts = minutesOf(Math.min(fromMs, endMs), endMs);
    const stoppedAtMs = isStopped ? endMs : 0;
    this.#reportedUntilMs = endMs;
    const counted = this.#take(beside);
    // The counters are of the time since the last report: a report comes at the end of each minute.
    return batchOf(parts.map((part, i) => ({ ...part, stoppedAtMs, ...(i === 0 ? counted : NOTHING) })));
  }

  /** The worker's thread has ended: when it was stopped, it has said until when it was receiving. */
  end(worker: number): void {
    if (this.#running.get(worker)?.isStopped) return;
    this.#running.delete(worker);
    this.#renewed.delete(worker);
  }

  /** Counted since the last time. */
  #take({ droppedDatagrams, refusedRecords }: BesideWorkers): Totals {
    const sum = (key: 'datagrams' | 'records' | 'droppedRecords') =>
      [...this.#counted.values()].reduce((all, received) => all + received[key], 0);
    const now: Totals = {
      datagrams: sum('datagrams'),
      records: sum('records'),
      droppedDatagrams,
      droppedRecords: sum('droppedRecords') + refusedRecords,
    };
    const before = this.#reported;
    this.#reported = now;
    return Object.fromEntries(COUNTERS.map(name => [name, Math.max(0, now[name] - before[name])])) as unknown as Totals;
  }
}

const NOTHING: Totals = { datagrams: 0, records: 0, droppedDatagrams: 0, droppedRecords: 0 };

/** An interval by minutes; at least one. */
function minutesOf(fromMs: number, untilMs: number): { fromMs: number; untilMs: number }[] {
  const parts = [];
  for (let atMs = fromMs; parts.length === 0 || atMs < untilMs; ) {
    const endMs = Math.min(untilMs, Math.floor(atMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS);
    parts.push({ fromMs: atMs, untilMs: endMs });
    atMs = endMs;
  }
  return parts;
}

function batchOf(rows: readonly Row[]): Batch<typeof COLLECTOR_COLUMNS> {
  const batch = createBatch(COLLECTOR_COLUMNS, rows.length);
  const { columns } = batch;
  rows.forEach(({ fromMs, untilMs, stoppedAtMs, ...counters }, row) => {
    fillTime(columns.minute, row, 1, Math.floor(fromMs / MINUTE_MS) * MINUTE_MS);
    fillTime(columns.receivingFrom, row, 1, fromMs);
    fillTime(columns.receivingUntil, row, 1, untilMs);
    fillTime(columns.stoppedAt, row, 1, stoppedAtMs);
    for (const [name, value] of Object.entries({ receivingMs: untilMs - fromMs, ...counters }) as [
      'receivingMs' | keyof Totals,
      number,
    ][]) {
      columns[name][2 * row] = value % TWO_32;
      columns[name][2 * row + 1] = Math.floor(value / TWO_32);
    }
  });
  batch.rows = rows.length;
  return batch;
}
