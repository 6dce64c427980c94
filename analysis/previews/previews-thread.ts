// The thread that makes previews: a client of its own that may only read.

import { workerData } from 'node:worker_threads';
import type { ApplicationsPreview, PreviewRequest } from '../../schemas/applications-preview.ts';
import { answerRequests } from '../../service/answer-requests.ts';
import { createStorage } from '../../storage/client.ts';
import { previewRecorded } from './preview.ts';
import type { PreviewsData } from './previews.ts';

const { storage: address, database, queryTimeoutMs, history, ephemeralPorts } = workerData as PreviewsData;
const storage = createStorage({ ...address, database, queryTimeoutMs });
answerRequests<PreviewRequest, ApplicationsPreview>(question =>
  previewRecorded(storage, question, history, { ephemeralPorts }),
);
