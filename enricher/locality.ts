// How far a packet travelled, from where its two ends stand: the nearest place they share, or the farthest apart they are
// known to be. What the inventory does not place is unknown, never guessed.

import { LOCALITY, RULE } from '../schemas/codes.ts';
import { ENTRY } from './endpoints.ts';

export function localityOf(entries: Uint32Array, src: number, dst: number): number {
  if (entries[src + ENTRY.autoRule] === RULE.external || entries[dst + ENTRY.autoRule] === RULE.external)
    return LOCALITY.external;
  if (shared(entries, src, dst, ENTRY.vswitchAt)) return LOCALITY['same-vswitch'];
  if (shared(entries, src, dst, ENTRY.hostAt)) return LOCALITY['same-host'];
  if (shared(entries, src, dst, ENTRY.rackAt)) return LOCALITY['same-rack'];
  if (apart(entries, src, dst, ENTRY.siteAt)) return LOCALITY['cross-site'];
  return apart(entries, src, dst, ENTRY.rackAt) ? LOCALITY['cross-rack'] : LOCALITY.unknown;
}

function shared(entries: Uint32Array, src: number, dst: number, place: number): boolean {
  const at = entries[src + place]!;
  return at !== 0 && at === entries[dst + place];
}

function apart(entries: Uint32Array, src: number, dst: number, place: number): boolean {
  const from = entries[src + place]!;
  const to = entries[dst + place]!;
  return from !== 0 && to !== 0 && from !== to;
}
