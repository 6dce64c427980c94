// The applications document, compiled: every selector filed where an endpoint finds it, so that 2,000 applications cost a
// new endpoint a few lookups and not 2,000 tries. Work on names, tags and prefixes is done once per distinct endpoint,
// never per record. What compileApplications() makes can be cloned or moved between threads; new ApplicationTable() is cheap.

import { parseMac, parsePrefix, type Words } from '../../schemas/address.ts';
import { type Applications, type PortRange, parsePortRange, parseVip } from '../../schemas/applications.ts';
import { hashedKey, type Key, serviceKey } from '../../schemas/keys.ts';
import { compileGlobs, type GlobData, type GlobIndex, openGlobIndex } from '../lookup/glob-index.ts';
import {
  compilePrefixes,
  layPrefixes,
  openPrefixTable,
  type PrefixData,
  type PrefixEntry,
  type PrefixTable,
} from '../lookup/prefix-table.ts';
import { compileTexts, openTextTable, type TextData, type TextEntry, type TextTable } from '../lookup/text-table.ts';
import { createApplicationSets, type Interval, SET_FLAG } from './application-sets.ts';

/** What selectors look at. */
export interface Subject {
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly folder?: string;
  /** Id and name of its port group. */
  readonly portGroups?: readonly string[];
  readonly segment?: string;
  readonly mac?: string;
  readonly address?: Words;
  /** It passes on what others send: a virtual address, a balancer. */
  readonly isVia?: boolean;
}

/** Port ranges by application: those of application n are words[2 i] to words[2 i + 1] for i from starts[n] to starts[n + 1]. */
interface RangeData {
  readonly starts: Uint32Array;
  readonly words: Uint32Array;
}

/** Typed arrays and a few texts. */
export interface CompiledApplications {
  readonly internal: PrefixData;
  readonly ids: readonly string[];
  readonly names: readonly string[];
  readonly keys: Uint32Array;
  readonly strict: Uint8Array;
  /** The narrowest first. */
  readonly ports: RangeData;
  readonly clientPorts: RangeData;
  readonly globs: GlobData;
  readonly tags: TextData;
  readonly folders: TextData;
  readonly portGroups: TextData;
  readonly segments: TextData;
  readonly macs: TextData;
  readonly prefixes: PrefixData;
  /** By address: the number of a virtual address and port. */
  readonly vipAddresses: PrefixData;
  /** Words of VIP n: application, start and end as in INTERVAL. */
  readonly vips: Uint32Array;
}

const VIP_WORDS = 3;
const BY_SERVER_PORT: Key = { low: 0, high: 0 };

export function compileApplications(document: Applications): CompiledApplications {
  const { applications } = document;
  const filed = (select: (servers: Applications['applications'][number]['servers']) => readonly string[]) => {
    const entries: TextEntry[] = [];
    applications.forEach(({ servers }, i) => {
      for (const text of select(servers)) entries.push({ text, value: i + 1 });
    });
    return entries;
  };
  const vipWords: number[] = [];
  const vipAddresses: PrefixEntry[] = [];
  for (const { text, value } of filed(servers => servers.vips)) {
    const { address, ports } = parseVip(text)!;
    vipAddresses.push({ prefix: parsePrefix(address)!, value: vipWords.length / VIP_WORDS });
    vipWords.push(value, (ports.proto << 16) | ports.from, (ports.proto << 16) | ports.to);
  }
  const keys = new Uint32Array(2 * applications.length + 2);
  applications.forEach(({ id }, i) => {
    const { low, high } = hashedKey('application', id);
    keys[2 * i + 2] = low;
    keys[2 * i + 3] = high;
  });
  function* prefixes(): Generator<PrefixEntry> {
    for (const [i, { servers }] of applications.entries()) {
      for (const text of servers.addresses) yield { prefix: parsePrefix(text)!, value: i + 1 };
      for (const text of servers.prefixes) yield { prefix: parsePrefix(text)!, value: i + 1 };
    }
  }
  return {
    internal: compilePrefixes(document.internal.map(text => ({ prefix: parsePrefix(text)!, value: 0 }))),
    ids: applications.map(({ id }) => id),
    names: applications.map(({ id, name }) => name ?? id),
    keys,
    strict: Uint8Array.from([0, ...applications.map(({ strict }) => (strict ? 1 : 0))]),
    ports: compileRanges(applications.map(({ ports }) => ports)),
    clientPorts: compileRanges(applications.map(({ clientPorts }) => clientPorts)),
    globs: compileGlobs(filed(servers => servers.names)),
    tags: compileTexts(filed(servers => servers.tags)),
    folders: compileTexts(filed(servers => servers.folders.map(folder => folder.replace(/\/+$/, '')))),
    portGroups: compileTexts(filed(servers => servers.portGroups)),
    segments: compileTexts(filed(servers => servers.segments)),
    macs: compileTexts(filed(servers => servers.macs.map(macName))),
    prefixes: layPrefixes(
      prefixes(),
      applications.reduce((sum, { servers }) => sum + servers.addresses.length + servers.prefixes.length, 0),
    ),
    vipAddresses: compilePrefixes(vipAddresses),
    vips: Uint32Array.from(vipWords),
  };
}

