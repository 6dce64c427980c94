// Kernels: each copies one field of `count` records into one column. Records lie `stride` bytes apart, the first field
// at `offset`; the target row of the first is `row`. The caller has checked that all of it lies inside the datagram.
// Kernels are monomorphic on purpose: one array type, one width. `second` is the offset of another field of the same
// record, for values that take two. More for times are in time-kernels.ts, what layers one over another in
// layers.ts.
//
// Kernels, and the functions that every record, sample or packet passes (data-set.ts, rates.ts, flow-sample.ts, packet/),
// take more than five parameters on purpose: numbers in registers cost nothing, an object per record would.

/** What the header of the datagram says about time. */
export interface ExportTime {
  /** When it was sent, milliseconds since the epoch. */
  readonly exportMs: number;
  /** Uptime of the exporter then, milliseconds modulo 2^32. */
  readonly uptimeMs: number;
  /** Values left out because they are beyond their column; whoever runs the kernels counts and clears them. */
  valuesDropped: number;
}

// biome-ignore lint/suspicious/noExplicitAny: each kernel names its own array type; the plan pairs them by column kind.
type AnyColumn = any;

export type Kernel = (
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: AnyColumn,
  row: number,
  context: ExportTime,
  second: number,
) => void;

export const TWO_32 = 4294967296;

export function copyU8(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint8Array,
  row: number,
): void {
  for (let i = 0; i < count; i++, offset += stride) column[row + i] = view.getUint8(offset);
}

export function copyU16(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint16Array,
  row: number,
): void {
  for (let i = 0; i < count; i++, offset += stride) column[row + i] = view.getUint16(offset);
}

export function copyU32(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
): void {
  for (let i = 0; i < count; i++, offset += stride) column[row + i] = view.getUint32(offset);
}

export function widenU16(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
): void {
  for (let i = 0; i < count; i++, offset += stride) column[row + i] = view.getUint16(offset);
}

export function copyU64(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
): void {
  for (let i = 0, word = 2 * row; i < count; i++, offset += stride, word += 2) {
    column[word] = view.getUint32(offset + 4);
    column[word + 1] = view.getUint32(offset);
  }
}

/** A 32-bit counter into a 64-bit column. */
export function widenU32To64(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
): void {
  for (let i = 0, word = 2 * row; i < count; i++, offset += stride, word += 2) column[word] = view.getUint32(offset);
}

/** 48 bits into a 64-bit column. */
export function copyMac(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
): void {
  for (let i = 0, word = 2 * row; i < count; i++, offset += stride, word += 2) {
    column[word] = view.getUint32(offset + 2);
    column[word + 1] = view.getUint16(offset);
  }
}

/** ::ffff:0:0/96 as the third little-endian word of a column that holds network order. */
export const MAPPED_WORD = 0xffff0000;

export function copyAddress4(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
): void {
  for (let i = 0, word = 4 * row; i < count; i++, offset += stride, word += 4) {
    column[word + 2] = MAPPED_WORD;
    column[word + 3] = view.getUint32(offset, true);
  }
}

/** As copyAddress4, for templates that also carry an IPv6 address: 0.0.0.0 leaves that one in place. */
export function copyAddress4IfSet(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
): void {
  for (let i = 0, word = 4 * row; i < count; i++, offset += stride, word += 4) {
    const address = view.getUint32(offset, true);
    if (address === 0) continue;
    column[word] = 0;
    column[word + 1] = 0;
    column[word + 2] = MAPPED_WORD;
    column[word + 3] = address;
  }
}

/** 16 bytes as they are. */
export function copy16(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
): void {
  for (let i = 0, word = 4 * row; i < count; i++, offset += stride, word += 4) {
    column[word] = view.getUint32(offset, true);
    column[word + 1] = view.getUint32(offset + 4, true);
    column[word + 2] = view.getUint32(offset + 8, true);
    column[word + 3] = view.getUint32(offset + 12, true);
  }
}

/** An unsigned integer of 1 to 8 bytes, as a double (exact up to 2^53). */
export function readUint(view: DataView, offset: number, size: number): number {
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + view.getUint8(offset + i);
  return value;
}

/** Reduced-size integers (RFC 7011 6.2) into a column of up to 32 bits that holds all of them. */
export function copyUint(size: number): Kernel {
  return (view, offset, stride, count, column: Uint32Array, row) => {
    for (let i = 0; i < count; i++, offset += stride) column[row + i] = readUint(view, offset, size);
  };
}

/** Integers of up to 8 bytes, more than the column has: a value above `max` is left out and counted. */
export function copyUintUpTo(size: number, max: number): Kernel {
  return (view, offset, stride, count, column: Uint32Array, row, context) => {
    for (let i = 0; i < count; i++, offset += stride) {
      const value = readUint(view, offset, size);
      if (value <= max) column[row + i] = value;
      else context.valuesDropped++;
    }
  };
}

