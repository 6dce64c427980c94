// Where a record's sampling rate comes from: the record, its selector, its interface, its template, its domain, the header.

import { describe, expect, test } from 'vitest';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import {
  Bench,
  type Bytes,
  type FieldSpec,
  ipfix,
  ipfixOptions,
  netflow5,
  netflow9,
  record5,
  set,
  template,
  u8,
  u16,
  u32,
  u64,
  v9Options,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { readCapture } from '../../captures/capture.ts';
import {
  INTERFACES_PER_DOMAIN_MAX,
  SELECTORS_PER_DOMAIN_MAX,
  TEMPLATE_RATES_PER_DOMAIN_MAX,
} from '../exporters/domain.ts';

const PLAIN = set(2, template(300, [[1, 4]]));
const data: Bytes = set(300, u32(100));

function options(fields: readonly FieldSpec[], ...records: readonly Bytes[]): Bytes {
  return [
    ...set(3, ipfixOptions(310, [[149, 4]], fields)),
    ...set(310, ...records.map(record => [...u32(0), ...record])),
  ];
}

describe('a record', () => {
  // proves: sampling-record
  test('with 34 has that rate, whatever the options say', () => {
    const bench = new Bench();
    bench.decode(ipfix([options([[34, 4]], u32(1000))]));
    const rows = bench.decode(ipfix([set(2, template(301, [[34, 4]])), set(301, u32(64), u32(1))]));
    expect(rows).toMatchObject([
      { samplingRate: 64, rateSource: 'record' },
      { samplingRate: 1, rateSource: 'record' },
    ]);
  });

  test('with 50 has that rate where it has no 34', () => {
    const rows = new Bench().decode(ipfix([set(2, template(301, [[50, 4]])), set(301, u32(64))]));
    expect(rows).toMatchObject([{ samplingRate: 64, rateSource: 'record' }]);
  });

  // proves: h3c-rate-0
  test('with 0 in 34 has the rate of its domain', () => {
    const bench = new Bench();
    bench.decode(ipfix([options([[34, 4]], u32(1000))]));
    const rows = bench.decode(ipfix([set(2, template(301, [[34, 4]])), set(301, u32(0), u32(5))]));
    expect(rows).toMatchObject([
      { samplingRate: 1000, rateSource: 'domain' },
      { samplingRate: 5, rateSource: 'record' },
    ]);
  });

  // proves: sampling-nearest
  test('of which nobody says a rate has 0, is unknown and is counted', () => {
    const bench = new Bench();
    expect(bench.decode(ipfix([PLAIN, set(300, u32(1), u32(2)), data]))).toMatchObject(
      [1, 2, 100].map(bytes => ({ bytes, samplingRate: 0, rateSource: 'unknown' })),
    );
    expect(bench.domain().unknownRateRecords).toBe(3);
  });
});

describe('options', () => {
  test('34 and 35 of NetFlow v9 serve their domain and no other', () => {
    const bench = new Bench();
    const announce = [
      set(
        1,
        v9Options(
          310,
          [[1, 4]],
          [
            [34, 4],
            [35, 1],
          ],
        ),
      ),
      set(310, u32(0), u32(512), u8(2)),
    ];
    bench.decode(netflow9(announce, { sourceId: 1 }));
    const flows = [set(0, template(300, [[1, 4]])), data];
    expect(bench.decode(netflow9(flows, { sourceId: 1 }))).toMatchObject([{ samplingRate: 512, rateSource: 'domain' }]);
    expect(bench.decode(netflow9(flows, { sourceId: 2 }))).toMatchObject([{ samplingRate: 0, rateSource: 'unknown' }]);
  });

  // proves: fortinet-counters
  test('of a later datagram change the rate; the change is counted, saying the same again is not', () => {
    const bench = new Bench();
    for (const rate of [100, 100, 200, 200]) bench.decode(ipfix([options([[34, 4]], u32(rate))]));
    expect(bench.decode(ipfix([PLAIN, data]))).toMatchObject([{ samplingRate: 200 }]);
    expect(bench.domain().rateChanges).toBe(1);
  });

  // proves: sampling-selector
  test('48 and 50 give rates by sampler, for the sampler each record names, in whatever width', () => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        options(
          [
            [48, 1],
            [50, 4],
          ],
          [...u8(1), ...u32(100)],
          [...u8(2), ...u32(1000)],
        ),
      ]),
    );
    const rows = bench.decode(
      ipfix([
        set(
          2,
          template(301, [[48, 2]]),
          template(302, [
            [48, 1],
            [82, 65535],
          ]),
        ),
        set(301, u16(1), u16(2)),
        set(302, [2, 0], [1, 0]),
      ]),
    );
    expect(rows).toMatchObject([100, 1000, 1000, 100].map(samplingRate => ({ samplingRate, rateSource: 'selector' })));
    expect(bench.domain().rateChanges).toBe(0);
  });

  // proves: sampling-selector
  test('305 and 306 with selector 302: one in (interval + space) / interval', () => {
    const bench = new Bench();
    const fields: FieldSpec[] = [
      [302, 8],
      [305, 4],
      [306, 4],
    ];
    bench.decode(ipfix([options(fields, [...u64(7), ...u32(1), ...u32(255)], [...u64(8), ...u32(10), ...u32(90)])]));
    expect(bench.decode(ipfix([set(2, template(301, [[302, 8]])), set(301, u64(7), u64(8))]))).toMatchObject([
      { samplingRate: 256, rateSource: 'selector' },
      { samplingRate: 10, rateSource: 'selector' },
    ]);
  });

  // proves: sampling-selector
  test('309 and 310: population over size', () => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        options(
          [
            [309, 4],
            [310, 4],
          ],
          [...u32(2), ...u32(128)],
        ),
      ]),
    );
    expect(bench.decode(ipfix([PLAIN, data]))).toMatchObject([{ samplingRate: 64, rateSource: 'domain' }]);
  });

  test('of one selector serve records that name none', () => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        options(
          [
            [302, 4],
            [34, 4],
          ],
          [...u32(1), ...u32(100)],
        ),
      ]),
    );
    expect(bench.decode(ipfix([PLAIN, data]))).toMatchObject([{ samplingRate: 100, rateSource: 'selector' }]);
  });

  test('of selectors that differ leave records that name none unknown, and are no change of rate', () => {
    const bench = new Bench();
    const both = options(
      [
        [302, 4],
        [34, 4],
      ],
      [...u32(1), ...u32(100)],
      [...u32(2), ...u32(200)],
    );
    for (let i = 0; i < 3; i++) bench.decode(ipfix([both]));
    expect(bench.decode(ipfix([PLAIN, data]))).toMatchObject([{ samplingRate: 0, rateSource: 'unknown' }]);
    expect(bench.domain().rateChanges).toBe(0);
    bench.decode(
      ipfix([
        options(
          [
            [302, 4],
            [34, 4],
          ],
          [...u32(2), ...u32(100)],
        ),
      ]),
    );
    expect(bench.decode(ipfix([data]))).toMatchObject([{ samplingRate: 100, rateSource: 'selector' }]);
    expect(bench.domain().rateChanges).toBe(1);
  });

  test('of other selectors say nothing of the one a record names; what the domain says of itself does', () => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        options(
          [
            [302, 4],
            [34, 4],
          ],
          [...u32(1), ...u32(100)],
        ),
        set(2, template(301, [[302, 4]])),
      ]),
    );
    expect(bench.decode(ipfix([set(301, u32(9))]))).toMatchObject([{ samplingRate: 0, rateSource: 'unknown' }]);
    expect(bench.domain().unknownRateRecords).toBe(1);
    bench.decode(ipfix([options([[34, 4]], u32(50))]));
    expect(bench.decode(ipfix([set(301, u32(9), u32(1))]))).toMatchObject([
      { samplingRate: 50, rateSource: 'domain' },
      { samplingRate: 100, rateSource: 'selector' },
    ]);
  });

  test('that say 0 change nothing', () => {
    const bench = new Bench();
    bench.decode(ipfix([options([[34, 4]], u32(100))]));
    bench.decode(ipfix([options([[34, 4]], u32(0))]));
    expect(bench.domain().samplingRate).toBe(100);
  });
});

