// Sampled packet headers, as sFlow carries them: what each layer fills, and what a cut at any byte leaves.

import { describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
  dst6,
  ethernet,
  flowSample,
  ipv4,
  ipv6,
  type Row,
  sampledHeader,
  sflow,
  src6,
  tcp,
  u16,
  u32,
  udp,
  zeros,
} from './testdata.ts';

function decode(header: Bytes, frameLength?: number, protocol?: number): Row {
  const bench = new Bench();
  const rows = bench.decode(sflow([flowSample([sampledHeader(header, frameLength, protocol)])]));
  expect(bench.faults('sflow5')).toEqual({});
  expect(rows.length).toBe(1);
  return rows[0]!;
}

const ends4 = { srcAddr: '10.1.0.1', dstAddr: '10.2.0.2', etherType: 0x0800 };
const ends6 = { srcAddr: '2001:db8::1', dstAddr: '2001:db8::2', etherType: 0x86dd };
const macs = { srcMac: '02:00:00:00:00:0a', dstMac: '02:00:00:00:00:0b' };
const tcpEnds = { proto: 6, srcPort: 40000, dstPort: 443, tcpFlags: 0x12 };

describe('Ethernet', () => {
  test('with IPv4 and TCP: the IP length counts, not that of the frame with its padding', () => {
    const row = decode([...ethernet(0x0800, ipv4(tcp(), { tos: 0xb8 })), ...zeros(6)], 64);
    expect(row).toMatchObject({ ...macs, ...ends4, ...tcpEnds, tos: 0xb8, bytes: 40, l2Bytes: 64, vlan: 0, sVlan: 0 });
  });

  test('with IPv6 and UDP', () => {
    expect(decode(ethernet(0x86dd, ipv6(17, udp(), 8, 0xb8)))).toMatchObject({
      ...macs,
      ...ends6,
      proto: 17,
      srcPort: 5000,
      dstPort: 53,
      tos: 0xb8,
      bytes: 48,
    });
  });

  test('with another type: the frame less its header counts', () => {
    expect(decode(ethernet(0x0806, zeros(28)), 64)).toMatchObject({
      ...macs,
      etherType: 0x0806,
      bytes: 64 - 4 - 14,
      proto: 0,
      srcAddr: '::',
    });
  });

  test.each([
    ['802.1Q', [[0x8100, 100]], { vlan: 100, sVlan: 0 }],
    ['802.1Q with priority and drop eligibility', [[0x8100, 0xf064]], { vlan: 100, sVlan: 0 }],
    ['a priority tag', [[0x8100, 0xe000]], { vlan: 0, sVlan: 0 }],
    [
      '802.1ad, S-tag and C-tag',
      [
        [0x88a8, 300],
        [0x8100, 100],
      ],
      { vlan: 100, sVlan: 300 },
    ],
    ['an S-tag alone', [[0x88a8, 300]], { vlan: 0, sVlan: 300 }],
    [
      'QinQ with 0x8100 twice',
      [
        [0x8100, 300],
        [0x8100, 100],
      ],
      { vlan: 100, sVlan: 300 },
    ],
    [
      'QinQ with 0x9100',
      [
        [0x9100, 300],
        [0x8100, 100],
      ],
      { vlan: 100, sVlan: 300 },
    ],
    [
      'QinQ with 0x9200',
      [
        [0x9200, 300],
        [0x8100, 100],
      ],
      { vlan: 100, sVlan: 300 },
    ],
    [
      'three tags: the outer two',
      [
        [0x88a8, 300],
        [0x88a8, 200],
        [0x8100, 100],
      ],
      { vlan: 200, sVlan: 300 },
    ],
  ] as const)('with %s', (_, tags, vlans) => {
    expect(decode(ethernet(0x0800, ipv4(tcp()), ...tags))).toMatchObject({
      ...macs,
      ...ends4,
      ...tcpEnds,
      ...vlans,
      bytes: 40,
    });
  });

  test('with 20 tags keeps the outer two and the volume', () => {
    const tags = Array.from({ length: 20 }, (_, i) => [0x88a8, i + 1] as const);
    expect(decode(ethernet(0x0800, ipv4(tcp()), ...tags))).toMatchObject({ sVlan: 1, vlan: 2, srcAddr: '::' });
  });

  test('in 802.3 form with LLC and SNAP has the type behind them', () => {
    const snap = [0xaa, 0xaa, 3, 0, 0, 0, ...u16(0x0800)];
    expect(decode(ethernet(48, [...snap, ...ipv4(tcp())]))).toMatchObject({ ...macs, ...ends4, ...tcpEnds });
    expect(decode(ethernet(48, [...snap, ...ipv4(tcp())], [0x8100, 9]))).toMatchObject({ ...ends4, vlan: 9 });
  });

  test('in 802.3 form without SNAP (spanning tree) has no type', () => {
    expect(decode(ethernet(38, [0x42, 0x42, 3, ...zeros(35)]), 64)).toMatchObject({
      ...macs,
      etherType: 0,
      bytes: 46,
      srcAddr: '::',
    });
  });
});

