// The OpenAPI document of every route, without a server behind them.

import { createQueryApi } from '../query-api/app.ts';
import { QUERY_API_SERVICE } from '../query-api/configuration.ts';
import { createLog } from '../service/log.ts';
import { createMetrics } from '../service/metrics.ts';
import type { Storage } from '../storage/storage.ts';

export async function openApiDocument(): Promise<string> {
  const { app } = createQueryApi(QUERY_API_SERVICE.load({}), {
    storage: { select: async () => [] } as Partial<Storage> as Storage,
    log: createLog('openapi', 'error'),
    metrics: createMetrics(),
    ready: () => [],
    reenrichments: {
      start: () => true,
      stop() {},
      state: () => ({ running: false, dryRun: false, days: [], error: '', erasing: false }),
    },
  });
  const { body } = await app.inject({ url: '/docs/json', headers: { host: 'localhost' } });
  await app.close();
  return body;
}
