// sFlow samples as tshark reports them, by the names of our columns: the sample, and the innermost packet in its header.

import { all, numbers, type Tree, texts } from './tshark.ts';
import type { Expected } from './tshark-flows.ts';

/** A flow sample, and the layers of the packet in its tunnel. */
interface ReportedSample {
  readonly sample: Tree;
  readonly inner: Tree | undefined;
}

const PACKET_RECORDS = ['Raw packet header', 'Ethernet frame data', 'IPv4 data', 'IPv6 data'];

/** Flow samples of a frame that hold a packet. */
export function samplesOf(frame: Tree): Expected[] {
  const samples = all(frame['sflow'])
    .flatMap(datagram => Object.entries(datagram))
    .filter(([name]) => /^(Expanded )?[Ff]low sample/.test(name))
    .flatMap(([, sample]) => all(sample))
    .filter(sample => PACKET_RECORDS.some(name => sample[name] !== undefined));
  const inner = frame['vxlan'] === undefined ? undefined : frame;
  if (inner && samples.length !== 1) throw new Error('which of the samples holds the tunnel is not reported');
  return samples.map(sample => expectedSample({ sample, inner }));
}

function expectedSample({ sample, inner }: ReportedSample): Expected {
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
