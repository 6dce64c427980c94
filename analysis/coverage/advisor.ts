// The advisor seen from the main thread: requests about the documents, answered by advisor-thread.ts. An answer of
// `undefined`: there is no inventory.

import { Worker } from 'node:worker_threads';
import type { AdvisorAnswer, AdvisorRequest } from '../../schemas/coverage.ts';
import type { Log } from '../../service/log.ts';
import { RequestThread } from '../../service/request-thread.ts';
import type { RecordedData } from '../recorded-data.ts';

export interface AdvisorData extends RecordedData {
  /** As in the configuration. */
  readonly clock: string;
}

export const QUESTIONS_MAX = 16;
const ANSWER_MS_MAX = 30_000;

export interface Advisor {
  /** Rejects with a message for people when it is busy, late or gone. */
  request(question: AdvisorRequest): Promise<AdvisorAnswer>;
  stop(): Promise<void>;
}

export interface AdvisorOptions {
  readonly log: Log;
  readonly answerMsMax?: number;
  readonly questionsMax?: number;
  readonly spawn?: (data: AdvisorData) => Worker;
}

export function createAdvisor(data: AdvisorData, options: AdvisorOptions): Advisor {
  const { log, answerMsMax = ANSWER_MS_MAX, questionsMax = QUESTIONS_MAX, spawn = spawnThread } = options;
  const thread = new RequestThread<AdvisorRequest, AdvisorAnswer>({
    log,
    spawn: () => spawn(data),
    answerMsMax,
    requestsMax: questionsMax,
    words: {
      name: 'advisor thread',
      busy: 'requests about the inventory wait already; try again',
      late: 'the inventory gave no answer within',
      crashed: 'the thread that holds the inventory crashed; try again',
    },
  });
  return { request: question => thread.request(question), stop: () => thread.stop() };
}

function spawnThread(data: AdvisorData): Worker {
  return new Worker(new URL('./advisor-thread.ts', import.meta.url), { workerData: data });
}
