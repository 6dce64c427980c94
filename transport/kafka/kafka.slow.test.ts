import { randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeArrow, encodeArrow } from '../../schemas/arrow.ts';
import { type BatchIdentity, createBatch, tokenOf } from '../../schemas/batch.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { ServiceSchema } from '../../service/configuration.ts';
import { openCounters } from '../../service/counters.ts';
import { type KafkaCluster, kafkaPresent, startKafka } from '../../testing/broker/broker.ts';
import { SpoolSink } from '../spool/sink.ts';
import { SpoolSource } from '../spool/source.ts';
import { openSpool } from '../spool/spool.ts';
import type { Delivery } from '../transport.ts';
import type { KafkaOutboxConfiguration, KafkaSourceConfiguration } from './configuration.ts';
import { KAFKA_CLIENT_KEYS, KAFKA_GROUP_KEYS, KAFKA_OUTBOX_KEYS, KAFKA_TOPIC_KEYS } from './configuration.ts';
import { WAITING_MAX } from './delivery-queue.ts';
import { createKafka, prepareTopics, topicsOf } from './kafka.ts';
import { NEWEST_EVERY, Outbox } from './outbox.ts';
import { KAFKA_SOURCE_COUNTERS, KafkaSource, openKafkaSourceCounters } from './source.ts';

const log = pino({ level: 'silent' });
const EPOCH = '0'.repeat(32);
/** Groups of readers take seconds to form, and a broker to come back. */
const TEST_MS_MAX = 240_000;

const identityOf = (sequence: number, part?: string): BatchIdentity => ({
  kind: 'flows',
  collector: 'test',
  worker: 0,
  epoch: EPOCH,
  sequence,
  ...(part !== undefined && { part }),
});

/** `rows` flows whose bytes are random, so that nothing compresses them. */
function batchOfRandom(rows: number): Uint8Array {
  const batch = createBatch(DECODED_COLUMNS, rows);
  for (const array of Object.values(batch.columns)) randomFillSync(array as Uint8Array);
  batch.rows = rows;
  return encodeArrow(batch);
}

async function until(condition: () => boolean, what: string, ms = 60_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(20);
  }
}

const BOTH_SIDES = new ServiceSchema('kafka', {
  ...KAFKA_CLIENT_KEYS,
  ...KAFKA_TOPIC_KEYS,
  ...KAFKA_OUTBOX_KEYS,
  ...KAFKA_GROUP_KEYS,
});

const present = kafkaPresent();

