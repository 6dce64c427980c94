// What following the inventory counts. Metric names start with `enricher_`, the service that follows it.

import type { CounterSpecs } from '../service/counters.ts';
import { PERSISTENCE_COUNTERS } from '../storage/insert-retries.ts';

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

/** The first counters of the enricher's set (enricher/counters.ts), so that both open the same shared memory. */
export const INVENTORY_COUNTERS = {
  ...PERSISTENCE_COUNTERS,
  inventoryAccepted: document('inventory', 'accepted'),
  inventoryRefused: document('inventory', 'refused'),
  inventoryStale: stale('inventory'),
  applicationsAccepted: document('applications', 'accepted'),
  applicationsRefused: document('applications', 'refused'),
  applicationsStale: stale('applications'),
  exportersAccepted: document('exporters', 'accepted'),
  exportersRefused: document('exporters', 'refused'),
  exportersStale: stale('exporters'),
  livenessFolded: {
    name: 'enricher_liveness_moments_folded',
    help: 'Moments of the last two days at which exporters fell silent or returned that were folded into one, because there were too many.',
  },
  documentsUnrecorded: {
    name: 'enricher_documents_unrecorded_total',
    help: 'Document versions that could not be recorded in ClickHouse.',
  },
} as const satisfies CounterSpecs;
