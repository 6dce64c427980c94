// Everything an exporter sent, record by record: each element with its name, its type and its value, lists and unknown
// elements included. For people and for tests; rows are made by data-set.ts and never pass here. Works on the sets that
// DatagramContext.inspect is called for.

import { formatAddress } from '../../../schemas/address.ts';
import { VARIABLE_LENGTH } from './field.ts';
import { BASIC_LIST, ENTERPRISE_BIT, LIST_DEPTH_MAX, SUB_TEMPLATE_LIST, SUB_TEMPLATE_MULTI_LIST } from './lists.ts';
import type { Template, TemplateField } from './template.ts';

/** Abstract data types (RFC 7012 3.1, RFC 6313), and unsigned256 of RFC 9740. */
export const ELEMENT_TYPES = [
  'unsigned8',
  'unsigned16',
  'unsigned32',
  'unsigned64',
  'unsigned256',
  'signed8',
  'signed16',
  'signed32',
  'signed64',
  'float32',
  'float64',
  'boolean',
  'macAddress',
  'ipv4Address',
  'ipv6Address',
  'string',
  'octetArray',
  'dateTimeSeconds',
  'dateTimeMilliseconds',
  'dateTimeMicroseconds',
  'dateTimeNanoseconds',
  'basicList',
  'subTemplateList',
  'subTemplateMultiList',
] as const;
export type ElementType = (typeof ELEMENT_TYPES)[number];

export interface Element {
  readonly pen: number;
  readonly id: number;
  readonly name: string;
  readonly type: ElementType;
  readonly units: string;
}

/** The names and types of elements, loaded outside of the decoder. */
export interface ElementNames {
  find(pen: number, id: number): Element | undefined;
  /** Short name of an enterprise. */
  enterprise(pen: number): string | undefined;
}

/** Times are text of RFC 3339 in UTC, octets are hexadecimal, integers beyond 2^53 are bigint. */
export type InspectedValue = number | bigint | boolean | string | readonly (readonly InspectedField[])[];

export interface InspectedField {
  readonly pen: number;
  readonly id: number;
  /** Of the registry; else `enterprise.id`. */
  readonly name: string;
  readonly units: string;
  readonly scope: boolean;
  readonly value: InspectedValue;
}

/** Elements other than 291 to 293 are lists too: communities, segments. */
const LIST_KINDS: Partial<Record<ElementType, number>> = {
  basicList: BASIC_LIST,
  subTemplateList: SUB_TEMPLATE_LIST,
  subTemplateMultiList: SUB_TEMPLATE_MULTI_LIST,
};

/** Steps one set may take: values and list entries read. */
const STEPS_PER_SET_MAX = 1_000_000;

export interface TemplateSource {
  readonly templates: { get(id: number): Template | undefined };
}

/** Of the registry; else `enterprise.id`, of IANA its number. */
export function elementName(names: ElementNames, pen: number, id: number): string {
  return names.find(pen, id)?.name ?? (pen === 0 ? `${id}` : `${names.enterprise(pen) ?? pen}.${id}`);
}

/** The records between `start` and `end`; ends early where one does not fit. */
export function inspectRecords(
  view: DataView,
  domain: TemplateSource,
  template: Template,
  start: number,
  end: number,
  names: ElementNames,
): InspectedField[][] {
  return new Inspector(view, domain, names).records(template, start, end, 0) ?? [];
}

class Inspector {
  readonly #view: DataView;
  readonly #domain: TemplateSource;
  readonly #names: ElementNames;
  #steps = STEPS_PER_SET_MAX;
  /** Offset behind what was read last. */
  #offset = 0;

  constructor(view: DataView, domain: TemplateSource, names: ElementNames) {
    this.#view = view;
    this.#domain = domain;
    this.#names = names;
  }

