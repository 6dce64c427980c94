// Zooming in and out changes no figure: all cells of random windows are asked of every table that can answer, by matrix, top
// and series with every step. The truth is arithmetic over the generated records, minute by minute.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom, samplePackets } from '../benchmarks/random.ts';
import { serviceKey } from '../schemas/keys.ts';
import { createLog } from '../service/log.ts';
import { dayOf } from '../storage/days.ts';
import { ScheduledRollup } from '../storage/rollup/scheduled-rollup.ts';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { big, type FlowObject, flow, node } from '../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../testing/query-house.ts';
import { insertReceiving } from '../testing/receiving.ts';
import type { MatrixAnswer } from './questions/matrix.ts';
import type { SeriesAnswer } from './questions/series.ts';
import type { TopAnswer } from './questions/top.ts';

const SEED = 7;
const WINDOWS = 8;
/** Drawn for each window. */
const QUESTIONS = 5;
const CELLS_MIN = 20_000;
const [MINUTE, BUCKET, HOUR, DAY] = [60_000, 300_000, 3_600_000, 86_400_000] as const;
const DAYS = 18;
/** Beyond 14 days a window is read from hours. */
const TODAY = Math.floor(Date.now() / DAY) * DAY;
const [FROM, TO] = [TODAY - (DAYS + 3) * DAY, TODAY - 3 * DAY];
const NOW = TODAY;
/** Before this day one of the houses has lost its fine tables. */
const LOST_UNTIL = FROM + 12 * DAY;
const RATE = 50;

const random = createRandom(SEED);
const pick = <T>(list: readonly T[]): T => list[random.below(list.length)]!;

const APPS = ['web', 'api', 'db', 'cache', 'mail'].map(name => node('application', name));
const VMS = APPS.flatMap(app => [1, 2].map(i => ({ app, ...node('vm', `${app.name}-${i}`) })));
const SERVICES = [443, 5432, 8080];
type Vm = (typeof VMS)[number];

interface Gap {
  readonly fromMs: number;
  readonly toMs: number;
}

/** No collector was receiving, and nothing flowed that one could have received. */
const gaps: readonly Gap[] = Array.from({ length: 9 }, (_, i) => {
  const fromMs = FROM + (2 * i + random.unit()) * DAY - (random.below(DAY) % 1000);
  const start = Math.floor(fromMs / 1000) * 1000;
  return { fromMs: start, toMs: start + (100 + random.below(i === 4 ? 30 * 3600 : 3 * 3600)) * 1000 };
});

interface Sent {
  readonly from: Vm;
  readonly to: Vm;
  readonly port: number;
  readonly startMs: number;
  readonly endMs: number;
  /** What was sent, and what the sampled packets of it stand for. */
  readonly bytes: number;
  readonly estimated: number;
  readonly record: FlowObject | undefined;
}

/** Pairs of applications whose first letters differ in parity are sampled. */
const isSampled = (from: Vm, to: Vm) => (from.app.name.charCodeAt(0) + to.app.name.charCodeAt(0)) % 2 === 1;

function sendAt(startMs: number, from: Vm, to: Vm): Sent {
  const port = pick(SERVICES);
  const packets = 1 + random.below(random.below(20) === 0 ? 20_000 : 2000);
  const size = 64 + random.below(1437);
  const lasts = random.below(3) === 0 ? 0 : random.below(random.below(10) === 0 ? 2 * HOUR : 90_000);
  const endMs = startMs + lasts;
  const rate = isSampled(from, to) ? RATE : 1;
  const taken = samplePackets(random, packets, rate);
  const record = flow({
    srcApp: from.app.key,
    dstApp: to.app.key,
    srcVm: from.key,
    dstVm: to.key,
    service: big(serviceKey(6, port, port)),
    serverSide: 2,
    dstPort: port,
    samplingRate: rate,
    bytes: taken * size,
    packets: taken,
    estBytes: taken * size * rate,
    estPackets: taken * rate,
    varBytes: rate * (rate - 1) * taken * size * size,
    packetBytesMax: size,
    flowStart: startMs,
    flowEnd: endMs,
    receivedAt: endMs + random.below(5000),
  });
  const bytes = packets * size;
  return {
    from,
    to,
    port,
    startMs,
    endMs,
    bytes,
    estimated: taken * size * rate,
    record: taken > 0 ? record : undefined,
  };
}

