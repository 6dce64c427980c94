// The alerts of all rules that are active, and those that have ended while the webhook has not been sent it. It has bounds:
// beyond ALERTS_MAX no alert begins, so many ended ones wait for the webhook, and twice as many states for ClickHouse.

import type { AlertRow } from '../../storage/tables/alerts.ts';
import { advanceAlert, beginAlert, type Ending, endAlert, type Moment } from './alert.ts';
import type { RuleReading } from './read-rule.ts';

export const ALERTS_MAX = 10_000;

/** The alerts of one rule that the webhook is sent together. */
export interface AlertGroup {
  readonly rule: string;
  /** Firing ones, and those that have ended; what is not known yet comes first. */
  readonly alerts: readonly AlertRow[];
}

interface BookOptions {
  /** There is a webhook, which is sent the ends of alerts too. */
  readonly notifies: boolean;
  readonly max?: number;
  /** `refused`: an alert did not begin for lack of room; `dropped`: one that had ended was given up. */
  readonly count?: (what: 'refused' | 'dropped') => void;
}

export class AlertBook {
  readonly #max: number;
  readonly #notifies: boolean;
  /** By fingerprint. */
  readonly #active = new Map<string, AlertRow>();
  readonly #ended = new Map<string, AlertRow>();
  /** Changed since they were stored, by episode. */
  readonly #unstored = new Map<string, AlertRow>();
  readonly #count: (what: 'refused' | 'dropped') => void;

  constructor({ notifies, max = ALERTS_MAX, count = () => {} }: BookOptions) {
    this.#notifies = notifies;
    this.#max = max;
    this.#count = count;
  }

  /** What an earlier process has stored. */
  restore(rows: readonly AlertRow[]): void {
    for (const row of rows)
      if (row.state === 'resolved') this.#ended.set(episodeOf(row), row);
      else this.#active.set(row.fingerprint, row);
  }

  *active(): Generator<AlertRow> {
    yield* this.#active.values();
  }

  /** Applies what a rule reads now to its alerts. */
  apply(rule: string, { rows, absent }: RuleReading, definition: string, moment: Moment): void {
    for (const alert of [...this.#active.values()]) {
      if (alert.rule !== rule) continue;
      if (alert.definition !== definition) {
        this.#replace(alert, endAlert(alert, 'rule-changed', moment.atMs));
        continue;
      }
      const found = rows.get(alert.fingerprint);
      const described = found ? { ...alert, ...found.described } : alert;
      const { reading, value } = found ?? absent;
      this.#replace(alert, advanceAlert(described, reading, value, moment));
    }
    for (const [fingerprint, { reading, described, value }] of rows) {
      if (reading !== 'beyond' || this.#active.has(fingerprint)) continue;
      if (this.#active.size >= this.#max) this.#count('refused');
      else this.#put(beginAlert(described, value, moment));
    }
  }

  /** Nothing is known of a rule that could not be evaluated. */
  applyUnknown(rule: string, moment: Moment): void {
    for (const alert of [...this.#active.values()])
      if (alert.rule === rule) this.#replace(alert, advanceAlert(alert, 'unknown', null, moment));
  }

  /** Ends the alerts of rules that are not there any more. */
  keepRules(names: ReadonlySet<string>, atMs: number): void {
    for (const alert of [...this.#active.values()])
      if (!names.has(alert.rule)) this.#replace(alert, endAlert(alert, 'rule-removed' satisfies Ending, atMs));
  }

  /** Rows that are not stored as they are; they stay so until `markStored`. */
  unstored(): readonly AlertRow[] {
    return [...this.#unstored.values()];
  }

  markStored(rows: readonly AlertRow[]): void {
    for (const row of rows) if (this.#unstored.get(episodeOf(row)) === row) this.#unstored.delete(episodeOf(row));
  }

  /** Rules with something that the webhook must be sent now, and all that it is sent of them. */
  due(nowMs: number, repeatMs: number): AlertGroup[] {
    const shown = [...this.#active.values()]
      .filter(({ state }) => state === 'firing')
      .concat([...this.#ended.values()]);
    const groups: AlertGroup[] = [];
    for (const [rule, alerts] of Map.groupBy(shown, alert => alert.rule)) {
      const isDue = (alert: AlertRow) =>
        alert.notifiedState !== alert.state || nowMs - alert.notifiedAtMs >= repeatMs || alert.notifiedAtMs > nowMs;
      const changed = alerts.filter(isDue);
      const rest = alerts.filter(alert => !isDue(alert));
      if (changed.length > 0) groups.push({ rule, alerts: [...changed, ...rest] });
    }
    return groups.sort((a, b) => (a.rule < b.rule ? -1 : 1));
  }

  /** The webhook has been sent these as they are here. */
  markNotified(alerts: readonly AlertRow[], nowMs: number): void {
    for (const sent of alerts) {
      const notified = { notifiedState: sent.state, notifiedAtMs: nowMs };
      const episode = episodeOf(sent);
      const ended = this.#ended.get(episode);
      const active = this.#active.get(sent.fingerprint);
      if (active?.sinceMs === sent.sinceMs) this.#put({ ...active, ...notified });
      else if (ended) {
        // It may have ended while it was sent as firing.
        const row = { ...ended, ...notified };
        this.#unstored.set(episode, row);
        if (sent.state === 'resolved') this.#ended.delete(episode);
        else this.#ended.set(episode, row);
      }
    }
  }

  #put(alert: AlertRow): void {
    this.#active.set(alert.fingerprint, alert);
    this.#unstored.set(episodeOf(alert), alert);
  }

  #replace(before: AlertRow, after: AlertRow | undefined): void {
    if (after && after.state !== 'resolved') {
      this.#put(after);
      return;
    }
    this.#active.delete(before.fingerprint);
    // A pending alert that passes is stored too, so that a restart does not meet it.
    const row = after ?? { ...before, state: 'inactive' };
    this.#unstored.set(episodeOf(row), row);
    if (this.#unstored.size > 2 * this.#max) this.#giveUp(this.#unstored);
    if (!after || !this.#notifies) return;
    this.#ended.set(episodeOf(row), row);
    if (this.#ended.size > this.#max) this.#giveUp(this.#ended);
  }

  /** Gives up the oldest episode that has ended; those that are active are at most as many as there may be. */
  #giveUp(episodes: Map<string, AlertRow>): void {
    for (const [episode, { fingerprint, sinceMs }] of episodes) {
      if (this.#active.get(fingerprint)?.sinceMs === sinceMs) continue;
      episodes.delete(episode);
      this.#count('dropped');
      return;
    }
  }
}

function episodeOf({ fingerprint, sinceMs }: AlertRow): string {
  return `${fingerprint} ${sinceMs}`;
}