describe('a data record without a column for what it states', () => {
  const float32 = (value: number): Bytes => [...new Uint8Array(Float32Array.of(value).buffer)].reverse();
  const float64 = (value: number): Bytes => [...new Uint8Array(Float64Array.of(value).buffer)].reverse();
  const rateOf = (fields: readonly FieldSpec[], ...values: readonly Bytes[]) =>
    new Bench().decode(ipfix([set(2, template(301, [...fields, [1, 4]])), set(301, ...values, u32(9))]))[0];
  const record = (samplingRate: number) => ({ samplingRate, rateSource: 'record', bytes: 9 });
  const unknown = { samplingRate: 0, rateSource: 'unknown', bytes: 9 };

  test.each<[string, readonly FieldSpec[], readonly Bytes[], object]>([
    ['34 in 8 bytes', [[34, 8]], [u64(300)], record(300)],
    [
      '305 and 306',
      [
        [305, 4],
        [306, 4],
      ],
      [u32(1), u32(99)],
      record(100),
    ],
    [
      '305 and 306 of other widths',
      [
        [306, 2],
        [305, 1],
      ],
      [u16(30), u8(10)],
      record(4),
    ],
    ['305 alone, which says how many in a row but not of how many', [[305, 4]], [u32(100)], unknown],
    [
      '309 and 310',
      [
        [309, 4],
        [310, 4],
      ],
      [u32(2), u32(512)],
      record(256),
    ],
    [
      '309 above 310',
      [
        [309, 4],
        [310, 4],
      ],
      [u32(512), u32(2)],
      unknown,
    ],
    [
      '309 of 0',
      [
        [309, 4],
        [310, 4],
      ],
      [u32(0), u32(2)],
      unknown,
    ],
    ['311 as a float64', [[311, 8]], [float64(1 / 2000)], record(2000)],
    ['311 as a float32', [[311, 4]], [float32(0.001)], record(1000)],
    ['311 of 0', [[311, 8]], [float64(0)], unknown],
    ['311 above 1', [[311, 8]], [float64(1.5)], unknown],
    ['311 that is no number', [[311, 8]], [float64(Number.NaN)], unknown],
    ['311 below one in 2^32', [[311, 8]], [float64(1e-12)], unknown],
    [
      '34 of 0 before 50',
      [
        [34, 4],
        [50, 4],
      ],
      [u32(0), u32(64)],
      record(64),
    ],
    [
      '34 of 0 before 305 and 306',
      [
        [34, 4],
        [305, 4],
        [306, 4],
      ],
      [u32(0), u32(1), u32(7)],
      record(8),
    ],
    [
      '34 and 50, of which 34 holds',
      [
        [50, 4],
        [34, 4],
      ],
      [u32(64), u32(32)],
      record(32),
    ],
    // proves: odd-rates
    ['34 of all ones, which is no rate', [[34, 4]], [u32(0xffffffff)], unknown],
    [
      '34 and 35 of 0, as H3C sends them',
      [
        [35, 1],
        [34, 4],
      ],
      [u8(0), u32(0)],
      unknown,
    ],
    [
      '34 with an algorithm nobody knows',
      [
        [34, 4],
        [35, 1],
      ],
      [u32(128), u8(77)],
      record(128),
    ],
    [
      '309 and 310 in a field of variable length',
      [
        [309, 65535],
        [310, 65535],
      ],
      [
        [1, 1],
        [2, 1, 0],
      ],
      record(256),
    ],
  ])('%s', (_, fields, values, expected) => {
    expect(rateOf(fields, ...values)).toMatchObject(expected);
  });
});

