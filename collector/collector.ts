// The collector seen from the main thread: starts the encoder thread and the receive workers, starts a worker again
// when it dies, stops them in order so that everything received is in the spool.

import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import type { Configuration } from '../schemas/configuration.ts';
import { type CounterSpecs, type Counters, openCounters } from '../service/counters.ts';
import { HairpinError } from '../service/errors.ts';
import type { Log } from '../service/log.ts';
import type { Metrics } from '../service/metrics.ts';
import { ENCODER_COUNTERS, FAULT_COUNTERS, SOCKET_COUNTERS, WORKER_COUNTERS } from './counters.ts';
import { createKernelDrops } from './kernel-drops.ts';
import type { EncoderData, EncoderMessage, WorkerData, WorkerMessage } from './messages.ts';

const RESTART_DELAY_MS = 500;
const DROPS_INTERVAL_MS = 1000;

export interface Collector {
  start(): Promise<{ ports: readonly number[]; bufferBytes: number }>;
  /** Everything received before is in the spool when it returns. */
  stop(): Promise<void>;
  /** Whether every receive worker listens. */
  running(): boolean;
  /** Totals for people: what came in and what was dropped where. */
  totals(): { datagrams: number; records: number; kernelDrops: number; rowsDropped: number; rowsRefused: number };
}

export interface CollectorDependencies {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Settings of the spool sink, handed to the encoder thread. */
  readonly spool: EncoderData['spool'];
  /** Gets the token of every stored batch. */
  readonly announce: MessagePort;
}

type Listening = Extract<WorkerMessage, { type: 'listening' }>;

interface RunningWorker {
  readonly thread: Worker;
  readonly counters: Counters<typeof WORKER_COUNTERS>;
  listening: boolean;
}

export function createCollector(
  configuration: Configuration,
  { log, metrics, spool, announce }: CollectorDependencies,
): Collector {
  const encoderCounters = openCounters(ENCODER_COUNTERS);
  const socketCounters = openCounters(SOCKET_COUNTERS);
  const workers: (RunningWorker | undefined)[] = [];
  const workerCounters: Counters<typeof WORKER_COUNTERS>[] = [];
  const faultCounters: Counters<typeof FAULT_COUNTERS>[] = [];
  let encoder: Worker | undefined;
  let encoderWorkers = 0;
  let stopping = false;
  let dropsTimer: NodeJS.Timeout | undefined;
  let ports: readonly number[] = configuration.udp;

  /** Resolves when the worker listens; rejects with PORT_TAKEN when it cannot. */
  async function startWorker(worker: number): Promise<Listening> {
    workerCounters[worker] ??= registered(metrics, openCounters(WORKER_COUNTERS), worker);
    faultCounters[worker] ??= registered(metrics, openCounters(FAULT_COUNTERS), worker);
    const { port1, port2 } = new MessageChannel();
    const data: WorkerData = {
      configuration,
      worker,
      counters: workerCounters[worker].buffer,
      faults: faultCounters[worker].buffer,
      toEncoder: port1,
    };
    const thread = new Worker(new URL('./receive-worker.ts', import.meta.url), {
      workerData: data,
      transferList: [port1],
    });
    const running: RunningWorker = { thread, counters: workerCounters[worker], listening: false };
    workers[worker] = running;
    encoderWorkers++;
    encoder!.postMessage(
      { type: 'worker', worker, epoch: randomBytes(16).toString('hex'), port: port2 } satisfies EncoderMessage,
      [port2],
    );
    thread.on('error', error => log.error({ worker, err: error }, 'receive worker died'));
    thread.once('exit', () => {
      workers[worker] = undefined;
      if (!stopping) countLostRows(running.counters);
      if (!stopping && running.listening) setTimeout(() => restart(worker), RESTART_DELAY_MS);
    });
    const message = await firstMessage(thread);
    if (message.type === 'failed') {
      await thread.terminate();
      throw portError(message, configuration);
    }
    if (message.type !== 'listening') throw new Error(`receive worker ${worker} said ${message.type} at its start`);
    running.listening = true;
    return message;
  }

  async function startWorkers(): Promise<Listening> {
    const first = await startWorker(0);
    for (let worker = 1; worker < configuration.workers; worker++) await startWorker(worker);
    return first;
  }

  /** Tries until the worker listens: its port may be taken for a while. */
  function restart(worker: number): void {
    if (stopping) return;
    socketCounters.add('workerRestarts');
    startWorker(worker).catch(error => {
      log.error({ worker, err: error }, 'receive worker could not be started again; the next try follows');
      setTimeout(() => restart(worker), RESTART_DELAY_MS);
    });
  }

  return {
    async start() {
      if (configuration.workers > 1) await probe(configuration);
      const data: EncoderData = { configuration, counters: encoderCounters.buffer, spool, announce };
      encoder = new Worker(new URL('./encoder-thread.ts', import.meta.url), {
        workerData: data,
        transferList: [announce],
      });
      encoder.on('error', error => {
        // Without the encoder nothing can be kept: better a restart of the whole process than silent loss.
        log.fatal({ err: error }, 'encoder died');
        process.exit(70);
      });
      encoder.on('message', () => encoderWorkers--);
      metrics.register(encoderCounters);
      metrics.register(socketCounters);
      const first = await startWorkers().catch(async error => {
        stopping = true;
        await Promise.all([...workers.map(worker => worker?.thread.terminate()), encoder?.terminate()]);
        encoder = undefined;
        throw error;
      });
      ports = first.ports;
      socketCounters.set('bufferBytes', first.bufferBytes);
      warnOfSmallBuffer(first.bufferBytes, configuration.udpBufferBytes, log);
      const drops = createKernelDrops(new Set(ports));
      dropsTimer = setInterval(() => {
        void drops.read().then(more => socketCounters.add('kernelDrops', more));
      }, DROPS_INTERVAL_MS);
      return { ports, bufferBytes: first.bufferBytes };
    },
    async stop() {
      stopping = true;
      clearInterval(dropsTimer);
      const running = workers.filter(worker => worker !== undefined);
      await Promise.all(
        running.map(async ({ thread }) => {
          const exited = once(thread, 'exit');
          thread.postMessage('stop');
          await exited;
        }),
      );
      if (!encoder) return;
      while (encoderWorkers > 0) await once(encoder, 'message');
      const exited = once(encoder, 'exit');
      encoder.postMessage({ type: 'stop' } satisfies EncoderMessage);
      await exited;
    },
    running: () => workers.length === configuration.workers && workers.every(worker => worker?.listening),
    totals() {
      const sum = (key: keyof typeof WORKER_COUNTERS) =>
        workerCounters.reduce((total, counters) => total + counters.get(key), 0);
      return {
        datagrams: sum('datagrams'),
        records: sum('records'),
        kernelDrops: socketCounters.get('kernelDrops'),
        rowsDropped: sum('rowsDropped') + sum('rowsLost'),
        rowsRefused: encoderCounters.get('rowsRefused'),
      };
    },
  };
}

