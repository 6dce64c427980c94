// What the evaluation of alert rules shows at /metrics. Rules are a label, and RULES_MAX bounds them.

import { openCounters } from '../../service/counters.ts';
import type { Metrics } from '../../service/metrics.ts';
import type { AlertBook } from './alert-book.ts';

const ALERT_COUNTERS = {
  evaluations: { name: 'alert_evaluations_total', help: 'evaluations of all alert rules on a settled bucket' },
  failures: { name: 'alert_rule_failures_total', help: 'alert rules that could not be evaluated' },
  truncated: { name: 'alert_rules_truncated_total', help: 'answers of alert rules with more rows than are read' },
  refused: { name: 'alerts_refused_total', help: 'times an alert did not begin because there are too many' },
  dropped: { name: 'alerts_dropped_total', help: 'ended alerts that were neither stored nor sent for lack of room' },
  storeFailures: { name: 'alert_store_failures_total', help: 'times states of alerts could not be stored' },
  webhookDeliveries: { name: 'alert_webhook_deliveries_total', help: 'messages that the webhook accepted' },
  webhookFailures: { name: 'alert_webhook_failures_total', help: 'messages that the webhook did not accept' },
  webhookRefused: {
    name: 'alert_webhook_refused_total',
    help: 'of them those refused as such, which are not repeated',
  },
} as const;

export type AlertCounters = ReturnType<typeof openCounters<typeof ALERT_COUNTERS>>;

export function openAlertMetrics(
  metrics: Metrics,
  book: AlertBook,
  /** Seconds since the bucket that was evaluated last had ended; undefined before. */
  age: () => number | undefined,
): AlertCounters {
  const counters = openCounters(ALERT_COUNTERS);
  metrics.register(counters);
  metrics.gauge({ name: 'alerts', help: 'active alerts', labelNames: ['rule', 'state'] }, () => countsOf(book));
  metrics.gauge(
    {
      name: 'alert_evaluation_age_seconds',
      help: 'since the end of the bucket on which alert rules were evaluated last',
    },
    () => {
      const seconds = age();
      return seconds === undefined ? [] : [{ value: seconds }];
    },
  );
  return counters;
}

function countsOf(book: AlertBook) {
  const counts = new Map<string, { labels: { rule: string; state: string }; value: number }>();
  for (const { rule, state } of book.active()) {
    const key = `${state} ${rule}`;
    const entry = counts.get(key) ?? { labels: { rule, state }, value: 0 };
    entry.value++;
    counts.set(key, entry);
  }
  return counts.values();
}
