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

/** Totals for people: what came in and what was dropped where. */
export interface CollectorTotals {
  readonly datagrams: number;
  /** Over connections. */
  readonly messages: number;
  readonly records: number;
  readonly kernelDrops: number;
  readonly rowsDropped: number;
  /** Flow records; what else the spool refused is reported by /metrics. */
  readonly rowsRefused: number;
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
  /** Folder of the sequence numbers; without it the loss over a restart is unknown. */
  readonly sequenceFolder?: string;
  /** Other collectors may receive an exporter before or after this one does. */
  readonly hasPeers?: boolean;
}

type Listening = Extract<WorkerMessage, { type: 'listening' }>;

type ReceiveWorker = SupervisedWorker<WorkerOrder, WorkerMessage>;

export class Collector {
  readonly #configuration: CollectorConfiguration;
  readonly #dependencies: CollectorDependencies;
  readonly #encoderCounters = openCounters(ENCODER_COUNTERS);
  readonly #socketCounters = openCounters(SOCKET_COUNTERS);
  readonly #streamCounters = openCounters(STREAM_COUNTERS);
  readonly #isStreaming: boolean;
  /** The worker behind those of the datagrams takes the connections. */
  readonly #workersTotal: number;
  readonly #workers: ReceiveWorker[] = [];
  readonly #workerCounters: Counters<typeof WORKER_COUNTERS>[] = [];
  readonly #faultCounters: Counters<typeof FAULT_COUNTERS>[] = [];
  #mapped: readonly MappedElement[] = [];
  #encoder: SupervisedWorker<EncoderMessage, unknown> | undefined;
  /** Receive workers whose port the encoder holds; it reports each that has closed. */
  #encoderWorkers = 0;
  #encoderFreed = () => {};
  #dropsTimer: NodeJS.Timeout | undefined;
  #journalTimer: NodeJS.Timeout | undefined;
  #journal: TemplateJournal | undefined;

  constructor(configuration: CollectorConfiguration, dependencies: CollectorDependencies) {
    this.#configuration = configuration;
    this.#dependencies = dependencies;
    this.#isStreaming = configuration.ipfixTcp.length + configuration.ipfixTls.length > 0;
    this.#workersTotal = configuration.workers + (this.#isStreaming ? 1 : 0);
  }

