// What is asked of the advisor, the part that holds the inventory and answers what no table can: which pairs of VMs an
// exporter can see, and what a document would change. Services that ask and the one that answers share these words.

/** An exporter as the table `exporters` knows it. */
export interface SeenExporter {
  readonly address: string;
  readonly domain: number;
  /** Code of PROTOCOLS. */
  readonly protocol: number;
  /** Records, or a datagram of which nothing had a fault. */
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

/** A window from `fromMs` to `atMs`, and the exporters seen in it. */
export interface SeenInWindow {
  readonly seen: readonly SeenExporter[];
  readonly fromMs: number;
  readonly atMs: number;
}

/** Spots and pairs are those of the end of the window. */
export interface CoverageRequest extends SeenInWindow {
  readonly request: 'coverage';
  /** Id or name of a host, name or glob of a VM; '' for all. */
  readonly host: string;
  readonly vm: string;
  readonly spotsMax: number;
  readonly pairsMax: number;
}

/** The states of documents and silent exporters in a window, and how many of them were examined. */
export interface States {
  readonly found: number;
  readonly examined: number;
}

export interface CoverageReport {
  /** Of the pairs and the time of the window, the share with a live canonical point. */
  readonly share: number | null;
  readonly states: States;
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
export interface CellsRequest extends SeenInWindow {
  readonly request: 'cells';
  readonly by: 'app' | 'vm' | 'host' | 'rack';
  readonly cells: readonly (readonly [src: string, dst: string])[];
}

export interface CellsReport {
  /** Of the pairs of running VMs of all nodes and the time of the window, the share with a live canonical point. */
  readonly overall: number | null;
  /** The same by cell; null where a node has no VM that the inventory knows. */
  readonly cells: readonly (number | null)[];
  readonly states: States;
  /** The same by cell and slice of time in which one state holds, in order. */
  readonly slices: readonly {
    readonly fromMs: number;
    readonly toMs: number;
    readonly cells: readonly (number | null)[];
  }[];
}

/** Running VMs by node at the end of the window. */
export interface MembersRequest extends SeenInWindow {
  readonly request: 'members';
  readonly by: 'app' | 'vm' | 'host' | 'rack';
  readonly nodesMax: number;
}

export interface MembersReport {
  /** The nodes with the most VMs first; a VM that several applications claim is in each of them. */
  readonly nodes: readonly (readonly [key: string, vms: number])[];
  readonly nodeCount: number;
}

/** What an automatic node exchanges with a peer by a service that it serves or uses; keys as the API reports them. */
export interface NodeTraffic {
  readonly node: string;
  readonly peer: string;
  readonly service: string;
  readonly serves: boolean;
  readonly bytes: number;
}

/** Applications that the VMs without one may belong to. */
export interface DiscoverRequest extends SeenInWindow {
  readonly request: 'discover';
  readonly traffic: readonly NodeTraffic[];
  readonly limit: number;
  /** Names of members listed of each. */
  readonly membersMax: number;
}

/** What speaks for a suggestion. */
export const SUPPORTS = ['names', 'tag', 'portGroup', 'folder', 'traffic'] as const;
export type Support = (typeof SUPPORTS)[number];

export interface SuggestedServers {
  readonly names?: string[];
  readonly tags?: string[];
  readonly portGroups?: string[];
  readonly folders?: string[];
}

export interface SuggestedApplication {
  readonly id: string;
  /** Selects the members and no other VM; null where no selector does. */
  readonly servers: SuggestedServers | null;
  readonly vms: number;
  readonly members: readonly string[];
  readonly supports: readonly Support[];
  readonly evidence: readonly string[];
  /** Keys of services that its members serve, the largest first. */
  readonly services: readonly string[];
  /** Of its members with each other and with others; null where it is only a part of what was measured. */
  readonly bytes: number | null;
}

export interface DiscoverReport {
  readonly vms: number;
  /** Running VMs that no application has. */
  readonly unclaimed: number;
  readonly suggestions: readonly SuggestedApplication[];
  readonly suggestionCount: number;
  readonly asOfMs: number;
}

export type AdvisorRequest = CoverageRequest | CellsRequest | MembersRequest | DiscoverRequest;
/** `undefined`: there is no inventory. */
export type AdvisorAnswer = CoverageReport | CellsReport | MembersReport | DiscoverReport | undefined;

/** An exporter that sends at least a template or a keep-alive every minute or two; three minutes without one is silence. */
export const SILENT_AFTER_MS = 180_000;
