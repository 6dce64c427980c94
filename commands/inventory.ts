// `hairpin inventory check FILE...` checks documents as Hairpin checks them, with --api also against those that are active in
// a running Hairpin. `hairpin inventory import FILE...` sends them there, and asks before anything ends.

import { createInterface } from 'node:readline/promises';
import type { Applications } from '../schemas/applications.ts';
import { applicationsWarnings } from '../schemas/applications-warnings.ts';
import { DocumentError } from '../schemas/documents.ts';
import type { Inventory } from '../schemas/inventory.ts';
import { readToken, TOKEN_FILE } from './api-token.ts';
import { parseCommand, usageError } from './command-line.ts';
import { type Comparison, compare, missingLines, type Receiver, send } from './document-api.ts';
import { CHECKERS, type DocumentFile, readDocument, TITLES } from './document-files.ts';

const API = 'http://127.0.0.1:8080';

const HELP = `hairpin inventory check|import FILE... [--api URL] [--yes] [--correction]

Checks inventory snapshots, applications, exporter registries and alert rules (JSON or YAML) and names every fault with its
line and what is allowed there. With --api, check also compares each with what is active in a running Hairpin: a site, rack, segment,
switch or host that neither the files nor the active documents have is a fault. Parts of an applications document without
effect are warnings; selectors that match nothing are warnings where an inventory is checked with it.

Import sends each to a running Hairpin, which accepts or refuses it as a whole. It prints first what would be added, changed
and ended. Where something would end it asks; without a terminal it refuses, unless --yes is given. Exit code 2 when a
document is refused, 1 when Hairpin does not answer.

  --api URL      address of Hairpin [import: ${API}]
  --yes          import without a question, also where something ends
  --correction   accept a snapshot that is older than the newest one of its source
${TOKEN_FILE}
`;

export async function inventory(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(
    args,
    {
      api: { type: 'string' },
      yes: { type: 'boolean', default: false },
      correction: { type: 'boolean', default: false },
      'token-file': { type: 'string' },
    },
    HELP,
  );
  if (!values) return 0;
  const [action, ...files] = positionals;
  if ((action !== 'check' && action !== 'import') || files.length === 0)
    throw usageError('inventory check|import FILE...', HELP);
  const receiver: Receiver = {
    api: String(values['api'] ?? API),
    token: readToken(values['token-file'], HELP),
    correction: values['correction'] === true,
  };
  const documents = files.map(readDocument);
  const read = documents.filter(document => document !== undefined);
  const codes =
    action === 'check'
      ? await checkAll(read, values['api'] === undefined ? undefined : receiver)
      : await importAll(read, receiver, values['yes'] === true);
  return Math.max(read.length < documents.length ? 2 : 0, ...codes);
}

async function importAll(documents: readonly DocumentFile[], receiver: Receiver, yes: boolean): Promise<number[]> {
  const codes: number[] = [];
  for (const document of documents) codes.push(await importOne(document, receiver, yes));
  return codes;
}

async function importOne(document: DocumentFile, receiver: Receiver, yes: boolean): Promise<number> {
  const comparison = await compare(document, receiver);
  if (typeof comparison === 'number') return comparison;
  printDifferences(document, comparison);
  for (const line of missingLines(document, comparison.missing))
    process.stderr.write(`${document.file}: warning:${line.slice(1)}\n`);
  const ending = comparison.differences.filter(({ ended }) => ended > 0).map(({ kind, ended }) => `${ended} ${kind}`);
  if (ending.length > 0 && !yes && !(await confirmed(document, ending.join(' and ')))) return 2;
  return send(document, receiver);
}

async function confirmed({ file }: DocumentFile, ending: string): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    process.stderr.write(`${file} is not imported: ${ending} would end; give --yes if that is meant\n`);
    return false;
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const reply = await terminal.question(`${file}: ${ending} end with this document. Import it? [y/N] `);
  terminal.close();
  if (/^y(es)?$/i.test(reply.trim())) return true;
  process.stderr.write(`${file} is not imported\n`);
  return false;
}

async function checkAll(documents: readonly DocumentFile[], receiver: Receiver | undefined): Promise<number[]> {
  const valid = new Map<DocumentFile, Readonly<Record<string, unknown>>>();
  for (const document of documents) {
    try {
      valid.set(document, CHECKERS[document.kind].parse(document.file, document.text) as Record<string, unknown>);
    } catch (error) {
      const { message } = error as Error;
      process.stderr.write(
        `${error instanceof DocumentError ? message : `${document.file} cannot be read: ${message}`}\n`,
      );
    }
  }
  const inventories = [...valid]
    .filter(([{ kind }]) => kind === 'inventory')
    .map(([, content]) => content as Inventory);
  for (const [document, content] of valid) report(document, content, inventories[0]);
  const codes: number[] = [valid.size < documents.length ? 2 : 0];
  if (receiver) for (const document of valid.keys()) codes.push(await checkActive(document, receiver, inventories));
  return codes;
}

function report({ file, kind }: DocumentFile, content: Readonly<Record<string, unknown>>, first?: Inventory): void {
  const counts = Object.entries(content).flatMap(([key, value]) =>
    Array.isArray(value) && value.length > 0 ? [`${value.length} ${key}`] : [],
  );
  process.stdout.write(`${file}: valid ${TITLES[kind]} (${counts.join(', ') || 'empty'})\n`);
  if (kind !== 'applications') return;
  for (const { path, message } of applicationsWarnings(content as unknown as Applications, first))
    process.stdout.write(`  warning: ${path} ${message}\n`);
}

/** What another of the files defines is not missing. */
async function checkActive(document: DocumentFile, receiver: Receiver, given: readonly Inventory[]): Promise<number> {
  const comparison = await compare(document, receiver);
  if (typeof comparison === 'number') return comparison;
  printDifferences(document, comparison);
  const missing = comparison.missing.filter(
    ({ kind, id }) => !given.some(content => content[kind as 'hosts'].some(entity => entity.id === id)),
  );
  if (missing.length === 0) return 0;
  const faults = missing.length === 1 ? 'fault' : 'faults';
  const lines = [`${document.file} has ${missing.length} ${faults} against ${receiver.api}:`];
  process.stderr.write(`${[...lines, ...missingLines(document, missing)].join('\n')}\n`);
  return 2;
}

function printDifferences({ file, kind }: DocumentFile, { source, activeSince, differences }: Comparison): void {
  const active = `the active ${TITLES[kind]}${source === '' ? '' : ` of ${source}`}`;
  const since = activeSince === null ? `there is no ${active.slice(4)} yet` : `${active} is of ${activeSince}`;
  const lines = differences.flatMap(({ kind: list, names, ...counts }) => {
    const parts = (['added', 'changed', 'ended'] as const)
      .filter(what => counts[what] > 0)
      .map(
        what =>
          `${counts[what]} ${what} (${names[what].join(', ')}${counts[what] > names[what].length ? ', ...' : ''})`,
      );
    return parts.length === 0 ? [] : [`  ${list}: ${parts.join('; ')}`];
  });
  process.stdout.write(`${[`${file}: ${since}`, ...(lines.length > 0 ? lines : ['  nothing changes'])].join('\n')}\n`);
}
