// Previews of an applications document, made in a thread of their own (previews-thread.ts): enriching a hundred thousand
// groups twice takes seconds, in which the API answers others and the advisor reports the coverage of their cells.

import { Worker } from 'node:worker_threads';
import type { ApplicationsPreview, PreviewRequest } from '../../schemas/applications-preview.ts';
import type { Log } from '../../service/log.ts';
import { RequestThread } from '../../service/request-thread.ts';
import type { RecordedData } from '../recorded-data.ts';

export interface PreviewsData extends RecordedData {
  readonly ephemeralPorts: readonly string[];
}

export const PREVIEWS_MAX = 4;
const PREVIEW_MS_MAX = 60_000;

export interface Previews {
  /** Rejects with a message for people when it is busy, late or gone. */
  request(question: PreviewRequest): Promise<ApplicationsPreview>;
  stop(): Promise<void>;
}

export interface PreviewsOptions {
  readonly log: Log;
  readonly answerMsMax?: number;
  readonly questionsMax?: number;
}

export function createPreviews(data: PreviewsData, options: PreviewsOptions): Previews {
  const { log, answerMsMax = PREVIEW_MS_MAX, questionsMax = PREVIEWS_MAX } = options;
  const thread = new RequestThread<PreviewRequest, ApplicationsPreview>({
    log,
    spawn: () => new Worker(new URL('./previews-thread.ts', import.meta.url), { workerData: data }),
    answerMsMax,
    requestsMax: questionsMax,
    words: {
      name: 'previews thread',
      busy: 'previews wait already; try again',
      late: 'the preview was not made within',
      crashed: 'the thread that makes previews crashed; try again',
    },
  });
  return { request: question => thread.request(question), stop: () => thread.stop() };
}
