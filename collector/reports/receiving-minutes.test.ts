// When a collector was receiving. The oracle is arithmetic on the times that its workers report.

import { expect, test } from 'vitest';
import { decodeArrow, encodeArrow } from '../../schemas/arrow.ts';
import type { Batch } from '../../schemas/batch.ts';
import { COLLECTOR_COLUMNS } from '../../schemas/collector-minute.ts';
import { type Received, ReceivingMinutes } from './receiving-minutes.ts';

const MINUTE = 60_000;
const T = Date.UTC(2026, 0, 31, 12);
const BESIDE = { droppedDatagrams: 0, refusedRecords: 0 };

const received = (fromMs: number, untilMs: number, more: Partial<Received> = {}): Received => ({
  fromMs: T + fromMs,
  untilMs: T + untilMs,
  datagrams: 0,
  records: 0,
  droppedRecords: 0,
  isStopped: false,
  ...more,
});

/** Rows as the enricher reads them, times from T on. */
function rowsOf(batch: Batch<typeof COLLECTOR_COLUMNS> | undefined) {
  if (!batch) return [];
  const { columns, rows } = decodeArrow(COLLECTOR_COLUMNS, encodeArrow(batch)).batch;
  const value = (name: keyof typeof columns, row: number) =>
    columns[name][2 * row]! + columns[name][2 * row + 1]! * 2 ** 32;
  return Array.from({ length: rows }, (_, row) => ({
    minute: value('minute', row) - T,
    from: value('receivingFrom', row) - T,
    until: value('receivingUntil', row) - T,
    ms: value('receivingMs', row),
    stoppedAt: value('stoppedAt', row) === 0 ? null : value('stoppedAt', row) - T,
    datagrams: value('datagrams', row),
    records: value('records', row),
    droppedDatagrams: value('droppedDatagrams', row),
    droppedRecords: value('droppedRecords', row),
  }));
}

test('one worker: a row at the start, then the time between two reports, each minute with its own part of it', () => {
  const minutes = new ReceivingMinutes(1);
  expect(rowsOf(minutes.report(0, received(50_000, 50_000), BESIDE))).toMatchObject([
    { minute: 0, from: 50_000, until: 50_000, ms: 0, stoppedAt: null },
  ]);
  const batch = minutes.report(0, received(50_000, 60_040, { datagrams: 7, records: 210, droppedRecords: 3 }), {
    droppedDatagrams: 5,
    refusedRecords: 11,
  });
  expect(rowsOf(batch)).toEqual([
    {
      ...{ minute: 0, from: 50_000, until: MINUTE, ms: 10_000, stoppedAt: null },
      ...{ datagrams: 7, records: 210, droppedDatagrams: 5, droppedRecords: 14 },
    },
    {
      ...{ minute: MINUTE, from: MINUTE, until: 60_040, ms: 40, stoppedAt: null },
      ...{ datagrams: 0, records: 0, droppedDatagrams: 0, droppedRecords: 0 },
    },
  ]);
  const last = received(50_000, 70_000, { datagrams: 9, records: 270, droppedRecords: 3, isStopped: true });
  expect(rowsOf(minutes.report(0, last, { droppedDatagrams: 5, refusedRecords: 11 }))).toMatchObject([
    { from: 60_040, until: 70_000, ms: 9960, stoppedAt: 70_000, datagrams: 2, records: 60, droppedDatagrams: 0 },
  ]);
});

test('several workers: receiving is what all of them were, and one row says so', () => {
  const minutes = new ReceivingMinutes(2);
  expect(rowsOf(minutes.report(0, received(0, 0), BESIDE))).toHaveLength(1);
  expect(rowsOf(minutes.report(1, received(100, 100), BESIDE))).toEqual([]);
  expect(rowsOf(minutes.report(0, received(0, 10_000, { records: 10 }), BESIDE))).toMatchObject([]);
  // The second has nothing handed over after 100 yet; its own report ends the wait.
  expect(rowsOf(minutes.report(1, received(100, 10_050, { records: 5 }), BESIDE))).toMatchObject([
    { from: 100, until: 10_000, ms: 9900, records: 15 },
  ]);
  expect(rowsOf(minutes.report(0, received(0, 20_000), BESIDE))).toEqual([]);
});

test('a worker that crashed leaves a gap until the next one listens, and its counters go on', () => {
  const minutes = new ReceivingMinutes(2);
  for (const worker of [0, 1]) minutes.report(worker, received(0, 0), BESIDE);
  for (const worker of [0, 1]) minutes.report(worker, received(0, 10_000, { datagrams: 10 }), BESIDE);
  minutes.end(1);
  expect(rowsOf(minutes.report(0, received(0, 20_000, { datagrams: 20 }), BESIDE))).toEqual([]);
  minutes.report(1, received(25_000, 25_000, { datagrams: 14 }), BESIDE);
  minutes.report(0, received(0, 30_000, { datagrams: 30 }), BESIDE);
  expect(rowsOf(minutes.report(1, received(25_000, 30_000, { datagrams: 15 }), BESIDE))).toMatchObject([
    { from: 25_000, until: 30_000, ms: 5000, datagrams: 25, stoppedAt: null },
  ]);
});

test('a worker that was stopped is part of what is said when the last one stops', () => {
  const minutes = new ReceivingMinutes(2);
  for (const worker of [0, 1]) minutes.report(worker, received(0, 0), BESIDE);
  expect(rowsOf(minutes.report(1, received(0, 4000, { isStopped: true }), BESIDE))).toEqual([]);
  minutes.end(1);
  expect(rowsOf(minutes.report(0, received(0, 4500, { isStopped: true }), BESIDE))).toMatchObject([
    { from: 0, until: 4000, stoppedAt: 4000 },
  ]);
});

test('a collector that stops says when, also where nothing was received since its last row', () => {
  const minutes = new ReceivingMinutes(1);
  minutes.report(0, received(0, 0), BESIDE);
  minutes.report(0, received(0, 10_000), BESIDE);
  expect(rowsOf(minutes.report(0, received(0, 10_000, { isStopped: true }), BESIDE))).toMatchObject([
    { from: 10_000, until: 10_000, ms: 0, stoppedAt: 10_000 },
  ]);
});
