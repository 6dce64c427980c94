// The health of exporters since the last report, as a batch of EXPORTER_COLUMNS; the counters start again at zero.

import { type Batch, createBatch } from '../../schemas/batch.ts';
import { CLOCK_STATE } from '../../schemas/codes.ts';
import { EXPORTER_COLUMNS } from '../../schemas/exporter-minute.ts';
import { DELTAS, type ReportedDomain } from '../decode/exporters/reported-domain.ts';
import { fillTime } from '../decode/kernels.ts';

const TWO_32 = 4294967296;

/** Whether it sent or lost anything since the last report. */
export function isActive({ datagrams, lostSets }: ReportedDomain): boolean {
  return datagrams > 0 || lostSets > 0;
}

/** Undefined when no exporter sent or lost anything since the last report. */
export function exporterReport(domains: Iterable<ReportedDomain>): Batch<typeof EXPORTER_COLUMNS> | undefined {
  const active = [...domains].filter(isActive);
  if (active.length === 0) return undefined;
  const batch = createBatch(EXPORTER_COLUMNS, active.length);
  const { columns } = batch;
  active.forEach((domain, row) => {
    fillTime(columns.minute, row, 1, Math.floor(domain.lastSeenMs / 60_000) * 60_000);
    fillTime(columns.lastSeen, row, 1, domain.lastSeenMs);
    columns.exporter.set(domain.exporter, 4 * row);
    columns.observationDomain[row] = domain.id;
    columns.protocol[row] = domain.protocol;
    // Many exporters state the rate in each record, or of a sampler or port, and none of the domain.
    columns.samplingRate[row] = domain.samplingRate || domain.newestRate;
    columns.waitingSets[row] = domain.pendingSets;
    columns.clock[row] = CLOCK_STATE[domain.clock?.state ?? 'unknown'];
    columns.clockSkewMs[row] = domain.clock?.skewMs ?? 0;
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
