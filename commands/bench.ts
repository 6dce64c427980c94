// `hairpin bench NAME`

import { type Results, resultsText, writeResults } from '../benchmarks/bench/results.ts';
import { numberFlag, parseCommand, usageError } from './command-line.ts';

interface Chosen {
  /** The benchmark decides when left out. */
  readonly minutes: number | undefined;
  readonly seed: number;
  readonly seeds: number | undefined;
  /** The largest size; the benchmark decides when left out. */
  readonly flows: number | undefined;
  /** All when there are none. */
  readonly networks: readonly string[];
}

const BENCHMARKS: Readonly<
  Record<string, { about: string; run: (smoke: boolean, files: readonly string[], chosen: Chosen) => Promise<Results> }>
> = {
  applications: {
    about: 'applications, prefixes and learned services: compiling, new endpoints, classifying records',
    run: async smoke => (await import('../benchmarks/bench/applications.ts')).benchApplications(smoke),
  },
  chaos: {
    about:
      'kills and stops every process between UDP and ClickHouse at random for an hour, and accounts for every flow',
    run: async (smoke, _files, { minutes = smoke ? 0.5 : 60, seed }) =>
      (await import('../benchmarks/bench/chaos.ts')).benchChaos({ minutes, seed, smoke }),
  },
  decode: {
    about: 'datagrams to columns, CPU time per record',
    run: async smoke => (await import('../benchmarks/bench/decode.ts')).benchDecode(smoke),
  },
  enrich: {
    about: 'decoded to enriched columns, CPU time per record by stage',
    run: async smoke => (await import('../benchmarks/bench/enrich.ts')).benchEnrich(smoke),
  },
  enrichers: {
    about: 'one enricher, two, and one again on the same load: rows stored per second of CPU',
    run: async smoke => (await import('../benchmarks/bench/enrichers.ts')).benchEnrichers(smoke),
  },
  fuzz: {
    about:
      'hostile datagrams and floods; FILE... are captures to mutate besides the built-in ones, the corpus without them',
    run: async (smoke, files) => (await import('../benchmarks/bench/fuzz.ts')).benchFuzz(smoke, files),
  },
  hostile: {
    about: 'ten million mutated datagrams at a running Hairpin: quarantine, memory, and what honest exporters sent',
    run: async smoke => (await import('../benchmarks/bench/hostile.ts')).benchHostile(smoke),
  },
  knowledge: {
    about: 'documents compiled, and handed over while batches are enriched',
    run: async smoke => (await import('../benchmarks/bench/knowledge.ts')).benchKnowledge(smoke),
  },
  outage: {
    about: 'ten minutes without Kafka at 50,000 flows/s: loss, memory, and how fast the backlog shrinks',
    run: async (smoke, _files, { minutes = smoke ? 0.2 : 10, seed }) =>
      (await import('../benchmarks/bench/outage.ts')).benchOutage({ minutes, seed, smoke }),
  },
  pipeline: {
    about: 'highest rate from UDP to ClickHouse without loss',
    run: async smoke => (await import('../benchmarks/bench/pipeline.ts')).benchPipeline(smoke),
  },
  query: {
    about: 'how long questions take over a day and a year of roll-ups, at three sizes',
    run: async (smoke, _files, { flows }) => (await import('../benchmarks/bench/query.ts')).benchQuery(smoke, flows),
  },
  storage: {
    about: 'bytes and CPU of a record in spool, Kafka and ClickHouse',
    run: async smoke => (await import('../benchmarks/bench/storage.ts')).benchStorage(smoke),
  },
  truth: {
    about: 'volumes without any document, against the truth: exporters in series, in parallel, sampled, clocks apart',
    run: async (smoke, _files, { seed, seeds, networks }) =>
      (await import('../benchmarks/bench/truth.ts')).benchTruth(smoke, { seed, seeds, networks }),
  },
};

const HELP = `hairpin bench NAME [--smoke] [--minutes N] [--seed N] [--seeds N] [--network NAME]... [--flows N] [FILE...]

${Object.entries(BENCHMARKS)
  .map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  .join('\n')}

Prints its table and writes it to benchmarks/RESULTS.md; with --smoke it runs briefly and writes nothing. --minutes and
--seed are for benchmarks that run for long. --seeds and --network are for truth: of each sampled network so many seeds, and
only the rows of the networks named, as the table names them. --flows is for query: flows behind the largest size. Exit code 1 when a condition failed.
`;

export async function bench(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(
    args,
    {
      smoke: { type: 'boolean', default: false },
      minutes: { type: 'string' },
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string' },
      network: { type: 'string', multiple: true, default: [] },
      flows: { type: 'string' },
    },
    HELP,
  );
  if (!values) return 0;
  const [name = '', ...files] = positionals;
  const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  if (!benchmark || (files.length > 0 && name !== 'fuzz'))
    throw usageError(`NAME must be one of ${Object.keys(BENCHMARKS).join(', ')}`, HELP);
  const smoke = values['smoke'] === true;
  const { minutes, seed, seeds, flows } = values;
  const networks = values['network'] as readonly string[];
  if (name !== 'truth' && (seeds !== undefined || networks.length > 0))
    throw usageError('--seeds and --network are for truth', HELP);
  if (name !== 'query' && flows !== undefined) throw usageError('--flows is for query', HELP);
  const results = await benchmark.run(smoke, files, {
    minutes:
      minutes === undefined ? undefined : numberFlag('minutes', minutes, { minimum: 0.1, maximum: 10_000 }, HELP),
    seed: numberFlag('seed', seed, { minimum: 0, maximum: Number.MAX_SAFE_INTEGER }, HELP),
    flows: flows === undefined ? undefined : numberFlag('flows', flows, { minimum: 100_000, maximum: 1e10 }, HELP),
    seeds: seeds === undefined ? undefined : numberFlag('seeds', seeds, { minimum: 1, maximum: 1000 }, HELP),
    networks,
  });
  process.stdout.write(`${resultsText(results)}\n`);
  if (!smoke) writeResults(results);
  const { failures = [] } = results;
  for (const failure of failures) process.stdout.write(`failed: ${failure}\n`);
  return failures.length === 0 ? 0 : 1;
}
