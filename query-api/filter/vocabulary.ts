// What a filter may name: columns, and pairs of columns of sender and receiver. Whoever reads filters hands the registry of
// dimensions in; the language has no list of its own.

/** How the values of a column are written. */
type ValueKind = 'node' | 'service' | 'address' | 'prefix' | 'interface' | 'mac' | 'code' | 'number';

export interface FilterColumn {
  readonly name: string;
  readonly kind: ValueKind;
  /** Of a column of kind `code`: its values. */
  readonly codes: readonly string[];
  /** Its type, which limits numbers. */
  readonly clickhouse: 'UInt8' | 'UInt16' | 'UInt32' | 'UInt64' | 'IPv6' | 'String';
}

export interface Vocabulary<C extends FilterColumn> {
  readonly columns: ReadonlyMap<string, C>;
  /** `app` -> srcApp, dstApp; those used most come first. */
  readonly pairs: ReadonlyMap<string, readonly [C, C]>;
  /** What is wrong with a value of a service, an address, an interface or a MAC address. */
  readonly faultOf: (column: C, value: string) => string | undefined;
}

/** `src.app`, `dst.app`, `either.app`. */
export const ENDS = ['src', 'dst', 'either'] as const;
type End = (typeof ENDS)[number];

/** The columns that a name stands for: of one or two, any one has to fit. */
export function columnsNamed<C extends FilterColumn>(
  { columns, pairs }: Vocabulary<C>,
  name: string,
): readonly C[] | undefined {
  const column = columns.get(name);
  if (column) return [column];
  const [end, pair] = endAndPair(name);
  const ends = pairs.get(pair);
  if (!ends || end === 'either') return ends;
  return end === 'src' ? [ends[0]] : end === 'dst' ? [ends[1]] : undefined;
}

function endAndPair(name: string): readonly [end: string, pair: string] {
  const dot = name.indexOf('.');
  return dot < 0 ? ['either', name] : [name.slice(0, dot), name.slice(dot + 1)];
}

/** The one name of these columns: `src.app` of srcApp, `app` of either. */
export function canonicalName<C extends FilterColumn>(vocabulary: Vocabulary<C>, columns: readonly C[]): string {
  for (const [pair, ends] of vocabulary.pairs) {
    if (columns.length === 2 && ends[0] === columns[0]) return pair;
    const end = columns.length === 1 ? ends.indexOf(columns[0]!) : -1;
    if (end >= 0) return `${ENDS[end]}.${pair}`;
  }
  return columns[0]!.name;
}

/** What may be named, as messages list it. */
export function namesAllowed<C extends FilterColumn>({ columns, pairs }: Vocabulary<C>, wanted = ''): string[] {
  const [end, pair] = endAndPair(wanted);
  if (wanted.includes('.')) {
    const ends: readonly End[] = ENDS.filter(one => one === end);
    if (ends.length === 0 && pairs.has(pair)) return ENDS.map(one => `${one}.${pair}`);
    return (ends.length > 0 ? ends : ENDS).flatMap(one => [...pairs.keys()].map(name => `${one}.${name}`));
  }
  return [...pairs.keys(), ...columns.keys()];
}
