// Counting once, against packets: a small data centre is made at random (three bridges, hosts with VEB, VEPA and
// exporting vSwitches, one on two bridges, a router, a VM that routes, ways out), each packet walks from port to port, and
// every meter on its way writes the records it would write. Of the records of a packet one must count, or two halves, and
// none only if every record of it says that nothing could be elected. Nothing here uses code of the election.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { MARKS } from '../../schemas/codes.ts';
import { documentsOf, type EnrichedRow, enrichRows, type Row } from '../../testing/data/enrichment.ts';

type Metering = 'ingress' | 'egress' | 'both' | 'none';

interface Exporter {
  readonly address: string;
  readonly protocol: 'ipfix' | 'netflow5' | 'sflow5';
  readonly metering: Metering;
  readonly overrides: ReadonlyMap<number, Metering>;
  readonly internalOnly: boolean;
  readonly registered: boolean;
}

interface Bridge {
  readonly id: string;
  /** The exporters of a bridge are distinguished by protocol. */
  readonly address: string;
  readonly exporters: readonly Exporter[];
  readonly external: readonly number[];
}

interface Nic {
  readonly vm: string;
  readonly address: string;
  readonly mac: string;
  readonly vlan: number;
  readonly host: Host;
  /** Port at the vSwitch. */
  readonly port: number;
}

interface Host {
  readonly id: string;
  readonly kind: 'veb' | 'vepa' | 'vepa-without-relay' | 'vswitch';
  /** (bridge, port) it is cabled to. */
  readonly uplinks: readonly (readonly [Bridge, number])[];
  readonly vswitch: Bridge;
}

/** One passage through a bridge. */
interface Hop {
  readonly bridge: Bridge;
  readonly inIf: number;
  readonly outIf: number;
  readonly srcMac: string;
  readonly dstMac: string;
  readonly dropped?: boolean;
}

const TRUNK = 50; // port of an edge bridge to the core; the core's ports to the edges are 51 and 52
const ROUTER_PORT = 8;
const ROUTER_MAC = '00:00:5e:00:01:01';
const UPLINK = 1;

/** Mulberry32: random numbers for a world from its seed. */
function randomOf(seed: number) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number) => Math.floor(next() * limit);
  return { below, chance: (p: number) => next() < p, of: <T>(list: readonly T[]) => list[below(list.length)]! };
}

function createWorld(seed: number, hasRoutingVm = true) {
  const random = randomOf(seed);
  let bridgeCount = 0;
  // Without MAC addresses nothing reports what a VM sends from what it sends on, so such exporters get worlds of their own.
  const reportsMacs = random.chance(0.6);
  const METERINGS: Metering[] = ['ingress', 'ingress', 'ingress', 'egress', 'both', 'both', 'none'];
  const createExporter = (
    address: string,
    protocol: Exporter['protocol'],
    ports: readonly number[],
    internalOnly: boolean,
    registered: boolean,
  ): Exporter => ({
    address,
    protocol,
    metering: random.of(METERINGS),
    overrides: new Map(ports.filter(() => random.chance(0.1)).map(port => [port, random.of(METERINGS)])),
    internalOnly,
    registered,
  });
  const createBridge = (
    id: string,
    ports: readonly number[],
    external: readonly number[],
    isVswitch: boolean,
  ): Bridge => {
    // The ways out must be in the registry: what leaves by a port that nobody knows of cannot be distinguished from a repetition.
    const isBorder = external.length > 0;
    const count = isVswitch || isBorder ? random.of([1, 1, 2]) : random.of([0, 1, 1, 1, 2]);
    const address = `192.0.2.${++bridgeCount}`;
    const protocols: Exporter['protocol'][] = reportsMacs ? ['ipfix', 'sflow5'] : ['ipfix', 'netflow5', 'sflow5'];
    const first = random.below(protocols.length);
    const exporters = Array.from({ length: count }, (_, i) => {
      const protocol = protocols[(first + i) % protocols.length]!;
      return createExporter(address, protocol, ports, isVswitch && random.chance(0.3), isBorder || random.chance(0.9));
    });
    return { id, address, exporters, external };
  };
  const edges = [
    createBridge('edge1', [1, 2, 3, TRUNK, 10], [10], false),
    createBridge('edge2', [1, 2, 3, TRUNK], [], false),
  ];
  const core = createBridge('core', [51, 52, ROUTER_PORT, 9], [9], false);
  const wiring: (readonly (readonly [number, number])[])[] = [
    [[0, 1]],
    [[0, 2]],
    [[1, 1]],
    [
      [0, 3],
      [1, 3],
    ],
    [[1, 2]],
  ];
  const hosts = wiring.map(
    (ports, i): Host => ({
      id: `h${i}`,
      kind: random.of(['veb', 'vepa', 'vepa', 'vepa-without-relay', 'vswitch', 'vswitch'] as const),
      uplinks: ports.map(([edge, port]) => [edges[edge]!, port] as const),
      vswitch: createBridge(`vs${i}`, [UPLINK, 101, 102, 103], [], true),
    }),
  );
  let nicCount = 0;
  const createNic = (vm: string, host: Host, vlan: number): Nic => {
    const number = ++nicCount;
    return {
      vm,
      address: `10.0.${vlan}.${number}`,
      mac: `02:00:00:00:00:${number.toString(16).padStart(2, '0')}`,
      vlan,
      host,
      port: 100 + number,
    };
  };
  const nics = Array.from({ length: 11 }, (_, i) => createNic(`vm${i}`, random.of(hosts), random.of([10, 20])));
  const routerHost = random.of(hosts);
  const routing = [10, 20].map(vlan => createNic('routing-vm', routerHost, vlan));
  return { random, routes: reportsMacs && hasRoutingVm, edges, core, hosts, nics, routing };
}

