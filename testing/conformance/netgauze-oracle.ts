// NetGauze decodes the captures of pmacct into one JSON document a message: every element of every record, options
// included. Compared are all elements, by name and value, and the columns of the flow records that follow from them.

import { readFileSync } from 'node:fs';
import { type Capture, readCapture } from '../../collector/captures/capture.ts';
import { type InspectedField, inspectRecords } from '../../collector/decode/templated/inspect.ts';
import { builtInElements } from '../../collector/elements/element-registry.ts';
import { pathOf } from '../corpus/folder.ts';
import { Bench, type Row } from '../data/datagrams.ts';
import { Agreement } from './agreement.ts';

type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };
type Reported = readonly (readonly [name: string, value: Json])[];

interface ReportedRecord {
  readonly scope: Reported;
  readonly fields: Reported;
}

interface ReportedMessage {
  readonly key: string;
  readonly uptimeMs: number | undefined;
  readonly exportMs: number;
  readonly domain: number;
  readonly records: readonly ReportedRecord[];
}

interface ReadMessage {
  readonly key: string;
  readonly records: InspectedField[][];
  rows: Row[];
}

const names = builtInElements();

/** The capture of an expectation: `pmacct-tests` are the captures of pmacct, the others lie beside their JSON. */
export function captureOf(golden: string): string {
  return golden.replace('NetGauze/pmacct-tests/', 'pmacct/').replace('-flow.json', '.pcap');
}

export function compareNetGauze(golden: string): Agreement {
  const file = captureOf(golden);
  const agreement = new Agreement('NetGauze', [file], golden);
  const ours = Map.groupBy(readMessages(readCapture(pathOf(file))), message => message.key);
  const reported = readFileSync(pathOf(golden), 'utf8').trimEnd().split('\n').map(parseMessage);
  /** 160 systemInitTimeMilliseconds of a domain, from its options. */
  const systemInit = new Map<number, number>();
  let record = 0;
  for (const message of reported) {
    const mine = ours.get(message.key)?.shift();
    agreement.compareCount('messages', mine?.records.length, message.records.length);
    if (mine?.records.length !== message.records.length) continue;
    const rows = [...mine.rows];
    for (const [i, { scope, fields }] of message.records.entries()) {
      agreement.records++;
      compareElements(agreement, record, mine.records[i]!, [...scope, ...fields]);
      const init = fields.find(([name]) => name === 'systemInitTimeMilliseconds')?.[1];
      if (scope.length > 0) {
        if (init !== undefined) systemInit.set(message.domain, Date.parse(init as string));
      } else {
        const bootMs =
          message.uptimeMs === undefined ? systemInit.get(message.domain) : message.exportMs - message.uptimeMs;
        const row = rows.shift();
        for (const [column, value] of Object.entries(expectedRow(fields, bootMs)))
          if (value !== undefined) agreement.compare(record, column, row?.[column], value);
      }
      record++;
    }
    agreement.compareCount('rows', rows.length, 0);
  }
  agreement.compareCount(
    'messages',
    [...ours.values()].reduce((sum, left) => sum + left.length, 0),
    0,
  );
  return agreement;
}

/** Every message of a capture: its records in full, and the rows they became. */
function readMessages({ datagrams }: Capture): ReadMessage[] {
  const bench = new Bench({ rowsMax: 4096 });
  const { context } = bench.decoder;
  let message: ReadMessage | undefined;
  context.templated.inspect = (domain, template, start, end) => {
    // Sets that waited for their template are decoded from the start of the buffer: they belong to another message.
    if (start > 0) message?.records.push(...inspectRecords(context.view, domain, template, start, end, names));
  };
  return datagrams.map(({ payload, source, sourcePort, timeMs }) => {
    const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
    const ipfix = view.getUint16(0) === 10;
    const [seconds, sequence, domain] = (ipfix ? [4, 8, 12] : [8, 12, 16]).map(offset => view.getUint32(offset));
    message = { key: `${seconds} ${sequence} ${domain}`, records: [], rows: [] };
    message.rows = bench.decode(payload, source, sourcePort, timeMs);
    return message;
  });
}

function parseMessage(line: string): ReportedMessage {
  const [body] = Object.values(JSON.parse(line) as Readonly<Record<string, Readonly<Record<string, Json>>>>);
  const { sets, sequence_number: sequence, sys_up_time: uptimeMs } = body!;
  const domain = (body!['observation_domain_id'] ?? body!['source_id']) as number;
  const exportMs = Date.parse((body!['export_time'] ?? body!['unix_time']) as string);
  const data = (sets as readonly Json[]).flatMap(set =>
    Object.entries(set).flatMap(([kind, { records }]) => (kind === 'Data' ? (records as readonly Json[]) : [])),
  ) as unknown as readonly { readonly scope_fields: readonly Json[]; readonly fields: readonly Json[] }[];
  return {
    key: `${exportMs / 1000} ${sequence} ${domain}`,
    uptimeMs: uptimeMs as number | undefined,
    exportMs,
    domain,
    records: data.map(({ scope_fields, fields }) => ({
      scope: scope_fields.map(elementOf),
      fields: fields.map(elementOf),
    })),
  };
}

