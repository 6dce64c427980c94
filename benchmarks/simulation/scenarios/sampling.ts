// Sampled traffic, with small and large cells, none of which has much of its port; and everything at
// once.

import { addVm, type World } from '../network/world.ts';
import { type Built, racked, scenario } from './build.ts';
import type { Call, ScenarioOptions } from './plan.ts';
import { exporting } from './plan.ts';

const VEPA = { switching: 'vepa' } as const;
const APPS = ['crm', 'erp', 'mail', 'wiki', 'hr', 'build', 'pay', 'chat', 'docs'] as const;
/** Samples to be expected in a cell. */
const CELL_SAMPLES = [1, 2, 3, 5, 8, 13, 20, 36, 50, 70, 95, 140, 220, 350, 550, 800, 1100, 1400] as const;
const TICK_MS = 10_000;
const DURATION_MS = 300_000;

/**
 * The same cells in samples at any rate. Every host has a VM of every application, so that no cell has
 * a large share of a port.
 */
function strata(world: World, { sampling, volume }: ScenarioOptions, exporters: Parameters<typeof racked>[1]): Built {
  const { hosts } = racked(world, { hostsPerLeaf: 3, host: VEPA, ...exporters });
  const segment = world.segments[0]!;
  const vms = APPS.map((app, i) => {
    world.applicationPorts.set(app, `tcp/${9001 + i}`);
    return hosts.map((host, j) => addVm(world, `${app}-${j + 1}`, host, segment, { app }));
  });
  const pairs = APPS.flatMap((_, low) => APPS.slice(low + 1).map((_, i) => `${low} ${low + 1 + i}`));
  const calls: Call[] = APPS.flatMap((_, client) =>
    APPS.flatMap((_, server) => {
      if (client === server) return [];
      const pair = pairs.indexOf(`${Math.min(client, server)} ${Math.max(client, server)}`);
      const samples = CELL_SAMPLES[pair % CELL_SAMPLES.length]!;
      const perHost = (samples * sampling) / (DURATION_MS / 1000) / hosts.length / volume;
      return hosts.map((_, i) => ({
        client: vms[client]![i]!,
        server: vms[server]![(i + client + 1) % hosts.length]!,
        port: 9001 + server,
        toServer: perHost * 0.5 * volume,
        toClient: perHost * 0.5 * volume,
        requestMix: [64, 1500, 64, 576],
        replyMix: [1500, 1500, 52],
        connectionMs: 120_000,
      }));
    }),
  );
  return { calls, tickMs: TICK_MS, durationMs: DURATION_MS };
}

export const SAMPLING = [
  scenario('sampled-sflow', 'sFlow 1 in N, cells of 1 to 1,400 samples', 'sampled', (world, options) =>
    strata(world, options, { exporters: { protocol: 'sflow5', sampling: options.sampling } }),
  ),
  scenario('sampled-ipfix', 'the same with sampled IPFIX', 'sampled', (world, options) =>
    strata(world, options, { exporters: { protocol: 'ipfix', sampling: options.sampling } }),
  ),
  scenario('sampled-netflow', 'the same with sampled NetFlow v9', 'sampled', (world, options) =>
    strata(world, options, { exporters: { protocol: 'netflow9', sampling: options.sampling } }),
  ),
  scenario(
    'mixed',
    'VEPA, VEB and S-channels, three bridges, sFlow and IPFIX, vSwitches that export, clients outside, a move',
    'exact',
    world => {
      const { leaves, spines, hosts, shop, calls } = racked(world, {
        leaves: 3,
        spines: 2,
        host: VEPA,
        each: 3,
        outside: true,
      });
      const [first, second, third] = leaves as [
        (typeof leaves)[number],
        (typeof leaves)[number],
        (typeof leaves)[number],
      ];
      exporting(world, first, { protocol: 'ipfix', metering: 'both' });
      exporting(world, second, { protocol: 'sflow5' });
      exporting(world, third, { protocol: 'netflow9' });
      for (const spine of spines) exporting(world, spine, { protocol: 'ipfix' });
      exporting(world, hosts[0]!.vswitch, { protocol: 'ipfix', flavour: 'ovs', metering: 'both' });
      return {
        calls: calls.map(call => ({ ...call, connectionMs: 3_600_000 })),
        events: [{ atMs: 70_000, act: control => control.move(shop.app[1]!, hosts.at(-1)!) }],
      };
    },
  ),
];
