// Today's knowledge of a stretch of the past, from what ClickHouse keeps: the one place that re-enrichment gets it from.

import { createHash } from 'node:crypto';
import type { EnrichmentConfiguration } from '../../enricher/configuration.ts';
import type { NodeNames } from '../../enricher/endpoints/node-names.ts';
import { Enrichment } from '../../enricher/stages/enrich.ts';
import { LearnedServices, SERVICE_LIFE_S, SERVICES_MAX } from '../../enricher/stages/learned-services.ts';
import { openPrivacy } from '../../enricher/stages/privacy.ts';
import { ephemeralBits } from '../../enricher/stages/server-side.ts';
import { loadKnowledge } from '../../inventory/snapshot/load.ts';
import type { ClickHouse } from '../../storage/client.ts';
import { livenessVersion } from '../../storage/tables/liveness.ts';
import { servicesSeen } from '../../storage/tables/services.ts';

export type PastConfiguration = Pick<
  EnrichmentConfiguration,
  | 'spanMsMax'
  | 'skewMsMax'
  | 'ephemeralPorts'
  | 'inventorySources'
  | 'inventoryStaleMs'
  | 'inventoryUnknownMs'
  | 'privacy'
  | 'privacyKey'
>;

export interface PastKnowledge {
  readonly enrichment: Enrichment;
  /** The same for the same documents, silent exporters and privacy: what was staged under another is not adopted. */
  readonly id: string;
}

/** Throws a DocumentError when a recorded document is none of this version. */
export async function loadPastKnowledge(
  storage: ClickHouse,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
  names: NodeNames,
  config: PastConfiguration,
): Promise<PastKnowledge> {
  // A record of the day may report a flow that began before it.
  const since = fromMs - config.spanMsMax;
  // RequestedWindow first: a document that comes in between makes another id, and the next run starts this day anew.
  const id = await identify(storage);
  const knowledge = await loadKnowledge(storage, { fromMs: since, toMs: toMs + config.skewMsMax }, config);
  const ephemeral = ephemeralBits(config.ephemeralPorts);
  const services = new LearnedServices({ ephemeral });
  services.merge(await servicesSeen(storage, since - SERVICE_LIFE_S * 1000, toMs, SERVICES_MAX));
  const hiding = openPrivacy(config);
  const enrichment = new Enrichment(knowledge, names, { ...config, ephemeral, services, hiding });
  return { enrichment, id: hiding ? `${id} ${hiding.id}` : id };
}

async function identify(storage: ClickHouse): Promise<string> {
  const rows = await storage.select(
    `SELECT kind, source, toString(asOf) AS asOfText, toString(recordedAt) AS recordedText FROM documents
    ORDER BY kind, source, documents.asOf, documents.recordedAt`,
  );
  const known = JSON.stringify([rows, await livenessVersion(storage)]);
  return createHash('sha256').update(known).digest('hex').slice(0, 16);
}
