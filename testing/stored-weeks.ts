// Nine simulated weeks in ClickHouse as Hairpin stores them, with the truth that the simulation wrote from the packets: VMs
// that move and that are started, an inventory that reports each of it hours late, an outage of the collector, a leaf that
// samples, and the end of summer time in Europe. The simulation has its own clock, so this takes as long as the work does.

import {
  addHost,
  addOutside,
  addSegment,
  addVm,
  type Host,
  type Segment,
  type Vm,
  type World,
} from '../benchmarks/simulation/network/world.ts';
import { type Built, scenario } from '../benchmarks/simulation/scenarios/build.ts';
import { type Call, exporting, leafSpine, type PlannedEvent } from '../benchmarks/simulation/scenarios/plan.ts';
import { type KnownInventory, type SimulatedDocuments, Simulation } from '../benchmarks/simulation/simulate.ts';
import type { TruthV2 } from '../benchmarks/simulation/truth.ts';
import { Decoder } from '../collector/decode/decoder.ts';
import { createNodeNames } from '../enricher/endpoints/node-names.ts';
import { Enrichment, type FlowBatch } from '../enricher/stages/enrich.ts';
import type { Knowledge } from '../inventory/snapshot/knowledge.ts';
import { compileSnapshot } from '../inventory/snapshot/snapshot.ts';
import { encodeArrow } from '../schemas/arrow.ts';
import { createBatch } from '../schemas/batch.ts';
import { FLOW_COLUMNS } from '../schemas/flow.ts';
import type { ClickHouse } from '../storage/client.ts';
import { insertDocument } from '../storage/tables/documents.ts';
import { insertFlows } from '../storage/tables/flows.ts';
import { insertNodes } from '../storage/tables/nodes.ts';
import { insertPlaces } from '../storage/tables/places.ts';
import { insertReceiving } from './receiving.ts';

const [MINUTE, HOUR, DAY, WEEK] = [60_000, 3_600_000, 86_400_000, 604_800_000] as const;
/** An hour before Monday, 14 September, begins in Berlin. */
export const START = Date.parse('2026-09-13T21:00:00Z');
/** Nine Mondays later, an hour later by the sun and half an hour after midnight. */
export const END = Date.parse('2026-11-15T23:30:00Z');
export const FIRST_MONDAY = START + HOUR;
export const WEEKS = 9;
/** No collector was receiving. */
export const GAP = { fromMs: Date.parse('2026-10-14T03:20:00Z'), toMs: Date.parse('2026-10-15T08:45:00Z') } as const;
export const SAMPLING = 5;
/** How late the inventory reports a change. */
export const LATE = 6 * HOUR;
/** Each on the UTC day on which the inventory has it, so that one day is enriched again. */
export const MOVES = [
  { vm: 'db-1', atMs: START + 2 * WEEK + 3 * DAY + 5 * HOUR, to: 'host-06' },
  { vm: 'web-1', atMs: START + 6 * WEEK + 2 * DAY + 14 * HOUR, to: 'host-03' },
  { vm: 'db-1', atMs: START + 7 * WEEK + DAY + 9 * HOUR, to: 'host-02' },
] as const;
/** `batch-1` is there from here on. */
export const NEW_AT = START + 4 * WEEK + 4 * DAY + 4 * HOUR;
const SEED = 20_261_025;

