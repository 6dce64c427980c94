// The services of a distributed installation, each a process of its own: collectors write to Kafka, enrichers read from it
// and write to ClickHouse, the query API reads from there. Nothing else connects them. A service that lacks Kafka or
// ClickHouse for a while says so at /readyz and goes on when it is back.

import { MessageChannel } from 'node:worker_threads';
import { createCollector } from '../collector/collector.ts';
import { createEnricherSupervisor } from '../enricher/supervisor.ts';
import { createHealthApi, type Dependency } from '../query-api/health.ts';
import { type Configuration, configurationHelp } from '../schemas/configuration.ts';
import { DocumentError, type Fault } from '../schemas/documents.ts';
import { stopSignal } from '../service/lifecycle.ts';
import { createKafka } from '../transport/kafka/kafka.ts';
import { NEWEST_EVERY, Outbox } from '../transport/kafka/outbox.ts';
import { SpoolSource } from '../transport/spool/source.ts';
import { collectorHealth, enricherHealth, startCollector } from './all-in-one.ts';
import { openProcessSpool, type Process, startProcess, startQueryApi, startStorage } from './parts.ts';
import { configurationOf, untilStopped } from './start.ts';

export async function collector(args: readonly string[]): Promise<number> {
  const configuration = serviceConfiguration(args, 'collector', COLLECTOR_HELP, ['kafka']);
  if (!configuration) return 0;
  const running = await startProcess(configuration, 'collector', async process => {
    const { log, metrics, lifecycle, data } = process;
    const spool = openProcessSpool(process);
    const source = new SpoolSource(spool.settings, { newestEvery: NEWEST_EVERY });
    const outbox = new Outbox(configuration, {
      kafka: createKafka(configuration, clientId(configuration), log),
      source,
      log,
    });
    metrics.register(outbox.counters);
    await lifecycle.start({ name: 'outbox', start: async () => outbox.start(), stop: () => outbox.stop() });
    const { port1: announce, port2: announced } = new MessageChannel();
    announced.on('message', (token: string) => source.announce(token));
    lifecycle.stopLater('announcements', async () => announced.close());
    const receiver = createCollector(configuration, {
      log,
      metrics,
      spool: spool.settings,
      announce,
      journalFolder: data.folder('templates'),
    });
    const kafkaHealth = (): Dependency => ({
      name: 'kafka',
      ok: outbox.running(),
      detail: `${configuration.kafka.join(', ')}${outbox.running() ? '' : ' takes no batch; they wait in the spool'}`,
    });
    const url = await startHealth(process, () => [collectorHealth(receiver, configuration), kafkaHealth()]);
    return { url, ...(await startCollector(process, receiver)), totals: receiver.totals };
  });
  say(
    `collector: receives on UDP ${running.ports.join(', ')}, sends to Kafka at ${configuration.kafka.join(', ')}, health ${running.url}/readyz`,
  );
  await untilStopped(running);
  return 0;
}

export async function enricher(args: readonly string[]): Promise<number> {
  const configuration = serviceConfiguration(args, 'enricher', ENRICHER_HELP, ['kafka', 'clickhouse']);
  if (!configuration) return 0;
  const running = await startProcess(configuration, 'enricher', async process => {
    const { log, metrics, lifecycle } = process;
    const storage = await startStorage(process);
    const supervisor = createEnricherSupervisor(configuration, {
      log,
      metrics,
      storage: storage.address,
      carrier: 'kafka',
    });
    await lifecycle.start({ name: 'enricher', start: supervisor.start, stop: supervisor.stop });
    const kafkaHealth = (): Dependency => {
      const ok = supervisor.kafkaUp();
      return { name: 'kafka', ok, detail: `${configuration.kafka.join(', ')}${ok ? '' : ' gives no batches'}` };
    };
    return { url: await startHealth(process, () => [storage.health(), enricherHealth(supervisor), kafkaHealth()]) };
  });
  say(`enricher: reads from Kafka at ${configuration.kafka.join(', ')}, health ${running.url}/readyz`);
  await untilSignal(running);
  return 0;
}

export async function queryApi(args: readonly string[]): Promise<number> {
  const configuration = serviceConfiguration(args, 'query-api', QUERY_API_HELP, ['clickhouse']);
  if (!configuration) return 0;
  const running = await startProcess(configuration, 'query-api', async process => {
    const storage = await startStorage(process, { keepsAges: true });
    return { url: await startQueryApi(process, storage, () => [storage.health()]) };
  });
  say(`query-api: ${running.url}/`);
  await untilSignal(running);
  return 0;
}

const COLLECTOR_HELP = `hairpin collector --kafka HOST:PORT,... [flags]

Receives flow exports and hands them to Kafka. While Kafka is away batches wait in the spool of the data folder.

${configurationHelp()}
`;
const ENRICHER_HELP = `hairpin enricher --kafka HOST:PORT,... --clickhouse URL [flags]

Reads batches from Kafka, maps them to VMs and applications, counts every byte once and stores them in ClickHouse. Run as many
as are needed: they share the partitions.

${configurationHelp()}
`;
const QUERY_API_HELP = `hairpin query-api --clickhouse URL [flags]

Answers questions, serves the console and takes documents. Beyond loopback it needs --tokens FILE.

${configurationHelp()}
`;

/** Undefined when help was asked for; throws a DocumentError that names what the service cannot do without. */
function serviceConfiguration(
  args: readonly string[],
  service: string,
  help: string,
  needs: readonly ('kafka' | 'clickhouse')[],
): Configuration | undefined {
  const configuration = configurationOf(args, help);
  if (!configuration) return undefined;
  const faults: Fault[] = needs
    .filter(name => configuration[name].length === 0)
    .map(name => ({ path: `--${name}`, message: `is needed: ${NEEDED_FOR[name]}` }));
  if (faults.length > 0) throw new DocumentError(`hairpin ${service}`, faults);
  return configuration;
}

const NEEDED_FOR = {
  kafka: 'HOST:PORT of the brokers between collectors and enrichers; one process for everything is `hairpin start`',
  clickhouse: 'URL of the ClickHouse server that the services share',
} as const;

function clientId({ collectorId }: Configuration): string {
  return `hairpin-collector-${collectorId}`;
}

async function startHealth({ configuration, log, metrics, lifecycle }: Process, ready: () => readonly Dependency[]) {
  const api = createHealthApi(configuration, { log, metrics, ready });
  const address = { url: '' };
  await lifecycle.start({
    name: 'health',
    start: async () => {
      address.url = (await api.start()).url;
    },
    stop: api.stop,
  });
  return address.url;
}

async function untilSignal({ stop }: { stop(): Promise<void> }): Promise<void> {
  say(`${await stopSignal()}: stopping; what is on its way is finished`);
  await stop();
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
