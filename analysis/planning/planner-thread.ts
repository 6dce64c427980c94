// The planner's thread: a client of its own that may only read.

import { workerData } from 'node:worker_threads';
import type { PlannerAnswer, PlannerRequest } from '../../schemas/planning.ts';
import { answerRequests } from '../../service/answer-requests.ts';
import { createClock } from '../../service/clock.ts';
import { createStorage } from '../../storage/client.ts';
import type { PlannerData } from './planner.ts';
import { Planning } from './planning.ts';

const { storage: address, database, queryTimeoutMs, history, clock, limits } = workerData as PlannerData;
const storage = createStorage({ ...address, database, queryTimeoutMs, ...(limits && { limits }) });
const planning = new Planning(storage, history, createClock(clock).nowMs);
answerRequests<PlannerRequest, PlannerAnswer>(request => planning.answer(request));