const isMissed = ({ startMs, endMs }: Sent) => gaps.some(gap => startMs < gap.toMs && endMs >= gap.fromMs);
const sent: readonly Sent[] = Array.from({ length: (DAYS * DAY) / BUCKET }, (_, i) => FROM + i * BUCKET)
  .flatMap(bucket =>
    Array.from({ length: random.below(6) }, () => {
      const from = VMS[Math.min(random.below(VMS.length), random.below(VMS.length))]!;
      const to = pick(VMS.filter(vm => vm !== from));
      return sendAt(bucket + random.below(BUCKET), from, to);
    }),
  )
  .filter(one => !isMissed(one) && one.endMs < TO);

/** Of a total over [start, end) what comes before a moment, rounded down: parts of a record add up to it. */
function before(total: number, { startMs, endMs }: Sent, atMs: number): number {
  const span = Math.max(1, endMs - startMs);
  const passed = Math.min(span, Math.max(0, atMs - startMs));
  return Number((BigInt(total) * BigInt(passed)) / BigInt(span));
}

type Span = readonly [fromMs: number, toMs: number];
type Side = 'bytes' | 'estimated';

/** What one cell sent until each of its minutes. */
class Sums {
  readonly #minutes: readonly number[];
  readonly #until: Readonly<Record<Side, readonly number[]>>;

  constructor(records: readonly Sent[]) {
    const by = { bytes: new Map<number, number>(), estimated: new Map<number, number>() };
    for (const one of records)
      for (let at = Math.floor(one.startMs / MINUTE) * MINUTE; at <= one.endMs; at += MINUTE)
        for (const side of ['bytes', 'estimated'] as const) {
          const part = before(one[side], one, at + MINUTE) - before(one[side], one, at);
          by[side].set(at, (by[side].get(at) ?? 0) + part);
        }
    this.#minutes = [...by.bytes.keys()].sort((a, b) => a - b);
    const add = (side: Side) => {
      let sum = 0;
      return this.#minutes.map(at => (sum += by[side].get(at)!));
    };
    this.#until = { bytes: add('bytes'), estimated: add('estimated') };
  }

  between([fromMs, toMs]: Span, side: Side): number {
    return this.#before(toMs, side) - this.#before(fromMs, side);
  }

  #before(ms: number, side: Side): number {
    let [low, high] = [0, this.#minutes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#minutes[middle]! < ms) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : this.#until[side][low - 1]!;
  }
}

const GROUPINGS = {
  app: ({ from, to }: Sent) => [from.app.name, to.app.name],
  vm: ({ from, to }: Sent) => [from.name, to.name],
  service: ({ from, to, port }: Sent) => [from.app.name, to.app.name, `tcp/${port}`],
  port: ({ from, to, port }: Sent) => [from.app.name, to.app.name, String(port)],
} as const;
type Grouping = keyof typeof GROUPINGS;
const COLUMNS: Readonly<Record<Grouping, string>> = {
  app: 'srcApp,dstApp',
  vm: 'srcVm,dstVm',
  service: 'srcApp,dstApp,service',
  port: 'srcApp,dstApp,dstPort',
};

const keyOf = (names: readonly string[]) => names.join(' ');
const cellsOf = (grouping: Grouping) =>
  new Map(
    [...Map.groupBy(sent, one => keyOf(GROUPINGS[grouping](one)))].map(([key, records]) => [key, new Sums(records)]),
  );
const cells: Readonly<Record<Grouping, ReadonlyMap<string, Sums>>> = {
  app: cellsOf('app'),
  vm: cellsOf('vm'),
  service: cellsOf('service'),
  port: cellsOf('port'),
};

function coveredMs(fromMs: number, toMs: number): number {
  const missed = gaps.map(gap => Math.max(0, Math.min(gap.toMs, toMs) - Math.max(gap.fromMs, fromMs)));
  return toMs - fromMs - missed.reduce((sum, ms) => sum + ms, 0);
}

const METRICS = { bytes: undefined, p95Bps: 95, maxBps: 100 } as const;
type Metric = keyof typeof METRICS;

/** Of a percentile the value at place ceil(p n / 100) of n buckets, a fifth of which was covered at least. */
function figureOf(sums: Sums | undefined, span: Span, metric: Metric, side: Side): number | null {
  const percentile = METRICS[metric];
  if (percentile === undefined) return coveredMs(...span) > 0 ? (sums?.between(span, side) ?? 0) : null;
  const rates: number[] = [];
  for (let at = span[0]; at < span[1]; at += BUCKET) {
    const ms = coveredMs(at, at + BUCKET);
    if (ms >= BUCKET / 5) rates.push(((sums?.between([at, at + BUCKET], side) ?? 0) * 8000) / ms);
  }
  if (rates.length < (percentile === 95 ? 20 : 1)) return null;
  return rates.sort((a, b) => a - b)[Math.ceil((percentile * rates.length) / 100) - 1]!;
}

