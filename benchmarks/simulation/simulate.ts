// Lets simulated time pass: each tick offers trains of packets, walks their paths, writes them into the truth, and then
// shows them to the meters on the way. What exporters send comes out as datagrams with the time of their receipt.
// Deterministic by seed; opens no socket and reads no clock.

import type { Applications } from '../../schemas/applications.ts';
import type { ExporterRegistry } from '../../schemas/exporters.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import { createRandom } from '../random.ts';
import { applicationsOf, inventoryOf, registryOf } from './documents.ts';
import type { Exporter, ExporterContext, Observation } from './exporters/exporter.ts';
import { createFlowCache } from './exporters/flow-cache.ts';
import { SflowAgent } from './exporters/sflow-agent.ts';
import { type Path, trace } from './network/path.ts';
import { createTraffic, type Direction } from './network/traffic.ts';
import { plug, type World } from './network/world.ts';
import type { Control, Scenario, ScenarioOptions } from './scenarios/plan.ts';
import { arrivalOf, type Datagram } from './scenarios/transit.ts';
import type { TruthV2 } from './truth.ts';
import { type Change, createTruthBook, timeText } from './truth-book.ts';
import { createVisibility } from './visibility.ts';

/** An inventory and when it becomes known. */
export interface KnownInventory {
  readonly knownAtMs: number;
  readonly inventory: Inventory;
}

export interface SimulatedDocuments {
  readonly inventories: readonly KnownInventory[];
  readonly exporters: ExporterRegistry;
  readonly applications: Applications;
}

export interface Simulated {
  readonly datagrams: readonly Datagram[];
  readonly truth: TruthV2;
  readonly documents: SimulatedDocuments;
}

export interface SimulationOptions extends Partial<ScenarioOptions> {
  readonly startMs?: number;
  readonly clock?: TruthV2['clock'];
  /** Whether the truth names the pairs that nobody can see. */
  readonly pairs?: boolean;
}

export interface Simulation {
  readonly world: World;
  readonly nowMs: number;
  readonly isDone: boolean;
  /** Those made so far. */
  readonly inventories: readonly KnownInventory[];
  /** Passes one tick; what was sent in it, in the order of receipt. The last one sends all that exporters still hold. */
  step(): Datagram[];
  documents(): SimulatedDocuments;
  truth(): TruthV2;
}

export const SCENARIO_DEFAULTS: ScenarioOptions = {
  seed: 1,
  sampling: 100,
  loss: 0,
  seconds: 0,
  volume: 1,
  protocol: 'ipfix',
};
/** A whole 5 minutes. */
export const START_MS = Date.parse('2026-03-02T10:00:00Z');
const MINUTE_MS = 60_000;
/** Flow caches were started long before. */
const UPTIME_MS = 86_400_000;
const INVENTORY_AGE_MS = 3_600_000;
/** Packets and datagrams of a tick are received before the next one begins. */
const MARGIN_MS = 20;
const EXPORTER_PORT_FIRST = 50_000;
/** Random streams, one for each purpose. */
const STREAM = { traffic: 11, transit: 12, exporters: 1000 } as const;

export function simulate(scenario: Scenario, options: SimulationOptions = {}): Simulated {
  const simulation = createSimulation(scenario, options);
  const datagrams: Datagram[] = [];
  while (!simulation.isDone) for (const datagram of simulation.step()) datagrams.push(datagram);
  datagrams.sort((a, b) => a.receivedMs - b.receivedMs);
  return { datagrams, truth: simulation.truth(), documents: simulation.documents() };
}

