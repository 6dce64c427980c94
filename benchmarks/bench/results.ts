// Writes benchmark figures into benchmarks/RESULTS.md: one section per benchmark, replaced as a whole, with the machine
// and the commit they were measured on. No figure there is typed by hand.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { cpus, release } from 'node:os';
import { dirname, join } from 'node:path';
import { replaceText } from '../../service/replace-file.ts';

/** Below the root of the clone, whether the sources run or the bundle. */
const RESULTS = join(dirname(findPackageJSON(import.meta.url)!), 'benchmarks/RESULTS.md');
const HEAD = '# Measured results\n\nWritten by `npm run bench -- NAME`; each run replaces its own section.\n';

export interface Results {
  /** Name of the benchmark, heading of its section. */
  readonly name: string;
  /** What was measured and how. */
  readonly about: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What did not hold; the command ends with code 1 when there is any. */
  readonly failures?: readonly string[];
}

/** The section as Markdown, without where it was measured. */
export function resultsTable({ columns, rows }: Results): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

/** An installed package has no such file, and keeps none. */
export function writeResults(results: Results): void {
  if (!existsSync(dirname(RESULTS))) return;
  const section = `## ${results.name}\n\n${results.about}\n\n${resultsTable(results)}\n\n${machine()}\n`;
  const text = existsSync(RESULTS) ? readFileSync(RESULTS, 'utf8') : HEAD;
  const parts = text.split(/^(?=## )/m).filter(part => !part.startsWith(`## ${results.name}\n`));
  const [head = HEAD, ...sections] = parts;
  replaceText(
    RESULTS,
    [head.trimEnd(), ...[...sections.map(part => part.trimEnd()), section.trimEnd()].sort()].join('\n\n').concat('\n'),
  );
}

function machine(): string {
  const [cpu] = cpus();
  return `${new Date().toISOString().slice(0, 10)}, commit ${commit()}, Node ${process.version}, ${cpus().length} x ${cpu?.model ?? 'unknown CPU'}, Linux ${release().split('-')[0]}`;
}

function commit(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return `${git('rev-parse', '--short', 'HEAD')}${git('status', '--porcelain', '--', '*.ts') === '' ? '' : ' with changes'}`;
  } catch {
    return 'unknown';
  }
}
