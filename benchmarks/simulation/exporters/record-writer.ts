// Flow records on the wire: a template per shape, data sets, headers of NetFlow v9 and IPFIX. A shape is a list of fields;
// which one an exporter uses follows from what it is (a switch, Open vSwitch, NSX) and what it is configured to send.
//
//   NetFlow v9 20: version 2 | count 2 | sysUptime 4 | unix_secs 4 | sequence 4 | source_id 4
//   IPFIX 16:      version 2 | length 2 | export time 4 | sequence 4 | observation domain 4
//   set: id 2 | length 2 | records, or templates (id 2 | fields 2 | element 2, length 2, with an enterprise bit and 4)

import { UDP, writeMac } from '../network/frame.ts';
import { DATAGRAM_BYTES_MAX, type ExporterContext } from './exporter.ts';
import type { FlowEntry } from './flow-entry.ts';

interface Field {
  readonly id: number;
  readonly pen?: number;
  readonly bytes: number;
  write(view: DataView, at: number, entry: FlowEntry, exporter: Exporting): void;
}

interface Exporting {
  readonly sampling: number;
  readonly clockOffsetMs: number;
  readonly bootMs: number;
  /** Counters are multiplied by the sampling rate before they are sent. */
  readonly scale: number;
}

const REVERSE_PEN = 29305;
const VMWARE_PEN = 6876;
const TEMPLATE_FIRST = 256;
const TEMPLATE_EVERY_DATAGRAMS = 20;
/** Room that a record and the template before it find in a datagram. */
const RECORD_AND_TEMPLATE_BYTES_MAX = 500;
/** Packet dropped by policy (RFC 7270 4.12). */
const FORWARDED = 64;
const DROPPED = 128;
const ACCESS_PORT = 2;
const TUNNEL_PORT = 3;

const u8 = (id: number, value: (entry: FlowEntry, exporter: Exporting) => number, pen?: number): Field => ({
  id,
  bytes: 1,
  write: (view, at, entry, exporter) => view.setUint8(at, value(entry, exporter)),
  ...(pen !== undefined && { pen }),
});
const u16 = (id: number, value: (entry: FlowEntry) => number, pen?: number): Field => ({
  id,
  bytes: 2,
  write: (view, at, entry) => view.setUint16(at, value(entry)),
  ...(pen !== undefined && { pen }),
});
const u32 = (id: number, value: (entry: FlowEntry, exporter: Exporting) => number, pen?: number): Field => ({
  id,
  bytes: 4,
  write: (view, at, entry, exporter) => view.setUint32(at, value(entry, exporter)),
  ...(pen !== undefined && { pen }),
});
const u64 = (id: number, value: (entry: FlowEntry, exporter: Exporting) => number, pen?: number): Field => ({
  id,
  bytes: 8,
  write(view, at, entry, exporter) {
    const number = value(entry, exporter);
    view.setUint32(at, Math.floor(number / 2 ** 32));
    view.setUint32(at + 4, number % 2 ** 32);
  },
  ...(pen !== undefined && { pen }),
});
const mac = (id: number, value: (entry: FlowEntry) => number): Field => ({
  id,
  bytes: 6,
  write: (view, at, entry) => writeMac(view, at, value(entry)),
});

const outer = ({ observation }: FlowEntry) => observation.frame.outer;

