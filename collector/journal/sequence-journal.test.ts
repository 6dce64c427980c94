// Sequence numbers on disk and in a decoder that continues them: what may be counted after a start, what is unknown, and
// what the file does at its bounds, when damaged, after a loss of power and on a full disk.

import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openCounters } from '../../service/counters.ts';
import { createLog } from '../../service/log.ts';
import {
  Bench,
  ipfix,
  netflow5,
  netflow9,
  RECEIVED_MS,
  record5,
  set,
  sflow,
  template,
  UPTIME_MS,
  u32,
} from '../../testing/data/datagrams.ts';
import { RECORD_BYTES } from '../decode/exporters/sequence-record.ts';
import { RESUME_MS_MAX } from '../decode/exporters/sequence-track.ts';
import { ENCODER_COUNTERS } from '../threads/counters.ts';
import { HEADER_BYTES, SequenceJournal } from './sequence-journal.ts';

const log = createLog('test', 'error');
log.level = 'silent';
const counters = () => openCounters(ENCODER_COUNTERS);
const DAY_MS = 24 * 3600_000;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hairpin-sequences-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const path = () => join(folder, 'sequences.journal');
const open = (
  options: { recordsMax?: number; nowMs?: number; bootId?: string; counters?: ReturnType<typeof counters> } = {},
) => {
  const { recordsMax = 1000, nowMs = RECEIVED_MS, bootId = 'boot-1' } = options;
  return new SequenceJournal({
    folder,
    recordsMax,
    nowMs: () => nowMs,
    bootId,
    log,
    counters: options.counters ?? counters(),
  });
};

/** A decoder that continues what a journal hands to its worker. */
function decoderOf(journal: SequenceJournal, worker = 0, nowMs = RECEIVED_MS) {
  const bench = new Bench();
  const { sequences } = bench.decoder.exporters;
  const unreported = sequences.start(journal.handOver(worker), nowMs);
  return { bench, sequences, unreported, save: () => journal.put(sequences.take() ?? new Uint8Array(), worker) };
}

const HOUR_MS = 3600_000;
const v5 = (sequence: number, uptime = UPTIME_MS) => netflow5([record5(), record5()], { sequence, uptime });
const v9 = (sequence: number, uptime = UPTIME_MS) =>
  netflow9([set(0, template(300, [[1, 4]])), set(300, u32(1))], { sequence, uptime });
const ten = (sequence: number, records = 2) =>
  ipfix([set(2, template(300, [[1, 4]])), set(300, ...Array(records).fill(u32(1)))], { sequence });

/** Sends `before`, kills the process, and sends `after` to the next one. */
function restart(before: readonly Uint8Array[], after: readonly Uint8Array[], elapsedMs = 5000, isClosed = false) {
  const journal = open();
  const first = decoderOf(journal);
  for (const datagram of before) first.bench.decode(datagram);
  first.save();
  if (isClosed) journal.close();
  const second = decoderOf(open({ nowMs: RECEIVED_MS + elapsedMs }), 0, RECEIVED_MS + elapsedMs);
  for (const datagram of after) second.bench.decode(datagram, undefined, undefined, RECEIVED_MS + elapsedMs);
  const { lost, restarts } = second.bench.domain();
  return { lost, restarts, ...second.sequences.resumed };
}

// proves: loss-restart
describe('the first number after a start', () => {
  test.each([
    ['NetFlow v5', [v5(100), v5(102)], [v5(110)], 6],
    ['NetFlow v5 across 2^32', [v5(2 ** 32 - 2)], [v5(4)], 4],
    ['NetFlow v9', [v9(7)], [v9(10)], 2],
    ['IPFIX', [ten(50), ten(52)], [ten(60)], 6],
    ['sFlow', [sflow([], { sequence: 3 })], [sflow([], { sequence: 9 })], 5],
    ['without a gap', [v5(100)], [v5(102), v5(104)], 0],
  ] as const)('of %s gives what was lost between', (_, before, after, lost) => {
    expect(restart(before, after)).toEqual({ lost, restarts: 0, counted: 1, unknown: 0 });
    expect(restart(before, after, 5000, true)).toEqual({ lost, restarts: 0, counted: 1, unknown: 0 });
  });

  test.each([
    ['lower, as is the uptime', [v5(1000, 900_000)], [v5(4, 2000), v5(6, 3000)], 1],
    ['higher with a lower uptime', [v9(10, 900_000)], [v9(5000, 2000)], 1],
    ['far below', [ten(3_000_000)], [ten(0)], 1],
    ['far ahead without an uptime that fits', [ten(0)], [ten(50_000_000)], 0],
    ['far ahead with an uptime that does not fit', [v5(0, 900_000)], [v5(50_000_000, 900_000 + 2 * HOUR_MS)], 0],
  ] as const)('that is %s gives no loss: unknown', (_, before, after, restarts) => {
    expect(restart(before, after)).toEqual({ lost: 0, restarts, counted: 0, unknown: 1 });
  });

  test('far ahead with the uptime of the same run gives the loss', () => {
    const after = [v5(50_000_002, 900_000 + HOUR_MS)];
    expect(restart([v5(0, 900_000)], after, HOUR_MS)).toEqual({
      lost: 50_000_000,
      restarts: 0,
      counted: 1,
      unknown: 0,
    });
  });

  test('that is repeated or overtaken gives nothing yet', () => {
    expect(restart([v5(100), v5(102)], [v5(102), v5(110)])).toEqual({ lost: 6, restarts: 0, counted: 1, unknown: 0 });
  });

  test('of IPFIX counts the smaller gap while the convention is not known', () => {
    // Counted with their message: 5 records, then 10, none lost.
    expect(restart([ten(5, 5)], [ten(15, 10)]).lost).toBe(0);
    expect(restart([ten(5, 5)], [ten(17, 10)]).lost).toBe(2);
    // Counted before it.
    expect(restart([ten(0, 5)], [ten(5, 10)]).lost).toBe(0);
  });
});

