// Headers whose protocol contradicts their bytes. The oracle is the same sample under the right protocol.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
  ethernet,
  flowSample,
  ipv4,
  ipv6,
  type Row,
  sampledHeader,
  sflow,
  tcp,
  typed,
  u16,
  u32,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { HEADER_PROTOCOL } from './header.ts';

const body = [...tcp(), ...zeros(60)];

/** RFC 1071. */
function withChecksum(packet: Bytes, error = 0): Bytes {
  const length = (packet[0]! & 0xf) * 4;
  let sum = 0;
  for (let i = 0; i < length; i += 2) sum += packet[i]! * 256 + packet[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return packet.toSpliced(10, 2, ...u16((~sum & 0xffff) ^ error));
}

const packet4 = withChecksum(ipv4(body));
const packet6 = ipv6(6, body);

function decode(header: Bytes, protocol: number, frameLength: number, stripped = 4): { row: Row; count: number } {
  const bench = new Bench();
  const [row] = bench.decode(sflow([flowSample([sampledHeader(header, frameLength, protocol, stripped)])]));
  return { row: row!, count: bench.faults('sflow5')['header-mislabelled'] ?? 0 };
}

// proves: header-mislabelled
describe.each([
  ['IPv4', packet4, HEADER_PROTOCOL.ipv4],
  ['IPv4 without a checksum', ipv4(body), HEADER_PROTOCOL.ipv4],
  ['IPv4 with options', withChecksum(ipv4(body, { options: [1, 1, 1, 0] })), HEADER_PROTOCOL.ipv4],
  ['IPv6', packet6, HEADER_PROTOCOL.ipv6],
] as const)('%s labelled Ethernet', (_, packet, protocol) => {
  test.each([
    ['its own length', packet.length, 0],
    ['its own length, with a check sequence stripped that is not there', packet.length, 4],
    ['that of a frame', packet.length + 18, 18],
    ['that of a frame, with the check sequence stripped', packet.length + 18, 4],
    ['that of a tagged frame', packet.length + 22, 4],
  ])('in a frame of %s is the packet, and counted', (_length, frameLength, stripped) => {
    const right = decode(packet, protocol, frameLength, stripped);
    const wrong = decode(packet, HEADER_PROTOCOL.ethernet, frameLength, stripped);
    expect(wrong.row).toEqual(right.row);
    expect(wrong.row).toMatchObject({ srcPort: 40000, dstPort: 443, bytes: packet.length });
    expect([right.count, wrong.count]).toEqual([0, 1]);
  });

  test('that was cut behind its header is the packet', () => {
    const wrong = decode(packet.slice(0, 44), HEADER_PROTOCOL.ethernet, packet.length + 4);
    expect(wrong.row).toEqual(decode(packet.slice(0, 44), protocol, packet.length + 4).row);
    expect(wrong.count).toBe(1);
  });

  test.each([-5, 40])('in a frame that is longer by %i bytes is not believed', more => {
    expect(decode(packet, HEADER_PROTOCOL.ethernet, packet.length + more, 0).count).toBe(0);
  });
});

test('IPv4 with a wrong checksum labelled Ethernet is not believed', () => {
  const { row, count } = decode(withChecksum(ipv4(body), 1), HEADER_PROTOCOL.ethernet, packet4.length);
  expect([row['srcAddr'], count]).toEqual(['::', 0]);
});

// proves: header-mislabelled
test.each([
  ['a frame labelled IPv4', ethernet(0x0800, packet4), HEADER_PROTOCOL.ipv4, HEADER_PROTOCOL.ethernet],
  ['a frame labelled IPv6', ethernet(0x86dd, packet6), HEADER_PROTOCOL.ipv6, HEADER_PROTOCOL.ethernet],
  ['IPv6 labelled IPv4', packet6, HEADER_PROTOCOL.ipv4, HEADER_PROTOCOL.ipv6],
  ['IPv4 labelled IPv6', packet4, HEADER_PROTOCOL.ipv6, HEADER_PROTOCOL.ipv4],
] as const)('%s is what its bytes are', (_, header, label, protocol) => {
  const wrong = decode(header, label, header.length + 4);
  expect(wrong.row).toEqual(decode(header, protocol, header.length + 4).row);
  expect(wrong.count).toBe(1);
});

test('a frame is a frame, whatever its destination is', () => {
  const mac = fc.uint8Array({ minLength: 12, maxLength: 12 });
  fc.assert(
    fc.property(mac, fc.constantFrom(0x45, 0x60, 0x4f), fc.nat(0xffff), (macs, first, length) => {
      const macBytes = [first, macs[1]!, ...u16(length), ...macs.slice(4)];
      const frame = [...macBytes, ...u16(0x0800), ...packet4];
      const { row, count } = decode(frame, HEADER_PROTOCOL.ethernet, frame.length + 4);
      expect([row['srcAddr'], row['bytes'], count]).toEqual(['10.1.0.1', packet4.length, 0]);
    }),
  );
});

test('sFlow 4 has the same headers', () => {
  const words = (...values: number[]): Bytes => values.flatMap(u32);
  const decode4 = (protocol: number) => {
    const bench = new Bench();
    const sample = [
      ...words(1, 11, 3, 512, 1, 0, 3, 4, 1, protocol, packet4.length, packet4.length),
      ...packet4,
      ...words(0),
    ];
    const head = [...words(4, 1), 192, 0, 2, 1, ...words(1, 1000, 1)];
    return { rows: bench.decode(Uint8Array.from([...head, ...sample])), faults: bench.faults('sflow4') };
  };
  expect(decode4(1)).toEqual({ rows: decode4(11).rows, faults: { 'header-mislabelled': 1 } });
  expect(decode4(11).rows).toMatchObject([{ srcAddr: '10.1.0.1', bytes: packet4.length }]);
});

test('a header of an unknown link layer is left as it is', () => {
  const bench = new Bench();
  bench.decode(sflow([flowSample([typed(1, u32(5), u32(100), u32(4), u32(packet4.length), packet4)])]));
  expect(bench.faults('sflow5')).toEqual({});
});
