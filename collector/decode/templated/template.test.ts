import { describe, expect, test } from 'vitest';
import { DECODED_COLUMNS } from '../../../schemas/flow.ts';
import {
  Bench,
  type Bytes,
  dst6,
  type FieldSpec,
  ip4,
  ipfix,
  ipfixOptions,
  netflow9,
  type Row,
  set,
  src6,
  template,
  u8,
  u16,
  u32,
  u64,
  v9Options,
  zeros,
} from '../../../testing/data/datagrams.ts';

const FIELDS: readonly FieldSpec[] = [
  [1, 4],
  [2, 4],
];
const record = (bytes: number, packets = 1): Bytes => [...u32(bytes), ...u32(packets)];

function decode(fields: readonly FieldSpec[], ...records: readonly Bytes[]): Row[] {
  return new Bench().decode(ipfix([set(2, template(300, fields)), set(300, ...records)]));
}

describe('a template', () => {
  // proves: netflow9
  test('announced again unchanged is not learnt again', () => {
    const bench = new Bench();
    for (let i = 0; i < 5; i++)
      bench.decode(netflow9([set(0, template(300, FIELDS)), set(1, v9Options(301, [[1, 4]], [[34, 4]]))]));
    expect(bench.domain().templatesLearned).toBe(2);
  });

  test('with another layout replaces the old one', () => {
    const bench = new Bench();
    bench.decode(ipfix([set(2, template(300, FIELDS))]));
    bench.decode(ipfix([set(2, template(300, [...FIELDS].reverse()))]));
    expect(bench.decode(ipfix([set(300, record(1, 2))]))).toMatchObject([{ bytes: 2, packets: 1 }]);
    expect(bench.domain().templatesLearned).toBe(2);
  });

  // proves: template-withdrawal, bad-withdrawal
  test('is withdrawn alone; the others stay, an unknown one is no fault', () => {
    const bench = new Bench();
    bench.decode(ipfix([set(2, template(300, FIELDS), template(301, FIELDS))]));
    const withdraw = ipfix([set(2, u16(300), u16(0), u16(999), u16(0)), set(300, record(1)), set(301, record(2))]);
    expect(bench.decode(withdraw)).toMatchObject([{ bytes: 2 }]);
    expect(bench.faults('ipfix')).toEqual({ 'unknown-template': 1 });
  });

  // proves: template-withdrawal, bad-withdrawal
  test('is withdrawn with all of its kind: data by id 2, options by id 3', () => {
    const bench = new Bench();
    const announce = [
      set(2, template(300, FIELDS), template(301, FIELDS)),
      set(3, ipfixOptions(310, [[149, 4]], [[34, 4]])),
    ];
    bench.decode(ipfix([...announce, set(2, u16(2), u16(0))]));
    expect([...bench.domain().templates.keys()]).toEqual([310]);
    bench.decode(ipfix([...announce, set(3, u16(3), u16(0))]));
    expect([...bench.domain().templates.keys()]).toEqual([300, 301]);
    expect(bench.faults('ipfix')).toEqual({});
  });

  // proves: template-scope
  test('belongs to its address, port, domain and protocol', () => {
    const bench = new Bench();
    bench.decode(ipfix([set(2, template(300, FIELDS))], { domain: 7 }), '192.0.2.1', 1000);
    const data = set(300, record(5));
    expect(bench.decode(ipfix([data], { domain: 7 }), '192.0.2.1', 1001)).toEqual([]);
    expect(bench.decode(ipfix([data], { domain: 7 }), '192.0.2.2', 1000)).toEqual([]);
    expect(bench.decode(ipfix([data], { domain: 8 }), '192.0.2.1', 1000)).toEqual([]);
    expect(bench.decode(netflow9([data], { sourceId: 7 }), '192.0.2.1', 1000)).toEqual([]);
    expect(bench.decode(ipfix([data], { domain: 7 }), '192.0.2.1', 1000)).toMatchObject([{ bytes: 5 }]);
    expect(bench.faults('ipfix')).toEqual({ 'unknown-template': 3 });
  });

  test('beyond the bound is refused with template-limit; those known stay and may change', () => {
    const bench = new Bench({ templatesMax: 3 });
    const many = [300, 301, 302, 303, 304].map(id => template(id, FIELDS));
    bench.decode(ipfix([set(2, ...many)]));
    expect(bench.faults('ipfix')).toEqual({ 'template-limit': 2 });
    expect([...bench.domain().templates.keys()]).toEqual([300, 301, 302]);
    expect(bench.decode(ipfix([set(2, template(301, [[2, 4]])), set(301, u32(9)), set(300, record(4))]))).toMatchObject(
      [{ packets: 9 }, { bytes: 4 }],
    );
    expect(bench.faults('ipfix')).toEqual({ 'template-limit': 2 });
  });

  // proves: enterprise-elements
  test('with enterprise elements, fixed and variable, is read around them', () => {
    const fields: FieldSpec[] = [
      [1, 2, 6876],
      [1, 4],
      [8, 65535, 2011],
      [2, 4, 637],
      [2, 4],
    ];
    const rows = decode(fields, [...u16(0xffff), ...u32(10), 3, 1, 2, 3, ...u32(999), ...u32(20)]);
    expect(rows).toMatchObject([{ bytes: 10, packets: 20, srcAddr: '::' }]);
  });

  // proves: netflow9-high-ids
  test('of NetFlow v9 with element ids above 32767 has no enterprise numbers', () => {
    const rows = new Bench().decode(
      netflow9([
        set(
          0,
          template(300, [
            [33002, 2],
            [1, 4],
          ]),
        ),
        set(300, u16(7), u32(10)),
      ]),
    );
    expect(rows).toMatchObject([{ bytes: 10 }]);
  });

  // proves: options-templates
  test('of options with scope fields, fixed and variable, is read to the option behind them', () => {
    const bench = new Bench();
    const scope: FieldSpec[] = [
      [149, 4],
      [82, 65535],
    ];
    bench.decode(ipfix([set(3, ipfixOptions(310, scope, [[34, 4]])), set(310, u32(1), u8(2), [65, 66], u32(250))]));
    expect(bench.domain().samplingRate).toBe(250);
    expect(bench.domain().records).toBe(0);
  });

  test('of a set that ends in the middle of a field header is malformed', () => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        set(
          2,
          template(300, [
            [1, 4],
            [5, 1, 6876],
          ]).slice(0, -2),
        ),
      ]),
    );
    expect(bench.faults('ipfix')).toEqual({ 'template-malformed': 1 });
  });
});

