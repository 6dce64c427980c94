// Builders of export datagrams for tests, and a decoder that keeps its rows as plain objects. Numbers are written big
// endian; nothing here is shared with the decoders but the column list.

import type { Limits } from '../../collector/decode/context.ts';
import { Decoder } from '../../collector/decode/decoder.ts';
import type { Domain } from '../../collector/decode/exporters/domain.ts';
import { type Change, createTemplateStore, type Knowledge } from '../../collector/decode/exporters/template-store.ts';
import { FAULTS, type Fault, faultSlot } from '../../collector/decode/faults.ts';
import type { FlowBatch } from '../../collector/decode/flow-batch.ts';
import { formatAddress, formatMac, wordsOfRow } from '../../schemas/address.ts';
import { arrayOf, type Batch, clearBatch, createBatch } from '../../schemas/batch.ts';
import { PROTOCOL, PROTOCOLS, type Protocol } from '../../schemas/codes.ts';
import type { Column } from '../../schemas/columns.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';

export type Bytes = readonly number[];

export const u8 = (value: number): Bytes => [value & 0xff];
export const u16 = (value: number): Bytes => [(value >>> 8) & 0xff, value & 0xff];
export const u32 = (value: number): Bytes => [...u16(Math.floor(value / 65536)), ...u16(value % 65536)];
export const u64 = (value: number | bigint): Bytes => [
  ...u32(Number(BigInt(value) >> 32n)),
  ...u32(Number(BigInt(value) & 0xffffffffn)),
];
export const ip4 = (text: string): Bytes => text.split('.').map(Number);
export const zeros = (count: number): Bytes => new Array<number>(count).fill(0);
export const hex = (text: string): Bytes =>
  (text.replace(/[\s:]/g, '').match(/../g) ?? []).map(byte => Number.parseInt(byte, 16));
export const datagramOf = (...parts: readonly Bytes[]): Uint8Array => Uint8Array.from(parts.flat());

// 2020-01-01T00:00:00Z; the exporter has been up for a million seconds, which 32 bits of milliseconds hold.
export const EXPORT_S = 1577836800;
export const UPTIME_MS = 1_000_000_000;
export const RECEIVED_MS = EXPORT_S * 1000 + 250;

export interface Header5 {
  readonly count?: number;
  readonly sequence?: number;
  readonly engine?: number;
  readonly sampling?: number;
  readonly uptime?: number;
  readonly unixSecs?: number;
}

export function netflow5(records: readonly Bytes[], header: Header5 = {}): Uint8Array {
  const {
    count = records.length,
    sequence = 0,
    engine = 0,
    sampling = 0,
    uptime = UPTIME_MS,
    unixSecs = EXPORT_S,
  } = header;
  return datagramOf(
    u16(5),
    u16(count),
    u32(uptime),
    u32(unixSecs),
    u32(0),
    u32(sequence),
    u16(engine),
    u16(sampling),
    ...records,
  );
}

export function record5(packets = 1, bytes = 100, first = UPTIME_MS - 1000, last = UPTIME_MS): Bytes {
  return [
    ...ip4('10.0.0.1'),
    ...ip4('10.0.0.2'),
    ...ip4('10.0.0.254'),
    ...u16(3),
    ...u16(4),
    ...u32(packets),
    ...u32(bytes),
    ...u32(first),
    ...u32(last),
    ...u16(40000),
    ...u16(443),
    ...u8(0),
    ...u8(0x1b),
    ...u8(6),
    ...u8(0x10),
    ...zeros(8),
  ];
}

export interface FixedHeader {
  readonly count?: number;
  readonly uptime?: number;
  readonly unixSecs?: number;
  readonly unixNsecs?: number;
}

