// Options data records: what an exporter says about itself. Read here: sampling rates and the time its uptime counts
// from. They arrive a few times an hour, so plain objects are fine.

import { PROTOCOL, RATE_SOURCE } from '../../schemas/codes.ts';
import type { DatagramContext } from './context.ts';
import type { Domain } from './domain.ts';
import { SYSTEM_INIT } from './elements.ts';
import { FAULT } from './faults.ts';
import { readUint } from './kernels.ts';
import { type Template, VARIABLE_LENGTH } from './template.ts';

/** Selectors (302) and samplers (48) remembered per domain. */
export const SELECTORS_PER_DOMAIN_MAX = 4096;

const IDS = {
  samplingInterval: 34,
  samplerId: 48,
  samplerRandomInterval: 50,
  selectorId: 302,
  samplingPacketInterval: 305,
  samplingPacketSpace: 306,
  samplingSize: 309,
  samplingPopulation: 310,
} as const;

/** Reads the options records between `start` and `end`; returns how many there were. */
export function readOptionsSet(
  context: DatagramContext,
  domain: Domain,
  template: Template,
  start: number,
  end: number,
): number {
  let offset = start;
  let count = 0;
  while (end - offset >= template.recordLength) {
    const values = new Map<number, number>();
    const next = readRecord(context.view, template, offset, end, values);
    if (next < 0) {
      context.fault(FAULT['record-malformed'], domain);
      return count;
    }
    apply(context, domain, values);
    offset = next;
    count++;
  }
  return count;
}

function readRecord(
  view: DataView,
  template: Template,
  start: number,
  end: number,
  values: Map<number, number>,
): number {
  let offset = start;
  for (const field of template.fields) {
    let { length } = field;
    if (length === VARIABLE_LENGTH) {
      if (offset + 1 > end) return -1;
      length = view.getUint8(offset++);
      if (length === 255) {
        if (offset + 2 > end) return -1;
        length = view.getUint16(offset);
        offset += 2;
      }
    }
    if (offset + length > end) return -1;
    if (field.pen === 0 && length >= 1 && length <= 8) values.set(field.id, readUint(view, offset, length));
    offset += length;
  }
  return offset;
}

function apply(context: DatagramContext, domain: Domain, values: ReadonlyMap<number, number>): void {
  const systemInit = values.get(SYSTEM_INIT);
  if (systemInit !== undefined) {
    domain.systemInitMs = systemInit;
    // Data sets of the same message count from it already; NetFlow v9 has the uptime in its header.
    if (context.protocol === PROTOCOL.ipfix) context.uptimeMs = (context.exportMs - systemInit) >>> 0;
  }
  const rate = rateOf(values);
  if (rate === undefined) return;
  const selector = values.get(IDS.selectorId) ?? values.get(IDS.samplerId);
  if (selector === undefined) domain.setRate(rate, RATE_SOURCE.domain);
  else learnSelector(domain, selector, rate);
}

function learnSelector(domain: Domain, selector: number, rate: number): void {
  const { selectorRates } = domain;
  const known = selectorRates.get(selector);
  if (known === rate || (known === undefined && selectorRates.size >= SELECTORS_PER_DOMAIN_MAX)) return;
  if (known !== undefined) domain.rateChanges++;
  selectorRates.set(selector, rate);
  if (domain.rateSource === RATE_SOURCE.domain) return;
  // Serves records that name no selector, as long as all selectors agree and the domain says nothing about itself.
  const agreed = [...selectorRates.values()].every(other => other === rate);
  domain.samplingRate = agreed ? rate : 0;
  domain.rateSource = agreed ? RATE_SOURCE.selector : RATE_SOURCE.unknown;
}

/** N of 1 in N, undefined when the record says nothing of it or says 0. */
function rateOf(values: ReadonlyMap<number, number>): number | undefined {
  const interval = values.get(IDS.samplingPacketInterval);
  const space = values.get(IDS.samplingPacketSpace);
  const size = values.get(IDS.samplingSize);
  const population = values.get(IDS.samplingPopulation);
  let rate = values.get(IDS.samplingInterval) ?? values.get(IDS.samplerRandomInterval);
  if (interval && space !== undefined) rate = Math.round((interval + space) / interval);
  else if (size && population && population >= size) rate = Math.round(population / size);
  return rate !== undefined && rate >= 1 && rate <= 0xffffffff ? rate : undefined;
}