describe('columns that several elements may fill', () => {
  // proves: bytes-packets
  test('bytes: 1, then 85, then 352, then 231; packets: 2, then 86, then 298', () => {
    const all: FieldSpec[] = [
      [231, 4],
      [352, 4],
      [85, 4],
      [1, 4],
    ];
    const values = [...u32(4), ...u32(3), ...u32(2), ...u32(1)];
    expect(decode(all, values)).toMatchObject([{ bytes: 1, l2Bytes: 3 }]);
    expect(decode(all.slice(0, 3), values.slice(0, 12))).toMatchObject([{ bytes: 2 }]);
    expect(decode(all.slice(0, 2), values.slice(0, 8))).toMatchObject([{ bytes: 3 }]);
    expect(decode(all.slice(0, 1), values.slice(0, 4))).toMatchObject([{ bytes: 4 }]);
    expect(
      decode(
        [
          [298, 4],
          [86, 4],
        ],
        [...u32(8), ...u32(9)],
      ),
    ).toMatchObject([{ packets: 9 }]);
    expect(decode([[298, 4]], u32(8))).toMatchObject([{ packets: 8 }]);
  });

  // proves: sampling-squares
  test('sum of squared lengths: 198, never the total of 199; longest packet: 26', () => {
    const fields: FieldSpec[] = [
      [199, 8],
      [198, 8],
      [26, 8],
    ];
    const values = [...u64(2 ** 40 + 9), ...u64(2 ** 40 + 8), ...u64(1500)];
    expect(decode(fields, values)).toMatchObject([{ bytesSumOfSquares: 2 ** 40 + 8, packetBytesMax: 1500 }]);
    expect(
      decode(
        [
          [199, 8],
          [26, 2],
        ],
        [...u64(7), ...u16(9000)],
      ),
    ).toMatchObject([{ packetBytesMax: 9000, bytesSumOfSquares: 0 }]);
  });

  test('a first element of unusable length gives way to the second', () => {
    expect(
      decode(
        [
          [1, 0],
          [85, 4],
        ],
        u32(6),
      ),
    ).toMatchObject([{ bytes: 6 }]);
  });

  // proves: repeated-elements
  test('the first of two equal elements counts where the record is no tunnel', () => {
    expect(
      decode(
        [
          [1, 4],
          [1, 4],
        ],
        [...u32(6), ...u32(0)],
      ),
    ).toMatchObject([{ bytes: 6 }]);
  });

  test('interfaces: 10 and 14, else the physical 252 and 253', () => {
    expect(
      decode(
        [
          [252, 4],
          [253, 4],
        ],
        [...u32(5), ...u32(6)],
      ),
    ).toMatchObject([{ inIf: 5, outIf: 6 }]);
    expect(
      decode(
        [
          [252, 4],
          [10, 2],
          [14, 4],
        ],
        [...u32(5), ...u16(1), ...u32(2)],
      ),
    ).toMatchObject([{ inIf: 1, outIf: 2 }]);
  });

  // proves: xr-families
  test('IPv4 and IPv6 in one template: the one that is set, and its EtherType', () => {
    const fields: FieldSpec[] = [
      [8, 4],
      [12, 4],
      [27, 16],
      [28, 16],
    ];
    const rows = decode(
      fields,
      [...ip4('10.0.0.1'), ...ip4('10.0.0.2'), ...zeros(32)],
      [...zeros(8), ...src6, ...dst6],
    );
    expect(rows).toMatchObject([
      { srcAddr: '10.0.0.1', dstAddr: '10.0.0.2', etherType: 0x0800 },
      { srcAddr: '2001:db8::1', dstAddr: '2001:db8::2', etherType: 0x86dd },
    ]);
  });

  test('EtherType follows the address family, unless 256 says it', () => {
    expect(decode([[8, 4]], zeros(4))).toMatchObject([{ etherType: 0x0800 }]);
    expect(decode([[27, 16]], src6)).toMatchObject([{ etherType: 0x86dd }]);
    expect(
      decode(
        [
          [8, 4],
          [256, 2],
        ],
        [...zeros(4), ...u16(0x8847)],
      ),
    ).toMatchObject([{ etherType: 0x8847 }]);
    expect(decode([[1, 4]], u32(1))).toMatchObject([{ etherType: 0 }]);
  });

  // proves: repeated-elements
  test('elements that stand twice describe a tunnel: the inner layer, where there is one', () => {
    const fields: FieldSpec[] = [
      [8, 4],
      [12, 4],
      [4, 1],
      [7, 2],
      [11, 2],
      [8, 4],
      [12, 4],
      [4, 1],
      [7, 2],
      [11, 2],
    ];
    const outer = [...ip4('192.0.2.1'), ...ip4('192.0.2.2'), 4, ...u16(0), ...u16(0)];
    const inner = [...ip4('10.0.0.1'), ...ip4('10.0.0.2'), 17, ...u16(1111), ...u16(53)];
    const plain = [...ip4('10.0.0.3'), ...ip4('10.0.0.4'), 6, ...u16(2222), ...u16(443)];
    expect(decode(fields, [...outer, ...inner], [...plain, ...zeros(13)])).toMatchObject([
      { srcAddr: '10.0.0.1', dstAddr: '10.0.0.2', proto: 17, srcPort: 1111, dstPort: 53 },
      { srcAddr: '10.0.0.3', dstAddr: '10.0.0.4', proto: 6, srcPort: 2222, dstPort: 443 },
    ]);
  });

  test('outer IPv6 and inner IPv4 (SRv6) give the inner addresses with the inner protocol and ports', () => {
    const fields: FieldSpec[] = [
      [27, 16],
      [28, 16],
      [4, 1],
      [7, 2],
      [8, 4],
      [12, 4],
      [4, 1],
      [7, 2],
      [82, 65535],
    ];
    const bytes = [...src6, ...dst6, 4, ...u16(0), ...ip4('10.0.0.1'), ...ip4('10.0.0.2'), 17, ...u16(1111), 0];
    expect(decode(fields, bytes)).toMatchObject([
      { srcAddr: '10.0.0.1', dstAddr: '10.0.0.2', proto: 17, srcPort: 1111, etherType: 0x0800 },
    ]);
  });

  test('MAC of the destination: 80, else 57', () => {
    expect(
      decode(
        [
          [57, 6],
          [80, 6],
        ],
        [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2],
      ),
    ).toMatchObject([{ dstMac: '02:02:02:02:02:02' }]);
    expect(decode([[57, 6]], [1, 1, 1, 1, 1, 1])).toMatchObject([{ dstMac: '01:01:01:01:01:01' }]);
  });

  // proves: icmp-elements
  test.each([
    ['32', 32],
    ['139', 139],
  ])('ICMP type and code from %s, unless they are zero', (_, element) => {
    const fields: FieldSpec[] = [
      [11, 2],
      [element, 2],
    ];
    const rows = decode(
      fields,
      [...u16(0), ...u16(0x0800)],
      [...u16(443), ...u16(0)],
      [...u16(0x0301), ...u16(0x0301)],
    );
    expect(rows.map(row => row['dstPort'])).toEqual([0x0800, 443, 0x0301]);
  });
});

