// Checks snapshots.

import { answerRequests } from '../../service/answer-requests.ts';
import { threadData } from '../../service/compile-cache.ts';
import { checkSnapshot } from './check.ts';

threadData<undefined>();
answerRequests((bytes: Uint8Array) => checkSnapshot(bytes));
