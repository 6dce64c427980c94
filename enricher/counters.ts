// What the enricher counts. Every row that came in is stored, was stored before, or lies in quarantine.

import type { CounterSpecs } from '../service/counters.ts';

const batches = (kind: string, outcome: string) =>
  ({ name: 'enricher_batches_total', help: 'Batches by kind and how they ended.', labels: { kind, outcome } }) as const;
const document = (kind: string, outcome: string) =>
  ({
    name: 'enricher_documents_total',
    help: 'Documents read, by kind and whether they came into force.',
    labels: { kind, outcome },
  }) as const;
const stale = (kind: string) =>
  ({
    name: 'enricher_document_stale',
    help: '1 while the newest version of the document is refused and an older one is in force.',
    labels: { kind },
  }) as const;

export const ENRICHER_COUNTERS = {
  rowsIn: { name: 'enricher_rows_in_total', help: 'Flow records decoded from batches.' },
  rowsStored: { name: 'enricher_rows_stored_total', help: 'Flow records in batches that ClickHouse confirmed.' },
  flowsStored: batches('flows', 'stored'),
  flowsRepeated: batches('flows', 'repeated'),
  flowsQuarantined: batches('flows', 'quarantined'),
  exportersStored: batches('exporters', 'stored'),
  exportersQuarantined: batches('exporters', 'quarantined'),
  factsStored: batches('facts', 'stored'),
  factsQuarantined: batches('facts', 'quarantined'),
  interfacesStored: batches('interfaces', 'stored'),
  interfacesQuarantined: batches('interfaces', 'quarantined'),
  facts: {
    name: 'enricher_facts',
    help: 'Facts told by exporters (port names, stations, hosts) within the last day.',
  },
  factsRefused: {
    name: 'enricher_facts_refused_total',
    help: 'Times a new fact came beyond the bound in all or of its exporter; it is not stored.',
  },
  columnsMissing: {
    name: 'enricher_columns_missing_total',
    help: 'Decoded columns that a batch lacked; they were taken as zero.',
  },
  columnsUnknown: {
    name: 'enricher_columns_unknown_total',
    help: 'Columns of batches that this version does not know; they were left out.',
  },
  timesCut: {
    name: 'enricher_times_cut_rows_total',
    help: 'Rows with a flow time outside the configured span and skew.',
  },
  timesReversed: { name: 'enricher_times_reversed_rows_total', help: 'Rows whose flow ended before it started.' },
  unknownRateRows: {
    name: 'enricher_unknown_rate_rows_total',
    help: 'Rows whose sampling rate is unknown; their bytes stand as reported.',
  },
  cacheResets: { name: 'enricher_endpoint_cache_resets_total', help: 'Times the endpoint cache was full and emptied.' },
  nodesAnnounced: { name: 'enricher_nodes_announced_total', help: 'Names of node keys stored.' },
  nodesFailed: { name: 'enricher_nodes_failed_total', help: 'Names of node keys that could not be stored.' },
  retriesPassing: {
    name: 'enricher_insert_retries_total',
    help: 'Failed tries to store.',
    labels: { failure: 'passing' },
  },
  retriesLasting: {
    name: 'enricher_insert_retries_total',
    help: 'Failed tries to store.',
    labels: { failure: 'lasting' },
  },
  insertsInFlight: { name: 'enricher_inserts_in_flight', help: 'Batches on their way to ClickHouse.' },
  sourceErrors: {
    name: 'enricher_source_errors_total',
    help: 'Errors of the transport when the next batch was asked for.',
  },
  inventoryAccepted: document('inventory', 'accepted'),
  inventoryRefused: document('inventory', 'refused'),
  inventoryStale: stale('inventory'),
  applicationsAccepted: document('applications', 'accepted'),
  applicationsRefused: document('applications', 'refused'),
  applicationsStale: stale('applications'),
  exportersAccepted: document('exporters', 'accepted'),
  exportersRefused: document('exporters', 'refused'),
  exportersStale: stale('exporters'),
  documentsUnrecorded: {
    name: 'enricher_documents_unrecorded_total',
    help: 'Document versions that could not be recorded in ClickHouse.',
  },
} as const satisfies CounterSpecs;
