// Where the fields of one record lie, for templates with fields of variable length (RFC 7011 7) and for options records.
// One record is at hand at a time, so that its fields are found without an object per record.

import { type Place, type TemplateField, VARIABLE_LENGTH } from './field.ts';

/** Stands for the start of a record whose fields locateFields() has found. */
export const LOCATED = -1;

/** Where the fields of a record lie. */
export interface Located {
  readonly offsets: Int32Array;
  readonly lengths: Int32Array;
}

/** Offsets and lengths of the fields of the record at hand. */
export const fieldOffsets = new Int32Array(65536);
export const fieldLengths = new Int32Array(65536);

const atHand: Located = { offsets: fieldOffsets, lengths: fieldLengths };

/** Where a field begins in the record at `start`, or in the one that is located. */
export function offsetOf(place: Place, start: number): number {
  return start === LOCATED ? fieldOffsets[place.field]! : start + place.offset;
}

export function lengthOf(place: Place, start: number): number {
  return start === LOCATED ? fieldLengths[place.field]! : place.length;
}

/** Finds the fields of one record; returns the offset behind it, or -1 when it does not fit. */
export function locateFields(
  view: DataView,
  { fields }: { readonly fields: readonly TemplateField[] },
  start: number,
  end: number,
  { offsets, lengths }: Located = atHand,
): number {
  let offset = start;
  for (let i = 0; i < fields.length; i++) {
    let { length } = fields[i]!;
    if (length === VARIABLE_LENGTH) {
      if (offset + 1 > end) return -1;
      length = view.getUint8(offset);
      offset += 1;
      if (length === 255) {
        if (offset + 2 > end) return -1;
        length = view.getUint16(offset);
        offset += 2;
      }
    }
    offsets[i] = offset;
    lengths[i] = length;
    offset += length;
    if (offset > end) return -1;
  }
  return offset;
}
