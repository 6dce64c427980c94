// Which traffic counts as unclassified: an end that no application document named, because its node is automatic,
// ambiguous or missing. Explicit nodes such as `external` are answers, not gaps.

import { AUTOMATIC_CLASSES, explicitKey, keyToBigint } from '../../schemas/keys.ts';

export const AMBIGUOUS_SQL = `${keyToBigint(explicitKey('ambiguous'))}`;
export const MULTICAST_SQL = `${keyToBigint(explicitKey('multicast'))}`;

export function unnamed(column: string): string {
  return `(${column} IN (0, ${AMBIGUOUS_SQL}) OR bitShiftRight(${column}, 56) IN (${AUTOMATIC_CLASSES.join(', ')}))`;
}

export const UNCLASSIFIED_SQL = `(${unnamed('srcApp')} OR ${unnamed('dstApp')})`;
