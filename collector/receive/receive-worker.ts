// A receive worker: one thread with one socket per port that only receives and decodes. Full or aged batches go to the
// encoder thread; when every column buffer is on its way, rows are dropped and counted, the templates in them are not.
// IPFIX over TCP and TLS has a worker to itself: a handshake keeps no datagram waiting, and where no datagram fills the
// column buffers, a connection can wait for one instead of losing rows.

import { createSocket, type Socket } from 'node:dgram';
import { parentPort, workerData } from 'node:worker_threads';
import { type Batch, batchOver, buffersOf, clearBatch, createBatch } from '../../schemas/batch.ts';
import type { Column } from '../../schemas/columns.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { createClock } from '../../service/clock.ts';
import { openCounters } from '../../service/counters.ts';
import { inlineFurther } from '../../service/inlining.ts';
import { createLog } from '../../service/log.ts';
import { type Output, RECORDS_PER_DATAGRAM_MAX } from '../decode/context.ts';
import { Decoder } from '../decode/decoder.ts';
import { SILENT_MS } from '../decode/exporters/exporters.ts';
import { NEVER } from '../decode/exporters/roster.ts';
import { type Change, createTemplateStore } from '../decode/exporters/template-store.ts';
import type { FlowBatch } from '../decode/flow-batch.ts';
import { rulesWith } from '../decode/templated/elements.ts';
import { createAddressLog } from '../gate/address-log.ts';
import { ADMITTED, createSourceGate, NOT_ALLOWED } from '../gate/source-gate.ts';
import { exporterReport } from '../reports/exporter-report.ts';
import { createFactTable } from '../reports/fact-table.ts';
import { createInterfaceTable } from '../reports/interface-table.ts';
import { createIpfixStreams, type IpfixStreams } from '../streams/ipfix-stream.ts';
import { STREAM_COUNTERS, WORKER_COUNTERS } from '../threads/counters.ts';
import type {
  FilledBatch,
  FilledFacts,
  FreeBuffers,
  Transport,
  WorkerData,
  WorkerMessage,
  WorkerOrder,
} from '../threads/messages.ts';
import { createChangeOutbox } from './change-outbox.ts';

/** How often counters are published and the age of the open batch is looked at. */
const TICK_MS = 100;
/** How often the health of exporters is reported. */
const REPORT_INTERVAL_MS = 10_000;
/** How often templates, pending sets and idle exporters are looked through for what is out of date. */
const EXPIRE_INTERVAL_MS = 60_000;
/** At a stop, datagrams that the kernel already holds are read until none came for QUIET_MS, at most DRAIN_MS_MAX. */
const QUIET_MS = 30;
const DRAIN_MS_MAX = 500;

inlineFurther();

const {
  configuration,
  counters: countersBuffer,
  faults,
  streams: streamCounters,
  known,
  mapped,
  toEncoder,
} = workerData as WorkerData;
const { batchRowsMax, batchAgeMsMax, batchesMax } = configuration;
const counters = openCounters(WORKER_COUNTERS, countersBuffer);
/** What datagrams are stamped with and all that is compared with it; batches and stops go by the wall clock. */
const clock = createClock(configuration.clock);

const free: FlowBatch[] = [];
let openedAtMs = 0;
let sequence = 0;
// Counted in shared memory at once: a worker that takes the place of a dead one goes on where that one stopped, and the
// main thread sees what was in its open batch.
const { values } = counters;
const DATAGRAMS = counters.slot('datagrams');
const BYTES = counters.slot('bytes');
const RECORDS = counters.slot('records');
const evictedBefore = counters.get('exportersEvicted');
const factsRefusedBefore = counters.get('factsRefused');
const interfacesRefusedBefore = counters.get('interfacesRefused');
const interfacesAnewBefore = counters.get('interfacesAnew');
let lastDatagramMs = 0;

function handOver(kind: FilledBatch['kind'], batch: Batch<readonly Column[]>): void {
  const buffers = buffersOf(batch);
  toEncoder.postMessage({ kind, sequence: sequence++, rows: batch.rows, buffers } satisfies FilledBatch, buffers);
  counters.add('batches');
}

const output: Output = {
  batch: createBatch(DECODED_COLUMNS, batchRowsMax) as unknown as FlowBatch,
  flush() {
    const { batch } = output;
    if (batch.rows === 0) return;
    const next = free.pop();
    if (next) {
      counters.add('rowsHandedOver', batch.rows);
      handOver('flows', batch);
      output.batch = next;
    } else {
      counters.add('rowsDropped', batch.rows);
      clearBatch(batch);
    }
  },
};
for (let i = 1; i < batchesMax; i++) free.push(createBatch(DECODED_COLUMNS, batchRowsMax) as unknown as FlowBatch);