describe('what may not be continued is unknown', () => {
  const killed = (...datagrams: readonly (readonly [Uint8Array, number])[]) => {
    const journal = open();
    const { bench, save } = decoderOf(journal);
    for (const [datagram, port] of datagrams) bench.decode(datagram, '192.0.2.1', port);
    save();
  };
  const lostOf = ({ bench }: ReturnType<typeof decoderOf>) => bench.domains().map(({ lost }) => lost);

  test('numbers of another source port, also when the exporter goes back to it', () => {
    killed([v9(10), 1]);
    const again = decoderOf(open());
    again.bench.decode(v9(20), '192.0.2.1', 2);
    again.bench.decode(v9(30), '192.0.2.1', 1);
    expect(lostOf(again)).toEqual([0, 0]);
    again.save();
    // Nor for the process after it: it knows the new ones.
    const third = decoderOf(open());
    third.bench.decode(v9(35), '192.0.2.1', 1);
    expect(lostOf(third)).toEqual([4]);
  });

  test('two exporters behind one address go on under their own ports', () => {
    killed([v9(10), 1], [v9(700), 2]);
    const again = decoderOf(open());
    again.bench.decode(v9(13), '192.0.2.1', 1);
    again.bench.decode(v9(705), '192.0.2.1', 2);
    expect(lostOf(again)).toEqual([2, 4]);
  });

  test('numbers of an exporter that was decoded without a place in the table', () => {
    killed([v5(10), 1]);
    const journal = open();
    const bench = new Bench({ exportersMax: 1 });
    const { sequences } = bench.decoder.exporters;
    sequences.start(journal.handOver(0), RECEIVED_MS);
    bench.decode(v5(0), '192.0.2.9', 1);
    bench.decode(v5(12), '192.0.2.1', 1);
    journal.put(sequences.take()!, 0);
    expect(open().handOver(0).length).toBe(RECORD_BYTES);
  });

  test(`numbers that nobody continued for ${RESUME_MS_MAX / 60_000} minutes`, () => {
    killed([v9(10), 1]);
    const again = decoderOf(open());
    again.bench.decode(v9(20), '192.0.2.1', 1, RECEIVED_MS + RESUME_MS_MAX + 1);
    expect(lostOf(again)).toEqual([0]);
    expect(again.sequences.waiting).toBe(0);
  });

  test('numbers that two workers have written', () => {
    const journal = open();
    for (const worker of [0, 1]) {
      const { bench, save } = decoderOf(journal, worker);
      bench.decode(sflow([], { sequence: 5 }), '192.0.2.1', 1);
      save();
    }
    const again = decoderOf(open());
    again.bench.decode(sflow([], { sequence: 50 }), '192.0.2.1', 1);
    expect(lostOf(again)).toEqual([0]);
  });

  test('a domain that was evicted, and all of them after a flood that evicts more than are kept', () => {
    const journal = open();
    const bench = new Bench({ exportersMax: 1 });
    const { sequences } = bench.decoder.exporters;
    sequences.start(journal.handOver(0), RECEIVED_MS);
    bench.decode(v9(1), '192.0.2.1', 1);
    journal.put(sequences.take()!, 0);
    expect(open().handOver(0).length).toBe(RECORD_BYTES);
    const flood = netflow9([], { sequence: 1 });
    for (let i = 0; i < 5000; i++) bench.decode(flood, `10.0.${i >> 8}.${i & 255}`, 1, RECEIVED_MS + HOUR_MS + i);
    const records = sequences.take()!;
    expect(records.length).toBeLessThan(3 * 1025 * RECORD_BYTES);
    journal.put(records, 0);
    expect(journal.handOver(0).length).toBe(RECORD_BYTES);
  });
});