const SRC = u32(8, ({ observation }) => observation.flow.src);
const DST = u32(12, ({ observation }) => observation.flow.dst);
const PROTO = u8(4, ({ observation }) => observation.flow.proto);
const SRC_PORT = u16(7, ({ observation }) => observation.flow.srcPort);
const DST_PORT = u16(11, ({ observation }) => observation.flow.dstPort);
// What a device that does not look into tunnels sees of them.
const OUTER_SRC = u32(8, entry => outer(entry)?.src ?? entry.observation.flow.src);
const OUTER_DST = u32(12, entry => outer(entry)?.dst ?? entry.observation.flow.dst);
const OUTER_PROTO = u8(4, entry => (outer(entry) ? UDP : entry.observation.flow.proto));
const OUTER_SRC_PORT = u16(7, entry => outer(entry)?.srcPort ?? entry.observation.flow.srcPort);
const OUTER_DST_PORT = u16(11, entry => (outer(entry) ? 4789 : entry.observation.flow.dstPort));
const OUTER_SRC_MAC = mac(56, entry => outer(entry)?.srcMac ?? entry.observation.frame.srcMac);
const OUTER_DST_MAC = mac(80, entry => outer(entry)?.dstMac ?? entry.observation.frame.dstMac);
const FLAGS = u8(6, ({ observation }) => observation.flow.tcpFlags);
const DIRECTION = u8(61, ({ observation }) => (observation.point.direction === 'ingress' ? 0 : 1));
const IN_IF = u32(10, ({ observation }) => observation.inIf);
const OUT_IF = u32(14, ({ observation }) => observation.outIf);
const OCTETS = u64(1, (entry, { scale }) => entry.bytes * scale);
const PACKETS = u64(2, (entry, { scale }) => entry.packets * scale);
const RATE = u32(34, (_, { sampling }) => sampling);
const SRC_MAC = mac(56, ({ observation }) => observation.frame.srcMac);
const DST_MAC = mac(80, ({ observation }) => observation.frame.dstMac);
const VLAN = u16(58, ({ observation }) => observation.frame.vlan);
// RFC 7133: on the link of a host with S-channels, 243 is the outer tag and 245 the inner one.
const S_VLAN = u16(243, ({ observation }) => observation.frame.sVlan ?? 0);
const C_VLAN = u16(245, ({ observation }) => observation.frame.vlan);
const ETHER_TYPE = u16(256, () => 0x0800);
const STATUS = u8(89, ({ observation }) => (observation.copies === 0 ? DROPPED : FORWARDED));
const START = u64(152, (entry, { clockOffsetMs }) => entry.startMs + clockOffsetMs);
const END = u64(153, (entry, { clockOffsetMs }) => entry.endMs + clockOffsetMs);
const FIRST_SWITCHED = u32(22, (entry, { bootMs }) => Math.max(0, entry.startMs - bootMs));
const LAST_SWITCHED = u32(21, (entry, { bootMs }) => Math.max(0, entry.endMs - bootMs));
const REVERSE_OCTETS = u64(1, ({ reverse }, { scale }) => (reverse?.bytes ?? 0) * scale, REVERSE_PEN);
const REVERSE_PACKETS = u64(2, ({ reverse }, { scale }) => (reverse?.packets ?? 0) * scale, REVERSE_PEN);
const REVERSE_START = u64(
  152,
  ({ startMs, reverse }, { clockOffsetMs }) => (reverse?.startMs ?? startMs) + clockOffsetMs,
  REVERSE_PEN,
);
const REVERSE_END = u64(
  153,
  ({ endMs, reverse }, { clockOffsetMs }) => (reverse?.endMs ?? endMs) + clockOffsetMs,
  REVERSE_PEN,
);
const STATION: Field = {
  id: 349,
  bytes: 16,
  write(view, at, { observation }) {
    const hex = observation.station.replaceAll('-', '');
    for (let i = 0; i < 16; i++) view.setUint8(at + i, Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16) || 0);
  },
};

/** The fields that templates of Open vSwitch begin with; by them its records are known to be multiplied already. */
const OVS_FIRST: readonly Field[] = [u32(138, () => 1), DIRECTION, SRC_MAC, DST_MAC, ETHER_TYPE, u8(240, () => 14)];
const OVS_REST: readonly Field[] = [SRC, DST, PROTO, SRC_PORT, DST_PORT, START, END, PACKETS, OCTETS];
const SQUARES = u64(198, ({ squares }, { scale }) => squares * scale);

