// How each end was recognised, as a column. A MAC that alone named its owner is better evidence still where the record
// comes from the very port that the inventory has for that owner, or goes to it.

import { IDENTITY } from '../schemas/codes.ts';
import type { FlowColumns } from '../schemas/flow.ts';
import { ENTRY, identityIn } from './endpoint-table.ts';
import type { Endpoints } from './endpoints.ts';
import { PLACE } from './places.ts';
import { OWNER_BIT, type Vantage } from './vantage.ts';

export function fillIdentities(
  columns: FlowColumns,
  from: number,
  to: number,
  src: Uint32Array,
  dst: Uint32Array,
  exporterOf: Uint32Array,
  endpoints: Endpoints,
  vantage: Vantage,
): void {
  const { srcIdentity, dstIdentity, inIf, outIf } = columns;
  const { entries, places } = endpoints;
  const port = new Uint32Array(2);

  const isBehind = (entry: number): boolean => {
    const found = vantage.behindPort.find(port, 0);
    if (found <= 0) return false;
    return found >= OWNER_BIT
      ? found === (OWNER_BIT | endpoints.ownerOf(entry))
      : found === places[entries[entry + ENTRY.place]! + PLACE.hostAt];
  };
  const identityAt = (entry: number, exporter: number, ifIndex: number): number => {
    const identity = identityIn(entries[entry + ENTRY.identity]!);
    if (exporter === 0 || ifIndex === 0 || (identity !== IDENTITY.mac && identity !== IDENTITY['segment-mac']))
      return identity;
    port[0] = exporter;
    port[1] = ifIndex;
    return isBehind(entry) ? IDENTITY['port-mac'] : identity;
  };

  if (!vantage.knowsPorts) {
    // A Uint8Array takes the low byte alone.
    for (let row = from; row < to; row++) {
      srcIdentity[row] = entries[src[row]! + ENTRY.identity]!;
      dstIdentity[row] = entries[dst[row]! + ENTRY.identity]!;
    }
    return;
  }
  for (let row = from; row < to; row++) {
    const exporter = exporterOf[row]!;
    srcIdentity[row] = identityAt(src[row]!, exporter, inIf[row]!);
    dstIdentity[row] = identityAt(dst[row]!, exporter, outIf[row]!);
  }
}