/** Beyond it an endpoint with yet another combination of selectors belongs to the first application that claims it alone. */
export const SETS_MAX = 262_144;

export class ApplicationTable {
  readonly internal: PrefixTable;
  /** Key words of application n at 2n, low first; applications count from 1. */
  readonly keys: Uint32Array;
  readonly names: readonly { readonly key: Key; readonly name: string; readonly identity: string }[];
  /** Services named by listed ports. */
  readonly services: readonly Key[];
  readonly #compiled: CompiledApplications;
  readonly #setsMax: number;
  readonly #selectors: Selectors;
  readonly #vipAddresses: PrefixTable;
  readonly #made = createApplicationSets();
  readonly #ownIntervals: (readonly Interval[] | undefined)[] = [];
  readonly #numberOfSet = new Map<string, number>();
  #cut = 0;

  constructor(compiled: CompiledApplications, setsMax = SETS_MAX) {
    const { ids, names, keys, ports, vips } = compiled;
    this.internal = openPrefixTable(compiled.internal);
    this.keys = keys;
    this.names = ids.map((id, i) => ({
      key: { low: keys[2 * i + 2]!, high: keys[2 * i + 3]! },
      name: names[i]!,
      identity: id,
    }));
    this.services = [...rangesOf(ports.words), ...rangesOf(vipRanges(vips))];
    this.#compiled = compiled;
    this.#setsMax = setsMax;
    this.#selectors = new Selectors(compiled);
    this.#vipAddresses = openPrefixTable(compiled.vipAddresses);
  }

  /** Times an endpoint got less than it could belong to, because there were as many sets as there may be. */
  get cut(): number {
    return this.#cut;
  }

  /** These two grow as sets are met: read them again for each batch. */
  get sets(): Uint32Array {
    return this.#made.sets;
  }

  get intervals(): Uint32Array {
    return this.#made.intervals;
  }

  /** The set of an endpoint; 0 is the empty one. */
  setOf(subject: Subject): number {
    const members = this.#selectors.membersOf(subject);
    const virtual = subject.address ? this.#vipAddresses.all(subject.address) : [];
    const isVia = subject.isVia === true;
    if (members.length === 0 && virtual.length === 0 && !isVia) return 0;
    const name = `${members.join()};${virtual.join()}${isVia ? ';via' : ''}`;
    const known = this.#numberOfSet.get(name);
    if (known !== undefined) return known;
    if (this.#numberOfSet.size < this.#setsMax) return this.#addSet(name, virtual, members, isVia);
    this.#cut++;
    const [first] = members;
    if (first === undefined) return 0;
    const alone = `${first};`;
    return this.#numberOfSet.get(alone) ?? this.#addSet(alone, [], [first], false);
  }

  #addSet(name: string, virtual: readonly number[], members: readonly number[], isVia: boolean): number {
    const { ports, clientPorts, strict, vips } = this.#compiled;
    const everyPort = members.findIndex(member => ports.starts[member] === ports.starts[member + 1]);
    const listed = everyPort < 0 ? members : members.slice(0, everyPort);
    const number = this.#made.add({
      own: [
        ...virtual.map(vip => intervalOf(vips, vip * VIP_WORDS + 1, vips[vip * VIP_WORDS]!, true)),
        ...listed.flatMap(member => this.#ownOf(member)),
      ],
      client: members.flatMap(member =>
        intervalsOf(clientPorts, member).map(interval => ({ ...interval, service: BY_SERVER_PORT })),
      ),
      everyPort: members[everyPort] ?? 0,
      server: members.find(member => strict[member] === 0) ?? 0,
      clientOf: members[0] ?? 0,
      flags: (members.length > 1 ? SET_FLAG.shared : 0) | (isVia ? SET_FLAG.via : 0),
    });
    this.#numberOfSet.set(name, number);
    return number;
  }

  #ownOf(application: number): readonly Interval[] {
    this.#ownIntervals[application] ??= intervalsOf(this.#compiled.ports, application);
    return this.#ownIntervals[application];
  }
}

