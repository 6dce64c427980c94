// A load decoded, enriched and stored as Hairpin does, with its truth: records and names in ClickHouse, documents recorded.

import { documentsOf } from '../benchmarks/load/documents.ts';
import { Feed } from '../benchmarks/load/feed.ts';
import { buildDataCentre, type DataCentre, type DataCentreOptions } from '../benchmarks/load/model/data-centre.ts';
import type { Truth } from '../benchmarks/load/truth.ts';
import { Decoder } from '../collector/decode/decoder.ts';
import { createNodeNames } from '../enricher/endpoints/node-names.ts';
import { Enrichment, type FlowBatch } from '../enricher/stages/enrich.ts';
import type { Documents } from '../inventory/model/documents.ts';
import { fixedKnowledge } from '../inventory/snapshot/knowledge.ts';
import { compileSnapshot } from '../inventory/snapshot/snapshot.ts';
import { encodeArrow } from '../schemas/arrow.ts';
import { createBatch } from '../schemas/batch.ts';
import { FLOW_COLUMNS } from '../schemas/flow.ts';
import type { Storage } from '../storage/storage.ts';
import { insertDocument } from '../storage/tables/documents.ts';
import { insertFlows } from '../storage/tables/flows.ts';
import { insertNodes } from '../storage/tables/nodes.ts';
import { insertReceiving } from './receiving.ts';

export interface StoredLoad {
  readonly dataCentre: DataCentre;
  readonly documents: Documents;
  readonly truth: Truth;
}

export interface StoredLoadOptions extends Partial<DataCentreOptions> {
  readonly fromMs: number;
  readonly toMs: number;
  /** Flows every minute. */
  readonly flows: number;
  readonly changed?: (documents: Documents) => Documents;
}

/** Stores a load of whole minutes; `changed` is what the documents say instead. */
export async function storeLoad(storage: Storage, options: StoredLoadOptions): Promise<StoredLoad> {
  const { fromMs, toMs, flows, changed = documents => documents, ...own } = options;
  const dataCentre = buildDataCentre({
    ...{ seed: 7, bridges: 4, vms: 48, apps: 9, protocols: ['netflow9'], sampling: 1 },
    ...own,
  });
  const asOfMs = fromMs - 3_600_000;
  const addresses = dataCentre.bridges.map(({ agentAddress }) => agentAddress);
  const documents = changed(documentsOf(dataCentre, addresses, new Date(asOfMs).toISOString()));
  const batch: FlowBatch = createBatch(FLOW_COLUMNS, ((toMs - fromMs) / 60_000) * flows * 8 + 16_384);
  const full = () => {
    throw new Error('the batch holds every record');
  };
  const decoder = new Decoder({ batch, flush: full }, { templatesMax: 16, exportersMax: 16 });
  let nowMs = fromMs + 30_000;
  const feed = new Feed({
    dataCentre,
    options: {},
    startMs: nowMs,
    send(bridge, datagram, length) {
      decoder.decode(datagram.slice(0, length), dataCentre.bridges[bridge]!.agentAddress, 50_000 + bridge, nowMs);
      return datagram;
    },
  });
  for (; nowMs < toMs - 30_000; nowMs += 60_000) {
    feed.emit(flows, { endMs: nowMs, exportMs: nowMs });
    feed.flush(nowMs);
  }
  const names = createNodeNames();
  const limits = { spanMsMax: 3_600_000, skewMsMax: 60_000 };
  new Enrichment(fixedKnowledge(compileSnapshot(documents)), names, limits).enrichBatch(batch, { low: 1, high: 1 });
  await insertFlows(storage, encodeArrow(batch), `flows.load.0.${'0'.repeat(32)}.0`);
  await insertNodes(storage, names.take());
  await insertReceiving(storage, fromMs, toMs);
  const record = (kind: 'inventory' | 'exporters' | 'applications', source: string, body: object) =>
    insertDocument(storage, { kind, source, asOfMs, recordedAtMs: asOfMs, body: JSON.stringify(body) });
  await record('inventory', documents.inventory.source, documents.inventory);
  await record('exporters', 'load', documents.exporters);
  await record('applications', 'load', documents.applications);
  return { dataCentre, documents, truth: feed.truth() };
}