function drawSpan(): Span {
  const step = pick([MINUTE, BUCKET, HOUR, HOUR, DAY, DAY]);
  const longest = { [MINUTE]: 6 * HOUR, [BUCKET]: 14 * DAY, [HOUR]: DAYS * DAY, [DAY]: DAYS * DAY }[step]!;
  const steps = 1 + random.below(random.below(2) === 0 ? longest / step : Math.min(60, longest / step));
  const fromMs = FROM + random.below((DAYS * DAY) / step - steps + 1) * step;
  return [fromMs, fromMs + steps * step];
}

const EVERY_TABLE = ['cells_5m', 'flows', 'pairs_1h', 'pairs_5m', 'traffic_1h', 'traffic_1m', 'traffic_5m'];

let server: TestServer;
/** Everything is kept, and the scheduled roll-up has not run; it has; and the fine tables of older days were dropped as well. */
let fresh: QueryHouse;
let rolled: QueryHouse;
let lost: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const flows = sent.flatMap(({ record }) => record ?? []);
  const open = async (name: string) => {
    const config = { retentionDays: 60, rollupRetentionDays: 800 };
    const house = await createQueryHouse(server, name, {
      nowMs: NOW,
      flows,
      nodes: [...APPS, ...VMS],
      config,
      receives: false,
    });
    const bounds = [FROM, ...gaps.flatMap(({ fromMs, toMs }) => [fromMs, toMs]), NOW];
    for (let i = 0; i < bounds.length; i += 2) await insertReceiving(house.storage, bounds[i]!, bounds[i + 1]!);
    return house;
  };
  const rollUp = ({ storage }: QueryHouse) =>
    new ScheduledRollup({ storage, log: createLog('test', 'error') }).run(Date.now() + 180_000);
  fresh = await open('fresh');
  rolled = await open('rolled');
  lost = await open('lost');
  await rollUp(rolled);
  await rollUp(lost);
  for (const table of ['flows', 'traffic_1m', 'traffic_5m', 'pairs_5m'])
    for (let day = FROM; day < LOST_UNTIL; day += DAY)
      await lost.storage.command(`ALTER TABLE ${table} DROP PARTITION ${dayOf(day)}`);
}, 120_000);

afterAll(async () => {
  for (const house of [fresh, rolled, lost]) await house?.api.stop();
  await server?.close();
});

const iso = (ms: number) => new Date(ms).toISOString();
const spanOf = ({ from, to }: { readonly from: string; readonly to: string }): Span => [
  Date.parse(from),
  Date.parse(to),
];

/** What was found to disagree, and what was compared. */
const ledger = { wrong: [] as string[], tables: new Set<string>(), cells: 0, intervals: 0, outside: 0 };

interface Estimated {
  readonly value: number | null;
  readonly ciLow: number | null;
  readonly ciHigh: number | null;
}

function compare(text: string, found: Estimated, expected: number | null, truth: number | null): void {
  ledger.cells++;
  const { value, ciLow, ciHigh } = found;
  const near = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(b));
  const isEqual = value === null || expected === null ? value === expected : near(value, expected);
  if (!isEqual) ledger.wrong.push(`${text}: ${value} for ${expected}`);
  if (truth === null || ciLow === null || ciHigh === null) return;
  if (value === truth && ciLow <= truth && ciHigh >= truth && ciLow === ciHigh) return;
  ledger.intervals++;
  const slack = 1e-9 * truth;
  if (truth < ciLow - slack || truth > ciHigh + slack) ledger.outside++;
}

interface Asked {
  readonly house: QueryHouse;
  readonly question: 'matrix' | 'top' | 'series';
  readonly grouping: Grouping;
  readonly metric: Metric;
  /** Of a series. */
  readonly stepS?: number;
}

