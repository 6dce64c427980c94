import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { COLLECTOR_SERVICE } from '../collector/configuration.ts';
import { ENRICHER_SERVICE } from '../enricher/configuration.ts';
import { QUERY_API_SERVICE } from '../query-api/configuration.ts';
import { DocumentError } from '../schemas/documents.ts';
import { parseHostPort } from '../schemas/host-port.ts';
import {
  type AnyService,
  flagName,
  flagOf,
  flagOptions,
  type Keys,
  type ServiceSchema,
  type Sources,
  variableOf,
} from '../service/configuration.ts';
import { UsageError } from './command-line.ts';
import {
  DEMO_SERVICE,
  type ReadOptions,
  readConfiguration,
  START_SERVICE,
  type StartConfiguration,
} from './configurations.ts';

const folder = mkdtempSync(join(tmpdir(), 'hairpin-configuration-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KEYS = Object.keys(START_SERVICE.keys) as (keyof StartConfiguration)[];
const file = join(folder, 'hairpin.yaml');
function write(text: string): string {
  writeFileSync(file, text);
  return file;
}

/** `path message` of every fault, [] when the configuration is taken. */
function faultsOf(sources: Sources): string[] {
  return faultsIn(() => START_SERVICE.load(sources));
}

function faultsIn(load: () => unknown): string[] {
  try {
    load();
    return [];
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
    return error.faults.map(({ path, message }) => `${path} ${message}`);
  }
}

describe('the configuration', () => {
  test('without any source has the defaults, each of which is valid', () => {
    const configuration = START_SERVICE.load();
    expect(Object.keys(configuration).sort()).toEqual([...KEYS].sort());
    expect(configuration).toMatchObject({
      http: '127.0.0.1:8080',
      udp: [2055, 4739, 6343],
      batchRowsMax: 65536,
      durable: false,
      clickhouse: '',
    });
    expect(configuration.collectorId).toMatch(/^[a-z0-9-]{1,63}$/);
  });

  test('takes a flag before the environment, that before the file, the file before the default', () => {
    const sources = {
      file: write('batchRowsMax: 10\nworkers: 3\nbatchAgeMsMax: 500\n'),
      environment: { HAIRPIN_BATCH_ROWS_MAX: '20', HAIRPIN_WORKERS: '4', PATH: '/bin' },
      flags: { 'batch-rows-max': '30' },
    };
    const { batchRowsMax, workers, batchAgeMsMax, batchesMax } = START_SERVICE.load(sources);
    expect([batchRowsMax, workers, batchAgeMsMax, batchesMax]).toEqual([30, 4, 500, 6]);
  });

  test('converts the texts of flags and variables to what each key wants', () => {
    const { udp, durable, workers, data } = START_SERVICE.load({
      environment: { HAIRPIN_UDP: '9995, 9996', HAIRPIN_DURABLE: 'true', HAIRPIN_DATA: '42' },
      flags: { workers: '2' },
    });
    expect([udp, durable, workers, data]).toEqual([[9995, 9996], true, 2, '42']);
    const off = { file: write('durable: true\n'), environment: { HAIRPIN_DURABLE: '0' } };
    expect(START_SERVICE.load(off).durable).toBe(false);
    expect(START_SERVICE.load({ flags: { durable: true } }).durable).toBe(true);
  });

  test('names every fault of all three sources at once, with its place', () => {
    const faults = faultsOf({
      file: write('batchRowsMax: many\nbatchRowMax: 5\ncollectorId: Über\n'),
      environment: {
        HAIRPIN_WORKERS: '0',
        HAIRPIN_WORKER: '2',
        HAIRPIN_DURABLE: 'perhaps',
        HAIRPIN_TEST_REQUIRE: 'all',
        HAIRPIN_CORPUS: '/captures',
      },
      flags: { 'log-level': 'loud', udp: '2055,http,70000' },
    });
    expect(faults.map(fault => fault.replace(/(allowed are \w+).*/, '$1')).sort()).toEqual([
      '--log-level must be one of debug, info, warn, error',
      '--udp must be <= 65535',
      '--udp must be integer',
      `/batchRowMax (${file}) is not a known key; allowed are batchRowsMax`,
      `/batchRowsMax (${file}) must be integer`,
      `/collectorId (${file}) must be up to 63 lower-case letters, digits and hyphens`,
      'HAIRPIN_DURABLE must be boolean',
      'HAIRPIN_WORKER is no known variable; --help lists them',
      'HAIRPIN_WORKERS must be >= 1',
    ]);
  });

  test('refuses a webhook whose URL holds a user or password, and repeats neither', () => {
    for (const service of [START_SERVICE, QUERY_API_SERVICE]) {
      const faults = (url: string) => faultsIn(() => service.load({ flags: { 'alert-webhook': url } }));
      for (const url of [
        'https://ops:s3cret@alerts.example/hook',
        'https://ops@alerts.example/',
        'https://:s3cret@alerts.example/',
      ])
        expect(faults(url)).toEqual([
          '--alert-webhook holds a user or password; use --alert-webhook-token, or a secret in its path',
        ]);
      expect(faults('https://alerts.example/hook/s3cret?to=ops@example.org')).toEqual([]);
    }
  });

  test('takes no port at all for IPFIX over TCP and TLS, but for TLS only with certificate and key', () => {
    const flags = { 'ipfix-tcp': '4739', 'ipfix-tls': '4740, 4739' };
    expect(START_SERVICE.load({ environment: { HAIRPIN_IPFIX_TCP: '' } }).ipfixTcp).toEqual([]);
    expect(faultsOf({ flags })).toEqual([
      '--ipfix-tls needs --ipfix-tls-cert and --ipfix-tls-key',
      '--ipfix-tls has port 4739 of --ipfix-tcp too',
    ]);
    const tls = { 'ipfix-tls': '4740', 'ipfix-tls-cert': 'a.pem', 'ipfix-tls-key': 'b.pem' };
    expect(START_SERVICE.load({ flags: { ...flags, ...tls } })).toMatchObject({
      ipfixTcp: [4739],
      ipfixTls: [4740],
      ipfixTlsCa: '',
    });
    expect(faultsOf({ flags: { udp: '' } })).toEqual(['--udp must not have fewer than 1 items']);
  });

  test('takes prefixes of exporters, and no privacy by key without one', () => {
    expect(START_SERVICE.load({ flags: { 'exporter-allow': '10.0.0.0/8,2001:db8::1' } }).exporterAllow).toHaveLength(2);
    expect(faultsOf({ flags: { 'exporter-allow': '10.0.0.0/33' } })).toEqual([
      '--exporter-allow "10.0.0.0/33" is no prefix (10.0.0.0/8, 2001:db8::/32)',
    ]);
    expect(faultsOf({ flags: { privacy: 'anonymise' } })).toEqual(['--privacy needs --privacy-key FILE']);
    expect(faultsOf({ flags: { privacy: 'some' } })).toEqual(['--privacy must be one of off, truncate, anonymise']);
  });

  test('takes days of single tables, each once', () => {
    const { retention } = START_SERVICE.load({ flags: { retention: 'flows=7, events=90' } });
    expect(retention).toEqual(['flows=7', 'events=90']);
    expect(faultsOf({ flags: { retention: 'flows=0,documents=3,events=9,events=8' } })).toEqual([
      expect.stringMatching(/^--retention "flows=0" is no TABLE=DAYS; tables are flows, traffic_1m, /),
      expect.stringMatching(/^--retention "documents=3" is no TABLE=DAYS/),
      '--retention "events=8" names events again',
    ]);
  });

  test('names an unknown variable even when everything else is right', () => {
    expect(faultsOf({ environment: { HAIRPIN_PORT: '1' } })).toEqual([
      'HAIRPIN_PORT is no known variable; --help lists them',
    ]);
  });

  test('of an empty file, or one of comments, is the default', () => {
    for (const text of ['', '# nothing yet\n', '---\n'])
      expect(START_SERVICE.load({ file: write(text) })).toEqual(START_SERVICE.load());
  });

  test('of a file that is no YAML is refused with the line of the mistake', () => {
    const [fault, ...more] = faultsOf({ file: write('workers: 2\nudp: [2055\nhttp: x\n') });
    expect(more).toEqual([]);
    expect(fault).toMatch(new RegExp(`^${file} .* at line [23], column \\d+`));
    expect(faultsOf({ file: write('workers: *x\n') })).toEqual([expect.stringContaining(`${file} Unresolved alias`)]);
  });

  test('of a file that is missing, a folder or a list is refused by name', () => {
    expect(faultsOf({ file: join(folder, 'none.yaml') })[0]).toContain(`${join(folder, 'none.yaml')} cannot be read`);
    expect(faultsOf({ file: folder })[0]).toContain(`${folder} cannot be read`);
    expect(faultsOf({ file: write('- workers\n') })).toEqual([`${file} must hold keys and values`]);
    expect(faultsOf({ file: write('workers\n') })).toEqual([`${file} must hold keys and values`]);
  });

  test.each([
    ['workers', 1, 64],
    ['batchRowsMax', 1, 1_048_576],
    ['batchAgeMsMax', 10, 60_000],
    ['batchesMax', 2, 256],
    ['clickhousePort', 0, 65_535],
    ['udpBufferBytes', 4096, 1024 * 1024 * 1024],
    ['retentionDays', 1, 3650],
  ] as const)('takes %s from %i to %i and nothing beside', (name: keyof StartConfiguration, minimum, maximum) => {
    const faults = (value: number) => faultsOf({ flags: { [flagName(name)]: String(value) } });
    expect([faults(minimum), faults(maximum)]).toEqual([[], []]);
    expect(faults(minimum - 1)).toEqual([`${flagOf(name)} must be >= ${minimum}`]);
    expect(faults(maximum + 1)).toEqual([`${flagOf(name)} must be <= ${maximum}`]);
    expect(faults(minimum + 0.5)).toEqual([`${flagOf(name)} must be integer`]);
  });

  test('takes an address to listen on with a port that exists', () => {
    const taken = (http: string) => faultsOf({ flags: { http } }).length === 0;
    for (const http of ['127.0.0.1:8080', 'localhost:0', '[::1]:65535', '0.0.0.0:1', 'a:59999', 'a:60000', 'a:65499'])
      expect([http, taken(http)]).toEqual([http, true]);
    for (const http of [
      '8080',
      ':8080',
      '127.0.0.1',
      '127.0.0.1:65536',
      'a:70000',
      'a:99999',
      'a:100000',
      '::1:80',
      'a:x',
    ])
      expect([http, taken(http)]).toEqual([http, false]);
    expect(parseHostPort('[fd00::1]:2055')).toEqual({ host: 'fd00::1', port: 2055 });
    expect(parseHostPort('example.net:80')).toEqual({ host: 'example.net', port: 80 });
  });
});

describe('the flags', () => {
  test('are the keys in kebab case, the variables in capitals', () => {
    expect([flagOf('batchRowsMax'), flagOf('udp'), variableOf('batchRowsMax'), variableOf('udpHost')]).toEqual([
      '--batch-rows-max',
      '--udp',
      'HAIRPIN_BATCH_ROWS_MAX',
      'HAIRPIN_UDP_HOST',
    ]);
    const options = Object.keys(flagOptions([START_SERVICE]));
    expect(options).toHaveLength(KEYS.length);
    expect(options.filter(name => !/^[a-z]+(-[a-z]+)*$/.test(name))).toEqual([]);
  });

  test('are all in the help, each with its default', () => {
    const lines = START_SERVICE.help().split('\n');
    const defaults = START_SERVICE.load();
    for (const name of KEYS)
      expect(lines.filter(line => line.startsWith(`  ${flagOf(name)} `))).toEqual([
        expect.stringMatching(
          new RegExp(`[a-z]{3,}.* \\[${String(defaults[name]).replace(/[.*+?^$[\]\\]/g, '\\$&')}\\]$`),
        ),
      ]);
  });

  test('are read with and without =, and an unknown one is refused by name', () => {
    const args = ['--workers=2', '--udp', '1,2', 'x', '--durable'];
    const { configuration, positionals, isFlag } = read(START_SERVICE, args, { takesArguments: true })!;
    expect(configuration).toMatchObject({ workers: 2, udp: [1, 2], durable: true });
    expect([isFlag('workers'), isFlag('data')]).toEqual([true, false]);
    expect(positionals).toEqual(['x']);
    expect(() => read(START_SERVICE, ['--worker', '2'])).toThrow(
      /--worker is no flag of this command; did you mean --workers\?.*--help lists them/s,
    );
    expect(() => read(START_SERVICE, ['--workers'])).toThrow(UsageError);
    expect(() => read(START_SERVICE, ['x'])).toThrow(/x: hairpin start takes flags only\nusage: hairpin/);
  });
});

function read<K extends Keys>(service: ServiceSchema<K>, args: readonly string[], options: ReadOptions<K> = {}) {
  return readConfiguration(service, args, 'hairpin', { environment: {}, ...options });
}

describe('a service', () => {
  test('refuses what it does not use from every source at once, and names the services that use it', () => {
    const args = ['--config', write('clickhouse: http://a:8123\nudp: [2055]\nworker: 2\n'), '--inventory', 'F'];
    const environment = { HAIRPIN_QUERY_ROWS_MAX: '5', HAIRPIN_KAFKA_GROUP: 'g', HAIRPIN_NOTHING: '' };
    expect(faultsIn(() => read(COLLECTOR_SERVICE, args, { environment, needs: { kafka: 'brokers' } }))).toEqual([
      `/clickhouse (${file}) is not used by hairpin collector, only by hairpin start, hairpin enricher and hairpin query-api`,
      expect.stringContaining(`/worker (${file}) is not a known key; allowed are workers, `),
      'HAIRPIN_QUERY_ROWS_MAX is not used by hairpin collector, only by hairpin start and hairpin query-api',
      'HAIRPIN_KAFKA_GROUP is not used by hairpin collector, only by hairpin enricher',
      'HAIRPIN_NOTHING is no known variable; --help lists them',
      '--inventory is not used by hairpin collector, only by hairpin start and hairpin enricher',
      '--kafka is needed: brokers',
    ]);
  });

  test.each<[AnyService, readonly string[], readonly string[]]>([
    [START_SERVICE, ['udp', 'inventory', 'queryRowsMax', 'spoolBytesMax', 'clickhousePort'], ['kafka', 'kafkaGroup']],
    [DEMO_SERVICE, ['udp', 'queryRowsMax', 'spoolBytesMax'], ['kafka', 'inventory', 'applications', 'exporters']],
    [COLLECTOR_SERVICE, ['udp', 'kafka', 'durable'], ['inventory', 'clickhouse', 'kafkaGroup', 'retentionDays']],
    [ENRICHER_SERVICE, ['inventory', 'kafka', 'retention', 'durable'], ['udp', 'spoolBytesMax', 'queryRowsMax']],
    [QUERY_API_SERVICE, ['tokens', 'queryRowsMax', 'privacyKey'], ['udp', 'kafka', 'inventory', 'retentionDays']],
  ])('%# has the keys that it uses and no others', ({ keys }, used, unused) => {
    expect(used.filter(name => !Object.hasOwn(keys, name))).toEqual([]);
    expect(unused.filter(name => Object.hasOwn(keys, name))).toEqual([]);
  });

  test('has no key that `hairpin start` lacks, except those of Kafka', () => {
    const more = [COLLECTOR_SERVICE, ENRICHER_SERVICE, QUERY_API_SERVICE].flatMap(({ keys }) => Object.keys(keys));
    expect(more.filter(name => !KEYS.includes(name as keyof StartConfiguration) && !/^kafka/.test(name))).toEqual([]);
  });

  test('that borrows the file and the environment of another passes over the keys of that one, but not as flags', () => {
    const args = ['--config', write('inventory: a.json\nlogLevel: warn\n')];
    const options = { environment: { HAIRPIN_APPLICATIONS: 'b.json' }, borrowed: true };
    expect(read(DEMO_SERVICE, args, options)!.configuration.logLevel).toBe('warn');
    expect(faultsIn(() => read(DEMO_SERVICE, [...args, '--inventory', 'F'], options))).toEqual([
      '--inventory is not used by hairpin demo, only by hairpin start and hairpin enricher',
    ]);
    expect(faultsIn(() => read(DEMO_SERVICE, ['--config', write('inventry: a.json\n')], options))).toEqual([
      expect.stringContaining(`/inventry (${file}) is not a known key; allowed are `),
    ]);
  });
});
