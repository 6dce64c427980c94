// What is done with a document whole: one that came is checked, one that is recorded is read, extended or hidden. Pure;
// check-thread.ts runs it beside the API, because a document may have 128 MiB. A request carries the text of a document and
// an answer its text again with what the API reports of it, never the document itself: objects are copied between threads
// slowly, and one at a time.

import { createHash } from 'node:crypto';
import type { AlertRules } from '../../schemas/alert-rules.ts';
import { type Applications, applicationsChecker } from '../../schemas/applications.ts';
import { applicationsWarnings } from '../../schemas/applications-warnings.ts';
import { type Checker, DocumentError, type Fault } from '../../schemas/documents.ts';
import { type ExporterRegistry, exporterRegistryChecker } from '../../schemas/exporters.ts';
import { type Inventory, inventoryChecker } from '../../schemas/inventory.ts';
import { hideAddresses } from '../access/hiding.ts';
import { alertRulesChecker } from '../alerts/rule-check.ts';
import type { Rule } from '../questions/suggestions.ts';
import type { Adoption } from './applications-schemas.ts';
import {
  type Comparison,
  compareAlertRules,
  compareApplications,
  compareInventory,
  compareRegistry,
  type KnownIds,
} from './comparison.ts';
import { type Evidence, type InventorySwitch, type SeenPort, suggestRoles } from './roles.ts';

export const ENTITY_KINDS = ['sites', 'racks', 'segments', 'switches', 'hosts', 'vms', 'endpoints'] as const;
export type EntityKind = (typeof ENTITY_KINDS)[number];

export interface CheckedSnapshot {
  readonly source: string;
  readonly asOfMs: number;
  readonly complete: readonly EntityKind[];
  readonly counts: Readonly<Record<EntityKind, number>>;
  /** SHA-256 of the document without its time: what says whether anything has changed. */
  readonly content: string;
  /** The document as it is recorded. */
  readonly body: string;
}

/** As it is recorded, and what says whether that is another document. */
interface Recordable {
  readonly body: string;
  /** SHA-256. */
  readonly digest: string;
}

export interface CheckedRegistry extends Recordable {
  readonly exporters: number;
  readonly ports: number;
  /** Positions of exporters that name a switch of the inventory, with its id. */
  readonly switches: readonly (readonly [exporter: number, id: string])[];
}

export interface CheckedApplications extends Recordable {
  readonly applications: number;
  readonly internal: readonly string[];
  readonly warnings: readonly Fault[];
}

export interface CheckedAlertRules extends Recordable {
  readonly rules: number;
}

export interface SuggestedRegistry extends CheckedRegistry {
  readonly evidence: readonly Evidence[];
}

/** Each takes a document and returns what of it the API needs; throws a DocumentError with every fault. */
export const WORKS = {
  snapshot: (bytes: Uint8Array): CheckedSnapshot => describeSnapshot(parse(inventoryChecker, 'the snapshot', bytes)),
  registry: (bytes: Uint8Array): CheckedRegistry =>
    describeRegistry(parse(exporterRegistryChecker, 'the exporter registry', bytes)),
  applications: (bytes: Uint8Array): CheckedApplications =>
    describeApplications(parse(applicationsChecker, 'the applications document', bytes)),
  alertRules(bytes: Uint8Array): CheckedAlertRules {
    const document = parse(alertRulesChecker, 'the alert rules', bytes);
    return { ...recordable(document), rules: document.rules.length };
  },
  /** One that was recorded; '' where none was. */
  recordedApplications: (body: string): CheckedApplications =>
    describeApplications(applicationsChecker.restore(body || '{}')),
  adoption({ active, rule, wanted }: AdoptionWork): CheckedApplications {
    const document = applicationsChecker.restore(active || '{}');
    return describeApplications(
      applicationsChecker.check('the applications document', withRule(document, rule, wanted)),
    );
  },
  roles({ registry, switches, seen }: RolesWork): SuggestedRegistry {
    const stated: ExporterRegistry = registry === '' ? { exporters: [] } : exporterRegistryChecker.restore(registry);
    const entities = switches.map(text => JSON.parse(text) as InventorySwitch);
    const { document, evidence } = suggestRoles(stated, entities, seen);
    const checked = exporterRegistryChecker.check('the suggested registry', document);
    return { ...describeRegistry(checked), evidence };
  },
  inventoryComparison: ({ body, before, others }: InventoryComparisonWork): Comparison =>
    compareInventory(JSON.parse(body) as Inventory, before, others),
  registryComparison: ({ body, before, ids }: RegistryComparisonWork): Comparison =>
    compareRegistry(JSON.parse(body) as ExporterRegistry, exporterRegistryChecker.restore(before || '{}'), ids),
  applicationsComparison: ({ body, before }: DocumentComparisonWork): Comparison =>
    compareApplications(JSON.parse(body) as Applications, applicationsChecker.restore(before || '{}')),
  alertRulesComparison: ({ body, before }: DocumentComparisonWork): Comparison =>
    compareAlertRules(JSON.parse(body) as AlertRules, alertRulesChecker.restore(before || '{}')),
  /** An answer as it is sent to callers who may not see addresses. */
  hiding: (text: string): string => JSON.stringify(hideAddresses(JSON.parse(text))),
};

