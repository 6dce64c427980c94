// A batch of kind `facts`: one row a fact, texts and doubles in an Arrow stream. Doubles are exact here: the widest number
// is a time in milliseconds or a MAC address. Whoever writes or reads a batch checks each value: a row with one that no fact
// can have is left out and counted, and the batch goes on.

import { parseAddress } from './address.ts';
import { decodeTable, encodeTable } from './arrow.ts';
import { PROTOCOLS } from './codes.ts';
import { FACT_KINDS, type FactRow, NAME_BYTES_MAX } from './facts.ts';

/** Rows of a batch: a collector hands over fewer. */
export const FACT_ROWS_MAX = 65_536;

/** 2299-12-31, the last day of a DateTime64: what is beyond would cost the insert. */
const TIME_MS_MAX = Date.UTC(2299, 11, 31);

type Check = (value: string | number) => boolean;

const whole =
  (max: number): Check =>
  value =>
    Number.isInteger(value) && Number(value) >= 0 && Number(value) <= max;
const uuid: Check = value => /^([0-9a-f]{32})?$/.test(String(value));

const COLUMNS = [
  { name: 'receivedAtMs', kind: 'number', check: whole(TIME_MS_MAX) },
  { name: 'exporter', kind: 'text', check: value => parseAddress(String(value)) !== undefined },
  { name: 'observationDomain', kind: 'number', check: whole(0xffffffff) },
  { name: 'protocol', kind: 'number', check: whole(PROTOCOLS.length - 1) },
  { name: 'kind', kind: 'text', check: value => (FACT_KINDS as readonly unknown[]).includes(value) },
  { name: 'index', kind: 'number', check: whole(0xffffffff) },
  { name: 'mac', kind: 'number', check: whole(0xffffffffffff) },
  { name: 'stationId', kind: 'text', check: uuid },
  {
    name: 'name',
    kind: 'text',
    check: value => typeof value === 'string' && Buffer.byteLength(value) <= NAME_BYTES_MAX,
  },
  { name: 'hostId', kind: 'text', check: uuid },
] as const satisfies readonly { name: keyof FactRow; kind: 'text' | 'number'; check: Check }[];

export interface EncodedFacts {
  readonly arrow: Uint8Array;
  /** Rows that a batch cannot hold. */
  readonly leftOut: number;
}

export interface DecodedFacts {
  readonly facts: FactRow[];
  /** Rows with a value that no fact can have. */
  readonly leftOut: number;
}

export function encodeFacts(facts: readonly FactRow[]): EncodedFacts {
  const rows = facts.filter(fact => COLUMNS.every(({ name, check }) => check(fact[name])));
  const arrow = encodeTable(COLUMNS.map(({ name, kind }) => ({ name, kind, values: rows.map(fact => fact[name]) })));
  return { arrow, leftOut: facts.length - rows.length };
}

/** Throws an Error when the bytes are no such stream or lack a column. Columns that are not known are left out. */
export function decodeFacts(bytes: Uint8Array): DecodedFacts {
  const columns = decodeTable(COLUMNS, bytes, FACT_ROWS_MAX);
  const rows = columns[0]!.length;
  const facts: FactRow[] = [];
  for (let row = 0; row < rows; row++) {
    const fact = factAt(columns, row);
    if (fact) facts.push(fact);
  }
  return { facts, leftOut: rows - facts.length };
}

function factAt(columns: ReturnType<typeof decodeTable>, row: number): FactRow | undefined {
  const fact: Record<string, string | number> = {};
  for (const [i, { name, check }] of COLUMNS.entries()) {
    const value = columns[i]![row];
    if (value === null || value === undefined || !check(value)) return undefined;
    fact[name] = value;
  }
  return fact as unknown as FactRow;
}
