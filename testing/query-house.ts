// A query API over a real ClickHouse with records and nodes of a test's choice, its routes without the network.

import { createQueryApi, type QueryApi, type QueryApiDependencies } from '../query-api/app.ts';
import { QUERY_API_SERVICE, type QueryApiConfiguration } from '../query-api/configuration.ts';
import { RecentSelects } from '../query-api/questions/recent-selects.ts';
import { createLog, type Log } from '../service/log.ts';
import { createMetrics } from '../service/metrics.ts';
import type { ClickHouse } from '../storage/client.ts';
import { migrate } from '../storage/migrations/migrate.ts';
import { insertFlows } from '../storage/tables/flows.ts';
import { insertNodes } from '../storage/tables/nodes.ts';
import type { Retention } from '../storage/tables/table.ts';
import type { TestServer } from './clickhouse.ts';
import { encodeFlows, type FlowObject, type node } from './data/stored-rows.ts';
import { insertReceivingOf } from './receiving.ts';

export type QueryParameters = Readonly<Record<string, string | number>>;

export interface QueryHouse {
  readonly storage: ClickHouse;
  readonly api: QueryApi;
  /** GET; `path` as in `/api/v1/matrix`, with a query string or without. */
  get(
    path: string,
    query?: QueryParameters,
  ): Promise<{ readonly status: number; readonly type: string; readonly body: string }>;
  /** The answer of a question; throws where the status is not 200. */
  answer<T>(question: string, query?: QueryParameters): Promise<T>;
}

export interface QueryHouseContent {
  readonly nowMs: number;
  readonly flows: readonly FlowObject[];
  readonly nodes: readonly ReturnType<typeof node>[];
  readonly config?: Partial<QueryApiConfiguration & Retention>;
  readonly dependencies?: Partial<QueryApiDependencies>;
  /** False where the test itself says who was receiving; a collector was from the first flow until now. */
  readonly receives?: boolean;
  readonly log?: Log;
}

export async function createQueryHouse(
  server: TestServer,
  database: string,
  {
    nowMs,
    flows,
    nodes,
    config: changed = {},
    dependencies = {},
    receives = true,
    log = createLog('test', 'error'),
  }: QueryHouseContent,
): Promise<QueryHouse> {
  // A test sends more requests a minute than a caller may.
  const config = { ...QUERY_API_SERVICE.load({}), apiRequestsPerMinute: 1_000_000, ...changed };
  const storage = server.connect(database);
  await migrate(storage, config);
  if (flows.length > 0) await insertFlows(storage, encodeFlows(flows), `flows.test.0.${'0'.repeat(32)}.0`);
  if (receives) await insertReceivingOf(storage, flows, nowMs);
  if (nodes.length > 0) await insertNodes(storage, nodes);
  const api = createQueryApi(config, {
    storage,
    log,
    metrics: createMetrics(),
    ready: () => [],
    nowMs: () => nowMs,
    // A test changes tables and asks at once.
    recent: new RecentSelects(0),
    ...dependencies,
  });
  await api.app.ready();
  const get: QueryHouse['get'] = async (path, query = {}) => {
    const texts = Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)]));
    const response = await api.app.inject({
      method: 'GET',
      url: path,
      ...(Object.keys(texts).length > 0 && { query: texts }),
    });
    return { status: response.statusCode, type: String(response.headers['content-type']), body: response.body };
  };
  return {
    storage,
    api,
    get,
    async answer<T>(question: string, query?: QueryParameters) {
      const { status, body } = await get(`/api/v1/${question}`, query);
      if (status !== 200) throw new Error(`${question} ${JSON.stringify(query)}: ${status} ${body}`);
      return JSON.parse(body) as T;
    },
  };
}