/** What this worker and the others have learned; undefined without a journal. */
const store = known && createTemplateStore(configuration);
for (const change of known ?? []) store!.apply(change);
const outbox =
  store &&
  createChangeOutbox({
    post: changes => tell({ type: 'changes', changes }),
    isProven: key => store.get(key)?.provenMs !== NEVER,
    later: setImmediate,
    now: Date.now,
  });
const knowledge = store && outbox && { store, sink: outbox };
const decoder = new Decoder(output, configuration, new Float64Array(faults), knowledge);
decoder.context.templated.elementRules = rulesWith(mapped);
const takenOverBefore = counters.get('exportersTakenOver');
const changesDroppedBefore = counters.get('changesDropped');
const facts = createFactTable();
decoder.context.facts = facts;
const interfaces = createInterfaceTable();
decoder.context.sflow.interfaces = interfaces;

/** Returns whether there were any. */
function handOverFacts(nowMs: number): boolean {
  const rows = facts.take(nowMs);
  if (rows.length === 0) return false;
  toEncoder.postMessage({ kind: 'facts', sequence: sequence++, facts: rows } satisfies FilledFacts);
  counters.add('batches');
  return true;
}

/** Hands over the minutes that ended before this; returns whether there were any. */
function handOverInterfaces(beforeMs: number): boolean {
  const batch = interfaces.take(beforeMs);
  if (batch) handOver('interfaces', batch);
  return batch !== undefined;
}

toEncoder.on('message', ({ buffers }: FreeBuffers) => {
  free.push(batchOver(DECODED_COLUMNS, batchRowsMax, buffers, 0) as unknown as FlowBatch);
  streams?.resume();
});

function tell(message: WorkerMessage): void {
  parentPort!.postMessage(message);
}

/** Who may export, and how much; undefined when everybody may send everything. */
const gate = createSourceGate(configuration);
const refusals = gate && createAddressLog(createLog('collector', configuration.logLevel));

/** False for a datagram that is not to be decoded, which is counted. */
function isAdmitted(address: string): boolean {
  const verdict = gate ? gate.admit(address, Date.now()) : ADMITTED;
  if (verdict === ADMITTED) return true;
  if (verdict === NOT_ALLOWED) {
    counters.add('notAllowed');
    refusals!(address, {}, 'datagrams of a source that --exporter-allow does not name are not taken');
  } else {
    counters.add('overRate');
    refusals!(address, {}, 'an exporter sends more than --exporter-rate-max; what is above is not taken');
  }
  return false;
}

function receive(datagram: Uint8Array, address: string, port: number): void {
  values[DATAGRAMS]! += 1;
  values[BYTES]! += datagram.length;
  if (isAdmitted(address)) decode(datagram, address, port);
}

function decode(message: Uint8Array, address: string, port: number): void {
  values[RECORDS]! += decoder.decode(message, address, port, receivedAt());
}

/** A frame that a switch mirrors in VXLAN. */
function receiveMirrored(datagram: Uint8Array, address: string): void {
  values[DATAGRAMS]! += 1;
  values[BYTES]! += datagram.length;
  if (!isAdmitted(address)) return;
  values[RECORDS]! += decoder.decodeMirrored(datagram, address, receivedAt(), 'vxlan', configuration.mirrorRate);
}

function receivedAt(): number {
  const now = Date.now();
  if (output.batch.rows === 0) openedAtMs = now;
  lastDatagramMs = now;
  return clock.nowMs();
}

const streams: IpfixStreams | undefined =
  streamCounters &&
  createIpfixStreams(configuration, {
    log: createLog('collector', configuration.logLevel),
    counters: openCounters(STREAM_COUNTERS, streamCounters),
    hasRoom,
    ...(gate && { gate }),
    decode,
    ended: (address, session) => decoder.exporters.endSession(address, session),
  });

/** Whether any message can be decoded without flush() having to drop rows. */
function hasRoom(): boolean {
  const rowsFree = batchRowsMax - output.batch.rows + free.length * batchRowsMax;
  if (rowsFree > RECORDS_PER_DATAGRAM_MAX) return true;
  // Buffers too few and small for the largest message: each then gets all of them.
  if (output.batch.rows > 0 && free.length > 0) output.flush();
  return output.batch.rows === 0 && free.length === batchesMax - 1;
}

function open(port: number, onDatagram: typeof receive): Promise<Socket> {
  const { udpHost } = configuration;
  const socket = createSocket({
    type: udpHost.includes(':') ? 'udp6' : 'udp4',
    reusePort: configuration.workers > 1,
    recvBufferSize: configuration.udpBufferBytes,
  });
  return new Promise((resolve, reject) => {
    socket.once('error', error => {
      socket.close();
      reject(Object.assign(error, { port, transport: 'UDP' }));
    });
    socket.bind(port, udpHost, () => {
      socket.removeAllListeners('error');
      // A receive error (such as a refused reply) concerns one datagram; the socket goes on.
      socket.on('error', () => {});
      socket.on('message', (message, from) => onDatagram(message, from.address, from.port));
      resolve(socket);
    });
  });
}

