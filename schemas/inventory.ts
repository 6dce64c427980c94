// The inventory snapshot: what stood where, and which addresses it had, at `asOf`. One JSON or YAML document.

import { type Static, Type } from 'typebox';
import { parseAddress, parseMac, parsePrefix } from './address.ts';
import { parsePortRange } from './applications.ts';
import { documentChecker, type Fault } from './documents.ts';

const Id = Type.String({ minLength: 1, maxLength: 255 });
const Text = Type.String({ maxLength: 1024 });
const Vlan = Type.Integer({ minimum: 0, maximum: 4095 });
const IfIndex = Type.Integer({ minimum: 0, maximum: 0xffffffff });
const closed = { additionalProperties: false } as const;
const Optional = Type.Optional;
const list = <T extends Parameters<typeof Type.Array>[0]>(item: T) => Type.Array(item, { default: [] });
/** Values of a string property that names one of a few words. */
const oneOf = <const L extends readonly string[]>(values: L, options = {}) =>
  Type.Enum([...values] as unknown as L, options);

const Site = Type.Object({ id: Id, name: Optional(Text) }, closed);
const Rack = Type.Object({ id: Id, name: Optional(Text), site: Optional(Id) }, closed);
const Segment = Type.Object(
  {
    id: Id,
    site: Optional(Id),
    vlan: Optional(Vlan),
    vni: Optional(Type.Integer({ minimum: 0, maximum: 0xffffff })),
    vrf: Optional(Id),
    prefixes: list(Text),
  },
  closed,
);
const SwitchPort = Type.Object(
  {
    ifIndex: IfIndex,
    name: Optional(Text),
    speedBps: Optional(Type.Integer({ minimum: 0 })),
    parentIfIndex: Optional(IfIndex),
    lag: Optional(IfIndex),
    /** What is at the other end: a host's pNIC, another switch, or a name for anything else. */
    connectsTo: Optional(
      Type.Object({ host: Optional(Id), pnic: Optional(Id), switch: Optional(Id), other: Optional(Text) }, closed),
    ),
  },
  closed,
);
const Switch = Type.Object({ id: Id, name: Optional(Text), rack: Optional(Id), ports: list(SwitchPort) }, closed);
const Pnic = Type.Object({ id: Id, mac: Optional(Text), switch: Optional(Id), ifIndex: Optional(IfIndex) }, closed);
const PortGroup = Type.Object(
  {
    id: Id,
    name: Optional(Text),
    segment: Optional(Id),
    vlan: Optional(Vlan),
    vlanTrunk: Optional(Type.Array(Type.Tuple([Vlan, Vlan]))),
  },
  closed,
);
const Channel = Type.Object(
  { scid: Vlan, svid: Vlan, ifIndex: Optional(IfIndex), switching: oneOf(['veb', 'vepa', 'vsi'], { default: 'veb' }) },
  closed,
);
const VSwitch = Type.Object(
  {
    id: Id,
    name: Optional(Text),
    kind: Optional(Text),
    ports: Optional(Type.Integer({ minimum: 0 })),
    /** Ids of pNICs of the same host. */
    uplinks: list(Id),
    switching: oneOf(['veb', 'vepa', 'vsi'], { default: 'veb' }),
    reflectiveRelay: Optional(
      Type.Object(
        { configured: Type.Boolean({ default: false }), operational: Type.Boolean({ default: false }) },
        closed,
      ),
    ),
    channels: list(Channel),
    distributedRouting: Type.Boolean({ default: false }),
    portGroups: list(PortGroup),
    /** Set when the vSwitch exports flows itself. */
    exporter: Optional(Type.Object({ address: Text, domain: Optional(IfIndex) }, closed)),
  },
  closed,
);
const VmKernelNic = Type.Object(
  { id: Id, mac: Optional(Text), addresses: list(Text), purpose: Optional(Text) },
  closed,
);
const Host = Type.Object(
  {
    id: Id,
    name: Optional(Text),
    status: oneOf(['running', 'maintenance', 'off'], { default: 'running' }),
    addresses: list(Text),
    rack: Optional(Id),
    pnics: list(Pnic),
    vswitches: list(VSwitch),
    vmkernelNics: list(VmKernelNic),
  },
  closed,
);
const Vnic = Type.Object(
  {
    id: Optional(Id),
    mac: Optional(Text),
    addresses: list(Text),
    /** Id of a vSwitch of the VM's host; the host's first one when left out. */
    vswitch: Optional(Id),
    portGroup: Optional(Id),
    segment: Optional(Id),
    vsi: Optional(
      Type.Object(
        { typeId: Type.Integer({ minimum: 0 }), typeVersion: Type.Integer({ minimum: 0 }), instanceId: Id },
        closed,
      ),
    ),
    sVlan: Optional(Vlan),
    ecid: Optional(Type.Integer({ minimum: 0, maximum: 0x3fffff })),
    /** ifIndex at the vSwitch or at the switch when the vNIC has a port of its own there. */
    ifIndex: Optional(IfIndex),
  },
  closed,
);
const Vm = Type.Object(
  {
    id: Id,
    name: Text,
    uuid: Optional(Text),
    host: Optional(Id),
    status: oneOf(['running', 'off', 'suspended'], { default: 'running' }),
    guestOs: Optional(Text),
    cpus: Optional(Type.Integer({ minimum: 0 })),
    memoryMiB: Optional(Type.Integer({ minimum: 0 })),
    tags: list(Text),
    folder: Optional(Text),
    vnics: list(Vnic),
  },
  closed,
);
const Endpoint = Type.Object(
  {
    id: Id,
    name: Text,
    kind: oneOf(['bare-metal', 'storage', 'appliance', 'gateway', 'vip']),
    mac: Optional(Text),
    addresses: list(Text),
    /** For a VIP: `tcp/443`. */
    port: Optional(Text),
    segment: Optional(Id),
    rack: Optional(Id),
    switch: Optional(Id),
    ifIndex: Optional(IfIndex),
  },
  closed,
);

