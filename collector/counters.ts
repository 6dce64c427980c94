// Counters of the collector, one set per receive worker and one for the encoder thread.

import { PROTOCOLS } from '../schemas/codes.ts';
import type { CounterSpec } from '../service/counters.ts';
import { FAULTS } from './decode/faults.ts';

export const WORKER_COUNTERS = {
  datagrams: { name: 'collector_datagrams_total', help: 'datagrams received' },
  bytes: { name: 'collector_datagram_bytes_total', help: 'bytes of their payloads' },
  records: { name: 'collector_records_total', help: 'flow records and samples decoded' },
  rowsDropped: {
    name: 'collector_rows_dropped_total',
    help: 'rows dropped because every column buffer was in use',
    labels: { reason: 'no-free-batch' },
  },
  batches: { name: 'collector_batches_total', help: 'batches handed to the encoder' },
  rowsHandedOver: { name: 'collector_rows_handed_over_total', help: 'flow rows handed to the encoder' },
  rowsLost: {
    name: 'collector_rows_dropped_total',
    help: 'rows of the open batch of a receive worker that died',
    labels: { reason: 'worker-died' },
  },
  exporters: { name: 'collector_exporters', help: 'exporters (address and port) tracked' },
  exportersEvicted: {
    name: 'collector_exporters_evicted_total',
    help: 'exporters forgotten at the bound exportersMax',
  },
} as const satisfies Record<string, CounterSpec>;

/** One counter per protocol and fault, in the order of faultSlot(). */
export const FAULT_COUNTERS: Readonly<Record<string, CounterSpec>> = Object.fromEntries(
  PROTOCOLS.flatMap(protocol =>
    FAULTS.map(reason => [
      `${protocol} ${reason}`,
      { name: 'collector_decode_faults_total', help: 'faults found while decoding', labels: { protocol, reason } },
    ]),
  ),
);

export const ENCODER_COUNTERS = {
  batches: { name: 'encoder_batches_total', help: 'batches encoded' },
  rows: { name: 'encoder_rows_total', help: 'rows encoded' },
  bytes: { name: 'encoder_bytes_total', help: 'bytes of Arrow made of them' },
  rowsRefused: { name: 'encoder_rows_refused_total', help: 'rows of batches that the transport refused' },
} as const satisfies Record<string, CounterSpec>;

/** Read by the main thread from the kernel. */
export const SOCKET_COUNTERS = {
  kernelDrops: {
    name: 'collector_kernel_drops_total',
    help: 'datagrams the kernel dropped because a receive buffer was full (/proc/net/udp, udp6)',
  },
  bufferBytes: { name: 'collector_receive_buffer_bytes', help: 'receive buffer the kernel granted, per socket' },
  workerRestarts: { name: 'collector_worker_restarts_total', help: 'receive workers started again after they died' },
} as const satisfies Record<string, CounterSpec>;
