// Keys of VM, host and rack of both ends, how far apart they stand, and whether what is known of them is stale.

import { LOCALITY, MARKS } from '../schemas/codes.ts';
import type { FlowColumns } from '../schemas/flow.ts';
import { autoRuleIn, ENTRY, ENTRY_FLAGS } from './endpoint-table.ts';
import type { Endpoints } from './endpoints.ts';
import { localityOf } from './locality.ts';
import { PLACE } from './places.ts';

/** `src` and `dst` are offsets into the entries of `endpoints`. */
export function fillPlaces(
  columns: FlowColumns,
  from: number,
  to: number,
  src: Uint32Array,
  dst: Uint32Array,
  endpoints: Endpoints,
): void {
  const { entries, places } = endpoints;
  const { marks, locality } = columns;
  fillEnd(entries, places, src, from, to, columns.srcVm, columns.srcHost, columns.srcRack);
  fillEnd(entries, places, dst, from, to, columns.dstVm, columns.dstHost, columns.dstRack);
  for (let row = from; row < to; row++) {
    const srcAt = src[row]!;
    const dstAt = dst[row]!;
    const srcWord = entries[srcAt + ENTRY.identity]!;
    const dstWord = entries[dstAt + ENTRY.identity]!;
    const srcPlace = entries[srcAt + ENTRY.place]!;
    const dstPlace = entries[dstAt + ENTRY.place]!;
    locality[row] = localityOf(places, srcPlace, autoRuleIn(srcWord), dstPlace, autoRuleIn(dstWord));
    if (((srcWord | dstWord) & ENTRY_FLAGS.stale) !== 0) marks[row]! |= MARKS.stale;
  }
}

/** Puts the source of a row where a host stands, given by the offset of its place; nowhere if that is negative. */
export function placeSource(columns: FlowColumns, row: number, at: number, dst: number, endpoints: Endpoints): void {
  const { entries, places } = endpoints;
  const { srcHost, srcRack, locality } = columns;
  for (let i = 0; i < 2; i++) {
    srcHost[2 * row + i] = at < 0 ? 0 : places[at + PLACE.host + i]!;
    srcRack[2 * row + i] = at < 0 ? 0 : places[at + PLACE.rack + i]!;
  }
  const dstRule = autoRuleIn(entries[dst + ENTRY.identity]!);
  locality[row] = at < 0 ? LOCALITY.unknown : localityOf(places, at, 0, entries[dst + ENTRY.place]!, dstRule);
}

function fillEnd(
  entries: Uint32Array,
  places: Uint32Array,
  at: Uint32Array,
  from: number,
  to: number,
  vm: Uint32Array,
  host: Uint32Array,
  rack: Uint32Array,
): void {
  for (let row = from; row < to; row++) {
    const entry = at[row]!;
    const place = entries[entry + ENTRY.place]!;
    vm[2 * row] = entries[entry + ENTRY.vm]!;
    vm[2 * row + 1] = entries[entry + ENTRY.vm + 1]!;
    host[2 * row] = places[place + PLACE.host]!;
    host[2 * row + 1] = places[place + PLACE.host + 1]!;
    rack[2 * row] = places[place + PLACE.rack]!;
    rack[2 * row + 1] = places[place + PLACE.rack + 1]!;
  }
}
