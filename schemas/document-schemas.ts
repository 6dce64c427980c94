// JSON Schemas of the documents that people and programs write, for editors and for checks outside Hairpin: published below
// docs/schemas, in the package and by the API. What a schema cannot say (references, duplicates) Hairpin checks beyond.

import { AlertRules } from './alert-rules.ts';
import { Applications } from './applications.ts';
import { ExporterRegistry } from './exporters.ts';
import { Inventory } from './inventory.ts';
import { Tokens } from './tokens.ts';

const DIALECT = 'https://json-schema.org/draft/2020-12/schema';

const DOCUMENTS = {
  inventory: { title: 'Hairpin: inventory snapshot', schema: Inventory },
  exporters: { title: 'Hairpin: exporter registry', schema: ExporterRegistry },
  applications: { title: 'Hairpin: applications', schema: Applications },
  alerts: { title: 'Hairpin: alert rules', schema: AlertRules },
  tokens: { title: 'Hairpin: API tokens', schema: Tokens },
} as const;

export type DocumentName = keyof typeof DOCUMENTS;
export const DOCUMENT_NAMES = Object.keys(DOCUMENTS) as DocumentName[];

export function documentSchema(name: DocumentName): Readonly<Record<string, unknown>> {
  const { title, schema } = DOCUMENTS[name];
  return { $schema: DIALECT, title, ...(asWritten(schema) as object) };
}

/** A checked document has every default; in one that people write these keys may be left out. */
function asWritten(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(asWritten);
  if (typeof schema !== 'object' || schema === null) return schema;
  // `expected` is our own keyword, for the texts of faults; it may also be the name of a property.
  const own = Object.entries(schema).filter(([key, value]) => key !== 'expected' || typeof value !== 'string');
  const entries = own.map(([key, value]) => [key, key === 'default' ? value : asWritten(value)]);
  const { required, properties, ...rest } = Object.fromEntries(entries) as {
    readonly required?: readonly string[];
    readonly properties?: Readonly<Record<string, { readonly default?: unknown }>>;
  };
  if (properties === undefined) return { ...rest, ...(required && { required }) };
  const needed = required?.filter(key => properties[key]?.default === undefined) ?? [];
  return { ...rest, ...(needed.length > 0 && { required: needed }), properties };
}
