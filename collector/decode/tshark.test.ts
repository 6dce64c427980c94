// The decoders against tshark, record by record, over other projects' captures. tshark reads the large captures as they
// are; small ones and raw datagrams go into one capture, a source address for each file or group that shares templates,
// because its start takes longer than its work.

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { onPath, requireTool } from '../../service/test-requirements.ts';
import { type CapturedDatagram, readCapture } from '../capture.ts';
import { Bench, CORPUS, CORPUS_GROUPS, datagramOf, ip4, type Row, splitReverse, u16, u32, zeros } from './testdata.ts';

const ready =
  requireTool('tshark', onPath('tshark'), 'no such program on PATH (Debian package tshark)') &&
  requireTool('corpus', existsSync(CORPUS), `no folder ${CORPUS}`);

/** Captures that tshark reads as they are. */
const CAPTURES: readonly string[] = [
  // NetFlow v1
  'softflowd-generated/softflowd-v1.pcap',
  // NetFlow v5
  'akvorado/netflow/nfv5.pcap',
  'softflowd-generated/softflowd-v5.pcap',
  // NetFlow v9
  'pmacct/101-NFv9-CISCO-cust_primitives/traffic-00.pcap',
  'softflowd-generated/softflowd-v9.pcap',
  // IPFIX
  'NetGauze/flow/srv6/srv6.pcap',
  'openvswitch-generated/ovs-ipfix.pcap',
  'pmacct/106-IPFIXv10-HUAWEI-vrf_name/traffic-00.pcap',
  'pmacct/112-IPFIXv10-CISCO-options-map-reassignment/traffic-00.pcap',
  'pmacct/400-IPFIXv10-BMP-CISCO-SRv6-multiple-sources/traffic-00.pcap',
  'pmacct/401-IPFIXv10-BMP-IPv6-CISCO-MPLS-multiple-sources/traffic-00.pcap',
  'pmacct/403-IPFIXv10-BMP-IPv6-CISCO-locrib-peerdown-vrf/traffic-00.pcap',
  'softflowd-generated/softflowd-ipfix.pcap',
  'softflowd-generated/softflowd-psamp.pcap',
];