describe('VLAN', () => {
  const tag = (pcp: number, vid: number) => u16((pcp << 13) | vid);

  test.each([
    ['243 alone is the C-VID', [243], [100], { vlan: 100, sVlan: 0 }],
    ['58 alone is the C-VID', [58], [100], { vlan: 100, sVlan: 0 }],
    ['243 wins over 58', [58, 243], [5, 100], { vlan: 100, sVlan: 0 }],
    // proves: vlan-0
    ['58 fills in where 243 is zero', [243, 58], [0, 100], { vlan: 100, sVlan: 0 }],
    // proves: vlan-elements
    ['243 beside 245 is the S-VID', [243, 245], [100, 200], { vlan: 200, sVlan: 100 }],
    ['245 alone is the C-VID', [245], [200], { vlan: 200, sVlan: 0 }],
    ['58 fills in where 245 is zero', [243, 245, 58], [100, 0, 7], { vlan: 7, sVlan: 100 }],
    // proves: vlan-0
    ['0 is no VLAN', [58], [0], { vlan: 0, sVlan: 0 }],
  ] as const)('%s', (_, elements, vids, expected) => {
    const fields = elements.map((element): FieldSpec => [element, 2]);
    expect(
      decode(
        fields,
        vids.flatMap(vid => tag(0, vid)),
      ),
    ).toMatchObject([expected]);
  });

  // proves: vlan-elements
  test('priority and drop eligibility are no part of it', () => {
    expect(
      decode(
        [
          [243, 2],
          [245, 2],
        ],
        [...tag(7, 4095), ...u16(0x1000 | 9)],
      ),
    ).toMatchObject([{ sVlan: 4095, vlan: 9 }]);
  });
});

