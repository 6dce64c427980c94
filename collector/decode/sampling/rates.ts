// Which sampling rate a record has, from the nearest statement: the record itself, the selector (302) or sampler (48) it
// names, its interface, its template, its domain; the exporter registry, which the enricher applies, comes before all.
// What nobody states is 0, unknown, and counted, never taken as 1. Options records and headers report the rates; tables
// are bounded, and a rate beyond the bound is a fault.

import { DIRECTION, RATE_SOURCE } from '../../../schemas/codes.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import { FAULT } from '../faults.ts';
import { readUint } from '../kernels.ts';
import type { Place } from '../templated/field.ts';
import { lengthOf, offsetOf } from '../templated/record-fields.ts';
import type { RecordRun } from '../templated/record-run.ts';
import type { Template } from '../templated/template.ts';
import { readRate, validRate } from './rate-fields.ts';
import type { RateTable } from './rate-table.ts';

/** What an options record says its rate is of. */
export interface RateScope {
  selector: number | undefined;
  ifIndex: number | undefined;
  template: number | undefined;
}

/** Takes a rate from an options record, for the narrowest of what it names. */
export function learnRate(
  context: DatagramContext,
  domain: Domain,
  { selector, ifIndex, template }: Readonly<RateScope>,
  rate: number,
): void {
  if (selector !== undefined) keepRate(context, domain, domain.selectorRates, selector, rate);
  // Interface 0 is none: exporters without ifIndex mean all of them.
  else if (ifIndex) keepRate(context, domain, domain.interfaceRates, ifIndex, rate);
  else if (template) keepRate(context, domain, domain.templateRates, template, rate);
  else domain.setRate(rate, RATE_SOURCE.domain);
}

function keepRate(context: DatagramContext, domain: Domain, rates: RateTable, key: number, rate: number): void {
  const known = rates.get(key);
  if (known === rate) return;
  if (!rates.set(key, rate)) {
    context.fault(FAULT['rate-limit'], domain);
    return;
  }
  if (known !== undefined) domain.rateChanges++;
  domain.stateRevision++;
}

/** After options: the rate of selectors that all agree serves records that name none, unless the domain has its own. */
export function settleRates(domain: Domain): void {
  if (domain.rateSource === RATE_SOURCE.domain || domain.selectorRates.size === 0) return;
  let agreed = 0;
  for (const rate of domain.selectorRates.values()) {
    if (agreed !== 0 && rate !== agreed) {
      agreed = 0;
      break;
    }
    agreed = rate;
  }
  domain.samplingRate = agreed;
  domain.rateSource = agreed === 0 ? RATE_SOURCE.unknown : RATE_SOURCE.selector;
}

export function resolveRates(
  context: DatagramContext,
  domain: Domain,
  template: Template,
  run: Readonly<RecordRun>,
): void {
  const { row, count } = run;
  const { samplingRate, rateSource } = context.output.batch.columns;
  const ofTemplate = domain.templateRates.size === 0 ? undefined : domain.templateRates.get(template.id);
  const rate = ofTemplate ?? domain.samplingRate;
  const source = ofTemplate === undefined ? domain.rateSource : RATE_SOURCE.template;
  const isNamed = template.selector !== undefined && domain.selectorRates.size > 0;
  let unknown = 0;
  if (template.rateFields || isNamed || domain.interfaceRates.size > 0) {
    unknown = resolveEach(context, domain, template, run, rate, source);
  } else if (template.hasRate) {
    for (let i = row; i < row + count; i++) {
      rateSource[i] = RATE_SOURCE.record;
      if (validRate(samplingRate[i]!) !== 0) continue;
      samplingRate[i] = rate;
      rateSource[i] = source;
      if (rate === 0) unknown++;
    }
  } else {
    // For the 20 to 40 records of a data set a loop is faster than fill().
    for (let i = row; i < row + count; i++) {
      samplingRate[i] = rate;
      rateSource[i] = source;
    }
    if (rate === 0) unknown = count;
  }
  if (count > 0) domain.newestRate = samplingRate[row + count - 1]!;
  if (template.prescaled) rateSource.fill(RATE_SOURCE.prescaled, row, row + count);
  else domain.unknownRateRecords += unknown;
}

/** Returns how many have none. */
function resolveEach(
  context: DatagramContext,
  domain: Domain,
  template: Template,
  { row, count, start, stride }: Readonly<RecordRun>,
  restRate: number,
  restSource: number,
): number {
  const { view } = context;
  const { samplingRate, rateSource, inIf, outIf, direction } = context.output.batch.columns;
  const { selectorRates, interfaceRates } = domain;
  const { rateFields } = template;
  const selector = selectorRates.size > 0 ? template.selector : undefined;
  // What other selectors do says nothing about the one a record names.
  const isRestOfSelectors = selector !== undefined && restSource === RATE_SOURCE.selector;
  const rest = isRestOfSelectors ? 0 : restRate;
  const restCode = isRestOfSelectors ? RATE_SOURCE.unknown : restSource;
  let unknown = 0;
  for (let i = row, at = start; i < row + count; i++, at += stride) {
    let rate = validRate(samplingRate[i]!);
    if (rate === 0 && rateFields) rate = readRate(view, rateFields, at);
    if (rate !== 0) {
      samplingRate[i] = rate;
      rateSource[i] = RATE_SOURCE.record;
      continue;
    }
    rate = (selector && selectorRates.get(selectorOf(view, selector, at))) ?? 0;
    if (rate !== 0) {
      samplingRate[i] = rate;
      rateSource[i] = RATE_SOURCE.selector;
      continue;
    }
    if (interfaceRates.size > 0)
      rate = interfaceRates.get(direction[i] === DIRECTION.egress ? outIf[i]! : inIf[i]!) ?? 0;
    samplingRate[i] = rate === 0 ? rest : rate;
    rateSource[i] = rate === 0 ? restCode : RATE_SOURCE.interface;
    if (rate === 0 && rest === 0) unknown++;
  }
  return unknown;
}

/** The selector a record names; NaN, which no table has, when the field is no number. */
function selectorOf(view: DataView, place: Place, start: number): number {
  const length = lengthOf(place, start);
  return length <= 8 ? readUint(view, offsetOf(place, start), length) : Number.NaN;
}
