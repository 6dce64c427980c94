// Pages and streams of records, against the rows that ClickHouse itself lists.

import { once } from 'node:events';
import { connect } from 'node:net';
import { tableFromIPC } from 'apache-arrow';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLog, type Log } from '../../service/log.ts';
import { createMetrics } from '../../service/metrics.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { StorageError } from '../../storage/storage.ts';
import { insertFlows } from '../../storage/tables/flows.ts';
import { startTestServer, type TestServer, withCommand } from '../../testing/clickhouse.ts';
import { encodeFlows, type FlowObject, flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { createQueryApi, type QueryApi } from '../app.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';
import type { FlowsAnswer } from './flows.ts';
import { cursorOf } from './flows-cursor.ts';

const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const WINDOW = { from: new Date(NOW - 7_200_000).toISOString(), to: new Date(NOW).toISOString() };
const web = node('application', 'web');

/** Records of few milliseconds, so that many have the same; `bytes` names each. Some are equal in everything. */
function records(
  from: number,
  count: number,
  receivedAt = (i: number) => NOW - 3_600_000 - Math.floor(i / 40),
): FlowObject[] {
  return Array.from({ length: count }, (_, i) =>
    flow({
      srcApp: web.key,
      dstApp: web.key,
      bytes: from + i - (i % 10 === 1 ? 1 : 0),
      flowEnd: receivedAt(i),
      srcPort: i % 3,
    }),
  ).map((one, i) => (i % 10 === 1 ? { ...one, srcPort: (i - 1) % 3 } : one));
}

let server: TestServer;
let house: QueryHouse;
let databases = 0;
const houses: QueryHouse[] = [];
const apis: QueryApi[] = [];
const FIRST = records(0, 1000);

async function createHouse(flows: readonly FlowObject[]): Promise<QueryHouse> {
  const made = await createQueryHouse(server, `flows${databases++}`, { nowMs: NOW, flows, nodes: [web] });
  houses.push(made);
  return made;
}

beforeAll(async () => {
  server = await startTestServer();
  house = await createHouse(FIRST);
});
afterAll(async () => {
  for (const api of [...apis, ...houses.map(({ api }) => api)]) await api.stop();
  await server?.close();
});

const bytesOf = ({ flows }: FlowsAnswer) => flows.map(one => Number(one['bytes']));
const ascending = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
/** Every record of the table. */
async function stored(storage: ClickHouse): Promise<number[]> {
  const rows = await storage.select<{ bytes: string }>('SELECT bytes FROM flows');
  return ascending(rows.map(({ bytes }) => Number(bytes)));
}

/** Reads page after page by the link of the header, and calls `between` before each. */
async function pagesOf({ api }: QueryHouse, url: string, between = async (_: number) => {}): Promise<FlowsAnswer[]> {
  const pages: FlowsAnswer[] = [];
  let next: string | undefined = url;
  while (next !== undefined) {
    await between(pages.length);
    const response: { statusCode: number; body: string; headers: Record<string, unknown>; json(): FlowsAnswer } =
      await api.app.inject(next);
    expect(response.statusCode, response.body.slice(0, 300)).toBe(200);
    pages.push(response.json());
    const link: unknown = response.headers['link'];
    next = typeof link === 'string' ? /^<([^>]+)>; rel="next"$/.exec(link)![1]! : undefined;
    expect(pages.at(-1)!.next === null).toBe(next === undefined);
  }
  return pages;
}

describe('pages', () => {
  test.each([1000, 999, 37])(
    'of %d records together are every record once',
    async limit => {
      const pages = await pagesOf(house, `/api/v1/flows?${new URLSearchParams(WINDOW)}&limit=${limit}`);
      expect(pages.length).toBe(Math.ceil(1000 / limit));
      expect(ascending(pages.flatMap(bytesOf))).toEqual(await stored(house.storage));
      const times = pages.flatMap(({ flows }) => flows.map(one => String(one['receivedAt'])));
      expect(times).toEqual([...times].sort().reverse());
    },
    60_000,
  );

  test('hold while records come in, are merged and enriched again: none twice, none left out', async () => {
    const live = await createHouse(FIRST);
    const url = `/api/v1/flows?${new URLSearchParams({ ...WINDOW, limit: '90' })}`;
    let inserted = 0;
    const pages = await pagesOf(live, url, async page => {
      if (page === 0) return;
      // Into the same milliseconds, before and behind the page.
      const rows = records(100_000 + 1000 * page, 60, i => NOW - 3_600_000 - (i % 25));
      await insertFlows(live.storage, encodeFlows(rows), `flows.test.${page}.${'0'.repeat(32)}.0`);
      inserted += rows.length;
      if (page === 3) await live.storage.command('OPTIMIZE TABLE flows FINAL');
      if (page === 5)
        await live.storage.command(
          'ALTER TABLE flows UPDATE revision = revision + 1, srcApp = 7 WHERE 1 SETTINGS mutations_sync = 1',
        );
    });
    expect(inserted).toBeGreaterThan(500);
    const given = pages.flatMap(bytesOf);
    expect(ascending(given.filter(bytes => bytes < 100_000))).toEqual(
      ascending(FIRST.map(({ bytes }) => Number(bytes))),
    );
    const late = given.filter(bytes => bytes >= 100_000);
    // Pairs are equal on purpose; nothing is there three times.
    for (const bytes of new Set(late)) expect(late.filter(one => one === bytes).length).toBeLessThanOrEqual(2);
  }, 120_000);

  test('of a relative window keep the times of the first one, and its filter', async () => {
    const first = await house.answer<FlowsAnswer>('flows', { from: 'now-2h', filter: 'srcPort=1', limit: 50 });
    const next = await house.answer<FlowsAnswer>('flows', {
      from: 'now-2h',
      filter: 'srcPort=1',
      limit: 50,
      cursor: first.next!,
    });
    expect([next.from, next.to, next.flows.every(one => one['srcPort'] === 1)]).toEqual([first.from, first.to, true]);
    const other = await house.get('/api/v1/flows', { from: 'now-2h', filter: 'srcPort=2', cursor: first.next! });
    expect([other.status, other.body]).toEqual([400, expect.stringContaining('cursor: is of another request')]);
  });

  test.each([
    'x',
    'AAAA',
    Buffer.from('[]').toString('base64url'),
    Buffer.from('[1,"","0","0","0","0","0","0"]').toString('base64url'),
    Buffer.from('[1,"",0,0,1e300,"1","1",0]').toString('base64url'),
    cursorOf('["now-2h","now",""]', { fromMs: 0, toMs: 1 }, { receivedAtMs: -1, batch: '1', hash: '1', given: 0 }),
    cursorOf('["now-2h","now",""]', { fromMs: 0, toMs: 1 }, { receivedAtMs: 1.5, batch: '1', hash: '1', given: 0 }),
    cursorOf('["now-2h","now",""]', { fromMs: 0, toMs: 1 }, { receivedAtMs: 1, batch: '1', hash: '1', given: 5e9 }),
    cursorOf(
      '["now-2h","now",""]',
      { fromMs: 0, toMs: 1 },
      { receivedAtMs: 1, batch: '99999999999999999999', hash: '1', given: 0 },
    ),
  ])('refuse %s for a cursor', async cursor => {
    const { status, body } = await house.get('/api/v1/flows', { from: 'now-2h', cursor });
    expect([status, body]).toEqual([400, expect.stringContaining('cursor: is none of this API')]);
  });
});

describe('a stream of all records', () => {
  const all = (format: string, more = '') =>
    `/api/v1/flows?${new URLSearchParams(WINDOW)}&all=true&format=${format}${more}`;
  const MANY = records(0, 25_000, i => NOW - 3_600_000 - i * 20);
  let many: QueryHouse;
  beforeAll(async () => {
    many = await createHouse(MANY);
  }, 60_000);

  /** An API of its own over the same records, some of whose pages fail. */
  function apiOver(log: Log, fails: () => boolean): QueryApi {
    const storage: ClickHouse = {
      ...withCommand(many.storage, () => Promise.reject(new Error('not used'))),
      select: (sql, params, options) =>
        sql.includes('rowHash') && fails()
          ? Promise.reject(new StorageError('transient', 210, 'gone'))
          : many.storage.select(sql, params, options),
    };
    const config = { ...QUERY_API_SERVICE.load({}), http: '127.0.0.1:0' };
    const api = createQueryApi(config, { storage, log, metrics: createMetrics(), ready: () => [], nowMs: () => NOW });
    apis.push(api);
    return api;
  }

  test('is the same in every form, and what ClickHouse lists', async () => {
    const expected = await stored(many.storage);
    const lines = (await many.get(all('jsonl'))).body.trimEnd().split('\n');
    expect(ascending(lines.map(line => Number(JSON.parse(line).bytes)))).toEqual(expected);
    const [names = '', ...rows] = (await many.get(all('csv'))).body.trimEnd().split('\r\n');
    const at = names.split(',').indexOf('bytes');
    expect(ascending(rows.map(row => Number(row.split(',')[at])))).toEqual(expected);
    const { rawPayload } = await many.api.app.inject(all('arrow'));
    const table = tableFromIPC(rawPayload);
    expect(ascending([...table.getChild('bytes')!])).toEqual(expected);
    expect(table.batches.length).toBeGreaterThan(2);
  }, 60_000);

  test('reports its progress in lines of their own', async () => {
    const lines = (await many.get(all('jsonl', '&progress=true'))).body.trimEnd().split('\n');
    const progress = lines.filter(line => line.startsWith('{"progress"')).map(line => JSON.parse(line).progress);
    expect(progress.map(({ records }) => records)).toEqual([10_000, 20_000, 25_000]);
    expect(progress.at(-1).share).toBe(1);
    expect(progress[0].share).toBeLessThan(progress[1].share);
    expect(lines.length).toBe(25_003);
  });

  test('takes a format that can be sent in pieces', async () => {
    expect((await house.get(all('json'))).body).toContain('goes with format=jsonl, csv, arrow or parquet');
    expect((await house.get(all('csv', '&progress=true'))).body).toContain('progress: goes with format=jsonl');
  });

  test.each(['csv', 'jsonl', 'arrow', 'parquet'])(
    'that fails half way is cut, never ended: %s',
    async format => {
      const lines: { msg: string; path?: string }[] = [];
      const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
      let pages = 0;
      const { url } = await apiOver(log, () => ++pages === 3).start();
      const response = await fetch(`${url}${all(format)}`);
      expect(response.status).toBe(200);
      await expect(response.arrayBuffer()).rejects.toThrow('terminated');
      expect(lines.map(({ msg, path }) => [msg, path])).toEqual([
        [expect.stringContaining('a request failed in ClickHouse'), '/api/v1/flows'],
      ]);
    },
    60_000,
  );

  test('is read no faster than its client takes it, and no more once it has gone', async () => {
    let pages = 0;
    const api = apiOver(createLog('test', 'error'), () => ++pages > 3);
    const { port } = new URL((await api.start()).url);
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`GET ${all('jsonl')} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await once(socket, 'readable');
    // What fits into the buffers of both sockets is less than a page; nothing happens until the client reads.
    await new Promise(resolve => setTimeout(resolve, 1500));
    expect(pages).toBeLessThanOrEqual(2);
    socket.destroy();
    const before = pages;
    await new Promise(resolve => setTimeout(resolve, 1000));
    expect(pages).toBeLessThanOrEqual(before + 1);
    expect(pages).toBeLessThan(3);
  }, 60_000);
});
