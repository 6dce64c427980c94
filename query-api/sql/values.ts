// Values of dimensions as the API shows them: a key to filter by and a name for people.

import { formatAddress, formatIPv4, formatMac, parseAddress } from '../../schemas/address.ts';
import { globMatches } from '../../schemas/glob.ts';
import { EXPLICIT_NODES, explicitKey, type Key, keyToHex, NODE_CLASSES, serviceName } from '../../schemas/keys.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Value } from '../answers/answers.ts';
import { refuse } from '../http/problem.ts';
import type { DimensionColumn } from './dimensions.ts';
import { type Condition, compileFilter, parseFilter, type ResolveNodes } from './filter.ts';

/** Keys one name or glob of a filter may match. */
const KEYS_MAX = 10_000;

const explicitNames = new Map(EXPLICIT_NODES.map(name => [keyToHex(explicitKey(name)), name]));

export type NameValue = (column: DimensionColumn, raw: string) => Value;

/** Reads the names of all nodes among `raws` at once and returns how each value is shown. */
export async function nameValues(
  storage: Storage,
  raws: Iterable<readonly [DimensionColumn, string]>,
): Promise<NameValue> {
  const keys = new Set<string>();
  for (const [column, raw] of raws) if (column.kind === 'node' && raw !== '0') keys.add(raw);
  const names = new Map<string, string>();
  if (keys.size > 0) {
    const sql =
      'SELECT toString(key) AS id, argMax(name, firstSeen) AS name FROM nodes WHERE key IN {keys:Array(UInt64)} GROUP BY key';
    for (const row of await storage.select<{ id: string; name: string }>(sql, { keys: [...keys].map(BigInt) }))
      names.set(row.id, row.name);
  }
  return (column, raw) => shapeValue(column, raw, names);
}

function shapeValue(column: DimensionColumn, raw: string, names: ReadonlyMap<string, string>): Value {
  switch (column.kind) {
    case 'node': {
      const key = wordsOf(raw);
      const hex = keyToHex(key);
      return { key: hex, name: names.get(raw) ?? explicitNames.get(hex) ?? nodeName(key) };
    }
    case 'service': {
      const key = wordsOf(raw);
      return { key: keyToHex(key), name: serviceName(key) };
    }
    case 'address':
      return same(addressText(raw));
    case 'prefix':
      return same(
        `${addressText(raw)}/${addressText(raw).includes(':') ? column.lengths!.ipv6 : column.lengths!.ipv4}`,
      );
    case 'mac': {
      const { low, high } = wordsOf(raw);
      return same(formatMac(low, high));
    }
    case 'code':
      return same(column.codes[Number(raw)] ?? raw);
    default:
      return same(raw);
  }
}

const same = (text: string): Value => ({ key: text, name: text });

/** A 64-bit number as ClickHouse writes it. */
export function wordsOf(raw: string): Key {
  const value = BigInt(raw);
  return { low: Number(value & 0xffffffffn), high: Number(value >> 32n) };
}

/** What a key says of itself when nobody recorded its name. */
function nodeName(key: Key): string {
  if (key.low === 0 && key.high === 0) return 'unknown';
  if (key.high >>> 24 === NODE_CLASSES.autoPrefix4) return `auto:${formatIPv4(key.low)}/${key.high & 0xff}`;
  return keyToHex(key);
}

/** An address as ClickHouse writes it, mapped IPv4 as IPv4. */
export function addressText(raw: string): string {
  const words = parseAddress(raw);
  return words ? formatAddress(words) : raw;
}

/** Finds nodes by their current name, or by glob with * and ?; upper and lower case are the same. */
export function nodeResolver(storage: Storage, parameter: string): ResolveNodes {
  return async names => {
    const found = new Map<string, bigint[]>();
    if (names.length === 0) return found;
    const rows = await storage.select<{ id: string; current: string }>(NAMED_SQL, { any: anyOf(names) });
    if (rows.length > KEYS_MAX) refuse(parameter, `its names match more than ${KEYS_MAX} nodes; name fewer`);
    for (const name of names) {
      found.set(
        name,
        rows.filter(row => globMatches(name, row.current)).map(row => BigInt(row.id)),
      );
    }
    return found;
  };
}

/**
 * One expression for all names. ClickHouse 26.7 rewrites `current ILIKE a OR current ILIKE b` over the aggregate and then
 * fails with code 49 (optimize_or_like_chain).
 */
const NAMED_SQL = `SELECT toString(key) AS id, argMax(name, firstSeen) AS current FROM nodes GROUP BY key
HAVING match(current, {any:String}) LIMIT ${KEYS_MAX + 1}`;

/** A regular expression of RE2, which does not backtrack: the whole text is one of the names or fits one of the globs. */
function anyOf(names: readonly string[]): string {
  const patterns = names.map(name =>
    name
      .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.'),
  );
  return `(?is)^(?:${patterns.join('|')})$`;
}

/** The condition of the parameter `filter`. */
export function conditionOf(storage: Storage, filter: string): Promise<Condition> {
  return compileFilter('filter', parseFilter('filter', filter), nodeResolver(storage, 'filter'));
}