  records(template: Template, start: number, end: number, depth: number): InspectedField[][] {
    const records: InspectedField[][] = [];
    this.#offset = start;
    while (end - this.#offset >= template.recordLength) {
      const record = this.#record(template, end, depth);
      if (!record) break;
      records.push(record);
    }
    return records;
  }

  #record({ fields, scopeCount }: Template, end: number, depth: number): InspectedField[] | undefined {
    const record: InspectedField[] = [];
    for (const [i, field] of fields.entries()) {
      const length = this.#lengthOf(field.length, end);
      if (length < 0 || this.#steps-- <= 0) return undefined;
      record.push(this.#field(field, this.#offset, length, i < scopeCount, depth));
      this.#offset += length;
    }
    return record;
  }

  /** Length of the value at hand, whose own length precedes it where it is variable; -1 when it does not fit. */
  #lengthOf(length: number, end: number): number {
    let actual = length;
    if (length === VARIABLE_LENGTH) {
      if (this.#offset + 1 > end) return -1;
      actual = this.#view.getUint8(this.#offset++);
      if (actual === 255) {
        if (this.#offset + 2 > end) return -1;
        actual = this.#view.getUint16(this.#offset);
        this.#offset += 2;
      }
    }
    return this.#offset + actual <= end ? actual : -1;
  }

  #field(
    { pen, id }: Omit<TemplateField, 'length'>,
    at: number,
    length: number,
    scope: boolean,
    depth: number,
  ): InspectedField {
    const element = this.#names.find(pen, id);
    const name = elementName(this.#names, pen, id);
    const back = this.#offset;
    const value = this.#value(element?.type ?? 'octetArray', at, length, depth);
    this.#offset = back;
    return { pen, id, name, units: element?.units ?? '', scope, value };
  }

  #value(type: ElementType, at: number, length: number, depth: number): InspectedValue {
    const list = LIST_KINDS[type];
    const value =
      list === undefined ? valueOfType(this.#view, type, at, length) : this.#list(list, at, at + length, depth);
    return value ?? hexOf(this.#view, at, length);
  }

  /** The entries of a list; undefined when it is malformed. */
  #list(kind: number, start: number, end: number, depth: number): InspectedField[][] | undefined {
    if (start === end) return [];
    if (depth >= LIST_DEPTH_MAX || end - start < (kind === SUB_TEMPLATE_MULTI_LIST ? 1 : 3)) return undefined;
    if (kind === BASIC_LIST) return this.#basicList(start + 1, end, depth);
    const view = this.#view;
    if (kind === SUB_TEMPLATE_LIST) return this.#entries(view.getUint16(start + 1), start + 3, end, depth);
    const all: InspectedField[][] = [];
    for (let offset = start + 1; offset < end; ) {
      const length = end - offset < 4 ? 0 : view.getUint16(offset + 2);
      if (length < 4 || length > end - offset) return undefined;
      const entries = this.#entries(view.getUint16(offset), offset + 4, offset + length, depth);
      if (!entries) return undefined;
      all.push(...entries);
      offset += length;
    }
    return all;
  }

  #entries(templateId: number, start: number, end: number, depth: number): InspectedField[][] | undefined {
    const template = this.#domain.templates.get(templateId);
    if (!template) return start === end ? [] : undefined;
    const entries = this.records(template, start, end, depth + 1);
    return this.#offset === end ? entries : undefined;
  }

  #basicList(start: number, end: number, depth: number): InspectedField[][] | undefined {
    const view = this.#view;
    if (end - start < 4) return undefined;
    const raw = view.getUint16(start);
    const length = view.getUint16(start + 2);
    const enterprise = (raw & ENTERPRISE_BIT) !== 0;
    if (length === 0 || (enterprise && end - start < 8)) return undefined;
    const field = { id: raw & ~ENTERPRISE_BIT, pen: enterprise ? view.getUint32(start + 4) : 0 };
    const entries: InspectedField[][] = [];
    this.#offset = start + (enterprise ? 8 : 4);
    while (this.#offset < end) {
      const actual = this.#lengthOf(length, end);
      if (actual < 0 || this.#steps-- <= 0) return undefined;
      entries.push([this.#field(field, this.#offset, actual, false, depth + 1)]);
      this.#offset += actual;
    }
    return entries;
  }
}

const decoder = new TextDecoder();
/** Seconds from 1900-01-01 to 1970-01-01 (RFC 5905). */
const NTP_EPOCH_S = 2208988800;

/** The value of one of the types that are no list; undefined when the length is none that the type can have. */
function valueOfType(view: DataView, type: ElementType, at: number, length: number): InspectedValue | undefined {
  if (type.startsWith('unsigned')) return integerOf(view, at, length);
  switch (type) {
    case 'signed8':
    case 'signed16':
    case 'signed32':
    case 'signed64':
      return length < 1 || length > 8 ? undefined : narrow(BigInt.asIntN(8 * length, wide(view, at, length)));
    case 'float32':
    case 'float64':
      return length === 4 ? view.getFloat32(at) : length === 8 ? view.getFloat64(at) : undefined;
    case 'boolean': {
      const value = length === 1 ? view.getUint8(at) : 0;
      return value === 1 ? true : value === 2 ? false : undefined;
    }
    case 'macAddress':
      return length === 6 ? hexOf(view, at, length).replace(/..(?!$)/g, '$&:') : undefined;
    case 'ipv4Address':
      return length === 4 ? [0, 1, 2, 3].map(i => view.getUint8(at + i)).join('.') : undefined;
    case 'ipv6Address':
      return length === 16 ? address6Of(view, at) : undefined;
    case 'string':
      // What is no UTF-8 becomes U+FFFD, the zeros that fill up a fixed length go.
      return decoder.decode(new Uint8Array(view.buffer, view.byteOffset + at, length)).replace(/\0+$/, '');
    case 'dateTimeSeconds':
      return length === 4 ? timeOf(view.getUint32(at) * 1000) : undefined;
    case 'dateTimeMilliseconds':
      return length === 8 ? timeOf(Number(wide(view, at, 8))) : undefined;
    case 'dateTimeMicroseconds':
      return length === 8 ? ntpTimeOf(view, at, 6) : undefined;
    case 'dateTimeNanoseconds':
      return length === 8 ? ntpTimeOf(view, at, 9) : undefined;
    default:
      return undefined;
  }
}

/** formatAddress() shows an IPv4-mapped address as IPv4, which is not what was sent. */
function address6Of(view: DataView, at: number): string {
  const text = formatAddress([
    view.getUint32(at),
    view.getUint32(at + 4),
    view.getUint32(at + 8),
    view.getUint32(at + 12),
  ]);
  return text.includes(':') ? text : `::ffff:${text}`;
}

function wide(view: DataView, at: number, length: number): bigint {
  let value = 0n;
  for (let i = 0; i < length; i++) value = (value << 8n) | BigInt(view.getUint8(at + i));
  return value;
}

function narrow(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}

function integerOf(view: DataView, at: number, length: number): number | bigint | undefined {
  return length < 1 || length > 32 ? undefined : narrow(wide(view, at, length));
}

function hexOf(view: DataView, at: number, length: number): string {
  return Buffer.from(view.buffer, view.byteOffset + at, length).toString('hex');
}

/** Undefined beyond what a date can hold. */
function timeOf(ms: number): string | undefined {
  return ms <= 8.64e15 ? new Date(ms).toISOString() : undefined;
}

/** An NTP timestamp (RFC 5905) with so many digits of a second. */
function ntpTimeOf(view: DataView, at: number, digits: number): string {
  const fraction = (BigInt(view.getUint32(at + 4)) * 10n ** BigInt(digits)) >> 32n;
  const seconds = new Date((view.getUint32(at) - NTP_EPOCH_S) * 1000).toISOString().slice(0, -4);
  return `${seconds}${fraction.toString().padStart(digits, '0')}Z`;
}
