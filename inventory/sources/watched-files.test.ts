import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ENRICHER_COUNTERS } from '../../enricher/counters.ts';
import { DocumentError } from '../../schemas/documents.ts';
import { openCounters } from '../../service/counters.ts';
import type { DocumentVersion } from '../../storage/tables/documents.ts';
import type { Documents } from '../model/documents.ts';
import { DocumentFiles } from './watched-files.ts';

let folder: string;
let store: DocumentFiles | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hairpin-documents-'));
});
afterEach(() => {
  store?.stop();
  rmSync(folder, { recursive: true });
});

const good = (vm: string) =>
  JSON.stringify({ source: 'lab', asOf: '2026-01-02T00:00:00Z', vms: [{ id: vm, name: vm }] });

function open(given: { inventory?: string; applications?: string; exporters?: string }, pollMs = 20, nowMs = Date.now) {
  const counters = openCounters(ENRICHER_COUNTERS);
  const versions: DocumentVersion[] = [];
  const changes: Documents[] = [];
  const lines: { msg: string; file?: string; line?: number }[] = [];
  let wake = () => {};
  const log = pino(
    new Writable({
      write(chunk, _, done) {
        lines.push(JSON.parse(String(chunk)));
        wake();
        done();
      },
    }),
  );
  const paths = Object.fromEntries(
    ['inventory', 'applications', 'exporters'].map(kind => [
      kind,
      given[kind as keyof typeof given] === undefined ? '' : join(folder, given[kind as keyof typeof given]!),
    ]),
  );
  store = new DocumentFiles(paths as { inventory: string; applications: string; exporters: string }, {
    log,
    counters,
    pollMs,
    nowMs,
    onVersion: version => versions.push(version),
    onChange: documents => {
      changes.push(documents);
      wake();
    },
  });
  /** Waits for a log line or a change after which the condition holds. */
  const until = async (condition: () => boolean) => {
    while (!condition()) await new Promise<void>(resolve => (wake = resolve));
  };
  return { store, counters, versions, changes, lines, until };
}

test('without files nothing is read and private addresses are inside', () => {
  const { store, versions, changes } = open({});
  store.start();
  expect(changes).toHaveLength(1);
  expect(versions).toEqual([]);
  expect(store.current.applications.internal).toContain('10.0.0.0/8');
});

