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

export interface Table {
  /** What was measured and how. */
  readonly about: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** The row of all rows together, which a part cannot make anew. */
  readonly pooled?: readonly string[];
}

export interface Results extends Table {
  /** Name of the benchmark, heading of its section. */
  readonly name: string;
  /** Tables of the same section behind the first. */
  readonly further?: readonly Table[];
  /** Only some rows were measured: they replace those of the same first cell, and the rest of the section stays. */
  readonly isPart?: boolean;
  /** What did not hold; the command ends with code 1 when there is any. */
  readonly failures?: readonly string[];
}

/** The section as Markdown, without its heading and where it was measured. */
export function resultsText({ further = [], ...first }: Results): string {
  return [first, ...further]
    .map(({ about, columns, rows, pooled }) =>
      [
        about,
        '',
        lineOf(columns),
        lineOf(columns.map(() => '---')),
        ...rows.map(lineOf),
        ...(pooled ? [lineOf(pooled)] : []),
      ].join('\n'),
    )
    .join('\n\n');
}

const lineOf = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const firstCell = (line: string) => line.split(' | ')[0]!;
/** First cell of a row that pools the others. */
export const POOLED = 'all of these';

/** `section` with the rows of `part` in place of theirs, without what pools the rows of such a table, and with a line on their origin. */
export function withRows(section: string, { further = [], ...first }: Results, origin: string): string {
  const tables = [first, ...further];
  const names = tables.flatMap(({ rows }) => rows.map(row => row[0]!));
  const blocks = section.trimEnd().split('\n\n');
  const replaced = blocks.map(block => {
    const [head = '', ...rest] = block.split('\n');
    const table = tables.find(({ columns }) => head === lineOf(columns));
    if (!table) return block;
    const measured = new Map(table.rows.map(row => [`| ${row[0]}`, lineOf(row)]));
    const kept = rest.filter(line => firstCell(line) !== `| ${POOLED}`);
    const isNew = (name: string) => !kept.some(line => firstCell(line) === name);
    const added = [...measured].filter(([name]) => isNew(name)).map(([, line]) => line);
    return [head, ...kept.map(line => measured.get(firstCell(line)) ?? line), ...added].join('\n');
  });
  const others = replaced.filter(block => !names.some(name => block.startsWith(`${name}: `)));
  return `${[...others, ...names.map(name => `${name}: ${origin}`)].join('\n\n')}\n`;
}

/** An installed package has no such file, and keeps none. */
export function writeResults(results: Results): void {
  if (!existsSync(dirname(RESULTS))) return;
  const text = existsSync(RESULTS) ? readFileSync(RESULTS, 'utf8') : HEAD;
  const all = text.split(/^(?=## )/m);
  const isOwn = (part: string) => part.startsWith(`## ${results.name}\n`);
  const before = all.find(isOwn);
  if (results.isPart && before === undefined) return;
  const section = results.isPart
    ? withRows(before!, results, machine())
    : `## ${results.name}\n\n${resultsText(results)}\n\n${machine()}\n`;
  const parts = all.filter(part => !isOwn(part));
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
