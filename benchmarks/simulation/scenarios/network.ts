// What stands between the machines: routers, balancers, tunnels, the outside, groups.

import {
  addForwarder,
  addHost,
  addOutside,
  addRouter,
  addSegment,
  addSwitch,
  addVm,
  type Group,
  type Vip,
} from '../network/world.ts';
import { racked, scenario } from './build.ts';
import { exporting, leafSpine } from './plan.ts';
import { placeShop, shopCalls } from './shop.ts';

const VEPA = { switching: 'vepa' } as const;

export const NETWORK = [
  scenario(
    'routed',
    "two segments with a router: behind it the MAC addresses are the router's",
    'exact',
    (world, { protocol }) => {
      const { leaves, spines } = leafSpine(world, 2, 1);
      const hosts = leaves.flatMap(leaf => [1, 2].map(() => addHost(world, { ...VEPA, switches: [leaf] })));
      const front = addSegment(world, 'front');
      const back = addSegment(world, 'back');
      const shop = placeShop(world, hosts, tier => (tier === 'db' ? back : front));
      addRouter(world, spines[0]!);
      for (const device of [...leaves, ...spines]) exporting(world, device, { protocol });
      return { calls: shopCalls(shop) };
    },
  ),
  scenario(
    'forwarder',
    'a VM is the router: it is not to blame for what it passes on',
    'exact',
    (world, { protocol }) => {
      const { leaves } = leafSpine(world, 2, 0);
      const hosts = leaves.flatMap(leaf => [1, 2].map(() => addHost(world, { ...VEPA, switches: [leaf] })));
      const front = addSegment(world, 'front');
      const back = addSegment(world, 'back');
      const shop = placeShop(world, hosts, tier => (tier === 'db' ? back : front));
      addForwarder(world, addVm(world, 'firewall-01', hosts[3]!, front));
      for (const leaf of leaves) exporting(world, leaf, { protocol });
      return { calls: shopCalls(shop) };
    },
  ),
  scenario(
    'vip',
    'clients call a virtual address, a balancer calls the servers: two legs, two cells',
    'exact',
    (world, { protocol }) => {
      const { leaves, shop, calls, hosts } = racked(world, { host: VEPA, exporters: { protocol } });
      const segment = shop.web[0]!.nic.segment;
      const balancer = addVm(world, 'balancer-01', hosts[1]!, segment);
      const vip: Vip = { kind: 'vip', name: 'shop-vip', app: 'shop', address: segment.base + 200, port: 443, balancer };
      world.vips.push(vip);
      const clients = [1, 2].map(n => addOutside(world, leaves[0]!, `client-0${n}`));
      return {
        calls: [
          ...calls,
          ...clients.map(client => ({ client, server: vip, port: 443 })),
          ...shop.web.map(server => ({ client: balancer, server, port: 443 })),
        ],
      };
    },
  ),
  scenario(
    'overlay',
    'VXLAN between hosts: their switches report the inner packets, the leaves the outer ones',
    'exact',
    world => {
      const { leaves } = leafSpine(world, 2, 0);
      const hosts = leaves.flatMap(leaf => [1, 2].map(() => addHost(world, { switches: [leaf] })));
      const segment = addSegment(world, 'tenant', { vni: 5001 });
      const shop = placeShop(world, hosts, () => segment);
      for (const { vswitch } of hosts) exporting(world, vswitch, { protocol: 'ipfix' });
      for (const leaf of leaves) exporting(world, leaf, { protocol: 'ipfix' });
      return { calls: shopCalls(shop) };
    },
  ),
  scenario(
    'overlay-sflow',
    'VXLAN seen by leaves alone, whose sampled headers hold the inner packet',
    'exact',
    world => {
      const { leaves } = leafSpine(world, 2, 0);
      const hosts = leaves.flatMap(leaf => [1, 2].map(() => addHost(world, { switches: [leaf] })));
      const segment = addSegment(world, 'tenant', { vni: 5001 });
      const shop = placeShop(world, hosts, () => segment);
      for (const leaf of leaves) exporting(world, leaf, { protocol: 'sflow5' });
      return { calls: shopCalls(shop) };
    },
  ),
  scenario('multicast', 'one packet, many copies: it counts once, by its sender', 'exact', (world, { protocol }) => {
    const { shop, calls } = racked(world, { spines: 1, host: VEPA, exporters: { protocol } });
    const group: Group = {
      kind: 'group',
      name: '239.1.1.1',
      address: 0xef010101,
      mac: 0x01005e010101,
      members: [...shop.web, ...shop.app],
    };
    world.groups.push(group);
    return { calls: [...calls, { client: shop.web[0]!, server: group, port: 5001, proto: 17, toClient: 0 }] };
  }),
  scenario(
    'external',
    'clients outside: their packets come in and leave by the external port',
    'exact',
    (world, { protocol }) => racked(world, { spines: 1, host: VEPA, exporters: { protocol }, outside: true }),
  ),
  scenario(
    'external-only',
    'only the switch with the way out exports: what comes from outside and goes there is seen',
    'exact',
    (world, { protocol }) => {
      const { leaves, calls } = racked(world, { spines: 1, outside: true });
      exporting(world, leaves[0]!, { protocol, metering: 'both' });
      return { calls };
    },
  ),
  scenario(
    'overlapping-sites',
    'two sites that use the same VLAN and the same addresses for different machines',
    'exact',
    (world, { protocol }) => {
      const built = ['east', 'west'].flatMap(site => {
        const leaf = addSwitch(world, `${site}-leaf`, site);
        const hosts = [1, 2].map(() => addHost(world, { ...VEPA, switches: [leaf] }));
        const segment = addSegment(world, `${site}-production`, { site, vlan: 100, base: 0x0a140000 });
        const shop = placeShop(world, hosts, () => segment, { prefix: `${site}-` });
        exporting(world, leaf, { protocol });
        return shopCalls(shop);
      });
      return { calls: built };
    },
  ),
];
