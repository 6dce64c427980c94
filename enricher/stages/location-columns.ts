// What each end is and where it stands: keys of VM, host and rack, how it was recognised, how far apart the ends are, and
// whether what is known of them is stale. A MAC that alone named its owner is better evidence still where the record comes
// from the very port that the inventory has for that owner, or goes to it.

import { OWNER_BIT as OWNER_MARK } from '../../inventory/model/exporter-context.ts';
import {
  IDENTITIES,
  IDENTITY as IDENTITY_CODES,
  LOCALITY as LOCALITY_CODES,
  MARKS as MARK_BITS,
} from '../../schemas/codes.ts';
import type { FlowColumns } from '../../schemas/flow.ts';
import { SEEN as SEEN_WORDS } from '../election/seen-ports.ts';
import type { Endpoints } from '../endpoints/endpoints.ts';
import { PLACE as PLACE_WORDS } from '../endpoints/locations.ts';
import { autoRuleIn, ENTRY_FLAGS as ENTRY_BITS, ENTRY as ENTRY_WORDS, identityIn } from '../entries/endpoint-table.ts';
import { localityOf } from './locality.ts';

// V8 folds a module's own constants into the machine code; imported ones it loads and checks at every use (bench enrich: a tenth).
const IDENTITY = IDENTITY_CODES;
const LOCALITY = LOCALITY_CODES;
const MARKS = MARK_BITS;
const ENTRY = ENTRY_WORDS;
const ENTRY_FLAGS = ENTRY_BITS;
const PLACE = PLACE_WORDS;
const SEEN = SEEN_WORDS;
const OWNER_BIT = OWNER_MARK;

/** By code of IDENTITIES: the one to put in its place where owner and port agree. */
const AT_ITS_PORT = Uint8Array.from(IDENTITIES, (name, code) =>
  name === 'mac' || name === 'segment-mac' ? IDENTITY['port-mac'] : code,
);

/** `src` and `dst` are offsets into the entries of `endpoints`, `inPorts` and `outPorts` into `ports`, words of seen ports. */
export function fillPlaces(
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
  const { entries, places } = endpoints;
  const { marks, locality, srcVm, srcHost, srcRack, dstVm, dstHost, dstRack } = columns;
  fillEnd(entries, places, src, from, to, srcVm, srcHost, srcRack);
  fillEnd(entries, places, dst, from, to, dstVm, dstHost, dstRack);
  fillIdentities(columns.srcIdentity, from, to, src, inPorts, endpoints, ports);
  fillIdentities(columns.dstIdentity, from, to, dst, outPorts, endpoints, ports);
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

/** Whether a packet came by its host's port changes from row to row at random, so the choice is made without a branch. */
function fillIdentities(
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
    const expected =
      behind < OWNER_BIT ? places[entries[entry + ENTRY.place]! + PLACE.hostAt]! : OWNER_BIT | endpoints.ownerOf(entry);
    const other = behind ^ expected;
    // All bits where they agree, none otherwise.
    const agree = ~((other | -other) >> 31);
    identities[row] = identity ^ ((identity ^ AT_ITS_PORT[identity]!) & agree);
  }
}
