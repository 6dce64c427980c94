import { expect, test } from 'vitest';
import { documentsOf, enrichRows, type Row } from '../../testing/data/enrichment.ts';

// Two switches; host h1 hangs on both, h2 on sw1 behind a LAG. vm-vsi has a port of its own, a sub-interface of port 3.
const inventory = {
  switches: [
    {
      id: 'sw1',
      ports: [
        { ifIndex: 1 },
        { ifIndex: 2, lag: 100 },
        { ifIndex: 100 },
        { ifIndex: 3 },
        { ifIndex: 301, parentIfIndex: 3 },
        { ifIndex: 302, parentIfIndex: 3 },
        { ifIndex: 4, connectsTo: { host: 'h4', pnic: 'p0' } },
      ],
    },
    { id: 'sw2', ports: [{ ifIndex: 11 }] },
  ],
  hosts: [
    {
      id: 'h1',
      pnics: [
        { id: 'p0', switch: 'sw1', ifIndex: 1 },
        { id: 'p1', switch: 'sw2', ifIndex: 11 },
      ],
      vswitches: [{ id: 'v', uplinks: ['p0', 'p1'] }],
    },
    { id: 'h2', pnics: [{ id: 'p0', switch: 'sw1', ifIndex: 2 }], vswitches: [{ id: 'v', uplinks: ['p0'] }] },
    {
      id: 'h3',
      pnics: [{ id: 'p0', switch: 'sw1', ifIndex: 3 }],
      vswitches: [{ id: 'v', uplinks: ['p0'], channels: [{ scid: 1, svid: 500, ifIndex: 302 }] }],
    },
    {
      id: 'h4',
      pnics: [{ id: 'p0' }],
      vswitches: [{ id: 'v' }, { id: 'ovs', exporter: { address: '192.0.2.9', domain: 5 } }],
    },
  ],
  vms: [
    { id: 'a', name: 'vm-two-uplinks', host: 'h1', vnics: [{ addresses: ['10.0.0.1'] }] },
    { id: 'b', name: 'vm-lag', host: 'h2', vnics: [{ addresses: ['10.0.0.2'] }] },
    { id: 'c', name: 'vm-vsi', host: 'h3', vnics: [{ addresses: ['10.0.0.3'], ifIndex: 301 }] },
    { id: 'd', name: 'vm-channel', host: 'h3', vnics: [{ addresses: ['10.0.0.4'], sVlan: 500 }] },
    { id: 'e', name: 'vm-uplink-of-vsi-port', host: 'h3', vnics: [{ addresses: ['10.0.0.5'] }] },
    { id: 'f', name: 'vm-cabled', host: 'h4', vnics: [{ addresses: ['10.0.0.6'] }] },
    { id: 'g', name: 'vm-ovs', host: 'h4', vnics: [{ addresses: ['10.0.0.7'], vswitch: 'ovs', ifIndex: 70 }] },
    { id: 'h', name: 'vm-homeless', vnics: [{ addresses: ['10.0.0.8'] }] },
  ],
  endpoints: [{ id: 'nas', name: 'nas', kind: 'storage', addresses: ['10.0.0.9'], switch: 'sw2', ifIndex: 12 }],
};
const SW1 = { address: '192.0.2.1', switch: 'sw1', metering: 'ingress' };
const SW2 = { address: '192.0.2.2', switch: 'sw2', metering: 'ingress' };
const OVS = { address: '192.0.2.9', metering: 'ingress' };

const decide = (exporters: object[], row: Row) => {
  const [enriched] = enrichRows(documentsOf({ inventory, exporters }), [
    { dst: '10.99.0.1', direction: 'ingress', exporter: '192.0.2.1', ...row },
  ]);
  return `${enriched!.countReason} ${enriched!.weight}`;
};

const COUNTED = 'elected 1';
const REPEATED = 'not-canonical 0';
const OPEN = 'unelected 0';
const HALF = 'elected 0.5';

