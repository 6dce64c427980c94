// Today's knowledge of a stretch of the past, from what ClickHouse keeps: the one place that re-enrichment gets it from.

import { createHash } from 'node:crypto';
import { applicationsChecker } from '../schemas/applications.ts';
import { exporterRegistryChecker } from '../schemas/exporters.ts';
import { inventoryChecker } from '../schemas/inventory.ts';
import type { ClickHouse } from '../storage/client.ts';
import { createEnrichment, type Enrichment, type EnrichmentOptions } from './enrich.ts';
import { createKnownFacts, FACTS_MAX } from './known-facts.ts';
import type { NodeNames } from './node-names.ts';
import { compileSnapshot, type Documents, NO_DOCUMENTS } from './snapshot.ts';
import { addStations } from './stations.ts';

export interface PastKnowledge {
  readonly enrichment: Enrichment;
  /** The same for the same documents: what was staged under another is not taken up. */
  readonly id: string;
}

/** Throws a DocumentError when a recorded document is none of this version. */
export async function loadPastKnowledge(
  storage: ClickHouse,
  { fromMs }: { readonly fromMs: number; readonly toMs: number },
  names: NodeNames,
  options: EnrichmentOptions,
): Promise<PastKnowledge> {
  const rows = await storage.select<{ kind: string; body: string }>(
    'SELECT kind, argMax(body, recordedAt) AS body FROM documents GROUP BY kind ORDER BY kind',
  );
  const bodies = new Map(rows.map(({ kind, body }) => [kind, body]));
  const recorded = <T>(kind: string, parse: (name: string, text: string) => T, none: T) => {
    const body = bodies.get(kind);
    return body === undefined ? none : parse(`recorded ${kind} document`, body);
  };
  const documents: Documents = {
    inventory: recorded('inventory', (name, text) => inventoryChecker.parse(name, text), NO_DOCUMENTS.inventory),
    applications: recorded(
      'applications',
      (name, text) => applicationsChecker.parse(name, text),
      NO_DOCUMENTS.applications,
    ),
    exporters: recorded('exporters', (name, text) => exporterRegistryChecker.parse(name, text), NO_DOCUMENTS.exporters),
  };
  const facts = createKnownFacts();
  facts.restore(await storage.recentFacts(fromMs, FACTS_MAX));
  const snapshot = addStations(compileSnapshot(documents), facts.values());
  return {
    enrichment: createEnrichment(snapshot, names, options),
    id: createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 16),
  };
}
