import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, expect, test } from 'vitest';
import { createLog } from './log.ts';
import { RequestThread, type RequestThreadOptions } from './request-thread.ts';

const folder = mkdtempSync(join(tmpdir(), 'hairpin-test-request-thread-'));
const opened: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thread of opened.splice(0)) await thread.stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A thread that answers a request after as many ms as it says, and never where that is negative. */
const program = join(folder, 'thread.mjs');
writeFileSync(
  program,
  `import { once } from 'node:events';
   import { setTimeout } from 'node:timers/promises';
   import { threadId } from 'node:worker_threads';
   import { answerRequests } from ${JSON.stringify(new URL('./answer-requests.ts', import.meta.url).href)};
   answerRequests(async (request, { signal, report }) => {
     if (request === 'crash') process.nextTick(() => { throw new Error('out of luck'); });
     if (request === 'thread') return threadId;
     if (request instanceof Uint8Array) return request.length;
     if (request === 'cancel') {
       report('waiting');
       await once(signal, 'abort');
       return 'cancelled';
     }
     if (request === 'fail') throw new Error('no such request');
     return request === 'crash' || request < 0 ? new Promise(() => {}) : setTimeout(request, request);
   });`,
);
const NEVER = -1;

function create<Q = number, A = number, P = never>(options: Partial<RequestThreadOptions>): RequestThread<Q, A, P> {
  const thread = new RequestThread<Q, A, P>({
    log: createLog('test', 'error'),
    spawn: () => new Worker(pathToFileURL(program)),
    requestsMax: 4,
    words: { name: 'test thread', busy: 'wait already', late: 'no answer within', crashed: 'crashed' },
    ...options,
  });
  opened.push(thread);
  return thread;
}

test('the time of a request begins when those before it are answered', async () => {
  const thread = create({ answerMsMax: 2500 });
  const answers = [1000, 1001, 1002].map(ms => thread.request(ms));
  await expect(Promise.all(answers)).resolves.toEqual([1000, 1001, 1002]);
});

test('one that is late ends its thread; those that wait behind it are answered by the next', async () => {
  const thread = create({ answerMsMax: 1500 });
  const ends = await Promise.allSettled([NEVER, 1, NEVER, 2].map(ms => thread.request(ms)));
  expect(ends.map(end => (end.status === 'fulfilled' ? end.value : (end.reason as Error).message))).toEqual([
    'no answer within 1.5 s; try again, or request less',
    1,
    'no answer within 1.5 s; try again, or request less',
    2,
  ]);
});

test('all that wait are rejected when it is stopped', async () => {
  const thread = create({ answerMsMax: 30_000 });
  const ends = Promise.allSettled([NEVER, 1].map(ms => thread.request(ms)));
  await thread.stop();
  expect((await ends).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(thread.request(1)).rejects.toThrow('being stopped');
});

test('a bounded number waits, the one in work included', async () => {
  const thread = create({ requestsMax: 2 });
  const waiting = [thread.request(1), thread.request(2)];
  expect(thread.pending).toBe(2);
  await expect(thread.request(3)).rejects.toThrow('2 wait already');
  await expect(Promise.all(waiting)).resolves.toEqual([1, 2]);
  expect(thread.pending).toBe(0);
});

test('a failure is that of its request alone', async () => {
  const thread = create<number | string>({});
  const ends = [thread.request('fail'), thread.request(3)];
  await expect(ends[0]).rejects.toThrow('no such request');
  await expect(ends[1]).resolves.toBe(3);
});

test('a crash rejects what waits and names its cause; the next request starts the thread again', async () => {
  const thread = create<number | string>({});
  const ends = await Promise.allSettled([thread.request('crash'), thread.request(1)]);
  for (const end of ends) {
    expect(end.status).toBe('rejected');
    const { message, cause } = (end as PromiseRejectedResult).reason as Error;
    expect([message, (cause as Error).message]).toEqual(['crashed', 'out of luck']);
  }
  await expect(thread.request(4)).resolves.toBe(4);
});

test('a request reports progress, and decides what follows from its cancellation', async () => {
  const thread = create<string, string, string>({});
  const progress: string[] = [];
  const answer = thread.request('cancel', {
    onProgress(text) {
      progress.push(text);
      thread.cancel();
    },
  });
  await expect(answer).resolves.toBe('cancelled');
  expect(progress).toEqual(['waiting']);
});

test('a thread that ends when idle serves what waits, and the next request starts another', async () => {
  const thread = create<string>({ endsWhenIdle: true });
  const first = await Promise.all([thread.request('thread'), thread.request('thread')]);
  expect(first[0]).toBe(first[1]);
  expect(await thread.request('thread')).not.toBe(first[0]);
});

test('what is transferred is moved, also for a request that waits', async () => {
  const thread = create<number | Uint8Array>({});
  const bytes = new Uint8Array(1000);
  const answers = [thread.request(20), thread.request(bytes, { transfer: [bytes.buffer] })];
  await expect(Promise.all(answers)).resolves.toEqual([20, 1000]);
  expect(bytes.length).toBe(0);
});
