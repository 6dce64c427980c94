// Filters against a real ClickHouse: what names stand for, over every question that takes a filter. The truth is a sum over
// the records of the test, whose ends it chose itself.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keyToHex, serviceKey } from '../../schemas/keys.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { big, type FlowObject, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { exhaustive } from '../../testing/requirements.ts';
import type { TopAnswer } from '../questions/top.ts';
import { COLUMN_NAMES, columnOrPair, type DimensionColumn, PAIR_NAMES } from './dimensions.ts';

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;

const APPS = [
  'web',
  'web-eu',
  'Web shop',
  'db',
  'db, the large one',
  'cache|hot',
  'a;b',
  'käse',
  '100%',
  'x_y',
  '(.+)',
];
const VMS = ['web-1', 'web-2', 'db-1', 'c:\\temp', 'db[1]'];
const apps = APPS.map(name => node('application', name));
const vms = VMS.map(name => node('vm', name));
const nodes = [...apps, ...vms];

/** One record a pair of applications, each of other bytes, so that hardly two selections have one sum. */
const pairs = apps.flatMap(src => apps.map(dst => ({ src, dst })));
const bytesAt = (i: number) => 10_007 * (i + 1) + i * i;
const flows: FlowObject[] = pairs.map(({ src, dst }, i) =>
  flow({
    srcApp: src.key,
    dstApp: dst.key,
    srcVm: vms[i % vms.length]!.key,
    dstVm: vms[(i + 1) % vms.length]!.key,
    srcAddr: `10.0.0.${i}`,
    dstAddr: `10.0.1.${i}`,
    service: big(serviceKey(6, 443, 443)),
    serverSide: 2,
    bytes: bytesAt(i),
    flowEnd: NOW - 600_000,
  }),
);

let server: TestServer;
let house: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  house = await createQueryHouse(server, 'filters', { nowMs: NOW, flows, nodes });
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

async function bytesOf(filter: string): Promise<number> {
  return (await house.answer<TopAnswer>('top', { by: 'locality', filter })).total.value!;
}

/** Bytes of the pairs that fit; summed without the code under test. */
function bytesWhere(fits: (src: string, dst: string) => boolean): number {
  return pairs.reduce((sum, { src, dst }, i) => sum + (fits(src.name, dst.name) ? bytesAt(i) : 0), 0);
}

test.each<[string, (src: string, dst: string) => boolean]>([
  ['srcApp=web,dstApp=db', (src, dst) => src === 'web' && dst === 'db'],
  ['srcApp=web|db', src => src === 'web' || src === 'db'],
  ['srcApp=web;dstApp=db', (src, dst) => src === 'web' || dst === 'db'],
  ['srcApp=web*|DB*', src => /^(web|db)/i.test(src)],
  ['srcApp=we?|d?', src => src === 'web' || src === 'db'],
  [
    'app=web|"db, the large one"',
    (src, dst) => [src, dst].some(name => name === 'web' || name === 'db, the large one'),
  ],
  ['app!=web|db', (src, dst) => ![src, dst].some(name => name === 'web' || name === 'db')],
  ['srcApp="cache|hot"|"a;b"|KÄSE', src => ['cache|hot', 'a;b', 'käse'].includes(src)],
  ['srcApp=100%|x_y|(.+)', src => ['100%', 'x_y', '(.+)'].includes(src)],
  ['srcApp=web|external', src => src === 'web'],
])('%s selects the records whose ends have these names', async (filter, fits) => {
  expect(bytesWhere(fits)).toBeGreaterThan(0);
  expect(await bytesOf(filter)).toBe(bytesWhere(fits));
});

test('a matrix by client, a series of two senders and the records take two names as well', async () => {
  const filter = 'srcApp=web,dstApp=db';
  const [cell] = (
    await house.answer<{ cells: { src: { name: string }; dst: { name: string }; value: number }[] }>('matrix', {
      orientation: 'client',
      filter,
    })
  ).cells;
  const truth = bytesWhere((src, dst) => src === 'web' && dst === 'db');
  expect(cell).toMatchObject({ src: { name: 'web' }, dst: { name: 'db' }, value: truth });
  const { series } = await house.answer<{ series: { total: number }[] }>('series', {
    src: 'web|web-eu',
    dst: 'db|web',
  });
  expect(series[0]!.total).toBe(
    bytesWhere((src, dst) => ['web', 'web-eu'].includes(src) && ['db', 'web'].includes(dst)),
  );
  const { flows: found } = await house.answer<{ flows: { estBytes: number }[] }>('flows', { filter });
  expect(found.map(({ estBytes }) => estBytes)).toEqual([truth]);
});

