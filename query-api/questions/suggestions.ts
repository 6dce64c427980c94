// Which automatic nodes and services carry most traffic, as applications ready for the document. A node of machines with
// one stem is selected by the glob that matches them, where it matches no other machine, and by their names otherwise.

import { formatIPv4 } from '../../schemas/address.ts';
import type { Application } from '../../schemas/applications.ts';
import type { SuggestedServers } from '../../schemas/coverage.ts';
import { globMatches } from '../../schemas/glob.ts';
import { AUTOMATIC_CLASSES, keyToHex, NODE_CLASSES, serviceName } from '../../schemas/keys.ts';
import { stemOf } from '../../schemas/stem.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Context, Statement } from '../sql/tables.ts';
import { wordsOf } from '../sql/values.ts';

export type Rule = Pick<Application, 'id' | 'name' | 'ports' | 'strict'> & {
  readonly servers: SuggestedServers & { readonly prefixes?: string[]; readonly segments?: string[] };
};

export interface SuggestionRow {
  readonly node: string;
  readonly bytes: number;
  readonly whole: number;
  /** Services that it serves, the largest first, with their bytes. */
  readonly services: readonly string[];
  readonly volumes: readonly number[];
}

/** Services of a node beyond this share of what it serves are listed by a rule; the rest is `other`. */
const SERVICE_SHARE_MIN = 0.01;
const SERVICES_MAX = 8;
/** Names one rule may list. */
const NAMES_MAX = 200;
const AUTOMATIC = AUTOMATIC_CLASSES.join(', ');

export const SUGGESTION_COLUMNS = ['srcApp', 'dstApp', 'service', 'serverSide'] as const;

/** Automatic nodes by the bytes at either end; one that talks to itself counts once. `node` selects one alone. */
export function nodesStatement({ relation }: Context, limit: number, node?: bigint): Statement {
  const sql = `
WITH ends AS (
  SELECT arrayJoin(if(r.srcApp = r.dstApp, [(r.srcApp, 3)], [(r.srcApp, 1), (r.dstApp, 2)])) AS node,
    r.service AS service, bitAnd(node.2, r.serverSide) != 0 AS serves, r.bytes AS bytes, sum(r.bytes) OVER () AS whole
  FROM (${relation.sql}) AS r
), services AS (
  SELECT node.1 AS key, service, sum(e.bytes) AS volume, sumIf(e.bytes, serves) AS served, any(whole) AS total
  FROM ends AS e WHERE bitShiftRight(node.1, 56) IN (${AUTOMATIC}) ${node === undefined ? '' : 'AND node.1 = {node:UInt64}'}
  GROUP BY key, service
), largest AS (
  SELECT key, sum(volume) AS sent, any(total) AS whole, arraySlice(arrayReverseSort(x -> x.1, groupArrayIf((served, service), served > 0)), 1, ${SERVICES_MAX}) AS top
  FROM services GROUP BY key
)
SELECT toString(key) AS node, toFloat64(sent) AS bytes, toFloat64(whole) AS whole, arrayMap(x -> toString(x.2), top) AS services, arrayMap(x -> toFloat64(x.1), top) AS volumes
FROM largest ORDER BY sent DESC, key LIMIT {limit:UInt32}`;
  return { sql, params: { ...relation.params, limit, ...(node !== undefined && { node }) } };
}

/** Services between automatic servers, by bytes. */
export function servicesStatement({ relation }: Context, limit: number): Statement {
  const sql = `
SELECT toString(service) AS node, toFloat64(sum(s.bytes)) AS bytes, toFloat64(any(s.whole)) AS whole, [toString(service)] AS services, [bytes] AS volumes
FROM (
  SELECT r.service AS service, r.bytes AS bytes, sum(r.bytes) OVER () AS whole,
    bitShiftRight(if(r.serverSide = 1, r.srcApp, r.dstApp), 56) IN (${AUTOMATIC}) AND r.serverSide != 0 AS isAutomatic
  FROM (${relation.sql}) AS r
) AS s
WHERE isAutomatic AND service NOT IN (0, toUInt64(${NODE_CLASSES.service}) * 72057594037927936)
GROUP BY service ORDER BY bytes DESC, node LIMIT {limit:UInt32}`;
  return { sql, params: { ...relation.params, limit } };
}

export interface Suggestion {
  readonly node: { readonly key: string; readonly name: string };
  readonly bytes: number;
  readonly share: number;
  /** Null where no selector can name it. */
  readonly rule: Rule | null;
  readonly about: string;
}