test('every fault of every document stops the start, with file and line', () => {
  writeFileSync(
    join(folder, 'inventory.yaml'),
    'source: lab\nasOf: yesterday\nvms:\n  - id: a\n    name: a\n    host: nowhere\n    colour: red\n',
  );
  writeFileSync(
    join(folder, 'applications.yaml'),
    'applications:\n  - id: web\n    servers: {}\n    ports: [tcp/99999]\n',
  );
  const { store } = open({ inventory: 'inventory.yaml', applications: 'applications.yaml', exporters: 'missing.yaml' });
  let error: unknown;
  try {
    store.start();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(DocumentError);
  const { message } = error as DocumentError;
  expect(message).toMatch(/line 2: .*inventory\.yaml \/asOf/);
  expect(message).toMatch(/line \d: .*inventory\.yaml \/vms\/0\/colour is not a known key/);
  expect(message).toMatch(/applications\.yaml \/applications\/0\/ports\/0 "tcp\/99999"/);
  expect(message).toMatch(/missing\.yaml cannot be read/);
});

test('a new version comes into force and is recorded, replaced in place or by rename', async () => {
  const file = join(folder, 'inventory.json');
  writeFileSync(file, good('one'));
  const { store, versions, changes, counters, until } = open({ inventory: 'inventory.json' });
  store.start();
  writeFileSync(file, good('second'));
  await until(() => changes.length === 2);
  writeFileSync(`${file}.new`, good('third one'));
  renameSync(`${file}.new`, file);
  await until(() => changes.length === 3);
  expect(store.current.inventory.vms[0]!.name).toBe('third one');
  expect(versions.map(version => JSON.parse(version.body).vms[0].name)).toEqual(['one', 'second', 'third one']);
  expect(versions[0]).toMatchObject({ kind: 'inventory', source: 'lab', asOfMs: Date.UTC(2026, 0, 2) });
  expect(counters.get('inventoryAccepted')).toBe(3);
});

test('a change behind a symbolic link, which no watcher of the folder sees, is found by the poll', async () => {
  const elsewhere = mkdtempSync(join(tmpdir(), 'hairpin-elsewhere-'));
  writeFileSync(join(elsewhere, 'real.json'), good('one'));
  symlinkSync(join(elsewhere, 'real.json'), join(folder, 'inventory.json'));
  const { store, changes, until } = open({ inventory: 'inventory.json' });
  store.start();
  writeFileSync(join(elsewhere, 'real.json'), good('polled'));
  await until(() => changes.length === 2);
  expect(changes[1]!.inventory.vms[0]!.name).toBe('polled');
  rmSync(elsewhere, { recursive: true });
});

test('a bad version is refused with file, line and reason while the old one stays, until a good one comes', async () => {
  const file = join(folder, 'inventory.json');
  writeFileSync(file, good('one'));
  const { store, versions, changes, counters, lines, until } = open({ inventory: 'inventory.json' });
  store.start();
  writeFileSync(file, '{\n "source": "lab",\n "asOf": "2026-01-02T00:00:00Z",\n "vms": [{ "id": "x", "name": 7 }]\n}');
  await until(() => store.lastError('inventory') !== undefined && lines.some(line => line.msg.includes('/vms/0/name')));
  const refusal = lines.find(line => line.msg.includes('/vms/0/name'))!;
  expect(refusal).toMatchObject({ file, line: 4 });
  expect(refusal.msg).toMatch(/line 4: \/vms\/0\/name .*\n.*version in force stays/);
  expect(store.current.inventory.vms[0]!.name).toBe('one');
  expect(counters.get('inventoryRefused')).toBe(1);
  expect(counters.get('inventoryStale')).toBe(1);

  unlinkSync(file);
  await until(() => lines.some(line => line.msg.includes('cannot be read')));
  expect(store.current.inventory.vms[0]!.name).toBe('one');

  writeFileSync(file, good('healed'));
  await until(() => changes.length === 2);
  expect(store.lastError('inventory')).toBeUndefined();
  expect(counters.get('inventoryStale')).toBe(0);
  expect(versions).toHaveLength(2);
});

test('an inventory as of the future is refused with its path', () => {
  const asOf = new Date(Date.now() + 600_000).toISOString();
  writeFileSync(join(folder, 'inventory.json'), JSON.stringify({ source: 'lab', asOf }));
  const { store } = open({ inventory: 'inventory.json' });
  expect(() => store.start()).toThrow(/\/asOf "[^"]*" lies in the future: .* set the clock of the source/);
});

test('what the future is, and when a version came, is reported by the clock of the installation', () => {
  const now = Date.parse('2026-01-02T00:01:00Z');
  writeFileSync(join(folder, 'inventory.json'), good('one'));
  const { store, versions } = open({ inventory: 'inventory.json' }, 20, () => now);
  store.start();
  expect(versions).toMatchObject([{ kind: 'inventory', recordedAtMs: now }]);
  store.stop();
  const early = open({ inventory: 'inventory.json' }, 20, () => now - 3_600_000);
  expect(() => early.store.start()).toThrow(/it is 2026-01-01T23:01:00.000Z here/);
});

test('a path that can no longer be looked at is a refused document, once, and the old one stays', async () => {
  const file = join(folder, 'inventory.json');
  writeFileSync(file, good('one'));
  const { store, changes, counters, lines, until } = open({ inventory: 'inventory.json' });
  store.start();
  unlinkSync(file);
  symlinkSync('inventory.json', file);
  await until(() => lines.some(line => line.msg.includes('ELOOP')));
  expect(store.current.inventory.vms[0]!.name).toBe('one');
  expect(counters.get('inventoryStale')).toBe(1);
  unlinkSync(file);
  writeFileSync(file, good('healed'));
  await until(() => changes.length === 2);
  expect(lines.filter(line => line.msg.includes('ELOOP'))).toHaveLength(1);
});

test('after a restart a bad document is refused and its recorded version is in force, or none', async () => {
  const file = join(folder, 'inventory.json');
  writeFileSync(file, good('one'));
  const first = open({ inventory: 'inventory.json' });
  first.store.start();
  first.store.stop();
  writeFileSync(file, '{ broken');
  const recorded = new Map([['inventory', first.versions[0]!.body]]);
  const { store, changes, counters, lines, until } = open({ inventory: 'inventory.json', exporters: 'gone.json' });
  store.start(recorded);
  expect(store.current.inventory.vms[0]!.name).toBe('one');
  expect(store.current.exporters.exporters).toEqual([]);
  expect([counters.get('inventoryRefused'), counters.get('inventoryStale')]).toEqual([1, 1]);
  expect(lines.map(line => line.msg.split('\n').at(-1)!.trim())).toEqual([
    'the version recorded last is in force',
    'no exporters document is in force',
  ]);
  writeFileSync(file, good('healed'));
  await until(() => changes.length === 2);
  expect(store.current.inventory.vms[0]!.name).toBe('healed');
  expect(counters.get('inventoryStale')).toBe(0);
});

test('going back to the version in force heals without a new version', async () => {
  const file = join(folder, 'inventory.json');
  writeFileSync(file, good('one'));
  const { store, versions, counters, lines, until } = open({ inventory: 'inventory.json' });
  store.start();
  writeFileSync(file, '{ broken');
  await until(
    () => store.lastError('inventory') !== undefined && lines.some(line => line.msg.includes('version in force stays')),
  );
  writeFileSync(file, good('one'));
  await expect.poll(() => store.lastError('inventory')).toBeUndefined();
  expect(versions).toHaveLength(1);
  expect(counters.get('inventoryStale')).toBe(0);
});
