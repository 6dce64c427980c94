import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  EXPLICIT_NODES,
  explicitKey,
  hashedKey,
  type Key,
  keyToBigint,
  keyToHex,
  NO_KEY,
  NODE_CLASSES,
  type NodeClass,
  OTHER_SERVICE,
  prefix4Key,
  serviceKey,
  serviceName,
} from './keys.ts';

const classOf = (key: Key) => key.high >>> 24;
const port = fc.integer({ min: 0, max: 65535 });

test('the classes are different bytes, none of them that of no key', () => {
  const classes = Object.values(NODE_CLASSES);
  expect(new Set(classes).size).toBe(classes.length);
  expect(classes.filter(value => value < 1 || value > 255)).toEqual([]);
  expect(keyToHex(NO_KEY)).toBe('0000000000000000');
});

describe('a hashed key', () => {
  test('has the class on top and 56 bits of the SHA-256 below', () => {
    const key = hashedKey('vm', 'vcenter 4211');
    const digest = createHash('sha256').update('vcenter 4211').digest();
    expect(classOf(key)).toBe(NODE_CLASSES.vm);
    expect(keyToBigint(key) & 0xff_ffff_ffff_ffffn).toBe(digest.readBigUInt64LE(0) & 0xff_ffff_ffff_ffffn);
  });

  test('keeps its class for every class', () => {
    for (const name of Object.keys(NODE_CLASSES) as NodeClass[])
      expect([name, classOf(hashedKey(name, 'x'))]).toEqual([name, NODE_CLASSES[name]]);
  });

  test('is the same for the same name, and another one in another class', () => {
    expect(hashedKey('host', 'esx1')).toEqual(hashedKey('host', 'esx1'));
    expect(hashedKey('host', 'esx1')).not.toEqual(hashedKey('rack', 'esx1'));
  });

  test('does not collide among 200,000 names', () => {
    const keys = new Set<number>();
    // 53 bits of the 64 fit a number; the class and 3 bits of the hash are left out, which makes it harder.
    for (let i = 0; i < 200_000; i++) {
      const { low, high } = hashedKey('vm', `vm-${i}`);
      keys.add((high & 0x1fffff) * 2 ** 32 + low);
    }
    expect(keys.size).toBe(200_000);
  });
});

test('an IPv4 prefix is in its key exactly', () => {
  expect(keyToHex(prefix4Key(0x0a010200, 24))).toBe('340000180a010200');
  expect(keyToHex(prefix4Key(0xffffffff | 0, 32))).toBe('34000020ffffffff');
  expect(classOf(prefix4Key(0, 0))).toBe(NODE_CLASSES.autoPrefix4);
});

describe('a service', () => {
  test.each([
    [6, 443, 443, 'tcp/443', '4000000601bb01bb'],
    [17, 8000, 8100, 'udp/8000-8100', '400000111f401fa4'],
    [132, 0, 65535, 'sctp/0-65535', '400000840000ffff'],
    [1, 0, 0, 'icmp', '4000000100000000'],
    [6, 0, 0, 'tcp', '4000000600000000'],
    [58, 0, 0, 'icmp6', '4000003a00000000'],
    [47, 0, 0, 'proto/47', '4000002f00000000'],
    [255, 65535, 65535, 'proto/255/65535', '400000ffffffffff'],
    [0, 0, 0, 'other', '4000000000000000'],
  ])('%i %i-%i is %s', (proto, from, to, name, hex) => {
    const key = serviceKey(proto, from, to);
    expect([serviceName(key), keyToHex(key)]).toEqual([name, hex]);
  });

  test('is in its key exactly: two services never share one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 255 }), port, port, (proto, from, to) => {
        const { low, high } = serviceKey(proto, from, to);
        expect([high & 0xff, low >>> 16, low & 0xffff, high >>> 24]).toEqual([proto, from, to, NODE_CLASSES.service]);
      }),
    );
    expect(OTHER_SERVICE).toEqual(serviceKey(0, 0, 0));
  });
});

test('the explicit nodes keep their keys', () => {
  expect(EXPLICIT_NODES.map(node => [node, keyToHex(explicitKey(node))])).toEqual([
    ['external', '0100000000000001'],
    ['ambiguous', '0100000000000002'],
    ['multicast', '0100000000000003'],
    ['infrastructure', '0100000000000004'],
  ]);
});

test('the two text and number forms of a key agree', () => {
  const word = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(word, word, (low, high) => {
      expect(BigInt(`0x${keyToHex({ low, high })}`)).toBe(keyToBigint({ low, high }));
      expect(keyToHex({ low, high })).toHaveLength(16);
    }),
  );
});
