// What a webhook is sent: the JSON of Alertmanager's webhook receiver, version 4. Names are texts in it, whatever they hold.

import type { AlertRow, Texts } from '../../storage/tables/alerts.ts';
import { hideAddresses } from '../access/hiding.ts';
import type { AlertGroup } from './alert-book.ts';

/** Alerts of one message; the others are counted, and sent by the next one. */
export const PAYLOAD_ALERTS_MAX = 100;

/** As Alertmanager writes a time that is not there. */
const NO_TIME = '0001-01-01T00:00:00Z';

export interface WebhookPayload {
  readonly version: '4';
  readonly groupKey: string;
  readonly truncatedAlerts: number;
  readonly status: 'firing' | 'resolved';
  readonly receiver: string;
  readonly groupLabels: Texts;
  readonly commonLabels: Texts;
  readonly commonAnnotations: Texts;
  readonly externalURL: string;
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved';
    readonly labels: Texts;
    readonly annotations: Texts;
    readonly startsAt: string;
    readonly endsAt: string;
    readonly generatorURL: string;
    readonly fingerprint: string;
  }[];
}

/** The first PAYLOAD_ALERTS_MAX alerts of the group. */
export function payloadOf({ rule, alerts }: AlertGroup, externalUrl: string): WebhookPayload {
  const sent = alerts.slice(0, PAYLOAD_ALERTS_MAX).map(shown);
  const groupLabels = { alertname: rule };
  const base = externalUrl.replace(/\/+$/, '');
  return {
    version: '4',
    groupKey: `{}:{alertname=${JSON.stringify(rule)}}`,
    truncatedAlerts: alerts.length - sent.length,
    status: sent.some(({ state }) => state === 'firing') ? 'firing' : 'resolved',
    receiver: 'hairpin',
    groupLabels,
    commonLabels: common(sent.map(({ labels }) => labels)),
    commonAnnotations: common(sent.map(({ annotations }) => annotations)),
    externalURL: base,
    alerts: sent.map(({ state, labels, annotations, firedAtMs, endedAtMs, fingerprint }) => ({
      status: state === 'firing' ? 'firing' : 'resolved',
      labels: filled(labels),
      annotations: filled(annotations),
      startsAt: new Date(firedAtMs).toISOString(),
      endsAt: state === 'firing' ? NO_TIME : new Date(endedAtMs).toISOString(),
      generatorURL: `${base}/api/v1/alerts?rule=${encodeURIComponent(rule)}`,
      fingerprint,
    })),
  };
}

/** Whoever reads what a webhook is sent has no role: what only some roles see of an answer is hidden. */
function shown(alert: AlertRow): AlertRow {
  if (alert.addresses.length === 0) return alert;
  const hidden = hideAddresses({ labels: alert.labels, annotations: alert.annotations });
  return { ...alert, ...(hidden as Pick<AlertRow, 'labels' | 'annotations'>) };
}

/** To Prometheus an empty label is none. */
function filled(texts: Texts): Texts {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''));
}

function common(all: readonly Texts[]): Texts {
  const [first = {}, ...others] = all;
  return filled(
    Object.fromEntries(Object.entries(first).filter(([name, text]) => others.every(one => one[name] === text))),
  );
}
