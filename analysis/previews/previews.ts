// Previews of an applications document, made in a thread of their own (previews-thread.ts): enriching a hundred thousand
// groups twice takes seconds, in which the API answers others and the advisor tells the coverage of their cells.

import { createQuestionThread, type QuestionThread } from '../../enricher/question-thread.ts';
import type { ApplicationsPreview, PreviewQuestion } from '../../schemas/applications-preview.ts';
import type { Log } from '../../service/log.ts';
import type { RecordedData } from '../recorded-data.ts';

export interface PreviewsData extends RecordedData {
  readonly ephemeralPorts: readonly string[];
}

export const PREVIEWS_MAX = 4;
const PREVIEW_MS_MAX = 60_000;

export type Previews = QuestionThread<PreviewQuestion, ApplicationsPreview>;

export interface PreviewsOptions {
  readonly log: Log;
  readonly answerMsMax?: number;
  readonly questionsMax?: number;
}

export function createPreviews(data: PreviewsData, options: PreviewsOptions): Previews {
  return createQuestionThread({
    answerMsMax: PREVIEW_MS_MAX,
    questionsMax: PREVIEWS_MAX,
    ...options,
    program: new URL('./previews-thread.ts', import.meta.url),
    data,
    words: {
      name: 'the thread of previews',
      busy: 'previews wait already; ask again',
      late: 'the preview was not made within',
      died: 'the thread that makes previews died; ask again',
    },
  });
}
