// What the enricher counts. Every row that came in is stored, was stored before, or lies in quarantine.

import { INVENTORY_COUNTERS } from '../inventory/counters.ts';
import type { CounterSpecs } from '../service/counters.ts';

const batches = (kind: string, outcome: string) =>
  ({ name: 'enricher_batches_total', help: 'Batches by kind and how they ended.', labels: { kind, outcome } }) as const;
const moveEvents = (outcome: string) =>
  ({
    name: 'enricher_moves_total',
    help: 'Moves noticed: begun; held back because the MAC flaps; refused at a bound.',
    labels: { outcome },
  }) as const;

const liveness = (state: string) =>
  ({
    name: 'enricher_liveness_changes_total',
    help: 'Moments recorded at which a registered exporter fell silent or returned; void: taken back because minutes came late.',
    labels: { state },
  }) as const;

export const ENRICHER_COUNTERS = {
  ...INVENTORY_COUNTERS,
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
  collectorsStored: batches('collectors', 'stored'),
  collectorsQuarantined: batches('collectors', 'quarantined'),
  facts: {
    name: 'enricher_facts',
    help: 'Facts reported by exporters (port names, stations, hosts) within the last day.',
  },
  factsRefused: {
    name: 'enricher_facts_refused_total',
    help: 'Times a new fact came beyond the bound in all or of its exporter; it is not stored.',
  },
  factsLeftOut: {
    name: 'enricher_facts_left_out_total',
    help: 'Facts with a value that no fact can have; the rest of their batch is stored.',
  },
  'moves begun': moveEvents('begun'),
  'moves heldBack': moveEvents('held-back'),
  'moves refused': moveEvents('refused'),
  eventsStored: {
    name: 'enricher_events_stored_total',
    help: 'Events written, each again while its evidence goes on.',
  },
  eventsFailed: { name: 'enricher_events_failed_total', help: 'Events that could not be stored.' },
  'liveness silent': liveness('silent'),
  'liveness live': liveness('live'),
  'liveness void': liveness('void'),
  daysAudited: { name: 'enricher_days_audited_total', help: 'Days whose roll-ups were compared with their records.' },
  daysRebuilt: {
    name: 'enricher_days_rebuilt_total',
    help: 'Days whose roll-ups differed from their records and were made anew.',
  },
  servicesLearned: {
    name: 'enricher_services',
    help: 'Servers known by their answers, where port numbers alone would name the wrong end.',
  },
  servicesEvicted: {
    name: 'enricher_services_evicted_total',
    help: 'Learned services that gave way to newer ones because the table was full.',
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
  straddlingRows: {
    name: 'enricher_straddling_rows_total',
    help: 'Rows longer than a minute whose ends changed in the inventory while the flow ran, or which exporter counts them.',
  },
  epochsAwaited: {
    name: 'enricher_epochs_awaited_total',
    help: 'Times a batch waited for an earlier state of the inventory to be compiled.',
  },
  unknownRateRows: {
    name: 'enricher_unknown_rate_rows_total',
    help: 'Rows whose sampling rate is unknown; their bytes stand as reported.',
  },
  implausibleRows: {
    name: 'enricher_implausible_rows_total',
    help: 'Rows with counters that no network can have counted; they are stored and count nowhere.',
  },
  cacheResets: { name: 'enricher_endpoint_cache_resets_total', help: 'Times the endpoint cache was full and emptied.' },
  endpoints: {
    name: 'enricher_endpoints',
    help: 'Distinct ends of records kept, over all states of the inventory in use.',
  },
  nodesAnnounced: { name: 'enricher_nodes_announced_total', help: 'Names of node keys stored, and places.' },
  nodesFailed: { name: 'enricher_nodes_failed_total', help: 'Names of node keys and places that could not be stored.' },
  insertsInFlight: { name: 'enricher_inserts_in_flight', help: 'Batches on their way to ClickHouse.' },
  sourceErrors: {
    name: 'enricher_source_errors_total',
    help: 'Errors of the transport when the next batch was asked for.',
  },
} as const satisfies CounterSpecs;