/** The open batch of a worker that died: decoded, but never handed over. */
function countLostRows(counters: Counters<typeof WORKER_COUNTERS>): void {
  const { records, rowsHandedOver, rowsDropped, rowsLost } = Object.fromEntries(
    (['records', 'rowsHandedOver', 'rowsDropped', 'rowsLost'] as const).map(key => [key, counters.get(key)]),
  ) as Record<'records' | 'rowsHandedOver' | 'rowsDropped' | 'rowsLost', number>;
  counters.add('rowsLost', Math.max(0, records - rowsHandedOver - rowsDropped - rowsLost));
}

function registered<S extends CounterSpecs>(metrics: Metrics, counters: Counters<S>, worker: number): Counters<S> {
  metrics.register(counters, { worker: String(worker) });
  return counters;
}

function firstMessage(thread: Worker): Promise<WorkerMessage> {
  return new Promise((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', code => reject(new Error(`receive worker ended with code ${code} before it listened`)));
  });
}

function portError(
  { code, port, message }: Extract<WorkerMessage, { type: 'failed' }>,
  { udpHost }: Configuration,
): HairpinError {
  const what =
    code === 'EADDRINUSE'
      ? 'is in use by another program'
      : code === 'EACCES'
        ? 'needs more rights (ports below 1024)'
        : `cannot be bound (${message})`;
  return new HairpinError('PORT_TAKEN', `UDP port ${port} on ${udpHost} ${what}; choose others with --udp PORT,PORT`);
}

/** SO_REUSEPORT would share a port with another Hairpin in silence: bind each port once without it first. */
async function probe(configuration: Configuration): Promise<void> {
  for (const port of configuration.udp) {
    const socket = createSocket(configuration.udpHost.includes(':') ? 'udp6' : 'udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error: NodeJS.ErrnoException) => {
        socket.close();
        reject(portError({ type: 'failed', code: error.code ?? '', port, message: error.message }, configuration));
      });
      socket.bind(port, configuration.udpHost, () => socket.close(() => resolve()));
    });
  }
}

/** The kernel doubles what is asked for and grants at most net.core.rmem_max, also doubled. */
function warnOfSmallBuffer(granted: number, asked: number, log: Log): void {
  if (granted >= asked) return;
  let limit = '';
  try {
    limit = ` (net.core.rmem_max is ${readFileSync('/proc/sys/net/core/rmem_max', 'utf8').trim()})`;
  } catch {
    // Not Linux: the figure alone must do.
  }
  log.warn(
    `the kernel granted a receive buffer of ${granted} bytes, ${asked} were asked for${limit}; to raise it: sysctl -w net.core.rmem_max=${asked}`,
  );
}