/** Three leaves with two hosts each; the third samples. `grow` sends to `store` from one VM more every week. */
function build(world: World): Built {
  const { leaves } = leafSpine(world, 3, 1);
  const hosts = leaves.flatMap(leaf => [1, 2].map(() => addHost(world, { switching: 'vepa', switches: [leaf] })));
  const timeouts = { activeTimeoutMs: MINUTE, inactiveTimeoutMs: 0 } as const;
  leaves.forEach((leaf, i) =>
    exporting(world, leaf, { ...timeouts, protocol: 'ipfix', sampling: i === 2 ? SAMPLING : 1 }),
  );
  const production = addSegment(world, 'production');
  const storage = addSegment(world, 'storage');
  const at = (number: number) => hosts[number - 1]!;
  const add = (app: string | undefined, name: string, host: Host, segment: Segment = production) =>
    addVm(world, name, host, segment, app === undefined ? {} : { app });
  const web = [add('web', 'web-1', at(1)), add('web', 'web-2', at(2))];
  const db = [add('db', 'db-1', at(3)), add('db', 'db-2', at(4))];
  const crm = add('crm', 'crm-1', at(5));
  const lab = add(undefined, 'lab-1', at(2));
  const batch = add('batch', 'batch-1', at(4));
  const store = add('store', 'store-1', at(4), storage);
  const grow = Array.from({ length: WEEKS }, (_, week) => add('grow', `grow-${week + 1}`, at(1 + (week % 2)), storage));
  for (const [app, port] of Object.entries({ web: 443, db: 5432, crm: 8443, batch: 9000, store: 2049, grow: 9001 }))
    world.applicationPorts.set(app, `tcp/${port}`);
  const client = addOutside(world, leaves[0]!, 'client-01');
  const later = [batch, ...grow.slice(1)];
  for (const vm of later) vm.status = 'off';
  return {
    calls: callsOf({ web, db, crm, lab, batch, store, grow, client }),
    events: eventsOf(world, batch, grow),
    inventoryDelayMs: LATE,
  };
}

interface Machines {
  readonly web: readonly Vm[];
  readonly db: readonly Vm[];
  readonly crm: Vm;
  readonly lab: Vm;
  readonly batch: Vm;
  readonly store: Vm;
  readonly grow: readonly Vm[];
  readonly client: Call['client'];
}

function callsOf({ web, db, crm, lab, batch, store, grow, client }: Machines): Call[] {
  const [web1, web2] = web as [Vm, Vm];
  const [db1, db2] = db as [Vm, Vm];
  // Packets a second: one in some minutes.
  const call = (from: Call['client'], to: Call['server'], port: number, each: number): Call => ({
    client: from,
    server: to,
    port,
    toServer: each,
    toClient: 1.5 * each,
    connectionMs: 6 * HOUR,
  });
  return [
    call(web1, db1, 5432, 0.003),
    call(web2, db1, 5432, 0.002),
    call(web2, db2, 5432, 0.002),
    call(db1, db2, 5432, 0.002),
    call(web1, web2, 443, 0.001),
    call(crm, db2, 5432, 0.004),
    call(web2, crm, 8443, 0.003),
    call(lab, web1, 443, 0.0005),
    call(batch, db1, 5432, 0.003),
    call(client, web1, 443, 0.002),
    ...grow.map(vm => call(vm, store, 2049, 0.002)),
  ];
}

function eventsOf(world: World, batch: Vm, grow: readonly Vm[]): PlannedEvent[] {
  const vmOf = (name: string) => world.vms.find(vm => vm.name === name)!;
  const hostOf = (id: string) => world.hosts.find(host => host.id === id)!;
  return [
    ...MOVES.map(
      ({ vm, atMs, to }) =>
        ({ atMs: atMs - START, act: control => control.move(vmOf(vm), hostOf(to)) }) satisfies PlannedEvent,
    ),
    { atMs: NEW_AT - START, act: control => control.start(batch) },
    ...grow
      .slice(1)
      .map((vm, i) => ({ atMs: (i + 1) * WEEK + 4 * HOUR, act: control => control.start(vm) }) satisfies PlannedEvent),
  ];
}

export interface StoredWeeks {
  readonly truth: TruthV2;
  readonly documents: SimulatedDocuments;
  readonly records: number;
}

