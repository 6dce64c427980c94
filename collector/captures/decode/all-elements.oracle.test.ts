// `hairpin decode --all-elements` against decoders of others: tshark for NetFlow v1 to v8 (records of random bytes, so that
// a field read at the wrong place has a wrong value, and captures) and for sFlow 5, NetGauze for v9 and IPFIX. Of what the
// oracle reports of a record nothing may be left over.

import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { createBatch } from '../../../schemas/batch.ts';
import { DECODED_COLUMNS } from '../../../schemas/flow.ts';
import { all, dissect, type Tree } from '../../../testing/conformance/tshark.ts';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import { type Bytes, fixedNetflow, RECEIVED_MS, rest8 } from '../../../testing/data/datagrams.ts';
import { onPath, requireTool } from '../../../testing/requirements.ts';
import { Decoder } from '../../decode/decoder.ts';
import type { FlowBatch } from '../../decode/flow-batch.ts';
import { builtInElements } from '../../elements/element-registry.ts';
import { type CapturedDatagram, readCapture } from '../capture.ts';
import { ElementPrinter } from './all-elements.ts';

const ready = [
  requireTool('tshark', onPath('tshark'), 'no such program on PATH (Debian package tshark)'),
  requireCorpus(),
].every(Boolean);

type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value };
type Members = Readonly<Record<string, Value>>;
interface Line {
  readonly kind: string;
  readonly scope?: Members;
  readonly elements: Members;
}

const names = builtInElements();

/** What is called with each datagram. */
function linesOf(datagrams: readonly CapturedDatagram[]): Line[][] {
  const output = {
    batch: createBatch(DECODED_COLUMNS, 4096) as unknown as FlowBatch,
    flush() {
      output.batch.rows = 0;
    },
  };
  const decoder = new Decoder(output, { templatesMax: 1000, exportersMax: 1000 });
  const printer = new ElementPrinter(decoder, names, 'jsonl');
  return datagrams.map(datagram => {
    const lines = printer.decode(datagram).text.split('\n').slice(0, -1);
    return lines.map(line => JSON.parse(line) as Line).filter(line => line.kind !== 'header');
  });
}

/** Values of an oracle, or ours under its names, in the order of the wire. */
type Reported = Map<string, (string | number)[]>;

function report(reported: Reported, name: string, value: Value): void {
  reported.set(name, [...(reported.get(name) ?? []), value as string | number]);
}

function plain(text: string): string | number {
  if (/^(0x[\da-f]+|\d+)$/.test(text)) return Number(text);
  return text;
}