describe('selectorAlgorithm (304)', () => {
  const rateOf = (fields: readonly FieldSpec[], ...values: readonly Bytes[]) => {
    const bench = new Bench();
    bench.decode(ipfix([options(fields, values.flat())]));
    return bench.decode(ipfix([PLAIN, data]))[0]!['samplingRate'];
  };
  const counts: readonly FieldSpec[] = [
    [304, 2],
    [305, 4],
    [306, 4],
  ];
  const sizes: readonly FieldSpec[] = [
    [304, 2],
    [305, 4],
    [309, 4],
    [310, 4],
  ];

  test.each<[string, readonly FieldSpec[], readonly Bytes[], number]>([
    ['1 counts packets', counts, [u16(1), u32(1), u32(9)], 10],
    ['2 counts time: packets say nothing', counts, [u16(2), u32(1), u32(9)], 0],
    [
      '2 with 307 and 308',
      [
        [304, 2],
        [307, 4],
        [308, 4],
      ],
      [u16(2), u32(1000), u32(19_000)],
      20,
    ],
    ['3 takes n of N', sizes, [u16(3), u32(1), u32(1), u32(256)], 256],
    ['3 with packet counts only', counts, [u16(3), u32(1), u32(9)], 10],
    [
      '3 with 305 alone, as IOS-XR 7 sends it',
      [
        [304, 2],
        [305, 4],
      ],
      [u16(3), u32(1)],
      0,
    ],
    [
      '4 has a probability',
      [
        [304, 1],
        [311, 8],
      ],
      [u8(4), [0x3f, 0xa0, 0, 0, 0, 0, 0, 0]],
      32,
    ],
    // proves: odd-rates
    ['an algorithm nobody knows', counts, [u16(99), u32(1), u32(9)], 10],
    [
      'time spans without an algorithm say nothing of packets',
      [
        [307, 4],
        [308, 4],
      ],
      [u32(1), u32(9)],
      0,
    ],
  ])('%s', (_, fields, values, expected) => {
    expect(rateOf(fields, ...values)).toBe(expected);
  });
});

