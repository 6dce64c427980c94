// The advisor's thread: a client of its own that may only read, one question after the other.

import { parentPort, workerData } from 'node:worker_threads';
import { createStorage } from '../storage/client.ts';
import { createAdvice } from './advice.ts';
import type { AdvisorAnswered, AdvisorAsked, AdvisorData } from './messages.ts';

const { storage: address, database, queryTimeoutMs, history } = workerData as AdvisorData;
const storage = createStorage({ ...address, database, queryTimeoutMs });
const advice = createAdvice(storage, history);
let last: Promise<void> = Promise.resolve();

parentPort!.on('message', ({ id, question }: AdvisorAsked) => {
  last = last.then(async () => {
    const answered: AdvisorAnswered = await advice.answer(question).then(
      answer => ({ id, answer }),
      (error: unknown) => ({ id, failure: error instanceof Error ? error.message : String(error) }),
    );
    parentPort!.postMessage(answered);
  });
});
