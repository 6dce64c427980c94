// The sequence of sets that NetFlow v9 and IPFIX share. A fault costs its set, never the datagram: the next set is
// found by the length of this one, and only a length that leads nowhere ends the walk. A data set without its template
// waits for it (pending.ts).

import { PROTOCOL } from '../../../schemas/codes.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import { stateOf } from '../exporters/domain-state.ts';
import { publish } from '../exporters/template-store.ts';
import { FAULT } from '../faults.ts';
import { decodeDataSet } from './data-set.ts';
import { readOptionsSet } from './options-records.ts';
import type { Template } from './template.ts';
import {
  IPFIX_OPTIONS,
  IPFIX_TEMPLATES,
  readTemplateSet,
  V9_OPTIONS,
  V9_TEMPLATES,
  wakeTemplate,
} from './template-set.ts';

export const SET_HEADER_BYTES = 4;
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
    if (!context.mayTake(1, domain)) return records;
    context.templated.sets++;
    records += decodeSet(context, domain, id, offset + SET_HEADER_BYTES, offset + length);
    offset += length;
  }
  return records;
}

function decodeSet(context: DatagramContext, domain: Domain, id: number, start: number, end: number): number {
  if (id >= FIRST_DATA_SET) {
    const template = domain.find(id, context.exportMs) ?? wakeTemplate(context, domain, id);
    if (template) return decodeRecords(context, domain, template, start, end);
    context.fault(FAULT['unknown-template']);
    domain.unknownTemplateSets++;
    if (start < end && domain.listed) context.templated.pending.add(context, domain, id, start, end);
    return 0;
  }
  if (isTemplateSet(context.protocol, id)) readTemplateSet(context, domain, id, start, end);
  else context.fault(FAULT['reserved-set'], domain);
  return 0;
}

/** Decodes the body of a data set or a set of options records; returns how many there were. */
export function decodeRecords(
  context: DatagramContext,
  domain: Domain,
  template: Template,
  start: number,
  end: number,
): number {
  template.usedMs = context.receivedAtMs;
  if (start < end && end - start < template.recordLength) {
    context.fault(FAULT['record-malformed'], domain);
    return 0;
  }
  context.templated.inspect?.(domain, template, start, end);
  const records =
    template.scopeCount < 0
      ? decodeDataSet(context, domain, template, start, end)
      : decodeOptions(context, domain, template, start, end);
  if (context.valuesDropped > 0) context.countDropped();
  return records;
}

function decodeOptions(
  context: DatagramContext,
  domain: Domain,
  template: Template,
  start: number,
  end: number,
): number {
  const { stateRevision, key } = domain;
  const records = readOptionsSet(context, domain, template, start, end);
  if (key && domain.stateRevision !== stateRevision)
    publish(context.templated.knowledge, { type: 'state', key, atMs: context.receivedAtMs, state: stateOf(domain) });
  return records;
}

function isTemplateSet(protocol: number, id: number): boolean {
  if (protocol === PROTOCOL.netflow9) return id === V9_TEMPLATES || id === V9_OPTIONS;
  return id === IPFIX_TEMPLATES || id === IPFIX_OPTIONS;
}
