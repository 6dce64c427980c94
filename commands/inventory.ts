// `hairpin inventory check FILE...`: documents checked as Hairpin would take them. The kind is told by the keys.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { type Applications, applicationsChecker } from '../schemas/applications.ts';
import { applicationsWarnings } from '../schemas/applications-warnings.ts';
import { type Checker, DocumentError } from '../schemas/documents.ts';
import { exporterRegistryChecker } from '../schemas/exporters.ts';
import { type Inventory, inventoryChecker } from '../schemas/inventory.ts';
import { parseCommand, usageError } from './command-line.ts';

const HELP = `hairpin inventory check FILE...

Checks inventory snapshots, applications and exporter registries (JSON or YAML) and names every fault with its line and
what is allowed there. What of an applications document has no effect is a warning; selectors that match nothing are told
where an inventory is checked with it. Exit code 2 when one is refused.
`;

export async function inventory(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(args, {}, HELP);
  if (!values) return 0;
  const [action, ...files] = positionals;
  if (action !== 'check' || files.length === 0) throw usageError('inventory check FILE...', HELP);
  const inventory = inventoryAmong(files);
  return files.map(file => check(file, inventory)).some(valid => !valid) ? 2 : 0;
}

/** The first valid inventory among the files: selectors of applications are compared with it. */
function inventoryAmong(files: readonly string[]): Inventory | undefined {
  for (const file of files) {
    try {
      const text = readFileSync(file, 'utf8');
      if (checkerFor(text).checker === inventoryChecker) return inventoryChecker.parse(file, text);
    } catch {
      // Told when the file itself is checked.
    }
  }
  return undefined;
}

function check(file: string, inventory: Inventory | undefined): boolean {
  try {
    const text = readFileSync(file, 'utf8');
    const { kind, checker } = checkerFor(text);
    const document = checker.parse(file, text) as Readonly<Record<string, unknown>>;
    const counts = Object.entries(document).flatMap(([key, value]) =>
      Array.isArray(value) && value.length > 0 ? [`${value.length} ${key}`] : [],
    );
    process.stdout.write(`${file}: valid ${kind} (${counts.join(', ') || 'empty'})\n`);
    if (checker === applicationsChecker)
      for (const { path, message } of applicationsWarnings(document as unknown as Applications, inventory))
        process.stdout.write(`  warning: ${path} ${message}\n`);
    return true;
  } catch (error) {
    const reason =
      error instanceof DocumentError ? error.message : `${file} cannot be read: ${(error as Error).message}`;
    process.stderr.write(`${reason}\n`);
    return false;
  }
}

/** An unreadable text goes to the inventory's checker, which tells the line of the mistake. */
function checkerFor(text: string): { kind: string; checker: Checker<unknown> } {
  let keys: string[] = [];
  try {
    keys = Object.keys((parse(text) as object | null) ?? {});
  } catch {
    // Reported by the checker.
  }
  if (keys.includes('applications') || keys.includes('internal'))
    return { kind: 'applications document', checker: applicationsChecker };
  if (keys.includes('exporters')) return { kind: 'exporter registry', checker: exporterRegistryChecker };
  return { kind: 'inventory', checker: inventoryChecker };
}
