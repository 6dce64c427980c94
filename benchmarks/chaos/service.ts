// A service of a distributed installation as an orchestrator runs it: a process that is started again when it ends, on
// the same ports and in the same folder, and that can be killed, stopped and asked to end.

import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { dropsIn } from '../../collector/receive/kernel-drops.ts';
import { freeTcpPort, freeUdpPort } from '../../testing/spawned.ts';

const PROGRAM = fileURLToPath(new URL('../../hairpin.ts', import.meta.url));
const RESTART_MS = 500;
const ANSWER_MS_MAX = 2000;
const POLL_MS = 20;

export interface ServiceOptions {
  readonly name: string;
  readonly command: 'collector' | 'enricher';
  /** Data folder and log. */
  readonly folder: string;
  readonly args: readonly string[];
}

export interface Service {
  readonly name: string;
  readonly udpPort: number;
  /** Starts it; started again by itself until it is killed or ended. */
  start(): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM; resolves when it is gone. */
  end(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Resolves when its UDP port is bound. */
  listening(): Promise<void>;
  /** Its counters; undefined when it does not answer. */
  metrics(): Promise<MetricsText | undefined>;
  ready(): Promise<boolean>;
  pid(): number | undefined;
  /** Times it ended that nobody asked for. */
  deaths(): number;
  /** Times when batches in its spool were written, in ms since the epoch. */
  spooledAt(): number[];
}

/** A page of /metrics. */
export interface MetricsText {
  /** Summed over its labels, or over those that contain `label`. */
  sum(name: string, label?: string): number;
}

export async function createService({ name, command, folder, args }: ServiceOptions): Promise<Service> {
  const udpPort = await freeUdpPort();
  const http = `127.0.0.1:${await freeTcpPort()}`;
  const data = join(folder, name);
  const log = join(folder, `${name}.log`);
  let child: ChildProcess | undefined;
  let wanted = false;
  let deaths = 0;
  const receiving = command === 'collector' ? ['--udp', String(udpPort), '--udp-host', '127.0.0.1'] : [];
  const own = ['--data', data, ...receiving, '--http', http];

  function launch(): void {
    const fresh = spawn(process.execPath, [PROGRAM, command, ...own, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    child = fresh;
    fresh.stderr!.on('data', text => appendFileSync(log, text));
    fresh.once('exit', () => {
      if (child !== fresh) return;
      child = undefined;
      if (!wanted) return;
      deaths++;
      setTimeout(() => wanted && !child && launch(), RESTART_MS);
    });
  }

  async function stopWith(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    wanted = false;
    const stopped = child;
    if (!stopped) return;
    const gone = new Promise(resolve => stopped.once('exit', resolve));
    stopped.kill(signal);
    await gone;
  }

  const ask = (path: string) =>
    fetch(`http://${http}${path}`, { signal: AbortSignal.timeout(ANSWER_MS_MAX) }).catch(() => undefined);

  return {
    name,
    udpPort,
    start() {
      wanted = true;
      if (!child) launch();
    },
    kill: () => stopWith('SIGKILL'),
    end: () => stopWith('SIGTERM'),
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    async listening() {
      const ports = new Set([udpPort]);
      while (dropsIn(await readFile('/proc/net/udp', 'utf8'), ports).size === 0) await sleep(POLL_MS);
    },
    async metrics() {
      const text = await (await ask('/metrics'))?.text().catch(() => undefined);
      return text === undefined ? undefined : parseMetrics(text);
    },
    ready: async () => (await ask('/readyz'))?.status === 200,
    pid: () => child?.pid,
    deaths: () => deaths,
    spooledAt: () =>
      readdirSync(join(data, 'spool')).flatMap(
        file => statSync(join(data, 'spool', file), { throwIfNoEntry: false })?.mtimeMs ?? [],
      ),
  };
}

function parseMetrics(text: string): MetricsText {
  const lines = text.split('\n').filter(line => line.startsWith('hairpin_'));
  return {
    sum(name, label = '') {
      const full = `hairpin_${name}`;
      return lines
        .filter(line => line.startsWith(full) && /[ {]/.test(line.charAt(full.length)) && line.includes(label))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    },
  };
}
