// `hairpin ask` and the typed client against the API over a real ClickHouse.

import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { answerOf, createClient, ProblemError, UnreachableError } from '../client/client.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { CLIENT_TYPES, clientDocument, firstLineOf } from '../testing/client-types.ts';
import { flow, node } from '../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../testing/query-house.ts';

const PROGRAM = fileURLToPath(new URL('../hairpin.ts', import.meta.url));
const NOW = Math.floor(Date.now() / 3_600_000) * 3_600_000;
const web = node('application', 'web');
const db = node('application', 'shop "db"');

let server: TestServer;
let house: QueryHouse;
let api: string;
let folder: string;

beforeAll(async () => {
  server = await startTestServer();
  const flows = [
    { srcApp: web.key, dstApp: db.key, bytes: 1_234_567 },
    { srcApp: db.key, dstApp: web.key, bytes: 1000 },
  ].map(one => flow({ ...one, flowStart: NOW - 600_000, flowEnd: NOW - 600_000 }));
  house = await createQueryHouse(server, 'ask', {
    nowMs: NOW,
    flows,
    nodes: [web, db],
    config: { http: '127.0.0.1:0' },
  });
  api = (await house.api.start()).url;
  folder = await mkdtemp(join(tmpdir(), 'hairpin-ask-'));
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
  await rm(folder, { recursive: true, force: true });
});

async function ask(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const all = ['--disable-warning=ExperimentalWarning', PROGRAM, 'ask', ...args, '--api', api];
  return promisify(execFile)(process.execPath, all).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

describe('hairpin ask', () => {
  test('prints the answer as a table, and unit, window and quality beside it', async () => {
    const { code, stdout, stderr } = await ask('matrix by app last 2h where src.app = web');
    expect([code, stdout.split('\n').length]).toEqual([0, 3]);
    expect(stdout).toMatch(/web .*shop "db" .*1,234,567/);
    expect(stderr).toContain('unit: bytes\n');
  });

  test('takes the words of a shell one by one, and a name in quotes as one', async () => {
    const { stdout } = await ask(
      'top',
      'by',
      'app',
      'last',
      '2h',
      'where',
      'src.app = "shop ""db"""',
      '--format',
      'csv',
    );
    expect(stdout.split('\r\n').filter(line => line !== '')).toEqual([
      expect.any(String),
      expect.stringContaining('shop ""db""'),
    ]);
  });

  test('repeats a parameter that takes several values', async () => {
    const { code, stdout } = await ask('coincidence series src.app=web series dst.app=web last 2h', '--format', 'csv');
    expect([code, stdout.split('\r\n').slice(0, 2)]).toEqual([
      0,
      ['a,b,correlation,buckets,noisy', expect.stringMatching(/^src\.app=web,dst\.app=web,/)],
    ]);
  });

  test('writes any format of the API to a file', async () => {
    const file = join(folder, 'top.parquet');
    expect(await ask('top by app last 2h', '--format', 'parquet', '--output', file)).toMatchObject({
      code: 0,
      stdout: '',
    });
    expect((await readFile(file)).subarray(0, 4).toString()).toBe('PAR1');
  });

  test('prints JSON where there is no table', async () => {
    const { stdout } = await ask('filters/check filter "app = web"');
    expect(JSON.parse(stdout)).toMatchObject({ filter: expect.any(String) });
  });

  test('lists questions and parameters of the server', async () => {
    expect((await ask('--list')).stdout).toMatch(/^matrix +Who sent how much to whom$/m);
    expect((await ask('--list', 'matrix')).stdout).toMatch(/^by +rows and columns/m);
  });

  test.each([
    ['matrx by app', 2, '"matrx" is no question; these are: matrix,'],
    ['matrix buy app', 2, '"buy" is no parameter of matrix; these are: by,'],
    ['matrix by', 2, '"by" needs a value behind it'],
    ['matrix by app by vm', 2, '"by" is given twice'],
    ['matrix last week', 2, 'a duration such as 15m'],
    ['matrix where', 2, '"where" needs a filter'],
    ['matrix where app ~ ', 1, 'QUESTION_INVALID: filter:'],
    ['filters/check filter web --format csv', 2, 'not answered as a table'],
  ])('%s: says what is wrong', async (sentence, expected, message) => {
    const { code, stdout, stderr } = await ask(
      ...sentence.split(' --').map((part, i) => (i > 0 ? `--${part.replace(' ', '=')}` : part)),
    );
    expect([code, stdout]).toEqual([expected, '']);
    expect(stderr).toContain(message);
  });

  test('says where nothing answers', async () => {
    const { code, stderr } = await ask('matrix', '--api', 'http://127.0.0.1:9');
    expect([code, stderr]).toEqual([0, expect.any(String)]);
  });
});

describe('the typed client', () => {
  test('is made of the OpenAPI document of today: else run `npm run client`', async () => {
    expect(readFileSync(CLIENT_TYPES, 'utf8').split('\n', 1)[0]).toBe(firstLineOf(await clientDocument()));
  });

  test('gives answers in their types', async () => {
    const client = createClient({ api });
    const query = { by: 'app', from: 'now-2h' };
    const { total } = await answerOf(client.GET('/api/v1/top', { params: { query } }));
    const value: number | null = total.value;
    expect(value).toBe(1_235_567);
  });

  test('throws the problem of a refused request, and what does not answer', async () => {
    const refused = createClient({ api }).GET('/api/v1/top', { params: { query: { from: '2026-02-30' } } });
    await expect(refused).rejects.toMatchObject({
      name: 'ProblemError',
      status: 400,
      message: expect.stringContaining('from'),
    });
    await expect(refused).rejects.toBeInstanceOf(ProblemError);
    await expect(createClient({ api: 'http://127.0.0.1:9' }).GET('/healthz')).rejects.toBeInstanceOf(UnreachableError);
    const aborted = createClient({ api }).GET('/healthz', { signal: AbortSignal.abort(new Error('enough')) });
    await expect(aborted).rejects.toThrow('enough');
  });
});
