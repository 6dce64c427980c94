// Counters of interfaces that exporters report beside their flows (sFlow if_counters). A few thousand arrive a second at
// most, so they travel as objects; who keeps them computes the differences.

export interface InterfaceCounters {
  /** Number of the counters sample within its data source: starts anew when counters do. */
  readonly sequence: number;
  /** The exporter's own uptime. */
  readonly uptimeMs: number;
  /** The data source that reports, see sourceKey(): an interface may be reported by one only. */
  readonly source: number;
  readonly ifIndex: number;
  /** IANAifType. */
  readonly ifType: number;
  /** Bits a second, 0 unknown. */
  readonly speedBps: number;
  /** 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out. */
  readonly direction: number;
  /** Bit 0: ifAdminStatus up, bit 1: ifOperStatus up. */
  readonly status: number;
  readonly inOctets: bigint;
  readonly outOctets: bigint;
  /** 32-bit counters, in the order of COUNTERS_32. */
  readonly counters: readonly number[];
}

/** What a counter holds that the agent does not count. */
export const UNKNOWN_32 = 0xffffffff;
export const UNKNOWN_64 = 0xffffffffffffffffn;

export const COUNTERS_32 = [
  'inUnicast',
  'inMulticast',
  'inBroadcast',
  'inDiscards',
  'inErrors',
  'outUnicast',
  'outMulticast',
  'outBroadcast',
  'outDiscards',
  'outErrors',
] as const;

/** The exporter is given as its column holds it; the sink copies what it keeps. */
export interface InterfaceSink {
  report(
    counters: InterfaceCounters,
    exporter: Uint32Array,
    observationDomain: number,
    protocol: number,
    receivedAtMs: number,
  ): void;
}

export const NO_INTERFACES: InterfaceSink = { report() {} };
