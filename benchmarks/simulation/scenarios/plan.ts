// What a scenario makes: a data centre with its traffic, and what happens to it while packets flow.

import { DEFAULTS, type ExporterSpec } from '../network/exporter-spec.ts';
import type { Conversation } from '../network/traffic.ts';
import {
  type Address,
  addSwitch,
  type Device,
  type End,
  type Host,
  link,
  type Switch,
  type Vm,
  type World,
} from '../network/world.ts';
import type { TransitOptions } from './transit.ts';

export interface ScenarioOptions {
  readonly seed: number;
  /** 1 in N packets, where the scenario samples at all. */
  readonly sampling: number;
  /** Share of the datagrams that are lost. */
  readonly loss: number;
  /** How long packets flow, in simulated seconds; 0: as long as the scenario needs. */
  readonly seconds: number;
  /** Factor on the packet rates. */
  readonly volume: number;
  /** What exporters send, where the scenario leaves that open. */
  readonly protocol: 'sflow5' | 'ipfix' | 'netflow9';
}

export interface Plan {
  readonly world: World;
  readonly conversations: readonly Conversation[];
  readonly events: readonly PlannedEvent[];
  readonly durationMs: number;
  /** Divides a minute. Everything happens between two ticks. */
  readonly tickMs: number;
  readonly transit: TransitOptions;
  /** How late the inventory reports a change. */
  readonly inventoryDelayMs: number;
}

export interface PlannedEvent {
  /** From the start; it happens before the first tick from then on. */
  readonly atMs: number;
  act(control: Control): void;
}

/** What can happen. */
export interface Control {
  move(vm: Vm, to: Host): void;
  readdress(vm: Vm, address: Address): void;
  stop(vm: Vm): void;
  start(vm: Vm): void;
  setSampling(exporter: string, rate: number): void;
  silence(exporter: string): void;
  restart(exporter: string): void;
}

export interface Scenario {
  readonly name: string;
  /** One line for people. */
  readonly about: string;
  /**
   * `exact`: unsampled, and every byte that a meter saw is reported once; `sampled`: values lie in their intervals; `partial`:
   * what is lost or silent cannot be known.
   */
  readonly promise: 'exact' | 'sampled' | 'partial';
  plan(options: ScenarioOptions): Plan;
}

/** Adds an exporter to a device; addresses and domains follow from its number unless stated. */
export function exporting(
  world: World,
  device: Device,
  given: Partial<ExporterSpec> & Pick<ExporterSpec, 'protocol'>,
): void {
  const n = world.exporters.length + 1;
  const name = device.kind === 'switch' ? device.id : `${device.host.id}-${device.id}`;
  const domain = given.domain ?? 1;
  const own = world.exporters.find(other => other.device === device);
  const spec: ExporterSpec = {
    ...DEFAULTS,
    name: own ? `${name}-${n}` : name,
    // All of 127.0.0.0/8 is there on Linux, so that the same exporters can send from sockets.
    address: own?.spec.address ?? `127.10.${n >> 8}.${n & 255}`,
    domain,
    ...given,
  };
  world.exporters.push({ spec, device });
}

export interface Call {
  readonly client: End;
  readonly server: End;
  readonly port?: number;
  readonly proto?: number;
  readonly toServer?: number;
  readonly toClient?: number;
  readonly connectionMs?: number;
  readonly requestMix?: readonly number[];
  readonly replyMix?: readonly number[];
}

const SMALL_MIX = [80, 120, 640, 52];
const LARGE_MIX = [1500, 1500, 1500, 320];

export function calls(volume: number, list: readonly Call[]): Conversation[] {
  return list.map(({ client, server, port = 443, proto = 6, toServer = 20, toClient = 40, ...rest }) => ({
    client,
    server,
    port,
    proto,
    toServer: toServer * volume,
    toClient: toClient * volume,
    requestMix: rest.requestMix ?? SMALL_MIX,
    replyMix: rest.replyMix ?? LARGE_MIX,
    connectionMs: rest.connectionMs ?? 40_000,
  }));
}

/** Leaves under one spine, or two leaves linked to each other. */
export function leafSpine(world: World, leaves: number, spines: number): { leaves: Switch[]; spines: Switch[] } {
  const bottom = Array.from({ length: leaves }, (_, i) => addSwitch(world, `leaf-0${i + 1}`));
  const top = Array.from({ length: spines }, (_, i) => addSwitch(world, `spine-0${i + 1}`));
  for (const spine of top) for (const leaf of bottom) link(leaf, spine);
  if (spines === 0) for (let i = 1; i < leaves; i++) link(bottom[i - 1]!, bottom[i]!);
  return { leaves: bottom, spines: top };
}
