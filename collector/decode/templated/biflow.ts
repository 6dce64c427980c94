// Records that report both directions of a conversation: RFC 5103 (elements of enterprise 29305 are the reverse of the
// IANA ones) and the initiator and responder counters of firewalls (231 and 298, 232 and 299). The reverse direction
// becomes a row of its own, with the ends swapped. Planned when the template arrives: the template is read once more
// with its elements renamed as the other direction sees them.

import { namesWith } from '../../../schemas/columns.ts';
import { FLOW_COLUMNS, type FlowColumnName } from '../../../schemas/flow.ts';
import { type ElementRule, elementKey, elementOf, OPPOSITE_ELEMENTS, REVERSE_PEN } from './elements.ts';
import type { TemplateField } from './field.ts';

/** The counters of the initiator and, as the other direction names them, of the responder. */
const INITIATOR = new Map([
  [232, 231],
  [299, 298],
]);

/** What describes the packets of one direction only and is unknown of the other unless it has its own element. */
const ONE_WAY_COLUMNS: ReadonlySet<FlowColumnName> = new Set(namesWith(FLOW_COLUMNS, { oneWay: true }));
const ICMP = [32, 139, 176, 177, 178, 179];
const COUNTERS: ReadonlySet<FlowColumnName> = new Set(['bytes', 'packets']);

const NOTHING = { pen: -1, id: 0 };

export interface ReverseView {
  /** The fields of the template as the other direction names them. */
  readonly fields: readonly TemplateField[];
  /** Fields that count what went the other way: all zero, and there is no such row. */
  readonly counters: readonly number[];
}

/** The other direction of a template's records; undefined when they report only one. */
export function reverseView(fields: readonly TemplateField[], rules: readonly ElementRule[]): ReverseView | undefined {
  const firewall = [231, 232].every(id => fields.some(field => field.pen === 0 && field.id === id));
  if (!firewall && !fields.some(field => field.pen === REVERSE_PEN)) return undefined;

  const own = new Set(fields.filter(field => field.pen === REVERSE_PEN).map(field => field.id));
  const oneWay = new Set([...elementsOf(rules, ONE_WAY_COLUMNS), ...ICMP.map(id => elementKey(0, id))]);
  const view = fields.map((field): TemplateField => {
    const { pen, id, length } = field;
    if (pen === REVERSE_PEN) return { pen: 0, id, length };
    const key = elementKey(pen, id);
    const initiator = firewall ? INITIATOR.get(key) : undefined;
    if (initiator !== undefined) return { pen, id: initiator, length };
    if (oneWay.has(key) || (pen === 0 && own.has(id))) return { ...NOTHING, length };
    return { ...elementOf(OPPOSITE_ELEMENTS.get(key) ?? key), length };
  });

  const counting = elementsOf(rules, COUNTERS);
  const counters = view.flatMap(({ pen, id }, i) => (counting.has(elementKey(pen, id)) ? [i] : []));
  return counters.length > 0 ? { fields: view, counters } : undefined;
}

function elementsOf(rules: readonly ElementRule[], columns: ReadonlySet<FlowColumnName>): ReadonlySet<number> {
  return new Set(rules.filter(rule => columns.has(rule.column)).flatMap(rule => rule.elements));
}
