// Requests to the planner, the part that holds the inventory and knows which links traffic takes, and what it answers.
// The API makes the statements, because it knows tables and windows; the planner reads with them and does the arithmetic.

/** What a link joins: a host's pNICs and their port, another endpoint, two switches, a thing that is only a name, the outside. */
export const LINK_KINDS = ['access', 'endpoint', 'switch', 'other', 'external'] as const;
export type LinkKind = (typeof LINK_KINDS)[number];

/** A port of a switch, or a pNIC by its name alone. */
export interface LinkPort {
  readonly ifIndex?: number;
  readonly name?: string;
  /** The LAG that it is a member of. */
  readonly lag?: number;
}

/** Why the links of traffic are not known. */
export const UNPLACED_REASONS = [
  'no-inventory', // what held then is not known
  'unknown-end', // an end that the inventory does not have
  'no-host', // a VM without a host, or on one that the inventory does not have
  'not-cabled', // the inventory does not say at which port a host or endpoint is
  'several-attachments', // an end has several vNICs or pNICs on different cables, and nothing says which one it used
  'no-path', // the inventory does not connect the switches of the two ends
  'no-external-port', // an end is outside, and the registry names no external port
  'multicast', // the tree of its copies is not known
  'beyond-limit', // of more pairs than are read the smallest
] as const;
export type UnplacedReason = (typeof UNPLACED_REASONS)[number];