/** NetFlow v1 to v8: the header that all share, what the version puts behind it (`rest`), the records. */
export function fixedNetflow(
  version: number,
  rest: Bytes,
  records: readonly Bytes[],
  header: FixedHeader = {},
): Uint8Array {
  const { count = records.length, uptime = UPTIME_MS, unixSecs = EXPORT_S, unixNsecs = 0 } = header;
  return datagramOf(u16(version), u16(count), u32(uptime), u32(unixSecs), u32(unixNsecs), rest, ...records);
}

/** What version 8 puts behind the header that all share. */
export const rest8 = (aggregation: number, sequence = 0, engine = 0): Bytes => [
  ...u32(sequence),
  ...u16(engine),
  ...u8(aggregation),
  ...u8(2),
  ...zeros(4),
];

export interface Header9 {
  readonly count?: number;
  readonly sequence?: number;
  readonly sourceId?: number;
  readonly uptime?: number;
  readonly unixSecs?: number;
}

export function netflow9(sets: readonly Bytes[], header: Header9 = {}): Uint8Array {
  const body = sets.flat();
  const { count = setsIn(body), sequence = 0, sourceId = 0, uptime = UPTIME_MS, unixSecs = EXPORT_S } = header;
  return datagramOf(u16(9), u16(count), u32(uptime), u32(unixSecs), u32(sequence), u32(sourceId), body);
}

function setsIn(body: Bytes): number {
  let sets = 0;
  for (let at = 0; at + 4 <= body.length; sets++) {
    const length = body[at + 2]! * 256 + body[at + 3]!;
    if (length < 4) break;
    at += length;
  }
  return sets;
}

export interface Header10 {
  readonly length?: number;
  readonly sequence?: number;
  readonly domain?: number;
  readonly exportTime?: number;
}

export function ipfix(sets: readonly Bytes[], header: Header10 = {}): Uint8Array {
  const body = sets.flat();
  const { length = 16 + body.length, sequence = 0, domain = 0, exportTime = EXPORT_S } = header;
  return datagramOf(u16(10), u16(length), u32(exportTime), u32(sequence), u32(domain), body);
}

export function set(id: number, ...parts: readonly Bytes[]): Bytes {
  const body = parts.flat();
  return [...u16(id), ...u16(4 + body.length), ...body];
}

/** Element and length, and the enterprise number where there is one. */
export type FieldSpec = readonly [element: number, length: number, pen?: number];

function fieldBytes(fields: readonly FieldSpec[]): Bytes {
  return fields.flatMap(([element, length, pen]) =>
    pen === undefined ? [...u16(element), ...u16(length)] : [...u16(element | 0x8000), ...u16(length), ...u32(pen)],
  );
}

/** A template as it stands in a template set. */
export function template(id: number, fields: readonly FieldSpec[]): Bytes {
  return [...u16(id), ...u16(fields.length), ...fieldBytes(fields)];
}

export function ipfixOptions(id: number, scope: readonly FieldSpec[], options: readonly FieldSpec[]): Bytes {
  return [
    ...u16(id),
    ...u16(scope.length + options.length),
    ...u16(scope.length),
    ...fieldBytes([...scope, ...options]),
  ];
}

export function v9Options(id: number, scope: readonly FieldSpec[], options: readonly FieldSpec[]): Bytes {
  return [...u16(id), ...u16(4 * scope.length), ...u16(4 * options.length), ...fieldBytes([...scope, ...options])];
}

export interface SflowHeader {
  readonly samples?: number;
  readonly sequence?: number;
  readonly subAgent?: number;
  readonly agent?: Bytes;
  readonly uptimeMs?: number;
}

/** Type and body; the length is written by the builder. */
export const typed = (type: number, ...parts: readonly Bytes[]): Bytes => {
  const body = parts.flat();
  return [...u32(type), ...u32(body.length), ...body];
};

export function sflow(samples: readonly Bytes[], header: SflowHeader = {}): Uint8Array {
  const { samples: count = samples.length, sequence = 0, subAgent = 0 } = header;
  const { agent = ip4('192.0.2.1'), uptimeMs = 123456 } = header;
  return datagramOf(
    u32(5),
    u32(agent.length === 4 ? 1 : 2),
    agent,
    u32(subAgent),
    u32(sequence),
    u32(uptimeMs),
    u32(count),
    ...samples,
  );
}

