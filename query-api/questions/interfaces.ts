// What exporters reported of themselves: names of their ports, and how many facts of theirs are known.

import { type Static, Type } from 'typebox';
import { FACT_LIFE_MS } from '../../schemas/facts.ts';
import { closed } from '../answers/answers.ts';
import type { Statement } from '../sql/tables.ts';

/** Ports listed of one exporter at most. */
export const INTERFACES_MAX = 1000;
const EXPORTERS_MAX = 10_000;

export const ExporterInterface = Type.Object(
  { ifIndex: Type.Integer(), name: Type.String({ description: 'as the exporter reported it' }) },
  closed,
);
export type ExporterInterface = Static<typeof ExporterInterface>;

export interface FactsRow {
  readonly address: string;
  readonly facts: string;
  readonly interfaces: readonly (readonly [ifIndex: number, domain: number, name: string])[];
}

/** One row an exporter address that reported facts within the last day. */
export function factsStatement(interfacesMax: number, nowMs: number): Statement {
  const sql = `
SELECT toString(t.exporter) AS address, toString(count()) AS facts,
  arraySlice(arraySort(groupArrayIf((t.ifIndex, t.observationDomain, t.name), t.kind = 'interface' AND t.name != '')), 1, {interfacesMax:UInt32}) AS interfaces
FROM facts AS t FINAL
WHERE t.lastSeen >= fromUnixTimestamp64Milli({since:Int64})
GROUP BY t.exporter
ORDER BY address
LIMIT ${EXPORTERS_MAX}`;
  return { sql, params: { since: nowMs - FACT_LIFE_MS, interfacesMax } };
}

/**
 * Ports by ifIndex as a row of the exporter shows them. An ifIndex is one port of the device, whichever observation domain
 * reports its name; where several report it, as behind one translated address, that of the domain itself counts.
 */
export function interfacesOf(row: FactsRow | undefined, domain: number): ExporterInterface[] {
  const names = new Map<number, string>();
  for (const [ifIndex, , name] of row?.interfaces ?? []) if (!names.has(ifIndex)) names.set(ifIndex, name);
  for (const [ifIndex, own, name] of row?.interfaces ?? []) if (own === domain) names.set(ifIndex, name);
  return [...names].map(([ifIndex, name]) => ({ ifIndex, name }));
}