/** The outer packet in the IANA elements, the tenant's in those of VMware. */
const NSX: readonly Field[] = [
  OUTER_SRC,
  OUTER_DST,
  OUTER_PROTO,
  OUTER_SRC_PORT,
  OUTER_DST_PORT,
  u8(880, ({ observation }) => observation.flow.proto, VMWARE_PEN),
  u32(881, ({ observation }) => observation.flow.src, VMWARE_PEN),
  u32(882, ({ observation }) => observation.flow.dst, VMWARE_PEN),
  u16(886, ({ observation }) => observation.flow.srcPort, VMWARE_PEN),
  u16(887, ({ observation }) => observation.flow.dstPort, VMWARE_PEN),
  u16(888, ({ observation }) => attributeOf(observation.outIf), VMWARE_PEN),
  u16(890, ({ observation }) => attributeOf(observation.inIf), VMWARE_PEN),
  u64(351, entry => 2 ** 56 + (outer(entry)?.vni ?? 0)),
  IN_IF,
  OUT_IF,
  OCTETS,
  PACKETS,
  DIRECTION,
  START,
  END,
];

function attributeOf(ifIndex: number): number {
  return ifIndex === 1 ? TUNNEL_PORT : ACCESS_PORT;
}

/** Fields of the record of a flow, and a name for their shape. */
function shapeOf(
  { spec }: ExporterContext,
  { observation, reverse }: FlowEntry,
): { name: string; fields: readonly Field[] } {
  if (spec.flavour === 'nsx') return { name: 'nsx', fields: NSX };
  if (spec.flavour === 'ovs') {
    const tags = observation.frame.vlan === 0 ? [] : [VLAN];
    const interfaces = observation.point.direction === 'ingress' ? [IN_IF] : [IN_IF, OUT_IF];
    const squares = spec.sampling === 1 ? [] : [SQUARES];
    return {
      name: `ovs ${tags.length} ${interfaces.length}`,
      fields: [...OVS_FIRST, ...tags, ...interfaces, ...OVS_REST, ...squares],
    };
  }
  const isIpfix = spec.protocol === 'ipfix';
  const channel = observation.frame.sVlan !== undefined && isIpfix;
  return {
    name: `switch ${channel} ${reverse !== undefined}`,
    fields: [
      OUTER_SRC,
      OUTER_DST,
      OUTER_SRC_PORT,
      OUTER_DST_PORT,
      OUTER_PROTO,
      FLAGS,
      ...(spec.reportsDirection ? [DIRECTION] : []),
      IN_IF,
      OUT_IF,
      OCTETS,
      PACKETS,
      RATE,
      OUTER_SRC_MAC,
      OUTER_DST_MAC,
      ...(channel ? [S_VLAN, C_VLAN] : [VLAN]),
      ETHER_TYPE,
      STATUS,
      ...(isIpfix ? [START, END] : [FIRST_SWITCHED, LAST_SWITCHED]),
      ...(reverse ? [REVERSE_OCTETS, REVERSE_PACKETS, REVERSE_START, REVERSE_END] : []),
      ...(spec.reportsStation && isIpfix ? [STATION] : []),
    ],
  };
}

interface Shape {
  readonly template: number;
  readonly fields: readonly Field[];
}

export class RecordWriter {
  readonly #context: ExporterContext;
  readonly #samplingOf: () => number;
  readonly #isIpfix: boolean;
  readonly #headerBytes: number;
  readonly #shapes = new Map<string, Shape>();
  #datagram = new Uint8Array(DATAGRAM_BYTES_MAX);
  #view = new DataView(this.#datagram.buffer);
  #end: number;
  #setAt = 0;
  #setShape: Shape | undefined;
  #records = 0;
  #templates = 0;
  #recordedBytes = 0;
  #sequence = 0;
  #datagrams = 0;
  #bootMs: number;

  constructor(context: ExporterContext, samplingOf: () => number) {
    this.#context = context;
    this.#samplingOf = samplingOf;
    this.#isIpfix = context.spec.protocol === 'ipfix';
    this.#headerBytes = this.#isIpfix ? 16 : 20;
    this.#end = this.#headerBytes;
    this.#bootMs = context.bootMs;
  }

