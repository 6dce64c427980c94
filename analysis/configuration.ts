// Keys of what reads stored data again: re-enrichment, erasure, previews and coverage use documents and records as the
// enricher does.

import type { EnrichmentConfiguration } from '../enricher/configuration.ts';
import type { ProcessConfiguration } from '../service/process-keys.ts';
import type { ClickHouseConfiguration } from '../storage/configuration.ts';

export { ENRICHMENT_KEYS as ANALYSIS_KEYS, enrichmentFaults as analysisFaults } from '../enricher/configuration.ts';

/** What the thread of a re-enrichment uses. */
export type ReenrichmentConfiguration = EnrichmentConfiguration &
  Pick<ClickHouseConfiguration, 'clickhouseDatabase' | 'clickhouseForm' | 'queryTimeoutMs'> &
  Pick<ProcessConfiguration, 'logLevel'>;
