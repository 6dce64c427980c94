// The enricher as a thread of its own: the spool as source, a ClickHouse client of its own, and the scheduled roll-up.

import { randomUUID } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { LivenessJudge } from '../inventory/liveness/liveness-judge.ts';
import { createThreadFeed } from '../inventory/snapshot/feed.ts';
import type { Snapshot } from '../inventory/snapshot/snapshot.ts';
import { FACTS_MAX } from '../inventory/sources/exporter-facts.ts';
import { DocumentError } from '../schemas/documents.ts';
import { FACT_LIFE_MS } from '../schemas/facts.ts';
import { createClock } from '../service/clock.ts';
import { openCounters } from '../service/counters.ts';
import { createLog } from '../service/log.ts';
import { Learning } from '../storage/learning/learning.ts';
import { auditDays } from '../storage/rewrite/rebuild.ts';
import { recoverFences } from '../storage/rewrite/recovery.ts';
import { RollupLeader } from '../storage/rollup/rollup-leader.ts';
import { ScheduledRollup } from '../storage/rollup/scheduled-rollup.ts';
import { openStorage } from '../storage/sharded.ts';
import { recentFacts, type StoredFact } from '../storage/tables/facts.ts';
import { createKafka } from '../transport/kafka/kafka.ts';
import { KAFKA_SOURCE_COUNTERS, KafkaSource } from '../transport/kafka/source.ts';
import { SpoolSource } from '../transport/spool/source.ts';
import type { BatchSource } from '../transport/transport.ts';
import { ENRICHER_COUNTERS } from './counters.ts';
import { isOutside } from './endpoints/entry-filler.ts';
import { Enricher } from './enricher.ts';
import type { EnricherData, EnricherMessage } from './messages.ts';
import { Progress } from './progress.ts';
import { createServicesExchange } from './services-exchange.ts';
import { LearnedServices } from './stages/learned-services.ts';
import { openPrivacy } from './stages/privacy.ts';
import { ephemeralBits } from './stages/server-side.ts';

const ROLLUP_INTERVAL_MS = 5000;
const JUDGE_INTERVAL_MS = 10_000;
const LEARNING_INTERVAL_MS = 60_000;
const AUDIT_INTERVAL_MS = 600_000;
const DAY_QUESTION_MS = 300_000;
const EXIT_MS_MAX = 500;

const { configuration, storage: address, counters, carrier, restarted } = workerData as EnricherData;
const log = createLog('enricher', configuration.logLevel);
const { nowMs, speed } = createClock(configuration.clock);
const storage = openStorage({ ...address, form: configuration, queryTimeoutMs: configuration.queryTimeoutMs });
const source = openSource();
const counted = openCounters(ENRICHER_COUNTERS, counters);
const services = new LearnedServices({ ephemeral: ephemeralBits(configuration.ephemeralPorts) });
const feed = createThreadFeed({ configuration, storage: address, counters });
const privacy = openPrivacy(configuration);
const enricher = new Enricher(configuration, {
  source,
  storage,
  log,
  counters: counted,
  services,
  nowMs,
  feed,
  privacy,
});
const exchange = createServicesExchange({
  services,
  storage,
  log,
  counters: counted,
  nowMs,
  ...(privacy && { mayStore: address => !isOutside(newestSnapshot(), address) }),
});
const progress = new Progress(randomUUID(), { storage, log, backlog: () => source.backlog() });
const rollup = new ScheduledRollup({ storage, log });
const learning = new Learning({ storage, log });
/** Questions of the audit read a day. */
const auditing = openStorage({
  ...address,
  form: configuration,
  queryTimeoutMs: Math.max(configuration.queryTimeoutMs, DAY_QUESTION_MS),
});
const leader = new RollupLeader(storage);
const { spanMsMax } = configuration;
const judge = new LivenessJudge({ storage, log, nowMs, speed, spanMsMax });

/** Batches of the spool, or of Kafka; `stop` lets go of what this thread holds of the carrier. */
function openSource(): BatchSource & { stop(): Promise<void> } {
  if ('kafka' in carrier) {
    const kafka = new KafkaSource(carrier.kafka, {
      kafka: createKafka(carrier.kafka, `hairpin-enricher-${process.pid}`, log),
      members: createKafka(carrier.kafka, `hairpin-enricher-${process.pid}`, log, true),
      log,
      counters: openCounters(KAFKA_SOURCE_COUNTERS, carrier.counters),
    });
    kafka.start();
    return kafka;
  }
  const { spool, announced } = carrier;
  const kept = new SpoolSource(spool);
  announced.on('message', (token: string) => kept.announce(token));
  return {
    next: () => kept.next(),
    backlog: () => kept.backlog(),
    close: () => kept.close(),
    async stop() {
      kept.close();
      announced.close();
    },
  };
}

