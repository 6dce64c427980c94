// What the processes of an installation are made of: a data folder, ClickHouse, the query API. `start` has all of it in one
// process, `collector`, `enricher` and `query-api` have a part each (all-in-one.ts, services.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import { createAdvisor } from '../analysis/coverage/advisor.ts';
import { createPreviews } from '../analysis/previews/previews.ts';
import { createReenrichments } from '../analysis/reenrichment/reenrichments.ts';
import { createQueryApi } from '../query-api/app.ts';
import type { DocumentWriter } from '../query-api/documents/routes.ts';
import type { Dependency } from '../query-api/health.ts';
import type { Configuration } from '../schemas/configuration.ts';
import { createClock } from '../service/clock.ts';
import { openCounters } from '../service/counters.ts';
import { type DataFolder, openDataFolder } from '../service/data-folder.ts';
import { createLifecycle, type Lifecycle } from '../service/lifecycle.ts';
import { createLog, type Log } from '../service/log.ts';
import { createMetrics, type Metrics } from '../service/metrics.ts';
import { type ClickHouse, createStorage } from '../storage/client.ts';
import { EmbeddedServer } from '../storage/embedded/embedded.ts';
import { type MigrationOptions, migrate } from '../storage/migrations/migrate.ts';
import { isReplicated } from '../storage/placement.ts';
import { openStorage } from '../storage/sharded.ts';
import { ping } from '../storage/storage.ts';
import { insertDocument } from '../storage/tables/documents.ts';
import { insertHeartbeat } from '../storage/tables/heartbeats.ts';
import type { OpenedSpool } from '../transport/spool/spool.ts';
import { openSpool } from '../transport/spool/spool.ts';

const PING_INTERVAL_MS = 1000;
const PING_MS_MAX = 2000;
const DETAIL_CHARACTERS_MAX = 200;

const STORAGE_COUNTERS = {
  restarts: { name: 'storage_restarts_total', help: 'times the embedded ClickHouse died and was started again' },
  up: { name: 'storage_up', help: '1 while ClickHouse answers' },
} as const;

/** What the parts of a process share while it starts. */
export interface Process {
  readonly configuration: Configuration;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
  readonly data: DataFolder;
}

