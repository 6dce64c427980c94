// Hairpin as a package: packed as `npm pack` does, installed into an empty folder elsewhere, and run there by npx with the
// Node that npm installed beside it. npm takes from its cache what it has, and the rest from its registry.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MatrixAnswer } from './query-api/questions/matrix.ts';
import { freeTcpPort, freeUdpPort, until } from './testing/spawned.ts';

const INSTALL_MS_MAX = 400_000;
const READY_MS_MAX = 60_000;
const BUILD_MS_MAX = 10_000;

/** A shell that knows nothing of this clone: neither its programs nor what npm sets for scripts of its package. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries({
    ...process.env,
    PATH: process.env['PATH']!.split(delimiter)
      .filter(folder => !folder.endsWith('node_modules/.bin'))
      .join(delimiter),
  }).filter(([name]) => !/^npm_(?!config_(registry|cache|userconfig))|^NODE_|^VITEST/.test(name)),
);

const folder = mkdtempSync(join(tmpdir(), 'hairpin-test-package-'));
const installed = join(folder, 'elsewhere');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let buildMs: number;
let packed: string[];
beforeAll(() => {
  // CPU time, which no neighbour changes; npm run puts Node 24 on the path.
  const times = execFileSync('sh', ['-c', 'npm run --silent build && times'], {
    cwd: import.meta.dirname,
    env: ENVIRONMENT,
    encoding: 'utf8',
  });
  const [, minutes, seconds, systemMinutes, systemSeconds] = /(\d+)m([\d.]+)s (\d+)m([\d.]+)s\s*$/
    .exec(times)!
    .map(Number);
  buildMs = 1000 * (60 * (minutes! + systemMinutes!) + seconds! + systemSeconds!);
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: import.meta.dirname,
    env: ENVIRONMENT,
  });
  const tarball = join(folder, readdirSync(folder).find(name => name.endsWith('.tgz'))!);
  packed = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n');
  mkdirSync(installed);
  execFileSync('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', tarball], {
    cwd: installed,
    env: ENVIRONMENT,
    stdio: 'ignore',
  });
}, INSTALL_MS_MAX);

function npx(...args: string[]) {
  return spawnSync('npx', ['hairpin', ...args], {
    cwd: installed,
    env: ENVIRONMENT,
    encoding: 'utf8',
    timeout: 60_000,
  });
}

interface Service {
  readonly api: string;
  readonly data: string;
  readonly npx: ChildProcess;
}

/** `npx hairpin COMMAND`; ends it, and all that it started, when `use` is done. */
async function withService(command: 'start' | 'demo', use: (service: Service) => Promise<void>): Promise<void> {
  const http = `127.0.0.1:${await freeTcpPort()}`;
  const udp = [await freeUdpPort(), await freeUdpPort(), await freeUdpPort()].join(',');
  const data = join(folder, command);
  const started = spawn(
    'npx',
    ['hairpin', command, '--http', http, '--udp', udp, '--udp-host', '127.0.0.1', '--data', data],
    // A group of its own, which ends as a whole.
    { cwd: installed, env: ENVIRONMENT, stdio: 'ignore', detached: true },
  );
  const exited = once(started, 'exit');
  try {
    await use({ api: `http://${http}`, data, npx: started });
  } finally {
    try {
      process.kill(-started.pid!, 'SIGTERM');
    } catch {
      // It has ended.
    }
    await exited;
    // npx ends before Hairpin, which holds its data folder until it has stopped.
    await until(() => !existsSync(join(data, 'hairpin.lock')), READY_MS_MAX, 'the end of Hairpin');
  }
}

async function status(url: string): Promise<number | undefined> {
  return (await fetch(url).catch(() => undefined))?.status;
}

test('the bundle is built within 10 s of CPU time', () => {
  expect(buildMs).toBeLessThan(BUILD_MS_MAX);
});

test('the package holds the bundle with its source maps, and neither sources nor tests', () => {
  const kinds = new Set(packed.map(path => path.replace(/^package\/((?:bin|dist|docs\/schemas)\/|[^/]+$).*/, '$1')));
  expect([...kinds].filter(kind => !['README.md', 'LICENSE', 'package.json'].includes(kind)).sort()).toEqual([
    'bin/',
    'dist/',
    'docs/schemas/',
  ]);
  expect(packed.filter(path => path.includes('.test.'))).toEqual([]);
  const programs = packed.filter(path => path.startsWith('package/dist/') && path.endsWith('.js'));
  // A chunk that only passes on what others export has nothing to map.
  const hasCode = (path: string) =>
    !/^(import|export) [^\n]*\n?(export [^\n]*\n?)?$/.test(
      readFileSync(join(import.meta.dirname, path.replace('package/', '')), 'utf8'),
    );
  expect(programs.filter(path => !packed.includes(`${path}.map`) && hasCode(path))).toEqual([]);
});

const LOAD_MS_MAX = 30_000;

test('loading a thread of the bundle loads no WebAssembly, which would make V8 doubt its typed arrays', () => {
  const sources = Object.keys(JSON.parse(readFileSync(join(import.meta.dirname, 'dist/sources.json'), 'utf8')));
  const bundled = (path: string) => `dist/${path.replaceAll('/', '-').replace(/\.ts$/, '.js')}`;
  const threads = sources.filter(
    path => /[-/](thread|worker)\.ts$/.test(path) && existsSync(join(import.meta.dirname, bundled(path))),
  );
  expect(threads.length).toBeGreaterThan(1);
  // The sources of the same threads show that V8 would report it.
  expect(doubts(threads)).toBeGreaterThanOrEqual(threads.length);
  expect(doubts(threads.map(bundled))).toBe(0);
}, 120_000);

