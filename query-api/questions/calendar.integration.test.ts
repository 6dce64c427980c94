// Questions that speak of some hours alone, over a change of summer time. The truth is arithmetic over the records, whose local
// time Intl.DateTimeFormat gives.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import type { MatrixAnswer } from './matrix.ts';
import type { SeriesAnswer } from './series.ts';
import type { TopAnswer } from './top.ts';

const HOUR = 3_600_000;
const ZONE = 'Europe/Berlin';
/** Clocks go back on Sunday 25 October 2026 at 3:00. */
const [FROM, TO] = [Date.parse('2026-10-21T22:00:00Z'), Date.parse('2026-10-28T23:00:00Z')];
const NOW = TO + HOUR;
const OFFICE = `mo-fr 08:00-18:00 ${ZONE} not 2026-10-27`;
const [web, db] = [node('application', 'web'), node('application', 'db')];

/** One record in the first bucket of each half hour. */
const records = Array.from({ length: (TO - FROM) / (HOUR / 2) }, (_, i) => ({
  at: FROM + i * (HOUR / 2),
  bytes: 100_000 + 977 * ((i * 37) % 101),
}));

const local = new Intl.DateTimeFormat('en-GB', {
  ...{ timeZone: ZONE, weekday: 'short', day: '2-digit', hour: '2-digit', hourCycle: 'h23' },
});
function isOffice(at: number): boolean {
  const { weekday, day, hour } = Object.fromEntries(local.formatToParts(at).map(({ type, value }) => [type, value]));
  return !['Sat', 'Sun'].includes(weekday!) && day !== '27' && Number(hour) >= 8 && Number(hour) < 18;
}
const counted = records.filter(({ at }) => isOffice(at));
const sum = counted.reduce((total, { bytes }) => total + bytes, 0);
/** Thursday, Friday, Monday and Wednesday. */
const SECONDS = 4 * 10 * 3600;

let server: TestServer;
let house: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const flows = records.map(({ at, bytes }) =>
    flow({ srcApp: web.key, dstApp: db.key, bytes, flowStart: at, flowEnd: at + 1000, receivedAt: at + 2000 }),
  );
  const config = { retentionDays: 1000, rollupRetentionDays: 5000 };
  house = await createQueryHouse(server, 'calendar', { nowMs: NOW, flows, nodes: [web, db], config });
});

afterAll(async () => {
  await house?.api.stop();
  await server?.close();
});

const days = { from: '2026-10-22', to: '2026-10-29', calendar: OFFICE };

describe('office hours over the end of summer time', () => {
  test('have the volume of their records, and divide by their seconds', async () => {
    const volume = await house.answer<MatrixAnswer>('matrix', days);
    expect(volume.total).toMatchObject({ value: sum, ciLow: sum, ciHigh: sum, method: 'exact' });
    expect(volume.cells[0]!.value).toBe(sum);
    expect(volume.lossAdjusted).toBeNull();
    expect([volume.from, volume.to]).toEqual([new Date(FROM).toISOString(), new Date(TO).toISOString()]);
    expect([volume.coveredSeconds, volume.coveredShare]).toEqual([SECONDS, 1]);
    const rate = await house.answer<MatrixAnswer>('matrix', { ...days, metric: 'avgBps' });
    expect(rate.total.value).toBeCloseTo((sum * 8) / SECONDS, 6);
  });

  test.each([
    [50, SECONDS / 300],
    [95, SECONDS / 300],
    [97.5, SECONDS / 300],
    [99, SECONDS / 300],
    [99.1, SECONDS / 300],
    [100, SECONDS / 300],
  ])('have the percentile %d of their own %i buckets', async (percentile, buckets) => {
    const { total, ranking } = await house.answer<TopAnswer>('top', { ...days, by: 'app', percentile });
    const rates = [
      ...counted.map(({ bytes }) => (bytes * 8) / 300),
      ...Array<number>(buckets - counted.length).fill(0),
    ];
    rates.sort((a, b) => a - b);
    expect(total.value).toBeCloseTo(rates[Math.ceil((percentile * buckets) / 100) - 1]!, 6);
    expect(ranking).toMatchObject({ buckets, tooFewBuckets: false, warnings: [] });
  });

  test('are null in a series elsewhere', async () => {
    const { times, series } = await house.answer<SeriesAnswer>('series', { ...days, metric: 'bytes', step: 3600 });
    for (const [i, at] of times.entries()) {
      const own = records.filter(record => Math.floor(record.at / HOUR) * 3600 === at);
      const expected = isOffice(at * 1000) ? own.reduce((total, { bytes }) => total + bytes, 0) : null;
      expect(series[0]!.values[i]).toBe(expected);
    }
  });

  test('have a rate in buckets of which they are a small part', async () => {
    const calendar = `mo-fr 08:00-20:00 ${ZONE}`;
    const { times, series } = await house.answer<SeriesAnswer>('series', { ...days, calendar, step: 21_600 });
    // 20:00 in winter is 19:00 UTC: one hour of six.
    const evening = times.indexOf(Date.parse('2026-10-26T18:00:00Z') / 1000);
    const hour = records.filter(({ at }) => Math.floor(at / HOUR) * HOUR === Date.parse('2026-10-26T18:00:00Z'));
    expect(series[0]!.values[evening]).toBeCloseTo((hour.reduce((total, { bytes }) => total + bytes, 0) * 8) / 3600, 6);
  });

  test('of a zone beside the hour are cut at their five minutes, in a long window too', async () => {
    const kathmandu = 'mo-fr 09:00-17:00 Asia/Kathmandu';
    const hours = new Intl.DateTimeFormat('en-GB', {
      ...{ timeZone: 'Asia/Kathmandu', weekday: 'short', hour: '2-digit', hourCycle: 'h23' },
    });
    const there = records.filter(({ at }) => {
      const parts = Object.fromEntries(hours.formatToParts(at).map(({ type, value }) => [type, value]));
      return !['Sat', 'Sun'].includes(parts['weekday']!) && Number(parts['hour']) >= 9 && Number(parts['hour']) < 17;
    });
    const expected = there.reduce((total, { bytes }) => total + bytes, 0);
    for (const from of ['2026-10-22', '2026-09-01']) {
      const { total, resolutionSec } = await house.answer<MatrixAnswer>('matrix', {
        ...days,
        from,
        calendar: kathmandu,
      });
      expect([total.value, resolutionSec]).toEqual([expected, 300]);
    }
  });
});

test('a calendar that leaves nothing of the window has no value', async () => {
  const { total, coveredShare } = await house.answer<MatrixAnswer>('matrix', {
    ...{ from: '2026-10-24', to: '2026-10-26', calendar: `mo-fr ${ZONE}` },
  });
  expect(total.value).toBeNull();
  expect(coveredShare).toBeNull();
});
