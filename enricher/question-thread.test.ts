import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { createLog } from '../service/log.ts';
import { createQuestionThread } from './question-thread.ts';

const folder = mkdtempSync(join(tmpdir(), 'hairpin-test-question-thread-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A thread that answers a question after as many ms as it says, and never where that is negative. */
const program = join(folder, 'thread.mjs');
writeFileSync(
  program,
  `import { setTimeout } from 'node:timers/promises';
   import { answerQuestions } from ${JSON.stringify(new URL('./answer-questions.ts', import.meta.url).href)};
   answerQuestions(ms => (ms < 0 ? new Promise(() => {}) : setTimeout(ms, ms)));`,
);
const NEVER = -1;

const create = (answerMsMax: number) =>
  createQuestionThread<number, number>({
    log: createLog('test', 'error'),
    program: pathToFileURL(program),
    data: {},
    answerMsMax,
    questionsMax: 4,
    words: { name: 'the thread', busy: 'wait already', late: 'no answer within', died: 'died' },
  });

test('the time of a question begins when those before it are answered', async () => {
  const thread = create(2500);
  await expect(Promise.all([1000, 1001, 1002].map(thread.ask))).resolves.toEqual([1000, 1001, 1002]);
  await thread.stop();
});

test('one that is late ends its thread; those that wait behind it are answered by the next', async () => {
  const thread = create(1500);
  const ends = await Promise.allSettled([NEVER, 1, NEVER, 2].map(thread.ask));
  expect(ends.map(end => (end.status === 'fulfilled' ? end.value : (end.reason as Error).message))).toEqual([
    'no answer within 1.5 s; ask again, or for less',
    1,
    'no answer within 1.5 s; ask again, or for less',
    2,
  ]);
  await thread.stop();
});

test('all that wait are told when it is stopped', async () => {
  const thread = create(30_000);
  const ends = Promise.allSettled([NEVER, 1].map(thread.ask));
  await thread.stop();
  expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(thread.ask(1)).rejects.toThrow('being stopped');
});
