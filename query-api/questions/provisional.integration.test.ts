// Which spans of a window are marked as provisional, against a real ClickHouse.

import { Value } from 'typebox/value';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClickHouse } from '../../storage/client.ts';
import { migrate } from '../../storage/migrations/migrate.ts';
import { insertLiveness, settleLiveness, unsettledLiveness } from '../../storage/tables/liveness.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';
import { coincidence } from './coincidence.ts';
import { coverage } from './coverage.ts';
import { dependencies } from './dependencies.ts';
import { flows } from './flows.ts';
import { links } from './links.ts';
import { locality } from './locality.ts';
import { matrix } from './matrix.ts';
import { moves } from './moves.ts';
import { placement } from './placement.ts';
import { provisionalOf, SPANS_MAX } from './provisional.ts';
import type { Question } from './question.ts';
import { segments } from './segments.ts';
import { series } from './series.ts';
import { services } from './services.ts';
import { top } from './top.ts';
import { trust } from './trust.ts';
import { unclassified } from './unclassified.ts';
import { waves } from './waves.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 2, 10);
const at = (minute: number) => START + minute * MINUTE;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

let databases = 0;
async function installation(...spans: (readonly [from: number, until: number])[]): Promise<ClickHouse> {
  const storage = server.connect(`provisional${databases++}`);
  await migrate(storage, { retentionDays: 3000, rollupRetentionDays: 10_000, durable: false });
  const rows = spans.map(([from, until], i) => ({
    exporter: `192.0.2.${i + 1}`,
    domain: -1,
    protocol: 0,
    atMs: at(from),
    state: 'silent' as const,
    changedFromMs: at(from),
    changedUntilMs: at(until),
  }));
  await insertLiveness(storage, rows);
  return storage;
}

const marked = async (storage: ClickHouse, from: number, to: number) =>
  (await provisionalOf(storage, { fromMs: at(from), toMs: at(to) })).map(
    span =>
      `${(Date.parse(span.from) - START) / MINUTE}-${(Date.parse(span.to) - START) / MINUTE}${span.refused ? ' refused' : ''}`,
  );

test('spans that overlap the window, those that meet as one, within the window', async () => {
  const storage = await installation([0, 5], [4, 8], [20, 25], [50, 60]);
  expect(await marked(storage, 2, 30)).toEqual(['2-8', '20-25']);
  expect(await marked(storage, 8, 20)).toEqual([]);
  expect(await marked(storage, 55, 58)).toEqual(['55-58']);
});

test('what is settled is not marked, what is refused is, for ever', async () => {
  const storage = await installation([0, 5], [20, 25]);
  const [first, second] = await unsettledLiveness(storage, 0);
  const [early, late] = first!.atMs < second!.atMs ? [first!, second!] : [second!, first!];
  await settleLiveness(storage, [early], { outcome: 'repaired', detail: '' });
  await settleLiveness(storage, [late], { outcome: 'refused', detail: 'expired' });
  expect(await marked(storage, 0, 60)).toEqual(['20-25 refused']);
  expect(await unsettledLiveness(storage, 0)).toEqual([]);
});

test('every answer that is made of elected records has the mark', async () => {
  const storage = await installation([20, 25]);
  const config = QUERY_API_SERVICE.load();
  const window = { from: new Date(at(0)).toISOString(), to: new Date(at(60)).toISOString() };
  const expected = [{ from: new Date(at(20)).toISOString(), to: new Date(at(25)).toISOString(), refused: false }];
  const questions = [
    matrix,
    series,
    top,
    flows,
    coverage,
    locality,
    links,
    placement,
    dependencies,
    services,
    unclassified,
    trust,
    moves,
    segments,
    coincidence,
    waves,
  ];
  const named = { of: 'external', src: 'external', dst: 'external' };
  for (const question of questions as unknown as Question[]) {
    const own = question.name === 'segments' ? { of: '10', by: 'vlan' } : named;
    const params = Value.Default(question.parameters, { ...own, ...window }) as object;
    const { answer } = await question.respond(params as never, { storage, config, nowMs: at(90) });
    expect({ name: question.name, provisional: (answer as { provisional?: unknown }).provisional }).toEqual({
      ...{ name: question.name, provisional: expected },
    });
  }
});

test('more spans than the bound end in one that reaches over all of them', async () => {
  const spans = Array.from({ length: SPANS_MAX + 4 }, (_, i) => [i * 10, i * 10 + 1] as const);
  const storage = await installation(...spans);
  const found = await marked(storage, 0, 1000);
  expect(found).toHaveLength(SPANS_MAX);
  expect(found.at(-1)).toBe(`${(SPANS_MAX - 1) * 10}-${(SPANS_MAX + 3) * 10 + 1}`);
});
