// Copies plain data so that its typed arrays lie in shared memory: handing it to another thread then costs nothing that
// grows with it, and both may keep it.

type Columns = Uint8Array | Uint16Array | Uint32Array | Float64Array;

export function share<T>(value: T): T {
  return shared(value) as T;
}

function shared(value: unknown): unknown {
  if (ArrayBuffer.isView(value)) {
    const columns = value as Columns;
    if (columns.buffer instanceof SharedArrayBuffer) return columns;
    const copy = new (columns.constructor as new (buffer: SharedArrayBuffer) => Columns)(
      new SharedArrayBuffer(columns.byteLength),
    );
    copy.set(columns);
    return copy;
  }
  if (Array.isArray(value)) return value.map(shared);
  if (typeof value !== 'object' || value === null || value instanceof Map || value instanceof Set) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, shared(entry)]));
}

/** Compiled states kept: so many, and so many bytes; at 100,000 VMs one is some 60 MB. The newest stays in any case. */
export const COMPILED_MAX = 64;
export const COMPILED_BYTES_MAX = 512 * 1024 * 1024;

/** Drops what was put first until the bounds hold; returns the names of what went. */
export function dropOldest(compiled: Map<string, object>, bytesMax = COMPILED_BYTES_MAX): string[] {
  let bytes = 0;
  for (const data of compiled.values()) bytes += bytesOf(data);
  const dropped: string[] = [];
  for (const [name, data] of compiled) {
    if (compiled.size === 1 || (compiled.size <= COMPILED_MAX && bytes <= bytesMax)) break;
    compiled.delete(name);
    dropped.push(name);
    bytes -= bytesOf(data);
  }
  return dropped;
}

/** Bytes of the typed arrays in it. */
export function bytesOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 0;
  return Object.values(value).reduce((sum: number, entry) => sum + bytesOf(entry), 0);
}
