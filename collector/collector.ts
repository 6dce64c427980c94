// The collector seen from the main thread: starts the encoder thread and the receive workers, starts a worker again
// when it dies, stops them in order so that everything received is in the spool.

import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type CounterSpecs, type Counters, openCounters } from '../service/counters.ts';
import { HairpinError } from '../service/errors.ts';
import type { Log } from '../service/log.ts';
import type { Metrics } from '../service/metrics.ts';
import type { CollectorConfiguration } from './configuration.ts';
import { ENCODER_COUNTERS, FAULT_COUNTERS, SOCKET_COUNTERS, STREAM_COUNTERS, WORKER_COUNTERS } from './counters.ts';
import type { Change } from './decode/exporters/template-store.ts';
import type { MappedElement } from './decode/templated/elements.ts';
import { loadElements } from './element-registry.ts';
import { createKernelDrops } from './kernel-drops.ts';
import type { EncoderData, EncoderMessage, Transport, WorkerData, WorkerMessage, WorkerOrder } from './messages.ts';
import { openTemplateJournal, type TemplateJournal } from './template-journal.ts';
import { readCredentials } from './tls-credentials.ts';

const RESTART_DELAY_MS = 500;
const DROPS_INTERVAL_MS = 1000;
const JOURNAL_EXPIRE_MS = 3600_000;

export interface Receiving {
  /** UDP ports, and those that take IPFIX over TCP and over TLS. */
  readonly ports: readonly number[];
  readonly tcpPorts: readonly number[];
  readonly tlsPorts: readonly number[];
  /** Receive buffer the kernel granted per UDP socket. */
  readonly bufferBytes: number;
}

export interface Collector {
  start(): Promise<Receiving>;
  /** Everything received before is in the spool when it returns. */
  stop(): Promise<void>;
  /** Whether every receive worker listens. */
  running(): boolean;
  /** Totals for people: what came in and what was dropped where. */
  totals(): {
    datagrams: number;
    /** Over connections. */
    messages: number;
    records: number;
    kernelDrops: number;
    rowsDropped: number;
    /** Flow records; what else the spool refused is told by /metrics. */
    rowsRefused: number;
  };
}

export interface CollectorDependencies {
  readonly log: Log;
  readonly metrics: Metrics;
  /** Settings of the spool sink, handed to the encoder thread. */
  readonly spool: EncoderData['spool'];
  /** Gets the token of every stored batch. */
  readonly announce: MessagePort;
  /** Folder of the journal of templates; without it they are learned anew at every start. */
  readonly journalFolder?: string;
}

type Listening = Extract<WorkerMessage, { type: 'listening' }>;

interface RunningWorker {
  readonly thread: Worker;
  readonly counters: Counters<typeof WORKER_COUNTERS>;
  listening: boolean;
}

