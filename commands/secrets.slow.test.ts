// Passwords and tokens are in no log line, no error and no metric, whatever goes wrong with those who ask for them.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createLog } from '../service/log.ts';
import { EmbeddedServer } from '../storage/embedded/embedded.ts';
import { startHairpin, until } from '../testing/spawned.ts';

const PROGRAM = fileURLToPath(new URL('../hairpin.ts', import.meta.url));
const SECRETS = {
  HAIRPIN_CLICKHOUSE_PASSWORD: 'secret-of-clickhouse-7f3a',
  HAIRPIN_CLICKHOUSE_READ_PASSWORD: 'secret-of-the-reader-91c2',
  HAIRPIN_KAFKA_PASSWORD: 'secret-of-kafka-5be0',
} as const;

const folder = mkdtempSync(join(tmpdir(), 'hairpin-secrets-'));
let clickhouse: EmbeddedServer;
let url: string;
/** Takes connections and never says what a broker says. */
let broker: Server;
let kafka: string;

beforeAll(async () => {
  clickhouse = new EmbeddedServer({ folder: join(folder, 'clickhouse'), port: 0, log: createLog('test', 'error') });
  ({ url } = await clickhouse.start());
  broker = createServer(socket => {
    socket.on('error', () => {});
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
  }).listen(0, '127.0.0.1');
  await once(broker, 'listening');
  kafka = `127.0.0.1:${(broker.address() as { port: number }).port}`;
});

afterEach(() => {
  for (const name of Object.keys(SECRETS)) delete process.env[name];
});
afterAll(async () => {
  broker?.close();
  await clickhouse?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** For the processes that a test starts; a service refuses a variable that it does not use. */
function setSecrets(...names: readonly (keyof typeof SECRETS)[]): void {
  for (const name of names) process.env[name] = SECRETS[name];
}

/** In clear or as HTTP and SASL carry it. */
function expectNoSecret(text: string): void {
  for (const secret of Object.values(SECRETS)) {
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(2, -2));
  }
}

test('not when ClickHouse does not know who asks, or is not there', () => {
  setSecrets('HAIRPIN_CLICKHOUSE_PASSWORD', 'HAIRPIN_CLICKHOUSE_READ_PASSWORD');
  for (const [address, said] of [
    [url, /STORAGE_UNREACHABLE/],
    ['http://127.0.0.1:1', /127\.0\.0\.1:1/],
  ] as const) {
    const args = ['query-api', '--clickhouse', address, '--http', '127.0.0.1:0', '--log-level', 'debug'];
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args, '--data', join(folder, 'api')], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(status).toBe(1);
    expect(stderr).toMatch(said);
    expectNoSecret(stdout + stderr);
  }
});

test('not when Kafka cannot be talked to, in logs of every level, health and metrics', async () => {
  setSecrets('HAIRPIN_KAFKA_PASSWORD');
  const collector = await startHairpin({
    command: 'collector',
    answers: '/healthz',
    args: ['--kafka', kafka, '--kafka-sasl', 'plain', '--kafka-user', 'hairpin', '--log-level', 'debug'],
  });
  const read = async (path: string) => (await fetch(`${collector.api}${path}`)).text();
  await until(
    async () => /kafka/i.test(collector.stderr()) && (await read('/metrics')).includes('hairpin_kafka_up 0'),
    20_000,
    'Kafka noticed as away, and logged',
  );
  const [health, metrics] = [await read('/readyz'), await read('/metrics')];
  expect(health).toContain('kafka');
  expect(metrics).toContain('hairpin_kafka_up 0');
  expect(await collector.stop()).toBe(0);
  expect(collector.stderr()).toMatch(/kafka/i);
  expectNoSecret(health + metrics + collector.stderr());
});

test('not when a service refuses the secrets of others', () => {
  setSecrets('HAIRPIN_CLICKHOUSE_PASSWORD', 'HAIRPIN_CLICKHOUSE_READ_PASSWORD', 'HAIRPIN_KAFKA_PASSWORD');
  const args = ['collector', '--kafka', kafka, '--data', join(folder, 'refused')];
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(status).toBe(2);
  expect(stderr).toMatch(
    /2 faults:\n {2}HAIRPIN_CLICKHOUSE_PASSWORD is not used by hairpin collector, only by hairpin start,/,
  );
  expectNoSecret(stdout + stderr);
});

test('a URL that holds one is refused, without repeating it', () => {
  const args = [
    'start',
    '--clickhouse',
    'http://default:secret-in-the-url@127.0.0.1:1/',
    '--data',
    join(folder, 'url'),
  ];
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], { encoding: 'utf8', timeout: 60_000 });
  expect(status).not.toBe(0);
  expect(stderr).toContain('HAIRPIN_CLICKHOUSE_PASSWORD');
  expect(stderr).not.toContain('secret-in-the-url');
});
