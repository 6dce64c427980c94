import { describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
  dst6,
  type ExpandedHead,
  ethernet,
  expandedSample,
  flowSample,
  ip4,
  ipv4,
  RECEIVED_MS,
  type SampleHead,
  sampledHeader,
  sflow,
  src6,
  tcp,
  typed,
  u16,
  u32,
  udp,
  zeros,
} from '../../../testing/data/datagrams.ts';

const frame = ethernet(0x0800, ipv4(tcp()));
const packet = sampledHeader(frame, 1518);

const decodeSample = (head: SampleHead) => new Bench().decode(sflow([flowSample([packet], head)]))[0];
const decodeExpanded = (head: ExpandedHead) => new Bench().decode(sflow([expandedSample([packet], head)]))[0];

// proves: sflow5, flow-sample
test('a flow sample fills every column it can', () => {
  const [row] = new Bench().decode(sflow([flowSample([packet])], { subAgent: 9 }), '198.51.100.99');
  expect(row).toEqual({
    receivedAt: RECEIVED_MS,
    flowStart: RECEIVED_MS,
    flowEnd: RECEIVED_MS,
    exporter: '192.0.2.1',
    observationDomain: 9,
    protocol: 'sflow5',
    inIf: 3,
    outIf: 4,
    biflow: 'none',
    counterSource: 'record',
    direction: 'ingress',
    forwardingStatus: 0,
    samplingRate: 512,
    rateSource: 'sample',
    bytes: 40,
    packets: 1,
    l2Bytes: 1518,
    bytesSumOfSquares: 0,
    packetBytesMax: 0,
    srcAddr: '10.1.0.1',
    dstAddr: '10.2.0.2',
    vrf: 0,
    etherType: 0x0800,
    proto: 6,
    srcPort: 40000,
    dstPort: 443,
    tcpFlags: 0x12,
    tos: 0,
    srcMac: '02:00:00:00:00:0a',
    dstMac: '02:00:00:00:00:0b',
    vlan: 0,
    sVlan: 0,
    ecid: 0,
    vni: 0,
    stationId: '0'.repeat(32),
    timeSource: 'received',
  });
});

// proves: flow-sample
test('an expanded sample says the same, with interfaces of 32 bits', () => {
  const [row] = new Bench().decode(sflow([flowSample([packet])]));
  expect(new Bench().decode(sflow([expandedSample([packet])]))).toEqual([row]);
  // More than 30 bits, as Arista numbers sub-interfaces.
  expect(decodeExpanded({ input: [0, 0x4ca40191], output: [0, 0xfffffffe] })).toMatchObject({
    inIf: 0x4ca40191,
    outIf: 0xfffffffe,
  });
});

describe('interfaces', () => {
  // proves: interface-formats
  test('discarded packets (format 1) have no output and are marked dropped', () => {
    const dropped = { inIf: 3, outIf: 0, forwardingStatus: 128 };
    expect(decodeSample({ output: 0x40000100 })).toMatchObject(dropped);
    expect(decodeExpanded({ output: [1, 256] })).toMatchObject(dropped);
  });

  // proves: interface-formats
  test('several outputs (format 2), known or unknown in number, are no output', () => {
    const several = { inIf: 3, outIf: 0, forwardingStatus: 0 };
    for (const count of [0, 1, 7]) {
      expect(decodeSample({ output: 0x80000000 + count })).toMatchObject(several);
      expect(decodeExpanded({ output: [2, count] })).toMatchObject(several);
    }
  });

  test('0 is unknown, 0x3fffffff the device itself', () => {
    expect(decodeSample({ input: 0, output: 0x3fffffff })).toMatchObject({ inIf: 0, outIf: 0x3fffffff });
  });

  // proves: agents
  test.each([
    ['source is the input', { source: 3 }, 'ingress'],
    ['source is the output', { source: 4 }, 'egress'],
    ['source is neither', { source: 5 }, 'unknown'],
    ['input and output are the source: a packet turned back', { source: 3, output: 3 }, 'unknown'],
    ['source is no interface but the whole bridge (class 2)', { source: 0x020003e8 }, 'ingress'],
  ] as const)('direction when %s', (_, head, direction) => {
    expect(decodeSample(head)).toMatchObject({ direction });
  });

  test('direction of an expanded sample', () => {
    expect(decodeExpanded({ source: [0, 3] })).toMatchObject({ direction: 'ingress' });
    expect(decodeExpanded({ source: [0, 4] })).toMatchObject({ direction: 'egress' });
    expect(decodeExpanded({ source: [2, 4] })).toMatchObject({ direction: 'ingress' });
  });
});

