// Batches that ClickHouse will never take, through a spool and through a real Kafka: each goes to quarantine after its tries
// and is counted, those behind it are stored, and one whose reason is gone can be put back and is stored once.

import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ENRICHER_SERVICE } from '../enricher/configuration.ts';
import { encodeArrow } from '../schemas/arrow.ts';
import { createBatch, tokenOf } from '../schemas/batch.ts';
import type { ClickHouse } from '../storage/client.ts';
import { migrate } from '../storage/migrations/migrate.ts';
import type { KafkaCluster } from '../testing/broker/broker.ts';
import { kafkaPresent, startKafka } from '../testing/broker/broker.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { encodeFlows, flow } from '../testing/data/stored-rows.ts';
import { type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';
import { BATCH_SUFFIX, batchHeader } from '../transport/batch-file.ts';
import { createKafka, prepareTopics, TOKEN_HEADER, topicsOf } from '../transport/kafka/kafka.ts';

const PROGRAM = fileURLToPath(new URL('../hairpin.ts', import.meta.url));
const DAY_MS = 86_400_000;
const WAIT_MS_MAX = 90_000;
/** What a constraint of the table refuses, until it goes. */
const UNWANTED = 4242;

const token = (sequence: number) =>
  tokenOf({ kind: 'flows', collector: 'test', worker: 0, epoch: '0'.repeat(32), sequence });
const received = () => ({ receivedAt: Date.now(), flowEnd: Date.now() });
const good = (bytes: number) => encodeFlows([flow({ ...received(), bytes })]);
const fileOf = (sequence: number, arrow: Uint8Array) => Buffer.concat([batchHeader(token(sequence), [arrow]), arrow]);
function corrupted(file: Buffer): Buffer {
  file[file.length - 100]! ^= 4;
  return file;
}
/** `bytes` has another type. */
function mistyped(): Uint8Array {
  const batch = createBatch(
    [{ name: 'bytes', kind: 'f64', stage: 'decoded', reveals: 'nothing', about: '', source: '' }],
    1,
  );
  batch.rows = 1;
  return encodeArrow(batch);
}

/** In this order, so that a good one stands behind each poison. */
const messages = (): Buffer[] => [
  fileOf(0, good(1000)),
  // Code 252: more days than an insert may touch.
  fileOf(
    1,
    encodeFlows(Array.from({ length: 150 }, (_, i) => flow({ receivedAt: Date.now() - i * DAY_MS, bytes: 1 }))),
  ),
  fileOf(2, good(1002)),
  fileOf(3, mistyped()),
  fileOf(4, good(1004)),
  corrupted(fileOf(5, good(1005))),
  fileOf(6, good(1006)),
  fileOf(7, good(UNWANTED)),
  fileOf(8, good(1008)),
  // ClickHouse would store it as the year 9999.
  fileOf(9, encodeFlows([flow({ receivedAt: Date.UTC(12_000, 0, 1), flowEnd: Date.now(), bytes: 1009 })])),
  fileOf(10, good(1010)),
];
const GOOD = ['1000', '1002', '1004', '1006', '1008', '1010'];
const POISON = [1, 3, 5, 7, 9].map(token);

let house: TestServer;
const folders: string[] = [];
const running: RunningHairpin[] = [];
beforeAll(async () => {
  house = await startTestServer();
});
afterAll(async () => {
  await Promise.all(
    running
      .filter(({ process }) => process.exitCode === null && process.signalCode === null)
      .map(hairpin => hairpin.kill()),
  );
  await house.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

async function prepared(database: string): Promise<ClickHouse> {
  const storage = house.connect(database);
  await migrate(storage, ENRICHER_SERVICE.load());
  await storage.command(`ALTER TABLE flows ADD CONSTRAINT wanted CHECK bytes != ${UNWANTED}`);
  return storage;
}

async function start(command: 'start' | 'enricher', data: string, more: readonly string[]): Promise<RunningHairpin> {
  const { url, user, password } = house.address;
  const clickhouse = ['--clickhouse', url, '--clickhouse-user', user, '--clickhouse-password', password];
  const hairpin = await startHairpin({ command, data, args: [...clickhouse, '--insert-tries-max', '2', ...more] });
  running.push(hairpin);
  return hairpin;
}

function hairpin(...args: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  return new Promise(resolve => {
    const child = execFile(process.execPath, [PROGRAM, ...args], (_, out, err) =>
      resolve({ status: child.exitCode ?? -1, out, err }),
    );
  });
}

const stored = async (storage: ClickHouse) =>
  (await storage.select<{ bytes: string }>('SELECT bytes FROM flows ORDER BY bytes')).map(({ bytes }) => bytes);
/** Token and reason of each line. */
const linesOf = (out: string) =>
  out
    .split('\n')
    .filter(line => line !== '')
    .map(line => line.split('\t'))
    .map(([name, , , reason]) => ({ name: name!, reason: reason! }));

function checkReasons(out: string): void {
  const lines = linesOf(out).sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(lines.map(({ name }) => name)).toEqual(POISON);
  expect(lines[0]!.reason).toMatch(/cannot be stored: ClickHouse error 252: Too many partitions/);
  expect(lines[1]!.reason).toMatch(/cannot be read: .*bytes/);
  expect(lines[2]!.reason).toMatch(/fails its checksum check/);
  expect(lines[3]!.reason).toMatch(/cannot be stored: ClickHouse error 469/);
  expect(lines[4]!.reason).toMatch(/cannot be read: received at 316516204800000 .*clock/);
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-poison-'));
  folders.push(folder);
  return folder;
}

test('in a spool', async () => {
  const storage = await prepared('poison_spool');
  const data = newFolder();
  mkdirSync(join(data, 'spool'), { recursive: true });
  messages().forEach((file, sequence) => writeFileSync(join(data, 'spool', token(sequence) + BATCH_SUFFIX), file));
  const first = await start('start', data, ['--clickhouse-database', 'poison_spool']);
  await until(
    async () => (await first.metric('enricher_batches_total', 'outcome="quarantined"')) === 4,
    WAIT_MS_MAX,
    'four refused',
  );
  await until(async () => (await stored(storage)).length === GOOD.length, WAIT_MS_MAX, 'the good ones');
  expect(await stored(storage)).toEqual(GOOD);
  expect(await first.metric('quarantine_batches_total', 'checksum')).toBe(1);
  expect(await first.metric('quarantine_batches_total', 'rejected')).toBe(4);
  expect((await fetch(`${first.api}/readyz`)).status).toBe(200);
  checkReasons((await hairpin('quarantine', 'list', '--data', data)).out);
  // Not while the folder is in use.
  expect((await hairpin('quarantine', 'replay', '--data', data)).err).toContain('DATA_FOLDER_TAKEN');
  await first.stop();

  await storage.command('ALTER TABLE flows DROP CONSTRAINT wanted');
  const replayed = await hairpin('quarantine', 'replay', token(7), '--data', data);
  expect(replayed).toMatchObject({ status: 0, err: expect.stringContaining('1 batches put back into the spool') });
  const second = await start('start', data, ['--clickhouse-database', 'poison_spool']);
  await until(async () => (await stored(storage)).length === GOOD.length + 1, WAIT_MS_MAX, 'the one put back');
  expect(await stored(storage)).toEqual([...GOOD, String(UNWANTED)]);
  expect(linesOf((await hairpin('quarantine', 'list', '--data', data)).out)).toHaveLength(4);
  expect(readFileSync(join(data, 'quarantine', `${token(5)}${BATCH_SUFFIX}`))).toHaveLength(messages()[5]!.length);
  await second.stop();
}, 240_000);

describe.runIf(kafkaPresent())('in Kafka', () => {
  let kafka: KafkaCluster;
  beforeAll(async () => {
    kafka = await startKafka();
  }, 400_000);
  afterAll(() => kafka?.stop());

  test('its partition goes on', async () => {
    const storage = await prepared('poison_kafka');
    const flags = { kafka: kafka.brokers.join(','), 'kafka-partitions': '1' };
    const configuration = ENRICHER_SERVICE.load({ flags });
    const client = createKafka(configuration, 'test', pino({ level: 'silent' }));
    await prepareTopics(client, configuration);
    const producer = client.producer();
    await producer.connect();
    await producer.send({
      topic: topicsOf(configuration).batches,
      messages: messages().map((value, sequence) => ({ value, headers: { [TOKEN_HEADER]: token(sequence) } })),
    });
    await producer.disconnect();
    const args = ['--kafka', flags.kafka, '--kafka-partitions', '1', '--clickhouse-database', 'poison_kafka'];
    const enricher = await start('enricher', newFolder(), args);
    await until(async () => (await stored(storage)).length === GOOD.length, WAIT_MS_MAX, 'the good ones');
    expect(await stored(storage)).toEqual(GOOD);
    await until(async () => (await enricher.metric('kafka_quarantined_total')) === 5, WAIT_MS_MAX, 'five put aside');
    expect(await enricher.metric('enricher_batches_total', 'outcome="quarantined"')).toBe(4);
    await until(async () => (await enricher.metric('kafka_lag_batches')) === 0, WAIT_MS_MAX, 'nothing left behind');
    const list = () => hairpin('quarantine', 'list', '--kafka', flags.kafka);
    checkReasons((await list()).out);

    await storage.command('ALTER TABLE flows DROP CONSTRAINT wanted');
    const replayed = await hairpin('quarantine', 'replay', token(7), 'flows.nobody', '--kafka', flags.kafka);
    expect(replayed).toMatchObject({ status: 1, err: expect.stringContaining('flows.nobody is not in quarantine') });
    expect(replayed.err).toContain('1 batches put back into the topic of batches');
    await until(async () => (await stored(storage)).length === GOOD.length + 1, WAIT_MS_MAX, 'the one put back');
    expect(await stored(storage)).toEqual([...GOOD, String(UNWANTED)]);
    expect(
      linesOf((await list()).out)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(POISON.filter(name => name !== token(7)));
    // All of them: those that are still poison come back, and are there once.
    expect((await hairpin('quarantine', 'replay', '--kafka', flags.kafka)).status).toBe(0);
    await until(async () => (await enricher.metric('kafka_quarantined_total')) === 9, WAIT_MS_MAX, 'put aside again');
    expect(
      linesOf((await list()).out)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(POISON.filter(name => name !== token(7)));
    expect(await stored(storage)).toEqual([...GOOD, String(UNWANTED)]);
    await enricher.stop();
  }, 300_000);
});
