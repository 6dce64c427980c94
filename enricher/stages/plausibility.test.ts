import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fixedKnowledge } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { COUNT_REASON, MARKS } from '../../schemas/codes.ts';
import { BATCH_KEY, batchOf, documentsOf, LIMITS, type Row } from '../../testing/data/enrichment.ts';
import { createNodeNames } from '../endpoints/node-names.ts';
import { Enrichment } from './enrich.ts';
import { markImplausible } from './plausibility.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
/** A switch that meters what its hosts send. */
const DOCUMENTS = documentsOf({
  inventory: {
    switches: [{ id: 'sw', ports: [{ ifIndex: 1 }, { ifIndex: 2 }] }],
    hosts: [{ id: 'h1', pnics: [{ id: 'p', switch: 'sw', ifIndex: 1 }], vswitches: [] }],
  },
  exporters: [{ address: '192.0.2.1', switch: 'sw', metering: 'ingress' }],
});
const MINUS_ONE = 2n ** 64n - 1n;

interface Counters {
  readonly bytes: bigint;
  readonly packets: bigint;
  readonly durationMs?: number;
  readonly samplingRate?: number;
}

/** What enriching makes of records with these counters. */
function enriched(all: readonly Counters[], documents = DOCUMENTS) {
  const rows = all.map(
    ({ durationMs = 0, samplingRate = 1 }): Row => ({
      ...{ src: '10.0.0.1', dst: '10.0.0.2', exporter: '192.0.2.1', protocol: 'ipfix', inIf: 1, outIf: 2 },
      ...{ samplingRate, receivedAt: NOW, flowStart: NOW - durationMs, flowEnd: NOW },
    }),
  );
  const batch = batchOf(rows);
  const { columns } = batch;
  all.forEach(({ bytes, packets }, row) => {
    for (const [column, value] of [
      [columns.bytes, bytes],
      [columns.packets, packets],
    ] as const) {
      column[2 * row] = Number(value & 0xffffffffn);
      column[2 * row + 1] = Number(value >> 32n);
    }
  });
  const snapshot = compileSnapshot(documents);
  const tallies = new Enrichment(fixedKnowledge(snapshot), createNodeNames(), LIMITS).enrichBatch(batch, BATCH_KEY);
  return {
    tallies,
    rows: rows.map((_, row) => ({
      isMarked: (columns.marks[row]! & MARKS.implausible) !== 0,
      reason: columns.countReason[row],
      weight: columns.weight[row],
    })),
  };
}

test.each<[string, Counters]>([
  ["an exporter's -1 as bytes", { bytes: MINUS_ONE, packets: 1n }],
  ['-1 as packets', { bytes: 2001n, packets: MINUS_ONE }],
  ['-1 as both', { bytes: MINUS_ONE, packets: MINUS_ONE }],
  ['2^60 bytes in as many packets as they need', { bytes: 2n ** 60n, packets: 2n ** 50n }],
  ['2^60 bytes of nobody knows how many packets', { bytes: 2n ** 60n, packets: 0n }],
  ['more bytes than the longest packets hold', { bytes: 70_000n, packets: 1n }],
  ['what a rate makes larger than 64 bits', { bytes: 2n ** 40n, packets: 2n ** 30n, samplingRate: 2 ** 31 }],
])('%s is marked, counted and does not count', (_, counters) => {
  const { rows, tallies } = enriched([{ bytes: 2001n, packets: 3n }, counters]);
  expect(tallies.implausible).toBe(1);
  expect(rows[0]).toMatchObject({ isMarked: false });
  expect(rows[1]).toEqual({ isMarked: true, reason: COUNT_REASON.implausible, weight: 0 });
});

test('without documents it does not count either', () => {
  const { rows } = enriched([{ bytes: MINUS_ONE, packets: 1n }], documentsOf({}));
  expect(rows).toEqual([{ isMarked: true, reason: COUNT_REASON.implausible, weight: 0 }]);
});

test.each<[string, Counters]>([
  ['a jumbogram at the limit of IP', { bytes: 65_535n + 18n, packets: 1n }],
  ['bytes of nobody knows how many packets', { bytes: 10n ** 12n, packets: 0n }],
  [
    'a port of 1.6 Tbit/s, busy for an hour',
    { bytes: 2n * 10n ** 11n * 3600n, packets: 10n ** 12n, durationMs: 3600_000 },
  ],
  ['the same reported without times, as of five minutes', { bytes: 2n * 10n ** 11n * 300n, packets: 10n ** 11n }],
  ['one sampled packet of 1 in 2^24', { bytes: 9000n, packets: 1n, samplingRate: 2 ** 24 }],
  ['nothing at all', { bytes: 0n, packets: 0n }],
])('%s is plausible', (_, counters) => {
  expect(enriched([counters]).rows[0]).toMatchObject({ isMarked: false });
});

test('whatever counters a flood of records has, what counts of it stays within 64 bits', () => {
  const number = fc.oneof(
    fc.bigInt({ min: 0n, max: MINUS_ONE }),
    fc.bigInt({ min: 0n, max: 63n }).map(shift => 1n << shift),
    fc.constantFrom(0n, 1n, MINUS_ONE),
  );
  const counters = fc.record({
    bytes: number,
    packets: number,
    durationMs: fc.constantFrom(0, 60_000, 3600_000),
    samplingRate: fc.constantFrom(1, 100, 65_536),
  });
  fc.assert(
    fc.property(fc.array(counters, { minLength: 1, maxLength: 200 }), all => {
      const { rows } = enriched(all);
      const sum = (of: 'bytes' | 'packets') =>
        rows.reduce(
          (total, { isMarked }, i) => (isMarked ? total : total + all[i]![of] * BigInt(all[i]!.samplingRate)),
          0n,
        );
      // 5,000 of the largest in one cell would fit still.
      expect(sum('bytes') < 2n ** 64n / 10n).toBe(true);
      expect(sum('packets') < 2n ** 64n / 10n).toBe(true);
    }),
  );
});

test('a record that sums of 64 bits may not hold has an unknown error, and one at the bound has not', () => {
  const most = 2n ** 48n;
  const hour = 3_600_000;
  const records = [
    { bytes: most, durationMs: 0 },
    { bytes: most + 1n, durationMs: 0 },
    // As much in each of two hours.
    { bytes: 2n * most, durationMs: 2 * hour },
    { bytes: 2n * most + 1n, durationMs: 2 * hour },
    // 100 Gbit/s for a day.
    { bytes: 1_080_000_000_000_000n, durationMs: 24 * hour },
  ];
  const batch = batchOf(
    records.map(({ durationMs }) => ({ samplingRate: 1, flowStart: NOW - durationMs, flowEnd: NOW, receivedAt: NOW })),
  );
  const { columns } = batch;
  records.forEach(({ bytes }, row) => {
    for (const column of [columns.bytes, columns.estBytes]) {
      column[2 * row] = Number(bytes & 0xffffffffn);
      column[2 * row + 1] = Number(bytes >> 32n);
    }
    columns.packets[2 * row + 1] = 1000;
    columns.estPackets[2 * row + 1] = 1000;
  });
  expect(markImplausible(columns, 0, records.length)).toBe(0);
  expect([...columns.varBytes.subarray(0, records.length)]).toEqual([
    0,
    Number.POSITIVE_INFINITY,
    0,
    Number.POSITIVE_INFINITY,
    0,
  ]);
});
