// The journal of templates as a file: what a kill at any byte leaves, what damage does, and how large it grows.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PROTOCOL } from '../../schemas/codes.ts';
import { createLog } from '../../service/log.ts';
import { Bench, ipfix, ipfixOptions, memory, RECEIVED_MS, set, template, u32 } from '../../testing/data/datagrams.ts';
import { type Change, STORE_BYTES_MAX } from '../decode/exporters/template-store.ts';
import { encodeEntry, journalHeader, readEntries } from './journal-entries.ts';
import { openTemplateJournal } from './template-journal.ts';

const log = createLog('test', 'error');
log.level = 'silent';

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'hairpin-journal-')), 'templates');
});
afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

const path = () => join(folder, 'templates.journal');
const open = (exportersMax = 1000) =>
  openTemplateJournal({ folder, log, limits: { exportersMax, templatesMax: 1000 } });
const known = (journal: ReturnType<typeof open>) => [...journal.store.changes()];

/** What a decoder reports of an exporter with templates, a rate, and data. */
function changesOf(port: number): Change[] {
  const knowledge = memory();
  const bench = new Bench({ knowledge });
  const rate = [
    set(
      3,
      ipfixOptions(
        310,
        [[149, 4]],
        [
          [302, 4],
          [34, 4],
        ],
      ),
    ),
    set(310, u32(0), u32(7), u32(64)),
  ];
  bench.decode(ipfix([set(2, template(300, [[1, 4]])), ...rate, set(300, u32(5))]), '2001:db8::1', port);
  return knowledge.changes;
}

describe('a journal', () => {
  // proves: state-kept
  test('opened again knows what was reported, and serves a decoder with it', () => {
    const journal = open();
    expect(journal.append(changesOf(1), RECEIVED_MS)).toHaveLength(4);
    // Killed: never closed.
    const again = open();
    expect(known(again)).toEqual(known(journal));
    const knowledge = { store: again.store, sink: { changed() {} } };
    const bench = new Bench({ knowledge });
    expect(bench.decode(ipfix([set(300, u32(9))]), '2001:db8::1', 1)).toMatchObject([{ bytes: 9, samplingRate: 64 }]);
    journal.close();
    again.close();
  });

  // proves: state-kept
  test('of an older version, which wrote `heard` for `seen`, is read', () => {
    const journal = open();
    journal.append([...changesOf(1)], RECEIVED_MS);
    const { key } = known(journal)[0]!;
    journal.close();
    const older = { type: 'heard', key, atMs: RECEIVED_MS + 1, proven: true } as unknown as Change;
    writeFileSync(path(), Buffer.concat([readFileSync(path()), encodeEntry(older)]));
    expect(known(open())).toContainEqual({ type: 'seen', key, atMs: RECEIVED_MS + 1, proven: true });
  });

  test('cut off at any byte knows every whole change before, and goes on', () => {
    const changes = changesOf(1);
    const journal = open();
    for (const change of changes) journal.append([change], RECEIVED_MS);
    journal.close();
    const whole = readFileSync(path());
    const ends = [journalHeader().length];
    for (const change of changes) ends.push(ends.at(-1)! + encodeEntry(change).length);
    expect(ends.at(-1)).toBe(whole.length);
    for (let length = 0; length < whole.length; length++) {
      const { changes: read, fault } = readEntries(whole.subarray(0, length));
      expect([length, fault, read.length]).toEqual([
        length,
        undefined,
        Math.max(0, ends.filter(end => end <= length).length - 1),
      ]);
    }
    truncateSync(path(), whole.length - 3);
    const again = open();
    again.append(changesOf(2), RECEIVED_MS);
    again.close();
    expect(readEntries(readFileSync(path())).fault).toBeUndefined();
    expect(open().store.size).toBe(2);
    expect(existsSync(`${path()}.damaged`)).toBe(false);
  });

  test('with any byte changed is read up to there, never throws, and is set aside', () => {
    const changes = changesOf(1);
    const whole = Buffer.concat([journalHeader(), ...changes.map(encodeEntry)]);
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0x41;
      const { changes: read, fault } = readEntries(bytes);
      expect(read).toEqual(changes.slice(0, read.length));
      // A length that points beyond the file looks like an entry cut off.
      expect(read.length < changes.length || fault !== undefined).toBe(true);
    }
    mkdirSync(folder);
    const broken = Buffer.from(whole);
    broken[broken.length - 2]! ^= 1;
    writeFileSync(path(), broken);
    const journal = open();
    expect(known(journal).length).toBeGreaterThan(0);
    expect(readFileSync(`${path()}.damaged`)).toEqual(broken);
    expect(readEntries(readFileSync(path())).fault).toBeUndefined();
    journal.close();
  });

  test.each([
    ['of another program', Buffer.from('something else entirely, no journal at all')],
    ['of a later version', Buffer.concat([journalHeader(), Buffer.alloc(8)]).fill(2, 8, 9)],
    ['with an entry of 4 GiB', Buffer.concat([journalHeader(), Buffer.alloc(64, 0xff)])],
    ['with an entry that is no change', Buffer.concat([journalHeader(), encodeEntry({ type: 'nonsense' } as never)])],
  ])('%s is set aside', (_, bytes) => {
    mkdirSync(folder);
    writeFileSync(path(), bytes);
    const journal = open();
    expect(journal.store.size).toBe(0);
    journal.append(changesOf(1), RECEIVED_MS);
    journal.close();
    expect(readdirSync(folder).sort()).toEqual(['templates.journal', 'templates.journal.damaged']);
    expect(open().store.size).toBe(1);
  });

  test('that cannot be written keeps all in memory, counts, and is whole when it can', () => {
    const blocker = join(folder, '..', 'templates');
    writeFileSync(blocker, '');
    const journal = open();
    journal.append(changesOf(1), RECEIVED_MS);
    expect(journal.counters.get('writeErrors')).toBe(2);
    rmSync(blocker);
    journal.append(changesOf(2), RECEIVED_MS + 1000);
    expect(existsSync(path())).toBe(false);
    journal.append(changesOf(3), RECEIVED_MS + 10_000);
    journal.close();
    expect(open().store.size).toBe(3);
  });

  test('that grows with changes that replace each other is written anew, and stays small', () => {
    const journal = open();
    const key = { address: '192.0.2.1', port: 1, protocol: PROTOCOL.ipfix, domain: 0 };
    for (let i = 0; i < 3000; i++) {
      const raw = new Uint8Array(1000).fill(i);
      journal.append(
        [{ type: 'template', key, atMs: RECEIVED_MS + i, setId: 2, templateId: 300, raw }],
        RECEIVED_MS + i,
      );
    }
    expect(statSync(path()).size).toBeLessThan(1.1 * 1024 * 1024);
    expect(journal.counters.get('rewrites')).toBeGreaterThan(2);
    const last = known(journal);
    journal.close();
    expect(known(open())).toEqual(last);
    expect(readdirSync(folder)).toEqual(['templates.journal']);
  });

  test('notes a domain that goes on sending once an hour only', () => {
    const journal = open();
    journal.append(changesOf(1), RECEIVED_MS);
    const { key } = known(journal)[0]!;
    const size = () => statSync(path()).size;
    const see = (ms: number) =>
      journal.append([{ type: 'seen', key, atMs: RECEIVED_MS + ms, proven: true }], RECEIVED_MS + ms);
    const before = size();
    for (let ms = 20_000; ms < 3600_000; ms += 20_000) expect(see(ms)).toHaveLength(1);
    expect(size()).toBe(before);
    see(3600_000);
    expect(size()).toBeGreaterThan(before);
    journal.close();
  });
});

