// 21 flowEndSysUpTime and 22 flowStartSysUpTime: relative to the header's uptime in NetFlow, to 160 in IPFIX.

import { describe, expect, test } from 'vitest';
import {
  Bench,
  EXPORT_S,
  ethernet,
  type FieldSpec,
  flowSample,
  ipfix,
  ipfixOptions,
  ipv4,
  netflow5,
  netflow9,
  RECEIVED_MS,
  record5,
  sampledHeader,
  set,
  sflow,
  tcp,
  template,
  u32,
  u64,
  zeros,
} from '../../testing/data/datagrams.ts';

const EXPORT_MS = EXPORT_S * 1000;
const RELATIVE: readonly FieldSpec[] = [
  [22, 4],
  [21, 4],
];

describe.each([
  ['NetFlow v5', (uptime: number, first: number, last: number) => netflow5([record5(1, 1, first, last)], { uptime })],
  [
    'NetFlow v9',
    (uptime: number, first: number, last: number) =>
      netflow9([set(0, template(300, RELATIVE)), set(300, u32(first), u32(last))], { uptime }),
  ],
])('%s', (_, datagram) => {
  test.each([
    ['before the export', 100_000, 40_000, 99_000, -60_000, -1000],
    // proves: times-uptime, odd-uptimes
    ['across the rollover of the uptime', 2000, 2 ** 32 - 3000, 1000, -5000, -1000],
    ['at the rollover', 0, 2 ** 32 - 1, 0, -1, 0],
    // proves: times-uptime
    ['a little after the export, as some exporters write them', 100_000, 100_500, 101_000, 500, 1000],
    ['with the end before the start, as they are', 100_000, 99_000, 98_000, -1000, -2000],
  ])('times %s', (__, uptime, first, last, start, end) => {
    expect(new Bench().decode(datagram(uptime, first, last))).toMatchObject([
      { flowStart: EXPORT_MS + start, flowEnd: EXPORT_MS + end },
    ]);
  });
});

test('NetFlow v5 adds the nanoseconds of its header', () => {
  const datagram = netflow5([record5(1, 1, 1_000_000_000, 1_000_000_000)]);
  new DataView(datagram.buffer).setUint32(12, 250_999_999);
  expect(new Bench().decode(datagram)).toMatchObject([{ flowEnd: EXPORT_MS + 250 }]);
});

