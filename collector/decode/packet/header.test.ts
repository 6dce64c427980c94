// Every encapsulation whole, cut at every byte and with its bytes changed, and what bounds the walk.

import { describe, expect, test } from 'vitest';
import { clearBatch } from '../../../schemas/batch.ts';
import {
  type Bytes,
  ethernet,
  ipv4,
  ipv6,
  type Row,
  rowOf,
  tcp,
  u16,
  u32,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { CASES, type Case } from '../../../testing/data/packet-cases.ts';
import {
  context,
  datagram,
  decodeHeader,
  decodeInto,
  erspan3,
  geneve,
  gre,
  gtp,
  INNER,
  INNER_MACS,
  inner4,
  innerFrame,
  mpls,
  OUTER,
  OUTER_MACS,
  OUTER6,
  over4,
  overUdp,
  vxlan,
} from '../../../testing/data/packets.ts';
import { STEPS_PER_DATAGRAM_MAX } from '../context.ts';
import { FAULT, faultSlot } from '../faults.ts';
import { decodePacketHeader, HEADER_PROTOCOL, TUNNELS_MAX } from './header.ts';

/** Steps that one header may cost, whatever it says: 5 frames or packets with the loops of each. */
const STEPS_PER_HEADER_MAX = 5 * (8 + 16 + 16 + 16 + 8) + TUNNELS_MAX;

const SEED = 20240817;

const decode = ({ header, headerProtocol }: Case, length = header.length): Row | undefined =>
  decodeHeader(header.slice(0, length), header.length, headerProtocol);

describe('describes the innermost packet:', () => {
  test.each(CASES)('$name', item => {
    expect(decode(item)).toMatchObject(item.expected);
  });
});

const NONE = '::>::';
const endsOf = (row: Row): string => `${row['srcAddr']}>${row['dstAddr']}`;
const ports = (row: Row): string => `${row['srcPort']}>${row['dstPort']}`;
/** Columns that belong together with the addresses: all of them are those of one packet. */
const packetOf = ({ srcAddr, dstAddr, srcMac, dstMac, bytes, tos, etherType, vlan, vni, direction }: Row) => ({
  srcAddr,
  dstAddr,
  srcMac,
  dstMac,
  bytes,
  tos,
  etherType,
  vlan,
  vni,
  direction,
});

// proves: innermost-packet, bad-tunnels
describe('cut at any byte describes a whole outer packet or a whole inner one:', () => {
  test.each(CASES)('$name', item => {
    const whole = decode(item)!;
    const states = new Map<string, Row>();
    let last = '';
    for (let length = 0; length <= item.header.length; length++) {
      const row = decode(item, length);
      if (!row) {
        expect(states.size).toBe(0);
        continue;
      }
      const packet = JSON.stringify(packetOf(row));
      // What was left for something further in does not come back.
      if (packet !== last) expect(states.has(packet)).toBe(false);
      last = packet;
      states.set(packet, row);
      const ends = endsOf(row);
      expect([
        NONE,
        ...[OUTER, OUTER6].map(({ srcAddr, dstAddr }) => `${srcAddr}>${dstAddr}`),
        endsOf(whole),
      ]).toContain(ends);
      if (ends === endsOf(whole) && ends !== NONE) {
        expect(packetOf(row)).toEqual(packetOf(whole));
        expect(['0>0', ports(whole)]).toContain(ports(row));
        expect([0, whole['tcpFlags']]).toContain(row['tcpFlags']);
      } else {
        expect(row['tcpFlags']).toBe(0);
        // The outer packet's own, or none.
        if (ends === NONE) expect(ports(row)).toBe('0>0');
        else expect(ports(row)).toMatch(/^(0>0|50000>(2152|3544|4789|4790|6081|6635|8472))$/);
        // A segment goes with the MAC addresses of its frame.
        if (row['vni'] !== 0) expect(row).toMatchObject(INNER_MACS);
      }
    }
    expect(packetOf(states.get(last)!)).toEqual(packetOf(whole));
  });
});

test('any byte changed neither throws nor costs more steps than a header may', () => {
  let state = SEED;
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  let decoded = 0;
  let stepsMax = 0;
  for (const { name, header, headerProtocol } of CASES) {
    const bytes = Uint8Array.from(header);
    for (let at = 0; at < bytes.length; at++) {
      for (let i = 0; i < 16; i++) {
        const kept = bytes[at]!;
        bytes[at] = random(256);
        const length = i < 12 ? bytes.length : random(bytes.length + 1);
        try {
          decodeInto(bytes.subarray(0, length), bytes.length, headerProtocol);
        } catch (error) {
          throw new Error(`${name}, seed ${SEED}: byte ${at} changed to ${bytes[at]}, ${length} bytes`, {
            cause: error,
          });
        }
        bytes[at] = kept;
        stepsMax = Math.max(stepsMax, context.steps);
        decoded++;
      }
    }
  }
  expect(decoded).toBeGreaterThan(50_000);
  expect(stepsMax).toBeLessThanOrEqual(STEPS_PER_HEADER_MAX);
});

test('noise neither throws nor costs more steps than a header may', () => {
  let state = SEED;
  const noise = new Uint8Array(200);
  for (let run = 0; run < 20_000; run++) {
    for (let i = 0; i < noise.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      noise[i] = state >>> 24;
    }
    decodeInto(noise, noise.length, run % 20);
    expect(context.steps).toBeLessThanOrEqual(STEPS_PER_HEADER_MAX);
  }
});

describe('link layers', () => {
  // proves: link-layers
  test.each([0, 2, 3, 4, 5, 6, 8, 16, 18, 0xffffffff])('number %i counts by volume', protocol => {
    expect(decodeHeader(ethernet(0x0800, ipv4(tcp())), 1000, protocol)).toMatchObject({
      bytes: 1000,
      srcAddr: '::',
      srcMac: '00:00:00:00:00:00',
      etherType: 0,
    });
    expect(decodeHeader([], 1000, protocol)).toMatchObject({ bytes: 1000 });
  });

  test.each([
    ['Ethernet', HEADER_PROTOCOL.ethernet],
    ['IPv4', HEADER_PROTOCOL.ipv4],
    ['IPv6', HEADER_PROTOCOL.ipv6],
    ['IP', HEADER_PROTOCOL.ip],
    ['802.11', HEADER_PROTOCOL.ieee80211],
  ])('%s without its addresses is none', (_, protocol) => {
    for (let length = 0; length < 14; length++) expect(decodeHeader(zeros(length), 100, protocol)).toBeUndefined();
  });

  test.each([
    ['MPLS', HEADER_PROTOCOL.mpls, 0x8847],
    ['PPP', HEADER_PROTOCOL.ppp, 0],
    ['AAL5', HEADER_PROTOCOL.aal5, 0],
  ])('%s has no addresses: its volume counts', (_, protocol, etherType) => {
    for (let length = 0; length < 14; length++)
      expect(decodeHeader(zeros(length), 100, protocol)).toMatchObject({ bytes: 100, etherType });
  });

  test('802.11 without data, encrypted or managing counts by volume', () => {
    const frame = (control: number, flags: number): Bytes => [control, flags, ...zeros(22), ...zeros(2), 0xaa, 0xaa, 3];
    for (const [control, flags] of [
      [0x80, 0],
      [0x48, 1],
      [0x08, 0x41],
    ] as const)
      expect(decodeHeader(frame(control, flags), 100, 15)).toMatchObject({ srcAddr: '::', etherType: 0 });
  });

  test('what one header left does not reach the next', () => {
    decodeHeader(over4(4, [0x45]));
    expect(decodeHeader([0x80, 0, ...zeros(30)], 100, 15)).toMatchObject({ srcAddr: '::', proto: 0 });
  });
});

const budgetFaults = (): number => context.faults[faultSlot(context.protocol, FAULT['step-budget'])]!;

const nested = (depth: number): Bytes => (depth === 0 ? inner4 : ipv4(nested(depth - 1), { proto: 4 }));

// proves: innermost-packet, bad-ip
describe('bounds', () => {
  test(`${TUNNELS_MAX} tunnels are followed, 50 are not`, () => {
    expect(decodeHeader(nested(TUNNELS_MAX), 1500, 11)).toMatchObject({ ...INNER, bytes: 44 });
    expect(decodeHeader(nested(TUNNELS_MAX + 1), 1500, 11)).toMatchObject({ ...OUTER, proto: 4, bytes: 64 });
    expect(decodeHeader(nested(50), 1500, 11)).toMatchObject({ ...OUTER, proto: 4, bytes: 44 + 46 * 20 });
    expect(context.steps).toBe(TUNNELS_MAX);
  });

  test('a packet without tags, tunnels or extension headers costs no step', () => {
    decodeHeader(ethernet(0x0800, ipv4(tcp())));
    expect(context.steps).toBe(0);
    decodeHeader(ethernet(0x86dd, ipv6(6, tcp())));
    expect(context.steps).toBe(0);
  });

  test('a datagram that has used up its steps keeps the outer packets of its headers', () => {
    const end = context.bytes.length;
    for (const [header, expected] of [
      [overUdp(4789, vxlan(70, innerFrame(0x0800, inner4))), { ...OUTER, ...OUTER_MACS, dstPort: 4789, vni: 0 }],
      [ethernet(0x0800, ipv4(tcp()), [0x88a8, 1], [0x8100, 2]), { ...OUTER_MACS, etherType: 0x88a8, srcAddr: '::' }],
      [ethernet(0x8847, mpls(inner4, 16)), { ...OUTER_MACS, etherType: 0x8847, srcAddr: '::' }],
      [ethernet(0x86dd, ipv6(60, [6, 0, ...zeros(6), ...tcp()])), { ...OUTER6, proto: 60, srcPort: 0 }],
    ] as const) {
      decodeInto(header, header.length);
      const { steps } = context;
      expect(steps).toBeGreaterThan(0);
      const { batch } = context.output;
      batch.rows = 1;
      clearBatch(batch);
      context.steps = STEPS_PER_DATAGRAM_MAX;
      const faults = budgetFaults();
      expect(decodePacketHeader(context, 0, 1, end - header.length, end, header.length)).toBe(true);
      expect(rowOf(batch, 0)).toMatchObject(expected);
      expect(context.steps).toBe(STEPS_PER_DATAGRAM_MAX);
      expect(budgetFaults()).toBe(faults + 1);
    }
  });

  // proves: geneve, bad-tunnels
  test('a Geneve header whose options lead outside leaves the outer packet', () => {
    const frame = innerFrame(0x0800, inner4);
    const header = overUdp(6081, [0x3f, ...geneve(70, 0x6558, frame).slice(1)]);
    expect(decodeHeader(header)).toMatchObject({ ...OUTER, ...OUTER_MACS, dstPort: 6081, vni: 0 });
  });

  test('GTP-U extension headers without length, too many or outside leave the outer packet', () => {
    const extended = (bytes: Bytes): Bytes => overUdp(2152, gtp(4, [...u16(0), 0, 0x85, ...bytes], inner4));
    const many = (count: number): Bytes =>
      Array.from({ length: count }, (_, i) => [1, 0, 0, i + 1 < count ? 0x85 : 0]).flat();
    expect(decodeHeader(extended(many(8)))).toMatchObject(INNER);
    for (const bytes of [[0, 0, 0, 0], [255, 0, 0, 0], many(9)])
      expect(decodeHeader(extended(bytes))).toMatchObject({ ...OUTER, dstPort: 2152 });
  });

  // proves: bad-ip
  test('GRE routing entries too many or outside leave the outer packet', () => {
    const routed = (entries: Bytes): Bytes => over4(47, gre(0x4000, 0x0800, [...u32(0), ...entries], inner4));
    const many = (count: number): Bytes =>
      Array.from({ length: count }, (_, i) => (i + 1 < count ? [...u16(0x0800), 0, 4, ...zeros(4)] : zeros(4))).flat();
    expect(decodeHeader(routed(many(8)))).toMatchObject(INNER);
    for (const entries of [many(9), [...u16(0x0800), 0, 255, ...zeros(4)]])
      expect(decodeHeader(routed(entries))).toMatchObject({ ...OUTER, proto: 47 });
  });
});

describe('no tunnel:', () => {
  const frame = innerFrame(0x0800, inner4);
  const later = (payload: Bytes, proto: number): Bytes => ethernet(0x0800, ipv4(payload, { proto, fragment: 5 }));

  test.each<[string, Bytes, object]>([
    ['a datagram from port 4789', over4(17, datagram(53, vxlan(70, frame), 4789)), { srcPort: 4789, dstPort: 53 }],
    ['VXLAN without a valid VNI', overUdp(4789, vxlan(70, frame, 0)), { dstPort: 4789 }],
    ['VXLAN with reserved flags', overUdp(4789, vxlan(70, frame, 0x0c000003)), { dstPort: 4789 }],
    ['VXLAN with a reserved byte', overUdp(4789, [8, 0, 0, 0, 0, 0, 70, 1, ...frame]), { dstPort: 4789 }],
    ['VXLAN-GPE of version 1', overUdp(4790, vxlan(70, inner4, 0x1c000001)), { dstPort: 4790 }],
    ['VXLAN-GPE without next protocol', overUdp(4790, vxlan(70, inner4, 0x08000001)), { dstPort: 4790 }],
    ['VXLAN-GPE, a network service header', overUdp(4790, vxlan(70, inner4, 0x0c000004)), { dstPort: 4790 }],
    ['VXLAN-GPE, an operations message', overUdp(4790, vxlan(70, inner4, 0x0d000001)), { dstPort: 4790 }],
    ['Geneve of version 1', overUdp(6081, [0x40, ...geneve(70, 0x6558, frame).slice(1)]), { dstPort: 6081 }],
    ['a Geneve control message', overUdp(6081, [0, 0x80, ...geneve(70, 0x6558, frame).slice(2)]), { dstPort: 6081 }],
    ['Geneve with an unknown type', overUdp(6081, geneve(70, 0x1234, frame)), { dstPort: 6081 }],
    ['a GTP-U echo', overUdp(2152, [0x30, 1, ...gtp(0, [], inner4).slice(2)]), { dstPort: 2152 }],
    ['GTP of version 2', overUdp(2152, [0x50, 255, ...gtp(0, [], inner4).slice(2)]), { dstPort: 2152 }],
    ['text to the GTP port', overUdp(2152, new Array<number>(60).fill(0x41)), { dstPort: 2152 }],
    ['text to the Teredo port', overUdp(3544, new Array<number>(60).fill(0x41)), { dstPort: 3544 }],
    ['text to the port of MPLS', overUdp(6635, new Array<number>(60).fill(0x41)), { dstPort: 6635 }],
    ['GRE of version 2', over4(47, gre(2, 0x0800, [], inner4)), { proto: 47 }],
    ['GRE with an unknown type', over4(47, gre(0, 0x1234, [], inner4)), { proto: 47 }],
    ['GRE of a type it has no frame for', over4(47, gre(0, 0x0806, [], frame)), { proto: 47 }],
    ['ERSPAN with an IP packet', over4(47, gre(0x1000, 0x22eb, u32(1), erspan3(1, 0x0800, inner4))), { proto: 47 }],
    [
      'ERSPAN of another version',
      over4(47, gre(0x1000, 0x22eb, u32(1), [0x30, ...zeros(11), ...frame])),
      { proto: 47 },
    ],
    ['EtherIP of version 4', over4(97, [...u16(0x4000), ...frame]), { proto: 97 }],
    ['IPv4 in IPv4 that is not', over4(4, ipv6(6, tcp())), { proto: 4 }],
    ['an encrypted packet', over4(50, inner4), { proto: 50 }],
    ['a later fragment of VXLAN', later(datagram(4789, vxlan(70, frame)), 17), { proto: 17, dstPort: 0 }],
    ['a later fragment of IPv4 in IPv4', later(inner4, 4), { proto: 4 }],
  ])('%s', (_, header, expected) => {
    expect(decodeHeader(header)).toMatchObject({ ...OUTER, ...OUTER_MACS, ...expected, vni: 0, tcpFlags: 0 });
  });
});

test('a packet that segmentation offload left without length reaches to the end of the frame', () => {
  const inner = [...inner4.slice(0, 2), 0, 0, ...inner4.slice(4)];
  const outer = ipv4(datagram(4789, vxlan(70, innerFrame(0x0800, inner))), { proto: 17, totalLength: 0 });
  expect(decodeHeader(ethernet(0x0800, outer), 9014)).toMatchObject({ ...INNER, bytes: 9000 - 20 - 8 - 8 - 14 });
});
