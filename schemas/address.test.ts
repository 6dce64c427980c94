import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatAddress,
  formatMac,
  formatPrefix,
  maskWords,
  parseAddress,
  parseMac,
  parsePrefix,
  swap32,
  type Words,
  wordsOfRow,
} from './address.ts';

const word = fc.oneof(fc.constant(0), fc.constant(0xffffffff), fc.integer({ min: 0, max: 0xffffffff }));
const anyWords = fc.oneof(
  fc.tuple(word, word, word, word),
  word.map((last): Words => [0, 0, 0xffff, last]),
);

describe('an address', () => {
  // Section 4 of RFC 5952 and the examples of section 2 that it settles.
  test.each([
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::AaAa', '2001:db8::aaaa'],
    ['2001:db8:aaaa:bbbb:cccc:dddd:0:1', '2001:db8:aaaa:bbbb:cccc:dddd:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:0201', '192.0.2.1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['::1.2.3.4', '::102:304'],
    ['255.255.255.255', '255.255.255.255'],
  ])('%s is written %s', (text, expected) => {
    expect(formatAddress(parseAddress(text)!)).toBe(expected);
  });

  test.each([
    '',
    'example.com',
    '10.0.0',
    '10.0.0.256',
    '10.0.0.01',
    ' 10.0.0.1',
    '10.0.0.1/32',
    'fe80::1%eth0',
    '1::2::3',
    ':::',
    '12345::',
    '1:2:3:4:5:6:7',
  ])('"%s" is none', text => {
    expect(parseAddress(text)).toBeUndefined();
  });

  test('is accepted exactly when node:net accepts it, zone ids aside', () => {
    const piece = fc.constantFrom(
      ':',
      '::',
      '.',
      '0',
      '1',
      'ff',
      'ffff',
      '10',
      '255',
      '256',
      '1.2.3.4',
      'g',
      '/',
      '01',
    );
    const text = fc.oneof(
      fc.array(piece, { maxLength: 18 }).map(pieces => pieces.join('')),
      fc.ipV4(),
      fc.ipV6(),
      fc.ipV4Extended(),
    );
    fc.assert(
      fc.property(text, candidate => {
        expect(parseAddress(candidate) !== undefined).toBe(isIP(candidate) !== 0);
      }),
      { numRuns: 2000 },
    );
  });

  test('keeps its words through text, and its text is the one the URL parser writes', () => {
    fc.assert(
      fc.property(anyWords, words => {
        const text = formatAddress(words);
        expect(parseAddress(text)).toEqual(words);
        expect(isIP(text)).not.toBe(0);
        if (text.includes(':')) expect(new URL(`http://[${text}]/`).hostname).toBe(`[${text}]`);
      }),
    );
  });

  test('stands in its column in network order', () => {
    const column = new Uint32Array(8);
    new Uint8Array(column.buffer, 16).set([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xdc, 0xba, 0x98]);
    expect(formatAddress(wordsOfRow(column, 1))).toBe('2001:db8::fedc:ba98');
    expect(formatAddress(wordsOfRow(column, 0))).toBe('::');
    expect([swap32(0x01020304), swap32(0xfffefdfc)]).toEqual([0x04030201, 0xfcfdfeff]);
  });
});

describe('a prefix', () => {
  test.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.2.3', '10.1.2.3/32'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['192.0.2.255/31', '192.0.2.254/31'],
    ['::/0', '::/0'],
    ['2001:db8:ffff::1/33', '2001:db8:8000::/33'],
    ['2001:db8::1', '2001:db8::1/128'],
    ['fdff::/7', 'fc00::/7'],
    ['::ffff:10.0.0.0/104', '10.0.0.0/8'],
  ])('%s is %s', (text, expected) => {
    expect(formatPrefix(parsePrefix(text)!)).toBe(expected);
  });

  test.each([
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '/8',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0.0/8 ',
    '10.0.0.0/a',
    '10.0.0/8',
  ])('"%s" is none', text => {
    expect(parsePrefix(text)).toBeUndefined();
  });

  test('holds the addresses that node:net says it holds', () => {
    fc.assert(
      fc.property(
        anyWords,
        fc.integer({ min: 1, max: 128 }),
        fc.integer({ min: 0, max: 127 }),
        (words, length, flip) => {
          const other = words.map((value, i) => (i === flip >>> 5 ? (value ^ (1 << (flip & 31))) >>> 0 : value));
          const inside = String(maskWords(other as unknown as Words, length)) === String(maskWords(words, length));
          // All as IPv6: an IPv4 prefix of node:net holds no mapped address.
          const hex = (value: readonly number[]) =>
            value.flatMap(part => [(part >>> 16).toString(16), (part & 0xffff).toString(16)]).join(':');
          const list = new BlockList();
          list.addSubnet(hex(words), length, 'ipv6');
          expect(inside).toBe(list.check(hex(other), 'ipv6'));
        },
      ),
    );
  });

  test('keeps its words and length through text', () => {
    fc.assert(
      fc.property(anyWords, fc.integer({ min: 0, max: 128 }), (words, length) => {
        const prefix = { words: maskWords(words, length), length };
        expect(parsePrefix(formatPrefix(prefix))).toEqual(prefix);
      }),
    );
  });
});

describe('a MAC address', () => {
  test.each(['00:1B:2c:ff:fe:01', '00-1b-2c-ff-fe-01', '001b.2cff.fe01'])('%s is read', text => {
    const { low, high } = parseMac(text)!;
    expect([low, high]).toEqual([0x2cfffe01, 0x001b]);
    expect(formatMac(low, high)).toBe('00:1b:2c:ff:fe:01');
  });

  test.each(['', '00:1b:2c:ff:fe', '00:1b:2c:ff:fe:01:02', '00:1b:2c:ff:fe:0g', '001b2cfffe01', '001b.2cff:fe01'])(
    '"%s" is none',
    text => {
      expect(parseMac(text)).toBeUndefined();
    },
  );

  test('keeps its words through text', () => {
    fc.assert(
      fc.property(word, fc.integer({ min: 0, max: 0xffff }), (low, high) => {
        expect(parseMac(formatMac(low, high))).toEqual({ low, high });
      }),
    );
  });
});
