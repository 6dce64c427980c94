// The configuration of each process: which keys of the services `hairpin start` and `hairpin demo` use, and how a command
// reads its arguments, the environment and hairpin.yaml.

import { existsSync } from 'node:fs';
import { COLLECTOR_KEYS, COLLECTOR_SERVICE, collectorFaults } from '../collector/configuration.ts';
import { ENRICHER_SERVICE, ENRICHMENT_KEYS, enrichmentFaults } from '../enricher/configuration.ts';
import { DOCUMENT_KEYS } from '../inventory/configuration.ts';
import { alertFaults, QUERY_API_KEYS, QUERY_API_SERVICE } from '../query-api/configuration.ts';
import {
  type AnyService,
  flagName,
  flagOptions,
  type Keys,
  type LoadOptions,
  ServiceSchema,
  type ValuesOf,
} from '../service/configuration.ts';
import { PROCESS_KEYS, processFaults } from '../service/process-keys.ts';
import {
  CLICKHOUSE_KEYS,
  clickhouseFaults,
  EMBEDDED_KEYS,
  INSERT_KEYS,
  TABLE_KEYS,
  tableFaults,
} from '../storage/configuration.ts';
import { SPOOL_KEYS } from '../transport/configuration.ts';
import { parseCommand, usageError } from './command-line.ts';

/** Collector, enricher and query API in one process, with the spool between them: no Kafka. */
const ALL_IN_ONE_KEYS = {
  ...PROCESS_KEYS,
  ...COLLECTOR_KEYS,
  ...SPOOL_KEYS,
  ...ENRICHMENT_KEYS,
  ...INSERT_KEYS,
  ...CLICKHOUSE_KEYS,
  ...EMBEDDED_KEYS,
  ...TABLE_KEYS,
  ...QUERY_API_KEYS,
};
const allInOneFaults = (configuration: ValuesOf<typeof ALL_IN_ONE_KEYS>) => [
  ...processFaults(configuration),
  ...collectorFaults(configuration),
  ...enrichmentFaults(configuration),
  ...clickhouseFaults(configuration),
  ...tableFaults(configuration),
  ...alertFaults(configuration),
];

export const START_SERVICE = new ServiceSchema('start', { ...ALL_IN_ONE_KEYS, ...DOCUMENT_KEYS }, allInOneFaults);
export type StartConfiguration = ValuesOf<typeof START_SERVICE.keys>;

/** The demo brings its own documents. */
export const DEMO_SERVICE = new ServiceSchema('demo', ALL_IN_ONE_KEYS, allInOneFaults);

const SERVICES: readonly AnyService[] = [START_SERVICE, COLLECTOR_SERVICE, ENRICHER_SERVICE, QUERY_API_SERVICE];
const CONFIGURATION_FILE = 'hairpin.yaml';

export interface ReadConfiguration<K extends Keys> {
  readonly configuration: ValuesOf<K>;
  readonly positionals: readonly string[];
  /** Whether a key was given as a flag. */
  isFlag(name: keyof K & string): boolean;
}

export interface ReadOptions<K extends Keys> extends Pick<LoadOptions<K>, 'needs' | 'borrowed'> {
  /** The command line may hold more than flags. */
  readonly takesArguments?: boolean;
  /** That of the process when left out. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** Undefined when help was requested and has been printed; throws a DocumentError that names every fault. */
export function readConfiguration<K extends Keys>(
  service: ServiceSchema<K>,
  args: readonly string[],
  help: string,
  { takesArguments = false, environment = process.env, ...options }: ReadOptions<K> = {},
): ReadConfiguration<K> | undefined {
  // The flags of other services are parsed too: each is a fault that names its users.
  const flags = { config: { type: 'string' }, ...flagOptions([service, ...SERVICES]) } as const;
  const { values, positionals } = parseCommand(args, flags, help);
  if (!values) return undefined;
  if (!takesArguments && positionals.length > 0)
    throw usageError(`${positionals.join(' ')}: hairpin ${service.name} takes flags only`, help);
  const given = values['config'];
  const file = typeof given === 'string' ? given : existsSync(CONFIGURATION_FILE) ? CONFIGURATION_FILE : undefined;
  const configuration = service.load(
    { flags: values, environment, ...(file !== undefined && { file }) },
    { services: SERVICES, ...options },
  );
  return { configuration, positionals, isFlag: name => values[flagName(name)] !== undefined };
}
