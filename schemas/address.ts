// Addresses and prefixes as text, and as four 32-bit words in host order (IPv4 mapped into ::ffff:0:0/96). Cold path:
// documents, command line and API. Columns hold the same 16 bytes in network order.

import { isIPv6 } from 'node:net';

export type Words = readonly [number, number, number, number];

export interface Prefix {
  readonly words: Words;
  /** 0 to 128; an IPv4 prefix of length n is 96 + n. */
  readonly length: number;
}

const MAPPED = 0x0000ffff;

export function isMapped4(words: Words): boolean {
  return words[0] === 0 && words[1] === 0 && words[2] === MAPPED;
}

/** Words of an IPv4 or IPv6 address, undefined when the text is none. Zone ids are refused. */
export function parseAddress(text: string): Words | undefined {
  const dotted = scanDotted(text, text.length);
  if (dotted >= 0) return [0, 0, MAPPED, dotted];
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const lastColon = text.lastIndexOf(':');
  const tail = text.slice(lastColon + 1);
  const full = tail.includes('.') ? `${text.slice(0, lastColon + 1)}${toGroups(parseDotted(tail))}` : text;
  const [head = '', rest] = full.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = rest === undefined || rest === '' ? [] : rest.split(':');
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right].map(group =>
    Number.parseInt(group, 16),
  );
  const word = (i: number) => ((groups[2 * i]! << 16) | groups[2 * i + 1]!) >>> 0;
  return [word(0), word(1), word(2), word(3)];
}

/**
 * The IPv4 address that is text[0] to text[end], -1 when it is none. Documents may hold a million of them: no part of the
 * text is copied.
 */
function scanDotted(text: string, end: number): number {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit >= 0 && digit <= 9) {
      // `01` is no octet: some programs read it as octal.
      if (octet === 0) return -1;
      octet = octet < 0 ? digit : 10 * octet + digit;
      if (octet > 255) return -1;
    } else {
      if (text.charCodeAt(i) !== 0x2e || octet < 0 || ++dots > 3) return -1;
      value = 256 * value + octet;
      octet = -1;
    }
  }
  return dots === 3 && octet >= 0 ? 256 * value + octet : -1;
}

function parseDotted(text: string): number {
  return text.split('.').reduce((value, part) => ((value << 8) | Number(part)) >>> 0, 0);
}

function toGroups(value: number): string {
  return `${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;
}

/** RFC 5952 text; IPv4-mapped addresses are written as IPv4. */
export function formatAddress(words: Words): string {
  if (isMapped4(words)) return formatIPv4(words[3]);
  const groups = words.flatMap(word => [word >>> 16, word & 0xffff]);
  let best = { start: -1, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  const hex = groups.map(group => group.toString(16));
  if (best.start < 0) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}

export function formatIPv4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** `10.0.0.0/8`, `fd00::/8` or a single address. Bits behind the length are cleared. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const dotted = scanDotted(text, slash < 0 ? text.length : slash);
  if (dotted >= 0) {
    const bits = slash < 0 ? 32 : parseLength(text, slash + 1);
    if (bits < 0 || bits > 32) return undefined;
    return { words: [0, 0, MAPPED, (bits === 0 ? 0 : dotted & (0xffffffff << (32 - bits))) >>> 0], length: 96 + bits };
  }
  const [addressText = '', lengthText, more] = text.split('/');
  const words = parseAddress(addressText);
  if (!words || more !== undefined) return undefined;
  const length = lengthText === undefined ? 128 : parseLength(lengthText, 0);
  return length < 0 || length > 128 ? undefined : { words: maskWords(words, length), length };
}

/** One to three digits from `from` on, -1 for anything else. */
function parseLength(text: string, from: number): number {
  if (from === text.length || text.length - from > 3) return -1;
  let length = 0;
  for (let i = from; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return -1;
    length = 10 * length + digit;
  }
  return length;
}

export function maskWords(words: Words, length: number): Words {
  const mask = (i: number) => {
    const bits = Math.min(32, Math.max(0, length - 32 * i));
    return (bits === 0 ? 0 : words[i]! & (0xffffffff << (32 - bits))) >>> 0;
  };
  return [mask(0), mask(1), mask(2), mask(3)];
}

export function formatPrefix(prefix: Prefix): string {
  const mapped = prefix.length >= 96 && isMapped4(prefix.words);
  return `${formatAddress(prefix.words)}/${mapped ? prefix.length - 96 : prefix.length}`;
}

/** The words of row `row` of an address column, whose 16 bytes are in network order. */
export function wordsOfRow(column: Uint32Array, row: number): Words {
  const word = (i: number) => swap32(column[4 * row + i]!);
  return [word(0), word(1), word(2), word(3)];
}

/** Reverses the byte order of a 32-bit word. */
export function swap32(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

const MAC = /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i;
const MAC_DOTTED = /^([0-9a-f]{4}\.){2}[0-9a-f]{4}$/i;

/** A MAC address as the two words of its column, undefined when the text is none. */
export function parseMac(text: string): { low: number; high: number } | undefined {
  const plain = parsePlainMac(text);
  if (plain) return plain;
  if (!MAC.test(text) && !MAC_DOTTED.test(text)) return undefined;
  const hex = text.replace(/[:.-]/g, '');
  return { low: Number.parseInt(hex.slice(4), 16), high: Number.parseInt(hex.slice(0, 4), 16) };
}

/** The usual form, lower case with colons: hundreds of thousands are read when an inventory is compiled. */
function parsePlainMac(text: string): { low: number; high: number } | undefined {
  if (text.length !== 17) return undefined;
  let high = 0;
  let low = 0;
  for (let at = 0; at < 17; at += 3) {
    const first = hexDigit(text.charCodeAt(at));
    const second = hexDigit(text.charCodeAt(at + 1));
    if (first < 0 || second < 0 || (at < 15 && text.charCodeAt(at + 2) !== COLON)) return undefined;
    const byte = 16 * first + second;
    if (at < 6) high = 256 * high + byte;
    else low = 256 * low + byte;
  }
  return { low, high };
}

const COLON = 58;

/** Of '0' to '9' and 'a' to 'f'; -1 for others. */
function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
}

export function formatMac(low: number, high: number): string {
  const hex = high.toString(16).padStart(4, '0') + low.toString(16).padStart(8, '0');
  return hex.match(/../g)!.join(':');
}

/** An address as ClickHouse and answers write it, whatever the form that a document has it in; other texts stay. */
export function canonicalAddress(address: string): string {
  const words = parseAddress(address);
  return words ? formatAddress(words) : address;
}
