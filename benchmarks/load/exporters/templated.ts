// What NetFlow v9 and IPFIX share: two templates (IPv4 and IPv6), data sets of records, datagrams that open with the
// templates now and then. A dialect says where they differ.
//
//   datagram: header | [template set] | data set ... ;  set: id 2 | length 2 | records, a multiple of 4 bytes

import { TCP } from '../model/applications.ts';
import { VLAN } from '../model/data-centre.ts';
import type { FlowTable } from '../model/flow-table.ts';
import { DATAGRAM_BYTES_MAX, type ExporterContext, type FlowExporter } from './exporter.ts';
import { type Metered, meter } from './metering.ts';

/** [information element, length] */
type Field = readonly [number, number];

export interface Dialect {
  readonly headerBytes: number;
  readonly templateSetId: number;
  /** Elements of first and last packet: 22 and 21 (uptime), or 152 and 153 (absolute). */
  readonly timeFields: readonly [Field, Field];
  writeHeader(view: DataView, bytes: number, records: number, templates: number, exportMs: number): void;
}

const COMMON_FIELDS: readonly Field[] = [
  [7, 2], // sourceTransportPort
  [11, 2], // destinationTransportPort
  [4, 1], // protocolIdentifier
  [5, 1], // ipClassOfService
  [6, 1], // tcpControlBits
  [61, 1], // flowDirection
  [10, 4], // ingressInterface
  [14, 4], // egressInterface
  [1, 8], // octetDeltaCount
  [2, 8], // packetDeltaCount
  [34, 4], // samplingInterval
  [56, 6], // sourceMacAddress
  [80, 6], // destinationMacAddress
  [58, 2], // vlanId
  [256, 2], // ethernetType
];
const TEMPLATE_IPV4 = 256;
const TEMPLATE_IPV6 = 257;
const SET_HEADER_BYTES = 4;
/** At start and then at every so many datagrams. */
const TEMPLATE_EVERY_DATAGRAMS = 50;

export class TemplatedExporter implements FlowExporter {
  readonly #context: ExporterContext;
  readonly #dialect: Dialect;
  readonly #isAbsolute: boolean;
  readonly #templates: Uint8Array;
  readonly #recordBytes4: number;
  readonly #recordBytes6: number;
  readonly #metered: Metered = { bytes: 0, packets: 0 };
  #datagram: Uint8Array = new Uint8Array(DATAGRAM_BYTES_MAX);
  #view = new DataView(this.#datagram.buffer);
  #datagrams = 0;
  #records = 0;
  #end = 0;
  #setStart = 0;
  #setId = 0;

  constructor(context: ExporterContext, dialect: Dialect) {
    this.#context = context;
    this.#dialect = dialect;
    this.#isAbsolute = dialect.timeFields[0][1] === 8;
    this.#templates = templateSet(dialect);
    this.#recordBytes4 = recordBytesOf(dialect, TEMPLATE_IPV4);
    this.#recordBytes6 = recordBytesOf(dialect, TEMPLATE_IPV6);
    this.#open();
  }

