// The encoder thread: column buffers from the receive workers become Arrow, the transport makes them durable, and the
// buffers go back zeroed. Encoding 65,536 rows takes 5 to 28 ms, in which a receive worker must not be held up.

import { parentPort, workerData } from 'node:worker_threads';
import { type ArrowBytes, encodePieces, piecesOf } from '../../schemas/arrow.ts';
import { type BatchIdentity, batchOver, clearBatch } from '../../schemas/batch.ts';
import type { Column } from '../../schemas/columns.ts';
import { EXPORTER_COLUMNS } from '../../schemas/exporter-minute.ts';
import { encodeFacts } from '../../schemas/fact-batch.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { INTERFACE_COLUMNS } from '../../schemas/interface-minute.ts';
import { openCounters } from '../../service/counters.ts';
import { createLog, createThrottle } from '../../service/log.ts';
import { bytesOf } from '../../transport/batch-file.ts';
import { SpoolSink } from '../../transport/spool/sink.ts';
import { ENCODER_COUNTERS } from '../threads/counters.ts';
import type { EncoderData, EncoderMessage, FilledBatch, FilledFacts, FreeBuffers } from '../threads/messages.ts';

const { configuration, counters: countersBuffer, spool, announce } = workerData as EncoderData;
const counters = openCounters(ENCODER_COUNTERS, countersBuffer);
const log = createLog('encoder', configuration.logLevel);
const throttle = createThrottle();

const LISTS: Record<FilledBatch['kind'], readonly Column[]> = {
  flows: DECODED_COLUMNS,
  exporters: EXPORTER_COLUMNS,
  interfaces: INTERFACE_COLUMNS,
};

const sink = new SpoolSink({ ...spool, onStored: token => announce.postMessage(token) });
let workers = 0;

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

parentPort!.on('message', (message: EncoderMessage) => {
  if (message.type === 'stop') {
    announce.close();
    parentPort!.close();
    return;
  }
  const { port, worker, epoch } = message;
  workers++;
  port.on('message', (filled: FilledBatch | FilledFacts) => {
    if (filled.kind === 'facts') {
      const { kind, sequence, facts } = filled;
      const identity = { kind, collector: configuration.collectorId, worker, epoch, sequence };
      keep(identity, encodeFacts(facts), facts.length);
      return;
    }
    const buffers = encode(filled, worker, epoch);
    if (filled.kind === 'flows') port.postMessage({ buffers } satisfies FreeBuffers, buffers);
  });
  // A closed port has delivered everything that was posted to it before.
  port.on('close', () => {
    workers--;
    parentPort!.postMessage({ type: 'worker-closed', worker, workers });
  });
});
