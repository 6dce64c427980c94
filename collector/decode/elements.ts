// Which information elements fill which column, best first. Numbers are those of the IANA "IPFIX Information Elements"
// registry; NetFlow v9 field types up to 32767 are the same numbers. A template takes, for each column, the first
// element of the list that it carries with a usable length.

import type { FlowColumnName } from '../../schemas/flow.ts';
import * as k from './kernels.ts';

export interface ElementRule {
  readonly column: FlowColumnName;
  readonly elements: readonly number[];
  /** The kernel for a field of `size` bytes; undefined when that size cannot be this element. */
  readonly kernel: (size: number) => k.Kernel | undefined;
  /** The other element of the same record that the kernel reads too. */
  readonly second?: number;
}

const counter = (size: number) =>
  size === 8 ? k.copyU64 : size === 4 ? k.widenU32To64 : size >= 1 && size <= 16 ? k.copyUint64(size) : undefined;
const u8 = (size: number) => (size === 1 ? k.copyU8 : size >= 2 && size <= 8 ? k.lowByte(size) : undefined);
const u16 = (size: number) => (size === 2 ? k.copyU16 : size >= 1 && size <= 8 ? k.copyUint(size) : undefined);
const u32 = (size: number) =>
  size === 4 ? k.copyU32 : size === 2 ? k.widenU16 : size >= 1 && size <= 8 ? k.copyUint(size) : undefined;
const only = (wanted: number, kernel: k.Kernel) => (size: number) => (size === wanted ? kernel : undefined);

/** 160 systemInitTimeMilliseconds. */
export const SYSTEM_INIT = 160;

export const ELEMENT_RULES: readonly ElementRule[] = [
  { column: 'bytes', elements: [1, 85, 352, 231], kernel: counter },
  { column: 'packets', elements: [2, 86, 298], kernel: counter },
  { column: 'l2Bytes', elements: [352, 353], kernel: counter },
  { column: 'srcAddr', elements: [27], kernel: only(16, k.copy16) },
  { column: 'dstAddr', elements: [28], kernel: only(16, k.copy16) },
  { column: 'srcAddr', elements: [8], kernel: only(4, k.copyAddress4) },
  { column: 'dstAddr', elements: [12], kernel: only(4, k.copyAddress4) },
  { column: 'inIf', elements: [10, 252], kernel: u32 },
  { column: 'outIf', elements: [14, 253], kernel: u32 },
  { column: 'direction', elements: [61], kernel: only(1, k.copyDirection) },
  { column: 'forwardingStatus', elements: [89], kernel: u8 },
  { column: 'samplingRate', elements: [34, 50], kernel: u32 },
  { column: 'vrf', elements: [234], kernel: u32 },
  { column: 'etherType', elements: [256], kernel: u16 },
  { column: 'proto', elements: [4], kernel: u8 },
  { column: 'srcPort', elements: [7, 180, 182], kernel: u16 },
  { column: 'dstPort', elements: [11, 181, 183], kernel: u16 },
  { column: 'dstPort', elements: [32, 139], kernel: only(2, k.copyU16IfSet) },
  { column: 'tcpFlags', elements: [6], kernel: u8 },
  { column: 'tos', elements: [5], kernel: u8 },
  { column: 'srcMac', elements: [56], kernel: only(6, k.copyMac) },
  { column: 'dstMac', elements: [80, 57], kernel: only(6, k.copyMac) },
  { column: 'vni', elements: [351], kernel: size => (size >= 1 && size <= 8 ? k.copySegmentId(size) : undefined) },
  { column: 'stationId', elements: [349, 347], kernel: only(16, k.copy16) },
  { column: 'flowStart', elements: [152], kernel: only(8, k.timeFromMilliseconds) },
  { column: 'flowStart', elements: [150], kernel: only(4, k.timeFromSeconds) },
  { column: 'flowStart', elements: [154, 156], kernel: only(8, k.timeFromNtp) },
  { column: 'flowStart', elements: [158], kernel: only(4, k.timeFromDelta) },
  { column: 'flowStart', elements: [22], kernel: only(4, k.timeFromInit), second: SYSTEM_INIT },
  { column: 'flowStart', elements: [22], kernel: only(4, k.timeFromUptime) },
  { column: 'flowEnd', elements: [153], kernel: only(8, k.timeFromMilliseconds) },
  { column: 'flowEnd', elements: [151], kernel: only(4, k.timeFromSeconds) },
  { column: 'flowEnd', elements: [155, 157], kernel: only(8, k.timeFromNtp) },
  { column: 'flowEnd', elements: [159], kernel: only(4, k.timeFromDelta) },
  { column: 'flowEnd', elements: [21], kernel: only(4, k.timeFromInit), second: SYSTEM_INIT },
  { column: 'flowEnd', elements: [21], kernel: only(4, k.timeFromUptime) },
];

/**
 * Columns that several rules may fill in one template, in the order of the table; everywhere else the first rule that
 * fits ends the search. IPv4 comes after IPv6, ICMP type and code after the port.
 */
export const LAYERED_COLUMNS: ReadonlySet<FlowColumnName> = new Set(['srcAddr', 'dstAddr', 'dstPort']);

/** 4 protocolIdentifier. */
export const PROTOCOL_IDENTIFIER = 4;

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
