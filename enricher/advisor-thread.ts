// The advisor's thread: a client of its own that may only read.

import { createClock } from '../service/clock.ts';
import { threadData } from '../service/compile-cache.ts';
import { createStorage } from '../storage/client.ts';
import { createAdvice } from './advice.ts';
import { answerQuestions } from './answer-questions.ts';
import type { AdvisorData } from './messages.ts';

const { storage: address, database, queryTimeoutMs, history, clock } = threadData<AdvisorData>();
const storage = createStorage({ ...address, database, queryTimeoutMs });
answerQuestions(createAdvice(storage, history, createClock(clock).nowMs).answer);