describe('rates of interfaces', () => {
  const FLOWS: readonly FieldSpec[] = [
    [10, 4],
    [14, 4],
    [61, 1],
  ];
  const flow = (inIf: number, outIf: number, direction: number): Bytes => [...u32(inIf), ...u32(outIf), direction];
  const flows = [flow(7, 8, 0), flow(8, 7, 1), flow(7, 8, 1), flow(9, 7, 0)];
  const expected = [
    { samplingRate: 70, rateSource: 'interface' },
    { samplingRate: 70, rateSource: 'interface' },
    { samplingRate: 80, rateSource: 'interface' },
    { samplingRate: 0, rateSource: 'unknown' },
  ];

  // proves: sampling-scope
  test('scope 2 of NetFlow v9, for the interface at which the packets were seen', () => {
    const bench = new Bench();
    bench.decode(
      netflow9([
        set(1, v9Options(310, [[2, 4]], [[34, 4]])),
        set(310, u32(7), u32(70), u32(8), u32(80)),
        set(0, template(300, FLOWS)),
      ]),
    );
    expect(bench.decode(netflow9([set(300, ...flows)]))).toMatchObject(expected);
    expect(bench.domain().unknownRateRecords).toBe(1);
  });

  // proves: sampling-scope
  test.each([10, 14, 252])('scope %i of IPFIX', element => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        set(3, ipfixOptions(310, [[element, 4]], [[34, 4]])),
        set(310, u32(7), u32(70), u32(8), u32(80)),
        set(2, template(300, FLOWS)),
      ]),
    );
    expect(bench.decode(ipfix([set(300, ...flows)]))).toMatchObject(expected);
  });

  // proves: softflowd-interface-0
  test('interface 0, as softflowd names it, is every interface', () => {
    const bench = new Bench();
    bench.decode(
      netflow9([set(1, v9Options(310, [[2, 4]], [[34, 4]])), set(310, u32(0), u32(70)), set(0, template(300, FLOWS))]),
    );
    expect(bench.decode(netflow9([set(300, flows[0]!)]))).toMatchObject([{ samplingRate: 70, rateSource: 'domain' }]);
  });

  test('changes are counted', () => {
    const bench = new Bench();
    for (const rate of [70, 70, 71, 70]) {
      bench.decode(netflow9([set(1, v9Options(310, [[2, 4]], [[34, 4]])), set(310, u32(7), u32(rate))]));
    }
    expect(bench.domain().rateChanges).toBe(2);
  });
});