describe('IPv4', () => {
  test('with options has its ports behind them', () => {
    for (let words = 1; words <= 10; words++) {
      const options = new Array<number>(4 * words).fill(1);
      expect(decode(ethernet(0x0800, ipv4(tcp(), { options })))).toMatchObject({
        ...ends4,
        ...tcpEnds,
        bytes: 40 + 4 * words,
      });
    }
  });

  test.each([
    ['first fragment', 0x2000, tcpEnds],
    ['not to be fragmented', 0x4000, tcpEnds],
    ['later fragment: no ports', 0x2001, { proto: 6, srcPort: 0, dstPort: 0, tcpFlags: 0 }],
    ['last fragment: no ports', 185, { proto: 6, srcPort: 0, dstPort: 0, tcpFlags: 0 }],
  ])('%s', (_, fragment, expected) => {
    expect(decode(ethernet(0x0800, ipv4(tcp(), { fragment })))).toMatchObject({ ...ends4, ...expected });
  });

  test.each([0, 1, 2, 3, 4])('with a header length of %i words is no IPv4; the volume counts', words => {
    const packet = [0x40 | words, ...ipv4(tcp()).slice(1)];
    expect(decode(ethernet(0x0800, packet))).toMatchObject({ etherType: 0x0800, srcAddr: '::', proto: 0, bytes: 40 });
  });

  test('of another version than its EtherType says has no ends', () => {
    expect(decode(ethernet(0x0800, ipv6(6, tcp())))).toMatchObject({ etherType: 0x0800, srcAddr: '::', dstAddr: '::' });
  });

  test.each([0, 19])('with a total length of %i counts the frame less its header', totalLength => {
    expect(decode(ethernet(0x0800, ipv4(tcp(), { totalLength })), 1518)).toMatchObject({
      ...ends4,
      ...tcpEnds,
      bytes: 1500,
    });
  });

  test('in a header of protocol 11 needs no Ethernet', () => {
    expect(decode(ipv4(tcp()), 64, 11)).toMatchObject({
      ...ends4,
      ...tcpEnds,
      bytes: 40,
      l2Bytes: 64,
      srcMac: '00:00:00:00:00:00',
    });
  });

  test.each([
    ['ICMP', 1, [8, 0, ...zeros(6)], { srcPort: 0, dstPort: 0x0800 }],
    ['ICMP unreachable', 1, [3, 13, ...zeros(6)], { srcPort: 0, dstPort: 0x030d }],
    ['SCTP', 132, [...u16(7), ...u16(8), ...zeros(8)], { srcPort: 7, dstPort: 8 }],
    ['GRE', 47, [...u16(7), ...u16(8), ...zeros(8)], { srcPort: 0, dstPort: 0 }],
  ] as const)('with %s', (_, proto, payload, expected) => {
    expect(decode(ethernet(0x0800, ipv4(payload, { proto })))).toMatchObject({ ...ends4, ...expected, proto });
  });
});

