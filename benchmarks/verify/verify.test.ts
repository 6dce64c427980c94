import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { record } from '../../testing/data/load.ts';
import type { Truth } from '../load/truth.ts';
import type { MatrixAnswer } from './comparison.ts';
import { verify } from './verify.ts';

type Cell = MatrixAnswer['cells'][number];

let server: Server | undefined;
afterEach(() => server?.close());

/** What /metrics says from the n-th answer on; 404 without. */
let metrics: ((answers: number) => string) | undefined;
afterEach(() => {
  metrics = undefined;
});

/** An API that gives these answers one after the other, the last one for ever. */
async function serve(...answers: { status?: number; body: unknown }[]): Promise<{ api: string; asked: URL[] }> {
  const asked: URL[] = [];
  const listening = createServer((request, response) => {
    if (request.url === '/metrics') {
      response.writeHead(metrics ? 200 : 404).end(metrics?.(asked.length));
      return;
    }
    const { status = 200, body } = answers[Math.min(asked.length, answers.length - 1)]!;
    asked.push(new URL(request.url!, 'http://api'));
    response.writeHead(status).end(JSON.stringify(body));
  });
  server = listening;
  await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', resolve));
  return { api: `http://127.0.0.1:${(listening.address() as AddressInfo).port}`, asked };
}

const cellsOf = (truth: Truth, halfWidth = 0): Cell[] =>
  truth.applications.map(({ src, dst, bytes }) => ({
    src: { name: src },
    dst: { name: dst },
    value: bytes,
    ciLow: bytes - halfWidth,
    ciHigh: bytes + halfWidth,
  }));

async function run(truth: Truth, api: string, tolerance = 0) {
  const lines: string[] = [];
  const { exitCode, comparison } = await verify({
    truth,
    api,
    tolerance,
    settleMsMax: 5000,
    pollMs: 20,
    print: line => lines.push(line),
  });
  return { exitCode, comparison, text: lines.join('\n') };
}

test('an answer that equals the truth holds, and late cells are waited for', async () => {
  const truth = record().feed.truth();
  const cells = cellsOf(truth);
  const { api, asked } = await serve({ body: { cells: cells.slice(3) } }, { body: { cells } });
  const { exitCode, text } = await run(truth, api);
  expect(text).toBe(
    `verify: every unsampled cell equals the truth to the byte (${cells.length} cells, ${truth.bytes} B)`,
  );
  expect(exitCode).toBe(0);
  expect(asked).toHaveLength(2);
  expect(asked[0]!.pathname).toBe('/api/v1/matrix');
  expect(Object.fromEntries(asked[0]!.searchParams)).toMatchObject({
    from: truth.from,
    to: truth.to,
    by: 'app',
    metric: 'bytes',
  });
});

const counters = (decoded: number, stored: number, refused: number, dropped: number) => `
# TYPE hairpin_collector_records_total counter
hairpin_collector_records_total{protocol="ipfix"} ${decoded - 1}
hairpin_collector_records_total{protocol="sflow5"} 1
hairpin_enricher_rows_stored_total ${stored}
hairpin_encoder_rows_refused_total{kind="flows"} ${refused}
hairpin_encoder_rows_refused_total{kind="exporters"} 7
hairpin_collector_rows_dropped_total ${dropped}
`;

test('cells of a stalled insert are waited for, however long the answer stands still', async () => {
  const truth = record().feed.truth();
  const cells = cellsOf(truth);
  const stalled = Array.from({ length: 7 }, () => ({ body: { cells: cells.slice(3) } }));
  metrics = answers => counters(100, answers > 7 ? 95 : 60, 2, 3);
  const { api, asked } = await serve(...stalled, { body: { cells } });
  expect((await run(truth, api)).exitCode).toBe(0);
  expect(asked).toHaveLength(8);
});

test.each([
  ['that /metrics accounts for in full', () => counters(100, 95, 2, 3)],
  ['without /metrics', undefined],
])('an answer %s is final when given three times', async (_, given) => {
  const truth = record().feed.truth();
  metrics = given;
  const { api, asked } = await serve({ body: { cells: cellsOf(truth).slice(1) } });
  expect((await run(truth, api)).exitCode).toBe(1);
  expect(asked).toHaveLength(3);
});

test('one byte too much, a missing cell and a surplus cell are each found and shown', async () => {
  const truth = record().feed.truth();
  const [first, second, ...rest] = cellsOf(truth);
  const stranger = { ...first!, src: { name: 'auto:10.9.9.0/24' }, value: 77 };
  const { api } = await serve({ body: { cells: [{ ...first!, value: first!.value + 1 }, ...rest, stranger] } });
  const { exitCode, comparison, text } = await run(truth, api);
  expect(exitCode).toBe(1);
  expect(comparison).toMatchObject({ missing: 1, surplus: 1, holds: false });
  expect(comparison!.cells.filter(cell => !cell.holds)).toHaveLength(3);
  expect(text).toMatch(new RegExp(`${second!.src.name} .*${second!.value} .*missing`));
  expect(text).toMatch(/auto:10\.9\.9\.0\/24 .* 77 .*surplus/);
  expect(text).toContain(
    `${rest.length} of ${rest.length + 3} unsampled cells equal the truth to the byte; 1 missing, 1 surplus`,
  );
});

test('a tolerance forgives what a lossy load loses', async () => {
  const truth = record().feed.truth();
  const { api } = await serve({
    body: { cells: cellsOf(truth).map(cell => ({ ...cell, value: Math.round(cell.value * 0.97) })) },
  });
  expect((await run(truth, api, 0.05)).exitCode).toBe(0);
  expect((await run(truth, api, 0.01)).exitCode).toBe(1);
});

test('sampled cells must lie in their intervals, but for the few that 95 % leaves out', async () => {
  const truth = record({ sampling: 10 }).feed.truth();
  const inside = cellsOf(truth, 1000).map(cell => ({ ...cell, value: cell.value + 900 }));
  const outside = (count: number) =>
    inside.map((cell, i) => (i < count ? { ...cell, ciLow: cell.ciHigh! + 1, ciHigh: cell.ciHigh! + 2 } : cell));
  const some = await serve({ body: { cells: outside(2) } });
  const good = await run(truth, some.api);
  expect(good.text).toContain(
    `${inside.length - 2} of ${inside.length} sampled cells lie in their interval, 2 outside`,
  );
  expect(good.exitCode).toBe(0);
  server?.close();
  const many = await serve({ body: { cells: outside(Math.ceil(inside.length / 2)) } });
  expect((await run(truth, many.api)).exitCode).toBe(1);
});

test('an API that is away, refuses, or says something else is one clear line', async () => {
  const truth = record().feed.truth();
  const away = await serve({ body: {} });
  await new Promise(resolve => server?.close(resolve));
  expect((await run(truth, away.api)).text).toMatch(/^verify: http:.* does not answer: .*ECONNREFUSED/);
  const refusing = await serve({ status: 400, body: { title: 'no such parameter' } });
  expect((await run(truth, refusing.api)).text).toMatch(/answers 400: .*no such parameter/);
  server?.close();
  const strange = await serve({ body: { hello: 1 } });
  const { text, exitCode } = await run(truth, strange.api);
  expect(text).toContain('answers without cells');
  expect(exitCode).toBe(1);
});
