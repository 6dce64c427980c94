// The order of values by name, in SQL: pages of an answer begin where the one before ended, however many values there are. Nodes
// stand by their current name, whatever its case; addresses, numbers and services by what they are.

import { EXPLICIT_NODES, explicitKey, keyToBigint } from '../../schemas/keys.ts';
import type { DimensionColumn } from './dimensions.ts';

export const ORDERS = ['volume', 'name', 'change'] as const;
export type Order = (typeof ORDERS)[number];

const EXPLICIT_KEYS = EXPLICIT_NODES.map(node => `'${keyToBigint(explicitKey(node))}'`).join(', ');
const EXPLICIT_NAMES = EXPLICIT_NODES.map(node => `'${node}'`).join(', ');
/** Of the value as text; equal names stand by key. */
const NODE_NAME_SQL = (text: string, name: string) =>
  `lowerUTF8(if(${name} != '', ${name}, transform(${text}, ['0', ${EXPLICIT_KEYS}], ['unknown', ${EXPLICIT_NAMES}], lower(hex(toUInt64OrZero(${text}))))))`;

/** What to order the column `text` of a relation by, where it holds values of a dimension, and what to join the relation with. */
export function nameOrderSql(
  { kind, codes }: DimensionColumn,
  text: string,
  number: number,
): { readonly sql: string; readonly join: string } {
  if (kind === 'node') {
    const names = `names${number}`;
    const join = `LEFT ANY JOIN (SELECT toString(key) AS id, argMax(name, firstSeen) AS name FROM nodes GROUP BY key) AS ${names} ON ${text} = ${names}.id`;
    return { sql: NODE_NAME_SQL(text, `${names}.name`), join };
  }
  if (kind === 'interface') return { sql: text, join: '' };
  if (kind === 'address' || kind === 'prefix') return { sql: `toIPv6OrDefault(${text})`, join: '' };
  if (kind === 'code') {
    const list = codes.map(code => `'${code}'`).join(', ');
    return { sql: `arrayElement([${list}], toUInt64OrZero(${text}) + 1)`, join: '' };
  }
  return { sql: `toUInt64OrZero(${text})`, join: '' };
}
