// What a column is, for every table the services exchange: its kind decides the typed array in memory, the Arrow type
// on the wire and the ClickHouse type at rest. The column lists themselves are in flow.ts, exporter-minute.ts and
// interface-minute.ts.

/**
 * In memory a column is one typed array. 64-bit kinds are Uint32Array with two words a row, low word first, so that
 * the hot path never touches a bigint; an address is four words a row that hold its 16 bytes in network order.
 */
export const KINDS = {
  u8: { wordsPerRow: 1, bytesPerRow: 1 },
  u16: { wordsPerRow: 1, bytesPerRow: 2 },
  u32: { wordsPerRow: 1, bytesPerRow: 4 },
  u64: { wordsPerRow: 2, bytesPerRow: 8 },
  f32: { wordsPerRow: 1, bytesPerRow: 4 },
  f64: { wordsPerRow: 1, bytesPerRow: 8 },
  /** Milliseconds since the epoch, as a 64-bit integer. */
  time: { wordsPerRow: 2, bytesPerRow: 8 },
  /** 16 bytes in network order; IPv4 is mapped (::ffff:a.b.c.d). */
  address: { wordsPerRow: 4, bytesPerRow: 16 },
  /** 16 bytes that are not an address, such as a UUID. */
  bytes16: { wordsPerRow: 4, bytesPerRow: 16 },
} as const;

export type Kind = keyof typeof KINDS;

export type ColumnArray<K extends Kind> = K extends 'u8'
  ? Uint8Array<ArrayBuffer>
  : K extends 'u16'
    ? Uint16Array<ArrayBuffer>
    : K extends 'f32'
      ? Float32Array<ArrayBuffer>
      : K extends 'f64'
        ? Float64Array<ArrayBuffer>
        : Uint32Array<ArrayBuffer>;

/**
 * What a column shows to who reads it: `nothing` of anybody; an `application` or service; `infrastructure` (a VM, host or
 * rack; a device, its ports and segments and how it forwards; what distinguishes connections); the `address` of an end.
 */
export type Reveals = 'nothing' | 'application' | 'infrastructure' | 'address';

export interface Column {
  readonly name: string;
  readonly kind: Kind;
  /** `decoded` columns travel from collector to enricher, `enriched` ones are added by the enricher. */
  readonly stage: 'decoded' | 'enriched';
  /** Overrides the ClickHouse type that follows from the kind. */
  readonly clickhouse?: string;
  /** ClickHouse compression codec. */
  readonly codec?: string;
  /** Names of the codes of an enumerated column; see codes.ts. */
  readonly codes?: readonly string[];
  /** Whether a question of the API may group and filter by this column. */
  readonly dimension?: boolean;
  /** Roles follow from it, so each column states it. */
  readonly reveals: Reveals;
  /** The column of the other end: source of one direction of a conversation is destination of the other. */
  readonly opposite?: string;
  /** Whether it describes the packets of one direction only, and is unknown of the other. */
  readonly oneWay?: true;
  /** Roll-ups that keep it: `traffic` all of them, `pairs` those of VM pairs. */
  readonly rollUp?: 'traffic' | 'pairs';
  /** How its number is shown: the name of a node, a service, a MAC address, a digest in hexadecimal. */
  readonly shows?: 'node' | 'service' | 'mac' | 'digest';
  /** How rows of one key and minute become one: counters add up, of the rest the newest holds. */
  readonly merge?: 'sum' | 'newest';
  /** Unit and meaning for people. */
  readonly about: string;
  /** Where the value comes from: IANA elements by number, sFlow structures, or the stage that computes it. */
  readonly source: string;
}

export type ColumnsOf<L extends readonly Column[]> = {
  [C in L[number] as C['name']]: ColumnArray<C['kind']>;
};

/** Names of the columns of a list that state `has`. */
export type NamesWith<L extends readonly Column[], P> = Extract<L[number], P>['name'];

export function namesWith<const L extends readonly Column[], const P extends Partial<Column>>(
  list: L,
  has: P,
): NamesWith<L, P>[] {
  const wanted = Object.entries(has) as [keyof Column, unknown][];
  return list.filter(column => wanted.every(([key, value]) => column[key] === value)).map(({ name }) => name);
}

const CLICKHOUSE_TYPES: Record<Kind, string> = {
  u8: 'UInt8',
  u16: 'UInt16',
  u32: 'UInt32',
  u64: 'UInt64',
  f32: 'Float32',
  f64: 'Float64',
  time: "DateTime64(3, 'UTC')",
  address: 'IPv6',
  bytes16: 'FixedString(16)',
};

export function clickhouseType(column: Column): string {
  return column.clickhouse ?? CLICKHOUSE_TYPES[column.kind];
}

/** A typed array over `buffer` for one column; `buffer` must hold a whole number of rows. */
export function viewOf(kind: Kind, buffer: ArrayBuffer, byteOffset = 0, rows?: number): ColumnArray<Kind> {
  const words = rows === undefined ? undefined : rows * KINDS[kind].wordsPerRow;
  switch (kind) {
    case 'u8':
      return new Uint8Array(buffer, byteOffset, words);
    case 'u16':
      return new Uint16Array(buffer, byteOffset, words);
    case 'f32':
      return new Float32Array(buffer, byteOffset, words);
    case 'f64':
      return new Float64Array(buffer, byteOffset, words);
    default:
      return new Uint32Array(buffer, byteOffset, words);
  }
}
