// What changes while packets flow, and what goes wrong on the way.

import { addVm } from '../network/world.ts';
import { racked, scenario } from './build.ts';
import { exporting, type PlannedEvent } from './plan.ts';

const VEPA = { switching: 'vepa' } as const;
const LONG = { connectionMs: 3_600_000 } as const;
const HOUR_MS = 3_600_000;

export const CHANGES = [
  scenario(
    'move',
    'a VM moves to another leaf in the middle of its transfers, and later back to another host',
    'exact',
    (world, { protocol }) => {
      const { hosts, shop, calls } = racked(world, { spines: 1, host: VEPA, exporters: { protocol } });
      const [db] = shop.db as [(typeof shop.db)[number]];
      const events: PlannedEvent[] = [
        {
          atMs: 65_000,
          act: control => control.move(db, hosts.find(host => host.pnics[0]!.switch !== db.host.pnics[0]!.switch)!),
        },
        { atMs: 110_000, act: control => control.move(db, hosts.find(host => host !== db.host)!) },
      ];
      return { calls: calls.map(call => ({ ...call, ...LONG })), events };
    },
  ),
  scenario(
    'move-late-snapshot',
    'a VM moves, and the inventory reports it an hour later',
    'exact',
    (world, { protocol }) => {
      const { hosts, shop, calls } = racked(world, { spines: 1, host: VEPA, exporters: { protocol } });
      const [db] = shop.db as [(typeof shop.db)[number]];
      const to = hosts.find(host => host.pnics[0]!.switch !== db.host.pnics[0]!.switch)!;
      return {
        calls: calls.map(call => ({ ...call, ...LONG })),
        events: [{ atMs: 65_000, act: control => control.move(db, to) }],
        inventoryDelayMs: HOUR_MS,
      };
    },
  ),
  scenario(
    'address-reuse',
    'a VM is stopped and its address given to one of another application',
    'exact',
    (world, { protocol }) => {
      const { leaves, hosts, shop, calls } = racked(world, { host: VEPA, exporters: { protocol }, outside: true });
      const segment = shop.web[0]!.nic.segment;
      const heir = addVm(world, 'app-heir', hosts[1]!, segment, { app: 'app', address: segment.base + 250 });
      const [old] = shop.web as [(typeof shop.web)[number]];
      const address = old.nic.address;
      const client = world.outsides[0]!;
      return {
        calls: [
          ...calls,
          { client, server: heir, port: 8080, toServer: 30, toClient: 30 },
          { client: heir, server: shop.db[0]!, port: 5432 },
        ],
        events: [
          { atMs: 60_000, act: control => control.stop(old) },
          { atMs: 80_000, act: control => control.readdress(heir, address) },
        ],
        durationMs: leaves.length * 75_000,
      };
    },
  ),
  scenario(
    'restart',
    'an exporter starts again: sequences, uptime and sample pools begin anew',
    'exact',
    (world, { protocol }) => {
      const built = racked(world, { host: VEPA, exporters: { protocol } });
      return { calls: built.calls, events: [{ atMs: 70_000, act: control => control.restart('leaf-01') }] };
    },
  ),
  scenario(
    'rate-change',
    'a busy agent samples half as often from some moment on',
    'sampled',
    (world, { sampling }) => {
      const built = racked(world, { host: VEPA, exporters: { protocol: 'sflow5', sampling } });
      return {
        calls: built.calls,
        events: [{ atMs: 70_000, act: control => control.setSampling('leaf-01', 2 * sampling) }],
      };
    },
  ),
  scenario('silent-exporter', 'an access switch stops exporting', 'partial', (world, { protocol }) => {
    const built = racked(world, { host: VEPA, exporters: { protocol } });
    return {
      calls: built.calls,
      events: [{ atMs: 70_000, act: control => control.silence('leaf-01') }],
      durationMs: 600_000,
      tickMs: 5000,
    };
  }),
  scenario(
    'loss',
    'a share of the datagrams is lost on the way (5 % unless stated otherwise)',
    'partial',
    (world, { protocol, sampling, loss }) => ({
      calls: racked(world, { host: VEPA, exporters: { protocol, sampling } }).calls,
      transit: { loss: loss || 0.05 },
      durationMs: 600_000,
      tickMs: 5000,
    }),
  ),
  scenario('reorder', 'datagrams overtake each other', 'exact', (world, { protocol }) => ({
    calls: racked(world, { host: VEPA, exporters: { protocol } }).calls,
    transit: { late: 0.2, lateMsMax: 200 },
  })),
  scenario('clocks', 'exporters whose clocks are up to 20 s off', 'exact', world => {
    const { leaves, calls } = racked(world, { host: VEPA });
    leaves.forEach((leaf, i) =>
      exporting(world, leaf, { protocol: 'ipfix', clockOffsetMs: i % 2 === 0 ? 20_000 : -17_300 }),
    );
    return { calls };
  }),
];
