import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { record, START_MS } from '../../testing/data/load.ts';
import { createRandom, createWeightedChoice, samplePackets } from '../random.ts';
import { buildDataCentre, EXPORT_PROTOCOLS } from './model/data-centre.ts';
import { createFlowTable, packetsBefore } from './model/flow-table.ts';
import { CONVERSATIONS_MAX, Traffic } from './model/traffic.ts';
import { TruthBook, truthChecker } from './truth.ts';

const digest = (datagrams: readonly { payload: Uint8Array }[]) =>
  datagrams.reduce((hash, { payload }) => hash.update(payload), createHash('sha256')).digest('hex');

test('a seed gives the same datagrams and the same truth again, another seed others', () => {
  const options = { protocols: EXPORT_PROTOCOLS, bridges: 4, sampling: 3 };
  const [a, b, c] = [record(options), record(options), record({ ...options, seed: 8 })];
  expect(a.datagrams.length).toBeGreaterThan(50);
  expect(digest(b.datagrams)).toBe(digest(a.datagrams));
  expect(b.feed.truth()).toEqual(a.feed.truth());
  expect(digest(c.datagrams)).not.toBe(digest(a.datagrams));
});

test('loss drops datagrams, not traffic: the truth stays the same and says what was dropped', () => {
  const whole = record();
  const lossy = record({}, 20, { loss: 0.3 });
  const { dropped, ...rest } = lossy.feed.truth();
  const { dropped: none, ...wholeRest } = whole.feed.truth();
  expect(rest).toEqual(wholeRest);
  expect(none).toEqual({ datagrams: 0, records: 0 });
  expect(dropped.datagrams).toBe(whole.datagrams.length - lossy.datagrams.length);
  expect(dropped.datagrams).toBeGreaterThan(5);
  expect(lossy.feed.counts.records + dropped.records).toBe(whole.feed.counts.records);
});

test('the truth conserves every flow: totals, application cells, pair cells and buckets have the same sums', () => {
  const dataCentre = buildDataCentre({ seed: 3, bridges: 3, vms: 40, apps: 14, protocols: ['netflow9'], sampling: 1 });
  const traffic = new Traffic(dataCentre);
  const book = new TruthBook(dataCentre, traffic.conversations);
  const flows = createFlowTable(1001);
  let bytes = 0;
  let packets = 0;
  let count = 0;
  for (let slot = 0; slot < 60; slot++) {
    traffic.generate(flows, 1000, START_MS + slot * 1000, 1, false);
    for (let row = 0; row < flows.rows; row++) {
      bytes += flows.bytes[row]!;
      packets += flows.packets[row]!;
      count++;
      const meanBytes = flows.bytes[row]! / flows.packets[row]!;
      expect(meanBytes >= 64 && meanBytes <= 1500 && flows.startMs[row]! <= flows.endMs[row]!).toBe(true);
    }
    book.add(flows);
  }
  const truth = truthChecker.check('truth', book.document({ options: {}, dropped: { datagrams: 0, records: 0 } }));
  const sum = (cells: readonly { bytes: number; packets: number }[]) => [
    cells.reduce((total, cell) => total + cell.bytes, 0),
    cells.reduce((total, cell) => total + cell.packets, 0),
  ];
  expect([truth.flows, truth.bytes, truth.packets]).toEqual([count, bytes, packets]);
  expect(sum(truth.applications)).toEqual([bytes, packets]);
  expect(sum(truth.cells)).toEqual([bytes, packets]);
  for (const cell of truth.cells) expect(sum(cell.buckets)).toEqual([cell.bytes, cell.packets]);
  // 60 s from 12:04:30 on, with flows of up to 20 s before: both sides of 12:05 have their share.
  const starts = new Set(truth.cells.flatMap(cell => cell.buckets.map(bucket => bucket.start)));
  expect([...starts].sort()).toEqual(['2026-03-01T12:00:00.000Z', '2026-03-01T12:05:00.000Z']);
  expect(truth.from <= '2026-03-01T12:04:00.000Z' && truth.to >= '2026-03-01T12:06:00.000Z').toBe(true);
});

