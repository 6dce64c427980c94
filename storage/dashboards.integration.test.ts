// Every query of the dashboards in grafana/, run against the real engine and the real API with what they ask Grafana to put in.

import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { startTestServer, type TestServer } from '../testing/clickhouse.ts';
import { flow, node } from '../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../testing/query-house.ts';
import { insertReceiving } from '../testing/receiving.ts';
import type { ClickHouse } from './client.ts';
import { createStorage } from './client.ts';
import { insertEvents } from './tables/events.ts';
import { DASHBOARD_VIEWS } from './tables/views-for-people.ts';

const GRAFANA = join(import.meta.dirname, '../grafana');
const HOUR = 3_600_000;
const NOW = Math.floor(Date.now() / HOUR) * HOUR;
const [FROM, TO] = [NOW - 6 * HOUR, NOW];
const STEP_S = 300;
const DATABASE = 'hairpin';

interface Target {
  readonly rawSql?: string;
  readonly url?: string;
  readonly url_options?: { readonly params: readonly { readonly key: string; readonly value: string }[] };
  readonly columns?: readonly { readonly selector: string }[];
}
interface Dashboard {
  readonly uid: string;
  readonly panels: readonly {
    readonly title: string;
    readonly datasource: { uid: string };
    readonly targets: readonly Target[];
  }[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly query: string }[] };
  readonly annotations: { readonly list: readonly { readonly target: Target }[] };
}

const files = globSync('dashboards/*.json', { cwd: GRAFANA }).sort();
const dashboards = files.map(file => JSON.parse(readFileSync(join(GRAFANA, file), 'utf8')) as Dashboard);

let server: TestServer;
let house: QueryHouse;
let reader: ClickHouse;

const names = ['web', "it's db", 'cache'];
const [web, db, cache] = names.map(name => node('application', name)) as [Node, Node, Node];
type Node = ReturnType<typeof node>;
const FLOWS = [
  { srcApp: web.key, dstApp: db.key, bytes: 700_000 },
  { srcApp: db.key, dstApp: web.key, bytes: 30_000 },
  { srcApp: cache.key, dstApp: web.key, bytes: 2000 },
];

beforeAll(async () => {
  server = await startTestServer();
  const at = NOW - 2 * HOUR;
  const vm = node('vm', 'web-1');
  const hosts = ['h1', 'h2'].map(name => node('host', name));
  house = await createQueryHouse(server, DATABASE, {
    nowMs: NOW,
    flows: FLOWS.map(one => flow({ ...one, flowStart: at, flowEnd: at + 1000 })),
    nodes: [web, db, cache, vm, ...hosts],
  });
  await insertEvents(house.storage, [
    {
      ...{ kind: 'move', mac: 1, atMs: at, lastSeenMs: at, detectedAtMs: at, confirmedAtMs: 0 },
      ...{ vm: vm.key, fromHost: hosts[0]!.key, toHost: hosts[1]!.key },
      ...{ fromExporter: '::', fromIfIndex: 0, toExporter: '::', toIfIndex: 0 },
    },
  ]);
  await house.storage.command(
    `INSERT INTO interfaces (minute, exporter, ifIndex, coveredMs, inOctets, outOctets, speedBps) VALUES (fromUnixTimestamp64Milli(${at}), toIPv6('10.0.0.1'), 7, 60000, 7500000, 100, 10000000)`,
  );
  await house.storage.command(
    `INSERT INTO exporters (minute, exporter, protocol, datagrams, records, lost) VALUES (fromUnixTimestamp64Milli(${at}), toIPv6('10.0.0.1'), 3, 5, 50, 2)`,
  );
  // A collector speaks every ten seconds; nothing has merged what it said yet.
  await house.storage.command('SYSTEM STOP MERGES collectors');
  for (const second of [0, 10, 20])
    await insertReceiving(house.storage, TO + 1000 * second, TO + 1000 * (second + 10), { collector: 'second' });
  // The reader of Hairpin: it may write nothing, as the user of grafana/reader.sql.
  const { url, readUser, readPassword } = server.address;
  reader = createStorage({ url, user: readUser, password: readPassword, database: DATABASE, queryTimeoutMs: 20_000 });
});

afterAll(async () => {
  await reader?.close();
  await house?.api.stop();
  await server?.close();
});

const quoted = (values: readonly string[]) => values.map(value => `'${value.replaceAll("'", "\\'")}'`).join(',');

/** The macros of the data source and the variables of Grafana, by their documentation. */
function expanded(
  sql: string,
  variables: Readonly<Record<string, readonly string[]>> = { app: names, exporter: ['10.0.0.1'] },
): string {
  const text = sql
    .replace(/\$__timeFilter\((\w+)\)/g, `$1 >= toDateTime(${FROM / 1000}) AND $1 <= toDateTime(${TO / 1000})`)
    .replace(/\$__timeInterval\((\w+)\)/g, `toStartOfInterval(toDateTime($1), INTERVAL ${STEP_S} second)`)
    .replaceAll('$__interval_s', String(STEP_S))
    .replace(/\$\{(\w+):singlequote\}/g, (_, name: string) => quoted(variables[name]!));
  expect(text).not.toContain('$');
  return text;
}

