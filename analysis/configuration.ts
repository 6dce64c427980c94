// Keys of what reads stored data again: re-enrichment, erasure, previews and coverage use documents and records as the
// enricher does.

import { Type } from 'typebox';
import { ENRICHMENT_KEYS, type EnrichmentConfiguration } from '../enricher/configuration.ts';
import type { ProcessConfiguration } from '../service/process-keys.ts';
import type { ClickHouseConfiguration } from '../storage/configuration.ts';

export { enrichmentFaults as analysisFaults } from '../enricher/configuration.ts';

export const ANALYSIS_KEYS = {
  ...ENRICHMENT_KEYS,
  repairIntervalMs: Type.Integer({
    default: 900_000,
    minimum: 0,
    maximum: 86_400_000,
    description:
      'time in ms between two runs that put right what was elected before an exporter was known to be silent; 0: never',
  }),
};

/** What the thread of a re-enrichment uses. */
export type ReenrichmentConfiguration = EnrichmentConfiguration &
  Pick<ClickHouseConfiguration, 'clickhouseDatabase' | 'clickhouseForm' | 'queryTimeoutMs'> &
  Pick<ProcessConfiguration, 'logLevel'>;