export interface SampleHead {
  readonly source?: number;
  readonly rate?: number;
  readonly input?: number;
  readonly output?: number;
  readonly records?: number;
}

export function flowSample(records: readonly Bytes[], head: SampleHead = {}): Bytes {
  const { source = 3, rate = 512, input = 3, output = 4, records: count = records.length } = head;
  return typed(1, u32(1), u32(source), u32(rate), u32(100000), u32(0), u32(input), u32(output), u32(count), ...records);
}

export interface ExpandedHead {
  readonly source?: readonly [sourceClass: number, index: number];
  readonly rate?: number;
  readonly input?: readonly [format: number, value: number];
  readonly output?: readonly [format: number, value: number];
}

export function expandedSample(records: readonly Bytes[], head: ExpandedHead = {}): Bytes {
  const { source = [0, 3], rate = 512, input = [0, 3], output = [0, 4] } = head;
  const words = [1, ...source, rate, 100000, 0, ...input, ...output, records.length];
  return typed(3, words.flatMap(u32), ...records);
}

export function sampledHeader(header: Bytes, frameLength = header.length + 4, protocol = 1, stripped = 4): Bytes {
  return typed(
    1,
    u32(protocol),
    u32(frameLength),
    u32(stripped),
    u32(header.length),
    header,
    zeros(-header.length & 3),
  );
}

const DST_MAC = hex('02:00:00:00:00:0b');
const SRC_MAC = hex('02:00:00:00:00:0a');

/** `tags` are pairs of type and tag, each 4 bytes. */
export function ethernet(
  etherType: number,
  payload: Bytes,
  ...tags: readonly (readonly [type: number, vid: number])[]
): Bytes {
  return [
    ...DST_MAC,
    ...SRC_MAC,
    ...tags.flatMap(([type, vid]) => [...u16(type), ...u16(vid)]),
    ...u16(etherType),
    ...payload,
  ];
}

export interface Packet4 {
  readonly proto?: number;
  readonly options?: Bytes;
  readonly fragment?: number;
  readonly totalLength?: number;
  readonly tos?: number;
}

export function ipv4(payload: Bytes, packet: Packet4 = {}): Bytes {
  const { proto = 6, options = [], fragment = 0, totalLength = 20 + options.length + payload.length, tos = 0 } = packet;
  return [
    0x40 | (5 + options.length / 4),
    tos,
    ...u16(totalLength),
    ...u16(1),
    ...u16(fragment),
    64,
    proto,
    ...u16(0),
    ...ip4('10.1.0.1'),
    ...ip4('10.2.0.2'),
    ...options,
    ...payload,
  ];
}

export const SRC6 = '2001:db8::1';
export const src6: Bytes = hex('20010db8000000000000000000000001');
export const dst6: Bytes = hex('20010db8000000000000000000000002');

export function ipv6(next: number, payload: Bytes, payloadLength = payload.length, trafficClass = 0): Bytes {
  return [
    ...u16(0x6000 | (trafficClass << 4)),
    ...u16(0),
    ...u16(payloadLength),
    next,
    64,
    ...src6,
    ...dst6,
    ...payload,
  ];
}

export const tcp = (source = 40000, destination = 443, flags = 0x12): Bytes => [
  ...u16(source),
  ...u16(destination),
  ...u32(1),
  ...u32(2),
  0x50,
  flags,
  ...zeros(6),
];

export const udp = (source = 5000, destination = 53): Bytes => [
  ...u16(source),
  ...u16(destination),
  ...u16(8),
  ...u16(0),
];

export type Value = number | string | bigint;
export type Row = Readonly<Record<string, Value>>;

