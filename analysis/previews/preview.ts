// What would change if another applications document were active: recent records, grouped by what identity and
// classification look at, are enriched twice, with the active document and with the proposed one, by the code that
// enriches batches. Groups are bounded; the largest are taken, and the answer says which share of the bytes they are.
//
// What it leaves out: a group has one time, that of its last flow. Ephemeral ports that no document lists and nobody
// learned are one port, where the other end's is none of them.

import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import { Enrichment, type FlowBatch } from '../../enricher/stages/enrich.ts';
import { LearnedServices, SERVICE_LIFE_S, SERVICES_MAX } from '../../enricher/stages/learned-services.ts';
import { EPHEMERAL_PORTS, ephemeralBits } from '../../enricher/stages/server-side.ts';
import { setTime } from '../../enricher/stages/times.ts';
import { ApplicationTable, compileApplications } from '../../inventory/applications/applications.ts';
import { NO_DOCUMENTS } from '../../inventory/model/documents.ts';
import { History, type HistoryOptions } from '../../inventory/snapshot/history.ts';
import type { Knowledge } from '../../inventory/snapshot/knowledge.ts';
import { knowledgeOf } from '../../inventory/snapshot/load.ts';
import { FACTS_MAX } from '../../inventory/sources/exporter-facts.ts';
import { readHistory } from '../../inventory/sources/read-history.ts';
import { swap32 } from '../../schemas/address.ts';
import {
  type Applications,
  applicationsChecker,
  parsePortRange,
  parsePortSpan,
  parseVip,
} from '../../schemas/applications.ts';
import type { ApplicationsPreview, DocumentWarning, PreviewRequest } from '../../schemas/applications-preview.ts';
import { applicationsWarnings, type Selectable } from '../../schemas/applications-warnings.ts';
import { createBatch } from '../../schemas/batch.ts';
import { RULE } from '../../schemas/codes.ts';
import { FACT_LIFE_MS } from '../../schemas/facts.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { hashedKey, type Key, keyToBigint, keyToHex } from '../../schemas/keys.ts';
import type { Storage } from '../../storage/storage.ts';
import { ELECTED_SQL, METER_SQL, PAIR_SQL, UNELECTED_SQL } from '../../storage/tables/elections.ts';
import { recentFacts } from '../../storage/tables/facts.ts';
import { servicesSeen } from '../../storage/tables/services.ts';
import { COUNTED } from '../../storage/tables/spread.ts';

export const PREVIEW_GROUPS_MAX = 100_000;
const LISTED_MAX = 50;
/** Beyond it the learned ports that were seen longest ago are taken for ordinary ones. */
const LEARNED_PORTS_MAX = 4096;
const COLLAPSED_PORT_MIN = 32768;
const NOTHING: Key = { low: 0, high: 0 };

export interface PreviewOptions {
  readonly groupsMax?: number;
  readonly ephemeralPorts?: readonly string[];
  /** Against which selectors are checked. */
  readonly inventory?: Selectable;
}

interface GroupRow {
  readonly src: string;
  readonly dst: string;
  readonly station: string;
  readonly srcMac: string;
  readonly dstMac: string;
  readonly exporter: string;
  readonly observationDomain: number;
  readonly protocol: number;
  readonly inIf: number;
  readonly outIf: number;
  readonly direction: number;
  readonly vlan: number;
  readonly vni: number;
  readonly vrf: number;
  readonly etherType: number;
  readonly proto: number;
  readonly srcShown: number;
  readonly dstShown: number;
  readonly at: string;
  readonly bytes: string;
  readonly whole: string;
}

interface Proposal extends Omit<PreviewRequest, 'proposed'> {
  readonly proposed: Applications;
}

