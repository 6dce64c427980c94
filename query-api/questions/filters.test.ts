// Completion and checking of filters over HTTP, with a database of names that the test makes up.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { NODE_CLASSES } from '../../schemas/keys.ts';
import { createLog } from '../../service/log.ts';
import { createMetrics } from '../../service/metrics.ts';
import type { QueryParams, Storage } from '../../storage/storage.ts';
import { createQueryApi } from '../app.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';
import type { ProblemDocument } from '../http/problem.ts';
import { VOCABULARY } from '../sql/filter.ts';
import { classesOf, NodeNames } from '../sql/node-names.ts';

const folder = mkdtempSync(join(tmpdir(), 'hairpin-filters-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROLES = ['matrix', 'read', 'records', 'inventory', 'admin'] as const;
const VMS = Array.from({ length: 100_000 }, (_, i) => `vm-${String(i).padStart(6, '0')}.example`);

interface Completion {
  readonly items: readonly {
    readonly text: string;
    readonly kind: string;
    readonly from: number;
    readonly to: number;
  }[];
  readonly expected: readonly string[];
  readonly more: boolean;
}

function create() {
  const tokens = join(folder, 'tokens.json');
  const entries = ROLES.map(role => ({ name: role, role, sha256: createHash('sha256').update(role).digest('hex') }));
  writeFileSync(tokens, JSON.stringify({ tokens: entries }));
  let reads = 0;
  const storage = {
    async select(_sql: string, { classes }: QueryParams = {}) {
      reads++;
      return [{ names: (classes as number[]).includes(NODE_CLASSES.vm) ? VMS : ['shop-app', 'Shop-web', 'x-shop'] }];
    },
  } as Partial<Storage> as Storage;
  const config = { ...QUERY_API_SERVICE.load({}), tokens, apiRequestsPerMinute: 1_000_000 };
  const { app } = createQueryApi(config, {
    storage,
    log: createLog('test', 'error'),
    metrics: createMetrics(),
    ready: () => [],
  });
  const get = async (path: string, query: Readonly<Record<string, string>>, role: string = 'admin') => {
    const response = await app.inject({ url: path, query, headers: { authorization: `Bearer ${role}` } });
    return { status: response.statusCode, body: response.json() as unknown };
  };
  const complete = async (filter: string, more: Readonly<Record<string, string>> = {}, role?: string) =>
    (await get('/api/v1/filters/complete', { filter, ...more }, role)).body as Completion;
  return { get, complete, reads: () => reads };
}

test('every dimension of nodes has classes whose names complete it', () => {
  const columns = [...VOCABULARY.columns.values()].filter(({ kind }) => kind === 'node');
  expect(columns.length).toBeGreaterThan(7);
  expect(columns.filter(column => classesOf(column).length === 0)).toEqual([]);
});

test('names that begin with the text come first; an item says what it replaces', async () => {
  const { complete } = create();
  expect((await complete('app = SHOP')).items.slice(0, 3)).toEqual(
    ['shop-app', 'Shop-web', 'x-shop'].map(text => ({ text, kind: 'value', from: 6, to: 10 })),
  );
  const { items, more } = await complete('vm = vm-0001 and vlan = 5', { position: '12', limit: '2' });
  expect([items.map(item => [item.text, item.from, item.to]), more]).toEqual([
    [
      ['vm-000100.example', 5, 12],
      ['vm-000101.example', 5, 12],
    ],
    true,
  ]);
});

test('a role completes what it may filter by, and nothing else', async () => {
  const { complete } = create();
  const seen = await Promise.all(
    ROLES.map(async role => {
      const columns = (await complete('', { limit: '100' }, role)).items.map(({ text }) => text);
      const values = async (filter: string) => (await complete(filter, {}, role)).items.length > 0;
      return [
        columns.includes('src.app'),
        columns.includes('vm'),
        columns.includes('addr'),
        columns.includes('site'),
        await values('app = '),
        await values('vm = '),
        await values('locality = '),
      ];
    }),
  );
  const all = [true, true, true, true, true, true, true];
  const withoutAddresses = [true, true, false, true, true, true, true];
  expect(seen).toEqual([[true, false, false, false, true, false, true], withoutAddresses, all, withoutAddresses, all]);
});

test('checking needs the right of the columns that the filter names', async () => {
  const { get } = create();
  const statuses = (filter: string) =>
    Promise.all(ROLES.map(async role => (await get('/api/v1/filters/check', { filter }, role)).status));
  expect(await statuses('locality = same-host')).toEqual([200, 200, 200, 200, 200]);
  expect(await statuses('not (vlan = 5 or locality = same-host)')).toEqual([403, 200, 200, 200, 200]);
  expect(await statuses('locality = same-host or not src.addr in (10.0.0.0/8)')).toEqual([403, 403, 200, 403, 200]);
});

test('a checked filter comes back in its canonical form', async () => {
  const { get } = create();
  expect(
    (await get('/api/v1/filters/check', { filter: 'srcPort=80|443,either.port>5;locality!=same-host' })).body,
  ).toEqual({
    filter: 'src.port in (80, 443) and port > 5 or locality != same-host',
    columns: ['srcPort', 'dstPort', 'locality'],
  });
  expect((await get('/api/v1/filters/check', { filter: '' })).body).toEqual({ filter: '', columns: [] });
});

test('a problem document names the place of each fault, and what is allowed there', async () => {
  const { get } = create();
  const { status, body } = await get('/api/v1/filters/check', { filter: 'bytes = 5 and locality = moon and vlan > a' });
  expect(status).toBe(400);
  const { parameters, detail } = body as Required<ProblemDocument>;
  expect(parameters.map(({ parameter, position, length }) => [parameter, position, length])).toEqual([
    ['filter', 0, 5],
    ['filter', 25, 4],
    ['filter', 41, 1],
  ]);
  expect(parameters[1]!.allowed).toContain('cross-rack');
  expect(parameters[1]!.reason).toContain(`locality = moon and vlan > a\n${' '.repeat(25)}^^^^`);
  expect(detail).toContain('"bytes" is no column');
});

const WRONG: Readonly<Record<string, readonly string[]>> = {
  number: ['web', '-1', '1.5', '65536999999999', '5-', '8100-8000', '*', '10.0.0.1', '1e3', '0x10'],
  address: ['web', '300.1.1.1', '10.0.0.0/33', '10-20', 'aa:bb', '*', '10.0.0.*', ''],
  mac: ['web', '5', '10.0.0.1', '*'],
  code: ['moon', '5', 'zz*', '10.0.0.1'],
  service: ['nothing/5', 'tcp/70000', 'tcp/9-8', 'proto/999', '*', '10.0.0.1', 'no such name'],
};

test('every operator with every wrong type is a fault at its place', async () => {
  const { get } = create();
  let cases = 0;
  for (const { name, kind } of VOCABULARY.columns.values()) {
    const ordered = kind === 'number' ? [] : ['5', 'web'];
    const requests = [
      ...(WRONG[kind] ?? []).flatMap(value => ['=', '!=', 'in', 'not in'].map(operator => [operator, value] as const)),
      ...(kind === 'number' ? WRONG[kind]! : ordered).flatMap(value =>
        ['<', '<=', '>', '>='].map(operator => [operator, value] as const),
      ),
    ];
    for (const [operator, value] of requests) {
      const filter = `${name} ${operator} "${value}"`;
      const { status, body } = await get('/api/v1/filters/check', { filter });
      expect(status, filter).toBe(400);
      const { position, length } = (body as Required<ProblemDocument>).parameters[0]!;
      expect([name.length + 1, filter.indexOf('"')], filter).toContain(position);
      expect(length, filter).toBeGreaterThan(0);
      cases++;
    }
  }
  expect(cases).toBeGreaterThan(500);
});

test('a filter of a hundred kilobytes, and one nested 10,000 deep, are refused at once', async () => {
  const { get } = create();
  // The first request waits for the server to be ready.
  await get('/api/v1/filters/check', { filter: '' });
  const nested = `${'('.repeat(10_000)}vlan=1${')'.repeat(10_000)}`;
  for (const filter of ['vlan=1,'.repeat(15_000), nested, `${'not '.repeat(990)}vlan=1`]) {
    for (const path of ['/api/v1/top', '/api/v1/filters/check', '/api/v1/filters/complete']) {
      const started = performance.now();
      const { status } = await get(path, { filter });
      expect([400, path.endsWith('complete') ? 200 : 400]).toContain(status);
      expect(performance.now() - started).toBeLessThan(1000);
    }
  }
});

test('100,000 names are completed within 50 ms, and read once', async () => {
  const { complete, reads } = create();
  await complete('vm = v');
  const elapsed: number[] = [];
  for (const filter of ['vm = ', 'vm = vm-09', 'vm = 99', 'vm = .EXAMPLE', 'src.vm in (vm-1, vm-zzz', 'vm != e']) {
    for (let i = 0; i < 10; i++) {
      const started = performance.now();
      await complete(filter);
      elapsed.push(performance.now() - started);
    }
  }
  elapsed.sort((a, b) => a - b);
  expect(elapsed[Math.floor(elapsed.length * 0.5)]).toBeLessThan(50);
  expect(reads()).toBe(1);
});

test('old names answer while new ones are read, and names that cannot be read are read again', async () => {
  let nowMs = 0;
  let current: () => Promise<{ names: string[] }[]> = async () => [{ names: ['old'] }];
  const names = new NodeNames({ select: () => current() } as unknown as Storage, () => nowMs);
  const column = VOCABULARY.columns.get('srcRack')!;
  const found = async () => (await names.find(column, 'o', 5)).names;
  expect(await found()).toEqual(['old']);
  nowMs = 40_000;
  current = () => Promise.reject(new Error('away'));
  expect(await found()).toEqual(['old']);
  await new Promise(setImmediate);
  current = async () => [{ names: ['other'] }];
  expect(await found()).toEqual(['old']);
  await new Promise(setImmediate);
  expect(await found()).toEqual(['other']);
});
