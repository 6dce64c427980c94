// `hairpin inventory check FILE...` checks documents as Hairpin checks them. `hairpin inventory import FILE...` sends them to
// a running Hairpin, which checks them itself. The keys of a document show its kind.

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { type Applications, applicationsChecker } from '../schemas/applications.ts';
import { applicationsWarnings } from '../schemas/applications-warnings.ts';
import { type Checker, DocumentError } from '../schemas/documents.ts';
import { exporterRegistryChecker } from '../schemas/exporters.ts';
import { type Inventory, inventoryChecker } from '../schemas/inventory.ts';
import { authorization, readToken, TOKEN_FILE } from './api-token.ts';
import { parseCommand, usageError } from './command-line.ts';

const HELP = `hairpin inventory check|import FILE... [--api URL] [--correction]

Checks inventory snapshots, applications and exporter registries (JSON or YAML) and names every fault with its line and
what is allowed there. Import sends each to a running Hairpin, which accepts or refuses it as a whole. Parts of an applications
document without effect are warnings; selectors that match nothing are warnings where an inventory is checked with it. Exit
code 2 when a document is refused, 1 when Hairpin does not answer.

  --api URL      address of Hairpin [http://127.0.0.1:8080]
  --correction   accept a snapshot that is older than the newest one of its source
${TOKEN_FILE}
`;

export async function inventory(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommand(
    args,
    {
      api: { type: 'string', default: 'http://127.0.0.1:8080' },
      correction: { type: 'boolean', default: false },
      'token-file': { type: 'string' },
    },
    HELP,
  );
  if (!values) return 0;
  const [action, ...files] = positionals;
  if ((action !== 'check' && action !== 'import') || files.length === 0)
    throw usageError('inventory check|import FILE...', HELP);
  if (action === 'check') {
    const inventory = inventoryAmong(files);
    return files.map(file => check(file, inventory)).some(valid => !valid) ? 2 : 0;
  }
  const receiver: Receiver = {
    api: String(values['api']),
    token: readToken(values['token-file'], HELP),
    correction: values['correction'] === true,
  };
  let worst = 0;
  for (const file of files) worst = Math.max(worst, await send(file, receiver));
  return worst;
}

/** Path of the API by kind of document. */
const PATHS: Readonly<Record<string, string>> = {
  inventory: 'inventory/snapshots',
  'exporter registry': 'exporters/registry',
  'applications document': 'applications',
};

interface Reply {
  readonly outcome?: string;
  readonly detail?: string;
  readonly faults?: readonly { readonly path: string; readonly message: string; readonly line?: number }[];
  readonly warnings?: readonly { readonly path: string; readonly message: string }[];
}

interface Receiver {
  readonly api: string;
  readonly token: string;
  readonly correction: boolean;
}

/** The exit code. */
async function send(file: string, { api, token, correction }: Receiver): Promise<number> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    process.stderr.write(`${file} cannot be read: ${(error as Error).message}\n`);
    return 2;
  }
  const { kind } = checkerFor(text);
  const query = correction && kind === 'inventory' ? '?correction=true' : '';
  const url = `${api.replace(/\/+$/, '')}/api/v1/${PATHS[kind]}${query}`;
  try {
    const response = await fetch(url, {
      method: 'PUT',
      // JSON is YAML too.
      headers: { ...authorization(token), 'content-type': 'application/yaml', 'content-encoding': 'gzip' },
      body: gzipSync(text),
    });
    const reply = (await response.json()) as Reply;
    for (const { path, message } of reply.warnings ?? [])
      process.stderr.write(`${file}: warning: ${path} ${message}\n`);
    if (response.ok) {
      process.stdout.write(`${file}: ${kind} ${reply.outcome ?? 'accepted'}\n`);
      return 0;
    }
    const faults = (reply.faults ?? []).map(({ path, message, line }) => {
      // What the API says of its own parameter, in the words of this command.
      const advice = message.replace('send it with ?correction=true', 'send it with --correction');
      return `  ${line === undefined ? '' : `line ${line}: `}${path || '(document)'} ${advice}`;
    });
    process.stderr.write(
      [`${file} is refused (${response.status}):`, ...(faults.length > 0 ? faults : [reply.detail ?? '']), ''].join(
        '\n',
      ),
    );
    return 2;
  } catch (error) {
    const { cause, message } = error as Error;
    process.stderr.write(`${url} does not answer: ${cause instanceof Error ? cause.message : message}; see --api\n`);
    return 1;
  }
}

/** The first valid inventory among the files: selectors of applications are compared with it. */
function inventoryAmong(files: readonly string[]): Inventory | undefined {
  for (const file of files) {
    try {
      const text = readFileSync(file, 'utf8');
      if (checkerFor(text).checker === inventoryChecker) return inventoryChecker.parse(file, text);
    } catch {
      // Reported when the file itself is checked.
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

/** The YAML parser takes minutes for a large inventory in JSON. */
function parseFast(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return parse(text);
  }
}

/** An unreadable text goes to the inventory's checker, which reports the line of the mistake. */
function checkerFor(text: string): { kind: string; checker: Checker<unknown> } {
  let keys: string[] = [];
  try {
    keys = Object.keys((parseFast(text) as object | null) ?? {});
  } catch {
    // Reported by the checker.
  }
  if (keys.includes('applications') || keys.includes('internal'))
    return { kind: 'applications document', checker: applicationsChecker };
  if (keys.includes('exporters')) return { kind: 'exporter registry', checker: exporterRegistryChecker };
  return { kind: 'inventory', checker: inventoryChecker };
}
