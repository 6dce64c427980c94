// What NetFlow v1, v5, v6, v7 and v8 have in common: counts and lengths that disagree, sequence numbers, times, rates,
// batches that fill up. What each version reads out of a record is in the test of that version.

import { describe, expect, test } from 'vitest';
import type { Protocol } from '../../../schemas/codes.ts';
import {
  Bench,
  type Bytes,
  datagramOf,
  EXPORT_S,
  type FixedHeader,
  fixedNetflow,
  netflow5,
  RECEIVED_MS,
  record5,
  rest8,
  UPTIME_MS,
  u16,
  u32,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { RECORDS_PER_DATAGRAM_MAX } from '../context.ts';
import { DOMAINS_PER_SESSION_MAX } from '../exporters/exporters.ts';

interface Version {
  readonly protocol: Protocol;
  readonly version: number;
  readonly headerBytes: number;
  /** What the header has behind the 16 bytes that all share. */
  readonly rest: (sequence: number) => Bytes;
  readonly record: (packets: number, first?: number, last?: number) => Bytes;
}

const record1 = (packets: number, first?: number, last?: number): Bytes => [
  ...record5(packets, 100, first, last).slice(0, 36),
  ...[0, 0, 6, 0, 0x18],
  ...zeros(7),
];
const longer = (packets: number, first?: number, last?: number): Bytes => [
  ...record5(packets, 100, first, last),
  ...zeros(4),
];
const aggregate = (packets: number, first = UPTIME_MS - 1000, last = UPTIME_MS): Bytes => [
  ...u32(1),
  ...u32(packets),
  ...u32(100),
  ...u32(first),
  ...u32(last),
  ...zeros(8),
];

const VERSIONS: readonly Version[] = [
  { protocol: 'netflow1', version: 1, headerBytes: 16, rest: () => [], record: record1 },
  {
    protocol: 'netflow5',
    version: 5,
    headerBytes: 24,
    rest: sequence => [...u32(sequence), ...zeros(4)],
    record: (packets, first, last) => record5(packets, 100, first, last),
  },
  {
    protocol: 'netflow6',
    version: 6,
    headerBytes: 24,
    rest: sequence => [...u32(sequence), ...zeros(4)],
    record: longer,
  },
  {
    protocol: 'netflow7',
    version: 7,
    headerBytes: 24,
    rest: sequence => [...u32(sequence), ...zeros(4)],
    record: longer,
  },
  {
    protocol: 'netflow8',
    version: 8,
    headerBytes: 28,
    rest: sequence => rest8(1, sequence),
    record: aggregate,
  },
];

const build = (
  { version, rest }: Version,
  records: readonly Bytes[],
  header: FixedHeader = {},
  sequence = 0,
): Uint8Array => fixedNetflow(version, rest(sequence), records, header);

const packetsOf = (rows: readonly Readonly<Record<string, unknown>>[]) => rows.map(row => row['packets']);

describe.each(VERSIONS.map(version => [version.protocol, version] as const))('%s', (protocol, version) => {
  const { headerBytes, record } = version;
  const one = record(1);

  test('shorter than its header is too-short and makes no domain', () => {
    const whole = build(version, [one]);
    const bench = new Bench();
    for (let length = 4; length < headerBytes; length++) expect(bench.decode(whole.subarray(0, length))).toEqual([]);
    expect(bench.faults(protocol)).toEqual({ 'too-short': headerBytes - 4 });
    expect(bench.domains()).toEqual([]);
  });

  // proves: bad-fixed-count
  test.each([
    ['0 for 2 records', 0, 2, 'count-mismatch', 0],
    ['1 for 2 records', 1, 2, 'count-mismatch', 1],
    ['31 for 1 record', 31, 1, 'length-mismatch', 1],
    ['65535 for 1 record', 65535, 1, 'length-mismatch', 1],
  ] as const)('count %s is %s: what both agree on is read', (_, count, held, fault, rows) => {
    const bench = new Bench();
    const records = Array.from({ length: held }, () => one);
    expect(bench.decode(build(version, records, { count })).length).toBe(rows);
    expect(bench.faults(protocol)).toEqual({ [fault]: 1 });
    expect(bench.domain()).toMatchObject({ malformedSets: 1, records: rows, datagrams: 1 });
  });

  test('count 0 without records is no fault', () => {
    const bench = new Bench();
    expect(bench.decode(build(version, []))).toEqual([]);
    expect(bench.faults(protocol)).toEqual({});
    expect(bench.domain()).toMatchObject({ datagrams: 1, records: 0 });
  });

  test('trailing bytes that are no whole record are padding', () => {
    const bench = new Bench();
    expect(bench.decode(datagramOf([...build(version, [one])], zeros(one.length - 1))).length).toBe(1);
    expect(bench.faults(protocol)).toEqual({});
  });

  // proves: bad-fixed-count
  test('cut anywhere, it gives its whole records and one fault', () => {
    const whole = build(version, [record(1), record(2), record(3)]);
    for (let length = headerBytes; length < whole.length; length++) {
      const bench = new Bench();
      const held = Math.floor((length - headerBytes) / one.length);
      expect(packetsOf(bench.decode(whole.subarray(0, length)))).toEqual([1, 2, 3].slice(0, held));
      expect(bench.faults(protocol)).toEqual({ 'length-mismatch': 1 });
    }
  });

  test('of 65,507 bytes is read whole, with bounded rows and steps', () => {
    const held = Math.floor((65507 - headerBytes) / one.length);
    const bench = new Bench({ rowsMax: 512 });
    const records = Array.from({ length: held }, (_, i) => record(i));
    const rows = bench.decode(build(version, records));
    expect(packetsOf(rows)).toEqual(records.map((_, i) => i));
    expect(rows.length).toBeLessThan(RECORDS_PER_DATAGRAM_MAX);
    expect(bench.decoder.context.steps).toBeLessThan(14 * held);
    expect(bench.faults(protocol)).toEqual({});
  });

  test('records beyond the room of a batch go on in the next one, whether it is used again or replaced', () => {
    const records = Array.from({ length: 30 }, (_, i) => record(i + 1));
    for (const reuse of [true, false]) {
      const bench = new Bench({ rowsMax: 10, reuse });
      bench.decode(build(version, records.slice(0, 7)));
      expect(packetsOf(bench.decode(build(version, records)))).toEqual(records.map((_, i) => i + 1));
    }
  });

  test('what it does not report is zero, also in a batch that held other rows before', () => {
    const bench = new Bench({ rowsMax: 4 });
    bench.decode(netflow5([record5(), record5(), record5(), record5()], { sampling: 100 }));
    expect(bench.decode(build(version, [one]))).toMatchObject([
      {
        protocol,
        etherType: 0x0800,
        direction: 'unknown',
        samplingRate: 0,
        rateSource: 'unknown',
        vlan: 0,
        vrf: 0,
        receivedAt: RECEIVED_MS,
      },
    ]);
    expect(bench.domains().at(-1)).toMatchObject({ unknownRateRecords: 1 });
  });

  const exportMs = EXPORT_S * 1000;
  test.each([
    ['before the export', { uptime: 100_000 }, 40_000, 99_000, exportMs - 60_000, exportMs - 1000],
    ['across the rollover of the uptime', { uptime: 2000 }, 2 ** 32 - 3000, 1000, exportMs - 5000, exportMs - 1000],
    [
      'with the end before the start, as they are',
      { uptime: 100_000 },
      99_000,
      98_000,
      exportMs - 1000,
      exportMs - 2000,
    ],
    ['0 with an uptime of 0', { uptime: 0 }, 0, 0, exportMs, exportMs],
    ['0 after an uptime of days: the boot', { uptime: 864_000_000 }, 0, 0, exportMs - 864e6, exportMs - 864e6],
    [
      'with the nanoseconds of the header',
      { uptime: 500, unixNsecs: 250_999_999 },
      0,
      500,
      exportMs - 250,
      exportMs + 250,
    ],
    ['by a clock of 1970, never before it', { unixSecs: 0 }, UPTIME_MS - 9, UPTIME_MS, 0, 0],
    ['by a clock of 2106', { unixSecs: 0xffffffff }, UPTIME_MS, UPTIME_MS, 0xffffffff * 1000, 0xffffffff * 1000],
  ])('times %s', (_, header, first, last, flowStart, flowEnd) => {
    expect(new Bench().decode(build(version, [record(1, first, last)], header))).toMatchObject([
      { flowStart, flowEnd },
    ]);
  });
});

describe.each(
  VERSIONS.filter(({ protocol }) => protocol !== 'netflow1').map(version => [version.protocol, version] as const),
)('the sequence number of %s counts records', (_, version) => {
  const { record } = version;
  const send = (bench: Bench, sequence: number, records: number, header?: FixedHeader) =>
    bench.decode(
      build(
        version,
        Array.from({ length: records }, () => record(1)),
        header,
        sequence >>> 0,
      ),
    );

  test.each([
    [
      'in order',
      [
        [100, 2],
        [102, 3],
        [105, 1],
      ],
      0,
    ],
    [
      'with a gap',
      [
        [100, 2],
        [112, 3],
        [115, 1],
      ],
      10,
    ],
    [
      'across 2^32',
      [
        [-2, 2],
        [0, 3],
        [3, 1],
      ],
      0,
    ],
    [
      'with a gap across 2^32',
      [
        [-5, 2],
        [4, 3],
      ],
      7,
    ],
    [
      'overtaken',
      [
        [100, 2],
        [104, 2],
        [102, 2],
        [106, 2],
      ],
      0,
    ],
    [
      'sent twice',
      [
        [100, 2],
        [102, 2],
        [102, 2],
        [104, 2],
      ],
      0,
    ],
    [
      'a step back by one',
      [
        [100, 2],
        [101, 2],
        [102, 2],
      ],
      0,
    ],
    [
      'started again from 0',
      [
        [1_000_000_000, 2],
        [0, 2],
        [2, 2],
      ],
      0,
    ],
  ] as const)('%s', (__, datagrams, lost) => {
    const bench = new Bench();
    for (const [sequence, records] of datagrams) send(bench, sequence, records);
    expect(bench.domain().lost).toBe(lost);
  });

  test('records announced and not held are lost when the next number leaves them out, and only then', () => {
    for (const [next, lost] of [
      [131, 30],
      [101, 0],
    ] as const) {
      const bench = new Bench();
      send(bench, 100, 1, { count: 31 });
      send(bench, next, 1);
      expect(bench.domain().lost).toBe(lost);
    }
  });

  test('of two exporters behind one address are apart by their port', () => {
    const bench = new Bench();
    for (let i = 0; i < 5; i++) {
      bench.decode(build(version, [record(1)], {}, 1000 + i), '192.0.2.1', 4001);
      bench.decode(build(version, [record(1)], {}, 70_000 + i), '192.0.2.1', 4002);
    }
    expect(bench.domains().map(({ lost, records }) => [lost, records])).toEqual([
      [0, 5],
      [0, 5],
    ]);
  });
});

test('a domain for each of 65,536 engines is refused at the bound, and counted', () => {
  const bench = new Bench();
  for (let engine = 0; engine < DOMAINS_PER_SESSION_MAX + 5; engine++)
    bench.decode(fixedNetflow(8, rest8(1, 0, engine), [aggregate(1)]));
  expect(bench.domains().length).toBe(DOMAINS_PER_SESSION_MAX);
  expect(bench.faults('netflow8')).toEqual({ 'domain-limit': 5 });
});

test('versions that are none of these stay unknown', () => {
  const bench = new Bench();
  for (const version of [2, 3, 4, 11]) expect(bench.decode(datagramOf(u16(version), zeros(100)))).toEqual([]);
  expect(bench.faults('unknown')).toEqual({ 'unknown-version': 4 });
});