export function createCollector(
  configuration: CollectorConfiguration,
  { log, metrics, spool, announce, journalFolder }: CollectorDependencies,
): Collector {
  const encoderCounters = openCounters(ENCODER_COUNTERS);
  const socketCounters = openCounters(SOCKET_COUNTERS);
  const streamCounters = openCounters(STREAM_COUNTERS);
  const streaming = configuration.ipfixTcp.length + configuration.ipfixTls.length > 0;
  // The worker behind those of the datagrams takes the connections.
  const workersTotal = configuration.workers + (streaming ? 1 : 0);
  const workers: (RunningWorker | undefined)[] = [];
  const workerCounters: Counters<typeof WORKER_COUNTERS>[] = [];
  const faultCounters: Counters<typeof FAULT_COUNTERS>[] = [];
  let mapped: readonly MappedElement[] = [];
  let encoder: Worker | undefined;
  let encoderWorkers = 0;
  let stopping = false;
  let dropsTimer: NodeJS.Timeout | undefined;
  let journalTimer: NodeJS.Timeout | undefined;
  let journal: TemplateJournal | undefined;
  let ports: readonly number[] = configuration.udp;

  /** Writes what a worker has learned, then tells the others: their exporters may come from anywhere at any time. */
  function learn(changes: readonly Change[], from: number): void {
    const news = journal?.append(changes, Date.now()) ?? [];
    if (news.length > 0) tellWorkers(news, from);
  }

  function tellWorkers(changes: readonly Change[], except: number): void {
    workers.forEach((running, worker) => {
      if (running && worker !== except && worker < configuration.workers)
        running.thread.postMessage({ type: 'changes', changes } satisfies WorkerOrder);
    });
  }

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
      mapped,
      toEncoder: port1,
      // What a connection teaches ends with it.
      ...(worker === configuration.workers
        ? { streams: streamCounters.buffer }
        : journal && { known: [...journal.store.changes()] }),
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
    thread.on('message', (message: WorkerMessage) => {
      if (message.type === 'changes') learn(message.changes, worker);
    });
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

  async function startWorkers(): Promise<Receiving> {
    const { ports, bufferBytes } = await startWorker(0);
    let last = ports;
    for (let worker = 1; worker < workersTotal; worker++) last = (await startWorker(worker)).ports;
    return { ports: ports.UDP, tcpPorts: last.TCP, tlsPorts: last.TLS, bufferBytes };
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
      ({ mapped } = loadElements(configuration.elements));
      if (configuration.ipfixTls.length > 0) checkCredentials(configuration, log);
      if (configuration.workers > 1) await probe(configuration);
      if (journalFolder !== undefined) {
        journal = openTemplateJournal({ folder: journalFolder, log, limits: configuration });
        metrics.register(journal.counters);
        journalTimer = setInterval(() => tellWorkers(journal!.expire(Date.now()), -1), JOURNAL_EXPIRE_MS);
      }
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
      if (streaming) metrics.register(streamCounters);
      const receiving = await startWorkers().catch(async error => {
        stopping = true;
        clearInterval(journalTimer);
        journal?.close();
        await Promise.all([...workers.map(worker => worker?.thread.terminate()), encoder?.terminate()]);
        encoder = undefined;
        throw error;
      });
      ports = receiving.ports;
      socketCounters.set('bufferBytes', receiving.bufferBytes);
      warnOfSmallBuffer(receiving.bufferBytes, configuration.udpBufferBytes, log);
      const drops = createKernelDrops(new Set(ports));
      dropsTimer = setInterval(() => {
        void drops.read().then(more => socketCounters.add('kernelDrops', more));
      }, DROPS_INTERVAL_MS);
      return receiving;
    },
    async stop() {
      stopping = true;
      clearInterval(dropsTimer);
      clearInterval(journalTimer);
      const running = workers.filter(worker => worker !== undefined);
      await Promise.all(
        running.map(async ({ thread }) => {
          const exited = once(thread, 'exit');
          thread.postMessage({ type: 'stop' } satisfies WorkerOrder);
          await exited;
        }),
      );
      journal?.close();
      if (!encoder) return;
      while (encoderWorkers > 0) await once(encoder, 'message');
      const exited = once(encoder, 'exit');
      encoder.postMessage({ type: 'stop' } satisfies EncoderMessage);
      await exited;
    },
    running: () => workers.length === workersTotal && workers.every(worker => worker?.listening),
    totals() {
      const sum = (key: keyof typeof WORKER_COUNTERS) =>
        workerCounters.reduce((total, counters) => total + counters.get(key), 0);
      return {
        datagrams: sum('datagrams'),
        messages: streamCounters.get('messages'),
        records: sum('records'),
        kernelDrops: socketCounters.get('kernelDrops'),
        rowsDropped: sum('rowsDropped') + sum('rowsLost'),
        rowsRefused: encoderCounters.get('rowsRefused flows'),
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
    // One of its sockets may have taught it something before all of them listen.
    const take = (message: WorkerMessage) => {
      if (message.type === 'changes') return;
      thread.off('message', take);
      resolve(message);
    };
    thread.on('message', take);
    thread.once('error', reject);
    thread.once('exit', code => reject(new Error(`receive worker ended with code ${code} before it listened`)));
  });
}

/** The worker reads them again: here they are refused before anything runs. */
function checkCredentials(configuration: CollectorConfiguration, log: Log): void {
  if (readCredentials(configuration).ca === undefined)
    log.warn('IPFIX over TLS takes every exporter that can reach the port: --ipfix-tls-ca asks for certificates');
}

const PORT_FLAGS: Readonly<Record<Transport, string>> = { UDP: '--udp', TCP: '--ipfix-tcp', TLS: '--ipfix-tls' };

function portError(
  { code, transport, port, message }: Extract<WorkerMessage, { type: 'failed' }>,
  { udpHost, mirrorUdp }: CollectorConfiguration,
): HairpinError {
  const what =
    code === 'EADDRINUSE'
      ? 'is in use by another program'
      : code === 'EACCES'
        ? 'needs more rights (ports below 1024)'
        : `cannot be bound (${message})`;
  const flag = transport === 'UDP' && mirrorUdp.includes(port) ? '--mirror-udp' : PORT_FLAGS[transport];
  return new HairpinError(
    'PORT_TAKEN',
    `${transport} port ${port} on ${udpHost} ${what}; choose others with ${flag} PORT,PORT`,
  );
}

/** SO_REUSEPORT would share a port with another Hairpin in silence: bind each port once without it first. */
async function probe(configuration: CollectorConfiguration): Promise<void> {
  for (const port of [...configuration.udp, ...configuration.mirrorUdp]) {
    const socket = createSocket(configuration.udpHost.includes(':') ? 'udp6' : 'udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (error: NodeJS.ErrnoException) => {
        socket.close();
        const { code = '', message } = error;
        reject(portError({ type: 'failed', code, transport: 'UDP', port, message }, configuration));
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
