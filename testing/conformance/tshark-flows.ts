// Flow records as tshark reports them, by the names of our columns.

import { all, numbers, type Tree, texts } from './tshark.ts';

export type Expected = Readonly<Record<string, string | number>>;

export interface ReportedFlow {
  readonly record: Tree;
  /** What uptimes count from, where the header of the message reports. */
  readonly bootMs: number | undefined;
}

/** Elements of Cisco's application visibility. */
const CONNECTION = 'cflow.pie.cisco.connection_';

/** Templates of options, by session and domain: tshark shows their records like any other. */
export type OptionsTemplates = Set<string>;

/** The data records of a frame, in their order. */
export function flowsOf(frame: Tree, options: OptionsTemplates): ReportedFlow[] {
  const session = `${texts(all(frame['ip'])[0], 'ip.src')} ${texts(all(frame['udp'])[0], 'udp.srcport')}`;
  return all(frame['cflow']).flatMap(message => {
    const domain = `${session} ${texts(message, 'cflow.od_id')} ${texts(message, 'cflow.source_id')}`;
    const bootMs = bootOf(message);
    return Object.entries(message)
      .flatMap(([name, value]) => {
        if (name.startsWith('pdu ')) return all(value);
        return /^(Flow)?Set \d/.test(name) ? all(value).flatMap(set => recordsOf(set, domain, options)) : [];
      })
      .map(record => ({ record, bootMs }));
  });
}

function recordsOf(set: Tree, domain: string, options: OptionsTemplates): Tree[] {
  return Object.entries(set).flatMap(([name, value]) => {
    if (/^Flow \d/.test(name)) return options.has(`${domain} ${texts(set, 'cflow.flowset_id')}`) ? [] : all(value);
    if (/^(Options )?Template/.test(name))
      for (const template of all(value)) {
        const key = `${domain} ${texts(template, 'cflow.template_id')}`;
        if (name.startsWith('Options')) options.add(key);
        else options.delete(key);
      }
    return [];
  });
}

function bootOf(message: Tree): number | undefined {
  const [uptime] = texts(message, 'cflow.sysuptime');
  const [time] = all(message['cflow.timestamp_tree']);
  const [seconds] = texts(time, 'cflow.unix_secs');
  if (uptime === undefined || seconds === undefined) return undefined;
  return (
    Number(seconds) * 1000 +
    Math.floor(Number(texts(time, 'cflow.unix_nsecs')[0] ?? 0) / 1e6) -
    Math.round(Number(uptime) * 1000)
  );
}

export function expectedFlow({ record, bootMs }: ReportedFlow): Expected {
  const protocols = texts(record, 'cflow.protocol').map(Number);
  const tunnel = protocols.length > 1 && protocols.at(-1) !== 0;
  // Elements that stand twice in a record describe the layers of a tunnel, outer first: ours is the inner one.
  const layer = (name: string) => texts(record, name).at(tunnel ? -1 : 0);
  const first = (...names: string[]) => names.flatMap(name => texts(record, name))[0];
  const v4 = (name: string) => (layer(name) === '0.0.0.0' && layer(`${name}v6`) ? undefined : layer(name));
  const icmp =
    first('cflow.icmp_type_code_ipv4', 'cflow.icmp_type_code_ipv6', 'cflow.icmp_type_code') ??
    typeAndCode(
      first('cflow.icmp_ipv4_type', 'cflow.icmp_ipv6_type'),
      first('cflow.icmp_ipv4_code', 'cflow.icmp_ipv6_code'),
    );
  // 23 and 24 count where 1 and 2 do not.
  const counted = (name: string) =>
    texts(record, name)
      .slice(0, 1)
      .find(text => text !== '0');
  // Two pairs of times stand in two trees; which of them counts is reported elsewhere.
  const times = all(record['cflow.timedelta_tree']).filter(tree => typeof tree !== 'string');
  const time = (end: string) => {
    const [[absolute], [uptime]] = [texts(times[0], `cflow.abstime${end}`), texts(times[0], `cflow.time${end}`)];
    if (times.length !== 1) return undefined;
    if (absolute !== undefined) return String(Date.parse(absolute.replace(/(\.\d{3})\d+/, '$1')));
    return uptime === undefined || bootMs === undefined
      ? undefined
      : String(bootMs + Math.round(Number(uptime) * 1000));
  };
  const rate = first('cflow.sampling_interval');
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
      counted('cflow.octets') ??
      counted('cflow.post_octets') ??
      first('cflow.octets', 'cflow.permanent_octets', 'cflow.initiator_octets'),
    packets:
      counted('cflow.packets') ??
      counted('cflow.post_packets') ??
      first('cflow.packets', 'cflow.permanent_packets', 'cflow.initiator_packets'),
    tos: layer('cflow.tos'),
    tcpFlags: layer('cflow.tcpflags') ?? layer('cflow.tcpflags16'),
    inIf: first('cflow.inputint'),
    outIf: first('cflow.outputint'),
    srcMac: first('cflow.srcmac'),
    dstMac: first('cflow.dstmac'),
    etherType: first('cflow.ethernet_type'),
    vrf: first('cflow.ingress_vrfid'),
    flowStart: time('start'),
    flowEnd: time('end'),
    direction: { 0: 'ingress', 1: 'egress' }[first('cflow.direction') ?? ''],
    forwardingStatus: forwardingStatusOf(all(record['Forwarding Status'])[0]),
    samplingRate: rate === '0' ? undefined : rate,
    ...vlansOf(record),
  });
}