/** Files whose datagrams go into one capture, besides the groups of CORPUS_GROUPS. */
const DATAGRAMS: readonly string[] = [
  'beats/extracted/v1_TestNetflowProtocol_OnPacket_0.bin',
  'beats/extracted/v5_TestNetflowProtocol_OnPacket_0.bin',
  'beats/extracted/v7_TestNetflowProtocol_OnPacket_0.bin',
  'netflow_parser/extracted/tests__it_parses_v7_1.bin',
  // Of version 8 all but TosAS, which tshark reads otherwise: see fixed-layout.tshark.test.ts.
  'beats/extracted/v8_DestOnly.bin',
  'beats/extracted/v8_FullFlow.bin',
  'beats/extracted/v8_PrePortProtocol.bin',
  'beats/extracted/v8_RouterAS.bin',
  'beats/extracted/v8_RouterDstPrefix.bin',
  'beats/extracted/v8_RouterPrefix.bin',
  'beats/extracted/v8_RouterProtoPort.bin',
  'beats/extracted/v8_RouterSrcPrefix.bin',
  'beats/extracted/v8_SrcDst.bin',
  'beats/extracted/v8_TosDstPrefix.bin',
  'beats/extracted/v8_TosPrefix.bin',
  'beats/extracted/v8_TosProtoPort.bin',
  'beats/extracted/v8_TosSrcPrefix.bin',
  'openvswitch-generated/ovs-netflow5.pcap',
  'akvorado/netflow/data+templates.pcap',
  'akvorado/netflow/mpls.pcap',
  'akvorado/netflow/nat.pcap',
  'beats/pcap/netflow9_ubiquiti_edgerouter.pcap',
  'libnetflow9/1.pcap',
  'pmacct/102-NFv9-CISCO-f2rd-pretag-sampling-reload/traffic-00.pcap',
  'akvorado/netflow/physicalinterfaces.pcap',
  'beats/pcap/ipfix_cisco.pcap',
  'beats/pcap/netflow9_e10s_4_7byte_pad.pcap',
  'pmacct/100-IPFIXv10-CISCO/traffic-00.pcap',
  'pmacct/104-IPFIXv10-IPv6-CISCO-sampling_option/traffic-00.pcap',
  'pmacct/111-IPFIXv10-NFv9-IPv6-IPv4-mix_sources/traffic-00.pcap',
  'pmacct/111-IPFIXv10-NFv9-IPv6-IPv4-mix_sources/traffic-01.pcap',
  'pmacct/400-IPFIXv10-BMP-CISCO-SRv6-multiple-sources/traffic-01.pcap',
  'pmacct/502-IPFIXv10-BGP-IPv6-CISCO-SRv6-lcomms/traffic-00.pcap',
  'softflowd-generated/softflowd-ipfix-biflow.pcap',
  'logstash-codec-netflow/netflow5_test_juniper_mx80.dat',
  'logstash-codec-netflow/netflow5_test_microtik.dat',
  'goflow2/extracted/netflow_test__TestDecodeNetFlowV5_0.bin',
  'logstash-codec-netflow/ipfix.dat',
  'logstash-codec-netflow/ipfix_test_ixia_tpldata256.dat',
  'logstash-codec-netflow/ipfix_test_ixia_tpldata271.dat',
  'logstash-codec-netflow/netflow9_cisco_asr1001x_tpl259.dat',
  'logstash-codec-netflow/netflow9_test_0length_fields_tpl_data.dat',
  'logstash-codec-netflow/netflow9_test_cisco_1941K9.dat',
  'logstash-codec-netflow/netflow9_test_invalid01.dat',
  'logstash-codec-netflow/netflow9_test_iptnetflow_reduced_size_encoding_tpldata260.dat',
  'logstash-codec-netflow/netflow9_test_nprobe_dpi.dat',
  'logstash-codec-netflow/netflow9_test_softflowd_tpl_data.dat',
  'logstash-codec-netflow/netflow9_test_streamcore_tpl_data256.dat',
  'logstash-codec-netflow/netflow9_test_streamcore_tpl_data260.dat',
  'logstash-codec-netflow/netflow9_test_unknown_tpl266_292_data.dat',
  'ipfixcol/02-odid0.ipfix',
  'ipfixcol/03-odid0-a.ipfix',
  'ipfixcol/04-odid256,512.ipfix',
  'ipfixcol/enterprise-from-nfv9.ipfix',
];

const SFLOW_CAPTURES: readonly string[] = [
  'akvorado/sflow/data-1140.pcap',
  'akvorado/sflow/data-qinq.pcap',
  'openvswitch-generated/ovs-sflow.pcap',
  'tcpdump/sflow-print-v6.pcap',
];

/** sFlow without a sampled packet: counters, discarded packets, and samples made by hand of one extended record. */
const SFLOW_WITHOUT_PACKETS: readonly string[] = [
  'cistern-sflow/counter_sample.dump',
  'cistern-sflow/event_discarded_packet.dump',
  'cistern-sflow/host_sample.dump',
  'goflow2/extracted/sflow_test__TestSFlowDecodeDropEgressQueue_2.bin',
  'goflow2/extracted/sflow_test__TestSFlowDecodeDropExtendedACL_3.bin',
  'goflow2/extracted/sflow_test__TestSFlowDecodeDropExtendedFunction_4.bin',
  'gopacket/extracted/sflow_test__SFlowTestPacket3_2.bin',
  'gopacket/extracted/sflow_test__SFlowTestPacket4_3.bin',
  'gopacket/extracted/sflow_test__SFlowTestPacket5_4.bin',
  'gopacket/extracted/sflow_test__SFlowTestPacket6_5.bin',
  'gopacket/extracted/sflow_test__SFlowTestPacket7_6.bin',
  'gopacket/extracted/sflow_test__SFlowTestPacket8_7.bin',
  'gopacket/extracted/sflow_test__SFlowTestPacket9_8.bin',
  'gopacket/extracted/sflow_test__SFlowTestPacket10_9.bin',
  'gopacket/extracted/sflow_test__SFlowTestPacket11_10.bin',
  'gopacket/extracted/sflow_test__SFlowTestPacket12_12.bin',
  'gopacket/extracted/sflow_test__SFlowTestPacket13_13.bin',
];

