// Facts: what exporters report of themselves beside their flows (names of ports, VMs with their MACs, the host they run on),
// as rows on their way from the collector to the table `facts`. Rare and small, so they are objects; how they travel is
// in fact-batch.ts.

/** What a fact is about; see `Fact` of the decoders. */
export const FACT_KINDS = ['interface', 'station', 'host', 'vrf'] as const;
export type FactKind = (typeof FACT_KINDS)[number];

/** A fact holds as long as it is reported again within a day; then nobody relies on it any more. */
export const FACT_LIFE_MS = 24 * 3_600_000;

/** Bytes of UTF-8. */
export const NAME_BYTES_MAX = 255;

export interface FactRow {
  /** When the exporter reported it last. */
  readonly receivedAtMs: number;
  /** Address of the exporter as text. */
  readonly exporter: string;
  readonly observationDomain: number;
  /** Code of the protocol; see codes.ts. */
  readonly protocol: number;
  readonly kind: FactKind;
  /** ifIndex or VRF id, 0 none. */
  readonly index: number;
  /** 48 bits, 0 none. */
  readonly mac: number;
  /** UUID as 32 hexadecimal digits, empty when not reported: of the station, of a host fact the host's own. */
  readonly stationId: string;
  readonly name: string;
  /** UUID of the machine that runs the station. */
  readonly hostId: string;
}

/** What a fact is about, within its exporter. Name, host and protocol are what is said of it and may change. */
export function factKey({ observationDomain, kind, index, mac, stationId }: Omit<FactRow, 'name' | 'hostId'>): string {
  return `${observationDomain} ${kind} ${index} ${mac} ${stationId}`;
}

/** `564d3a1e-0b1c-...` of 32 hexadecimal digits. */
export function formatUuid(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** The 32 hexadecimal digits of a UUID as people write it; undefined when the text is none. */
export function parseUuid(text: string): string | undefined {
  const hex = text.replace(/[-\s]/g, '').toLowerCase();
  return /^[0-9a-f]{32}$/.test(hex) ? hex : undefined;
}
