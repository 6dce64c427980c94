// Ethernet frames with their tags: what each fills, and what is no packet.

import { describe, expect, test } from 'vitest';
import {
  type Bytes,
  ethernet,
  hex,
  ipv4,
  ipv6,
  type Row,
  tcp,
  u16,
  u32,
  udp,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { decodeHeader, INNER, inner4, mpls } from '../../../testing/data/packets.ts';

const ends4 = { srcAddr: '10.1.0.1', dstAddr: '10.2.0.2', etherType: 0x0800 };
const ends6 = { srcAddr: '2001:db8::1', dstAddr: '2001:db8::2', etherType: 0x86dd };
const macs = { srcMac: '02:00:00:00:00:0a', dstMac: '02:00:00:00:00:0b' };
const tcpEnds = { proto: 6, srcPort: 40000, dstPort: 443, tcpFlags: 0x12 };

/** As sFlow reports it: the frame's length counts its check sequence. */
const decode = (header: Bytes, frameLength = header.length + 4, protocol?: number): Row | undefined =>
  decodeHeader(header, frameLength - 4, protocol);

describe('Ethernet', () => {
  test('with IPv4 and TCP: the IP length counts, not that of the frame with its padding', () => {
    const row = decode([...ethernet(0x0800, ipv4(tcp(), { tos: 0xb8 })), ...zeros(6)], 64);
    expect(row).toMatchObject({ ...macs, ...ends4, ...tcpEnds, tos: 0xb8, bytes: 40, vlan: 0, sVlan: 0 });
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

  // proves: tag-stacked, bad-ethernet
  test('with 20 tags keeps the outer two and the volume', () => {
    const tags = Array.from({ length: 20 }, (_, i) => [0x88a8, i + 1] as const);
    expect(decode(ethernet(0x0800, ipv4(tcp()), ...tags))).toMatchObject({ sVlan: 1, vlan: 2, srcAddr: '::' });
  });

  // proves: llc-snap
  test('in 802.3 form with LLC and SNAP has the type behind them', () => {
    const snap = [0xaa, 0xaa, 3, 0, 0, 0, ...u16(0x0800)];
    expect(decode(ethernet(48, [...snap, ...ipv4(tcp())]))).toMatchObject({ ...macs, ...ends4, ...tcpEnds });
    expect(decode(ethernet(48, [...snap, ...ipv4(tcp())], [0x8100, 9]))).toMatchObject({ ...ends4, vlan: 9 });
  });

  // proves: bad-ethernet
  test('in 802.3 form without SNAP (spanning tree) has no type', () => {
    expect(decode(ethernet(38, [0x42, 0x42, 3, ...zeros(35)]), 64)).toMatchObject({
      ...macs,
      etherType: 0,
      bytes: 46,
      srcAddr: '::',
    });
  });

  test('with a SNAP header of another organisation has no type', () => {
    const pvst = [0xaa, 0xaa, 3, 0, 0, 0x0c, ...u16(0x010b), ...zeros(36)];
    expect(decode(ethernet(50, pvst))).toMatchObject({ ...macs, etherType: 0, bytes: 44 });
  });

  // proves: macsec
  test('encrypted by MACsec keeps its addresses, tags in front and volume', () => {
    const header = ethernet(0x88e5, [0x2c, 0, ...u32(1), ...zeros(60)], [0x8100, 5]);
    expect(decode(header, 300)).toMatchObject({
      ...macs,
      vlan: 5,
      etherType: 0x88e5,
      bytes: 300 - 4 - 18,
      srcAddr: '::',
    });
  });

  // proves: bad-ethernet
  test.each([0, 1, 2, 6, 13])('of %i bytes is none', length => {
    expect(decode(ethernet(0x0800, ipv4(tcp())).slice(0, length), 64)).toBeUndefined();
  });

  test('longer in its sample than the frame is said to be has no less than no bytes', () => {
    expect(decodeHeader(ethernet(0x0806, zeros(28)), 10)).toMatchObject({ ...macs, bytes: 0 });
    expect(decodeHeader(ethernet(0x0800, ipv4(tcp(), { totalLength: 0 })), 0)).toMatchObject({ ...tcpEnds, bytes: 0 });
  });

  test('with padding behind its packet has no ports from there', () => {
    const packet = ipv4(zeros(20), { proto: 17, totalLength: 20 });
    const padded = [...packet.slice(0, 20), ...new Array<number>(26).fill(0xee)];
    expect(decode(ethernet(0x0800, padded))).toMatchObject({ ...ends4, proto: 17, srcPort: 0, dstPort: 0, bytes: 20 });
  });

  test.each([
    ['E-TAG, point to point', [0x893f, [...u16(0x0fff), ...u16(0x0001), 0xff, 0, ...u16(0x0800)]], 1],
    ['E-TAG, multicast group', [0x893f, [...u16(0xe000), ...u16(0x3fff), 0, 0xff, ...u16(0x0800)]], 0x3fffff],
    ['VN-Tag, to the bridge', [0x8926, [...u32(0x3fff0fff), ...u16(0x0800)]], 0xfff],
    ['VN-Tag, from the bridge', [0x8926, [...u32(0xffffcfff), ...u16(0x0800)]], 0x3fff],
  ] as const)('with %s', (_, [type, rest], ecid) => {
    expect(decode(ethernet(type, [...rest, ...ipv4(tcp())]))).toMatchObject({ ...macs, ...ends4, ...tcpEnds, ecid });
  });

  // proves: tag-etag
  test('with an E-TAG behind an S-tag has both', () => {
    const header = ethernet(0x893f, [...zeros(3), 9, 0, 0, ...u16(0x0800), ...ipv4(tcp())], [0x88a8, 300]);
    expect(decode(header)).toMatchObject({ ...ends4, sVlan: 300, ecid: 9 });
  });
});

describe('A label stack', () => {
  // proves: bad-ethernet
  test('of 300 labels without a bottom, or cut off, leaves the frame', () => {
    const labels = Array.from({ length: 300 }, (_, i) => u32((i + 16) * 4096)).flat();
    for (const length of [0, 3, 4, 50, 1200])
      expect(decode(ethernet(0x8847, labels.slice(0, length)), 1518)).toMatchObject({
        ...macs,
        etherType: 0x8847,
        bytes: 1500,
        srcAddr: '::',
      });
  });

  // proves: mpls
  test('of 16 labels is read, of 17 not', () => {
    const labels = Array.from({ length: 17 }, (_, i) => i + 16);
    expect(decode(ethernet(0x8847, mpls(inner4, ...labels.slice(1))))).toMatchObject(INNER);
    expect(decode(ethernet(0x8847, mpls(inner4, ...labels)))).toMatchObject({ etherType: 0x8847, srcAddr: '::' });
  });

  // proves: bad-ethernet
  test.each([
    ['a control word and nothing', zeros(4)],
    ['a control word and no frame', zeros(60)],
    ['an associated channel', [...u32(0x10000021), ...ipv4(udp())]],
    ['an IPv4 header of four words', [0x44, ...ipv4(tcp()).slice(1)]],
    ['half of an IPv6 header', ipv6(6, tcp()).slice(0, 39)],
  ])('before %s leaves the frame', (_, payload) => {
    expect(decode(ethernet(0x8847, mpls(payload, 16)), 118)).toMatchObject({
      ...macs,
      etherType: 0x8847,
      bytes: 100,
      srcAddr: '::',
      proto: 0,
    });
  });

  test.each([0x45, 0x4c, 0x60, 0x6c])('before a frame whose first byte is %i like that of a packet', first => {
    const frame = [first, 0xff, 0xff, 0xff, 0xff, 0xff, 10, 0, 0, 0, 0, 10, ...u16(0x0800), ...inner4];
    expect(decode(ethernet(0x8847, mpls(frame, 16)))).toMatchObject({ ...INNER, srcMac: '0a:00:00:00:00:0a' });
  });
});

describe('A PPPoE session', () => {
  test.each([
    ['with a control message of PPP', [0x11, 0, ...u16(1), ...u16(10), ...u16(0xc021), ...zeros(8)]],
    ['in discovery', [0x11, 9, ...u16(0), ...u16(4), ...zeros(4)]],
    ['cut off', hex('110000')],
  ])('%s leaves the frame', (_, payload) => {
    expect(decode(ethernet(0x8864, payload), 64)).toMatchObject({ ...macs, etherType: 0x8864, bytes: 46 });
  });
});
