import { expect, test } from 'vitest';
import { type Bytes, u32, zeros } from '../../testing/data/datagrams.ts';
import { cleanName, NAME_BYTES_MAX } from './facts.ts';

const name = (bytes: Bytes | Uint8Array): string => cleanName(Uint8Array.from(bytes), 0, bytes.length);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

// proves: odd-strings
test.each([
  ['eth0', 'eth0'],
  ['  Gi1/0/1 ', 'Gi1/0/1'],
  ['端口-3 é', '端口-3 é'],
  ['eth0\0\0\0garbage', 'eth0'],
  ['a\r\nb\x1b[31m\x7f\x85', 'a\ufffd\ufffdb\ufffd[31m\ufffd\ufffd'],
  ['abc\u202ecba', 'abc\ufffdcba'],
  ['', ''],
])('the name %j is kept as %j', (sent, kept) => expect(name(utf8(sent))).toBe(kept));

// proves: odd-strings
test('what is no UTF-8 is replaced', () => {
  expect(name([0x61, 0xff, 0x62])).toBe('a\ufffdb');
  expect(name([0xc3])).toBe('\ufffd');
});

test('only the bytes meant are read', () => {
  expect(cleanName(Uint8Array.from([...u32(0x61626364), ...u32(0x65666768)]), 2, 4)).toBe('cdef');
});

test('a name is cut at NAME_BYTES_MAX bytes, not within a character, nor when a replacement takes more room', () => {
  expect(name(utf8('x'.repeat(300)))).toBe('x'.repeat(NAME_BYTES_MAX));
  expect(name(utf8('x'.repeat(NAME_BYTES_MAX)))).toBe('x'.repeat(NAME_BYTES_MAX));
  expect(name(utf8('é'.repeat(200)))).toBe('é'.repeat(127));
  expect(name(zeros(300).map(() => 0xff))).toBe('\ufffd'.repeat(85));
});