describe('rate', () => {
  test('belongs to each sample; a change is counted once', () => {
    const bench = new Bench();
    const samples = [512, 512, 1024].map(rate => flowSample([packet], { rate }));
    expect(bench.decode(sflow(samples)).map(row => row['samplingRate'])).toEqual([512, 512, 1024]);
    expect(bench.domain().rateChanges).toBe(1);
  });

  test('0 is unknown and counted', () => {
    const bench = new Bench();
    expect(bench.decode(sflow([flowSample([packet], { rate: 0 })]))).toMatchObject([
      { samplingRate: 0, rateSource: 'unknown' },
    ]);
    expect(bench.domain().unknownRateRecords).toBe(1);
  });
});

describe('agents', () => {
  // proves: agents
  test('are known by agent address and sub-agent, from whatever address they send', () => {
    const bench = new Bench();
    const from = (source: string, agent: Bytes, subAgent: number) =>
      bench.decode(sflow([flowSample([packet])], { agent, subAgent }), source);
    expect(from('198.51.100.1', ip4('192.0.2.1'), 0)).toMatchObject([{ exporter: '192.0.2.1', observationDomain: 0 }]);
    from('198.51.100.2', ip4('192.0.2.1'), 0);
    from('198.51.100.1', ip4('192.0.2.1'), 1);
    from('198.51.100.1', ip4('192.0.2.2'), 0);
    from('198.51.100.1', ip4('192.0.2.1'), 0);
    expect(bench.domains().map(domain => [domain.id, domain.datagrams])).toEqual([
      [0, 3],
      [1, 1],
      [0, 1],
    ]);
  });

  test('may have an IPv6 address', () => {
    expect(new Bench().decode(sflow([flowSample([packet])], { agent: src6 }))).toMatchObject([
      { exporter: '2001:db8::1' },
    ]);
  });
});

