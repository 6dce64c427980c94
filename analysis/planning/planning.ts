// Answers the planner's requests: reads the traffic of pairs with the statements of the API, places it on the links of the
// inventory of its time, and does the arithmetic. It runs in a thread of its own (planner-thread.ts).

import type { HistoryOptions } from '../../inventory/snapshot/history.ts';
import { compileSnapshotData, openSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { readLiveness } from '../../inventory/sources/liveness-source.ts';
import type {
  LinkLoad,
  LinksReport,
  LinksRequest,
  MoveFaults,
  PairRow,
  Placed,
  PlannerAnswer,
  PlannerRequest,
  PlanStatement,
  PlanWindow,
  RankRow,
  SegmentPairRow,
  WhatIfReport,
  WhatIfRequest,
} from '../../schemas/planning.ts';
import { FRAME_BYTES } from '../../schemas/planning.ts';
import { type Storage, StorageError } from '../../storage/storage.ts';
import { silenceAt, viewOf } from '../coverage/coverage.ts';
import { LastSeen } from '../coverage/liveness.ts';
import { type Recorded, RecordedInventory } from '../coverage/recorded-inventory.ts';
import { carriersOf } from './carriers.ts';
import { CounterPorts } from './counters.ts';
import { type DirectedLoad, Loads, loadOf } from './loads.ts';
import { movedVms } from './moved-vms.ts';
import { applyMoves } from './moves.ts';
import { keyText, PairEnds } from './pair-ends.ts';
import { advisePlacement } from './placement.ts';
import { PlacementModel } from './placement-model.ts';
import { rankedBySeries, SeriesPaths } from './series.ts';
import { visibilityChange } from './visibility-change.ts';
import { changedLinks, linkChangeOf, moveFigures, pairsOn } from './what-if.ts';
import { type State, wiringSlices } from './wiring-slices.ts';

interface Traffic {
  readonly rows: readonly PairRow[];
  /** Seconds at which slices but the first begin. */
  readonly sliceStarts: readonly number[];
  /** By slice; undefined where the inventory is not known. The last one is the newest. */
  readonly ends: readonly (PairEnds | undefined)[];
  readonly states: readonly State[];
  readonly slices: Placed['slices'];
}

/** The same on the links of its time. */
interface PlacedTraffic extends Traffic {
  readonly loads: Loads;
  readonly placed: Placed;
}

export class Planning {
  readonly #storage: Storage;
  readonly #inventory: RecordedInventory;

  constructor(storage: Storage, options: HistoryOptions, nowMs: () => number) {
    this.#storage = storage;
    this.#inventory = new RecordedInventory(storage, options, nowMs);
  }

  /** Undefined when no inventory was recorded. */
  async answer(request: PlannerRequest): Promise<PlannerAnswer> {
    const recorded = await this.#inventory.read({ fromMs: request.fromMs, atMs: request.toMs });
    if (!recorded) return undefined;
    if (request.request === 'moved') return movedVms(recorded, request);
    if (request.request === 'links') return this.#links(request, recorded);
    if (request.request === 'carriers') {
      const { rows, ends, placed } = await this.#place(request, recorded);
      return carriersOf(request, rows as readonly SegmentPairRow[], ends, placed);
    }
    const traffic = await this.#read(request, recorded);
    const ends = traffic.ends.at(-1);
    const state = traffic.states.at(-1);
    if (!ends || !state) return undefined;
    const model = new PlacementModel(ends, traffic.rows);
    if (request.request === 'placement') return { ...advisePlacement(model, request), asOfMs: asOfMsOf(state) };
    return this.#whatIf(request, { recorded, traffic, state, model });
  }

  async #whatIf(
    request: WhatIfRequest,
    { recorded, traffic, state, model }: { recorded: Recorded; traffic: Traffic; state: State; model: PlacementModel },
  ): Promise<WhatIfReport | MoveFaults> {
    const liveness = await readLiveness(this.#storage, request.fromMs, request.toMs + 1);
    const silence = silenceAt(liveness, new LastSeen([]), request.toMs);
    const applications = () => {
      const data = compileSnapshotData(state.inventory, state.exporters);
      const snapshot = openSnapshot(data, recorded.applications);
      const view = viewOf({ documents: state, snapshot }, silence);
      return view.memberships('app');
    };
    const after = applyMoves(model, state.inventory.racks, request.moves, once(applications));
    if ('faults' in after) return after;
    const changed = changedLinks(model, model.current, after);
    const listed = changed.slice(0, request.linksMax);
    const pairs = [model.current, after].map(placement => pairsOn(model, placement, listed));
    const ranked = await this.#rank(request, traffic, pairs.flat());
    const links = listed.map((link, i) =>
      linkChangeOf(model, link, [ranked.get(i) ?? null, ranked.get(listed.length + i) ?? null]),
    );
    const documents = { ...state, isSilent: silence.isSilent };
    return {
      ...moveFigures(model, model.current, after, request.pairsMax),
      ...visibilityChange(documents, model, after, request.pairsMax),
      ...{ links, linkCount: changed.length, asOfMs: asOfMsOf(state) },
    };
  }

  async #links(request: LinksRequest, recorded: Recorded): Promise<LinksReport> {
    const traffic = await this.#place(request, recorded);
    const rateOf = ({ sums }: DirectedLoad) =>
      ((sums.bytes + FRAME_BYTES * sums.packets) * 8) / Math.max(1, request.seconds);
    const size = (load: DirectedLoad) => {
      if (request.sort === 'load') return load.sums.bytes;
      const { speedBps } = load.link;
      // What has no known speed comes behind what has, by its load.
      return speedBps === null ? -1 / (1 + load.sums.bytes) : rateOf(load) / speedBps;
    };
    const wanted = wantedLinks([...traffic.loads.links.values()], request, traffic.states);
    const sizes = new Map(wanted.map(load => [load, size(load)]));
    const listed = wanted
      .sort((a, b) => sizes.get(b)! - sizes.get(a)! || (a.name < b.name ? -1 : 1))
      .slice(0, request.limit);
    const ranked = await this.#rank(
      request,
      traffic,
      listed.map(({ pairs }) => pairs),
    );
    const counters = await new CounterPorts(traffic.states).read(statement => this.#select(statement), request, listed);
    const slices = traffic.ends.filter(ends => ends !== undefined).length;
    return {
      ...traffic.placed,
      linkCount: wanted.length,
      links: listed.map((load, i) => ({
        ...linkLoadOf(load, request.cells),
        ranked: ranked.get(i) ?? null,
        counters: counters.get(load.name) ?? null,
        isPartial: load.slices < slices,
      })),
    };
  }

  /** The traffic of a window, and the ends of each slice of it. */
  async #read(request: PlanWindow, recorded: Recorded): Promise<Traffic> {
    const { slices, found } = wiringSlices(recorded, request.fromMs, request.toMs);
    const ends = slices.map(({ states: [newest, ...older] }) => newest && new PairEnds([newest, ...older]));
    const sliceStarts = slices
      .slice(1)
      .map(({ fromMs }) => (Math.ceil(fromMs / request.stepMs) * request.stepMs) / 1000);
    const { sql, params } = request.totals;
    const rows = await this.#select<PairRow>({ sql, params: { ...params, sliceStarts } });
    const states = slices.flatMap(slice => slice.states.slice(0, 1));
    return { rows, sliceStarts, ends, states, slices: { found, examined: slices.length } };
  }

  async #place(request: PlanWindow, recorded: Recorded): Promise<PlacedTraffic> {
    const traffic = await this.#read(request, recorded);
    const { rows, ends, states, slices } = traffic;
    const loads = new Loads();
    const routes = rows.map(row => ends[row.slice]?.route(row) ?? 'no-inventory');
    // Links of hosts are made as their ends are placed: all hosts, so that idle links are listed too.
    const loadsOf = ends.map(slice => {
      if (!slice) return [];
      for (const host of slice.keys.inventory.hosts) slice.network.addHost(host);
      for (const endpoint of slice.keys.inventory.endpoints) slice.ends.endpoint(endpoint);
      return loads.addLinks(slice.network.links);
    });
    rows.forEach((row, i) => {
      loads.add(row, routes[i]!, loadsOf[row.slice] ?? []);
    });
    const [first] = rows;
    const all = { bytes: Number(first?.allBytes ?? 0), pairs: Number(first?.allPairs ?? 0), rows: rows.length };
    const state = states.at(-1);
    return { ...traffic, loads, placed: { ...loads.finish(all), slices, asOfMs: state ? asOfMsOf(state) : 0 } };
  }

  /** p95 and maximum by position in `series`, each with the pairs that take part and their share. */
  async #rank(
    { ranks }: PlanWindow,
    { sliceStarts }: Traffic,
    series: readonly ReadonlyMap<string, number>[],
  ): Promise<ReadonlyMap<number, Omit<RankRow, 'series'>>> {
    if (!ranks) return new Map();
    const paths = new SeriesPaths();
    const assigned = [...series.keys()].filter(i => paths.add(i, series[i]!));
    const found =
      paths.size === 0
        ? []
        : await this.#select<RankRow>(paths.statement({ ...ranks, params: { ...ranks.params, sliceStarts } }));
    const ranked = rankedBySeries(found);
    return new Map(assigned.map(i => [i, ranked.get(i) ?? NOTHING_RANKED]));
  }

  async #select<T>({ sql, params }: PlanStatement): Promise<T[]> {
    try {
      return await this.#storage.select<T>(sql, params);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      // ClickHouse repeats the statement in its errors.
      const code = error.clickhouseCode;
      throw new Error(`ClickHouse did not answer (code ${code}); try again, or choose a shorter window`, {
        cause: error,
      });
    }
  }
}

