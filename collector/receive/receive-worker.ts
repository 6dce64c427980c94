// A receive worker: one thread with one socket per port that only receives and decodes. Full or aged batches go to the
// encoder thread. IPFIX over TCP and TLS has a worker to itself: a handshake keeps no datagram waiting, and where no
// datagram fills the column buffers, a connection can wait for one instead of losing rows.

import type { Socket } from 'node:dgram';
import { parentPort, workerData } from 'node:worker_threads';
import { createClock } from '../../service/clock.ts';
import { type Counters, openCounters } from '../../service/counters.ts';
import { inlineFurther } from '../../service/inlining.ts';
import { createLog } from '../../service/log.ts';
import type { CollectorConfiguration } from '../configuration.ts';
import { Decoder } from '../decode/decoder.ts';
import type { Change } from '../decode/exporters/template-store.ts';
import { rulesWith } from '../decode/templated/elements.ts';
import { createAddressLog } from '../gate/address-log.ts';
import { matcherOf } from '../gate/source-gate.ts';
import { IpfixStreams } from '../streams/ipfix-stream.ts';
import { STREAM_COUNTERS, WORKER_COUNTERS } from '../threads/counters.ts';
import type { Transport, WorkerData, WorkerMessage, WorkerOrder } from '../threads/messages.ts';
import { ContinuedTotals } from './continued-totals.ts';
import { EncoderPort } from './encoder-port.ts';
import { OpenBatch } from './open-batch.ts';
import { Receiver } from './receiver.ts';
import { SharedKnowledge } from './shared-knowledge.ts';
import { openSockets } from './udp-sockets.ts';
import { WorkerReports } from './worker-reports.ts';

/** How often counters are published and the age of the open batch is looked at. */
const TICK_MS = 100;
/** At a stop, datagrams that the kernel already holds are read until none came for QUIET_MS, at most DRAIN_MS_MAX. */
const QUIET_MS = 30;
const DRAIN_MS_MAX = 500;
const DRAIN_INTERVAL_MS = 5;

type Failure = NodeJS.ErrnoException & { port: number; transport: Transport };