/** `knowledge` is what held in the window, with the document `present` active. */
export async function previewApplications(
  storage: Storage,
  knowledge: Knowledge,
  present: Applications,
  { proposed, fromMs, toMs }: Proposal,
  { groupsMax = PREVIEW_GROUPS_MAX, ephemeralPorts = EPHEMERAL_PORTS, inventory }: PreviewOptions = {},
): Promise<ApplicationsPreview> {
  const startedAt = performance.now();
  const ephemeral = ephemeralBits(ephemeralPorts);
  const seen = await servicesSeen(storage, fromMs - SERVICE_LIFE_S * 1000, toMs, SERVICES_MAX);
  const learnedPorts = [...new Set(seen.map(({ port }) => port))].slice(0, LEARNED_PORTS_MAX);
  const { sql, params } = groupsStatement({
    fromMs,
    toMs,
    groupsMax,
    learnedPorts,
    ephemeralPorts,
    documents: [present, proposed],
  });
  const groups = await storage.select<GroupRow>(sql, params);

  const enriched = (document: Applications) => {
    const services = new LearnedServices({ ephemeral });
    services.merge(seen);
    const names = createNodeNames();
    const batch = batchOf(groups);
    new Enrichment(withApplications(knowledge, document), names, {
      // The times are those of stored records, clamped already.
      spanMsMax: Number.MAX_SAFE_INTEGER,
      skewMsMax: Number.MAX_SAFE_INTEGER,
      ephemeral,
      services,
    }).enrichBatch(batch, NOTHING);
    return { batch, nameOf: new Map(names.take().map(({ key, name }) => [key, name])) };
  };
  const before = enriched(present);
  const after = enriched(proposed);
  const nameOf = new Map([...before.nameOf, ...after.nameOf]);
  const bytes = groups.map(group => Number(group.bytes));
  const compared = compare(before.batch, after.batch, bytes, key => nameOf.get(key) ?? 'unknown');
  const whole = Number(groups[0]?.whole ?? 0);
  const examined = bytes.reduce((sum, value) => sum + value, 0);
  const shareOf = (part: number) => (examined > 0 ? part / examined : null);
  const applications = trafficByApplication(present, proposed, compared.ends);
  return {
    from: new Date(fromMs).toISOString(),
    to: new Date(toMs).toISOString(),
    bytes: whole,
    examinedShare: whole > 0 ? Math.min(1, examined / whole) : null,
    conversations: groups.length,
    movedShare: shareOf(compared.moved),
    serviceMovedShare: shareOf(compared.serviceMoved),
    unclassifiedShare: { before: shareOf(compared.unclassified[0]), after: shareOf(compared.unclassified[1]) },
    moves: largest(compared.moves).map(move => ({ ...move, share: move.bytes / examined })),
    cells: largest(compared.cells).map(cell => ({ ...cell, share: cell.bytes / examined })),
    applications,
    warnings: [...applicationsWarnings(proposed, inventory), ...withoutTraffic(applications, examined)],
    elapsedMs: Math.round(performance.now() - startedAt),
  };
}

/** The same with the documents that ClickHouse keeps. */
export async function previewRecorded(
  storage: Storage,
  question: PreviewRequest,
  history: HistoryOptions,
  options: PreviewOptions = {},
): Promise<ApplicationsPreview> {
  const made = new History(history);
  const { applications = NO_DOCUMENTS.applications } = await readHistory(storage, made, question);
  made.useFacts(await recentFacts(storage, question.fromMs - FACT_LIFE_MS, FACTS_MAX));
  const rows = await storage.select<{ body: string }>(
    "SELECT argMax(body, (asOf, recordedAt)) AS body FROM documents WHERE kind = 'inventory' GROUP BY source",
  );
  const inventories = rows.map(({ body }) => inventoryChecker.restore(body));
  const inventory: Selectable = {
    hosts: inventories.flatMap(({ hosts }) => hosts),
    vms: inventories.flatMap(({ vms }) => vms),
    endpoints: inventories.flatMap(({ endpoints }) => endpoints),
    segments: inventories.flatMap(({ segments }) => segments),
  };
  const proposal = { ...question, proposed: applicationsChecker.restore(question.proposed) };
  return previewApplications(storage, knowledgeOf(made, applications), applications, proposal, {
    ...options,
    ...(inventories.length > 0 && { inventory }),
  });
}

