// IPv4 with options and fragments, IPv6 with extension headers, transport ports.

import { describe, expect, test } from 'vitest';
import {
  type Bytes,
  dst6,
  ethernet,
  ipv4,
  ipv6,
  type Row,
  src6,
  tcp,
  u16,
  u32,
  udp,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { decodeHeader } from '../../../testing/data/packets.ts';

const ends4 = { srcAddr: '10.1.0.1', dstAddr: '10.2.0.2', etherType: 0x0800 };
const ends6 = { srcAddr: '2001:db8::1', dstAddr: '2001:db8::2', etherType: 0x86dd };
const tcpEnds = { proto: 6, srcPort: 40000, dstPort: 443, tcpFlags: 0x12 };

/** As sFlow reports it: the frame's length counts its check sequence. */
const decode = (header: Bytes, frameLength = header.length + 4, protocol?: number): Row | undefined =>
  decodeHeader(header, frameLength - 4, protocol);

describe('IPv4', () => {
  // proves: ipv4-options
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

  // proves: bad-ip
  test.each([0, 1, 2, 3, 4])('with a header length of %i words is no IPv4; the volume counts', words => {
    const packet = [0x40 | words, ...ipv4(tcp()).slice(1)];
    expect(decode(ethernet(0x0800, packet))).toMatchObject({ etherType: 0x0800, srcAddr: '::', proto: 0, bytes: 40 });
  });

  test('of another version than its EtherType says has no ends', () => {
    expect(decode(ethernet(0x0800, ipv6(6, tcp())))).toMatchObject({ etherType: 0x0800, srcAddr: '::', dstAddr: '::' });
  });

  // proves: bad-ip
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
      srcMac: '00:00:00:00:00:00',
    });
  });

  test.each([
    ['ICMP', 1, [8, 0, ...zeros(6)], { srcPort: 0, dstPort: 0x0800 }],
    ['ICMP unreachable', 1, [3, 13, ...zeros(6)], { srcPort: 0, dstPort: 0x030d }],
    ['SCTP', 132, [...u16(7), ...u16(8), ...zeros(8)], { srcPort: 7, dstPort: 8 }],
    ['DCCP', 33, [...u16(7), ...u16(8), ...zeros(8)], { srcPort: 7, dstPort: 8 }],
    ['UDP-Lite', 136, [...u16(7), ...u16(8), ...zeros(4)], { srcPort: 7, dstPort: 8 }],
    ['GRE of unknown version', 47, [...u16(7), ...u16(8), ...zeros(8)], { srcPort: 0, dstPort: 0 }],
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

  // proves: ipv4-options, bad-ip
  test('of a later fragment has the protocol and no ports', () => {
    const packet = ipv6(44, [17, 0, ...u16(8), ...u32(1), ...udp()]);
    expect(decode(ethernet(0x86dd, packet))).toMatchObject({ ...ends6, proto: 17, srcPort: 0, dstPort: 0 });
  });

  // proves: ipv6-headers, bad-ip
  test('with 100 extension headers, or one that leads outside, is walked a bounded way', () => {
    const many = Array.from({ length: 100 }, () => extension(60)).flat();
    expect(decode(ethernet(0x86dd, ipv6(60, [...many, ...tcp()])))).toMatchObject({ ...ends6, srcPort: 0 });
    expect(decode(ethernet(0x86dd, ipv6(0, [6, 255, ...zeros(6), ...tcp()])))).toMatchObject({
      ...ends6,
      proto: 6,
      srcPort: 0,
    });
  });

  test('with a mobility header has that as protocol, unless it leads on', () => {
    const mobility = (next: number): Bytes => [next, 0, 5, ...zeros(5)];
    expect(decode(ethernet(0x86dd, ipv6(135, mobility(59))))).toMatchObject({ ...ends6, proto: 135, srcPort: 0 });
    expect(decode(ethernet(0x86dd, ipv6(135, [...mobility(6), ...tcp()])))).toMatchObject({ ...ends6, ...tcpEnds });
  });

  // proves: ipv6-headers
  test('with 16 extension headers is read, with 17 not', () => {
    const headers = (count: number): Bytes => [
      ...Array.from({ length: count - 1 }, () => extension(60)).flat(),
      ...extension(6),
      ...tcp(),
    ];
    expect(decode(ethernet(0x86dd, ipv6(60, headers(16))))).toMatchObject({ ...ends6, ...tcpEnds });
    expect(decode(ethernet(0x86dd, ipv6(60, headers(17))))).toMatchObject({ ...ends6, srcPort: 0 });
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

test('addresses are copied byte by byte', () => {
  const bytes = ipv6(59, []);
  expect(bytes.slice(8, 40)).toEqual([...src6, ...dst6]);
  expect(decode(bytes, 60, 12)).toMatchObject(ends6);
});