describe('records', () => {
  const extendedSwitch = (vlan: number) => typed(1001, u32(vlan), u32(0), u32(99), u32(0));

  // proves: switch-structures
  test.each([
    ['before the header', [extendedSwitch(100), packet], 100],
    ['behind the header', [packet, extendedSwitch(100)], 100],
    ['unknown', [packet, extendedSwitch(0xffffffff)], 0],
    [
      'beside a tag: the tag counts',
      [extendedSwitch(100), sampledHeader(ethernet(0x0800, ipv4(tcp()), [0x8100, 7]))],
      7,
    ],
    ['beside a tag, behind it', [sampledHeader(ethernet(0x0800, ipv4(tcp()), [0x8100, 7])), extendedSwitch(100)], 7],
    [
      'beside a priority tag: the VLAN of the switch',
      [sampledHeader(ethernet(0x0800, ipv4(tcp()), [0x8100, 0xe000])), extendedSwitch(100)],
      100,
    ],
  ])('extended_switch %s', (_, records, vlan) => {
    expect(new Bench().decode(sflow([flowSample(records)]))).toMatchObject([{ vlan, srcAddr: '10.1.0.1' }]);
  });

  const tag = (tpid: number, tci: number): Bytes => [...u16(tpid), ...u16(tci)];
  const vlanTunnel = (...tags: readonly Bytes[]) => typed(1012, u32(tags.length), ...tags);
  const untagged = sampledHeader(ethernet(0x0800, ipv4(tcp())));
  const tagged = sampledHeader(ethernet(0x0800, ipv4(tcp()), [0x8100, 7]));

  // proves: switch-structures
  test.each([
    ['one tag, none in the header', [vlanTunnel(tag(0x8100, 100)), untagged], 100, 0],
    ['one service tag, none in the header', [untagged, vlanTunnel(tag(0x88a8, 100))], 0, 100],
    ['two tags, outermost first', [untagged, vlanTunnel(tag(0x88a8, 200), tag(0x8100, 100))], 100, 200],
    ['three tags', [untagged, vlanTunnel(tag(0x88a8, 300), tag(0x88a8, 200), tag(0x8100, 100))], 100, 200],
    ['priority bits', [untagged, vlanTunnel(tag(0x8100, 0xe000 | 100))], 100, 0],
    ['a tag outside the one in the header', [vlanTunnel(tag(0x88a8, 200)), tagged], 7, 200],
    ['a service tag, and the VLAN of the switch', [vlanTunnel(tag(0x88a8, 200)), untagged, extendedSwitch(5)], 5, 200],
    ['a tag, and another VLAN of the switch', [extendedSwitch(5), untagged, vlanTunnel(tag(0x8100, 100))], 100, 0],
  ])('extended_vlantunnel: %s', (_, records, vlan, sVlan) => {
    expect(new Bench().decode(sflow([flowSample(records)]))).toMatchObject([{ vlan, sVlan, srcAddr: '10.1.0.1' }]);
  });

  const vni = (format: number, value: number) => typed(format, u32(value));
  const vxlan = sampledHeader(
    ethernet(
      0x0800,
      ipv4([...udp(5000, 4789), ...u32(0x08000000), ...u32(42 << 8), ...ethernet(0x0800, ipv4(tcp(1, 2)))], {
        proto: 17,
      }),
    ),
    200,
  );

  // proves: switch-structures
  test.each([
    ['egress', [untagged, vni(1029, 9)], 9],
    ['ingress', [vni(1030, 8), untagged], 8],
    ['both: where the packet came from', [vni(1029, 9), vni(1030, 8), untagged], 8],
    ['more than 24 bits', [untagged, vni(1030, 0x01000000)], 0],
    ['a tunnel in the header', [vni(1030, 8), vxlan], 42],
  ])('extended_vni: %s', (_, records, expected) => {
    expect(new Bench().decode(sflow([flowSample(records)]))).toMatchObject([{ vni: expected }]);
  });

  test('the VLAN of the switch is not that of a packet in a tunnel', () => {
    expect(new Bench().decode(sflow([flowSample([vxlan, extendedSwitch(100)])]))).toMatchObject([
      { vni: 42, vlan: 0, srcPort: 1 },
    ]);
  });

  // proves: other-structures
  test('tunnel, decapsulation and NAT records describe another packet than the columns', () => {
    const others = [1007, 1020, 1021, 1022, 1023, 1024, 1025, 1026, 1027, 1028].map(format =>
      typed(format, ...Array.from({ length: 14 }, () => u32(0x01010101))),
    );
    expect(new Bench().decode(sflow([flowSample([...others, untagged, ...others])]))).toEqual(
      new Bench().decode(sflow([flowSample([untagged])])),
    );
  });

  const mac = (last: number): Bytes => [2, 0, 0, 0, 0, last, 0, 0];
  const sampledEthernet = typed(2, u32(1000), mac(1), mac(2), u32(0x0800));
  const sampledIpv4 = typed(
    3,
    u32(900),
    u32(17),
    ip4('10.0.0.1'),
    ip4('10.0.0.2'),
    u32(5000),
    u32(53),
    u32(0),
    u32(0xb8),
  );
  const sampledIpv6 = typed(4, u32(900), u32(6), src6, dst6, u32(40000), u32(443), u32(0x18), u32(0xb8));
  const layer2 = { srcMac: '02:00:00:00:00:01', dstMac: '02:00:00:00:00:02', l2Bytes: 1000 };
  const layer3 = {
    srcAddr: '10.0.0.1',
    dstAddr: '10.0.0.2',
    etherType: 0x0800,
    proto: 17,
    srcPort: 5000,
    dstPort: 53,
    tos: 0xb8,
    bytes: 900,
  };

  // proves: sampled-addresses
  test('sampled_ethernet', () => {
    expect(new Bench().decode(sflow([flowSample([sampledEthernet])]))).toMatchObject([
      { ...layer2, etherType: 0x0800, bytes: 986, srcAddr: '::' },
    ]);
  });

  // proves: sampled-addresses
  test('sampled_ipv4', () => {
    expect(new Bench().decode(sflow([flowSample([sampledIpv4])]))).toMatchObject([{ ...layer3, l2Bytes: 0 }]);
  });

  // proves: sampled-addresses
  test('sampled_ipv6', () => {
    expect(new Bench().decode(sflow([flowSample([sampledIpv6])]))).toMatchObject([
      {
        srcAddr: '2001:db8::1',
        dstAddr: '2001:db8::2',
        etherType: 0x86dd,
        proto: 6,
        srcPort: 40000,
        dstPort: 443,
        tcpFlags: 0x18,
        tos: 0xb8,
        bytes: 900,
      },
    ]);
  });

  // proves: sampled-addresses
  test('sampled_ethernet and sampled_ipv4 of one sample complete each other', () => {
    expect(new Bench().decode(sflow([flowSample([sampledEthernet, sampledIpv4])]))).toMatchObject([
      { ...layer2, ...layer3 },
    ]);
  });

  // proves: sampled-header
  test('a sampled header wins over what stands behind it', () => {
    expect(new Bench().decode(sflow([flowSample([packet, sampledIpv4, sampledEthernet])]))).toMatchObject([
      { srcAddr: '10.1.0.1', l2Bytes: 1518 },
    ]);
  });

  test.each([2, 3, 4])('a sampled record of format %i cut short, which nothing completes, costs its sample', format => {
    const bench = new Bench();
    expect(bench.decode(sflow([flowSample([typed(format, zeros(20))]), flowSample([packet])])).length).toBe(1);
    expect(bench.faults('sflow5')).toEqual({ 'sample-malformed': 1 });
  });

  // XDR pads a MAC address to 8 bytes; some agents do not.
  const shortEthernet = typed(2, u32(1000), mac(1).slice(0, 6), mac(2).slice(0, 6), u32(0x0800));
  const shortIpv4 = typed(3, sampledIpv4.slice(8, 8 + 28));
  const shortIpv6 = typed(4, sampledIpv6.slice(8, 8 + 52));
  const shortHeader = typed(1, u32(1), u32(1518), u32(4));
  const longHeader = typed(1, u32(1), u32(1518), u32(4), u32(400), frame);

  // proves: record-short
  test.each([
    ['sampled_ethernet of 20 bytes', shortEthernet],
    ['sampled_ipv4 of 28 bytes', shortIpv4],
    ['sampled_ipv6 of 52 bytes', shortIpv6],
    ['sampled_header of 12 bytes', shortHeader],
    ['sampled_header longer than its record', longHeader],
  ])('a %s does not cost the sample that another record describes', (_, short) => {
    const whole = new Bench().decode(sflow([flowSample([packet])]));
    for (const records of [
      [short, packet],
      [packet, short],
    ]) {
      const bench = new Bench();
      expect(bench.decode(sflow([flowSample(records)]))).toEqual(whole);
      expect(bench.faults('sflow5')).toEqual({ 'record-short': 1 });
    }
    const bench = new Bench();
    expect(bench.decode(sflow([flowSample([short, sampledIpv4])]))).toMatchObject([layer3]);
    expect(bench.faults('sflow5')).toEqual({ 'record-short': 1 });
  });

  // proves: record-short
  test('the fullest description wins in whatever order the records are', () => {
    const orders = (list: readonly Bytes[]): Bytes[][] =>
      list.length < 2
        ? [[...list]]
        : list.flatMap((one, i) => orders(list.toSpliced(i, 1)).map(rest => [one, ...rest]));
    const header = new Bench().decode(sflow([flowSample([packet])]));
    for (const records of orders([packet, sampledIpv4, sampledEthernet, shortIpv6]))
      expect(new Bench().decode(sflow([flowSample(records)]))).toEqual(header);
    for (const records of orders([sampledIpv4, sampledEthernet, shortHeader]))
      expect(new Bench().decode(sflow([flowSample(records)]))).toMatchObject([{ ...layer2, ...layer3 }]);
  });

  test('a header without a packet that can be read is completed by sampled_ipv4', () => {
    const bench = new Bench();
    const cut = sampledHeader(frame.slice(0, 14 + 12), 1518);
    for (const records of [
      [cut, sampledIpv4],
      [sampledIpv4, cut],
    ])
      expect(bench.decode(sflow([flowSample(records)]))).toMatchObject([
        { ...layer3, l2Bytes: 1518, srcMac: '02:00:00:00:00:0a' },
      ]);
    // What is no frame at all says no more than its length.
    const none = sampledHeader(frame.slice(0, 6), 1518);
    expect(bench.decode(sflow([flowSample([none, sampledIpv4, sampledEthernet])]))).toMatchObject([layer3]);
    expect(bench.decode(sflow([flowSample([none])]))).toEqual([]);
    expect(bench.faults('sflow5')['header-malformed']).toBeGreaterThan(0);
  });
});

test('a sample that is given up leaves nothing in the row of the next one', () => {
  const full = sampledHeader(ethernet(0x86dd, zeros(60), [0x88a8, 300], [0x8100, 100]));
  const brokenBehind = flowSample([full, [...u32(1), ...u32(4000)]], { output: 0x40000100, rate: 7 });
  const bench = new Bench();
  const rows = bench.decode(sflow([brokenBehind, flowSample([sampledHeader(ethernet(0x0806, zeros(28)))])]));
  const alone = new Bench().decode(sflow([flowSample([sampledHeader(ethernet(0x0806, zeros(28)))])]));
  expect(rows).toEqual(alone);
});

test('samples beyond the room of a batch go on in the next one', () => {
  const samples = Array.from({ length: 25 }, (_, i) =>
    flowSample([sampledHeader(ethernet(0x0800, ipv4([...u16(i), ...u16(1), ...zeros(16)])))]),
  );
  for (const reuse of [true, false]) {
    const bench = new Bench({ rowsMax: 10, reuse });
    expect(bench.decode(sflow(samples)).map(row => row['srcPort'])).toEqual(samples.map((_, i) => i));
    expect(bench.flushed).toEqual([10, 10, 5]);
  }
});
