// Options data records: what an exporter says about itself. Read here: sampling rates, the time its uptime counts from,
// and the names of its interfaces, VRFs and end stations. They arrive a few times an hour, so plain objects are fine;
// what to look for in a record is found once, when the first record of a template arrives.

import { PROTOCOL } from '../../../schemas/codes.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import { cleanName, type Fact } from '../facts.ts';
import { FAULT } from '../faults.ts';
import { readUint } from '../kernels.ts';
import { type RateFields, rateFieldsOf, readRate } from '../sampling/rate-fields.ts';
import { learnRate, type RateScope, settleRates } from '../sampling/rates.ts';
import { elementKey, SYSTEM_INIT } from './elements.ts';
import { FieldIndex, type TemplateField } from './field.ts';
import { fieldLengths, fieldOffsets, LOCATED, locateFields } from './record-fields.ts';
import type { Template } from './template.ts';

/** RFC 3954 6.1: types of the scope fields of NetFlow v9, which are no elements. 1, 3 and 4 (system, line card, cache)
 * scope the domain. */
const V9_INTERFACE = 2;
const V9_TEMPLATE = 5;

/** The last time that a Date holds. */
const TIME_MS_MAX = 8.64e15;

/** Indices of the fields that are looked for, -1 for those that are not there. */
interface OptionsPlan {
  readonly rates: RateFields | undefined;
  readonly selector: number;
  readonly interface: number;
  readonly template: number;
  readonly systemInit: number;
  readonly interfaceName: number;
  readonly vrf: number;
  readonly vrfName: number;
  readonly stationId: number;
  readonly stationName: number;
  readonly stationMac: number;
}

const plans = new WeakMap<Template, OptionsPlan>();

/** Reads the options records between `start` and `end`; returns how many there were. */
export function readOptionsSet(
  context: DatagramContext,
  domain: Domain,
  template: Template,
  start: number,
  end: number,
): number {
  const plan = planOf(context, template);
  const { stateRevision } = domain;
  let offset = start;
  let count = 0;
  while (end - offset >= template.recordLength) {
    if (!context.mayTake(template.fields.length, domain)) break;
    const next = locateFields(context.view, template, offset, end);
    if (next < 0) {
      context.fault(FAULT['record-malformed'], domain);
      break;
    }
    readSystemInit(context, domain, plan);
    readRates(context, domain, plan);
    reportFacts(context, domain, plan);
    offset = next;
    count++;
  }
  const isChanged = domain.stateRevision !== stateRevision;
  if (plan.rates && isChanged && context.mayTake(domain.selectorRates.size, domain)) settleRates(domain);
  return count;
}

function planOf(context: DatagramContext, template: Template): OptionsPlan {
  const known = plans.get(template);
  if (known) return known;
  const scopeCount = context.protocol === PROTOCOL.netflow9 ? template.scopeCount : 0;
  // Scope types of NetFlow v9 must not be taken for elements of the same number.
  const fields = template.fields.map((field, i): TemplateField => (i < scopeCount ? { ...field, pen: -1 } : field));
  const index = new FieldIndex(fields);
  const scope = (type: number) => index.find(elementKey(-1, type));
  const first = (...ids: readonly number[]) => index.placeOf(...ids.map(id => elementKey(0, id)))?.field ?? -1;
  const plan = {
    rates: rateFieldsOf(index),
    selector: first(302, 48),
    interface: scope(V9_INTERFACE) >= 0 ? scope(V9_INTERFACE) : first(10, 14, 252, 253),
    template: scope(V9_TEMPLATE) >= 0 ? scope(V9_TEMPLATE) : first(145),
    systemInit: first(SYSTEM_INIT),
    interfaceName: first(82, 83),
    vrf: first(234, 235),
    vrfName: first(236),
    stationId: first(349, 347),
    stationName: first(350, 348),
    stationMac: first(56, 80),
  };
  plans.set(template, plan);
  return plan;
}

/** An integer of the record at hand, undefined when it is not there. */
function uint(context: DatagramContext, field: number): number | undefined {
  if (field < 0) return undefined;
  const length = fieldLengths[field]!;
  return length >= 1 && length <= 8 ? readUint(context.view, fieldOffsets[field]!, length) : undefined;
}

