// The applications document, compiled. Endpoints that match the same selectors share a candidate set; a set is a few
// words and a slice of disjoint port intervals, laid out by precedence, so that a record costs a short binary search.
// Glob, prefix and tag work is done once per distinct endpoint, never per record.

import { parseAddress, parseMac, parsePrefix, type Words } from '../schemas/address.ts';
import {
  type Application,
  type Applications,
  type PortRange,
  parsePortRange,
  parseVip,
} from '../schemas/applications.ts';
import { globMatches } from '../schemas/glob.ts';
import { hashedKey, type Key, serviceKey } from '../schemas/keys.ts';
import { createPrefixTable, type PrefixTable } from './prefix-table.ts';

/** What selectors look at. */
export interface Subject {
  /** In lower case. */
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly folder?: string;
  /** Id and name of its port group. */
  readonly portGroups?: readonly string[];
  readonly segment?: string;
  readonly mac?: string;
  readonly address?: Words;
}

/** Words of a set: slice of its own-port intervals, slice of its client-port intervals, applications from 1, 0 none. */
export const SET = {
  ownStart: 0,
  ownEnd: 1,
  clientStart: 2,
  clientEnd: 3,
  everyPort: 4,
  server: 5,
  client: 6,
  words: 8,
} as const;
/** Words of an interval; `start` and `end` are proto << 16 | port. A service of 0 is that of the server's port. */
export const INTERVAL = {
  start: 0,
  end: 1,
  application: 2,
  serviceLow: 3,
  serviceHigh: 4,
  width: 5,
  words: 6,
} as const;

export interface ApplicationTable {
  readonly internal: PrefixTable;
  /** Key words of application n at 2n, low first; applications count from 1. */
  readonly keys: Uint32Array;
  readonly names: readonly { readonly key: Key; readonly name: string; readonly identity: string }[];
  /** Services named by listed ports. */
  readonly services: readonly Key[];
  /** The set of an endpoint; 0 is the empty one. */
  setOf(subject: Subject): number;
  /** These two grow as sets are met: read them again for each batch. */
  readonly sets: Uint32Array;
  readonly intervals: Uint32Array;
}

interface Compiled {
  /** From 1, the order of precedence. */
  readonly number: number;
  readonly strict: boolean;
  readonly ports: readonly PortRange[];
  readonly clientPorts: readonly PortRange[];
  matches(subject: Subject): boolean;
}

interface Interval {
  readonly start: number;
  readonly end: number;
  readonly application: number;
  readonly service: Key;
  readonly width: number;
}

const BY_SERVER_PORT: Key = { low: 0, high: 0 };

export function compileApplications(document: Applications): ApplicationTable {
  const applications = document.applications.map(compileApplication);
  const byPrefix = createPrefixTable(
    document.applications.flatMap(({ servers }, i) =>
      [...servers.addresses, ...servers.prefixes].map(text => ({ prefix: parsePrefix(text)!, value: i + 1 })),
    ),
  );
  const vips = new Map<string, { application: Compiled; ports: PortRange }[]>();
  document.applications.forEach(({ servers }, i) => {
    for (const text of servers.vips) {
      const { address, ports } = parseVip(text)!;
      const at = String(parseAddress(address));
      vips.set(at, [...(vips.get(at) ?? []), { application: applications[i]!, ports }]);
    }
  });

  const numberOfSet = new Map<string, number>([['', 0]]);
  let sets = new Uint32Array(SET.words);
  let intervals = new Uint32Array(0);

  const addSet = (
    virtual: readonly { application: Compiled; ports: PortRange }[],
    members: readonly Compiled[],
  ): number => {
    const everyPort = members.findIndex(member => member.ports.length === 0);
    const listed = everyPort < 0 ? members : members.slice(0, everyPort);
    const own = lay([
      ...virtual.map(({ application, ports }) => intervalOf(application, ports)),
      ...listed.flatMap(member => member.ports.map(range => intervalOf(member, range))),
    ]);
    const client = lay(
      members.flatMap(member =>
        member.clientPorts.map(range => ({ ...intervalOf(member, range), service: BY_SERVER_PORT })),
      ),
    );
    const base = intervals.length / INTERVAL.words;
    const grown = new Uint32Array(intervals.length + (own.length + client.length) * INTERVAL.words);
    grown.set(intervals);
    [...own, ...client].forEach((interval, i) => {
      const { start, end, application, service, width } = interval;
      grown.set([start, end, application, service.low, service.high, width], (base + i) * INTERVAL.words);
    });
    intervals = grown;
    const number = sets.length / SET.words;
    const widened = new Uint32Array(sets.length + SET.words);
    widened.set(sets);
    widened.set(
      [
        base,
        base + own.length,
        base + own.length,
        base + own.length + client.length,
        members[everyPort]?.number ?? 0,
        members.find(member => !member.strict)?.number ?? 0,
        members[0]?.number ?? 0,
      ],
      sets.length,
    );
    sets = widened;
    return number;
  };

  return {
    internal: createPrefixTable(document.internal.map(text => ({ prefix: parsePrefix(text)!, value: 0 }))),
    keys: Uint32Array.from([0, 0, ...document.applications.flatMap(({ id }) => [keyOf(id).low, keyOf(id).high])]),
    names: document.applications.map(({ id, name }) => ({ key: keyOf(id), name: name ?? id, identity: id })),
    services: applications
      .flatMap(application => application.ports.map(serviceOf))
      .concat([...vips.values()].flat().map(({ ports }) => serviceOf(ports))),
    setOf(subject) {
      const byAddress = new Set(subject.address ? byPrefix.all(subject.address) : []);
      const members = applications.filter(
        application => byAddress.has(application.number) || application.matches(subject),
      );
      const virtual = subject.address ? (vips.get(String(subject.address)) ?? []) : [];
      const name = [
        ...virtual.map(vip => `${vip.application.number} ${formatRange(vip.ports)}`),
        ...members.map(member => member.number),
      ].join();
      const known = numberOfSet.get(name);
      if (known !== undefined) return known;
      const number = addSet(virtual, members);
      numberOfSet.set(name, number);
      return number;
    },
    get sets() {
      return sets;
    },
    get intervals() {
      return intervals;
    },
  };
}

