// How far a packet travelled, from where its two ends stand: the nearest place they share, or the farthest apart they are
// known to be. What the inventory does not place is unknown, never guessed.

import { LOCALITY as LOCALITY_CODES, RULE as RULE_CODES } from '../../schemas/codes.ts';
import { PLACE as PLACE_WORDS } from '../endpoints/locations.ts';

// V8 folds a module's own constants into the machine code; imported ones it loads and checks at every use (bench enrich: a tenth).
const LOCALITY = LOCALITY_CODES;
const RULE = RULE_CODES;
const PLACE = PLACE_WORDS;

/** `src` and `dst` are offsets into the words of places; the rules are those of the ends' automatic nodes. */
export function localityOf(places: Uint32Array, src: number, srcRule: number, dst: number, dstRule: number): number {
  if (srcRule === RULE.external || dstRule === RULE.external) return LOCALITY.external;
  if (shared(places, src, dst, PLACE.vswitchAt)) return LOCALITY['same-vswitch'];
  if (shared(places, src, dst, PLACE.hostAt)) return LOCALITY['same-host'];
  if (shared(places, src, dst, PLACE.rackAt)) return LOCALITY['same-rack'];
  if (apart(places, src, dst, PLACE.siteAt)) return LOCALITY['cross-site'];
  return apart(places, src, dst, PLACE.rackAt) ? LOCALITY['cross-rack'] : LOCALITY.unknown;
}

function shared(places: Uint32Array, src: number, dst: number, place: number): boolean {
  const at = places[src + place]!;
  return at !== 0 && at === places[dst + place];
}

function apart(places: Uint32Array, src: number, dst: number, place: number): boolean {
  const from = places[src + place]!;
  const to = places[dst + place]!;
  return from !== 0 && to !== 0 && from !== to;
}
