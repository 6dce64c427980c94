// Keys of the inventory: of the enricher, and of the query API where it reads recorded documents.

import { Type } from 'typebox';
import type { ValuesOf } from '../service/configuration.ts';

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
