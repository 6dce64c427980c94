// Keys of the enricher, and the schema of `hairpin enricher`.

import { Type } from 'typebox';
import { DOCUMENT_KEYS, INVENTORY_KEYS } from '../inventory/configuration.ts';
import { parsePortSpan } from '../schemas/applications.ts';
import type { Fault } from '../schemas/documents.ts';
import { ServiceSchema, type ValuesOf } from '../service/configuration.ts';
import { PROCESS_KEYS, type ProcessConfiguration, processFaults } from '../service/process-keys.ts';
import {
  CLICKHOUSE_KEYS,
  type ClickHouseConfiguration,
  clickhouseFaults,
  INSERT_KEYS,
  TABLE_KEYS,
  tableFaults,
} from '../storage/configuration.ts';
import { KAFKA_CLIENT_KEYS, KAFKA_GROUP_KEYS, KAFKA_TOPIC_KEYS } from '../transport/kafka/configuration.ts';

/** How a record is enriched: when it is stored, and again when it is re-enriched. */
export const ENRICHMENT_KEYS = {
  ...INVENTORY_KEYS,
  ephemeralPorts: Type.Array(Type.String({ pattern: '^\\d{1,5}-\\d{1,5}$', expected: 'FROM-TO, as 32768-65535' }), {
    default: ['32768-65535'],
    maxItems: 64,
    description: "ports taken for a client's where nothing else identifies the server; old Windows has 1025-5000 too",
  }),
  spanMsMax: Type.Integer({
    default: 3600000,
    minimum: 1000,
    maximum: 86400000,
    description: 'how long before receipt a flow may have started; earlier times are clamped and counted',
  }),
  skewMsMax: Type.Integer({
    default: 60000,
    minimum: 0,
    maximum: 86400000,
    description: 'how far a flow time may lie ahead of receipt; later times are clamped and counted',
  }),
  privacy: Type.Enum(['off', 'truncate', 'anonymise'], {
    default: 'off',
    description: 'what is stored of external addresses: all, their /24 or /48, or a keyed hash (--privacy-key)',
  }),
  privacyKey: Type.String({
    default: '',
    description: 'file with the key of --privacy anonymise, 32 bytes or more; the same for every enricher',
  }),
};
export type EnrichmentConfiguration = ValuesOf<typeof ENRICHMENT_KEYS>;

export function enrichmentFaults({ ephemeralPorts, privacy, privacyKey }: EnrichmentConfiguration): Fault[] {
  const faults: Fault[] = ephemeralPorts.flatMap((text, i) =>
    parsePortSpan(text)
      ? []
      : [{ path: `/ephemeralPorts/${i}`, message: `"${text}" is no range of ports (32768-65535)` }],
  );
  if (privacy === 'anonymise' && privacyKey === '')
    faults.push({ path: '/privacy', message: 'needs --privacy-key FILE' });
  return faults;
}

export const ENRICHER_KEYS = { ...DOCUMENT_KEYS, ...ENRICHMENT_KEYS, ...INSERT_KEYS };

/** What the threads of the enricher use. */
export type EnricherThreadConfiguration = ValuesOf<typeof ENRICHER_KEYS> &
  ClickHouseConfiguration &
  Pick<ProcessConfiguration, 'clock' | 'logLevel'>;

export const ENRICHER_SERVICE = new ServiceSchema(
  'enricher',
  {
    ...PROCESS_KEYS,
    ...KAFKA_CLIENT_KEYS,
    ...KAFKA_GROUP_KEYS,
    ...KAFKA_TOPIC_KEYS,
    ...CLICKHOUSE_KEYS,
    ...TABLE_KEYS,
    ...ENRICHER_KEYS,
  },
  configuration => [
    ...processFaults(configuration),
    ...clickhouseFaults(configuration),
    ...tableFaults(configuration),
    ...enrichmentFaults(configuration),
  ],
);
