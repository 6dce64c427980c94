// Counters of exporters, a row for each minute.

import type { ArrowBytes } from '../../schemas/arrow.ts';
import { EXPORTER_COLUMNS } from '../../schemas/exporter-minute.ts';
import type { Storage } from '../storage.ts';
import { column, DATETIME, DEDUPLICATED, MINUTE_DAYS, schemaColumns, type Table } from './table.ts';

export const EXPORTERS: Table = {
  name: 'exporters',
  columns: [...schemaColumns(EXPORTER_COLUMNS), column('storedAt', DATETIME, 'DEFAULT now()')],
  engine: 'MergeTree',
  partition: 'toYYYYMMDD(minute)',
  order: '(exporter, observationDomain, protocol, minute)',
  expiry: { column: 'toDateTime(minute)', days: MINUTE_DAYS },
  settings: DEDUPLICATED,
};

export function insertExporterMinutes(storage: Storage, arrow: ArrowBytes, token: string): Promise<void> {
  return storage.insert({ into: 'INSERT INTO exporters', arrow, token });
}