/** How many threads give up fast access to typed arrays while they load; without data, none of them comes further. */
function doubts(threads: readonly string[]): number {
  const program = `
    const { Worker } = require('node:worker_threads');
    const running = new Set(${JSON.stringify(threads)}.map(thread => {
      const worker = new Worker(require('node:path').resolve(thread));
      worker.on('error', error => console.log(error.code ?? error.name)).on('exit', () => running.delete(worker));
      return worker;
    }));
    // One that needs no data waits for requests: it has loaded when its loop turns and has been idle for a second.
    const before = new Map();
    setInterval(() => {
      const waiting = [...running].map(worker => {
        const now = worker.performance.eventLoopUtilization();
        const { active, idle } = worker.performance.eventLoopUtilization(now, before.get(worker) ?? now);
        before.set(worker, now);
        return idle > 0 && active < idle / 20;
      });
      if (!waiting.includes(false)) process.exit();
    }, 1000);
    setTimeout(() => process.exit(), ${LOAD_MS_MAX});`;
  const output = execFileSync(
    join(import.meta.dirname, 'node_modules/.bin/node'),
    ['--trace-protector-invalidation', '--disable-warning=ExperimentalWarning', '--eval', program],
    {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      env: { ...ENVIRONMENT, NODE_DISABLE_COMPILE_CACHE: '1' },
      timeout: 2 * LOAD_MS_MAX,
    },
  );
  expect(output).not.toContain('MODULE_NOT_FOUND');
  return output.split('ArrayBufferDetaching').length - 1;
}

test('npx hairpin --help lists the commands', () => {
  const { status, stdout } = npx('--help');
  expect(stdout).toContain('npx hairpin COMMAND');
  expect(status).toBe(0);
});

test('npx hairpin start gets ready and serves the console with all that the page loads', async () => {
  await withService('start', async ({ api }) => {
    await until(async () => (await status(`${api}/readyz`)) === 200, READY_MS_MAX, '/readyz');
    for (const path of ['/', '/console/main.ts', '/query-api/answers/metric.ts', '/console/uplot.js'])
      expect(await status(api + path)).toBe(200);
  });
}, 120_000);

test.each(['SIGTERM', 'SIGKILL'] as const)(
  'npx hairpin start stops when npx is ended by %s to its process id',
  async signal => {
    await withService('start', async ({ api, npx }) => {
      await until(async () => (await status(`${api}/readyz`)) === 200, READY_MS_MAX, '/readyz');
      npx.kill(signal);
      await until(async () => (await status(`${api}/healthz`)) === undefined, READY_MS_MAX, 'the end of the server');
      expect(await status(`${api}/healthz`)).toBeUndefined();
    });
  },
  120_000,
);

/** The program that docs/API.md shows, asking `api`. */
function shownProgram(api: string): string {
  const [, program] = /^```ts\n(.*?)^```/ms.exec(readFileSync(join(import.meta.dirname, 'docs/API.md'), 'utf8'))!;
  return program!.replace('http://127.0.0.1:8080', api);
}

function expectClientWorks(api: string): void {
  writeFileSync(join(installed, 'shown.mts'), shownProgram(api));
  const node = join(import.meta.dirname, 'node_modules/.bin/node');
  const printed = execFileSync(node, ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript'], {
    cwd: installed,
    env: ENVIRONMENT,
    encoding: 'utf8',
    input: shownProgram(api),
  });
  expect(printed).toMatch(/^\S+ \S+ \d+$/m);
  // A name that no answer has, and a parameter that no question takes, do not compile.
  writeFileSync(
    join(installed, 'wrong.mts'),
    shownProgram(api).replace('const { cells }', 'const { cels }').replace("by: 'app'", 'by: 5'),
  );
  const options = ['--ignoreConfig', '--noEmit', '--module', 'nodenext', '--target', 'es2024', '--skipLibCheck'];
  const compile = (file: string) =>
    spawnSync(join(import.meta.dirname, 'node_modules/.bin/tsc'), [...options, '--types', '', file], {
      cwd: installed,
      encoding: 'utf8',
    }).stdout;
  expect(compile('shown.mts')).toBe('');
  const faults = compile('wrong.mts');
  expect(faults).toContain("Property 'cels' does not exist");
  expect(faults).toMatch(/Type 'number' is not assignable to type '"?string/);
}

test('npx hairpin demo fills the matrix, and its cells equal the truth to the byte', async () => {
  await withService('demo', async ({ api, data }) => {
    let cells = 0;
    await until(
      async () => {
        const response = await fetch(`${api}/api/v1/matrix?from=now-1h`).catch(() => undefined);
        cells = response?.ok ? ((await response.json()) as MatrixAnswer).cells.length : 0;
        return cells >= 15;
      },
      READY_MS_MAX,
      'fifteen cells in the matrix',
    );
    expectClientWorks(api);
    const truth = join(data, 'truth.json');
    await until(() => existsSync(truth), READY_MS_MAX, 'the truth of the past');
    const { status, stdout } = npx('verify', '--truth', truth, '--api', api);
    expect(stdout).toMatch(/every unsampled cell equals the truth to the byte \(\d+ cells, \d+ B\)/);
    expect(status).toBe(0);
  });
}, 180_000);
