// Facts: inventory that exporters report beside their flows, in options records (RFC 7011 3.4.2, RFC 7133 347-350) and in
// counter samples (sFlow host structures). Rare and small, so they travel as objects; who keeps them bounds and dedupes.

import { cleanText } from '../../schemas/clean-text.ts';
import { type FactKind, NAME_BYTES_MAX } from '../../schemas/facts.ts';

export interface Fact {
  /**
   * `interface`: the port `index` of the exporter has this name. `station`: a VM (or other end station) with this id,
   * name, MAC or port. `host`: the exporter itself is, or runs on, this machine. `vrf`: the VRF `index` has this name.
   */
  readonly kind: FactKind;
  /** ifIndex or VRF id, 0 none. */
  readonly index: number;
  /** MAC address: upper 16 and lower 32 bits, 0 none. */
  readonly macHigh: number;
  readonly macLow: number;
  /** UUID as 32 hex digits, empty when not reported; of a `host` fact the host's own. */
  readonly stationId: string;
  /** At most NAME_BYTES_MAX bytes of UTF-8, control characters replaced; empty when not reported. */
  readonly name: string;
  /** UUID of the machine that runs a station, as 32 hex digits; empty when not reported. */
  readonly hostId: string;
}

export { NAME_BYTES_MAX };

/** The exporter is given as its column holds it; the sink copies what it keeps. */
export interface FactSink {
  report(fact: Fact, exporter: Uint32Array, observationDomain: number, protocol: number, receivedAtMs: number): void;
}

export const NO_FACTS: FactSink = { report() {} };

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const encoded = new Uint8Array(NAME_BYTES_MAX);

/** A name as an exporter sends it: ends at the first NUL; what is no UTF-8, or what nobody sees, becomes U+FFFD. */
export function cleanName(bytes: Uint8Array, start: number, length: number): string {
  const limit = start + Math.min(length, NAME_BYTES_MAX);
  let end = start;
  while (end < limit && bytes[end] !== 0) end++;
  // A cut does not split a character: 10xxxxxx continues one.
  if (end === limit && length > NAME_BYTES_MAX) while (end > start && (bytes[end]! & 0xc0) === 0x80) end--;
  const text = cleanText(decoder.decode(bytes.subarray(start, end))).trim();
  return text.slice(0, encoder.encodeInto(text, encoded).read);
}