/** Stands for a value that is beyond its element. */
const BEYOND = -1;

/** An integer of 32 bits of the record at hand, in however many bytes; undefined when it is not there. */
function uint32(context: DatagramContext, field: number): number | undefined {
  const value = uint(context, field);
  if (value === undefined || value <= 0xffffffff) return value;
  context.valuesDropped++;
  return BEYOND;
}

function readSystemInit(context: DatagramContext, domain: Domain, plan: OptionsPlan): void {
  const systemInit = uint(context, plan.systemInit);
  if (systemInit === undefined) return;
  if (systemInit > TIME_MS_MAX) {
    context.valuesDropped++;
    return;
  }
  if (domain.systemInitMs !== systemInit) domain.stateRevision++;
  domain.systemInitMs = systemInit;
  // Data sets of the same message count from it already; NetFlow v9 has the uptime in its header.
  if (context.protocol === PROTOCOL.ipfix) context.uptimeMs = (context.exportMs - systemInit) >>> 0;
}

/** Of the record at hand. */
const rateScope: RateScope = { selector: undefined, ifIndex: undefined, template: undefined };

function readRates(context: DatagramContext, domain: Domain, plan: OptionsPlan): void {
  if (!plan.rates) return;
  const rate = readRate(context.view, plan.rates, LOCATED);
  if (rate === 0) return;
  rateScope.selector = uint(context, plan.selector);
  rateScope.ifIndex = uint32(context, plan.interface);
  rateScope.template = uint32(context, plan.template);
  // What it is the rate of does not exist; it is not that of all.
  if (rateScope.ifIndex === BEYOND || rateScope.template === BEYOND) return;
  learnRate(context, domain, rateScope, rate);
}

function reportFacts(context: DatagramContext, domain: Domain, plan: OptionsPlan): void {
  if (plan.stationId >= 0 || plan.stationName >= 0) reportStation(context, domain, plan);
  else if (plan.interface >= 0 && plan.interfaceName >= 0)
    reportName(context, domain, 'interface', plan.interface, plan.interfaceName);
  if (plan.vrf >= 0 && plan.vrfName >= 0) reportName(context, domain, 'vrf', plan.vrf, plan.vrfName);
}

function reportName(
  context: DatagramContext,
  domain: Domain,
  kind: Fact['kind'],
  indexField: number,
  nameField: number,
): void {
  const index = uint32(context, indexField) ?? 0;
  const name = nameOf(context, nameField);
  if (index === 0 || index === BEYOND || name === '') return;
  report(context, domain, { kind, index, macHigh: 0, macLow: 0, stationId: '', name, hostId: '' });
}

function reportStation(context: DatagramContext, domain: Domain, plan: OptionsPlan): void {
  const { stationId, stationMac } = plan;
  const id = stationId >= 0 && fieldLengths[stationId] === 16 ? fieldOffsets[stationId]! : -1;
  const mac = stationMac >= 0 && fieldLengths[stationMac] === 6 ? fieldOffsets[stationMac]! : -1;
  const fact: Fact = {
    kind: 'station',
    index: Math.max(0, uint32(context, plan.interface) ?? 0),
    macHigh: mac < 0 ? 0 : context.view.getUint16(mac),
    macLow: mac < 0 ? 0 : context.view.getUint32(mac + 2),
    stationId: id < 0 ? '' : hex(context.bytes, id, 16),
    name: nameOf(context, plan.stationName),
    hostId: '',
  };
  if (fact.stationId !== '' || fact.name !== '') report(context, domain, fact);
}

function nameOf(context: DatagramContext, field: number): string {
  return field < 0 ? '' : cleanName(context.bytes, fieldOffsets[field]!, fieldLengths[field]!);
}

function report(context: DatagramContext, domain: Domain, fact: Fact): void {
  context.facts.report(fact, context.exporter, domain.id, context.protocol, context.receivedAtMs);
}

/** Empty when all of it is zero. */
function hex(bytes: Uint8Array, start: number, length: number): string {
  const part = bytes.subarray(start, start + length);
  return part.some(byte => byte !== 0) ? Array.from(part, byte => byte.toString(16).padStart(2, '0')).join('') : '';
}