/** A value that a filter may compare this column with. */
function comparable(column: DimensionColumn): fc.Arbitrary<string> {
  const quoted = (text: string) => (/[,;|]/.test(text) ? `"${text}"` : text);
  const names = fc.constantFrom(...nodes.map(({ name }) => name));
  switch (column.kind) {
    case 'node':
      return fc.oneof(
        names.map(quoted),
        names.map(name => quoted(`${name.slice(0, 2)}*`)),
        names.map(name => quoted(name.toUpperCase().replace(/^./, '?'))),
        fc.constantFrom(
          '*',
          'external',
          'ambiguous',
          'multicast',
          'infrastructure',
          keyToHex({ low: 1, high: 0x20 << 24 }),
        ),
      );
    case 'service':
      return fc.constantFrom('tcp/443', 'udp/8000-8100', 'icmp', 'proto/47', 'other', keyToHex(serviceKey(6, 1, 1)));
    case 'address':
      return fc.constantFrom('10.0.0.1', '10.0.0.0/24', 'fd00::/8', '0.0.0.0/0', '::/0', '::ffff:10.0.0.1');
    case 'interface':
      return fc.constantFrom('192.0.2.1/1', '::ffff:192.0.2.1/1', 'fd00::1/4294967295');
    case 'mac':
      return fc.constantFrom('02:00:00:00:00:01', '0200.0000.0001');
    case 'code':
      return fc.constantFrom(...column.codes.filter(code => code !== ''));
    default:
      return fc.nat(255).map(String);
  }
}

/** In a list a value with parentheses stands in quotes. */
const inList = (text: string) => (/^".*"$/.test(text) ? text : `"${text}"`);

const term = fc.constantFrom(...PAIR_NAMES, ...COLUMN_NAMES).chain(name => {
  const column = columnOrPair(name)![0]!;
  const equal = fc
    .tuple(fc.constantFrom('=', '!='), fc.array(comparable(column), { minLength: 1, maxLength: 3 }))
    .map(([operator, values]) => `${name}${operator}${values.join('|')}`);
  const listed = fc
    .tuple(fc.constantFrom('in', 'not in'), fc.array(comparable(column), { minLength: 1, maxLength: 3 }))
    .map(([operator, values]) => `not ${name} ${operator} (${values.map(inList).join(', ')})`);
  if (column.kind !== 'number') return fc.oneof(equal, listed);
  const ordered = fc
    .tuple(fc.constantFrom('<', '<=', '>', '>='), comparable(column))
    .map(([operator, value]) => `${name}${operator}${value}`);
  return fc.oneof(equal, ordered, listed);
});
const filters = fc
  .array(fc.tuple(fc.constantFrom(',', ';'), term), { minLength: 1, maxLength: 5 })
  .map(terms => terms.map(([separator, text], i) => (i === 0 ? text : `${separator}${text}`)).join(''));

/** What else a request may choose, for each question that takes a filter. */
const CHOICES: Readonly<Record<string, readonly Readonly<Record<string, string>>[]>> = {
  '/api/v1/matrix': [
    {},
    { by: 'vm', cells: 'all' },
    { by: 'addr', orientation: 'client' },
    { metric: 'p95Bps' },
    { by: 'rack', metric: 'maxBps', from: 'now-7d' },
    { metric: 'packets', from: 'now-20d', format: 'csv' },
    { percentile: '99.5', calendar: 'mo-fr 08-18 Europe/Berlin', from: 'now-7d' },
    { order: 'change' },
    { by: 'vm', order: 'cluster' },
  ],
  '/api/v1/series': [
    {},
    { split: 'service' },
    { split: 'vm,exporter', metric: 'packets' },
    { by: 'vm', src: 'web-1|db-1' },
    { compare: '1d' },
  ],
  '/api/v1/top': [
    {},
    { by: 'app,service' },
    { by: 'addr', metric: 'p95Bps' },
    { by: 'exporter', format: 'arrow' },
    { compare: 'previous' },
  ],
  '/api/v1/flows': [{}, { limit: '3', format: 'csv' }],
  '/api/v1/growth': [{ from: 'now-15d' }, { from: 'now-15d', calendar: 'mo-fr', percentile: '50', format: 'csv' }],
  '/api/v1/locality': [{}, { by: 'vm', metric: 'avgBps' }, { by: 'addr', format: 'csv' }],
  '/api/v1/coincidence': [{}, { by: 'vm', limit: '3' }],
  '/api/v1/waves': [{}, { waves: '2', format: 'csv' }],
  '/api/v1/filters/check': [{}],
  '/api/v1/filters/complete': [{}, { position: '7' }],
};