describe('rates of templates', () => {
  // proves: sampling-scope
  test.each([
    [
      'scope 145 of IPFIX',
      (rate: Bytes) =>
        ipfix([
          set(
            3,
            ipfixOptions(
              310,
              [
                [149, 4],
                [145, 2],
              ],
              [[34, 4]],
            ),
          ),
          set(310, u32(0), u16(300), rate),
        ]),
      (sets: readonly Bytes[]) => ipfix([set(2, template(300, [[1, 4]]), template(301, [[1, 4]])), ...sets]),
    ],
    [
      'scope 5 of NetFlow v9',
      (rate: Bytes) => netflow9([set(1, v9Options(310, [[5, 2]], [[34, 4]])), set(310, u16(300), rate)]),
      (sets: readonly Bytes[]) => netflow9([set(0, template(300, [[1, 4]]), template(301, [[1, 4]])), ...sets]),
    ],
  ])('%s serves the records of that template and no other', (_, announce, flows) => {
    const bench = new Bench();
    bench.decode(announce(u32(50)));
    expect(bench.decode(flows([data, set(301, u32(1))]))).toMatchObject([
      { samplingRate: 50, rateSource: 'template' },
      { samplingRate: 0, rateSource: 'unknown' },
    ]);
  });
});

// proves: sampling-nearest
test('the nearest statement holds: record, selector, interface, template, domain', () => {
  const bench = new Bench();
  const FLOWS: readonly FieldSpec[] = [
    [34, 4],
    [302, 4],
    [10, 4],
  ];
  const announce = (id: number, scope: readonly FieldSpec[], of: Bytes, rate: number) => [
    set(3, ipfixOptions(id, scope, [[50, 4]])),
    set(id, of, u32(rate)),
  ];
  const records = set(
    300,
    u32(2),
    u32(1),
    u32(7),
    u32(0),
    u32(1),
    u32(7),
    u32(0),
    u32(9),
    u32(7),
    u32(0),
    u32(9),
    u32(9),
  );
  const rates = () => bench.decode(ipfix([records])).map(row => `${row['rateSource']} ${row['samplingRate']}`);
  bench.decode(ipfix([set(2, template(300, FLOWS))]));
  expect(rates()).toEqual(['record 2', 'unknown 0', 'unknown 0', 'unknown 0']);
  bench.decode(ipfix(announce(311, [[149, 4]], u32(0), 6)));
  expect(rates()).toEqual(['record 2', 'domain 6', 'domain 6', 'domain 6']);
  bench.decode(ipfix(announce(312, [[145, 2]], u16(300), 5)));
  expect(rates()).toEqual(['record 2', 'template 5', 'template 5', 'template 5']);
  bench.decode(ipfix(announce(313, [[10, 4]], u32(7), 4)));
  expect(rates()).toEqual(['record 2', 'interface 4', 'interface 4', 'template 5']);
  bench.decode(ipfix(announce(314, [[302, 4]], u32(1), 3)));
  expect(rates()).toEqual(['record 2', 'selector 3', 'interface 4', 'template 5']);
  expect(bench.domain().unknownRateRecords).toBe(3);
});

