// A snapshot as it came, checked whole: what is recorded of it, or every fault. Pure; check-thread.ts runs it beside the
// API, because 100,000 VMs take seconds.

import { createHash } from 'node:crypto';
import { DocumentError, type Fault } from '../../schemas/documents.ts';
import { type Inventory, inventoryChecker } from '../../schemas/inventory.ts';

export const ENTITY_KINDS = ['sites', 'racks', 'segments', 'switches', 'hosts', 'vms', 'endpoints'] as const;
export type EntityKind = (typeof ENTITY_KINDS)[number];

export interface CheckedSnapshot {
  readonly source: string;
  readonly asOfMs: number;
  readonly complete: readonly EntityKind[];
  readonly counts: Readonly<Record<EntityKind, number>>;
  readonly switches: readonly string[];
  /** SHA-256 of the document without its time: what says whether anything has changed. */
  readonly content: string;
  /** The document as it is recorded. */
  readonly body: string;
}

export type Checked = { readonly snapshot: CheckedSnapshot } | { readonly faults: readonly Fault[] };

export function checkSnapshot(bytes: Uint8Array): Checked {
  try {
    const document = inventoryChecker.parse('the snapshot', new TextDecoder().decode(bytes));
    return { snapshot: describe(document) };
  } catch (error) {
    if (error instanceof DocumentError) return { faults: error.faults };
    // Texts that the YAML parser refuses by throwing.
    return { faults: [{ path: '', message: (error as Error).message }] };
  }
}

function describe(document: Inventory): CheckedSnapshot {
  const body = JSON.stringify(document);
  return {
    source: document.source,
    asOfMs: Date.parse(document.asOf),
    complete: document.complete as readonly EntityKind[],
    counts: Object.fromEntries(ENTITY_KINDS.map(kind => [kind, document[kind].length])) as CheckedSnapshot['counts'],
    switches: document.switches.map(({ id }) => id),
    content: createHash('sha256').update(body.replace(AS_OF, AS_OF_BLANK)).digest('hex'),
    body,
  };
}

/** The only key of this name there is: quotes within texts are escaped. CONTENT_SQL says the same. */
const AS_OF = /"asOf":"[^"]*"/;
const AS_OF_BLANK = '"asOf":""';
export const CONTENT_SQL = `lower(hex(SHA256(replaceRegexpOne(body, '"asOf":"[^"]*"', '"asOf":""'))))`;