/** The same for sFlow. */
const SFLOW_DATAGRAMS: readonly string[] = [
  'akvorado/sflow/data-discard-interface.pcap',
  'akvorado/sflow/data-encap-vxlan.pcap',
  'akvorado/sflow/data-icmpv4.pcap',
  'akvorado/sflow/data-icmpv6.pcap',
  'akvorado/sflow/data-local-interface.pcap',
  'akvorado/sflow/data-multiple-interfaces.pcap',
  'akvorado/sflow/data-sflow-expanded-sample.pcap',
  'akvorado/sflow/data-sflow-ipv4-data.pcap',
  'akvorado/sflow/data-sflow-raw-ipv4.pcap',
  'tcpdump/sflow_expanded.pcap',
  'tcpdump/sflow_multiple_counter_30_pdus.pcap',
  'cistern-sflow/flow_sample.dump',
  'cistern-sflow/flow_sample_3.dump',
  'cistern-sflow/flow_samples_2.dump',
  'goflow2/extracted/sflow_test__TestExpandedSFlowDecode_1.bin',
  'goflow2/extracted/sflow_test__TestSFlowDecode_0.bin',
  'gopacket/extracted/sflow_test__SFlowEthernetFramePacket_11.bin',
  'vflow/extracted/decoder_test__TestsFlowRawPacketWithPaddingAfterSample_1.bin',
  'vflow/extracted/decoder_test__TestsFlowRawPacket_0.bin',
  ...SFLOW_WITHOUT_PACKETS,
];

/** Where tshark finds fewer records than there are: how many, and why. */
const TSHARK_FINDS: Readonly<Record<string, { readonly records: number; readonly reason: string }>> = {
  'logstash-codec-netflow/netflow9_test_h3c_data3281.dat': {
    records: 1,
    reason: 'element 43 with length 2 is malformed to tshark and ends its walk; filebeat reads all 16, see below',
  },
  'logstash-codec-netflow/netflow9_test_invalid01.dat': {
    records: 0,
    reason:
      'tshark stops after the 2 sets that the header announces, as an exporter that counts sets would; there are 6',
  },
  'akvorado/netflow/data+templates.pcap': {
    records: 10,
    reason: 'data before their template: they wait for it here, tshark passes over them',
  },
  'beats/pcap/netflow9_e10s_4_7byte_pad.pcap': {
    records: 6,
    reason: 'data before their template: they wait for it here, tshark passes over them',
  },
  'tcpdump/sflow_multiple_counter_30_pdus.pcap': {
    records: 0,
    reason:
      '7 of the 30 datagrams are NetFlow v5 sent to the sFlow port, which tshark dissects as sFlow; the others are counters',
  },
};

/** Records that came before their template, which tshark does without: the first of them, and how many. */
const BEFORE_TEMPLATE: Readonly<Record<string, readonly [first: number, count: number]>> = {
  'akvorado/netflow/data+templates.pcap': [10, 11],
  'beats/pcap/netflow9_e10s_4_7byte_pad.pcap': [0, 2],
};

/** Records of 315 dataLinkFrameSection, which tshark shows as bytes; sections.test.ts looks into them. */
const PACKETS_ONLY: ReadonlySet<string> = new Set(['softflowd-generated/softflowd-psamp.pcap']);

/** Captures without data records: sampler tables, names and the like. */
const WITHOUT_RECORDS: ReadonlySet<string> = new Set([
  ...SFLOW_WITHOUT_PACKETS,
  'pmacct/112-IPFIXv10-CISCO-options-map-reassignment/traffic-00.pcap',
  'logstash-codec-netflow/ipfix_test_juniper_mx240_junos151r6s3_data512.dat',
  'logstash-codec-netflow/netflow9_test_cisco_asr9k_data256.dat',
]);

/** Elements of Cisco's application visibility. */
const CONNECTION = 'cflow.pie.cisco.connection_';

type Tree = { readonly [name: string]: Tree | string | readonly (Tree | string)[] };

