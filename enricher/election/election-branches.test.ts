// Every branch of the election, by tables: a place, a registry, a record, and what becomes of it.

import { describe, expect, test } from 'vitest';
import { compileAccess, hostAtPort } from '../../inventory/model/access.ts';
import { mergedOf } from '../../inventory/model/merge.ts';
import { compileTopology } from '../../inventory/model/topology-compiler.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { ELECTION_RULES, MARKS } from '../../schemas/codes.ts';
import { documentsOf, enrichRows, type Row } from '../../testing/data/enrichment.ts';
import { pairVisibility } from './election-rule.ts';

const EDGE = '192.0.2.1';
const FAR = '192.0.2.2';
const VSWITCH = '192.0.2.9';
const INGRESS = { address: EDGE, switch: 'edge', metering: 'ingress' };
const EGRESS = { address: EDGE, switch: 'edge', metering: 'egress' };
const BOTH = { address: EDGE, switch: 'edge', metering: 'both' };

/** Two hosts on `edge` (ports 1 and 2), one on `far` (port 1); `a`, `b` in VLAN 10 and `c` in 20 on h1, `d` on h2, `e` on h3. */
const inventoryOf = (vswitch: object = {}, vnic: (id: string) => object = () => ({})) => ({
  racks: [{ id: 'r1' }, { id: 'r2' }],
  switches: [
    {
      id: 'edge',
      ports: [{ ifIndex: 1 }, { ifIndex: 2 }, { ifIndex: 50 }, { ifIndex: 9 }, { ifIndex: 101, parentIfIndex: 1 }],
    },
    { id: 'far', ports: [{ ifIndex: 1 }, { ifIndex: 50 }] },
  ],
  segments: [{ id: 'overlay', vni: 7000 }],
  hosts: [
    ['h1', 'edge', 1, 'r1'],
    ['h2', 'edge', 2, 'r1'],
    ['h3', 'far', 1, 'r2'],
  ].map(([id, sw, ifIndex, rack], i) => ({
    id,
    rack,
    pnics: [{ id: 'p', switch: sw, ifIndex }],
    vswitches: [
      {
        id: 'v',
        portGroups: [
          { id: 'ten', vlan: 10 },
          { id: 'twenty', vlan: 20 },
          { id: 'inner', segment: 'overlay' },
        ],
        ...(i === 0 && vswitch),
      },
    ],
    vmkernelNics: [{ id: 'vmk0', addresses: [`10.9.0.${i + 1}`] }],
  })),
  vms: ['a', 'b', 'c', 'd', 'e'].map((id, i) => ({
    id,
    name: id,
    host: i < 3 ? 'h1' : i === 3 ? 'h2' : 'h3',
    vnics: [
      {
        mac: `02:00:00:00:00:0${i + 1}`,
        addresses: [`10.0.0.${i + 1}`],
        portGroup: id === 'c' ? 'twenty' : 'ten',
        ...vnic(id),
      },
    ],
  })),
  endpoints: [
    { id: 'vip', name: 'vip', kind: 'vip', addresses: ['10.0.0.80'] },
    {
      id: 'nas',
      name: 'nas',
      kind: 'storage',
      mac: '02:00:00:00:00:99',
      addresses: ['10.0.0.90'],
      switch: 'far',
      ifIndex: 9,
    },
  ],
});

const [A, B, C, D, E] = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'];
const OUTSIDE = '198.51.100.1';
const ELSEWHERE = '203.0.113.1';
const vepa = (operational: boolean) => ({ switching: 'vepa', reflectiveRelay: { configured: true, operational } });
const exporting = { exporter: { address: VSWITCH } };
const ports = (id: string) => ({ ifIndex: id.charCodeAt(0) - 0x60 + 70 }); // a 71, b 72, c 73

