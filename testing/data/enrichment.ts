// Builders for tests: rows in words, documents from partial ones, and what enriching them gives, in words again.

import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import { Enrichment, type EnrichmentOptions, type FlowBatch } from '../../enricher/stages/enrich.ts';
import { setTime } from '../../enricher/stages/times.ts';
import type { Documents } from '../../inventory/model/documents.ts';
import { fixedKnowledge, type Knowledge } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshot, type Snapshot } from '../../inventory/snapshot/snapshot.ts';
import { parseAddress, parseMac, swap32 } from '../../schemas/address.ts';
import { applicationsChecker } from '../../schemas/applications.ts';
import { createBatch } from '../../schemas/batch.ts';
import {
  BIFLOW,
  COUNT_REASONS,
  COUNTER_SOURCE,
  DIRECTION,
  ELECTION_RULES,
  IDENTITIES,
  LOCALITIES,
  PROTOCOL,
  type Protocol,
  RULES,
  SERVER_SIDE_REASONS,
  SERVER_SIDES,
} from '../../schemas/codes.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { type Key, keyToBigint } from '../../schemas/keys.ts';
import { PLACE_NODES, type PlaceNode } from '../../storage/tables/places.ts';

export interface Row {
  src?: string;
  dst?: string;
  srcMac?: string;
  dstMac?: string;
  etherType?: number;
  proto?: number;
  srcPort?: number;
  dstPort?: number;
  vlan?: number;
  sVlan?: number;
  ecid?: number;
  vni?: number;
  vrf?: number;
  biflow?: keyof typeof BIFLOW;
  /** 32 hexadecimal digits. */
  stationId?: string;
  exporter?: string;
  domain?: number;
  protocol?: Protocol;
  inIf?: number;
  outIf?: number;
  direction?: keyof typeof DIRECTION;
  forwardingStatus?: number;
  samplingRate?: number;
  bytes?: number;
  counterSource?: keyof typeof COUNTER_SOURCE;
  packets?: number;
  bytesSumOfSquares?: number;
  packetBytesMax?: number;
  receivedAt?: number;
  flowStart?: number;
  flowEnd?: number;
  tcpFlags?: number;
}

export const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
export const LIMITS: EnrichmentOptions = { spanMsMax: 3_600_000, skewMsMax: 60_000 };
export const BATCH_KEY: Key = { low: 7, high: 9 };

export function documentsOf({
  inventory = {},
  applications = {},
  exporters = [],
}: {
  inventory?: object;
  applications?: object;
  exporters?: object[];
}): Documents {
  return {
    inventory: inventoryChecker.check('inventory', { source: 'test', asOf: '2026-01-01T00:00:00Z', ...inventory }),
    applications: applicationsChecker.check('applications', applications),
    exporters: exporterRegistryChecker.check('exporters', { exporters }),
  };
}

export function batchOf(rows: readonly Row[]): FlowBatch {
  const batch = createBatch(FLOW_COLUMNS, rows.length);
  const { columns } = batch;
  const address = (column: Uint32Array, row: number, text: string | undefined) =>
    text !== undefined && column.set(parseAddress(text)!.map(swap32), 4 * row);
  const mac = (column: Uint32Array, row: number, text: string | undefined) => {
    const words = text === undefined ? undefined : parseMac(text);
    if (words) column.set([words.low, words.high], 2 * row);
  };
  rows.forEach((given, row) => {
    const received = given.receivedAt ?? NOW;
    setTime(columns.receivedAt, row, received);
    setTime(columns.flowStart, row, given.flowStart ?? received);
    setTime(columns.flowEnd, row, given.flowEnd ?? received);
    address(columns.srcAddr, row, given.src);
    address(columns.dstAddr, row, given.dst);
    address(columns.exporter, row, given.exporter ?? '192.0.2.1');
    mac(columns.srcMac, row, given.srcMac);
    mac(columns.dstMac, row, given.dstMac);
    columns.etherType[row] = given.etherType ?? 0;
    columns.proto[row] = given.proto ?? 6;
    columns.srcPort[row] = given.srcPort ?? 40000;
    columns.dstPort[row] = given.dstPort ?? 443;
    columns.vlan[row] = given.vlan ?? 0;
    columns.vni[row] = given.vni ?? 0;
    columns.vrf[row] = given.vrf ?? 0;
    columns.sVlan[row] = given.sVlan ?? 0;
    columns.ecid[row] = given.ecid ?? 0;
    columns.biflow[row] = BIFLOW[given.biflow ?? 'none'];
    if (given.stationId !== undefined)
      new Uint8Array(columns.stationId.buffer).set(Buffer.from(given.stationId, 'hex'), 16 * row);
    columns.observationDomain[row] = given.domain ?? 0;
    columns.protocol[row] = PROTOCOL[given.protocol ?? 'ipfix'];
    columns.inIf[row] = given.inIf ?? 0;
    columns.outIf[row] = given.outIf ?? 0;
    columns.direction[row] = DIRECTION[given.direction ?? 'unknown'];
    columns.forwardingStatus[row] = given.forwardingStatus ?? 0;
    columns.samplingRate[row] = given.samplingRate ?? 1;
    columns.tcpFlags[row] = given.tcpFlags ?? 0;
    columns.counterSource[row] = COUNTER_SOURCE[given.counterSource ?? 'record'];
    setTime(columns.bytes, row, given.bytes ?? 1000);
    setTime(columns.packets, row, given.packets ?? 1);
    setTime(columns.bytesSumOfSquares, row, given.bytesSumOfSquares ?? 0);
    columns.packetBytesMax[row] = given.packetBytesMax ?? 0;
  });
  batch.rows = rows.length;
  return batch;
}

