// Weekly percentiles, slope and run-out, against arithmetic over the records of eleven weeks with an outage.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import { insertReceiving } from '../../testing/receiving.ts';
import { type GrowthAnswer, weeksOf } from './growth.ts';

const HOUR = 3_600_000;
const WEEK = 168 * HOUR;
const BUCKET = 300_000;
/** Monday, 13 July 2026, at midnight of Berlin. */
const FIRST = Date.parse('2026-07-12T22:00:00Z');
const WEEKS = 11;
const NOW = FIRST + WEEKS * WEEK + 5 * HOUR;
/** Of this week more than a fifth is missing. */
const OUTAGE = 4;
const [web, db, backup] = ['web', 'db', 'backup'].map(name => node('application', name)) as [
  ReturnType<typeof node>,
  ReturnType<typeof node>,
  ReturnType<typeof node>,
];
/** Bytes of the record in the i-th of 200 buckets of a week. */
const bytesOf = (week: number, i: number) => 3_000_000 + 60_000 * week + 1000 * ((i * 71) % 200);
/** Of 2016 buckets the nearest rank of 95 % is the 1916th: the 101st from above. */
const p95Of = (week: number) => ((3_000_000 + 60_000 * week + 1000 * 99) * 8) / 300;

let server: TestServer;
let house: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const flows = Array.from({ length: WEEKS }, (_, week) =>
    Array.from({ length: 200 }, (_, i) => {
      const at = FIRST + week * WEEK + 48 * HOUR + i * BUCKET;
      const times = { flowStart: at, flowEnd: at + 1000, receivedAt: at + 2000 };
      return [
        flow({ ...times, srcApp: web.key, dstApp: db.key, bytes: bytesOf(week, i) }),
        flow({ ...times, srcApp: backup.key, dstApp: db.key, bytes: 1_000_000 }),
      ];
    }),
  ).flat(2);
  house = await createQueryHouse(server, 'growth', {
    ...{ nowMs: NOW, flows, nodes: [web, db, backup], receives: false },
    config: { retentionDays: 1000, rollupRetentionDays: 5000 },
  });
  const down = FIRST + OUTAGE * WEEK + 100 * HOUR;
  await insertReceiving(house.storage, FIRST, down, { stopped: true });
  await insertReceiving(house.storage, down + 50 * HOUR, NOW);
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

const asked = { from: '2026-07-01', calendar: 'Europe/Berlin', filter: 'srcApp=web,dstApp=db' };

test('weeks have the nearest rank of their buckets, and one with an outage is not used', async () => {
  const { weeks, used, unit } = await house.answer<GrowthAnswer>('growth', asked);
  expect(unit).toBe('bit/s');
  expect(weeks.map(week => week.from)).toEqual(
    Array.from({ length: WEEKS }, (_, week) => new Date(FIRST + week * WEEK).toISOString()),
  );
  for (const [i, week] of weeks.entries()) {
    expect(week.used).toBe(i !== OUTAGE);
    if (i === OUTAGE) expect(week.coveredShare).toBeCloseTo(118 / 168, 6);
    else expect(week).toMatchObject({ value: p95Of(i), ciLow: expect.any(Number), method: 'exact', buckets: 2016 });
  }
  expect(used).toBe(WEEKS - 1);
});

test('the slope is that of the records, and so are forecast and run-out', async () => {
  const capacity = 200_000;
  const { slope, forecast, runOut } = await house.answer<GrowthAnswer>('growth', { ...asked, capacity, weeks: 6 });
  const perWeek = (60_000 * 8) / 300;
  expect(slope!.value).toBeCloseTo(perWeek, 6);
  expect(slope!.ciLow).toBeLessThanOrEqual(slope!.value);
  expect(forecast!.at).toBe(new Date(FIRST + (WEEKS - 1 + 6) * WEEK).toISOString());
  expect(forecast!.value).toBeCloseTo(p95Of(WEEKS - 1 + 6), 4);
  const weekAt = (bps: number) => (bps - p95Of(0)) / perWeek;
  expect(runOut.map(({ share, at }) => [share, Math.round((Date.parse(at!) - FIRST) / HOUR)])).toEqual(
    [0.7, 0.9].map(share => [share, Math.round(weekAt(share * capacity) * 168)]),
  );
});

test('what does not grow never runs out, and fewer than eight weeks have no slope', async () => {
  const flat = await house.answer<GrowthAnswer>('growth', { ...asked, filter: 'srcApp=backup', capacity: 1e6 });
  expect(flat.slope).toMatchObject({ value: 0 });
  expect(flat.runOut.map(({ at, earliest, latest }) => [at, earliest, latest])).toEqual([
    [null, null, null],
    [null, null, null],
  ]);
  const short = await house.answer<GrowthAnswer>('growth', { ...asked, from: '2026-08-20' });
  expect(short).toMatchObject({ slope: null, forecast: null, runOut: [] });
  expect(short.warnings[0]).toMatch(/^a slope needs 8 whole weeks/);
});

test('weeks begin on Mondays of the zone, in 167 and 169 hours too', () => {
  const of = (zone: string, from: string, to: string) =>
    weeksOf({ fromMs: Date.parse(from), toMs: Date.parse(to) }, zone, Date.parse('2027-01-01T00:00:00Z')).map(
      ({ fromMs, toMs }) => [new Date(fromMs).toISOString(), (toMs - fromMs) / HOUR],
    );
  expect(of('Europe/Berlin', '2026-10-18T00:00:00Z', '2026-11-03T00:00:00Z')).toEqual([
    ['2026-10-18T22:00:00.000Z', 169],
    ['2026-10-25T23:00:00.000Z', 168],
  ]);
  expect(of('Pacific/Auckland', '2026-09-19T00:00:00Z', '2026-09-28T00:00:00Z')).toEqual([
    ['2026-09-20T12:00:00.000Z', 167],
  ]);
  expect(of('UTC', '2026-01-06T00:00:00Z', '2026-01-12T00:00:00Z')).toEqual([]);
});