const decide = (inventory: object, exporters: object[], row: Row) => {
  const [found] = enrichRows(documentsOf({ inventory, exporters }), [
    { exporter: EDGE, direction: 'ingress', src: A, dst: B, ...row },
  ]);
  return `${found!.electionRule}: ${found!.countReason} ${found!.weight}`;
};

type Case = [string, object, object[], Row, string];
const judge = ([, inventory, exporters, row, expected]: Case) =>
  expect(decide(inventory, exporters, row)).toBe(expected);

describe('rule 1, host-internal', () => {
  const veb = inventoryOf();
  const vs = inventoryOf(exporting, ports);
  const vsIngress = { address: VSWITCH, metering: 'ingress' };
  const vsEgress = { address: VSWITCH, metering: 'egress' };
  test.each<Case>([
    ['1a at the port of the sender', vs, [vsIngress], { exporter: VSWITCH, inIf: 71, outIf: 72 }, 'vswitch: elected 1'],
    ['1a not at another port', vs, [vsIngress], { exporter: VSWITCH, inIf: 73 }, 'vswitch: not-canonical 0'],
    [
      '1a only what leaves is metered: at the port of the receiver',
      vs,
      [vsEgress],
      { exporter: VSWITCH, inIf: 71, outIf: 72, direction: 'egress' },
      'vswitch: elected 1',
    ],
    [
      '1a the same, direction not reported',
      vs,
      [vsEgress],
      { exporter: VSWITCH, inIf: 71, outIf: 72, direction: 'unknown' },
      'vswitch: elected 1',
    ],
    [
      '1a both reports of one packet: the arriving one',
      vs,
      [{ ...vsIngress, metering: 'both' }],
      { exporter: VSWITCH, inIf: 71 },
      'vswitch: elected 1',
    ],
    [
      '1a both reports of one packet: the leaving one',
      vs,
      [{ ...vsIngress, metering: 'both' }],
      { exporter: VSWITCH, inIf: 71, outIf: 72, direction: 'egress' },
      'vswitch: not-canonical 0',
    ],
    [
      '1a an exporter of internal flows only',
      vs,
      [{ ...vsIngress, traffic: 'host-internal' }, INGRESS],
      { exporter: VSWITCH, inIf: 71 },
      'vswitch: elected 1',
    ],
    [
      '1a which covers nothing else',
      vs,
      [{ ...vsIngress, traffic: 'host-internal' }, INGRESS],
      { dst: D, inIf: 1 },
      'source-ingress: elected 1',
    ],
    [
      '1a an exporter of rule hits covers nothing',
      vs,
      [{ ...vsIngress, traffic: 'rule-hits' }],
      { exporter: VSWITCH, inIf: 71 },
      'none: unelected 0',
    ],
    [
      '1a ports not known: any port of the vSwitch',
      inventoryOf(exporting),
      [vsIngress],
      { exporter: VSWITCH, inIf: 5 },
      'vswitch: elected 1',
    ],
    [
      'two VLANs of a vSwitch are an ordinary pair',
      vs,
      [{ ...vsIngress, traffic: 'host-internal' }, INGRESS],
      { dst: C, inIf: 1 },
      'source-ingress: elected 1',
    ],
    [
      'unless it routes',
      inventoryOf({ ...exporting, distributedRouting: true }, ports),
      [vsIngress],
      { dst: C, exporter: VSWITCH, inIf: 71 },
      'vswitch: elected 1',
    ],
    [
      'two VLANs of a VEB host are an ordinary pair',
      veb,
      [INGRESS],
      { dst: C, inIf: 1, outIf: 50 },
      'source-ingress: elected 1',
    ],
    ['1b a hairpin', inventoryOf(vepa(true)), [INGRESS], { inIf: 1, outIf: 1 }, 'relay: elected 1'],
    [
      '1b sampled both ways, direction not reported',
      inventoryOf(vepa(true)),
      [BOTH],
      { inIf: 1, outIf: 1, direction: 'unknown', protocol: 'sflow5' },
      'relay: elected 0.5',
    ],
    [
      '1b an agent that gives each packet one chance',
      inventoryOf(vepa(true)),
      [INGRESS],
      { inIf: 1, outIf: 1, direction: 'unknown', protocol: 'sflow5' },
      'relay: elected 1',
    ],
    [
      '1b without arriving packets metered, 3a',
      inventoryOf(vepa(true)),
      [EGRESS],
      { inIf: 1, outIf: 1, direction: 'egress' },
      'destination-egress: elected 1',
    ],
    [
      '1c a relay that is configured only',
      inventoryOf(vepa(false)),
      [INGRESS],
      { inIf: 1, outIf: 1 },
      'source-ingress: elected 1',
    ],
    [
      '1b a VEPA component behind an S-channel',
      inventoryOf({ ...vepa(true), switching: 'veb', channels: [{ scid: 1, svid: 500, switching: 'vepa' }] }, () => ({
        sVlan: 500,
      })),
      [INGRESS],
      { inIf: 1, outIf: 1, sVlan: 500 },
      'relay: elected 1',
    ],
    [
      '1b VSI ports need no relay',
      inventoryOf({ switching: 'vsi' }, id => (id === 'a' ? { ifIndex: 101 } : id === 'b' ? { ifIndex: 102 } : {})),
      [INGRESS],
      { inIf: 101 },
      'relay: elected 1',
    ],
    [
      'what an unregistered vSwitch reports of a pair nobody else sees',
      veb,
      [INGRESS],
      { exporter: VSWITCH, inIf: 71 },
      'none: unelected 0',
    ],
  ])('%s', (...given) => judge(given));
});

