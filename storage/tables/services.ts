// Servers that enrichers learned from traffic. The enrichers exchange them through this table.

import { parseAddress, type Words } from '../../schemas/address.ts';
import { homeOf, type QueryParams, type Storage } from '../storage.ts';
import { addressText, dateTimeText } from './column-text.ts';
import { column, DATETIME_MS, RECORD_DAYS, type Table } from './table.ts';

export interface ServiceSeen {
  readonly address: Words;
  readonly vrf: number;
  readonly proto: number;
  readonly port: number;
  /** The server answered; false when only requests to it were seen. */
  readonly answered: boolean;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}

export const SERVICES: Table = {
  name: 'services',
  columns: [
    column('address', 'IPv6'),
    column('vrf', 'UInt32'),
    column('proto', 'UInt8'),
    column('port', 'UInt16'),
    column('answered', 'UInt8'),
    // Of the last evidence: a server that was silent for a while has a row for each day on which it was seen.
    column('day', 'Date'),
    column('firstSeen', `SimpleAggregateFunction(min, ${DATETIME_MS})`),
    column('lastSeen', `SimpleAggregateFunction(max, ${DATETIME_MS})`),
    column('storedAt', `SimpleAggregateFunction(max, ${DATETIME_MS})`, 'DEFAULT now64(3)'),
  ],
  engine: 'AggregatingMergeTree',
  order: '(address, vrf, proto, port, answered, day)',
  expiry: { column: 'day', days: RECORD_DAYS },
};

/** Repeating is harmless. */
export function insertServices(storage: Storage, services: readonly ServiceSeen[]): Promise<void> {
  return homeOf(storage).insert({ table: 'services', rows: services.map(serviceRow) });
}

function serviceRow({ address, vrf, proto, port, answered, firstSeenMs, lastSeenMs }: ServiceSeen) {
  return {
    address: addressText(address),
    vrf,
    proto,
    port,
    answered: answered ? 1 : 0,
    day: dateTimeText(lastSeenMs).slice(0, 10),
    firstSeen: dateTimeText(firstSeenMs),
    lastSeen: dateTimeText(lastSeenMs),
  };
}

/** Servers that any enricher stored within the last `withinS` seconds of the server's clock, the last seen first. */
export function recordedServices(storage: Storage, withinS: number, servicesMax: number): Promise<ServiceSeen[]> {
  const where = 's.storedAt >= now64(3) - toIntervalSecond({within:UInt32})';
  return selectServices(storage, where, { within: withinS, limit: servicesMax });
}

/** Servers seen between two times, the last seen first. */
export function servicesSeen(
  storage: Storage,
  fromMs: number,
  toMs: number,
  servicesMax: number,
): Promise<ServiceSeen[]> {
  const where =
    's.lastSeen >= fromUnixTimestamp64Milli({from:Int64}) AND s.firstSeen <= fromUnixTimestamp64Milli({to:Int64})';
  return selectServices(storage, where, { from: Math.floor(fromMs), to: Math.floor(toMs), limit: servicesMax });
}

type ServiceText = Pick<ServiceSeen, 'vrf' | 'proto' | 'port'> & {
  readonly addressText: string;
  readonly hasAnswered: number | boolean;
  readonly first: string;
  readonly last: string;
};

async function selectServices(storage: Storage, where: string, params: QueryParams): Promise<ServiceSeen[]> {
  const rows = await homeOf(storage).select<ServiceText>(
    `SELECT toString(s.address) AS addressText, vrf, proto, port, s.answered = 1 AS hasAnswered,
      toString(toUnixTimestamp64Milli(min(s.firstSeen))) AS first, toString(toUnixTimestamp64Milli(max(s.lastSeen))) AS last
    FROM services AS s WHERE ${where} GROUP BY s.address, vrf, proto, port, s.answered, s.day
    ORDER BY max(s.lastSeen) DESC LIMIT {limit:UInt32}`,
    params,
  );
  return rows.map(({ addressText: address, hasAnswered, first, last, ...service }) => ({
    ...service,
    address: parseAddress(address)!,
    answered: Number(hasAnswered) === 1,
    firstSeenMs: Number(first),
    lastSeenMs: Number(last),
  }));
}
