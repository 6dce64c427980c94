// Counters of the collector, one set per receive worker and one for the encoder thread.

import type { BatchKind } from '../../schemas/batch.ts';
import { PROTOCOLS } from '../../schemas/codes.ts';
import type { CounterSpec } from '../../service/counters.ts';
import { FAULTS } from '../decode/faults.ts';

export const WORKER_COUNTERS = {
  datagrams: { name: 'collector_datagrams_total', help: 'datagrams received' },
  bytes: { name: 'collector_datagram_bytes_total', help: 'bytes of their payloads' },
  notAllowed: {
    name: 'collector_datagrams_refused_total',
    help: 'datagrams that were not decoded: their source is not in exporterAllow, or above exporterRateMax',
    labels: { reason: 'not-allowed' },
  },
  overRate: {
    name: 'collector_datagrams_refused_total',
    help: 'datagrams that were not decoded: their source is not in exporterAllow, or above exporterRateMax',
    labels: { reason: 'over-rate' },
  },
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
    help: 'exporters, domains and agents forgotten at a bound',
  },
  exportersRefused: {
    name: 'collector_exporters_refused_total',
    help: 'datagrams whose exporter or agent found no room: they are decoded without its state, if at all',
  },
  exportersTakenOver: {
    name: 'collector_exporters_taken_over_total',
    help: 'domains of exporters that went on under another source port',
  },
  agentClashes: {
    name: 'collector_agent_clashes_total',
    help: 'sFlow agent addresses that several agents were found to report',
  },
  pendingSets: { name: 'collector_pending_sets', help: 'data sets that wait for their template' },
  pendingBytes: { name: 'collector_pending_bytes', help: 'bytes of data sets that wait for their template' },
  changesDropped: {
    name: 'collector_journal_changes_dropped_total',
    help: 'templates and rates learned that never reached the journal, in a flood',
  },
  facts: {
    name: 'collector_facts',
    help: 'facts reported by exporters (port names, stations, hosts) that are tracked',
  },
  factsRefused: {
    name: 'collector_facts_refused_total',
    help: 'times a new fact was reported beyond the bound in all or of its exporter',
  },
  interfaces: { name: 'collector_interfaces', help: 'interfaces whose counters are followed' },
  interfacesRefused: {
    name: 'collector_interface_counters_refused_total',
    help: 'readings of interface counters that found no room, or came from a second data source of their interface',
  },
  interfacesAnew: {
    name: 'collector_interface_counters_anew_total',
    help: 'times the counters of an interface started anew: its agent restarted, was silent, or jumped',
  },
  totalFlows: { name: 'collector_total_flows', help: 'flows with running totals that are followed' },
  totalFlowsEvicted: {
    name: 'collector_total_flows_evicted_total',
    help: 'flows with running totals that were forgotten at the bound while they ran',
  },
  sequencesCounted: {
    name: 'collector_sequences_resumed_total',
    help: 'domains that continued the sequence numbers of before a start, by whether these gave the loss between',
    labels: { loss: 'counted' },
  },
  sequencesUnknown: {
    name: 'collector_sequences_resumed_total',
    help: 'domains that continued the sequence numbers of before a start, by whether these gave the loss between',
    labels: { loss: 'unknown' },
  },
} as const satisfies Record<string, CounterSpec>;

const CLOSED = {
  name: 'collector_connections_closed_total',
  help: 'IPFIX connections that ended, by what ended them',
} as const;

/** Of IPFIX over TCP and TLS; the reasons are those of ipfix-stream.ts. */
export const STREAM_COUNTERS = {
  open: { name: 'collector_connections', help: 'IPFIX connections open' },
  accepted: { name: 'collector_connections_total', help: 'IPFIX connections accepted' },
  refused: {
    name: 'collector_connections_refused_total',
    help: 'connections refused: as many as ipfixConnectionsMax are open, or their source is not in exporterAllow',
    labels: { reason: 'limit' },
  },
  notAllowed: {
    name: 'collector_connections_refused_total',
    help: 'connections refused: as many as ipfixConnectionsMax are open, or their source is not in exporterAllow',
    labels: { reason: 'not-allowed' },
  },
  messages: { name: 'collector_messages_total', help: 'IPFIX messages received over connections' },
  bytes: { name: 'collector_message_bytes_total', help: 'bytes of them' },
  pauses: {
    name: 'collector_connection_pauses_total',
    help: 'times a connection was left unread because every column buffer was in use',
  },
  slowed: {
    name: 'collector_connections_slowed_total',
    help: 'times a connection was left unread because its exporter was above exporterRateMax',
  },
  exporter: { ...CLOSED, labels: { reason: 'exporter' } },
  truncated: { ...CLOSED, labels: { reason: 'truncated' } },
  malformed: { ...CLOSED, labels: { reason: 'malformed' } },
  idle: { ...CLOSED, labels: { reason: 'idle' } },
  reset: { ...CLOSED, labels: { reason: 'reset' } },
  handshake: { ...CLOSED, labels: { reason: 'handshake' } },
  stopped: { ...CLOSED, labels: { reason: 'stopped' } },
} as const satisfies Record<string, CounterSpec>;

/** Of the journal of templates, in the main thread. */
export const JOURNAL_COUNTERS = {
  domains: { name: 'collector_journal_domains', help: 'domains whose templates and rates are kept on disk' },
  bytes: { name: 'collector_journal_bytes_total', help: 'bytes written to the journal of templates' },
  fileBytes: { name: 'collector_journal_file_bytes', help: 'size of the journal of templates' },
  rewrites: { name: 'collector_journal_rewrites_total', help: 'times the journal of templates was written anew' },
  writeErrors: { name: 'collector_journal_write_errors_total', help: 'failed writes to the journal of templates' },
  refused: {
    name: 'collector_journal_refused_total',
    help: 'domains that gave way in the journal of templates, or found no room in it',
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

const refused = <K extends BatchKind>(kind: K) =>
  ({ name: 'encoder_rows_refused_total', help: 'rows of batches that the spool refused', labels: { kind } }) as const;

export const ENCODER_COUNTERS = {
  batches: { name: 'encoder_batches_total', help: 'batches encoded' },
  rows: { name: 'encoder_rows_total', help: 'rows encoded' },
  bytes: { name: 'encoder_bytes_total', help: 'bytes of Arrow made of them' },
  factsLeftOut: { name: 'encoder_facts_left_out_total', help: 'facts with a value that a batch cannot hold' },
  'rowsRefused flows': refused('flows'),
  'rowsRefused exporters': refused('exporters'),
  'rowsRefused facts': refused('facts'),
  'rowsRefused interfaces': refused('interfaces'),
  'rowsRefused collectors': refused('collectors'),
  sequences: { name: 'collector_sequences', help: 'domains and agents whose sequence numbers are kept on disk' },
  sequencesRefused: {
    name: 'collector_sequences_refused_total',
    help: 'times the sequence numbers of a domain found no room on disk',
  },
  sequenceWriteErrors: {
    name: 'collector_sequence_write_errors_total',
    help: 'failed writes of sequence numbers: the loss over a restart is unknown meanwhile',
  },
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
