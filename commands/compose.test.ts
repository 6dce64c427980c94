// docker-compose.yml and the Dockerfile, as far as they can be judged without running them, which .ci/image does: Debian's
// docker-compose reads the file, and what Compose cannot know is compared with the program: keys, ports, versions, users.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { COLLECTOR_SERVICE } from '../collector/configuration.ts';
import { ENRICHER_SERVICE } from '../enricher/configuration.ts';
import { QUERY_API_SERVICE } from '../query-api/configuration.ts';
import { parseHostPort } from '../schemas/host-port.ts';
import { checkVersion } from '../storage/migrations/migrate.ts';
import { onPath, requireTool } from '../testing/requirements.ts';
import { readConfiguration, START_SERVICE } from './configurations.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');
const TEXT = read('docker-compose.yml');
const DOCKERFILE = read('Dockerfile');

interface HealthCheck {
  readonly test: readonly string[];
  readonly retries: number;
}

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly target: string };
  readonly user?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: HealthCheck;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly secrets?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, unknown>>;
}

const defaults = new Map(
  read('.env.example')
    .split('\n')
    .filter(line => /^[A-Z]/.test(line))
    .map(line => line.split('=') as [string, string]),
);
/** The file with the variables of .env.example, and a password. */
const compose = parse(
  TEXT.replace(/\$\{(\w+)(?::[-?][^}]*)?\}/g, (_, name) => defaults.get(name) || 'given'),
  { merge: true },
) as Compose;
const services = Object.entries(compose.services);
const own = services.filter(([, service]) => service.build !== undefined);

/** What stands behind each use of an instruction in the Dockerfile, in order. */
const instructions = DOCKERFILE.replaceAll('\\\n', '')
  .split('\n')
  .filter(line => /^[A-Z]+ /.test(line));
const valuesOf = (instruction: string) =>
  instructions.filter(line => line.startsWith(`${instruction} `)).map(line => line.slice(instruction.length + 1));
/** The health check of Hairpin's services, which the image brings. */
const imageHealthCheck = (): HealthCheck => {
  const [options, command] = valuesOf('HEALTHCHECK')[0]!.split(/ CMD /);
  return { test: JSON.parse(command!) as string[], retries: Number(/--retries=(\d+)/.exec(options!)![1]) };
};

/** Images that name a user other than root themselves: https://hub.docker.com/r/apache/kafka. */
const UNPRIVILEGED_IMAGES = ['apache/kafka'];

test.runIf(requireTool('docker-compose', onPath('docker-compose'), 'the Debian package docker-compose'))(
  'docker-compose takes the file',
  () => {
    const environment = { ...process.env, CLICKHOUSE_PASSWORD: 'given' };
    const config = execFileSync('docker-compose', ['-f', 'docker-compose.yml', 'config', '--services'], {
      cwd: ROOT,
      env: environment,
      encoding: 'utf8',
    });
    expect(config.trim().split('\n').sort()).toEqual(services.map(([name]) => name).sort());
    const { CLICKHOUSE_PASSWORD: _, ...without } = environment;
    expect(() => execFileSync('docker-compose', ['config', '-q'], { cwd: ROOT, env: without, stdio: 'pipe' })).toThrow(
      /set it in \.env/,
    );
  },
);

test('every variable is in .env.example, and none there is unused', () => {
  const used = new Set([...TEXT.matchAll(/\$\{(\w+)/g)].map(([, name]) => name!));
  expect([...defaults.keys()].sort()).toEqual([...used].sort());
  for (const [, name, value] of TEXT.matchAll(/\$\{(\w+):-([^}]*)\}/g)) expect(defaults.get(name!), name).toBe(value);
});

describe.each(services)('%s', (name, service) => {
  test('has a pinned image, a health check and no root', () => {
    const [image, tag] = service.image.split(':');
    if (service.build === undefined) expect(tag, service.image).toMatch(/^\d+\.\d+/);
    const healthCheck = service.build === undefined ? service.healthcheck : imageHealthCheck();
    expect(healthCheck?.test.length).toBeGreaterThan(1);
    expect(healthCheck?.retries).toBeGreaterThan(1);
    const isUnprivileged =
      service.build?.context === '.' ||
      UNPRIVILEGED_IMAGES.includes(image!) ||
      /^[1-9]\d*:[1-9]\d*$/.test(service.user ?? '');
    expect(isUnprivileged, `${name} runs as root`).toBe(true);
  });

  test('uses volumes and secrets that are declared', () => {
    for (const volume of service.volumes ?? []) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
    for (const secret of service.secrets ?? []) expect(Object.keys(compose.secrets)).toContain(secret);
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      expect(condition).toBe('service_healthy');
      expect(compose.services[other]?.healthcheck, other).toBeDefined();
    }
  });
});

