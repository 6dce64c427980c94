// The configuration of a process: hairpin.yaml, environment variables (HAIRPIN_BATCH_ROWS_MAX) and flags
// (--batch-rows-max). A flag wins over a variable, a variable over the file, the file over the default. Every service has
// a schema of its own, made of keys that are defined beside the code that uses them. A setting that a service does not
// use is a fault that names the services that do. All faults of all sources are reported at once.

import { readFileSync } from 'node:fs';
import { type Static, type TSchema, Type } from 'typebox';
import { parse as parseYaml } from 'yaml';
import {
  type Checker,
  DocumentError,
  documentChecker,
  type Fault,
  unknownKey,
  YAML_OPTIONS,
} from '../schemas/documents.ts';

/** Keys by name. The schema of each has its default, its limits and its help text. */
export type Keys = Readonly<Record<string, TSchema>>;
export type ValuesOf<K extends Keys> = { readonly [N in keyof K]: Static<K[N]> };

export interface Sources {
  /** Values of flags by their name without `--`. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly environment?: NodeJS.ProcessEnv;
  /** Path of hairpin.yaml, if there is one. */
  readonly file?: string;
}

export interface LoadOptions<K extends Keys> {
  /** Services that may use what this one does not. */
  readonly services?: readonly AnyService[];
  /** File and environment belong to one of `services`: its keys are ignored there, and are faults as flags only. */
  readonly borrowed?: boolean;
  /** Keys that may not be empty, and what each is needed for. */
  readonly needs?: { readonly [N in keyof K]?: string };
}

export interface AnyService {
  readonly name: string;
  readonly keys: Keys;
}

/** Variables with our prefix that configure the tests, which start processes with their own environment. */
const OF_TESTS = /^HAIRPIN_(TEST_|CORPUS$)/;

export class ServiceSchema<const K extends Keys> {
  /** The command that starts the service. */
  readonly name: string;
  readonly keys: K;
  readonly #rules: (configuration: ValuesOf<K>) => Fault[];
  #checker: Checker<unknown> | undefined;

  /** `rules` finds what a key alone cannot show; it runs only when every value fits its key. */
  constructor(name: string, keys: K, rules: (configuration: ValuesOf<K>) => Fault[] = () => []) {
    this.name = name;
    this.keys = keys;
    this.#rules = rules;
  }

  /** Throws a DocumentError that names every fault of all sources. */
  load(sources: Sources = {}, options: LoadOptions<K> = {}): ValuesOf<K> {
    const collected = collect(sources, this, options);
    const { faults } = collected;
    try {
      // A schema per service is compiled only in the process that runs the service.
      this.#checker ??= documentChecker<TSchema>(Type.Object(this.keys, { additionalProperties: false }), document =>
        this.#rules(document as ValuesOf<K>),
      );
      const configuration = this.#checker.check('configuration', collected.values) as ValuesOf<K>;
      faults.push(...missing(configuration, options.needs ?? {}));
      if (faults.length === 0) return configuration;
    } catch (error) {
      if (!(error instanceof DocumentError)) throw error;
      faults.push(...error.faults.map(fault => placed(fault, collected)));
    }
    throw new DocumentError('configuration', faults);
  }

  /** One line per key: flag, meaning, default. */
  help(): string {
    const rows = Object.keys(this.keys).map(name => {
      const { default: value, description, enum: values } = describe(this.keys, name);
      const allowed = values === undefined ? '' : ` (${values.join(', ')})`;
      const initial = Array.isArray(value) ? value.join(',') : String(value);
      return `  ${flagOf(name).padEnd(26)} ${description}${allowed} [${initial}]`;
    });
    return `${rows.join('\n')}\n\nEach flag is also a key of hairpin.yaml (logLevel) and an environment variable (HAIRPIN_LOG_LEVEL). Flags,\nkeys and variables that \`hairpin ${this.name}\` does not use are refused.`;
  }
}

/** The defaults of keys that a process does not offer. */
export function defaultsOf<const K extends Keys>(keys: K): ValuesOf<K> {
  return new ServiceSchema('', keys).load();
}

/** batch-rows-max */
export function flagName(name: string): string {
  return name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
}

export function flagOf(name: string): string {
  return `--${flagName(name)}`;
}

export function variableOf(name: string): string {
  return `HAIRPIN_${name.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()}`;
}

/** The flags of all these services, for `parseArgs`. Booleans take no value. */
export function flagOptions(services: readonly AnyService[]): Record<string, { type: 'string' | 'boolean' }> {
  return Object.fromEntries(
    services.flatMap(({ keys }) =>
      Object.keys(keys).map(name => [
        flagName(name),
        { type: describe(keys, name).type === 'boolean' ? 'boolean' : 'string' },
      ]),
    ),
  );
}

