// Encodings are decoded by programs that we did not write: curl and gzip where they are, Node's own decoders otherwise.

import { execFileSync } from 'node:child_process';
import { Readable } from 'node:stream';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { chosenEncoding, registerCompression } from './compression.ts';

const LONG = JSON.stringify(Array.from({ length: 2000 }, (_, i) => ({ name: `web-${i}`, bytes: i * i })));

let app: FastifyInstance;
beforeEach(() => {
  app = fastify();
  registerCompression(app);
  app.get('/api/v1/long', (_, reply) => reply.type('application/json').send(LONG));
  app.get('/api/v1/short', (_, reply) => reply.type('application/json').send('{"a":1}'));
  app.get('/api/v1/parquet', (_, reply) => reply.type('application/vnd.apache.parquet').send(Buffer.alloc(5000)));
  app.get('/api/v1/stream', (_, reply) =>
    reply.type('text/csv').send(Readable.from(pieces(false), { objectMode: false })),
  );
  app.get('/api/v1/cut', (_, reply) => reply.type('text/csv').send(Readable.from(pieces(true), { objectMode: false })));
  app.get('/page', (_, reply) => reply.type('application/json').send(LONG));
});
afterEach(() => app.close());

async function* pieces(fails: boolean): AsyncGenerator<string> {
  for (let i = 0; i < 50; i++) yield `${i},${'x'.repeat(10_000)}\r\n`;
  if (fails) throw new Error('half way');
}

const get = (url: string, encoding?: string, method: 'GET' | 'HEAD' = 'GET') =>
  app.inject({ method, url, headers: encoding === undefined ? {} : { 'accept-encoding': encoding } });

test('a long answer is the same after gzip, the program, and after zstd', async () => {
  const zipped = await get('/api/v1/long', 'gzip');
  expect([zipped.headers['content-encoding'], zipped.headers['vary']]).toEqual(['gzip', 'accept-encoding']);
  expect(execFileSync('gzip', ['-dc'], { input: zipped.rawPayload }).toString()).toBe(LONG);
  expect(Number(zipped.headers['content-length'])).toBe(zipped.rawPayload.length);
  expect(zipped.rawPayload.length).toBeLessThan(LONG.length / 3);
  const zstd = await get('/api/v1/long', 'gzip, zstd');
  expect(zstd.headers['content-encoding']).toBe('zstd');
  expect(zstdDecompressSync(zstd.rawPayload).toString()).toBe(LONG);
});

test('what is short, compressed already, no part of the API or not asked for goes as it is', async () => {
  for (const [url, encoding] of [
    ['/api/v1/short', 'gzip'],
    ['/api/v1/parquet', 'gzip'],
    ['/page', 'gzip'],
    ['/api/v1/long', undefined],
    ['/api/v1/long', 'br'],
    ['/api/v1/long', 'identity, gzip;q=0'],
  ] as const)
    expect([url, encoding, (await get(url, encoding)).headers['content-encoding']]).toEqual([url, encoding, undefined]);
  // A cache must know all the same.
  expect((await get('/api/v1/long')).headers['vary']).toBe('accept-encoding');
});

test('a stream is compressed while it is sent, and one that fails is cut', async () => {
  const whole = await get('/api/v1/stream', 'gzip');
  expect(gunzipSync(whole.rawPayload).toString().split('\r\n')).toHaveLength(51);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  for (const encoding of ['gzip', 'zstd', 'identity']) {
    const response = await fetch(`${url}/api/v1/cut`, { headers: { 'accept-encoding': encoding } });
    await expect(response.arrayBuffer(), encoding).rejects.toThrow();
  }
});

test.each([
  ['gzip', 'gzip'],
  ['gzip, deflate, br, zstd', 'zstd'],
  ['zstd;q=0.1, gzip', 'gzip'],
  ['*', 'zstd'],
  ['*;q=0', undefined],
  ['*, zstd;q=0', 'gzip'],
  ['identity', undefined],
  ['', undefined],
  ['GZIP; q=0.5', 'gzip'],
  ['gzip;q=nonsense', undefined],
])('accept-encoding %j is answered with %s', (accepted, chosen) => {
  expect(chosenEncoding(accepted)).toBe(chosen);
});
