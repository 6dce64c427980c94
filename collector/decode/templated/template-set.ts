// Template sets and options template sets of NetFlow v9 (RFC 3954 5.2, 6.1) and IPFIX (RFC 7011 3.4), withdrawal
// included. A malformed template is dropped together with the older one of its id: data must not be decoded with a
// layout that is known to be out of date. Data that waited for a template are released when it comes.

import { PROTOCOL } from '../../../schemas/codes.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import { type DormantTemplate, publish } from '../exporters/template-store.ts';
import { FAULT } from '../faults.ts';
import { compileTemplate, type Template, type TemplateField } from './template.ts';

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
  let offset = start;
  // Up to 3 bytes of padding may follow; some exporters pad with more, always with zeros.
  while (end - offset >= 4) {
    const id = context.view.getUint16(offset);
    if (id === 0) return;
    context.templated.templates++;
    const next = readTemplate(context, domain, setId, offset, end);
    if (next < 0) {
      forget(context, domain, id);
      context.fault(FAULT['template-malformed'], domain);
      return;
    }
    offset = next;
  }
}

/** Compiles a template that is known from before or from elsewhere, when data need it. */
export function wakeTemplate(context: DatagramContext, domain: Domain, id: number): Template | undefined {
  const dormant = dormantOf(context, domain, id);
  if (!dormant) return undefined;
  const { raw, setId } = dormant;
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const ipfix = domain.protocol === PROTOCOL.ipfix;
  const layout = layoutOf(view, setId, ipfix, 0, raw.length);
  const template = layout && compile(context, view, id, layout, raw);
  return template && learn(context, domain, template) ? template : undefined;
}

/** Wakes the templates that a domain's waiting data need. */
export function wakePending(context: DatagramContext, domain: Domain): void {
  for (const id of [...domain.pending.keys()]) if (!domain.templates.has(id)) wakeTemplate(context, domain, id);
}

/** Where the fields of a template are. */
interface Layout {
  /** Fields may name an enterprise. */
  readonly ipfix: boolean;
  readonly fieldsStart: number;
  readonly fieldCount: number;
  /** -1 for a template of data records. */
  readonly scopeCount: number;
  readonly end: number;
}

/** Reads one template at `start`; returns the offset behind it, or -1. */
function readTemplate(context: DatagramContext, domain: Domain, setId: number, start: number, end: number): number {
  const { view, bytes } = context;
  const id = view.getUint16(start);
  const ipfix = context.protocol === PROTOCOL.ipfix;
  if (ipfix && view.getUint16(start + 2) === 0) {
    withdraw(context, domain, id, setId);
    return start + 4;
  }
  if (id < 256) return -1;
  const layout = layoutOf(view, setId, ipfix, start, end);
  if (!layout || !context.mayTake(layout.fieldCount, domain)) return -1;
  const known = domain.templates.get(id) ?? wakeSame(context, domain, id, start, layout.end);
  if (known && sameBytes(known.raw, bytes, start, layout.end)) {
    known.usedMs = context.receivedAtMs;
    return layout.end;
  }
  if (domain.isOvertaken(id, context.exportMs)) return layout.end;
  const raw = bytes.slice(start, layout.end);
  const template = compile(context, view, id, layout, raw);
  if (!template) return -1;
  if (!learn(context, domain, template)) {
    context.fault(FAULT['template-limit'], domain);
    return layout.end;
  }
  domain.templatesLearned++;
  const { key } = domain;
  if (key)
    publish(context.templated.knowledge, {
      type: 'template',
      key,
      atMs: context.receivedAtMs,
      setId,
      templateId: id,
      raw,
    });
  return layout.end;
}

function layoutOf(view: DataView, setId: number, ipfix: boolean, start: number, end: number): Layout | undefined {
  let offset = start + 4;
  let fieldCount = view.getUint16(start + 2);
  let scopeCount = -1;
  if (setId === V9_OPTIONS || setId === IPFIX_OPTIONS) {
    if (end - offset < 2) return undefined;
    const second = view.getUint16(offset);
    offset += 2;
    if (ipfix) scopeCount = second;
    else {
      // RFC 3954 6.1: two lengths in bytes, four bytes a field.
      scopeCount = fieldCount >>> 2;
      fieldCount = scopeCount + (second >>> 2);
    }
    if (scopeCount > fieldCount) return undefined;
  }
  if (fieldCount === 0 || fieldCount > FIELDS_PER_TEMPLATE_MAX) return undefined;
  const fieldsStart = offset;
  for (let i = 0; i < fieldCount; i++) {
    if (offset + 4 > end) return undefined;
    offset += ipfix && (view.getUint16(offset) & ENTERPRISE_BIT) !== 0 ? 8 : 4;
  }
  return offset > end ? undefined : { ipfix, fieldsStart, fieldCount, scopeCount, end: offset };
}

function compile(
  context: DatagramContext,
  view: DataView,
  id: number,
  layout: Layout,
  raw: Uint8Array,
): Template | undefined {
  const announced = { id, fields: readFields(view, layout), scopeCount: layout.scopeCount, raw };
  return compileTemplate(announced, layout.ipfix, context.templated.elementRules);
}

function readFields(view: DataView, { ipfix, fieldsStart, fieldCount }: Layout): TemplateField[] {
  const fields: TemplateField[] = [];
  let offset = fieldsStart;
  for (let i = 0; i < fieldCount; i++) {
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

/** False at the bound: what the data of this id were read with so far, and data that wait, stay as they are. */
function learn(context: DatagramContext, domain: Domain, template: Template): boolean {
  if (!domain.learn(template, context.limits.templatesMax, context.exportMs)) return false;
  template.usedMs = context.receivedAtMs;
  context.templated.pending.release(domain, template);
  return true;
}

/** An announcement of what was known before a start changes nothing. */
function wakeSame(
  context: DatagramContext,
  domain: Domain,
  id: number,
  start: number,
  end: number,
): Template | undefined {
  const dormant = dormantOf(context, domain, id);
  return dormant && sameBytes(dormant.raw, context.bytes, start, end) ? wakeTemplate(context, domain, id) : undefined;
}

function dormantOf(
  { templated: { knowledge } }: DatagramContext,
  { key }: Domain,
  id: number,
): DormantTemplate | undefined {
  return knowledge && key && knowledge.store.get(key)?.templates.get(id);
}

/** RFC 7011 8.1: no fields withdraws the template; the set's own id withdraws all of its kind. */
function withdraw(context: DatagramContext, domain: Domain, id: number, setId: number): void {
  if (id !== setId) {
    forget(context, domain, id);
    return;
  }
  for (const template of domain.templates.values()) {
    if (template.scopeCount >= 0 === (setId === IPFIX_OPTIONS)) forget(context, domain, template.id);
  }
  const dormant = domain.key && context.templated.knowledge?.store.get(domain.key)?.templates;
  for (const [templateId, template] of dormant ?? []) if (template.setId === setId) forget(context, domain, templateId);
}

function forget(context: DatagramContext, domain: Domain, templateId: number): void {
  domain.forget(templateId);
  const { key } = domain;
  if (key) publish(context.templated.knowledge, { type: 'withdrawn', key, atMs: context.receivedAtMs, templateId });
}

function sameBytes(known: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (known.length !== end - start) return false;
  for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return false;
  return true;
}
