// What a table says of itself: of the answer that it is taken from, everything about unit, window and quality that is one
// value. Names of things in the network are not among it, so that it is the same for every role.

import type { About, FlatValue } from '../http/format-table.ts';

const NAMES = [
  'metric',
  'layer',
  'unit',
  'from',
  'to',
  'resolutionSec',
  'stepSec',
  'coveredFrom',
  'coveredTo',
  'coveredSeconds',
  'coveredShare',
  'storedUntil',
  'settledUntil',
  'steady',
] as const;

const QUALITY = [
  'coverage',
  'unclassifiedShare',
  'unelectedShare',
  'largestPointShare',
  'lossRatio',
  'unknownRateShare',
  'unknownErrorShare',
  'inventoryAsOf',
] as const;

const COMPARED = ['from', 'to', 'coveredSeconds', 'coveredShare', 'settledUntil', 'steady', 'comparable'] as const;

type Named = Readonly<Record<string, unknown>>;

export function aboutTable(answer: object): About {
  const { quality = {}, compared = {}, ...own } = answer as Named;
  const other = Object.entries(picked(compared as Named, COMPARED)).map(([name, value]) => [
    `compared${name[0]!.toUpperCase()}${name.slice(1)}`,
    value,
  ]);
  return { ...picked(own, NAMES), ...Object.fromEntries(other), ...picked(quality as Named, QUALITY) };
}

function picked(from: Named, names: readonly string[]): About {
  const found = names.filter(name => isFlat(from[name])).map(name => [name, from[name] as FlatValue]);
  return Object.fromEntries(found);
}

function isFlat(value: unknown): value is FlatValue {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}
