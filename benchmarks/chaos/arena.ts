// What faults are thrown at: two collectors and two enrichers, with the broker and ClickHouse between them.

import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { replaceText } from '../../service/replace-file.ts';
import { until } from '../../testing/spawned.ts';
import { runLoad } from '../load/load.ts';
import { parseLoadOptions } from '../load/options.ts';
import type { Installation } from './installation.ts';
import { type FaultyProxy, PROXY_FAULTS } from './proxy.ts';
import type { Service } from './service.ts';
import { type Watch, watchCollector } from './watch.ts';

export const DATABASE = 'chaos';
/** So small that the longest absence of Kafka but one does not fill it. */
const SPOOL_BYTES_MAX = 8 * 1024 * 1024;
/** A collector that is stopped for seconds loses datagrams. */
const UDP_BUFFER_BYTES = 128 * 1024;
export const PROTOCOLS = ['netflow5', 'netflow9'] as const;

export interface Arena {
  readonly installation: Installation;
  readonly services: Readonly<Record<string, Service>>;
  readonly watches: Readonly<Record<string, Watch>>;
  readonly setInsertFaults: (share: number) => void;
  /** How many went wrong so far. */
  readonly insertFaults: () => number;
}

export async function startArena(installation: Installation, proxy: FaultyProxy): Promise<Arena> {
  const documents = join(installation.folder, 'documents');
  await runLoad(parseLoadOptions({ to: '127.0.0.1:9', seconds: 0, protocol: PROTOCOLS[0], documents }));
  leaveOutOneExporter(join(documents, 'exporters.json'));
  const files = Object.fromEntries(
    ['inventory', 'applications', 'exporters'].map(name => [name, join(documents, `${name}.json`)]),
  );
  const services: Record<string, Service> = {};
  for (const number of [1, 2]) {
    services[`collector-${number}`] = await installation.collector(`collector-${number}`, {
      'spool-bytes-max': SPOOL_BYTES_MAX,
      'udp-buffer-bytes': UDP_BUFFER_BYTES,
    });
    services[`enricher-${number}`] = await installation.enricher(`enricher-${number}`, {
      clickhouse: proxy.url,
      'clickhouse-database': DATABASE,
      ...files,
    });
  }
  for (const service of Object.values(services)) service.start();
  const watches = Object.fromEntries(
    [1, 2].map(number => [`collector-${number}`, watchCollector(services[`collector-${number}`]!)]),
  );
  const arena = {
    installation,
    services,
    watches,
    setInsertFaults: proxy.setFaults,
    insertFaults: () => PROXY_FAULTS.reduce((sum, fault) => sum + proxy.counts[fault], 0),
  };
  await until(() => allReady(arena), 60_000, 'every service ready');
  return arena;
}

/** Where no registered exporter sees a pair, its traffic is unelected: that roll-up is to be compared too. */
function leaveOutOneExporter(file: string): void {
  const registry = JSON.parse(readFileSync(file, 'utf8')) as { exporters: unknown[] };
  replaceText(file, JSON.stringify({ ...registry, exporters: registry.exporters.slice(0, -1) }));
}

export async function allReady({ services }: Arena): Promise<boolean> {
  return (await Promise.all(Object.values(services).map(service => service.ready()))).every(Boolean);
}

export function say({ installation }: Arena, line: string): void {
  const text = `${new Date().toISOString()} ${line}\n`;
  process.stderr.write(text);
  appendFileSync(join(installation.folder, 'faults.log'), text);
}
