// What changes by moves: the load of links, how far traffic goes, and its cost in byte-hops. Only pairs with a moved end are
// placed twice; what the links carry besides is the same before and after.

import { FRAME_BYTES, type LinkChange, type RankRow, type WhatIfReport } from '../../schemas/planning.ts';
import { addSums, loadOf, noSums, type Sums } from './loads.ts';
import type { Placement, PlacementModel, Talk } from './placement-model.ts';

/** A directed link with its load, before and after. */
export interface ChangedLink {
  readonly link: number;
  readonly before: Sums;
  readonly after: Sums;
}

/** Links whose load changes, with their whole load; the most utilised afterwards first, those without a known speed by load. */
export function changedLinks(model: PlacementModel, before: Placement, after: Placement): ChangedLink[] {
  const moved = movedTalks(model, before, after);
  const links = model.network.links.flatMap((_, at) =>
    [2 * at, 2 * at + 1].map(link => ({ link, before: noSums(), after: noSums(), isChanged: false })),
  );
  for (const talk of model.talks) {
    const isMoved = moved.has(talk);
    model.visit(talk, before, (at, share) => {
      const link = links[at]!;
      addSums(link.before, talk.sums, share);
      if (isMoved) link.isChanged = true;
      else addSums(link.after, talk.sums, share);
    });
    if (isMoved)
      model.visit(talk, after, (at, share) => {
        const link = links[at]!;
        addSums(link.after, talk.sums, share);
        link.isChanged = true;
      });
  }
  const size = ({ link, after: sums }: ChangedLink) => {
    const { speedBps } = model.network.links[link >> 1]!;
    return speedBps === null ? -1 / (1 + sums.bytes) : (sums.bytes + FRAME_BYTES * sums.packets) / speedBps;
  };
  return links
    .filter(one => one.isChanged && (one.before.bytes !== one.after.bytes || one.before.packets !== one.after.packets))
    .sort((a, b) => size(b) - size(a) || a.link - b.link);
}

/** Pairs that take each of the links, with the share of their packets. */
export function pairsOn(
  model: PlacementModel,
  placement: Placement,
  links: readonly ChangedLink[],
): ReadonlyMap<string, number>[] {
  const byLink = new Map(links.map(({ link }) => [link, new Map<string, number>()]));
  for (const talk of model.talks)
    model.visit(talk, placement, (link, share) => byLink.get(link)?.set(talk.pair, share));
  return [...byLink.values()];
}

/** Pairs of which an end moves. */
function movedTalks(model: PlacementModel, before: Placement, after: Placement): ReadonlySet<Talk> {
  const talks = new Set<Talk>();
  before.forEach((host, vm) => {
    if (host !== after[vm]) for (const at of model.talksOf(vm)) talks.add(model.talks[at]!);
  });
  return talks;
}

export function linkChangeOf(
  { network }: PlacementModel,
  { link, before, after }: ChangedLink,
  ranked: readonly [Omit<RankRow, 'series'> | null, Omit<RankRow, 'series'> | null],
): LinkChange {
  const { name, kind, ends, speedBps } = network.links[link >> 1]!;
  const [from, to] = (link & 1) === 0 ? ends : ([ends[1], ends[0]] as const);
  return {
    ...{ name, kind, from, to, speedBps, before: loadOf(before), after: loadOf(after) },
    ...{ rankedBefore: ranked[0], rankedAfter: ranked[1] },
  };
}

export type MoveFigures = Pick<
  WhatIfReport,
  | ('moved' | 'movedCount' | 'localityBefore' | 'localityAfter' | 'byteHopsBefore' | 'byteHopsAfter')
  | ('bytes' | 'unplacedBefore' | 'unplacedAfter')
>;

export function moveFigures(model: PlacementModel, before: Placement, after: Placement, listed: number): MoveFigures {
  const [costBefore, costAfter] = [model.cost(before), model.cost(after)];
  const moved = [...before.keys()].filter(vm => before[vm] !== after[vm]);
  return {
    moved: moved.slice(0, listed).map(vm => model.movedVm(vm, before[vm], after[vm]!)),
    movedCount: moved.length,
    localityBefore: localities(model, before),
    localityAfter: localities(model, after),
    byteHopsBefore: costBefore.byteHops,
    byteHopsAfter: costAfter.byteHops,
    bytes: costBefore.bytes,
    unplacedBefore: costBefore.unplaced,
    unplacedAfter: costAfter.unplaced,
  };
}

function localities(model: PlacementModel, placement: Placement): Record<string, number> {
  const bytes: Record<string, number> = {};
  for (const talk of model.talks) {
    const locality = model.locality(talk, placement);
    bytes[locality] = (bytes[locality] ?? 0) + talk.sums.bytes;
  }
  return bytes;
}
