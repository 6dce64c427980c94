// How far a packet travelled, from where its two ends stand: the nearest location they share, or the farthest apart they are
// known to be. What the inventory does not place is unknown, never guessed.

import { LOCALITY as LOCALITY_CODES, RULE as RULE_CODES } from '../../schemas/codes.ts';
import { LOCATION as LOCATION_WORDS } from '../endpoints/locations.ts';

// V8 folds a module's own constants into the machine code; imported ones it loads and checks at every use (bench enrich: a tenth).
const LOCALITY = LOCALITY_CODES;
const RULE = RULE_CODES;
const LOCATION = LOCATION_WORDS;

/** `src` and `dst` are offsets into the words of locations; the rules are those of the ends' automatic nodes. */
export function localityOf(locations: Uint32Array, src: number, srcRule: number, dst: number, dstRule: number): number {
  if (srcRule === RULE.external || dstRule === RULE.external) return LOCALITY.external;
  if (shared(locations, src, dst, LOCATION.vswitchAt)) return LOCALITY['same-vswitch'];
  if (shared(locations, src, dst, LOCATION.hostAt)) return LOCALITY['same-host'];
  if (shared(locations, src, dst, LOCATION.rackAt)) return LOCALITY['same-rack'];
  if (apart(locations, src, dst, LOCATION.siteAt)) return LOCALITY['cross-site'];
  return apart(locations, src, dst, LOCATION.rackAt) ? LOCALITY['cross-rack'] : LOCALITY.unknown;
}

function shared(locations: Uint32Array, src: number, dst: number, location: number): boolean {
  const at = locations[src + location]!;
  return at !== 0 && at === locations[dst + location];
}

function apart(locations: Uint32Array, src: number, dst: number, location: number): boolean {
  const from = locations[src + location]!;
  const to = locations[dst + location]!;
  return from !== 0 && to !== 0 && from !== to;
}