interface KeyFacts {
  readonly type?: string;
  readonly default?: unknown;
  readonly description?: string;
  /** The words that are allowed. */
  readonly enum?: readonly string[];
}

/** What typebox keeps in a schema and does not show in its type. */
function describe(keys: Keys, name: string): KeyFacts {
  return keys[name] as KeyFacts;
}

/** One value as a source gives it. */
interface Setting {
  readonly source: 'file' | 'variable' | 'flag';
  /** Undefined for a variable of no service. */
  readonly name: string | undefined;
  readonly value: unknown;
  /** Where people find it: a pointer into `file`, a variable or a flag. */
  readonly path: string;
  readonly file?: string;
}

/** The settings of all sources, the strongest source last. */
function* settingsOf({ flags = {}, environment = {}, file }: Sources, names: ReadonlySet<string>): Generator<Setting> {
  if (file !== undefined)
    for (const [name, value] of Object.entries(readConfigurationFile(file)))
      yield { source: 'file', name, value, path: `/${name}`, file };
  const variables = new Map([...names].map(name => [variableOf(name), name]));
  for (const [path, value] of Object.entries(environment))
    if (path.startsWith('HAIRPIN_') && value !== undefined && !OF_TESTS.test(path))
      yield { source: 'variable', name: variables.get(path), value, path };
  for (const name of names) {
    const value = flags[flagName(name)];
    if (value !== undefined) yield { source: 'flag', name, value, path: flagOf(name) };
  }
}

interface Collected {
  readonly values: Record<string, unknown>;
  /** By key, where its value comes from. */
  readonly origin: ReadonlyMap<string, Setting>;
  readonly faults: Fault[];
}

/** The values that the service uses; every other setting is a fault. */
function collect<K extends Keys>(sources: Sources, own: AnyService, options: LoadOptions<K>): Collected {
  const { services = [], borrowed = false } = options;
  const values: Record<string, unknown> = {};
  const origin = new Map<string, Setting>();
  const faults: Fault[] = [];
  const names = new Set([own, ...services].flatMap(({ keys }) => Object.keys(keys)));
  for (const setting of settingsOf(sources, names)) {
    const { name, value, source } = setting;
    if (name !== undefined && Object.hasOwn(own.keys, name)) {
      values[name] = typeof value === 'string' && source !== 'file' ? fromText(own.keys, name, value) : value;
      origin.set(name, setting);
      continue;
    }
    const users = services.filter(({ keys }) => name !== undefined && Object.hasOwn(keys, name));
    if (borrowed && users.length > 0 && source !== 'flag') continue;
    const unused = `is not used by hairpin ${own.name}, only by ${listed(users)}`;
    faults.push(faultAt(setting, users.length > 0 ? unused : unknown(setting, Object.keys(own.keys))));
  }
  return { values, origin, faults };
}

function unknown({ path, source }: Setting, keys: readonly string[]): string {
  if (source === 'file') return unknownKey(path.slice(1), keys);
  return `is no known ${source}; --help lists them`;
}

function listed(services: readonly AnyService[]): string {
  const names = services.map(({ name }) => `hairpin ${name}`);
  return [...names.slice(0, -2), names.slice(-2).join(' and ')].join(', ');
}

function faultAt({ path, file }: Setting, message: string): Fault {
  return { path, message: file === undefined ? message : `(${file}) ${message}` };
}

/** A fault of the checker, at the source of the value. */
function placed(fault: Fault, { origin }: Collected): Fault {
  const setting = origin.get(fault.path.split('/')[1] ?? '');
  if (!setting) return fault;
  // Within a file the pointer to an item says more than the key.
  return faultAt(setting.source === 'file' ? { ...setting, path: fault.path } : setting, fault.message);
}

function missing(
  configuration: Readonly<Record<string, unknown>>,
  needs: Readonly<Record<string, string | undefined>>,
): Fault[] {
  return Object.entries(needs)
    .filter(([name]) => (configuration[name] as { readonly length: number }).length === 0)
    .map(([name, purpose]) => ({ path: flagOf(name), message: `is needed: ${purpose}` }));
}

/** A text from a flag or a variable as the value its key wants; what cannot be converted is left for the checker to refuse. */
function fromText(keys: Keys, name: string, text: string): unknown {
  switch (describe(keys, name).type) {
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

function readConfigurationFile(file: string): Record<string, unknown> {
  const refuse = (message: string) => new DocumentError('configuration', [{ path: file, message }]);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw refuse(`cannot be read: ${(error as Error).message}`);
  }
  let parsed: unknown;
  try {
    parsed = parseYaml(text, YAML_OPTIONS);
  } catch (error) {
    throw refuse((error as Error).message.split('\n')[0]!);
  }
  if (parsed === null || parsed === undefined) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw refuse('must hold keys and values');
  return parsed as Record<string, unknown>;
}