/** Integers of 1 to 16 bytes into a 64-bit column; one of more than 64 bits is left out and counted. */
export function copyUint64(size: number): Kernel {
  const skip = Math.max(0, size - 8);
  const low = Math.min(4, size - skip);
  const high = size - skip - low;
  return (view, offset, stride, count, column: Uint32Array, row, context) => {
    for (let i = 0, word = 2 * row; i < count; i++, offset += stride, word += 2) {
      if (skip > 0 && readUint(view, offset, skip) !== 0) {
        context.valuesDropped++;
        continue;
      }
      column[word] = readUint(view, offset + skip + high, low);
      column[word + 1] = readUint(view, offset + skip, high);
    }
  };
}

/** VLAN ids: the low 12 bits; priority and drop eligibility do not belong to them. */
export function copyVlan(size: number): Kernel {
  return (view, offset, stride, count, column: Uint16Array, row) => {
    for (let i = 0, at = offset + size - 2; i < count; i++, at += stride) column[row + i] = view.getUint16(at) & 0xfff;
  };
}

/** A port or ICMP type and code over a port that is there already: zero leaves that one in place. */
export function copyU16IfSet(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint16Array,
  row: number,
): void {
  for (let i = 0; i < count; i++, offset += stride) {
    const value = view.getUint16(offset);
    if (value !== 0) column[row + i] = value;
  }
}

/** IANA 61: 0 ingress, 1 egress, anything else unknown; our codes are one higher. */
export function copyDirection(size: number): Kernel {
  return size === 1 ? copyDirectionU8 : copyDirectionOf(size);
}

function copyDirectionU8(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint8Array,
  row: number,
): void {
  for (let i = 0; i < count; i++, offset += stride) {
    const value = view.getUint8(offset);
    column[row + i] = value <= 1 ? value + 1 : 0;
  }
}

function copyDirectionOf(size: number): Kernel {
  return (view, offset, stride, count, column: Uint8Array, row) => {
    for (let i = 0; i < count; i++, offset += stride) {
      const value = readUint(view, offset, size);
      column[row + i] = value <= 1 ? value + 1 : 0;
    }
  };
}

/** 176 and 178, with the code (177, 179) as `second`. */
export function copyIcmp(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint16Array,
  row: number,
  _: ExportTime,
  second: number,
): void {
  for (let i = 0; i < count; i++, offset += stride, second += stride)
    column[row + i] = view.getUint8(offset) * 256 + view.getUint8(second);
}

/** 195 ipDiffServCodePoint: six bits, the upper ones of the type of service. */
export function copyDscp(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint8Array,
  row: number,
): void {
  for (let i = 0; i < count; i++, offset += stride) column[row + i] = (view.getUint8(offset) & 0x3f) << 2;
}

/** 305 samplingPacketInterval sampled, then 306 samplingPacketSpace (`second`) not: one in (305 + 306) / 305. */
export function rateFromPacketSpace(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
  _: ExportTime,
  second: number,
): void {
  for (let i = 0; i < count; i++, offset += stride, second += stride) {
    const interval = view.getUint32(offset);
    const rate = interval === 0 ? 0 : Math.round((interval + view.getUint32(second)) / interval);
    column[row + i] = Math.min(rate, 0xffffffff);
  }
}

/** The low byte of a wider flags field (6 tcpControlBits in 2 bytes, 89 forwardingStatus in 4). */
export function lowByte(size: number): Kernel {
  return (view, offset, stride, count, column: Uint8Array, row) => {
    for (let i = 0; i < count; i++, offset += stride) column[row + i] = view.getUint8(offset + size - 1);
  };
}

/** 351 layer2SegmentId: low 24 bits of 8 bytes (RFC 7133), or of fewer where the exporter reduced it. */
export function copySegmentId(size: number): Kernel {
  const bytes = Math.min(3, size);
  return (view, offset, stride, count, column: Uint32Array, row) => {
    for (let i = 0; i < count; i++, offset += stride) column[row + i] = readUint(view, offset + size - bytes, bytes);
  };
}

/** Times before 1970, which only a wrong clock gives, become 1970. */
export function writeTime(column: Uint32Array, word: number, time: number): void {
  const ms = Math.max(0, time);
  const high = Math.floor(ms / TWO_32);
  column[word] = ms - high * TWO_32;
  column[word + 1] = high;
}

/** 21 and 22: milliseconds of uptime. The signed 32-bit distance to the header's uptime survives its rollover. */
export function timeFromUptime(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
  context: ExportTime,
): void {
  const { exportMs, uptimeMs } = context;
  for (let i = 0, word = 2 * row; i < count; i++, offset += stride, word += 2) {
    // As writeTime does it, without a branch or a call: a typed array stores modulo 2^32.
    const time = Math.max(0, exportMs + ((view.getUint32(offset) - uptimeMs) | 0));
    column[word] = time;
    column[word + 1] = time / TWO_32;
  }
}

/** One time for `count` rows. */
export function fillTime(column: Uint32Array, row: number, count: number, ms: number): void {
  const high = Math.floor(ms / TWO_32);
  const low = ms - high * TWO_32;
  for (let i = 0, word = 2 * row; i < count; i++, word += 2) {
    column[word] = low;
    column[word + 1] = high;
  }
}