class ReceiveWorker {
  readonly #configuration: CollectorConfiguration;
  readonly #counters: Counters<typeof WORKER_COUNTERS>;
  readonly #totals: ContinuedTotals;
  readonly #encoder: EncoderPort;
  readonly #open: OpenBatch;
  readonly #decoder: Decoder;
  readonly #receiver: Receiver;
  readonly #knowledge: SharedKnowledge;
  readonly #reports: WorkerReports;
  readonly #refusals: ReturnType<typeof createAddressLog>;
  readonly #streams: IpfixStreams | undefined;
  #sockets: Socket[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor({ configuration, counters, faults, streams, known, mapped, hasPeers, toEncoder }: WorkerData) {
    const clock = createClock(configuration.clock);
    this.#configuration = configuration;
    this.#counters = openCounters(WORKER_COUNTERS, counters);
    this.#totals = new ContinuedTotals(this.#counters);
    this.#encoder = new EncoderPort(toEncoder, this.#counters);
    this.#open = new OpenBatch(configuration, this.#counters, this.#encoder);
    const postChanges = (changes: readonly Change[]) => post({ type: 'changes', changes });
    this.#knowledge = new SharedKnowledge(configuration, known, postChanges, clock.nowMs());
    const limits = {
      ...configuration,
      isReserved: matcherOf(configuration.exporterKnown),
      hasPeers,
      // Where a second is a minute, what passes between export and receipt is no delay.
      measuresClocks: clock.speed === 1,
    };
    this.#decoder = new Decoder(this.#open, limits, new Float64Array(faults), this.#knowledge.knowledge);
    this.#refusals = createAddressLog(createLog('collector', configuration.logLevel));
    this.#decoder.context.templated.elementRules = rulesWith(mapped);
    this.#receiver = new Receiver(configuration, clock, this.#decoder, this.#open, this.#counters);
    this.#reports = new WorkerReports(this.#decoder, this.#encoder, this.#open, {
      counters: this.#counters,
      nowMs: clock.nowMs(),
    });
    this.#streams = streams && this.#createStreams(streams);
    this.#encoder.onFree(buffers => {
      this.#open.reclaim(buffers);
      this.#streams?.resume();
    });
  }

  async start(): Promise<void> {
    await this.#continue();
    let streamPorts = { TCP: [] as readonly number[], TLS: [] as readonly number[] };
    try {
      if (this.#streams) streamPorts = await this.#streams.start();
      else this.#sockets = await openSockets(this.#configuration, this.#receiver);
    } catch (error) {
      const { code = 'UNKNOWN', port, transport, message } = error as Failure;
      post({ type: 'failed', code, transport, port, message });
      return;
    }
    this.#reports.begin(this.#receiver.clock.nowMs());
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    post({
      type: 'listening',
      ports: { UDP: this.#sockets.map(socket => socket.address().port), ...streamPorts },
      bufferBytes: Math.min(...this.#sockets.map(socket => socket.getRecvBufferSize())),
    });
    parentPort!.on('message', (order: WorkerOrder) => {
      if (order.type === 'changes') this.#receiver.learn(order.changes);
      else this.#drain();
    });
  }

  /** Takes the sequence numbers that were kept, and reports what nobody has reported. */
  async #continue(): Promise<void> {
    const { sequences } = this.#decoder.exporters;
    const records = await this.#encoder.kept(() => sequences.take());
    if (records) this.#reports.sendUnreported(sequences.start(records, this.#receiver.clock.nowMs()));
  }

  #createStreams(counters: SharedArrayBuffer): IpfixStreams {
    const { gate } = this.#receiver;
    return new IpfixStreams(this.#configuration, {
      log: createLog('collector', this.#configuration.logLevel),
      counters: openCounters(STREAM_COUNTERS, counters),
      hasRoom: () => this.#open.hasRoom(),
      ...(gate && { gate }),
      decode: (message, address, session) => this.#receiver.decode(message, address, session),
      ended: (address, session) => this.#decoder.exporters.endSession(address, session),
    });
  }

  #tick(): void {
    const nowMs = this.#receiver.clock.nowMs();
    this.#knowledge.keep(this.#decoder, nowMs);
    this.#open.flushAged(Date.now());
    this.#reports.send(nowMs);
    // With records they leave together.
    if (this.#open.batch.rows === 0) this.#encoder.sendSequences();
    // Connections that wait because their exporter was above its rate.
    if (this.#receiver.gate) this.#streams?.resume();
    for (const address of this.#decoder.exporters.takeRefused())
      this.#refusals(
        address,
        {},
        'exporter refused: --exporters-max are known; see docs/TROUBLESHOOTING.md, "Exporters find no room"',
      );
    this.#publish();
  }

  #publish(): void {
    this.#knowledge.publish(this.#decoder, this.#counters, this.#totals);
    this.#reports.publish(this.#counters, this.#totals);
  }

  /** Reads what the kernel and the connections still hold, then stops. */
  #drain(): void {
    const stoppedAtMs = Date.now();
    this.#streams?.stopAccepting();
    const drain = setInterval(() => {
      const nowMs = Date.now();
      const quietSinceMs = Math.max(this.#receiver.lastDatagramMs, stoppedAtMs);
      const isBusy = nowMs - quietSinceMs < QUIET_MS || (this.#streams?.waiting ?? 0) > 0;
      if (isBusy && nowMs - stoppedAtMs < DRAIN_MS_MAX) return;
      clearInterval(drain);
      this.#stop();
    }, DRAIN_INTERVAL_MS);
  }

  #stop(): void {
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket.close();
    this.#streams?.close();
    this.#open.finish();
    const nowMs = this.#receiver.clock.nowMs();
    this.#knowledge.keep(this.#decoder, nowMs);
    // Before the end empties the tables that it reads.
    this.#publish();
    this.#reports.finish(nowMs);
    this.#knowledge.finish();
    post({ type: 'stopped' });
    parentPort!.close();
    this.#encoder.close();
  }
}

function post(message: WorkerMessage): void {
  parentPort!.postMessage(message);
}

inlineFurther();
await new ReceiveWorker(workerData as WorkerData).start();