test('no valid filter of one to five terms fails, whichever question takes it', { timeout: 400_000 }, async () => {
  const { paths } = JSON.parse((await house.get('/docs/json')).body) as {
    paths: Record<string, { get?: { parameters?: { name: string }[] } }>;
  };
  const taking = Object.keys(paths).filter(path => paths[path]!.get?.parameters?.some(({ name }) => name === 'filter'));
  expect(taking.sort()).toEqual(Object.keys(CHOICES).sort());
  const requests = taking.flatMap(path => CHOICES[path]!.map(more => ({ path, more })));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...requests), filters, async ({ path, more }, filter) => {
      const { status, body } = await house.get(path, { ...more, filter });
      expect(status, `${path} ${JSON.stringify(more)} ${filter}: ${body.slice(0, 300)}`).toBe(200);
    }),
    // A request is a whole question, of several statements: 200 of them are minutes.
    { numRuns: exhaustive ? 200 : 60 },
  );
});

/** Parameters that hold a text of the caller's, by path. */
const TEXTS: readonly (readonly [path: string, parameter: string])[] = [
  ...Object.keys(CHOICES).flatMap(path => ['filter', 'from', 'to'].map(name => [path, name] as const)),
  ['/api/v1/series', 'src'],
  ['/api/v1/series', 'dst'],
  ['/api/v1/matrix', 'calendar'],
  ['/api/v1/growth', 'calendar'],
  ['/api/v1/matrix', 'by'],
  ['/api/v1/top', 'by'],
  ['/api/v1/series', 'split'],
  ['/api/v1/events', 'from'],
  ['/api/v1/exporters', 'to'],
  ['/api/v1/inventory', 'name'],
  ['/api/v1/inventory', 'host'],
  ['/api/v1/inventory', 'at'],
  ['/api/v1/locality', 'by'],
  ['/api/v1/links', 'from'],
  ['/api/v1/links', 'host'],
  ['/api/v1/links', 'switch'],
  ['/api/v1/placement', 'to'],
  ['/api/v1/coverage', 'host'],
  ['/api/v1/coverage', 'vm'],
  ['/api/v1/dependencies', 'of'],
  ['/api/v1/services', 'of'],
  ['/api/v1/services', 'since'],
  ['/api/v1/trust', 'src'],
  ['/api/v1/trust', 'dst'],
  ['/api/v1/unclassified', 'from'],
  ['/api/v1/moves', 'span'],
  ['/api/v1/segments', 'of'],
];
/** What a request needs besides. */
const MORE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '/api/v1/inventory': { kind: 'vms' },
  '/api/v1/services': { of: 'web' },
  '/api/v1/trust': { src: 'web', dst: 'db' },
};
const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
  fc.constantFrom('\u0000', "'", '\\', '{n0:String}', '\ud800', '[', '(?', '\\Q', '\n', '\t', '%', '*'.repeat(200)),
);

test('no text fails, whichever parameter holds it', { timeout: 400_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...TEXTS), hostile, fc.boolean(), async ([path, name], text, named) => {
      const value = named && name === 'filter' ? `srcApp="${text.replaceAll('"', '')}"|web` : text;
      const { status, body } = await house.get(path, {
        ...MORE[path],
        [name]: value,
      });
      expect(status, `${path} ${name}=${JSON.stringify(value)}: ${body.slice(0, 300)}`).toBeLessThan(500);
    }),
    { numRuns: exhaustive ? 1000 : 150 },
  );
});