/** Stores them as they would have been: each record is named by what the inventory had reported when it was received. */
export async function storeWeeks(storage: ClickHouse): Promise<StoredWeeks> {
  const weeks = scenario('weeks', 'nine weeks', 'sampled', build);
  const simulation = new Simulation(weeks, { startMs: START, seconds: (END - START) / 1000, seed: SEED, pairs: true });
  const store = new Store(storage, simulation);
  while (!simulation.isDone)
    for (const { payload, address, port, receivedMs } of simulation.step()) {
      if (receivedMs >= GAP.fromMs && receivedMs < GAP.toMs) continue;
      await store.decode(payload, address, port, receivedMs);
    }
  await store.flush();
  await insertReceiving(storage, START, GAP.fromMs);
  await insertReceiving(storage, GAP.toMs, END);
  await recordDocuments(storage, simulation.documents());
  return { truth: simulation.truth(), documents: simulation.documents(), records: store.records };
}

const ROWS_MAX = 65_536;
/** Of one datagram. */
const ROWS_SPARE = 1024;
const LIMITS = { spanMsMax: HOUR, skewMsMax: MINUTE };

class Store {
  records = 0;
  readonly #storage: ClickHouse;
  readonly #simulation: Simulation;
  readonly #batch: FlowBatch = createBatch(FLOW_COLUMNS, ROWS_MAX);
  readonly #decoder: Decoder;
  #inventories = 0;
  #batches = 0;

  constructor(storage: ClickHouse, simulation: Simulation) {
    this.#storage = storage;
    this.#simulation = simulation;
    const full = () => {
      throw new Error('the batch is stored before it is full');
    };
    this.#decoder = new Decoder({ batch: this.#batch as never, flush: full }, { templatesMax: 64, exportersMax: 16 });
  }

  async decode(payload: Uint8Array, address: string, port: number, receivedMs: number): Promise<void> {
    const known = this.#knownAt(receivedMs).length;
    if (known !== this.#inventories || this.#batch.rows > ROWS_MAX - ROWS_SPARE) {
      await this.flush();
      this.#inventories = known;
    }
    this.#decoder.decode(payload, address, port, receivedMs);
  }

  async flush(): Promise<void> {
    const batch = this.#batch;
    if (batch.rows === 0) return;
    const names = createNodeNames();
    const known = {
      ...this.#simulation.documents(),
      inventories: this.#simulation.inventories.slice(0, this.#inventories),
    };
    new Enrichment(knowledgeOf(known), names, LIMITS).enrichBatch(batch, { low: ++this.#batches, high: 1 });
    await insertNodes(this.#storage, names.take());
    await insertPlaces(this.#storage, names.takePlaces());
    await insertFlows(this.#storage, encodeArrow(batch), `flows.weeks.0.${String(this.#batches).padStart(32, '0')}.0`);
    this.records += batch.rows;
    for (const column of Object.values(batch.columns)) column.fill(0);
    batch.rows = 0;
  }

  #knownAt(ms: number): readonly KnownInventory[] {
    return this.#simulation.inventories.filter(({ knownAtMs }) => knownAtMs <= ms);
  }
}

/** Each inventory holds from its `asOf` on. */
function knowledgeOf({ inventories, exporters, applications }: SimulatedDocuments): Knowledge {
  const snapshots = inventories.map(({ inventory }) => compileSnapshot({ inventory, exporters, applications }));
  const asOfs = Float64Array.from(inventories, ({ inventory }) => Date.parse(inventory.asOf));
  const starts = asOfs.map((ms, epoch) => (epoch === 0 ? Number.NEGATIVE_INFINITY : ms));
  return { starts, asOfs, snapshotAt: epoch => snapshots[epoch]! };
}

async function recordDocuments(storage: ClickHouse, { inventories, exporters, applications }: SimulatedDocuments) {
  for (const { inventory, knownAtMs } of inventories)
    await insertDocument(storage, {
      kind: 'inventory',
      source: inventory.source,
      asOfMs: Date.parse(inventory.asOf),
      recordedAtMs: knownAtMs,
      body: JSON.stringify(inventory),
    });
  for (const [kind, body] of [
    ['exporters', exporters],
    ['applications', applications],
  ] as const)
    await insertDocument(storage, {
      kind,
      source: 'weeks',
      asOfMs: 0,
      recordedAtMs: START,
      body: JSON.stringify(body),
    });
}