export function createSimulation(scenario: Scenario, options: SimulationOptions = {}): Simulation {
  const { startMs = START_MS, clock = 'simulated', pairs = true, ...given } = options;
  const settings: ScenarioOptions = { ...SCENARIO_DEFAULTS, ...given };
  const plan = scenario.plan(settings);
  const { world, tickMs } = plan;
  const endMs = startMs + plan.durationMs;
  const book = createTruthBook();
  const traffic = createTraffic(plan.conversations, createRandom(settings.seed, STREAM.traffic));
  const transitRandom = createRandom(settings.seed, STREAM.transit);
  const tallies = world.exporters.map(() => ({
    datagrams: 0,
    records: 0,
    lostDatagrams: 0,
    lostRecords: 0,
    lostBytes: 0,
  }));
  const inventories: KnownInventory[] = [
    { knownAtMs: startMs, inventory: inventoryOf(world, startMs - INVENTORY_AGE_MS) },
  ];
  let nowMs = startMs;
  let sent: Datagram[] = [];
  const silentFrom = new Map<string, number>();

  const exporters = world.exporters.map(({ spec, device }, i): Exporter => {
    const context: ExporterContext = {
      spec,
      device,
      world,
      random: createRandom(settings.seed, STREAM.exporters + i),
      bootMs: startMs - UPTIME_MS,
      send(payload, records, bytes, sentMs) {
        if (exporter(spec.name).silent) return;
        const tally = tallies[i]!;
        tally.datagrams++;
        tally.records += records;
        const receivedMs = arrivalOf(sentMs, plan.transit, transitRandom);
        if (receivedMs === undefined) {
          tally.lostDatagrams++;
          tally.lostRecords += records;
          tally.lostBytes += bytes;
          return;
        }
        sent.push({ exporter: i, address: spec.address, port: EXPORTER_PORT_FIRST + i, payload, sentMs, receivedMs });
      },
    };
    return spec.protocol === 'sflow5' ? new SflowAgent(context) : createFlowCache(context);
  });
  const exporter = (name: string) => exporters.find(({ spec }) => spec.name === name)!;
  const visibility = pairs ? createVisibility(world, exporters) : undefined;
  visibility?.look(startMs);

  const control = createControl({
    world,
    exporter,
    traffic,
    nowMs: () => nowMs,
    tell(change, inInventory) {
      const knownAtMs = nowMs + plan.inventoryDelayMs;
      book.change({ ...change, atMs: nowMs, ...(inInventory && { knownAtMs }) });
      if (change.kind === 'silent') silentFrom.set(change.subject, nowMs);
      if (!inInventory) return;
      // What happens at one moment is told by one inventory.
      const inventory = inventoryOf(world, nowMs);
      if (inventories.at(-1)!.inventory.asOf === inventory.asOf) inventories.pop();
      inventories.push({ knownAtMs, inventory });
    },
  });

  const views = new WeakMap<Direction, View>();
  const viewOf = (direction: Direction): View => {
    const known = views.get(direction);
    if (known?.epoch === world.epoch) return known;
    const view = observe(world, exporters, direction);
    views.set(direction, view);
    return view;
  };

  const happen = () => {
    const due = plan.events.filter(({ atMs }) => startMs + atMs > nowMs - tickMs && startMs + atMs <= nowMs);
    for (const event of due) event.act(control);
    if (due.length > 0) visibility?.look(nowMs);
  };

  return {
    world,
    inventories,
    get nowMs() {
      return nowMs;
    },
    get isDone() {
      return nowMs >= endMs;
    },
    step() {
      sent = [];
      happen();
      for (const { direction, train } of traffic.tick(nowMs, tickMs - MARGIN_MS)) {
        const { path, observations } = viewOf(direction);
        book.add(direction, train, path, observations);
        for (const observation of observations) observation.exporter.meter(observation, train);
        for (const hop of path.hops)
          for (const seen of exporters) if (seen.device === hop.device) seen.count(hop, train);
      }
      nowMs += tickMs;
      for (const each of exporters) {
        if (nowMs >= endMs) each.flush(nowMs - MARGIN_MS / 2);
        else each.tick(nowMs - MARGIN_MS / 2);
      }
      return sent.sort((a, b) => a.receivedMs - b.receivedMs);
    },
    documents: () => ({ inventories, exporters: registryOf(world), applications: applicationsOf(world) }),
    truth: () => ({
      version: 2,
      scenario: scenario.name,
      options: { ...settings },
      clock,
      from: timeText(Math.floor(startMs / MINUTE_MS) * MINUTE_MS),
      to: timeText(Math.ceil((nowMs + MINUTE_MS) / MINUTE_MS) * MINUTE_MS),
      ...book.told(),
      exporters: exporters.map(({ spec, sampling }, i) => ({
        name: spec.name,
        address: spec.address,
        domain: spec.domain,
        protocol: spec.protocol,
        samplingRate: sampling,
        ...tallies[i]!,
        ...(silentFrom.has(spec.name) && { silentFrom: timeText(silentFrom.get(spec.name)!) }),
      })),
      ports: exporters.flatMap(({ spec, points }) =>
        [...points.values()]
          .filter(({ packets }) => packets > 0)
          .map(({ port, direction, bytes, packets }) => ({
            exporter: spec.name,
            ifIndex: port,
            direction,
            bytes,
            packets,
          })),
      ),
      invisible: visibility?.told('invisible', nowMs) ?? [],
      unreachable: visibility?.told('unreachable', nowMs) ?? [],
      changes: book.changes.map(({ atMs, knownAtMs, ...change }) => ({
        at: timeText(atMs),
        ...change,
        ...(knownAtMs !== undefined && { knownAt: timeText(knownAtMs) }),
      })),
    }),
  };
}

interface View {
  readonly epoch: number;
  readonly path: Path;
  readonly observations: readonly Observation[];
}

/** The path of a direction and what meters see on it, in order. */
function observe(world: World, exporters: readonly Exporter[], { from, to, flow, hash }: Direction): View {
  const path = trace(world, from, to, hash);
  const station = from.kind === 'vm' ? from.uuid : '';
  const observations = path.hops.flatMap(hop =>
    exporters.filter(({ device }) => device === hop.device).flatMap(each => each.observationsOf(hop, flow, station)),
  );
  return { epoch: world.epoch, path, observations };
}

interface ControlContext {
  readonly world: World;
  readonly exporter: (name: string) => Exporter;
  readonly traffic: { end(of: World['vms'][number]): void };
  readonly nowMs: () => number;
  readonly tell: (change: Omit<Change, 'atMs'>, inInventory: boolean) => void;
}

function createControl({ world, exporter, traffic, nowMs, tell }: ControlContext): Control {
  return {
    move(vm, to) {
      const from = vm.host.id;
      plug(world, vm, to);
      tell({ kind: 'moved', subject: vm.name, from, to: to.id }, true);
    },
    readdress(vm, address) {
      const from = String(vm.nic.address);
      vm.nic.address = address;
      traffic.end(vm);
      world.epoch++;
      tell({ kind: 'readdressed', subject: vm.name, from, to: String(address) }, true);
    },
    stop(vm) {
      vm.status = 'off';
      traffic.end(vm);
      world.epoch++;
      tell({ kind: 'stopped', subject: vm.name }, true);
    },
    start(vm) {
      vm.status = 'running';
      world.epoch++;
      tell({ kind: 'started', subject: vm.name }, true);
    },
    setSampling(name, rate) {
      const of = exporter(name);
      tell({ kind: 'rate', subject: name, from: String(of.sampling), to: String(rate) }, false);
      of.sampling = rate;
    },
    silence(name) {
      exporter(name).silent = true;
      tell({ kind: 'silent', subject: name }, false);
    },
    restart(name) {
      exporter(name).restart(nowMs());
      tell({ kind: 'restarted', subject: name }, false);
    },
  };
}
