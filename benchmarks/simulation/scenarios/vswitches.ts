// Virtual switches that export what they see, each in the manner of its product.

import { addHost, addSegment, addSwitch, addVm } from '../network/world.ts';
import { racked, scenario } from './build.ts';
import { exporting, leafSpine } from './plan.ts';
import { placeShop, shopCalls } from './shop.ts';

export const VSWITCHES = [
  scenario(
    'ovs-sflow',
    'Open vSwitch bridges of the hosts send sFlow: one data source a bridge, one chance a packet and bridge',
    'exact',
    world => {
      const { hosts, calls } = racked(world);
      for (const { vswitch } of hosts) exporting(world, vswitch, { protocol: 'sflow5', dataSource: 'entity' });
      return { calls };
    },
  ),
  scenario(
    'ovs-sflow-hairpin',
    'an Open vSwitch as access bridge turns frames back (IN_PORT); frames to a port without relay are sampled and dropped',
    'exact',
    world => {
      const bridge = addSwitch(world, 'ovs-01');
      const segment = addSegment(world, 'production');
      const relaying = addHost(world, { switching: 'vepa', switches: [bridge] });
      const dropping = addHost(world, {
        switching: 'vepa',
        switches: [bridge],
        relay: { configured: true, operational: false },
      });
      const shop = placeShop(world, [relaying], () => segment);
      const lost = [1, 2].map(n => addVm(world, `lost-0${n}`, dropping, segment));
      exporting(world, bridge, { protocol: 'sflow5', dataSource: 'entity' });
      return {
        calls: [...shopCalls(shop), { client: lost[0]!, server: lost[1]! }, { client: lost[0]!, server: shop.web[0]! }],
      };
    },
  ),
  scenario(
    'ovs-ipfix-double',
    'Open vSwitch IPFIX: each packet twice, with direction 0 and with direction 1',
    'exact',
    world => {
      const { hosts, calls } = racked(world);
      for (const { vswitch } of hosts)
        exporting(world, vswitch, { protocol: 'ipfix', flavour: 'ovs', metering: 'both' });
      return { calls };
    },
  ),
  scenario(
    'ovs-ipfix-sampled',
    'the same, sampled: counters are multiplied before they are sent, with the sum of squares',
    'sampled',
    (world, { sampling }) => {
      const { hosts, calls } = racked(world);
      for (const { vswitch } of hosts)
        exporting(world, vswitch, { protocol: 'ipfix', flavour: 'ovs', metering: 'both', sampling });
      return { calls };
    },
  ),
  scenario(
    'vds-egress',
    'a distributed switch makes its record at the port a packet leaves by, at VMs and uplinks',
    'exact',
    world => {
      const { hosts, calls } = racked(world);
      for (const { vswitch } of hosts) exporting(world, vswitch, { protocol: 'ipfix', metering: 'egress' });
      return { calls };
    },
  ),
  scenario(
    'vds-internal-only',
    'a distributed switch reports only what stays on its host, the access switches report the rest',
    'exact',
    (world, { protocol }) => {
      const { hosts, calls } = racked(world, { each: 3, exporters: { protocol } });
      for (const { vswitch } of hosts)
        exporting(world, vswitch, { protocol: 'ipfix', metering: 'egress', hostInternalOnly: true });
      return { calls };
    },
  ),
  scenario(
    'nsx-inner-outer',
    'an overlay switch reports each packet at the access port and again at the tunnel port',
    'exact',
    world => {
      const { leaves } = leafSpine(world, 2, 0);
      const hosts = leaves.flatMap(leaf => [1, 2].map(() => addHost(world, { switches: [leaf] })));
      const segment = addSegment(world, 'tenant', { vni: 5001 });
      const shop = placeShop(world, hosts, () => segment);
      for (const { vswitch } of hosts)
        exporting(world, vswitch, { protocol: 'ipfix', flavour: 'nsx', metering: 'both' });
      return { calls: shopCalls(shop) };
    },
  ),
  scenario('stations', 'records name the VM that sent the packet (element 349)', 'exact', world => {
    const { hosts, calls } = racked(world);
    for (const { vswitch } of hosts) exporting(world, vswitch, { protocol: 'ipfix', reportsStation: true });
    return { calls };
  }),
];
