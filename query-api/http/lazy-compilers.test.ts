import ajvCompiler from '@fastify/ajv-compiler';
import serializerCompiler from '@fastify/fast-json-stringify-compiler';
import fastify, { type RouteOptions } from 'fastify';
import { expect, test } from 'vitest';
import { createLog } from '../../service/log.ts';
import { createMetrics } from '../../service/metrics.ts';
import type { Storage } from '../../storage/storage.ts';
import { createQueryApi } from '../app.ts';
import { QUERY_API_SERVICE } from '../configuration.ts';
import { LAZY_COMPILERS } from './lazy-compilers.ts';

const schema = {
  querystring: { type: 'object', properties: { n: { type: 'integer', minimum: 1 } }, required: ['n'] },
  response: { 200: { type: 'object', properties: { n: { type: 'integer' } } } },
};

test('requests are checked and answers written as by compilers that compile at the start', async () => {
  const answers = await Promise.all(
    [{}, { schemaController: LAZY_COMPILERS }].map(async options => {
      const app = fastify(options);
      app.get('/n', { schema }, request => ({ ...(request.query as object), hidden: true }));
      const bodies: string[] = [];
      for (const url of ['/n?n=0', '/n', '/n?n=7', '/n?n=x', '/n?n=7']) bodies.push((await app.inject(url)).body);
      return bodies;
    }),
  );
  expect(answers[1]).toEqual(answers[0]);
  expect(answers[0]![2]).toBe('{"n":7}');
  expect(answers[0]![0]).toContain('must be >= 1');
});

test('every schema of every route compiles', async () => {
  const storage = { select: async () => [] } as Partial<Storage> as Storage;
  const { app } = createQueryApi(QUERY_API_SERVICE.load({}), {
    ...{ storage, log: createLog('test', 'error'), metrics: createMetrics(), ready: () => [] },
    reenrichments: {
      start: () => true,
      stop() {},
      state: () => ({ running: false, dryRun: false, days: [], error: '', erasing: false }),
    },
  });
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', route => void routes.push(route));
  await app.ready();
  const validator = ajvCompiler()({}, { customOptions: { strict: false } });
  const serializer = serializerCompiler()({});
  let compiled = 0;
  for (const { url, schema: { querystring, params, body, response } = {} } of routes) {
    for (const part of [querystring, params, body].filter(part => part !== undefined)) {
      expect(() => validator({ schema: part }), url).not.toThrow();
      compiled++;
    }
    for (const answer of Object.values((response ?? {}) as Record<string, { content?: object }>)) {
      const kinds = answer.content ? (Object.values(answer.content) as { schema: object }[]) : [{ schema: answer }];
      for (const kind of kinds)
        expect(() => serializer({ method: 'GET', url, httpStatus: '200', ...kind }), url).not.toThrow();
    }
  }
  expect(compiled).toBeGreaterThan(40);
  await app.close();
});