const run = promisify(execFile);
const folder = ready ? mkdtempSync(join(tmpdir(), 'hairpin-oracle-')) : '';
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The ports of the captures that tshark does not know by itself. */
const PORTS = [2055, 2100, 4739, 8096, 9990, 9991, 9992];

async function dissect(file: string, protocols: string): Promise<Tree[]> {
  const decodeAs = PORTS.flatMap(port => ['-d', `udp.port==${port},cflow`]);
  const args = [
    '-r',
    file,
    ...decodeAs,
    '-d',
    'udp.port==6343,sflow',
    '-T',
    'json',
    '--no-duplicate-keys',
    '-J',
    protocols,
  ];
  const { stdout } = await run('tshark', args, { maxBuffer: 2 ** 28, env: { ...process.env, TZ: 'UTC' } });
  return (JSON.parse(stdout) as { _source: { layers: Tree } }[]).map(frame => frame._source.layers);
}

function all(value: unknown): readonly Tree[] {
  return value === undefined ? [] : ((Array.isArray(value) ? value : [value]) as Tree[]);
}

function texts(tree: Tree | undefined, name: string): string[] {
  return all(tree?.[name]) as unknown as string[];
}

/** Data records in the order of the capture. Options records are told by the template their set names. */
function flowsOf(frames: readonly Tree[]): Tree[] {
  const flows: Tree[] = [];
  const options = new Set<string>();
  for (const frame of frames) {
    const session = `${texts(all(frame['ip'] ?? frame['ipv6'])[0], 'ip.src')} ${texts(all(frame['udp'])[0], 'udp.srcport')}`;
    for (const message of all(frame['cflow'])) {
      const domain = `${session} ${texts(message, 'cflow.od_id')} ${texts(message, 'cflow.source_id')}`;
      for (const [name, value] of Object.entries(message)) {
        if (name.startsWith('pdu ')) flows.push(...all(value));
        if (/^(Flow)?Set \d/.test(name)) for (const set of all(value)) readSet(set, domain, options, flows);
      }
    }
  }
  return flows;
}

function readSet(set: Tree, domain: string, options: Set<string>, flows: Tree[]): void {
  for (const [name, value] of Object.entries(set)) {
    if (/^(Options )?Template/.test(name)) {
      for (const template of all(value)) {
        const key = `${domain} ${texts(template, 'cflow.template_id')}`;
        if (name.startsWith('Options')) options.add(key);
        else options.delete(key);
      }
    } else if (/^Flow \d/.test(name) && !options.has(`${domain} ${texts(set, 'cflow.flowset_id')}`))
      flows.push(...all(value));
  }
}

/** What tshark says of a record, by the names of our columns. */
function expectedFlow(flow: Tree): Record<string, string | number> {
  const protocols = texts(flow, 'cflow.protocol').map(Number);
  const tunnel = protocols.length > 1 && protocols.at(-1) !== 0;
  // Elements that stand twice in a record describe the layers of a tunnel, outer first: ours is the inner one.
  const layer = (name: string) => texts(flow, name).at(tunnel ? -1 : 0);
  const first = (...names: string[]) => names.flatMap(name => texts(flow, name))[0];
  const v4 = (name: string) => (layer(name) === '0.0.0.0' && layer(`${name}v6`) ? undefined : layer(name));
  const icmp =
    first('cflow.icmp_type_code_ipv4', 'cflow.icmp_type_code_ipv6', 'cflow.icmp_type_code') ??
    typeAndCode(
      first('cflow.icmp_ipv4_type', 'cflow.icmp_ipv6_type'),
      first('cflow.icmp_ipv4_code', 'cflow.icmp_ipv6_code'),
    );
  // 23 and 24 count where 1 and 2 do not.
  const set = (name: string) =>
    texts(flow, name)
      .slice(0, 1)
      .find(text => text !== '0');
  return numbers({
    srcAddr:
      v4('cflow.srcaddr') ??
      layer('cflow.srcaddrv6') ??
      layer('cflow.srcnet') ??
      first(`${CONNECTION}client_ipv4_address`),
    dstAddr:
      v4('cflow.dstaddr') ??
      layer('cflow.dstaddrv6') ??
      layer('cflow.dstnet') ??
      first(`${CONNECTION}server_ipv4_address`),
    srcPort: layer('cflow.srcport'),
    dstPort:
      icmp !== undefined && Number(icmp) !== 0
        ? icmp
        : (layer('cflow.dstport') ?? first(`${CONNECTION}server_transport_port`)),
    proto: layer('cflow.protocol'),
    bytes:
      set('cflow.octets') ??
      set('cflow.post_octets') ??
      first('cflow.octets', 'cflow.permanent_octets', 'cflow.initiator_octets'),
    packets:
      set('cflow.packets') ??
      set('cflow.post_packets') ??
      first('cflow.packets', 'cflow.permanent_packets', 'cflow.initiator_packets'),
    tos: layer('cflow.tos'),
    inIf: first('cflow.inputint'),
    outIf: first('cflow.outputint'),
    srcMac: first('cflow.srcmac'),
    etherType: first('cflow.ethernet_type'),
    vrf: first('cflow.ingress_vrfid'),
  });
}

