// The inventory snapshot: what stood where, and which addresses it had, at `asOf`. One JSON or YAML document.

import { type Static, Type } from 'typebox';
import { parseAddress, parseMac, parsePrefix } from './address.ts';
import { parsePortRange } from './applications.ts';
import { documentChecker, type Fault } from './documents.ts';

const id = (description?: string) =>
  Type.String({ minLength: 1, maxLength: 255, ...(description !== undefined && { description }) });
const Id = id();
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
    connectsTo: Optional(
      Type.Object(
        { host: Optional(Id), pnic: Optional(Id), switch: Optional(Id), other: Optional(Text) },
        {
          ...closed,
          description: "what is at the other end: a host's pNIC, another switch, or a name for anything else",
        },
      ),
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
    uplinks: Type.Array(Id, { default: [], description: 'ids of pNICs of the same host' }),
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
    exporter: Optional(
      Type.Object(
        { address: Text, domain: Optional(IfIndex) },
        { ...closed, description: 'where the vSwitch exports flows itself' },
      ),
    ),
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
    vswitch: Optional(id("of a vSwitch of the VM's host; the host's first one when left out")),
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
    ifIndex: Optional(
      Type.Integer({
        minimum: 0,
        maximum: 0xffffffff,
        description: 'at the vSwitch or at the switch, where the vNIC has a port of its own there',
      }),
    ),
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
    port: Optional(Type.String({ maxLength: 1024, description: 'of a vip: tcp/443' })),
    segment: Optional(Id),
    rack: Optional(Id),
    switch: Optional(Id),
    ifIndex: Optional(IfIndex),
  },
  closed,
);