describe('tags report the direction where the port cannot', () => {
  const channels = inventoryOf(
    {
      channels: [
        { scid: 1, svid: 500, switching: 'vepa' },
        { scid: 2, svid: 600, switching: 'vepa' },
      ],
    },
    id => ({ sVlan: id === 'a' ? 500 : 600 }),
  );
  const extended = inventoryOf({}, id => ({ ecid: id === 'a' ? 0x101 : 0x102 }));
  const turned: Row = { inIf: 1, outIf: 1, direction: 'unknown', protocol: 'sflow5' };
  test.each<Case>([
    ['S-VID of the sender: arriving', channels, [BOTH], { ...turned, sVlan: 500 }, 'source-ingress: elected 1'],
    ['S-VID of the receiver: leaving', channels, [BOTH], { ...turned, sVlan: 600 }, 'source-ingress: not-canonical 0'],
    ['S-VID of neither: half', channels, [BOTH], { ...turned, sVlan: 700 }, 'source-ingress: elected 0.5'],
    ['E-CID of the sender', extended, [BOTH], { ...turned, ecid: 0x101 }, 'relay: elected 1'],
    ['E-CID of the receiver', extended, [BOTH], { ...turned, ecid: 0x102 }, 'relay: not-canonical 0'],
    [
      'a record that reports the tag it arrived with: half',
      channels,
      [BOTH],
      { ...turned, protocol: 'ipfix', sVlan: 500 },
      'source-ingress: elected 0.5',
    ],
  ])('%s', (...given) => judge(given));
});

