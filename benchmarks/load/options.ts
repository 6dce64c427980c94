// Options of `hairpin load`, each once: default, limits and help text. The command line builds its help and its flags
// from LOAD_OPTIONS.

import { type Static, Type } from 'typebox';
import { CLOCK_PATTERN } from '../../schemas/clock.ts';
import { DocumentError, documentChecker, type Fault } from '../../schemas/documents.ts';
import { parseHostPort } from '../../schemas/host-port.ts';
import { SIMULATED } from '../simulation/scenarios/scenarios.ts';
import { EXPORT_PROTOCOLS } from './model/data-centre.ts';

/** Made of flows, at any rate; the others are simulated packet by packet. */
export const FLOW_SCENARIOS = ['steady', 'numbered'] as const;
const SCENARIOS: readonly string[] = [...FLOW_SCENARIOS, ...SIMULATED.map(({ name }) => name)];

export function isSimulated({ scenario }: Pick<LoadOptions, 'scenario'>): boolean {
  return !FLOW_SCENARIOS.some(name => name === scenario);
}

const key = {
  to: Type.String({
    default: '127.0.0.1:2055',
    pattern: '^(\\[[0-9a-fA-F:]+\\]|[^:]+):\\d{1,5}$',
    description: 'where the datagrams go, HOST:PORT',
  }),
  scenario: Type.Enum([...SCENARIOS], {
    default: 'steady',
    description: 'steady; numbered: flow n has 1,000,000 + n bytes and is reported once; or one of those below',
  }),
  protocol: Type.Array(Type.Enum([...EXPORT_PROTOCOLS] as unknown as typeof EXPORT_PROTOCOLS), {
    default: ['netflow9'],
    minItems: 1,
    description: `export protocols (${EXPORT_PROTOCOLS.join(', ')}); bridges take turns`,
  }),
  seed: Type.Integer({
    default: 1,
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    description: 'the same seed gives the same data centre and traffic',
  }),
  bridges: Type.Integer({
    default: 3,
    minimum: 1,
    maximum: 1024,
    description: 'access switches, each one exporter (--exporters means the same)',
  }),
  vms: Type.Integer({ default: 60, minimum: 3, maximum: 10_000, description: 'virtual machines' }),
  apps: Type.Integer({ default: 9, minimum: 2, maximum: 190, description: 'applications' }),
  rate: Type.Number({
    default: 10_000,
    minimum: 0.1,
    maximum: 10_000_000,
    description: 'flows per second; one between two bridges makes two records',
  }),
  seconds: Type.Number({
    default: 10,
    minimum: 0,
    maximum: 10_000_000,
    description: 'how long; 0 only writes the documents, or plays a simulated scenario to its end',
  }),
  sampling: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 16_383,
    description: 'exporters sample 1 in N packets; 1 takes every one',
  }),
  loss: Type.Number({
    default: 0,
    minimum: 0,
    maximum: 1,
    description: 'share of the datagrams that are dropped instead of sent; the truth keeps them',
  }),
  volume: Type.Number({
    default: 1,
    exclusiveMinimum: 0,
    maximum: 1000,
    description: 'simulated scenarios: factor on their packet rates',
  }),
  clock: Type.String({
    default: '',
    pattern: CLOCK_PATTERN,
    description: 'simulated scenarios: START*SPEED@REAL, as the test installation was started with',
  }),
  prepare: Type.Boolean({
    default: false,
    description: 'simulated scenarios: only write the documents that hold at the start',
  }),
  api: Type.String({
    default: '',
    pattern: '^(https?://.+)?$',
    description: 'simulated scenarios: URL that later inventories are PUT to as they become known',
  }),
  truth: Type.String({ default: '', description: 'file to write the truth to, for `hairpin verify`' }),
  documents: Type.String({
    default: '',
    description: 'folder to write inventory.json, exporters.json and applications.json to',
  }),
  progress: Type.Boolean({ default: false, description: 'a line per second on standard error, terminal or not' }),
};

export const LoadOptions = Type.Object(key, { additionalProperties: false });
export type LoadOptions = Static<typeof LoadOptions>;

export interface LoadOption {
  readonly name: keyof LoadOptions;
  readonly type: 'text' | 'list' | 'number' | 'flag';
  readonly default: unknown;
  readonly description: string;
  /** Another flag that means the same. */
  readonly alias?: string;
}

const TYPES: Readonly<Record<string, LoadOption['type']>> = {
  array: 'list',
  integer: 'number',
  number: 'number',
  boolean: 'flag',
};

export const LOAD_OPTIONS: readonly LoadOption[] = Object.entries(key).map(([name, schema]) => {
  const {
    type = 'string',
    default: value,
    description,
  } = schema as unknown as {
    type?: string;
    default: unknown;
    description: string;
  };
  return {
    name: name as keyof LoadOptions,
    type: TYPES[type] ?? 'text',
    default: value,
    description,
    ...(name === 'bridges' ? { alias: 'exporters' } : {}),
  };
});

/** Flows that may be lost in scenario `numbered`: the numbers of all of them are kept. */
const NUMBERS_LOST_MAX = 1_000_000;

const checker = documentChecker(LoadOptions, options => {
  const faults: Fault[] = [];
  const { port } = parseHostPort(options.to);
  if (port < 1 || port > 65_535) faults.push({ path: '/to', message: 'the port must be 1 to 65535' });
  if (options.vms <= options.apps)
    faults.push({
      path: '/vms',
      message: `must be more than apps (${options.apps}): each application has a VM, and one VM has none`,
    });
  if (options.scenario !== 'numbered') return faults;
  if (options.protocol.includes('sflow5'))
    faults.push({
      path: '/protocol',
      message: 'must be netflow5, netflow9 or ipfix with scenario numbered: a sample carries no byte count',
    });
  if (options.sampling > 1) faults.push({ path: '/sampling', message: 'must be 1 with scenario numbered' });
  if (options.rate * options.seconds * options.loss > NUMBERS_LOST_MAX)
    faults.push({ path: '/loss', message: `would lose more than ${NUMBERS_LOST_MAX} numbered flows` });
  return faults;
});

/** Options from flags or from a program: text is converted, defaults are filled in. Throws a DocumentError with every fault. */
export function parseLoadOptions(values: Readonly<Record<string, unknown>>): LoadOptions {
  const given: Record<string, unknown> = {};
  const faults: Fault[] = [];
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const option = LOAD_OPTIONS.find(candidate => candidate.name === name || candidate.alias === name);
    if (!option) faults.push({ path: `/${name}`, message: 'is not a known option' });
    else if (given[option.name] !== undefined)
      faults.push({ path: `/${name}`, message: `means the same as ${option.name}: give one` });
    else given[option.name] = typeof value === 'string' ? fromText(option, value) : value;
  }
  if (faults.length > 0) throw new DocumentError('load options', faults);
  const simulated = SIMULATED.find(({ name }) => name === given['scenario']);
  // As long, sampled and reported by what the scenario is made for.
  if (simulated)
    for (const [name, value] of Object.entries({ seconds: 0, protocol: ['ipfix'], sampling: 100 }))
      given[name] ??= value;
  return checker.check('load options', given);
}

/** What cannot be converted is left for the checker to refuse. */
function fromText({ type }: LoadOption, text: string): unknown {
  if (type === 'list') return text.split(',').map(part => part.trim());
  if (type === 'number') return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
  if (type === 'flag') return text === 'true' || text === '';
  return text;
}
