// Dimensions that no table holds: they are made of stored columns when a relation is read. What the inventory said of an end
// (site, segment, port group, vSwitch, tier) follows from the key of its place (storage/tables/places.ts).
//
// The relation is joined with the places it needs. At 100,000 places this takes half the time of `transform` with
// constant arrays, and as much as a dictionary, which each shard would need with credentials of its own
// (docs/decisions/0016-places.md).

import type { Reveals } from '../../schemas/columns.ts';
import { PLACE_NODES, type PlaceNode } from '../../storage/tables/places.ts';

const SIDES = ['src', 'dst'] as const;
export type Side = (typeof SIDES)[number];

export interface Derived {
  /** In SQL, where it is read like a stored column. */
  readonly alias: string;
  /** The stored columns that it is made of. */
  readonly stored: readonly string[];
  /** The side and field of a place; or an expression over the stored columns of the relation `r`. */
  readonly place?: { readonly side: Side; readonly node: PlaceNode };
  readonly sql?: string;
  readonly reveals: Reveals;
}

const TITLES: Readonly<Record<PlaceNode, string>> = {
  site: 'Site',
  vswitch: 'Vswitch',
  portGroup: 'PortGroup',
  segment: 'Segment',
  tier: 'Tier',
};

/** `srcSite`, by which questions name it and SQL reads it. */
export const PLACE_DIMENSIONS: readonly Derived[] = PLACE_NODES.flatMap(node =>
  SIDES.map(side => ({
    alias: `${side}${TITLES[node]}`,
    stored: [`${side}Place`],
    place: { side, node },
    reveals: 'infrastructure' as const,
  })),
);

/** A port of a device, by which a packet came in or left: exporter and ifIndex, `192.0.2.1/3`. */
export const INTERFACE_DIMENSIONS: readonly Derived[] = (['in', 'out'] as const).map(way => ({
  alias: `${way}Interface`,
  stored: ['exporter', `${way}If`],
  sql: `concat(replaceOne(toString(r.exporter), '::ffff:', ''), '/', toString(r.${way}If))`,
  reveals: 'infrastructure',
}));

const byAlias = new Map([...PLACE_DIMENSIONS, ...INTERFACE_DIMENSIONS].map(derived => [derived.alias, derived]));

/** Lengths of the prefixes of an address, by family. */
export interface Lengths {
  readonly ipv4: number;
  readonly ipv6: number;
}

const PREFIX_ALIAS = /^((?:src|dst)Addr)_(\d+)_(\d+)$/;

/** The network of an address: the address with the bits behind its prefix cleared. */
export function prefixDimension(address: string, { ipv4, ipv6 }: Lengths): Derived {
  const network = (length: string) => `tupleElement(IPv6CIDRToRange(r.${address}, toUInt8(${length})), 1)`;
  const isIPv4 = `${network('96')} = toIPv6('::ffff:0.0.0.0')`;
  return {
    alias: `${address}_${ipv4}_${ipv6}`,
    stored: [address],
    sql: network(`if(${isIPv4}, ${96 + ipv4}, ${ipv6})`),
    reveals: 'address',
  };
}

function derivedColumn(alias: string): Derived | undefined {
  const [, address, ipv4, ipv6] = PREFIX_ALIAS.exec(alias) ?? [];
  if (address !== undefined) return prefixDimension(address, { ipv4: Number(ipv4), ipv6: Number(ipv6) });
  return byAlias.get(alias);
}

/** Columns of tables behind columns of a query. */
export function storedColumns(columns: readonly string[]): string[] {
  return [...new Set(columns.flatMap(name => derivedColumn(name)?.stored ?? [name]))];
}

/** A relation of stored columns, with those of `columns` that are derived beside them. */
export function withDerived(sql: string, columns: readonly string[]): string {
  const derived = columns.flatMap(name => derivedColumn(name) ?? []);
  if (derived.length === 0) return sql;
  const selected = derived.map(
    ({ alias, place, sql: own }) => `${place ? `${place.side}_.${place.node}` : own} AS ${alias}`,
  );
  const joins = SIDES.map(side => {
    const nodes = new Set(derived.flatMap(({ place }) => (place?.side === side ? [place.node] : [])));
    return nodes.size === 0
      ? ''
      : `\nLEFT ANY JOIN (SELECT key, ${[...nodes].join(', ')} FROM places) AS ${side}_ ON r.${side}Place = ${side}_.key`;
  });
  return `SELECT r.*, ${selected.join(', ')} FROM (${sql}) AS r${joins.join('')}`;
}

/** Which rows have an end whose place has one of these nodes; `none` are those of which nothing is known. */
export function placeAmongSql({ side, node }: NonNullable<Derived['place']>, nodes: string): string {
  return `${side}Place GLOBAL IN (SELECT key FROM places WHERE ${node} IN ${nodes})`;
}

export function placeUnknownSql({ side, node }: NonNullable<Derived['place']>): string {
  return `${side}Place GLOBAL NOT IN (SELECT key FROM places WHERE ${node} != 0)`;
}