test('a batch used again keeps nothing of the rows before', () => {
  const bench = new Bench({ rowsMax: 4 });
  const everything: FieldSpec[] = [
    [8, 4],
    [28, 16],
    [1, 8],
    [2, 8],
    [352, 8],
    [198, 8],
    [26, 2],
    [10, 4],
    [14, 4],
    [61, 1],
    [89, 1],
    [34, 4],
    [234, 4],
    [256, 2],
    [4, 1],
    [7, 2],
    [11, 2],
    [6, 1],
    [5, 1],
    [56, 6],
    [80, 6],
    [243, 2],
    [245, 2],
    [351, 8],
    [349, 16],
  ];
  const ones = new Array<number>(everything.reduce((sum, [, length]) => sum + length, 0)).fill(1);
  const announce = ipfix([set(2, template(300, everything), template(301, [[2, 1]]))]);
  bench.decode(announce);
  const full = bench.decode(ipfix([set(300, ones, ones, ones, ones)]))[0]!;
  const notFilled = new Set(['ecid', 'rateSource', 'observationDomain']);
  const columns = DECODED_COLUMNS.map(column => column.name).filter(name => !notFilled.has(name));
  for (const name of columns) expect([name, full[name]]).not.toEqual([name, 0]);

  const sparse = bench.decode(ipfix([set(301, [1], [2], [3], [4])]));
  const fresh = new Bench();
  fresh.decode(announce);
  expect(sparse).toEqual(fresh.decode(ipfix([set(301, [1], [2], [3], [4])])));
});

test('a datagram that fills a batch in its middle loses no row and doubles none', () => {
  const bytes = Array.from({ length: 35 }, (_, i) => i + 1);
  const datagram = ipfix([
    set(2, template(300, [[1, 8]])),
    set(300, ...bytes.slice(0, 17).map(u64)),
    set(300, ...bytes.slice(17).map(u64)),
  ]);
  for (const reuse of [true, false]) {
    const bench = new Bench({ rowsMax: 10, reuse });
    expect(bench.decode(datagram).map(row => row['bytes'])).toEqual(bytes);
    expect(bench.flushed).toEqual([10, 10, 10, 5]);
    expect(bench.domain().records).toBe(35);
  }
});
