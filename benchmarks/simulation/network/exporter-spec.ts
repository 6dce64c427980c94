// What distinguishes one simulated exporter from another: its protocol, what it meters and how it reports it.

export interface ExporterSpec {
  readonly name: string;
  /** Source of its datagrams; for sFlow the agent in them. */
  readonly address: string;
  readonly domain: number;
  readonly protocol: 'sflow5' | 'ipfix' | 'netflow9';
  readonly metering: 'ingress' | 'egress' | 'both';
  /** Ports that are metered otherwise. */
  readonly portMetering?: ReadonlyMap<number, 'ingress' | 'egress' | 'both' | 'none'>;
  /** 1 in N packets. */
  readonly sampling: number;
  /** Shape of its records: Open vSwitch multiplies by the rate itself and does not report it. */
  readonly flavour: 'switch' | 'ovs' | 'nsx';
  /** sFlow: a data source for each port, or one for the whole bridge that gives each packet one chance. */
  readonly dataSource: 'port' | 'entity';
  /** Only what stays on the host (internalFlowsOnly of a distributed switch). */
  readonly hostInternalOnly: boolean;
  /** Element 61 in records. */
  readonly reportsDirection: boolean;
  /** Both directions of a conversation in one record (RFC 5103). */
  readonly biflow: boolean;
  /** Element 349: the UUID of the sender's VM. */
  readonly reportsStation: boolean;
  /** What stands in records for a member of a LAG, or for a sub-interface. */
  readonly reports: 'port' | 'lag' | 'parent';
  readonly activeTimeoutMs: number;
  readonly inactiveTimeoutMs: number;
  /** How far its clock is ahead. */
  readonly clockOffsetMs: number;
  /** sFlow: interface counters, 0 none. */
  readonly countersEveryMs: number;
}

export type Metering = 'ingress' | 'egress' | 'both' | 'none';

export const DEFAULTS = {
  metering: 'ingress',
  sampling: 1,
  flavour: 'switch',
  dataSource: 'port',
  hostInternalOnly: false,
  reportsDirection: true,
  biflow: false,
  reportsStation: false,
  reports: 'port',
  activeTimeoutMs: 60_000,
  inactiveTimeoutMs: 15_000,
  clockOffsetMs: 0,
  countersEveryMs: 0,
} as const satisfies Partial<ExporterSpec>;

export function meteringOf(spec: ExporterSpec, port: number): Metering {
  return spec.portMetering?.get(port) ?? spec.metering;
}
