// One packet for each way a header can carry another one, with what its row must hold. Tests decode them whole, cut them
// at every byte, change their bytes and hold them against tshark.

import { HEADER_PROTOCOL } from '../../collector/decode/packet/header.ts';
import { type Bytes, ethernet, hex, ipv4, ipv6, tcp, u16, u32, udp, zeros } from './datagrams.ts';
import {
  datagram,
  erspan2,
  erspan3,
  geneve,
  gre,
  gtp,
  INNER,
  INNER_MACS,
  INNER_TCP,
  INNER6,
  inner4,
  inner6,
  innerFrame,
  mpls,
  OUTER,
  OUTER_MACS,
  OUTER6,
  over4,
  over6,
  overUdp,
  srh,
  vxlan,
} from './packets.ts';

export interface Case {
  readonly name: string;
  readonly header: Bytes;
  readonly expected: Readonly<Record<string, unknown>>;
  readonly headerProtocol?: number;
}

const plainTcp = { proto: 6, srcPort: 40000, dstPort: 443, tcpFlags: 0x12 };
/** The inner packet alone took the place of the outer one; the frame stayed. */
const packet4In = { ...INNER, ...INNER_TCP, ...OUTER_MACS, bytes: 44 };
const packet6In = { ...INNER6, ...INNER_TCP, ...OUTER_MACS, bytes: 64 };
/** A frame took the place of the outer one. */
const frame4In = { ...INNER, ...INNER_TCP, ...INNER_MACS, bytes: 44 };
const frame6In = { ...INNER6, ...INNER_TCP, ...INNER_MACS, bytes: 64 };

const frame4 = innerFrame(0x0800, inner4);
const frame6 = innerFrame(0x86dd, inner6);
const tagged4 = innerFrame(0x0800, inner4, [0x8100, 0xa064]);
const snap = (payload: Bytes): Bytes => [0xaa, 0xaa, 3, 0, 0, 0, ...u16(0x0800), ...payload];
const pppoe = (payload: Bytes): Bytes => [0x11, 0, ...u16(77), ...u16(payload.length), ...payload];
const macs80211 = (a: string, b: string, c: string): Bytes => hex(a + b + c);
const AP = '0c0000000001';
const STATION = '02000000000a';
const PEER = '02000000000b';

