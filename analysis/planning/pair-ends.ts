// From what a stored row says of its ends, node keys, to where they hang on the network. A VM is looked for in all states of
// a slice: where it was on the host of the row, else as it would be there.

import type { Merged } from '../../inventory/model/merge.ts';
import { vmIdentityOf } from '../../inventory/model/topology-compiler.ts';
import type { InventoryHost, InventoryVm } from '../../schemas/inventory.ts';
import { explicitKey, hashedKey, keyToBigint, NODE_CLASSES, type NodeClass } from '../../schemas/keys.ts';
import type { PairRow } from '../../schemas/planning.ts';
import { type End, Ends, type Route, routeOf, unknownEnd } from './ends.ts';
import { Network } from './network.ts';
import type { State } from './wiring-slices.ts';

/** A key as rows have it. */
export function keyText(nodeClass: NodeClass, identity: string): string {
  return String(keyToBigint(hashedKey(nodeClass, identity)));
}
const EXTERNAL = String(keyToBigint(explicitKey('external')));
export const MULTICAST = String(keyToBigint(explicitKey('multicast')));

function classOf(key: string): number {
  return Number(BigInt(key) >> 56n);
}

/** Entities of one state by the keys of their nodes. */
class StateKeys {
  readonly inventory: Merged;
  readonly vms: ReadonlyMap<string, InventoryVm>;
  readonly hosts: ReadonlyMap<string, InventoryHost>;
  readonly endpoints: ReadonlyMap<string, Merged['endpoints'][number]>;

  constructor(inventory: Merged) {
    this.inventory = inventory;
    this.vms = new Map(inventory.vms.map((vm, at) => [keyText('vm', vmIdentityOf(inventory, at)), vm]));
    this.hosts = new Map(inventory.hosts.map(host => [keyText('host', host.id), host]));
    this.endpoints = new Map(
      inventory.endpoints.map((endpoint, at) => {
        const source = inventory.sources[inventory.endpointSources[at]!]!.name;
        return [keyText('endpoint', `${source}/${endpoint.id}`), endpoint];
      }),
    );
  }
}

export class PairEnds {
  readonly network: Network;
  readonly ends: Ends;
  readonly #states: readonly State[];
  /** Made as older states are needed. */
  readonly #keys: StateKeys[] = [];
  readonly #found = new Map<string, End>();

  /** `states`: the newest first, at least one. */
  constructor(states: readonly [State, ...State[]]) {
    const [{ inventory, exporters }] = states;
    this.#states = states;
    this.network = new Network(inventory, exporters);
    this.ends = new Ends(this.network, inventory);
  }

  /** The newest state. */
  get keys(): StateKeys {
    return this.#keysOf(0);
  }

  route(row: PairRow): Route {
    if (row.dstNode === MULTICAST) return 'multicast';
    return routeOf(this.network, this.src(row), this.dst(row));
  }

  src({ srcVm, srcHost, srcNode }: PairRow): End {
    return this.#end(srcVm, srcHost, srcNode);
  }

  dst({ dstVm, dstHost, dstNode }: PairRow): End {
    return this.#end(dstVm, dstHost, dstNode);
  }

  #end(vm: string, host: string, node: string): End {
    const name = `${vm} ${host} ${node}`;
    const known = this.#found.get(name) ?? this.#find(vm, host, node);
    this.#found.set(name, known);
    return known;
  }

  #find(vm: string, host: string, node: string): End {
    if (vm === '0' && host === '0') return node === EXTERNAL ? this.ends.outside : unknownEnd('unknown-end');
    const at = this.keys.hosts.get(host);
    if (vm === '0') return at ? this.ends.host(at) : unknownEnd('unknown-end');
    if (classOf(vm) === NODE_CLASSES.endpoint) {
      const endpoint = this.#newest(keys => keys.endpoints.get(vm));
      return endpoint ? this.ends.endpoint(endpoint) : unknownEnd('unknown-end');
    }
    const entity =
      (at && this.#newest(keys => only(keys.vms.get(vm), found => found.host === at.id))) ??
      this.#newest(keys => keys.vms.get(vm));
    if (!entity) return unknownEnd('unknown-end');
    return at ? this.ends.vmOn(entity, at) : unknownEnd('no-host');
  }

  #newest<T>(find: (keys: StateKeys) => T | undefined): T | undefined {
    for (let at = 0; at < this.#states.length; at++) {
      const found = find(this.#keysOf(at));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #keysOf(at: number): StateKeys {
    this.#keys[at] ??= new StateKeys(this.#states[at]!.inventory);
    return this.#keys[at]!;
  }
}

function only<T>(value: T | undefined, fits: (value: T) => boolean): T | undefined {
  return value !== undefined && fits(value) ? value : undefined;
}
