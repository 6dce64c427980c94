// The advisor's thread: a client of its own that may only read.

import { workerData } from 'node:worker_threads';
import { createClock } from '../service/clock.ts';
import { createStorage } from '../storage/client.ts';
import { createAdvice } from './advice.ts';
import { answerQuestions } from './answer-questions.ts';
import type { AdvisorData } from './messages.ts';

const { storage: address, database, queryTimeoutMs, history, clock } = workerData as AdvisorData;
const storage = createStorage({ ...address, database, queryTimeoutMs });
answerQuestions(createAdvice(storage, history, createClock(clock).nowMs).answer);
