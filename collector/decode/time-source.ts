// Which statement of a template gives a record its times, for the column of that name.

import { TIME_SOURCE } from '../../schemas/codes.ts';
import type { TemplateField } from './templated/field.ts';
import type { Step } from './templated/plan.ts';

/** 21 and 22: relative to the exporter's uptime. */
const UPTIME_ELEMENTS: ReadonlySet<number> = new Set([21, 22]);
/** 158 and 159: relative to the time of export. */
const DELTA_ELEMENTS: ReadonlySet<number> = new Set([158, 159]);

/** The end decides: it is what a time is believed by. */
export function timeSourceOf(steps: readonly Step[], fields: readonly TemplateField[]): number {
  const step = steps.find(({ column }) => column === 'flowEnd') ?? steps.find(({ column }) => column === 'flowStart');
  if (!step) return TIME_SOURCE.export;
  const { id } = fields[step.field]!;
  if (UPTIME_ELEMENTS.has(id)) return TIME_SOURCE.uptime;
  return DELTA_ELEMENTS.has(id) ? TIME_SOURCE.delta : TIME_SOURCE.absolute;
}