test('a flow over two buckets is split where its packets passed', () => {
  expect([0, 1, 50, 99, 100, 101].map(at => packetsBefore(0, 100, 3, at))).toEqual([0, 1, 1, 2, 2, 3]);
  expect([packetsBefore(5, 5, 1, 5), packetsBefore(5, 5, 1, 6)]).toEqual([0, 1]);
});

test('beyond its bound the truth forgets the oldest bucket, never the totals', () => {
  const dataCentre = buildDataCentre({ seed: 3, bridges: 1, vms: 12, apps: 4, protocols: ['netflow9'], sampling: 1 });
  const traffic = new Traffic(dataCentre, { cutEveryMs: 300_000 });
  const book = new TruthBook(dataCentre, traffic.conversations, 2);
  const flows = createFlowTable(101);
  const base = Date.parse('2026-03-01T12:00:00Z');
  for (let bucket = 0; bucket < 4; bucket++) {
    traffic.generate(flows, 100, base + bucket * 300_000 + 10_000, 1, false);
    book.add(flows);
  }
  const truth = book.document({ options: {}, dropped: { datagrams: 0, records: 0 } });
  const starts = new Set(truth.cells.flatMap(cell => cell.buckets.map(bucket => bucket.start)));
  expect([...starts].sort()).toEqual(['2026-03-01T12:10:00.000Z', '2026-03-01T12:15:00.000Z']);
  expect(truth.bucketsFrom).toBe('2026-03-01T12:10:00.000Z');
  expect(truth.applications.reduce((sum, cell) => sum + cell.bytes, 0)).toBe(book.bytes);
});

test('numbered flows are reported once each, with a size of their own, and the truth says which left', () => {
  const whole = record({}, 20, { numbered: true });
  const { numbered, flows } = whole.feed.truth();
  expect(whole.feed.counts.records).toBe(flows);
  expect(numbered).toEqual({ bytesBase: 1_000_000, highest: flows - 1, sent: [[0, flows - 1]] });

  const lossy = record({}, 20, { numbered: true, loss: 0.3 });
  const sent = lossy.feed.truth().numbered!.sent;
  const left = sent.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  expect(left).toBe(lossy.feed.counts.records);
  expect(left).toBeLessThan(flows);
});

test('the largest data centre stays within the bound of conversations', () => {
  const dataCentre = buildDataCentre({
    seed: 1,
    bridges: 64,
    vms: 10_000,
    apps: 190,
    protocols: ['ipfix'],
    sampling: 1,
  });
  const { count } = new Traffic(dataCentre).conversations;
  expect(count).toBeGreaterThan(10_000);
  expect(count).toBeLessThanOrEqual(CONVERSATIONS_MAX);
});

test('a sampler takes each packet with the chance 1 in N', () => {
  const random = createRandom(5);
  expect(samplePackets(random, 17, 1)).toBe(17);
  let taken = 0;
  for (let i = 0; i < 20_000; i++) taken += samplePackets(random, 37, 10);
  // 740,000 trials at 0.1: six standard deviations are 1,548.
  expect(Math.abs(taken - 74_000)).toBeLessThan(1548);
});

test('weights decide how often an index is drawn, and weight 0 never is', () => {
  const random = createRandom(9);
  const choose = createWeightedChoice([1, 0, 6, 3]);
  const hits = [0, 0, 0, 0];
  for (let i = 0; i < 100_000; i++) hits[choose(random)]!++;
  expect(hits[1]).toBe(0);
  [0.1, 0, 0.6, 0.3].forEach((share, i) => {
    expect(Math.abs(hits[i]! / 100_000 - share)).toBeLessThan(0.01);
  });
});