export const PLAIN: readonly Case[] = [
  {
    name: 'Ethernet, IPv4, TCP',
    header: ethernet(0x0800, ipv4(tcp(), { tos: 0xb8 })),
    expected: { ...OUTER, ...OUTER_MACS, ...plainTcp, tos: 0xb8, bytes: 40 },
  },
  {
    // proves: ipv4-options
    name: 'IPv4 options',
    header: ethernet(0x0800, ipv4(tcp(), { options: [1, 1, 1, 0] })),
    expected: { ...OUTER, ...plainTcp, bytes: 44 },
  },
  {
    // proves: ipv6-headers
    name: 'IPv4 authentication header',
    header: ethernet(0x0800, ipv4([6, 4, ...zeros(22), ...tcp()], { proto: 51 })),
    expected: { ...OUTER, ...plainTcp },
  },
  {
    // proves: ipv6-headers
    name: 'IPv6 extension headers',
    header: over6(0, [43, 0, 1, 4, ...zeros(4), 60, 0, ...zeros(6), 17, 0, 1, 4, ...zeros(4), ...udp()]),
    expected: { ...OUTER6, proto: 17, srcPort: 5000, dstPort: 53 },
  },
  {
    // proves: tag-vlan, tag-stacked, arista-interfaces
    name: '802.1ad, two tags with priority',
    header: ethernet(0x0800, ipv4(tcp()), [0x88a8, 0xf12c], [0x8100, 0x7064]),
    expected: { ...OUTER, ...plainTcp, sVlan: 300, vlan: 100 },
  },
  {
    // proves: tag-etag
    name: 'E-TAG and 802.1Q',
    header: ethernet(0x893f, [
      ...u16(0x6000),
      ...u16(0x1123),
      0,
      0x45,
      ...u16(0x8100),
      ...u16(100),
      ...u16(0x0800),
      ...ipv4(tcp()),
    ]),
    expected: { ...OUTER, ...OUTER_MACS, ...plainTcp, ecid: (1 << 20) | (0x45 << 12) | 0x123, vlan: 100 },
  },
  {
    // proves: tag-vntag
    name: 'VN-Tag from the interface',
    header: ethernet(0x8926, [...u32(0x00000123), ...u16(0x0800), ...ipv4(tcp())]),
    expected: { ...OUTER, ...OUTER_MACS, ...plainTcp, ecid: 0x123 },
  },
  {
    // proves: tag-vntag
    name: 'VN-Tag from the bridge',
    header: ethernet(0x8926, [...u32(0x95550123), ...u16(0x8100), ...u16(5), ...u16(0x0800), ...ipv4(tcp())]),
    expected: { ...OUTER, ...plainTcp, ecid: 0x1555, vlan: 5 },
  },
  {
    // proves: llc-snap
    name: '802.3, LLC and SNAP',
    header: ethernet(48, snap(ipv4(tcp()))),
    expected: { ...OUTER, ...OUTER_MACS, ...plainTcp, etherType: 0x0800, bytes: 40 },
  },
  {
    // proves: pppoe
    name: 'PPPoE, IPv4',
    header: ethernet(0x8864, pppoe([...u16(0x0021), ...ipv4(tcp())])),
    expected: { ...OUTER, ...OUTER_MACS, ...plainTcp, etherType: 0x0800, bytes: 40 },
  },
  {
    // proves: pppoe
    name: 'PPPoE, IPv6, behind two tags',
    header: ethernet(0x8864, pppoe([...u16(0x0057), ...ipv6(6, tcp())]), [0x88a8, 7], [0x8100, 8]),
    expected: { ...OUTER6, ...plainTcp, sVlan: 7, vlan: 8, bytes: 60 },
  },
  {
    // proves: mpls
    name: 'MPLS, one label, IPv4',
    header: ethernet(0x8847, mpls(ipv4(tcp()), 16)),
    expected: { ...OUTER, ...OUTER_MACS, ...plainTcp, etherType: 0x0800, bytes: 40 },
  },
  {
    // proves: mpls
    name: 'MPLS, three labels, IPv6',
    header: ethernet(0x8847, mpls(ipv6(6, tcp()), 16, 18, 19), [0x8100, 9]),
    expected: { ...OUTER6, ...plainTcp, vlan: 9, etherType: 0x86dd, bytes: 60 },
  },
  {
    name: 'MPLS assigned upstream',
    header: ethernet(0x8848, mpls(ipv4(tcp()), 16)),
    expected: { ...OUTER, ...plainTcp },
  },
];

