// How hosts are switched and where the bridges stand.

import { addHost, addRouter, addSegment } from '../network/world.ts';
import { racked, scenario } from './build.ts';
import { exporting, leafSpine } from './plan.ts';
import { placeShop, shopCalls } from './shop.ts';

const VEPA = { switching: 'vepa' } as const;

export const SWITCHING = [
  scenario('two-bridges', 'leaf to leaf, VEPA hosts, each bridge meters ingress', 'exact', (world, { protocol }) =>
    racked(world, { host: VEPA, exporters: { protocol }, outside: true }),
  ),
  scenario('three-bridges', 'leaf, spine, leaf: a packet is seen by three bridges', 'exact', (world, { protocol }) =>
    racked(world, { spines: 2, host: VEPA, exporters: { protocol }, outside: true }),
  ),
  scenario(
    'vepa',
    'traffic of a host turns back at its switch (reflective relay): input and output are one port',
    'exact',
    (world, { protocol }) => racked(world, { leaves: 1, hostsPerLeaf: 2, host: VEPA, exporters: { protocol } }),
  ),
  scenario(
    'vepa-without-relay',
    'hosts that want the relay and a switch that does not do it: frames to the same host are dropped',
    'exact',
    (world, { protocol }) =>
      racked(world, {
        host: { switching: 'vepa', relay: { configured: true, operational: false } },
        exporters: { protocol },
      }),
  ),
  scenario('veb', 'VEB hosts: pairs on one host stay inside it and are invisible', 'exact', (world, { protocol }) =>
    racked(world, { leaves: 2, hostsPerLeaf: 2, each: 3, exporters: { protocol } }),
  ),
  scenario(
    'veb-segments',
    'VEB hosts with two VLANs: a pair of one host in different VLANs goes through the router and is visible',
    'exact',
    (world, { protocol }) => {
      const { leaves } = leafSpine(world, 2, 0);
      const hosts = leaves.map(leaf => addHost(world, { switches: [leaf] }));
      const front = addSegment(world, 'front');
      const back = addSegment(world, 'back');
      const shop = placeShop(world, hosts, tier => (tier === 'db' ? back : front));
      addRouter(world, leaves[0]!);
      for (const leaf of leaves) exporting(world, leaf, { protocol });
      return { calls: shopCalls(shop) };
    },
  ),
  scenario(
    'multichannel',
    'S-channels with an ifIndex each: a VEPA behind one, a VEB behind the other',
    'exact',
    (world, { protocol }) => {
      const { leaves } = leafSpine(world, 2, 0);
      const channels = [
        { svid: 201, switching: 'vepa' },
        { svid: 202, switching: 'veb' },
      ] as const;
      const hosts = leaves.map(leaf => addHost(world, { switches: [leaf], channels }));
      const segment = addSegment(world, 'production');
      const shop = placeShop(world, hosts, () => segment, {
        each: 4,
        optionsOf: n => ({ channel: n % 4 < 2 ? 0 : 1 }),
      });
      for (const leaf of leaves) exporting(world, leaf, { protocol });
      return { calls: shopCalls(shop) };
    },
  ),
  scenario(
    'multichannel-parent',
    'the same, but the switch reports the physical port instead of the S-channel',
    'exact',
    (world, { protocol }) => {
      const { leaves } = leafSpine(world, 2, 0);
      const channels = [
        { svid: 201, switching: 'vepa' },
        { svid: 202, switching: 'vepa' },
      ] as const;
      const hosts = leaves.map(leaf => addHost(world, { switches: [leaf], channels }));
      const segment = addSegment(world, 'production');
      const shop = placeShop(world, hosts, () => segment, { optionsOf: n => ({ channel: n % 4 < 2 ? 0 : 1 }) });
      for (const leaf of leaves) exporting(world, leaf, { protocol, reports: 'parent' });
      return { calls: shopCalls(shop) };
    },
  ),
  scenario(
    'port-extender',
    'E-TAG (802.1BR): every VM has a port of its own at the controlling bridge',
    'exact',
    (world, { protocol }) => racked(world, { host: { switching: 'vsi', extender: 'e-tag' }, exporters: { protocol } }),
  ),
  scenario('vn-tag', 'VN-Tag: the same with the older tag', 'exact', (world, { protocol }) =>
    racked(world, { host: { switching: 'vsi', extender: 'vn-tag' }, exporters: { protocol } }),
  ),
  scenario('lag', 'two uplinks to one switch as a LAG, reported by member', 'exact', (world, { protocol }) => {
    const { leaves } = leafSpine(world, 2, 0);
    const hosts = leaves.flatMap(leaf =>
      [1, 2].map(() => addHost(world, { ...VEPA, switches: [leaf, leaf], lag: true })),
    );
    const segment = addSegment(world, 'production');
    const shop = placeShop(world, hosts, () => segment);
    for (const leaf of leaves) exporting(world, leaf, { protocol });
    return { calls: shopCalls(shop) };
  }),
  scenario('lag-aggregate', 'the same, reported by the ifIndex of the LAG', 'exact', (world, { protocol }) => {
    const { leaves } = leafSpine(world, 2, 0);
    const hosts = leaves.flatMap(leaf =>
      [1, 2].map(() => addHost(world, { ...VEPA, switches: [leaf, leaf], lag: true })),
    );
    const segment = addSegment(world, 'production');
    const shop = placeShop(world, hosts, () => segment);
    for (const leaf of leaves) exporting(world, leaf, { protocol, reports: 'lag' });
    return { calls: shopCalls(shop) };
  }),
  scenario(
    'mlag',
    'uplinks to a pair of switches: a packet comes in by one of them',
    'exact',
    (world, { protocol }) => {
      const { leaves, spines } = leafSpine(world, 2, 1);
      const hosts = [1, 2, 3].map(() => addHost(world, { ...VEPA, switches: leaves, lag: true }));
      const segment = addSegment(world, 'production');
      const shop = placeShop(world, hosts, () => segment);
      for (const device of [...leaves, ...spines]) exporting(world, device, { protocol });
      return { calls: shopCalls(shop) };
    },
  ),
];
