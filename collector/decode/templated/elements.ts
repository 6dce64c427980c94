// Which information elements fill which column, best first. A template takes, for each column, the first rule of which
// it carries an element with a usable length; rules with a layer add to what an earlier one gave. Names and types of
// the elements are in ../elements; the test compares the two.

import type { NamesWith } from '../../../schemas/columns.ts';
import { FLOW_COLUMNS, type FlowColumnName } from '../../../schemas/flow.ts';
import * as k from '../kernels.ts';
import * as t from '../time-kernels.ts';

/** One number for an element: private enterprise number, 0 for IANA, and element id. */
export function elementKey(pen: number, id: number): number {
  return pen * 65536 + id;
}

export function elementOf(key: number): { readonly pen: number; readonly id: number } {
  return { pen: Math.floor(key / 65536), id: key % 65536 };
}

/** RFC 5103: this enterprise number marks the reverse direction of an IANA element. */
export const REVERSE_PEN = 29305;
const VMWARE = 6876;
const vmware = (id: number) => elementKey(VMWARE, id);
const CISCO = 9;
const cisco = (id: number) => elementKey(CISCO, id);

export interface ElementRule {
  readonly column: FlowColumnName;
  /** elementKey() of each, best first. */
  readonly elements: readonly number[];
  /** The elements in the other direction of a conversation, each beside its own; none where it is the same there. */
  readonly opposites?: readonly number[];
  /** The kernel for a field of `size` bytes; undefined when that size cannot be this element. */
  readonly kernel: (size: number) => k.Kernel | undefined;
  /** Another element of the same record that the kernel reads too, and the length it must have. */
  readonly second?: { readonly element: number; readonly size: number };
  /**
   * What happens when an earlier rule fills the column already. Without a layer this one is passed over. `unset`: fills
   * the rows that are still zero. `set`: replaces rows for which its own value is not zero. `inner`: replaces rows of
   * which the second element, the protocol number of the inner packet, is not zero; fits only where that is there.
   */
  readonly layer?: 'unset' | 'set' | 'inner';
}

const counter = (size: number) =>
  size === 8 ? k.copyU64 : size === 4 ? k.widenU32To64 : size >= 1 && size <= 16 ? k.copyUint64(size) : undefined;
/** Flags, of which the low byte is there. */
const flags = (size: number) => (size === 1 ? k.copyU8 : size >= 2 && size <= 8 ? k.lowByte(size) : undefined);
const integer = (bytes: number, whole: k.Kernel) => (size: number) => {
  if (size === bytes) return whole;
  if (size < 1 || size > 8) return undefined;
  return size < bytes ? k.copyUint(size) : k.copyUintUpTo(size, 256 ** bytes - 1);
};
const u8 = integer(1, k.copyU8);
const u16 = integer(2, k.copyU16);
const wideU32 = integer(4, k.copyU32);
const u32 = (size: number) => (size === 2 ? k.widenU16 : wideU32(size));
const only = (wanted: number, kernel: k.Kernel) => (size: number) => (size === wanted ? kernel : undefined);
const address = (size: number) => (size === 4 ? k.copyAddress4 : size === 16 ? k.copy16 : undefined);
const mac = only(6, k.copyMac);
const direction = (size: number) => (size >= 1 && size <= 8 ? k.copyDirection(size) : undefined);
const segment = (size: number) => (size >= 1 && size <= 8 ? k.copySegmentId(size) : undefined);
const vlan = (size: number) => (size >= 2 && size <= 8 ? k.copyVlan(size) : undefined);
const duration = (unitsPerMs: number, sign: 1 | -1) => (size: number) =>
  size >= 1 && size <= 8 ? t.timeFromDuration(size, unitsPerMs, sign) : undefined;
const uptime = (size: number) => (size === 4 ? k.timeFromUptime : size === 8 ? t.timeFromWideUptime : undefined);
const init = (size: number) => (size === 4 ? t.timeFromInit : size === 8 ? t.timeFromWideInit : undefined);
const seconds = only(4, t.timeFromSeconds);
const milliseconds = only(8, t.timeFromMilliseconds);
const ntp = only(8, t.timeFromNtp);
const delta = (size: number) => (size >= 1 && size <= 8 ? t.timeFromDelta(size) : undefined);

/** 160 systemInitTimeMilliseconds. */
export const SYSTEM_INIT = 160;
/** 4 protocolIdentifier. */
export const PROTOCOL_IDENTIFIER = 4;

const SYSTEM_INIT_FIELD = { element: SYSTEM_INIT, size: 8 };
const TENANT_PROTOCOL = vmware(880);
const tenant = { element: TENANT_PROTOCOL, size: 1 };

/** Rules for both ends: the source of one direction of a conversation is the destination of the other (RFC 5103 6). */
function bothEnds(
  source: NamesWith<typeof FLOW_COLUMNS, { opposite: string }>,
  pairs: readonly (readonly [number, number])[],
  kernel: ElementRule['kernel'],
  more: Pick<ElementRule, 'second' | 'layer'> = {},
): ElementRule[] {
  const destination = FLOW_COLUMNS.find(column => 'opposite' in column && column.opposite === source)!.name;
  const elements = pairs.map(([element]) => element);
  const opposites = pairs.map(([, element]) => element);
  return [
    { column: source, elements, opposites, kernel, ...more },
    { column: destination, elements: opposites, opposites: elements, kernel, ...more },
  ];
}