/** The same inventory with other applications. */
function withApplications(knowledge: Knowledge, document: Applications): Knowledge {
  const table = new ApplicationTable(compileApplications(document));
  const made = new Map<object, ReturnType<Knowledge['snapshotAt']>>();
  return {
    ...knowledge,
    snapshotAt(epoch) {
      const snapshot = knowledge.snapshotAt(epoch);
      const known = made.get(snapshot) ?? { ...snapshot, applications: table };
      made.set(snapshot, known);
      return known;
    },
  };
}

interface GroupsQuery {
  readonly fromMs: number;
  readonly toMs: number;
  readonly groupsMax: number;
  readonly learnedPorts: readonly number[];
  readonly ephemeralPorts: readonly string[];
  readonly documents: readonly Applications[];
}

/** Whole records of the window, each counted once: unelected ones at the meter that saw most of their pair. */
function groupsStatement({ fromMs, toMs, groupsMax, learnedPorts, ephemeralPorts, documents }: GroupsQuery) {
  const within = `receivedAt >= fromUnixTimestamp64Milli({from:Int64}) AND receivedAt < fromUnixTimestamp64Milli({to:Int64})`;
  const chosen = `(${PAIR_SQL}, ${METER_SQL}) IN (
    SELECT pair, argMax(meter, (total, meter)) FROM (
      SELECT ${PAIR_SQL} AS pair, ${METER_SQL} AS meter, sum(estBytes) AS total FROM flows
      WHERE ${within} AND ${UNELECTED_SQL} GROUP BY pair, meter)
    GROUP BY pair)`;
  const listed = documents.flatMap(listedRanges).filter(({ to }) => to >= COLLAPSED_PORT_MIN);
  const clients = ephemeralPorts.map(text => parsePortSpan(text)!);
  const isOrdinary = (port: number) =>
    !learnedPorts.includes(port) &&
    !listed.some(({ from, to }) => from <= port && port <= to) &&
    clients.some(({ from, to }) => from <= port && port <= to);
  let ordinary = 65535;
  while (ordinary >= COLLAPSED_PORT_MIN && !isOrdinary(ordinary)) ordinary--;
  const isWithin = (port: string, name: string) =>
    `arrayExists((a, b) -> ${port} BETWEEN a AND b, {${name}From:Array(UInt16)}, {${name}To:Array(UInt16)})`;
  // Clients' ports that nothing distinguishes are one, where the other end's is none of them: the lower port may decide there.
  const shown = (port: string, other: string) =>
    ordinary < COLLAPSED_PORT_MIN
      ? port
      : `if(${port} >= ${COLLAPSED_PORT_MIN} AND ${other} < ${COLLAPSED_PORT_MIN} AND NOT has({learned:Array(UInt16)}, ${port}) AND NOT ${isWithin(port, 'listed')} AND ${isWithin(port, 'clients')}, ${ordinary}, ${port})`;
  const keys = [
    'srcMac',
    'dstMac',
    'observationDomain',
    'protocol',
    'inIf',
    'outIf',
    'direction',
    'vlan',
    'vni',
    'vrf',
    'etherType',
    'proto',
  ];
  const sql = `
SELECT hex(r.srcAddr) AS src, hex(r.dstAddr) AS dst, hex(r.exporter) AS exporter, hex(r.stationId) AS station,
  ${keys.map(name => (name.endsWith('Mac') ? `toString(r.${name}) AS ${name}` : `r.${name} AS ${name}`)).join(', ')},
  r.srcShown AS srcShown, r.dstShown AS dstShown, toString(r.at) AS at, toString(r.bytes) AS bytes, toString(sum(r.bytes) OVER ()) AS whole
FROM (
  SELECT srcAddr, dstAddr, exporter, stationId, ${keys.join(', ')}, ${shown('srcPort', 'dstPort')} AS srcShown, ${shown('dstPort', 'srcPort')} AS dstShown,
    toUnixTimestamp64Milli(max(flowStart)) AS at, sum(if(${ELECTED_SQL}, ${COUNTED.bytes}, estBytes)) AS bytes
  FROM flows
  WHERE ${within} AND (${ELECTED_SQL} OR (${UNELECTED_SQL} AND ${chosen}))
  GROUP BY srcAddr, dstAddr, exporter, stationId, ${keys.join(', ')}, srcShown, dstShown
) AS r
ORDER BY r.bytes DESC, src, dst, srcShown, dstShown LIMIT {groups:UInt32}`;
  const params = {
    from: fromMs,
    to: toMs,
    groups: groupsMax,
    learned: learnedPorts,
    listedFrom: listed.map(({ from }) => from),
    listedTo: listed.map(({ to }) => to),
    clientsFrom: clients.map(({ from }) => from),
    clientsTo: clients.map(({ to }) => to),
  };
  return { sql, params };
}