  observe(flows: FlowTable, row: number, inIf: number, outIf: number, exportMs: number): void {
    const { bridge, conversations, random } = this.#context;
    meter(this.#metered, random, flows, row, bridge.sampling);
    if (this.#metered.packets === 0) return;
    const isIPv6 = conversations.isIPv6[flows.conversation[row]!] === 1;
    const template = isIPv6 ? TEMPLATE_IPV6 : TEMPLATE_IPV4;
    const recordBytes = isIPv6 ? this.#recordBytes6 : this.#recordBytes4;
    const setBytes = recordBytes + (template === this.#setId ? 0 : SET_HEADER_BYTES);
    if (this.#end + setBytes > DATAGRAM_BYTES_MAX) this.flush(exportMs);
    if (template !== this.#setId) this.#openSet(template);
    this.#writeRecord(flows, row, inIf, outIf);
    this.#end += recordBytes;
    this.#records++;
  }

  flush(exportMs: number): void {
    if (this.#records === 0) return;
    this.#closeSet();
    const templates = this.#datagrams % TEMPLATE_EVERY_DATAGRAMS === 0 ? 2 : 0;
    this.#dialect.writeHeader(this.#view, this.#end, this.#records, templates, exportMs);
    const next = this.#context.send(this.#datagram, this.#end, this.#records);
    if (next !== this.#datagram) {
      this.#datagram = next;
      this.#view = new DataView(next.buffer, next.byteOffset);
    }
    this.#datagrams++;
    this.#records = 0;
    this.#open();
  }

  #open(): void {
    this.#end = this.#dialect.headerBytes;
    this.#setId = 0;
    if (this.#datagrams % TEMPLATE_EVERY_DATAGRAMS !== 0) return;
    this.#datagram.set(this.#templates, this.#end);
    this.#end += this.#templates.length;
  }

  #openSet(template: number): void {
    this.#closeSet();
    this.#setStart = this.#end;
    this.#setId = template;
    this.#view.setUint16(this.#setStart, template);
    this.#end += SET_HEADER_BYTES;
  }

  #closeSet(): void {
    if (this.#setId !== 0) this.#view.setUint16(this.#setStart + 2, this.#end - this.#setStart);
  }

  /** Writes the flow last metered behind what the open set holds. */
  #writeRecord(flows: FlowTable, row: number, inIf: number, outIf: number): void {
    const { bridge, conversations, dataCentre } = this.#context;
    const { macHigh, macLow } = dataCentre.endpoints;
    const view = this.#view;
    const conversation = flows.conversation[row]!;
    const from = conversations.src[conversation]!;
    const to = conversations.dst[conversation]!;
    const proto = conversations.proto[conversation]!;
    const at = this.#writeAddresses(from, to);
    view.setUint16(at, flows.srcPort[row]!);
    view.setUint16(at + 2, flows.dstPort[row]!);
    view.setUint8(at + 4, proto);
    view.setUint8(at + 5, 0);
    view.setUint8(at + 6, proto === TCP ? 0x1b : 0);
    view.setUint8(at + 7, 0); // ingress
    view.setUint32(at + 8, inIf);
    view.setUint32(at + 12, outIf);
    setUint64(view, at + 16, this.#metered.bytes);
    setUint64(view, at + 24, this.#metered.packets);
    view.setUint32(at + 32, bridge.sampling);
    view.setUint16(at + 36, macHigh[from]!);
    view.setUint32(at + 38, macLow[from]!);
    view.setUint16(at + 42, macHigh[to]!);
    view.setUint32(at + 44, macLow[to]!);
    view.setUint16(at + 48, VLAN);
    view.setUint16(at + 50, this.#setId === TEMPLATE_IPV4 ? 0x0800 : 0x86dd);
    this.#writeTimes(at + 52, flows.startMs[row]!, flows.endMs[row]!);
  }

  /** Returns where they end. */
  #writeAddresses(from: number, to: number): number {
    const { address4, address6 } = this.#context.dataCentre.endpoints;
    const view = this.#view;
    const at = this.#end;
    if (this.#setId === TEMPLATE_IPV4) {
      view.setUint32(at, address4[from]!);
      view.setUint32(at + 4, address4[to]!);
      return at + 8;
    }
    for (let word = 0; word < 4; word++) {
      view.setUint32(at + 4 * word, address6[4 * from + word]!);
      view.setUint32(at + 16 + 4 * word, address6[4 * to + word]!);
    }
    return at + 32;
  }

  #writeTimes(at: number, startMs: number, endMs: number): void {
    if (this.#isAbsolute) {
      setUint64(this.#view, at, startMs);
      setUint64(this.#view, at + 8, endMs);
      return;
    }
    this.#view.setUint32(at, startMs - this.#context.bootMs);
    this.#view.setUint32(at + 4, endMs - this.#context.bootMs);
  }
}

function recordBytesOf(dialect: Dialect, template: number): number {
  return fieldsOf(dialect, template).reduce((sum, [, length]) => sum + length, 0);
}

function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value % 2 ** 32);
}

function fieldsOf({ timeFields }: Dialect, template: number): readonly Field[] {
  const addresses: Field[] =
    template === TEMPLATE_IPV4
      ? [
          [8, 4],
          [12, 4],
        ]
      : [
          [27, 16],
          [28, 16],
        ]; // prettier-ignore
  return [...addresses, ...COMMON_FIELDS, ...timeFields];
}

function templateSet(dialect: Dialect): Uint8Array {
  const words = [TEMPLATE_IPV4, TEMPLATE_IPV6].flatMap(template => {
    const fields = fieldsOf(dialect, template);
    return [template, fields.length, ...fields.flat()];
  });
  const bytes = new Uint8Array(SET_HEADER_BYTES + 2 * words.length);
  const view = new DataView(bytes.buffer);
  [dialect.templateSetId, bytes.length, ...words].forEach((word, i) => {
    view.setUint16(2 * i, word);
  });
  return bytes;
}
