// Ports by which records came in lately, with the hosts and MACs seen behind each: evidence for roles of ports.

import { DIRECTIONS, IDENTITY, PROTOCOLS, RULE } from '../../schemas/codes.ts';
import type { Storage } from '../../storage/storage.ts';
import { addressText } from '../sql/values.ts';
import type { SeenPort } from './roles.ts';

const SEEN_PORTS_MAX = 100_000;
/** Hosts distinguished behind one port; more make no difference. */
const HOSTS_MAX = 8;

const BY_MAC = [IDENTITY.mac, IDENTITY['port-mac'], IDENTITY['segment-mac'], IDENTITY['in-band']].join(', ');

interface SeenRow {
  readonly address: string;
  readonly code: number;
  readonly ifIndex: number;
  readonly macs: string;
  readonly hosts: readonly string[];
  readonly macShare: number;
  readonly externalShare: number;
  readonly directions: readonly number[];
}

/** Ports by which records came in since then, with their senders. */
export async function seenPorts(storage: Storage, sinceMs: number): Promise<SeenPort[]> {
  const rows = await storage.select<SeenRow>(
    `SELECT toString(exporter) AS address, protocol AS code, inIf AS ifIndex, toString(uniqExactIf(srcMac, srcMac != 0)) AS macs,
      groupUniqArrayIf(${HOSTS_MAX})(toString(srcHost), srcHost != 0 AND srcIdentity IN (${BY_MAC})) AS hosts,
      sumIf(estBytes, srcHost != 0 AND srcIdentity IN (${BY_MAC})) / greatest(sum(estBytes), 1) AS macShare,
      sumIf(estBytes, srcRule = ${RULE.external}) / greatest(sum(estBytes), 1) AS externalShare,
      groupUniqArray(3)(direction) AS directions
    FROM flows WHERE receivedAt >= fromUnixTimestamp64Milli({since:Int64}) AND inIf != 0
    GROUP BY exporter, protocol, inIf ORDER BY address, code, ifIndex LIMIT ${SEEN_PORTS_MAX}`,
    { since: Math.floor(sinceMs) },
  );
  const names = await hostIds(storage, new Set(rows.flatMap(({ hosts }) => hosts)));
  return rows.map(({ address, code, macs, hosts, directions, ...row }) => ({
    ...row,
    exporter: addressText(address),
    protocol: PROTOCOLS[code] as SeenPort['protocol'],
    macs: Number(macs),
    hosts: hosts.map(key => names.get(key) ?? key),
    directions: directions.map(direction => DIRECTIONS[direction] ?? 'unknown'),
  }));
}

/** Ids of hosts in the inventory, by key. */
async function hostIds(storage: Storage, keys: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
  if (keys.size === 0) return new Map();
  const rows = await storage.select<{ id: string; identity: string }>(
    'SELECT toString(key) AS id, argMax(identity, firstSeen) AS identity FROM nodes WHERE key IN {keys:Array(UInt64)} GROUP BY key',
    { keys: [...keys].map(BigInt) },
  );
  // Source and id.
  return new Map(rows.map(({ id, identity }) => [id, identity.slice(identity.indexOf('/') + 1)]));
}
