// Builders for tests that need rows in a real ClickHouse.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeArrow } from '../schemas/arrow.ts';
import { arrayOf, createBatch } from '../schemas/batch.ts';
import { COUNT_REASON } from '../schemas/codes.ts';
import { type Column, KINDS } from '../schemas/columns.ts';
import { FLOW_COLUMNS, type FlowColumnName } from '../schemas/flow.ts';
import { createLog } from '../service/log.ts';
import { type ClickHouse, createStorage } from '../storage/client.ts';
import { dayOf } from '../storage/days.ts';
import { type EmbeddedAddress, EmbeddedServer } from '../storage/embedded/embedded.ts';
import type { FormConfiguration } from '../storage/placement.ts';
import { openStorage } from '../storage/sharded.ts';
import type { InsertedBefore } from '../storage/tables/flows.ts';

/** Values of the columns that matter to a test; numbers, or bigints for 64-bit columns. Times default to `receivedAt`. */
export type FlowRow = Partial<Record<FlowColumnName, number | bigint>>;

/** An elected record of 1000 bytes in 10 packets. */
const ORDINARY: FlowRow = {
  weight: 1,
  countReason: COUNT_REASON.elected,
  bytes: 1000,
  packets: 10,
  estBytes: 1000,
  estPackets: 10,
  etherType: 0x0800,
};

/** The Arrow stream of a batch; `batch` is filled from the token. */
export function flowsArrow(token: string, rows: readonly FlowRow[]): Uint8Array {
  const batch = createBatch(FLOW_COLUMNS, rows.length);
  batch.rows = rows.length;
  const batchKey = batchKeyOf(token);
  rows.forEach((given, row) => {
    const received = given.receivedAt ?? 0;
    const values: FlowRow = { flowStart: received, flowEnd: received, ...ORDINARY, batch: batchKey, ...given };
    for (const column of FLOW_COLUMNS as readonly Column[]) {
      const value = values[column.name as FlowColumnName];
      if (value === undefined) continue;
      const array = arrayOf(batch, column.name);
      const words = KINDS[column.kind].wordsPerRow;
      if (words === 1) array[row] = Number(value);
      else if (words === 2) {
        array[2 * row] = Number(BigInt(value) & 0xffffffffn);
        array[2 * row + 1] = Number(BigInt(value) >> 32n);
      } else array[4 * row + 3] = Number(value); // the last word of an address
    }
  });
  return encodeArrow(batch);
}

export function batchKeyOf(token: string): bigint {
  return createHash('sha256').update(token).digest().readBigUInt64BE(0);
}

/** What accompanies a repetition of `flowsArrow(token, rows)`. */
export function insertedBefore(token: string, rows: readonly FlowRow[]): InsertedBefore {
  const times = rows.map(({ receivedAt = 0 }) => Number(receivedAt));
  const days = [...new Set(times.map(dayOf))];
  return { batch: batchKeyOf(token), fromMs: Math.min(...times), toMs: Math.max(...times), days };
}

/** Several embedded servers that query each other over TCP, as the cluster `hairpin`; no Keeper, so no replicas. */
export interface TestShards {
  readonly servers: readonly EmbeddedServer[];
  readonly addresses: readonly EmbeddedAddress[];
  /** A database of its own in the form `sharded`. */
  connect(database: string): ClickHouse;
  form(database: string): FormConfiguration;
  close(): Promise<void>;
}

export async function startTestShards(count: number): Promise<TestShards> {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-test-shards-'));
  const ports = await freePorts(count);
  const shards = ports.map(port => `<shard><replica><host>127.0.0.1</host><port>${port}</port></replica></shard>`);
  const password = randomBytes(24).toString('hex');
  const cluster = {
    remoteServers: `<remote_servers><hairpin><secret>${password}</secret>${shards.join('')}</hairpin></remote_servers>`,
    password,
  };
  const servers = ports.map(
    (tcpPort, i) =>
      new EmbeddedServer({
        folder: join(folder, String(i + 1)),
        port: 0,
        log: createLog('test', 'error'),
        cluster: { ...cluster, tcpPort },
      }),
  );
  const addresses = await Promise.all(servers.map(server => server.start()));
  for (const address of addresses) {
    const client = createStorage({ ...address, database: 'system', queryTimeoutMs: 20_000 });
    await client.command('SYSTEM START LISTEN TCP');
    await client.close();
  }
  const form = (database: string): FormConfiguration => ({
    clickhouseForm: 'sharded',
    clickhouseCluster: 'hairpin',
    clickhouseShards: addresses.map(({ url }) => url),
    clickhouseDatabase: database,
  });
  const clients: ClickHouse[] = [];
  return {
    servers,
    addresses,
    form,
    connect(database) {
      const client = openStorage({ ...addresses[0]!, form: form(database), queryTimeoutMs: 20_000 });
      clients.push(client);
      return client;
    },
    async close() {
      await Promise.all(clients.map(client => client.close()));
      await Promise.all(servers.map(server => server.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function freePorts(count: number): Promise<number[]> {
  const probes = await Promise.all(
    Array.from({ length: count }, async () => {
      const probe = createServer().listen(0, '127.0.0.1');
      await once(probe, 'listening');
      return probe;
    }),
  );
  const ports = probes.map(probe => (probe.address() as AddressInfo).port);
  for (const probe of probes) probe.close();
  return ports;
}

/** The same storage with another `command`: for statements that fail, or are changed, on their way. */
export function withCommand(storage: ClickHouse, command: ClickHouse['command']): ClickHouse {
  const { database, replicated, shards } = storage;
  return {
    database,
    replicated,
    shards,
    command,
    select: (sql, params, options) => storage.select(sql, params, options),
    selectArrow: (sql, params) => storage.selectArrow(sql, params),
    insert: insert => storage.insert(insert),
    connect: name => storage.connect(name),
    close: () => storage.close(),
  };
}

export interface TestServer {
  readonly server: EmbeddedServer;
  readonly address: EmbeddedAddress;
  readonly folder: string;
  /** A client of a database of its own. */
  connect(database: string): ClickHouse;
  close(): Promise<void>;
}

export async function startTestServer(): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-test-clickhouse-'));
  const server = new EmbeddedServer({ folder, port: 0, log: createLog('test', 'error') });
  const address = await server.start();
  const clients: ClickHouse[] = [];
  return {
    server,
    address,
    folder,
    connect(database) {
      const client = createStorage({ ...address, database, queryTimeoutMs: 20_000 });
      clients.push(client);
      return client;
    },
    async close() {
      await Promise.all(clients.map(client => client.close()));
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
