// Counters of interfaces, a row for each minute.

import type { ArrowBytes } from '../../schemas/arrow.ts';
import { INTERFACE_COLUMNS } from '../../schemas/interface-minute.ts';
import type { Storage } from '../storage.ts';
import { column, DATETIME, DEDUPLICATED, MINUTE_DAYS, schemaColumns, type Table } from './table.ts';

export const INTERFACES: Table = {
  name: 'interfaces',
  columns: [...schemaColumns(INTERFACE_COLUMNS), column('storedAt', DATETIME, 'DEFAULT now()')],
  engine: 'MergeTree',
  partition: 'toYYYYMMDD(minute)',
  order: '(exporter, observationDomain, protocol, ifIndex, minute)',
  expiry: { column: 'toDateTime(minute)', days: MINUTE_DAYS },
  settings: DEDUPLICATED,
};

export function insertInterfaceMinutes(storage: Storage, arrow: ArrowBytes, token: string): Promise<void> {
  return storage.insert({ into: 'INSERT INTO interfaces', arrow, token });
}
