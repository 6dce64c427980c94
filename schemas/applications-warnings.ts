// What of an applications document has no effect, though it is valid: selectors that match nothing of the inventory,
// prefixes within those of an application before it, selectors given twice. Reported where a document is checked or previewed;
// contradictions are faults and refused by the checker.

import { type Prefix, parsePrefix } from './address.ts';
import { type Application, type Applications, type PortRange, parsePortRange } from './applications.ts';
import type { Fault } from './documents.ts';
import { globMatches } from './glob.ts';
import type { Inventory, InventoryEndpoint, InventoryHost, InventoryVm } from './inventory.ts';

export const WARNINGS_MAX = 1000;

/** What selectors are compared with. */
export interface Selectable {
  readonly hosts: readonly InventoryHost[];
  readonly vms: readonly InventoryVm[];
  readonly endpoints: readonly InventoryEndpoint[];
  readonly segments: Inventory['segments'];
}

/** At most `WARNINGS_MAX`. With the inventory, selectors that match nothing of it are reported too. */
export function applicationsWarnings(document: Applications, inventory?: Selectable): Fault[] {
  const warnings: Fault[] = [];
  const warn = (path: string, message: string) => {
    if (warnings.length < WARNINGS_MAX) warnings.push({ path, message });
  };
  const ports = document.applications.map(({ ports: texts }) => texts.map(text => parsePortRange(text)!));
  /** Whether the application at `first` leaves nothing of the ports of the one at `second`. */
  const leavesNothing = (first: number, second: number) =>
    ports[first]!.length === 0 ||
    (ports[second]!.length > 0 && ports[second]!.every(range => ports[first]!.some(other => covers(other, range))));
  const consequence = (first: number, second: number) =>
    leavesNothing(first, second) ? 'this one never decides' : 'this one decides on its own ports only';
  sameTexts(document, (path, second, first, at) => {
    if (first === second) warn(path, `is given at ${at} already`);
    else warn(path, `is a selector of ${at} too, which comes first: ${consequence(first, second)}`);
  });
  overlaps(document, (path, second, first, at) =>
    warn(path, `lies within ${at}, which comes first: ${consequence(first, second)}`),
  );
  if (inventory) unmatched(document, inventory, path => warn(path, 'matches nothing of the inventory'));
  return warnings;
}

function covers(outer: PortRange, inner: PortRange): boolean {
  return outer.proto === inner.proto && outer.from <= inner.from && outer.to >= inner.to;
}

const TEXT_SELECTORS = ['names', 'tags', 'folders', 'portGroups', 'segments', 'macs'] as const;
type Report = (path: string, second: number, first: number, at: string) => void;

function sameTexts({ applications }: Applications, report: Report): void {
  for (const kind of TEXT_SELECTORS) {
    const seen = new Map<string, { application: number; path: string }>();
    applications.forEach(({ servers }, i) => {
      servers[kind].forEach((text, j) => {
        const name = kind === 'names' || kind === 'macs' ? text.toLowerCase() : text;
        const path = `/applications/${i}/servers/${kind}/${j}`;
        const first = seen.get(name);
        if (first) report(path, i, first.application, first.path);
        else seen.set(name, { application: i, path });
      });
    });
  }
}

interface Placed extends Prefix {
  readonly application: number;
  readonly path: string;
}

/** Sorted, a prefix is followed by those within it: one pass with those that are open. */
function overlaps({ applications }: Applications, report: Report): void {
  const placed: Placed[] = [];
  applications.forEach(({ servers }, i) => {
    for (const kind of ['addresses', 'prefixes'] as const)
      servers[kind].forEach((text, j) => {
        placed.push({ ...parsePrefix(text)!, application: i, path: `/applications/${i}/servers/${kind}/${j}` });
      });
  });
  placed.sort((a, b) => compareWords(a, b) || a.length - b.length || a.application - b.application);
  const open: Placed[] = [];
  for (const prefix of placed) {
    while (open.length > 0 && !contains(open.at(-1)!, prefix)) open.pop();
    // The one before it that comes first in the document; of its own application only if it is the same or wider.
    const first = open.find(({ application }) => application <= prefix.application);
    if (first) report(prefix.path, prefix.application, first.application, first.path);
    open.push(prefix);
  }
}

function compareWords(a: Prefix, b: Prefix): number {
  for (let i = 0; i < 4; i++) if (a.words[i] !== b.words[i]) return a.words[i]! - b.words[i]!;
  return 0;
}

function contains(outer: Prefix, inner: Prefix): boolean {
  for (let i = 0; i < 4; i++) {
    const bits = Math.min(32, Math.max(0, outer.length - 32 * i));
    if (bits > 0 && (outer.words[i]! ^ inner.words[i]!) >>> (32 - bits) !== 0) return false;
  }
  return true;
}

function unmatched({ applications }: Applications, inventory: Selectable, report: (path: string) => void): void {
  const names = [...inventory.vms, ...inventory.endpoints].map(({ name }) => name);
  const exact = new Set(names.map(name => name.toLowerCase()));
  const tags = new Set(inventory.vms.flatMap(vm => vm.tags));
  const folders = new Set<string>();
  for (const { folder } of inventory.vms)
    for (let at = folder?.length ?? -1; folder !== undefined && at >= 0; at = folder.lastIndexOf('/', at - 1)) {
      folders.add(folder.slice(0, at));
      if (at === 0) break;
    }
  const groups = new Set(
    inventory.hosts.flatMap(host =>
      host.vswitches.flatMap(({ portGroups }) => portGroups.flatMap(({ id, name }) => [id, name ?? id])),
    ),
  );
  for (const { vnics } of inventory.vms) for (const { portGroup } of vnics) if (portGroup) groups.add(portGroup);
  const segments = new Set(inventory.segments.map(({ id }) => id));
  const matches: {
    readonly [K in 'names' | 'tags' | 'folders' | 'portGroups' | 'segments']: (text: string) => boolean;
  } = {
    names: text => (/[*?]/.test(text) ? names.some(name => globMatches(text, name)) : exact.has(text.toLowerCase())),
    tags: text => tags.has(text),
    folders: text => folders.has(text.replace(/\/+$/, '')),
    portGroups: text => groups.has(text),
    segments: text => segments.has(text),
  };
  applications.forEach(({ servers }: Application, i) => {
    for (const kind of ['names', 'tags', 'folders', 'portGroups', 'segments'] as const)
      servers[kind].forEach((text, j) => {
        if (!matches[kind](text)) report(`/applications/${i}/servers/${kind}/${j}`);
      });
  });
}
