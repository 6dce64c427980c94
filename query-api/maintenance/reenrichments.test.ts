// Re-enrichments and erasures run instead of each other, and each is seen and stopped by its own route only.

import { expect, test } from 'vitest';
import { createLog } from '../../service/log.ts';
import { createMetrics } from '../../service/metrics.ts';
import type { Storage } from '../../storage/storage.ts';
import { createQueryApi } from '../app.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';
import { dayOrTime, type Reenrichments } from './reenrichments.ts';

const URLS = { reenrichment: '/api/v1/reenrichments', erasure: '/api/v1/erasures' };
const BODIES = {
  reenrichment: { from: '2026-01-30', to: '2026-01-31' },
  erasure: { address: '203.0.113.7' },
};

function create() {
  let state: ReturnType<Reenrichments['state']> = {
    running: false,
    dryRun: false,
    days: [],
    error: '',
    erasing: false,
  };
  let stops = 0;
  const { app } = createQueryApi(
    { ...QUERY_API_SERVICE.load({}), http: '127.0.0.1:0' },
    {
      storage: {} as Storage,
      log: createLog('test', 'error'),
      metrics: createMetrics(),
      ready: () => [],
      reenrichments: {
        start({ erase }) {
          if (state.running) return false;
          state = { running: true, dryRun: false, days: [], error: 'of this one', erasing: erase !== undefined };
          return true;
        },
        stop() {
          stops++;
          state = { ...state, running: false };
        },
        state: () => state,
      },
    },
  );
  const ask = (method: 'GET' | 'POST' | 'DELETE', kind: keyof typeof URLS) =>
    app.inject({
      method,
      url: URLS[kind],
      headers: { host: 'localhost' },
      ...(method === 'POST' && { payload: BODIES[kind] }),
    });
  return { ask, stops: () => stops };
}

test('a day that no calendar has is refused and says why', () => {
  expect(() => dayOrTime('to', '2026-02-30', 86_400_000, 0)).toThrow('2026-02 has the days 01 to 28');
  expect(dayOrTime('to', '2026-02-28', 86_400_000, 0)).toBe(Date.UTC(2026, 2, 1));
});

test.each([
  ['reenrichment', 'erasure'],
  ['erasure', 'reenrichment'],
] as const)('a running %s is neither shown nor stopped as %s', async (kind, other) => {
  const { ask, stops } = create();
  expect((await ask('POST', kind)).statusCode).toBe(202);
  expect((await ask('GET', kind)).json()).toMatchObject({ running: true, error: 'of this one' });
  expect((await ask('GET', other)).json()).toEqual({ running: false, dryRun: false, days: [], error: '' });
  for (const method of ['DELETE', 'POST'] as const) {
    const refused = await ask(method, other);
    expect(refused.statusCode).toBe(409);
    expect(refused.json().detail).toBe(
      `a re-enrichment or an erasure is running; wait for its end, or stop it with DELETE ${URLS[kind]}`,
    );
  }
  expect(stops()).toBe(0);
  expect((await ask('DELETE', kind)).json()).toMatchObject({ running: false, error: 'of this one' });
  expect(stops()).toBe(1);
  // Nothing runs: there is nothing of the other kind that this could stop.
  const idle = await ask('DELETE', other);
  expect([idle.statusCode, idle.json().error]).toEqual([202, '']);
});
