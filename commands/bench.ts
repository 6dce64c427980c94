// `hairpin bench NAME`

import { type Results, resultsTable, writeResults } from '../benchmarks/results.ts';
import { parseCommand, usageError } from './command-line.ts';

const BENCHMARKS: Readonly<
  Record<string, { about: string; run: (smoke: boolean, files: readonly string[]) => Promise<Results> }>
> = {
  applications: {
    about: 'applications, prefixes and learned services: compiling, new endpoints, classifying records',
    run: async smoke => (await import('../benchmarks/bench-applications.ts')).benchApplications(smoke),
  },
  decode: {
    about: 'datagrams to columns, CPU time a record',
    run: async smoke => (await import('../benchmarks/bench-decode.ts')).benchDecode(smoke),
  },
  enrich: {
    about: 'decoded to enriched columns, CPU time a record by stage',
    run: async smoke => (await import('../benchmarks/bench-enrich.ts')).benchEnrich(smoke),
  },
  fuzz: {
    about:
      'hostile datagrams and floods; FILE... are captures to mutate besides the built-in ones, the corpus without them',
    run: async (smoke, files) => (await import('../benchmarks/bench-fuzz.ts')).benchFuzz(smoke, files),
  },
  knowledge: {
    about: 'documents compiled, and handed over while batches are enriched',
    run: async smoke => (await import('../benchmarks/bench-knowledge.ts')).benchKnowledge(smoke),
  },
  pipeline: {
    about: 'highest rate from UDP to ClickHouse without loss',
    run: async smoke => (await import('../benchmarks/bench-pipeline.ts')).benchPipeline(smoke),
  },
};

const HELP = `hairpin bench NAME [--smoke] [FILE...]

${Object.entries(BENCHMARKS)
  .map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  .join('\n')}

Prints its table and writes it to benchmarks/RESULTS.md; with --smoke it runs briefly and writes nothing.
`;

export async function bench(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, { smoke: { type: 'boolean', default: false } }, HELP);
  if (!values) return 0;
  const [name = '', ...files] = positionals;
  const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
  if (!benchmark || (files.length > 0 && name !== 'fuzz'))
    throw usageError(`NAME must be one of ${Object.keys(BENCHMARKS).join(', ')}`, HELP);
  const smoke = values['smoke'] === true;
  const results = await benchmark.run(smoke, files);
  process.stdout.write(`${results.about}\n\n${resultsTable(results)}\n`);
  if (!smoke) writeResults(results);
  return 0;
}
