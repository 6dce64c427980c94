// Facts: inventory that exporters tell beside their flows, in options records (RFC 7011 3.4.2, RFC 7133 346-350) and in
// counter samples (sFlow host structures). Rare and small, so they travel as objects; who keeps them bounds and dedupes.

export interface Fact {
  /**
   * `interface`: the port `index` of the exporter has this name. `station`: a VM (or other end station) with this id,
   * name, MAC or port. `host`: the exporter itself is, or runs on, this machine. `vrf`: the VRF `index` has this name.
   */
  readonly kind: 'interface' | 'station' | 'host' | 'vrf';
  /** ifIndex or VRF id, 0 none. */
  readonly index: number;
  /** MAC address: upper 16 and lower 32 bits, 0 none. */
  readonly macHigh: number;
  readonly macLow: number;
  /** UUID as 32 hex digits, empty when not told. */
  readonly stationId: string;
  /** At most NAME_BYTES_MAX bytes of UTF-8, control characters replaced; empty when not told. */
  readonly name: string;
  /** UUID of the machine that runs a station, as 32 hex digits; empty when not told. */
  readonly hostId: string;
}

export const NAME_BYTES_MAX = 255;

/** The exporter is told as its column holds it; the sink copies what it keeps. */
export interface FactSink {
  tell(fact: Fact, exporter: Uint32Array, observationDomain: number, protocol: number, receivedAtMs: number): void;
}

export const NO_FACTS: FactSink = { tell() {} };
