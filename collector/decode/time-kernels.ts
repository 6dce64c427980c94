// Kernels for times in all the forms that exporters give them besides 4 bytes of uptime, into milliseconds since the
// epoch. Called as those of kernels.ts are.

import { copyU64, type ExportTime, type Kernel, readUint, TWO_32, writeTime } from './kernels.ts';

/** Upper word of 21 and 22 in 8 bytes: from here on, 2^39 ms or 17 years, they are milliseconds since the epoch. */
const EPOCH_WORD_MIN = 128;

/** 21 and 22 in 8 bytes: milliseconds since the epoch, or an uptime that does not wrap. */
export function timeFromWideUptime(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
  context: ExportTime,
): void {
  for (let i = 0, word = 2 * row; i < count; i++, offset += stride, word += 2) {
    if (view.getUint32(offset) >= EPOCH_WORD_MIN) copyU64(view, offset, stride, 1, column, row + i);
    else writeTime(column, word, context.exportMs + ((view.getUint32(offset + 4) - context.uptimeMs) | 0));
  }
}

/**
 * 21 and 22 with 160 systemInitTimeMilliseconds in the same record. 32 bits of milliseconds wrap after 49.7 days, and some
 * exporters compute 160 from what has wrapped: of all times the one next to the export counts. An origin of 0 is unknown, and its
 * times stay in 1970, where nobody believes them.
 */
export function timeFromInit(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
  { exportMs }: ExportTime,
  second: number,
): void {
  for (let i = 0, word = 2 * row; i < count; i++, offset += stride, second += stride, word += 2) {
    const origin = view.getUint32(second) * TWO_32 + view.getUint32(second + 4);
    const time = origin + view.getUint32(offset);
    writeTime(column, word, origin === 0 ? time : time + Math.round((exportMs - time) / TWO_32) * TWO_32);
  }
}

export function timeFromSeconds(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
): void {
  for (let i = 0, word = 2 * row; i < count; i++, offset += stride, word += 2)
    writeTime(column, word, view.getUint32(offset) * 1000);
}

/** 21 and 22 in 8 bytes with 160. */
export function timeFromWideInit(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
  context: ExportTime,
  second: number,
): void {
  for (let i = 0; i < count; i++, offset += stride, second += stride) {
    if (view.getUint32(offset) >= EPOCH_WORD_MIN) copyU64(view, offset, stride, 1, column, row + i);
    // The lower word is what has wrapped.
    else timeFromInit(view, offset + 4, stride, 1, column, row + i, context, second);
  }
}

export function timeFromMilliseconds(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
): void {
  copyU64(view, offset, stride, count, column, row);
}

/** Seconds from 1900-01-01 to 1970-01-01 (RFC 5905). */
const NTP_EPOCH_S = 2208988800;

/**
 * Less than this as a fraction is 0.23 ms, which a clock shows once in 4,295 times: it is a number of microseconds, as
 * some load balancers write it.
 */
const FRACTION_MICROSECONDS = 1_000_000;

/** 154 to 157: NTP timestamps, seconds since 1900 and a binary fraction. */
export function timeFromNtp(
  view: DataView,
  offset: number,
  stride: number,
  count: number,
  column: Uint32Array,
  row: number,
): void {
  for (let i = 0, word = 2 * row; i < count; i++, offset += stride, word += 2) {
    const seconds = view.getUint32(offset) - NTP_EPOCH_S;
    const fraction = view.getUint32(offset + 4);
    const ms = fraction < FRACTION_MICROSECONDS ? fraction / 1000 : (fraction * 1000) / TWO_32;
    writeTime(column, word, seconds * 1000 + Math.floor(ms));
  }
}

/** 158 and 159: microseconds before the export time. */
export function timeFromDelta(size: number): Kernel {
  return (view, offset, stride, count, column: Uint32Array, row, context) => {
    for (let i = 0, word = 2 * row; i < count; i++, offset += stride, word += 2)
      writeTime(column, word, context.exportMs - Math.floor(readUint(view, offset, size) / 1000));
  };
}

/** A duration after (`sign` 1) or before (-1) the milliseconds since the epoch in `second`. */
export function timeFromDuration(size: number, unitsPerMs: number, sign: 1 | -1): Kernel {
  return (view, offset, stride, count, column: Uint32Array, row, _, second) => {
    for (let i = 0, word = 2 * row; i < count; i++, offset += stride, second += stride, word += 2) {
      const base = view.getUint32(second) * TWO_32 + view.getUint32(second + 4);
      writeTime(column, word, base + sign * Math.floor(readUint(view, offset, size) / unitsPerMs));
    }
  };
}
