// What NetFlow v9 and IPFIX share: two templates (IPv4 and IPv6), data sets of records, datagrams that open with the
// templates now and then. A dialect says where they differ.
//
//   datagram: header | [template set] | data set ... ;  set: id 2 | length 2 | records, a multiple of 4 bytes

import { TCP } from '../model/applications.ts';
import { VLAN } from '../model/data-centre.ts';
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

export function createTemplatedExporter(context: ExporterContext, dialect: Dialect): FlowExporter {
  const { bridge, conversations, random, bootMs } = context;
  const { address4, address6, macHigh, macLow } = context.dataCentre.endpoints;
  const { src, dst, proto, isIPv6 } = conversations;
  const isAbsolute = dialect.timeFields[0][1] === 8;
  const templates = templateSet(dialect);
  const metered: Metered = { bytes: 0, packets: 0 };
  let datagram: Uint8Array = new Uint8Array(DATAGRAM_BYTES_MAX);
  let view = new DataView(datagram.buffer);
  let datagrams = 0;
  let records = 0;
  let end = 0;
  let setStart = 0;
  let setId = 0;

  const open = () => {
    end = dialect.headerBytes;
    setId = 0;
    if (datagrams % TEMPLATE_EVERY_DATAGRAMS !== 0) return;
    datagram.set(templates, end);
    end += templates.length;
  };
  const closeSet = () => {
    if (setId !== 0) view.setUint16(setStart + 2, end - setStart);
  };
  const flush = (exportMs: number) => {
    if (records === 0) return;
    closeSet();
    dialect.writeHeader(view, end, records, datagrams % TEMPLATE_EVERY_DATAGRAMS === 0 ? 2 : 0, exportMs);
    const next = context.send(datagram, end, records);
    if (next !== datagram) {
      datagram = next;
      view = new DataView(datagram.buffer, datagram.byteOffset);
    }
    datagrams++;
    records = 0;
    open();
  };
  open();

  const recordBytes = (fields: readonly Field[]) => fields.reduce((sum, [, length]) => sum + length, 0);
  const bytes4 = recordBytes(fieldsOf(dialect, TEMPLATE_IPV4));
  const bytes6 = recordBytes(fieldsOf(dialect, TEMPLATE_IPV6));

  return {
    observe(flows, row, inIf, outIf, exportMs) {
      meter(metered, random, flows, row, bridge.sampling);
      if (metered.packets === 0) return;
      const conversation = flows.conversation[row]!;
      const template = isIPv6[conversation] === 1 ? TEMPLATE_IPV6 : TEMPLATE_IPV4;
      const length = template === TEMPLATE_IPV6 ? bytes6 : bytes4;
      if (end + length + (template === setId ? 0 : SET_HEADER_BYTES) > DATAGRAM_BYTES_MAX) flush(exportMs);
      if (template !== setId) {
        closeSet();
        setStart = end;
        setId = template;
        view.setUint16(setStart, template);
        end += SET_HEADER_BYTES;
      }
      const from = src[conversation]!;
      const to = dst[conversation]!;
      let at = end;
      if (template === TEMPLATE_IPV4) {
        view.setUint32(at, address4[from]!);
        view.setUint32(at + 4, address4[to]!);
        at += 8;
      } else {
        for (let word = 0; word < 4; word++) {
          view.setUint32(at + 4 * word, address6[4 * from + word]!);
          view.setUint32(at + 16 + 4 * word, address6[4 * to + word]!);
        }
        at += 32;
      }
      view.setUint16(at, flows.srcPort[row]!);
      view.setUint16(at + 2, flows.dstPort[row]!);
      view.setUint8(at + 4, proto[conversation]!);
      view.setUint8(at + 5, 0);
      view.setUint8(at + 6, proto[conversation] === TCP ? 0x1b : 0);
      view.setUint8(at + 7, 0); // ingress
      view.setUint32(at + 8, inIf);
      view.setUint32(at + 12, outIf);
      setUint64(view, at + 16, metered.bytes);
      setUint64(view, at + 24, metered.packets);
      view.setUint32(at + 32, bridge.sampling);
      view.setUint16(at + 36, macHigh[from]!);
      view.setUint32(at + 38, macLow[from]!);
      view.setUint16(at + 42, macHigh[to]!);
      view.setUint32(at + 44, macLow[to]!);
      view.setUint16(at + 48, VLAN);
      view.setUint16(at + 50, template === TEMPLATE_IPV4 ? 0x0800 : 0x86dd);
      if (isAbsolute) {
        setUint64(view, at + 52, flows.startMs[row]!);
        setUint64(view, at + 60, flows.endMs[row]!);
      } else {
        view.setUint32(at + 52, flows.startMs[row]! - bootMs);
        view.setUint32(at + 56, flows.endMs[row]! - bootMs);
      }
      end += length;
      records++;
    },
    flush,
  };
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
