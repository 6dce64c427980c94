// Works on documents.

import { answerRequests } from '../../service/answer-requests.ts';
import { type Done, doWork, type Work, type WorkInput } from './check.ts';

answerRequests(
  ({ work, input }: { readonly work: Work; readonly input: WorkInput<Work> }): Done<Work> => doWork(work, input),
);
