// Re-enrichments and erasures, one at a time, as a thread with a ClickHouse client of its own.

import { workerData } from 'node:worker_threads';
import { answerRequests } from '../../service/answer-requests.ts';
import { HairpinError } from '../../service/errors.ts';
import { createLog } from '../../service/log.ts';
import { createStorage } from '../../storage/client.ts';
import { countBeside, eraseBeside, reportedOf } from '../erasure/erase.ts';
import { type ReenrichRequest, reenrich } from './reenrich.ts';
import type { ReenrichData, ReenrichProgress } from './reenrichments.ts';

const { configuration, storage: address } = workerData as ReenrichData;
const log = createLog('reenrich', configuration.logLevel);

answerRequests<ReenrichRequest, void, ReenrichProgress>(async (request, { signal, report }) => {
  const { erase, dryRun } = request;
  const storage = createStorage({
    ...address,
    database: configuration.clickhouseDatabase,
    // Lists of batches read a whole day.
    queryTimeoutMs: Math.max(configuration.queryTimeoutMs, 300_000),
  });
  try {
    if (configuration.clickhouseForm !== 'single')
      throw new HairpinError(
        'REENRICHMENT_REFUSED',
        `the fence before a day and the swap of its partitions hold within one server, and this is --clickhouse-form ${configuration.clickhouseForm}; correct documents before traffic comes`,
      );
    if (erase !== undefined) report({ type: 'beside', beside: await countBeside(storage, erase) });
    await reenrich(configuration, request, {
      storage,
      log,
      signal,
      onProgress: day => report({ type: 'day', report: day }),
    });
    if (erase !== undefined && !dryRun && !signal.aborted) await eraseBeside(storage, erase, signal);
  } catch (error) {
    if (erase === undefined) {
      log.error({ err: error }, 're-enrichment ended early; begun again, it goes on');
      throw error;
    }
    log.debug({ err: error }, 'what ended the erasure');
    log.error({ reason: reportedOf(error) }, 'erasure ended early; begun again, it goes on');
    throw new Error(reportedOf(error));
  } finally {
    await storage.close();
  }
});