async function ask({ house, question, grouping, metric, stepS }: Asked, span: Span): Promise<void> {
  const query = { from: iso(span[0]), to: iso(span[1]), metric };
  const text = `${question} ${grouping} ${metric} ${stepS ?? ''} ${query.from} ${query.to}`;
  if (question === 'series') {
    const series = { ...query, split: COLUMNS[grouping], step: stepS!, limit: 100 };
    compareSeries(text, grouping, await house.answer<SeriesAnswer>('series', series));
    return;
  }
  const found =
    question === 'matrix'
      ? await house.answer<MatrixAnswer>('matrix', { ...query, by: grouping, limit: 200 })
      : await house.answer<TopAnswer>('top', { ...query, by: COLUMNS[grouping], limit: 10_000 });
  const rows =
    'cells' in found
      ? found.cells.map(cell => ({ ...cell, names: [cell.src.name, cell.dst.name] }))
      : found.rows.map(row => ({ ...row, names: row.keys.map(key => key.name) }));
  for (const table of found.table.split(' + ')) ledger.tables.add(table);
  const answered = spanOf(found);
  const listed = new Map(rows.map(row => [keyOf(row.names), row]));
  for (const key of listed.keys()) if (!cells[grouping].has(key)) ledger.wrong.push(`${text}: there is no ${key}`);
  for (const [key, sums] of cells[grouping]) {
    const expected = figureOf(sums, answered, metric, 'estimated');
    const row = listed.get(key);
    const of = `${text} ${key} of ${found.table}`;
    if (row) compare(of, row, expected, figureOf(sums, answered, metric, 'bytes'));
    else if (expected !== null && expected > 0) ledger.wrong.push(`${of}: missing for ${expected}`);
  }
}

function compareSeries(
  text: string,
  grouping: Grouping,
  { series, times, stepSec, table, ...about }: SeriesAnswer,
): void {
  for (const name of table.split(' + ')) ledger.tables.add(name);
  const [fromMs, toMs] = spanOf(about);
  for (const { keys, rest, values, ciLow, ciHigh, total } of series) {
    const key = keyOf(keys.map(one => one.name));
    const sums = cells[grouping].get(key);
    const of = `${text} ${key} of ${table}`;
    if (!sums || rest) ledger.wrong.push(`${of}: no such cell`);
    compare(
      `${of} total`,
      { value: total, ciLow: null, ciHigh: null },
      sums?.between([fromMs, toMs], 'estimated') ?? 0,
      null,
    );
    times.forEach((at, i) => {
      const bucket: Span = [Math.max(fromMs, at * 1000), Math.min(toMs, (at + stepSec) * 1000)];
      const found = { value: values[i]!, ciLow: ciLow[i]!, ciHigh: ciHigh[i]! };
      const [expected, truth] = (['estimated', 'bytes'] as const).map(side => figureOf(sums, bucket, 'bytes', side));
      compare(`${of} at ${iso(at * 1000)}`, found, expected!, truth!);
    });
  }
}

/** Everything that can be asked of a window, in each of the databases that can answer. */
function everyQuestion(): Asked[] {
  const metrics = ['bytes', 'p95Bps', 'maxBps'] as const;
  const whole = [fresh, rolled].flatMap(house =>
    metrics.flatMap((metric): Asked[] => [
      { house, question: 'matrix', grouping: 'app', metric },
      { house, question: 'matrix', grouping: 'vm', metric },
      { house, question: 'top', grouping: 'vm', metric },
      { house, question: 'top', grouping: 'service', metric },
      { house, question: 'top', grouping: 'port', metric },
    ]),
  );
  const stepped = [fresh, rolled, lost].flatMap(house =>
    [60, 300, 3600, 86_400].map((stepS): Asked => {
      const grouping = pick(house === lost ? (['app', 'service'] as const) : (['app', 'service', 'port'] as const));
      return { house, question: 'series', grouping, metric: 'bytes', stepS };
    }),
  );
  // Records are gone there, and fine values of anything but pairs of applications.
  const ofLost: Asked[] = [
    { house: lost, question: 'matrix', grouping: 'app', metric: 'bytes' },
    { house: lost, question: 'top', grouping: 'vm', metric: 'bytes' },
    { house: lost, question: 'top', grouping: 'service', metric: 'bytes' },
    { house: lost, question: 'matrix', grouping: 'app', metric: 'p95Bps' },
    { house: lost, question: 'top', grouping: 'app', metric: 'maxBps' },
  ];
  return [...whole, ...stepped, ...ofLost];
}

test(`sums, p95 and maxima of all cells in ${WINDOWS} random windows are the same by every table and step`, async () => {
  for (let i = 0; i < WINDOWS; i++) {
    const span = drawSpan();
    const questions = everyQuestion();
    for (let n = 0; n < QUESTIONS; n++) await ask(questions.splice(random.below(questions.length), 1)[0]!, span);
  }
  const { wrong, tables, cells, intervals, outside } = ledger;
  expect(wrong.slice(0, 20), `seed ${SEED}, ${wrong.length} in all`).toEqual([]);
  expect([...tables].sort()).toEqual(EVERY_TABLE);
  expect(cells).toBeGreaterThan(CELLS_MIN);
  // 95 of 100 is what an interval promises.
  expect(outside / intervals).toBeLessThan(0.07);
}, 900_000);
