// What is asked of the advisor, the part that holds the inventory and answers what no table can: which pairs of VMs an
// exporter can see, and what a document would change. Services that ask and the one that answers share these words.

/** An exporter as the table `exporters` knows it. */
export interface SeenExporter {
  readonly address: string;
  readonly domain: number;
  /** Code of PROTOCOLS. */
  readonly protocol: number;
  readonly lastSeenMs: number;
}

/** Why packets of a pair meet no meter. */
export const BLIND_REASONS = [
  'veb', // they stay inside the host: its virtual bridge turns them round and exports nothing
  'relay-not-operational', // the bridge would send them out, but the switch does not turn them back
  'vswitch-not-metered', // the vSwitch is reported to export, but nobody registered or no longer hears that exporter
  'no-access-port', // the inventory does not say where the host is cabled
  'not-metered', // no registered exporter meters the access port
  'exporter-silent', // the exporter that meters the access port is not seen
] as const;
export type BlindReason = (typeof BLIND_REASONS)[number];

export interface SwitchPortName {
  readonly switch: string;
  readonly ifIndex: number;
  readonly name: string;
}

/** VMs whose packets to each other, or to the rest, nobody sees: a host, a vSwitch and a segment, or a host's cable. */
export interface BlindSpot {
  readonly reason: BlindReason;
  readonly site: string;
  readonly rack: string;
  readonly host: string;
  readonly vswitch: string;
  /** Empty where the segment does not matter. */
  readonly segment: string;
  /** Running VMs there. */
  readonly vms: number;
  /** Ordered pairs of VMs that are invisible for this reason. */
  readonly pairs: number;
  /** Start of the unbroken time of which the inventory says so. */
  readonly sinceMs: number;
  /** Older inventories were not looked at: it may have been so before. */
  readonly sinceOrEarlier: boolean;
  readonly ports: readonly SwitchPortName[];
  /** What would make it visible, the likeliest first. */
  readonly remedies: readonly string[];
}

export interface InvisiblePair {
  readonly src: string;
  readonly dst: string;
  readonly reason: BlindReason;
  readonly host: string;
  readonly sinceMs: number;
}

export interface CoverageRequest {
  readonly request: 'coverage';
  /** Exporters seen in the window, and the moment at which they count as silent or not. */
  readonly seen: readonly SeenExporter[];
  readonly atMs: number;
  /** Id or name of a host, name or glob of a VM; '' for all. */
  readonly host: string;
  readonly vm: string;
  readonly spotsMax: number;
  readonly pairsMax: number;
}

export interface CoverageReport {
  readonly asOfMs: number;
  readonly vms: number;
  /** Ordered pairs of running VMs, and those without a live canonical point. */
  readonly pairs: number;
  readonly invisiblePairs: number;
  readonly byReason: Readonly<Record<BlindReason, number>>;
  /** The largest first; `spotCount` says how many there are. */
  readonly spots: readonly BlindSpot[];
  readonly spotCount: number;
  /** Of the spots, those asked for, one by one. */
  readonly invisible: readonly InvisiblePair[];
  /** Registered exporters that were not seen, and those seen that nobody registered. */
  readonly unseen: readonly string[];
  readonly unregistered: readonly string[];
  /** Registered exporters by the access ports that they meter: what interface counters are compared with. */
  readonly accessPorts: readonly AccessPort[];
}

/** A metered port that hosts hang on. */
export interface AccessPort {
  readonly exporter: string;
  readonly ifIndex: number;
  readonly switch: string;
  readonly host: string;
}

/** Nodes are 16 hexadecimal digits, as the API reports them. */
export interface CellsRequest {
  readonly request: 'cells';
  readonly seen: readonly SeenExporter[];
  readonly atMs: number;
  readonly by: 'app' | 'vm' | 'host' | 'rack';
  readonly cells: readonly (readonly [src: string, dst: string])[];
}

export interface CellsReport {
  /** Share of the pairs of running VMs of all nodes that have a live canonical point. */
  readonly overall: number | null;
  /** The same by cell; null where a node has no VM that the inventory knows. */
  readonly cells: readonly (number | null)[];
}

export type AdvisorRequest = CoverageRequest | CellsRequest;
/** `undefined`: there is no inventory. */
export type AdvisorAnswer = CoverageReport | CellsReport | undefined;

/** An exporter that sends at least a template or a keep-alive every minute or two; three minutes without one is silence. */
export const SILENT_AFTER_MS = 180_000;