export const ELEMENT_RULES: readonly ElementRule[] = [
  // 23 and 24 count what leaves: the same packets, seen where 1 and 2 are absent or 0. A total (85) does not stand in
  // for a delta: where a record has both, the delta counts.
  { column: 'bytes', elements: [1], kernel: counter },
  { column: 'bytes', elements: [23], kernel: counter, layer: 'unset' },
  { column: 'bytes', elements: [85, 171, 352, 353, 231], kernel: counter },
  { column: 'packets', elements: [2], kernel: counter },
  { column: 'packets', elements: [24], kernel: counter, layer: 'unset' },
  { column: 'packets', elements: [86, 172, 298], kernel: counter },
  { column: 'l2Bytes', elements: [352, 353], kernel: counter },
  { column: 'bytesSumOfSquares', elements: [198], kernel: counter },
  { column: 'packetBytesMax', elements: [26], kernel: u32 },
  ...bothEnds('srcAddr', [[27, 28]], only(16, k.copy16)),
  ...bothEnds('srcAddr', [[8, 12]], only(4, k.copyAddress4), { layer: 'set' }),
  ...bothEnds('inIf', [[10, 14]], u32),
  ...bothEnds('inIf', [[252, 253]], u32, { layer: 'unset' }),
  { column: 'direction', elements: [61], kernel: direction },
  { column: 'forwardingStatus', elements: [89], kernel: flags },
  { column: 'samplingRate', elements: [34], kernel: u32 },
  {
    column: 'samplingRate',
    elements: [305],
    kernel: only(4, k.rateFromPacketSpace),
    second: { element: 306, size: 4 },
  },
  { column: 'samplingRate', elements: [50], kernel: u32 },
  { column: 'vrf', elements: [234, 235], opposites: [235, 234], kernel: u32 },
  { column: 'etherType', elements: [256], kernel: u16 },
  { column: 'proto', elements: [PROTOCOL_IDENTIFIER], kernel: u8 },
  ...bothEnds('srcPort', [[7, 11]], u16),
  ...bothEnds('srcPort', [[180, 181]], u16, { layer: 'unset' }),
  ...bothEnds('srcPort', [[182, 183]], u16, { layer: 'unset' }),
  // ICMP type and code; zero in the records that are no ICMP.
  { column: 'dstPort', elements: [32], kernel: only(2, k.copyU16), layer: 'set' },
  { column: 'dstPort', elements: [139], kernel: only(2, k.copyU16), layer: 'set' },
  { column: 'dstPort', elements: [176], kernel: only(1, k.copyIcmp), second: { element: 177, size: 1 }, layer: 'set' },
  { column: 'dstPort', elements: [178], kernel: only(1, k.copyIcmp), second: { element: 179, size: 1 }, layer: 'set' },
  { column: 'tcpFlags', elements: [6], kernel: flags },
  { column: 'tos', elements: [5], kernel: u8 },
  { column: 'tos', elements: [195], kernel: only(1, k.copyDscp) },
  ...bothEnds(
    'srcMac',
    [
      [56, 80],
      [81, 57],
    ],
    mac,
  ),
  { column: 'vni', elements: [351], kernel: segment },
  { column: 'vni', elements: [vmware(892)], kernel: segment, layer: 'unset' },
  { column: 'stationId', elements: [349, 347, vmware(951), vmware(960)], kernel: only(16, k.copy16) },
  // Application visibility: the client opened the connection, as the initiator of 231 did.
  ...bothEnds('srcAddr', [[cisco(12238), cisco(12239)]], only(16, k.copy16)),
  ...bothEnds('srcAddr', [[cisco(12236), cisco(12237)]], only(4, k.copyAddress4)),
  ...bothEnds('srcPort', [[cisco(12240), cisco(12241)]], u16),
  // The tenant's packet inside a VXLAN segment of a vSphere switch.
  { column: 'proto', elements: [TENANT_PROTOCOL], kernel: only(1, k.copyU8), layer: 'set' },
  ...bothEnds('srcAddr', [[vmware(881), vmware(882)]], only(4, k.copyAddress4), { layer: 'set' }),
  ...bothEnds('srcAddr', [[vmware(883), vmware(884)]], only(16, k.copy16), { layer: 'set' }),
  ...bothEnds('srcPort', [[vmware(886), vmware(887)]], u16, { layer: 'inner', second: tenant }),
  { column: 'flowStart', elements: [152], kernel: milliseconds },
  { column: 'flowStart', elements: [150], kernel: seconds },
  { column: 'flowStart', elements: [154, 156], kernel: ntp },
  { column: 'flowStart', elements: [158], kernel: delta },
  { column: 'flowStart', elements: [22], kernel: init, second: SYSTEM_INIT_FIELD },
  { column: 'flowStart', elements: [22], kernel: uptime },
  { column: 'flowStart', elements: [161], kernel: duration(1, -1), second: { element: 153, size: 8 } },
  { column: 'flowStart', elements: [162], kernel: duration(1000, -1), second: { element: 153, size: 8 } },
  { column: 'flowStart', elements: [323], kernel: milliseconds },
  { column: 'flowStart', elements: [322], kernel: seconds },
  { column: 'flowStart', elements: [324, 325], kernel: ntp },
  { column: 'flowStart', elements: [258], kernel: milliseconds },
  { column: 'flowEnd', elements: [153], kernel: milliseconds },
  { column: 'flowEnd', elements: [151], kernel: seconds },
  { column: 'flowEnd', elements: [155, 157], kernel: ntp },
  { column: 'flowEnd', elements: [159], kernel: delta },
  { column: 'flowEnd', elements: [21], kernel: init, second: SYSTEM_INIT_FIELD },
  { column: 'flowEnd', elements: [21], kernel: uptime },
  { column: 'flowEnd', elements: [161], kernel: duration(1, 1), second: { element: 152, size: 8 } },
  { column: 'flowEnd', elements: [162], kernel: duration(1000, 1), second: { element: 152, size: 8 } },
  { column: 'flowEnd', elements: [323], kernel: milliseconds },
  { column: 'flowEnd', elements: [322], kernel: seconds },
  { column: 'flowEnd', elements: [324, 325], kernel: ntp },
  { column: 'flowEnd', elements: [258], kernel: milliseconds },
];

