// Who may export, and how much: looked at before a datagram is decoded, so that what is refused costs no more than this.
// Sources are distinguished by address alone, because whoever floods can choose ports. What is known of a source is a place
// in typed arrays: nothing is made for a datagram. A refused datagram leaves a gap in the exporter's sequence, which its
// loss ratio shows like any other loss.
//
// The limit is a token bucket of a second's worth, and one for each receive worker.

import { parseAddress, parsePrefix } from '../../schemas/address.ts';
import type { CollectorConfiguration } from '../configuration.ts';

/** Sources remembered; beyond that the one that came first is evicted, and has a full bucket when it comes again. */
export const SOURCES_MAX = 65_536;

const TOKEN = 1000;

export const ADMITTED = 0;
export const NOT_ALLOWED = 1;
export const OVER_RATE = 2;
export type Verdict = typeof ADMITTED | typeof NOT_ALLOWED | typeof OVER_RATE;

export interface SourceGate {
  /** Whether datagrams of this address are taken at all. */
  allows(address: string): boolean;
  /** The same for one datagram or message, which takes its share of the limit. */
  admit(address: string, nowMs: number): Verdict;
  /** Whether a message would be admitted now; takes nothing. */
  hasToken(address: string, nowMs: number): boolean;
  readonly size: number;
}

type GateConfiguration = Pick<CollectorConfiguration, 'exporterAllow' | 'exporterRateMax'>;

/** Undefined when everybody may send everything. */
export function createSourceGate(
  { exporterAllow, exporterRateMax }: GateConfiguration,
  sourcesMax = SOURCES_MAX,
): SourceGate | undefined {
  if (exporterAllow.length === 0 && exporterRateMax === 0) return undefined;
  const isAllowed = exporterAllow.length === 0 ? () => true : matcherOf(exporterAllow);
  /** Place of each source that is allowed; others are not remembered, or strangers would displace them. */
  const places = new Map<string, number>();
  /** The source at each place, taken in turn: the next one is the oldest, without a walk through entries that were deleted. */
  const addresses: string[] = [];
  let nextPlace = 0;
  /** In thousandths, so that they are whole numbers: a millisecond gives as many as the rate has. */
  const tokens = new Float64Array(sourcesMax);
  const full = exporterRateMax * TOKEN;
  const filledMs = new Float64Array(sourcesMax);

  const placeOf = (address: string, nowMs: number): number => {
    const known = places.get(address);
    if (known !== undefined) return known;
    if (!isAllowed(address)) return -1;
    const place = nextPlace;
    nextPlace = (place + 1) % sourcesMax;
    if (place < addresses.length) places.delete(addresses[place]!);
    addresses[place] = address;
    places.set(address, place);
    tokens[place] = full;
    filledMs[place] = nowMs;
    return place;
  };

  const fill = (place: number, nowMs: number): void => {
    const elapsedMs = nowMs - filledMs[place]!;
    filledMs[place] = nowMs;
    // A clock that was set back gives nothing.
    if (elapsedMs > 0) tokens[place] = Math.min(full, tokens[place]! + elapsedMs * exporterRateMax);
  };

  return {
    allows: address => places.has(address) || isAllowed(address),
    admit(address, nowMs) {
      const place = placeOf(address, nowMs);
      if (place < 0) return NOT_ALLOWED;
      if (exporterRateMax === 0) return ADMITTED;
      fill(place, nowMs);
      if (tokens[place]! < TOKEN) return OVER_RATE;
      tokens[place]! -= TOKEN;
      return ADMITTED;
    },
    hasToken(address, nowMs) {
      if (exporterRateMax === 0) return true;
      const place = placeOf(address, nowMs);
      if (place < 0) return false;
      fill(place, nowMs);
      return tokens[place]! >= TOKEN;
    },
    get size() {
      return places.size;
    },
  };
}

/** Prefixes as words and masks, tried one after the other: they are few, and each source is looked up once. */
/** Whether an address is within one of these prefixes. */
export function matcherOf(texts: readonly string[]): (address: string) => boolean {
  if (texts.length === 0) return () => false;
  const prefixes = texts.map(text => parsePrefix(text)!);
  const words = Uint32Array.from(prefixes.flatMap(({ words }) => words));
  const masks = Uint32Array.from(
    prefixes.flatMap(({ length }) =>
      [0, 1, 2, 3].map(i => {
        const bits = Math.min(32, Math.max(0, length - 32 * i));
        return bits === 0 ? 0 : 0xffffffff << (32 - bits);
      }),
    ),
  );
  return text => {
    const address = parseAddress(text.split('%')[0]!);
    if (!address) return false;
    const [a, b, c, d] = address;
    for (let i = 0; i < words.length; i += 4) {
      const differs =
        ((a ^ words[i]!) & masks[i]!) |
        ((b ^ words[i + 1]!) & masks[i + 1]!) |
        ((c ^ words[i + 2]!) & masks[i + 2]!) |
        ((d ^ words[i + 3]!) & masks[i + 3]!);
      if (differs === 0) return true;
    }
    return false;
  };
}
