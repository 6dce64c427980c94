// `npm run client`: makes client/paths.ts from the OpenAPI document of the routes. The generator needs a compiler of its own,
// so it is no dependency; a test compares the digest in the first line with that of the document of today.

import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openApiDocument } from './openapi-document.ts';

export const CLIENT_TYPES = fileURLToPath(new URL('../client/paths.ts', import.meta.url));
const GENERATOR = ['--yes', '--package=openapi-typescript@7.13.0', '--package=typescript@5.9.3', 'openapi-typescript'];

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}
interface Operation {
  requestBody?: unknown;
  readonly responses: Record<string, { description: string; content?: Record<string, unknown> }>;
}

/**
 * The document as the client needs it: one problem for all statuses that are not 2xx, of an answer that comes in several
 * formats JSON, which a client gets that does not choose, and no descriptions of answers, which are most of its size and
 * stand at /docs.
 */
export async function clientDocument(): Promise<string> {
  const document = JSON.parse(await openApiDocument()) as Document;
  for (const operation of Object.values(document.paths).flatMap(item => Object.values(item))) {
    dropDescriptions(operation.requestBody);
    for (const [status, response] of Object.entries(operation.responses)) {
      dropDescriptions(response.content);
      const json = response.content?.['application/json'];
      if (json) response.content = { 'application/json': json };
      if (Number(status) < 400 || !response.content?.['application/problem+json']) continue;
      delete operation.responses[status];
      operation.responses['default'] = { ...response, description: 'problem document' };
    }
  }
  return JSON.stringify(document);
}

function dropDescriptions(schema: unknown): void {
  if (typeof schema !== 'object' || schema === null) return;
  const members = schema as Record<string, unknown>;
  if (typeof members['description'] === 'string') delete members['description'];
  for (const member of Object.values(members)) dropDescriptions(member);
}

export function firstLineOf(document: string): string {
  return `// Made by \`npm run client\` from the OpenAPI document ${hash('sha256', document)}.`;
}

async function make(): Promise<void> {
  const document = await clientDocument();
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-client-'));
  const [input, output] = [join(folder, 'openapi.json'), join(folder, 'paths.ts')];
  writeFileSync(input, document);
  const { status } = spawnSync('npx', [...GENERATOR, input, '--output', output], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the generator failed; it needs the package registry');
  const text = readFileSync(output, 'utf8').replace(/^\/\*\*[\s\S]*?\*\/\n/, '');
  writeFileSync(CLIENT_TYPES, `${firstLineOf(document)}\n${text}`);
  rmSync(folder, { recursive: true });
  console.log(`wrote ${CLIENT_TYPES}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await make();
