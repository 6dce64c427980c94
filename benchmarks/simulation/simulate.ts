// Lets simulated time pass: each tick offers trains of packets, walks their paths, writes them into the truth, and then
// shows them to the meters on the way. What exporters send comes out as datagrams with the time of their receipt.
// Deterministic by seed; opens no socket and reads no clock.

import type { Applications } from '../../schemas/applications.ts';
import type { ExporterRegistry } from '../../schemas/exporters.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import { createRandom, type Random } from '../random.ts';
import { applicationsOf, inventoryOf, registryOf } from './documents.ts';
import type { Exporter, ExporterContext, Observation } from './exporters/exporter.ts';
import { FlowCache } from './exporters/flow-cache.ts';
import { SflowAgent } from './exporters/sflow-agent.ts';
import { type Path, trace } from './network/path.ts';
import { createTraffic, type Direction, type Traffic, type Train } from './network/traffic.ts';
import { plug, type World } from './network/world.ts';
import type { Control, Plan, Scenario, ScenarioOptions } from './scenarios/plan.ts';
import { arrivalOf, type Datagram } from './scenarios/transit.ts';
import type { TruthV2 } from './truth.ts';
import { type Change, TruthBook, timeText } from './truth-book.ts';
import { createVisibility, type Visibility } from './visibility.ts';

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
  const simulation = new Simulation(scenario, options);
  const datagrams: Datagram[] = [];
  while (!simulation.isDone) for (const datagram of simulation.step()) datagrams.push(datagram);
  datagrams.sort((a, b) => a.receivedMs - b.receivedMs);
  return { datagrams, truth: simulation.truth(), documents: simulation.documents() };
}

export class Simulation {
  readonly world: World;
  readonly #scenario: Scenario;
  readonly #settings: ScenarioOptions;
  readonly #plan: Plan;
  readonly #startMs: number;
  readonly #endMs: number;
  readonly #clock: TruthV2['clock'];
  readonly #book = new TruthBook();
  readonly #traffic: Traffic;
  readonly #transitRandom: Random;
  readonly #exporters: readonly Exporter[];
  readonly #tallies: readonly Tally[];
  readonly #visibility: Visibility | undefined;
  readonly #control: Control;
  readonly #inventories: KnownInventory[];
  readonly #silentFrom = new Map<string, number>();
  readonly #views = new WeakMap<Direction, View>();
  #nowMs: number;
  #sent: Datagram[] = [];

