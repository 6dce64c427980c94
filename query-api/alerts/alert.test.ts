import { expect, test } from 'vitest';
import { AlertRules } from '../../schemas/alert-rules.ts';
import { documentChecker } from '../../schemas/documents.ts';
import type { AlertRow } from '../../storage/tables/alerts.ts';
import { advanceAlert, beginAlert, readingOf, UNKNOWN_MS_MAX } from './alert.ts';

const MINUTE = 60_000;
const shape = documentChecker(AlertRules);
const ruleOf = (bounds: object) =>
  shape.check('', { rules: [{ name: 'r', question: 'top', column: 'value', ...bounds }] }).rules[0]!;
const DESCRIBED = {
  ...{ fingerprint: 'f', rule: 'r', definition: 'd', requires: 'read', addresses: [], severity: 'warning' },
  ...{ labels: {}, annotations: {} },
};

test.each<[object, ...[unknown, string][]]>([
  [{ above: 10 }, [11, 'beyond'], [10, 'within'], [9, 'within'], [null, 'unknown'], [undefined, 'unknown']],
  [{ above: 10, clear: 5 }, [11, 'beyond'], [10, 'between'], [6, 'between'], [5, 'within'], [Number.NaN, 'unknown']],
  [{ below: 0.9 }, [0.89, 'beyond'], [0.9, 'within'], [0, 'beyond'], [null, 'unknown']],
  [{ below: 0.9, clear: 0.95 }, [0.89, 'beyond'], [0.9, 'between'], [0.95, 'within']],
  [{ is: true }, [true, 'beyond'], [false, 'within'], [null, 'unknown']],
  [{ is: 'unsteady' }, ['unsteady', 'beyond'], ['steady', 'within']],
  [{ above: 0 }, ['12', 'unknown'], [0, 'within']],
])('with %o a value is read as it says', (bounds, ...values) => {
  for (const [value, reading] of values)
    expect(readingOf(ruleOf(bounds), value as number), String(value)).toBe(reading);
});

/** State after each value, five minutes apart. */
function states(bounds: object, forMinutes: number, values: readonly (number | null)[]): string[] {
  const rule = ruleOf(bounds);
  let alert: AlertRow | undefined;
  return values.map((value, i) => {
    const moment = { atMs: (i + 1) * 5 * MINUTE, windowMs: 5 * MINUTE, forMs: forMinutes * MINUTE };
    const reading = readingOf(rule, value);
    if (alert && alert.state !== 'resolved') alert = advanceAlert(alert, reading, value, moment);
    else alert = reading === 'beyond' ? beginAlert(DESCRIBED, value, moment) : undefined;
    return alert ? `${alert.state}${alert.unknownSinceMs > 0 ? '?' : ''}` : '';
  });
}

test('an alert fires beyond its bound, goes on between both, and ends within the other', () => {
  expect(states({ above: 10, clear: 5 }, 0, [8, 11, 8, 12, 6, 5, 8, 11])).toEqual(
    ['', 'firing', 'firing', 'firing', 'firing', 'resolved', '', 'firing'], // 8 is no reason to begin
  );
  expect(states({ below: 1 }, 0, [1, 0.5, 1])).toEqual(['', 'firing', 'resolved']);
});

test('an alert is pending until the value was beyond the bound all of the time', () => {
  expect(states({ above: 10, clear: 5 }, 10, [11, 11, 11])).toEqual(['pending', 'pending', 'firing']);
  // Between the bounds it does not hold, and the time begins anew.
  expect(states({ above: 10, clear: 5 }, 10, [11, 11, 8, 11, 11])).toEqual([
    ...['pending', 'pending', '', 'pending', 'pending'],
  ]);
});

test('an unknown value neither begins nor ends an alert, and its time does not count', () => {
  expect(states({ above: 10 }, 0, [null, 11, null, null, 9])).toEqual([
    ...['', 'firing', 'firing?', 'firing?', 'resolved'],
  ]);
  expect(states({ above: 10 }, 10, [11, null, null, 11, 11, 11])).toEqual([
    ...['pending', 'pending?', 'pending?', 'pending', 'pending', 'firing'],
  ]);
});

test('time that no evaluated window covers does not count either', () => {
  const moment = { atMs: 0, windowMs: 15 * MINUTE, forMs: 60 * MINUTE };
  const pending = beginAlert(DESCRIBED, 11, moment);
  const later = advanceAlert(pending, 'beyond', 11, { ...moment, atMs: 120 * MINUTE });
  expect([later?.state, later?.heldMs]).toEqual(['pending', 15 * MINUTE]);
});

test('an alert of which nothing is known for seven days ends, and says why', () => {
  const moment = { atMs: 0, windowMs: MINUTE, forMs: 0 };
  const marked = advanceAlert(beginAlert(DESCRIBED, 1, moment), 'unknown', null, { ...moment, atMs: 1 })!;
  const before = advanceAlert(marked, 'unknown', null, { ...moment, atMs: UNKNOWN_MS_MAX });
  const after = advanceAlert(marked, 'unknown', null, { ...moment, atMs: UNKNOWN_MS_MAX + 1 });
  expect([before?.state, before?.value, after?.state, after?.ending]).toEqual([
    ...['firing', 1, 'resolved', 'unknown-too-long'],
  ]);
});
