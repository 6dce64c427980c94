// Keys of the inventory: which files it is read from, and for how long a source is believed. The query API uses the second
// half, where it reads recorded documents.

import { Type } from 'typebox';
import type { ValuesOf } from '../service/configuration.ts';
import type { ProcessConfiguration } from '../service/process-keys.ts';
import type { ClickHouseConfiguration, InsertConfiguration } from '../storage/configuration.ts';

export const DOCUMENT_KEYS = {
  inventory: Type.String({ default: '', description: 'inventory document (JSON or YAML), read again when it changes' }),
  applications: Type.String({ default: '', description: 'applications document, read again when it changes' }),
  exporters: Type.String({ default: '', description: 'exporter registry, read again when it changes' }),
};
export type DocumentConfiguration = ValuesOf<typeof DOCUMENT_KEYS>;

export const INVENTORY_KEYS = {
  inventorySources: Type.Array(Type.String({ minLength: 1 }), {
    default: [],
    uniqueItems: true,
    maxItems: 64,
    description: 'sources of the inventory, the most trusted first; others follow by name',
  }),
  inventoryStaleMs: Type.Integer({
    default: 3600000,
    minimum: 1000,
    description: 'time in ms without a snapshot of a source after which its facts are marked stale',
  }),
  inventoryUnknownMs: Type.Integer({
    default: 86400000,
    minimum: 1000,
    description: 'time in ms without a snapshot of a source after which its facts expire',
  }),
};
export type InventoryConfiguration = ValuesOf<typeof INVENTORY_KEYS>;

/** What the thread that follows the documents uses. */
export type InventoryThreadConfiguration = DocumentConfiguration &
  InventoryConfiguration &
  ClickHouseConfiguration &
  Pick<InsertConfiguration, 'insertTriesMax'> &
  Pick<ProcessConfiguration, 'clock' | 'logLevel'>;
