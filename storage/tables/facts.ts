// What exporters report about their network: names of interfaces, stations, hosts.

import { formatAddress, parseAddress } from '../../schemas/address.ts';
import type { FactRow } from '../../schemas/facts.ts';
import { homeOf, type Storage } from '../storage.ts';
import { dateTimeText, mappedAddress } from './column-text.ts';
import { column, DATETIME_MS, RECORD_DAYS, type Table } from './table.ts';

/** A fact that was reported first at `firstSeenMs`, last at `receivedAtMs`. */
export interface StoredFact extends FactRow {
  readonly firstSeenMs: number;
}

export const FACTS: Table = {
  name: 'facts',
  columns: [
    column('exporter', 'IPv6'),
    column('observationDomain', 'UInt32'),
    column('protocol', 'UInt8'),
    column('kind', 'LowCardinality(String)'),
    // ifIndex, or the id of a VRF: `index` is a keyword of the server.
    column('ifIndex', 'UInt32'),
    column('mac', 'UInt64'),
    column('stationId', 'String'),
    column('name', 'String'),
    column('hostId', 'String'),
    column('firstSeen', DATETIME_MS),
    column('lastSeen', DATETIME_MS),
  ],
  engine: 'ReplacingMergeTree(lastSeen)',
  order: '(exporter, observationDomain, kind, ifIndex, mac, stationId)',
  expiry: { column: 'toDateTime(lastSeen)', days: RECORD_DAYS },
};

export function factRow({ exporter, index, receivedAtMs, firstSeenMs, ...fact }: StoredFact) {
  return {
    ...fact,
    ifIndex: index,
    exporter: mappedAddress(exporter),
    firstSeen: dateTimeText(firstSeenMs),
    lastSeen: dateTimeText(receivedAtMs),
  };
}

/** Of a fact that is reported again the newest row stays, so repeating is harmless. */
export function insertFacts(storage: Storage, facts: readonly StoredFact[]): Promise<void> {
  return homeOf(storage).insert({ table: 'facts', rows: facts.map(factRow) });
}

type FactText = Omit<StoredFact, 'exporter' | 'mac' | 'firstSeenMs' | 'receivedAtMs'> &
  Readonly<Record<'address' | 'macText' | 'first' | 'last', string>>;

/** Facts reported since `sinceMs`, the newest first. */
export async function recentFacts(storage: Storage, sinceMs: number, factsMax: number): Promise<StoredFact[]> {
  const rows = await homeOf(storage).select<FactText>(
    `SELECT toString(exporter) AS address, observationDomain, protocol, kind, ifIndex AS index, toString(mac) AS macText, stationId, name, hostId,
      toString(toUnixTimestamp64Milli(firstSeen)) AS first, toString(toUnixTimestamp64Milli(lastSeen)) AS last
    FROM facts FINAL WHERE lastSeen >= fromUnixTimestamp64Milli({since:Int64}) ORDER BY lastSeen DESC LIMIT {limit:UInt32}`,
    { since: Math.floor(sinceMs), limit: factsMax },
  );
  return rows.map(({ address, macText, first, last, ...fact }) => ({
    ...fact,
    exporter: formatAddress(parseAddress(address)!),
    mac: Number(macText),
    firstSeenMs: Number(first),
    receivedAtMs: Number(last),
  }));
}
