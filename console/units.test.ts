import { expect, test } from 'vitest';
import { decades, logScale } from './scale.ts';
import { formatAge, formatError, formatShare, formatShort, formatSkew, formatValue } from './units.ts';
import { readState, writeState } from './view-state.ts';

test.each([
  [0, 'bytes', '0 B'],
  [999, 'bytes', '999 B'],
  [999.6, 'avgBps', '1.00 kb/s'],
  [1_240_000_000, 'bytes', '1.24 GB'],
  [52_000_000, 'bytes', '52.0 MB'],
  [859_700, 'p95Bps', '860 kb/s'],
  [900_000, 'packets', '900 k'],
  [0.25, 'avgBps', '0.25 b/s'],
  [2 ** 60, 'bytes', '1.15 EB'],
] as const)('%d %s is %s', (value, metric, text) => {
  expect(formatValue(value, metric)).toBe(text);
});

test('tight cells lose a digit', () => {
  expect([1_240_000, 12_400_000, 860_000].map(value => formatShort(value, 'bytes'))).toEqual([
    '1.2 MB',
    '12 MB',
    '860 kB',
  ]);
});

test('a share is never rounded to all or nothing', () => {
  expect([null, 0, 0.00001, 0.0213, 0.5, 0.99999, 1].map(formatShare)).toEqual([
    '–',
    '0 %',
    '< 0.01 %',
    '2.13 %',
    '50.0 %',
    '> 99.9 %',
    '100 %',
  ]);
});

test('an interval is reported by its wider half, and only when there is one', () => {
  expect([
    formatError({ value: 100, ciLow: 96, ciHigh: 105 }),
    formatError({ value: 100, ciLow: 100, ciHigh: 100, method: 'exact' }),
    formatError({ value: 100, ciLow: null, ciHigh: null, method: 'none' }),
    formatError({ value: 100, ciLow: 0, ciHigh: 400 }),
    formatError({ value: 100, ciLow: null, ciHigh: null, method: 'unknown' }),
    formatError({ value: 0, ciLow: null, ciHigh: null, method: 'unknown' }),
  ]).toEqual(['± 5.0 %', '', '', '± > 100 %', '± ?', '']);
});

test('ages are rounded to what matters', () => {
  expect([2_000, 40_000, 600_000, 7_200_000, 864_000_000].map(formatAge)).toEqual([
    'now',
    '40 s ago',
    '10 min ago',
    '2 h ago',
    '10 d ago',
  ]);
});

test('what a clock is off has its sign and what matters', () => {
  expect([0, -400, 35_020, -1_799_700, 3_600_000, -864_000_000].map(formatSkew)).toEqual([
    '0 s',
    '0 s',
    '+35 s',
    '−30 min',
    '+60 min',
    '−10 d',
  ]);
});

test.each(['light', 'dark'] as const)(
  'the %s scale is logarithmic, and its ink stands out from every colour',
  theme => {
    const scale = logScale([1e3, 1e6, 1e9], theme);
    expect([1e3, 1e6, 1e9].map(value => scale.position(value))).toEqual([0, expect.closeTo(0.5), 1]);
    expect(decades(scale)).toEqual([1e3, 1e5, 1e7, 1e9]);
    const luminance = (colour: string) => {
      const channels = colour.startsWith('#')
        ? [1, 3, 5].map(i => Number.parseInt(colour.slice(i, i + 2), 16))
        : colour.match(/\d+/g)!.map(Number);
      const [r, g, b] = channels.map(channel =>
        channel / 255 <= 0.04045 ? channel / 255 / 12.92 : ((channel / 255 + 0.055) / 1.055) ** 2.4,
      ) as [number, number, number];
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    for (let i = 0; i <= 60; i++) {
      const { background, ink } = scale.colour(10 ** (3 + i / 10));
      const [high, low] = [luminance(background), luminance(ink)].sort((a, b) => b - a) as [number, number];
      // WCAG 2.2, 1.4.3: at least 4.5 : 1.
      expect((high + 0.05) / (low + 0.05)).toBeGreaterThan(4.5);
    }
  },
);

test('equal values and no values have a scale too', () => {
  expect(logScale([5, 5], 'light').position(5)).toBe(1);
  expect(logScale([], 'dark').position(0)).toBe(0);
});

test('what the page shows survives its address', () => {
  const state = {
    ...readState(''),
    from: 'now-6h',
    metric: 'p95Bps',
    by: 'vm',
    live: false,
    selection: { src: '20aa', dst: '20bb' },
  } as const;
  expect(readState(`#${writeState(state)}`)).toEqual(state);
  expect(writeState(readState(''))).toBe('');
  expect(readState('#metric=evil&by=x&view=y')).toEqual(readState(''));
});