export const Inventory = Type.Object(
  {
    source: id('of who states it: each source has a history of its own'),
    asOf: Type.String({ format: 'date-time', description: 'time that the snapshot describes (RFC 3339)' }),
    complete: Type.Array(oneOf(['sites', 'racks', 'segments', 'switches', 'hosts', 'vms', 'endpoints']), {
      default: [],
      description: 'kinds that this snapshot lists in full: what it does not list of them is gone',
    }),
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
  return new InventoryCheck(inventory).faults();
}

type Referable = 'sites' | 'racks' | 'segments' | 'switches' | 'hosts' | 'vms' | 'endpoints';

/** What a schema cannot say: ids and MAC addresses are there once, references and texts lead somewhere. */
class InventoryCheck {
  readonly #inventory: Inventory;
  readonly #faults: Fault[] = [];
  readonly #ids: Readonly<Record<Referable, ReadonlyMap<string, number>>>;
  readonly #macs = new Map<string, string>();

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
    this.#ids = {
      sites: this.#idsOf('sites'),
      racks: this.#idsOf('racks'),
      segments: this.#idsOf('segments'),
      switches: this.#idsOf('switches'),
      hosts: this.#idsOf('hosts'),
      vms: this.#idsOf('vms'),
      endpoints: this.#idsOf('endpoints'),
    };
  }

  faults(): Fault[] {
    const { racks, segments, switches, hosts, endpoints } = this.#inventory;
    racks.forEach((rack, i) => this.#reference('sites', rack.site, `/racks/${i}/site`));
    segments.forEach((segment, i) => this.#segment(segment, `/segments/${i}`));
    switches.forEach((entity, i) => this.#switch(entity, `/switches/${i}`));
    hosts.forEach((host, i) => this.#host(host, `/hosts/${i}`));
    this.#vms();
    endpoints.forEach((endpoint, i) => this.#endpoint(endpoint, `/endpoints/${i}`));
    return this.#faults;
  }

  #segment(segment: Inventory['segments'][number], at: string): void {
    this.#reference('sites', segment.site, `${at}/site`);
    segment.prefixes.forEach((text, j) => {
      if (!parsePrefix(text)) this.#fault(`${at}/prefixes/${j}`, `"${text}" is no prefix (10.0.0.0/24, fd00::/64)`);
    });
  }

  #switch(entity: Inventory['switches'][number], at: string): void {
    this.#reference('racks', entity.rack, `${at}/rack`);
    entity.ports.forEach(({ connectsTo }, j) => {
      this.#reference('hosts', connectsTo?.host, `${at}/ports/${j}/connectsTo/host`);
      this.#reference('switches', connectsTo?.switch, `${at}/ports/${j}/connectsTo/switch`);
    });
  }

  #host(host: InventoryHost, at: string): void {
    this.#reference('racks', host.rack, `${at}/rack`);
    this.#addresses(host.addresses, at);
    host.pnics.forEach((pnic, j) => {
      this.#mac(pnic.mac, `${at}/pnics/${j}/mac`);
      this.#reference('switches', pnic.switch, `${at}/pnics/${j}/switch`);
    });
    host.vswitches.forEach(({ uplinks, portGroups, exporter }, j) => {
      const own = `${at}/vswitches/${j}`;
      uplinks.forEach((id, k) => {
        if (!host.pnics.some(pnic => pnic.id === id))
          this.#fault(`${own}/uplinks/${k}`, `"${id}" is no pNIC of this host`);
      });
      portGroups.forEach((group, k) => this.#reference('segments', group.segment, `${own}/portGroups/${k}/segment`));
      if (exporter) this.#address(exporter.address, `${own}/exporter/address`);
    });
    host.vmkernelNics.forEach((nic, j) => {
      this.#mac(nic.mac, `${at}/vmkernelNics/${j}/mac`);
      this.#addresses(nic.addresses, `${at}/vmkernelNics/${j}`);
    });
  }

  #vms(): void {
    const hosts = new Map(this.#inventory.hosts.map(host => [host.id, host]));
    const groups = new Set(
      this.#inventory.hosts.flatMap(host => host.vswitches.flatMap(vswitch => vswitch.portGroups.map(({ id }) => id))),
    );
    this.#inventory.vms.forEach((vm, i) => {
      this.#reference('hosts', vm.host, `/vms/${i}/host`);
      const vswitches = vm.host === undefined ? undefined : hosts.get(vm.host)?.vswitches;
      vm.vnics.forEach((vnic, j) => {
        const at = `/vms/${i}/vnics/${j}`;
        this.#mac(vnic.mac, `${at}/mac`);
        this.#addresses(vnic.addresses, at);
        this.#reference('segments', vnic.segment, `${at}/segment`);
        if (vswitches) this.#attachment(vnic, vswitches, vm.host!, at);
        else if (vm.host === undefined && vnic.portGroup !== undefined && !groups.has(vnic.portGroup)) {
          if (this.#lists('hosts')) this.#fault(`${at}/portGroup`, `"${vnic.portGroup}" is no port group of any host`);
        }
      });
    });
  }

  #attachment(
    { vswitch: named, portGroup }: InventoryVm['vnics'][number],
    vswitches: InventoryHost['vswitches'],
    host: string,
    at: string,
  ): void {
    const candidates = named === undefined ? vswitches : vswitches.filter(({ id }) => id === named);
    if (named !== undefined && candidates.length === 0)
      this.#fault(`${at}/vswitch`, `"${named}" is no vSwitch of host "${host}"`);
    else if (
      portGroup !== undefined &&
      !candidates.some(({ portGroups }) => portGroups.some(({ id }) => id === portGroup))
    )
      this.#fault(`${at}/portGroup`, `"${portGroup}" is no port group of host "${host}"`);
  }

  #endpoint(endpoint: InventoryEndpoint, at: string): void {
    this.#mac(endpoint.mac, `${at}/mac`);
    this.#addresses(endpoint.addresses, at);
    if (endpoint.port !== undefined && !parsePortRange(endpoint.port))
      this.#fault(`${at}/port`, `"${endpoint.port}" is no port or range (tcp/443, udp/8000-8100, icmp)`);
    this.#reference('segments', endpoint.segment, `${at}/segment`);
    this.#reference('racks', endpoint.rack, `${at}/rack`);
    this.#reference('switches', endpoint.switch, `${at}/switch`);
  }

  #idsOf(kind: Referable): ReadonlyMap<string, number> {
    const seen = new Map<string, number>();
    this.#inventory[kind].forEach(({ id }, i) => {
      const first = seen.get(id);
      if (first === undefined) seen.set(id, i);
      else this.#fault(`/${kind}/${i}/id`, `"${id}" is the id of /${kind}/${first} already`);
    });
    return seen;
  }

  /** A document that lists nothing of a kind may refer to what an earlier one, or another source, has listed. */
  #lists(kind: Referable): boolean {
    return this.#ids[kind].size > 0 || this.#inventory.complete.some(name => name === kind);
  }

  #reference(kind: Referable, id: string | undefined, path: string): void {
    if (id !== undefined && this.#lists(kind) && !this.#ids[kind].has(id))
      this.#fault(path, `"${id}" is no id of /${kind}`);
  }

  #addresses(texts: readonly string[], at: string): void {
    texts.forEach((text, i) => this.#address(text, `${at}/addresses/${i}`));
  }

  #address(text: string, path: string): void {
    if (!parseAddress(text)) this.#fault(path, `"${text}" is no IPv4 or IPv6 address`);
  }

  #mac(text: string | undefined, path: string): void {
    if (text === undefined) return;
    const words = parseMac(text);
    if (!words) {
      this.#fault(path, `"${text}" is no MAC address (aa:bb:cc:dd:ee:ff)`);
      return;
    }
    const name = `${words.high}:${words.low}`;
    const first = this.#macs.get(name);
    if (first === undefined) this.#macs.set(name, path);
    else this.#fault(path, `"${text}" is the MAC address of ${first} already`);
  }

  #fault(path: string, message: string): void {
    this.#faults.push({ path, message });
  }
}
