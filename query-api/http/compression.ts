// Answers of the API as zstd (RFC 8878) or gzip, where the client takes one. Parquet is compressed already. A stream is
// compressed as it is sent, and one that fails fails behind the compression too.

import { pipeline, type Readable, type Transform } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, createZstdCompress, gzip, zstdCompress } from 'node:zlib';
import type { FastifyInstance, FastifyReply } from 'fastify';

/** Less gains nothing. */
const BYTES_MIN = 1024;
const PATHS = /^\/(api\/|metrics\b|docs\/json\b)/;
const COMPRESSIBLE =
  /^(text\/(csv|plain)|application\/(json|problem\+json|x-ndjson|openmetrics-text|vnd\.apache\.arrow\.stream))\b/;

interface Encoder {
  readonly whole: (bytes: Buffer) => Promise<Buffer>;
  readonly stream: () => Transform;
}

/** Of two that the client takes equally, the first. */
const ENCODERS: Readonly<Record<string, Encoder>> = {
  zstd: { whole: promisify<Buffer, Buffer>(zstdCompress), stream: () => createZstdCompress() },
  gzip: { whole: promisify<Buffer, Buffer>(gzip), stream: () => createGzip() },
};

export function registerCompression(app: FastifyInstance): void {
  app.addHook('onSend', async ({ url, headers, method }, reply, payload) => {
    if (!PATHS.test(url) || !COMPRESSIBLE.test(String(reply.getHeader('content-type')))) return payload;
    varyBy(reply, 'accept-encoding');
    const name = chosenEncoding(String(headers['accept-encoding'] ?? ''));
    if (name === undefined || method === 'HEAD') return payload;
    const encoder = ENCODERS[name]!;
    if (isReadable(payload)) {
      announce(reply, name);
      // A failure of either end reaches the other.
      return pipeline(payload, encoder.stream(), () => {});
    }
    if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return payload;
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload;
    if (bytes.length < BYTES_MIN) return payload;
    announce(reply, name);
    return encoder.whole(bytes);
  });
}

/** Adds to the fields of the request on which the answer depends. */
export function varyBy(reply: FastifyReply, field: string): void {
  const before = reply.getHeader('vary');
  reply.header('vary', before === undefined ? field : `${String(before)}, ${field}`);
}

/** RFC 9110, 12.5.3; undefined where the answer goes as it is. */
export function chosenEncoding(accepted: string): string | undefined {
  const weights = new Map(
    accepted
      .toLowerCase()
      .split(',')
      .map(entry => {
        const [name = '', ...parameters] = entry.split(';').map(text => text.trim());
        const weight = parameters.find(text => text.startsWith('q='));
        return [name, weight === undefined ? 1 : Number(weight.slice(2))] as const;
      }),
  );
  const weightOf = (name: string) => weights.get(name) ?? weights.get('*') ?? 0;
  const [best] = Object.keys(ENCODERS).sort((a, b) => weightOf(b) - weightOf(a));
  return best !== undefined && weightOf(best) > 0 ? best : undefined;
}

function announce(reply: FastifyReply, name: string): void {
  reply.header('content-encoding', name).removeHeader('content-length');
}

function isReadable(payload: unknown): payload is Readable {
  return typeof payload === 'object' && payload !== null && 'pipe' in payload;
}