describe('IPFIX', () => {
  const bootMs = EXPORT_MS - 5_000_000_000;
  const options = [set(3, ipfixOptions(310, [[144, 4]], [[160, 8]])), set(310, u32(0), u64(bootMs))];
  const data = [
    set(2, template(300, RELATIVE)),
    set(300, u32((5_000_000_000 - 9000) % 2 ** 32), u32((5_000_000_000 - 2000) % 2 ** 32)),
  ];
  const known = { flowStart: EXPORT_MS - 9000, flowEnd: EXPORT_MS - 2000 };
  const unknown = { flowStart: EXPORT_MS, flowEnd: EXPORT_MS };

  // proves: times-init
  test('with 160 in the record, before or behind the times', () => {
    for (const fields of [
      [[160, 8], ...RELATIVE],
      [...RELATIVE, [160, 8]],
    ] as FieldSpec[][]) {
      const bytes = fields.flatMap(([element]) =>
        element === 160 ? u64(EXPORT_MS - 9000) : u32(element === 22 ? 7000 : 8000),
      );
      const rows = new Bench().decode(ipfix([set(2, template(300, fields)), set(300, bytes, bytes)]));
      expect(rows).toMatchObject([
        { flowStart: EXPORT_MS - 2000, flowEnd: EXPORT_MS - 1000 },
        { flowStart: EXPORT_MS - 2000, flowEnd: EXPORT_MS - 1000 },
      ]);
    }
  });

  const INIT: readonly FieldSpec[] = [[160, 8], ...RELATIVE];
  const WIDE_INIT: readonly FieldSpec[] = [
    [160, 8],
    [22, 8],
    [21, 8],
  ];
  const wrap = 2 ** 32;

  // proves: times-init
  test.each([
    ['up for 10 minutes', 600_000, 0],
    ['up for 2^32 ms and 10 minutes', wrap + 600_000, 0],
    ['up for seven times 2^32 ms and 10 minutes', 7 * wrap + 600_000, 0],
    ['the wrap between start and end', 3 * wrap + 5000, 0],
    ['the wrap between end and export', wrap + 500, 0],
    ['an origin that was computed from the wrapped uptime', wrap + 500, wrap],
  ])('with 160 in the record, %s: of all times that next to the export', (_, upMs, originError) => {
    const origin = EXPORT_MS - upMs + originError;
    const [first, last] = [upMs - 10_000, upMs - 1000];
    const rows = new Bench().decode(
      ipfix([set(2, template(300, INIT)), set(300, u64(origin), u32(first % wrap), u32(last % wrap))]),
    );
    const expected = { flowStart: EXPORT_MS - 10_000, flowEnd: EXPORT_MS - 1000, timeSource: 'uptime' };
    expect(rows).toMatchObject([expected]);
    // Options with the same origin come to the same times.
    const bench = new Bench();
    bench.decode(ipfix([set(3, ipfixOptions(310, [[144, 4]], [[160, 8]])), set(310, u32(0), u64(origin))]));
    const byOptions = ipfix([set(2, template(301, RELATIVE)), set(301, u32(first % wrap), u32(last % wrap))]);
    expect(bench.decode(byOptions)).toMatchObject([expected]);
    // 8 bytes hold an uptime that has not wrapped.
    const wide = [set(2, template(302, WIDE_INIT)), set(302, u64(origin), u64(first), u64(last))];
    expect(new Bench().decode(ipfix(wide))).toMatchObject([expected]);
    const wideByOptions = ipfix([set(2, template(303, WIDE_INIT.slice(1))), set(303, u64(first), u64(last))]);
    expect(bench.decode(wideByOptions)).toMatchObject([expected]);
  });

  // proves: times-absurd
  test('an origin of 0 is unknown: its times stay where nobody believes them', () => {
    const rows = new Bench().decode(ipfix([set(2, template(300, INIT)), set(300, u64(0), u32(7000), u32(8000))]));
    expect(rows).toMatchObject([{ flowStart: 7000, flowEnd: 8000 }]);
  });

  // proves: times-init, xr-times
  test('with 160 from options: unknown before, known after, even in the same message', () => {
    const bench = new Bench();
    expect(bench.decode(ipfix(data))).toMatchObject([unknown]);
    expect(bench.decode(ipfix([...data, ...options, ...data]))).toMatchObject([unknown, known]);
    expect(bench.decode(ipfix(data))).toMatchObject([known]);
  });

  test('160 belongs to its domain', () => {
    const bench = new Bench();
    bench.decode(ipfix(options, { domain: 1 }));
    expect(bench.decode(ipfix(data, { domain: 2 }))).toMatchObject([unknown]);
  });

  test('160 in options leaves NetFlow v9, whose header has the uptime, alone', () => {
    const bench = new Bench();
    const v9Options = [set(1, [1, 54, 0, 4, 0, 4, 0, 1, 0, 4, 0, 160, 0, 8]), set(310, u32(0), u64(1))];
    const rows = bench.decode(
      netflow9([...v9Options, set(0, template(300, RELATIVE)), set(300, u32(90_000), u32(95_000))], {
        uptime: 100_000,
      }),
    );
    expect(rows).toMatchObject([{ flowStart: EXPORT_MS - 10_000, flowEnd: EXPORT_MS - 5000 }]);
  });
});

test('data that waited for their template use the origin of uptimes that came meanwhile', () => {
  const bench = new Bench();
  const origin = [set(3, ipfixOptions(310, [[149, 4]], [[160, 8]])), set(310, u32(0), u64(EXPORT_MS - 50_000))];
  bench.decode(ipfix([set(300, u32(41_000), u32(42_000))]));
  bench.decode(ipfix(origin, { exportTime: EXPORT_S + 60 }));
  bench.decode(ipfix([set(2, template(300, RELATIVE))], { exportTime: EXPORT_S + 60 }));
  expect(bench.rows).toMatchObject([{ flowStart: EXPORT_MS - 9000, flowEnd: EXPORT_MS - 8000, timeSource: 'uptime' }]);
});