type World = ReturnType<typeof createWorld>;

/** From a port of one bridge to a port of another or the same: what every bridge on the way sees. */
function across(world: World, from: readonly [Bridge, number], to: readonly [Bridge, number], macs: [string, string]) {
  const hop = (bridge: Bridge, inIf: number, outIf: number): Hop => ({
    bridge,
    inIf,
    outIf,
    srcMac: macs[0],
    dstMac: macs[1],
  });
  const { core, edges } = world;
  const [source, inIf] = from;
  const [sink, outIf] = to;
  if (source === sink) return [hop(source, inIf, outIf)];
  const coreIn = source === core ? inIf : 51 + edges.indexOf(source);
  const coreOut = sink === core ? outIf : 51 + edges.indexOf(sink);
  return [
    ...(source === core ? [] : [hop(source, inIf, TRUNK)]),
    hop(core, coreIn, coreOut),
    ...(sink === core ? [] : [hop(sink, TRUNK, outIf)]),
  ];
}

interface End {
  readonly place: readonly [Bridge, number];
  readonly before: readonly Hop[];
  readonly after: readonly Hop[];
}

/** The cable a host's packet takes, and what its vSwitch sees. */
function endOf(world: World, nic: Nic, macs: [string, string]): End {
  const { host } = nic;
  const place = world.random.of(host.uplinks);
  if (host.kind !== 'vswitch') return { place, before: [], after: [] };
  const shared = { bridge: host.vswitch, srcMac: macs[0], dstMac: macs[1] };
  return {
    place,
    before: [{ ...shared, inIf: nic.port, outIf: UPLINK }],
    after: [{ ...shared, inIf: UPLINK, outIf: nic.port }],
  };
}

/** Within one VLAN. */
function switched(world: World, from: Nic, to: Nic): readonly Hop[] {
  const macs: [string, string] = [from.mac, to.mac];
  const shared = { srcMac: from.mac, dstMac: to.mac };
  if (from.host === to.host) {
    const { kind, vswitch } = from.host;
    if (kind === 'veb') return [];
    if (kind === 'vswitch') return [{ bridge: vswitch, inIf: from.port, outIf: to.port, ...shared }];
    const [bridge, port] = world.random.of(from.host.uplinks);
    return [{ bridge, inIf: port, outIf: port, ...shared, dropped: kind === 'vepa-without-relay' }];
  }
  const source = endOf(world, from, macs);
  const sink = endOf(world, to, macs);
  return [...source.before, ...across(world, source.place, sink.place, macs), ...sink.after];
}

function walk(world: World, from: Nic, to: Nic): readonly Hop[] {
  if (from.vlan === to.vlan) return switched(world, from, to);
  // What a VM routes between two others of its host is seen by their vSwitch alone, and no pair of one segment.
  const isInside = from.host === to.host && from.host === world.routing[0]!.host;
  if (world.routes && !isInside && world.random.chance(0.5)) {
    // By the VM that routes: two frames, each with its own addresses of layer 2.
    const [entry, exit] = from.vlan === 10 ? world.routing : [...world.routing].reverse();
    const first = switched(world, from, entry!);
    return first.some(hop => hop.dropped) ? first : [...first, ...switched(world, exit!, to)];
  }
  const router = [world.core, ROUTER_PORT] as const;
  const [up, down]: [[string, string], [string, string]] = [
    [from.mac, ROUTER_MAC],
    [ROUTER_MAC, to.mac],
  ];
  const source = endOf(world, from, up);
  const sink = endOf(world, to, down);
  return [
    ...source.before,
    ...across(world, source.place, router, up),
    ...across(world, router, sink.place, down),
    ...sink.after,
  ];
}

const meteringAt = ({ overrides, metering }: Exporter, port: number) => overrides.get(port) ?? metering;
const isMetered = (exporter: Exporter, port: number, flow: 'ingress' | 'egress') =>
  [flow, 'both'].includes(meteringAt(exporter, port));

