// The advisor's thread: a client of its own that may only read.

import { workerData } from 'node:worker_threads';
import type { AdvisorAnswer, AdvisorRequest } from '../../schemas/coverage.ts';
import { answerRequests } from '../../service/answer-requests.ts';
import { createClock } from '../../service/clock.ts';
import { createStorage } from '../../storage/client.ts';
import { Advice } from './advice.ts';
import type { AdvisorData } from './advisor.ts';

const { storage: address, database, queryTimeoutMs, history, clock } = workerData as AdvisorData;
const storage = createStorage({ ...address, database, queryTimeoutMs });
const advice = new Advice(storage, history, createClock(clock).nowMs);
answerRequests<AdvisorRequest, AdvisorAnswer>(question => advice.answer(question));
