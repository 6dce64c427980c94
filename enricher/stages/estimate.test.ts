import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileExporters } from '../../inventory/model/exporter-table.ts';
import { MARKS, RATE_SOURCE } from '../../schemas/codes.ts';
import { batchOf, documentsOf, type Row } from '../../testing/data/enrichment.ts';
import { estimate, multiply } from './estimate.ts';

function estimated(row: Row, exporter: object = {}, rateSource = 0) {
  const exporters = compileExporters(documentsOf({ exporters: [{ address: '192.0.2.1', ...exporter }] }).exporters);
  const { columns } = batchOf([row]);
  columns.rateSource[0] = rateSource;
  const unknownRows = estimate(columns, 0, 1, Uint32Array.of(1), exporters);
  const number = (column: Uint32Array) => column[0]! + column[1]! * 2 ** 32;
  return {
    estBytes: number(columns.estBytes),
    estPackets: number(columns.estPackets),
    varBytes: columns.varBytes[0],
    samplingRate: columns.samplingRate[0],
    rateSource: columns.rateSource[0],
    marks: columns.marks[0],
    unknownRows,
  };
}

test('the product is exact to the last bit and saturates', () => {
  const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const edge = fc.constantFrom(0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n);
  const u32 = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(1, 0xffff, 0x10000, 0xffffffff));
  fc.assert(
    fc.property(fc.oneof(u64, edge, fc.bigInt({ min: 0n, max: 2n ** 40n })), u32, (value, factor) => {
      const from = new BigUint64Array([value]);
      const to = new BigUint64Array(1);
      multiply(new Uint32Array(from.buffer), new Uint32Array(to.buffer), 0, factor);
      const product = value * BigInt(factor);
      expect(to[0]).toBe(product < 2n ** 64n ? product : 2n ** 64n - 1n);
    }),
  );
});

test('an unsampled record stands for itself, without variance', () => {
  expect(estimated({ bytes: 1234, packets: 3, samplingRate: 1 })).toMatchObject({
    estBytes: 1234,
    estPackets: 3,
    varBytes: 0,
    unknownRows: 0,
  });
});

test('an unknown rate leaves bytes as reported, with an error that nobody knows, and is counted', () => {
  const expected = { estBytes: 1234, estPackets: 3, varBytes: Number.POSITIVE_INFINITY, unknownRows: 1, marks: 0 };
  expect(estimated({ bytes: 1234, packets: 3, samplingRate: 0 })).toMatchObject(expected);
  expect(estimated({ bytes: 0, packets: 3, samplingRate: 0 }).varBytes).toBe(Number.POSITIVE_INFINITY);
  // A firewall's event of a flow that has sent nothing yet: nothing at any rate.
  expect(estimated({ bytes: 0, packets: 0, samplingRate: 0 })).toMatchObject({ varBytes: 0, unknownRows: 1 });
});

test('a variance that is a bound is marked: of several sampled packets, or of nobody knows how many', () => {
  const marks = (row: Row, exporter?: object) => estimated(row, exporter).marks;
  expect(marks({ bytes: 500, packets: 1, samplingRate: 100 })).toBe(0);
  expect(marks({ bytes: 500, packets: 3, samplingRate: 1 })).toBe(0);
  expect(marks({ bytes: 5000, packets: 4, samplingRate: 100 })).toBe(MARKS.approximate);
  expect(marks({ bytes: 5000, packets: 0, samplingRate: 100 })).toBe(MARKS.approximate);
  // One packet, multiplied by the exporter.
  expect(marks({ bytes: 50_000, packets: 100, samplingRate: 100 }, { prescaled: true })).toBe(0);
  expect(marks({ bytes: 50_000, packets: 200, samplingRate: 100 }, { prescaled: true })).toBe(MARKS.approximate);
});

