// The fields of NetFlow v1 to v8 as Cisco names them ("NetFlow Export Datagram Format"), in the order of the wire, and the
// headers of v9 (RFC 3954) and IPFIX (RFC 7011), whose records their templates lay out. A layout is a list of names, each
// with its size behind a colon; `a4` is an IPv4 address, a name of `-` is padding.

import { type Entry, MemberList, type Members } from './element-text.ts';

interface Field {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
  readonly address: boolean;
}

interface Layout {
  readonly bytes: number;
  readonly fields: readonly Field[];
}

function layout(text: string): Layout {
  let offset = 0;
  const fields: Field[] = [];
  for (const word of text.split(/\s+/)) {
    const [name, type] = word.split(':') as [string, string];
    const bytes = Number(type.replace('a', ''));
    if (name !== '-') fields.push({ name, offset, bytes, address: type.startsWith('a') });
    offset += bytes;
  }
  return { bytes: offset, fields };
}

const UNITS: Readonly<Record<string, string>> = {
  dPkts: 'packets',
  dOctets: 'octets',
  extraPkts: 'packets',
  flows: 'flows',
  first: 'milliseconds',
  last: 'milliseconds',
  sysUptime: 'milliseconds',
  sysUpTime: 'milliseconds',
};

const HEADER = 'version:2 count:2 sysUptime:4 unix_secs:4 unix_nsecs:4';
const ENGINE = 'flow_sequence:4 engine_type:1 engine_id:1';

/** Headers by version. */
const HEADERS: Readonly<Record<number, Layout>> = {
  1: layout(HEADER),
  5: layout(`${HEADER} ${ENGINE} sampling_interval:2`),
  6: layout(`${HEADER} ${ENGINE} sampling_interval:2`),
  7: layout(`${HEADER} flow_sequence:4 -:4`),
  8: layout(`${HEADER} ${ENGINE} aggregation:1 agg_version:1 -:4`),
  9: layout('version:2 count:2 sysUpTime:4 unixSecs:4 sequenceNumber:4 sourceId:4'),
  10: layout('version:2 length:2 exportTime:4 sequenceNumber:4 observationDomainId:4'),
};

const COUNTERS = 'dPkts:4 dOctets:4 first:4 last:4';
const ENDS = 'srcaddr:a4 dstaddr:a4 nexthop:a4 input:2 output:2';
const PORTS = 'srcport:2 dstport:2';
const TAIL = 'tcp_flags:1 prot:1 tos:1 src_as:2 dst_as:2 src_mask:1 dst_mask:1';
const FLOW = `${ENDS} ${COUNTERS} ${PORTS} -:1 ${TAIL}`;
const EXTRA = 'extraPkts:4 router_sc:a4';

/** Records by version, those of version 8 by aggregation. */
const RECORDS: Readonly<Record<number, Layout>> = {
  1: layout(`${ENDS} ${COUNTERS} ${PORTS} -:2 prot:1 tos:1 tcp_flags:1 -:7`),
  5: layout(`${FLOW} -:2`),
  6: layout(`${FLOW} in_encaps:1 out_encaps:1 peer_nexthop:a4`),
  // Two fields of this name: which fields of the record, and which flows, are not valid.
  7: layout(`${ENDS} ${COUNTERS} ${PORTS} flags:1 ${TAIL} flags:2 router_sc:a4`),
};
const AGGREGATIONS: Readonly<Record<number, Layout>> = {
  1: layout(`flows:4 ${COUNTERS} src_as:2 dst_as:2 input:2 output:2`),
  2: layout(`flows:4 ${COUNTERS} prot:1 -:3 ${PORTS}`),
  3: layout(`flows:4 ${COUNTERS} src_prefix:a4 src_mask:1 -:1 src_as:2 input:2 -:2`),
  4: layout(`flows:4 ${COUNTERS} dst_prefix:a4 dst_mask:1 -:1 dst_as:2 output:2 -:2`),
  5: layout(
    `flows:4 ${COUNTERS} src_prefix:a4 dst_prefix:a4 dst_mask:1 src_mask:1 -:2 src_as:2 dst_as:2 input:2 output:2`,
  ),
  6: layout(`dstaddr:a4 ${COUNTERS} output:2 tos:1 marked_tos:1 ${EXTRA}`),
  7: layout(`dstaddr:a4 srcaddr:a4 ${COUNTERS} output:2 input:2 tos:1 marked_tos:1 -:2 ${EXTRA}`),
  8: layout(
    `dstaddr:a4 srcaddr:a4 dstport:2 srcport:2 ${COUNTERS} output:2 input:2 tos:1 prot:1 marked_tos:1 -:1 ${EXTRA}`,
  ),
  9: layout(`flows:4 ${COUNTERS} src_as:2 dst_as:2 input:2 output:2 tos:1 -:3`),
  10: layout(`flows:4 ${COUNTERS} prot:1 tos:1 -:2 ${PORTS} input:2 output:2`),
  11: layout(`flows:4 ${COUNTERS} src_prefix:a4 src_mask:1 tos:1 src_as:2 input:2 -:2`),
  12: layout(`flows:4 ${COUNTERS} dst_prefix:a4 dst_mask:1 tos:1 dst_as:2 output:2 -:2`),
  13: layout(
    `flows:4 ${COUNTERS} src_prefix:a4 dst_prefix:a4 dst_mask:1 src_mask:1 tos:1 -:1 src_as:2 dst_as:2 input:2 output:2`,
  ),
  14: layout(
    `flows:4 ${COUNTERS} src_prefix:a4 dst_prefix:a4 dst_mask:1 src_mask:1 tos:1 prot:1 ${PORTS} input:2 output:2`,
  ),
};