/** One row as plain values; times are milliseconds, MAC addresses text. */
export function rowOf(batch: Batch<readonly Column[]>, row: number): Row {
  return Object.fromEntries(batch.list.map(column => [column.name, cell(batch, column, row)]));
}

function cell(batch: Batch<readonly Column[]>, column: Column, row: number): Value {
  const array = arrayOf(batch, column.name);
  if (column.codes) return column.codes[array[row]!] ?? array[row]!;
  switch (column.kind) {
    case 'address':
      return formatAddress(wordsOfRow(array as Uint32Array, row));
    case 'bytes16':
      return Buffer.from(array.buffer, 16 * row, 16).toString('hex');
    case 'time':
      return array[2 * row + 1]! * 2 ** 32 + array[2 * row]!;
    case 'u64': {
      if (column.name.endsWith('Mac')) return formatMac(array[2 * row]!, array[2 * row + 1]!);
      const wide = (BigInt(array[2 * row + 1]!) << 32n) | BigInt(array[2 * row]!);
      return wide <= Number.MAX_SAFE_INTEGER ? Number(wide) : wide;
    }
    default:
      return array[row]!;
  }
}

export interface BenchOptions extends Partial<Limits> {
  readonly rowsMax?: number;
  /** False: a flush puts a fresh batch in place, as it does when the old one leaves for another thread. */
  readonly reuse?: boolean;
  readonly knowledge?: Knowledge;
}

/** What outlives a decoder, and every change that a decoder reports. */
export function memory(exportersMax = 1000, templatesMax = 1000) {
  const changes: Change[] = [];
  const sink = { changed: (change: Change) => changes.push(change) };
  return { store: createTemplateStore({ exportersMax, templatesMax }), sink, changes };
}

/** A decoder whose rows can be looked at. */
export class Bench {
  readonly decoder: Decoder;
  readonly rows: Row[] = [];
  /** Rows of each batch that was flushed. */
  readonly flushed: number[] = [];
  readonly #output: { batch: FlowBatch; flush(): void };

  constructor({
    rowsMax = 256,
    reuse = true,
    templatesMax = 1000,
    exportersMax = 1000,
    knowledge,
    isReserved,
    hasPeers = false,
    measuresClocks = false,
  }: BenchOptions = {}) {
    const fresh = () => createBatch(DECODED_COLUMNS, rowsMax) as unknown as FlowBatch;
    this.#output = {
      batch: fresh(),
      flush: () => {
        const { batch } = this.#output;
        this.flushed.push(batch.rows);
        for (let row = 0; row < batch.rows; row++) this.rows.push(rowOf(batch, row));
        if (reuse) clearBatch(batch);
        else this.#output.batch = fresh();
      },
    };
    this.decoder = new Decoder(
      this.#output,
      { templatesMax, exportersMax, hasPeers, measuresClocks, ...(isReserved && { isReserved }) },
      undefined,
      knowledge,
    );
  }

  get batch(): FlowBatch {
    return this.#output.batch;
  }

  /** Decodes and returns the rows of this datagram. */
  decode(datagram: Uint8Array, source = '198.51.100.1', port = 50000, receivedAtMs = RECEIVED_MS): Row[] {
    return this.rowsOf(() => this.decoder.decode(datagram, source, port, receivedAtMs));
  }

  /** Takes in what another decoder has learned and returns the rows that had waited for it. */
  learn(changes: readonly Change[], nowMs = RECEIVED_MS): Row[] {
    return this.rowsOf(() => this.decoder.learn(changes, nowMs));
  }

  rowsOf(act: () => number): Row[] {
    const before = this.rows.length;
    const records = act();
    if (this.batch.rows > 0) this.#output.flush();
    const rows = this.rows.slice(before);
    if (rows.length !== records)
      throw new Error(`${records} records were counted, but the batch got ${rows.length} rows`);
    return rows;
  }

  /** Counts of faults that are not zero. */
  faults(protocol: Protocol): Partial<Record<Fault, number>> {
    const entries = FAULTS.map(
      (name, fault) => [name, this.decoder.context.faults[faultSlot(PROTOCOL[protocol], fault)]!] as const,
    );
    return Object.fromEntries(entries.filter(([, count]) => count > 0));
  }

  /** Those of all protocols together. */
  allFaults(): Partial<Record<Fault, number>> {
    const { faults } = this.decoder.context;
    const counts = FAULTS.map((name, fault) => {
      const slots = PROTOCOLS.map((_, protocol) => faults[faultSlot(protocol, fault)]!);
      return [name, slots.reduce((sum, count) => sum + count, 0)] as const;
    });
    return Object.fromEntries(counts.filter(([, count]) => count > 0));
  }

  domains(): Domain[] {
    return [...this.decoder.exporters.domains()];
  }

  /** The only domain there is. */
  domain(): Domain {
    const domains = this.domains();
    if (domains.length !== 1) throw new Error(`${domains.length} domains`);
    return domains[0]!;
  }
}