export interface PlanStatement {
  readonly sql: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** A window, and how the planner reads it. */
export interface PlanWindow {
  /** The covered window, in ms since the epoch. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
  /** What a rate of the window divides by. */
  readonly seconds: number;
  /**
   * Rows of PairRow, the largest first. Both statements read `sliceStarts`, seconds at which slices but the first begin, which
   * the planner adds to their parameters.
   */
  readonly totals: PlanStatement;
  /**
   * Rows of RankRow for the series that the planner assigns: SERIES_SQL stands where it puts the relations `placed` (pair,
   * path) and `paths` (path, series, share). Undefined where no bucket is closed.
   */
  readonly ranks: PlanStatement | undefined;
}

/** Stands in a statement for the text that the planner puts there. */
export const SERIES_SQL = '/* placed, paths */';

/** Bytes of header and check sequence of a frame, which interfaces carry and records do not count. */
export const FRAME_BYTES = 18;

/** Sums of a pair as ClickHouse returns them (query-api/sql/metrics-sql.ts); `varBytes` and `moreVariance` null: not known. */
export const PAIR_SUMS = [
  ...['bytes', 'packets', 'varBytes', 'samples', 'records', 'largestBytes', 'largestPackets'],
  ...['lessBytes', 'moreBytes', 'morePackets', 'moreVariance', 'moreSamples', 'partlyBytes'],
  ...['missedBytes', 'missedPackets', 'missedVariance'],
] as readonly PairSum[];
export type PairSum =
  | ('bytes' | 'packets' | 'varBytes' | 'samples' | 'records' | 'largestBytes' | 'largestPackets')
  | ('lessBytes' | 'moreBytes' | 'morePackets' | 'moreVariance' | 'moreSamples' | 'partlyBytes')
  | ('missedBytes' | 'missedPackets' | 'missedVariance');

/** Traffic of one pair of ends in one slice of the window; node keys are decimal numbers, '0' none. */
export interface PairRow extends Readonly<Record<PairSum, string | number | null>> {
  /** Number of the slice. */
  readonly slice: number;
  /** Names the pair within the window. */
  readonly pair: string;
  readonly srcVm: string;
  readonly srcHost: string;
  /** `external`, `multicast` and such, of an end that is neither a VM nor a host. */
  readonly srcNode: string;
  readonly srcApp: string;
  readonly dstVm: string;
  readonly dstHost: string;
  readonly dstNode: string;
  readonly dstApp: string;
  /** Of all pairs, those beyond the limit included. */
  readonly allBytes: string;
  readonly allPairs: string;
}

export interface RankRow {
  readonly series: number;
  readonly ranked: number | null;
  readonly rankedLow: number | null;
  readonly rankedHigh: number | null;
  readonly rankedLeast: number | null;
  readonly noise: number | null;
  readonly maxBps: number | null;
}

/** Sums as numbers; infinite variances are null. */
export type Load = Record<PairSum, number | null>;

export interface LinkCell {
  readonly srcApp: string;
  readonly dstApp: string;
  readonly bytes: number;
}

/** One direction of a link. */
export interface LinkLoad {
  readonly name: string;
  readonly kind: LinkKind;
  readonly from: LinkSide;
  readonly to: LinkSide;
  readonly speedBps: number | null;
  /** Null of a link that leads to a name alone: what goes there is not known. */
  readonly load: Load | null;
  readonly ranked: Omit<RankRow, 'series'> | null;
  readonly counters: LinkCounters | null;
  /** The largest first, and of how many. */
  readonly cells: readonly LinkCell[];
  readonly cellCount: number;
  /** It was not there in all slices of the window. */
  readonly isPartial: boolean;
}

export interface LinkSide {
  readonly kind: 'host' | 'switch' | 'endpoint' | 'other' | 'outside';
  readonly id: string;
  readonly ports: readonly LinkPort[];
}

export interface LinkCounters {
  readonly octets: number;
  readonly packets: number;
  readonly coveredMs: number;
  readonly speedBps: number;
  /** Who counted: exporter and ports. */
  readonly by: string;
}

export interface Unplaced {
  readonly reason: UnplacedReason;
  readonly bytes: number;
  readonly pairs: number;
}

/** Bytes by what became of them: on links, inside a host, not known. */
export interface Placed {
  readonly bytes: number;
  readonly onLinks: number;
  readonly inside: number;
  readonly unplaced: readonly Unplaced[];
  /** Slices of the window with a wiring of their own; of more than are examined, moments at equal distance stand for it. */
  readonly slices: { readonly found: number; readonly examined: number };
  readonly asOfMs: number;
}

export interface LinksRequest extends PlanWindow {
  readonly request: 'links';
  readonly sort: 'utilisation' | 'load';
  readonly limit: number;
  /** Id or name of a host, and of a switch; '' for all. */
  readonly host: string;
  readonly switch: string;
  /** Node keys of hosts, decimal: only links of these; all where left out. */
  readonly hostKeys?: readonly string[];
  /** Cells listed of each link. */
  readonly cells: number;
}

export interface LinksReport extends Placed {
  readonly links: readonly LinkLoad[];
  readonly linkCount: number;
}

/** What moves where, by name, id or key; of `vm`, `app`, `host` one, and of `toHost`, `toRack` one. */
export interface Move {
  readonly vm?: string;
  readonly app?: string;
  readonly host?: string;
  readonly toHost?: string;
  readonly toRack?: string;
}

export interface WhatIfRequest extends PlanWindow {
  readonly request: 'what-if';
  readonly moves: readonly Move[];
  readonly linksMax: number;
  readonly pairsMax: number;
}

/** One direction of a link before and after; loads are bytes of the window. */
export interface LinkChange extends Pick<LinkLoad, 'name' | 'kind' | 'from' | 'to' | 'speedBps'> {
  readonly before: Load;
  readonly after: Load;
  readonly rankedBefore: Omit<RankRow, 'series'> | null;
  readonly rankedAfter: Omit<RankRow, 'series'> | null;
}

export interface NamedVm {
  readonly key: string;
  readonly name: string;
}

export interface PairChange {
  readonly src: NamedVm;
  readonly dst: NamedVm;
  /** Bytes counted in the window. */
  readonly bytes: number;
}

export interface MovedVm extends NamedVm {
  readonly from: string;
  readonly to: string;
}

export interface WhatIfReport {
  readonly moved: readonly MovedVm[];
  readonly movedCount: number;
  /** The most loaded afterwards first, of `linkCount` whose load changes. */
  readonly links: readonly LinkChange[];
  readonly linkCount: number;
  /** Bytes by locality. */
  readonly localityBefore: Readonly<Record<string, number>>;
  readonly localityAfter: Readonly<Record<string, number>>;
  readonly byteHopsBefore: number;
  readonly byteHopsAfter: number;
  readonly bytes: number;
  readonly unplacedBefore: number;
  readonly unplacedAfter: number;
  readonly invisible: readonly PairChange[];
  readonly invisibleCount: number;
  readonly visible: readonly PairChange[];
  readonly visibleCount: number;
  /** False where there were more pairs than are examined. */
  readonly allPairsExamined: boolean;
  readonly asOfMs: number;
}

/** The moves cannot be made as they are: `at` is a pointer into them. */
export interface MoveFaults {
  readonly faults: readonly { readonly at: string; readonly reason: string }[];
  readonly faultCount: number;
}

export interface PlacementRequest extends PlanWindow {
  readonly request: 'placement';
  /** Moves wanted at most. */
  readonly moves: number;
  readonly linkLimit: number;
  /** VMs of a host, and memory of its VMs together, at most; 0 without limit. */
  readonly hostVms: number;
  readonly hostMemoryMiB: number;
  readonly limit: number;
}

export interface TogetherPair {
  readonly a: NamedVm;
  readonly b: NamedVm;
  readonly hostA: string;
  readonly hostB: string;
  readonly locality: string;
  /** Both directions. */
  readonly bytes: number;
  readonly byteHops: number;
}

export interface HotLink extends Pick<LinkLoad, 'kind' | 'from' | 'to' | 'speedBps'> {
  readonly bytes: number;
  readonly utilisation: number;
  readonly pairs: readonly PairChange[];
}

export interface AdvisedMove extends MovedVm {
  readonly gain: number;
}

export interface PlacementReport {
  readonly together: readonly TogetherPair[];
  readonly hot: readonly HotLink[];
  readonly moves: readonly AdvisedMove[];
  readonly byteHopsBefore: number;
  readonly byteHopsAfter: number;
  readonly bytes: number;
  readonly unplacedBefore: number;
  /** VMs that the best moves were chosen among, of all that sent or received. */
  readonly candidates: number;
  readonly talking: number;
  readonly asOfMs: number;
}

/** Moves of VMs by the history of the inventory; it reads no traffic. */
export interface MovedRequest {
  readonly request: 'moved';
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
}

export interface PlacedHost extends NamedVm {
  readonly id: string;
}

/** Since `atMs` the inventory has the VM on another host. */
export interface VmMove {
  readonly vm: NamedVm;
  readonly from: PlacedHost;
  readonly to: PlacedHost;
  readonly atMs: number;
  /** Start of the state before, in which it was at `from`: it moved since then. */
  readonly sinceMs: number;
}

export interface MovedReport {
  /** The newest first, of `moveCount`. */
  readonly moves: readonly VmMove[];
  readonly moveCount: number;
  /** Nothing is known of the window before. */
  readonly knownFromMs: number;
  readonly asOfMs: number;
}

/** Rows of a pair with an end in a segment: whether each end is in it, and the last bucket with traffic, in seconds. */
export interface SegmentPairRow extends PairRow {
  readonly srcIn: number;
  readonly dstIn: number;
  readonly lastS: number;
}

export const SEGMENT_KINDS = ['segment', 'portgroup', 'vlan'] as const;
export type SegmentKind = (typeof SEGMENT_KINDS)[number];

/** Links that carry a segment; rows of `totals` are SegmentPairRow. */
export interface CarriersRequest extends PlanWindow {
  readonly request: 'carriers';
  readonly by: SegmentKind;
  /** Node keys of segments or port groups, decimal, or numbers of VLANs. */
  readonly keys: readonly string[];
  readonly limit: number;
}

/** Both directions of a link. */
export interface Carrier extends Pick<LinkLoad, 'name' | 'kind' | 'from' | 'to' | 'speedBps'> {
  /** By the inventory the segment is there, or lies on a path between two places where it is. */
  readonly isConfigured: boolean;
  readonly bytes: number;
  /** Start of the last bucket with traffic, in seconds; 0 none. */
  readonly lastS: number;
}

export interface CarriersReport extends Placed {
  /** Those that are configured and carried least first, of `linkCount`. */
  readonly links: readonly Carrier[];
  readonly linkCount: number;
  /** Hosts and endpoints that are attached to it. */
  readonly attached: number;
  /** False where so many places are attached that paths between them were not looked for. */
  readonly allPaths: boolean;
}

export type PlannerRequest = LinksRequest | WhatIfRequest | PlacementRequest | MovedRequest | CarriersRequest;
/** `undefined`: there is no inventory. */
export type PlannerAnswer =
  | LinksReport
  | WhatIfReport
  | MoveFaults
  | PlacementReport
  | MovedReport
  | CarriersReport
  | undefined;
