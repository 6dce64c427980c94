// What each end is and where it stands: keys of VM, host, rack and place, how it was recognised, how far apart the ends are, and
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
import { SEEN as SEEN_WORDS, type SeenPorts } from '../election/seen-ports.ts';
import type { Endpoints } from '../endpoints/endpoints.ts';
import { LOCATION as LOCATION_WORDS } from '../endpoints/locations.ts';
import { autoRuleIn, ENTRY_FLAGS as ENTRY_BITS, ENTRY as ENTRY_WORDS, identityIn } from '../entries/endpoint-table.ts';
import type { RowOffsets } from '../entries/row-offsets.ts';
import { localityOf } from './locality.ts';

// V8 folds a module's own constants into the machine code; imported ones it loads and checks at every use (bench enrich: a tenth).
const IDENTITY = IDENTITY_CODES;
const LOCALITY = LOCALITY_CODES;
const MARKS = MARK_BITS;
const ENTRY = ENTRY_WORDS;
const ENTRY_FLAGS = ENTRY_BITS;
const LOCATION = LOCATION_WORDS;
const SEEN = SEEN_WORDS;
const OWNER_BIT = OWNER_MARK;

/** By code of IDENTITIES: the one to put in its location where owner and port agree. */
const AT_ITS_PORT = Uint8Array.from(IDENTITIES, (name, code) =>
  name === 'mac' || name === 'segment-mac' ? IDENTITY['port-mac'] : code,
);

interface Resolved {
  readonly endpoints: Endpoints;
  readonly ports: SeenPorts;
}

/** Fills the columns of rows `from` to `to` whose endpoints and ports are resolved. */
export function fillLocations(
  columns: FlowColumns,
  from: number,
  to: number,
  { src, dst, inPorts, outPorts }: RowOffsets,
  resolved: Resolved,
): void {
  const { entries, locations } = resolved.endpoints;
  const { marks, locality, srcVm, srcHost, srcRack, srcPlace, dstVm, dstHost, dstRack, dstPlace } = columns;
  fillEnd({ vm: srcVm, host: srcHost, rack: srcRack, place: srcPlace }, from, to, src, resolved.endpoints);
  fillEnd({ vm: dstVm, host: dstHost, rack: dstRack, place: dstPlace }, from, to, dst, resolved.endpoints);
  fillIdentities(columns.srcIdentity, from, to, { offsets: src, portOf: inPorts }, resolved);
  fillIdentities(columns.dstIdentity, from, to, { offsets: dst, portOf: outPorts }, resolved);
  for (let row = from; row < to; row++) {
    const srcAt = src[row]!;
    const dstAt = dst[row]!;
    const srcWord = entries[srcAt + ENTRY.identity]!;
    const dstWord = entries[dstAt + ENTRY.identity]!;
    const srcLocation = entries[srcAt + ENTRY.location]!;
    const dstLocation = entries[dstAt + ENTRY.location]!;
    locality[row] = localityOf(locations, srcLocation, autoRuleIn(srcWord), dstLocation, autoRuleIn(dstWord));
    if (((srcWord | dstWord) & ENTRY_FLAGS.stale) !== 0) marks[row]! |= MARKS.stale;
  }
}

/** Puts the source of a row at another location, given by its offset. Of one without a host nothing else is known. */
export function locateSource(columns: FlowColumns, row: number, at: number, dst: number, endpoints: Endpoints): void {
  const { entries, locations } = endpoints;
  const { srcHost, srcRack, srcPlace, locality } = columns;
  for (let i = 0; i < 2; i++) {
    srcHost[2 * row + i] = locations[at + LOCATION.host + i]!;
    srcRack[2 * row + i] = locations[at + LOCATION.rack + i]!;
    srcPlace[2 * row + i] = locations[at + LOCATION.place + i]!;
  }
  const dstRule = autoRuleIn(entries[dst + ENTRY.identity]!);
  const isUnknown = locations[at + LOCATION.hostAt] === 0;
  locality[row] = isUnknown ? LOCALITY.unknown : localityOf(locations, at, 0, entries[dst + ENTRY.location]!, dstRule);
}

/** Keys of an end: two words a row. */
interface EndKeys {
  readonly vm: Uint32Array;
  readonly host: Uint32Array;
  readonly rack: Uint32Array;
  readonly place: Uint32Array;
}

function fillEnd(
  { vm, host, rack, place }: EndKeys,
  from: number,
  to: number,
  offsets: Uint32Array,
  { entries, locations }: Endpoints,
): void {
  for (let row = from; row < to; row++) {
    const entry = offsets[row]!;
    const location = entries[entry + ENTRY.location]!;
    vm[2 * row] = entries[entry + ENTRY.vm]!;
    vm[2 * row + 1] = entries[entry + ENTRY.vm + 1]!;
    host[2 * row] = locations[location + LOCATION.host]!;
    host[2 * row + 1] = locations[location + LOCATION.host + 1]!;
    rack[2 * row] = locations[location + LOCATION.rack]!;
    rack[2 * row + 1] = locations[location + LOCATION.rack + 1]!;
    place[2 * row] = locations[location + LOCATION.place]!;
    place[2 * row + 1] = locations[location + LOCATION.place + 1]!;
  }
}

/** Whether a packet came by its host's port changes from row to row at random, so the choice is made without a branch. */
function fillIdentities(
  identities: Uint8Array,
  from: number,
  to: number,
  { offsets, portOf }: { readonly offsets: Uint32Array; readonly portOf: Uint32Array },
  { endpoints, ports }: Resolved,
): void {
  const { entries, locations } = endpoints;
  const { words } = ports;
  for (let row = from; row < to; row++) {
    const entry = offsets[row]!;
    const identity = identityIn(entries[entry + ENTRY.identity]!);
    const behind = words[portOf[row]! + SEEN.behind]!;
    const location = entries[entry + ENTRY.location]!;
    const expected = behind < OWNER_BIT ? locations[location + LOCATION.hostAt]! : OWNER_BIT | endpoints.ownerOf(entry);
    const other = behind ^ expected;
    // All bits where they agree, none otherwise.
    const agree = ~((other | -other) >> 31);
    identities[row] = identity ^ ((identity ^ AT_ITS_PORT[identity]!) & agree);
  }
}
