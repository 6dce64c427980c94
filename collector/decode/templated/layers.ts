// Kernels over kernels, for templates in which several elements may fill one column: they decide record by record
// whether the later element counts. Only such templates pay for it.

import { copyAddress4, copyAddress4IfSet, copyU16, copyU16IfSet, type Kernel } from '../kernels.ts';

/** Fills only rows that are zero; `words` is the number of array elements a row of the column has. */
export function whereUnset(kernel: Kernel, words: number): Kernel {
  return (view, offset, stride, count, column: Uint32Array, row, context, second) => {
    for (let i = 0; i < count; i++, offset += stride, second += stride) {
      let unset = true;
      for (let word = words * (row + i), end = word + words; word < end; word++) unset &&= column[word] === 0;
      if (unset) kernel(view, offset, stride, 1, column, row + i, context, second);
    }
  };
}

/** Replaces only rows for which the field of `size` bytes is not zero. */
export function whereSet(kernel: Kernel, size: number): Kernel {
  if (kernel === copyAddress4) return copyAddress4IfSet;
  if (kernel === copyU16) return copyU16IfSet;
  return (view, offset, stride, count, column, row, context, second) => {
    for (let i = 0; i < count; i++, offset += stride, second += stride) {
      let set = false;
      for (let at = offset; at < offset + size; at++) set ||= view.getUint8(at) !== 0;
      if (set) kernel(view, offset, stride, 1, column, row + i, context, second);
    }
  };
}

/**
 * Replaces only rows that have an inner layer: where its protocol number, the `second` field, is not zero (RFC 7011 8:
 * elements repeat outer layer first).
 */
export function whereInner(kernel: Kernel): Kernel {
  return (view, offset, stride, count, column, row, context, second) => {
    for (let i = 0; i < count; i++, offset += stride, second += stride) {
      if (view.getUint8(second) !== 0) kernel(view, offset, stride, 1, column, row + i, context, offset);
    }
  };
}
