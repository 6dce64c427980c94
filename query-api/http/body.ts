// The body of a document as bytes: JSON or YAML in UTF-8 by its content type, as it is or compressed with gzip. Other types
// are refused unread, those of forms above all: a page of another site can make a browser send them without asking first.
// Its size is bounded twice, as it comes and unpacked: a few kilobytes of gzip unpack to gigabytes.

import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpProblem } from './problem.ts';

/** YAML has more names than one, JSON is YAML (RFC 9512). */
const TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/yaml',
  'application/x-yaml',
  'text/yaml',
  'text/x-yaml',
]);
const CHARSET = /;\s*charset="?([^";\s]+)/i;

/** Routes of `app` get their body as a Buffer of at most `bytesMax` bytes. Call it in a scope of its own. */
export function readBodies(app: FastifyInstance, bytesMax: number): void {
  app.removeAllContentTypeParsers();
  // A request without a body is not parsed at all.
  app.addHook('preValidation', async request => {
    request.body ??= Buffer.alloc(0);
  });
  app.addContentTypeParser('*', async (request: FastifyRequest, payload: NodeJS.ReadableStream) => {
    refuseType(request.headers['content-type'] ?? '');
    const encoding = String(request.headers['content-encoding'] ?? 'identity').toLowerCase();
    if (encoding === 'identity') return collect(payload, bytesMax);
    if (encoding !== 'gzip')
      throw new HttpProblem(
        415,
        'encoding-unknown',
        `the content encoding "${encoding}" is not supported; send gzip, or no content-encoding`,
      );
    let bytes = Buffer.alloc(0);
    try {
      await pipeline(payload, createGunzip(), async unpacked => {
        bytes = await collect(unpacked, bytesMax);
      });
    } catch (error) {
      if (error instanceof HttpProblem) throw error;
      throw new HttpProblem(
        400,
        'encoding-broken',
        `the body is no gzip stream, though content-encoding says so: ${(error as Error).message}`,
      );
    }
    return bytes;
  });
}

function refuseType(header: string): void {
  const type = header.split(';')[0]!.trim().toLowerCase();
  const charset = CHARSET.exec(header)?.[1]?.toLowerCase() ?? 'utf-8';
  if (TYPES.has(type) && (charset === 'utf-8' || charset === 'utf8')) return;
  throw new HttpProblem(
    415,
    'type-unknown',
    `${header === '' ? 'the request has no content type' : `the content type "${header}" is not supported`}; send the document with content-type: application/json or application/yaml, in UTF-8`,
  );
}

async function collect(stream: AsyncIterable<string | Buffer>, bytesMax: number): Promise<Buffer<ArrayBuffer>> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stream) {
    const buffer = Buffer.from(piece as Buffer);
    bytes += buffer.length;
    if (bytes > bytesMax)
      throw new HttpProblem(
        413,
        'document-too-large',
        `the document has more than ${bytesMax} bytes; raise --snapshot-bytes-max, or send it in parts that are not complete`,
      );
    pieces.push(buffer);
  }
  return Buffer.concat(pieces);
}

/** The body of a request as it came; empty without one. */
export function bytesOf({ body }: FastifyRequest): Uint8Array {
  return body instanceof Uint8Array ? body : new Uint8Array();
}
