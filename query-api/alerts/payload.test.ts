import { expect, test } from 'vitest';
import type { AlertRow } from '../../storage/tables/alerts.ts';
import { PAYLOAD_ALERTS_MAX, payloadOf } from './payload.ts';

const alert = (name: string, more: Partial<AlertRow> = {}): AlertRow => ({
  ...{
    fingerprint: name,
    sinceMs: 0,
    rule: 'r',
    definition: 'd',
    requires: 'read',
    addresses: [],
    severity: 'warning',
  },
  ...{ state: 'firing', firedAtMs: 1000, endedAtMs: 0, ending: '', evaluatedAtMs: 1000, unknownSinceMs: 0, heldMs: 0 },
  ...{ value: 1, labels: { name, site: '' }, annotations: {}, notifiedState: '', notifiedAtMs: 0 },
  ...more,
});

test('a message has a bound, and says how many alerts it leaves out', () => {
  const alerts = Array.from({ length: PAYLOAD_ALERTS_MAX + 7 }, (_, i) => alert(`a${i}`));
  const payload = payloadOf({ rule: 'r', alerts }, 'http://h');
  expect([payload.alerts.length, payload.truncatedAlerts]).toEqual([PAYLOAD_ALERTS_MAX, 7]);
});

test('a group is resolved when none of it fires, and an ended alert has its end', () => {
  const ended = alert('b', { state: 'resolved', endedAtMs: 2000 });
  expect(payloadOf({ rule: 'r', alerts: [ended, alert('a')] }, 'http://h').status).toBe('firing');
  const payload = payloadOf({ rule: 'r', alerts: [ended] }, 'http://h/');
  expect([payload.status, payload.alerts[0]?.endsAt, payload.externalURL]).toEqual([
    ...['resolved', '1970-01-01T00:00:02.000Z', 'http://h'],
  ]);
});

test('addresses that only some roles see in the answer are not sent, others are', () => {
  const labels = { name: 'leaf 10.0.0.1 02:00:00:00:00:01' };
  const sent = (addresses: readonly string[]) =>
    payloadOf({ rule: 'r', alerts: [alert('a', { addresses, labels })] }, 'http://h').alerts[0]?.labels;
  expect(sent(['records'])).toEqual({ name: 'leaf [hidden] [hidden]' });
  expect(sent([])).toEqual(labels);
});

test('a label without a value is none', () => {
  expect(payloadOf({ rule: 'r', alerts: [alert('a')] }, 'http://h').alerts[0]?.labels).toEqual({ name: 'a' });
});