/** Runs `start` in a fresh process; what it started is stopped when it fails, and by the `stop` that is added to its result. */
export async function startProcess<T extends object>(
  configuration: Configuration,
  name: string,
  start: (process: Process) => Promise<T>,
): Promise<T & { stop(): Promise<void> }> {
  const log = createLog(name, configuration.logLevel);
  const lifecycle = createLifecycle(log);
  const data = openDataFolder(configuration.data);
  const stop = async () => {
    await lifecycle.stop();
    data.release();
  };
  try {
    const started = await start({ configuration, log, metrics: createMetrics(), lifecycle, data });
    return { ...started, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function openProcessSpool({ configuration, metrics, data }: Process): OpenedSpool {
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

/** The query API with what it asks of the enricher's knowledge: advisor, previews, re-enrichment. Returns its address. */
export async function startQueryApi(
  { configuration, log, metrics, lifecycle }: Process,
  storage: StartedStorage,
  ready: () => readonly Dependency[],
): Promise<string> {
  const { url: clickhouse, readUser, readPassword } = storage.address;
  const reenrichments = createReenrichments(configuration, { storage: storage.address, log });
  lifecycle.stopLater('re-enrichment', reenrichments.close);
  const recorded = {
    storage: { url: clickhouse, user: readUser, password: readPassword },
    database: configuration.clickhouseDatabase,
    queryTimeoutMs: configuration.queryTimeoutMs,
    history: configuration,
  };
  const advisor = createAdvisor({ ...recorded, clock: configuration.clock }, { log });
  lifecycle.stopLater('advisor', advisor.stop);
  const previews = createPreviews({ ...recorded, ephemeralPorts: configuration.ephemeralPorts }, { log });
  lifecycle.stopLater('previews', previews.stop);
  const api = createQueryApi(configuration, {
    advisor,
    storage: storage.reader,
    log,
    metrics,
    ready,
    documents: storage.documents,
    reenrichments,
    previews,
    nowMs: createClock(configuration.clock).nowMs,
  });
  const address = { url: '' };
  await lifecycle.start({
    name: 'query API',
    start: async () => {
      address.url = (await api.start()).url;
    },
    stop: api.stop,
  });
  return address.url;
}

export interface Address {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly readUser: string;
  readonly readPassword: string;
}

export interface StartedStorage {
  readonly address: Address;
  /** A client that may only read. */
  readonly reader: ClickHouse;
  /** The part of the writing client that documents by API need. */
  readonly documents: DocumentWriter;
  health(): Dependency;
}

/** ClickHouse with its tables as this version wants them, and whether it goes on answering. */
export async function startStorage(
  { configuration, metrics, lifecycle, data }: Process,
  migration: MigrationOptions = {},
): Promise<StartedStorage> {
  const counters = openCounters(STORAGE_COUNTERS);
  metrics.register(counters);
  const { address, embedded } = await serverOf(configuration, data, lifecycle);
  const { queryTimeoutMs } = configuration;
  const owner = openStorage({ ...address, form: configuration, queryTimeoutMs });
  await lifecycle.start({
    name: 'ClickHouse client',
    start: () => migrate(owner, configuration, migration),
    stop: () => owner.close(),
  });
  const reader = createStorage({
    url: address.url,
    user: address.readUser,
    password: address.readPassword,
    limits: { rowsMax: configuration.queryRowsMax, memoryBytesMax: configuration.queryMemoryBytesMax },
    database: configuration.clickhouseDatabase,
    queryTimeoutMs,
    replicated: isReplicated(configuration),
  });
  lifecycle.stopLater('reading ClickHouse client', () => reader.close());

  counters.set('up', 1);
  const watch = new AbortController();
  let missing = '';
  const watching = keepAsking(owner, watch.signal, failure => {
    missing = failure;
    counters.set('up', failure === '' ? 1 : 0);
    counters.set('restarts', embedded?.restarts() ?? 0);
  });
  lifecycle.stopLater('ClickHouse watch', () => {
    watch.abort();
    return watching;
  });
  return {
    address,
    reader,
    documents: {
      insert: version => insertDocument(owner, version),
      insertHeartbeat: heartbeat => insertHeartbeat(owner, heartbeat),
    },
    health() {
      const ok = counters.get('up') === 1;
      return { name: 'clickhouse', ok, detail: ok ? address.url : `${address.url} does not answer (${missing})` };
    },
  };
}

/** An external server by URL, or the embedded one as the first part of this process. */
async function serverOf(
  configuration: Configuration,
  data: DataFolder,
  lifecycle: Lifecycle,
): Promise<{ address: Address; embedded?: EmbeddedServer }> {
  const { clickhouse: url, clickhouseUser: user, clickhousePassword: password, clickhousePort: port } = configuration;
  if (url !== '') {
    const { clickhouseReadUser, clickhouseReadPassword } = configuration;
    const reader =
      clickhouseReadUser === ''
        ? { readUser: user, readPassword: password }
        : { readUser: clickhouseReadUser, readPassword: clickhouseReadPassword };
    return { address: { url, user, password, ...reader } };
  }
  const embedded = new EmbeddedServer({
    folder: data.folder('clickhouse'),
    port,
    log: createLog('clickhouse', configuration.logLevel),
  });
  const address = await embedded.start();
  lifecycle.stopLater('ClickHouse', () => embedded.stop());
  return { address, embedded };
}

/** Asks ClickHouse once a second, one question at a time, whether it is there; tells what is wrong, nothing when it is. */
async function keepAsking(storage: ClickHouse, signal: AbortSignal, tell: (failure: string) => void): Promise<void> {
  const late = `nothing for ${PING_MS_MAX / 1000} s`;
  const pause = (ms: number) => sleep(ms, late, { signal }).catch(() => late);
  while (!signal.aborted) {
    await pause(PING_INTERVAL_MS);
    const answered = ping(storage).then(
      () => '',
      (error: Error) => error.message.slice(0, DETAIL_CHARACTERS_MAX),
    );
    const outcome = await Promise.race([answered, pause(PING_MS_MAX)]);
    if (!signal.aborted) tell(outcome);
  }
}