describe('rules 2 to 5', () => {
  const inventory = inventoryOf();
  const farIngress = { address: FAR, switch: 'far', metering: 'ingress' };
  const farEgress = { address: FAR, switch: 'far', metering: 'egress' };
  const border = (metering: string) => ({
    ...INGRESS,
    metering: 'none',
    ports: [{ ifIndex: 9, role: 'external', metering }],
  });
  test.each<Case>([
    ['2 at the port of the sender', inventory, [INGRESS, farEgress], { dst: E, inIf: 1 }, 'source-ingress: elected 1'],
    [
      '2 and not at that of the receiver',
      inventory,
      [INGRESS, farEgress],
      { dst: E, exporter: FAR, outIf: 1, direction: 'egress' },
      'source-ingress: not-canonical 0',
    ],
    [
      '3a at the port of the receiver',
      inventory,
      [farEgress],
      { dst: E, exporter: FAR, inIf: 50, outIf: 1, direction: 'egress' },
      'destination-egress: elected 1',
    ],
    [
      '3a not on the way',
      inventory,
      [farEgress],
      { dst: E, exporter: FAR, inIf: 1, outIf: 50, direction: 'egress' },
      'destination-egress: not-canonical 0',
    ],
    [
      '3b arriving anywhere at the switch of the receiver, by output',
      inventory,
      [farIngress],
      { dst: E, exporter: FAR, inIf: 50, outIf: 1 },
      'destination-switch: elected 1',
    ],
    [
      '3b not with another output',
      inventory,
      [farIngress],
      { dst: E, exporter: FAR, inIf: 1, outIf: 50 },
      'destination-switch: not-canonical 0',
    ],
    [
      '3b needs every port',
      inventory,
      [{ ...farIngress, ports: [{ ifIndex: 50, metering: 'none' }] }],
      { dst: E, exporter: FAR, inIf: 50, outIf: 1 },
      'none: unelected 0',
    ],
    [
      '4 from outside, at the external port',
      inventory,
      [border('ingress')],
      { src: OUTSIDE, dst: D, inIf: 9 },
      'external-ingress: elected 1',
    ],
    [
      '4 and nowhere else',
      inventory,
      [border('ingress')],
      { src: OUTSIDE, dst: D, inIf: 50 },
      'external-ingress: not-canonical 0',
    ],
    [
      '4 not when the receiver is covered',
      inventory,
      [border('ingress'), farEgress],
      { src: OUTSIDE, dst: E, inIf: 9 },
      'destination-egress: not-canonical 0',
    ],
    [
      '4 to outside, as it leaves',
      inventory,
      [border('egress')],
      { dst: OUTSIDE, outIf: 9, direction: 'egress' },
      'external-egress: elected 1',
    ],
    [
      '4 to outside, as 3b',
      inventory,
      [{ ...INGRESS, ports: [{ ifIndex: 9, role: 'external' }] }],
      { src: E, dst: OUTSIDE, inIf: 50, outIf: 9 },
      'external-egress: elected 1',
    ],
    [
      '4 from an address inside that nobody knows',
      inventory,
      [border('egress')],
      { src: '10.77.0.1', dst: OUTSIDE, outIf: 9, direction: 'egress' },
      'external-egress: elected 1',
    ],
    [
      '4 through: where it arrives',
      inventory,
      [border('both')],
      { src: OUTSIDE, dst: ELSEWHERE, inIf: 9 },
      'transit: elected 1',
    ],
    [
      '4 through: not where it leaves',
      inventory,
      [border('both')],
      { src: OUTSIDE, dst: ELSEWHERE, outIf: 9, direction: 'egress' },
      'transit: not-canonical 0',
    ],
    [
      '4 one of two ways in is not metered',
      inventory,
      [
        border('ingress'),
        { address: FAR, switch: 'far', metering: 'none', ports: [{ ifIndex: 50, role: 'external' }] },
      ],
      { src: OUTSIDE, dst: D, inIf: 9 },
      'none: unelected 0',
    ],
    ['5 roles unknown', inventory, [], { dst: E, inIf: 1 }, 'none: unelected 0'],
    [
      '5 both ends unknown, inside',
      inventory,
      [INGRESS],
      { src: '10.77.0.1', dst: '10.77.0.2', inIf: 1 },
      'none: unelected 0',
    ],
  ])('%s', (...given) => judge(given));
});

