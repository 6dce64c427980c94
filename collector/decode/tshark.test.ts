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
import { Bench, CORPUS, CORPUS_GROUPS, datagramOf, ip4, type Row, u16, u32, zeros } from './testdata.ts';

const ready =
  requireTool('tshark', onPath('tshark'), 'no such program on PATH (Debian package tshark)') &&
  requireTool('corpus', existsSync(CORPUS), `no folder ${CORPUS}`);

/** Captures that tshark reads as they are. */
const CAPTURES: readonly string[] = [
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
  'tcpdump/sflow_multiple_counter_30_pdus.pcap': {
    records: 0,
    reason:
      '7 of the 30 datagrams are NetFlow v5 sent to the sFlow port, which tshark dissects as sFlow; the others are counters',
  },
};

/** Records of elements that fill no column yet: 315 dataLinkFrameSection. */
const PACKETS_ONLY: ReadonlySet<string> = new Set(['softflowd-generated/softflowd-psamp.pcap']);

/** Captures without data records: sampler tables, names and the like. */
const OPTIONS_ONLY: ReadonlySet<string> = new Set([
  'pmacct/112-IPFIXv10-CISCO-options-map-reassignment/traffic-00.pcap',
  'logstash-codec-netflow/ipfix_test_juniper_mx240_junos151r6s3_data512.dat',
  'logstash-codec-netflow/netflow9_test_cisco_asr9k_data256.dat',
]);

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
  const icmp = first('cflow.icmp_type_code_ipv4', 'cflow.icmp_type_code_ipv6', 'cflow.icmp_type_code');
  return numbers({
    srcAddr: v4('cflow.srcaddr') ?? layer('cflow.srcaddrv6'),
    dstAddr: v4('cflow.dstaddr') ?? layer('cflow.dstaddrv6'),
    srcPort: layer('cflow.srcport'),
    dstPort: icmp !== undefined && Number(icmp) !== 0 ? icmp : layer('cflow.dstport'),
    proto: layer('cflow.protocol'),
    bytes: first('cflow.octets', 'cflow.permanent_octets', 'cflow.initiator_octets'),
    packets: first('cflow.packets', 'cflow.permanent_packets', 'cflow.initiator_packets'),
    tos: layer('cflow.tos'),
    inIf: first('cflow.inputint'),
    outIf: first('cflow.outputint'),
    srcMac: first('cflow.srcmac'),
    etherType: first('cflow.ethernet_type'),
    vrf: first('cflow.ingress_vrfid'),
  });
}

function compare(name: string, rows: readonly Row[], expected: readonly Record<string, string | number>[]): void {
  const { records = rows.length } = TSHARK_FINDS[name] ?? {};
  expect(expected.length).toBe(records);
  expect(rows.length > 0).toBe(!OPTIONS_ONLY.has(name));
  // Every record is compared by something; two columns is what a NAT event has.
  expect(expected.some(record => Object.keys(record).length < 2)).toBe(PACKETS_ONLY.has(name));
  const disagreements = expected.flatMap((record, i) =>
    Object.entries(record)
      .filter(([column, value]) => rows[i]![column] !== value)
      .map(([column, value]) => `record ${i}: ${column} is ${rows[i]![column]}, tshark says ${value}`),
  );
  expect(disagreements).toEqual([]);
}

/** Flow samples that hold a packet, in the order of the capture. */
function samplesOf(frames: readonly Tree[]): Tree[] {
  return frames
    .flatMap(frame => all(frame['sflow']))
    .flatMap(datagram => Object.entries(datagram))
    .filter(([name]) => /^(Expanded )?[Ff]low sample/.test(name))
    .flatMap(([, sample]) => all(sample));
}

/** What tshark says of a sample, and of the outermost packet in its header. */
function expectedSample(sample: Tree): Record<string, string | number> {
  const header = all(sample['Raw packet header'])[0];
  const packet = all(header?.['sflow_245.header_tree'])[0];
  const layer = (name: string) => all(packet?.[name])[0];
  const [ethernet, v4, v6] = [layer('eth'), layer('ip'), layer('ipv6')];
  const tags = all(packet?.['vlan']).flatMap(tag => texts(tag, 'vlan.id'));
  const transport = layer('tcp') ?? layer('udp') ?? {};
  const compact = (name: string) => texts(sample, `sflow.flow_sample.${name}`)[0];
  const output = all(sample['sflow.flow_sample.output_interface_tree'])[0];
  return numbers({
    samplingRate: compact('sampling_rate'),
    inIf: compact('input_interface') ?? compact('input_interface_value'),
    outIf:
      texts(output, 'sflow.flow_sample.output_interface_format')[0] === '0'
        ? texts(output, 'sflow.flow_sample.output_interface_value')[0]
        : compact('output_interface.format') === '0'
          ? compact('output_interface_value')
          : undefined,
    l2Bytes: texts(header, 'sflow_245.header.frame_length')[0],
    srcMac: texts(ethernet, 'eth.src')[0],
    dstMac: texts(ethernet, 'eth.dst')[0],
    vlan: tags.at(-1),
    sVlan: tags.at(-2),
    srcAddr: texts(v4, 'ip.src')[0] ?? texts(v6, 'ipv6.src')[0],
    dstAddr: texts(v4, 'ip.dst')[0] ?? texts(v6, 'ipv6.dst')[0],
    bytes: texts(v4, 'ip.len')[0],
    proto: texts(v4, 'ip.proto')[0] ?? texts(v6, 'ipv6.nxt')[0],
    srcPort: texts(transport, 'tcp.srcport')[0] ?? texts(transport, 'udp.srcport')[0],
    dstPort: texts(transport, 'tcp.dstport')[0] ?? texts(transport, 'udp.dstport')[0],
  });
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
    const expected = flowsOf(await dissect(CORPUS + file, 'ip ipv6 udp cflow')).map(expectedFlow);
    compare(file, rows, expected);
  });

  test.concurrent.each(SFLOW_CAPTURES)('on %s', async file => {
    const rows = decodeAll(readCapture(CORPUS + file).datagrams);
    compare(file, rows, samplesOf(await dissect(CORPUS + file, 'sflow')).map(expectedSample));
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
      const dissected = await dissect(file, `ip udp ${protocol}`);
      frames = Map.groupBy(dissected, frame => texts(all(frame['ip'])[0], 'ip.src')[0]);
    });

    test.each(groups.map((group, i) => [group.at(-1)!, i] as const))('%s', (name, i) => {
      const told = frames.get(sourceOf(i))!;
      compare(
        name,
        decodeAll(datagrams[i]!),
        protocol === 'cflow' ? flowsOf(told).map(expectedFlow) : samplesOf(told).map(expectedSample),
      );
    });
  });
});
