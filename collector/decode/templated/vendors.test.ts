// What particular exporters send that others do not: a hand-written datagram for each, and captures where there are some.

import { describe, expect, test } from 'vitest';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import {
  Bench,
  type Bytes,
  dst6,
  EXPORT_S,
  type FieldSpec,
  ip4,
  ipfix,
  netflow9,
  type Row,
  set,
  src6,
  template,
  UPTIME_MS,
  u8,
  u16,
  u32,
  u64,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { readCapture } from '../../captures/capture.ts';

const VMWARE = 6876;
const NOW = EXPORT_S * 1000;

function decode(fields: readonly FieldSpec[], ...records: readonly Bytes[]): Row[] {
  return new Bench().decode(ipfix([set(2, template(300, fields)), set(300, ...records)]));
}
function decode9(fields: readonly FieldSpec[], ...records: readonly Bytes[]): Row[] {
  return new Bench().decode(netflow9([set(0, template(300, fields)), set(300, ...records)]));
}

describe('counters', () => {
  const fields: FieldSpec[] = [
    [1, 8],
    [2, 8],
    [23, 8],
    [24, 4],
  ];
  const record = (values: readonly number[]) => [
    ...u64(values[0]!),
    ...u64(values[1]!),
    ...u64(values[2]!),
    ...u32(values[3]!),
  ];

  // proves: bytes-packets, huawei-zero-counters, fortinet-counters, opnsense-counters
  test('Fortinet, OPNsense and Huawei: 23 and 24 count only where 1 and 2 are 0', () => {
    expect(decode9(fields, record([100, 2, 999, 9]), record([100, 2, 0, 0]), record([0, 0, 32, 1]))).toMatchObject([
      { bytes: 100, packets: 2 },
      { bytes: 100, packets: 2 },
      { bytes: 32, packets: 1 },
    ]);
    expect(
      decode9(
        [
          [24, 4],
          [23, 4],
        ],
        [...u32(1), ...u32(32)],
      ),
    ).toMatchObject([{ bytes: 32, packets: 1 }]);
  });

  // proves: srx-totals
  test('SRX: the totals 85 and 86 where there is nothing else, never for a delta of 0', () => {
    expect(
      decode(
        [
          [85, 8],
          [86, 8],
        ],
        [...u64(5000), ...u64(7)],
      ),
    ).toMatchObject([{ bytes: 5000, packets: 7 }]);
    expect(
      decode(
        [
          [85, 8],
          [86, 8],
          [1, 8],
          [2, 8],
        ],
        [...u64(5000), ...u64(7), ...u64(0), ...u64(0)],
      ),
    ).toMatchObject([{ bytes: 0, packets: 0 }]);
  });

  test('353 layer2OctetTotalCount, and counters of variable length', () => {
    expect(decode([[353, 8]], u64(77))).toMatchObject([{ bytes: 77, l2Bytes: 77 }]);
    expect(
      decode(
        [
          [1, 65535],
          [2, 65535],
        ],
        [3, 1, 0, 0, 1, 5],
        [0, 9, ...zeros(8), 7],
        [20, ...zeros(20), 0],
      ),
    ).toMatchObject([
      { bytes: 65536, packets: 5 },
      { bytes: 0, packets: 7 },
      { bytes: 0, packets: 0 },
    ]);
  });
});

describe('ends', () => {
  // proves: physical-interfaces
  test('physical interfaces 252 and 253 where 10 and 14 are 0', () => {
    expect(
      decode(
        [
          [10, 4],
          [14, 4],
          [252, 4],
          [253, 4],
        ],
        [0, 0, 5, 6].flatMap(u32),
        [1, 2, 5, 6].flatMap(u32),
      ),
    ).toMatchObject([
      { inIf: 5, outIf: 6 },
      { inIf: 1, outIf: 2 },
    ]);
  });

  test('ports of 180 to 183, one protocol after the other', () => {
    const fields: FieldSpec[] = [
      [180, 2],
      [181, 2],
      [182, 2],
      [183, 2],
    ];
    expect(decode(fields, [5000, 53, 0, 0].flatMap(u16), [0, 0, 40000, 443].flatMap(u16))).toMatchObject([
      { srcPort: 5000, dstPort: 53 },
      { srcPort: 40000, dstPort: 443 },
    ]);
  });

  test.each([
    [176, 177],
    [178, 179],
  ])('ICMP type %i and code %i by themselves', (type, code) => {
    expect(
      decode(
        [
          [11, 2],
          [type, 1],
          [code, 1],
        ],
        [...u16(443), 0, 0],
        [...u16(0), 3, 1],
      ),
    ).toMatchObject([{ dstPort: 443 }, { dstPort: 0x0301 }]);
  });

  // proves: odd-lengths
  test('an address of 2, 5 or 20 bytes and a MAC address of 8 leave their column empty', () => {
    for (const size of [2, 5, 20]) {
      expect(
        decode(
          [
            [8, size],
            [28, size],
            [1, 1],
          ],
          [...new Array<number>(2 * size).fill(7), 9],
        ),
      ).toMatchObject([{ srcAddr: '::', dstAddr: '::', bytes: 9 }]);
    }
    expect(
      decode(
        [
          [56, 8],
          [1, 1],
        ],
        [...new Array<number>(8).fill(7), 9],
      ),
    ).toMatchObject([{ srcMac: '00:00:00:00:00:00', bytes: 9 }]);
  });

  // proves: mac-addresses
  test('81 and 57 where 56 and 80 are absent, 195 where 5 is', () => {
    expect(
      decode(
        [
          [81, 6],
          [57, 6],
          [195, 1],
        ],
        [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 46],
      ),
    ).toMatchObject([{ srcMac: '01:01:01:01:01:01', dstMac: '02:02:02:02:02:02', tos: 184 }]);
  });

  test('VRF: 234, else 235', () => {
    expect(
      decode(
        [
          [234, 4],
          [235, 4],
        ],
        [...u32(0), ...u32(7)],
      ),
    ).toMatchObject([{ vrf: 0 }]);
    expect(decode([[235, 4]], u32(7))).toMatchObject([{ vrf: 7 }]);
  });

  // proves: vlan-elements
  test('VLAN: 254, 255 and 59 report it where 243, 245 and 58 are absent', () => {
    expect(
      decode(
        [
          [254, 2],
          [255, 2],
        ],
        [...u16(100), ...u16(200)],
      ),
    ).toMatchObject([{ sVlan: 100, vlan: 200 }]);
    expect(decode([[59, 2]], u16(100))).toMatchObject([{ vlan: 100 }]);
    expect(
      decode(
        [
          [58, 2],
          [59, 2],
        ],
        [...u16(0), ...u16(100)],
      ),
    ).toMatchObject([{ vlan: 0 }]);
    expect(decode([[58, 4]], [0, 0, 0xe0, 0x64])).toMatchObject([{ vlan: 100 }]);
  });

  // proves: odd-lengths
  test('the direction in more than one byte', () => {
    expect(decode([[61, 4]], u32(1), u32(0), u32(256))).toMatchObject([
      { direction: 'egress' },
      { direction: 'ingress' },
      { direction: 'unknown' },
    ]);
  });
});

describe('times', () => {
  const at = (...rows: readonly Row[]) =>
    rows.map(({ flowStart, flowEnd }) => [Number(flowStart) - NOW, Number(flowEnd) - NOW]);

  // proves: times-wide, nxos-wide-times
  test('NX-OS: 21 and 22 in 8 bytes, of uptime or since the epoch', () => {
    const fields: FieldSpec[] = [
      [21, 8],
      [22, 8],
    ];
    expect(
      at(
        ...decode9(fields, [...u64(UPTIME_MS - 1000), ...u64(UPTIME_MS - 3000)], [...u64(NOW - 10), ...u64(NOW - 20)]),
      ),
    ).toEqual([
      [-3000, -1000],
      [-20, -10],
    ]);
  });

  // proves: huawei-times, mikrotik-times
  test('Huawei and Mikrotik: 160 in the record, before or after 21 and 22', () => {
    const init = u64(NOW - 1_000_000);
    expect(
      at(
        ...decode(
          [
            [160, 8],
            [21, 4],
            [22, 4],
          ],
          [...init, ...u32(999_000), ...u32(998_000)],
        ),
      ),
    ).toEqual([[-2000, -1000]]);
    expect(
      at(
        ...decode(
          [
            [21, 4],
            [22, 4],
            [160, 8],
          ],
          [...u32(999_000), ...u32(998_000), ...init],
        ),
      ),
    ).toEqual([[-2000, -1000]]);
    expect(
      at(
        ...decode(
          [
            [21, 8],
            [22, 8],
            [160, 8],
          ],
          [...u64(999_000), ...u64(998_000), ...init],
        ),
      ),
    ).toEqual([[-2000, -1000]]);
  });

  // proves: times-absolute, nokia-nat
  test('one of start and end stands for both', () => {
    for (const element of [21, 22]) expect(at(...decode9([[element, 4]], u32(UPTIME_MS - 5)))).toEqual([[-5, -5]]);
    for (const element of [152, 153, 323, 258]) expect(at(...decode([[element, 8]], u64(NOW - 7)))).toEqual([[-7, -7]]);
    for (const element of [150, 151, 322])
      expect(at(...decode([[element, 4]], u32(EXPORT_S - 7)))).toEqual([[-7000, -7000]]);
  });

  // proves: times-absolute
  test('a duration (161, 162) from the start or before the end', () => {
    expect(
      at(
        ...decode(
          [
            [152, 8],
            [161, 4],
          ],
          [...u64(NOW - 5000), ...u32(3000)],
        ),
      ),
    ).toEqual([[-5000, -2000]]);
    expect(
      at(
        ...decode(
          [
            [153, 8],
            [162, 4],
          ],
          [...u64(NOW - 2000), ...u32(3_000_999)],
        ),
      ),
    ).toEqual([[-5000, -2000]]);
    expect(
      at(
        ...decode(
          [
            [152, 8],
            [153, 8],
            [161, 4],
          ],
          [...u64(NOW - 5000), ...u64(NOW - 1), ...u32(3000)],
        ),
      ),
    ).toEqual([[-5000, -1]]);
  });

  // proves: times-before-export, ovs-templates
  test('Open vSwitch: microseconds before the export (158, 159), of any size', () => {
    expect(
      at(
        ...decode(
          [
            [158, 4],
            [159, 2],
          ],
          [...u32(3_000_000), ...u16(2000)],
        ),
      ),
    ).toEqual([[-3000, -2]]);
  });

  // proves: netscaler-fraction
  test('NTP (154 to 157, 324, 325), and Netscaler, whose fraction is a number of microseconds', () => {
    const ntp = (fraction: number) => [...u32(EXPORT_S + 2208988800), ...u32(fraction)];
    for (const element of [154, 155, 156, 157, 324, 325])
      expect(at(...decode([[element, 8]], ntp(2 ** 31)))).toEqual([[500, 500]]);
    expect(
      at(
        ...decode(
          [
            [154, 8],
            [155, 8],
          ],
          [...ntp(546_000), ...ntp(0)],
        ),
      ),
    ).toEqual([[546, 0]]);
  });

  // proves: odd-lengths
  test('milliseconds in 4 bytes and seconds in 8 fill no column', () => {
    expect(
      at(
        ...decode(
          [
            [152, 4],
            [150, 8],
          ],
          zeros(12),
        ),
      ),
    ).toEqual([[0, 0]]);
  });
});

describe('sampling in the record', () => {
  test('305 packets taken, 306 left out', () => {
    expect(
      decode(
        [
          [305, 4],
          [306, 4],
        ],
        [...u32(1), ...u32(99)],
        [...u32(10), ...u32(990)],
        [...u32(0), ...u32(9)],
      ),
    ).toMatchObject([
      { samplingRate: 100, rateSource: 'record' },
      { samplingRate: 100 },
      { samplingRate: 0, rateSource: 'unknown' },
    ]);
  });
});

describe('tunnels', () => {
  const outer4 = [...ip4('192.0.2.1'), ...ip4('192.0.2.2'), ...u16(50000), ...u16(4789), 17];
  const OUTER: FieldSpec[] = [
    [8, 4],
    [12, 4],
    [7, 2],
    [11, 2],
    [4, 1],
    [351, 8],
  ];
  const vni = [1, 0, 0, 0, 0, 0, 0x13, 0x89];

  // proves: nsx-tenant
  test('VMware: the tenant elements describe the inner packet', () => {
    const fields: FieldSpec[] = [
      ...OUTER,
      [881, 4, VMWARE],
      [882, 4, VMWARE],
      [886, 2, VMWARE],
      [887, 2, VMWARE],
      [880, 1, VMWARE],
    ];
    const inner = [...ip4('10.0.0.1'), ...ip4('10.0.0.2'), ...u16(40000), ...u16(443), 6];
    const icmp = [...ip4('10.0.0.1'), ...ip4('10.0.0.2'), ...u16(0), ...u16(0), 1];
    expect(
      decode(fields, [...outer4, ...vni, ...inner], [...outer4, ...vni, ...icmp], [...outer4, ...zeros(21)]),
    ).toMatchObject([
      { srcAddr: '10.0.0.1', dstAddr: '10.0.0.2', srcPort: 40000, dstPort: 443, proto: 6, vni: 5001 },
      { srcAddr: '10.0.0.1', dstPort: 0, srcPort: 0, proto: 1 },
      { srcAddr: '192.0.2.1', dstPort: 4789, proto: 17, vni: 0 },
    ]);
  });

  // proves: nsx-tenant
  test('VMware: tenants of IPv6 in IPv4, and of IPv4 in IPv6', () => {
    const v6: FieldSpec[] = [...OUTER, [883, 16, VMWARE], [884, 16, VMWARE], [880, 1, VMWARE]];
    expect(decode(v6, [...outer4, ...vni, ...src6, ...dst6, 6])).toMatchObject([
      { srcAddr: '2001:db8::1', dstAddr: '2001:db8::2', etherType: 0x86dd, proto: 6 },
    ]);
    const v4: FieldSpec[] = [
      [27, 16],
      [28, 16],
      [881, 4, VMWARE],
      [882, 4, VMWARE],
    ];
    expect(decode(v4, [...src6, ...dst6, ...ip4('10.0.0.1'), ...ip4('10.0.0.2')])).toMatchObject([
      { srcAddr: '10.0.0.1', dstAddr: '10.0.0.2', etherType: 0x0800 },
    ]);
  });

  // proves: ovs-templates
  test('Open vSwitch: the key of its tunnel (892, variable) is the segment; its addresses stay the inner ones', () => {
    const fields: FieldSpec[] = [
      [8, 4],
      [12, 4],
      [891, 1, VMWARE],
      [892, 65535, VMWARE],
      [893, 4, VMWARE],
      [894, 4, VMWARE],
      [351, 8],
    ];
    const record = (key: Bytes, segment = 0) => [
      ...ip4('10.0.0.1'),
      ...ip4('10.0.0.2'),
      1,
      key.length,
      ...key,
      ...ip4('192.0.2.1'),
      ...ip4('192.0.2.2'),
      ...u64(segment),
    ];
    expect(decode(fields, record([0, 0x13, 0x89]), record(u64(5001)), record([]), record([9], 7))).toMatchObject([
      { srcAddr: '10.0.0.1', vni: 5001 },
      { vni: 5001 },
      { vni: 0 },
      { vni: 7 },
    ]);
  });

  // proves: virtual-networks, nsx-tenant
  test('NSX: the UUID of the VM is the station', () => {
    expect(decode([[951, 16, VMWARE]], src6)).toMatchObject([{ stationId: '20010db8000000000000000000000001' }]);
    expect(decode([[349, 65535]], [16, ...src6], [3, 1, 2, 3])).toMatchObject([
      { stationId: '20010db8000000000000000000000001' },
      { stationId: '0'.repeat(32) },
    ]);
  });

  // proves: label-elements
  test('MPLS labels and SRv6 segments are skipped by their length', () => {
    expect(
      decode(
        [
          [70, 3],
          [71, 3],
          [497, 65535],
          [494, 16],
          [1, 4],
        ],
        [...zeros(6), 21, 3, ...u16(495), ...u16(16), ...src6, ...src6, ...u32(8)],
      ),
    ).toMatchObject([{ bytes: 8 }]);
  });
});

describe('NetFlow v9 of others', () => {
  // proves: h3c-element-0, h3c-vrf-name
  test('H3C: element 0, element 43 in 2 bytes and a VRF name of variable length', () => {
    const fields: FieldSpec[] = [
      [8, 4],
      [43, 2],
      [0, 1],
      [236, 65535],
      [35, 1],
      [34, 4],
      [1, 4],
    ];
    expect(
      decode9(fields, [...ip4('10.0.0.1'), 1, 2, 3, 5, ...Buffer.from('vpn-a'), 0, ...u32(0), ...u32(77)]),
    ).toMatchObject([{ srcAddr: '10.0.0.1', bytes: 77, samplingRate: 0, rateSource: 'unknown' }]);
  });

  // proves: huawei-232
  test('Huawei: interfaces of 2 bytes, 232 as a plain field', () => {
    expect(
      decode9(
        [
          [10, 2],
          [14, 2],
          [1, 4],
          [232, 2],
        ],
        [...u16(3), ...u16(4), ...u32(9), ...u16(1)],
      ),
    ).toMatchObject([{ inIf: 3, outIf: 4, bytes: 9 }]);
  });

  // proves: asa-elements
  test('ASA: access lists, user names and ids above 32767 are passed over', () => {
    expect(
      decode9(
        [
          [33000, 12],
          [40000, 20],
          [33002, 2],
          [10, 2],
        ],
        [...zeros(12), ...Buffer.from('alice'), ...zeros(15), ...u16(1), ...u16(7)],
      ),
    ).toMatchObject([{ inIf: 7 }]);
  });

  // proves: paloalto-elements, zero-sets
  test('Palo Alto: application and user names of v9, then zeros to the end of the packet', () => {
    const bench = new Bench();
    const record = [...ip4('10.0.0.1'), ...u32(9), ...Buffer.from('web-browsing'.padEnd(32, '\0')), ...zeros(64)];
    const datagram = netflow9([
      set(
        0,
        template(257, [
          [8, 4],
          [1, 4],
          [56701, 32],
          [56702, 64],
        ]),
      ),
      set(257, record),
      zeros(200),
    ]);
    expect(bench.decode(datagram)).toMatchObject([{ srcAddr: '10.0.0.1', bytes: 9 }]);
    expect(bench.faults('netflow9')).toEqual({});
  });

  // proves: forwarding-status
  test('a forwarding status of 1 or 4 bytes', () => {
    expect(
      decode9(
        [
          [89, 4],
          [1, 1],
        ],
        [...u32(0x82), 1],
      ),
    ).toMatchObject([{ forwardingStatus: 0x82 }]);
    expect(
      decode9(
        [
          [89, 1],
          [1, 1],
        ],
        [...u8(0x40), 1],
      ),
    ).toMatchObject([{ forwardingStatus: 0x40 }]);
  });
});

const ready = requireCorpus();

describe.skipIf(!ready)('captures', () => {
  function rowsOf(...files: readonly string[]): { readonly bench: Bench; readonly rows: Row[] } {
    const bench = new Bench({ rowsMax: 8192 });
    const rows = files.flatMap(file =>
      readCapture(pathOf(file)).datagrams.flatMap(({ payload, source, sourcePort, timeMs }) =>
        bench.decode(payload, source, sourcePort, timeMs),
      ),
    );
    return { bench, rows };
  }

  // proves: firewall-directions, asa-events
  test('ASA: each flow is reported once, both ways', () => {
    const asa = (part: string) => `logstash-codec-netflow/netflow9_test_cisco_asa_2_${part}.dat`;
    const { rows } = rowsOf(asa('tpl_26x'), asa('tpl_27x'), asa('data'));
    const flows = new Map<string, number[]>();
    for (const row of rows.filter(({ bytes }) => Number(bytes) > 0)) {
      const ends = `${row['srcAddr']}:${row['srcPort']} ${row['dstAddr']}:${row['dstPort']}`;
      flows.set(ends, [...(flows.get(ends) ?? []), Number(row['bytes'])]);
    }
    expect([...flows.values()].filter(counted => counted.length > 1)).toEqual([]);
    expect(flows.get('192.168.0.2:61776 192.168.0.17:80')).toEqual([81]);
    expect(flows.get('192.168.0.17:80 192.168.0.2:61776')).toEqual([6207]);
  });

  // proves: times-before-export, ovs-templates
  test('Open vSwitch: totals and deltas of a record agree, times lie before the export', () => {
    const { bench, rows } = rowsOf('made/ovs-ipfix.pcap');
    expect(rows.length).toBeGreaterThan(20);
    expect(rows.filter(row => Number(row['flowStart']) > Number(row['receivedAt']))).toEqual([]);
    expect(rows.filter(row => row['bytes'] === 0 || row['packets'] === 0)).toEqual([]);
    expect(bench.faults('ipfix')).toEqual({});
  });

  // proves: sampling-squares
  test('Open vSwitch: the sum of squares is that of its packets, which are all of one length', () => {
    const { rows } = rowsOf('made/ovs-ipfix.pcap');
    expect(rows.length).toBeGreaterThan(20);
    for (const { bytes, packets, bytesSumOfSquares, packetBytesMax } of rows as unknown as Record<string, number>[]) {
      expect(packetBytesMax).toBe(bytes! / packets!);
      expect(bytesSumOfSquares).toBe(bytes! * packetBytesMax!);
    }
  });

  // proves: huawei-times
  test('Huawei SRv6: the inner IPv4 of the record that has both', () => {
    const { rows } = rowsOf('pmacct/106-IPFIXv10-HUAWEI-vrf_name/traffic-00.pcap');
    expect(rows).toContainEqual(
      expect.objectContaining({
        srcAddr: '192.0.2.110',
        dstAddr: '192.0.2.14',
        srcPort: 2222,
        dstPort: 1111,
        bytes: 142216,
      }),
    );
  });
});