describe('several records of one packet', () => {
  const inventory = inventoryOf();
  const [macA, macB] = ['02:00:00:00:00:01', '02:00:00:00:00:02'];
  const inner = inventoryOf({}, () => ({ portGroup: 'inner' }));
  const sflow = { ...INGRESS, protocol: 'sflow5' };
  const ipfix = { ...INGRESS, protocol: 'ipfix' };
  const tunnel: Row = { src: '10.9.0.1', dst: '10.9.0.2', proto: 17, dstPort: 4789, inIf: 1 };
  test.each<Case>([
    [
      'the outer packet of a tunnel whose inner one is reported',
      inner,
      [sflow, ipfix],
      { ...tunnel, protocol: 'ipfix' },
      'source-ingress: outer 0',
    ],
    [
      'and the inner one',
      inner,
      [sflow, ipfix],
      { dst: D, vni: 7000, inIf: 1, protocol: 'sflow5' },
      'source-ingress: elected 1',
    ],
    ['GRE', inner, [sflow, ipfix], { ...tunnel, proto: 47, dstPort: 0, protocol: 'ipfix' }, 'source-ingress: outer 0'],
    [
      'other traffic of the hosts',
      inner,
      [{ ...sflow, samplingRate: 10 }, ipfix],
      { ...tunnel, dstPort: 902, protocol: 'sflow5' },
      'source-ingress: elected 1',
    ],
    [
      'an outer packet whose inner one nobody reports',
      inner,
      [ipfix],
      { ...tunnel, protocol: 'ipfix' },
      'source-ingress: elected 1',
    ],
    [
      'the inner one where only outer ones are reported',
      inner,
      [ipfix],
      { dst: D, vni: 7000, inIf: 1, protocol: 'ipfix' },
      'none: unelected 0',
    ],
    [
      'a broadcast where it begins',
      inventory,
      [BOTH],
      { dst: '255.255.255.255', inIf: 1 },
      'source-ingress: elected 1',
    ],
    [
      'its copy elsewhere',
      inventory,
      [BOTH],
      { dst: '239.1.1.1', inIf: 1, outIf: 2, direction: 'egress' },
      'source-ingress: not-canonical 0',
    ],
    [
      'its copy that comes back',
      inventory,
      [BOTH],
      { dst: '239.1.1.1', inIf: 1, outIf: 1, direction: 'egress' },
      'source-ingress: reflected 0',
    ],
    [
      'the same, direction not reported',
      inventory,
      [BOTH],
      { dst: '239.1.1.1', inIf: 1, outIf: 1, direction: 'unknown' },
      'source-ingress: reflected 0',
    ],
    [
      'what another VM sends on',
      inventory,
      [INGRESS],
      { src: D, dst: E, srcMac: macB, inIf: 1 },
      'source-ingress: forwarded 0',
    ],
    [
      'a neighbour on the same VEB sent it on: only now it shows',
      inventory,
      [INGRESS],
      { dst: E, srcMac: macB, inIf: 1 },
      'source-ingress: elected 1',
    ],
    [
      'by a hairpin it has shown before',
      inventoryOf(vepa(true)),
      [INGRESS],
      { dst: E, srcMac: macB, inIf: 1 },
      'source-ingress: forwarded 0',
    ],
    [
      'on its way to who sends it on',
      inventory,
      [{ address: EDGE, switch: 'edge', metering: 'none', ports: [{ ifIndex: 2, metering: 'egress' }] }],
      { src: E, dst: D, dstMac: macA, outIf: 2, direction: 'egress' },
      'destination-egress: forwarded 0',
    ],
    [
      'a biflow, forward',
      inventory,
      [INGRESS],
      { dst: E, biflow: 'forward', inIf: 1, outIf: 50 },
      'source-ingress: elected 1',
    ],
    [
      'a biflow, reverse, arriving at the port of its sender',
      inventory,
      [INGRESS],
      { src: D, dst: A, biflow: 'reverse', inIf: 2, outIf: 1, direction: 'unknown' },
      'source-ingress: elected 1',
    ],
    [
      'a biflow, reverse, leaving by the port of its receiver',
      inventory,
      [BOTH],
      { src: E, dst: A, biflow: 'reverse', inIf: 50, outIf: 1, direction: 'unknown' },
      'destination-egress: elected 1',
    ],
    [
      'a biflow, reverse, where its sender is covered elsewhere',
      inventory,
      [INGRESS, { address: FAR, switch: 'far', metering: 'ingress' }],
      { src: E, dst: A, biflow: 'reverse', inIf: 50, outIf: 1, direction: 'unknown' },
      'source-ingress: not-canonical 0',
    ],
    [
      'a biflow, reverse, exported by itself too',
      inventory,
      [{ ...INGRESS, biflow: 'repeated' }],
      { src: D, dst: A, biflow: 'reverse', inIf: 2, outIf: 1, direction: 'unknown' },
      'source-ingress: reverse-exported 0',
    ],
    [
      'and forward',
      inventory,
      [{ ...INGRESS, biflow: 'repeated' }],
      { dst: E, biflow: 'forward', inIf: 1, outIf: 50 },
      'source-ingress: elected 1',
    ],
    ['discarded', inventory, [INGRESS], { dst: E, inIf: 1, forwardingStatus: 128 }, 'source-ingress: discarded 0'],
  ])('%s', (...given) => judge(given));

  test('legs of what a virtual address or a forwarder passes on are marked', () => {
    const rows = enrichRows(documentsOf({ inventory, exporters: [INGRESS] }), [
      { exporter: EDGE, direction: 'ingress', src: A, dst: '10.0.0.80', inIf: 1 },
      { exporter: EDGE, direction: 'ingress', src: D, dst: E, srcMac: macB, inIf: 1 },
      { exporter: EDGE, direction: 'ingress', src: A, dst: E, srcMac: macA, inIf: 1 },
    ]);
    expect(rows.map(row => row.marks & MARKS.via)).toEqual([MARKS.via, MARKS.via, 0]);
  });
});

