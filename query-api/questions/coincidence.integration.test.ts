// Correlations, peaks and what they are together, against arithmetic over the bytes of 30 buckets, two of which nobody received.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom } from '../../benchmarks/random.ts';
import type { AdvisorRequest, CellsRequest } from '../../schemas/coverage.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { insertReceiving } from '../../testing/receiving.ts';
import type { Advisor } from './advisor.ts';
import type { CoincidenceAnswer } from './coincidence.ts';

const BUCKET = 300_000;
const CLOSED = Math.floor(Date.now() / 3_600_000) * 3_600_000 - 1_800_000;
const NOW = CLOSED + 120_000;
const BUCKETS = 30;
/** Of these buckets nothing was received. */
const OUTAGE = [10, 11];
const FIRST = CLOSED - BUCKETS * BUCKET;
const WINDOW = { from: new Date(FIRST).toISOString(), to: new Date(NOW).toISOString() };

const names = ['web', 'backup', 'steady', 'sampled', 'db'] as const;
const nodes = Object.fromEntries(names.map(name => [name, node('application', name)])) as Record<
  (typeof names)[number],
  ReturnType<typeof node>
>;
const random = createRandom(5);
/** Bytes by bucket; web and backup avoid each other. */
const sent: Record<'web' | 'backup' | 'steady' | 'sampled', number[]> = {
  web: Array.from({ length: BUCKETS }, (_, i) => 1000 * (1 + (i % 7)) + random.below(500)),
  backup: Array.from({ length: BUCKETS }, (_, i) => 900 * (7 - (i % 7)) + random.below(500)),
  steady: Array.from({ length: BUCKETS }, () => 7000),
  sampled: Array.from({ length: BUCKETS }, (_, i) => 1_000_000 * (1 + (i % 3))),
};
const isKnown = (i: number) => !OUTAGE.includes(i);
const rates = (name: keyof typeof sent) => sent[name].map((bytes, i) => (isKnown(i) ? (bytes * 8) / 300 : null));

const hexOf = (name: (typeof names)[number]) => nodes[name].key.toString(16).padStart(16, '0');
let server: TestServer;
let house: QueryHouse;
let advise: Advisor['request'] = async () => undefined;

