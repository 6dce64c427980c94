// Which VMs moved in a window, by the history of the inventory: a VM that one state has on a host and a later one on another. A VM
// that was not anywhere meanwhile has moved too. States of which the inventory is not known say nothing.

import { vmIdentityOf } from '../../inventory/model/topology-compiler.ts';
import { epochAt } from '../../inventory/snapshot/knowledge.ts';
import type { InventoryHost } from '../../schemas/inventory.ts';
import type { MovedReport, MovedRequest, PlacedHost, VmMove } from '../../schemas/planning.ts';
import type { Recorded } from '../coverage/recorded-inventory.ts';
import { keyText } from './pair-ends.ts';
import type { State } from './wiring-slices.ts';

/** Moves that are kept to be listed; of more the newest. */
const MOVES_MAX = 10_000;

interface Stay {
  readonly host: string;
  /** Start of the newest state that has it there. */
  readonly seenMs: number;
}

export function movedVms({ history, epochs }: Recorded, { fromMs, toMs, limit }: MovedRequest): MovedReport {
  const [first, last] = [epochAt(epochs.starts, fromMs), epochAt(epochs.starts, toMs - 1)];
  const stays = new Map<string, Stay>();
  let moves: VmMove[] = [];
  let [moveCount, knownFromMs, asOfMs] = [0, Number.POSITIVE_INFINITY, 0];
  let before: State['inventory']['vms'] | undefined;
  for (let epoch = first; epoch <= last; epoch++) {
    const state = history.documentsAt(epochs.moments[epoch]!);
    if (!state) continue;
    const { inventory } = state;
    const atMs = epochs.starts[epoch]!;
    knownFromMs = Math.min(knownFromMs, Math.max(atMs, fromMs));
    asOfMs = inventory.sources.reduce((newest, source) => Math.max(newest, source.asOfMs), asOfMs);
    if (inventory.vms === before) continue;
    before = inventory.vms;
    const found = movesInto(inventory, stays, { atMs, seenMs: epochs.moments[epoch]! });
    moveCount += found.length;
    moves = [...moves, ...found].slice(-MOVES_MAX);
  }
  const newest = moves.toReversed().sort((a, b) => b.atMs - a.atMs);
  return {
    moves: newest.slice(0, limit),
    moveCount,
    knownFromMs: Number.isFinite(knownFromMs) ? knownFromMs : toMs,
    asOfMs,
  };
}

/** VMs that this state has on another host than the states before; `stays` is brought up to it. */
function movesInto(
  inventory: State['inventory'],
  stays: Map<string, Stay>,
  { atMs, seenMs }: { readonly atMs: number; readonly seenMs: number },
): VmMove[] {
  const hosts = new Map(inventory.hosts.map(host => [host.id, host]));
  const moves: VmMove[] = [];
  for (const [position, { host, name, id }] of inventory.vms.entries()) {
    if (host === undefined) continue;
    const identity = vmIdentityOf(inventory, position);
    const known = stays.get(identity);
    stays.set(identity, { host, seenMs });
    if (!known || known.host === host) continue;
    moves.push({
      vm: { key: keyText('vm', identity), name: name || id },
      from: placed(hosts.get(known.host), known.host),
      to: placed(hosts.get(host), host),
      ...{ atMs, sinceMs: known.seenMs },
    });
  }
  return moves;
}

function placed(host: InventoryHost | undefined, id: string): PlacedHost {
  return { id, key: keyText('host', id), name: host?.name ?? id };
}
