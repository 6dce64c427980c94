import { expect, test } from 'vitest';
import { parseAddress } from '../../schemas/address.ts';
import { prefix4Key } from '../../schemas/keys.ts';
import { addressClassOf, autoPrefixNode, autoVmkernelNode, autoVmNode } from './auto-nodes.ts';

test.each([
  ['lab-07', 'auto:lab'],
  ['web01', 'auto:web'],
  ['db_primary.2', 'auto:db_primary'],
  ['k8s-node-12-3', 'auto:k8s-node'],
  ['2024-01', 'auto:2024-01'],
  ['shop', 'auto:shop'],
])('VM %s is part of %s', (vm, node) => {
  expect(autoVmNode(vm).name).toBe(node);
});

test('machines of one stem share a node, and different stems do not', () => {
  expect(autoVmNode('lab-07').key).toEqual(autoVmNode('lab-12').key);
  expect(autoVmNode('lab-07').key).not.toEqual(autoVmNode('labs-07').key);
});

test('an address falls into its /24 or /64', () => {
  expect(autoPrefixNode(parseAddress('10.1.2.200')!)).toMatchObject({
    name: 'auto:10.1.2.0/24',
    key: prefix4Key(0x0a010200, 24),
  });
  expect(autoPrefixNode(parseAddress('10.1.2.200')!, 'east-10').name).toBe('auto:10.1.2.0/24@east-10');
  expect(autoPrefixNode(parseAddress('10.1.2.200')!, 'east-10').key).not.toEqual(
    autoPrefixNode(parseAddress('10.1.2.200')!, 'west-10').key,
  );
  expect(autoPrefixNode(parseAddress('fd00:1:2:3:4::5')!).name).toBe('auto:fd00:1:2:3::/64');
});

test('vmkernel traffic is one node per purpose', () => {
  expect(autoVmkernelNode('vmotion').name).toBe('auto:vmkernel vmotion');
  expect(autoVmkernelNode(undefined).name).toBe('auto:vmkernel');
});

test.each([
  ['224.0.0.251', 'multicast'],
  ['239.255.255.255', 'multicast'],
  ['255.255.255.255', 'multicast'],
  ['ff02::1', 'multicast'],
  ['0.0.0.0', 'infrastructure'],
  ['::', 'infrastructure'],
  ['127.0.0.1', 'infrastructure'],
  ['::1', 'infrastructure'],
  ['169.254.10.10', 'infrastructure'],
  ['fe80::1', 'infrastructure'],
  ['febf::1', 'infrastructure'],
  ['fec0::1', 'unicast'],
  ['223.255.255.255', 'unicast'],
  ['240.0.0.1', 'unicast'],
  ['::2', 'unicast'],
  ['10.0.0.1', 'unicast'],
])('%s is %s', (address, expected) => {
  expect(addressClassOf(parseAddress(address)!)).toBe(expected);
});