function listedRanges({ applications }: Applications) {
  return applications.flatMap(({ ports, clientPorts, servers }) => [
    ...[...ports, ...clientPorts].map(text => parsePortRange(text)!),
    ...servers.vips.map(text => parseVip(text)!.ports),
  ]);
}

function batchOf(groups: readonly GroupRow[]): FlowBatch {
  const batch = createBatch(FLOW_COLUMNS, groups.length);
  const { columns } = batch;
  batch.rows = groups.length;
  const setBytes = (column: Uint32Array, row: number, hex: string) => {
    for (let i = 0; i < 4; i++) column[4 * row + i] = swap32(Number.parseInt(hex.slice(8 * i, 8 * i + 8), 16));
  };
  const setMac = (column: Uint32Array, row: number, text: string) => {
    const mac = Number(text);
    column[2 * row] = mac % 2 ** 32;
    column[2 * row + 1] = Math.floor(mac / 2 ** 32);
  };
  groups.forEach((group, row) => {
    setBytes(columns.srcAddr, row, group.src);
    setBytes(columns.dstAddr, row, group.dst);
    setBytes(columns.exporter, row, group.exporter);
    setBytes(columns.stationId, row, group.station);
    setMac(columns.srcMac, row, group.srcMac);
    setMac(columns.dstMac, row, group.dstMac);
    columns.observationDomain[row] = group.observationDomain;
    columns.protocol[row] = group.protocol;
    columns.inIf[row] = group.inIf;
    columns.outIf[row] = group.outIf;
    columns.direction[row] = group.direction;
    columns.vlan[row] = group.vlan;
    columns.vni[row] = group.vni;
    columns.vrf[row] = group.vrf;
    columns.etherType[row] = group.etherType;
    columns.proto[row] = group.proto;
    columns.srcPort[row] = group.srcShown;
    columns.dstPort[row] = group.dstShown;
    for (const column of [columns.receivedAt, columns.flowStart, columns.flowEnd])
      setTime(column, row, Number(group.at));
    // No single packet: groups are no evidence of services.
    columns.packets[2 * row] = 2;
  });
  return batch;
}

type NamedNode = { readonly key: string; readonly name: string };
interface Compared {
  moved: number;
  serviceMoved: number;
  readonly unclassified: [number, number];
  readonly moves: { before: NamedNode; after: NamedNode; bytes: number }[];
  readonly cells: {
    before: { src: NamedNode; dst: NamedNode };
    after: { src: NamedNode; dst: NamedNode };
    bytes: number;
  }[];
  /** By node key: bytes at either end before and after, and what it gained and lost. */
  readonly ends: Map<bigint, { before: number; after: number; gained: number; lost: number }>;
}