test.each([
  ['selectors', 302, SELECTORS_PER_DOMAIN_MAX, 'selectorRates'],
  ['interfaces', 10, INTERFACES_PER_DOMAIN_MAX, 'interfaceRates'],
  ['templates', 145, TEMPLATE_RATES_PER_DOMAIN_MAX, 'templateRates'],
] as const)(
  'rates of more %s than the bound: the first stay, each of the others is a fault',
  (_, element, max, table) => {
    const bench = new Bench();
    const announce = set(3, ipfixOptions(310, [[element, 4]], [[34, 4]]));
    const extra = 100;
    for (let first = 1; first <= max + extra; first += 1000) {
      const count = Math.min(1000, max + extra - first + 1);
      const records = Array.from({ length: count }, (__, i) => [...u32(first + i), ...u32(10)]);
      bench.decode(ipfix([announce, set(310, ...records)]));
    }
    expect(bench.domain()[table].size).toBe(max);
    expect(bench.faults('ipfix')).toEqual({ 'rate-limit': extra });
  },
);

describe('an exporter that has multiplied already', () => {
  const VDS: readonly FieldSpec[] = [
    [1, 8],
    [890, 2, 6876],
    [888, 2, 6876],
  ];
  const OVS: readonly FieldSpec[] = [
    [138, 4],
    [61, 1],
    [56, 6],
    [80, 6],
    [256, 2],
    [240, 1],
    [1, 8],
  ];

  // proves: sampling-prescaled, vmware-prescaled
  test('is known by the elements of VMware', () => {
    const bench = new Bench();
    const rows = bench.decode(ipfix([set(2, template(300, VDS)), set(300, u64(1025), u16(2), u16(0))]));
    expect(rows).toMatchObject([{ bytes: 1025, samplingRate: 0, rateSource: 'prescaled' }]);
    expect(bench.domain().unknownRateRecords).toBe(0);
  });

  // proves: sampling-prescaled, ovs-prescaled
  test('is known by the start of the templates of Open vSwitch, which name no enterprise without a tunnel', () => {
    const record = [...zeros(20), ...u64(640)];
    const rows = new Bench().decode(ipfix([set(2, template(300, OVS)), set(300, record)]));
    expect(rows).toMatchObject([{ bytes: 640, samplingRate: 0, rateSource: 'prescaled' }]);
    const [first, ...others] = OVS;
    const other = new Bench().decode(ipfix([set(2, template(300, [...others, first!])), set(300, record)]));
    expect(other).toMatchObject([{ rateSource: 'unknown' }]);
  });

  test('that reports its rate keeps it, for the variance', () => {
    const bench = new Bench();
    bench.decode(ipfix([options([[34, 4]], u32(400))]));
    const rows = bench.decode(ipfix([set(2, template(300, VDS)), set(300, u64(1025), u16(2), u16(0))]));
    expect(rows).toMatchObject([{ samplingRate: 400, rateSource: 'prescaled' }]);
  });
});

const ready = requireCorpus();

