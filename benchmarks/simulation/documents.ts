// What people would state about the simulated data centre: the inventory as it is now, the exporter registry, the
// applications.

import { formatIPv4, formatMac } from '../../schemas/address.ts';
import { type Applications, applicationsChecker } from '../../schemas/applications.ts';
import { type ExporterRegistry, exporterRegistryChecker } from '../../schemas/exporters.ts';
import { type Inventory, inventoryChecker } from '../../schemas/inventory.ts';
import { EXTERNAL_PORT, type Host, type Mac, type Switch, UPLINK_PORT, type Vm, type World } from './network/world.ts';
import { timeText } from './truth-book.ts';

const PORT_SPEED_BPS = 25e9;
export const SOURCE = 'simulation';

const macText = (mac: Mac) => formatMac(mac % 2 ** 32, Math.floor(mac / 2 ** 32));

export function inventoryOf(world: World, asOfMs: number): Inventory {
  const { switches, hosts, vms } = world;
  const sites = [...new Set(switches.map(({ site }) => site))];
  return inventoryChecker.check('inventory', {
    source: SOURCE,
    asOf: timeText(asOfMs),
    complete: ['sites', 'racks', 'segments', 'switches', 'hosts', 'vms', 'endpoints'],
    sites: sites.map(id => ({ id })),
    racks: switches.map(({ rack, site }) => ({ id: rack, site })),
    segments: world.segments.map(({ id, site, vlan, vni, base }) => ({
      id,
      ...(vni === undefined ? { vlan } : { vni }),
      ...(site !== undefined && { site }),
      prefixes: [`${formatIPv4(base)}/24`],
    })),
    switches: switches.map(switchOf),
    hosts: hosts.map(host => hostOf(world, host)),
    vms: vms.map(vm => vmOf(world, vm)),
    endpoints: [
      ...world.routers
        .filter(router => !router.vm)
        .map(({ name, mac, address }) => ({
          id: name,
          name,
          kind: 'gateway',
          mac: macText(mac),
          addresses: [formatIPv4(address)],
        })),
      ...world.vips.map(({ name, address, port }) => ({
        id: name,
        name,
        kind: 'vip',
        addresses: [formatIPv4(address)],
        port: `tcp/${port}`,
      })),
    ],
  });
}

function switchOf({ id, rack, ports }: Switch) {
  return {
    id,
    rack,
    ports: [...ports.values()].map(({ ifIndex, parent, lag, to }) => ({
      ifIndex,
      name: `eth${ifIndex}`,
      speedBps: PORT_SPEED_BPS,
      ...(parent !== undefined && { parentIfIndex: parent }),
      ...(lag !== undefined && { lag }),
      ...(to && { connectsTo: to }),
    })),
  };
}

function hostOf(world: World, host: Host) {
  const { vswitch, vtep } = host;
  const exporter = world.exporters.find(({ device }) => device === vswitch)?.spec;
  return {
    id: host.id,
    rack: host.rack,
    pnics: host.pnics.map(({ id, mac, switch: at, ifIndex }) => ({ id, mac: macText(mac), switch: at.id, ifIndex })),
    vswitches: [
      {
        id: vswitch.id,
        uplinks: vswitch.uplinks.map(({ id }) => id),
        switching: vswitch.switching,
        reflectiveRelay: vswitch.relay,
        channels: vswitch.channels,
        portGroups: world.segments.map(({ id, vlan, vni }) => ({
          id,
          segment: id,
          ...(vni === undefined && { vlan }),
        })),
        ...(exporter && { exporter: { address: exporter.address, domain: exporter.domain } }),
      },
    ],
    vmkernelNics: world.segments.some(({ vni }) => vni !== undefined)
      ? [{ id: 'vmk0', mac: macText(vtep.mac), addresses: [formatIPv4(vtep.address)], purpose: 'vtep' }]
      : [],
  };
}

function vmOf(world: World, { id, name, uuid, host, status, nic }: Vm) {
  const exports = world.exporters.some(({ device }) => device === host.vswitch);
  const ifIndex = exports ? nic.port : nic.extendedPort;
  return {
    id,
    name,
    uuid,
    host: host.id,
    status,
    vnics: [
      {
        mac: macText(nic.mac),
        addresses: [formatIPv4(nic.address)],
        vswitch: host.vswitch.id,
        portGroup: nic.segment.id,
        segment: nic.segment.id,
        ...(nic.channel && { sVlan: nic.channel.svid }),
        ...(nic.ecid !== undefined && { ecid: nic.ecid }),
        ...(ifIndex !== undefined && { ifIndex }),
      },
    ],
  };
}

export function registryOf(world: World): ExporterRegistry {
  const overlay = world.segments.some(({ vni }) => vni !== undefined);
  return exporterRegistryChecker.check('exporter registry', {
    exporters: world.exporters.map(({ spec, device }) => ({
      address: spec.address,
      domain: spec.domain,
      protocol: spec.protocol,
      name: spec.name,
      site: device.kind === 'switch' ? device.site : device.host.site,
      ...(device.kind === 'switch' && { switch: device.id }),
      metering: spec.metering,
      traffic: spec.hostInternalOnly ? 'host-internal' : 'all',
      activeTimeoutS: spec.activeTimeoutMs / 1000,
      // What an exporter that multiplies itself does not report.
      ...(spec.flavour === 'ovs' && { prescaled: spec.protocol === 'ipfix', samplingRate: spec.sampling }),
      ...(device.kind === 'vswitch' && { role: 'access' }),
      ports:
        device.kind === 'vswitch'
          ? [{ ifIndex: UPLINK_PORT, role: overlay ? 'tunnel' : 'fabric' }]
          : [...device.ports.values()].map(({ ifIndex, role }) => ({
              ifIndex,
              role: ifIndex === EXTERNAL_PORT ? 'external' : role,
              ...(spec.portMetering?.has(ifIndex) && { metering: spec.portMetering.get(ifIndex) }),
            })),
    })),
  });
}

export function applicationsOf(world: World): Applications {
  const { vips, applicationPorts } = world;
  return applicationsChecker.check('applications', {
    applications: [
      ...vips.map(({ app, address, port }) => ({
        id: app,
        servers: { vips: [`${formatIPv4(address)} tcp/${port}`] },
        ports: [`tcp/${port}`],
      })),
      ...[...applicationPorts]
        .filter(([app]) => !vips.some(vip => vip.app === app))
        .map(([app, port]) => ({ id: app, servers: { names: [`${app}-*`] }, ports: [port] })),
    ],
  });
}
