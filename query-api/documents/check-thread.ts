// Checks snapshots.

import { answerRequests } from '../../service/answer-requests.ts';
import { checkSnapshot } from './check.ts';

answerRequests((bytes: Uint8Array) => checkSnapshot(bytes));
