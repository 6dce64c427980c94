import { expect, test } from 'vitest';
import { PROTOCOL } from '../../schemas/codes.ts';
import { addressColumnWords } from '../decode/decoder.ts';
import type { Fact } from '../decode/facts.ts';
import {
  EXPORTER_FACTS_MAX,
  FACTS_MAX,
  FactTable,
  FORGET_MS,
  HAND_OVER_FACTS_MAX,
  HAND_OVER_INTERVAL_MS,
  REPEAT_MS,
} from './fact-table.ts';

const START = Date.UTC(2026, 0, 2);
const port = (index: number, name: string): Fact => ({
  kind: 'interface',
  index,
  macHigh: 0,
  macLow: 0,
  stationId: '',
  name,
  hostId: '',
});
const station = (macLow: number, name: string, hostId = ''): Fact => ({
  kind: 'station',
  index: 4,
  macHigh: 0x0200,
  macLow,
  stationId: 'ab'.repeat(16),
  name,
  hostId,
});

/** A table and what is reported to it by one exporter. */
function begin(table = new FactTable()) {
  const report = (fact: Fact, atMs = START, address = '192.0.2.1') =>
    table.report(fact, addressColumnWords(address), 7, PROTOCOL.sflow5, atMs);
  return { table, report };
}

// proves: in-band
test('a fact is handed over as a row, once', () => {
  const { table, report } = begin();
  for (let i = 0; i < 10; i++) report(station(0xfe000001, 'web-01', 'cd'.repeat(16)), START + i);
  expect(table.take(START + 10)).toEqual([
    {
      receivedAtMs: START + 9,
      exporter: '192.0.2.1',
      observationDomain: 7,
      protocol: PROTOCOL.sflow5,
      kind: 'station',
      index: 4,
      mac: 0x0200fe000001,
      stationId: 'ab'.repeat(16),
      name: 'web-01',
      hostId: 'cd'.repeat(16),
    },
  ]);
  report(station(0xfe000001, 'web-01', 'cd'.repeat(16)), START + 20_000);
  expect(table.take(START + 20_001)).toEqual([]);
});

test('a changed name is reported again at once, a name that stays after ten minutes', () => {
  const { table, report } = begin();
  report(port(1, 'Gi1'));
  report(port(2, 'Gi2'));
  expect(table.take(START)).toHaveLength(2);
  report(port(1, 'Gi1'), START + REPEAT_MS - 1);
  report(port(2, 'uplink'), START + REPEAT_MS - 1);
  expect(table.take(START + REPEAT_MS - 1).map(row => row.name)).toEqual(['uplink']);
  report(port(1, 'Gi1'), START + REPEAT_MS);
  report(port(2, 'uplink'), START + REPEAT_MS);
  expect(table.take(START + REPEAT_MS + HAND_OVER_INTERVAL_MS).map(row => row.name)).toEqual(['Gi1']);
});

test('what a record does not report does not unmake what another reported', () => {
  const { table, report } = begin();
  report(station(1, 'web-01'));
  report(station(1, '', 'cd'.repeat(16)));
  expect(table.take(START)).toMatchObject([{ name: 'web-01', hostId: 'cd'.repeat(16) }]);
  report(station(1, 'web-01'), START + 1000);
  expect(table.take(START + HAND_OVER_INTERVAL_MS)).toEqual([]);
});

test('facts are handed over at intervals, so many at once, and none is left behind', () => {
  const { table, report } = begin();
  for (let i = 0; i < HAND_OVER_FACTS_MAX + 5; i++) report(port(i, `port ${i}`));
  expect(table.take(START)).toHaveLength(HAND_OVER_FACTS_MAX);
  expect(table.take(START + HAND_OVER_INTERVAL_MS - 1)).toEqual([]);
  expect(table.take(START + HAND_OVER_INTERVAL_MS)).toHaveLength(5);
  report(port(0, 'renamed'), START + HAND_OVER_INTERVAL_MS);
  expect(table.take(Number.POSITIVE_INFINITY)).toHaveLength(1);
  expect(table.take(Number.POSITIVE_INFINITY)).toEqual([]);
});

test('a flood of names fills the share of its exporter, is counted, and others are still taken in', () => {
  const { table, report } = begin();
  report(port(1, 'Gi1'), START, '192.0.2.9');
  for (let i = 0; i < EXPORTER_FACTS_MAX + 1000; i++) report(port(i, `forged ${i}`));
  expect([table.size, table.refused]).toEqual([EXPORTER_FACTS_MAX + 1, 1000]);
  report(port(1, 'Te1'), START, '192.0.2.9');
  report(port(2, 'Te2'), START, '192.0.2.9');
  const names = new Set<string>();
  for (let now = START; now < START + 10 * HAND_OVER_INTERVAL_MS; now += HAND_OVER_INTERVAL_MS)
    for (const { name } of table.take(now)) names.add(name);
  expect(names.has('Te1') && names.has('Te2')).toBe(true);
});

test('many forged sources fill the table and no more; who was known stays, and forged facts are forgotten in an hour', () => {
  const { table, report } = begin();
  report(port(1, 'Gi1'), START, '192.0.2.1');
  for (let source = 0; source < 20; source++)
    for (let i = 0; i < EXPORTER_FACTS_MAX / 2; i++) report(port(i, 'forged'), START, `198.51.100.${source}`);
  expect(table.size).toBe(FACTS_MAX);
  const refused = table.refused;
  report(port(1, 'renamed'), START + FORGET_MS, '192.0.2.1');
  expect(table.refused).toBe(refused);
  table.take(START + FORGET_MS + 1);
  expect(table.size).toBe(1);
  report(port(2, 'Gi2'), START + FORGET_MS + 1, '192.0.2.1');
  expect([table.size, table.refused]).toEqual([2, refused]);
});
