// Every configuration key, once: default, limits and help text. A key can be given in hairpin.yaml, as an environment
// variable (HAIRPIN_BATCH_ROWS_MAX) and as a flag (--batch-rows-max); flags win over the environment, that over the file.

import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { type Static, Type } from 'typebox';
import { parse as parseYaml } from 'yaml';
import { parsePrefix } from './address.ts';
import { parsePortSpan } from './applications.ts';
import { CLOCK_PATTERN, CLOCK_SPEED_MAX, parseClock } from './clock.ts';
import { DocumentError, documentChecker, type Fault } from './documents.ts';
import { DAYS_MAX, parseRetention, RETAINED_TABLES } from './retention.ts';

const MiB = 1024 * 1024;
const port = { minimum: 1, maximum: 65535 };
const portPattern = '(6553[0-5]|655[0-2]\\d|65[0-4]\\d{2}|6[0-4]\\d{3}|[1-5]?\\d{1,4})';

/** The machine's name as a collector id: [a-z0-9-], at most 63 characters. */
function defaultCollectorId(): string {
  return (
    hostname()
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .slice(0, 63) || 'collector'
  );
}

const key = {
  data: Type.String({ default: './data', description: 'folder for the database, the spool and quarantine' }),
  http: Type.String({
    default: '127.0.0.1:8080',
    pattern: `^(\\[[0-9a-fA-F:]+\\]|[^:]+):${portPattern}$`,
    description: 'address of API and console, HOST:PORT',
  }),
  tokens: Type.String({
    default: '',
    description: 'file of bearer tokens (npx hairpin token); without it the API listens on loopback only',
  }),
  apiRequestsPerMinute: Type.Integer({
    default: 1200,
    minimum: 1,
    maximum: 1000000,
    description: 'requests a minute that the API takes of one token, or of one address without tokens',
  }),
  apiConnectionsMax: Type.Integer({
    default: 512,
    minimum: 1,
    maximum: 65536,
    description: 'connections to the API at once; more are closed',
  }),
  udp: Type.Array(Type.Integer(port), {
    default: [2055, 4739, 6343],
    minItems: 1,
    uniqueItems: true,
    maxItems: 64,
    description: 'UDP ports to receive on; every protocol on each, recognised by its version word',
  }),
  mirrorUdp: Type.Array(Type.Integer(port), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'UDP ports to receive frames on that are mirrored in VXLAN, usually 4789; none unless asked for',
  }),
  mirrorRate: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 0xfffffffe,
    description: 'N where the mirror takes one frame in N; no mirror tells it',
  }),
  udpHost: Type.String({
    default: '::',
    description: 'address the UDP, TCP and TLS ports are bound to; :: is every address, IPv4 too',
  }),
  ipfixTcp: Type.Array(Type.Integer(port), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'TCP ports to receive IPFIX on, usually 4739; none unless asked for',
  }),
  ipfixTls: Type.Array(Type.Integer(port), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'TCP ports to receive IPFIX over TLS on, usually 4740; none unless asked for',
  }),
  ipfixTlsCert: Type.String({
    default: '',
    description: 'certificate shown to exporters, with its chain (PEM); read again when it changes',
  }),
  ipfixTlsKey: Type.String({ default: '', description: 'its private key (PEM)' }),
  ipfixTlsCa: Type.String({
    default: '',
    description: 'authorities (PEM) that exporters need a certificate of; empty takes every exporter',
  }),
  ipfixConnectionsMax: Type.Integer({
    default: 1024,
    minimum: 1,
    maximum: 65536,
    description: 'IPFIX connections open at once; more are refused and counted',
  }),
  ipfixIdleMsMax: Type.Integer({
    default: 1800000,
    minimum: 1000,
    maximum: 86400000,
    description: 'how long an IPFIX connection may be silent before it is closed',
  }),
  udpBufferBytes: Type.Integer({
    default: 32 * MiB,
    minimum: 4096,
    maximum: 1024 * MiB,
    description: 'receive buffer asked of the kernel, per socket (net.core.rmem_max limits it)',
  }),
  collectorId: Type.String({
    default: defaultCollectorId(),
    pattern: '^[a-z0-9-]{1,63}$',
    description: 'name of this collector, part of every batch identity',
  }),
  workers: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 64,
    description: 'receive workers, each with a socket per port (SO_REUSEPORT)',
  }),
  batchRowsMax: Type.Integer({
    default: 65536,
    minimum: 1,
    maximum: 1048576,
    description: 'rows after which a batch is closed',
  }),
  batchAgeMsMax: Type.Integer({
    default: 500,
    minimum: 10,
    maximum: 60000,
    description: 'age in ms after which a batch is closed: so much a crash may cost, and so long a move stays unknown',
  }),
  batchesMax: Type.Integer({
    default: 6,
    minimum: 2,
    maximum: 256,
    description: 'column buffers per worker; when all are in use records are dropped and counted',
  }),
  templatesMax: Type.Integer({
    default: 4096,
    minimum: 1,
    maximum: 1000000,
    description: 'templates kept per exporter',
  }),
  exportersMax: Type.Integer({
    default: 10000,
    minimum: 1,
    maximum: 1000000,
    description: 'exporters tracked; those that delivered data within 30 minutes never give way to new ones',
  }),
  exporterAllow: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    uniqueItems: true,
    maxItems: 1024,
    description: 'prefixes of exporters that are taken, over UDP, TCP and TLS; empty takes everybody',
  }),
  exporterRateMax: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 10000000,
    description: 'datagrams or messages a second taken of one exporter, per receive worker; 0 is no limit',
  }),
  elements: Type.String({
    default: '',
    description: 'more information elements: a table with tabs (.tsv: pen, id, name, type, units, column) or YAML',
  }),
  spoolBytesMax: Type.Integer({
    default: 4096 * MiB,
    minimum: MiB,
    description: 'bytes the spool may hold; at the bound the newest batch is refused and counted',
  }),
  quarantineBytesMax: Type.Integer({
    default: 512 * MiB,
    minimum: 0,
    description: 'bytes kept of batches that can never be stored; beyond it the oldest gives way, counted',
  }),
  durable: Type.Boolean({
    default: false,
    description: 'fsync batches and inserts: survives loss of power, not only death of processes',
  }),
  clickhouse: Type.String({
    default: '',
    pattern: '^(https?://.+)?$',
    description: 'URL of a ClickHouse server; empty starts the embedded one',
  }),
  clickhouseUser: Type.String({ default: 'default', description: 'user of the server given by --clickhouse' }),
  clickhousePassword: Type.String({
    default: '',
    description: 'its password; better given as HAIRPIN_CLICKHOUSE_PASSWORD',
  }),
  clickhouseReadUser: Type.String({
    default: '',
    description: 'user that asks the questions of the API, who needs SELECT alone; empty: the same user, read-only',
  }),
  clickhouseReadPassword: Type.String({
    default: '',
    description: 'its password; better given as HAIRPIN_CLICKHOUSE_READ_PASSWORD',
  }),
  clickhouseDatabase: Type.String({
    default: 'hairpin',
    pattern: '^[A-Za-z_][A-Za-z0-9_]{0,62}$',
    description: 'database that holds the tables',
  }),
  clickhouseForm: Type.Enum(['single', 'sharded', 'cluster'], {
    default: 'single',
    description: 'one server; several with a part of the rows each; the same with replicated tables (needs Keeper)',
  }),
  clickhouseCluster: Type.String({
    default: 'hairpin',
    pattern: '^[A-Za-z_][A-Za-z0-9_]{0,62}$',
    description: 'its name in remote_servers, for the forms of several servers',
  }),
  clickhouseShards: Type.Array(Type.String({ pattern: '^https?://[^,@]+$' }), {
    default: [],
    uniqueItems: true,
    maxItems: 256,
    description: 'URLs of the shards, in the order of the cluster; change them only when no batch is on its way',
  }),
  clickhousePort: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 65535,
    description: 'HTTP port of the embedded server on 127.0.0.1; 0 picks a free one',
  }),
  insertsMax: Type.Integer({ default: 2, minimum: 1, maximum: 16, description: 'inserts on their way at once' }),
  insertTriesMax: Type.Integer({
    default: 5,
    minimum: 1,
    maximum: 1000,
    description: 'tries before a batch with a lasting error goes to quarantine',
  }),
  retentionDays: Type.Integer({ default: 30, minimum: 1, maximum: 3650, description: 'days flow records are kept' }),
  rollupRetentionDays: Type.Integer({
    default: 800,
    minimum: 1,
    maximum: DAYS_MAX,
    description: 'days hourly roll-ups are kept; minute and 5-minute ones a tenth of it',
  }),
  retention: Type.Array(Type.String(), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'days that single tables keep rows, TABLE=DAYS (flows=7,events=90), before the two keys above',
  }),
  inventory: Type.String({ default: '', description: 'inventory document (JSON or YAML), read again when it changes' }),
  applications: Type.String({ default: '', description: 'applications document, read again when it changes' }),
  ephemeralPorts: Type.Array(Type.String({ pattern: '^\\d{1,5}-\\d{1,5}$' }), {
    default: ['32768-65535'],
    maxItems: 64,
    description: "ports taken for a client's where nothing else tells the server; old Windows has 1025-5000 too",
  }),
  exporters: Type.String({ default: '', description: 'exporter registry, read again when it changes' }),
  inventorySources: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'sources of the inventory, the most trusted first; others follow by name',
  }),
  inventoryStaleMs: Type.Integer({
    default: 3600000,
    minimum: 1000,
    description: 'silence of a source after which its facts are marked stale',
  }),
  inventoryUnknownMs: Type.Integer({
    default: 86400000,
    minimum: 1000,
    description: 'silence of a source after which its facts hold no longer',
  }),
  snapshotBytesMax: Type.Integer({
    default: 128 * MiB,
    minimum: 1024,
    maximum: 1024 * MiB,
    description: 'largest inventory snapshot the API takes, in bytes of its text',
  }),
  spanMsMax: Type.Integer({
    default: 3600000,
    minimum: 1000,
    maximum: 86400000,
    description: 'how long before receipt a flow may have started; earlier times are cut and counted',
  }),
  skewMsMax: Type.Integer({
    default: 60000,
    minimum: 0,
    maximum: 86400000,
    description: 'how far a flow time may lie ahead of receipt; later times are cut and counted',
  }),
  kafka: Type.Array(Type.String({ pattern: `^(\\[[0-9a-fA-F:]+\\]|[^:,]+):${portPattern}$` }), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'Kafka brokers, HOST:PORT, between collectors and enrichers',
  }),
  kafkaPrefix: Type.String({
    default: 'hairpin',
    pattern: '^[A-Za-z0-9._-]{1,100}$',
    description: 'first part of the names of topics',
  }),
  kafkaGroup: Type.String({
    default: 'hairpin-enrichers',
    pattern: '^[A-Za-z0-9._-]{1,100}$',
    description: 'consumer group of the enrichers',
  }),
  kafkaPartitions: Type.Integer({
    default: 12,
    minimum: 1,
    maximum: 10000,
    description: 'partitions of the topic of batches where it is not there yet; at least one an enricher',
  }),
  kafkaReplication: Type.Integer({
    default: -1,
    minimum: -1,
    maximum: 10,
    description: 'replicas of topics that are not there yet; -1 is what the brokers take by default',
  }),
  kafkaRetentionHours: Type.Integer({
    default: 168,
    minimum: 1,
    maximum: 87600,
    description: 'hours that batches stay in their topic; longer than enrichers are ever away',
  }),
  kafkaMessageBytesMax: Type.Integer({
    default: 16 * MiB,
    minimum: 65536,
    maximum: 256 * MiB,
    description: 'largest message of topics that are not there yet; larger batches are halved',
  }),
  kafkaInFlightMax: Type.Integer({
    default: 4,
    minimum: 1,
    maximum: 64,
    description: 'batches on their way to Kafka at once',
  }),
  kafkaTls: Type.Boolean({ default: false, description: 'TLS to the brokers' }),
  kafkaTlsCa: Type.String({
    default: '',
    description: 'authorities (PEM) of their certificates; empty: those of the system',
  }),
  kafkaSasl: Type.Enum(['none', 'plain', 'scram-sha-256', 'scram-sha-512'], {
    default: 'none',
    description: 'SASL mechanism',
  }),
  kafkaUser: Type.String({ default: '', description: 'SASL user' }),
  kafkaPassword: Type.String({ default: '', description: 'SASL password; better given as HAIRPIN_KAFKA_PASSWORD' }),
  privacy: Type.Enum(['off', 'truncate', 'anonymise'], {
    default: 'off',
    description: 'what is stored of addresses outside: all, their /24 or /48, or a keyed hash (--privacy-key)',
  }),
  privacyKey: Type.String({
    default: '',
    description: 'file with the key of --privacy anonymise, 32 bytes or more; the same for every enricher',
  }),
  queryTimeoutMs: Type.Integer({
    default: 30000,
    minimum: 100,
    maximum: 3600000,
    description: 'longest a question may take',
  }),
  queryRowsMax: Type.Integer({
    default: 5_000_000_000,
    minimum: 1,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'rows a question may read; one that needs more is ended, with a way out',
  }),
  queryMemoryBytesMax: Type.Integer({
    default: 2048 * MiB,
    minimum: 16 * MiB,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'memory of ClickHouse that a question may take',
  }),
  clock: Type.String({
    default: '',
    pattern: CLOCK_PATTERN,
    description: 'for test installations: simulated time, as START*SPEED@REAL; empty is the wall clock',
  }),
  logLevel: Type.Enum(['debug', 'info', 'warn', 'error'], {
    default: 'info',
    description: 'lowest level that is logged',
  }),
};

