// Which pairs of VMs nobody can see: those whose packets would pass no live exporter, on none of the ways they may take.
// Found by sending a packet down every way, not by any rule about who should see whom.

import type { Exporter } from './exporters/exporter.ts';
import { trace } from './network/path.ts';
import { addressOf, type Vm, type World } from './network/world.ts';
import { timeText } from './truth-book.ts';

type Kind = 'invisible' | 'unreachable';

export interface Visibility {
  /** Looks at every pair as things stand now. */
  look(nowMs: number): void;
  reported(kind: Kind, endMs: number): { src: string; dst: string; from: string; to: string }[];
}

/** Every choice among two members and two equal paths. */
const HASHES = [0, 1, 8, 9, 32, 33, 40, 41];
/** Beyond this many VMs pairs are too many to list. */
const VMS_MAX = 200;

export function createVisibility(world: World, exporters: readonly Exporter[]): Visibility {
  const since = { invisible: new Map<string, number>(), unreachable: new Map<string, number>() };
  const done: { kind: Kind; name: string; fromMs: number; toMs: number }[] = [];

  const kindOf = (from: Vm, to: Vm): Kind | undefined => {
    const flow = { src: addressOf(from), dst: addressOf(to), proto: 6, srcPort: 1, dstPort: 1, tcpFlags: 0 };
    const ways = HASHES.map(hash => trace(world, from, to, hash));
    if (ways.every(({ delivered }) => !delivered)) return 'unreachable';
    const seen = ways.some(({ hops }) =>
      hops.some(hop =>
        exporters.some(
          each => !each.silent && each.device === hop.device && each.observationsOf(hop, flow, '').length > 0,
        ),
      ),
    );
    return seen ? undefined : 'invisible';
  };

  const isRoutable = (from: Vm, to: Vm) => from.nic.segment === to.nic.segment || world.routers.length > 0;

  return {
    look(nowMs) {
      if (world.vms.length > VMS_MAX) return;
      for (const from of world.vms) {
        for (const to of world.vms) {
          if (from === to || !isRoutable(from, to)) continue;
          const name = `${from.name}\n${to.name}`;
          const running = from.status === 'running' && to.status === 'running';
          const now = running ? kindOf(from, to) : undefined;
          for (const kind of ['invisible', 'unreachable'] as const) {
            const fromMs = since[kind].get(name);
            if (now === kind && fromMs === undefined) since[kind].set(name, nowMs);
            if (now !== kind && fromMs !== undefined) {
              done.push({ kind, name, fromMs, toMs: nowMs });
              since[kind].delete(name);
            }
          }
        }
      }
    },
    reported(kind, endMs) {
      const open = [...since[kind]].map(([name, fromMs]) => ({ kind, name, fromMs, toMs: endMs }));
      return [...done.filter(entry => entry.kind === kind), ...open].map(({ name, fromMs, toMs }) => {
        const [src, dst] = name.split('\n') as [string, string];
        return { src, dst, from: timeText(fromMs), to: timeText(toMs) };
      });
    },
  };
}