describe.runIf(ready)('captures of real exporters', () => {
  const logstash = (name: string) => `logstash-codec-netflow/${name}.dat`;
  const akvorado = (name: string) => `akvorado/netflow/${name}.pcap`;
  test.each<[string, readonly string[], Readonly<Record<string, number>>]>([
    // proves: sampling-selector, xr-selectors
    [
      'IOS-XR: 309 and 310 of selector 302',
      ['pmacct/104-IPFIXv10-IPv6-CISCO-sampling_option/traffic-00.pcap'],
      { '256 selector': 3 },
    ],
    // proves: xr-selectors
    ['IOS-XR: 1 of 1', ['pmacct/501-IPFIXv10-BGP-IPv6-CISCO-MPLS/traffic-00.pcap'], { '1 selector': 74 }],
    // proves: xr-selectors
    ['IOS-XR: 305 alone', ['pmacct/500-IPFIXv10-BGP-CISCO-SRv6/traffic-00.pcap'], { '0 unknown': 43 }],
    // proves: sampling-selector
    [
      'IOS: 50 of samplers 1 and 2',
      ['options-template', 'options-data', 'template', 'data'].map(part => akvorado(`multiplesamplingrates-${part}`)),
      { '2000 selector': 11, '4000 selector': 1 },
    ],
    [
      'NetStream: 50 of sampler 1',
      ['options-template', 'options-data', 'template', 'data'].map(akvorado),
      { '30000 selector': 4 },
    ],
    // proves: sampling-record
    ['34 in each record', ['samplingrate-template', 'samplingrate-data'].map(akvorado), { '2048 record': 6 }],
    // proves: sampling-scope
    ['305 and 306 of a template (145)', [akvorado('mpls')], { '10 template': 2 }],
    ['305 and 306 of a template (145), physical interfaces', [akvorado('physicalinterfaces')], { '1000 template': 8 }],
    // proves: sampling-scope
    ['34 of scope System, length 0', [akvorado('data+templates')], { '100 domain': 21 }],
    ['34 of interface 0', [logstash('netflow9_test_invalid01')], { '100 domain': 2 }],
    // proves: fortinet-counters
    [
      'FortiGate: 34 of scope System',
      ['tpl', 'data256', 'data257'].map(part => logstash(`netflow9_test_fortigate_fortios_521_${part}`)),
      { '1 domain': 1 },
    ],
    // proves: h3c-rate-0
    [
      'H3C: 34 of 0',
      [logstash('netflow9_test_h3c_tpl3281'), logstash('netflow9_test_h3c_data3281')],
      { '0 unknown': 16 },
    ],
    // proves: huawei-rate
    [
      'Huawei: nothing',
      [logstash('netflow9_test_huawei_netstream_tpl'), logstash('netflow9_test_huawei_netstream_data')],
      { '0 unknown': 1 },
    ],
    ['Juniper MX: the header of NetFlow v5', [logstash('netflow5_test_juniper_mx80')], { '1000 header': 29 }],
    ['softflowd, unsampled', ['made/softflowd-ipfix.pcap'], { '1 domain': 68 }],
    // proves: vmware-prescaled
    [
      'vSphere switch',
      ['tpl', 'data264', 'data266', 'data266_267'].map(part => logstash(`ipfix_test_vmware_vds_${part}`)),
      { '0 prescaled': 5 },
    ],
    // proves: ovs-prescaled
    ['Open vSwitch 3.1', ['made/ovs-ipfix.pcap'], { '0 prescaled': 24 }],
    // proves: ovs-prescaled
    ['Open vSwitch 2', ['vflow/extracted/decoder_test__init_2.bin'], { '0 prescaled': 2 }],
  ])('%s', (_, files, expected) => {
    const bench = new Bench({ rowsMax: 4096 });
    for (const file of files) {
      for (const { payload, source, sourcePort, timeMs } of readCapture(pathOf(file)).datagrams)
        bench.decode(payload, source, sourcePort, timeMs);
    }
    const found: Record<string, number> = {};
    for (const { samplingRate, rateSource } of bench.rows) {
      const key = `${samplingRate} ${rateSource}`;
      found[key] = (found[key] ?? 0) + 1;
    }
    expect(found).toEqual(expected);
    const unknown = bench.domains().reduce((sum, domain) => sum + domain.unknownRateRecords, 0);
    expect(unknown).toBe(expected['0 unknown'] ?? 0);
  });

  // proves: juniper-domain-rate
  test('Juniper MX: 34 of an observation domain that is not the one of the header belongs to that of the header', () => {
    const bench = new Bench();
    for (const part of ['opttpl512', 'data512']) {
      const file = pathOf(logstash(`ipfix_test_juniper_mx240_junos151r6s3_${part}`));
      for (const { payload } of readCapture(file).datagrams) bench.decode(payload);
    }
    expect(bench.domain()).toMatchObject({ id: 524288, samplingRate: 1000 });
  });
});

test('NetFlow v5 has it in the header; 0 is unknown', () => {
  const bench = new Bench();
  expect(bench.decode(netflow5([record5()], { sampling: 0x4000 | 16383 }))).toMatchObject([
    { samplingRate: 16383, rateSource: 'header' },
  ]);
  expect(bench.decode(netflow5([record5(), record5()], { sampling: 0x4000 }))).toMatchObject([
    { samplingRate: 0, rateSource: 'unknown' },
    { samplingRate: 0, rateSource: 'unknown' },
  ]);
  expect(bench.domain().unknownRateRecords).toBe(2);
});