/** Datagrams that each bring something never seen before; `of` says what, `proven` whether it has data with it. */
export type FloodOf = 'templates' | 'unknown templates' | 'domains' | 'sources' | 'agents';

/** The datagrams of a flood by number: the same bytes each time, with what is new written into them. */
export function createFlood(
  of: FloodOf,
  proven = false,
): (i: number) => { datagram: Uint8Array; address: string; port: number } {
  const field: FieldSpec[] = [[1, 4]];
  const data = set(300, u32(1));
  const announced = [set(2, template(300, field)), ...(proven ? [data] : [])];
  const sampled = proven ? [flowSample([sampledHeader(ethernet(0x0800, ipv4(tcp())))])] : [];
  const datagram = of === 'agents' ? sflow(sampled) : ipfix(of === 'unknown templates' ? [data] : announced);
  const view = new DataView(datagram.buffer);
  const spoofed = (i: number) => `${11 + (i >>> 24)}.${(i >>> 16) & 255}.${(i >>> 8) & 255}.${i & 255}`;
  return i => {
    const templateId = 256 + (i % 65_280);
    if (of === 'templates') view.setUint16(20, templateId);
    if (of === 'templates' && proven) view.setUint16(28, templateId);
    if (of === 'unknown templates') view.setUint16(16, templateId);
    if (of === 'agents') view.setUint32(8, i);
    else if (of !== 'sources') view.setUint32(12, of === 'domains' ? i : Math.floor(i / 65_280));
    return { datagram, address: of === 'sources' ? spoofed(i) : '10.255.0.1', port: 4739 };
  };
}

const dat = (prefix: string, ...names: readonly string[]): string[] =>
  names.map(name => `logstash-codec-netflow/${prefix}${name}.dat`);
const akvorado = (...names: readonly string[]): string[] => names.map(name => `akvorado/netflow/${name}.pcap`);