/** The selectors of all applications, each kind in a table of its own. */
class Selectors {
  readonly #globs: GlobIndex;
  readonly #tags: TextTable;
  readonly #folders: TextTable;
  readonly #portGroups: TextTable;
  readonly #segments: TextTable;
  readonly #macs: TextTable;
  readonly #prefixes: PrefixTable;

  constructor({ globs, tags, folders, portGroups, segments, macs, prefixes }: CompiledApplications) {
    this.#globs = openGlobIndex(globs);
    this.#tags = openTextTable(tags);
    this.#folders = openTextTable(folders);
    this.#portGroups = openTextTable(portGroups);
    this.#segments = openTextTable(segments);
    this.#macs = openTextTable(macs);
    this.#prefixes = openPrefixTable(prefixes);
  }

  /** Applications whose selectors match, in order of precedence. */
  membersOf({ name, tags = [], folder, portGroups = [], segment, mac, address }: Subject): number[] {
    const found: number[] = [];
    if (name !== undefined) this.#globs.collect(name.toLowerCase(), found);
    for (const tag of tags) this.#tags.collect(tag, 0, tag.length, found);
    for (const group of portGroups) this.#portGroups.collect(group, 0, group.length, found);
    if (segment !== undefined) this.#segments.collect(segment, 0, segment.length, found);
    if (folder !== undefined) this.#collectFolders(folder, found);
    if (mac !== undefined) {
      const text = macName(mac);
      this.#macs.collect(text, 0, text.length, found);
    }
    if (address !== undefined) for (const number of this.#prefixes.all(address)) found.push(number);
    return found.length < 2 ? found : [...new Set(found)].sort((a, b) => a - b);
  }

  /** A folder is in all of its ancestors. */
  #collectFolders(folder: string, found: number[]): void {
    this.#folders.collect(folder, 0, folder.length, found);
    for (let at = folder.indexOf('/'); at >= 0; at = folder.indexOf('/', at + 1))
      this.#folders.collect(folder, 0, at, found);
  }
}

function compileRanges(lists: readonly (readonly string[])[]): RangeData {
  const starts = new Uint32Array(lists.length + 2);
  const words: number[] = [];
  lists.forEach((texts, i) => {
    const ranges = texts.map(text => parsePortRange(text)!).sort((a, b) => widthOf(a) - widthOf(b));
    for (const { proto, from, to } of ranges) words.push((proto << 16) | from, (proto << 16) | to);
    starts[i + 2] = words.length / 2;
  });
  return { starts, words: Uint32Array.from(words) };
}

function widthOf({ from, to }: PortRange): number {
  return to - from + 1;
}

function intervalsOf({ starts, words }: RangeData, application: number): Interval[] {
  const intervals: Interval[] = [];
  for (let i = starts[application]!; i < starts[application + 1]!; i++)
    intervals.push(intervalOf(words, 2 * i, application, false));
  return intervals;
}

function intervalOf(words: Uint32Array, at: number, application: number, virtual: boolean): Interval {
  const start = words[at]!;
  const end = words[at + 1]!;
  return { start, end, application, service: serviceOf(start, end), width: end - start + 1, virtual };
}

/** ICMP has no ports: its range is the protocol. */
function serviceOf(start: number, end: number): Key {
  const from = start & 0xffff;
  const to = end & 0xffff;
  return from === 0 && to === 65535 ? serviceKey(start >>> 16, 0, 0) : serviceKey(start >>> 16, from, to);
}

function vipRanges(vips: Uint32Array): Uint32Array {
  return vips.filter((_, i) => i % VIP_WORDS !== 0);
}

/** Services of ranges, each once. */
function rangesOf(words: Uint32Array): Key[] {
  const keys = new Map<string, Key>();
  for (let i = 0; i < words.length; i += 2)
    keys.set(`${words[i]} ${words[i + 1]}`, serviceOf(words[i]!, words[i + 1]!));
  return [...keys.values()];
}

function macName(text: string): string {
  const mac = parseMac(text);
  return mac ? `${mac.high}:${mac.low}` : '';
}
