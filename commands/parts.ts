// Parts that several processes have: the spool, the query API, health. `start` has all of them in one process, `collector`,
// `enricher` and `query-api` have some (all-in-one.ts, services.ts).

import { createAdvisor } from '../analysis/coverage/advisor.ts';
import { createPlanner } from '../analysis/planning/planner.ts';
import { createPreviews } from '../analysis/previews/previews.ts';
import { ReenrichmentSupervisor } from '../analysis/reenrichment/reenrichments.ts';
import { RepairSchedule } from '../analysis/reenrichment/repairs.ts';
import { AlertEvaluator } from '../query-api/alerts/evaluator.ts';
import { createQueryApi } from '../query-api/app.ts';
import type { QueryApiConfiguration } from '../query-api/configuration.ts';
import { createHealthApi, type Dependency } from '../query-api/health.ts';
import type { Installation } from '../query-api/questions/installation.ts';
import { createClock } from '../service/clock.ts';
import type { Lifecycle } from '../service/lifecycle.ts';
import type { ProcessConfiguration } from '../service/process-keys.ts';
import type { SpoolConfiguration } from '../transport/configuration.ts';
import type { OpenedSpool } from '../transport/spool/spool.ts';
import { openSpool, refusing } from '../transport/spool/spool.ts';
import type { Address, StartedStorage } from './clickhouse.ts';
import { openReader } from './clickhouse.ts';
import type { Process } from './process.ts';

export function openProcessSpool({
  configuration,
  metrics,
  data,
}: Process<ProcessConfiguration & SpoolConfiguration>): OpenedSpool {
  const spool = openSpool({
    folder: data.folder('spool'),
    quarantine: data.folder('quarantine'),
    bytesMax: configuration.spoolBytesMax,
    quarantineBytesMax: configuration.quarantineBytesMax,
    durable: configuration.durable,
  });
  for (const counters of spool.counters) metrics.register(counters);
  return spool;
}

/** Whether batches of the collector find room. */
export function spoolHealth({ settings }: OpenedSpool): Dependency {
  const reason = refusing(settings, Date.now());
  const detail = {
    bound: 'is at --spool-bytes-max',
    'disk-full': 'is on a disk that is full',
    'too-large': 'has no room for a whole batch: raise --spool-bytes-max',
    io: 'cannot be written',
  };
  return reason
    ? { name: 'spool', ok: false, detail: `${detail[reason]}; the newest rows are refused and lost` }
    : { name: 'spool', ok: true, detail: 'has room' };
}

export interface QueryApiParts {
  readonly storage: StartedStorage;
  /** A user of ClickHouse that may only read. */
  readonly reader: Address;
  readonly ready: () => readonly Dependency[];
  readonly installation?: Installation;
}

/** The query API with its analyses: advisor, previews, re-enrichment. Returns its address. */
export async function startQueryApi(
  process: Process<QueryApiConfiguration>,
  { storage, reader, ...rest }: QueryApiParts,
): Promise<string> {
  const { configuration, log, metrics, lifecycle } = process;
  const client = openReader(process, reader);
  const reenrichments = new ReenrichmentSupervisor(configuration, { storage: storage.address, log });
  const repairs = new RepairSchedule({
    storage: client,
    log,
    intervalMs: configuration.repairIntervalMs,
    repair: () => reenrichments.repair(),
  });
  repairs.start();
  lifecycle.stopLater('re-enrichment', async () => {
    await Promise.all([repairs.stop(), reenrichments.close()]);
  });
  const recorded = {
    storage: reader,
    database: configuration.clickhouseDatabase,
    queryTimeoutMs: configuration.queryTimeoutMs,
    history: configuration,
  };
  const advisor = createAdvisor({ ...recorded, clock: configuration.clock }, { log });
  lifecycle.stopLater('advisor', advisor.stop);
  const limits = { rowsMax: configuration.queryRowsMax, memoryBytesMax: configuration.queryMemoryBytesMax };
  const planner = createPlanner({ ...recorded, limits, clock: configuration.clock }, { log });
  lifecycle.stopLater('planner', planner.stop);
  const previews = createPreviews({ ...recorded, ephemeralPorts: configuration.ephemeralPorts }, { log });
  lifecycle.stopLater('previews', previews.stop);
  const { nowMs } = createClock(configuration.clock);
  const shared = { advisor, planner, storage: client, log, metrics, nowMs };
  const api = createQueryApi(configuration, {
    ...rest,
    ...shared,
    documents: storage.documents,
    alertRules: storage.alerts,
    reenrichments,
    previews,
  });
  if (configuration.alertEvaluation === 'on') {
    const { installation } = rest;
    const alerts = new AlertEvaluator({ ...shared, config: configuration, installation, writer: storage.alerts });
    await lifecycle.start({ name: 'alerts', start: async () => alerts.start(), stop: () => alerts.stop() });
  }
  return listening(lifecycle, 'query API', api);
}

/** Health and metrics alone. Returns its address. */
export function startHealth(
  { configuration, log, metrics, lifecycle }: Process,
  ready: () => readonly Dependency[],
): Promise<string> {
  return listening(lifecycle, 'health', createHealthApi(configuration, { log, metrics, ready }));
}

interface Listener {
  start(): Promise<{ readonly url: string }>;
  stop(): Promise<void>;
}

async function listening(lifecycle: Lifecycle, name: string, listener: Listener): Promise<string> {
  let address = '';
  await lifecycle.start({
    name,
    start: async () => {
      address = (await listener.start()).url;
    },
    stop: listener.stop,
  });
  return address;
}
