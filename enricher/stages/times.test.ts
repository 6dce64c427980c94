import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TIME_SOURCES } from '../../schemas/codes.ts';
import { batchOf, LIMITS, NOW, type Row } from '../../testing/data/enrichment.ts';
import { normaliseTimes, timeAt } from './times.ts';

function normalised(row: Row) {
  const { columns } = batchOf([row]);
  const faults = { cut: 0, reversed: 0 };
  normaliseTimes(columns, 1, LIMITS, faults);
  return {
    start: timeAt(columns.flowStart, 0),
    end: timeAt(columns.flowEnd, 0),
    source: TIME_SOURCES[columns.timeSource[0]!],
    ...faults,
  };
}

test('times within the limits stay as they are', () => {
  expect(normalised({ flowStart: NOW - 3_600_000, flowEnd: NOW + 60_000 })).toEqual({
    start: NOW - 3_600_000,
    end: NOW + 60_000,
    source: 'unknown',
    cut: 0,
    reversed: 0,
  });
});

// proves: times-absurd, frozen-times, odd-uptimes
test('a flow that ended outside the limits has a clock nobody believes: both times become receivedAt', () => {
  for (const flowEnd of [NOW + 86_400_000, NOW - 86_400_000]) {
    expect(normalised({ flowStart: 0, flowEnd })).toEqual({
      start: NOW,
      end: NOW,
      source: 'replaced',
      cut: 1,
      reversed: 0,
    });
  }
});

test('a start before the limits is cut to them', () => {
  expect(normalised({ flowStart: 0, flowEnd: NOW - 1000 })).toEqual({
    start: NOW - 3_600_000,
    end: NOW - 1000,
    source: 'unknown',
    cut: 1,
    reversed: 0,
  });
});

test('a start behind its end becomes the end', () => {
  expect(normalised({ flowStart: NOW, flowEnd: NOW - 5000 })).toEqual({
    start: NOW - 5000,
    end: NOW - 5000,
    source: 'unknown',
    cut: 0,
    reversed: 1,
  });
});

test('whatever the exporter says, the result lies within the limits and in order', () => {
  const time = fc.oneof(
    fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
    fc.integer({ min: NOW - 4_000_000, max: NOW + 100_000 }),
  );
  fc.assert(
    fc.property(time, time, fc.constantFrom(NOW, 0, 5), (flowStart, flowEnd, receivedAt) => {
      const { start, end } = normalised({ flowStart, flowEnd, receivedAt });
      expect(start).toBeGreaterThanOrEqual(Math.max(0, receivedAt - LIMITS.spanMsMax));
      expect(start).toBeLessThanOrEqual(end);
      expect(end).toBeLessThanOrEqual(receivedAt + LIMITS.skewMsMax);
    }),
  );
});