test('one sampled packet: N b, variance N(N-1) b^2', () => {
  expect(estimated({ bytes: 500, packets: 1, samplingRate: 100 })).toMatchObject({
    estBytes: 50_000,
    estPackets: 100,
    varBytes: 100 * 99 * 250_000,
  });
});

test('a sampled flow record: the packets are taken for full ones, never for more than the whole in one', () => {
  expect(estimated({ bytes: 10_000, packets: 10, samplingRate: 10 }).varBytes).toBe(10 * 9 * 10_000 * 1500);
  expect(estimated({ bytes: 90, packets: 2, samplingRate: 10 }).varBytes).toBe(10 * 9 * 90 * 90);
  expect(estimated({ bytes: 80_000, packets: 10, samplingRate: 10 }).varBytes).toBe(10 * 9 * 80_000 * 9216);
  expect(estimated({ bytes: 600_000, packets: 10, samplingRate: 10 }).varBytes).toBe(10 * 9 * 600_000 * 65535);
});

test('a sampled record that does not report its packets may be of the largest ones', () => {
  expect(estimated({ bytes: 90, packets: 0, samplingRate: 10 }).varBytes).toBe(10 * 9 * 90 * 90);
  expect(estimated({ bytes: 600_000, packets: 0, samplingRate: 10 }).varBytes).toBe(10 * 9 * 600_000 * 65535);
  expect(estimated({ bytes: 0, packets: 0, samplingRate: 10 }).varBytes).toBe(0);
});

test('the bound is never below the variance of the packets behind it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 40, max: 1500 }), { minLength: 1, maxLength: 50 }),
      fc.integer({ min: 2, max: 5000 }),
      (sizes, rate) => {
        const bytes = sizes.reduce((sum, size) => sum + size, 0);
        const squares = sizes.reduce((sum, size) => sum + size * size, 0);
        expect(estimated({ bytes, packets: sizes.length, samplingRate: rate }).varBytes).toBeGreaterThanOrEqual(
          rate * (rate - 1) * squares,
        );
      },
    ),
  );
});

test('a record that reports the sum of squares has the variance of its very packets, multiplied by the exporter or not', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 40, max: 9000 }), { minLength: 1, maxLength: 50 }),
      fc.integer({ min: 2, max: 5000 }),
      fc.boolean(),
      (sizes, rate, prescaled) => {
        const scale = prescaled ? rate : 1;
        const squares = sizes.reduce((sum, size) => sum + size * size, 0);
        const row = {
          bytes: scale * sizes.reduce((sum, size) => sum + size, 0),
          packets: scale * sizes.length,
          bytesSumOfSquares: scale * squares,
          samplingRate: rate,
        };
        const { varBytes, marks } = estimated(row, { prescaled });
        expect(varBytes! / (rate * (rate - 1) * squares)).toBeCloseTo(1, 9);
        expect(marks).toBe(0);
        // Without the packets, which the sum of squares then cannot contradict.
        expect(estimated({ ...row, packets: 0 }, { prescaled }).varBytes! / varBytes!).toBeCloseTo(1, 9);
      },
    ),
  );
});

test('a sum of squares that bytes and packets contradict is not believed', () => {
  const bound = { varBytes: 10 * 9 * 10_000 * 1500, marks: MARKS.approximate };
  const row = { bytes: 10_000, packets: 10, samplingRate: 10 };
  // Ten packets of 1,000 bytes have 10^7, one of nearly everything has nearly 10^8.
  expect(estimated({ ...row, bytesSumOfSquares: 9_999_999 })).toMatchObject(bound);
  expect(estimated({ ...row, bytesSumOfSquares: 10_000_000 })).toMatchObject({ varBytes: 10 * 9 * 1e7, marks: 0 });
  expect(estimated({ ...row, bytesSumOfSquares: 100_000_000 })).toMatchObject({ varBytes: 10 * 9 * 1e8, marks: 0 });
  expect(estimated({ ...row, bytesSumOfSquares: 100_000_001 })).toMatchObject(bound);
  expect(estimated({ ...row, packets: 0, bytesSumOfSquares: 9_999 }).marks).toBe(MARKS.approximate);
  // No packet beyond 1,100 bytes: at most 1.1 x 10^7.
  const longest = { varBytes: 10 * 9 * 10_000 * 1100, marks: MARKS.approximate };
  expect(estimated({ ...row, packetBytesMax: 1100, bytesSumOfSquares: 11_000_001 })).toMatchObject(longest);
});