describe('the column timeSource', () => {
  const sourceOf = (...fields: readonly FieldSpec[]) => {
    const record = fields.flatMap(([, length]) => zeros(length));
    return new Bench().decode(ipfix([set(2, template(300, fields)), set(300, record)]))[0]!['timeSource'];
  };

  test.each<[string, string, readonly FieldSpec[]]>([
    [
      'milliseconds',
      'absolute',
      [
        [152, 8],
        [153, 8],
      ],
    ],
    [
      'seconds',
      'absolute',
      [
        [150, 4],
        [151, 4],
      ],
    ],
    [
      'NTP times',
      'absolute',
      [
        [154, 8],
        [155, 8],
      ],
    ],
    ['a start alone', 'absolute', [[152, 8]]],
    [
      'distances to the export',
      'delta',
      [
        [158, 4],
        [159, 4],
      ],
    ],
    [
      'uptimes with 160',
      'uptime',
      [
        [22, 4],
        [21, 4],
        [160, 8],
      ],
    ],
    [
      'uptimes of which nobody has reported the origin',
      'export',
      [
        [22, 4],
        [21, 4],
      ],
    ],
    [
      'an end in milliseconds, a start in uptime: the end decides',
      'absolute',
      [
        [22, 4],
        [153, 8],
        [160, 8],
      ],
    ],
    ['no time at all', 'export', [[1, 4]]],
  ])('%s: %s', (_, expected, fields) => {
    expect(sourceOf(...fields)).toBe(expected);
  });

  test('follows the options that report the origin of uptimes', () => {
    const bench = new Bench();
    const flows = [set(2, template(300, RELATIVE)), set(300, u32(1000), u32(2000))];
    const origin = [set(3, ipfixOptions(310, [[149, 4]], [[160, 8]])), set(310, u32(0), u64(EXPORT_MS - 3000))];
    expect(bench.decode(ipfix([...flows, ...origin, ...flows]))).toMatchObject([
      { timeSource: 'export', flowStart: EXPORT_MS, flowEnd: EXPORT_MS },
      { timeSource: 'uptime', flowStart: EXPORT_MS - 2000, flowEnd: EXPORT_MS - 1000 },
    ]);
  });

  test('of NetFlow v5 and v9 is uptime, of sFlow received', () => {
    expect(new Bench().decode(netflow5([record5()]))).toMatchObject([{ timeSource: 'uptime' }]);
    const v9 = netflow9([set(0, template(300, RELATIVE)), set(300, u32(1), u32(1))]);
    expect(new Bench().decode(v9)).toMatchObject([{ timeSource: 'uptime' }]);
    const sample = flowSample([sampledHeader(ethernet(0x0800, ipv4(tcp())))]);
    expect(new Bench().decode(sflow([sample]))).toMatchObject([
      { timeSource: 'received', flowStart: RECEIVED_MS, flowEnd: RECEIVED_MS },
    ]);
  });
});

// What the enricher then replaces by receivedAt and marks: times of which no exporter can mean what it says.
describe.each([
  ['NetFlow v5', (header: object, first: number, last: number) => netflow5([record5(1, 1, first, last)], header)],
  [
    'NetFlow v9',
    (header: object, first: number, last: number) =>
      netflow9([set(0, template(300, RELATIVE)), set(300, u32(first), u32(last))], header),
  ],
])('a clock nobody believes in %s', (_, datagram) => {
  // proves: times-absurd, odd-uptimes
  test.each([
    ['seconds of 0', { unixSecs: 0, uptime: 10_000 }, 4000, 9000, 0, 0],
    ['the year 2106', { unixSecs: 2 ** 32 - 1, uptime: 10_000 }, 4000, 9000, 4_294_967_289_000, 4_294_967_294_000],
    ['an uptime of 0', { uptime: 0 }, 4000, 9000, EXPORT_MS + 4000, EXPORT_MS + 9000],
    ['first and last of 0', { uptime: 1_000_000_000 }, 0, 0, EXPORT_MS - 1_000_000_000, EXPORT_MS - 1_000_000_000],
    // proves: odd-uptimes
    ['first behind last', { uptime: 10_000 }, 9000, 4000, EXPORT_MS - 1000, EXPORT_MS - 6000],
  ])('%s gives what it says, within the range of time', (__, header, first, last, flowStart, flowEnd) => {
    expect(new Bench().decode(datagram(header, first, last))).toMatchObject([
      { timeSource: 'uptime', flowStart, flowEnd },
    ]);
  });
});