/** Names, '' where nothing is known. */
export type PlaceInWords = Record<PlaceNode, string> & { readonly tags: readonly string[] };

export interface EnrichedRow {
  srcVm: string;
  srcHost: string;
  srcRack: string;
  srcApp: string;
  srcRule: string;
  srcIdentity: string;
  dstApp: string;
  dstRule: string;
  dstIdentity: string;
  dstVm: string;
  service: string;
  serverSide: string;
  serverSideReason: string;
  marks: number;
  locality: string;
  srcPlace: PlaceInWords | undefined;
  dstPlace: PlaceInWords | undefined;
  countReason: string;
  weight: number;
  electionRule: string;
}

/** Enriches rows with documents; node keys come back as the names that were announced for them, 0 as ''. */
export function enrichRows(documents: Documents | Snapshot | Knowledge, rows: readonly Row[]): EnrichedRow[] {
  const names = createNodeNames();
  const knowledge =
    'starts' in documents
      ? documents
      : fixedKnowledge('topology' in documents ? documents : compileSnapshot(documents));
  const batch = batchOf(rows);
  new Enrichment(knowledge, names, LIMITS).enrichBatch(batch, BATCH_KEY);
  const nameOf = new Map<bigint, string>(names.take().map(node => [node.key, node.name]));
  nameOf.set(0n, '');
  const { columns } = batch;
  const places = new Map(names.takePlaces().map(place => [place.key, place]));
  const placed = (column: Uint32Array, row: number): PlaceInWords | undefined => {
    const key = keyToBigint({ low: column[2 * row]!, high: column[2 * row + 1]! });
    const place = places.get(key);
    if (!place) return undefined;
    const words = PLACE_NODES.map(name => [name, nameOf.get(place[name]) ?? 'never announced']);
    return { ...Object.fromEntries(words), tags: place.tags };
  };
  const named = (column: Uint32Array, row: number) =>
    nameOf.get(keyToBigint({ low: column[2 * row]!, high: column[2 * row + 1]! })) ?? 'never announced';
  return rows.map((_, row) => ({
    srcVm: named(columns.srcVm, row),
    dstVm: named(columns.dstVm, row),
    srcHost: named(columns.srcHost, row),
    srcRack: named(columns.srcRack, row),
    srcApp: named(columns.srcApp, row),
    dstApp: named(columns.dstApp, row),
    srcRule: RULES[columns.srcRule[row]!]!,
    dstRule: RULES[columns.dstRule[row]!]!,
    srcIdentity: IDENTITIES[columns.srcIdentity[row]!]!,
    dstIdentity: IDENTITIES[columns.dstIdentity[row]!]!,
    service: named(columns.service, row),
    serverSide: SERVER_SIDES[columns.serverSide[row]!]!,
    serverSideReason: SERVER_SIDE_REASONS[columns.serverSideReason[row]!]!,
    marks: columns.marks[row]!,
    locality: LOCALITIES[columns.locality[row]!]!,
    srcPlace: placed(columns.srcPlace, row),
    dstPlace: placed(columns.dstPlace, row),
    countReason: COUNT_REASONS[columns.countReason[row]!]!,
    weight: columns.weight[row]!,
    electionRule: ELECTION_RULES[columns.electionRule[row]!]!,
  }));
}
