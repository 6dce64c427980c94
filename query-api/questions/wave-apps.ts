// The applications that waves are planned of: those that exchange most with others, their VMs by inventory, and what of them
// nobody sees. Pure.

import { type Graph, graphOf } from '../../analysis/grouping/agglomeration.ts';
import type { MembersReport } from '../../schemas/coverage.ts';
import { keyToHex } from '../../schemas/keys.ts';
import { wordsOf } from '../sql/values.ts';
import type { AppPairRow } from './wave-traffic.ts';

export interface App {
  /** As ClickHouse writes it. */
  readonly raw: string;
  readonly key: string;
  readonly vms: number | null;
  /** Exchanged with other applications. */
  readonly bytes: number;
}

export interface Apps {
  readonly planned: readonly App[];
  /** Between two that are planned, by position. */
  readonly pairs: readonly (readonly [a: number, b: number, bytes: number])[];
  readonly total: number;
  readonly beyondLimit: { readonly applications: number; readonly bytes: number };
  readonly silent: { readonly applications: number; readonly vms: number } | null;
  /** Whether an inventory says how many VMs applications have. */
  readonly isMeasured: boolean;
}

export function appsOf(rows: readonly AppPairRow[], members: MembersReport | undefined, limit: number): Apps {
  const between = rows.filter(({ a, b }) => a !== '0' && a !== b).map(row => ({ ...row, bytes: Number(row.bytes) }));
  const exchanged = new Map<string, number>();
  for (const { a, b } of rows) for (const raw of [a, b]) if (raw !== '0') exchanged.set(raw, 0);
  for (const { a, b, bytes } of between) for (const raw of [a, b]) exchanged.set(raw, exchanged.get(raw)! + bytes);
  const vms = new Map(members?.nodes);
  const sorted = [...exchanged].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  const planned = sorted.slice(0, limit).map(([raw, bytes]) => {
    const key = keyToHex(wordsOf(raw));
    return { raw, key, vms: vms.get(key) ?? null, bytes };
  });
  const places = new Map(planned.map(({ raw }, i) => [raw, i]));
  const inside = between.filter(({ a, b }) => places.has(a) && places.has(b));
  const sum = (pairs: readonly { readonly bytes: number }[]) => pairs.reduce((all, { bytes }) => all + bytes, 0);
  return {
    planned,
    pairs: inside.map(({ a, b, bytes }) => [places.get(a)!, places.get(b)!, bytes]),
    total: sum(inside),
    beyondLimit: { applications: sorted.length - planned.length, bytes: sum(between) - sum(inside) },
    silent: members ? silentIn(members, exchanged) : null,
    isMeasured: members !== undefined,
  };
}

function silentIn({ nodes }: MembersReport, exchanged: ReadonlyMap<string, number>) {
  const active = new Set([...exchanged.keys()].map(raw => keyToHex(wordsOf(raw))));
  const silent = nodes.filter(([key]) => !active.has(key));
  return { applications: silent.length, vms: silent.reduce((sum, [, vms]) => sum + vms, 0) };
}

export function graphOfApps({ planned, pairs }: Apps): Graph {
  return graphOf(planned.length, pairs);
}

interface Seen {
  readonly a: number;
  readonly b: number;
  readonly share: number | null;
}

/** Of ordered pairs of applications that cross, the pairs of VMs that a live point sees, and those that none does. */
export function unseenBetween<S extends Seen>(cells: readonly S[], { planned }: Apps, crosses: (cell: S) => boolean) {
  let [all, seen] = [0, 0];
  for (const cell of cells) {
    if (cell.share === null || !crosses(cell)) continue;
    const pairs = planned[cell.a]!.vms! * planned[cell.b]!.vms!;
    all += pairs;
    seen += pairs * cell.share;
  }
  return { coverage: all > 0 ? seen / all : null, invisiblePairs: all > 0 ? Math.round(all - seen) : null };
}
