// The sequence of sets that NetFlow v9 and IPFIX share. A fault costs its set, never the datagram: the next set is
// found by the length of this one, and only a length that leads nowhere ends the walk.

import { PROTOCOL } from '../../schemas/codes.ts';
import type { DatagramContext } from './context.ts';
import { decodeDataSet } from './data-set.ts';
import type { Domain } from './domain.ts';
import { FAULT } from './faults.ts';
import { readOptionsSet } from './options-set.ts';
import { IPFIX_OPTIONS, IPFIX_TEMPLATES, readTemplateSet, V9_OPTIONS, V9_TEMPLATES } from './template-set.ts';

const SET_HEADER_BYTES = 4;
const FIRST_DATA_SET = 256;

/** Decodes the sets between `start` and `end`; returns the number of data records, options records included. */
export function decodeSets(context: DatagramContext, domain: Domain, start: number, end: number): number {
  const { view } = context;
  let records = 0;
  let offset = start;
  while (end - offset >= SET_HEADER_BYTES) {
    const id = view.getUint16(offset);
    const length = view.getUint16(offset + 2);
    if (length < SET_HEADER_BYTES || length > end - offset) {
      // Zeros to the end are padding that some exporters add behind the last set.
      if (id !== 0 || length !== 0) context.fault(FAULT['set-length'], domain);
      return records;
    }
    records += decodeSet(context, domain, id, offset + SET_HEADER_BYTES, offset + length);
    offset += length;
  }
  return records;
}

function decodeSet(context: DatagramContext, domain: Domain, id: number, start: number, end: number): number {
  if (id >= FIRST_DATA_SET) {
    const last = domain.lastTemplate;
    const template = last && last.id === id ? last : domain.templates.get(id);
    if (!template) {
      context.fault(FAULT['unknown-template']);
      domain.unknownTemplateSets++;
      return 0;
    }
    domain.lastTemplate = template;
    if (start < end && end - start < template.recordLength) {
      context.fault(FAULT['record-malformed'], domain);
      return 0;
    }
    if (template.scopeCount >= 0) return readOptionsSet(context, domain, template, start, end);
    return decodeDataSet(context, domain, template, start, end);
  }
  if (isTemplateSet(context.protocol, id)) readTemplateSet(context, domain, id, start, end);
  else context.fault(FAULT['reserved-set'], domain);
  return 0;
}

function isTemplateSet(protocol: number, id: number): boolean {
  if (protocol === PROTOCOL.netflow9) return id === V9_TEMPLATES || id === V9_OPTIONS;
  return id === IPFIX_TEMPLATES || id === IPFIX_OPTIONS;
}