function newestSnapshot(): Snapshot {
  const { knowledge } = feed;
  return knowledge.snapshotAt(knowledge.starts.length - 1);
}

const report = (message: EnricherMessage) => parentPort!.postMessage(message);

/** A re-enrichment that died may have left a fence, and inserts wait behind it. */
async function recover(): Promise<void> {
  const recovered = await recoverFences(storage);
  if (recovered > 0) log.warn('a re-enrichment had died; what it had begun to swap is swapped, and inserts go on');
}

let auditedAtMs = 0;
/** Beside the scheduled roll-up, which goes on: a large day takes a while. */
let audit: Promise<void> | undefined;
async function rollUpAndAudit(signal: AbortSignal): Promise<void> {
  await judgeLiveness();
  await rollup.run(Date.now());
  learn();
  if (audit || Date.now() - auditedAtMs < AUDIT_INTERVAL_MS) return;
  auditedAtMs = Date.now();
  audit = auditOnce(signal).finally(() => {
    audit = undefined;
  });
}

let judgedAtMs = 0;
async function judgeLiveness(): Promise<void> {
  if (Date.now() - judgedAtMs < JUDGE_INTERVAL_MS) return;
  judgedAtMs = Date.now();
  try {
    const rows = await judge.run();
    for (const { state } of rows) counted.add(`liveness ${state}`);
  } catch (error) {
    log.warn({ err: error }, 'which exporters are silent could not be decided; it is repeated');
  }
}

let learnedAtMs = 0;
/** Beside the scheduled roll-up too: a round reads the records of minutes. */
let learningRound: Promise<void> | undefined;
function learn(): void {
  if (learningRound || Date.now() - learnedAtMs < LEARNING_INTERVAL_MS) return;
  learnedAtMs = Date.now();
  learningRound = learnOnce().finally(() => {
    learningRound = undefined;
  });
}

async function learnOnce(): Promise<void> {
  try {
    await learning.run(nowMs());
  } catch (error) {
    log.warn({ err: error }, 'a round of learning which exporters see the same failed; it is repeated');
  }
}

async function auditOnce(signal: AbortSignal): Promise<void> {
  try {
    const { audited, rebuilt } = await auditDays({ storage: auditing, log, signal }, nowMs());
    counted.add('daysAudited', audited.length);
    counted.add('daysRebuilt', rebuilt.length);
  } catch (error) {
    log.warn({ err: error }, 'roll-ups could not be compared with their records; it is repeated');
  }
}

/** One scheduled roll-up after the other until the stop. */
async function keepRollingUp(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await recover().catch(error => log.warn({ err: error }, 'fences cannot be looked for; it is repeated'));
    const leads = await leader
      .ifLeader(() => rollUpAndAudit(signal))
      .catch(error => log.warn({ err: error }, 'the scheduled roll-up failed; it is repeated'));
    // Another one may decide meanwhile.
    if (!leads) judge.forget();
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ROLLUP_INTERVAL_MS);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

/** What exporters exported within the last day; they export it again within ten minutes where storage does not answer. */
async function storedFacts(): Promise<StoredFact[]> {
  try {
    return await recentFacts(storage, nowMs() - FACT_LIFE_MS, FACTS_MAX);
  } catch (error) {
    log.warn({ err: error }, 'the stored facts cannot be read; exporters export them again');
    return [];
  }
}

try {
  await exchange.start();
  await enricher.start(restarted, await storedFacts());
  const stopping = new AbortController();
  progress.start();
  const rollingUp = keepRollingUp(stopping.signal);
  parentPort!.once('message', async () => {
    stopping.abort();
    await enricher.stop();
    await exchange.stop();
    await progress.stop();
    await source.stop();
    await rollingUp;
    await audit;
    await learningRound;
    await leader.resign().catch(() => {}); // then the next one waits until this one is silent for long enough
    await Promise.all([storage, auditing].map(client => client.close()));
    parentPort!.close();
    // A client that looks for Kafka would keep the thread.
    setTimeout(() => process.exit(), EXIT_MS_MAX).unref();
  });
  report({ type: 'started' });
} catch (error) {
  if (!(error instanceof DocumentError)) throw error;
  report({ type: 'refused', message: error.message });
}