export const Configuration = Type.Object(key, { additionalProperties: false });
export type Configuration = Static<typeof Configuration>;

const checker = documentChecker(Configuration, configuration => {
  const { udp, mirrorUdp, ipfixTcp, ipfixTls, ipfixTlsCert, ipfixTlsKey, clock, clickhouse, ephemeralPorts } =
    configuration;
  const faults: Fault[] = [];
  // The URL is logged and shown; users and passwords are not.
  if (/^https?:\/\/[^/?#]*@/.test(clickhouse))
    faults.push({
      path: '/clickhouse',
      message: 'holds a user; give --clickhouse-user and HAIRPIN_CLICKHOUSE_PASSWORD',
    });
  const isSharded = configuration.clickhouseForm !== 'single';
  if (isSharded && (configuration.clickhouse === '' || configuration.clickhouseShards.length === 0))
    faults.push({ path: '/clickhouseForm', message: 'needs --clickhouse and --clickhouse-shards' });
  if (!isSharded && configuration.clickhouseShards.length > 0)
    faults.push({ path: '/clickhouseShards', message: 'is of no use with --clickhouse-form single' });
  if (clock !== '' && !parseClock(clock))
    faults.push({ path: '/clock', message: `must hold two times and a speed above 0, at most ${CLOCK_SPEED_MAX}` });
  if (ipfixTls.length > 0 && (ipfixTlsCert === '' || ipfixTlsKey === ''))
    faults.push({ path: '/ipfixTls', message: 'needs --ipfix-tls-cert and --ipfix-tls-key' });
  const mirrors = mirrorUdp.filter(port => udp.includes(port));
  if (mirrors.length > 0) faults.push({ path: '/mirrorUdp', message: `has port ${mirrors.join(', ')} of --udp too` });
  const both = ipfixTls.filter(port => ipfixTcp.includes(port));
  if (both.length > 0) faults.push({ path: '/ipfixTls', message: `has port ${both.join(', ')} of --ipfix-tcp too` });
  if (configuration.privacy === 'anonymise' && configuration.privacyKey === '')
    faults.push({ path: '/privacy', message: 'needs --privacy-key FILE' });
  configuration.exporterAllow.forEach((text, i) => {
    if (!parsePrefix(text))
      faults.push({ path: `/exporterAllow/${i}`, message: `"${text}" is no prefix (10.0.0.0/8, 2001:db8::/32)` });
  });
  const retained = configuration.retention.map(parseRetention);
  retained.forEach((entry, i) => {
    const path = `/retention/${i}`;
    const text = configuration.retention[i]!;
    if (!entry) faults.push({ path, message: `"${text}" is no TABLE=DAYS; tables are ${RETAINED_TABLES.join(', ')}` });
    else if (retained.findIndex(other => other?.table === entry.table) < i)
      faults.push({ path, message: `"${text}" names ${entry.table} again` });
  });
  ephemeralPorts.forEach((text, i) => {
    if (!parsePortSpan(text))
      faults.push({ path: `/ephemeralPorts/${i}`, message: `"${text}" is no range of ports (32768-65535)` });
  });
  return faults;
});
/** Variables that tests read, not services. */
const OF_TESTS = /^HAIRPIN_(?:TEST_|CORPUS$)/;

export const CONFIGURATION_KEYS = Object.keys(key) as (keyof Configuration)[];

export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`;
}

export function variableOf(name: string): string {
  return `HAIRPIN_${name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()}`;
}

interface KeySchema {
  type?: string;
  default: unknown;
  description: string;
}
const schemaOf = (name: keyof Configuration) => key[name] as unknown as KeySchema;

/** A text from a flag or a variable as the value its key wants; what cannot be converted is left for the checker to refuse. */
function fromText(name: keyof Configuration, text: string): unknown {
  switch (schemaOf(name).type) {
    case 'array':
      return text.trim() === ''
        ? []
        : text.split(',').map(part => (/^\d+$/.test(part.trim()) ? Number(part) : part.trim()));
    case 'integer':
      return /^-?\d+$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' || text === '1' || text === '' ? true : text === 'false' || text === '0' ? false : text;
    default:
      return text;
  }
}

/** The flags of every key, for `parseArgs`. Booleans take no value. */
export function configurationOptions(): Record<string, { type: 'string' | 'boolean' }> {
  return Object.fromEntries(
    CONFIGURATION_KEYS.map(name => [
      flagOf(name).slice(2),
      { type: schemaOf(name).type === 'boolean' ? 'boolean' : 'string' },
    ]),
  );
}

export interface Sources {
  /** Values of flags by their name without `--`. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly environment?: NodeJS.ProcessEnv;
  /** Path of hairpin.yaml, if there is one. */
  readonly file?: string;
}

/** The configuration from file, environment and flags; throws a DocumentError with every fault of all three. */
export function loadConfiguration({ flags = {}, environment = {}, file }: Sources): Configuration {
  const values: Record<string, unknown> = {};
  const origin = new Map<string, string>();
  if (file !== undefined) {
    const parsed = readConfigurationFile(file);
    for (const [name, value] of Object.entries(parsed)) {
      values[name] = value;
      origin.set(name, file);
    }
  }
  const faults: Fault[] = [];
  const variables = new Map(CONFIGURATION_KEYS.map(name => [variableOf(name), name]));
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith('HAIRPIN_') || text === undefined || OF_TESTS.test(variable)) continue;
    const name = variables.get(variable);
    if (!name) faults.push({ path: variable, message: 'is no known variable; --help lists them' });
    else {
      values[name] = fromText(name, text);
      origin.set(name, variable);
    }
  }
  for (const name of CONFIGURATION_KEYS) {
    const value = flags[flagOf(name).slice(2)];
    if (value === undefined) continue;
    values[name] = typeof value === 'string' ? fromText(name, value) : value;
    origin.set(name, flagOf(name));
  }
  try {
    const configuration = checker.check('configuration', values);
    if (faults.length === 0) return configuration;
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    for (const fault of error.faults) {
      const name = fault.path.split('/')[1] ?? '';
      const from = origin.get(name);
      faults.push({
        path: from === undefined || from === file ? fault.path : from,
        message: from === file && file !== undefined ? `(${file}) ${fault.message}` : fault.message,
      });
    }
  }
  throw new DocumentError('configuration', faults);
}

function readConfigurationFile(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new DocumentError('configuration', [{ path: file, message: `cannot be read: ${(error as Error).message}` }]);
  }
  let parsed: unknown;
  try {
    parsed = parseYaml(text);
  } catch (error) {
    throw new DocumentError('configuration', [{ path: file, message: (error as Error).message.split('\n')[0]! }]);
  }
  if (parsed === null || parsed === undefined) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    throw new DocumentError('configuration', [{ path: file, message: 'must hold keys and values' }]);
  return parsed as Record<string, unknown>;
}

/** One line per key: flag, variable, default, meaning. */
export function configurationHelp(): string {
  const rows = CONFIGURATION_KEYS.map(name => {
    const { default: value, description } = schemaOf(name);
    return `  ${flagOf(name).padEnd(26)} ${description} [${Array.isArray(value) ? value.join(',') : String(value)}]`;
  });
  return `${rows.join('\n')}\n\nEach key is also a key of hairpin.yaml (batchRowsMax) and a variable (HAIRPIN_BATCH_ROWS_MAX).`;
}

/** HOST:PORT, the host perhaps in brackets. */
export function parseHostPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}

/** Flags of one command as `parseArgs` gives them; throws a DocumentError for an unknown flag. */
export function parseFlags(
  args: readonly string[],
  extra: Record<string, { type: 'string' | 'boolean'; short?: string }> = {},
) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        ...configurationOptions(),
        ...extra,
      },
      allowPositionals: true,
    });
  } catch (error) {
    throw new DocumentError('command line', [
      { path: '', message: `${(error as Error).message}; --help lists what is known` },
    ]);
  }
}