/** Files of the corpus that belong to one exporter: templates in one, data in the next. */
export const CORPUS_GROUPS: readonly (readonly string[])[] = [
  dat('ipfix_test_', 'barracuda_tpl', 'barracuda_data256'),
  dat('ipfix_test_', 'barracuda_extended_uniflow_tpl256', 'barracuda_extended_uniflow_data256'),
  dat('ipfix_test_', 'juniper_mx240_junos151r6s3_opttpl512', 'juniper_mx240_junos151r6s3_data512'),
  dat('ipfix_test_', 'mikrotik_tpl', 'mikrotik_data258', 'mikrotik_data259'),
  dat('ipfix_test_', 'netscaler_tpl', 'netscaler_data'),
  dat('ipfix_test_', 'nokia_bras_tpl', 'nokia_bras_data256'),
  dat('ipfix_test_', 'openbsd_pflow_tpl', 'openbsd_pflow_data'),
  dat('ipfix_test_', 'procera_tpl52935', 'procera_data52935'),
  dat('ipfix_test_', 'viptela_tpl257', 'viptela_data257'),
  dat('ipfix_test_vmware_vds_', 'tpl', 'data264', 'data266', 'data266_267'),
  dat('ipfix_test_yaf_', 'tpls_option_tpl', 'tpl45841', 'data45841', 'data45873', 'data53248'),
  dat('netflow9_test_', 'cisco_aci_tpl256-258', 'cisco_aci_data256'),
  dat('netflow9_test_', 'cisco_asa_1_tpl', 'cisco_asa_1_data'),
  dat('netflow9_test_', 'cisco_asa_2_tpl_26x', 'cisco_asa_2_tpl_27x', 'cisco_asa_2_data'),
  dat('netflow9_test_', 'cisco_asr9k_opttpl256', 'cisco_asr9k_data256'),
  dat('netflow9_test_', 'cisco_asr9k_tpl260', 'cisco_asr9k_data260'),
  dat('netflow9_test_', 'cisco_nbar_tpl262', 'cisco_nbar_data262'),
  dat('netflow9_test_', 'cisco_wlc_tpl', 'cisco_wlc_data261'),
  dat('netflow9_test_', 'field_layer2segmentid_tpl', 'field_layer2segmentid_data'),
  dat('netflow9_test_fortigate_fortios_', '521_tpl', '521_data256', '521_data257'),
  dat('netflow9_test_fortigate_fortios_', '542_appid_tpl258-269', '542_appid_data258_262'),
  dat('netflow9_test_', 'h3c_tpl3281', 'h3c_data3281'),
  dat('netflow9_test_', 'h3c_netstream_varstring_tpl3281', 'h3c_netstream_varstring_data3281'),
  dat('netflow9_test_', 'huawei_netstream_tpl', 'huawei_netstream_data'),
  dat('netflow9_test_', 'macaddr_tpl', 'macaddr_data'),
  dat('netflow9_test_', 'nprobe_tpl', 'nprobe_data'),
  dat('netflow9_test_', 'paloalto_81_tpl256-263', 'paloalto_81_data257_1flowset_in_large_zerofilled_packet'),
  dat('netflow9_test_', 'paloalto_panos_tpl', 'paloalto_panos_data'),
  dat('netflow9_test_', 'ubnt_edgerouter_tpl', 'ubnt_edgerouter_data1024', 'ubnt_edgerouter_data1025'),
  akvorado('options-template', 'options-data', 'template', 'data'),
  akvorado('samplingrate-template', 'samplingrate-data'),
  akvorado(
    'multiplesamplingrates-options-template',
    'multiplesamplingrates-options-data',
    'multiplesamplingrates-template',
    'multiplesamplingrates-data',
  ),
  akvorado('icmp-template', 'icmp-data'),
  akvorado('datalink-template', 'datalink-data'),
  akvorado('ethernet-over-mpls-with-control-word-template', 'ethernet-over-mpls-with-control-word-data'),
  akvorado('ipfix-srv6-template', 'ipfix-srv6-data'),
  akvorado('ipfixprobe-templates', 'ipfixprobe-data'),
  akvorado('juniper-cpid-template', 'juniper-cpid-data'),
  [
    'goflow2/extracted/netflow_test__TestDecodeNetFlowV9_0.bin',
    'goflow2/extracted/netflow_test__TestDecodeNetFlowV9_1.bin',
  ],
  [
    'netflow_parser/extracted/tests__it_parses_v9_no_data_9.bin',
    'netflow_parser/extracted/tests__it_parses_v9_data_cached_template_16.bin',
  ],
  [
    'netflow_parser/extracted/tests__it_parses_ipfix_enterprise_bit_template_and_data_27.bin',
    'netflow_parser/extracted/tests__it_parses_ipfix_enterprise_bit_template_and_data_28.bin',
  ],
  ['vflow/extracted/decoder_test__TestDecodeDataTpl_5.bin', 'vflow/extracted/decoder_test__TestDecodeDataTpl_4.bin'],
];
