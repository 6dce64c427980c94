// Texts as bytes and offsets: what is read rarely (names, tags) crosses threads without an object each, and costs its
// reader nothing until an endpoint is first seen.

export interface StringTable {
  /** Text n lies from starts[n] to starts[n + 1]. */
  readonly starts: Uint32Array;
  /** UTF-8. */
  readonly bytes: Uint8Array;
}

export function packStrings(texts: readonly string[]): StringTable {
  const starts = new Uint32Array(texts.length + 1);
  texts.forEach((text, i) => {
    starts[i + 1] = starts[i]! + Buffer.byteLength(text);
  });
  const bytes = Buffer.allocUnsafeSlow(starts[texts.length]!);
  texts.forEach((text, i) => {
    bytes.write(text, starts[i]!);
  });
  return { starts, bytes: new Uint8Array(bytes.buffer) };
}

export function stringAt({ starts, bytes }: StringTable, at: number): string {
  const from = starts[at]!;
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, starts[at + 1]! - from).toString();
}

export function stringsOf(table: StringTable): string[] {
  return Array.from({ length: table.starts.length - 1 }, (_, i) => stringAt(table, i));
}
