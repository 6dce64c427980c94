// ClickHouse as a part of a process: the embedded server, or one by URL, with its tables as this version expects them.

import { setTimeout as sleep } from 'node:timers/promises';
import type { AlertWriter } from '../query-api/alerts/evaluator.ts';
import type { RulesWriter } from '../query-api/documents/alert-rules-versions.ts';
import type { DocumentWriter } from '../query-api/documents/writer.ts';
import type { Dependency } from '../query-api/health.ts';
import { openCounters } from '../service/counters.ts';
import { createLog } from '../service/log.ts';
import type { ProcessConfiguration } from '../service/process-keys.ts';
import { type ClickHouse, createStorage } from '../storage/client.ts';
import type {
  ClickHouseConfiguration,
  EmbeddedConfiguration,
  ReaderConfiguration,
  TableConfiguration,
} from '../storage/configuration.ts';
import { EmbeddedServer } from '../storage/embedded/embedded.ts';
import { type MigrationOptions, migrate } from '../storage/migrations/migrate.ts';
import { isReplicated } from '../storage/placement.ts';
import { openStorage } from '../storage/sharded.ts';
import { ping } from '../storage/storage.ts';
import { insertAlertRules } from '../storage/tables/alert-rules.ts';
import { insertAlerts, insertEvaluations } from '../storage/tables/alerts.ts';
import { insertDocument } from '../storage/tables/documents.ts';
import { insertHeartbeat } from '../storage/tables/heartbeats.ts';
import type { Process } from './process.ts';

const PING_INTERVAL_MS = 1000;
const PING_MS_MAX = 2000;
const DETAIL_CHARACTERS_MAX = 200;

const STORAGE_COUNTERS = {
  restarts: { name: 'storage_restarts_total', help: 'times the embedded ClickHouse crashed and was restarted' },
  up: { name: 'storage_up', help: '1 while ClickHouse answers' },
} as const;

export interface Address {
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

export interface Server {
  readonly address: Address;
  /** How often it was restarted; 0 for a server by URL. */
  restarts(): number;
}

export interface StartedStorage {
  readonly address: Address;
  /** The part of the writing client that documents by API need. */
  readonly documents: DocumentWriter;
  /** The parts that alerts and their rules need. */
  readonly alerts: AlertWriter & RulesWriter;
  health(): Dependency;
}

export function serverByUrl({
  clickhouse: url,
  clickhouseUser: user,
  clickhousePassword: password,
}: ClickHouseConfiguration): Server {
  return { address: { url, user, password }, restarts: () => 0 };
}

/** A user that may only read: of its own, or the same one. */
export function readerByUrl(configuration: ReaderConfiguration): Address {
  const { clickhouse: url, clickhouseReadUser: user, clickhouseReadPassword: password } = configuration;
  return user === '' ? serverByUrl(configuration).address : { url, user, password };
}

/** The server by URL if there is one, else the embedded one as the first part of this process. */
export async function startServer({
  configuration,
  data,
  lifecycle,
}: Process<ReaderConfiguration & EmbeddedConfiguration & ProcessConfiguration>): Promise<
  Server & { readonly reader: Address }
> {
  if (configuration.clickhouse !== '') return { ...serverByUrl(configuration), reader: readerByUrl(configuration) };
  const embedded = new EmbeddedServer({
    folder: data.folder('clickhouse'),
    port: configuration.clickhousePort,
    log: createLog('clickhouse', configuration.logLevel),
  });
  const { url, user, password, readUser, readPassword } = await embedded.start();
  lifecycle.stopLater('ClickHouse', () => embedded.stop());
  return {
    address: { url, user, password },
    reader: { url, user: readUser, password: readPassword },
    restarts: () => embedded.restarts(),
  };
}

/** Tables as this version expects them, and a watch over whether the server still answers. */
export async function startStorage(
  {
    configuration,
    metrics,
    lifecycle,
  }: Process<ProcessConfiguration & ClickHouseConfiguration & Partial<TableConfiguration>>,
  { address, restarts }: Server,
  migration: MigrationOptions = {},
): Promise<StartedStorage> {
  const counters = openCounters(STORAGE_COUNTERS);
  metrics.register(counters);
  const owner = openStorage({ ...address, form: configuration, queryTimeoutMs: configuration.queryTimeoutMs });
  await lifecycle.start({
    name: 'ClickHouse client',
    start: () => migrate(owner, configuration, migration),
    stop: () => owner.close(),
  });
  counters.set('up', 1);
  const watch = new AbortController();
  let missing = '';
  const watching = keepPinging(owner, watch.signal, failure => {
    missing = failure;
    counters.set('up', failure === '' ? 1 : 0);
    counters.set('restarts', restarts());
  });
  lifecycle.stopLater('ClickHouse watch', () => {
    watch.abort();
    return watching;
  });
  return {
    address,
    documents: {
      insert: version => insertDocument(owner, version),
      insertHeartbeat: heartbeat => insertHeartbeat(owner, heartbeat),
    },
    alerts: {
      insert: rows => insertAlerts(owner, rows),
      insertEvaluations: rows => insertEvaluations(owner, rows),
      insertRules: version => insertAlertRules(owner, version),
    },
    health() {
      const ok = counters.get('up') === 1;
      return { name: 'clickhouse', ok, detail: ok ? address.url : `${address.url} does not answer (${missing})` };
    },
  };
}

/** A client that may only read. */
export function openReader(
  { configuration, lifecycle }: Process<ProcessConfiguration & ReaderConfiguration>,
  address: Address,
): ClickHouse {
  const reader = createStorage({
    ...address,
    limits: { rowsMax: configuration.queryRowsMax, memoryBytesMax: configuration.queryMemoryBytesMax },
    database: configuration.clickhouseDatabase,
    queryTimeoutMs: configuration.queryTimeoutMs,
    replicated: isReplicated(configuration),
  });
  lifecycle.stopLater('reading ClickHouse client', () => reader.close());
  return reader;
}

/** Pings ClickHouse once a second, one ping at a time, and reports what failed, or nothing. */
async function keepPinging(storage: ClickHouse, signal: AbortSignal, report: (failure: string) => void): Promise<void> {
  const late = `nothing for ${PING_MS_MAX / 1000} s`;
  const pause = (ms: number) => sleep(ms, late, { signal }).catch(() => late);
  while (!signal.aborted) {
    await pause(PING_INTERVAL_MS);
    const answered = ping(storage).then(
      () => '',
      (error: Error) => error.message.slice(0, DETAIL_CHARACTERS_MAX),
    );
    const outcome = await Promise.race([answered, pause(PING_MS_MAX)]);
    if (!signal.aborted) report(outcome);
  }
}