function typeAndCode(type: string | undefined, code: string | undefined): string | undefined {
  return type === undefined || code === undefined ? undefined : `${Number(type) * 256 + Number(code)}`;
}

/** The other direction of a record, where its counters are not all zero; its counters follow those of the first. */
function expectedReverse(flow: Tree): Record<string, string | number>[] {
  const counters = (name: string, responder: string) =>
    texts(flow, `cflow.${name}`)[1] ??
    texts(flow, `cflow.permanent_${name}`)[1] ??
    texts(flow, `cflow.responder_${responder}`)[0];
  const [bytes, packets] = [counters('octets', 'octets'), counters('packets', 'packets')];
  if (texts(flow, 'cflow.protocol').length > 1 || (Number(bytes ?? 0) === 0 && Number(packets ?? 0) === 0)) return [];
  const { srcAddr, dstAddr, srcPort, dstPort, inIf, outIf, proto } = expectedFlow(flow);
  const ports = proto === 1 || proto === 58 ? {} : { srcPort: dstPort, dstPort: srcPort };
  const ends = { srcAddr: dstAddr, dstAddr: srcAddr, ...ports, inIf: outIf, outIf: inIf };
  const told = Object.entries(ends).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  return [{ ...Object.fromEntries(told), ...numbers({ bytes, packets }) }];
}

/** A firewall's teardown (2) repeats what its updates (5) have told. */
function isRepeated(flow: Tree, i: number, flows: readonly Tree[]): boolean {
  const is = (code: string) => (other: Tree) => texts(other, 'cflow.firewall_event')[0] === code;
  return is('2')(flow) && flows.slice(0, i).some(is('5'));
}

function compareFlows(name: string, rows: readonly Row[], flows: readonly Tree[]): void {
  const expected = flows.map((flow, i) => ({
    ...expectedFlow(flow),
    ...(isRepeated(flow, i, flows) && { bytes: 0, packets: 0 }),
  }));
  const told = rows.toSpliced(...(BEFORE_TEMPLATE[name] ?? [0, 0]));
  const { forward, reverse } = TSHARK_FINDS[name] ? { forward: told, reverse: [] } : splitReverse(told, expected);
  compare(name, forward, expected);
  const others = flows.filter((...at) => !isRepeated(...at)).flatMap(expectedReverse);
  expect(reverse.length).toBe(others.length);
  expect(reverse).toMatchObject(others);
}

function compare(name: string, rows: readonly Row[], expected: readonly Record<string, string | number>[]): void {
  const { records = rows.length } = TSHARK_FINDS[name] ?? {};
  expect(expected.length).toBe(records);
  expect(rows.length > 0).toBe(!WITHOUT_RECORDS.has(name));
  // Every record is compared by something; two columns is what a NAT event has.
  expect(expected.some(record => Object.keys(record).length < 2)).toBe(PACKETS_ONLY.has(name));
  const disagreements = expected.flatMap((record, i) =>
    Object.entries(record)
      .filter(([column, value]) => rows[i]![column] !== value)
      .map(([column, value]) => `record ${i}: ${column} is ${rows[i]![column]}, tshark says ${value}`),
  );
  expect(disagreements).toEqual([]);
}

