// A batch of kind `facts`: one row a fact, texts and doubles in an Arrow stream. Doubles are exact here: the widest number
// is a time in milliseconds or a MAC address. Whoever reads a batch checks each value; a row that no collector writes
// makes the whole batch unreadable.

import { parseAddress } from './address.ts';
import { decodeTable, encodeTable } from './arrow.ts';
import { PROTOCOLS } from './codes.ts';
import { FACT_KINDS, type FactRow, NAME_BYTES_MAX } from './facts.ts';

/** Rows of a batch: a collector hands over fewer. */
export const FACT_ROWS_MAX = 65_536;

type Check = (value: string | number) => boolean;

const whole =
  (max: number): Check =>
  value =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) <= max;
const uuid: Check = value => /^([0-9a-f]{32})?$/.test(String(value));

const COLUMNS = [
  { name: 'receivedAtMs', kind: 'number', check: whole(8.64e15) },
  { name: 'exporter', kind: 'text', check: value => parseAddress(String(value)) !== undefined },
  { name: 'observationDomain', kind: 'number', check: whole(0xffffffff) },
  { name: 'protocol', kind: 'number', check: whole(PROTOCOLS.length - 1) },
  { name: 'kind', kind: 'text', check: value => (FACT_KINDS as readonly unknown[]).includes(value) },
  { name: 'index', kind: 'number', check: whole(0xffffffff) },
  { name: 'mac', kind: 'number', check: whole(0xffffffffffff) },
  { name: 'stationId', kind: 'text', check: uuid },
  { name: 'name', kind: 'text', check: value => Buffer.byteLength(String(value)) <= NAME_BYTES_MAX },
  { name: 'hostId', kind: 'text', check: uuid },
] as const satisfies readonly { name: keyof FactRow; kind: 'text' | 'number'; check: Check }[];

export function encodeFacts(facts: readonly FactRow[]): Uint8Array {
  return encodeTable(COLUMNS.map(({ name, kind }) => ({ name, kind, values: facts.map(fact => fact[name]) })));
}

/** Throws an Error when the bytes are no such stream or a value is none that a fact can have. Other columns are left out. */
export function decodeFacts(bytes: Uint8Array): FactRow[] {
  const columns = decodeTable(COLUMNS, bytes, FACT_ROWS_MAX);
  const rows = columns[0]!.length;
  const facts: FactRow[] = [];
  for (let row = 0; row < rows; row++) {
    const fact: Record<string, string | number> = {};
    COLUMNS.forEach(({ name, check }, i) => {
      const value = columns[i]![row];
      if (value === null || value === undefined || !check(value))
        throw new Error(`fact ${row} has ${JSON.stringify(value)} as ${name}`);
      fact[name] = value;
    });
    facts.push(fact as unknown as FactRow);
  }
  return facts;
}
