// Re-enrichments and erasures, one at a time, as a thread with a ClickHouse client of its own.

import { workerData } from 'node:worker_threads';
import { answerRequests } from '../../service/answer-requests.ts';
import { HairpinError } from '../../service/errors.ts';
import { createLog } from '../../service/log.ts';
import { createStorage } from '../../storage/client.ts';
import { countBeside, eraseBeside, reportedOf } from '../erasure/erase.ts';
import { type DayReport, reenrich } from './reenrich.ts';
import type { ReenrichData, ReenrichProgress, RunRequest } from './reenrichments.ts';
import { refuseRepair, repair } from './repair.ts';

const { configuration, storage: address } = workerData as ReenrichData;
const log = createLog('reenrich', configuration.logLevel);

answerRequests<RunRequest, void, ReenrichProgress>(async (request, { signal, report }) => {
  const { erase, dryRun } = request;
  const storage = createStorage({
    ...address,
    database: configuration.clickhouseDatabase,
    // Lists of batches read a whole day.
    queryTimeoutMs: Math.max(configuration.queryTimeoutMs, 300_000),
  });
  try {
    if (configuration.clickhouseForm !== 'single') {
      const reason = `the fence before a day and the swap of its partitions hold within one server, and this is --clickhouse-form ${configuration.clickhouseForm}`;
      if (request.repair) return await refuseRepair(storage, reason);
      throw new HairpinError('REENRICHMENT_REFUSED', `${reason}; correct documents before traffic comes`);
    }
    const onProgress = (day: DayReport) => report({ type: 'day', report: day });
    if (request.repair) {
      await repair(configuration, { storage, log, signal, onProgress });
      return;
    }
    if (erase !== undefined) report({ type: 'beside', beside: await countBeside(storage, erase) });
    await reenrich(configuration, request, { storage, log, signal, onProgress });
    if (erase !== undefined && !dryRun && !signal.aborted) await eraseBeside(storage, erase, configuration, signal);
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