describe('a sender at a port where the inventory does not have it', () => {
  const inventory = inventoryOf();
  const far = { address: FAR, switch: 'far', metering: 'ingress' };
  const at: Row = { dst: E, srcMac: '02:00:00:00:00:01' };
  const without = (...names: (keyof Row)[]) =>
    Object.fromEntries(Object.entries(at).filter(([name]) => !names.includes(name as keyof Row)));
  test.each<Case>([
    ['the old port', inventory, [INGRESS], { ...at, inIf: 1 }, 'source-ingress: elected 1'],
    ['the new port, cabled to a host', inventory, [INGRESS], { ...at, inIf: 2 }, 'moved: elected 1'],
    ['a new port of another switch', inventory, [INGRESS, far], { ...at, exporter: FAR, inIf: 1 }, 'moved: elected 1'],
    ['a port between switches', inventory, [INGRESS], { ...at, inIf: 50 }, 'source-ingress: not-canonical 0'],
    [
      'one that the registry calls access',
      inventory,
      [{ ...INGRESS, ports: [{ ifIndex: 50, role: 'access' }] }],
      { ...at, inIf: 50 },
      'moved: elected 1',
    ],
    [
      'one that the registry calls fabric',
      inventory,
      [{ ...INGRESS, ports: [{ ifIndex: 2, role: 'fabric' }] }],
      { ...at, inIf: 2 },
      'source-ingress: not-canonical 0',
    ],
    [
      'without a MAC address',
      inventory,
      [INGRESS],
      { ...without('srcMac'), inIf: 2 },
      'source-ingress: not-canonical 0',
    ],
    [
      'direction not reported, both metered',
      inventory,
      [BOTH],
      { ...at, inIf: 2, outIf: 50, direction: 'unknown' },
      'source-ingress: not-canonical 0',
    ],
    ['leaving', inventory, [BOTH], { ...at, inIf: 2, direction: 'egress' }, 'source-ingress: not-canonical 0'],
    [
      'the cable of its own exporting vSwitch is no new place',
      inventoryOf(exporting, ports),
      [INGRESS, { address: VSWITCH, metering: 'ingress' }],
      { ...at, inIf: 1 },
      'source-ingress: not-canonical 0',
    ],
  ])('%s', (...given) => judge(given));

  test('stands on the host that is cabled there', () => {
    const [row] = enrichRows(documentsOf({ inventory, exporters: [INGRESS, far] }), [
      { exporter: FAR, direction: 'ingress', src: A, ...at, inIf: 1 },
    ]);
    expect(row).toMatchObject({ srcVm: 'a', srcHost: 'h3', srcRack: 'r2', locality: 'same-host', marks: MARKS.moved });
  });

  test('hosts by exporter and port', () => {
    const { access } = compileSnapshot(documentsOf({ inventory, exporters: [INGRESS, far] }));
    expect(
      [
        [1, 1],
        [1, 101],
        [1, 2],
        [2, 1],
        [1, 50],
        [0, 1],
      ].map(([exporter, ifIndex]) => hostAtPort(access, exporter!, ifIndex!)),
    ).toEqual([1, 1, 2, 3, 0, 0]);
  });
});