export const TUNNELS: readonly Case[] = [
  {
    // proves: mpls
    name: 'MPLS, control word, frame',
    header: ethernet(0x8847, mpls([...u32(1), ...tagged4], 16, 1000), [0x88a8, 300]),
    expected: { ...frame4In, vlan: 100, sVlan: 300 },
  },
  {
    // proves: mpls
    name: 'MPLS, frame without control word',
    header: ethernet(0x8847, mpls(frame6, 1001)),
    expected: { ...frame6In, vlan: 0 },
  },
  {
    // proves: fabricpath-pbb
    name: 'FabricPath',
    header: ethernet(0x8903, [...u16(0x0041), ...tagged4]),
    expected: { ...frame4In, vlan: 100 },
  },
  {
    // proves: fabricpath-pbb
    name: 'provider backbone bridge',
    header: ethernet(0x88e7, [...u32(0x00123456), ...tagged4], [0x88a8, 300]),
    expected: { ...frame4In, vni: 0x123456, sVlan: 300, vlan: 100 },
  },
  // proves: ip-in-ip
  { name: 'IPv4 in IPv4', header: over4(4, inner4), expected: packet4In },
  // proves: ip-in-ip
  { name: 'IPv6 in IPv4', header: over4(41, inner6), expected: packet6In },
  // proves: ip-in-ip
  { name: 'IPv4 in IPv6', header: over6(4, inner4), expected: packet4In },
  { name: 'IPv6 in IPv6', header: over6(41, inner6), expected: packet6In },
  // proves: srv6
  { name: 'SRv6, IPv4', header: over6(43, srh(4, inner4)), expected: packet4In },
  // proves: srv6
  { name: 'SRv6, IPv6', header: over6(43, srh(41, inner6)), expected: packet6In },
  // proves: srv6
  { name: 'SRv6, frame', header: over6(43, srh(143, tagged4)), expected: { ...frame4In, vlan: 100 } },
  // proves: ip-in-ip
  { name: 'EtherIP', header: over4(97, [...u16(0x3000), ...tagged4]), expected: { ...frame4In, vlan: 100 } },
  // proves: ip-in-ip
  { name: 'MPLS in IP', header: over4(137, mpls(inner4, 16)), expected: packet4In },
  // proves: ip-in-ip
  { name: 'MPLS in UDP', header: overUdp(6635, mpls(inner6, 16, 18)), expected: packet6In },
  // proves: gre
  { name: 'GRE, IPv4', header: over4(47, gre(0, 0x0800, [], inner4)), expected: packet4In },
  { name: 'GRE over IPv6, IPv6', header: over6(47, gre(0, 0x86dd, [], inner6)), expected: packet6In },
  {
    // proves: gre, bad-ip
    name: 'GRE with checksum, key and sequence',
    header: over4(47, gre(0xb000, 0x0800, [...u32(0), ...u32(99), ...u32(1)], inner4)),
    expected: { ...packet4In, vni: 0 },
  },
  {
    // proves: gre, bad-ip
    name: 'GRE with routing',
    header: over4(47, gre(0xc000, 0x0800, [...u32(0), ...u16(0x0800), 4, 8, ...zeros(8), ...u32(0)], inner4)),
    expected: packet4In,
  },
  { name: 'GRE, MPLS', header: over4(47, gre(0, 0x8847, [], mpls(inner4, 16))), expected: packet4In },
  {
    name: 'GRE, frame, no key',
    header: over4(47, gre(0, 0x6558, [], tagged4)),
    expected: { ...frame4In, vlan: 100, vni: 0 },
  },
  {
    // proves: gre
    name: 'NVGRE',
    header: over4(47, gre(0x2000, 0x6558, u32(0x12345678), frame4)),
    expected: { ...frame4In, vni: 0x123456 },
  },
  {
    // proves: gre
    name: 'GRE for PPTP',
    header: over4(
      47,
      gre(0x3081, 0x880b, [...u16(48), ...u16(7), ...u32(1), ...u32(2)], [0xff, 3, ...u16(0x21), ...inner4]),
    ),
    expected: packet4In,
  },
  {
    name: 'GRE for PPTP, compressed protocol',
    header: over4(47, gre(0x2001, 0x880b, [...u16(45), ...u16(7)], [0x21, ...inner4])),
    expected: packet4In,
  },
  // proves: erspan
  { name: 'ERSPAN type I', header: over4(47, gre(0, 0x88be, [], tagged4)), expected: { ...frame4In, vlan: 100 } },
  {
    // proves: erspan
    name: 'ERSPAN type II, frame without tag',
    header: over4(47, gre(0x1000, 0x88be, u32(1), erspan2(200, frame4))),
    expected: { ...frame4In, vlan: 200, direction: 'unknown' },
  },
  {
    name: 'ERSPAN type II, frame with tag',
    header: over4(47, gre(0x1000, 0x88be, u32(1), erspan2(200, tagged4))),
    expected: { ...frame4In, vlan: 100 },
  },
  {
    // proves: erspan
    name: 'ERSPAN type III, in',
    header: over4(47, gre(0x1000, 0x22eb, u32(1), erspan3(200, 0x8000, frame6))),
    expected: { ...frame6In, vlan: 200, direction: 'ingress' },
  },
  {
    // proves: erspan
    name: 'ERSPAN type III, out, platform header',
    header: over4(47, gre(0x1000, 0x22eb, u32(1), erspan3(200, 0x8009, frame4))),
    expected: { ...frame4In, vlan: 200, direction: 'egress' },
  },
  // proves: vxlan
  { name: 'VXLAN', header: overUdp(4789, vxlan(0xabcdef, frame4)), expected: { ...frame4In, vni: 0xabcdef } },
  {
    // proves: vxlan
    name: 'VXLAN on the port of Linux, tags inside and outside',
    header: ethernet(0x0800, ipv4(datagram(8472, vxlan(70, tagged4)), { proto: 17 }), [0x88a8, 300], [0x8100, 4]),
    expected: { ...frame4In, vni: 70, vlan: 100, sVlan: 300 },
  },
  {
    name: 'VXLAN over IPv6, IPv6',
    header: over6(17, datagram(4789, vxlan(70, frame6))),
    expected: { ...frame6In, vni: 70 },
  },
  {
    name: 'VXLAN with a group policy',
    header: overUdp(4789, vxlan(70, frame4, 0x88080007)),
    expected: { ...frame4In, vni: 70 },
  },
  {
    // proves: vxlan
    name: 'VXLAN-GPE, IPv4',
    header: overUdp(4790, vxlan(70, inner4, 0x0c000001)),
    expected: { ...packet4In, vni: 70 },
  },
  {
    name: 'VXLAN-GPE, IPv6',
    header: overUdp(4790, vxlan(70, inner6, 0x0c000002)),
    expected: { ...packet6In, vni: 70 },
  },
  {
    // proves: vxlan
    name: 'VXLAN-GPE, frame',
    header: overUdp(4790, vxlan(70, tagged4, 0x0c000003)),
    expected: { ...frame4In, vlan: 100, vni: 70 },
  },
  {
    name: 'VXLAN-GPE, MPLS',
    header: overUdp(4790, vxlan(70, mpls(inner4, 16), 0x0c000005)),
    expected: { ...packet4In, vni: 70 },
  },
  {
    // proves: geneve
    name: 'Geneve, frame',
    header: overUdp(6081, geneve(0x123456, 0x6558, frame4)),
    expected: { ...frame4In, vni: 0x123456 },
  },
  {
    // proves: geneve
    name: 'Geneve with options, IPv4',
    header: overUdp(6081, geneve(70, 0x0800, inner4, [...u16(0x0102), 0x80, 1, ...zeros(4), ...u16(0x0102), 1, 0])),
    expected: { ...packet4In, vni: 70 },
  },
  // proves: gtp-u
  { name: 'GTP-U', header: overUdp(2152, gtp(0, [], inner4)), expected: { ...packet4In, vni: 0 } },
  {
    // proves: gtp-u
    name: 'GTP-U with sequence and extension headers',
    header: overUdp(2152, gtp(6, [...u16(1), 0, 0x85, 1, 0, 9, 0xc0, 1, 0, 1, 0], inner6)),
    expected: packet6In,
  },
  {
    name: 'GTP-U with sequence alone',
    header: overUdp(2152, gtp(2, [...u16(1), 0, 0x85], inner4)),
    expected: packet4In,
  },
  // proves: teredo
  { name: 'Teredo', header: overUdp(3544, inner6), expected: packet6In },
  {
    // proves: teredo
    name: 'Teredo with origin indication',
    header: overUdp(3544, [...u16(0), ...u16(0x1234), ...u32(0x01020304), ...inner6]),
    expected: packet6In,
  },
  {
    // proves: ipv4-options
    name: 'first fragment of a tunnel',
    header: ethernet(0x0800, ipv4(datagram(4789, vxlan(70, frame4)), { proto: 17, fragment: 0x2000 })),
    expected: { ...frame4In, vni: 70 },
  },
  {
    name: 'ARP in VXLAN',
    header: overUdp(4789, vxlan(70, innerFrame(0x0806, [...hex('0001080006040001'), ...zeros(20)]))),
    expected: {
      ...INNER_MACS,
      etherType: 0x0806,
      vni: 70,
      srcAddr: '::',
      dstAddr: '::',
      proto: 0,
      srcPort: 0,
      dstPort: 0,
      bytes: 28,
    },
  },
  {
    // proves: innermost-packet
    name: 'VXLAN, GRE, IPv6 in IPv6: three tunnels',
    header: overUdp(4789, vxlan(70, innerFrame(0x0800, ipv4(gre(0, 0x86dd, [], ipv6(41, inner6)), { proto: 47 })))),
    expected: { ...packet6In, ...INNER_MACS, vni: 70 },
  },
];

