// The advisor seen from the thread that asks: questions about the documents, answered by advisor-thread.ts. An answer of
// `undefined`: there is no inventory.

import { createQuestionThread, type QuestionThread } from '../../enricher/question-thread.ts';
import type { AdvisorAnswer, AdvisorQuestion } from '../../schemas/coverage.ts';
import type { Log } from '../../service/log.ts';
import type { RecordedData } from '../recorded-data.ts';

export interface AdvisorData extends RecordedData {
  /** As in the configuration. */
  readonly clock: string;
}

export const QUESTIONS_MAX = 16;
const ANSWER_MS_MAX = 30_000;

export type Advisor = QuestionThread<AdvisorQuestion, AdvisorAnswer>;

export interface AdvisorOptions {
  readonly log: Log;
  readonly answerMsMax?: number;
  readonly questionsMax?: number;
  /** What the thread runs. */
  readonly program?: URL;
}

export function createAdvisor(data: AdvisorData, options: AdvisorOptions): Advisor {
  return createQuestionThread({
    program: new URL('./advisor-thread.ts', import.meta.url),
    answerMsMax: ANSWER_MS_MAX,
    questionsMax: QUESTIONS_MAX,
    ...options,
    data,
    words: {
      name: 'the advisor',
      busy: 'questions about the inventory wait already; ask again',
      late: 'the inventory gave no answer within',
      died: 'the thread that holds the inventory died; ask again',
    },
  });
}
