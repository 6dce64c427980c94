// Everything in one process: ClickHouse (embedded, or a server by URL), enricher, query API, collector. Started in that
// order, stopped in reverse, so that what was received is kept and what was kept is stored first.

import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { type Collector, createCollector, type Receiving } from '../collector/collector.ts';
import { createAdvisor } from '../enricher/advisor.ts';
import { previewRecorded } from '../enricher/preview.ts';
import { createReenrichments } from '../enricher/reenrichments.ts';
import { createEnricherSupervisor, type EnricherSupervisor } from '../enricher/supervisor.ts';
import { createQueryApi, type Dependency } from '../query-api/app.ts';
import type { DocumentWriter } from '../query-api/documents/routes.ts';
import type { Configuration } from '../schemas/configuration.ts';
import { createClock } from '../service/clock.ts';
import { openCounters } from '../service/counters.ts';
import { type DataFolder, openDataFolder } from '../service/data-folder.ts';
import { createLifecycle, type Lifecycle } from '../service/lifecycle.ts';
import { createLog, type Log } from '../service/log.ts';
import { createMetrics, type Metrics } from '../service/metrics.ts';
import { type ClickHouse, createStorage } from '../storage/client.ts';
import { createEmbeddedServer, type EmbeddedServer } from '../storage/embedded.ts';
import { migrate } from '../storage/migrate.ts';

import { type OpenedSpool, openSpool } from '../transport/spool.ts';

const PING_INTERVAL_MS = 1000;
const PING_MS_MAX = 2000;

const STORAGE_COUNTERS = {
  restarts: { name: 'storage_restarts_total', help: 'times the embedded ClickHouse died and was started again' },
  up: { name: 'storage_up', help: '1 while ClickHouse answers' },
} as const;

export interface AllInOne extends Receiving {
  readonly url: string;
  readonly data: string;
  readonly totals: Collector['totals'];
  stop(): Promise<void>;
}

/** What the parts of the process share while it starts. */
interface Process {
  readonly configuration: Configuration;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly lifecycle: Lifecycle;
  readonly data: DataFolder;
}

