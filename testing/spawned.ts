// For tests and benchmarks: a Hairpin of its own, as a user runs it, in a folder of its own on free ports.

import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MatrixAnswer } from '../query-api/questions/matrix.ts';

const PROGRAM = fileURLToPath(new URL('../hairpin.ts', import.meta.url));
const READY_MS_MAX = 30_000;
const POLL_MS = 50;

export interface RunningHairpin {
  readonly api: string;
  readonly udpPort: number;
  readonly data: string;
  readonly process: ChildProcess;
  /** What it has written to standard error. */
  stderr(): string;
  get<T>(path: string): Promise<T>;
  matrix(parameters?: string): Promise<MatrixAnswer>;
  /** A counter of /metrics, summed over its labels (or those that contain `label`). */
  metric(name: string, label?: string): Promise<number>;
  /** SIGTERM and wait; returns the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL and wait. */
  kill(): Promise<void>;
}

export interface HairpinOptions {
  /** The service to run; everything in one process when left out. */
  readonly command?: 'start' | 'collector' | 'enricher' | 'query-api';
  /** Kept by the caller; a temporary one is made and removed otherwise. */
  readonly data?: string;
  readonly udpPort?: number;
  /** Sent with each question, where `args` name a file of tokens. */
  readonly token?: string;
  /** What must answer 200 before it is taken as started; `/readyz` when left out. */
  readonly answers?: '/healthz' | '/readyz';
  readonly args?: readonly string[];
}

export async function startHairpin({
  command = 'start',
  data,
  udpPort,
  token,
  answers = '/readyz',
  args = [],
}: HairpinOptions = {}): Promise<RunningHairpin> {
  const folder = data ?? mkdtempSync(join(tmpdir(), 'hairpin-test-'));
  const port = udpPort ?? (await freeUdpPort());
  const http = `127.0.0.1:${await freeTcpPort()}`;
  const receives = command === 'start' || command === 'collector';
  const receiving = receives ? ['--udp', String(port), '--udp-host', '127.0.0.1'] : [];
  const child = spawn(process.execPath, [PROGRAM, command, '--data', folder, ...receiving, '--http', http, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = once(child, 'exit');
  let text = '';
  child.stderr!.on('data', chunk => {
    text += chunk;
  });
  const api = `http://${http}`;
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const tidy = () => {
    if (data === undefined) rmSync(folder, { recursive: true, force: true });
  };
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(api + path, { headers });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  const running: RunningHairpin = {
    api,
    udpPort: port,
    data: folder,
    process: child,
    stderr: () => text,
    get,
    matrix: (parameters = 'from=now-1h') => get<MatrixAnswer>(`/api/v1/matrix?${parameters}`),
    async metric(name, label = '') {
      const metrics = await (await fetch(`${api}/metrics`, { headers })).text();
      const lines = metrics
        .split('\n')
        .filter(
          line =>
            /^hairpin_/.test(line) &&
            line.startsWith(`hairpin_${name}`) &&
            /[ {]/.test(line.charAt(8 + name.length)) &&
            line.includes(label),
        );
      return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    },
    async stop() {
      child.kill('SIGTERM');
      const [code] = await exited;
      tidy();
      return code as number | null;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
      tidy();
    },
  };
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`hairpin ended with code ${child.exitCode}:\n${text}`);
    const response = await fetch(api + answers).catch(() => undefined);
    return response?.status === 200;
  }, READY_MS_MAX);
  return running;
}

/** Waits until `condition` holds; throws when it has not after `msMax`. */
export async function until(
  condition: () => Promise<boolean> | boolean,
  msMax: number,
  what = 'the condition',
): Promise<void> {
  const deadline = Date.now() + msMax;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what} did not hold within ${msMax} ms`);
    await new Promise(resolve => setTimeout(resolve, POLL_MS));
  }
}

export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

export async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
