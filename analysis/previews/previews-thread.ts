// The thread that makes previews: a client of its own that may only read.

import { answerQuestions } from '../../enricher/answer-questions.ts';
import type { ApplicationsPreview, PreviewQuestion } from '../../schemas/applications-preview.ts';
import { threadData } from '../../service/compile-cache.ts';
import { createStorage } from '../../storage/client.ts';
import { previewRecorded } from './preview.ts';
import type { PreviewsData } from './previews.ts';

const { storage: address, database, queryTimeoutMs, history, ephemeralPorts } = threadData<PreviewsData>();
const storage = createStorage({ ...address, database, queryTimeoutMs });
answerQuestions<PreviewQuestion, ApplicationsPreview>(question =>
  previewRecorded(storage, question, history, { ephemeralPorts }),
);
