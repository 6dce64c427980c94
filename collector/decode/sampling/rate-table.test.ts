// The bounds of what options may report of rates, and what is evicted.

import { describe, expect, test } from 'vitest';
import { Bench, ipfix, ipfixOptions, set, template, u32 } from '../../../testing/data/datagrams.ts';
import { SELECTORS_PER_DOMAIN_MAX } from '../exporters/domain.ts';
import { RATES_TOTAL_MAX, RateTable, type RateTotal } from './rate-table.ts';

test('a table takes as many keys as it may; those it has may change', () => {
  const rates = new RateTable(2, {});
  expect([rates.set(1, 10), rates.set(2, 20), rates.set(3, 30), rates.set(1, 11)]).toEqual([true, true, false, true]);
  expect([...rates]).toEqual([
    [1, 11],
    [2, 20],
  ]);
});

test('tables share their total, and give it back', () => {
  const total: RateTotal = { rates: RATES_TOTAL_MAX - 2 };
  const [first, second] = [new RateTable(10, total), new RateTable(10, total)];
  expect([first.set(1, 1), second.set(1, 1), second.set(2, 1), first.set(1, 2)]).toEqual([true, true, false, true]);
  first.clear();
  expect([total.rates, second.set(2, 1), second.set(3, 1)]).toEqual([RATES_TOTAL_MAX - 1, true, false]);
});

test('at the total room is asked for until there is some or nobody gives way', () => {
  const asked: number[] = [];
  const total: RateTotal = {
    rates: RATES_TOTAL_MAX,
    makeRoom() {
      asked.push(total.rates!);
      if (asked.length === 2) total.rates = RATES_TOTAL_MAX - 1;
      return asked.length < 3;
    },
  };
  const rates = new RateTable(10, total);
  expect([rates.set(1, 1), rates.set(2, 1)]).toEqual([true, false]);
  expect(asked.length).toBe(3);
});

describe('a flood of rates', () => {
  const announce = set(3, ipfixOptions(310, [[302, 4]], [[34, 4]]));
  const reported = Array.from({ length: 5 }, (_, part) =>
    set(310, ...Array.from({ length: 1000 }, (__, i) => [...u32(1000 * part + i), ...u32(10)])),
  );
  const flood = reported.map(records => ipfix([announce, records]));
  const sources = RATES_TOTAL_MAX / SELECTORS_PER_DOMAIN_MAX + 10;

  test('stays below the bound of all exporters, and costs none that delivers records its rate', () => {
    const bench = new Bench();
    bench.decode(ipfix([announce, set(310, u32(1), u32(64)), set(2, template(300, [[302, 4]]))]), '192.0.2.1');
    expect(bench.decode(ipfix([set(300, u32(1))]), '192.0.2.1')).toMatchObject([{ samplingRate: 64 }]);
    for (let i = 0; i < sources; i++) for (const datagram of flood) bench.decode(datagram, `198.51.100.${i}`);
    const kept = bench.domains().reduce((sum, domain) => sum + domain.selectorRates.size, 0);
    expect(kept).toBeLessThanOrEqual(RATES_TOTAL_MAX);
    expect(kept).toBeGreaterThan(RATES_TOTAL_MAX - 2 * SELECTORS_PER_DOMAIN_MAX);
    expect(bench.decoder.exporters.evicted).toBeGreaterThan(0);
    expect(bench.decode(ipfix([set(300, u32(1))]), '192.0.2.1')).toMatchObject([{ samplingRate: 64 }]);
  });
});
