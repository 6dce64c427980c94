// What an attacker of the API would try, against a whole Hairpin with tokens that takes flows all the while: each attempt
// is answered with the right status, and at the end every flow that was sent is stored.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LoadSummary, runLoad } from '../benchmarks/load/load.ts';
import { parseLoadOptions } from '../benchmarks/load/options.ts';
import { resetConnection } from '../testing/resets.ts';
import { freeTcpPort, type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

const TOKEN = 'hp_the-token-of-the-test';
const RATE = 4000;
/** Reached when the other attempts are through. */
const ROWS_MAX = 200_000;
const MiB = 1024 ** 2;
const SNAPSHOT_BYTES_MAX = MiB;

const folder = mkdtempSync(join(tmpdir(), 'hairpin-attacks-'));
let hairpin: RunningHairpin;
let clickhousePort: number;
let load: Promise<LoadSummary>;
const loading = new AbortController();

beforeAll(async () => {
  const tokens = join(folder, 'tokens.json');
  const sha256 = createHash('sha256').update(TOKEN).digest('hex');
  writeFileSync(tokens, JSON.stringify({ tokens: [{ name: 'test', role: 'admin', sha256 }] }));
  clickhousePort = await freeTcpPort();
  hairpin = await startHairpin({
    token: TOKEN,
    args: [
      ...['--clickhouse-port', String(clickhousePort)],
      ...['--tokens', tokens, '--api-requests-per-minute', '100000', '--api-connections-max', '1500'],
      ...['--query-rows-max', String(ROWS_MAX), '--snapshot-bytes-max', String(SNAPSHOT_BYTES_MAX)],
    ],
  });
  const snapshot = { source: 'test', asOf: new Date().toISOString(), complete: [], hosts: [{ id: 'host-1' }] };
  const recorded = await ask('/api/v1/inventory/snapshots', {
    method: 'PUT',
    body: JSON.stringify(snapshot),
    headers: { 'content-type': 'application/json' },
  });
  expect([recorded.status, await recorded.text()]).toEqual([201, expect.anything()]);
  const options = { to: `127.0.0.1:${hairpin.udpPort}`, scenario: 'numbered', protocol: 'ipfix' };
  load = runLoad(parseLoadOptions({ ...options, rate: RATE, seconds: 600 }), { signal: loading.signal });
  await until(async () => (await hairpin.metric('enricher_rows_stored_total')) > RATE, 30_000, 'flows stored');
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const authorization = { authorization: `Bearer ${TOKEN}` };
const ask = (path: string, init: RequestInit = {}) =>
  fetch(hairpin.api + path, { ...init, headers: { ...authorization, ...(init.headers as Record<string, string>) } });

interface OpenApi {
  readonly paths: Record<string, Record<string, { readonly parameters?: readonly { in: string; name: string }[] }>>;
}

const SQL = [
  "'; DROP TABLE flows; --",
  "x' OR 1=1 --",
  '1) UNION ALL SELECT name FROM system.tables --',
  "x\\' OR sleep(3) --",
  '`flows`; SYSTEM SHUTDOWN',
  "{x:String}' FORMAT Null",
  "') SETTINGS readonly=0 --",
  "file('/etc/passwd')",
  "url('http://127.0.0.1:1/')",
  '"x" OR (SELECT count() FROM system.users) > 0',
  "a\u0000b'",
  '\u{1f4a9}\u202e',
  '%27%20OR%201=1',
];

test('SQL in every parameter of every question is a value or a fault, and no SQL', async () => {
  const { paths } = (await (await ask('/docs/json')).json()) as OpenApi;
  const asked = Object.entries(paths).flatMap(([path, methods]) =>
    (methods['get']?.parameters ?? []).filter(({ in: place }) => place === 'query').map(({ name }) => ({ path, name })),
  );
  expect(asked.length).toBeGreaterThan(40);
  const wrong: string[] = [];
  let taken = 0;
  for (const { path, name } of asked) {
    for (const text of SQL) {
      const response = await ask(`${path}?${new URLSearchParams({ [name]: text })}`);
      const body = await response.text();
      // Values of free choice are taken as values: they match nothing, or the question reads more than this server may.
      // Everything else is a fault of the parameter.
      const isTooLarge = response.status === 422 && body.includes('question-too-large');
      if (response.status === 200) taken++;
      if (![200, 400, 404].includes(response.status) && !isTooLarge)
        wrong.push(`${response.status} ${path} ${name}=${text}: ${body}`);
    }
  }
  expect(wrong).toEqual([]);
  // Not all of them were refused before they reached the server.
  expect(taken).toBeGreaterThan(50);
}, 120_000);

test('SQL in every column of a filter finds nothing', async () => {
  for (const column of ['srcApp', 'dstVm', 'app', 'service', 'srcAddr', 'srcMac', 'exporter', 'protocol', 'dstPort']) {
    for (const text of SQL) {
      const quoted = `"${text.replaceAll('"', '')}"`;
      const filter = new URLSearchParams({ filter: `${column}=${quoted}`, from: 'now-5m', limit: '1' });
      const response = await ask(`/api/v1/top?${filter}&by=app`);
      expect([200, 400], `${column}=${quoted}`).toContain(response.status);
      const answer = (await response.json()) as { rows?: readonly unknown[] };
      if (response.status === 200) expect(answer.rows, `${column}=${quoted}`).toEqual([]);
    }
  }
}, 60_000);

describe('a body', () => {
  const put = (path: string, body: string | Buffer, headers: Record<string, string> = {}) =>
    ask(path, {
      method: 'PUT',
      body: body as BodyInit,
      headers: { 'content-type': 'application/json', ...headers },
    });

  test.each(['/api/v1/inventory/snapshots', '/api/v1/applications', '/api/v1/exporters/registry'])(
    'of %s that is nested without end, or expands without end, is refused',
    async path => {
      const deep = 200_000;
      for (const body of [
        '['.repeat(deep) + ']'.repeat(deep),
        `${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`,
        '[ '.repeat(deep),
        `${'- '.repeat(deep)}x`,
      ]) {
        const response = await put(path, body);
        expect(response.status, body.slice(0, 10)).toBeGreaterThanOrEqual(400);
        expect(response.status, body.slice(0, 10)).toBeLessThan(500);
      }
      const laughs = ['a: &a [x,x,x,x,x,x,x,x,x]'];
      for (let i = 0; i < 12; i++) {
        const [from, to] = [String.fromCharCode(97 + i), String.fromCharCode(98 + i)];
        laughs.push(`${to}: &${to} [${`*${from},`.repeat(9)}*${from}]`);
      }
      expect((await put(path, laughs.join('\n'), { 'content-type': 'application/yaml' })).status).toBe(422);
      expect((await put(path, '{"__proto__": {"polluted": true}, "constructor": 1}')).status).toBe(422);
    },
    60_000,
  );

  test('that is too large, packed or not, is refused', async () => {
    const path = '/api/v1/inventory/snapshots';
    const large = Buffer.alloc(SNAPSHOT_BYTES_MAX + 1, ' ');
    expect((await put(path, large)).status).toBe(413);
    const bomb = gzipSync(Buffer.alloc(256 * MiB));
    expect(bomb.length).toBeLessThan(SNAPSHOT_BYTES_MAX);
    expect((await put(path, bomb, { 'content-encoding': 'gzip' })).status).toBe(413);
    const nested = gzipSync(bomb);
    expect((await put(path, nested, { 'content-encoding': 'gzip, gzip' })).status).toBe(415);
    expect((await put('/api/v1/applications', Buffer.alloc(65 * MiB, ' '))).status).toBe(413);
    const small = { method: 'POST', body: 'x'.repeat(65 * 1024), headers: { 'content-type': 'application/json' } };
    expect((await ask('/api/v1/reenrichments', small)).status).toBe(413);
  }, 60_000);
});

test('tokens that are wrong, missing or elsewhere are unknown', async () => {
  const attempts: RequestInit[] = [
    {},
    { headers: { authorization: 'Bearer hp_another' } },
    { headers: { authorization: `Basic ${btoa(`test:${TOKEN}`)}` } },
    { headers: { cookie: `token=${TOKEN}`, 'x-api-key': TOKEN } },
  ];
  for (const init of attempts)
    for (const path of ['/api/v1/matrix', `/api/v1/matrix?token=${TOKEN}`, '/metrics', '/api/v1/flows'])
      expect((await fetch(hairpin.api + path, init)).status).toBe(401);
  expect((await fetch(`${hairpin.api}/api/v1/applications`, { method: 'PUT', body: '{}' })).status).toBe(401);
  expect(hairpin.stderr()).not.toContain(TOKEN);
});

describe('on the wire', () => {
  const { hostname, port } = { hostname: '127.0.0.1', port: () => Number(new URL(hairpin.api).port) };

  /** Status line of what the server says to these bytes; '' when it closes the connection. */
  function say(bytes: string): Promise<string> {
    return new Promise(resolve => {
      let text = '';
      const socket = connect(port(), hostname, () => socket.write(bytes));
      socket.setTimeout(5000, () => socket.destroy());
      socket.on('data', piece => {
        text += piece;
        socket.destroy();
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(text.split('\r\n')[0]!));
    });
  }

  test('tricks with paths find no file and no way around the token', async () => {
    for (const path of [
      '/../../../../etc/passwd',
      '/..%2f..%2f..%2fetc%2fpasswd',
      '/%2e%2e/%2e%2e/package.json',
      '/docs/static/..%2f..%2f..%2fpackage.json',
      '/docs/static/../../../../package.json',
      '//etc/passwd',
      '/index.html%00.js',
      '/hairpin.svg/../../app.ts',
      '/api/v1/../../package.json',
    ]) {
      const status = await say(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
      expect(status, path).toMatch(/^HTTP\/1\.1 40[034] /);
    }
    for (const path of [
      '/API/v1/flows',
      '//api/v1/flows',
      '/api//v1/flows',
      '/api/v1/flows/',
      '/api/v1/%66lows',
      '/./api/v1/flows',
      '/x/../api/v1/flows',
      '/api/v1/flows;x',
      'http://x/api/v1/flows',
    ]) {
      const status = await say(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
      expect(status, path).toMatch(/^HTTP\/1\.1 40[014] /);
    }
  });

  test('tricks with headers and methods are refused', async () => {
    const head = `host: x\r\nauthorization: Bearer ${TOKEN}\r\n`;
    expect(await say(`GET /healthz HTTP/1.1\r\nhost: x\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`)).toMatch(/ 431 |^$/);
    expect(await say(`GET /healthz HTTP/1.1\r\n${'x: y\r\n'.repeat(20_000)}\r\n`)).toMatch(/ 431 |^$/);
    expect(await say(`GET /${'a'.repeat(100_000)} HTTP/1.1\r\nhost: x\r\n\r\n`)).toMatch(/ 431 |^$/);
    // Two ways to report the length: one of two servers in a row would take the rest for another request.
    const both = `content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n`;
    expect(await say(`POST /api/v1/reenrichments HTTP/1.1\r\n${head}${both}`)).toMatch(/ 400 |^$/);
    expect(await say(`GET /api/v1/matrix HTTP/1.1\r\nhost: x\r\nauthorization : Bearer ${TOKEN}\r\n\r\n`)).toMatch(
      / 40[01] |^$/,
    );
    expect(await say('TRACE / HTTP/1.1\r\nhost: x\r\n\r\n')).toMatch(/ 40[045] |^$/);
    expect(await say('NONSENSE\r\n\r\n')).toMatch(/ 400 |^$/);
    expect(await say('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03')).toMatch(/ 400 |^$/);
    const response = await ask('/api/v1/matrix', {
      headers: { 'x-http-method-override': 'DELETE', 'x-original-url': '/admin' },
    });
    expect([200, 422]).toContain(response.status);
    // A page elsewhere in the browser of somebody who may.
    const forged = {
      method: 'POST',
      body: '{}',
      headers: { origin: 'http://evil.example', 'content-type': 'text/plain' },
    };
    expect((await ask('/api/v1/reenrichments', forged)).status).toBe(403);
  });

  test('1,000 slow connections hold up nobody', async () => {
    const slow = Array.from({ length: 1000 }, () => {
      const socket = connect(port(), hostname);
      socket.on('error', () => {});
      socket.write('GET /api/v1/matrix HTTP/1.1\r\nhost: x\r\nx-a: ');
      return socket;
    });
    const dripping = setInterval(() => {
      for (const socket of slow) if (socket.writable) socket.write('a');
    }, 500);
    try {
      await sleep(1000);
      for (let i = 0; i < 20; i++) expect((await ask('/api/v1/exporters')).status).toBe(200);
    } finally {
      clearInterval(dripping);
      for (const socket of slow) socket.destroy();
    }
  }, 60_000);
});

test('a question that would read everything is refused, with a way out', async () => {
  const stored = () => hairpin.metric('enricher_rows_stored_total');
  await until(async () => (await stored()) > ROWS_MAX, 90_000, 'more rows than a question may read');
  const response = await ask('/api/v1/matrix?by=addr&from=now-1h');
  expect(response.status).toBe(422);
  expect(await response.json()).toMatchObject({
    type: 'urn:hairpin:problem:question-too-large',
    detail: expect.stringContaining('shorter window'),
  });
  expect((await ask('/api/v1/exporters')).status).toBe(200);
}, 120_000);

test('a local user who resets connections to ClickHouse ends it, and it is back at once', async () => {
  const ends = () => hairpin.stderr().split('reset a connection to the embedded ClickHouse').length - 1;
  const reset = () => resetConnection(clickhousePort);
  const deadline = Date.now() + 60_000;
  while (ends() < 4 && Date.now() < deadline) await Promise.all(Array.from({ length: 150 }, reset));
  expect(ends()).toBeGreaterThanOrEqual(4);
  const lines = hairpin
    .stderr()
    .split('\n')
    .filter(line => line.includes('the embedded ClickHouse'));
  const pauses = lines.flatMap(line => Number(/"pauseMs":(\d+)/.exec(line)?.[1] ?? 0));
  expect(Math.max(...pauses)).toBeLessThanOrEqual(100);
  await until(async () => (await ask('/api/v1/exporters')).status === 200, 15_000, 'answers again');
}, 120_000);

test('all the while, every flow was taken: as many are stored as were sent', async () => {
  loading.abort();
  const { flows } = await load;
  expect(flows).toBeGreaterThan(4 * RATE);
  const stored = () => hairpin.metric('enricher_rows_stored_total');
  await until(async () => (await stored()) >= flows, 30_000, `${flows} flows stored`).catch(() => {});
  expect(await stored()).toBe(flows);
  expect(await hairpin.metric('collector_kernel_drops_total')).toBe(0);
  expect(hairpin.stderr()).not.toContain(TOKEN);
  expect(await hairpin.stop()).toBe(0);
}, 60_000);