export const Inventory = Type.Object(
  {
    source: Id,
    /** RFC 3339 time of the snapshot. */
    asOf: Type.String({ format: 'date-time' }),
    /** Entity kinds this snapshot lists in full, within its source. */
    complete: list(oneOf(['sites', 'racks', 'segments', 'switches', 'hosts', 'vms', 'endpoints'])),
    sites: list(Site),
    racks: list(Rack),
    segments: list(Segment),
    switches: list(Switch),
    hosts: list(Host),
    vms: list(Vm),
    endpoints: list(Endpoint),
  },
  closed,
);
export type Inventory = Static<typeof Inventory>;
export type InventoryVm = Static<typeof Vm>;
export type InventoryHost = Static<typeof Host>;
export type InventoryEndpoint = Static<typeof Endpoint>;

export const inventoryChecker = documentChecker(Inventory, inventoryFaults);

function inventoryFaults(inventory: Inventory): Fault[] {
  const faults: Fault[] = [];
  const fault = (path: string, message: string) => faults.push({ path, message });
  const ids = (kind: 'sites' | 'racks' | 'segments' | 'switches' | 'hosts' | 'vms' | 'endpoints') => {
    const seen = new Map<string, number>();
    inventory[kind].forEach((entity, i) => {
      const first = seen.get(entity.id);
      if (first === undefined) seen.set(entity.id, i);
      else fault(`/${kind}/${i}/id`, `"${entity.id}" is the id of /${kind}/${first} already`);
    });
    return seen;
  };
  const known = {
    sites: ids('sites'),
    racks: ids('racks'),
    segments: ids('segments'),
    switches: ids('switches'),
    hosts: ids('hosts'),
    vms: ids('vms'),
    endpoints: ids('endpoints'),
  };
  // A document that tells nothing of a kind may speak of what an earlier one, or another source, has told.
  const tells = (kind: keyof typeof known) => known[kind].size > 0 || inventory.complete.some(name => name === kind);
  const reference = (kind: keyof typeof known, id: string | undefined, path: string) => {
    if (id !== undefined && tells(kind) && !known[kind].has(id)) fault(path, `"${id}" is no id of /${kind}`);
  };
  const address = (text: string, path: string) => {
    if (!parseAddress(text)) fault(path, `"${text}" is no IPv4 or IPv6 address`);
  };
  const macs = new Map<string, string>();
  const mac = (text: string | undefined, path: string) => {
    if (text === undefined) return;
    const words = parseMac(text);
    if (!words) return fault(path, `"${text}" is no MAC address (aa:bb:cc:dd:ee:ff)`);
    const name = `${words.high}:${words.low}`;
    const first = macs.get(name);
    if (first === undefined) macs.set(name, path);
    else fault(path, `"${text}" is the MAC address of ${first} already`);
  };

  inventory.racks.forEach((rack, i) => reference('sites', rack.site, `/racks/${i}/site`));
  inventory.segments.forEach((segment, i) => {
    reference('sites', segment.site, `/segments/${i}/site`);
    segment.prefixes.forEach((text, j) => {
      if (!parsePrefix(text)) fault(`/segments/${i}/prefixes/${j}`, `"${text}" is no prefix (10.0.0.0/24, fd00::/64)`);
    });
  });
  inventory.switches.forEach((entity, i) => {
    reference('racks', entity.rack, `/switches/${i}/rack`);
    entity.ports.forEach((port, j) => {
      reference('hosts', port.connectsTo?.host, `/switches/${i}/ports/${j}/connectsTo/host`);
      reference('switches', port.connectsTo?.switch, `/switches/${i}/ports/${j}/connectsTo/switch`);
    });
  });
  inventory.hosts.forEach((host, i) => {
    const at = `/hosts/${i}`;
    reference('racks', host.rack, `${at}/rack`);
    host.addresses.forEach((text, j) => address(text, `${at}/addresses/${j}`));
    host.pnics.forEach((pnic, j) => {
      mac(pnic.mac, `${at}/pnics/${j}/mac`);
      reference('switches', pnic.switch, `${at}/pnics/${j}/switch`);
    });
    host.vswitches.forEach((vswitch, j) => {
      vswitch.uplinks.forEach((id, k) => {
        if (!host.pnics.some(pnic => pnic.id === id))
          fault(`${at}/vswitches/${j}/uplinks/${k}`, `"${id}" is no pNIC of this host`);
      });
      vswitch.portGroups.forEach((group, k) =>
        reference('segments', group.segment, `${at}/vswitches/${j}/portGroups/${k}/segment`),
      );
      if (vswitch.exporter) address(vswitch.exporter.address, `${at}/vswitches/${j}/exporter/address`);
    });
    host.vmkernelNics.forEach((nic, j) => {
      mac(nic.mac, `${at}/vmkernelNics/${j}/mac`);
      nic.addresses.forEach((text, k) => address(text, `${at}/vmkernelNics/${j}/addresses/${k}`));
    });
  });
  const hosts = new Map(inventory.hosts.map(host => [host.id, host]));
  const portGroups = new Set(
    inventory.hosts.flatMap(host => host.vswitches.flatMap(vswitch => vswitch.portGroups.map(group => group.id))),
  );
  inventory.vms.forEach((vm, i) => {
    reference('hosts', vm.host, `/vms/${i}/host`);
    const vswitches = vm.host === undefined ? undefined : hosts.get(vm.host)?.vswitches;
    vm.vnics.forEach((vnic, j) => {
      const at = `/vms/${i}/vnics/${j}`;
      mac(vnic.mac, `${at}/mac`);
      vnic.addresses.forEach((text, k) => address(text, `${at}/addresses/${k}`));
      reference('segments', vnic.segment, `${at}/segment`);
      if (!vswitches) {
        if (vm.host === undefined && vnic.portGroup !== undefined && tells('hosts') && !portGroups.has(vnic.portGroup))
          fault(`${at}/portGroup`, `"${vnic.portGroup}" is no port group of any host`);
        return;
      }
      const candidates =
        vnic.vswitch === undefined ? vswitches : vswitches.filter(vswitch => vswitch.id === vnic.vswitch);
      if (vnic.vswitch !== undefined && candidates.length === 0)
        fault(`${at}/vswitch`, `"${vnic.vswitch}" is no vSwitch of host "${vm.host}"`);
      else if (
        vnic.portGroup !== undefined &&
        !candidates.some(vswitch => vswitch.portGroups.some(group => group.id === vnic.portGroup))
      ) {
        fault(`${at}/portGroup`, `"${vnic.portGroup}" is no port group of host "${vm.host}"`);
      }
    });
  });
  inventory.endpoints.forEach((endpoint, i) => {
    const at = `/endpoints/${i}`;
    mac(endpoint.mac, `${at}/mac`);
    endpoint.addresses.forEach((text, j) => address(text, `${at}/addresses/${j}`));
    if (endpoint.port !== undefined && !parsePortRange(endpoint.port))
      fault(`${at}/port`, `"${endpoint.port}" is no port or range (tcp/443, udp/8000-8100, icmp)`);
    reference('segments', endpoint.segment, `${at}/segment`);
    reference('racks', endpoint.rack, `${at}/rack`);
    reference('switches', endpoint.switch, `${at}/switch`);
  });
  return faults;
}
