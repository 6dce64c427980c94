// Documents and the API of a running Hairpin: checked there against what is active, and sent.

import { gzipSync } from 'node:zlib';
import { linesOf } from '../schemas/documents.ts';
import { authorization } from './api-token.ts';
import { type DocumentFile, type FileKind, TITLES } from './document-files.ts';

export interface Receiver {
  readonly api: string;
  readonly token: string;
  readonly correction: boolean;
}

interface Fault {
  readonly path: string;
  readonly message: string;
  readonly line?: number;
}

/** What `POST /api/v1/documents/check` answers. */
export interface Comparison {
  readonly source: string;
  readonly activeSince: string | null;
  readonly differences: readonly {
    readonly kind: string;
    readonly added: number;
    readonly changed: number;
    readonly ended: number;
    readonly names: Readonly<Record<'added' | 'changed' | 'ended', readonly string[]>>;
  }[];
  readonly missing: readonly (Fault & { readonly kind: string; readonly id: string })[];
}

interface Reply extends Partial<Comparison> {
  readonly outcome?: string;
  readonly detail?: string;
  readonly faults?: readonly Fault[];
  readonly warnings?: readonly Fault[];
}

/** Path of the API by kind of document. */
const PATHS: Readonly<Record<FileKind, string>> = {
  inventory: 'inventory/snapshots',
  exporters: 'exporters/registry',
  applications: 'applications',
  alerts: 'alerts/rules',
};

/** What the document would change; or the exit code, and printed why. */
export async function compare(document: DocumentFile, receiver: Receiver): Promise<Comparison | number> {
  const answer = await request(document, receiver, 'POST', `documents/check?kind=${document.kind}`);
  return typeof answer === 'number' ? answer : (answer as Comparison);
}

/** The exit code. */
export async function send(document: DocumentFile, receiver: Receiver): Promise<number> {
  const { file, kind } = document;
  const query = receiver.correction && kind === 'inventory' ? '?correction=true' : '';
  const answer = await request(document, receiver, 'PUT', `${PATHS[kind]}${query}`);
  if (typeof answer === 'number') return answer;
  for (const { path, message } of answer.warnings ?? []) process.stderr.write(`${file}: warning: ${path} ${message}\n`);
  process.stdout.write(`${file}: ${TITLES[kind]} ${answer.outcome ?? 'accepted'}\n`);
  return 0;
}

/** The answer; or 1 where nobody answers, 2 where the document is refused. */
async function request(
  { file, text }: DocumentFile,
  { api, token }: Receiver,
  method: 'PUT' | 'POST',
  path: string,
): Promise<Reply | number> {
  const url = `${api.replace(/\/+$/, '')}/api/v1/${path}`;
  try {
    const response = await fetch(url, {
      method,
      // JSON is YAML too.
      headers: { ...authorization(token), 'content-type': 'application/yaml', 'content-encoding': 'gzip' },
      body: gzipSync(text),
    });
    const reply = (await response.json()) as Reply;
    if (response.ok) return reply;
    const faults = (reply.faults ?? []).map(fault => lineOfFault(fault));
    const lines = faults.length > 0 ? faults : [reply.detail ?? ''];
    process.stderr.write([`${file} is refused (${response.status}):`, ...lines, ''].join('\n'));
    return 2;
  } catch (error) {
    const { cause, message } = error as Error;
    process.stderr.write(`${url} does not answer: ${cause instanceof Error ? cause.message : message}; see --api\n`);
    return 1;
  }
}

function lineOfFault({ path, message, line }: Fault): string {
  // What the API says of its own parameter, in the words of this command.
  const advice = message.replace('send it with ?correction=true', 'send it with --correction');
  return `  ${line === undefined ? '' : `line ${line}: `}${path || '(document)'} ${advice}`;
}

/** References that lead nowhere, one a line, each with its line of the file. */
export function missingLines({ text }: DocumentFile, missing: Comparison['missing']): string[] {
  const lines = linesOf(
    text,
    missing.map(({ path }) => path),
  );
  return missing.map(({ path, message }, i) => {
    const line = lines[i];
    return lineOfFault({ path, message, ...(line !== undefined && { line }) });
  });
}
