// Which devices a packet passes, in order, with the port it comes in by and the ones it leaves by at each. Bridging by
// MAC within a segment, routers and forwarding VMs between segments, tunnels between hosts, tags between host and switch.

import type { Frame } from './frame.ts';
import {
  type Address,
  type Device,
  type End,
  type Host,
  type Mac,
  type Nic,
  type Outside,
  type Pnic,
  physicalPort,
  type Router,
  type Switch,
  type Vm,
  type World,
} from './world.ts';

export interface Hop {
  readonly device: Device;
  readonly inPort: number;
  /** One, several for a group, none when the device drops the packet. */
  readonly outPorts: readonly number[];
  /** As it comes in, and as it leaves. */
  readonly frame: Frame;
  readonly outFrame: Frame;
}

export interface Path {
  readonly hops: readonly Hop[];
  readonly delivered: boolean;
}

type Attachment =
  | { readonly vm: Vm; readonly at?: undefined }
  | { readonly vm?: undefined; readonly at: { readonly switch: Switch; readonly ifIndex: number } };

interface Leg {
  readonly from: Attachment;
  readonly to: Attachment;
  readonly srcMac: Mac;
  readonly dstMac: Mac;
  readonly vlan: number;
  readonly vni: number | undefined;
}

/** `hash` chooses among members of a LAG and equal paths, as the header of a flow does. */
export function trace(world: World, from: End, to: End, hash: number): Path {
  if (from.kind === 'group') return { hops: [], delivered: false };
  if (to.kind === 'group') return multicast(world, attachmentOf(from).vm!, to.mac, to.members, hash);
  const hops: Hop[] = [];
  for (const leg of legsOf(world, from, to)) if (!bridge(leg, hash, hops)) return { hops, delivered: false };
  return { hops, delivered: true };
}

function attachmentOf(end: Exclude<End, { kind: 'group' }>): Attachment {
  if (end.kind === 'vm') return { vm: end };
  return end.kind === 'vip' ? { vm: end.balancer } : { at: end };
}

function nicOf(end: End): Nic | undefined {
  return end.kind === 'vm' ? end.nic : end.kind === 'vip' ? end.balancer.nic : undefined;
}

function macOf(end: End): Mac {
  return nicOf(end)?.mac ?? (end as Outside).mac;
}

function legsOf(world: World, from: End, to: End): Leg[] {
  const start = attachmentOf(from as Exclude<End, { kind: 'group' }>);
  const end = attachmentOf(to as Exclude<End, { kind: 'group' }>);
  const source = nicOf(from)?.segment;
  const target = nicOf(to)?.segment;
  const srcMac = macOf(from);
  const dstMac = macOf(to);
  // What goes out or comes in is routed beyond the external port: one segment.
  if (!source || !target || source === target) {
    const segment = source ?? target;
    return [{ from: start, to: end, srcMac, dstMac, vlan: segment?.vlan ?? 0, vni: segment?.vni }];
  }
  const router = world.routers[0];
  if (!router) throw new Error(`no router between segments ${source.id} and ${target.id}`);
  const middle = routerAttachment(router);
  return [
    { from: start, to: middle, srcMac, dstMac: router.mac, vlan: source.vlan, vni: source.vni },
    { from: middle, to: end, srcMac: router.mac, dstMac, vlan: target.vlan, vni: target.vni },
  ];
}

function routerAttachment(router: Router): Attachment {
  return router.vm ? { vm: router.vm } : { at: router.at! };
}

/** Adds the hops of one leg; false when the packet is dropped on the way. */
function bridge(leg: Leg, hash: number, hops: Hop[]): boolean {
  const { from, to } = leg;
  const plain: Frame = { srcMac: leg.srcMac, dstMac: leg.dstMac, vlan: leg.vni === undefined ? leg.vlan : 0 };
  if (from.vm && to.vm && isLocal(from.vm, to.vm)) {
    const device = from.vm.host.vswitch;
    hops.push({ device, inPort: from.vm.nic.port, outPorts: [to.vm.nic.port], frame: plain, outFrame: plain });
    return true;
  }
  const inner =
    leg.vni !== undefined && from.vm && to.vm ? tunnelled(plain, from.vm.host, to.vm.host, leg.vni, hash) : plain;
  if (from.vm) {
    const { vswitch } = from.vm.host;
    const outFrame = tagged(inner, from.vm, false);
    const { port } = from.vm.nic;
    hops.push({ device: vswitch, inPort: port, outPorts: [vswitch.uplinkPort], frame: plain, outFrame });
  }
  const entry = from.vm ? entryOf(from.vm, hash) : from.at;
  const exit = to.vm ? exitOf(to.vm, entry.switch, hash) : to.at;
  if (!throughSwitches(entry, exit, from.vm ? tagged(inner, from.vm, false) : inner, inner, to.vm, hash, hops))
    return false;
  if (to.vm) {
    const { vswitch } = to.vm.host;
    const frame = tagged(inner, to.vm, true);
    hops.push({ device: vswitch, inPort: vswitch.uplinkPort, outPorts: [to.vm.nic.port], frame, outFrame: plain });
  }
  return true;
}

/** Whether the vSwitch, or the channel's component, hands the frame over itself. */
function isLocal(from: Vm, to: Vm): boolean {
  if (from.host !== to.host || from.nic.channel !== to.nic.channel) return false;
  if (from.nic.segment !== to.nic.segment || from.host.extender) return false;
  return (from.nic.channel ?? from.host.vswitch).switching === 'veb';
}

