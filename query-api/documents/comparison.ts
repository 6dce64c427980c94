// A document beside what is active: which entities it would add, change or end, and which references lead nowhere once it
// is active. Pure; it runs in the documents' thread (check.ts).

import { isDeepStrictEqual } from 'node:util';
import { formatAddress, parseAddress } from '../../schemas/address.ts';
import type { AlertRules } from '../../schemas/alert-rules.ts';
import type { Applications } from '../../schemas/applications.ts';
import type { ExporterRegistry, RegisteredExporter } from '../../schemas/exporters.ts';
import type { Inventory } from '../../schemas/inventory.ts';

/** Names listed of what is added, changed or ended, of each kind. */
export const NAMES_MAX = 10;
export const MISSING_MAX = 1000;

export interface Difference {
  /** `vms`, `exporters`, `applications`: a list of the document. */
  readonly kind: string;
  readonly added: number;
  readonly changed: number;
  readonly ended: number;
  /** The first NAMES_MAX of each. */
  readonly names: { readonly added: string[]; readonly changed: string[]; readonly ended: string[] };
}

/** A reference to what neither the document nor what is active has. */
export interface Missing {
  readonly path: string;
  readonly message: string;
  readonly kind: ReferableKind;
  readonly id: string;
}

export interface Comparison {
  readonly differences: readonly Difference[];
  /** At most MISSING_MAX. */
  readonly missing: readonly Missing[];
}

export const REFERABLE_KINDS = ['sites', 'racks', 'segments', 'switches', 'hosts'] as const;
export type ReferableKind = (typeof REFERABLE_KINDS)[number];
export type KnownIds = Readonly<Record<ReferableKind, readonly string[]>>;

/** Entities of one kind by id. */
type Entities = ReadonlyMap<string, unknown>;
type InventoryKind = keyof Pick<Inventory, 'sites' | 'racks' | 'segments' | 'switches' | 'hosts' | 'vms' | 'endpoints'>;

/** `before`: what its source says now, each kind as texts of entities. `others`: ids that the other sources have. */
export function compareInventory(
  document: Inventory,
  before: Readonly<Record<InventoryKind, readonly string[]>>,
  others: KnownIds,
): Comparison {
  const differences: Difference[] = [];
  const known = new Map<ReferableKind, Set<string>>();
  for (const kind of Object.keys(before) as InventoryKind[]) {
    const old = byId(before[kind].map(text => JSON.parse(text) as { readonly id: string }));
    const own = byId(document[kind]);
    // A kind that is not listed in full is added to, and nothing of it ends.
    const after = document.complete.some(name => name === kind) ? own : new Map([...old, ...own]);
    differences.push(differenceOf(kind, old, after));
    if (isReferable(kind)) known.set(kind, new Set([...after.keys(), ...others[kind]]));
  }
  return { differences, missing: missingOf(inventoryReferences(document), known) };
}

/** `ids` are those of the active inventory. */
export function compareRegistry(document: ExporterRegistry, before: ExporterRegistry, ids: KnownIds): Comparison {
  const entities = ({ exporters }: ExporterRegistry) => new Map(exporters.map(entry => [exporterName(entry), entry]));
  const known = new Map(REFERABLE_KINDS.map(kind => [kind, new Set(ids[kind])]));
  const references = document.exporters.flatMap(({ site, switch: id }, i): Reference[] => [
    { kind: 'sites', id: site, path: `/exporters/${i}/site` },
    { kind: 'switches', id, path: `/exporters/${i}/switch` },
  ]);
  return {
    differences: [differenceOf('exporters', entities(before), entities(document))],
    missing: missingOf(references, known),
  };
}

/** The order of applications decides: one that comes elsewhere among those that stay is changed. */
export function compareApplications(document: Applications, before: Applications): Comparison {
  const prefixes = ({ internal }: Applications) => new Map(internal.map(prefix => [prefix, true]));
  return {
    differences: [
      differenceOf('internal', prefixes(before), prefixes(document)),
      differenceOf('applications', placed(before, document), placed(document, before)),
    ],
    missing: [],
  };
}

export function compareAlertRules(document: AlertRules, before: AlertRules): Comparison {
  const entities = ({ rules }: AlertRules) => new Map(rules.map(rule => [rule.name, rule]));
  return { differences: [differenceOf('rules', entities(before), entities(document))], missing: [] };
}