describe('at its bounds', () => {
  const domainOf = (port: number, raw = new Uint8Array(8)): Change => ({
    type: 'template',
    key: { address: '192.0.2.1', port, protocol: PROTOCOL.ipfix, domain: 0 },
    atMs: port,
    setId: 2,
    templateId: 300,
    raw,
  });

  test('domains that have proven nothing give way to new ones, proven ones never; all are counted', () => {
    const journal = open(2);
    journal.append([...changesOf(1)], RECEIVED_MS);
    for (let port = 2; port < 100; port++) journal.append([domainOf(port)], RECEIVED_MS);
    expect(journal.store.size).toBe(8);
    expect(journal.store.refused).toBe(91);
    expect(known(journal)[0]!.key.port).not.toBe(1);
    journal.close();
    const again = open(2);
    expect(known(again).some(({ key }) => key.address === '2001:db8::1')).toBe(true);
    again.close();
  });

  test('bytes in all are bounded, whatever a template holds', () => {
    const journal = open(100_000);
    for (let port = 1; port < 9000; port++) journal.store.apply(domainOf(port, new Uint8Array(8192)));
    expect(journal.store.bytes).toBeLessThanOrEqual(STORE_BYTES_MAX);
    expect(journal.store.size).toBeGreaterThan(7000);
    journal.close();
  });

  test('what follows a damaged entry in a file that is written to is never mixed with it', () => {
    const journal = open();
    journal.append(changesOf(1), RECEIVED_MS);
    journal.close();
    appendFileSync(path(), Buffer.from([9, 0, 0, 0, 1]));
    const again = open();
    again.append(changesOf(2), RECEIVED_MS);
    again.close();
    expect(open().store.size).toBe(2);
  });
});
