// Which frames need not leave a host, against the election: the attachments that it compiles from the same inventory.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { attachmentVisibility } from '../../enricher/election/election-rule.ts';
import { compileAccess } from '../../inventory/model/access.ts';
import { ATTACHED, ATTACHMENT } from '../../inventory/model/attachments.ts';
import { mergedOf } from '../../inventory/model/merge.ts';
import { openTopology } from '../../inventory/model/topology.ts';
import { compileTopology } from '../../inventory/model/topology-compiler.ts';
import { exporterRegistryChecker } from '../../schemas/exporters.ts';
import { inventoryChecker } from '../../schemas/inventory.ts';
import { Ends, insideOf } from './ends.ts';
import { Network } from './network.ts';

const REGISTRY = exporterRegistryChecker.check('exporters', {
  exporters: [{ address: '192.0.2.1', switch: 'leaf', metering: 'both' }],
});
const switching = fc.constantFrom('veb', 'vepa', 'vsi');
const segment = fc.option(fc.constantFrom('vlan-10', 'vlan-10-too', 'vni-7', 'bare'), { nil: undefined });
const vswitch = fc.record({
  switching,
  distributedRouting: fc.boolean(),
  channel: switching,
  groupVlan: fc.option(fc.constantFrom(10, 20), { nil: undefined }),
  exports: fc.boolean(),
});
const vm = fc.record({
  host: fc.integer({ min: 0, max: 1 }),
  vswitch: fc.option(fc.integer({ min: 0, max: 1 }), { nil: undefined }),
  segment,
  grouped: fc.boolean(),
  sVlan: fc.option(fc.constant(5), { nil: undefined }),
  ecid: fc.option(fc.constant(3), { nil: undefined }),
  ifIndex: fc.option(fc.constant(77), { nil: undefined }),
});
const plans = fc.record({
  hosts: fc.tuple(fc.array(vswitch, { maxLength: 2 }), fc.array(vswitch, { maxLength: 2 })),
  vms: fc.array(vm, { minLength: 2, maxLength: 5 }),
});

function documentOf({ hosts, vms }: typeof plans extends fc.Arbitrary<infer T> ? T : never) {
  return inventoryChecker.check('inventory', {
    ...{ source: 'test', asOf: '2026-01-01T00:00:00Z' },
    segments: [{ id: 'vlan-10', vlan: 10 }, { id: 'vlan-10-too', vlan: 10 }, { id: 'vni-7', vni: 7 }, { id: 'bare' }],
    switches: [{ id: 'leaf', ports: [1, 2].map(ifIndex => ({ ifIndex, connectsTo: { host: `h${ifIndex - 1}` } })) }],
    hosts: hosts.map((vswitches, h) => ({
      id: `h${h}`,
      vswitches: vswitches.map(({ channel, groupVlan, exports, ...own }, s) => ({
        ...{ ...own, id: `vs${s}`, channels: [{ scid: 5, svid: 5, switching: channel }] },
        portGroups: [{ id: 'pg', ...(groupVlan !== undefined && { vlan: groupVlan }) }],
        ...(exports && { exporter: { address: '192.0.2.9' } }),
      })),
    })),
    vms: vms.map(({ host, vswitch: at, segment: id, grouped, sVlan, ecid, ifIndex }, i) => {
      const count = hosts[host]!.length;
      return {
        ...{ id: `vm${i}`, name: `vm${i}`, host: `h${host}` },
        vnics: [
          {
            ...(at !== undefined && at < count && { vswitch: `vs${at}` }),
            ...(id !== undefined && { segment: id }),
            ...(grouped && count > 0 && { portGroup: 'pg' }),
            ...(sVlan !== undefined && { sVlan }),
            ...(ecid !== undefined && { ecid }),
            ...(ifIndex !== undefined && { ifIndex }),
          },
        ],
      };
    }),
  });
}

test('frames stay inside a host, or are turned back by its switch, where the election says so', () => {
  const met = new Map<string | undefined, number>();
  fc.assert(
    fc.property(plans, plan => {
      const document = documentOf(plan);
      const merged = mergedOf(document);
      const topology = openTopology(compileTopology(merged));
      const access = compileAccess(merged, topology, REGISTRY);
      const ends = new Ends(new Network(merged, REGISTRY), merged);
      const endOf = (at: number) => ends.vmOn(merged.vms[at]!, merged.hosts[plan.vms[at]!.host]!);
      const flagsOf = (at: number) => access.attachments[access.idOf[at]! * ATTACHMENT.words + ATTACHMENT.flags]!;
      // The owners of VMs come first, one for each vNIC.
      for (let a = 0; a < plan.vms.length; a++) {
        for (let b = 0; b < plan.vms.length; b++) {
          const { hostInternal } = attachmentVisibility(access, access.idOf[a]!, access.idOf[b]!);
          const turnsBack = (flagsOf(a) & flagsOf(b) & ATTACHED.turnsBack) !== 0;
          const expected = hostInternal ? (turnsBack ? 'turns-back' : 'stays') : undefined;
          expect(insideOf(endOf(a), endOf(b))).toBe(expected);
          met.set(expected, (met.get(expected) ?? 0) + 1);
        }
      }
    }),
    { numRuns: 1000 },
  );
  expect(['turns-back', 'stays', undefined].every(name => (met.get(name) ?? 0) > 100)).toBe(true);
});
