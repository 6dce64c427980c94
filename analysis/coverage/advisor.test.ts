import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, expect, test } from 'vitest';
import type { AdvisorRequest } from '../../schemas/coverage.ts';
import { createLog } from '../../service/log.ts';
import { createAdvisor } from './advisor.ts';

const HISTORY = { inventorySources: [], inventoryStaleMs: 3_600_000, inventoryUnknownMs: 86_400_000 };
const folder = mkdtempSync(join(tmpdir(), 'hairpin-test-advisor-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const DATA = {
  storage: { url: '', user: '', password: '' },
  database: '',
  queryTimeoutMs: 1000,
  history: HISTORY,
  clock: '',
};
const QUESTION: AdvisorRequest = { request: 'cells', seen: [], fromMs: 0, atMs: 0, by: 'vm', cells: [] };
const log = createLog('test', 'error');

/** A thread that answers, keeps silent or dies, as the question's `atMs` says. */
const program = join(folder, 'thread.mjs');
writeFileSync(
  program,
  `import { parentPort } from 'node:worker_threads';
   parentPort.on('message', ({ id, request }) => {
     if (request.atMs === 1) process.exit(1);
     if (request.atMs === 0) parentPort.postMessage({ type: 'answer', id, answer: { overall: 1, cells: [] } });
   });`,
);
const create = (options: { answerMsMax?: number; questionsMax?: number }) =>
  createAdvisor(DATA, { log, spawn: data => new Worker(pathToFileURL(program), { workerData: data }), ...options });

test('a question that takes too long is given up with its thread, and the next one is answered', async () => {
  const advisor = create({ answerMsMax: 2000 });
  await expect(advisor.request({ ...QUESTION, atMs: 2 })).rejects.toThrow('gave no answer within 2 s');
  await expect(advisor.request(QUESTION)).resolves.toEqual({ overall: 1, cells: [] });
  await advisor.stop();
});

test('a thread that dies takes its questions along, and is started again', async () => {
  const advisor = create({});
  await expect(advisor.request({ ...QUESTION, atMs: 1 })).rejects.toThrow('crashed; try again');
  await expect(advisor.request(QUESTION)).resolves.toEqual({ overall: 1, cells: [] });
  await advisor.stop();
});

test('beyond the bound a question is refused at once', async () => {
  const advisor = create({ questionsMax: 2 });
  const waiting = [advisor.request({ ...QUESTION, atMs: 2 }), advisor.request({ ...QUESTION, atMs: 2 })];
  await expect(advisor.request(QUESTION)).rejects.toThrow('2 requests about the inventory wait already');
  const ended = Promise.allSettled(waiting);
  await advisor.stop();
  expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});
