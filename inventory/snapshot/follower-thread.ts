// The follower of the inventory as a thread of its own, with a ClickHouse client of its own. What it compiles lies in shared
// memory, so that handing it over takes no time that grows with the inventory.

import { parentPort, workerData } from 'node:worker_threads';
import { DocumentError } from '../../schemas/documents.ts';
import { FACT_LIFE_MS } from '../../schemas/facts.ts';
import { createClock } from '../../service/clock.ts';
import { openCounters } from '../../service/counters.ts';
import { createLog } from '../../service/log.ts';
import { openStorage } from '../../storage/sharded.ts';
import type { StoredFact } from '../../storage/tables/facts.ts';
import { recentFacts } from '../../storage/tables/facts.ts';
import { INVENTORY_COUNTERS } from '../counters.ts';
import { FACTS_MAX } from '../sources/exporter-facts.ts';
import type { KnowledgeData, KnowledgeMessage, KnowledgeRequest } from './feed.ts';
import { InventoryFollower } from './follower.ts';
import { share } from './share.ts';

/** What is on its way to be recorded at a stop has so long. */
const STOP_MS_MAX = 5000;

const { configuration, storage: address, counters, restarted } = workerData as KnowledgeData;
const log = createLog('knowledge', configuration.logLevel);
const { nowMs } = createClock(configuration.clock);
const storage = openStorage({ ...address, form: configuration, queryTimeoutMs: configuration.queryTimeoutMs });
const deadline = new AbortController();
const post = (message: KnowledgeMessage) => parentPort!.postMessage(message);
const follower = new InventoryFollower(configuration, {
  storage,
  log,
  counters: openCounters(INVENTORY_COUNTERS, counters),
  signal: deadline.signal,
  finish: share,
  nowMs,
  onUpdate: update => post({ type: 'update', update }),
});

/** What exporters exported within the last day; they export it again within ten minutes where storage does not answer. */
async function storedFacts(): Promise<StoredFact[]> {
  try {
    return await recentFacts(storage, nowMs() - FACT_LIFE_MS, FACTS_MAX);
  } catch (error) {
    log.warn({ err: error }, 'the stored facts cannot be read; exporters export them again');
    return [];
  }
}

async function stop(): Promise<void> {
  const timer = setTimeout(() => deadline.abort(), STOP_MS_MAX);
  await follower.stop();
  clearTimeout(timer);
  deadline.abort();
  await storage.close();
  parentPort!.close();
}

parentPort!.on('message', (message: KnowledgeRequest) => {
  if (message.type === 'facts') follower.learnFacts(message.arrow);
  else if (message.type === 'stop') void stop();
  else {
    follower.request(message.moments);
    post({ type: 'answered', number: message.number });
  }
});

try {
  await follower.start(restarted, await storedFacts());
  post({ type: 'started' });
} catch (error) {
  if (!(error instanceof DocumentError)) throw error;
  post({ type: 'refused', error: error.faults });
}