/** `{"octetDeltaCount": 1}`, or `{"Huawei": {"Unknown": {"id": 232, "value": [0, 1]}}}` where it has no name. */
function elementOf(field: Json): readonly [name: string, value: Json] {
  const [name, value] = Object.entries(field)[0]! as [string, Json];
  const unknown = (value as { readonly Unknown?: { readonly id: number; readonly value: Json } }).Unknown;
  return unknown?.id === undefined ? [name, value] : [`${name}.${unknown.id}`, unknown.value];
}

function compareElements(
  agreement: Agreement,
  record: number,
  ours: readonly InspectedField[],
  reported: Reported,
): void {
  agreement.compareCount('elements', ours.length, reported.length);
  for (const [i, [name, value]] of reported.entries()) {
    const field = ours[i];
    agreement.compare(
      record,
      field?.name === name ? name : `${field?.name} for ${name}`,
      textOf(field),
      plain(name, value),
    );
  }
}

/** Flags beyond 64 are bytes to NetGauze. */
function textOf(field: InspectedField | undefined): string | undefined {
  if (field?.name === 'ipv6ExtensionHeadersFull')
    return (field.value as number | bigint).toString(16).padStart(64, '0');
  return field && String(field.value);
}

const PROTOCOLS: Readonly<Record<string, number>> = {
  ICMP: 1,
  IPv4: 4,
  TCP: 6,
  UDP: 17,
  IPv6: 41,
  IPv6ICMP: 58,
  VRRP: 112,
};

/** RFC 7270 4.12 and the registries of IANA. */
const NAMED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  protocolIdentifier: PROTOCOLS,
  flowDirection: { ingress: 0, egress: 1 },
  flowEndReason: { idletimeout: 1, activetimeout: 2 },
  selectorAlgorithm: { RandomnoutofNSampling: 3 },
  mplsTopLabelType: { Unknown: 0, BGP: 4, LDP: 5 },
};
const FORWARDING: Readonly<Record<string, number>> = { 'Forwarded Unknown': 64, 'Consumed Forus': 195 };
const TCP_FLAGS = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

/** A value as text in the form of inspect.ts. */
function plain(name: string, value: Json): string {
  const unassigned = (value as { readonly Unassigned?: number }).Unassigned;
  if (unassigned !== undefined) return String(unassigned);
  if (typeof value === 'string' && /Time|Milliseconds/.test(name)) return new Date(value).toISOString();
  if (typeof value === 'string') return String(NAMED[name]?.[value] ?? value);
  if (Array.isArray(value)) {
    const hex = value.map(byte => (byte as number).toString(16).padStart(2, '0'));
    return hex.join(name.endsWith('MacAddress') ? ':' : '');
  }
  if (name === 'tcpControlBits')
    return String(
      TCP_FLAGS.reduce((bits, flag, i) => bits | ((value as Readonly<Record<string, Json>>)[flag] ? 1 << i : 0), 0),
    );
  if (name === 'forwardingStatus') {
    const [[status, reason]] = Object.entries(value) as [[string, Json]];
    return String(FORWARDING[`${status} ${reason}`] ?? (reason as { readonly Unassigned?: number }).Unassigned);
  }
  return String(value);
}

/** The columns that follow from the elements of a flow record; `bootMs` is what uptimes count from. */
function expectedRow(
  reported: Reported,
  bootMs: number | undefined,
): Readonly<Record<string, string | number | undefined>> {
  const all = (name: string) => reported.filter(field => field[0] === name).map(field => plain(...field));
  // Elements that stand twice describe the layers of a tunnel, outer first.
  const inner = (...list: string[]) => list.flatMap(all).at(-1);
  const number = (...list: string[]) => list.flatMap(all).map(Number).at(0);
  // A template with both families has zeros in the one that a record does not use.
  const address = (end: string) => {
    const [v4, v6] = [inner(`${end}IPv4Address`), inner(`${end}IPv6Address`)];
    return v4 === '0.0.0.0' ? (v6 ?? v4) : (v4 ?? v6);
  };
  const last = (name: string) => (inner(name) === undefined ? undefined : Number(inner(name)));
  const icmp = number('icmpTypeCodeIPv4', 'icmpTypeCodeIPv6');
  const time = (end: string) => {
    const at = inner(`flow${end}Milliseconds`);
    const uptime = number(`flow${end}SysUpTime`);
    const init = inner('systemInitTimeMilliseconds');
    const boot = init === undefined ? bootMs : Date.parse(init);
    return at !== undefined ? Date.parse(at) : uptime === undefined || boot === undefined ? undefined : boot + uptime;
  };
  return {
    srcAddr: address('source'),
    dstAddr: address('destination'),
    srcPort: last('sourceTransportPort'),
    dstPort: icmp || last('destinationTransportPort'),
    proto: last('protocolIdentifier'),
    tos: last('ipClassOfService'),
    tcpFlags: last('tcpControlBits'),
    bytes: number('octetDeltaCount'),
    packets: number('packetDeltaCount'),
    inIf: number('ingressInterface'),
    outIf: number('egressInterface'),
    vrf: number('ingressVRFID'),
    srcMac: inner('sourceMacAddress'),
    dstMac: inner('destinationMacAddress'),
    vlan: number('dot1qCustomerVlanId', 'vlanId'),
    direction: { 0: 'ingress', 1: 'egress', 255: 'unknown' }[number('flowDirection') ?? -1],
    forwardingStatus: number('forwardingStatus'),
    flowStart: time('Start'),
    flowEnd: time('End'),
  };
}