describe('IPv6', () => {
  const extension = (next: number, units = 0): Bytes => [next, units, ...zeros(6 + 8 * units)];

  test.each([
    ['hop-by-hop', 0, extension(6)],
    ['routing with two addresses', 43, extension(6, 4)],
    ['destination options', 60, extension(6, 1)],
    ['authentication', 51, [6, 4, ...zeros(22)]],
    ['first fragment', 44, [6, 0, ...u16(1), ...u32(1)]],
    ['hop-by-hop, routing and destination options', 0, [...extension(43), ...extension(60, 2), ...extension(6)]],
  ] as const)('with %s has its ports behind', (_, next, headers) => {
    expect(decode(ethernet(0x86dd, ipv6(next, [...headers, ...tcp()])))).toMatchObject({ ...ends6, ...tcpEnds });
  });

  test('of a later fragment has the protocol and no ports', () => {
    const packet = ipv6(44, [17, 0, ...u16(8), ...u32(1), ...udp()]);
    expect(decode(ethernet(0x86dd, packet))).toMatchObject({ ...ends6, proto: 17, srcPort: 0, dstPort: 0 });
  });

  test('with 100 extension headers, or one that leads outside, is walked a bounded way', () => {
    const many = Array.from({ length: 100 }, () => extension(60)).flat();
    expect(decode(ethernet(0x86dd, ipv6(60, [...many, ...tcp()])))).toMatchObject({ ...ends6, srcPort: 0 });
    expect(decode(ethernet(0x86dd, ipv6(0, [6, 255, ...zeros(6), ...tcp()])))).toMatchObject({
      ...ends6,
      proto: 6,
      srcPort: 0,
    });
  });

  test('as jumbogram (payload length 0) counts the frame less its header', () => {
    expect(decode(ethernet(0x86dd, ipv6(6, tcp(), 0)), 9018)).toMatchObject({ ...ends6, ...tcpEnds, bytes: 9000 });
  });

  test('in a header of protocol 12 needs no Ethernet', () => {
    expect(decode(ipv6(58, [128, 0, ...zeros(6)]), 64, 12)).toMatchObject({
      ...ends6,
      proto: 58,
      dstPort: 128 << 8,
      bytes: 48,
    });
  });

  test('without next header (59) or encrypted (50) has no ports', () => {
    for (const next of [59, 50])
      expect(decode(ethernet(0x86dd, ipv6(next, tcp())))).toMatchObject({ ...ends6, proto: next, srcPort: 0 });
  });
});

describe('a header cut at any byte', () => {
  // What follows the header in its sample would be read as ports or addresses by a decoder that looked too far.
  const TRAP: Bytes = new Array<number>(64).fill(0xee);
  const frames = {
    'Ethernet, two tags, IPv4 with options, TCP': ethernet(
      0x0800,
      ipv4(tcp(), { options: [1, 1, 1, 1] }),
      [0x88a8, 300],
      [0x8100, 100],
    ),
    'Ethernet, IPv6 with extension headers, UDP': ethernet(
      0x86dd,
      ipv6(0, [43, 0, ...zeros(6), 17, 0, ...zeros(6), ...udp()]),
    ),
    'Ethernet, LLC, SNAP, IPv4, ICMP': ethernet(40, [
      0xaa,
      0xaa,
      3,
      0,
      0,
      0,
      8,
      0,
      ...ipv4([8, 1, ...zeros(6)], { proto: 1 }),
    ]),
  };
  const nothing: Readonly<Record<string, unknown>> = {
    srcAddr: '::',
    dstAddr: '::',
    proto: 0,
    srcPort: 0,
    dstPort: 0,
    tcpFlags: 0,
    tos: 0,
    vlan: 0,
    sVlan: 0,
  };

  // Of IPv6, the first header that is not there is what is known of the protocol.
  const EXTENSION_HEADERS: ReadonlySet<unknown> = new Set([0, 43]);

  test.each(Object.entries(frames))(
    '%s: each column has its whole value or none, and never loses it again',
    (_, frame) => {
      const whole = decode(frame, 1000);
      const seen = new Set<string>();
      for (let length = 14; length <= frame.length; length++) {
        const bench = new Bench();
        const record = [
          ...u32(1),
          ...u32(16 + length),
          ...u32(1),
          ...u32(1000),
          ...u32(4),
          ...u32(length),
          ...frame.slice(0, length),
        ];
        const [row] = bench.decode(sflow([flowSample([record, [...u32(0xeeeeeeee), ...u32(TRAP.length), ...TRAP]])]));
        expect(row).toMatchObject({ ...macs, l2Bytes: 1000, packets: 1 });
        for (const [column, none] of Object.entries(nothing)) {
          if (row![column] === whole[column]) seen.add(column);
          else if (column !== 'proto' || !EXTENSION_HEADERS.has(row![column])) {
            expect([length, column, row![column]]).toEqual([length, column, none]);
            expect([length, column, seen.has(column) && whole[column] !== none]).toEqual([length, column, false]);
          }
        }
      }
      expect(seen.size).toBe(Object.keys(nothing).length);
    },
  );
});

test('addresses are copied byte by byte', () => {
  const bytes = ipv6(59, []);
  expect(bytes.slice(8, 40)).toEqual([...src6, ...dst6]);
  expect(decode(bytes, 60, 12)).toMatchObject(ends6);
});