/** Names and members of nodes are read in two statements, however many there are. */
export async function suggestNodes(storage: Storage, rows: readonly SuggestionRow[]): Promise<Suggestion[]> {
  const names = await namesOf(storage, rows);
  const stems = [...names.values()].filter(name => name.startsWith('auto:')).map(name => name.slice(5));
  const machines = await machinesOf(storage, stems);
  return rows.map(row => {
    const key = wordsOf(row.node);
    const hex = keyToHex(key);
    const name =
      names.get(row.node) ??
      (key.high >>> 24 === NODE_CLASSES.autoPrefix4 ? `auto:${formatIPv4(key.low)}/${key.high & 0xff}` : hex);
    const stem = name.replace(/^auto:/, '');
    const selected = selectorOf(key.high >>> 24, stem, machines);
    const rule = selected && {
      id: idOf(selected.segments?.[0] ?? stem),
      servers: selected,
      ports: portsOf(row),
      strict: false,
    };
    return {
      node: { key: hex, name },
      bytes: row.bytes,
      share: row.whole > 0 ? row.bytes / row.whole : 0,
      rule: rule ?? null,
      about: aboutOf(stem, selected),
    };
  });
}

export function suggestServices(rows: readonly SuggestionRow[], internal: readonly string[]): Suggestion[] {
  return rows.map(row => {
    const key = wordsOf(row.node);
    const name = serviceName(key);
    const ports = portsOf(row);
    return {
      node: { key: keyToHex(key), name },
      bytes: row.bytes,
      share: row.whole > 0 ? row.bytes / row.whole : 0,
      rule:
        ports.length === 0 ? null : { id: idOf(name), name, servers: { prefixes: [...internal] }, ports, strict: true },
      about: `all internal servers of ${name}, on that port alone`,
    };
  });
}

async function namesOf(storage: Storage, rows: readonly SuggestionRow[]): Promise<ReadonlyMap<string, string>> {
  if (rows.length === 0) return new Map();
  const found = await storage.select<{ id: string; name: string }>(
    'SELECT toString(key) AS id, argMax(nodes.name, firstSeen) AS name FROM nodes WHERE key IN {keys:Array(UInt64)} GROUP BY key',
    { keys: rows.map(({ node }) => BigInt(node)) },
  );
  return new Map(found.map(({ id, name }) => [id, name]));
}

interface Machine {
  readonly name: string;
  readonly isVm: boolean;
}

/** Machines whose names begin with one of the stems, in any case. */
async function machinesOf(storage: Storage, stems: readonly string[]): Promise<Machine[]> {
  if (stems.length === 0) return [];
  const rows = await storage.select<{ name: string; class: number }>(
    `SELECT argMax(n.name, firstSeen) AS name, any(n.class) AS class FROM nodes AS n
    WHERE n.class IN (${NODE_CLASSES.vm}, ${NODE_CLASSES.endpoint}) GROUP BY key
    HAVING arrayExists(stem -> startsWith(lower(name), stem), {stems:Array(String)}) ORDER BY name`,
    { stems: stems.map(stem => stem.toLowerCase()) },
  );
  return rows.map(row => ({ name: row.name, isVm: Number(row.class) === NODE_CLASSES.vm }));
}

function selectorOf(nodeClass: number, stem: string, machines: readonly Machine[]): Rule['servers'] | undefined {
  if (nodeClass === NODE_CLASSES.autoGroup) return namesSelected(stem, machines);
  if (nodeClass === NODE_CLASSES.autoPrefixOfSegment) {
    const at = stem.indexOf('@');
    return at < 0 ? undefined : { segments: [stem.slice(at + 1)] };
  }
  return { prefixes: [stem] };
}

function namesSelected(stem: string, machines: readonly Machine[]): { names: string[] } | undefined {
  const isMember = ({ name, isVm }: Machine) => (isVm ? stemOf(name) === stem : name === stem);
  const members = [...new Set(machines.filter(isMember).map(({ name }) => name))];
  if (members.length === 0) return undefined;
  if (members.length === 1) return { names: members };
  const isExact = (glob: string) => machines.every(machine => globMatches(glob, machine.name) === isMember(machine));
  const glob = [`${stem}-*`, `${stem}_*`, `${stem}*`].find(isExact);
  if (glob !== undefined) return { names: [glob] };
  return members.length <= NAMES_MAX ? { names: members } : undefined;
}

function portsOf({ services, volumes }: SuggestionRow): string[] {
  const served = volumes.reduce((sum, volume) => sum + volume, 0);
  return services.flatMap((service, i) => {
    const name = serviceName(wordsOf(service));
    const isPort = /^(tcp|udp|sctp)\/\d+(-\d+)?$|^icmp6?$/.test(name);
    return isPort && volumes[i]! >= SERVICE_SHARE_MIN * served ? [name] : [];
  });
}

/** What may stand in a URL as it is. */
function idOf(text: string): string {
  return (
    text
      .toLowerCase()
      .replace(/[^a-z0-9.-]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 255) || 'application'
  );
}

function aboutOf(stem: string, selected: Rule['servers'] | undefined): string {
  if (!selected)
    return stem.startsWith('vmkernel')
      ? 'maintenance traffic of hosts: it has no names to select by, only addresses'
      : `no machine named ${stem} is known any more, or more than ${NAMES_MAX} with names that no glob holds`;
  const { prefixes, segments, names = [] } = selected;
  if (prefixes) return `addresses of ${stem} that no inventory names`;
  if (segments) return `all of the segment ${segments[0]}, named or not; other segments use the same addresses`;
  return `machines named ${names.slice(0, 3).join(', ')}${names.length > 3 ? ' ...' : ''}`;
}
