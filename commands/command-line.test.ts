// The commands as a user runs them: what they print, where, and the exit code.

import { execFile, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, describe, expect, test } from 'vitest';
import { DECODED_COLUMNS } from '../schemas/flow.ts';
import { flagOf } from '../service/configuration.ts';
import { netflow5, record5 } from '../testing/data/datagrams.ts';
import { pcapOf } from '../testing/data/pcap-writer.ts';
import { numberFlag, parseCommand, UsageError } from './command-line.ts';
import { START_SERVICE } from './configurations.ts';

const PROGRAM = fileURLToPath(new URL('../hairpin.ts', import.meta.url));
const COMMANDS = [
  'start',
  'demo',
  'decode',
  'replay',
  'load',
  'verify',
  'inventory',
  'reenrich',
  'erase',
  'quarantine',
  'bench',
];

const folder = mkdtempSync(join(tmpdir(), 'hairpin-commands-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
function write(name: string, content: string | Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

interface Outcome {
  readonly status: number;
  readonly stdout: Buffer;
  readonly out: string;
  readonly err: string;
}

function hairpin(...args: readonly string[]): Promise<Outcome> {
  return new Promise(resolve => {
    const options = { cwd: folder, encoding: 'buffer', maxBuffer: 1 << 26 } as const;
    const child = execFile(process.execPath, [PROGRAM, ...args], options, (_, stdout, stderr) =>
      resolve({ status: child.exitCode ?? -1, stdout, out: stdout.toString(), err: stderr.toString() }),
    );
  });
}

const DATAGRAMS = 40;
const captured = pcapOf(
  Array.from({ length: DATAGRAMS }, (_, i) => ({
    payload: netflow5(
      Array.from({ length: 30 }, () => record5(1, 100 + i)),
      { sequence: 30 * i },
    ),
    timeMs: 1_577_836_800_000 + i,
    srcAddress: '192.0.2.7',
    srcPort: 50_000,
    dstAddress: '192.0.2.1',
    dstPort: 2055,
  })),
);
const capture = write('flows.pcap', captured);

describe.concurrent('hairpin', () => {
  test('alone, or asked for help, lists its commands', async () => {
    for (const args of [[], ['--help']]) {
      const { status, out, err } = await hairpin(...args);
      expect([status, err]).toEqual([0, '']);
      for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^  ${command} .*[a-z]$`, 'm'));
    }
  });

  test('refuses a command it does not know, with the list on standard error', async () => {
    const { status, out, err } = await hairpin('decoed');
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(/^hairpin decoed: no such command\n\n.*decode FILE/s);
  });

  test.each(COMMANDS)('%s --help prints its flags and does nothing else', async command => {
    const { status, out, err } = await hairpin(command, '--help');
    expect([status, err]).toEqual([0, '']);
    expect(out).toMatch(new RegExp(`^hairpin ${command} .+\n\n {0,2}[A-Za-z]`));
    if (command === 'start')
      for (const key of Object.keys(START_SERVICE.keys)) expect(out).toContain(`\n  ${flagOf(key)} `);
  });

  test.each([
    [['decode', '--fromat', 'csv', 'x'], '--fromat is no flag of this command; did you mean --format?'],
    [['decode', '--format', 'xml', 'x'], '--format must be one of jsonl, csv, table, arrow'],
    [['decode', '--all-elements', '--format', 'csv', 'x'], '--format must be one of jsonl, table with --all-elements'],
    [['decode', '--all-elements', '--columns', 'bytes', 'x'], '--all-elements has no columns'],
    [['decode', '--all-elements', '--redact', 'x'], '--all-elements prints what was sent as it was'],
    [['erase'], '--address ADDRESS is required'],
    [['erase', '--address', '10.0.0.0/8'], '--address ADDRESS is required'],
    [['decode', '--elements', '/none', 'x'], '/none cannot be read'],
    [['replay', 'a', '--to', 'host'], '--to HOST:PORT is required'],
    [['start', '--workers', '0', '--udp', 'x', '--http', 'here'], 'configuration is refused, 3 faults:'],
    [['start', '--http', 'here'], '--http must be HOST:PORT, as 127.0.0.1:8080'],
    [['decode', '--format'], '--format needs a value'],
    [['decode', '--redact=yes', 'x'], '--redact takes no value'],
  ])('%j is refused in words', async (args, message) => {
    const { status, out, err } = await hairpin(...args);
    expect([status, out]).toEqual([2, '']);
    expect(err).toContain(message);
    expect(err).not.toMatch(/^\s+at /m);
  });
});

test('files that parts read are read before anything starts', async () => {
  const data = join(folder, 'nothing-started');
  const elements = write('elements.yaml', 'elements: [{pen: 1, id: 0}]\n');
  for (const [flag, file] of [
    ['--tokens', '/none'],
    ['--elements', elements],
  ] as const) {
    const { status, err } = await hairpin('start', '--data', data, flag, file);
    expect([status, err]).toEqual([2, expect.stringContaining(`${file} `)]);
    expect(existsSync(data)).toBe(false);
  }
});

test('a file without a datagram is refused by decode and replay with exit code 1', async () => {
  const text = write('notes.txt', 'This is no capture.\n');
  for (const args of [
    ['decode', text],
    ['replay', text, '--to', '127.0.0.1:9'],
  ]) {
    const { status, out, err } = await hairpin(...args);
    expect([status, out, err]).toEqual([1, '', expect.stringContaining(`${text} holds no datagram`)]);
  }
});

describe.concurrent('hairpin decode', () => {
  test('writes one JSON line a record, and what it found on standard error', async () => {
    const { status, out, err } = await hairpin('decode', capture);
    const rows = out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as Record<string, unknown>);
    expect([status, rows.length]).toEqual([0, 30 * DATAGRAMS]);
    expect(rows[0]).toMatchObject({ exporter: '192.0.2.7', protocol: 'netflow5', bytes: 100 });
    expect(err).toContain(`${capture}: pcap, ${DATAGRAMS} datagrams, ${30 * DATAGRAMS} records\n`);
  });

  test('writes CSV with the columns as head', async () => {
    const { status, out } = await hairpin('decode', '--format=csv', capture);
    const [head, ...lines] = out
      .trimEnd()
      .split('\n')
      .map(line => line.split(','));
    expect(status).toBe(0);
    expect(head).toEqual(DECODED_COLUMNS.map(({ name }) => name));
    expect(lines.length).toBe(30 * DATAGRAMS);
    expect(lines.every(line => line.length === head!.length)).toBe(true);
  });

  test('writes Arrow that another reader takes', async () => {
    const { status, stdout } = await hairpin('decode', '--format', 'arrow', capture);
    const table = tableFromIPC(stdout);
    expect([status, table.numRows]).toEqual([0, 30 * DATAGRAMS]);
    const bytes = [...(table.getChild('bytes') as Iterable<bigint>)].reduce((sum, value) => sum + value, 0n);
    expect(bytes).toBe(BigInt(30 * (100 * DATAGRAMS + (DATAGRAMS * (DATAGRAMS - 1)) / 2)));
  });

  test('--all-elements writes everything that was sent', async () => {
    const { status, out } = await hairpin('decode', '--all-elements', capture);
    const kinds = out
      .trimEnd()
      .split('\n')
      .map(line => (JSON.parse(line) as { kind: string }).kind);
    expect(status).toBe(0);
    expect(kinds.filter(kind => kind === 'header').length).toBe(DATAGRAMS);
    expect(kinds.filter(kind => kind === 'data').length).toBe(30 * DATAGRAMS);
  });

  test('of a capture that was cut gives what is whole and says so', async () => {
    const { status, out, err } = await hairpin('decode', write('cut.pcap', captured.subarray(0, captured.length - 10)));
    expect([status, out.trimEnd().split('\n').length]).toEqual([0, 30 * (DATAGRAMS - 1)]);
    expect(err).toContain('cut off in the middle of a frame');
  });

  test('of a folder, or of nothing, ends with code 1 and a reason; other files are decoded', async () => {
    const { status, out, err } = await hairpin('decode', folder, join(folder, 'none'), write('empty', ''), capture);
    expect([status, out.trimEnd().split('\n').length]).toEqual([1, 30 * DATAGRAMS]);
    expect(err.split('\n').slice(0, 3)).toEqual([
      `CAPTURE_UNREADABLE: ${folder} cannot be read (EISDIR)`,
      `CAPTURE_UNREADABLE: ${join(folder, 'none')} cannot be read (ENOENT)`,
      `CAPTURE_UNREADABLE: ${join(folder, 'empty')} has 0 bytes, too few for a datagram`,
    ]);
  });

  test('ends quietly when its reader has seen enough', () => {
    const files = Array(20).fill(capture).join(' ');
    const command = `set -o pipefail; "${process.execPath}" "${PROGRAM}" decode ${files} | head -1`;
    const { status, stdout, stderr } = spawnSync('bash', ['-c', command]);
    expect(status).toBe(0);
    expect(stdout.toString().trimEnd().split('\n')).toHaveLength(1);
    expect(stderr.toString()).not.toMatch(/EPIPE|^\s+at /m);
  });
});

describe.concurrent('hairpin replay', () => {
  test('sends every payload of the capture as it is', async () => {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 20 });
    const received: Uint8Array[] = [];
    socket.on('message', message => received.push(message));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { status, err } = await hairpin(
      'replay',
      capture,
      '--to',
      `127.0.0.1:${socket.address().port}`,
      '--rate',
      '4000',
    );
    while (received.length < DATAGRAMS) await once(socket, 'message');
    socket.close();
    expect(status).toBe(0);
    expect(err).toContain(`${DATAGRAMS} datagrams sent to 127.0.0.1:`);
    expect(received.every((payload, i) => payload.length === 24 + 30 * 48 && payload[19] === ((30 * i) & 0xff))).toBe(
      true,
    );
  });

  test.each([
    [
      capture,
      '127.0.0.1:99999',
      /^SEND_FAILED: 127\.0\.0\.1:99999 cannot be sent to \(ERR_SOCKET_BAD_PORT\); check --to/,
    ],
    [write('large.bin', Uint8Array.of(0, 5, ...new Uint8Array(70_000))), '127.0.0.1:9', /^SEND_FAILED: .*\(EMSGSIZE\)/],
  ])('of %s to %s ends with one clear line', async (file, to, message) => {
    const { status, err } = await hairpin('replay', file, '--to', to);
    expect(status).toBe(1);
    expect(err).toMatch(message);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });
});

/** An API of one answer per path; `seen` are the requests in their order. */
async function fakeApi(answers: Readonly<Record<string, { readonly status: number; readonly body: object }>>) {
  const seen: string[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const token = request.headers.authorization ?? 'nobody';
    seen.push(`${token} ${request.method} ${request.url} ${gunzipSync(Buffer.concat(pieces)).toString().slice(0, 13)}`);
    const { status, body } = answers[`${request.method} ${request.url!.split('?')[0]!.slice('/api/v1/'.length)}`]!;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return { seen, server, api: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

const none = { added: 0, changed: 0, ended: 0, names: { added: [], changed: [], ended: [] } };
const comparison = (differences: readonly object[] = [], missing: readonly object[] = []) => ({
  ...{ kind: 'inventory', source: 's', activeSince: '2026-01-01T00:00:00.000Z', warnings: [] },
  differences: differences.map(difference => ({ ...none, ...difference })),
  missing,
});
const recorded = { status: 201, body: { outcome: 'recorded', warnings: [{ path: '/asOf', message: 'is late' }] } };

describe('hairpin inventory import', () => {
  const snapshot = write('import.json', JSON.stringify({ source: 's', asOf: '2026-01-01T00:00:00Z' }));

  test('sends each document to the API and reports its answer; a refusal with every fault is exit code 2', async () => {
    const faults = [{ path: '/exporters/0/address', message: 'is no address', line: 3 }];
    const { server, seen, api } = await fakeApi({
      'POST documents/check': {
        status: 200,
        body: comparison([{ kind: 'vms', added: 1, names: { ...none.names, added: ['a'] } }]),
      },
      'PUT inventory/snapshots': recorded,
      'PUT exporters/registry': { status: 422, body: { faults } },
    });
    try {
      const registry = write('import-registry.yaml', 'exporters: [{address: x}]\n');
      const flags = ['--api', api, '--correction', '--token-file', write('token', 'hp_secret\n')];
      const { status, out, err } = await hairpin('inventory', 'import', snapshot, registry, ...flags);
      expect(seen).toEqual([
        'Bearer hp_secret POST /api/v1/documents/check?kind=inventory {"source":"s"',
        'Bearer hp_secret PUT /api/v1/inventory/snapshots?correction=true {"source":"s"',
        'Bearer hp_secret POST /api/v1/documents/check?kind=exporters exporters: [{',
        'Bearer hp_secret PUT /api/v1/exporters/registry exporters: [{',
      ]);
      expect(out.split('\n').slice(0, 3)).toEqual([
        `${snapshot}: the active inventory of s is of 2026-01-01T00:00:00.000Z`,
        '  vms: 1 added (a)',
        `${snapshot}: inventory recorded`,
      ]);
      expect(err.split('\n')).toEqual([
        `${snapshot}: warning: /asOf is late`,
        `${registry} is refused (422):`,
        '  line 3: /exporters/0/address is no address',
        '',
      ]);
      expect(status).toBe(2);
    } finally {
      server.close();
    }
  });

  test('sends nothing that would end something, unless told to; there is no terminal to ask', async () => {
    const difference = { kind: 'vms', ended: 12, names: { ...none.names, ended: ['a', 'b'] } };
    const { server, seen, api } = await fakeApi({
      'POST documents/check': { status: 200, body: comparison([difference]) },
      'PUT inventory/snapshots': recorded,
    });
    try {
      const refused = await hairpin('inventory', 'import', snapshot, '--api', api);
      expect(refused.out).toContain('  vms: 12 ended (a, b, ...)\n');
      expect([refused.status, refused.err]).toEqual([
        2,
        `${snapshot} is not imported: 12 vms would end; give --yes if that is meant\n`,
      ]);
      expect(seen.filter(line => line.includes('PUT'))).toEqual([]);
      const taken = await hairpin('inventory', 'import', snapshot, '--api', api, '--yes');
      expect([taken.status, taken.out]).toEqual([0, expect.stringContaining(`${snapshot}: inventory recorded\n`)]);
    } finally {
      server.close();
    }
  });

  test('without anybody who answers is exit code 1', async () => {
    const { status, err } = await hairpin('inventory', 'import', snapshot, '--api', 'http://127.0.0.1:1');
    expect([status, err]).toEqual([1, expect.stringContaining('does not answer')]);
  });
});

describe.concurrent('hairpin inventory check', () => {
  const inventory = write('inventory.yaml', 'source: s\nasOf: 2026-01-01T00:00:00Z\nvms: [{id: v, name: web-1}]\n');
  const applications = write('applications.yaml', 'applications:\n- id: web\n  servers: {names: [web-*]}\n');
  const registry = write('exporters.json', '{"exporters": [{"address": "10.0.0.1"}]}');

  test('reports the kind of each document and what is in it', async () => {
    const { status, out, err } = await hairpin('inventory', 'check', inventory, applications, registry);
    expect([status, err]).toEqual([0, '']);
    expect(out.split('\n')).toEqual([
      `${inventory}: valid inventory (1 vms)`,
      expect.stringMatching(`^${applications}: valid applications document \\(1 applications.*\\)$`),
      `${registry}: valid exporter registry (1 exporters)`,
      '',
    ]);
  });

  test('with --api refuses references that neither the files nor the active documents have, each with its line', async () => {
    const missing = [
      {
        path: '/vms/0/host',
        message: '"h9" is in no /hosts of this document or of the active ones',
        kind: 'hosts',
        id: 'h9',
      },
      { path: '/vms/1/host', message: '"h1" is in no /hosts', kind: 'hosts', id: 'h1' },
    ];
    const { server, seen, api } = await fakeApi({
      'POST documents/check': { status: 200, body: comparison([], missing) },
    });
    try {
      const vms = write('vms.yaml', 'source: s\nasOf: 2026-01-01T00:00:00Z\nvms:\n- id: v\n  name: v\n  host: h9\n');
      const hosts = write('hosts.yaml', 'source: t\nasOf: 2026-01-01T00:00:00Z\nhosts: [{id: h1}]\n');
      const { status, out, err } = await hairpin('inventory', 'check', vms, '--api', api);
      expect([status, out]).toEqual([2, expect.stringContaining('  nothing changes\n')]);
      expect(err.split('\n').slice(0, 2)).toEqual([
        `${vms} has 2 faults against ${api}:`,
        '  line 6: /vms/0/host "h9" is in no /hosts of this document or of the active ones',
      ]);
      const both = await hairpin('inventory', 'check', vms, hosts, '--api', api);
      expect(both.err).toContain(`${vms} has 1 fault against`);
      expect(seen.every(line => line.includes('POST /api/v1/documents/check?kind=inventory'))).toBe(true);
    } finally {
      server.close();
    }
  });

  test('names every fault of every document with its line, ends with code 2, and takes the others', async () => {
    const bad = write('bad.yaml', 'source: s\nasOf: today\nvms:\n- id: v\n');
    const worse = write('worse.yaml', 'applications: [\n');
    const { status, out, err } = await hairpin('inventory', 'check', bad, registry, worse, folder);
    expect([status, out]).toEqual([2, `${registry}: valid exporter registry (1 exporters)\n`]);
    expect(err).toContain(
      `${bad} is refused, 2 faults:\n  line 2: /asOf must match format "date-time"\n  line 4: /vms/0/name is required\n`,
    );
    expect(err).toMatch(new RegExp(`${worse} is refused, 1 fault:\n  line \\d`));
    expect(err).toContain(`${folder} cannot be read: EISDIR`);
  });
});

test('flags of commands are refused in words', () => {
  const parse = (...args: string[]) => parseCommand(args, { rate: { type: 'string' } }, 'hairpin x FILE\n\nMore.\n');
  expect(() => parse('--fast')).toThrow(
    /^--fast is no flag of this command; --help lists them.*usage: hairpin x FILE$/s,
  );
  expect(() => parse('--rate')).toThrow(UsageError);
  expect(parse('a', '--rate', '5', 'b')).toMatchObject({ values: { rate: '5' }, positionals: ['a', 'b'] });
  const rate = (text: unknown) => numberFlag('rate', text, { minimum: 0, maximum: 10 }, 'hairpin x');
  expect([rate('0'), rate('10'), rate('0.5')]).toEqual([0, 10, 0.5]);
  for (const text of ['', ' ', '-1', '10.1', 'fast', 'NaN', 'Infinity', undefined, true])
    expect(() => rate(text)).toThrow(`--rate must be a number from 0 to 10, is ${String(text)}`);
});

test('load names each file that it wrote and leaves no temporary one', async () => {
  const documents = join(folder, 'documents');
  mkdirSync(documents);
  writeFileSync(join(documents, 'inventory.json'), 'an older one');
  const truth = join(folder, 'truth.json');
  const flags = ['--to', '127.0.0.1:9', '--seconds', '0', '--documents', documents, '--truth', truth];
  const { status, out, err } = await hairpin('load', ...flags);
  expect([status, out]).toEqual([0, '']);
  const files = ['inventory.json', 'exporters.json', 'applications.json'];
  expect(err.split('\n').filter(line => line.endsWith(' written'))).toEqual([
    ...files.map(name => `${join(documents, name)} written`),
    `${truth} written`,
  ]);
  expect(readdirSync(documents).sort()).toEqual([...files].sort());
  expect(JSON.parse(readFileSync(join(documents, 'inventory.json'), 'utf8'))).toMatchObject({ source: 'load' });
});

test('quarantine lists what lies there with its reason and puts it back into the spool', async () => {
  const data = join(folder, 'quarantined');
  const token = `flows.lab.0.${'ab'.repeat(16)}.3`;
  for (const name of ['spool', 'quarantine']) mkdirSync(join(data, name), { recursive: true });
  writeFileSync(join(data, 'quarantine', `${token}.batch`), 'batch');
  writeFileSync(
    join(data, 'quarantine', `${token}.json`),
    JSON.stringify({ reason: 'too old', at: '2026-01-01T00:00:00Z' }),
  );
  expect((await hairpin('quarantine', 'list', '--data', data)).out).toBe(
    `${token}\t5 B\t2026-01-01T00:00:00Z\ttoo old\n`,
  );
  expect((await hairpin('quarantine', 'replay', 'nothing', '--data', data)).status).toBe(1);
  expect((await hairpin('quarantine', 'replay', '--data', data)).status).toBe(0);
  expect(readdirSync(join(data, 'spool'))).toEqual([`${token}.batch`]);
  expect(await hairpin('quarantine', 'list', '--data', data)).toMatchObject({
    out: '',
    err: 'no batch is in quarantine\n',
  });
  const elsewhere = await hairpin('quarantine', 'list', '--data', join(folder, 'nowhere'));
  expect([elsewhere.status, elsewhere.err]).toEqual([
    1,
    expect.stringMatching(/DATA_FOLDER_UNUSABLE: .*nowhere holds no quarantine\/.*give one with --data/),
  ]);
});