/** What stands behind a VXLAN header is written beside the sFlow datagram, not into the sample. */
const SFLOW_LAYERS = 'sflow ip ipv6 eth udp tcp vxlan icmpv6';

/** A flow sample, and the layers of the packet in its tunnel. */
interface ToldSample {
  readonly sample: Tree;
  readonly inner: Tree | undefined;
}

const PACKET_RECORDS = ['Raw packet header', 'Ethernet frame data', 'IPv4 data', 'IPv6 data'];

/** Flow samples that hold a packet, in the order of the capture. */
function samplesOf(frames: readonly Tree[]): ToldSample[] {
  return frames.flatMap(frame => {
    const samples = all(frame['sflow'])
      .flatMap(datagram => Object.entries(datagram))
      .filter(([name]) => /^(Expanded )?[Ff]low sample/.test(name))
      .flatMap(([, sample]) => all(sample))
      .filter(sample => PACKET_RECORDS.some(name => sample[name] !== undefined));
    const inner = frame['vxlan'] === undefined ? undefined : frame;
    if (inner && samples.length !== 1) throw new Error('which of the samples holds the tunnel is not told');
    return samples.map(sample => ({ sample, inner }));
  });
}

/** What tshark says of a sample, and of the innermost packet in its header. */
function expectedSample({ sample, inner }: ToldSample): Record<string, string | number> {
  const header = all(sample['Raw packet header'])[0];
  const packet = inner ?? all(header?.['sflow_245.header_tree'])[0];
  const layer = (name: string) => all(packet?.[name]).at(-1);
  const v6 = layer('ipv6');
  // Beside the sFlow datagram the first IPv4 header is the one that carries it.
  const v4 = inner && all(inner['ip']).length < 2 ? undefined : layer('ip');
  const tags = all(packet?.['vlan']).flatMap(tag => texts(tag, 'vlan.id'));
  const transport = inner ? {} : (layer('tcp') ?? layer('udp') ?? {});
  const field = (name: string) => texts(sample, `sflow.flow_sample.${name}`)[0];
  const output = all(sample['sflow.flow_sample.output_interface_tree'])[0];
  const outputFormat =
    texts(output, 'sflow.flow_sample.output_interface_format')[0] ?? field('output_interface.format');
  const outputValue = texts(output, 'sflow.flow_sample.output_interface_value')[0] ?? field('output_interface_value');
  const payloadLength = texts(v6, 'ipv6.plen')[0];
  const [inIf, outIf] = [field('input_interface') ?? field('input_interface_value'), outputValue];
  return numbers({
    samplingRate: field('sampling_rate'),
    inIf,
    outIf: outputFormat === '0' ? outIf : '0',
    forwardingStatus: outputFormat === '1' ? '128' : '0',
    direction: directionOf(
      field('source_id_class') ?? field('source_id_type'),
      field('index') ?? field('source_id_index'),
      inIf,
      outputFormat === '0' ? outIf : undefined,
    ),
    l2Bytes: texts(header, 'sflow_245.header.frame_length')[0],
    srcMac: texts(layer('eth'), 'eth.src')[0],
    dstMac: texts(layer('eth'), 'eth.dst')[0],
    vlan: tags.at(-1),
    sVlan: tags.at(-2),
    vni: texts(layer('vxlan'), 'vxlan.vni')[0],
    srcAddr: texts(v4, 'ip.src')[0] ?? texts(v6, 'ipv6.src')[0],
    dstAddr: texts(v4, 'ip.dst')[0] ?? texts(v6, 'ipv6.dst')[0],
    bytes: texts(v4, 'ip.len')[0] ?? (payloadLength === undefined ? undefined : String(Number(payloadLength) + 40)),
    proto: texts(v4, 'ip.proto')[0] ?? texts(v6, 'ipv6.nxt')[0],
    srcPort: texts(transport, 'tcp.srcport')[0] ?? texts(transport, 'udp.srcport')[0],
    dstPort: texts(transport, 'tcp.dstport')[0] ?? texts(transport, 'udp.dstport')[0],
    tcpFlags: texts(transport, 'tcp.flags')[0],
  });
}