describe.runIf(present)('batches through Kafka', () => {
  let cluster: KafkaCluster;
  let prefixes = 0;
  const folders: string[] = [];
  const stops: (() => Promise<unknown>)[] = [];
  beforeAll(async () => {
    cluster = await startKafka();
  }, 400_000);
  afterAll(async () => {
    for (const stop of stops.reverse()) await stop();
    await cluster?.stop();
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  const configurationOf = (more: Record<string, string> = {}): KafkaOutboxConfiguration & KafkaSourceConfiguration =>
    BOTH_SIDES.load({
      flags: {
        kafka: cluster.brokers.join(','),
        'kafka-prefix': `test${prefixes}`,
        'kafka-group': `group${prefixes++}`,
        'kafka-partitions': '4',
        ...more,
      },
    });

  function createFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'hairpin-outbox-'));
    folders.push(folder);
    return folder;
  }

  function openOutboxSpool() {
    const folder = createFolder();
    const { settings } = openSpool({
      folder,
      quarantine: createFolder(),
      bytesMax: 1024 ** 3,
      quarantineBytesMax: 1024 ** 3,
      durable: false,
    });
    const source = new SpoolSource(settings, { newestEvery: NEWEST_EVERY });
    const sink = new SpoolSink({ ...settings, onStored: token => source.announce(token) });
    return { folder, source, sink, settings };
  }

  function startOutbox(config: KafkaOutboxConfiguration, source: SpoolSource) {
    const outbox = new Outbox(config, { kafka: createKafka(config, 'collector', log), source, log });
    outbox.start();
    stops.push(() => outbox.stop(1000));
    return outbox;
  }

  const clientsOf = (config: KafkaSourceConfiguration) => ({
    kafka: createKafka(config, 'enricher', log),
    members: createKafka(config, 'enricher', log, true),
  });

  /** Reads for ever; `take` decides what becomes of each delivery. */
  function startReader(config: KafkaSourceConfiguration, take: (delivery: Delivery, token: string) => void) {
    const counters = openCounters(KAFKA_SOURCE_COUNTERS);
    const source = new KafkaSource(config, { ...clientsOf(config), log, counters });
    source.start();
    const reading = (async () => {
      for (let delivery = await source.next(); delivery; delivery = await source.next())
        take(delivery, tokenOf(delivery.identity));
    })();
    const stop = async () => {
      await source.stop();
      await reading;
    };
    stops.push(stop);
    return { counters, stop, source };
  }

  test(
    'arrive as they were, leave the spool, and are not read again once acknowledged',
    async () => {
      const config = configurationOf();
      await prepareTopics(createKafka(config, 'test', log), config);
      const { source, sink } = openOutboxSpool();
      const outbox = startOutbox(config, source);
      const sent = [0, 1, 2, 3, 4, 5, 6, 7].map(() => batchOfRandom(100));
      sent.forEach((arrow, sequence) => expect(sink.put(identityOf(sequence), arrow)).toBe('stored'));
      const got = new Map<string, Buffer>();
      const first = startReader(config, (delivery, token) => {
        got.set(token, Buffer.from(delivery.arrow));
        delivery.acknowledge();
      });
      await until(() => got.size === 8, 'eight batches');
      sent.forEach((arrow, sequence) => expect(got.get(tokenOf(identityOf(sequence)))!.equals(arrow)).toBe(true));
      // A reader may have a batch before the answer about it is back.
      await until(() => outbox.counters.get('sent') === 8, 'eight sends answered');
      await first.stop();
      const again: string[] = [];
      const second = startReader(config, (delivery, token) => {
        again.push(token);
        delivery.acknowledge();
      });
      sink.put(identityOf(8), batchOfRandom(10));
      await until(() => again.length > 0, 'the ninth batch');
      expect(again).toEqual([tokenOf(identityOf(8))]);
      await second.stop();
    },
    TEST_MS_MAX,
  );

  test(
    'not acknowledged come again to the next reader',
    async () => {
      const config = configurationOf();
      await prepareTopics(createKafka(config, 'test', log), config);
      const { source, sink } = openOutboxSpool();
      startOutbox(config, source);
      for (let sequence = 0; sequence < 6; sequence++) sink.put(identityOf(sequence), batchOfRandom(10));
      const seen: string[] = [];
      const first = startReader(config, (delivery, token) => {
        seen.push(token);
        if (delivery.identity.sequence % 2 === 0) delivery.acknowledge();
      });
      await until(() => seen.length === 6, 'six batches');
      await first.stop();
      const odd = new Set<string>();
      startReader(config, (delivery, token) => {
        odd.add(token);
        delivery.acknowledge();
      });
      const unacknowledged = [1, 3, 5].map(sequence => tokenOf(identityOf(sequence)));
      await until(() => unacknowledged.every(token => odd.has(token)), 'the odd ones again');
      expect([...odd]).toEqual(expect.arrayContaining(unacknowledged));
    },
    TEST_MS_MAX,
  );

  test(
    'make the age of the oldest that waits grow, and leave none when all are acknowledged',
    async () => {
      const config = configurationOf();
      await prepareTopics(createKafka(config, 'test', log), config);
      const { source, sink } = openOutboxSpool();
      startOutbox(config, source);
      const putAtMs = Date.now();
      for (let sequence = 0; sequence < 3; sequence++) sink.put(identityOf(sequence), batchOfRandom(10));
      const shown = openKafkaSourceCounters();
      const reader = new KafkaSource(config, {
        ...clientsOf(config),
        ...{ log, counters: openCounters(KAFKA_SOURCE_COUNTERS, shown.buffer) },
      });
      expect(shown.get('oldestAgeS')).toBe(0);
      reader.start();
      stops.push(() => reader.stop());
      const deliveries = [await reader.next(), await reader.next(), await reader.next()];
      await until(() => shown.get('oldestAgeS') >= 2, 'an age of two seconds');
      // Written by the producer, behind the clock of this machine by nothing.
      expect(shown.get('oldestAgeS')).toBeLessThanOrEqual((Date.now() - putAtMs) / 1000);
      for (const delivery of deliveries) delivery!.acknowledge();
      await until(() => shown.get('oldestAgeS') === 0, 'none');
    },
    TEST_MS_MAX,
  );

  test(
    'of which no message of that size is taken are halved, to the row, and the outbox goes on',
    async () => {
      const config = configurationOf({ 'kafka-message-bytes-max': '65536' });
      const { messageBytesMax } = await prepareTopics(createKafka(config, 'test', log), config);
      expect(messageBytesMax).toBe(65536);
      const { source, sink } = openOutboxSpool();
      const outbox = startOutbox(config, source);
      const large = batchOfRandom(2000);
      sink.put(identityOf(0), large);
      sink.put(identityOf(1), batchOfRandom(10));
      const parts = new Map<string, Uint8Array>();
      startReader(config, (delivery, token) => {
        parts.set(token, Buffer.from(delivery.arrow));
        delivery.acknowledge();
      });
      const rowsOf = (arrow: Uint8Array) => decodeArrow(DECODED_COLUMNS, arrow).batch;
      const total = () => [...parts.values()].reduce((sum, arrow) => sum + rowsOf(arrow).rows, 0);
      await until(() => total() === 2010, 'every row');
      expect(outbox.counters.get('split')).toBeGreaterThan(1);
      const ordered = [...parts].filter(([token]) => token.includes('.0-')).sort(([a], [b]) => (a < b ? -1 : 1));
      const bytes = ordered.flatMap(([, arrow]) => {
        const { columns, rows } = rowsOf(arrow);
        return [...columns.bytes.subarray(0, 2 * rows)];
      });
      expect(bytes).toEqual([...rowsOf(large).columns.bytes.subarray(0, 4000)]);
    },
    TEST_MS_MAX,
  );

  test(
    'that can never be stored go to the topic of quarantine, and their partition goes on',
    async () => {
      const config = configurationOf({ 'kafka-partitions': '1' });
      await prepareTopics(createKafka(config, 'test', log), config);
      const { source, sink } = openOutboxSpool();
      startOutbox(config, source);
      const kafka = createKafka(config, 'test', log);
      const producer = kafka.producer();
      await producer.connect();
      await producer.send({ topic: topicsOf(config).batches, messages: [{ value: 'no batch at all' }] });
      await producer.disconnect();
      for (let sequence = 0; sequence < 3; sequence++) sink.put(identityOf(sequence), batchOfRandom(10));
      const stored = new Set<number>();
      const { counters } = startReader(config, delivery => {
        if (delivery.identity.sequence === 1) return delivery.quarantine('a time of the year 12000');
        stored.add(delivery.identity.sequence);
        delivery.acknowledge();
      });
      await until(() => stored.size === 2, 'two stored');
      const aside = () => counters.get('quarantined rejected') + counters.get('quarantined format');
      await until(() => aside() === 2, 'two put aside');
      expect(counters.get('quarantined rejected')).toBe(1);
      const reader = kafka.consumer({ groupId: 'look' });
      await reader.connect();
      await reader.subscribe({ topic: topicsOf(config).quarantine, fromBeginning: true });
      const reasons: string[] = [];
      await reader.run({
        eachMessage: async ({ message }) => void reasons.push(String(message.headers?.['reason'])),
      });
      await until(() => reasons.length === 2, 'both in the topic');
      await reader.disconnect();
      expect(reasons.sort()).toEqual(['a time of the year 12000', 'message fails its format check']);
    },
    TEST_MS_MAX,
  );

  test(
    'a second reader takes partitions over and gives them back: nothing is lost',
    async () => {
      const config = configurationOf();
      await prepareTopics(createKafka(config, 'test', log), config);
      const { source, sink } = openOutboxSpool();
      startOutbox(config, source);
      const stored = new Set<number>();
      const byReader = [0, 0];
      const reader = (number: number) =>
        startReader(config, delivery => {
          stored.add(delivery.identity.sequence);
          byReader[number]!++;
          delivery.acknowledge();
        });
      let sequence = 0;
      const putMany = async (count: number) => {
        for (let i = 0; i < count; i++) {
          sink.put(identityOf(sequence), batchOfRandom(10));
          sequence++;
          if (i % 10 === 0) await sleep(5);
        }
      };
      const one = reader(0);
      await putMany(40);
      await until(() => stored.size === sequence, 'all by the first');
      const two = reader(1);
      await until(() => two.counters.get('partitions') === 2 && one.counters.get('partitions') === 2, 'two each');
      await putMany(40);
      await until(() => stored.size === sequence, 'all by both');
      expect(byReader[1]).toBeGreaterThan(0);
      await two.stop();
      await until(() => one.counters.get('partitions') === 4, 'all four back');
      await putMany(40);
      await until(() => stored.size === sequence, 'all by the first again');
    },
    TEST_MS_MAX,
  );

  test(
    'that nobody had taken when the group changed are handed over afterwards',
    async () => {
      const config = configurationOf({ 'kafka-partitions': '2' });
      await prepareTopics(createKafka(config, 'test', log), config);
      const { source, sink } = openOutboxSpool();
      startOutbox(config, source);
      for (let sequence = 0; sequence < 12; sequence++) sink.put(identityOf(sequence), batchOfRandom(10));
      const counters = openCounters(KAFKA_SOURCE_COUNTERS);
      const slow = new KafkaSource(config, { ...clientsOf(config), log, counters });
      slow.start();
      stops.push(() => slow.stop());
      // Two wait to be taken, and the handler of each partition holds one more.
      await until(() => counters.get('received') >= WAITING_MAX + 2, 'both partitions held up');
      const stored = new Set<number>();
      const second = startReader(config, delivery => {
        stored.add(delivery.identity.sequence);
        delivery.acknowledge();
      });
      await until(() => second.counters.get('partitions') === 1 && counters.get('partitions') === 1, 'one each');
      void (async () => {
        for (let delivery = await slow.next(); delivery; delivery = await slow.next()) {
          stored.add(delivery.identity.sequence);
          delivery.acknowledge();
        }
      })();
      await until(() => stored.size === 12, 'all twelve');
      expect([...stored].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
    },
    TEST_MS_MAX,
  );

  test(
    'wait in the spool while Kafka is away, the newest get their share when it is back',
    async () => {
      const config = configurationOf();
      await prepareTopics(createKafka(config, 'test', log), config);
      const { source, sink } = openOutboxSpool();
      const outbox = startOutbox(config, source);
      sink.put(identityOf(0), batchOfRandom(10));
      await until(() => outbox.counters.get('sent') === 1, 'the first');
      await cluster.nodes[0]!.kill();
      for (let sequence = 1; sequence <= 60; sequence++) sink.put(identityOf(sequence), batchOfRandom(10));
      await until(() => outbox.counters.get('retried') > 0 && !outbox.running(), 'a send that failed');
      await cluster.nodes[0]!.start();
      const order: number[] = [];
      startReader(config, delivery => {
        order.push(delivery.identity.sequence);
        delivery.acknowledge();
      });
      await until(() => new Set(order).size === 61, 'all 61');
      expect([...new Set(order)].sort((a, b) => a - b)).toEqual(Array.from({ length: 61 }, (_, i) => i));
    },
    TEST_MS_MAX,
  );
});
