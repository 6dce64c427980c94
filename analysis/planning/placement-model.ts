// The traffic of a window on the network as it is now: which VMs talk, where each stands, and what it costs. Moves are tried
// by another place for a VM; the rest follows from its pairs alone. Hosts are those of the newest inventory, whatever host a VM
// was on when it sent: the question is about what comes.

import type { InventoryHost, InventoryVm } from '../../schemas/inventory.ts';
import type { MovedVm, NamedVm, PairRow } from '../../schemas/planning.ts';
import { type End, hopsOf, localityOf, visitRoute } from './ends.ts';
import { addSums, noSums, type Sums, sumsOf } from './loads.ts';
import type { Network } from './network.ts';
import { MULTICAST, type PairEnds } from './pair-ends.ts';

/** Where each VM stands, by its position in the inventory; undefined nowhere that is known. */
export type Placement = readonly (InventoryHost | undefined)[];

/** An end: a VM by its position, which may move, or something that stays. */
type Party = { readonly vm: number } | { readonly end: End };

export interface Talk {
  /** Name of the pair. */
  readonly pair: string;
  readonly src: Party;
  readonly dst: Party;
  readonly sums: Sums;
  readonly isMulticast: boolean;
}

export class PlacementModel {
  readonly network: Network;
  readonly vms: readonly InventoryVm[];
  readonly hosts: readonly InventoryHost[];
  readonly current: Placement;
  readonly talks: readonly Talk[];
  readonly #ends: PairEnds;
  readonly #keys: ReadonlyMap<InventoryVm, string>;
  /** Positions in `talks`, by position of the VM. */
  readonly #talksOf = new Map<number, number[]>();

  constructor(ends: PairEnds, rows: readonly PairRow[]) {
    const { inventory, vms } = ends.keys;
    this.#ends = ends;
    this.network = ends.network;
    this.vms = inventory.vms;
    this.hosts = inventory.hosts;
    this.#keys = new Map([...vms].map(([key, vm]) => [vm, key]));
    const hosts = new Map(inventory.hosts.map(host => [host.id, host]));
    this.current = inventory.vms.map(vm => hosts.get(vm.host ?? ''));
    for (const host of inventory.hosts) this.network.addHost(host);
    const positions = new Map(inventory.vms.map((vm, at) => [vm, at]));
    const partyOf = (key: string, end: () => End): Party => {
      const vm = positions.get(vms.get(key)!);
      return vm === undefined ? { end: end() } : { vm };
    };
    const byPair = new Map<string, Talk>();
    for (const row of rows) {
      const talk = byPair.get(row.pair) ?? {
        pair: row.pair,
        src: partyOf(row.srcVm, () => ends.src(row)),
        dst: partyOf(row.dstVm, () => ends.dst(row)),
        sums: noSums(),
        isMulticast: row.dstNode === MULTICAST,
      };
      addSums(talk.sums, sumsOf(row), 1);
      byPair.set(row.pair, talk);
    }
    this.talks = [...byPair.values()];
    this.talks.forEach((talk, i) => {
      for (const vm of new Set([talk.src, talk.dst].flatMap(party => ('vm' in party ? party.vm : [])))) {
        const known = this.#talksOf.get(vm);
        if (known) known.push(i);
        else this.#talksOf.set(vm, [i]);
      }
    });
  }

  /** Positions of VMs that sent or received. */
  get talking(): readonly number[] {
    return [...this.#talksOf.keys()];
  }

  talksOf(vm: number): readonly number[] {
    return this.#talksOf.get(vm) ?? [];
  }

  endOf(party: Party, placement: Placement): End {
    if ('end' in party) return party.end;
    const host = placement[party.vm];
    return host ? this.#ends.ends.vmOn(this.vms[party.vm]!, host) : HOMELESS;
  }

  /** Calls `visit` with each link that the pair takes, and the share of its packets; none where they are not known. */
  visit({ src, dst, isMulticast }: Talk, placement: Placement, visit: (link: number, share: number) => void): void {
    if (!isMulticast) visitRoute(this.network, this.endOf(src, placement), this.endOf(dst, placement), visit);
  }

  /** Mean number of links; undefined where it is not known. */
  hops(talk: Talk, placement: Placement): number | undefined {
    if (talk.isMulticast) return undefined;
    return hopsOf(this.network, this.endOf(talk.src, placement), this.endOf(talk.dst, placement));
  }

  locality(talk: Talk, placement: Placement): string {
    return localityOf(this.endOf(talk.src, placement), this.endOf(talk.dst, placement));
  }

  /** Bytes times links, and the bytes whose links are not known. */
  cost(placement: Placement): { readonly byteHops: number; readonly unplaced: number; readonly bytes: number } {
    let [byteHops, unplaced, bytes] = [0, 0, 0];
    for (const talk of this.talks) {
      const hops = this.hops(talk, placement);
      bytes += talk.sums.bytes;
      if (hops === undefined) unplaced += talk.sums.bytes;
      else byteHops += talk.sums.bytes * hops;
    }
    return { byteHops, unplaced, bytes };
  }

  named(vm: number): NamedVm {
    const { name, id } = this.vms[vm]!;
    return { key: this.#keys.get(this.vms[vm]!) ?? '0', name: name || id };
  }

  movedVm(vm: number, from: InventoryHost | undefined, to: InventoryHost): MovedVm {
    return { ...this.named(vm), from: from?.id ?? '', to: to.id };
  }
}

const HOMELESS: End = { nics: [], hang: -1, reason: 'no-host', isOutside: false, host: '', rack: '', site: '' };
