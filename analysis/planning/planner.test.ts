import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, expect, test } from 'vitest';
import type { PlacementRequest } from '../../schemas/planning.ts';
import { createLog } from '../../service/log.ts';
import { createPlanner } from './planner.ts';

const folder = mkdtempSync(join(tmpdir(), 'hairpin-test-planner-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const HISTORY = { inventorySources: [], inventoryStaleMs: 3_600_000, inventoryUnknownMs: 86_400_000 };
const STORAGE = { url: '', user: '', password: '' };
const DATA = { storage: STORAGE, database: '', queryTimeoutMs: 1000, history: HISTORY, clock: '' };
const REQUEST: PlacementRequest = {
  ...{ request: 'placement', fromMs: 0, toMs: 0, stepMs: 300_000, seconds: 1 },
  ...{
    totals: { sql: '', params: {} },
    ranks: undefined,
    moves: 1,
    linkLimit: 0.7,
    hostVms: 0,
    hostMemoryMiB: 0,
    limit: 1,
  },
};

/** A thread that answers, is silent or crashes, as the `seconds` of the request say. */
const program = join(folder, 'thread.mjs');
writeFileSync(
  program,
  `import { parentPort } from 'node:worker_threads';
   parentPort.on('message', ({ id, request }) => {
     if (request.seconds === 3) process.exit(1);
     if (request.seconds === 1) parentPort.postMessage({ type: 'answer', id, answer: undefined });
   });`,
);
const create = (options: { answerMsMax?: number; requestsMax?: number }) =>
  createPlanner(DATA, {
    ...{ log: createLog('test', 'error'), ...options },
    spawn: data => new Worker(pathToFileURL(program), { workerData: data }),
  });

test('a request that takes too long, or crashes the thread, is refused, and the next one is answered', async () => {
  const planner = create({ answerMsMax: 2000 });
  await expect(planner.request({ ...REQUEST, seconds: 2 })).rejects.toThrow('choose a shorter window');
  await expect(planner.request({ ...REQUEST, seconds: 3 })).rejects.toThrow('crashed; try again');
  await expect(planner.request(REQUEST)).resolves.toBeUndefined();
  await planner.stop();
});

test('beyond the bound a request is refused at once', async () => {
  const planner = create({ requestsMax: 1 });
  const waiting = Promise.allSettled([planner.request({ ...REQUEST, seconds: 2 })]);
  await expect(planner.request(REQUEST)).rejects.toThrow('1 requests about links wait already');
  await planner.stop();
  expect((await waiting)[0]!.status).toBe('rejected');
});
