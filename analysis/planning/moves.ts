// What moves mean: names, ids and keys of the request to VMs and hosts. What cannot be resolved, or contradicts another move,
// is a fault with its place; nothing is guessed. VMs that move to a rack go, in the order of the moves, to its host with the
// fewest VMs at that moment, of equal ones to the first by id.

import type { InventoryHost } from '../../schemas/inventory.ts';
import { hashedKey, keyToHex } from '../../schemas/keys.ts';
import type { Move, MoveFaults } from '../../schemas/planning.ts';
import type { Placement, PlacementModel } from './placement-model.ts';

/** Faults that are listed. */
const FAULTS_MAX = 100;

/** Positions of the VMs of an application, by its key in hexadecimal digits. */
export type VmsOfApplications = () => ReadonlyMap<string, ReadonlySet<number>>;

/** Where VMs stand after the moves, or why they cannot be made. */
export function applyMoves(
  model: PlacementModel,
  racks: readonly { readonly id: string; readonly name?: string | undefined }[],
  moves: readonly Move[],
  applications: VmsOfApplications,
): Placement | MoveFaults {
  return new Mover(model, racks, applications).apply(moves);
}

type Found<T> = { readonly found: T } | { readonly reason: string };

class Mover {
  readonly #model: PlacementModel;
  readonly #applications: VmsOfApplications;
  readonly #vms: Named<number>;
  readonly #hosts: Named<InventoryHost>;
  readonly #racks: Named<string>;
  readonly #inRack: ReadonlyMap<string, readonly InventoryHost[]>;
  readonly #placement: (InventoryHost | undefined)[];
  readonly #counts = new Map<InventoryHost, number>();
  /** By VM: the move that it is in, and where to. */
  readonly #taken = new Map<number, { readonly move: number; readonly to: string }>();
  readonly #faults: { at: string; reason: string }[] = [];
  #faultCount = 0;

  constructor(
    model: PlacementModel,
    racks: readonly { id: string; name?: string | undefined }[],
    applications: VmsOfApplications,
  ) {
    this.#model = model;
    this.#applications = applications;
    this.#vms = new Named(
      'VM',
      model.vms.map((vm, at) => [at, [vm.id, vm.name, hexOf(model.named(at).key)]]),
    );
    this.#hosts = new Named(
      'host',
      model.hosts.map(host => [host, [host.id, host.name]]),
    );
    this.#racks = new Named(
      'rack',
      racks.map(({ id, name }) => [id, [id, name]]),
    );
    this.#inRack = Map.groupBy(
      [...model.hosts].sort((a, b) => (a.id < b.id ? -1 : 1)),
      ({ rack }) => rack ?? '',
    );
    this.#placement = [...model.current];
    for (const host of model.current) if (host) this.#counts.set(host, (this.#counts.get(host) ?? 0) + 1);
  }

  apply(moves: readonly Move[]): Placement | MoveFaults {
    moves.forEach((move, i) => {
      const vms = this.#whoOf(move, i);
      const to = this.#whereTo(move, i);
      if (vms && to) for (const vm of vms) this.#move(vm, to, i);
    });
    return this.#faultCount > 0 ? { faults: this.#faults, faultCount: this.#faultCount } : this.#placement;
  }

  #whoOf({ vm, app, host }: Move, i: number): readonly number[] | undefined {
    if (vm !== undefined) {
      const at = this.#take(this.#vms.find(vm), `moves/${i}/vm`);
      return at === undefined ? undefined : [at];
    }
    if (app !== undefined) return this.#take(this.#vmsOf(app), `moves/${i}/app`);
    const from = this.#take(this.#hosts.find(host ?? ''), `moves/${i}/host`);
    return from && [...this.#model.current.keys()].filter(at => this.#model.current[at] === from);
  }

  /** Applications by id or key, automatic groups by name (`auto:lab`). */
  #vmsOf(app: string): Found<readonly number[]> {
    const found = this.#applications();
    const keys = [app.toLowerCase(), keyToHex(hashedKey('application', app)), keyToHex(hashedKey('autoGroup', app))];
    const vms = keys.map(key => found.get(key)).find(set => set !== undefined);
    return vms ? { found: [...vms].sort((a, b) => a - b) } : { reason: `"${app}" is no application with running VMs` };
  }

  #whereTo(
    { toHost, toRack }: Move,
    i: number,
  ): { readonly name: string; readonly hosts: readonly InventoryHost[] } | undefined {
    if (toHost !== undefined) {
      const host = this.#take(this.#hosts.find(toHost), `moves/${i}/toHost`);
      return host && { name: `host ${host.id}`, hosts: [host] };
    }
    const rack = this.#take(this.#racks.find(toRack ?? ''), `moves/${i}/toRack`);
    if (rack === undefined) return undefined;
    const hosts = (this.#inRack.get(rack) ?? []).filter(({ status }) => status === 'running');
    if (hosts.length === 0) this.#fault(`moves/${i}/toRack`, `rack "${rack}" has no running host`);
    return hosts.length === 0 ? undefined : { name: `rack ${rack}`, hosts };
  }

  #move(
    vm: number,
    { name, hosts }: { readonly name: string; readonly hosts: readonly InventoryHost[] },
    i: number,
  ): void {
    const known = this.#taken.get(vm);
    if (known) {
      if (known.to !== name)
        this.#fault(
          `moves/${i}`,
          `VM "${this.#model.named(vm).name}" moves to ${known.to} by moves/${known.move} already`,
        );
      return;
    }
    this.#taken.set(vm, { move: i, to: name });
    const from = this.#placement[vm];
    if (from && hosts.includes(from)) return;
    const count = (host: InventoryHost) => this.#counts.get(host) ?? 0;
    const to = hosts.reduce((least, host) => (count(host) < count(least) ? host : least));
    if (from) this.#counts.set(from, count(from) - 1);
    this.#counts.set(to, count(to) + 1);
    this.#placement[vm] = to;
  }

  #take<T>(found: Found<T>, at: string): T | undefined {
    if ('found' in found) return found.found;
    this.#fault(at, found.reason);
    return undefined;
  }

  #fault(at: string, reason: string): void {
    this.#faultCount++;
    if (this.#faults.length < FAULTS_MAX) this.#faults.push({ at, reason });
  }
}

/** Things by id, name or key; an id comes before the name of another. */
class Named<T> {
  readonly #kind: string;
  readonly #ids = new Map<string, T[]>();
  readonly #names = new Map<string, T[]>();

  constructor(kind: string, things: readonly (readonly [thing: T, names: readonly (string | undefined)[]])[]) {
    this.#kind = kind;
    for (const [thing, [id, ...names]] of things) {
      if (id !== undefined) put(this.#ids, id, thing);
      for (const name of new Set(names)) if (name !== undefined && name !== id) put(this.#names, name, thing);
    }
  }

  find(text: string): Found<T> {
    const [first, ...others] =
      this.#ids.get(text) ?? this.#names.get(text) ?? this.#names.get(text.toLowerCase()) ?? [];
    if (first === undefined) return { reason: `the inventory has no ${this.#kind} "${text}"` };
    if (others.length > 0)
      return { reason: `${others.length + 1} ${this.#kind}s are called "${text}"; write the key of one instead` };
    return { found: first };
  }
}

function put<T>(map: Map<string, T[]>, name: string, thing: T): void {
  const known = map.get(name);
  if (known) known.push(thing);
  else map.set(name, [thing]);
}

function hexOf(key: string): string {
  return BigInt(key).toString(16).padStart(16, '0');
}
