// How each end was recognised, as a column. A MAC that alone named its owner is better evidence still where the record
// comes from the very port that the inventory has for that owner, or goes to it.

import { IDENTITY } from '../schemas/codes.ts';
import type { FlowColumns } from '../schemas/flow.ts';
import { ENTRY, identityIn } from './endpoint-table.ts';
import type { Endpoints } from './endpoints.ts';
import { PLACE } from './places.ts';
import { SEEN } from './seen-ports.ts';
import { OWNER_BIT } from './vantage.ts';

/** `src` and `dst` are offsets into the entries of `endpoints`, `inPorts` and `outPorts` into `ports`, words of seen ports. */
export function fillIdentities(
  columns: FlowColumns,
  from: number,
  to: number,
  src: Uint32Array,
  dst: Uint32Array,
  inPorts: Uint32Array,
  outPorts: Uint32Array,
  endpoints: Endpoints,
  ports: Uint32Array,
): void {
  fillEnd(columns.srcIdentity, from, to, src, inPorts, endpoints, ports);
  fillEnd(columns.dstIdentity, from, to, dst, outPorts, endpoints, ports);
}

function fillEnd(
  identities: Uint8Array,
  from: number,
  to: number,
  offsets: Uint32Array,
  portOf: Uint32Array,
  endpoints: Endpoints,
  ports: Uint32Array,
): void {
  const { entries, places } = endpoints;
  for (let row = from; row < to; row++) {
    const entry = offsets[row]!;
    const identity = identityIn(entries[entry + ENTRY.identity]!);
    const behind = ports[portOf[row]! + SEEN.behind]!;
    identities[row] = identity;
    if (behind === 0 || (identity !== IDENTITY.mac && identity !== IDENTITY['segment-mac'])) continue;
    const isBehind =
      behind >= OWNER_BIT
        ? behind === (OWNER_BIT | endpoints.ownerOf(entry))
        : behind === places[entries[entry + ENTRY.place]! + PLACE.hostAt];
    if (isBehind) identities[row] = IDENTITY['port-mac'];
  }
}
