// The services of a distributed installation, each a process of its own: collectors write to Kafka, enrichers read from it
// and write to ClickHouse, the query API reads from there. Nothing else connects them. A service that lacks Kafka or
// ClickHouse for a while says so at /readyz and continues when it is back.

import { MessageChannel } from 'node:worker_threads';
import { Collector } from '../collector/collector.ts';
import { COLLECTOR_SERVICE } from '../collector/configuration.ts';
import { ENRICHER_SERVICE } from '../enricher/configuration.ts';
import { createEnricherSupervisor } from '../enricher/supervisor.ts';
import { QUERY_API_SERVICE } from '../query-api/configuration.ts';
import type { Dependency } from '../query-api/health.ts';
import { stopSignal } from '../service/lifecycle.ts';
import { createKafka } from '../transport/kafka/kafka.ts';
import { NEWEST_EVERY, Outbox } from '../transport/kafka/outbox.ts';
import { SpoolSource } from '../transport/spool/source.ts';
import { collectorHealth, enricherHealth, startCollector } from './all-in-one.ts';
import { readerByUrl, serverByUrl, startStorage } from './clickhouse.ts';
import { readConfiguration } from './configurations.ts';
import { openProcessSpool, spoolHealth, startHealth, startQueryApi } from './parts.ts';
import { startProcess } from './process.ts';
import { untilStopped } from './start.ts';

export async function collector(args: readonly string[]): Promise<number> {
  const read = readConfiguration(COLLECTOR_SERVICE, args, COLLECTOR_HELP, { needs: { kafka: KAFKA_NEED } });
  if (!read) return 0;
  const { configuration } = read;
  const running = await startProcess(configuration, 'collector', async process => {
    const { log, metrics, lifecycle, data } = process;
    const spool = openProcessSpool(process);
    const source = new SpoolSource(spool.settings, { newestEvery: NEWEST_EVERY });
    const outbox = new Outbox(configuration, {
      kafka: createKafka(configuration, `hairpin-collector-${configuration.collectorId}`, log),
      source,
      log,
    });
    metrics.register(outbox.counters);
    await lifecycle.start({ name: 'outbox', start: async () => outbox.start(), stop: () => outbox.stop() });
    const { port1: announce, port2: announced } = new MessageChannel();
    announced.on('message', (token: string) => source.announce(token));
    lifecycle.stopLater('announcements', async () => announced.close());
    const receiver = new Collector(configuration, {
      log,
      metrics,
      spool: spool.settings,
      announce,
      journalFolder: data.folder('templates'),
      sequenceFolder: data.folder('sequences'),
      hasPeers: true,
    });
    const kafkaHealth = (): Dependency => ({
      name: 'kafka',
      ok: outbox.running(),
      detail: `${configuration.kafka.join(', ')}${outbox.running() ? '' : ' accepts no batch; batches wait in the spool'}`,
    });
    const url = await startHealth(process, () => [
      collectorHealth(receiver, configuration),
      kafkaHealth(),
      spoolHealth(spool),
    ]);
    return { url, ...(await startCollector(process, receiver)), totals: () => receiver.totals() };
  });
  print(
    `collector: receives on UDP ${running.ports.join(', ')}, sends to Kafka at ${configuration.kafka.join(', ')}, health ${running.url}/readyz`,
  );
  await untilStopped(running);
  return 0;
}

export async function enricher(args: readonly string[]): Promise<number> {
  const read = readConfiguration(ENRICHER_SERVICE, args, ENRICHER_HELP, {
    needs: { kafka: KAFKA_NEED, clickhouse: CLICKHOUSE_NEED },
  });
  if (!read) return 0;
  const { configuration } = read;
  const running = await startProcess(configuration, 'enricher', async process => {
    const { log, metrics, lifecycle } = process;
    const storage = await startStorage(process, serverByUrl(configuration));
    const supervisor = createEnricherSupervisor(configuration, {
      log,
      metrics,
      storage: storage.address,
      carrier: { kafka: configuration },
    });
    await lifecycle.start({ name: 'enricher', start: supervisor.start, stop: supervisor.stop });
    const kafkaHealth = (): Dependency => {
      const ok = supervisor.kafkaUp();
      return { name: 'kafka', ok, detail: `${configuration.kafka.join(', ')}${ok ? '' : ' delivers no batches'}` };
    };
    return { url: await startHealth(process, () => [storage.health(), enricherHealth(supervisor), kafkaHealth()]) };
  });
  print(`enricher: reads from Kafka at ${configuration.kafka.join(', ')}, health ${running.url}/readyz`);
  await untilSignal(running);
  return 0;
}

export async function queryApi(args: readonly string[]): Promise<number> {
  const read = readConfiguration(QUERY_API_SERVICE, args, QUERY_API_HELP, { needs: { clickhouse: CLICKHOUSE_NEED } });
  if (!read) return 0;
  const { configuration } = read;
  const running = await startProcess(configuration, 'query-api', async process => {
    const storage = await startStorage(process, serverByUrl(configuration), { keepsAges: true });
    const reader = readerByUrl(configuration);
    return { url: await startQueryApi(process, { storage, reader, ready: () => [storage.health()] }) };
  });
  print(`query-api: ${running.url}/`);
  await untilSignal(running);
  return 0;
}

const COLLECTOR_HELP = `hairpin collector --kafka HOST:PORT,... [flags]

Receives flow exports and sends them to Kafka. While Kafka does not answer, batches wait in the spool of the data folder.

${COLLECTOR_SERVICE.help()}
`;
const ENRICHER_HELP = `hairpin enricher --kafka HOST:PORT,... --clickhouse URL [flags]

Reads batches from Kafka, maps addresses to VMs and applications, counts every byte once and stores the records in ClickHouse.
Several enrichers share the partitions.

${ENRICHER_SERVICE.help()}
`;
const QUERY_API_HELP = `hairpin query-api --clickhouse URL [flags]

Answers queries, serves the console and accepts documents. Beyond loopback it needs --tokens FILE.

${QUERY_API_SERVICE.help()}
`;

const KAFKA_NEED =
  'HOST:PORT of the brokers between collectors and enrichers; one process for everything is `hairpin start`';
const CLICKHOUSE_NEED = 'URL of the ClickHouse server that the services share';

async function untilSignal({ stop }: { stop(): Promise<void> }): Promise<void> {
  print(`${await stopSignal()}: stopping; batches in flight are finished first`);
  await stop();
}

function print(line: string): void {
  process.stderr.write(`${line}\n`);
}
