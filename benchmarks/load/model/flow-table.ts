// Flows as the generator makes them, before any exporter sees them: columns of fixed length, filled and emptied once
// per slot. A flow is one direction of one turn of a conversation; its packets have floor(bytes / packets) bytes each,
// the first (bytes mod packets) of them one more, and are evenly spaced from start to end.

export interface FlowTable {
  readonly rowsMax: number;
  rows: number;
  readonly conversation: Uint32Array;
  readonly srcPort: Uint16Array;
  readonly dstPort: Uint16Array;
  readonly bytes: Float64Array;
  readonly packets: Uint32Array;
  /** Milliseconds since the epoch of the first and of the last packet. */
  readonly startMs: Float64Array;
  readonly endMs: Float64Array;
}

export function createFlowTable(rowsMax: number): FlowTable {
  return {
    rowsMax,
    rows: 0,
    conversation: new Uint32Array(rowsMax),
    srcPort: new Uint16Array(rowsMax),
    dstPort: new Uint16Array(rowsMax),
    bytes: new Float64Array(rowsMax),
    packets: new Uint32Array(rowsMax),
    startMs: new Float64Array(rowsMax),
    endMs: new Float64Array(rowsMax),
  };
}

/** Bytes of the first `count` packets of a flow. */
export function bytesOfPackets(bytes: number, packets: number, count: number): number {
  const size = Math.floor(bytes / packets);
  return size * count + Math.min(count, bytes - size * packets);
}

/** How many packets of a flow passed before `timeMs`. */
export function packetsBefore(startMs: number, endMs: number, packets: number, timeMs: number): number {
  if (timeMs <= startMs) return 0;
  if (timeMs > endMs) return packets;
  return Math.min(packets, Math.ceil(((timeMs - startMs) * (packets - 1)) / (endMs - startMs)));
}
