// Everything in one process: ClickHouse (embedded, or a server by URL), then enricher, collector and query API at the same
// time, whose threads take a while to load. They stop in reverse, so that what was received is kept and what was kept is
// stored first.

import { MessageChannel } from 'node:worker_threads';
import { Collector, type CollectorTotals, type Receiving } from '../collector/collector.ts';
import type { CollectorConfiguration } from '../collector/configuration.ts';
import { createEnricherSupervisor, type EnricherSupervisor } from '../enricher/supervisor.ts';
import type { Dependency } from '../query-api/health.ts';
import type { OpenedSpool } from '../transport/spool/spool.ts';
import { type Address, startServer, startStorage } from './clickhouse.ts';
import type { StartConfiguration } from './configurations.ts';
import { openProcessSpool, spoolHealth, startQueryApi } from './parts.ts';
import { type Process, startProcess } from './process.ts';

export interface AllInOne extends Receiving {
  readonly url: string;
  readonly data: string;
  readonly totals: () => CollectorTotals;
  stop(): Promise<void>;
}

export function startAllInOne(configuration: StartConfiguration): Promise<AllInOne> {
  return startProcess(configuration, 'hairpin', async process => {
    const { lifecycle, data } = process;
    const server = await startServer(process);
    const storage = await startStorage(process, server);
    const { enricher, collector, spool } = createPipeline(process, storage.address);
    const [, receiving, url] = await Promise.all([
      lifecycle.start({ name: 'enricher', start: enricher.start, stop: enricher.stop }),
      startCollector(process, collector),
      startQueryApi(process, {
        storage,
        reader: server.reader,
        ready: () => [
          storage.health(),
          enricherHealth(enricher),
          collectorHealth(collector, configuration),
          spoolHealth(spool),
        ],
        installation: {
          receiving: { udpPorts: configuration.udp, udpHost: configuration.udpHost },
          inventory: configuration.inventory !== '',
          applications: configuration.applications !== '',
        },
      }),
    ]);
    return { url, ...receiving, data: data.path, totals: () => collector.totals() };
  });
}

export function enricherHealth(enricher: EnricherSupervisor): Dependency {
  const ok = enricher.running();
  return { name: 'enricher', ok, detail: ok ? 'running' : 'restarting' };
}

export function collectorHealth(collector: Collector, configuration: CollectorConfiguration): Dependency {
  const ok = collector.running();
  return { name: 'collector', ok, detail: ok ? portsOf(configuration) : 'not receiving' };
}

export async function startCollector({ lifecycle }: Process, collector: Collector): Promise<Receiving> {
  let receiving: Receiving | undefined;
  await lifecycle.start({
    name: 'collector',
    start: async () => {
      receiving = await collector.start();
    },
    stop: () => collector.stop(),
  });
  return receiving!;
}

function portsOf({ udp, mirrorUdp, ipfixTcp, ipfixTls }: CollectorConfiguration): string {
  const ports = { UDP: udp, 'mirrors UDP': mirrorUdp, TCP: ipfixTcp, TLS: ipfixTls };
  return Object.entries(ports)
    .filter(([, list]) => list.length > 0)
    .map(([transport, list]) => `${transport} ${list.join(', ')}`)
    .join('; ');
}

/** Collector and enricher, the spool between them and the channel that announces what is in it. */
function createPipeline(
  process: Process<StartConfiguration>,
  address: Address,
): { collector: Collector; enricher: EnricherSupervisor; spool: OpenedSpool } {
  const { configuration, log, metrics, lifecycle, data } = process;
  const spool = openProcessSpool(process);
  const { port1: announce, port2: announced } = new MessageChannel();
  lifecycle.stopLater('announcements', async () => {
    announce.close();
    announced.close();
  });
  return {
    spool,
    collector: new Collector(configuration, {
      log,
      metrics,
      spool: spool.settings,
      announce,
      journalFolder: data.folder('templates'),
      sequenceFolder: data.folder('sequences'),
    }),
    enricher: createEnricherSupervisor(configuration, {
      log,
      metrics,
      storage: address,
      carrier: { spool: spool.settings, announced },
    }),
  };
}