test.each<[string, object[], Row, string]>([
  ['the access port of the source, ingress', [SW1, SW2], { src: '10.0.0.1', inIf: 1 }, COUNTED],
  ['one of two uplinks is not metered: the source is not covered', [SW1], { src: '10.0.0.1', inIf: 1 }, OPEN],
  [
    'direction not reported, the registry says ingress',
    [SW1, SW2],
    { src: '10.0.0.1', inIf: 1, direction: 'unknown' },
    COUNTED,
  ],
  ['egress at the access port', [SW1, SW2], { src: '10.0.0.1', inIf: 1, direction: 'egress' }, REPEATED],
  ['another port of the access switch', [SW1, SW2], { src: '10.0.0.1', inIf: 2 }, REPEATED],
  [
    'another switch on the path',
    [SW1, SW2, { address: '192.0.2.7', switch: 'core' }],
    { src: '10.0.0.1', inIf: 1, exporter: '192.0.2.7' },
    REPEATED,
  ],
  ['an exporter nobody registered', [SW1, SW2], { src: '10.0.0.1', inIf: 1, exporter: '198.51.100.1' }, REPEATED],
  ['the second uplink of the host', [SW1, SW2], { src: '10.0.0.1', inIf: 11, exporter: '192.0.2.2' }, COUNTED],
  ['the first uplink of two', [SW1, SW2], { src: '10.0.0.1', inIf: 1 }, COUNTED],
  ['the LAG of the uplink', [SW1], { src: '10.0.0.2', inIf: 100 }, COUNTED],
  ['the member of the LAG', [SW1], { src: '10.0.0.2', inIf: 2 }, COUNTED],
  ["the vNIC's own port", [SW1], { src: '10.0.0.3', inIf: 301 }, COUNTED],
  ['the parent of its own port', [SW1], { src: '10.0.0.3', inIf: 3 }, COUNTED],
  ["a sibling's port", [SW1], { src: '10.0.0.3', inIf: 302 }, REPEATED],
  ['the port of its S-channel', [SW1], { src: '10.0.0.4', inIf: 302 }, COUNTED],
  ['a sub-interface of the uplink', [SW1], { src: '10.0.0.5', inIf: 302 }, COUNTED],
  ['a cable reported by the switch alone', [SW1], { src: '10.0.0.6', inIf: 4 }, COUNTED],
  ['an endpoint with a switch port', [SW2], { src: '10.0.0.9', inIf: 12, exporter: '192.0.2.2' }, COUNTED],
  [
    'a vSwitch that exports itself',
    [SW1, OVS],
    { src: '10.0.0.7', inIf: 70, exporter: '192.0.2.9', domain: 5 },
    COUNTED,
  ],
  ['the switch behind it', [SW1, OVS], { src: '10.0.0.7', inIf: 4 }, REPEATED],
  ['the switch, when the vSwitch is not registered', [SW1], { src: '10.0.0.7', inIf: 4 }, COUNTED],
  ['no registry', [], { src: '10.0.0.1', inIf: 1 }, OPEN],
  ['a registry without this switch', [SW2], { src: '10.0.0.2', inIf: 2 }, OPEN],
  ['a source nobody knows', [SW1], { src: '10.50.0.1', inIf: 1 }, OPEN],
  ['a VM without host', [SW1], { src: '10.0.0.8', inIf: 1 }, OPEN],
  [
    'a port that is not metered',
    [{ ...SW1, ports: [{ ifIndex: 4, metering: 'none' }] }],
    { src: '10.0.0.6', inIf: 4 },
    OPEN,
  ],
  ['a port metered at egress only', [{ ...SW1, metering: 'egress' }], { src: '10.0.0.6', inIf: 4 }, OPEN],
  [
    'one port of an egress exporter metered at ingress',
    [{ ...SW1, metering: 'egress', ports: [{ ifIndex: 4, metering: 'ingress' }] }],
    { src: '10.0.0.6', inIf: 4 },
    COUNTED,
  ],
  [
    'an exporter of host-internal traffic only',
    [{ ...SW1, traffic: 'host-internal' }],
    { src: '10.0.0.6', inIf: 4 },
    OPEN,
  ],
  [
    'both metered, direction not reported: each packet is in two records',
    [{ ...SW1, metering: 'both' }],
    { src: '10.0.0.6', inIf: 4, outIf: 2, direction: 'unknown' },
    HALF,
  ],
  [
    'the same at another port',
    [{ ...SW1, metering: 'both' }],
    { src: '10.0.0.6', inIf: 2, outIf: 3, direction: 'unknown' },
    REPEATED,
  ],
  [
    'reflected, both metered, direction not reported, no sFlow',
    [{ ...SW1, metering: 'both' }],
    { src: '10.0.0.6', inIf: 4, outIf: 4, direction: 'unknown' },
    HALF,
  ],
  [
    'both metered, egress reported',
    [{ ...SW1, metering: 'both' }],
    { src: '10.0.0.6', inIf: 4, direction: 'egress' },
    REPEATED,
  ],
  ['both metered, ingress reported', [{ ...SW1, metering: 'both' }], { src: '10.0.0.6', inIf: 4 }, COUNTED],
  [
    'a reflected sFlow sample, both metered',
    [{ ...SW1, metering: 'both' }],
    { src: '10.0.0.6', inIf: 4, outIf: 4, direction: 'unknown', protocol: 'sflow5' },
    HALF,
  ],
  [
    'a reflected sFlow sample, ingress metered',
    [SW1],
    { src: '10.0.0.6', inIf: 4, outIf: 4, direction: 'unknown', protocol: 'sflow5' },
    COUNTED,
  ],
  ['a dropped packet', [SW1], { src: '10.0.0.1', inIf: 1, forwardingStatus: 128 }, 'discarded 0'],
  ['a dropped packet of an unknown source', [], { src: '10.50.0.1', forwardingStatus: 0x81 }, 'discarded 0'],
  ['a running total counted before', [SW1], { src: '10.0.0.6', inIf: 4, counterSource: 'baseline' }, 'running-total 0'],
  ['one that is late', [], { src: '10.50.0.1', counterSource: 'late' }, 'running-total 0'],
  ['the difference of two', [SW1], { src: '10.0.0.6', inIf: 4, counterSource: 'difference' }, COUNTED],
  ['a forwarded one', [SW1], { src: '10.0.0.6', inIf: 4, forwardingStatus: 64 }, COUNTED],
])('%s', (_, exporters, row, expected) => {
  expect(decide(exporters, row)).toBe(expected);
});