export async function startAllInOne(configuration: Configuration): Promise<AllInOne> {
  const log = createLog('hairpin', configuration.logLevel);
  const lifecycle = createLifecycle(log);
  const data = openDataFolder(configuration.data);
  const process: Process = { configuration, log, metrics: createMetrics(), lifecycle, data };
  const stop = async () => {
    await lifecycle.stop();
    data.release();
  };
  try {
    const storage = await startStorage(process);
    const { enricher, collector } = createPipeline(process, storage.address);
    const dependencies = (): Dependency[] => [
      storage.health(),
      { name: 'enricher', ok: enricher.running(), detail: enricher.running() ? 'running' : 'starting again' },
      {
        name: 'collector',
        ok: collector.running(),
        detail: collector.running() ? portsOf(configuration) : 'not receiving',
      },
    ];
    await lifecycle.start({ name: 'enricher', start: enricher.start, stop: enricher.stop });
    const reenrichments = createReenrichments(configuration, { storage: storage.address, log });
    lifecycle.stopLater('re-enrichment', reenrichments.close);
    const { url: clickhouse, readUser, readPassword } = storage.address;
    const advisor = createAdvisor(
      {
        storage: { url: clickhouse, user: readUser, password: readPassword },
        database: configuration.clickhouseDatabase,
        queryTimeoutMs: configuration.queryTimeoutMs,
        history: configuration,
      },
      { log },
    );
    lifecycle.stopLater('advisor', advisor.stop);
    const api = createQueryApi(configuration, {
      advisor,
      storage: storage.reader,
      log,
      metrics: process.metrics,
      ready: dependencies,
      documents: storage.documents,
      reenrichments,
      previews: {
        previewApplications: question =>
          previewRecorded(storage.reader, question, configuration, { ephemeralPorts: configuration.ephemeralPorts }),
      },
      nowMs: createClock(configuration.clock).nowMs,
    });
    const url = { value: '' };
    await lifecycle.start({
      name: 'query API',
      start: async () => {
        url.value = (await api.start()).url;
      },
      stop: api.stop,
    });
    let receiving: Receiving | undefined;
    await lifecycle.start({
      name: 'collector',
      start: async () => {
        receiving = await collector.start();
      },
      stop: collector.stop,
    });
    return { url: url.value, ...receiving!, data: data.path, totals: collector.totals, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function portsOf({ udp, mirrorUdp, ipfixTcp, ipfixTls }: Configuration): string {
  const ports = { UDP: udp, 'mirrors UDP': mirrorUdp, TCP: ipfixTcp, TLS: ipfixTls };
  return Object.entries(ports)
    .filter(([, list]) => list.length > 0)
    .map(([transport, list]) => `${transport} ${list.join(', ')}`)
    .join('; ');
}

/** Collector and enricher, the spool between them and the channel that announces what is in it. */
function createPipeline(
  { configuration, log, metrics, lifecycle, data }: Process,
  address: Address,
): { collector: Collector; enricher: EnricherSupervisor } {
  const spool: OpenedSpool = openSpool({
    folder: data.folder('spool'),
    quarantine: data.folder('quarantine'),
    bytesMax: configuration.spoolBytesMax,
    quarantineBytesMax: configuration.quarantineBytesMax,
    durable: configuration.durable,
  });
  for (const counters of spool.counters) metrics.register(counters);
  const { port1: announce, port2: announced } = new MessageChannel();
  lifecycle.stopLater('announcements', async () => {
    announce.close();
    announced.close();
  });
  return {
    collector: createCollector(configuration, {
      log,
      metrics,
      spool: spool.settings,
      announce,
      journalFolder: data.folder('templates'),
    }),
    enricher: createEnricherSupervisor(configuration, {
      log,
      metrics,
      storage: address,
      spool: spool.settings,
      announced,
    }),
  };
}

interface Address {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly readUser: string;
  readonly readPassword: string;
}

interface StartedStorage {
  readonly address: Address;
  /** A client that may only read. */
  readonly reader: ClickHouse;
  /** The part of the writing client that documents by API need. */
  readonly documents: DocumentWriter;
  health(): Dependency;
}

/** ClickHouse with its tables as this version wants them, and whether it goes on answering. */
async function startStorage({ configuration, metrics, lifecycle, data }: Process): Promise<StartedStorage> {
  const counters = openCounters(STORAGE_COUNTERS);
  metrics.register(counters);
  const { address, embedded } = await serverOf(configuration, data, lifecycle);
  const options = { database: configuration.clickhouseDatabase, queryTimeoutMs: configuration.queryTimeoutMs };
  const owner = createStorage({ ...address, ...options });
  await lifecycle.start({
    name: 'ClickHouse client',
    start: () => migrate(owner, configuration),
    stop: () => owner.close(),
  });
  const reader = createStorage({
    url: address.url,
    user: address.readUser,
    password: address.readPassword,
    ...options,
  });
  lifecycle.stopLater('reading ClickHouse client', () => reader.close());

  counters.set('up', 1);
  const watch = new AbortController();
  const watching = keepAsking(owner, watch.signal, answers => {
    counters.set('up', answers ? 1 : 0);
    counters.set('restarts', embedded?.restarts() ?? 0);
  });
  lifecycle.stopLater('ClickHouse watch', () => {
    watch.abort();
    return watching;
  });
  return {
    address,
    reader,
    documents: { insert: owner.insertDocument, insertHeartbeat: owner.insertHeartbeat },
    health() {
      const ok = counters.get('up') === 1;
      return { name: 'clickhouse', ok, detail: ok ? address.url : `${address.url} does not answer` };
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
  if (url !== '') return { address: { url, user, password, readUser: user, readPassword: password } };
  const embedded = createEmbeddedServer({
    folder: data.folder('clickhouse'),
    port,
    log: createLog('clickhouse', configuration.logLevel),
  });
  const address = await embedded.start();
  lifecycle.stopLater('ClickHouse', embedded.stop);
  return { address, embedded };
}

/** Asks ClickHouse once a second, one question at a time, whether it is there. */
async function keepAsking(storage: ClickHouse, signal: AbortSignal, tell: (answers: boolean) => void): Promise<void> {
  const pause = (ms: number) => sleep(ms, false, { signal }).catch(() => false);
  while (!signal.aborted) {
    await pause(PING_INTERVAL_MS);
    const answered = storage.ping().then(
      () => true,
      () => false,
    );
    const outcome = await Promise.race([answered, pause(PING_MS_MAX)]);
    if (!signal.aborted) tell(outcome);
  }
}