function asOfMsOf({ inventory }: State): number {
  return inventory.sources.reduce((newest, { asOfMs }) => Math.max(newest, asOfMs), 0);
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Of a link that no pair takes. */
const NOTHING_RANKED = { ranked: 0, rankedLow: 0, rankedHigh: 0, rankedLeast: 0, noise: 0, maxBps: 0 };

function linkLoadOf(
  { name, link, direction, sums, cells }: DirectedLoad,
  count: number,
): Omit<LinkLoad, 'ranked' | 'counters' | 'isPartial'> {
  const [from, to] = direction === 0 ? link.ends : ([link.ends[1], link.ends[0]] as const);
  const largest = [...cells].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, count);
  return {
    ...{ name, kind: link.kind, from, to, speedBps: link.speedBps },
    // Paths lead through a thing that is only a name; what else goes there is not known.
    load: link.kind === 'other' && sums.records === 0 ? null : loadOf(sums),
    cells: largest.map(([apps, bytes]) => {
      const [srcApp = '0', dstApp = '0'] = apps.split(' ');
      return { srcApp, dstApp, bytes };
    }),
    cellCount: cells.size,
  };
}

/** Of the host and of the switch that are named by id or name. */
function wantedLinks(
  loads: readonly DirectedLoad[],
  request: Pick<LinksRequest, 'host' | 'switch' | 'hostKeys'>,
  states: readonly State[],
): DirectedLoad[] {
  const idsOf = (wanted: string, list: (state: State) => readonly { readonly id: string; readonly name?: string }[]) =>
    new Set([wanted, ...states.flatMap(state => list(state).flatMap(({ id, name }) => (name === wanted ? id : [])))]);
  const [hosts, switches] = [
    idsOf(request.host, ({ inventory }) => inventory.hosts),
    idsOf(request.switch, ({ inventory }) => inventory.switches),
  ];
  const has = ({ link }: DirectedLoad, kind: 'host' | 'switch', ids: ReadonlySet<string>) =>
    request[kind] === '' || link.ends.some(end => end.kind === kind && ids.has(end.id));
  const keys = request.hostKeys && new Set(request.hostKeys);
  const isKeyed = ({ link }: DirectedLoad) =>
    !keys || link.ends.some(({ kind, id }) => kind === 'host' && keys.has(keyText('host', id)));
  return loads.filter(load => has(load, 'host', hosts) && has(load, 'switch', switches) && isKeyed(load));
}