test('a silent exporter covers nothing, and the second meter takes its place', () => {
  const { inventory, exporters } = documentsOf({
    inventory: inventoryOf(),
    exporters: [
      { ...INGRESS, protocol: 'sflow5' },
      { ...INGRESS, protocol: 'ipfix' },
    ],
  });
  const topology = compileTopology(mergedOf(inventory));
  const snapshot = compileSnapshot({ inventory, exporters, applications: documentsOf({}).applications });
  const reasons = (silent: readonly number[]) =>
    enrichRows(
      { ...snapshot, access: compileAccess(inventory, topology, exporters, number => silent.includes(number)) },
      [
        { exporter: EDGE, src: A, dst: E, inIf: 1, direction: 'ingress', protocol: 'sflow5' },
        { exporter: EDGE, src: A, dst: E, inIf: 1, direction: 'ingress', protocol: 'ipfix' },
      ],
    ).map(row => row.countReason);
  expect(reasons([])).toEqual(['elected', 'second-meter']);
  expect(reasons([1])).toEqual(['second-meter', 'elected']);
  expect(reasons([1, 2])).toEqual(['unelected', 'unelected']);
});

test('what can be seen of a pair of VMs', () => {
  const see = (inventory: object, exporters: object[], from: number, to: number) => {
    const { access } = compileSnapshot(documentsOf({ inventory, exporters }));
    const { rule, covered, hostInternal } = pairVisibility(access, from, to);
    return `${ELECTION_RULES[rule]} ${covered ? 'covered' : 'invisible'}${hostInternal ? ' internal' : ''}`;
  };
  // Owners of the VMs a to e are 0 to 4.
  expect(see(inventoryOf(), [INGRESS], 0, 1)).toBe('none invisible internal');
  expect(see(inventoryOf(), [INGRESS], 0, 2)).toBe('source-ingress covered');
  expect(see(inventoryOf(), [INGRESS], 0, 4)).toBe('source-ingress covered');
  expect(see(inventoryOf(), [INGRESS], 4, 0)).toBe('destination-switch covered');
  expect(see(inventoryOf(), [EGRESS], 4, 0)).toBe('destination-egress covered');
  expect(see(inventoryOf(), [], 0, 4)).toBe('none invisible');
  expect(see(inventoryOf(vepa(true)), [INGRESS], 0, 1)).toBe('relay covered internal');
  expect(see(inventoryOf(vepa(false)), [INGRESS], 0, 1)).toBe('none invisible internal');
  expect(see(inventoryOf(exporting), [INGRESS, { address: VSWITCH }], 0, 1)).toBe('vswitch covered internal');
});

test('the compiled table is numbers that another thread can take', () => {
  const { access } = compileSnapshot(documentsOf({ inventory: inventoryOf(), exporters: [INGRESS] }));
  expect(structuredClone(access)).toEqual(access);
});