test('no volume is shared, and none is declared for nothing', () => {
  const used = services.flatMap(([, { volumes = [] }]) => volumes.map(volume => volume.split(':')[0]!));
  expect([...used].sort()).toEqual(Object.keys(compose.volumes).sort());
});

function configurationOf(command: string, flags: readonly string[], environment: Readonly<Record<string, string>>) {
  const options = { environment };
  switch (command) {
    case 'collector':
      return readConfiguration(COLLECTOR_SERVICE, flags, '', options)!.configuration;
    case 'enricher':
      return readConfiguration(ENRICHER_SERVICE, flags, '', options)!.configuration;
    case 'query-api':
      return readConfiguration(QUERY_API_SERVICE, flags, '', options)!.configuration;
    default:
      throw new Error(`${command} is no service of a distributed installation`);
  }
}

test.each(own)(
  '%s: the program takes its flags and variables, and its health check asks where it answers',
  (_, service) => {
    const [command, ...flags] = service.command!;
    const configuration = configurationOf(command!, flags, service.environment!);
    expect(configuration.data).toBe('/data');
    expect(service.volumes?.some(volume => volume.endsWith(':/data'))).toBe(true);
    expect('kafka' in configuration).toBe(command !== 'query-api');
    if ('kafka' in configuration) {
      const [kafka] = configuration.kafka;
      expect(compose.services[parseHostPort(kafka!).host], kafka).toBeDefined();
    }
    expect('clickhouse' in configuration).toBe(command !== 'collector');
    if ('clickhouse' in configuration)
      expect(compose.services[new URL(configuration.clickhouse).hostname], configuration.clickhouse).toBeDefined();
    const { host, port } = parseHostPort(configuration.http);
    expect(service.healthcheck, 'the image brings it').toBeUndefined();
    expect(imageHealthCheck().test.join(' ')).toContain(`http://127.0.0.1:${port}/readyz`);
    // Beyond loopback it refuses to start without tokens (API_UNPROTECTED).
    if (host !== '127.0.0.1') expect(configuration.tokens).toBe(`/run/secrets/${service.secrets![0]}`);
    for (const published of service.ports ?? []) {
      const target = Number(published.split(':').at(-1)!.split('/')[0]);
      const isUdp = published.endsWith('/udp');
      expect(isUdp && 'udp' in configuration ? configuration.udp : [port]).toContain(target);
      expect(isUdp).toBe(command === 'collector');
    }
  },
);

test('the password is the same on both sides, and the server is new enough', () => {
  const { environment, image } = compose.services['clickhouse']!;
  const clients = own.filter(([, { command }]) => command![0] !== 'collector');
  expect(clients).toHaveLength(3);
  for (const [name, service] of clients) {
    expect(service.environment!['HAIRPIN_CLICKHOUSE_USER'], name).toBe(environment!['CLICKHOUSE_USER']);
    expect(service.environment!['HAIRPIN_CLICKHOUSE_PASSWORD'], name).toBe(environment!['CLICKHOUSE_PASSWORD']);
  }
  expect(() => checkVersion(image.split(':')[1]!)).not.toThrow();
});

test('the image is pinned, runs as a user of its own and has what it copies and starts', () => {
  const stages = valuesOf('FROM').map(value => /^(?<base>\S+)(?: AS (?<name>\w+))?$/.exec(value)!.groups!);
  const names = stages.flatMap(({ name }) => name ?? []);
  const bases = stages.map(({ base }) => base!);
  for (const base of bases.filter(name => !names.includes(name))) {
    expect(base).toMatch(/^node:\d+\.\d+\.\d+-\w+-slim$/);
    expect(base).toBe(bases[0]);
  }
  for (const [name, { build }] of own) expect(names, name).toContain(build!.target);
  expect(valuesOf('USER')).toEqual(['node']);
  expect(instructions.findIndex(line => line.startsWith('USER'))).toBeLessThan(
    instructions.findIndex(line => line.startsWith('ENTRYPOINT')),
  );
  const [copied] = valuesOf('COPY');
  for (const file of copied!.split(' ').slice(0, -1)) expect(existsSync(join(ROOT, file)), file).toBe(true);
  const entry = JSON.parse(valuesOf('ENTRYPOINT')[0]!) as string[];
  expect(existsSync(join(ROOT, entry.at(-1)!))).toBe(true);
  const { udp, http } = START_SERVICE.load();
  expect(valuesOf('EXPOSE')[0]!.split(' ')).toEqual([
    ...udp.map(port => `${port}/udp`),
    `${parseHostPort(http).port}/tcp`,
  ]);
});
