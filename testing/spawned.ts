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

export interface HairpinOptions {
  /** The service to run; everything in one process when left out. */
  readonly command?: 'start' | 'demo' | 'collector' | 'enricher' | 'query-api';
  /** Kept by the caller; a temporary one is made and removed otherwise. */
  readonly data?: string;
  readonly udpPort?: number;
  /** Sent with each question, where `args` name a file of tokens. */
  readonly token?: string;
  /** What must answer 200 before it is taken as started; `/readyz` when left out. */
  readonly answers?: '/healthz' | '/readyz';
  /** Beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

export async function startHairpin(options: HairpinOptions = {}): Promise<RunningHairpin> {
  const { command = 'start', token, answers = '/readyz', env = {}, args = [] } = options;
  const data = options.data ?? mkdtempSync(join(tmpdir(), 'hairpin-test-'));
  const udpPort = options.udpPort ?? (await freeUdpPort());
  const http = `127.0.0.1:${await freeTcpPort()}`;
  const receives = command === 'start' || command === 'collector';
  const receiving = receives ? ['--udp', String(udpPort), '--udp-host', '127.0.0.1'] : [];
  const child = spawn(process.execPath, [PROGRAM, command, '--data', data, ...receiving, '--http', http, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  const isTemporary = options.data === undefined;
  const running = new RunningHairpin({ child, api: `http://${http}`, udpPort, data, isTemporary, token });
  await until(() => running.answers(answers), READY_MS_MAX);
  return running;
}

interface HairpinParts {
  readonly child: ChildProcess;
  readonly api: string;
  readonly udpPort: number;
  readonly data: string;
  /** The folder is removed when the process has ended. */
  readonly isTemporary: boolean;
  readonly token: string | undefined;
}

export class RunningHairpin {
  readonly api: string;
  readonly udpPort: number;
  readonly data: string;
  readonly process: ChildProcess;
  readonly #isTemporary: boolean;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #exited: Promise<unknown[]>;
  #stderr = '';

  constructor({ child, api, udpPort, data, isTemporary, token }: HairpinParts) {
    this.api = api;
    this.udpPort = udpPort;
    this.data = data;
    this.process = child;
    this.#isTemporary = isTemporary;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    this.#exited = once(child, 'exit');
    child.stderr!.on('data', chunk => {
      this.#stderr += chunk;
    });
  }

  /** What it has written to standard error. */
  stderr(): string {
    return this.#stderr;
  }

  async get<T>(path: string): Promise<T> {
    const response = await fetch(this.api + path, { headers: this.#headers });
    if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }

  matrix(parameters = 'from=now-1h'): Promise<MatrixAnswer> {
    return this.get<MatrixAnswer>(`/api/v1/matrix?${parameters}`);
  }

  /** A counter of /metrics, summed over its labels (or those that contain `label`). */
  async metric(name: string, label = ''): Promise<number> {
    const metrics = await (await fetch(`${this.api}/metrics`, { headers: this.#headers })).text();
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
  }

  /** Whether a path answers 200 without a token; throws when the process has ended. */
  async answers(path: string): Promise<boolean> {
    const { exitCode } = this.process;
    if (exitCode !== null) throw new Error(`hairpin ended with code ${exitCode}:\n${this.#stderr}`);
    const response = await fetch(this.api + path).catch(() => undefined);
    return response?.status === 200;
  }

  /** SIGTERM and wait; returns the exit code. */
  async stop(): Promise<number | null> {
    const [code] = await this.#end('SIGTERM');
    return code as number | null;
  }

  /** SIGKILL and wait. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<unknown[]> {
    this.process.kill(signal);
    const exit = await this.#exited;
    if (this.#isTemporary) rmSync(this.data, { recursive: true, force: true });
    return exit;
  }
}

/** Waits until `condition` holds; throws when it has not after `msMax`. */
export async function until(
  condition: () => Promise<boolean> | boolean,
  msMax: number,
  what = 'the condition',
  pollMs = POLL_MS,
): Promise<void> {
  const deadline = Date.now() + msMax;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`${what} did not hold within ${msMax} ms`);
    await new Promise(resolve => setTimeout(resolve, pollMs));
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
