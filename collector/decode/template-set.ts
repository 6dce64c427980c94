// Template sets and options template sets of NetFlow v9 (RFC 3954 5.2, 6.1) and IPFIX (RFC 7011 3.4), withdrawal
// included. A malformed template is dropped together with the older one of its id: data must not be decoded with a
// layout that is known to be out of date.

import { PROTOCOL } from '../../schemas/codes.ts';
import type { DatagramContext } from './context.ts';
import type { Domain } from './domain.ts';
import { FAULT } from './faults.ts';
import { compileTemplate, type TemplateField } from './template.ts';

/** Fields one template may have; more than any exporter sends and few enough to walk for each record. */
export const FIELDS_PER_TEMPLATE_MAX = 1024;

const ENTERPRISE_BIT = 0x8000;

/** Set ids below 256 that announce templates. */
export const V9_TEMPLATES = 0;
export const V9_OPTIONS = 1;
export const IPFIX_TEMPLATES = 2;
export const IPFIX_OPTIONS = 3;

/** Reads every template between `start` and `end`, which lie inside the datagram. */
export function readTemplateSet(
  context: DatagramContext,
  domain: Domain,
  setId: number,
  start: number,
  end: number,
): void {
  const options = setId === V9_OPTIONS || setId === IPFIX_OPTIONS;
  let offset = start;
  // Up to 3 bytes of padding may follow; some exporters pad with more, always with zeros.
  while (end - offset >= 4) {
    const id = context.view.getUint16(offset);
    if (id === 0) return;
    const next = readTemplate(context, domain, setId, options, offset, end);
    if (next < 0) {
      domain.forget(id);
      context.fault(FAULT['template-malformed'], domain);
      return;
    }
    offset = next;
  }
}

/** Reads one template at `start`; returns the offset behind it, or -1. */
function readTemplate(
  context: DatagramContext,
  domain: Domain,
  setId: number,
  options: boolean,
  start: number,
  end: number,
): number {
  const { view } = context;
  const id = view.getUint16(start);
  const ipfix = context.protocol === PROTOCOL.ipfix;
  const count = view.getUint16(start + 2);
  if (ipfix && count === 0) return withdraw(domain, id, setId, start);
  if (id < 256) return -1;

  let offset = start + 4;
  let fieldCount = count;
  let scopeCount = -1;
  if (options) {
    if (end - offset < 2) return -1;
    const second = view.getUint16(offset);
    offset += 2;
    if (ipfix) scopeCount = second;
    else {
      // RFC 3954 6.1: two lengths in bytes, four bytes a field.
      scopeCount = count >>> 2;
      fieldCount = scopeCount + (second >>> 2);
    }
    if (scopeCount > fieldCount) return -1;
  }
  if (fieldCount === 0 || fieldCount > FIELDS_PER_TEMPLATE_MAX) return -1;

  const fieldsStart = offset;
  for (let i = 0; i < fieldCount; i++) {
    if (offset + 4 > end) return -1;
    offset += ipfix && (view.getUint16(offset) & ENTERPRISE_BIT) !== 0 ? 8 : 4;
  }
  if (offset > end) return -1;
  const known = domain.templates.get(id);
  if (known && sameBytes(known.raw, context.bytes, start, offset)) return offset;

  const fields = readFields(view, fieldsStart, fieldCount, ipfix);
  const template = compileTemplate(id, fields, scopeCount, context.bytes.slice(start, offset), ipfix);
  if (!template) return -1;
  if (!domain.learn(template, context.limits.templatesMax)) context.fault(FAULT['template-limit'], domain);
  return offset;
}

function readFields(view: DataView, start: number, count: number, ipfix: boolean): TemplateField[] {
  const fields: TemplateField[] = [];
  let offset = start;
  for (let i = 0; i < count; i++) {
    const raw = view.getUint16(offset);
    const length = view.getUint16(offset + 2);
    const enterprise = ipfix && (raw & ENTERPRISE_BIT) !== 0;
    fields.push({
      id: enterprise ? raw & ~ENTERPRISE_BIT : raw,
      pen: enterprise ? view.getUint32(offset + 4) : 0,
      length,
    });
    offset += enterprise ? 8 : 4;
  }
  return fields;
}

/** RFC 7011 8.1: no fields withdraws the template; the set's own id withdraws all of its kind. */
function withdraw(domain: Domain, id: number, setId: number, start: number): number {
  if (id === setId) {
    for (const template of domain.templates.values()) {
      if (template.scopeCount >= 0 === (setId === IPFIX_OPTIONS)) domain.forget(template.id);
    }
  } else domain.forget(id);
  return start + 4;
}

function sameBytes(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}
