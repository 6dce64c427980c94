import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import pino from 'pino';
import { afterAll, afterEach, expect, test } from 'vitest';
import { type Crash, SupervisedWorker, type WorkerOptions } from './worker.ts';

const folder = mkdtempSync(join(tmpdir(), 'hairpin-test-worker-'));
const program = join(folder, 'thread.mjs');
/** Each thread does what its workerData says, then what it is ordered to do. */
writeFileSync(
  program,
  `import { parentPort, workerData } from 'node:worker_threads';
   const act = order => {
     if (order === 'throw') throw new Error('no luck');
     if (order === 'exit') process.exit(3);
     if (order === 'stop') parentPort.close();
     else parentPort.postMessage(order);
   };
   parentPort.on('message', act);
   act(workerData);`,
);
/** Starting a thread takes a second where the machine is busy. */
const POLL = { timeout: 10_000 };
let opened: SupervisedWorker<string, string> | undefined;
afterEach(() => opened?.terminate());
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A worker whose first threads begin with `lives`, the last of them again and again. */
function open(lives: readonly string[], options: Partial<WorkerOptions<string>> = {}) {
  let launched = 0;
  const spawned: boolean[] = [];
  const crashes: Crash[] = [];
  const worker = new SupervisedWorker<string, string>({
    name: 'test thread',
    log: pino({ level: 'silent' }),
    spawn(restarted) {
      spawned.push(restarted);
      return new Worker(pathToFileURL(program), { workerData: lives[Math.min(launched++, lives.length - 1)] });
    },
    isStarted(message) {
      if (message === 'refused') throw new Error('it cannot start');
      return message === 'started';
    },
    onExit: crash => crashes.push(crash),
    ...options,
  });
  opened = worker;
  return { worker, spawned, crashes };
}

test('a start resolves with the message that reports it', async () => {
  const messages: string[] = [];
  const { worker } = open(['started'], { onMessage: message => messages.push(message) });
  expect(worker.running).toBe(false);
  await expect(worker.start()).resolves.toBe('started');
  expect(worker.running).toBe(true);
  worker.post('hello');
  await expect.poll(() => messages, POLL).toEqual(['started', 'hello']);
});

test('a thread that cannot start, throws or ends before rejects the start and is not restarted', async () => {
  const restart = { pauseMsMin: 1, pauseMsMax: 1, onTry: () => expect.unreachable() };
  for (const [life, reason] of [
    ['refused', 'it cannot start'],
    ['throw', 'no luck'],
    ['exit', 'the test thread ended with code 3 before it had started'],
  ] as const) {
    const { worker, crashes } = open([life], { restart });
    await expect(worker.start()).rejects.toThrow(reason);
    expect(worker.running).toBe(false);
    await expect.poll(() => crashes.map(({ started }) => started), POLL).toEqual([false]);
  }
});

test('after a crash it is restarted until it starts, and each try is counted', async () => {
  let tries = 0;
  const restart = { pauseMsMin: 1, pauseMsMax: 4, onTry: () => void tries++ };
  const { worker, spawned, crashes } = open(['started', 'throw', 'exit', 'refused', 'started'], { restart });
  await worker.start();
  worker.post('throw');
  await expect.poll(() => spawned, POLL).toEqual([false, true, true, true, true]);
  await expect.poll(() => worker.running, POLL).toBe(true);
  expect(tries).toBe(4);
  expect(crashes.map(({ started, error }) => [started, error?.message])).toEqual([
    [true, 'no luck'],
    [false, 'no luck'],
    [false, undefined],
    [false, undefined],
  ]);
});

test('without a restart it stays down, and an order is lost', async () => {
  const { worker, crashes, spawned } = open(['started']);
  await worker.start();
  worker.post('exit');
  await expect.poll(() => crashes, POLL).toEqual([{ code: 3, error: undefined, started: true }]);
  worker.post('hello');
  expect(worker.running).toBe(false);
  expect(spawned).toEqual([false]);
});

test('a stop waits for the end of the thread, which is no crash', async () => {
  let worker_: Worker | undefined;
  const { worker, crashes } = open(['started'], {
    spawn() {
      worker_ = new Worker(pathToFileURL(program), { workerData: 'started' });
      return worker_;
    },
    restart: { pauseMsMin: 1, pauseMsMax: 1, onTry: () => expect.unreachable() },
  });
  await worker.start();
  const exited = once(worker_!, 'exit');
  await worker.stop('stop');
  await exited;
  expect(worker.running).toBe(false);
  expect(crashes).toEqual([]);
});

test('a stop ends the pause before a restart', async () => {
  const { worker, spawned } = open(['started'], {
    restart: { pauseMsMin: 600_000, pauseMsMax: 600_000, onTry: () => expect.unreachable() },
  });
  await worker.start();
  worker.post('exit');
  await expect.poll(() => worker.running, POLL).toBe(false);
  await worker.stop('stop');
  expect(spawned).toEqual([false]);
});
