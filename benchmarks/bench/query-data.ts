// The stored data of `bench query`: conversations of a data centre in the roll-ups, made by arithmetic in ClickHouse and put
// in as the scheduled roll-up does, so that views and merges make the rest. What is made: a flow of 2 to 200 kB of a
// conversation, in a minute, the more often the earlier the conversation stands (Zipf), by day three times as often as at night.

import { LOCALITY, SERVER_SIDE } from '../../schemas/codes.ts';
import { keyToBigint, serviceKey } from '../../schemas/keys.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { ROLLUPS } from '../../storage/rewrite/staging.ts';
import { insertNodes } from '../../storage/tables/nodes.ts';
import { recordMinute } from '../../storage/tables/passes.ts';
import { insertRollupSql } from '../../storage/tables/rollup.ts';
import { PAIR_KEYS, TRAFFIC_KEYS } from '../../storage/tables/spread.ts';
import { node } from '../../testing/data/stored-rows.ts';
import { insertReceiving } from '../../testing/receiving.ts';

export interface StoredSize {
  readonly applications: number;
  readonly vms: number;
  readonly conversations: number;
  readonly days: number;
  readonly flows: number;
}

const DAY_S = 86_400;
const DAY_MS = 1000 * DAY_S;
const VMS_PER_HOST = 20;
const HOSTS_PER_RACK = 20;
/** Of a conversation: its columns of `pairs_5m`, by arithmetic on its number. */
const KEY_COLUMNS: Readonly<Record<string, string>> = {
  srcApp: 'apps[1 + a % length(apps)]',
  dstApp: 'apps[1 + b % length(apps)]',
  srcVm: 'vms[1 + a]',
  dstVm: 'vms[1 + b]',
  srcHost: `hosts[1 + intDiv(a, ${VMS_PER_HOST})]`,
  dstHost: `hosts[1 + intDiv(b, ${VMS_PER_HOST})]`,
  srcRack: `racks[1 + intDiv(a, ${VMS_PER_HOST * HOSTS_PER_RACK})]`,
  dstRack: `racks[1 + intDiv(b, ${VMS_PER_HOST * HOSTS_PER_RACK})]`,
  service: 'services[1 + number % length(services)]',
  locality: `multiIf(intDiv(a, ${VMS_PER_HOST}) = intDiv(b, ${VMS_PER_HOST}), ${LOCALITY['same-host']}, intDiv(a, ${VMS_PER_HOST * HOSTS_PER_RACK}) = intDiv(b, ${VMS_PER_HOST * HOSTS_PER_RACK}), ${LOCALITY['same-rack']}, ${LOCALITY['cross-rack']})`,
  serverSide: String(SERVER_SIDE.dst),
};
const TCP = 6;
/** Of servers. */
const PORTS = [443, 80, 5432, 3306, 6379, 9092, 8080, 2049, 389, 53];

export async function storeRollups(storage: ClickHouse, size: StoredSize, untilMs: number): Promise<void> {
  await storeConversations(storage, size);
  for (let day = size.days; day >= 1; day--) await storeDay(storage, size, untilMs - day * DAY_MS);
  await recordMinute(storage, untilMs / 1000 - 60, 'done');
  await insertReceiving(storage, untilMs - size.days * DAY_MS, untilMs);
  for (const table of ROLLUPS) await storage.command(`OPTIMIZE TABLE ${table}`);
}

async function storeConversations(
  storage: ClickHouse,
  { applications, vms, conversations }: StoredSize,
): Promise<void> {
  const named = (nodeClass: 'application' | 'vm' | 'host' | 'rack', count: number) =>
    Array.from({ length: count }, (_, i) => node(nodeClass, `${nodeClass}-${i + 1}`));
  const hosts = Math.ceil(vms / VMS_PER_HOST);
  const lists = {
    apps: named('application', applications),
    vms: named('vm', vms),
    hosts: named('host', hosts),
    racks: named('rack', Math.ceil(hosts / HOSTS_PER_RACK)),
  };
  await insertNodes(storage, Object.values(lists).flat());
  const array = (keys: readonly bigint[]) => `[${keys.map(key => `toUInt64(${key})`).join(', ')}]`;
  const arrays = Object.entries(lists).map(([name, nodes]) => `${array(nodes.map(({ key }) => key))} AS ${name}`);
  const services = PORTS.map(port => keyToBigint(serviceKey(TCP, port, port)));
  const keys = PAIR_KEYS.map(name => `${KEY_COLUMNS[name] ?? '0'} AS ${name}`).join(',\n    ');
  await storage.command(`CREATE TABLE conversations ENGINE = MergeTree ORDER BY id AS
  WITH ${arrays.join(', ')}, ${array(services)} AS services,
    cityHash64(number, 'a') % ${vms} AS a, cityHash64(number, 'b') % ${vms} AS b
  SELECT number AS id, 1 / (number + 10) AS popularity,
    ${keys}
  FROM numbers(${conversations})`);
}

/** The pairs of a day, and of the same flows the minutes, of which views make the rest. */
async function storeDay(storage: ClickHouse, { flows, days }: StoredSize, dayMs: number): Promise<void> {
  const dayS = Math.floor(dayMs / 1000);
  // Of every conversation each five minutes a flow with this chance, on average so many a day as there are to be.
  const wanted = flows / days / (DAY_S / 300);
  const chance = `least(1, ${wanted} * popularity / (SELECT sum(popularity) FROM conversations) * if(toHour(at) BETWEEN 7 AND 18, 1.5, 0.5))`;
  const drawn = `SELECT c.*, toDateTime(${dayS} + 300 * b.number, 'UTC') AS at, cityHash64(c.id, at) AS draw
    FROM conversations AS c CROSS JOIN numbers(${DAY_S / 300}) AS b
    WHERE (draw % 1000003) / 1000003 < ${chance}`;
  const figures = `toUInt64(2000 + draw % 198000) AS bytes, intDiv(bytes, 1000) + 1 AS packets, toFloat64(0) AS varBytes, toUInt64(0) AS samples, toUInt64(1) AS records, toUInt64(0) AS largestBytes, toUInt64(0) AS largestPackets`;
  const day = 'toYYYYMMDD(bucket) AS day';
  await storage.command(
    `${insertRollupSql('pairs_5m', PAIR_KEYS)} SELECT ${['day', 'bucket', ...PAIR_KEYS].join(', ')}, bytes, packets, varBytes, samples, records, largestBytes, largestPackets
    FROM (SELECT at AS bucket, ${day}, ${PAIR_KEYS.join(', ')}, ${figures} FROM (${drawn}))`,
  );
  const keys = TRAFFIC_KEYS.join(', ');
  await storage.command(
    `${insertRollupSql('traffic_1m', TRAFFIC_KEYS)} SELECT day, bucket, ${keys}, sum(bytes), sum(packets), sum(varBytes), sum(samples), sum(records), 0, 0
    FROM (SELECT at + 60 * (draw % 5) AS bucket, ${day}, ${keys}, ${figures} FROM (${drawn})) GROUP BY day, bucket, ${keys}`,
  );
}
