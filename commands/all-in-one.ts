// Everything in one process: ClickHouse (embedded, or a server by URL), enricher, query API, collector. Started in that
// order, stopped in reverse, so that what was received is kept and what was kept is stored first.

import { MessageChannel } from 'node:worker_threads';
import { type Collector, createCollector } from '../collector/collector.ts';
import { createEnricherSupervisor } from '../enricher/supervisor.ts';
import { createQueryApi } from '../query-api/app.ts';
import type { Configuration } from '../schemas/configuration.ts';
import { type DataFolder, openDataFolder } from '../service/data-folder.ts';
import { createLifecycle } from '../service/lifecycle.ts';
import { createLog } from '../service/log.ts';
import { createMetrics } from '../service/metrics.ts';
import { createStorage } from '../storage/client.ts';
import { createEmbeddedServer } from '../storage/embedded.ts';
import { migrate } from '../storage/migrate.ts';
import { openSpool } from '../transport/spool.ts';

const PING_INTERVAL_MS = 1000;

export interface AllInOne {
  readonly url: string;
  readonly ports: readonly number[];
  readonly bufferBytes: number;
  readonly data: string;
  readonly totals: Collector['totals'];
  stop(): Promise<void>;
}

interface Address {
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly readUser: string;
  readonly readPassword: string;
}

export async function startAllInOne(configuration: Configuration): Promise<AllInOne> {
  const log = createLog('hairpin', configuration.logLevel);
  const lifecycle = createLifecycle(log);
  const data = openDataFolder(configuration.data);
  const metrics = createMetrics();
  const release = async () => {
    await lifecycle.stop();
    data.release();
  };
  try {
    const address = await startStorage(configuration, data, lifecycle);
    const database = {
      database: configuration.clickhouseDatabase,
      queryTimeoutMs: configuration.queryTimeoutMs,
      durable: configuration.durable,
    };
    const owner = createStorage({ ...address, ...database });
    await lifecycle.start({
      name: 'ClickHouse client',
      start: () => migrate(owner, configuration),
      stop: () => owner.close(),
    });
    const reader = createStorage({
      url: address.url,
      user: address.readUser,
      password: address.readPassword,
      ...database,
    });

    const spool = openSpool({
      folder: data.folder('spool'),
      quarantine: data.folder('quarantine'),
      bytesMax: configuration.spoolBytesMax,
      quarantineBytesMax: configuration.quarantineBytesMax,
      durable: configuration.durable,
    });
    for (const counters of spool.counters) metrics.register(counters);
    const { port1: announce, port2: announced } = new MessageChannel();
    await lifecycle.start({ name: 'announcements', start: async () => {}, stop: async () => announce.close() });
    const enricher = createEnricherSupervisor(configuration, {
      log,
      metrics,
      storage: address,
      spool: spool.settings,
      announced,
    });
    await lifecycle.start({ name: 'enricher', start: enricher.start, stop: enricher.stop });

    let clickhouse = true;
    let receiving = false;
    const api = createQueryApi(configuration, {
      storage: reader,
      log,
      metrics,
      ready: () => [
        { name: 'clickhouse', ok: clickhouse, detail: clickhouse ? address.url : `${address.url} does not answer` },
        { name: 'enricher', ok: enricher.running(), detail: enricher.running() ? 'running' : 'starting again' },
        {
          name: 'collector',
          ok: receiving,
          detail: receiving ? `UDP ${configuration.udp.join(', ')}` : 'not receiving',
        },
      ],
    });
    let url = '';
    await lifecycle.start({
      name: 'query API',
      start: async () => {
        ({ url } = await api.start());
      },
      stop: api.stop,
    });
    let ping: NodeJS.Timeout | undefined;
    await lifecycle.start({
      name: 'ClickHouse watch',
      start: async () => {
        ping = setInterval(async () => {
          clickhouse = await owner.ping().then(
            () => true,
            () => false,
          );
        }, PING_INTERVAL_MS);
      },
      stop: async () => clearInterval(ping),
    });

    const collector = createCollector(configuration, { log, metrics, spool: spool.settings, announce });
    let listening = { ports: configuration.udp as readonly number[], bufferBytes: 0 };
    await lifecycle.start({
      name: 'collector',
      start: async () => {
        listening = await collector.start();
        receiving = true;
      },
      stop: collector.stop,
    });
    return { url, ...listening, data: data.path, totals: collector.totals, stop: release };
  } catch (error) {
    await release();
    throw error;
  }
}

/** An external server by URL, or the embedded one as the first part of this process. */
async function startStorage(
  configuration: Configuration,
  data: DataFolder,
  lifecycle: ReturnType<typeof createLifecycle>,
): Promise<Address> {
  const { clickhouse: url, clickhouseUser: user, clickhousePassword: password, clickhousePort: port } = configuration;
  if (url !== '') return { url, user, password, readUser: user, readPassword: password };
  const embedded = createEmbeddedServer({
    folder: data.folder('clickhouse'),
    port,
    log: createLog('clickhouse', configuration.logLevel),
  });
  let address: Address | undefined;
  await lifecycle.start({
    name: 'ClickHouse',
    start: async () => {
      address = await embedded.start();
    },
    stop: embedded.stop,
  });
  return address!;
}