// proves: all-elements
describe.skipIf(!ready)('tshark agrees on every field of NetFlow', () => {
  const FIELDS: Readonly<Record<string, string>> = {
    inputint: 'input',
    outputint: 'output',
    packets: 'dPkts',
    octets: 'dOctets',
    tcpflags: 'tcp_flags',
    protocol: 'prot',
    srcas: 'src_as',
    dstas: 'dst_as',
    srcmask: 'src_mask',
    dstmask: 'dst_mask',
    srcnet: 'src_prefix',
    dstnet: 'dst_prefix',
    routersc: 'router_sc',
    extra_packets: 'extraPkts',
    timestart: 'first',
    timeend: 'last',
  };
  /** Padding, and the difference of first and last. */
  const NOT_COMPARED = new Set(['padding', 'reserved', 'timedelta']);

  function recordOf(tree: Tree): Reported {
    const reported: Reported = new Map();
    for (const [key, value] of Object.entries(tree)) {
      const name = key.replace('cflow.', '');
      if (name === 'timedelta_tree') for (const [field, values] of recordOf(value as Tree)) reported.set(field, values);
      else if (!NOT_COMPARED.has(name)) report(reported, FIELDS[name] ?? name, valueIn(name, value as string));
    }
    return reported;
  }

  const valueIn = (name: string, text: string): string | number => {
    // Seconds of uptime; octets without 0x.
    if (name.startsWith('time')) return Math.round(Number(text) * 1000);
    if (name === 'marked_tos' || name === 'extra_packets') return Number.parseInt(text.replaceAll(':', ''), 16);
    return plain(text);
  };

  let state = 7;
  const randomBytes = (count: number): Bytes =>
    Array.from({ length: count }, () => {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      return state >>> 24;
    });
  const random = (version: number, rest: Bytes, bytes: number): CapturedDatagram[] => [
    {
      payload: fixedNetflow(
        version,
        rest,
        Array.from({ length: 8 }, () => randomBytes(bytes)),
      ),
      source: '10.0.0.1',
      sourcePort: 50000,
      destinationPort: 2055,
      timeMs: RECEIVED_MS,
    },
  ];
  const V8_BYTES = [28, 28, 32, 32, 40, 32, 40, 44, 32, 32, 32, 32, 40, 40];
  const CAPTURES = ['made/softflowd-v1.pcap', 'made/softflowd-v5.pcap'];
  const cases: readonly (readonly [name: string, datagrams: readonly CapturedDatagram[]])[] = [
    ['version 1', random(1, [], 48)],
    ['version 5', random(5, randomBytes(8), 48)],
    ['version 7', random(7, randomBytes(8), 52)],
    ...V8_BYTES.map((bytes, i) => [`version 8, aggregation ${i + 1}`, random(8, rest8(i + 1), bytes)] as const),
    ...(ready ? CAPTURES : []).map(file => [file, readCapture(pathOf(file)).datagrams] as const),
  ];
  /** Where tshark reads fields elsewhere. */
  const TSHARK_ERRS: Readonly<Record<string, { readonly fields: readonly string[]; readonly reason: string }>> = {
    'version 7': { fields: ['flags'], reason: 'the second field of this name is padding to tshark' },
    'version 8, aggregation 5': {
      fields: ['src_mask', 'dst_mask'],
      reason: 'Cisco, flow-tools and the scheme with ToS (13, filebeat) have dst_mask first',
    },
    'version 8, aggregation 13': { fields: ['src_mask', 'dst_mask'], reason: 'the same' },
    'version 8, aggregation 14': { fields: ['src_mask', 'dst_mask'], reason: 'the same' },
    'version 8, aggregation 9': {
      fields: ['input', 'output', 'tos'],
      reason: 'tshark reads the type of service before the interfaces, filebeat and flow-tools behind them',
    },
  };
  let frames: Tree[][] = [];
  beforeAll(async () => {
    frames = await dissect(cases.map(([, datagrams]) => datagrams));
  });

  test.each(cases.map(([name, datagrams], i) => [name, datagrams, i] as const))('%s', (name, datagrams, i) => {
    const ours = linesOf(datagrams).flat();
    const theirs = frames[i]!.flatMap(frame =>
      Object.entries(frame['cflow'] as Tree).flatMap(([key, record]) => (key.startsWith('pdu ') ? all(record) : [])),
    );
    expect(ours.length).toBe(theirs.length);
    expect(ours.length).toBeGreaterThan(0);
    const differing = new Set<string>();
    for (const [r, { elements }] of ours.entries()) {
      const reported = recordOf(theirs[r]!);
      expect([...reported.keys()].sort()).toEqual(Object.keys(elements).sort());
      for (const [field, values] of reported) if (values[0] !== elements[field]) differing.add(field);
    }
    expect([...differing].sort()).toEqual([...(TSHARK_ERRS[name]?.fields ?? [])].sort());
  });
});