/** Each element that names an end, and the one that names the other end of the same conversation. */
export const OPPOSITE_ELEMENTS: ReadonlyMap<number, number> = new Map(
  ELEMENT_RULES.flatMap(
    ({ elements, opposites }) => opposites?.map((other, i) => [elements[i]!, other] as const) ?? [],
  ),
);

/** Elements that count since their flow began, not since the report before; totals.ts. */
export const TOTAL_ELEMENTS: ReadonlySet<number> = new Set([85, 86, 171, 172, 353]);

/**
 * VLAN tags, for templates that carry any of these; RFC 7133: 243 is the outer tag where 245 stands beside it. Those
 * after the packet was handled (59, 254, 255) describe it only where those before are absent.
 */
export const VLAN_ELEMENTS = {
  before: { outer: 243, inner: 245, plain: 58 },
  after: { outer: 254, inner: 255, plain: 59 },
};
export const vlanKernel = vlan;

/** Columns that describe the inner packet where a template repeats their elements for the layers of a tunnel. */
export const INNER_COLUMNS: ReadonlySet<FlowColumnName> = new Set([
  'srcAddr',
  'dstAddr',
  'proto',
  'srcPort',
  'dstPort',
  'tcpFlags',
  'tos',
]);

/** A kernel for a column by the size of its field alone, for elements that an installation maps by itself. */
const COLUMN_KERNELS: Partial<Record<FlowColumnName, (size: number) => k.Kernel | undefined>> = {
  bytes: counter,
  packets: counter,
  l2Bytes: counter,
  bytesSumOfSquares: counter,
  packetBytesMax: u32,
  srcAddr: address,
  dstAddr: address,
  inIf: u32,
  outIf: u32,
  direction,
  forwardingStatus: flags,
  samplingRate: u32,
  vrf: u32,
  etherType: u16,
  proto: u8,
  srcPort: u16,
  dstPort: u16,
  tcpFlags: flags,
  tos: u8,
  srcMac: mac,
  dstMac: mac,
  vlan,
  sVlan: vlan,
  ecid: u32,
  vni: segment,
  stationId: only(16, k.copy16),
};

const TIME_KERNELS: Readonly<Record<string, (size: number) => k.Kernel | undefined>> = {
  dateTimeSeconds: seconds,
  dateTimeMilliseconds: milliseconds,
  dateTimeMicroseconds: ntp,
  dateTimeNanoseconds: ntp,
};

/** An element that the installation maps to a column. */
export interface MappedElement {
  readonly pen: number;
  readonly id: number;
  /** Abstract data type (RFC 7012 3.1); times need it. */
  readonly type: string;
  readonly column: FlowColumnName;
}

/** Columns an element can be mapped to. */
export const MAPPABLE_COLUMNS: readonly FlowColumnName[] = [
  ...(Object.keys(COLUMN_KERNELS) as FlowColumnName[]),
  'flowStart',
  'flowEnd',
];

/** The rules with those of the installation behind them: a mapped element counts where no built-in one is there. */
export function rulesWith(mapped: readonly MappedElement[]): readonly ElementRule[] {
  if (mapped.length === 0) return ELEMENT_RULES;
  return [
    ...ELEMENT_RULES,
    ...mapped.map(({ pen, id, type, column }): ElementRule => {
      const time = column === 'flowStart' || column === 'flowEnd';
      const kernel = (time ? TIME_KERNELS[type] : COLUMN_KERNELS[column]) ?? (() => undefined);
      return { column, elements: [elementKey(pen, id)], kernel };
    }),
  ];
}