test('two meters on one port: the one with the lower sampling rate counts, the other does not', () => {
  const exporters = [
    { ...SW1, protocol: 'sflow5', samplingRate: 1000 },
    { ...SW1, protocol: 'ipfix', samplingRate: 10 },
  ];
  expect(decide(exporters, { src: '10.0.0.6', inIf: 4, protocol: 'ipfix' })).toBe(COUNTED);
  expect(decide(exporters, { src: '10.0.0.6', inIf: 4, protocol: 'sflow5' })).toBe('second-meter 0');
});

test('an entry for domain and protocol goes before one for the whole exporter', () => {
  const exporters = [
    { ...SW1, switch: undefined },
    { ...SW1, domain: 7 },
  ].map(entry => JSON.parse(JSON.stringify(entry)));
  expect(decide(exporters, { src: '10.0.0.6', inIf: 4, domain: 7 })).toBe(COUNTED);
  expect(decide(exporters, { src: '10.0.0.6', inIf: 4, domain: 8 })).toBe(REPEATED);
});

test('each packet counts once: of all points that see it exactly one is canonical', () => {
  const exporters = [SW1, SW2, OVS];
  const path: Row[] = [
    { exporter: '192.0.2.1', inIf: 1 },
    { exporter: '192.0.2.1', inIf: 1, outIf: 2, direction: 'egress' },
    { exporter: '192.0.2.2', inIf: 9 },
    { exporter: '192.0.2.1', inIf: 50 },
    { exporter: '198.51.100.4', inIf: 1 },
  ];
  const rows = enrichRows(
    documentsOf({ inventory, exporters }),
    path.map(row => ({ direction: 'ingress', src: '10.0.0.1', dst: '10.0.0.2', ...row })),
  );
  expect(rows.reduce((sum, row) => sum + row.weight, 0)).toBe(1);
});