function keyOf(id: string): Key {
  return hashedKey('application', id);
}

function compileApplication({ servers, ports, clientPorts, strict }: Application, index: number): Compiled {
  const globs = servers.names.map(glob => glob.toLowerCase());
  const folders = servers.folders.map(folder => folder.replace(/\/+$/, ''));
  const tags = new Set(servers.tags);
  const portGroups = new Set(servers.portGroups);
  const segments = new Set(servers.segments);
  const macs = new Set(servers.macs.map(macName));
  const within = (folder: string) => folders.some(above => folder === above || folder.startsWith(`${above}/`));
  return {
    number: index + 1,
    strict,
    ports: ports.map(text => parsePortRange(text)!).sort((a, b) => widthOf(a) - widthOf(b)),
    clientPorts: clientPorts.map(text => parsePortRange(text)!).sort((a, b) => widthOf(a) - widthOf(b)),
    matches: ({ name, tags: given, folder, portGroups: groups, segment, mac }) =>
      (name !== undefined && globs.some(glob => globMatches(glob, name))) ||
      (given?.some(tag => tags.has(tag)) ?? false) ||
      (folder !== undefined && within(folder)) ||
      (groups?.some(group => portGroups.has(group)) ?? false) ||
      (segment !== undefined && segments.has(segment)) ||
      (mac !== undefined && macs.size > 0 && macs.has(macName(mac))),
  };
}

function macName(text: string): string {
  const mac = parseMac(text);
  return mac ? `${mac.high}:${mac.low}` : '';
}

function widthOf(range: PortRange): number {
  return range.to - range.from + 1;
}

function formatRange({ proto, from, to }: PortRange): string {
  return `${proto}/${from}-${to}`;
}

/** ICMP has no ports: its range is the protocol. */
function serviceOf({ proto, from, to }: PortRange): Key {
  return from === 0 && to === 65535 ? serviceKey(proto, 0, 0) : serviceKey(proto, from, to);
}

function intervalOf(application: Compiled, range: PortRange): Interval {
  return {
    start: (range.proto << 16) | range.from,
    end: (range.proto << 16) | range.to,
    application: application.number,
    service: serviceOf(range),
    width: widthOf(range),
  };
}

/** Disjoint and sorted: an earlier interval keeps its ports, a later one gets what is left of its own. */
function lay(wanted: readonly Interval[]): Interval[] {
  const laid: Interval[] = [];
  for (const interval of wanted) {
    let start = interval.start;
    const free: Interval[] = [];
    for (const taken of laid) {
      if (taken.end < start) continue;
      if (taken.start > interval.end) break;
      if (taken.start > start) free.push({ ...interval, start, end: taken.start - 1 });
      start = taken.end + 1;
    }
    if (start <= interval.end) free.push({ ...interval, start });
    laid.push(...free);
    laid.sort((a, b) => a.start - b.start);
  }
  return laid;
}