function compare(
  before: FlowBatch,
  after: FlowBatch,
  bytes: readonly number[],
  nameOf: (key: bigint) => string,
): Compared {
  const named = (key: bigint): NamedNode => ({ key: key.toString(16).padStart(16, '0'), name: nameOf(key) });
  const moves = new Map<string, Compared['moves'][number]>();
  const cells = new Map<string, Compared['cells'][number]>();
  const result: Compared = { moved: 0, serviceMoved: 0, unclassified: [0, 0], moves: [], cells: [], ends: new Map() };
  const endsOf = (key: bigint) => {
    const found = result.ends.get(key) ?? { before: 0, after: 0, gained: 0, lost: 0 };
    result.ends.set(key, found);
    return found;
  };
  for (let row = 0; row < bytes.length; row++) {
    const volume = bytes[row]!;
    const [was, is] = [before, after].map(
      ({ columns }) => [keyAt(columns.srcApp, row), keyAt(columns.dstApp, row)] as const,
    );
    for (let end = 0; end < 2; end++) {
      const from = was![end]!;
      const to = is![end]!;
      endsOf(from).before += volume;
      endsOf(to).after += volume;
      if (from === to) continue;
      endsOf(from).lost += volume;
      endsOf(to).gained += volume;
      add(moves, `${from} ${to}`, volume, () => ({ before: named(from), after: named(to), bytes: 0 }));
    }
    if (String(was) !== String(is)) {
      result.moved += volume;
      add(cells, `${was} ${is}`, volume, () => ({
        before: { src: named(was![0]), dst: named(was![1]) },
        after: { src: named(is![0]), dst: named(is![1]) },
        bytes: 0,
      }));
    }
    if (keyAt(before.columns.service, row) !== keyAt(after.columns.service, row)) result.serviceMoved += volume;
    [before, after].forEach((batch, i) => {
      if (isUnclassified(batch, row)) result.unclassified[i]! += volume;
    });
  }
  result.moves.push(...moves.values());
  result.cells.push(...cells.values());
  return result;
}

function add<T extends { bytes: number }>(into: Map<string, T>, name: string, volume: number, make: () => T): void {
  const found = into.get(name) ?? make();
  found.bytes += volume;
  into.set(name, found);
}

function keyAt(column: Uint32Array, row: number): bigint {
  return keyToBigint({ low: column[2 * row]!, high: column[2 * row + 1]! });
}

const UNCLASSIFIED_RULES: ReadonlySet<number> = new Set([
  RULE['auto-vm'],
  RULE['auto-endpoint'],
  RULE['auto-prefix'],
  RULE.ambiguous,
]);

function isUnclassified({ columns }: FlowBatch, row: number): boolean {
  return UNCLASSIFIED_RULES.has(columns.srcRule[row]!) || UNCLASSIFIED_RULES.has(columns.dstRule[row]!);
}

function largest<T extends { readonly bytes: number }>(list: readonly T[]): T[] {
  return [...list].sort((a, b) => b.bytes - a.bytes).slice(0, LISTED_MAX);
}

function trafficByApplication(
  present: Applications,
  proposed: Applications,
  ends: Compared['ends'],
): ApplicationsPreview['applications'] {
  const paths = new Map(proposed.applications.map(({ id }, i) => [id, `/applications/${i}`]));
  const all = new Map(
    [...present.applications, ...proposed.applications].map(entry => [entry.id, entry.name ?? entry.id]),
  );
  return [...all].map(([id, name]) => {
    const key = hashedKey('application', id);
    const found = ends.get(keyToBigint(key)) ?? { before: 0, after: 0, gained: 0, lost: 0 };
    return { id, key: keyToHex(key), name, path: paths.get(id) ?? null, ...found };
  });
}

function withoutTraffic(applications: ApplicationsPreview['applications'], examined: number): DocumentWarning[] {
  if (examined === 0) return [];
  return applications.flatMap(({ path, after }) =>
    path !== null && after === 0 ? [{ path, message: 'no traffic of the window belongs to it' }] : [],
  );
}
