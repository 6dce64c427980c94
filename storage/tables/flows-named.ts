// The view `flows_named`, for people who write SQL: flow records with names of nodes and codes instead of numbers. The
// names are those valid now; a node without a name is shown as its key in hexadecimal.

import type { Column } from '../../schemas/columns.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';

const PROTOS = '[1, 6, 17, 58, 132]';
const PROTO_NAMES = "['icmp', 'tcp', 'udp', 'icmp6', 'sctp']";

/** The text of schemas/keys.ts `serviceName`, in SQL. */
export function serviceNameSql(key: string): string {
  const proto = `toUInt16(bitAnd(bitShiftRight(${key}, 32), 255))`;
  const from = `bitAnd(bitShiftRight(${key}, 16), 65535)`;
  const to = `bitAnd(${key}, 65535)`;
  const name = `transform(${proto}, ${PROTOS}, ${PROTO_NAMES}, concat('proto/', toString(${proto})))`;
  return `multiIf(${key} = 0, '', bitAnd(${key}, 0xFFFFFFFFFF) = 0, 'other', bitAnd(${key}, 0xFFFFFFFF) = 0, ${name}, ${from} = ${to}, concat(${name}, '/', toString(${from})), concat(${name}, '/', toString(${from}), '-', toString(${to})))`;
}

function namedSql(column: Column): string {
  const value = `f.${column.name}`;
  if (column.shows === 'service') return serviceNameSql(value);
  if (column.codes) return codeNameSql(value, column.codes);
  if (column.kind === 'address') return addressTextSql(value);
  if (column.shows === 'mac') return `if(${value} = 0, '', MACNumToString(${value}))`;
  if (column.shows === 'node') return nodeNameSql(value);
  if (column.kind === 'bytes16') return `lower(hex(${value}))`;
  return value;
}

// The names are read once per query: a scalar, with key 0 in front because `transform` refuses empty lists.
export const namesSql = (prefix: string) => `(
  SELECT (arrayPushFront(groupArray(key), toUInt64(0)), arrayPushFront(groupArray(current), ''))
  FROM (SELECT key, argMax(name, firstSeen) AS current FROM ${prefix}nodes GROUP BY key)
) AS names`;

/** The name of a node by its key, where `names` is there. */
export const nodeNameSql = (key: string) => `transform(${key}, names.1, names.2, hex(${key}))`;

export const addressTextSql = (address: string) => `replaceOne(toString(${address}), '::ffff:', '')`;

export function codeNameSql(value: string, codes: readonly string[]): string {
  const names = codes.map(name => `'${name}'`).join(', ');
  return `transform(${value}, [${codes.map((_, code) => code).join(', ')}], [${names}], toString(${value}))`;
}

export const flowsNamedSql = (prefix: string) => `WITH ${namesSql(prefix)}
SELECT ${(FLOW_COLUMNS as readonly Column[]).map(column => `${namedSql(column)} AS ${column.name}`).join(',\n  ')}, f.storedAt AS storedAt
FROM ${prefix}flows AS f`;
