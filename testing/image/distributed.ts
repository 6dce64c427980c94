// docker-compose.yml as it is: docker-compose starts its two collectors, two enrichers and query API from the image. A real
// Kafka and a ClickHouse stand beside them under the names that the file uses, because their images are not at hand.

import assert from 'node:assert/strict';
import { copyFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { runLoad } from '../../benchmarks/load/load.ts';
import { parseLoadOptions } from '../../benchmarks/load/options.ts';
import type { MatrixAnswer } from '../../query-api/questions/matrix.ts';
import { PROTOCOLS } from '../../schemas/codes.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { startKafka } from '../broker/broker.ts';
import { startTestServer } from '../clickhouse.ts';
import { until } from '../spawned.ts';
import { type Compose, dockerCompose, exitCodeOf, logOf, looseEnds, podman, untilHealthy } from './containers.ts';

const ROOT = join(import.meta.dirname, '../..');
const SERVICES = ['collector-1', 'collector-2', 'enricher-1', 'enricher-2', 'query-api'];
const DATABASE = 'hairpin';
const BYTES_BASE = 1_000_000;
const PARTITIONS = 12;

/** `address` is where the names kafka and clickhouse lead to, for containers and for this process. */
export async function playDistributed(image: string, folder: string, address: string): Promise<void> {
  const [kafka, server] = await Promise.all([
    startKafka({ properties: { 'advertised.listeners': 'PLAINTEXT://kafka:9092' } }),
    startTestServer(),
  ]);
  await forward(address, 9092, kafka.nodes[0]!.port);
  await forward(address, 8123, Number(new URL(server.address.url).port));
  const token = await writeTokens(image, folder);
  await copyFile(join(ROOT, 'docker-compose.yml'), join(folder, 'docker-compose.yml'));
  await copyFile(join(ROOT, '.env.example'), join(folder, '.env'));
  const compose: Compose = { folder, environment: { CLICKHOUSE_PASSWORD: server.address.password } };
  await dockerCompose(compose, 'up', '--detach', '--no-build', '--no-deps', ...SERVICES);
  const containers = await Promise.all(SERVICES.map(service => dockerCompose(compose, 'ps', '--quiet', service)));
  for (const [i, container] of containers.entries()) {
    console.log(`${SERVICES[i]}: healthy ${await untilHealthy(container)} ms later`);
    assert.deepEqual(await looseEnds(container), [], SERVICES[i]);
  }
  await until(async () => (await partitionsOf(containers)).every(share => share === PARTITIONS / 2), 60_000, 'sharing');
  await sendNumbered(address, server.connect(DATABASE), token);
  await dockerCompose(compose, 'stop');
  for (const [i, container] of containers.entries())
    assert.equal(await exitCodeOf(container), 0, `${SERVICES[i]}:\n${await logOf(container)}`);
  await Promise.all([kafka.stop(), server.close()]);
  console.log('docker-compose.yml: stopped, every service with exit code 0');
}

/** Every flow has a number of its own, by protocol: all must be stored once, and the query API must count them. */
async function sendNumbered(address: string, storage: ClickHouse, token: string): Promise<void> {
  const load = async (port: number, protocol: (typeof PROTOCOLS)[number]) => {
    const to = `${address}:${port}`;
    const { flows } = await runLoad(parseLoadOptions({ to, scenario: 'numbered', protocol, rate: 3000, seconds: 6 }));
    return { protocol: PROTOCOLS.indexOf(protocol), records: flows, numbers: flows, last: flows - 1 };
  };
  const expected = await Promise.all([load(2055, 'netflow9'), load(12055, 'ipfix')]);
  const sent = expected.reduce((sum, { records }) => sum + records, 0);
  const stored = async () => {
    const rows = await storage.select<Record<'protocol' | 'records' | 'numbers' | 'last', string>>(
      `SELECT protocol, count() AS records, uniqExact(bytes) AS numbers, max(bytes) - {base:UInt64} AS last
       FROM flows GROUP BY protocol ORDER BY protocol`,
      { base: BYTES_BASE },
    );
    return rows.map(({ protocol, records, numbers, last }) => ({
      protocol: Number(protocol),
      records: Number(records),
      numbers: Number(numbers),
      last: Number(last),
    }));
  };
  const isStored = async () => (await stored()).reduce((sum, { numbers }) => sum + numbers, 0) >= sent;
  await until(isStored, 60_000, `${sent} flows stored`);
  assert.deepEqual(await stored(), expected);
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch('http://127.0.0.1:8080/api/v1/matrix?from=now-1h&by=app', { headers });
  const matrix = (await response.json()) as MatrixAnswer;
  assert.equal(matrix.quality.accounting?.accepted, sent);
  console.log(`docker-compose.yml: ${sent} numbered flows by two collectors, each stored once`);
}

/** The token that `hairpin token` makes, with its entry where the file expects it. */
async function writeTokens(image: string, folder: string): Promise<string> {
  const container = await podman('create', image, 'token', 'me', '--role', 'admin');
  await podman('start', '--attach', container);
  const [token, entry] = (await logOf(container)).split(/\n\s*\n\s*/);
  await writeFile(join(folder, 'tokens.yaml'), `tokens:\n  ${entry}`);
  return token!.trim();
}

/** Partitions that each enricher reads. */
async function partitionsOf(containers: readonly string[]): Promise<number[]> {
  const program = `fetch('http://127.0.0.1:8080/metrics').then(r => r.text()).then(text => console.log(text.match(/^hairpin_kafka_partitions\\S* (\\d+)/m)?.[1] ?? 0))`;
  const enrichers = containers.filter((_, i) => SERVICES[i]!.startsWith('enricher'));
  return Promise.all(enrichers.map(async container => Number(await podman('exec', container, 'node', '-e', program))));
}

/** Connections to a port of `address` go on to one of 127.0.0.1. */
async function forward(address: string, port: number, target: number): Promise<void> {
  const server = createServer(incoming => {
    const onward = connect(target, '127.0.0.1');
    incoming.pipe(onward).pipe(incoming);
    incoming.on('error', () => onward.destroy());
    onward.on('error', () => incoming.destroy());
  });
  await new Promise<void>(resolve => server.listen(port, address, resolve));
}
