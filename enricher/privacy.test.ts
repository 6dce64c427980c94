import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { formatAddress, wordsOfRow } from '../schemas/address.ts';
import { RULE } from '../schemas/codes.ts';
import { ENTRY } from './endpoints.ts';
import { createPrivacy } from './privacy.ts';
import { batchOf } from './testdata.ts';

const OUTSIDE = 0;
const INSIDE = ENTRY.words;
const entries = new Uint32Array(2 * ENTRY.words);
entries[OUTSIDE + ENTRY.autoRule] = RULE.external;
entries[INSIDE + ENTRY.autoRule] = RULE['auto-prefix'];

/** Every row goes from a source outside to a destination inside. */
function hide(mode: 'truncate' | 'anonymise', addresses: readonly string[], times = 1, hashesMax?: number): string[] {
  const { columns, rows } = batchOf(addresses.map(address => ({ src: address, dst: address })));
  const src = new Uint32Array(rows).fill(OUTSIDE);
  const dst = new Uint32Array(rows).fill(INSIDE);
  const privacy = createPrivacy(mode, 'key', hashesMax)!;
  for (let i = 0; i < times; i++) privacy.hide(columns, 0, rows, src, dst, entries);
  const text = (column: Uint32Array) => addresses.map((_, row) => formatAddress(wordsOfRow(column, row)));
  expect(text(columns.dstAddr)).toEqual(addresses);
  return text(columns.srcAddr);
}

test('truncate keeps the /24 and the /48 of ends outside, and ends inside whole', () => {
  expect(hide('truncate', ['198.51.100.77', '8.8.4.4', '2001:db8:1:2:3:4:5:6'])).toEqual([
    '198.51.100.0',
    '8.8.4.0',
    '2001:db8:1::',
  ]);
});

test('anonymise gives HMAC-SHA-256 behind 3fff:0::/20, the same for the same address', () => {
  const [first, second, again] = hide('anonymise', ['198.51.100.77', '198.51.100.78', '198.51.100.77']);
  const digest = createHmac('sha256', 'key')
    .update(Buffer.from('00000000000000000000ffffc633644d', 'hex'))
    .digest('hex');
  const expected = `3fff0${digest.slice(5, 32)}`.match(/.{4}/g)!.map(group => Number.parseInt(group, 16).toString(16));
  expect(first!.replace('::', ':0:')).toBe(expected.join(':').replace('::', ':0:'));
  expect(again).toBe(first);
  expect(second).not.toBe(first);
});

test('what is hidden already stays as it is', () => {
  const addresses = ['198.51.100.77', '2001:db8:1:2:3:4:5:6'];
  for (const mode of ['truncate', 'anonymise'] as const)
    expect(hide(mode, addresses, 2)).toEqual(hide(mode, addresses));
});

test('at the bound of remembered hashes they are made again, the same', () => {
  const addresses = Array.from({ length: 100 }, (_, i) => `198.51.100.${i % 25}`);
  expect(hide('anonymise', addresses, 1, 8)).toEqual(hide('anonymise', addresses));
});