type Source = Pick<Entry, 'exporter' | 'port' | 'receivedAtMs'>;

/** Header and records of a datagram of version 1 to 8: as many as both its count and its length allow. */
export function* fixedEntries(view: DataView, source: Source): Iterable<Entry> {
  const version = view.getUint16(0);
  const header = HEADERS[version];
  if (!header || view.byteLength < header.bytes) return;
  const shared = { ...source, protocol: `netflow${version}`, domain: domainOf(view) };
  yield { ...shared, kind: 'header', elements: headerMembers(view, header) };
  const aggregation = version === 8 ? view.getUint8(22) : 0;
  const record = version === 8 ? AGGREGATIONS[aggregation] : RECORDS[version];
  if (!record) return;
  const count = Math.min(view.getUint16(2), Math.floor((view.byteLength - header.bytes) / record.bytes));
  for (let i = 0; i < count; i++) {
    const elements = membersOf(view, header.bytes + i * record.bytes, record);
    yield {
      ...shared,
      kind: 'data',
      ...(version === 8 && { layout: ['aggregation', aggregation] as const }),
      elements,
    };
  }
}

/** The headers of a v9 datagram, or of all messages in one of IPFIX up to one that states a wrong length. */
export function* templateHeaders(view: DataView, source: Source): Iterable<Entry> {
  const version = view.getUint16(0);
  const { bytes, fields } = HEADERS[version]!;
  const protocol = version === 9 ? 'netflow9' : 'ipfix';
  for (let at = 0; at + bytes <= view.byteLength; ) {
    const length = version === 9 ? view.byteLength : view.getUint16(at + 2);
    if (view.getUint16(at) !== version) return;
    const domain = view.getUint32(at + bytes - 4);
    yield { ...source, protocol, domain, kind: 'header', elements: membersOf(view, at, { bytes, fields }) };
    if (length < bytes) return;
    at += length;
  }
}

/** What the decoders take for the domain. */
function domainOf(view: DataView): number {
  const version = view.getUint16(0);
  if (version === 8) return view.getUint32(20) >>> 8;
  return version === 5 || version === 6 ? view.getUint16(20) : 0;
}

/** The sampling interval has its mode in its two upper bits. */
function headerMembers(view: DataView, header: Layout): Members {
  const members = new Map(membersOf(view, 0, header));
  const sampling = members.get('sampling_interval')?.value;
  if (typeof sampling !== 'number') return members;
  members.set('sampling_mode', { value: sampling >>> 14, units: '' });
  return members.set('sampling_interval', { value: sampling & 0x3fff, units: '' });
}

function membersOf(view: DataView, start: number, { fields }: Layout): Members {
  const list = new MemberList();
  for (const field of fields) list.add(field.name, fieldValue(view, start + field.offset, field), UNITS[field.name]);
  return list.members;
}

function fieldValue(view: DataView, at: number, { bytes, address }: Field): number | string {
  if (address) return [0, 1, 2, 3].map(i => view.getUint8(at + i)).join('.');
  return bytes === 1 ? view.getUint8(at) : bytes === 2 ? view.getUint16(at) : view.getUint32(at);
}
