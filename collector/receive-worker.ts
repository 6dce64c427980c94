// A receive worker: one thread with one socket per port that only receives and decodes. Full or aged batches go to the
// encoder thread; when every column buffer is on its way, rows are dropped and counted, the templates in them are not.

import { createSocket, type Socket } from 'node:dgram';
import { parentPort, workerData } from 'node:worker_threads';
import { type Batch, batchOver, buffersOf, clearBatch, createBatch } from '../schemas/batch.ts';
import type { Column } from '../schemas/columns.ts';
import { DECODED_COLUMNS } from '../schemas/flow.ts';
import { openCounters } from '../service/counters.ts';
import { WORKER_COUNTERS } from './counters.ts';
import type { Output } from './decode/context.ts';
import { Decoder } from './decode/decoder.ts';
import type { FlowBatch } from './decode/flow-batch.ts';
import { exporterReport } from './exporter-report.ts';
import type { FilledBatch, FreeBuffers, WorkerData, WorkerMessage } from './messages.ts';

/** How often counters are published and the age of the open batch is looked at. */
const TICK_MS = 100;
/** How often the health of exporters is reported. */
const REPORT_INTERVAL_MS = 10_000;
/** At a stop, datagrams that the kernel already holds are read until none came for QUIET_MS, at most DRAIN_MS_MAX. */
const QUIET_MS = 30;
const DRAIN_MS_MAX = 500;

const { configuration, counters: countersBuffer, faults, toEncoder } = workerData as WorkerData;
const { batchRowsMax, batchAgeMsMax, batchesMax } = configuration;
const counters = openCounters(WORKER_COUNTERS, countersBuffer);

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

const decoder = new Decoder(output, configuration, new Float64Array(faults));

toEncoder.on('message', ({ buffers }: FreeBuffers) => {
  free.push(batchOver(DECODED_COLUMNS, batchRowsMax, buffers, 0) as unknown as FlowBatch);
});

function tell(message: WorkerMessage): void {
  parentPort!.postMessage(message);
}

function receive(datagram: Uint8Array, address: string, port: number): void {
  const now = Date.now();
  if (output.batch.rows === 0) openedAtMs = now;
  values[DATAGRAMS]! += 1;
  values[BYTES]! += datagram.length;
  lastDatagramMs = now;
  values[RECORDS]! += decoder.decode(datagram, address, port, now);
}

function open(port: number): Promise<Socket> {
  const { udpHost } = configuration;
  const socket = createSocket({
    type: udpHost.includes(':') ? 'udp6' : 'udp4',
    reusePort: configuration.workers > 1,
    recvBufferSize: configuration.udpBufferBytes,
  });
  return new Promise((resolve, reject) => {
    socket.once('error', error => {
      socket.close();
      reject(Object.assign(error, { port }));
    });
    socket.bind(port, udpHost, () => {
      socket.removeAllListeners('error');
      // A receive error (such as a refused reply) concerns one datagram; the socket goes on.
      socket.on('error', () => {});
      socket.on('message', (message, from) => receive(message, from.address, from.port));
      resolve(socket);
    });
  });
}

let reportedAtMs = Date.now();

function report(nowMs: number): void {
  reportedAtMs = nowMs;
  const batch = exporterReport(decoder.exporters.domains());
  if (batch) handOver('exporters', batch);
}

function tick(): void {
  const now = Date.now();
  // Without a free buffer an aged batch waits for one: it may still have room.
  if (output.batch.rows > 0 && now - openedAtMs >= batchAgeMsMax && free.length > 0) output.flush();
  if (now - reportedAtMs >= REPORT_INTERVAL_MS || Math.floor(now / 60_000) !== Math.floor(reportedAtMs / 60_000))
    report(now);
  counters.set('exporters', decoder.exporters.size);
  counters.set('exportersEvicted', evictedBefore + decoder.exporters.evicted);
}

async function main(): Promise<void> {
  let sockets: Socket[];
  try {
    sockets = await Promise.all(configuration.udp.map(open));
  } catch (error) {
    const { code = 'UNKNOWN', port, message } = error as NodeJS.ErrnoException & { port: number };
    tell({ type: 'failed', code, port, message });
    return;
  }
  const timer = setInterval(tick, TICK_MS);
  tell({
    type: 'listening',
    ports: sockets.map(socket => socket.address().port),
    bufferBytes: Math.min(...sockets.map(socket => socket.getRecvBufferSize())),
  });
  parentPort!.once('message', () => {
    const stoppedAtMs = Date.now();
    const drain = setInterval(() => {
      const now = Date.now();
      if (now - Math.max(lastDatagramMs, stoppedAtMs) < QUIET_MS && now - stoppedAtMs < DRAIN_MS_MAX) return;
      clearInterval(drain);
      clearInterval(timer);
      for (const socket of sockets) socket.close();
      // The last batch needs no free buffer to follow it.
      if (output.batch.rows > 0) handOver('flows', output.batch);
      output.batch.rows = 0;
      report(now);
      tick();
      tell({ type: 'stopped' });
      parentPort!.close();
      toEncoder.close();
    }, 5);
  });
}

await main();
