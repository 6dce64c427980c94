// The advisor's thread: a client of its own that may only read.

import { workerData } from 'node:worker_threads';
import { answerRequests } from '../../service/answer-requests.ts';
import { createClock } from '../../service/clock.ts';
import { createStorage } from '../../storage/client.ts';
import { createAdvice } from './advice.ts';
import type { AdvisorData } from './advisor.ts';

const { storage: address, database, queryTimeoutMs, history, clock } = workerData as AdvisorData;
const storage = createStorage({ ...address, database, queryTimeoutMs });
answerRequests(createAdvice(storage, history, createClock(clock).nowMs).answer);