interface SwitchPort {
  readonly switch: Switch;
  readonly ifIndex: number;
}

function entryOf(vm: Vm, hash: number): SwitchPort {
  const { uplinks } = vm.host.vswitch;
  const uplink = uplinks[hash % uplinks.length]!;
  return { switch: uplink.switch, ifIndex: vm.nic.channel?.ifIndex ?? vm.nic.extendedPort ?? uplink.ifIndex };
}

/** A switch of an MLAG pair uses its own link. */
function exitOf(vm: Vm, at: Switch, hash: number): SwitchPort {
  const { uplinks } = vm.host.vswitch;
  const own = uplinks.filter(uplink => uplink.switch === at);
  const candidates: readonly Pnic[] = own.length > 0 ? own : uplinks;
  const uplink = candidates[(hash >>> 3) % candidates.length]!;
  return { switch: uplink.switch, ifIndex: vm.nic.channel?.ifIndex ?? vm.nic.extendedPort ?? uplink.ifIndex };
}

function throughSwitches(
  entry: SwitchPort,
  exit: SwitchPort,
  entering: Frame,
  plain: Frame,
  to: Vm | undefined,
  hash: number,
  hops: Hop[],
): boolean {
  const route = switchesBetween(entry.switch, exit.switch, hash);
  let inPort = entry.ifIndex;
  let frame = entering;
  for (const [i, device] of route.entries()) {
    const next = route[i + 1];
    const outPort = next ? device.links.get(next)! : exit.ifIndex;
    const isBack = physicalPort(device, inPort) === physicalPort(device, outPort) && inPort === outPort;
    const dropped = isBack && !device.ports.get(outPort)!.relay;
    const outFrame = next || !to ? plain : tagged(plain, to, true);
    hops.push({ device, inPort, outPorts: dropped ? [] : [outPort], frame, outFrame });
    if (dropped) return false;
    if (next) inPort = next.links.get(device)!;
    frame = plain;
  }
  return true;
}

/** A shortest way, the hash deciding between equal ones. */
function switchesBetween(from: Switch, to: Switch, hash: number): readonly Switch[] {
  let ways: Switch[][] = [[from]];
  const seen = new Set<Switch>();
  while (ways.length > 0) {
    const arrived = ways.filter(way => way.at(-1) === to);
    if (arrived.length > 0) return arrived[(hash >>> 5) % arrived.length]!;
    for (const way of ways) seen.add(way.at(-1)!);
    ways = ways.flatMap(way =>
      [...way.at(-1)!.links.keys()].filter(next => !seen.has(next)).map(next => [...way, next]),
    );
  }
  throw new Error(`${from.id} and ${to.id} are not connected`);
}

/** As the frame looks between the VM's host and its switch. */
function tagged(frame: Frame, vm: Vm, fromBridge: boolean): Frame {
  const { channel, ecid } = vm.nic;
  return {
    ...frame,
    ...(channel && { sVlan: channel.svid }),
    ...(ecid !== undefined && { extension: { kind: vm.host.extender!, id: ecid, fromBridge } }),
  };
}

function tunnelled(frame: Frame, from: Host, to: Host, vni: number, hash: number): Frame {
  const outer = {
    srcMac: from.vtep.mac,
    dstMac: to.vtep.mac,
    src: from.vtep.address as Address,
    dst: to.vtep.address as Address,
    srcPort: 49152 + (hash % 16384),
    vni,
  };
  return { ...frame, outer };
}

/** Flooded: every switch and host with a member gets one copy; a relaying port sends one back to where it came from. */
function multicast(world: World, from: Vm, dstMac: Mac, members: readonly Vm[], hash: number): Path {
  const frame: Frame = { srcMac: from.nic.mac, dstMac, vlan: from.nic.segment.vlan };
  const others = members.filter(member => member !== from && member.status === 'running');
  const hops: Hop[] = [];
  const { vswitch } = from.host;
  const local = others.filter(member => isLocal(from, member)).map(member => member.nic.port);
  hops.push({
    device: vswitch,
    inPort: from.nic.port,
    outPorts: [...local, vswitch.uplinkPort],
    frame,
    outFrame: frame,
  });
  const entry = entryOf(from, hash);
  const visit = (device: Switch, inPort: number, cameFrom: Switch | undefined) => {
    const hosts = world.hosts.filter(
      host => host.pnics[0]!.switch === device && others.some(member => member.host === host && !isLocal(from, member)),
    );
    const accesses = hosts.map(host => host.pnics[0]!.ifIndex);
    const own = from.host.pnics[0]!;
    if (own.switch === device && device.ports.get(own.ifIndex)!.relay && !accesses.includes(own.ifIndex))
      accesses.push(own.ifIndex);
    const next = [...device.links].filter(([neighbour]) => neighbour !== cameFrom);
    const outPorts = [
      ...accesses.filter(port => port !== inPort || device.ports.get(port)!.relay),
      ...next.map(([, port]) => port),
    ];
    hops.push({ device, inPort, outPorts, frame, outFrame: frame });
    for (const host of hosts) {
      const ports = others.filter(member => member.host === host).map(member => member.nic.port);
      const { uplinkPort } = host.vswitch;
      hops.push({ device: host.vswitch, inPort: uplinkPort, outPorts: ports, frame, outFrame: frame });
    }
    for (const [neighbour] of next) visit(neighbour, neighbour.links.get(device)!, device);
  };
  visit(entry.switch, entry.ifIndex, undefined);
  return { hops, delivered: true };
}
