// What comparisons came to, in numbers.

import type { Agreement } from './agreement.ts';
import { reviewOf } from './disagreements.ts';
import { counted } from './markdown.ts';

export interface Totals {
  readonly records: number;
  /** Fields that are the same. */
  readonly fields: number;
  readonly differences: number;
}

export function totalsOf(agreements: readonly Agreement[]): Totals {
  const sum = (of: (agreement: Agreement) => number) => agreements.reduce((all, agreement) => all + of(agreement), 0);
  return { records: sum(one => one.records), fields: sum(one => one.agreeing), differences: sum(one => one.differing) };
}

/** A line for each oracle that says something. */
export function resultLines(agreements: readonly Agreement[]): string[] {
  return [...Map.groupBy(agreements, ({ oracle }) => oracle)].flatMap(([oracle, list]) => {
    const { records, fields, differences } = totalsOf(list);
    const numbers = [...new Set(list.flatMap(reviewOf).map(({ number }) => number))].sort((a, b) => a - b);
    const but =
      differences > 0 ? `; ${counted(differences, 'difference')}: ${numbers.map(one => `no. ${one}`).join(', ')}` : '';
    if (records === 0 && differences === 0) return [];
    return [`${oracle}: ${counted(records, 'record')}, ${counted(fields, 'field')} agree${but}`];
  });
}