export interface AdoptionWork {
  readonly active: string;
  readonly rule: Rule;
  readonly wanted: Pick<Adoption, 'id' | 'name' | 'ports'>;
}

export interface RolesWork {
  /** The active registry as it is recorded; '' where none was. */
  readonly registry: string;
  /** Switches of the inventory, as their sources sent them. */
  readonly switches: readonly string[];
  readonly seen: readonly SeenPort[];
}

/** `body` is a document that was checked, `before` the active one as it is recorded. */
export interface InventoryComparisonWork {
  readonly body: string;
  readonly before: Readonly<Record<EntityKind, readonly string[]>>;
  readonly others: KnownIds;
}

export interface RegistryComparisonWork {
  readonly body: string;
  readonly before: string;
  readonly ids: KnownIds;
}

export interface DocumentComparisonWork {
  readonly body: string;
  readonly before: string;
}

export type Work = keyof typeof WORKS;
export type WorkInput<W extends Work> = Parameters<(typeof WORKS)[W]>[0];
export type WorkResult<W extends Work> = ReturnType<(typeof WORKS)[W]>;
export type Done<W extends Work> =
  | { readonly result: WorkResult<W> }
  | { readonly refused: string; readonly faults: readonly Fault[] };

/** Faults are an answer: an error that crosses to another thread loses them. */
export function doWork<W extends Work>(work: W, input: WorkInput<W>): Done<W> {
  try {
    const run = WORKS[work] as (given: WorkInput<W>) => WorkResult<W>;
    return { result: run(input) };
  } catch (error) {
    if (error instanceof DocumentError) return { refused: error.subject, faults: error.faults };
    throw error;
  }
}

function parse<T>(checker: Checker<T>, name: string, bytes: Uint8Array): T {
  const text = new TextDecoder().decode(bytes);
  try {
    return checker.parse(name, text);
  } catch (error) {
    if (error instanceof DocumentError) throw error;
    // Texts that the YAML parser refuses by throwing.
    throw new DocumentError(name, [{ path: '', message: (error as Error).message }]);
  }
}

function describeSnapshot(document: Inventory): CheckedSnapshot {
  const body = JSON.stringify(document);
  return {
    source: document.source,
    asOfMs: Date.parse(document.asOf),
    complete: document.complete as readonly EntityKind[],
    counts: Object.fromEntries(ENTITY_KINDS.map(kind => [kind, document[kind].length])) as CheckedSnapshot['counts'],
    content: createHash('sha256').update(body.replace(AS_OF, AS_OF_BLANK)).digest('hex'),
    body,
  };
}

function recordable(document: object): Recordable {
  const body = JSON.stringify(document);
  return { body, digest: createHash('sha256').update(body).digest('hex') };
}

function describeRegistry(document: ExporterRegistry): CheckedRegistry {
  return {
    ...recordable(document),
    exporters: document.exporters.length,
    ports: document.exporters.reduce((sum, { ports }) => sum + ports.length, 0),
    switches: document.exporters.flatMap(({ switch: id }, i) => (id === undefined ? [] : [[i, id] as const])),
  };
}

function describeApplications(document: Applications): CheckedApplications {
  return {
    ...recordable(document),
    applications: document.applications.length,
    internal: document.internal,
    warnings: applicationsWarnings(document),
  };
}

/** Behind every other: nothing that has an application changes. */
function withRule(present: Applications, rule: Rule, wanted: AdoptionWork['wanted']): unknown {
  const { id = rule.id, name = rule.name, ports = rule.ports } = wanted;
  const added = { ...rule, id, ports, ...(name !== undefined && { name }) };
  return { ...present, applications: [...present.applications, added] };
}

/** The only key of this name there is: quotes within texts are escaped. CONTENT_SQL says the same. */
const AS_OF = /"asOf":"[^"]*"/;
const AS_OF_BLANK = '"asOf":""';
export const CONTENT_SQL = `lower(hex(SHA256(replaceRegexpOne(body, '"asOf":"[^"]*"', '"asOf":""'))))`;
