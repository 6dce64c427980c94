// From a text to the numbers filed under it, as typed arrays alone: laid out in one thread, read in another. Looked up by
// a slice of a text, so that the ancestors of a folder or the beginnings of a name cost no string each.

/** Texts as UTF-16 units, one after the other, and an open-addressing table of their numbers. */
export interface TextData {
  /** Number of a text plus one; zero marks an empty slot. */
  readonly slots: Uint32Array;
  /** Text n is units[textStarts[n]] to units[textStarts[n + 1]]. */
  readonly textStarts: Uint32Array;
  readonly units: Uint16Array;
  /** The numbers filed under text n are values[starts[n]] to values[starts[n + 1]]. */
  readonly starts: Uint32Array;
  readonly values: Uint32Array;
  /** Distinct lengths of the texts, the shortest first. */
  readonly lengths: Uint32Array;
  /** A bit for each length and first two units that a text has: most slices are no text, and need not be hashed to know it. */
  readonly heads: Uint32Array;
}

export interface TextTable {
  /** Adds to `found` what is filed under text[from] to text[to]. */
  collect(text: string, from: number, to: number, found: number[]): void;
  readonly lengths: Uint32Array;
}

export interface TextEntry {
  readonly text: string;
  readonly value: number;
}

export function compileTexts(entries: readonly TextEntry[]): TextData {
  const lists = new Map<string, number[]>();
  for (const { text, value } of entries) {
    const list = lists.get(text);
    if (list === undefined) lists.set(text, [value]);
    else if (list.at(-1) !== value) list.push(value);
  }
  let slotCount = 4;
  while (slotCount < 2 * lists.size) slotCount *= 2;
  const slots = new Uint32Array(slotCount);
  const textStarts = new Uint32Array(lists.size + 1);
  const starts = new Uint32Array(lists.size + 1);
  const lengths = new Set<number>();
  const heads = new Uint32Array(HEADS / 32);
  let number = 0;
  for (const [text, list] of lists) {
    textStarts[number + 1] = textStarts[number]! + text.length;
    starts[number + 1] = starts[number]! + list.length;
    lengths.add(text.length);
    const head = headOf(text, 0, text.length);
    heads[head >>> 5]! |= 1 << (head & 31);
    let slot = hashOf(text, 0, text.length) & (slotCount - 1);
    while (slots[slot] !== 0) slot = (slot + 1) & (slotCount - 1);
    slots[slot] = ++number;
  }
  const units = new Uint16Array(textStarts[number]!);
  const values = new Uint32Array(starts[number]!);
  number = 0;
  for (const [text, list] of lists) {
    for (let i = 0; i < text.length; i++) units[textStarts[number]! + i] = text.charCodeAt(i);
    values.set(list, starts[number]!);
    number++;
  }
  return { slots, textStarts, units, starts, values, lengths: Uint32Array.from(lengths).sort(), heads };
}

export function openTextTable({ slots, textStarts, units, starts, values, lengths, heads }: TextData): TextTable {
  const mask = slots.length - 1;
  const isText = (number: number, text: string, from: number, length: number): boolean => {
    const at = textStarts[number]!;
    if (textStarts[number + 1]! - at !== length) return false;
    for (let i = 0; i < length; i++) if (units[at + i] !== text.charCodeAt(from + i)) return false;
    return true;
  };
  return {
    lengths,
    collect(text, from, to, found) {
      if (values.length === 0) return;
      const head = headOf(text, from, to);
      if (((heads[head >>> 5]! >>> (head & 31)) & 1) === 0) return;
      for (let slot = hashOf(text, from, to) & mask; slots[slot] !== 0; slot = (slot + 1) & mask) {
        const number = slots[slot]! - 1;
        if (!isText(number, text, from, to - from)) continue;
        for (let i = starts[number]!; i < starts[number + 1]!; i++) found.push(values[i]!);
        return;
      }
    },
  };
}

const HEADS = 8192;

/** Of a slice of length 0 or 1 the units beyond its end count as 0. */
function headOf(text: string, from: number, to: number): number {
  const first = from < to ? text.charCodeAt(from) : 0;
  const second = from + 1 < to ? text.charCodeAt(from + 1) : 0;
  return (Math.imul(first, 0x2f) ^ Math.imul(second, 0x3d1) ^ Math.imul(to - from, 0x9d)) & (HEADS - 1);
}

function hashOf(text: string, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