test('where a record reports its longest packet the bound is that of packets of this length; a shorter one than the mean is not believed', () => {
  const row = { bytes: 10_000, packets: 10, samplingRate: 10 };
  const bound = (packetBytesMax: number, more: Row = {}, exporter = {}) =>
    estimated({ ...row, packetBytesMax, ...more }, exporter);
  expect(bound(1100)).toMatchObject({ varBytes: 10 * 9 * 10_000 * 1100, marks: MARKS.approximate });
  expect(bound(9000).varBytes).toBe(10 * 9 * 10_000 * 9000);
  expect(bound(999).varBytes).toBe(10 * 9 * 10_000 * 1500);
  expect(bound(1100, { packets: 0 }).varBytes).toBe(10 * 9 * 10_000 * 1100);
  // Bytes and packets are multiplied, a length is not.
  expect(bound(1100, { bytes: 100_000, packets: 100 }, { prescaled: true }).varBytes).toBe(10 * 9 * 10_000 * 1100);
  expect(bound(1100, { bytesSumOfSquares: 10_500_000 })).toMatchObject({ varBytes: 10 * 9 * 10_500_000, marks: 0 });
});

test('an exporter that scales itself is not scaled again; its variance is that of what it sampled', () => {
  const expected = {
    estBytes: 100_000,
    estPackets: 100,
    varBytes: 100 * 99 * 1000 * 1000,
    rateSource: RATE_SOURCE.prescaled,
  };
  expect(estimated({ bytes: 100_000, packets: 100, samplingRate: 100 }, { prescaled: true })).toMatchObject(expected);
  expect(estimated({ bytes: 100_000, packets: 100, samplingRate: 100 }, {}, RATE_SOURCE.prescaled)).toMatchObject(
    expected,
  );
});

test('an exporter that scales itself and does not report its rate is no exporter of unknown rate: its volume stands, its error is unknown', () => {
  const row = { bytes: 102_500, packets: 1025, samplingRate: 0 };
  expect(estimated(row, {}, RATE_SOURCE.prescaled)).toMatchObject({
    estBytes: 102_500,
    estPackets: 1025,
    varBytes: Number.POSITIVE_INFINITY,
    rateSource: RATE_SOURCE.prescaled,
    unknownRows: 0,
  });
  expect(estimated(row, { samplingRate: 100 }, RATE_SOURCE.prescaled)).toMatchObject({
    estBytes: 102_500,
    varBytes: 100 * 99 * 1025 * 1025,
    rateSource: RATE_SOURCE.prescaled,
    unknownRows: 0,
  });
});

test('the registry corrects a scaling seen in the templates', () => {
  const row = { bytes: 1000, packets: 10, samplingRate: 0 };
  expect(estimated(row, { prescaled: false }, RATE_SOURCE.prescaled)).toMatchObject({
    estBytes: 1000,
    rateSource: RATE_SOURCE.unknown,
    unknownRows: 1,
  });
  expect(estimated(row, { prescaled: false, samplingRate: 64 }, RATE_SOURCE.prescaled)).toMatchObject({
    estBytes: 64_000,
    rateSource: RATE_SOURCE.override,
    unknownRows: 0,
  });
});

test('the registry overrides the reported rate, and says so', () => {
  expect(estimated({ bytes: 10, packets: 1, samplingRate: 7 }, { samplingRate: 1000 })).toMatchObject({
    estBytes: 10_000,
    samplingRate: 1000,
    rateSource: RATE_SOURCE.override,
  });
});
