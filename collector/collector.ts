// The collector seen from the main thread: starts the encoder thread and the receive workers, restarts a worker that
// crashed, and stops them in order, so that everything received is in the spool.

import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { type CounterSpecs, type Counters, openCounters } from '../service/counters.ts';
import { HairpinError } from '../service/errors.ts';
import type { Log } from '../service/log.ts';
import type { Metrics } from '../service/metrics.ts';
import { SupervisedWorker } from '../service/worker.ts';
import type { CollectorConfiguration } from './configuration.ts';
import type { Change } from './decode/exporters/template-store.ts';
import type { MappedElement } from './decode/templated/elements.ts';
import { loadElements } from './elements/element-registry.ts';
import { openTemplateJournal, type TemplateJournal } from './journal/template-journal.ts';
import { createKernelDrops } from './receive/kernel-drops.ts';
import { readCredentials } from './streams/tls-credentials.ts';
import {
  ENCODER_COUNTERS,
  FAULT_COUNTERS,
  SOCKET_COUNTERS,
  STREAM_COUNTERS,
  WORKER_COUNTERS,
} from './threads/counters.ts';
import type {
  EncoderData,
  EncoderMessage,
  Transport,
  WorkerData,
  WorkerMessage,
  WorkerOrder,
} from './threads/messages.ts';

const RESTART_PAUSES = { pauseMsMin: 500, pauseMsMax: 500 };
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

type ReceiveWorker = SupervisedWorker<WorkerOrder, WorkerMessage>;

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
  const workers: ReceiveWorker[] = [];
  const workerCounters: Counters<typeof WORKER_COUNTERS>[] = [];
  const faultCounters: Counters<typeof FAULT_COUNTERS>[] = [];
  let mapped: readonly MappedElement[] = [];
  let encoder: SupervisedWorker<EncoderMessage, unknown> | undefined;
  /** Receive workers whose port the encoder holds; it reports each that has closed. */
  let encoderWorkers = 0;
  let encoderFreed = () => {};
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
    workers.forEach((thread, worker) => {
      if (worker !== except && worker < configuration.workers) thread.post({ type: 'changes', changes });
    });
  }

  /** A thread that receives, with a port to the encoder. */
  function spawnWorker(worker: number): Worker {
    const { port1, port2 } = new MessageChannel();
    const data: WorkerData = {
      configuration,
      worker,
      counters: workerCounters[worker]!.buffer,
      faults: faultCounters[worker]!.buffer,
      mapped,
      toEncoder: port1,
      // What a connection teaches ends with it.
      ...(worker === configuration.workers
        ? { streams: streamCounters.buffer }
        : journal && { known: [...journal.store.changes()] }),
    };
    const thread = new Worker(new URL('./receive/receive-worker.ts', import.meta.url), {
      workerData: data,
      transferList: [port1],
    });
    encoderWorkers++;
    encoder!.post({ type: 'worker', worker, epoch: randomBytes(16).toString('hex'), port: port2 }, [port2]);
    return thread;
  }

  /** Resolves when the worker listens; rejects with PORT_TAKEN when it cannot. */
  async function startWorker(worker: number): Promise<Listening> {
    const counters = registered(metrics, openCounters(WORKER_COUNTERS), worker);
    workerCounters[worker] = counters;
    faultCounters[worker] = registered(metrics, openCounters(FAULT_COUNTERS), worker);
    const thread: ReceiveWorker = new SupervisedWorker({
      name: `receive worker ${worker}`,
      log,
      spawn: () => spawnWorker(worker),
      isStarted(message) {
        if (message.type === 'failed') throw portError(message, configuration);
        return message.type === 'listening';
      },
      onMessage(message) {
        if (message.type === 'changes') learn(message.changes, worker);
      },
      onExit: () => countLostRows(counters),
      // The port may be taken for a while.
      restart: { ...RESTART_PAUSES, onTry: () => socketCounters.add('workerRestarts') },
    });
    workers[worker] = thread;
    return (await thread.start()) as Listening;
  }

  async function startWorkers(): Promise<Receiving> {
    const { ports, bufferBytes } = await startWorker(0);
    let last = ports;
    for (let worker = 1; worker < workersTotal; worker++) last = (await startWorker(worker)).ports;
    return { ports: ports.UDP, tcpPorts: last.TCP, tlsPorts: last.TLS, bufferBytes };
  }

  async function startEncoder(): Promise<void> {
    const data: EncoderData = { configuration, counters: encoderCounters.buffer, spool, announce };
    encoder = new SupervisedWorker<EncoderMessage, unknown>({
      name: 'encoder thread',
      log,
      spawn: () =>
        new Worker(new URL('./encode/encoder-thread.ts', import.meta.url), {
          workerData: data,
          transferList: [announce],
        }),
      onMessage() {
        encoderWorkers--;
        encoderFreed();
      },
      onExit({ error }) {
        if (!error) return;
        // Without the encoder nothing can be kept: a restart of the whole process is better than silent loss.
        log.fatal({ err: error }, 'the encoder crashed; the process ends');
        process.exit(70);
      },
    });
    await encoder.start();
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
      await startEncoder();
      metrics.register(encoderCounters);
      metrics.register(socketCounters);
      if (streaming) metrics.register(streamCounters);
      const receiving = await startWorkers().catch(async error => {
        clearInterval(journalTimer);
        journal?.close();
        await Promise.all([...workers, encoder].map(thread => thread?.terminate()));
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
      clearInterval(dropsTimer);
      clearInterval(journalTimer);
      await Promise.all(workers.map(thread => thread.stop({ type: 'stop' })));
      journal?.close();
      while (encoder && encoderWorkers > 0)
        await new Promise<void>(resolve => {
          encoderFreed = resolve;
        });
      await encoder?.stop({ type: 'stop' });
    },
    running: () => workers.length === workersTotal && workers.every(thread => thread.running),
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

/** The open batch of a crashed worker: decoded, but never handed over. */
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
