// `hairpin load`

import { formatProgress, runLoad } from '../benchmarks/load/load.ts';
import { isSimulated, LOAD_OPTIONS, parseLoadOptions } from '../benchmarks/load/options.ts';
import { runSimulation } from '../benchmarks/simulation/run.ts';
import { SIMULATED } from '../benchmarks/simulation/scenarios/scenarios.ts';
import { parseCommand } from './command-line.ts';

const FLAGS = LOAD_OPTIONS.map(
  ({ name, default: value, description }) =>
    `  --${name.padEnd(10)} ${description} [${Array.isArray(value) ? value.join(',') : String(value)}]`,
);
const HELP = `hairpin load --to HOST:PORT [flags]

A simulated data centre sends the exports of its bridges as real datagrams; what it sent is the truth that
\`hairpin verify\` compares with. The inventory, registry and applications that belong to it go to --documents; each file is
replaced at once and named on standard error.

${FLAGS.join('\n')}

Simulated scenarios (benchmarks/simulation/README.md), in simulated time with --clock, else as it passes:
${SIMULATED.map(({ name, about }) => `  ${name.padEnd(22)} ${about}`).join('\n')}
`;

export async function load(args: readonly string[]): Promise<number> {
  const flags = LOAD_OPTIONS.flatMap(({ name, type, alias }) =>
    [name, ...(alias ? [alias] : [])].map(flag => [flag, { type: type === 'flag' ? 'boolean' : 'string' }] as const),
  );
  const { values } = parseCommand(args, Object.fromEntries(flags), HELP);
  if (!values) return 0;
  const options = parseLoadOptions(values);
  const abort = new AbortController();
  process.once('SIGINT', () => abort.abort());
  process.once('SIGTERM', () => abort.abort());
  const shown = options.progress || process.stderr.isTTY;
  const run = isSimulated(options) ? runSimulation : runLoad;
  const summary = await run(options, {
    signal: abort.signal,
    onWritten: path => void process.stderr.write(`${path} written\n`),
    ...(shown && { onProgress: progress => void process.stderr.write(`${formatProgress(progress)}\n`) }),
  });
  process.stderr.write(
    `${formatProgress(summary)}; ${Math.round(summary.flowsPerS)} flows/s, ${Math.round(summary.recordsPerS)} records/s${summary.sendErrors > 0 ? `, ${summary.sendErrors} datagrams refused by the kernel` : ''}\n`,
  );
  return 0;
}
