// What options records have reported of a domain, in the form the journal keeps: small, plain, and good for JSON. Templates
// are kept one by one (template-store.ts). A field added later is optional, so that older journals can still be read.

import type { RateTable } from '../sampling/rate-table.ts';
import type { Domain } from './domain.ts';

type Rates = readonly (readonly [key: number, rate: number])[];

export interface DomainState {
  readonly systemInitMs: number;
  readonly samplingRate: number;
  readonly rateSource: number;
  readonly selectorRates: Rates;
  readonly interfaceRates: Rates;
  readonly templateRates: Rates;
}

/** Rates in a state; what it costs. */
export function ratesIn(state: DomainState | undefined): number {
  return state ? state.selectorRates.length + state.interfaceRates.length + state.templateRates.length : 0;
}

export function stateOf(domain: Domain): DomainState {
  const { systemInitMs, samplingRate, rateSource } = domain;
  return {
    systemInitMs,
    samplingRate,
    rateSource,
    selectorRates: [...domain.selectorRates],
    interfaceRates: [...domain.interfaceRates],
    templateRates: [...domain.templateRates],
  };
}

/** Puts back what stateOf() took. */
export function restoreState(domain: Domain, state: DomainState): void {
  domain.systemInitMs = state.systemInitMs;
  domain.samplingRate = state.samplingRate;
  domain.rateSource = state.rateSource;
  restore(domain.selectorRates, state.selectorRates);
  restore(domain.interfaceRates, state.interfaceRates);
  restore(domain.templateRates, state.templateRates);
}

function restore(rates: RateTable, kept: Rates): void {
  rates.clear();
  for (const [key, rate] of kept) rates.set(key, rate);
}
