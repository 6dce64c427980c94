// The encoder thread: column buffers from the receive workers become Arrow, the transport makes them durable, and the
// buffers go back zeroed. Encoding 65,536 rows takes 5 to 28 ms, in which a receive worker must not be held up.

import { randomBytes } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { type ArrowBytes, encodePieces, piecesOf } from '../../schemas/arrow.ts';
import { type BatchIdentity, batchOver, clearBatch } from '../../schemas/batch.ts';
import type { Column } from '../../schemas/columns.ts';
import { EXPORTER_COLUMNS } from '../../schemas/exporter-minute.ts';
import { encodeFacts } from '../../schemas/fact-batch.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { INTERFACE_COLUMNS } from '../../schemas/interface-minute.ts';
import { createClock } from '../../service/clock.ts';
import { openCounters } from '../../service/counters.ts';
import { createLog, createThrottle } from '../../service/log.ts';
import { bytesOf } from '../../transport/batch-file.ts';
import { SpoolSink } from '../../transport/spool/sink.ts';
import { sequencesMax } from '../decode/exporters/exporters.ts';
import { SequenceJournal } from '../journal/sequence-journal.ts';
import { ReceivingMinutes } from '../reports/receiving-minutes.ts';
import { ENCODER_COUNTERS, SOCKET_COUNTERS } from '../threads/counters.ts';
import type {
  EncoderData,
  EncoderMessage,
  Filled,
  FilledBatch,
  FilledReceived,
  FreeBuffers,
  KeptSequences,
} from '../threads/messages.ts';

const {
  configuration,
  counters: countersBuffer,
  sockets: socketsBuffer,
  workersTotal,
  spool,
  announce,
  sequences: sequenceFolder,
} = workerData as EncoderData;
const counters = openCounters(ENCODER_COUNTERS, countersBuffer);
const sockets = openCounters(SOCKET_COUNTERS, socketsBuffer);
const log = createLog('encoder', configuration.logLevel);
const throttle = createThrottle();

const LISTS: Record<FilledBatch['kind'], readonly Column[]> = {
  flows: DECODED_COLUMNS,
  exporters: EXPORTER_COLUMNS,
  interfaces: INTERFACE_COLUMNS,
};

const sink = new SpoolSink({ ...spool, onStored: token => announce.postMessage(token) });
const sequences =
  sequenceFolder === undefined
    ? undefined
    : new SequenceJournal({
        folder: sequenceFolder,
        recordsMax: sequencesMax(configuration.exportersMax),
        nowMs: createClock(configuration.clock).nowMs,
        log,
        counters,
      });
const minutes = new ReceivingMinutes(workersTotal);
/** Minutes of the collector are of no worker: they have a number behind the workers', and an epoch of this thread. */
const minutesEpoch = randomBytes(16).toString('hex');
let minutesSequence = 0;
let workers = 0;
/** The port of each worker that has closed, or will. */
const closed = new Map<number, Promise<void>>();

function encode(message: FilledBatch, worker: number, epoch: string): ArrayBuffer[] {
  const { kind, sequence, rows, buffers } = message;
  const list = LISTS[kind];
  const rowsMax = kind === 'flows' ? configuration.batchRowsMax : rows;
  const batch = batchOver(list, rowsMax, buffers, rows);
  keep({ kind, collector: configuration.collectorId, worker, epoch, sequence }, encodePieces(batch), rows);
  clearBatch(batch);
  return buffers;
}

function keep(identity: BatchIdentity, arrow: ArrowBytes, rows: number): void {
  const outcome = sink.put(identity, arrow);
  counters.add('batches');
  counters.add('rows', rows);
  counters.add('bytes', bytesOf(piecesOf(arrow)));
  if (outcome !== 'stored') {
    counters.add(`rowsRefused ${identity.kind}`, rows);
    throttle(outcome, heldBack =>
      log.warn(
        { reason: outcome, kind: identity.kind, rows, heldBack },
        'batch refused by the spool: its rows are lost; see docs/TROUBLESHOOTING.md, "Spool full"',
      ),
    );
  }
}

/** Behind every batch of what was received until then. */
function keepMinutes(received: FilledReceived, worker: number): void {
  const droppedDatagrams = sockets.get('kernelDrops');
  const refusedRecords = counters.get('rowsRefused flows');
  const batch = minutes.report(worker, received, { droppedDatagrams, refusedRecords });
  if (!batch) return;
  const identity = {
    kind: 'collectors',
    collector: configuration.collectorId,
    worker: workersTotal,
    epoch: minutesEpoch,
    sequence: minutesSequence++,
  } as const;
  keep(identity, encodePieces(batch), batch.rows);
}

/** Sequence numbers first: what is kept is never behind what is stored, or stored records would look lost. */
function take(filled: Filled, worker: number, epoch: string): ArrayBuffer[] {
  if (filled.kind === 'sequences') {
    sequences?.put(filled.sequences, worker);
    return [];
  }
  if (filled.kind === 'received') {
    keepMinutes(filled, worker);
    return [];
  }
  if (filled.kind === 'facts') {
    const { kind, sequence, facts } = filled;
    const identity = { kind, collector: configuration.collectorId, worker, epoch, sequence };
    const { arrow, leftOut } = encodeFacts(facts);
    counters.add('factsLeftOut', leftOut);
    keep(identity, arrow, facts.length - leftOut);
    return [];
  }
  if (filled.sequences) sequences?.put(filled.sequences, worker);
  return encode(filled, worker, epoch);
}

type NewWorker = Extract<EncoderMessage, { type: 'worker' }>;

function connect({ port, worker, epoch, isKept }: NewWorker): void {
  workers++;
  const before = closed.get(worker);
  const { promise, resolve } = Promise.withResolvers<void>();
  closed.set(worker, promise);
  port.on('message', (filled: Filled) => {
    const buffers = take(filled, worker, epoch);
    if (filled.kind === 'flows') port.postMessage({ kind: 'free', buffers } satisfies FreeBuffers, buffers);
  });
  // A closed port has delivered everything that was posted to it before.
  port.on('close', () => {
    workers--;
    minutes.end(worker);
    resolve();
    parentPort!.postMessage({ type: 'worker-closed', worker, workers });
  });
  // A worker that replaces a crashed one continues what that one has sent.
  void Promise.resolve(before).then(() => {
    const records = isKept ? sequences?.handOver(worker) : undefined;
    port.postMessage({ kind: 'sequences', ...(records && { records }) } satisfies KeptSequences);
  });
}

parentPort!.on('message', (message: EncoderMessage) => {
  if (message.type === 'worker') {
    connect(message);
    return;
  }
  sequences?.close();
  announce.close();
  parentPort!.close();
});
