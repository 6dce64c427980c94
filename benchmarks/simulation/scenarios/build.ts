// Shorthand of the scenarios: a plan from a function that builds its data centre.

import type { ExporterSpec } from '../network/exporter-spec.ts';
import {
  addHost,
  addOutside,
  addSegment,
  createWorld,
  type Host,
  type HostOptions,
  type Switch,
  type World,
} from '../network/world.ts';
import {
  type Call,
  calls,
  exporting,
  leafSpine,
  type Plan,
  type PlannedEvent,
  type Scenario,
  type ScenarioOptions,
} from './plan.ts';
import { placeShop, type Shop, shopCalls } from './shop.ts';
import { SMOOTH, type TransitOptions } from './transit.ts';

export interface Built {
  readonly calls: readonly Call[];
  readonly events?: readonly PlannedEvent[];
  readonly durationMs?: number;
  readonly tickMs?: number;
  readonly transit?: Partial<TransitOptions>;
  readonly inventoryDelayMs?: number;
}

/** Two active timeouts and a little: long flows are reported in parts. */
const DURATION_MS = 150_000;
const TICK_MS = 1000;
/** Weeks take ticks of a minute. */
const LONG_S = 6 * 3600;
const LONG_TICK_MS = 60_000;

export function scenario(
  name: string,
  about: string,
  promise: Scenario['promise'],
  build: (world: World, options: ScenarioOptions) => Built,
): Scenario {
  return {
    name,
    about,
    promise,
    plan(options): Plan {
      const world = createWorld();
      const built = build(world, options);
      const { events = [], durationMs = DURATION_MS } = built;
      const tickMs = options.seconds > LONG_S ? LONG_TICK_MS : (built.tickMs ?? TICK_MS);
      const lastMs = Math.max(0, ...events.map(({ atMs }) => atMs));
      const wantedMs = options.seconds > 0 ? Math.ceil((options.seconds * 1000) / tickMs) * tickMs : durationMs;
      return {
        world,
        conversations: calls(options.volume, built.calls),
        events,
        durationMs: Math.max(wantedMs, lastMs + tickMs),
        tickMs,
        transit: { ...SMOOTH, loss: options.loss, ...built.transit },
        inventoryDelayMs: built.inventoryDelayMs ?? 0,
      };
    },
  };
}

export interface RackedOptions {
  readonly leaves?: number;
  readonly spines?: number;
  readonly hostsPerLeaf?: number;
  readonly host?: Omit<HostOptions, 'switches'>;
  /** Exporters at the switches; undefined: none. */
  readonly exporters?: (Partial<ExporterSpec> & Pick<ExporterSpec, 'protocol'>) | undefined;
  /** VMs of each tier. */
  readonly each?: number;
  readonly outside?: boolean;
}

export interface Racked {
  readonly leaves: readonly Switch[];
  readonly spines: readonly Switch[];
  readonly hosts: readonly Host[];
  readonly shop: Shop;
  readonly calls: readonly Call[];
}

/** Leaves and spines with hosts behind the leaves, the shop on them in one segment, perhaps clients outside. */
export function racked(world: World, options: RackedOptions = {}): Racked {
  const { leaves: leafCount = 2, spines: spineCount = 0, hostsPerLeaf = 2, host = {}, exporters, each = 2 } = options;
  const { leaves, spines } = leafSpine(world, leafCount, spineCount);
  const hosts = leaves.flatMap(leaf =>
    Array.from({ length: hostsPerLeaf }, () => addHost(world, { ...host, switches: [leaf] })),
  );
  const segment = addSegment(world, 'production');
  const shop = placeShop(world, hosts, () => segment, { each });
  const outside = options.outside ? [1, 2].map(n => addOutside(world, leaves[0]!, `client-0${n}`)) : [];
  if (exporters) for (const device of [...leaves, ...spines]) exporting(world, device, exporters);
  const outsideCalls = outside.flatMap(client =>
    shop.web.map(server => ({ client, server, port: 443, toServer: 10, toClient: 30 })),
  );
  return { leaves, spines, hosts, shop, calls: [...shopCalls(shop), ...outsideCalls] };
}
