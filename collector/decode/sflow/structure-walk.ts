// Samples follow each other in a datagram, and records in a sample, as type, length and content. XDR pads content
// to 4 bytes and its length does not count the padding, but agents also count it, or leave it out.

/** Where the next structure starts behind content of `length` bytes at `start`; nothing is read at or behind `limit`. */
export function nextStructure(view: DataView, start: number, length: number, limit: number): number {
  const end = start + length;
  if ((length & 3) === 0 || isStructure(view, end, limit)) return end;
  return Math.min(end + (-length & 3), limit);
}

/** Type 0 does not exist: padding read as the start of a type gives it, or a length that does not fit. */
function isStructure(view: DataView, offset: number, limit: number): boolean {
  if (offset + 8 > limit || view.getUint32(offset) === 0) return false;
  return offset + 8 + view.getUint32(offset + 4) <= limit;
}

/** Steps a walk over `count` structures within `bytes` can take at most; each takes 8 bytes. */
export function walkSteps(count: number, bytes: number): number {
  return 1 + Math.min(count, bytes >>> 3);
}