// proves: structure-names
describe.skipIf(!ready)('tshark agrees on every field of sFlow samples', () => {
  const NAMES: Readonly<Record<string, string>> = {
    'sampled_header.protocol': 'header_protocol',
    'sampled_header.frame_length': 'header.frame_length',
    'sampled_header.stripped': 'header.payload_stripped',
    'sampled_header.header': 'header',
    'sampled_ethernet.length': 'ethernet.length',
    'sampled_ethernet.src_mac': 'ethernet.source_mac_address',
    'sampled_ethernet.dst_mac': 'ethernet.destination_mac_address',
    'sampled_ethernet.type': 'ethernet.packet_type',
    'sampled_ipv4.length': 'ip.length',
    'sampled_ipv4.protocol': 'ip_protocol',
    'sampled_ipv4.src_ip': 'ipv4_src',
    'sampled_ipv4.dst_ip': 'ipv4_dst',
    'sampled_ipv4.src_port': 'ip.source_port',
    'sampled_ipv4.dst_port': 'ip.destination_port',
    'extended_switch.src_vlan': 'vlan.in',
    'extended_switch.src_priority': 'pri.in',
    'extended_switch.dst_vlan': 'vlan.out',
    'extended_switch.dst_priority': 'pri.out',
    'extended_router.nexthop': 'nexthop',
    'extended_router.src_mask_len': 'nexthop.src_mask',
    'extended_router.dst_mask_len': 'nexthop.dst_mask',
    'extended_gateway.nexthop': 'nexthop',
    'extended_gateway.as': 'as',
    'extended_gateway.src_as': 'srcAS',
    'extended_gateway.src_peer_as': 'peerAS',
    'extended_gateway.dst_as_path.type': 'as_type',
    'extended_gateway.dst_as_path.as_number': 'dstAS',
    // tshark has one name for both.
    'extended_gateway.communities': 'dstAS',
    'extended_gateway.localpref': 'localpref',
    'if_counters.ifIndex': 'ifindex',
    'if_counters.ifType': 'iftype',
    'if_counters.ifSpeed': 'ifspeed',
    'if_counters.ifDirection': 'ifdirection',
    'if_counters.ifInOctets': 'ifinoct',
    'if_counters.ifInUcastPkts': 'ifinpkt',
    'if_counters.ifInMulticastPkts': 'ifinmcast',
    'if_counters.ifInBroadcastPkts': 'ifinbcast',
    'if_counters.ifInDiscards': 'ifindisc',
    'if_counters.ifInErrors': 'ifinerr',
    'if_counters.ifInUnknownProtos': 'ifinunk',
    'if_counters.ifOutOctets': 'ifoutoct',
    'if_counters.ifOutUcastPkts': 'ifoutpkt',
    'if_counters.ifOutMulticastPkts': 'ifoutmcast',
    'if_counters.ifOutBroadcastPkts': 'ifoutbcast',
    'if_counters.ifOutDiscards': 'ifoutdisc',
    'if_counters.ifOutErrors': 'ifouterr',
    'if_counters.ifPromiscuousMode': 'ifpromisc',
    sequence_number: 'sequence_number',
    'source_id.source_id_type': 'source_id_type',
    'source_id.source_id_index': 'source_id_index',
    sampling_rate: 'sampling_rate',
    sample_pool: 'sample_pool',
    drops: 'dropped_packets',
    'input.value': 'input_interface_value',
    'output.format': 'output_interface_format',
    'output.value': 'output_interface_value',
  };
  /** Lengths, formats and counts, which are reported by what stands under them; flags that tshark takes apart. */
  const NOT_COMPARED =
    /^(enterprise|sampletype|sample_length|flow_data_length|(flow|counters)_record(_format|s)?|header\.sampled_header_length|output_interface|input_interface_format|dstASentries|communityEntries|ip\.tcp_flag\..*|ipv4_(precedence_type|delay|throughput|reliability|cost))$/;
  const RENAMED: Readonly<Record<string, string>> = {
    source_id_class: 'source_id_type',
    index: 'source_id_index',
    input_interface: 'input_interface_value',
    'output_interface.format': 'output_interface_format',
  };

  function treeOf(tree: Tree, reported: Reported = new Map()): Reported {
    for (const [key, value] of Object.entries(tree)) {
      const name = key.replace(/^(sflow|sflow_245|sflow_5)\.((flow|counters)_sample\.)?/, '');
      if (name === 'header_tree' || NOT_COMPARED.test(name)) continue;
      for (const one of all(value) as unknown as readonly (string | Tree)[]) {
        if (typeof one === 'object') treeOf(one, reported);
        else if (name === 'header') report(reported, name, headerOf(one, tree));
        else report(reported, RENAMED[name] ?? name, plain(one));
      }
    }
    return reported;
  }

  /** Without the padding behind it, which tshark shows too. */
  const headerOf = (text: string, tree: Tree) =>
    text.replaceAll(':', '').slice(0, 2 * Number(tree['sflow_245.header.sampled_header_length']));

  const OURS_NOT_COMPARED = /^(records|input\.format|sampled_ipv4\.(tcp_flags|tos))$/;

  function sampleOf(value: Value, path: string, reported: Reported): Reported {
    if (Array.isArray(value)) for (const one of value) sampleOf(one, path, reported);
    else if (typeof value === 'object') {
      for (const [name, one] of Object.entries(value)) sampleOf(one, path === '' ? name : `${path}.${name}`, reported);
    } else if (path === 'if_counters.ifStatus') {
      report(reported, 'ifadmin_status', (value as number) & 1);
      report(reported, 'ifoper_status', (value as number) >>> 1);
    } else if (!OURS_NOT_COMPARED.test(path))
      report(reported, NAMES[path] ?? path.replace(/^ethernet_counters\./, ''), value as Value);
    return reported;
  }

  const FILES = [
    'akvorado/sflow/data-1140.pcap',
    'akvorado/sflow/data-sflow-expanded-sample.pcap',
    'akvorado/sflow/data-sflow-ipv4-data.pcap',
    'akvorado/sflow/data-qinq.pcap',
    'akvorado/sflow/data-discard-interface.pcap',
    'akvorado/sflow/data-multiple-interfaces.pcap',
    'akvorado/sflow/data-local-interface.pcap',
    'tcpdump/sflow_expanded.pcap',
    'tcpdump/sflow_multiple_counter_30_pdus.pcap',
  ];
  /** tshark knows no host structures: their samples are in all-elements.test.ts. */
  const isHost = (line: Line) => Object.keys(line.elements).some(name => name.startsWith('host_'));
  /** One capture holds NetFlow too. */
  const isSflow = ({ payload }: CapturedDatagram) => payload[0] === 0 && payload[1] === 0;
  const captures = ready ? FILES.map(file => readCapture(pathOf(file)).datagrams.filter(isSflow)) : [];
  let frames: Tree[][] = [];
  beforeAll(async () => {
    frames = await dissect(captures);
  });

  test.each(FILES.map((file, i) => [file, i] as const))('%s', (_, i) => {
    const key = (reported: Reported) => JSON.stringify([...reported].sort(([a], [b]) => (a < b ? -1 : 1)));
    const ours = linesOf(captures[i]!).map(lines =>
      lines.filter(line => !isHost(line)).map(line => key(sampleOf(line.elements, '', new Map()))),
    );
    const theirs = frames[i]!.map(frame =>
      Object.entries(frame['sflow'] as Tree)
        .filter(([name]) => / sample, seq /i.test(name))
        .flatMap(([, samples]) => all(samples))
        .filter(sample => !JSON.stringify(sample).includes('Unknown sample format'))
        .map(sample => key(treeOf(sample))),
    );
    expect(ours.flat().length).toBeGreaterThan(0);
    // Samples of one name stand together in what tshark reports.
    expect(ours.map(samples => samples.sort())).toEqual(theirs.map(samples => samples.sort()));
  });
});

