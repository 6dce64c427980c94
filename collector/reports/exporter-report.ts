// The health of exporters since the last report, as a batch of EXPORTER_COLUMNS; the counters start again at zero.

import { type Batch, createBatch } from '../../schemas/batch.ts';
import { EXPORTER_COLUMNS, type ExporterCounter } from '../../schemas/exporter-minute.ts';
import type { Domain } from '../decode/exporters/domain.ts';
import { fillTime } from '../decode/kernels.ts';

const TWO_32 = 4294967296;

/** Counters of a domain by the column that holds them. */
const DELTAS = {
  datagrams: 'datagrams',
  datagramBytes: 'datagramBytes',
  records: 'records',
  lost: 'lost',
  restarts: 'restarts',
  templates: 'templatesLearned',
  unknownTemplateSets: 'unknownTemplateSets',
  lostSets: 'lostSets',
  malformedSets: 'malformedSets',
  unknownRateRecords: 'unknownRateRecords',
  rateChanges: 'rateChanges',
  clashes: 'clashes',
} as const satisfies Readonly<Record<ExporterCounter, keyof Domain>>;

/** Undefined when no exporter sent or lost anything since the last report. */
export function exporterReport(domains: Iterable<Domain>): Batch<typeof EXPORTER_COLUMNS> | undefined {
  const active = [...domains].filter(domain => domain.datagrams > 0 || domain.lostSets > 0);
  if (active.length === 0) return undefined;
  const batch = createBatch(EXPORTER_COLUMNS, active.length);
  const { columns } = batch;
  active.forEach((domain, row) => {
    fillTime(columns.minute, row, 1, Math.floor(domain.lastSeenMs / 60_000) * 60_000);
    fillTime(columns.lastSeen, row, 1, domain.lastSeenMs);
    columns.exporter.set(domain.exporter, 4 * row);
    columns.observationDomain[row] = domain.id;
    columns.protocol[row] = domain.protocol;
    columns.samplingRate[row] = domain.samplingRate;
    columns.waitingSets[row] = domain.pendingSets;
    for (const [column, counter] of Object.entries(DELTAS) as [
      keyof typeof DELTAS,
      (typeof DELTAS)[keyof typeof DELTAS],
    ][]) {
      const value = domain[counter];
      columns[column][2 * row] = value % TWO_32;
      columns[column][2 * row + 1] = Math.floor(value / TWO_32);
      domain[counter] = 0;
    }
  });
  batch.rows = active.length;
  return batch;
}