/** Applications with their place among those that the other document has too. */
function placed({ applications }: Applications, other: Applications): Entities {
  const common = new Set(other.applications.map(({ id }) => id));
  let place = 0;
  return new Map(applications.map(entry => [entry.id, { entry, place: common.has(entry.id) ? place++ : undefined }]));
}

function byId<T extends { readonly id: string }>(entities: readonly T[]): Map<string, T> {
  return new Map(entities.map(entity => [entity.id, entity]));
}

export function isReferable(kind: string): kind is ReferableKind {
  return (REFERABLE_KINDS as readonly string[]).includes(kind);
}

function differenceOf(kind: string, before: Entities, after: Entities): Difference {
  const added = [...after.keys()].filter(id => !before.has(id));
  const ended = [...before.keys()].filter(id => !after.has(id));
  const changed = [...after].filter(([id, entity]) => before.has(id) && !isDeepStrictEqual(before.get(id), entity));
  const changedIds = changed.map(([id]) => id);
  const first = (ids: readonly string[]) => ids.slice(0, NAMES_MAX);
  return {
    kind,
    added: added.length,
    changed: changed.length,
    ended: ended.length,
    names: { added: first(added), changed: first(changedIds), ended: first(ended) },
  };
}

interface Reference {
  readonly kind: ReferableKind;
  readonly id: string | undefined;
  readonly path: string;
}

function missingOf(references: Iterable<Reference>, known: ReadonlyMap<ReferableKind, ReadonlySet<string>>): Missing[] {
  const missing: Missing[] = [];
  for (const { kind, id, path } of references) {
    if (missing.length >= MISSING_MAX) break;
    if (id === undefined || known.get(kind)?.has(id)) continue;
    missing.push({ path, message: `"${id}" is in no /${kind} of this document or of the active ones`, kind, id });
  }
  return missing;
}

function* inventoryReferences({ racks, segments, switches, hosts, vms, endpoints }: Inventory): Generator<Reference> {
  for (const [i, { site }] of racks.entries()) yield { kind: 'sites', id: site, path: `/racks/${i}/site` };
  for (const [i, { site }] of segments.entries()) yield { kind: 'sites', id: site, path: `/segments/${i}/site` };
  for (const [i, { rack, ports }] of switches.entries()) {
    yield { kind: 'racks', id: rack, path: `/switches/${i}/rack` };
    for (const [j, { connectsTo }] of ports.entries()) {
      const at = `/switches/${i}/ports/${j}/connectsTo`;
      yield { kind: 'hosts', id: connectsTo?.host, path: `${at}/host` };
      yield { kind: 'switches', id: connectsTo?.switch, path: `${at}/switch` };
    }
  }
  for (const [i, { rack, pnics, vswitches }] of hosts.entries()) {
    yield { kind: 'racks', id: rack, path: `/hosts/${i}/rack` };
    for (const [j, pnic] of pnics.entries())
      yield { kind: 'switches', id: pnic.switch, path: `/hosts/${i}/pnics/${j}/switch` };
    for (const [j, { portGroups }] of vswitches.entries())
      for (const [k, { segment }] of portGroups.entries())
        yield { kind: 'segments', id: segment, path: `/hosts/${i}/vswitches/${j}/portGroups/${k}/segment` };
  }
  for (const [i, { host, vnics }] of vms.entries()) {
    yield { kind: 'hosts', id: host, path: `/vms/${i}/host` };
    for (const [j, { segment }] of vnics.entries())
      yield { kind: 'segments', id: segment, path: `/vms/${i}/vnics/${j}/segment` };
  }
  for (const [i, { segment, rack, switch: id }] of endpoints.entries()) {
    yield { kind: 'segments', id: segment, path: `/endpoints/${i}/segment` };
    yield { kind: 'racks', id: rack, path: `/endpoints/${i}/rack` };
    yield { kind: 'switches', id, path: `/endpoints/${i}/switch` };
  }
}

function exporterName({ address, domain, protocol }: RegisteredExporter): string {
  const words = parseAddress(address);
  const parts = [
    words ? formatAddress(words) : address,
    protocol,
    domain === undefined ? undefined : `domain ${domain}`,
  ];
  return parts.filter(part => part !== undefined).join(' ');
}