  write(entry: FlowEntry, nowMs: number): void {
    if (this.#end + RECORD_AND_TEMPLATE_BYTES_MAX > DATAGRAM_BYTES_MAX) this.send(nowMs);
    if (this.#isEmpty && this.#datagrams % TEMPLATE_EVERY_DATAGRAMS === 0) this.#writeTemplates(this.#shapes.values());
    const shape = this.#shapeFor(entry);
    if (this.#setShape !== shape) this.#openSet(shape);
    const exporting = this.#exporting();
    for (const field of shape.fields) {
      field.write(this.#view, this.#end, entry, exporting);
      this.#end += field.bytes;
    }
    this.#records++;
    this.#recordedBytes += entry.bytes + (entry.reverse?.bytes ?? 0);
  }

  /** Sends the open datagram. */
  send(nowMs: number): void {
    if (this.#isEmpty) return;
    this.#closeSet();
    this.#writeHeader(nowMs);
    this.#context.send(this.#datagram.subarray(0, this.#end), this.#records, this.#recordedBytes, Math.floor(nowMs));
    this.#datagrams++;
    this.#open();
  }

  restart(nowMs: number): void {
    this.send(nowMs);
    this.#bootMs = Math.floor(nowMs / 1000) * 1000;
    this.#sequence = 0;
    this.#datagrams = 0;
  }

  get #isEmpty(): boolean {
    return this.#records === 0 && this.#templates === 0;
  }

  #open(): void {
    this.#datagram = new Uint8Array(DATAGRAM_BYTES_MAX);
    this.#view = new DataView(this.#datagram.buffer);
    this.#end = this.#headerBytes;
    this.#records = 0;
    this.#templates = 0;
    this.#recordedBytes = 0;
  }

  #writeHeader(nowMs: number): void {
    const { clockOffsetMs, domain } = this.#context.spec;
    const view = this.#view;
    const seconds = Math.floor((nowMs + clockOffsetMs) / 1000);
    view.setUint16(0, this.#isIpfix ? 10 : 9);
    view.setUint16(2, this.#isIpfix ? this.#end : this.#records + this.#templates);
    if (this.#isIpfix) {
      view.setUint32(4, seconds);
      view.setUint32(8, this.#sequence);
      view.setUint32(12, domain);
      this.#sequence = (this.#sequence + this.#records) >>> 0;
      return;
    }
    // Whole seconds, and the uptime of the same instant: together they give flow times to the millisecond.
    view.setUint32(4, seconds * 1000 - (this.#bootMs + clockOffsetMs));
    view.setUint32(8, seconds);
    view.setUint32(12, this.#sequence++);
    view.setUint32(16, domain);
  }

  #openSet(shape: Shape): void {
    this.#closeSet();
    this.#setShape = shape;
    this.#setAt = this.#end;
    this.#view.setUint16(this.#setAt, shape.template);
    this.#end += 4;
  }

  #closeSet(): void {
    if (this.#setShape) this.#view.setUint16(this.#setAt + 2, this.#end - this.#setAt);
    this.#setShape = undefined;
  }

  #shapeFor(entry: FlowEntry): Shape {
    const { name, fields } = shapeOf(this.#context, entry);
    let shape = this.#shapes.get(name);
    if (!shape) {
      shape = { template: TEMPLATE_FIRST + this.#shapes.size, fields };
      this.#shapes.set(name, shape);
      this.#writeTemplates([shape]);
    }
    return shape;
  }

  #writeTemplates(shapes: Iterable<Shape>): void {
    this.#closeSet();
    for (const shape of shapes) this.#writeTemplate(shape);
  }

  /** A set of its own. */
  #writeTemplate({ template, fields }: Shape): void {
    const view = this.#view;
    const at = this.#end;
    view.setUint16(at, this.#isIpfix ? 2 : 0);
    view.setUint16(at + 4, template);
    view.setUint16(at + 6, fields.length);
    let end = at + 8;
    for (const { id, pen, bytes } of fields) {
      view.setUint16(end, pen === undefined ? id : 0x8000 | id);
      view.setUint16(end + 2, bytes);
      if (pen !== undefined) view.setUint32(end + 4, pen);
      end += pen === undefined ? 4 : 8;
    }
    view.setUint16(at + 2, end - at);
    this.#end = end;
    this.#templates++;
  }

  #exporting(): Exporting {
    const { clockOffsetMs, flavour } = this.#context.spec;
    const sampling = this.#samplingOf();
    return { sampling, clockOffsetMs, bootMs: this.#bootMs, scale: flavour === 'ovs' ? sampling : 1 };
  }
}
