import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type BatchIdentity, tokenOf } from '../../schemas/batch.ts';
import { openCounters } from '../../service/counters.ts';
import { requireTool } from '../../testing/requirements.ts';
import { HEADER_BYTES } from '../batch-file.ts';
import { QuarantineFolder } from './quarantine.ts';
import { SpoolSink } from './sink.ts';
import { SpoolSource } from './source.ts';
import { openSpool, refusing, SPOOL_SINK_COUNTERS, SPOOL_SOURCE_COUNTERS } from './spool.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hairpin-spool-'));
  mkdirSync(join(root, 'spool'));
  mkdirSync(join(root, 'quarantine'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const identity = (sequence: number): BatchIdentity => ({
  kind: 'flows',
  collector: 'test',
  worker: 0,
  epoch: 'ab'.repeat(16),
  sequence,
});
const payload = (bytes: number, fill = 7) => new Uint8Array(bytes).fill(fill);

function open(options: { bytesMax?: number; quarantineBytesMax?: number; folder?: string } = {}) {
  const { settings } = openSpool({
    folder: options.folder ?? join(root, 'spool'),
    quarantine: join(root, 'quarantine'),
    bytesMax: options.bytesMax ?? 1 << 20,
    quarantineBytesMax: options.quarantineBytesMax ?? 1 << 20,
    durable: false,
  });
  const source = new SpoolSource(settings);
  return {
    settings,
    source,
    sink: new SpoolSink({ ...settings, onStored: token => source.announce(token) }),
    sinkCounters: openCounters(SPOOL_SINK_COUNTERS, settings.sinkCounters),
    sourceCounters: openCounters(SPOOL_SOURCE_COUNTERS, settings.sourceCounters),
    held: () => Number(new BigInt64Array(settings.usage)[0]),
  };
}

const files = () => readdirSync(join(root, 'spool'));

describe('a batch in the spool', () => {
  test('comes out as it went in, and its file goes when it is acknowledged', async () => {
    const { sink, source, held } = open();
    const arrow = Uint8Array.from({ length: 1000 }, (_, i) => i);
    expect(sink.put(identity(0), arrow)).toBe('stored');
    expect(files()).toEqual([`${tokenOf(identity(0))}.batch`]);
    const delivery = (await source.next())!;
    expect(delivery.identity).toEqual(identity(0));
    expect(delivery.redelivered).toBe(false);
    expect(Buffer.compare(delivery.arrow, arrow)).toBe(0);
    expect(delivery.arrow.byteOffset % 8).toBe(0);
    delivery.acknowledge();
    expect(files()).toEqual([]);
    expect(held()).toBe(0);
  });

  test('is delivered again at the next start when it was not acknowledged, oldest first', async () => {
    const first = open();
    for (const sequence of [2, 0, 1]) first.sink.put(identity(sequence), payload(10, sequence));
    for (const [age, sequence] of [30, 20, 10].entries())
      utimesSync(join(root, 'spool', `${tokenOf(identity(age))}.batch`), 1000 - sequence, 1000 - sequence);
    await first.source.next();
    const second = open();
    const order: number[] = [];
    for (let i = 0; i < 3; i++) {
      const delivery = (await second.source.next())!;
      expect(delivery.redelivered).toBe(true);
      order.push(delivery.identity.sequence);
      delivery.acknowledge();
    }
    expect(order).toEqual([0, 1, 2]);
    expect(second.sourceCounters.get('replayed')).toBe(3);
    expect(second.held()).toBe(0);
  });

  test('announced twice is delivered once', async () => {
    const { sink, source } = open();
    sink.put(identity(0), payload(1));
    source.announce(tokenOf(identity(0)));
    (await source.next())!.acknowledge();
    source.announce(tokenOf(identity(0)));
    sink.put(identity(1), payload(1));
    expect((await source.next())!.identity.sequence).toBe(1);
  });

  test('a waiting source ends when it is closed', async () => {
    const { source } = open();
    const next = source.next();
    source.close();
    expect(await next).toBeUndefined();
  });
});

describe('at start', () => {
  test('half-written files are removed and files of others left alone', () => {
    writeFileSync(join(root, 'spool', `${tokenOf(identity(0))}.tmp`), 'half');
    writeFileSync(join(root, 'spool', 'notes.txt'), 'mine');
    const { held } = open();
    expect(files()).toEqual(['notes.txt']);
    expect(held()).toBe(0);
  });
});

describe('bounds', () => {
  test('at the bound the newest batch is refused and counted, the oldest kept; room returns with an acknowledgement', async () => {
    const bytes = HEADER_BYTES + 100;
    const { sink, source, sinkCounters, held } = open({ bytesMax: 2 * bytes });
    expect(sink.put(identity(0), payload(100))).toBe('stored');
    expect(sink.put(identity(1), payload(100))).toBe('stored');
    expect(sink.put(identity(2), payload(100))).toBe('bound');
    expect(sinkCounters.get('refused bound')).toBe(1);
    expect(held()).toBe(2 * bytes);
    (await source.next())!.acknowledge();
    expect(sink.put(identity(3), payload(100))).toBe('stored');
    expect((await source.next())!.identity.sequence).toBe(1);
  });

  test('what an earlier process left counts', () => {
    const bytes = HEADER_BYTES + 100;
    open({ bytesMax: 2 * bytes }).sink.put(identity(0), payload(100));
    const again = open({ bytesMax: 2 * bytes });
    expect(again.held()).toBe(bytes);
    expect(again.sink.put(identity(1), payload(101))).toBe('bound');
  });

  test('a batch larger than the spool is refused for its size', () => {
    expect(open({ bytesMax: 1000 }).sink.put(identity(0), payload(1000))).toBe('too-large');
  });

  test('a full disk is the bound reached: nothing half-written stays, and the service goes on', () => {
    const disk = join(root, 'disk');
    mkdirSync(disk);
    let mounted = false;
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk], { stdio: 'ignore' });
      mounted = true;
    } catch {
      // requireTool reports it below.
    }
    if (!requireTool('mount', mounted, 'a small file system cannot be mounted here')) return;
    try {
      const { sink, held, sinkCounters } = open({ folder: disk });
      expect(sink.put(identity(0), payload(100_000))).toBe('stored');
      const before = held();
      expect(sink.put(identity(1), payload(200_000))).toBe('disk-full');
      expect(readdirSync(disk)).toEqual([`${tokenOf(identity(0))}.batch`]);
      expect(held()).toBe(before);
      expect(sinkCounters.get('refused disk-full')).toBe(1);
      expect(sink.put(identity(2), payload(1000))).toBe('stored');
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  test('the bytes held are reported while nobody reads', () => {
    const { settings, counters } = openSpool({
      folder: join(root, 'spool'),
      quarantine: join(root, 'quarantine'),
      bytesMax: 1 << 20,
      quarantineBytesMax: 0,
      durable: true,
    });
    new SpoolSink(settings).put(identity(0), payload(100));
    const gauge = counters.find(set => 'bytesHeld' in set.specs)!;
    expect(gauge.get('bytesHeld')).toBe(HEADER_BYTES + 100);
  });

  test('a folder that is gone refuses batches and is counted', () => {
    const { sink, sinkCounters, held } = open();
    rmSync(join(root, 'spool'), { recursive: true });
    expect(sink.put(identity(0), payload(100))).toBe('io');
    expect(sinkCounters.get('refused io')).toBe(1);
    expect(held()).toBe(0);
  });

  test('a quarantine that takes no file leaves the batch in the spool, once', async () => {
    const { sink, source, sourceCounters, held } = open();
    sink.put(identity(0), payload(100));
    sink.put(identity(1), payload(1));
    mkdirSync(join(root, 'quarantine', `${tokenOf(identity(0))}.batch`));
    (await source.next())!.quarantine('never');
    expect(sourceCounters.get('quarantineFailed')).toBe(1);
    expect((await source.next())!.identity.sequence).toBe(1);
    expect(files()).toContain(`${tokenOf(identity(0))}.batch`);
    expect(held()).toBe(2 * HEADER_BYTES + 101);
  });

  test('quarantine keeps the newest within its bound', () => {
    const { sink } = open();
    const quarantine = new QuarantineFolder({
      folder: join(root, 'quarantine'),
      spoolFolder: join(root, 'spool'),
      bytesMax: 2 * (HEADER_BYTES + 10),
    });
    const dropped = [0, 1, 2].map(sequence => {
      sink.put(identity(sequence), payload(10));
      return quarantine.add(tokenOf(identity(sequence)), HEADER_BYTES + 10, `reason ${sequence}`);
    });
    expect(dropped).toEqual([0, 0, 1]);
    expect(
      quarantine
        .list()
        .map(batch => batch.reason)
        .sort(),
    ).toEqual(['reason 1', 'reason 2']);
    sink.put(identity(9), payload(1000));
    expect(quarantine.add(tokenOf(identity(9)), HEADER_BYTES + 1000, 'too large')).toBe(3);
    expect(quarantine.list()).toEqual([]);
  });
});

describe('a batch that cannot be read', () => {
  /** A folder under the name of a batch: EISDIR, also for root. */
  const unreadable = (sequence: number) => mkdirSync(join(root, 'spool', `${tokenOf(identity(sequence))}.batch`));

  test('is tried again after pauses that double up to five minutes, and holds up no other', async () => {
    let nowMs = 0;
    const { settings, sourceCounters } = open();
    const source = new SpoolSource(settings, { nowMs: () => nowMs });
    const sink = new SpoolSink({ ...settings, onStored: token => source.announce(token) });
    unreadable(0);
    source.announce(tokenOf(identity(0)));
    const triedAtMs: number[] = [];
    for (let sequence = 1; nowMs < 20 * 60_000; sequence++, nowMs += 500) {
      sink.put(identity(sequence), payload(1));
      const delivery = await source.next().catch(() => {
        triedAtMs.push(nowMs);
        return source.next();
      });
      expect(delivery!.identity.sequence).toBe(sequence);
      delivery!.acknowledge();
    }
    // Half a second more each time: the batch that waits already comes first.
    const pauses = triedAtMs.slice(1).map((ms, i) => (ms - triedAtMs[i]!) / 1000);
    expect(pauses).toEqual([1.5, 2.5, 4.5, 8.5, 16.5, 32.5, 64.5, 128.5, 256.5, 300.5, 300.5]);
    expect(sourceCounters.get('readErrors')).toBe(12);
  });

  test('is delivered once it can be read, also when nothing else arrives', async () => {
    const { source, sink, settings } = open();
    unreadable(0);
    source.announce(tokenOf(identity(0)));
    await expect(source.next()).rejects.toThrow('EISDIR');
    const next = source.next();
    rmSync(join(root, 'spool', `${tokenOf(identity(0))}.batch`), { recursive: true });
    new SpoolSink(settings).put(identity(0), payload(5));
    expect(sink).toBeDefined();
    expect((await next)!.arrowBytes).toBe(5);
  });
});

describe('the last refusal', () => {
  test('is reported with its reason for ten seconds, then no more', () => {
    const { settings, sink } = open({ bytesMax: HEADER_BYTES + 100 });
    expect(refusing(settings, Date.now())).toBeUndefined();
    sink.put(identity(0), payload(100));
    expect(refusing(settings, Date.now())).toBeUndefined();
    expect(sink.put(identity(1), payload(100))).toBe('bound');
    expect(refusing(settings, Date.now())).toBe('bound');
    expect(refusing(settings, Date.now() + 11_000)).toBeUndefined();
    rmSync(join(root, 'spool'), { recursive: true });
    const second = open({ folder: root, bytesMax: 1 << 20 });
    const gone = new SpoolSink({ ...second.settings, folder: join(root, 'spool') });
    expect(gone.put(identity(2), payload(100))).toBe('io');
    expect(refusing(second.settings, Date.now())).toBe('io');
  });
});

describe('damage', () => {
  test('one wrong bit anywhere in the file sends it to quarantine, never a wrong row to the enricher', async () => {
    const size = HEADER_BYTES + 64;
    for (let at = 0; at < size; at++) {
      // Behind the token the header is zero padding; every byte of the file is covered by one of the checksums.
      const writer = open();
      writer.sink.put(identity(at), payload(64));
      const path = join(root, 'spool', `${tokenOf(identity(at))}.batch`);
      const file = readFileSync(path);
      file[at]! ^= 1 << (at % 8);
      writeFileSync(path, file);
      writer.sink.put(identity(100_000 + at), payload(1, at));
      const delivery = (await writer.source.next())!;
      expect(delivery.identity.sequence, `bit in byte ${at}`).toBe(100_000 + at);
      delivery.acknowledge();
      expect(existsSync(path)).toBe(false);
      expect(existsSync(join(root, 'quarantine', `${tokenOf(identity(at))}.json`))).toBe(true);
    }
  });

  test('a batch of another schema version is delivered, one with another header is put aside', async () => {
    const { sink, source, sourceCounters } = open();
    const write = (sequence: number, at: number, version: number) => {
      const name = join(root, 'spool', `${tokenOf(identity(sequence))}.batch`);
      sink.put(identity(sequence), payload(100));
      const file = readFileSync(name);
      file.writeUInt32LE(version, at);
      file.writeUInt32LE(crc32(file.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4);
      writeFileSync(name, file);
    };
    write(0, 8, 2);
    write(1, 12, 77);
    const delivery = (await source.next())!;
    expect(delivery.identity.sequence).toBe(1);
    expect(sourceCounters.get('quarantined header-version')).toBe(1);
  });

  test('a reason file may hold anything', () => {
    const quarantine = new QuarantineFolder({
      folder: join(root, 'quarantine'),
      bytesMax: 1 << 20,
      spoolFolder: join(root, 'spool'),
    });
    const contents = ['{}', 'null', '{ "at": 7, "reason": [] }', '3', '', '\0', '{ "reason": "known" }'];
    contents.forEach((content, sequence) => {
      const name = join(root, 'quarantine', tokenOf(identity(sequence)));
      writeFileSync(`${name}.batch`, 'x');
      writeFileSync(`${name}.json`, content);
    });
    const reasons = quarantine.list().map(batch => batch.reason);
    expect(reasons).toHaveLength(contents.length);
    expect(reasons.filter(reason => reason.startsWith('unknown'))).toHaveLength(contents.length - 1);
    expect(reasons).toContain('known');
    expect(quarantine.list().every(batch => batch.at === '')).toBe(true);
  });

  test('a cut file goes to quarantine, and can be put back', async () => {
    const { sink, source, sourceCounters } = open();
    sink.put(identity(0), payload(100));
    const path = join(root, 'spool', `${tokenOf(identity(0))}.batch`);
    truncateSync(path, HEADER_BYTES + 50);
    sink.put(identity(1), payload(1));
    const delivery = (await source.next())!;
    expect(delivery.identity.sequence).toBe(1);
    expect(sourceCounters.get('quarantined format')).toBe(1);
    delivery.quarantine('ClickHouse will not have it');
    const quarantine = new QuarantineFolder({
      folder: join(root, 'quarantine'),
      spoolFolder: join(root, 'spool'),
      bytesMax: 1 << 20,
    });
    expect(quarantine.list().map(batch => batch.reason)).toContain('ClickHouse will not have it');
    expect(quarantine.replay(tokenOf(identity(1)))).toBe(true);
    expect(quarantine.replay('nothing')).toBe(false);
    const again = open();
    expect((await again.source.next())!.identity.sequence).toBe(1);
  });
});

describe('minutes of a collector', () => {
  const minutes = (sequence: number): BatchIdentity => ({ ...identity(sequence), kind: 'collectors', worker: 1 });
  const isWaiting = async (source: SpoolSource) => {
    const outcome = await Promise.race([source.next().then(() => 'delivered'), new Promise(setImmediate)]);
    return outcome !== 'delivered';
  };

  test('are delivered once every batch before them is settled; batches behind them do not wait', async () => {
    const { sink, source } = open();
    for (const id of [identity(0), identity(1), minutes(0), identity(2), minutes(1)]) sink.put(id, payload(8));
    const taken = [await source.next(), await source.next(), await source.next()].map(delivery => delivery!);
    expect(taken.map(delivery => delivery.identity)).toEqual([identity(0), identity(1), identity(2)]);
    expect(source.backlog().batches).toBe(5);
    const next = source.next();
    taken[0]!.quarantine('it can never be stored');
    taken[2]!.acknowledge();
    await new Promise(setImmediate);
    taken[1]!.acknowledge();
    const first = (await next)!;
    expect(first.identity).toEqual(minutes(0));
    expect(await isWaiting(source)).toBe(true);
    first.acknowledge();
    expect(source.backlog().batches).toBe(1);
  });

  test('come last among batches of one moment at the next start, and in order', async () => {
    const before = open();
    for (const id of [identity(7), minutes(0), identity(3), minutes(1)]) before.sink.put(id, payload(8));
    const at = new Date('2026-01-31T12:00:00Z');
    for (const name of files()) utimesSync(join(root, 'spool', name), at, at);
    const { source } = open();
    const found: BatchIdentity[] = [];
    for (let i = 0; i < 4; i++) {
      const delivery = (await source.next())!;
      found.push(delivery.identity);
      delivery.acknowledge();
    }
    expect(found).toEqual([identity(3), identity(7), minutes(0), minutes(1)]);
  });

  test('are not held for ever by a batch that cannot be moved to quarantine', async () => {
    const { sink, source, sourceCounters } = open();
    sink.put(identity(0), payload(8));
    sink.put(minutes(0), payload(8));
    const delivery = (await source.next())!;
    rmSync(join(root, 'quarantine'), { recursive: true });
    delivery.quarantine('it can never be stored');
    expect(sourceCounters.get('quarantineFailed')).toBe(1);
    expect((await source.next())!.identity).toEqual(minutes(0));
  });

  test('are not taken as the newest batch', async () => {
    const { settings } = open();
    const sink = new SpoolSink(settings);
    for (const id of [identity(0), identity(1), minutes(0)]) sink.put(id, payload(8));
    const source = new SpoolSource(settings, { newestEvery: 1 });
    const found = [];
    for (let i = 0; i < 3; i++) {
      const delivery = (await source.next())!;
      found.push(delivery.identity.kind);
      delivery.acknowledge();
    }
    expect(found).toEqual(['flows', 'flows', 'collectors']);
  });
});

test('the age of the oldest batch that waits grows until it is acknowledged', async () => {
  const opened = openSpool({
    ...{ folder: join(root, 'spool'), quarantine: join(root, 'quarantine'), durable: false },
    ...{ bytesMax: 1 << 20, quarantineBytesMax: 1 << 20 },
  });
  const gauges = opened.counters.find(({ specs }) => 'oldestAgeS' in specs)!;
  expect(gauges.get('oldestAgeS')).toBe(0);
  new SpoolSink(opened.settings).put(identity(0), payload(8));
  const [file] = files();
  const hourAgo = new Date(Date.now() - 3_600_000);
  utimesSync(join(root, 'spool', file!), hourAgo, hourAgo);
  const source = new SpoolSource(opened.settings);
  expect(gauges.get('oldestAgeS')).toBeGreaterThanOrEqual(3600);
  expect(gauges.get('oldestAgeS')).toBeLessThan(3660);
  (await source.next())!.acknowledge();
  expect(gauges.get('oldestAgeS')).toBe(0);
});