  async start(): Promise<Receiving> {
    const configuration = this.#configuration;
    const { log, metrics } = this.#dependencies;
    this.#mapped = loadElements(configuration.elements).mapped;
    if (configuration.ipfixTls.length > 0) checkCredentials(configuration, log);
    if (configuration.workers > 1) await probe(configuration);
    this.#openJournal();
    await this.#startEncoder();
    metrics.register(this.#encoderCounters);
    metrics.register(this.#socketCounters);
    if (this.#isStreaming) metrics.register(this.#streamCounters);
    const receiving = await this.#startWorkers();
    this.#socketCounters.set('bufferBytes', receiving.bufferBytes);
    warnOfSmallBuffer(receiving.bufferBytes, configuration.udpBufferBytes, log);
    this.#countDrops(receiving.ports);
    return receiving;
  }

  /** Everything received before is in the spool when it returns. */
  async stop(): Promise<void> {
    clearInterval(this.#dropsTimer);
    clearInterval(this.#journalTimer);
    await Promise.all(this.#workers.map(thread => thread.stop({ type: 'stop' })));
    this.#journal?.close();
    while (this.#encoder && this.#encoderWorkers > 0)
      await new Promise<void>(resolve => {
        this.#encoderFreed = resolve;
      });
    await this.#encoder?.stop({ type: 'stop' });
  }

  /** Whether every receive worker listens. */
  running(): boolean {
    return this.#workers.length === this.#workersTotal && this.#workers.every(thread => thread.running);
  }

  totals(): CollectorTotals {
    const sum = (key: keyof typeof WORKER_COUNTERS) =>
      this.#workerCounters.reduce((total, counters) => total + counters.get(key), 0);
    return {
      datagrams: sum('datagrams'),
      messages: this.#streamCounters.get('messages'),
      records: sum('records'),
      kernelDrops: this.#socketCounters.get('kernelDrops'),
      rowsDropped: sum('rowsDropped') + sum('rowsLost'),
      rowsRefused: this.#encoderCounters.get('rowsRefused flows'),
    };
  }

  #openJournal(): void {
    const { journalFolder: folder, log, metrics } = this.#dependencies;
    if (folder === undefined) return;
    const journal = openTemplateJournal({ folder, log, limits: this.#configuration });
    metrics.register(journal.counters);
    this.#journal = journal;
    this.#journalTimer = setInterval(() => this.#notifyWorkers(journal.expire(Date.now()), -1), JOURNAL_EXPIRE_MS);
  }

  async #startEncoder(): Promise<void> {
    const { log, spool, announce, sequenceFolder } = this.#dependencies;
    const data: EncoderData = {
      configuration: this.#configuration,
      counters: this.#encoderCounters.buffer,
      sockets: this.#socketCounters.buffer,
      workersTotal: this.#workersTotal,
      spool,
      announce,
      ...(sequenceFolder !== undefined && { sequences: sequenceFolder }),
    };
    this.#encoder = new SupervisedWorker<EncoderMessage, unknown>({
      name: 'encoder thread',
      log,
      spawn: () =>
        new Worker(new URL('./encode/encoder-thread.ts', import.meta.url), {
          workerData: data,
          transferList: [announce],
        }),
      onMessage: () => {
        this.#encoderWorkers--;
        this.#encoderFreed();
      },
      onExit({ error }) {
        if (!error) return;
        // Without the encoder nothing can be kept: a restart of the whole process is better than silent loss.
        log.fatal({ err: error }, 'the encoder crashed; the process ends');
        process.exit(70);
      },
    });
    await this.#encoder.start();
  }

  /** When one of them cannot listen, nothing is left running. */
  async #startWorkers(): Promise<Receiving> {
    try {
      const { ports, bufferBytes } = await this.#startWorker(0);
      let last = ports;
      for (let worker = 1; worker < this.#workersTotal; worker++) last = (await this.#startWorker(worker)).ports;
      return { ports: ports.UDP, tcpPorts: last.TCP, tlsPorts: last.TLS, bufferBytes };
    } catch (error) {
      clearInterval(this.#journalTimer);
      this.#journal?.close();
      await Promise.all([...this.#workers, this.#encoder].map(thread => thread?.terminate()));
      this.#encoder = undefined;
      throw error;
    }
  }

  /** Resolves when the worker listens; rejects with PORT_TAKEN when it cannot. */
  async #startWorker(worker: number): Promise<Listening> {
    const { log, metrics } = this.#dependencies;
    const counters = registered(metrics, openCounters(WORKER_COUNTERS), worker);
    this.#workerCounters[worker] = counters;
    this.#faultCounters[worker] = registered(metrics, openCounters(FAULT_COUNTERS), worker);
    const thread: ReceiveWorker = new SupervisedWorker({
      name: `receive worker ${worker}`,
      log,
      spawn: () => this.#spawnWorker(worker),
      isStarted: message => {
        if (message.type === 'failed') throw portError(message, this.#configuration);
        return message.type === 'listening';
      },
      onMessage: message => {
        if (message.type === 'changes') this.#learn(message.changes, worker);
      },
      onExit: () => countLostRows(counters),
      // The port may be taken for a while.
      restart: { ...RESTART_PAUSES, onTry: () => this.#socketCounters.add('workerRestarts') },
    });
    this.#workers[worker] = thread;
    return (await thread.start()) as Listening;
  }

  /** A thread that receives, with a port to the encoder. */
  #spawnWorker(worker: number): Worker {
    const configuration = this.#configuration;
    const { port1, port2 } = new MessageChannel();
    const data: WorkerData = {
      configuration,
      worker,
      counters: this.#workerCounters[worker]!.buffer,
      faults: this.#faultCounters[worker]!.buffer,
      mapped: this.#mapped,
      hasPeers: this.#dependencies.hasPeers ?? false,
      toEncoder: port1,
      // What a connection teaches ends with it.
      ...(worker === configuration.workers
        ? { streams: this.#streamCounters.buffer }
        : this.#journal && { known: [...this.#journal.store.changes()] }),
    };
    const thread = new Worker(new URL('./receive/receive-worker.ts', import.meta.url), {
      workerData: data,
      transferList: [port1],
    });
    this.#encoderWorkers++;
    const isKept = worker < configuration.workers;
    this.#encoder!.post({ type: 'worker', worker, epoch: randomBytes(16).toString('hex'), port: port2, isKept }, [
      port2,
    ]);
    return thread;
  }

  /** Writes what a worker has learned, then notifies the others: their exporters may come from anywhere at any time. */
  #learn(changes: readonly Change[], from: number): void {
    const news = this.#journal?.append(changes, Date.now()) ?? [];
    if (news.length > 0) this.#notifyWorkers(news, from);
  }

  #notifyWorkers(changes: readonly Change[], except: number): void {
    this.#workers.forEach((thread, worker) => {
      if (worker !== except && worker < this.#configuration.workers) thread.post({ type: 'changes', changes });
    });
  }

  #countDrops(ports: readonly number[]): void {
    const drops = createKernelDrops(new Set(ports));
    this.#dropsTimer = setInterval(() => {
      void drops.read().then(more => this.#socketCounters.add('kernelDrops', more));
    }, DROPS_INTERVAL_MS);
  }
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
  if (code === 'EADDRNOTAVAIL')
    return new HairpinError(
      'PORT_TAKEN',
      `${transport} port ${port} on ${udpHost} cannot be bound: no interface of this machine has this address; give another with --udp-host`,
    );
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