const statements = dashboards.flatMap(({ uid, panels, templating, annotations }) => [
  ...panels.flatMap(({ title, targets }) =>
    targets.flatMap(({ rawSql }) => (rawSql ? [[uid, title, rawSql] as const] : [])),
  ),
  ...templating.list.map(({ name, query }) => [uid, `variable ${name}`, query] as const),
  ...annotations.list.map(({ target }) => [uid, 'annotation', target.rawSql!] as const),
]);

describe('dashboards over ClickHouse', () => {
  test.each(statements)('%s, %s: has rows', async (_uid, _title, sql) => {
    expect((await reader.select(expanded(sql))).length).toBeGreaterThan(0);
  });

  const rowsOf = async (uid: string, title: string, variables?: Readonly<Record<string, readonly string[]>>) =>
    reader.select<Record<string, unknown>>(
      expanded(statements.find(([of, about]) => of === uid && about === title)![2], variables),
    );

  test('the matrix is what flowed, and a name with an apostrophe is one', async () => {
    const rows = await rowsOf('hairpin-matrix', 'Matrix');
    expect(rows.map(({ sender, receiver, bytes }) => [sender, receiver, Number(bytes)])).toEqual([
      ['web', "it's db", 700_000],
      ["it's db", 'web', 30_000],
      ['cache', 'web', 2000],
    ]);
    const series = await rowsOf('hairpin-matrix', 'Traffic between applications');
    const bits = series.reduce((sum, { bitsPerSecond }) => sum + Number(bitsPerSecond) * STEP_S, 0);
    expect(bits / 8).toBeCloseTo(732_000, 3);
    const [service] = await rowsOf('hairpin-application', 'Services', { app: ["it's db"] });
    expect([Number(service!['sent']), Number(service!['received'])]).toEqual([30_000, 700_000]);
  });

  test('utilisation is octets over covered time and speed', async () => {
    const [row] = await rowsOf('hairpin-links', 'Utilisation');
    expect(row).toMatchObject({ exporter: '10.0.0.1', p95: 1_000_000, utilisation: 0.1 });
  });

  test('what a collector said of a minute adds up before it is merged', async () => {
    const rows = await reader.select("SELECT receivingSeconds FROM collector_1m WHERE collector = 'second'");
    expect(rows).toEqual([{ receivingSeconds: 30 }]);
  });

  test('a move says from where and to where', async () => {
    const [row] = await rowsOf('hairpin-matrix', 'annotation');
    expect(row!['text']).toBe('web-1 moved from h1 to h2');
  });
});

describe('dashboards over the API', () => {
  const targets = dashboards.flatMap(({ panels }) =>
    panels.flatMap(({ title, targets }) =>
      targets.filter(({ url }) => url !== undefined).map(one => [title, one] as const),
    ),
  );

  test.each(targets)('%s: is answered with the columns it shows', async (_title, { url, url_options, columns }) => {
    const params = url_options!.params.map(({ key, value }) => [
      key,
      value.replace(/^\$\{__(from|to):date:iso\}$/, (_, end) => new Date(end === 'from' ? FROM : TO).toISOString()),
    ]);
    const { status, body } = await house.get(url!, Object.fromEntries(params));
    expect(status, body).toBe(200);
    const header = body.split('\r\n', 1)[0]!.split(',');
    for (const { selector } of columns!) expect(header).toContain(selector);
  });

  test('there are some', () => expect(targets.length).toBeGreaterThan(3));
});

test('data sources are those that dashboards name', () => {
  const { datasources } = parse(readFileSync(join(GRAFANA, 'provisioning/datasources/hairpin.yml'), 'utf8'));
  const uids = new Set(dashboards.flatMap(({ panels }) => panels.map(({ datasource }) => datasource.uid)));
  expect(datasources.map(({ uid }: { uid: string }) => uid).sort()).toEqual([...uids].sort());
});

test('the user of Grafana is given every view of dashboards and nothing else, in words that the engine reads', async () => {
  const sql = readFileSync(join(GRAFANA, 'reader.sql'), 'utf8').replace(/^--.*\n/gm, '');
  const granted = [...sql.matchAll(/GRANT SELECT ON hairpin\.(\w+) TO/g)].map(([, view]) => view);
  expect(granted).toEqual(DASHBOARD_VIEWS.map(({ name }) => name));
  for (const statement of sql.split(';\n').filter(text => text.trim() !== ''))
    expect(await reader.select(`EXPLAIN AST ${statement.replace(/;$/, '')}`)).not.toEqual([]);
});

test('docs/GRAFANA.md lists the columns of every view', async () => {
  const text = readFileSync(join(GRAFANA, '../docs/GRAFANA.md'), 'utf8');
  const listed = new Map(
    [...text.matchAll(/^\| `(\w+)` \| [^|]* \| (.*) \|$/gm)].map(([, name, columns]) => [name, columns!]),
  );
  for (const { name } of DASHBOARD_VIEWS) {
    const rows = await reader.select<{ name: string }>(
      'SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {name:String} ORDER BY position',
      { name },
    );
    const columns = [...listed.get(name)!.matchAll(/`(\w+)`/g)].map(([, column]) => column);
    if (name === 'matrix_1h') expect(listed.get(name)).toBe('the same');
    else expect(columns).toEqual(rows.map(row => row.name));
  }
});
