// The journal of what exporters have announced, as bytes. Numbers are little-endian:
//
//   magic "HPTEMPL\n" | version 4 | 0 4,   then entries:   length 4 | CRC-32 4 | a change, JSON in UTF-8
//
// Writing is cut off anywhere by a kill, so an entry that ends with the file is no fault. Everything else that is wrong
// is one, and ends the reading; what precedes it is good.

import { crc32 } from 'node:zlib';
import type { DomainState } from '../decode/exporters/domain-state.ts';
import type { Change, DomainKey } from '../decode/exporters/template-store.ts';

const MAGIC = 'HPTEMPL\n';
const VERSION = 1;
const HEADER_BYTES = 16;
const ENTRY_HEADER_BYTES = 8;
/** More than any change needs: some 9,000 rates of at most 24 characters each. */
const ENTRY_BYTES_MAX = 1024 * 1024;

export type JournalFault = 'format' | 'version' | 'checksum' | 'entry';

export function journalHeader(): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(MAGIC, 0, 'latin1');
  header.writeUInt32LE(VERSION, MAGIC.length);
  return header;
}

export function encodeEntry(change: Change): Buffer {
  const plain = change.type === 'template' ? { ...change, raw: Buffer.from(change.raw).toString('base64') } : change;
  const text = Buffer.from(JSON.stringify(plain));
  const entry = Buffer.allocUnsafe(ENTRY_HEADER_BYTES + text.length);
  entry.writeUInt32LE(text.length, 0);
  entry.writeUInt32LE(crc32(text), 4);
  entry.set(text, ENTRY_HEADER_BYTES);
  return entry;
}

export interface JournalEntries {
  readonly changes: Change[];
  readonly fault: JournalFault | undefined;
}

export function readEntries(bytes: Buffer): JournalEntries {
  const changes: Change[] = [];
  const header = journalHeader();
  if (bytes.length < HEADER_BYTES)
    return { changes, fault: bytes.equals(header.subarray(0, bytes.length)) ? undefined : 'format' };
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return { changes, fault: 'format' };
  if (!bytes.subarray(0, HEADER_BYTES).equals(header)) return { changes, fault: 'version' };
  for (let offset = HEADER_BYTES; bytes.length - offset >= ENTRY_HEADER_BYTES; ) {
    const length = bytes.readUInt32LE(offset);
    if (length > ENTRY_BYTES_MAX) return { changes, fault: 'entry' };
    const end = offset + ENTRY_HEADER_BYTES + length;
    if (end > bytes.length) break;
    const text = bytes.subarray(offset + ENTRY_HEADER_BYTES, end);
    if (crc32(text) !== bytes.readUInt32LE(offset + 4)) return { changes, fault: 'checksum' };
    const change = changeOf(text.toString());
    if (!change) return { changes, fault: 'entry' };
    changes.push(change);
    offset = end;
  }
  return { changes, fault: undefined };
}

type Plain = Readonly<Record<string, unknown>>;

/** Undefined when the text is no change. */
function changeOf(text: string): Change | undefined {
  const plain = parsed(text);
  const key = plain && keyOf(plain['key']);
  if (!key) return undefined;
  const { type, atMs, setId, templateId, raw, state, proven } = plain;
  if (type === 'forgotten') return { type, key };
  if (typeof atMs !== 'number') return undefined;
  // Journals written before version 0.4 say `heard`.
  if (type === 'seen' || type === 'heard') return { type: 'seen', key, atMs, proven: proven === true };
  if (type === 'state' && isState(state)) return { type, key, atMs, state };
  if (typeof templateId !== 'number') return undefined;
  if (type === 'withdrawn') return { type, key, atMs, templateId };
  if (type !== 'template' || typeof setId !== 'number' || typeof raw !== 'string') return undefined;
  const buffer = Buffer.from(raw, 'base64');
  // A template that is too short to have a head would be read beyond its end.
  return buffer.length < 4 ? undefined : { type, key, atMs, setId, templateId, raw: Uint8Array.from(buffer) };
}

function parsed(text: string): Plain | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isPlain(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function keyOf(value: unknown): DomainKey | undefined {
  if (!isPlain(value)) return undefined;
  const { address, port, protocol, domain } = value;
  if (typeof address !== 'string' || ![port, protocol, domain].every(Number.isInteger)) return undefined;
  return { address, port: port as number, protocol: protocol as number, domain: domain as number };
}

function isState(value: unknown): value is DomainState {
  if (!isPlain(value)) return false;
  const numbers = [value['systemInitMs'], value['samplingRate'], value['rateSource']];
  const rates = [value['selectorRates'], value['interfaceRates'], value['templateRates']];
  return numbers.every(number => typeof number === 'number') && rates.every(isRates);
}

function isRates(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(rate => Array.isArray(rate) && rate.length === 2 && rate.every(Number.isInteger))
  );
}

function isPlain(value: unknown): value is Plain {
  return typeof value === 'object' && value !== null;
}