const wlan = (flags: number, addresses: Bytes, rest: Bytes, control = 0x08): Bytes => [
  control,
  flags,
  ...u16(0),
  ...addresses,
  ...u16(0),
  ...rest,
];

export const OTHER_LINKS: readonly Case[] = [
  {
    // proves: link-layers
    name: 'IPv4 alone',
    header: ipv4(tcp()),
    headerProtocol: HEADER_PROTOCOL.ipv4,
    expected: { ...OUTER, ...plainTcp, bytes: 40, srcMac: '00:00:00:00:00:00', etherType: 0x0800 },
  },
  {
    // proves: link-layers
    name: 'IPv6 alone, a tunnel in it',
    header: ipv6(4, inner4),
    headerProtocol: HEADER_PROTOCOL.ipv6,
    expected: { ...INNER, ...INNER_TCP, bytes: 44 },
  },
  {
    name: 'IP of version 4',
    header: ipv4(tcp()),
    headerProtocol: HEADER_PROTOCOL.ip,
    expected: { ...OUTER, ...plainTcp },
  },
  {
    name: 'IP of version 6',
    header: ipv6(6, tcp()),
    headerProtocol: HEADER_PROTOCOL.ip,
    expected: { ...OUTER6, ...plainTcp },
  },
  {
    // proves: link-layers
    name: 'MPLS',
    header: mpls(ipv4(tcp()), 16, 18),
    headerProtocol: HEADER_PROTOCOL.mpls,
    expected: { ...OUTER, ...plainTcp, etherType: 0x0800, bytes: 40 },
  },
  {
    // proves: link-layers
    name: 'PPP',
    header: [0xff, 3, ...u16(0x21), ...ipv4(tcp())],
    headerProtocol: HEADER_PROTOCOL.ppp,
    expected: { ...OUTER, ...plainTcp, etherType: 0x0800, bytes: 40 },
  },
  {
    name: 'PPP without address and control, IPv6',
    header: [...u16(0x57), ...ipv6(6, tcp())],
    headerProtocol: HEADER_PROTOCOL.pos,
    expected: { ...OUTER6, ...plainTcp, bytes: 60 },
  },
  {
    // proves: link-layers
    name: 'AAL5 with LLC and SNAP',
    header: snap(ipv4(tcp())),
    headerProtocol: HEADER_PROTOCOL.aal5,
    expected: { ...OUTER, ...plainTcp, bytes: 40 },
  },
  {
    // proves: link-layers
    name: '802.11 to the access point',
    header: wlan(1, macs80211(AP, STATION, PEER), snap(ipv4(tcp()))),
    headerProtocol: HEADER_PROTOCOL.ieee80211,
    expected: { ...OUTER, ...OUTER_MACS, ...plainTcp, etherType: 0x0800, bytes: 40 },
  },
  {
    name: '802.11 from the access point, QoS',
    header: wlan(2, macs80211(PEER, AP, STATION), [...u16(0), ...snap(ipv4(tcp()))], 0x88),
    headerProtocol: HEADER_PROTOCOL.ieee80211,
    expected: { ...OUTER, ...OUTER_MACS, ...plainTcp, bytes: 40 },
  },
  {
    name: '802.11 between access points',
    header: [8, 3, ...u16(0), ...macs80211(AP, '0c0000000002', PEER), ...u16(0), ...hex(STATION), ...snap(ipv4(tcp()))],
    headerProtocol: HEADER_PROTOCOL.ieee80211,
    expected: { ...OUTER, ...OUTER_MACS, ...plainTcp, bytes: 40 },
  },
  {
    name: '802.11 among stations',
    header: wlan(0, macs80211(PEER, STATION, AP), snap(ipv4(tcp()))),
    headerProtocol: HEADER_PROTOCOL.ieee80211,
    expected: { ...OUTER, ...OUTER_MACS, ...plainTcp, bytes: 40 },
  },
  {
    name: '802.11 aggregate subframe',
    header: ethernet(48, snap(ipv4(tcp()))),
    headerProtocol: HEADER_PROTOCOL.ieee80211AmsduSubframe,
    expected: { ...OUTER, ...OUTER_MACS, ...plainTcp, bytes: 40 },
  },
];

export const CASES: readonly Case[] = [...PLAIN, ...TUNNELS, ...OTHER_LINKS];