/** RFC 7270 4.12: two bits of status, six of its reason. */
function forwardingStatusOf(tree: Tree | undefined): string | undefined {
  const [status] = texts(tree, 'cflow.forwarding_status');
  const reason = Object.entries(tree ?? {}).find(([name]) => /^cflow\.forwarding_status_\w+_code$/.test(name))?.[1];
  return status === undefined || reason === undefined ? undefined : String(Number(status) * 64 + Number(reason));
}

/** 243 alone is the C-VID, beside 245 the S-VID; 58 where neither stands. */
function vlansOf(record: Tree): { readonly vlan?: string | undefined; readonly sVlan?: string | undefined } {
  const vid = (name: string) => texts(record, `cflow.${name}`)[0];
  const [outer, customer] = [vid('dot1q_vlan_id'), vid('dot1q_customer_vlan_id')];
  if (customer !== undefined) return { vlan: customer, sVlan: outer };
  return { vlan: outer ?? vid('vlanid') };
}

function typeAndCode(type: string | undefined, code: string | undefined): string | undefined {
  return type === undefined || code === undefined ? undefined : `${Number(type) * 256 + Number(code)}`;
}

/** The other direction of a record, where its counters are not all zero; its counters follow those of the first. */
export function expectedReverse({ record, bootMs }: ReportedFlow): Expected[] {
  const counters = (name: string, responder: string) =>
    texts(record, `cflow.${name}`)[1] ??
    texts(record, `cflow.permanent_${name}`)[1] ??
    texts(record, `cflow.responder_${responder}`)[0];
  const [bytes, packets] = [counters('octets', 'octets'), counters('packets', 'packets')];
  if (texts(record, 'cflow.protocol').length > 1 || (Number(bytes ?? 0) === 0 && Number(packets ?? 0) === 0)) return [];
  const { srcAddr, dstAddr, srcPort, dstPort, inIf, outIf, proto } = expectedFlow({ record, bootMs });
  const ports = proto === 1 || proto === 58 ? {} : { srcPort: dstPort, dstPort: srcPort };
  const ends = { srcAddr: dstAddr, dstAddr: srcAddr, ...ports, inIf: outIf, outIf: inIf };
  const reported = Object.entries(ends).filter((entry): entry is [string, string | number] => entry[1] !== undefined);
  return [{ ...Object.fromEntries(reported), ...numbers({ bytes, packets }) }];
}

/** A firewall's teardown (2) repeats what its updates (5) have reported. */
export function isRepeated({ record }: ReportedFlow, i: number, flows: readonly ReportedFlow[]): boolean {
  const is = (code: string) => (other: Tree) => texts(other, 'cflow.firewall_event')[0] === code;
  return is('2')(record) && flows.slice(0, i).some(flow => is('5')(flow.record));
}
