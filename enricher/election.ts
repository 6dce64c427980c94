// Counting once: which observation of a packet counts. A pure function of the source's access points and the record, so
// that it needs no state, no order of arrival, and a replay gives the same answer. Rules (docs/ARCHITECTURE.md,
// "Counting once"): a dropped packet never counts; where the source's access port is metered at ingress, the record
// from there counts and every other one does not; where nothing covers the source, records stay unelected. So does a
// record of the access port that may be of either direction: it could be the second one of its packet.

import { COUNT_REASON, DIRECTION, PROTOCOL } from '../schemas/codes.ts';
import type { FlowColumns } from '../schemas/flow.ts';
import { type AccessTable, METERS } from './access.ts';
import { ENTRY } from './endpoints.ts';

/** forwardingStatus, RFC 7270 4.12: the top two bits say dropped. */
const DROPPED = 0b10;

export const {
  unelected: UNELECTED,
  elected: ELECTED,
  'not-canonical': NOT_CANONICAL,
  discarded: DISCARDED,
} = COUNT_REASON;

/** Fills weight and countReason of rows `from` to `to`; `src` are offsets into `entries`, `exporterOf` exporter numbers of the registry. */
export function elect(
  columns: FlowColumns,
  from: number,
  to: number,
  src: Uint32Array,
  entries: Uint32Array,
  exporterOf: Uint32Array,
  access: AccessTable,
): void {
  const { weight, countReason, forwardingStatus, inIf, outIf, direction, protocol } = columns;
  for (let row = from; row < to; row++) {
    weight[row] = 0;
    if (forwardingStatus[row]! >>> 6 === DROPPED) {
      countReason[row] = DISCARDED;
      continue;
    }
    const number = entries[src[row]! + ENTRY.access]!;
    if (number === 0) {
      countReason[row] = UNELECTED;
      continue;
    }
    const counts = weightAt(access, number, exporterOf[row]!, protocol[row]!, inIf[row]!, outIf[row]!, direction[row]!);
    if (counts === UNDECIDED) {
      countReason[row] = UNELECTED;
      continue;
    }
    weight[row] = counts;
    countReason[row] = counts === 0 ? NOT_CANONICAL : ELECTED;
  }
}

const UNDECIDED = -1;

/** The weight of a record of a source with access points, or UNDECIDED. */
function weightAt(
  access: AccessTable,
  number: number,
  exporter: number,
  protocol: number,
  inIf: number,
  outIf: number,
  direction: number,
): number {
  const end = access.starts[number + 1]!;
  for (let i = access.starts[number]!; i < end; i++) {
    if (access.exporter[i] !== exporter || access.ifIndex[i] !== inIf) continue;
    if (direction === DIRECTION.ingress) return 1;
    if (direction !== DIRECTION.unknown) return 0;
    if (access.meters[i] === METERS.ingress) return 1;
    // Back through the port it came from: input and output are one port, and an agent that samples both directions
    // sees the packet twice without telling which is which.
    return isSflow(protocol) && inIf === outIf ? 0.5 : UNDECIDED;
  }
  return 0;
}

function isSflow(protocol: number): boolean {
  return protocol === PROTOCOL.sflow5 || protocol === PROTOCOL.sflow4 || protocol === PROTOCOL.sflow2;
}