/** A data source of another class than an interface (Open vSwitch) sees each packet once, as it arrives. */
function directionOf(sourceClass?: string, source?: string, input?: string, output?: string): string {
  if (sourceClass !== '0') return 'ingress';
  if (input === output) return 'unknown';
  if (source === input) return 'ingress';
  return source === output ? 'egress' : 'unknown';
}

/** Leaves out what tshark does not say; a decimal or hexadecimal number becomes one. */
function numbers(expected: Readonly<Record<string, string | undefined>>): Record<string, string | number> {
  const entries = Object.entries(expected).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(
    entries.map(([column, text]) => [column, /^(\d+|0x[\da-f]+)$/.test(text) ? Number(text) : text]),
  );
}

function decodeAll(datagrams: readonly CapturedDatagram[]): Row[] {
  const bench = new Bench();
  return datagrams.flatMap(({ payload, source, sourcePort, timeMs }) =>
    bench.decode(payload, source, sourcePort, timeMs),
  );
}

/** The source address that stands for group `i` in the capture made of all. */
const sourceOf = (i: number) => `10.0.0.${i + 1}`;

/** Payloads as a capture of raw IPv4 packets, a source address for each group. */
function writeCapture(file: string, groups: readonly (readonly CapturedDatagram[])[], port: number): void {
  const frames = groups.flatMap((group, i) =>
    group.flatMap(({ payload, sourcePort }) => {
      const length = 28 + payload.length;
      const ip = [0x45, 0, ...u16(length), ...zeros(4), 64, 17, 0, 0, ...ip4(sourceOf(i)), ...ip4('10.0.255.255')];
      const packet = [...ip, ...u16(sourcePort), ...u16(port), ...u16(length - 20), 0, 0, ...payload];
      return [...u32(1577836800), ...u32(0), ...u32(length), ...u32(length), ...packet];
    }),
  );
  writeFileSync(file, datagramOf(u32(0xa1b2c3d4), u16(2), u16(4), u32(0), u32(0), u32(262144), u32(101), frames));
}

describe.skipIf(!ready)('tshark agrees', () => {
  test.concurrent.each(CAPTURES)('on %s', async file => {
    const rows = decodeAll(readCapture(CORPUS + file).datagrams);
    compareFlows(file, rows, flowsOf(await dissect(CORPUS + file, 'ip ipv6 udp cflow')));
  });

  test.concurrent.each(SFLOW_CAPTURES)('on %s', async file => {
    const rows = decodeAll(readCapture(CORPUS + file).datagrams);
    compare(file, rows, samplesOf(await dissect(CORPUS + file, SFLOW_LAYERS)).map(expectedSample));
  });

  describe.each([
    ['NetFlow and IPFIX', 'cflow', 2055, [...CORPUS_GROUPS, ...DATAGRAMS.map(file => [file])]],
    ['sFlow', 'sflow', 6343, SFLOW_DATAGRAMS.map(file => [file])],
  ] as const)('on small files of %s', (_, protocol, destinationPort, groups) => {
    const datagrams = ready ? groups.map(group => group.flatMap(file => readCapture(CORPUS + file).datagrams)) : [];
    let frames = new Map<string | undefined, Tree[]>();
    beforeAll(async () => {
      const file = join(folder, `${protocol}.pcap`);
      writeCapture(file, datagrams, destinationPort);
      const dissected = await dissect(file, `ip udp ${protocol === 'sflow' ? SFLOW_LAYERS : protocol}`);
      frames = Map.groupBy(dissected, frame => texts(all(frame['ip'])[0], 'ip.src')[0]);
    });

    test.each(groups.map((group, i) => [group.at(-1)!, i] as const))('%s', (name, i) => {
      const told = frames.get(sourceOf(i))!;
      if (protocol === 'cflow') compareFlows(name, decodeAll(datagrams[i]!), flowsOf(told));
      else compare(name, decodeAll(datagrams[i]!), samplesOf(told).map(expectedSample));
    });
  });
});
