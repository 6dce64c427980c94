// Follows the counters of loss of a collector through all its lives, and turns what it sees into windows of sending times.

import type { Counted, Window } from './account.ts';
import type { Service } from './service.ts';

export interface Watch {
  readonly windows: readonly Window[];
  readonly counted: Counted;
  /** Reads the counters once more, then ends this life; call what it returns when the collector listens again. */
  ends(loss: 'kill' | 'restart'): Promise<() => void>;
  /** One more look. */
  look(): Promise<void>;
  stop(): void;
}

const LOOK_EVERY_MS = 200;
/** A row that is refused now was in a batch for half a second, and waited for the encoder. The drops are read once a second. */
const LOOK_BACK_MS = 3000;
/** The open batch, which is half a second old at most, and what waited for the encoder on a busy machine. */
const KILL_LOOK_BACK_MS = 3000;
/** Between two looks that a collector answered: it stood still, and what it counts afterwards may be from before that. */
const STALL_MS = 1000;

interface Seen {
  readonly atMs: number;
  readonly refusedRows: number;
  readonly droppedDatagrams: number;
}

export function watchCollector(service: Service): Watch {
  const windows: Window[] = [];
  const counted = { refusedRows: 0, droppedDatagrams: 0 };
  let life = 0;
  let last: Seen = { atMs: Date.now(), refusedRows: 0, droppedDatagrams: 0 };
  let stall = { fromMs: 0, toMs: 0 };
  let looking: Promise<void> | undefined;

  function add(loss: Window['loss'], fromMs: number, toMs: number, atMs?: number): Window {
    const open = windows.findLast(window => window.loss === loss);
    if (atMs === undefined && open && open.toMs >= fromMs) {
      open.toMs = toMs;
      return open;
    }
    const window = { loss, fromMs, toMs, ...(atMs !== undefined && { atMs }) };
    windows.push(window);
    return window;
  }

  async function lookOnce(): Promise<void> {
    const of = life;
    const metrics = await service.metrics();
    if (!metrics || of !== life) return;
    const now: Seen = {
      atMs: Date.now(),
      refusedRows:
        metrics.sum('encoder_rows_refused_total', 'kind="flows"') + metrics.sum('collector_rows_dropped_total'),
      droppedDatagrams: metrics.sum('collector_kernel_drops_total'),
    };
    const refused = now.refusedRows - last.refusedRows;
    const dropped = now.droppedDatagrams - last.droppedDatagrams;
    if (now.atMs - last.atMs > STALL_MS) stall = { fromMs: last.atMs, toMs: now.atMs };
    const sinceMs = (last.atMs - stall.toMs < LOOK_BACK_MS ? stall.fromMs : last.atMs) - LOOK_BACK_MS;
    if (refused > 0) add('refused', sinceMs, now.atMs);
    if (dropped > 0) add('dropped', sinceMs, now.atMs);
    counted.refusedRows += refused;
    counted.droppedDatagrams += dropped;
    last = now;
  }

  const look = () => {
    looking ??= lookOnce().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  const timer = setInterval(look, LOOK_EVERY_MS);

  return {
    windows,
    counted,
    async ends(loss) {
      await looking;
      await look();
      life++;
      const atMs = Date.now();
      last = { atMs, refusedRows: 0, droppedDatagrams: 0 };
      const window = add(loss, loss === 'kill' ? atMs - KILL_LOOK_BACK_MS : atMs, Number.POSITIVE_INFINITY, atMs);
      return () => {
        window.toMs = Date.now();
      };
    },
    look,
    stop: () => clearInterval(timer),
  };
}
