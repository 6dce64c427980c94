// Sets of VMs that something holds together: the beginning of their names, a tag, a port group, a folder, or that they talk to
// the same peers on the same services. Pure.

import type { Support } from '../../schemas/coverage.ts';
import { stemOf } from '../../schemas/stem.ts';
import type { Behaviours } from './behaviours.ts';

/** A running VM. */
export interface KnownVm {
  readonly name: string;
  readonly tags: readonly string[];
  readonly portGroups: readonly string[];
  readonly folder: string;
  /** Key of its automatic node; undefined where an application has it. */
  readonly node: string | undefined;
}

/** VMs that share a value, by position; `all` counts those too that have an application. */
export interface Shared {
  readonly kind: Support;
  readonly value: string;
  readonly unclaimed: readonly number[];
  readonly all: number;
}

const MEMBERS_MIN = 2;
/** What so many of the VMs without application share says nothing about them, unless they are few. */
const BROAD_SHARE = 0.2;
const BROAD_MIN = 20;
const SEPARATORS = /[\s._-]/;

/** Every value that at least two VMs without application share, and not too many of them. */
export function sharedValues(vms: readonly KnownVm[]): Shared[] {
  const found = new Map<string, { kind: Support; value: string; unclaimed: number[]; all: number }>();
  let unclaimed = 0;
  vms.forEach((vm, at) => {
    if (vm.node !== undefined) unclaimed++;
    for (const [kind, value] of valuesOf(vm)) {
      const name = `${kind} ${value}`;
      const entry = found.get(name) ?? { kind, value, unclaimed: [], all: 0 };
      entry.all++;
      if (vm.node !== undefined) entry.unclaimed.push(at);
      found.set(name, entry);
    }
  });
  const most = Math.max(BROAD_MIN, BROAD_SHARE * unclaimed);
  return [...found.values()].filter(
    // Where most have an application, the value is that of theirs.
    ({ unclaimed: { length }, all }) => length >= MEMBERS_MIN && length <= most && 2 * length > all,
  );
}

/** Values that speak for an application, each once. */
function* valuesOf({ name, tags, portGroups, folder }: KnownVm): Generator<readonly [Support, string]> {
  for (const beginning of beginningsOf(name)) yield ['names', beginning];
  for (const tag of new Set(tags)) yield ['tag', tag];
  for (const group of new Set(portGroups)) yield ['portGroup', group];
  for (const parent of foldersOf(folder)) yield ['folder', parent];
}

/** A folder and those that it is in: `/prod/shop` and `/prod`. */
function foldersOf(folder: string): string[] {
  const parts = folder.split('/').filter(part => part !== '');
  return parts.map((_, i) => `${folder.startsWith('/') ? '/' : ''}${parts.slice(0, i + 1).join('/')}`).reverse();
}

/** `shop-web-01` begins with `shop-` and `shop-web-`; `web7` with `web`. In lower case, as names are compared. */
export function beginningsOf(name: string): string[] {
  const text = name.toLowerCase();
  const stem = stemOf(text);
  const beginnings: string[] = [];
  for (let i = 1; i <= stem.length && i < text.length; i++)
    if (SEPARATORS.test(text[i]!) && !SEPARATORS.test(text[i - 1]!)) beginnings.push(text.slice(0, i + 1));
  const own = text.slice(0, stem.length);
  // What has no separator behind its stem differs from longer names by its number alone.
  if (own.length < text.length && !beginnings.includes(text.slice(0, stem.length + 1))) beginnings.push(own);
  return beginnings;
}

/** VMs whose automatic nodes behave alike. */
export function alikeSets(vms: readonly KnownVm[], behaviours: Behaviours): Shared[] {
  const byNode = Map.groupBy(
    vms.flatMap(({ node }, at) => (node === undefined ? [] : [{ node, at }])),
    ({ node }) => node,
  );
  return behaviours.alikeGroups().map(nodes => {
    const unclaimed = nodes.flatMap(node => (byNode.get(node) ?? []).map(({ at }) => at)).sort((a, b) => a - b);
    return { kind: 'traffic', value: nodes.join(' '), unclaimed, all: unclaimed.length };
  });
}