describe('counters that nobody has reported', () => {
  test('are handed over once, to whoever starts first', () => {
    const journal = open();
    const { bench, save } = decoderOf(journal);
    bench.decode(v5(0));
    bench.decode(v5(5));
    save();
    const next = open();
    expect(decoderOf(next).unreported).toMatchObject([{ datagrams: 2, records: 4, lost: 3, lastSeenMs: RECEIVED_MS }]);
    expect(decoderOf(next, 1).unreported).toEqual([]);
    expect(decoderOf(open()).unreported).toEqual([]);
  });

  test('of a thread that crashed go to the one that replaces it, with its numbers', () => {
    const journal = open();
    const { bench, save } = decoderOf(journal, 1);
    bench.decode(v5(0));
    save();
    const other = decoderOf(journal, 0);
    expect(other.unreported).toEqual([]);
    const again = decoderOf(journal, 1);
    expect(again.unreported).toMatchObject([{ datagrams: 1 }]);
    again.bench.decode(v5(8));
    expect(again.bench.domain().lost).toBe(6);
  });
});

describe('the file', () => {
  const fill = (journal: SequenceJournal, ports: number, worker = 0) => {
    const { bench, save } = decoderOf(journal, worker);
    for (let port = 1; port <= ports; port++) bench.decode(v5(10 * port), '192.0.2.1', port, RECEIVED_MS + port);
    save();
  };
  const kept = (journal: SequenceJournal) => journal.handOver(0).length / RECORD_BYTES;

  test('is as large as there are domains, however often they are written', () => {
    const journal = open();
    const { bench, save } = decoderOf(journal);
    for (let i = 0; i < 500; i++) {
      bench.decode(v5(2 * i), '192.0.2.1', 1 + (i % 5));
      save();
    }
    expect(statSync(path()).size).toBe(HEADER_BYTES + 5 * RECORD_BYTES);
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    expect(kept(open())).toBe(5);
  });

  test('keeps no more than its bound; what an earlier process left goes first', () => {
    fill(open(), 3);
    const count = counters();
    const journal = open({ recordsMax: 4, counters: count });
    const { bench, save } = decoderOf(journal);
    for (let port = 11; port <= 20; port++) bench.decode(v5(1), '192.0.2.2', port);
    save();
    expect(count.get('sequences')).toBe(4);
    expect(count.get('sequencesRefused')).toBe(6);
    expect(statSync(path()).size).toBe(HEADER_BYTES + 4 * RECORD_BYTES);
    expect(kept(open({ recordsMax: 2 }))).toBe(2);
  });

  test('with any byte of a record changed leaves this record out', () => {
    fill(open(), 2);
    const whole = readFileSync(path());
    for (let at = 0; at < RECORD_BYTES; at++) {
      const bytes = Buffer.from(whole);
      bytes[HEADER_BYTES + at]! ^= 0x41;
      writeFileSync(path(), bytes);
      expect(kept(open()), `byte ${at}`).toBe(1);
    }
  });

  test('cut off at any byte gives the records before', () => {
    fill(open(), 3);
    const whole = readFileSync(path());
    for (let length = 0; length <= whole.length; length += 7) {
      writeFileSync(path(), whole.subarray(0, length));
      expect(kept(open()), `${length} bytes`).toBe(Math.max(0, Math.floor((length - HEADER_BYTES) / RECORD_BYTES)));
    }
  });

  test('of another program or version gives nothing, and is replaced', () => {
    fill(open(), 1);
    const other = readFileSync(path());
    other.writeUInt32LE(99, 8);
    for (const bytes of [Buffer.from('something else'), other, Buffer.alloc(0)]) {
      writeFileSync(path(), bytes);
      expect(kept(open())).toBe(0);
      expect(readFileSync(path()).toString('latin1', 0, 7)).toBe('HPSEQNC');
    }
  });

  test('of a machine that lost its power gives nothing; closed in order it does', () => {
    fill(open(), 1);
    expect(kept(open({ bootId: 'boot-2' }))).toBe(0);
    const journal = open();
    fill(journal, 1);
    journal.close();
    expect(kept(open({ bootId: 'boot-2' }))).toBe(1);
    // That one was not closed.
    expect(kept(open({ bootId: 'boot-3' }))).toBe(0);
  });

  test('forgets what was not seen for more than a week', () => {
    fill(open(), 1);
    expect(kept(open({ nowMs: RECEIVED_MS + 6 * DAY_MS }))).toBe(1);
    expect(kept(open({ nowMs: RECEIVED_MS + 8 * DAY_MS }))).toBe(0);
  });

  test('that cannot be written is not there: unknown, not wrong', () => {
    rmSync(folder, { recursive: true });
    writeFileSync(folder, '');
    const count = counters();
    const journal = open({ counters: count });
    fill(journal, 1);
    expect(count.get('sequenceWriteErrors')).toBe(1);
    expect(existsSync(path())).toBe(false);
    rmSync(folder);
  });
});
