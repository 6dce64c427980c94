// Mirrored frames as a source. What is inside a frame is the business of packet/ and tested there against tshark.

import { beforeEach, describe, expect, test } from 'vitest';
import { Bench, type Bytes, ethernet, ipv4, RECEIVED_MS, tcp, u16, u32 } from '../../testing/data/datagrams.ts';
import { erspan2, erspan3, gre, inner4, innerFrame, overUdp, vxlan } from '../../testing/data/packets.ts';
import type { MirrorCarrier } from './mirror.ts';

const GRE_SEQUENCE = 0x1000;
const ERSPAN_2 = 0x88be;
const ERSPAN_3 = 0x22eb;
const VXLAN_HEADER_BYTES = 8;
const frame = ethernet(0x0800, ipv4(tcp()));

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});

function decode(carried: Bytes, carrier: MirrorCarrier = 'gre', rate = 1000) {
  const { decoder } = bench;
  const bytes = Uint8Array.from(carried);
  return bench.rowsOf(() => decoder.decodeMirrored(bytes, '192.0.2.9', RECEIVED_MS, carrier, rate));
}

const session2 = (sequence: number) => gre(GRE_SEQUENCE, ERSPAN_2, u32(sequence), erspan2(0, frame));

test('a frame in ERSPAN II is one sample of the stated rate, of the exporter and session that mirror it', () => {
  expect(decode(session2(1))).toMatchObject([
    {
      protocol: 'mirror',
      exporter: '192.0.2.9',
      observationDomain: 5,
      srcAddr: '10.1.0.1',
      dstAddr: '10.2.0.2',
      srcPort: 40000,
      dstPort: 443,
      packets: 1,
      bytes: 40,
      l2Bytes: frame.length,
      samplingRate: 1000,
      rateSource: 'override',
      flowStart: RECEIVED_MS,
      timeSource: 'received',
    },
  ]);
});

test('the mirrored port reports the VLAN of an untagged frame and, in ERSPAN III, the direction', () => {
  expect(decode(gre(GRE_SEQUENCE, ERSPAN_2, u32(1), erspan2(7, frame)))).toMatchObject([
    { vlan: 7, direction: 'unknown' },
  ]);
  expect(decode(gre(GRE_SEQUENCE, ERSPAN_3, u32(1), erspan3(7, 0, frame)))).toMatchObject([
    { vlan: 7, direction: 'ingress' },
  ]);
  expect(decode(gre(GRE_SEQUENCE, ERSPAN_3, u32(1), erspan3(7, 8, frame)))).toMatchObject([{ direction: 'egress' }]);
});

test('a frame in VXLAN belongs to the session its VNI names, and to no segment', () => {
  expect(decode(vxlan(4711, frame), 'vxlan', 1)).toMatchObject([
    { protocol: 'mirror', observationDomain: 4711, vni: 0, srcAddr: '10.1.0.1', samplingRate: 1 },
  ]);
});

test('a tunnel inside a mirrored frame is decapsulated as everywhere', () => {
  const tunnelled = overUdp(4789, vxlan(99, innerFrame(0x0800, inner4)));
  expect(decode(vxlan(4711, tunnelled), 'vxlan')).toMatchObject([
    { observationDomain: 4711, vni: 99, srcAddr: '10.9.0.1', dstAddr: '10.9.0.2' },
  ]);
});

test('frames missing by the GRE sequence of a session are lost ones', () => {
  for (const sequence of [1, 2, 5, 6]) decode(session2(sequence));
  expect(bench.domain().lost).toBe(2);
});

describe('what carries no frame is counted and gives no row', () => {
  test.each<[string, MirrorCarrier, Bytes]>([
    ['nothing', 'gre', []],
    ['GRE of version 3', 'gre', [...u16(3), ...u16(ERSPAN_2), ...frame]],
    ['an ERSPAN header that is cut', 'gre', gre(GRE_SEQUENCE, ERSPAN_3, u32(1), [0x20, 0])],
    ['a frame without whole addresses', 'gre', gre(GRE_SEQUENCE, ERSPAN_2, u32(1), erspan2(0, frame.slice(0, 13)))],
    ['VXLAN without a VNI', 'vxlan', [...u32(0), ...u32(0), ...frame]],
    ['a VXLAN header alone', 'vxlan', vxlan(1, [])],
    ['half a VXLAN header', 'vxlan', vxlan(1, frame).slice(0, VXLAN_HEADER_BYTES / 2)],
  ])('%s', (_, carrier, carried) => {
    expect(decode(carried, carrier)).toEqual([]);
    expect(bench.faults('mirror')).toEqual({ 'header-malformed': 1 });
    expect(decode(session2(9))).toHaveLength(1);
  });
});

test('a frame cut anywhere gives one row or none, and never a wrong address', () => {
  const whole = session2(1);
  for (let length = 0; length < whole.length; length++) {
    for (const row of decode(whole.slice(0, length))) {
      expect(['::', '10.1.0.1']).toContain(row['srcAddr']);
      expect(row['samplingRate']).toBe(1000);
    }
  }
});
