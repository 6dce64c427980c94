import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MessageChannel, Worker } from 'node:worker_threads';
import pino from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMetrics } from '../service/metrics.ts';
import { openSpool } from '../transport/spool/spool.ts';
import type { EnricherThreadConfiguration } from './configuration.ts';
import { createEnricherSupervisor, type EnricherSupervisor } from './supervisor.ts';

/** Starting a thread takes a second where the machine is busy. */
const POLL = { timeout: 10_000 };
let folder: string;
let supervisor: EnricherSupervisor | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hairpin-supervisor-'));
});
afterEach(async () => {
  await supervisor?.stop();
  rmSync(folder, { recursive: true });
});

/** A supervisor of threads that run what `lives` says for each of them, in order. */
function open(lives: readonly string[]) {
  const program = join(folder, 'program.mjs');
  writeFileSync(
    program,
    `import { parentPort, workerData } from 'node:worker_threads';
     import { appendFileSync, readFileSync } from 'node:fs';
     const log = ${JSON.stringify(join(folder, 'lives'))};
     appendFileSync(log, workerData.restarted ? 'r' : 'f');
     const start = () => {
       parentPort.once('message', () => parentPort.close());
       parentPort.postMessage({ type: 'started' });
     };
     const lives = [${lives.map(life => `() => { ${life} }`).join(', ')}];
     lives[readFileSync(log, 'utf8').length - 1]();`,
  );
  const log = pino({ level: 'silent' });
  for (const name of ['spool', 'quarantine']) mkdirSync(join(folder, name));
  const { settings } = openSpool({
    folder: join(folder, 'spool'),
    quarantine: join(folder, 'quarantine'),
    bytesMax: 1 << 20,
    quarantineBytesMax: 1 << 20,
    durable: false,
  });
  supervisor = createEnricherSupervisor({} as EnricherThreadConfiguration, {
    log,
    metrics: createMetrics(),
    storage: { url: '', user: '', password: '' },
    carrier: { spool: settings, announced: new MessageChannel().port1 },
    restartMsMin: 5,
    spawn: (data, transfer) => new Worker(pathToFileURL(program), { workerData: data, transferList: [...transfer] }),
  });
  return supervisor;
}

const DIES = "start(); setTimeout(() => { throw new Error('died'); }, 20);";

test('a thread that dies is started again, also when that fails several times, silently or not', async () => {
  const supervisor = open([DIES, 'process.exit(0);', "throw new Error('no');", DIES, 'start();']);
  await supervisor.start();
  await expect.poll(() => readLives(), POLL).toBe('frrrr');
  await expect.poll(() => supervisor.running(), POLL).toBe(true);
});

test('a first thread that ends without a word fails the start', async () => {
  await expect(open(['process.exit(3);']).start()).rejects.toThrow('ended with code 3');
});

test('a stop while a restart is pending ends it', async () => {
  const supervisor = open([DIES, 'start();']);
  await supervisor.start();
  await expect.poll(() => supervisor.running(), POLL).toBe(false);
  await supervisor.stop();
  expect(supervisor.running()).toBe(false);
});

function readLives(): string {
  return readFileSync(join(folder, 'lives'), 'utf8');
}
