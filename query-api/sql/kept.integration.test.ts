// Tables that have lost their oldest days, as retention drops them: what is not kept is null, never zero, and a coarser table
// answers where it can.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { COUNT_REASON } from '../../schemas/codes.ts';
import { dayOf, dayStartS } from '../../storage/days.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { flow, node } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import type { MatrixAnswer } from '../questions/matrix.ts';
import type { SeriesAnswer } from '../questions/series.ts';
import type { TopAnswer } from '../questions/top.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TODAY = Math.floor(Date.now() / DAY) * DAY;
const NOW = TODAY + 10 * HOUR;
const [web, db] = [node('application', 'web'), node('application', 'db')];
const [LOST, KEPT] = [TODAY - 3 * DAY, TODAY - DAY];
const EACH = { lost: 7000, kept: 5000 };

let server: TestServer;
let house: QueryHouse;
let mixed: QueryHouse;

beforeAll(async () => {
  server = await startTestServer();
  const at = (day: number, bytes: number) =>
    [9, 12, 15].map(hour =>
      flow({
        srcApp: web.key,
        dstApp: db.key,
        dstPort: 443,
        bytes,
        flowStart: day + hour * HOUR,
        flowEnd: day + hour * HOUR + 1000,
        receivedAt: day + hour * HOUR + 5000,
      }),
    );
  const flows = [...at(LOST, EACH.lost), ...at(KEPT, EACH.kept)];
  house = await createQueryHouse(server, 'kept', { nowMs: NOW, flows, nodes: [web, db] });
  // A day before the registry: nothing of it is elected.
  const before = at(LOST, EACH.lost).map(one => ({ ...one, weight: 0, countReason: COUNT_REASON.unelected }));
  mixed = await createQueryHouse(server, 'mixed', {
    nowMs: NOW,
    flows: [...before, ...at(KEPT, EACH.kept)],
    nodes: [web, db],
  });
  for (const table of ['flows', 'traffic_1m', 'traffic_5m'])
    await house.storage.command(`ALTER TABLE ${table} DROP PARTITION ${dayOf(LOST)}`);
});

afterAll(async () => {
  await house?.api.stop();
  await mixed?.api.stop();
  await server?.close();
});

const iso = (ms: number) => new Date(ms).toISOString();
const both = { from: iso(LOST), to: iso(TODAY) };
const lostAlone = { from: iso(LOST), to: iso(LOST + DAY) };

test('a sum is read from hours, which are kept', async () => {
  for (const window of [both, lostAlone]) {
    const answer = await house.answer<MatrixAnswer>('matrix', window);
    const expected = window === both ? 3 * (EACH.lost + EACH.kept) : 3 * EACH.lost;
    expect(answer.total).toMatchObject({ value: expected, ciLow: expected, method: 'exact' });
    expect(answer.resolutionSec).toBe(3600);
  }
  const recent = await house.answer<MatrixAnswer>('matrix', { from: iso(KEPT), to: iso(TODAY) });
  expect([recent.resolutionSec, recent.total.value]).toEqual([300, 3 * EACH.kept]);
});

test('a percentile is over the days that are kept, and says so', async () => {
  const reached = await house.answer<TopAnswer>('top', { ...both, by: 'app', metric: 'maxBps' });
  expect([reached.table, reached.total.value]).toEqual(['cells_5m', (EACH.lost * 8) / 300]);
  await house.storage.command(`ALTER TABLE cells_5m DROP PARTITION ${dayOf(LOST)}`);
  const { total, coveredFrom, ranking } = await house.answer<TopAnswer>('top', {
    ...both,
    by: 'app',
    metric: 'maxBps',
  });
  expect(total.value).toBe((EACH.kept * 8) / 300);
  expect(coveredFrom).toBe(iso(dayStartS(dayOf(KEPT)) * 1000));
  expect(ranking!.buckets).toBe(288);
  expect((await house.answer<TopAnswer>('top', { ...lostAlone, by: 'app', metric: 'maxBps' })).total.value).toBeNull();
});

test('what only records have is null where records are gone', async () => {
  const whole = await house.answer<TopAnswer>('top', { ...both, by: 'dstPort' });
  expect(whole.total.value).toBe(3 * EACH.kept);
  expect(whole.coveredFrom).toBe(iso(KEPT));
  const lost = await house.answer<TopAnswer>('top', { ...lostAlone, by: 'dstPort' });
  expect(lost.total).toMatchObject({ value: null, method: 'none' });
  const { series } = await house.answer<SeriesAnswer>('series', {
    ...both,
    filter: 'dstPort=443',
    metric: 'bytes',
    step: 86_400,
  });
  expect(series[0]!.values).toEqual([null, null, 3 * EACH.kept]);
});

test('days in which nothing was elected are not taken for lost', async () => {
  const { total, coveredFrom } = await mixed.answer<MatrixAnswer>('matrix', both);
  expect(total.value).toBe(3 * (EACH.lost + EACH.kept));
  expect(coveredFrom).toBe(iso(LOST + 9 * HOUR));
});

test('a table that has lost everything has no zeros', async () => {
  await house.storage.command(`ALTER TABLE flows DROP PARTITION ${dayOf(KEPT)}`);
  expect((await house.answer<TopAnswer>('top', { ...both, by: 'dstPort' })).total.value).toBeNull();
  expect((await house.answer<MatrixAnswer>('matrix', both)).total.value).toBe(3 * (EACH.lost + EACH.kept));
});