/** The records of one packet. */
function recordsOf(hops: readonly Hop[], src: string, dst: string): Row[] {
  return hops.flatMap(({ bridge, inIf, outIf, srcMac, dstMac, dropped }) =>
    bridge.exporters.flatMap(exporter => {
      if (exporter.internalOnly && (inIf === UPLINK || outIf === UPLINK)) return [];
      const { address, protocol } = exporter;
      const shared: Row = { exporter: address, protocol, src, dst, inIf, outIf, forwardingStatus: dropped ? 128 : 0 };
      if (protocol !== 'netflow5') Object.assign(shared, { srcMac, dstMac });
      const reported = (direction: 'ingress' | 'egress'): Row => ({
        ...shared,
        direction: protocol === 'netflow5' || (protocol === 'sflow5' && inIf === outIf) ? 'unknown' : direction,
      });
      return [
        ...(isMetered(exporter, inIf, 'ingress') ? [reported('ingress')] : []),
        ...(isMetered(exporter, outIf, 'egress') ? [reported('egress')] : []),
      ];
    }),
  );
}

function documents({ edges, core, hosts, nics, routing }: World, hostNow: (nic: Nic) => Host = nic => nic.host) {
  const bridges = [...edges, core];
  const registered = (bridge: Bridge, isVswitch: boolean) =>
    bridge.exporters
      .filter(exporter => exporter.registered)
      .map(({ address, protocol, metering, overrides, internalOnly }) => ({
        address,
        protocol,
        metering,
        ...(!isVswitch && { switch: bridge.id }),
        ...(internalOnly && { traffic: 'host-internal' }),
        ports: [...new Set([...overrides.keys(), ...bridge.external])].map(ifIndex => ({
          ifIndex,
          ...(overrides.has(ifIndex) && { metering: overrides.get(ifIndex) }),
          ...(bridge.external.includes(ifIndex) && { role: 'external' }),
        })),
      }));
  const vms = Map.groupBy([...nics, ...routing], nic => nic.vm);
  return documentsOf({
    exporters: [
      ...bridges.flatMap(bridge => registered(bridge, false)),
      ...hosts.flatMap(host => (host.kind === 'vswitch' ? registered(host.vswitch, true) : [])),
    ],
    inventory: {
      switches: [
        { id: 'edge1', ports: [1, 2, 3, TRUNK, 10].map(ifIndex => ({ ifIndex })) },
        { id: 'edge2', ports: [1, 2, 3, TRUNK].map(ifIndex => ({ ifIndex })) },
        { id: 'core', ports: [51, 52, ROUTER_PORT, 9].map(ifIndex => ({ ifIndex })) },
      ],
      hosts: hosts.map(({ id, kind, uplinks, vswitch }) => ({
        id,
        pnics: uplinks.map(([bridge, ifIndex], i) => ({ id: `p${i}`, switch: bridge.id, ifIndex })),
        vswitches: [
          {
            id: 'v',
            uplinks: uplinks.map((_, i) => `p${i}`),
            switching: kind.startsWith('vepa') ? 'vepa' : 'veb',
            reflectiveRelay: { configured: kind.startsWith('vepa'), operational: kind === 'vepa' },
            portGroups: [10, 20].map(vlan => ({ id: `vlan${vlan}`, vlan })),
            ...(kind === 'vswitch' && { exporter: { address: vswitch.address } }),
          },
        ],
      })),
      vms: [...vms].map(([name, list]) => ({
        id: name,
        name,
        host: hostNow(list[0]!).id,
        vnics: list.map(nic => ({
          mac: nic.mac,
          addresses: [nic.address],
          portGroup: `vlan${nic.vlan}`,
          ...(hostNow(nic).kind === 'vswitch' && { ifIndex: nic.port }),
        })),
      })),
    },
  });
}

const OUTSIDE = ['198.51.100.1', '203.0.113.2'] as const;
const OPEN = ['unelected', 'discarded'];
const RUNS = { numRuns: 200 };

