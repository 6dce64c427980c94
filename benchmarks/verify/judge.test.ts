import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { scenarioOf } from '../simulation/scenarios/scenarios.ts';
import { simulate } from '../simulation/simulate.ts';
import type { TruthV2 } from '../simulation/truth.ts';
import { verify } from './verify.ts';

let server: Server | undefined;
afterEach(() => server?.close());

interface Cell {
  src: { name: string };
  dst: { name: string };
  value: number;
  ciLow: number;
  ciHigh: number;
}

interface Answers {
  readonly truth: TruthV2;
  readonly cells?: (cells: Cell[]) => Cell[];
  readonly minute?: (cells: Cell[], start: string) => Cell[];
  readonly invisible?: readonly { src: string; dst: string }[] | null;
}

/** What `verify` says of an API that answers with the truth, but for what is changed. */
async function judged({ truth, cells = all => all, minute = all => all, invisible = truth.invisible }: Answers) {
  const cellOf = ({ src, dst, bytes }: { src: string; dst: string; bytes: number }): Cell => ({
    src: { name: src },
    dst: { name: dst },
    value: bytes,
    ciLow: bytes * 0.99,
    ciHigh: bytes * 1.01,
  });
  const listening = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://api');
    const from = searchParams.get('from')!;
    if (pathname === '/api/v1/matrix') {
      const whole = from === truth.from && searchParams.get('to') === truth.to;
      const answer = whole
        ? cells(
            truth.applications
              .map(cell => cellOf({ ...cell, bytes: cell.bytes - cell.unseenBytes }))
              .filter(({ value }) => value > 0),
          )
        : minute(truth.minutes.filter(({ start }) => start === from).map(cellOf), from);
      response.end(JSON.stringify({ cells: answer }));
      return;
    }
    if (pathname !== '/api/v1/coverage' || invisible === null) response.statusCode = 404;
    response.end(JSON.stringify({ invisible }));
  });
  server = listening;
  await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', resolve));
  const lines: string[] = [];
  const api = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  const { exitCode } = await verify({ truth, api, settleMsMax: 2000, pollMs: 10, print: line => lines.push(line) });
  return { exitCode, text: lines.join('\n') };
}

const veb = () => simulate(scenarioOf('veb'), { volume: 0.05 }).truth;

test('the truth itself holds: every byte that a meter saw, and every pair that none can see', async () => {
  const { exitCode, text } = await judged({ truth: veb() });
  expect(text).toMatch(/every unsampled cell equals the truth to the byte/);
  expect(text).toContain('ratio 1.0000');
  expect(text).toContain('16 of 16 invisible pairs are named');
  expect(exitCode).toBe(0);
});

test('a pair that is not named, and one that is visible after all, are each reported', async () => {
  const truth = veb();
  const [first, ...rest] = truth.invisible;
  const { exitCode, text } = await judged({ truth, invisible: [...rest, { src: 'web-01', dst: 'web-02' }] });
  expect(exitCode).toBe(1);
  expect(text).toContain('15 of 16 invisible pairs are named; 1 missing, 1 surplus');
  expect(text).toContain(`missing ${first!.src} -> ${first!.dst}`);
  expect((await judged({ truth, invisible: null })).text).toContain(
    '16 pairs are invisible, and the API does not say which',
  );
});

test('one byte too many does not hold', async () => {
  const { exitCode, text } = await judged({
    truth: veb(),
    cells: ([first, ...rest]) => [{ ...first!, value: first!.value + 1 }, ...rest],
  });
  expect(exitCode).toBe(1);
  expect(text).toMatch(/total \d+ of \d+ B, ratio 1\.0000: does not hold/);
});

test('the old name of an address after it was given away is found in its minute', async () => {
  const { truth } = simulate(scenarioOf('address-reuse'), { volume: 0.1, seconds: 300 });
  expect((await judged({ truth })).exitCode).toBe(0);
  server?.close();
  const wrong = await judged({
    truth,
    minute: (cells, start) =>
      Date.parse(start) < Date.parse(truth.from) + 180_000
        ? cells
        : cells.map(cell => (cell.dst.name === 'app' ? { ...cell, dst: { name: 'auto:heir' } } : cell)),
  });
  expect(wrong.exitCode).toBe(1);
  expect(wrong.text).toMatch(/T10:0\d:00\.000Z: external -> auto:heir is not true/);
});

test('sampled cells are judged by stratum: a few outside are chance, many are not', async () => {
  const { truth } = simulate(scenarioOf('sampled-ipfix'), { sampling: 1000 });
  const outside = (count: number) => (cells: Cell[]) =>
    cells.map((cell, i) => (i < count ? { ...cell, ciLow: cell.value + 1, ciHigh: cell.value + 2 } : cell));
  const good = await judged({ truth, cells: outside(1) });
  expect(good.text).toMatch(/30 to 100 samples: \d+ of 16 cells in their interval; 16 hold less than a tenth/);
  expect(good.exitCode).toBe(0);
  server?.close();
  const bad = await judged({ truth, cells: outside(12) });
  expect(bad.text).toMatch(/too few/);
  expect(bad.exitCode).toBe(1);
});

test('what lost datagrams reported may be missing, and no more', async () => {
  const { truth } = simulate(scenarioOf('loss'), { loss: 0.3, sampling: 1, volume: 0.2 });
  const lost = truth.exporters.reduce((sum, { lostBytes }) => sum + lostBytes, 0);
  const missing = (share: number) => (cells: Cell[]) =>
    cells.map((cell, i) => (i === 0 ? { ...cell, value: cell.value - Math.floor(share * lost) } : cell));
  const sorted = { ...truth, applications: truth.applications.toSorted((a, b) => b.bytes - a.bytes) };
  expect((await judged({ truth: sorted, cells: missing(0.5) })).exitCode).toBe(0);
  server?.close();
  expect(
    (await judged({ truth: sorted, cells: cells => cells.map(cell => ({ ...cell, value: cell.value + 1 })) })).exitCode,
  ).toBe(1);
});
