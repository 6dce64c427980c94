// The planner seen from the main thread: requests about links and moves, answered by planner-thread.ts. An answer of
// `undefined`: there is no inventory.

import { Worker } from 'node:worker_threads';
import type { PlannerAnswer, PlannerRequest } from '../../schemas/planning.ts';
import type { Log } from '../../service/log.ts';
import { RequestThread } from '../../service/request-thread.ts';
import type { ReadLimits } from '../../storage/client.ts';
import type { RecordedData } from '../recorded-data.ts';

export interface PlannerData extends RecordedData {
  /** As in the configuration. */
  readonly clock: string;
  /** Of each query. */
  readonly limits?: ReadLimits;
}

const REQUESTS_MAX = 8;
const ANSWER_MS_MAX = 60_000;

export interface Planner {
  /** Rejects with a message for people when it is busy, late or gone. */
  request(question: PlannerRequest): Promise<PlannerAnswer>;
  stop(): Promise<void>;
}

export interface PlannerOptions {
  readonly log: Log;
  readonly answerMsMax?: number;
  readonly requestsMax?: number;
  readonly spawn?: (data: PlannerData) => Worker;
}

export function createPlanner(data: PlannerData, options: PlannerOptions): Planner {
  const { log, answerMsMax = ANSWER_MS_MAX, requestsMax = REQUESTS_MAX, spawn = spawnThread } = options;
  const thread = new RequestThread<PlannerRequest, PlannerAnswer>({
    log,
    spawn: () => spawn(data),
    answerMsMax,
    requestsMax,
    words: {
      name: 'planner thread',
      busy: 'requests about links wait already; try again',
      late: 'the planner gave no answer within',
      advice: 'choose a shorter window',
      crashed: 'the thread of the planner crashed; try again',
    },
  });
  return { request: question => thread.request(question), stop: () => thread.stop() };
}

function spawnThread(data: PlannerData): Worker {
  return new Worker(new URL('./planner-thread.ts', import.meta.url), { workerData: data });
}