function openSockets(): Promise<Socket[]> {
  const { udp, mirrorUdp } = configuration;
  return Promise.all([...udp.map(port => open(port, receive)), ...mirrorUdp.map(port => open(port, receiveMirrored))]);
}

let reportedAtMs = clock.nowMs();
let heardAtMs = clock.nowMs();
let expiredAtMs = clock.nowMs();

function report(nowMs: number): void {
  reportedAtMs = nowMs;
  const batch = exporterReport(decoder.exporters.domains());
  if (batch) handOver('exporters', batch);
}

/** Other workers must know who is live here; the journal alone is content with less. */
const HEARD_INTERVAL_MS = configuration.workers > 1 ? SILENT_MS / 3 : 3600_000;

/** Upkeep of what exporters have told. */
function keepKnowledge(now: number): void {
  if (now - expiredAtMs >= EXPIRE_INTERVAL_MS) {
    expiredAtMs = now;
    decoder.expire(now);
  }
  if (outbox && now - heardAtMs >= HEARD_INTERVAL_MS) {
    for (const change of decoder.exporters.heardSince(heardAtMs)) outbox.changed(change);
    heardAtMs = now;
  }
  outbox?.flush();
  counters.set('exportersTakenOver', takenOverBefore + decoder.exporters.takenOver);
  counters.set('changesDropped', changesDroppedBefore + (outbox?.dropped ?? 0));
  counters.set('pendingSets', decoder.context.templated.pending.sets);
  counters.set('pendingBytes', decoder.context.templated.pending.bytes);
}

/** What another worker has learned: data that wait here may have waited for it. */
function learn(changes: readonly Change[]): void {
  const now = Date.now();
  if (output.batch.rows === 0) openedAtMs = now;
  values[RECORDS]! += decoder.learn(changes, clock.nowMs());
}

function tick(): void {
  const now = clock.nowMs();
  keepKnowledge(now);
  // Without a free buffer an aged batch waits for one: it may still have room.
  if (output.batch.rows > 0 && Date.now() - openedAtMs >= batchAgeMsMax && free.length > 0) output.flush();
  if (now - reportedAtMs >= REPORT_INTERVAL_MS || Math.floor(now / 60_000) !== Math.floor(reportedAtMs / 60_000))
    report(now);
  handOverFacts(now);
  handOverInterfaces(now);
  // Connections that wait because their exporter was above its rate.
  if (gate) streams?.resume();
  counters.set('facts', facts.size);
  counters.set('factsRefused', factsRefusedBefore + facts.refused);
  counters.set('interfaces', interfaces.size);
  counters.set('interfacesRefused', interfacesRefusedBefore + interfaces.refused);
  counters.set('interfacesAnew', interfacesAnewBefore + interfaces.anew);
  counters.set('exporters', decoder.exporters.size);
  counters.set('exportersEvicted', evictedBefore + decoder.exporters.evicted);
}

type Failure = NodeJS.ErrnoException & { port: number; transport: Transport };

async function main(): Promise<void> {
  let sockets: Socket[] = [];
  let streamPorts = { TCP: [] as readonly number[], TLS: [] as readonly number[] };
  try {
    if (!streams) sockets = await openSockets();
    if (streams) streamPorts = await streams.start();
  } catch (error) {
    const { code = 'UNKNOWN', port, transport, message } = error as Failure;
    tell({ type: 'failed', code, transport, port, message });
    return;
  }
  const timer = setInterval(tick, TICK_MS);
  tell({
    type: 'listening',
    ports: { UDP: sockets.map(socket => socket.address().port), ...streamPorts },
    bufferBytes: Math.min(...sockets.map(socket => socket.getRecvBufferSize())),
  });
  parentPort!.on('message', (order: WorkerOrder) => {
    if (order.type === 'changes') {
      learn(order.changes);
      return;
    }
    const stoppedAtMs = Date.now();
    streams?.stopAccepting();
    const drain = setInterval(() => {
      const now = Date.now();
      const busy = now - Math.max(lastDatagramMs, stoppedAtMs) < QUIET_MS || (streams?.waiting() ?? 0) > 0;
      if (busy && now - stoppedAtMs < DRAIN_MS_MAX) return;
      clearInterval(drain);
      clearInterval(timer);
      for (const socket of sockets) socket.close();
      streams?.close();
      // The last batch needs no free buffer to follow it.
      if (output.batch.rows > 0) handOver('flows', output.batch);
      output.batch.rows = 0;
      report(clock.nowMs());
      tick();
      while (handOverFacts(Number.POSITIVE_INFINITY));
      while (handOverInterfaces(Number.POSITIVE_INFINITY));
      outbox?.flush(true);
      tell({ type: 'stopped' });
      parentPort!.close();
      toEncoder.close();
    }, 5);
  });
}

await main();
