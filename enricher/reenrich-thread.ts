// One re-enrichment or erasure, as a thread with a ClickHouse client of its own.

import { parentPort, workerData } from 'node:worker_threads';
import { HairpinError } from '../service/errors.ts';
import { createLog } from '../service/log.ts';
import { createStorage } from '../storage/client.ts';
import { countBeside, eraseBeside, toldOf } from './erase.ts';
import { reenrich } from './reenrich.ts';
import type { ReenrichData, ReenrichMessage } from './reenrichments.ts';

const { configuration, storage: address, request } = workerData as ReenrichData;
const log = createLog('reenrich', configuration.logLevel);
const storage = createStorage({
  ...address,
  database: configuration.clickhouseDatabase,
  // Lists of batches read a whole day.
  queryTimeoutMs: Math.max(configuration.queryTimeoutMs, 300_000),
});
const stop = new AbortController();
parentPort!.once('message', () => stop.abort());
const tell = (message: ReenrichMessage) => parentPort!.postMessage(message);

const { erase, dryRun } = request;

try {
  if (configuration.clickhouseForm !== 'single')
    throw new HairpinError(
      'REENRICHMENT_REFUSED',
      `the fence before a day and the swap of its partitions hold within one server, and this is --clickhouse-form ${configuration.clickhouseForm}; correct documents before traffic comes`,
    );
  if (erase !== undefined) tell({ type: 'beside', beside: await countBeside(storage, erase) });
  await reenrich(configuration, request, {
    storage,
    log,
    signal: stop.signal,
    onProgress: report => tell({ type: 'progress', report }),
  });
  if (erase !== undefined && !dryRun && !stop.signal.aborted) await eraseBeside(storage, erase, stop.signal);
} catch (error) {
  if (erase === undefined) {
    log.error({ err: error }, 're-enrichment ended early; begun again, it goes on');
    tell({ type: 'failed', message: (error as Error).message });
  } else {
    log.debug({ err: error }, 'what ended the erasure');
    log.error({ reason: toldOf(error) }, 'erasure ended early; begun again, it goes on');
    tell({ type: 'failed', message: toldOf(error) });
  }
} finally {
  await storage.close();
  parentPort!.close();
}