beforeAll(async () => {
  server = await startTestServer();
  const flows = Object.entries(sent).flatMap(([name, buckets]) =>
    buckets.flatMap((bytes, i) => {
      if (!isKnown(i)) return [];
      const start = FIRST + i * BUCKET;
      const ends = { srcApp: nodes[name as 'web'].key, dstApp: nodes.db.key };
      const noise = name === 'sampled' ? { samplingRate: 1000, varBytes: bytes * 1_500_000 } : {};
      return [flow({ ...ends, ...noise, flowStart: start, flowEnd: start + 1000, bytes })];
    }),
  );
  house = await createQueryHouse(server, 'coincidence', {
    nowMs: NOW,
    flows,
    nodes: Object.values(nodes),
    receives: false,
    dependencies: { advisor: { request: question => advise(question) } },
  });
  await insertReceiving(house.storage, FIRST, FIRST + OUTAGE[0]! * BUCKET, { stopped: true });
  await insertReceiving(house.storage, FIRST + (OUTAGE[1]! + 1) * BUCKET, NOW);
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

/** By the definition, with sums in another order than the code has them. */
function pearson(a: readonly (number | null)[], b: readonly (number | null)[]): number {
  const pairs = a.map((x, i) => [x, b[i]] as const).filter((pair): pair is [number, number] => !pair.includes(null));
  const n = pairs.length;
  const sum = (of: (pair: [number, number]) => number) => pairs.reduce((all, pair) => all + of(pair), 0);
  const [x, y, xx, yy, xy] = [
    sum(p => p[0]),
    sum(p => p[1]),
    sum(p => p[0] ** 2),
    sum(p => p[1] ** 2),
    sum(p => p[0] * p[1]),
  ];
  return (n * xy - x * y) / Math.sqrt((n * xx - x * x) * (n * yy - y * y));
}

async function coincidence(series: readonly string[], more: Record<string, string> = {}) {
  const query = new URLSearchParams({ ...WINDOW, ...more });
  for (const one of series) query.append('series', one);
  const { status, body } = await house.get(`/api/v1/coincidence?${query}`);
  return { status, body, answer: JSON.parse(body) as CoincidenceAnswer };
}

test('correlation, peaks and their sum are those of the buckets that were received', async () => {
  const { answer } = await coincidence(['srcApp=web,dstApp=db', 'srcApp=backup', 'srcApp=steady']);
  expect(answer.series.map(({ name, buckets }) => [name, buckets])).toEqual([
    ['srcApp=web,dstApp=db', 28],
    ['srcApp=backup', 28],
    ['srcApp=steady', 28],
  ]);
  const values = (['web', 'backup', 'steady'] as const).map(rates);
  for (const [i, own] of values.entries()) {
    const known = own.map(value => value ?? 0);
    const peak = Math.max(...known);
    expect(answer.series[i]!.peak).toMatchObject({
      value: expect.closeTo(peak, 6),
      method: 'exact',
      at: new Date(FIRST + known.indexOf(peak) * BUCKET).toISOString(),
    });
    expect(answer.series[i]!.meanBps).toBeCloseTo(known.reduce((sum, value) => sum + value, 0) / 28, 6);
  }
  const [web, backup] = values as [(number | null)[], (number | null)[]];
  const found = answer.pairs.map(({ a, b, correlation, buckets, noisy }) => [a, b, correlation, buckets, noisy]);
  // What never varies goes with nothing.
  expect(found).toEqual([
    [0, 1, expect.closeTo(pearson(web, backup), 9), 28, false],
    [0, 2, null, 28, null],
    [1, 2, null, 28, null],
  ]);
  expect(answer.pairs[0]!.correlation).toBeLessThan(-0.9);
  const sums = web.map((value, i) => (value ?? 0) + (backup[i] ?? 0) + (isKnown(i) ? (7000 * 8) / 300 : 0));
  const sumOfPeaks = values.reduce((sum, own) => sum + Math.max(...own.map(value => value ?? 0)), 0);
  expect(answer.together).toMatchObject({
    buckets: 28,
    sumOfPeaks: expect.closeTo(sumOfPeaks, 6),
    peakOfSum: expect.closeTo(Math.max(...sums), 6),
    at: new Date(FIRST + sums.indexOf(Math.max(...sums)) * BUCKET).toISOString(),
  });
  expect(answer.together!.ratio).toBeCloseTo(Math.max(...sums) / sumOfPeaks, 9);
});

test('the largest groups are series too, and a filter goes with all of them', async () => {
  const { answer } = await coincidence([], { by: 'app', limit: '2', filter: 'srcApp!=sampled' });
  const sizes = (['web', 'backup', 'steady'] as const).map(name => {
    return { name: `${name} -> db`, bytes: sent[name].reduce((sum, bytes, i) => sum + (isKnown(i) ? bytes : 0), 0) };
  });
  sizes.sort((a, b) => b.bytes - a.bytes);
  expect(answer.series.map(({ name }) => name)).toEqual(sizes.slice(0, 2).map(({ name }) => name));
  const csv = await house.get('/api/v1/coincidence', {
    ...WINDOW,
    by: 'srcApp',
    filter: 'srcApp=web|backup',
    format: 'csv',
  });
  expect(csv.body.split('\r\n').slice(0, 2)).toEqual([
    'a,b,correlation,buckets,noisy',
    expect.stringMatching(/^(web,backup|backup,web),-0\.9\d*,28,false$/),
  ]);
});

const REVERSE = 'srcApp=db,dstApp=web';
const THERE = 'srcApp=web,dstApp=db';
/** The middle of the buckets: of the pair from db to web no live point sees the first half. */
const HALF = FIRST + (BUCKETS / 2) * BUCKET;

test('coverage of all series comes from one request, and of each its own: unseen buckets are not zero', async () => {
  const requests: AdvisorRequest[] = [];
  const shareOf = ([src]: readonly [string, string], fromMs: number) =>
    src === hexOf('db') && fromMs < HALF ? 0 : 0.75;
  advise = async question => {
    requests.push(question);
    const { cells } = question as CellsRequest;
    const slices = [FIRST, HALF].map((fromMs, i) => {
      return { fromMs, toMs: [HALF, NOW][i]!, cells: cells.map(cell => shareOf(cell, fromMs)) };
    });
    // Longer than a matrix waits for its coverage.
    await new Promise(resolve => setTimeout(resolve, 2200));
    const whole = cells.map(([src]) => (src === hexOf('db') ? 0.5 : 0.75));
    return { overall: 1, cells: whole, states: { found: 2, examined: 2 }, slices };
  };
  const { answer } = await coincidence([THERE, REVERSE]);
  expect(requests).toHaveLength(1);
  expect((requests[0] as CellsRequest).cells).toEqual([
    [hexOf('web'), hexOf('db')],
    [hexOf('db'), hexOf('web')],
  ]);
  const unseen = HALF - FIRST;
  expect(answer.series.map(({ buckets, coverage, meanBps }) => [buckets, coverage, meanBps])).toEqual([
    [28, 0.75, expect.any(Number)],
    [BUCKETS - unseen / BUCKET, 0.5, 0],
  ]);
  expect(answer.warnings).toEqual([]);
});

test('where the inventory fails to answer, buckets without traffic are not zero, and without one the answer says so', async () => {
  advise = async () => {
    throw new Error('busy');
  };
  const failed = (await coincidence([THERE, REVERSE])).answer;
  expect(failed.series.map(({ buckets, meanBps, peak }) => [buckets, meanBps, peak?.method])).toEqual([
    [28, expect.any(Number), 'exact'],
    [0, null, undefined],
  ]);
  expect([failed.pairs[0]!.buckets, failed.together]).toEqual([0, null]);
  expect(failed.warnings.join()).toContain('did not say in time what exporters see of 1 series');
  advise = async () => undefined;
  const without = (await coincidence([THERE, REVERSE])).answer;
  expect(without.series.map(({ buckets, meanBps, coverage }) => [buckets, meanBps, coverage])).toEqual([
    [28, expect.any(Number), null],
    [28, 0, null],
  ]);
  expect(without.warnings.join()).toContain('of 1 series it is not known whether an exporter sees them');
});

test('a series that sampling makes noisy is marked, and so are its pairs', async () => {
  const { answer } = await coincidence(['srcApp=sampled', 'srcApp=web']);
  const own = sent.sampled.filter((_, i) => isKnown(i));
  const mean = own.reduce((sum, bytes) => sum + bytes, 0) / own.length;
  const scatter = own.reduce((sum, bytes) => sum + (bytes - mean) ** 2, 0) / (own.length - 1);
  expect(answer.series.map(({ noiseShare }) => noiseShare)).toEqual([
    expect.closeTo(Math.min(1, (mean * 1_500_000) / scatter), 9),
    0,
  ]);
  expect(answer.series[0]!.peak!.method).toBe('poisson');
  expect(answer.pairs[0]!.noisy).toBe(true);
  expect(answer.warnings.join()).toContain('1 series vary less than the noise');
});

test('fewer than 20 buckets have no correlation, and of nothing there are no peaks', async () => {
  const to = new Date(FIRST + 19 * BUCKET).toISOString();
  const short = await coincidence(['srcApp=web', 'srcApp=backup'], { to });
  expect(short.answer.pairs).toEqual([{ a: 0, b: 1, correlation: null, buckets: 17, noisy: null }]);
  expect(short.answer.warnings[0]).toContain('needs 20 closed buckets of five minutes, and the window has 19');
  const before = { from: new Date(FIRST - 7_200_000).toISOString(), to: new Date(FIRST - 3_600_000).toISOString() };
  const { answer } = await coincidence(['srcApp=web', 'srcApp=backup'], before);
  expect([answer.series.map(({ peak, meanBps }) => [peak, meanBps]), answer.together]).toEqual([
    [
      [null, null],
      [null, null],
    ],
    null,
  ]);
});

test.each<[string, readonly string[], Record<string, string>]>([
  ['series', Array.from({ length: 21 }, (_, i) => `dst.port=${i}`), {}],
  ['series', ['srcApp=web', 'srcApp=web'], {}],
  ['series', ['srcApp=nobody'], {}],
  ['series', ['srcApp='], {}],
  ['by', ['srcApp=web'], { by: 'app' }],
  ['from', ['srcApp=web'], { from: 'now-32d', to: 'now' }],
])('%s is refused with its place', async (parameter, series, more) => {
  const { status, body } = await coincidence(series, more);
  expect([status, JSON.parse(body).parameters[0].parameter]).toEqual([400, parameter]);
});

test('the columns that a series names say who may read it', async () => {
  const { rightForColumns } = await import('../access/rights.ts');
  expect(rightForColumns({ series: ['srcApp=web', 'srcVm=web-1'] })).toBe('read');
  expect(rightForColumns({ series: 'addr=10.0.0.1' })).toBe('records');
  expect(rightForColumns({ series: ['srcApp=web'], by: 'app' })).toBe('matrix');
});
