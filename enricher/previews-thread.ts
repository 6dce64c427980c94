// The thread that makes previews: a client of its own that may only read.

import { workerData } from 'node:worker_threads';
import type { ApplicationsPreview, PreviewQuestion } from '../schemas/applications-preview.ts';
import { createStorage } from '../storage/client.ts';
import { answerQuestions } from './answer-questions.ts';
import type { PreviewsData } from './messages.ts';
import { previewRecorded } from './preview.ts';

const { storage: address, database, queryTimeoutMs, history, ephemeralPorts } = workerData as PreviewsData;
const storage = createStorage({ ...address, database, queryTimeoutMs });
answerQuestions<PreviewQuestion, ApplicationsPreview>(question =>
  previewRecorded(storage, question, history, { ephemeralPorts }),
);
