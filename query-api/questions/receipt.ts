// When records of a window may have been received, and how far back windows are read record by record.

import type { QueryApiConfiguration } from '../configuration.ts';
import type { RequestedWindow } from '../sql/window.ts';

/** Longer windows are read record by record for their last part alone. */
export const ACCOUNTING_S_MAX = 6 * 3600;

/** Records whose last packet lies in the window; `lateMs` bounds how long after it they may have been received. */
export interface EndedWindow extends RequestedWindow {
  readonly lateMs: number;
  readonly earlyMs: number;
}

/** The part of a window that may be read record by record: its last six hours. */
export function accountedOf({ fromMs, toMs }: RequestedWindow): RequestedWindow {
  return { fromMs: Math.max(fromMs, toMs - ACCOUNTING_S_MAX * 1000), toMs };
}

/** How far from the end of a flow its record may have been received; the enricher cuts times beyond that. */
export function receiptBounds(config: QueryApiConfiguration): { lateMs: number; earlyMs: number } {
  return { lateMs: config.spanMsMax, earlyMs: config.skewMsMax };
}
