import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HIDDEN, hideAddresses } from './hiding.ts';

test.each([
  ['10.1.2.3', HIDDEN],
  ['10.0.0.0/8', HIDDEN],
  ['fd00::1', HIDDEN],
  ['::1', HIDDEN],
  ['::', HIDDEN],
  ['fe80::1%eth0', HIDDEN],
  ['::ffff:10.0.0.1', HIDDEN],
  ['2001:db8::/32', HIDDEN],
  ['02:00:00:AB:cd:01', HIDDEN],
  ['02-00-00-ab-cd-01', HIDDEN],
  ['0200.00ab.cd01', HIDDEN],
  ['020000abcd01', HIDDEN],
  ['auto:10.1.2.0/24', `auto:${HIDDEN}`],
  ['auto:10.1.2.0/24@east-10', `auto:${HIDDEN}@east-10`],
  ['auto:fd00:1:2::/64', `auto:${HIDDEN}`],
  ['addresses of 10.9.0.0/24 that no inventory names', `addresses of ${HIDDEN} that no inventory names`],
  ['exporter fd00::7: not seen, 10.0.0.1-10.0.0.9.', `exporter ${HIDDEN}: not seen, ${HIDDEN}-${HIDDEN}.`],
  ['3 MACs, of them 02:00:00:00:00:01, 02:00:00:00:00:02', `3 MACs, of them ${HIDDEN}, ${HIDDEN}`],
])('%s', (text, shown) => {
  expect(hideAddresses(text)).toBe(shown);
});

test.each([
  '2026-01-31T12:00:00.000Z',
  'web-1',
  'tcp/443',
  'udp/8000-8100',
  '0100000000000001',
  '123e4567-e89b-12d3-a456-426614174000',
  'Ethernet1/1/1',
  'cafe: decaf',
  'vlan 10.20',
])('%s is no address', text => {
  expect(hideAddresses(text)).toBe(text);
});

test('every address is hidden, wherever it is within an answer', () => {
  const mac = fc
    .array(fc.nat(255), { minLength: 6, maxLength: 6 })
    .map(bytes => bytes.map(b => b.toString(16).padStart(2, '0')).join(':'));
  fc.assert(
    fc.property(
      fc.oneof(fc.ipV4(), fc.ipV6(), mac),
      fc.constantFrom('', 'at ', 'auto:', '('),
      fc.constantFrom('', ': x', '.', ', ', ')', '/24'),
      (address, before, after) => {
        const text = JSON.stringify(
          hideAddresses({ list: [{ about: before + address + after }], [`${before}${address}`]: 1 }),
        );
        expect(text).not.toContain(address);
      },
    ),
    { numRuns: 2000 },
  );
});
