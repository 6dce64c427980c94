// One alert in time, without I/O: what a reading of a value makes of it. An unknown value neither begins nor ends an alert; the
// state stays and is marked.

import { createHash } from 'node:crypto';
import type { AlertRule } from '../../schemas/alert-rules.ts';
import type { AlertRow, AlertValue } from '../../storage/tables/alerts.ts';

/** `beyond` the bound; `between` it and the value at which an alert ends; `within`. */
export type Reading = 'beyond' | 'between' | 'within' | 'unknown';

/** An alert of which nothing was known for so long ends: what it is about may not exist any more. */
export const UNKNOWN_MS_MAX = 7 * 86_400_000;

export type Ending = 'cleared' | 'rule-changed' | 'rule-removed' | 'unknown-too-long';

export function readingOf({ above, below, is, clear }: AlertRule, value: AlertValue | undefined): Reading {
  if (value === undefined || value === null) return 'unknown';
  if (is !== undefined) return value === is ? 'beyond' : 'within';
  if (typeof value !== 'number' || Number.isNaN(value)) return 'unknown';
  if (above !== undefined) {
    if (value > above) return 'beyond';
    return value <= (clear ?? above) ? 'within' : 'between';
  }
  if (value < below!) return 'beyond';
  return value >= (clear ?? below!) ? 'within' : 'between';
}

/** What of a rule makes its alerts others when it changes; bounds may change under an alert. */
export function definitionOf({ question, parameters, column, severity, labels }: AlertRule): string {
  return hash([question, Object.entries(parameters).sort(), column, severity, Object.entries(labels).sort()]);
}

export function fingerprintOf(rule: string, definition: string, keys: readonly string[]): string {
  return hash([rule, definition, keys]);
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

export interface Moment {
  readonly atMs: number;
  readonly windowMs: number;
  readonly forMs: number;
}

/** What of an alert comes from its rule and row. */
export type Described = Pick<
  AlertRow,
  'fingerprint' | 'rule' | 'definition' | 'requires' | 'addresses' | 'severity' | 'labels' | 'annotations'
>;

/** A value beyond the bound of which there was no alert. */
export function beginAlert(described: Described, value: AlertValue, { atMs, forMs }: Moment): AlertRow {
  const fires = forMs === 0;
  return {
    ...described,
    ...{ value, sinceMs: atMs, evaluatedAtMs: atMs, heldMs: 0, unknownSinceMs: 0 },
    ...{ state: fires ? 'firing' : 'pending', firedAtMs: fires ? atMs : 0, endedAtMs: 0, ending: '' },
    ...{ notifiedState: '', notifiedAtMs: 0 },
  };
}

/** Undefined: it was pending, and is no alert any more. */
export function advanceAlert(
  alert: AlertRow,
  reading: Reading,
  value: AlertValue,
  { atMs, windowMs, forMs }: Moment,
): AlertRow | undefined {
  if (reading === 'unknown') {
    const unknownSinceMs = alert.unknownSinceMs || atMs;
    if (atMs - unknownSinceMs >= UNKNOWN_MS_MAX) return endAlert(alert, 'unknown-too-long', atMs);
    return { ...alert, unknownSinceMs, evaluatedAtMs: atMs };
  }
  const seen = { ...alert, value, unknownSinceMs: 0, evaluatedAtMs: atMs };
  if (reading === 'within') return endAlert(seen, 'cleared', atMs);
  if (alert.state !== 'pending') return seen;
  if (reading === 'between') return undefined;
  // Time that no evaluated window covers, or of which nothing was known, does not count.
  const passedMs = alert.unknownSinceMs > 0 ? 0 : Math.min(atMs - alert.evaluatedAtMs, windowMs);
  const heldMs = alert.heldMs + Math.max(0, passedMs);
  return heldMs >= forMs ? { ...seen, heldMs, state: 'firing', firedAtMs: atMs } : { ...seen, heldMs };
}

/** Undefined: it was pending, and nobody has seen it. */
export function endAlert(alert: AlertRow, ending: Ending, atMs: number): AlertRow | undefined {
  if (alert.state === 'pending') return undefined;
  return { ...alert, state: 'resolved', ending, endedAtMs: atMs, evaluatedAtMs: atMs };
}