// proves: all-elements
describe.skipIf(!ready)('NetGauze agrees on every element of v9 and IPFIX', () => {
  /** Values that it reports by their names. */
  const CODES: Readonly<Record<string, Readonly<Record<string, number>>>> = {
    protocolIdentifier: { ICMP: 1, IPv4: 4, TCP: 6, UDP: 17, IPv6: 41, IPv6ICMP: 58, VRRP: 112 },
    flowDirection: { ingress: 0, egress: 1 },
    flowEndReason: { idletimeout: 1, activetimeout: 2 },
    mplsTopLabelType: { Unknown: 0, BGP: 4, LDP: 5 },
    selectorAlgorithm: { RandomnoutofNSampling: 3 },
  };
  const FORWARDING: Readonly<Record<string, number>> = {
    '{"Unknown":{"Unassigned":0}}': 0,
    '{"Forwarded":"Unknown"}': 64,
    '{"Consumed":"Forus"}': 195,
  };
  const FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

  function memberOf(member: Members): readonly [name: string, value: string | number] {
    const [name, value] = Object.entries(member)[0]!;
    const unknown = (value as Members)['Unknown'] as Members | undefined;
    if (unknown?.['id'] !== undefined) return [`${name}.${unknown['id']}`, octets(unknown['value']!)];
    if (name === 'forwardingStatus') return [name, FORWARDING[JSON.stringify(value)]!];
    if (name === 'tcpControlBits')
      return [name, FLAGS.reduce((bits, flag, i) => bits + ((value as Members)[flag] ? 1 << i : 0), 0)];
    // Flags beyond 64, none of which is set here, are octets to it.
    if (name === 'ipv6ExtensionHeadersFull') return [name, Number(`0x${octets(value)}`)];
    return [name, CODES[name]?.[value as string] ?? octets(value)];
  }

  const octets = (value: Value): string | number => {
    if (Array.isArray(value)) return Buffer.from(value as number[]).toString('hex');
    // Times have milliseconds only where they are not 0, addresses and names are as they are.
    if (typeof value === 'string' && /^\d{4}-\d\d-\d\dT.*Z$/.test(value)) return new Date(value).toISOString();
    return value as string | number;
  };

  function reportedOf(members: readonly Members[]): Record<string, Value> {
    const reported: Reported = new Map();
    for (const member of members) report(reported, ...memberOf(member));
    return Object.fromEntries([...reported].map(([name, values]) => [name, values.length === 1 ? values[0]! : values]));
  }

  test.each([
    [
      'pmacct/106-IPFIXv10-HUAWEI-vrf_name/traffic-00.pcap',
      'pmacct-tests/106-IPFIXv10-HUAWEI-vrf_name/traffic-00-flow.json',
    ],
    [
      'pmacct/101-NFv9-CISCO-cust_primitives/traffic-00.pcap',
      'pmacct-tests/101-NFv9-CISCO-cust_primitives/traffic-00-flow.json',
    ],
    [
      'pmacct/104-IPFIXv10-IPv6-CISCO-sampling_option/traffic-00.pcap',
      'pmacct-tests/104-IPFIXv10-IPv6-CISCO-sampling_option/traffic-00-flow.json',
    ],
    ['NetGauze/flow/srv6/srv6.pcap', 'flow/srv6/srv6-flow.json'],
  ])('%s', (capture, golden) => {
    const lines = linesOf(readCapture(pathOf(capture)).datagrams).flat();
    const messages = readFileSync(pathOf(`NetGauze/${golden}`), 'utf8')
      .trimEnd()
      .split('\n');
    const records = messages.flatMap(message => {
      const [{ sets }] = Object.values(JSON.parse(message)) as [{ sets: readonly Members[] }];
      return sets.flatMap(
        set => ((set['Data'] as Members | undefined)?.['records'] ?? []) as unknown as readonly Members[],
      );
    });
    expect(records.length).toBeGreaterThan(0);
    expect(lines.length).toBe(records.length);
    for (const [i, { scope_fields: scope, fields }] of records.entries()) {
      expect(lines[i]!.scope ?? {}).toEqual(reportedOf(scope as readonly Members[]));
      expect(lines[i]!.elements).toEqual(reportedOf(fields as readonly Members[]));
    }
  });
});
