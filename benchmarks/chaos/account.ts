// Where each number went that is not stored. A window is a span of sending times in which a collector is known to have
// lost something: it was killed or restarted, it refused rows, or the kernel dropped datagrams. What a window of refusals
// or drops explains is compared with the counter; what lies in no window is unexplained.

import type { Ledger } from './ledger.ts';

export const LOSSES = ['kill', 'restart', 'refused', 'dropped'] as const;
export type Loss = (typeof LOSSES)[number];

export interface Window {
  readonly loss: Loss;
  readonly fromMs: number;
  toMs: number;
  /** kill, restart: when it came about. */
  readonly atMs?: number;
}

/** What the counters of a collector reported, over all its lives. */
export interface Counted {
  /** Flow records refused by the spool, or dropped because every column buffer was in use. */
  readonly refusedRows: number;
  readonly droppedDatagrams: number;
}

export interface Account {
  readonly sent: number;
  readonly missing: number;
  /** Numbers in windows of this loss and of no other. */
  readonly rows: Readonly<Record<Loss, number>>;
  /** Numbers in windows of several losses: which it was cannot be known. */
  readonly several: number;
  /** Datagrams of which all numbers are missing, in windows of drops alone. */
  readonly droppedDatagrams: number;
  readonly unexplained: number;
  /** How long before its kill the oldest number was sent that a kill has cost. */
  readonly oldestBeforeKillMs: number;
  readonly failures: readonly string[];
}

export interface AccountOptions {
  readonly name: string;
  readonly ledger: Ledger;
  /** Numbers that are not stored. */
  readonly missing: ReadonlySet<number>;
  readonly windows: readonly Window[];
  readonly counted: Counted;
}

export function accountFor({ name, ledger, missing, windows, counted }: AccountOptions): Account {
  const rows: Record<Loss, number> = { kill: 0, restart: 0, refused: 0, dropped: 0 };
  let [several, unexplained, droppedDatagrams, oldestBeforeKillMs] = [0, 0, 0, 0];
  let severalDatagrams = 0;
  for (let datagram = 0; datagram < ledger.datagrams; datagram++) {
    const numbers = ledger.numbersOf(datagram);
    let lost = 0;
    for (const number of numbers) if (missing.has(number)) lost++;
    if (lost === 0) continue;
    const sentAtMs = ledger.sentAtMs(datagram);
    // The kernel drops a datagram whole.
    const possible = windows.filter(
      ({ loss, fromMs, toMs }) =>
        sentAtMs >= fromMs && sentAtMs <= toMs && (loss !== 'dropped' || lost === numbers.length),
    );
    const losses = new Set(possible.map(({ loss }) => loss));
    if (losses.size === 0) unexplained += lost;
    else if (losses.size > 1) {
      several += lost;
      severalDatagrams++;
    } else {
      const [{ loss, atMs = sentAtMs }] = possible as [Window];
      rows[loss] += lost;
      if (loss === 'dropped') droppedDatagrams++;
      if (loss === 'kill') oldestBeforeKillMs = Math.max(oldestBeforeKillMs, atMs - sentAtMs);
    }
  }
  const failures: string[] = [];
  if (unexplained > 0) failures.push(`${name}: ${unexplained} missing numbers lie in no window of loss`);
  const compare = (what: string, found: number, reported: number, slack: number) => {
    if (found > reported || reported > found + slack)
      failures.push(`${name}: ${found} ${what} are missing, the counter reports ${reported}`);
  };
  compare('rows of refused batches', rows.refused, counted.refusedRows, several);
  compare('datagrams dropped by the kernel', droppedDatagrams, counted.droppedDatagrams, severalDatagrams);
  return {
    sent: ledger.flows,
    missing: missing.size,
    rows,
    several,
    droppedDatagrams,
    unexplained,
    oldestBeforeKillMs,
    failures,
  };
}