  constructor(scenario: Scenario, options: SimulationOptions = {}) {
    const { startMs = START_MS, clock = 'simulated', pairs = true, ...given } = options;
    const settings: ScenarioOptions = { ...SCENARIO_DEFAULTS, ...given };
    const plan = scenario.plan(settings);
    const { world } = plan;
    this.#scenario = scenario;
    this.#settings = settings;
    this.#plan = plan;
    this.world = world;
    this.#startMs = startMs;
    this.#endMs = startMs + plan.durationMs;
    this.#nowMs = startMs;
    this.#clock = clock;
    this.#traffic = createTraffic(plan.conversations, createRandom(settings.seed, STREAM.traffic));
    this.#transitRandom = createRandom(settings.seed, STREAM.transit);
    this.#inventories = [{ knownAtMs: startMs, inventory: inventoryOf(world, startMs - INVENTORY_AGE_MS) }];
    this.#tallies = world.exporters.map(createTally);
    this.#exporters = world.exporters.map((_, i) => this.#exporterAt(i));
    this.#visibility = pairs ? createVisibility(world, this.#exporters) : undefined;
    this.#visibility?.look(startMs);
    this.#control = createControl({
      world,
      exporter: name => this.#exporter(name),
      traffic: this.#traffic,
      nowMs: () => this.#nowMs,
      onChange: (change, inInventory) => this.#note(change, inInventory),
    });
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  get isDone(): boolean {
    return this.#nowMs >= this.#endMs;
  }

  /** Those made so far. */
  get inventories(): readonly KnownInventory[] {
    return this.#inventories;
  }

  /** Passes one tick; what was sent in it, in the order of receipt. The last one sends all that exporters still hold. */
  step(): Datagram[] {
    const { tickMs } = this.#plan;
    this.#sent = [];
    this.#happen();
    for (const { direction, train } of this.#traffic.tick(this.#nowMs, tickMs - MARGIN_MS))
      this.#forward(direction, train);
    this.#nowMs += tickMs;
    for (const each of this.#exporters) {
      if (this.isDone) each.flush(this.#nowMs - MARGIN_MS / 2);
      else each.tick(this.#nowMs - MARGIN_MS / 2);
    }
    return this.#sent.sort((a, b) => a.receivedMs - b.receivedMs);
  }

  documents(): SimulatedDocuments {
    const { world } = this;
    return { inventories: this.#inventories, exporters: registryOf(world), applications: applicationsOf(world) };
  }

  truth(): TruthV2 {
    const nowMs = this.#nowMs;
    return {
      version: 2,
      scenario: this.#scenario.name,
      options: { ...this.#settings },
      clock: this.#clock,
      from: timeText(Math.floor(this.#startMs / MINUTE_MS) * MINUTE_MS),
      to: timeText(Math.ceil((nowMs + MINUTE_MS) / MINUTE_MS) * MINUTE_MS),
      ...this.#book.reported(),
      exporters: this.#exporters.map(({ spec, sampling }, i) => ({
        name: spec.name,
        address: spec.address,
        domain: spec.domain,
        protocol: spec.protocol,
        samplingRate: sampling,
        ...this.#tallies[i]!,
        ...(this.#silentFrom.has(spec.name) && { silentFrom: timeText(this.#silentFrom.get(spec.name)!) }),
      })),
      ports: this.#exporters.flatMap(portsOf),
      invisible: this.#visibility?.reported('invisible', nowMs) ?? [],
      unreachable: this.#visibility?.reported('unreachable', nowMs) ?? [],
      changes: this.#book.changes.map(({ atMs, knownAtMs, ...change }) => ({
        at: timeText(atMs),
        ...change,
        ...(knownAtMs !== undefined && { knownAt: timeText(knownAtMs) }),
      })),
    };
  }

  #exporterAt(i: number): Exporter {
    const { spec, device } = this.world.exporters[i]!;
    const context: ExporterContext = {
      spec,
      device,
      world: this.world,
      random: createRandom(this.#settings.seed, STREAM.exporters + i),
      bootMs: this.#startMs - UPTIME_MS,
      send: (payload, records, bytes, sentMs) => this.#send(i, { payload, records, bytes, sentMs }),
    };
    return spec.protocol === 'sflow5' ? new SflowAgent(context) : new FlowCache(context);
  }

  #exporter(name: string): Exporter {
    return this.#exporters.find(({ spec }) => spec.name === name)!;
  }

  #send(i: number, { payload, records, bytes, sentMs }: Sending): void {
    const { name, address } = this.#exporters[i]!.spec;
    if (this.#exporter(name).silent) return;
    const tally = this.#tallies[i]!;
    tally.datagrams++;
    tally.records += records;
    const receivedMs = arrivalOf(sentMs, this.#plan.transit, this.#transitRandom);
    if (receivedMs === undefined) {
      tally.lostDatagrams++;
      tally.lostRecords += records;
      tally.lostBytes += bytes;
      return;
    }
    this.#sent.push({ exporter: i, address, port: EXPORTER_PORT_FIRST + i, payload, sentMs, receivedMs });
  }

  /** Writes a train into the truth, then shows it to the meters on its way. */
  #forward(direction: Direction, train: Train): void {
    const { path, observations } = this.#viewOf(direction);
    this.#book.add(direction, train, path, observations);
    for (const observation of observations) observation.exporter.meter(observation, train);
    for (const hop of path.hops)
      for (const seen of this.#exporters) if (seen.device === hop.device) seen.count(hop, train);
  }

  #viewOf(direction: Direction): View {
    const known = this.#views.get(direction);
    if (known?.epoch === this.world.epoch) return known;
    const view = observe(this.world, this.#exporters, direction);
    this.#views.set(direction, view);
    return view;
  }

  /** The events that are due. */
  #happen(): void {
    const { events, tickMs } = this.#plan;
    const startMs = this.#startMs;
    const nowMs = this.#nowMs;
    const due = events.filter(({ atMs }) => startMs + atMs > nowMs - tickMs && startMs + atMs <= nowMs);
    for (const event of due) event.act(this.#control);
    if (due.length > 0) this.#visibility?.look(nowMs);
  }

  #note(change: Omit<Change, 'atMs'>, inInventory: boolean): void {
    const nowMs = this.#nowMs;
    const knownAtMs = nowMs + this.#plan.inventoryDelayMs;
    this.#book.change({ ...change, atMs: nowMs, ...(inInventory && { knownAtMs }) });
    if (change.kind === 'silent') this.#silentFrom.set(change.subject, nowMs);
    if (!inInventory) return;
    // What happens at one moment is reported by one inventory.
    const inventory = inventoryOf(this.world, nowMs);
    if (this.#inventories.at(-1)!.inventory.asOf === inventory.asOf) this.#inventories.pop();
    this.#inventories.push({ knownAtMs, inventory });
  }
}

/** A datagram as its exporter sends it, with its number of records and the bytes that they report. */
interface Sending {
  readonly payload: Uint8Array;
  readonly records: number;
  readonly bytes: number;
  readonly sentMs: number;
}

/** What an exporter sent, and how much of it was lost on the way. */
interface Tally {
  datagrams: number;
  records: number;
  lostDatagrams: number;
  lostRecords: number;
  lostBytes: number;
}

function createTally(): Tally {
  return { datagrams: 0, records: 0, lostDatagrams: 0, lostRecords: 0, lostBytes: 0 };
}

/** The ports and directions at which anything passed. */
function portsOf({ spec, points }: Exporter): TruthV2['ports'] {
  return [...points.values()]
    .filter(({ packets }) => packets > 0)
    .map(({ port, direction, bytes, packets }) => ({ exporter: spec.name, ifIndex: port, direction, bytes, packets }));
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
  readonly onChange: (change: Omit<Change, 'atMs'>, inInventory: boolean) => void;
}

function createControl({ world, exporter, traffic, nowMs, onChange }: ControlContext): Control {
  return {
    move(vm, to) {
      const from = vm.host.id;
      plug(world, vm, to);
      onChange({ kind: 'moved', subject: vm.name, from, to: to.id }, true);
    },
    readdress(vm, address) {
      const from = String(vm.nic.address);
      vm.nic.address = address;
      traffic.end(vm);
      world.epoch++;
      onChange({ kind: 'readdressed', subject: vm.name, from, to: String(address) }, true);
    },
    stop(vm) {
      vm.status = 'off';
      traffic.end(vm);
      world.epoch++;
      onChange({ kind: 'stopped', subject: vm.name }, true);
    },
    start(vm) {
      vm.status = 'running';
      world.epoch++;
      onChange({ kind: 'started', subject: vm.name }, true);
    },
    setSampling(name, rate) {
      const of = exporter(name);
      onChange({ kind: 'rate', subject: name, from: String(of.sampling), to: String(rate) }, false);
      of.sampling = rate;
    },
    silence(name) {
      exporter(name).silent = true;
      onChange({ kind: 'silent', subject: name }, false);
    },
    restart(name) {
      exporter(name).restart(nowMs());
      onChange({ kind: 'restarted', subject: name }, false);
    },
  };
}