/** Packets between VMs, from and to outside, and through: their names and records. */
function packetsOf(world: World): { name: string; hops: readonly Hop[]; rows: Row[] }[] {
  const { nics, random, core, edges } = world;
  const packet = (name: string, hops: readonly Hop[], src: string, dst: string) => ({
    name,
    hops,
    rows: recordsOf(hops, src, dst),
  });
  const exits = [[core, 9] as const, [edges[0]!, 10] as const];
  const pairs = Array.from({ length: 40 }, () => [random.of(nics), random.of(nics)] as const).filter(
    ([from, to]) => from !== to,
  );
  return [
    ...pairs.map(([from, to]) => packet(`${from.vm} > ${to.vm}`, walk(world, from, to), from.address, to.address)),
    ...nics.flatMap(nic => {
      const exit = random.of(exits);
      const [out, back]: [[string, string], [string, string]] = [
        [nic.mac, ROUTER_MAC],
        [ROUTER_MAC, nic.mac],
      ];
      const source = endOf(world, nic, out);
      const sink = endOf(world, nic, back);
      const leave = [...source.before, ...across(world, source.place, exit, out)];
      const enter = [...across(world, exit, sink.place, back), ...sink.after];
      return [
        packet(`${nic.vm} > outside`, leave, nic.address, OUTSIDE[0]),
        packet(`outside > ${nic.vm}`, enter, OUTSIDE[0], nic.address),
      ];
    }),
    packet('through', across(world, exits[0]!, exits[1]!, [ROUTER_MAC, ROUTER_MAC]), OUTSIDE[0], OUTSIDE[1]),
  ];
}

function electedOf(rows: readonly EnrichedRow[]): number {
  return rows.reduce((sum, row) => sum + row.weight, 0);
}

function judge(docs: ReturnType<typeof documents>, packets: readonly { name: string; rows: Row[] }[]) {
  const enriched = enrichRows(
    docs,
    packets.flatMap(packet => packet.rows),
  );
  let at = 0;
  return packets.map(packet => {
    const rows = enriched.slice(at, at + packet.rows.length);
    at += packet.rows.length;
    const story = packet.rows.map(
      (row, i) =>
        `${row.exporter} ${row.protocol} ${row.inIf}>${row.outIf} ${row.direction}: ${rows[i]!.electionRule}, ${rows[i]!.countReason} ${rows[i]!.weight}`,
    );
    return { ...packet, enriched: rows, story: [packet.name, ...story].join('\n') };
  });
}

test('a packet counts once, or all of its records say that nothing was elected', () => {
  fc.assert(
    fc.property(fc.nat(), seed => {
      const world = createWorld(seed);
      const packets = packetsOf(world);
      for (const { enriched, story, hops } of judge(documents(world), packets) as (ReturnType<typeof judge>[number] & {
        hops: readonly Hop[];
      })[]) {
        const isDropped = hops.some(hop => hop.dropped);
        const isOpen = enriched.every(row => OPEN.includes(row.countReason));
        // A dropped packet may have counted on the way to where it was dropped.
        if (isDropped) expect(electedOf(enriched), story).toBeLessThanOrEqual(1);
        else expect(electedOf(enriched), story).toBe(isOpen ? 0 : 1);
      }
    }),
    RUNS,
  );
}, 60_000);

test('where the cable of the sender is metered as packets arrive, or that of the receiver as they leave, they count', () => {
  let [bySender, byReceiver] = [0, 0];
  fc.assert(
    fc.property(fc.nat(), seed => {
      const world = createWorld(seed);
      const { nics, random } = world;
      const covers = (nic: Nic, flow: 'ingress' | 'egress') =>
        nic.host.uplinks.every(([bridge, port]) =>
          bridge.exporters.some(exporter => exporter.registered && isMetered(exporter, port, flow)),
        );
      const packets = Array.from({ length: 20 }, () => [random.of(nics), random.of(nics)] as const)
        .filter(([from, to]) => from.host !== to.host && from.vlan === to.vlan)
        .map(([from, to]) => ({
          name: `${from.vm} > ${to.vm}`,
          rows: recordsOf(walk(world, from, to), from.address, to.address),
          from,
          to,
        }));
      judge(documents(world), packets).forEach(({ enriched, story }, i) => {
        const { from, to } = packets[i]!;
        if (covers(from, 'ingress')) bySender++;
        else if (covers(to, 'egress')) byReceiver++;
        else return;
        expect(electedOf(enriched), story).toBe(1);
      });
    }),
    RUNS,
  );
  expect(bySender).toBeGreaterThan(100);
  expect(byReceiver).toBeGreaterThan(100);
}, 60_000);

test('a VM that moved before the inventory says so never counts twice', () => {
  let movedRows = 0;
  fc.assert(
    fc.property(fc.nat(), seed => {
      // A VM that routes on the host that the inventory still has the sender on could not be distinguished from it.
      const world = createWorld(seed, false);
      const { nics, random, hosts } = world;
      const before = new Map(nics.map(nic => [nic.vm, random.chance(0.3) ? random.of(hosts) : nic.host]));
      const docs = documents(world, nic => before.get(nic.vm) ?? nic.host);
      for (const { enriched, story } of judge(docs, packetsOf(world))) {
        expect(electedOf(enriched), story).toBeLessThanOrEqual(1);
        movedRows += enriched.filter(row => (row.marks & MARKS.moved) !== 0).length;
      }
    }),
    RUNS,
  );
  expect(movedRows).toBeGreaterThan(100);
}, 60_000);
