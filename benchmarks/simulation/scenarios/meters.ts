// How devices meter: directions, bidirectional records, several meters on one port, dropped packets.

import { addHost, addSegment, addVm } from '../network/world.ts';
import { racked, scenario } from './build.ts';
import { exporting, leafSpine } from './plan.ts';
import { placeShop, shopCalls } from './shop.ts';

const VEPA = { switching: 'vepa' } as const;

export const METERS = [
  scenario('both-directions', 'every port meters what comes in and what leaves, and says which', 'exact', world =>
    racked(world, { spines: 1, host: VEPA, exporters: { protocol: 'ipfix', metering: 'both' }, outside: true }),
  ),
  scenario('both-directions-sflow', 'the same with sFlow: source is input or output', 'exact', world =>
    racked(world, { spines: 1, exporters: { protocol: 'sflow5', metering: 'both' }, each: 1 }),
  ),
  scenario(
    'both-directions-half',
    'sFlow of a VEPA port in both directions: input is output, every packet is reported twice and counts half each time',
    'exact',
    world => racked(world, { leaves: 1, host: VEPA, exporters: { protocol: 'sflow5', metering: 'both' } }),
  ),
  scenario('egress-only', 'switches that meter only what leaves', 'exact', (world, { protocol }) =>
    racked(world, { spines: 1, host: VEPA, exporters: { protocol, metering: 'egress' } }),
  ),
  scenario(
    'destination-only',
    'only the second leaf exports, at ingress: what comes from the first is seen on its fabric port',
    'exact',
    (world, { protocol }) => {
      const { leaves, calls } = racked(world, { host: VEPA });
      exporting(world, leaves[1]!, { protocol });
      return { calls };
    },
  ),
  scenario('biflow', 'both directions of a conversation in one record (RFC 5103)', 'exact', world =>
    racked(world, { host: VEPA, exporters: { protocol: 'ipfix', biflow: true }, outside: true }),
  ),
  scenario('discarded', 'packets that a switch drops are reported, and are no traffic', 'exact', world => {
    const { leaves } = leafSpine(world, 2, 0);
    const segment = addSegment(world, 'production');
    const good = leaves.map(leaf => addHost(world, { ...VEPA, switches: [leaf] }));
    const relay = { configured: true, operational: false };
    const bad = addHost(world, { switching: 'vepa', relay, switches: [leaves[0]!] });
    const shop = placeShop(world, good, () => segment);
    const lost = [1, 2].map(n => addVm(world, `lost-0${n}`, bad, segment));
    exporting(world, leaves[0]!, { protocol: 'ipfix' });
    exporting(world, leaves[1]!, { protocol: 'sflow5' });
    return { calls: [...shopCalls(shop), { client: lost[0]!, server: lost[1]! }] };
  }),
  scenario(
    'two-meters',
    'sFlow 1 in 10 and unsampled IPFIX from the same ports of the same switches',
    'exact',
    world => {
      const { leaves, calls } = racked(world, { host: VEPA });
      for (const leaf of leaves) {
        exporting(world, leaf, { protocol: 'ipfix' });
        exporting(world, leaf, { protocol: 'sflow5', domain: 7, sampling: 10 });
      }
      return { calls };
    },
  ),
  scenario('counters', 'sFlow with interface counters every 20 s, to be reconciled with', 'exact', world =>
    racked(world, { host: VEPA, exporters: { protocol: 'sflow5', countersEveryMs: 20_000 }, each: 1 }),
  ),
];
