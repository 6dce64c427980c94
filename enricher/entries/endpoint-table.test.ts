import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BLOCK_ROWS, ENTRIES_MAX, ENTRY, EndpointTable, KEY_WORDS } from './endpoint-table.ts';

const SERIAL = ENTRY.set;

/** A table whose entries bear serial numbers, and how many were made. */
function countingTable(entriesMax: number) {
  let made = 0;
  const table = new EndpointTable(entriesMax, (entries, at) => {
    entries[at + SERIAL] = ++made;
  });
  return {
    table,
    get made() {
      return made;
    },
  };
}

function endsOf(keys: readonly Uint32Array[]) {
  const column = (at: number, words: number) =>
    Uint32Array.from(keys.flatMap(key => [...key.subarray(at, at + words)]));
  return {
    address: column(ENTRY.address, 4),
    mac: column(ENTRY.mac, 2),
    tags: column(ENTRY.tag, 1),
    extras: column(ENTRY.extra, 1),
  };
}

const keyWord = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constantFrom(0xffffffff, 0x01000000, 0x02000000));
const key = fc.uint32Array({ minLength: KEY_WORDS, maxLength: KEY_WORDS }).chain(words =>
  fc.array(keyWord, { minLength: KEY_WORDS, maxLength: KEY_WORDS }).map(small => {
    // One word of any value, so that keys differ in a single place too.
    const made = Uint32Array.from(small);
    const at = words[0]! % KEY_WORDS;
    made[at] = words[1]!;
    made[ENTRY.mac + 1]! &= 0xffff;
    return made;
  }),
);

test('every key has one entry, by rows and alone, whatever the keys and their order', () => {
  fc.assert(
    fc.property(fc.array(key, { minLength: 1, maxLength: 200 }), keys => {
      const { table } = countingTable(1000);
      const offsets = new Uint32Array(keys.length);
      table.resolve(endsOf(keys), 0, keys.length, offsets);
      const model = new Map<string, number>();
      keys.forEach((words, i) => {
        const offset = offsets[i]!;
        expect(table.entries.slice(offset, offset + KEY_WORDS)).toEqual(words);
        expect(model.get(String(words)) ?? offset).toBe(offset);
        model.set(String(words), offset);
        expect(table.at(words)).toBe(offset);
      });
      expect(table.size).toBe(model.size);
    }),
  );
});

test('addresses of 300,000 machines keep their entries while the table grows', () => {
  const count = 300_000;
  const counting = countingTable(count);
  const { table } = counting;
  const tags = new Uint32Array(BLOCK_ROWS).fill(100);
  const extras = new Uint32Array(BLOCK_ROWS);
  const blocks = Math.ceil(count / BLOCK_ROWS);
  const offsets = new Uint32Array(BLOCK_ROWS);
  const first = new Map<number, number>();
  for (let round = 0; round < 2; round++) {
    for (let block = 0; block < blocks; block++) {
      const rows = Math.min(BLOCK_ROWS, count - block * BLOCK_ROWS);
      const address = new Uint32Array(4 * rows);
      const mac = new Uint32Array(2 * rows);
      for (let row = 0; row < rows; row++) {
        const machine = block * BLOCK_ROWS + row;
        // 10.x.y.z in network order, as little-endian words.
        address[4 * row + 2] = 0xffff0000;
        address[4 * row + 3] = 10 | ((machine >>> 16) << 8) | (((machine >>> 8) & 255) << 16) | ((machine & 255) << 24);
        mac[2 * row] = 0x54_00_00_00 + machine;
        mac[2 * row + 1] = 0x52;
      }
      table.resolve({ address, mac, tags, extras }, 0, rows, offsets);
      for (let row = 0; row < rows; row++) {
        const machine = block * BLOCK_ROWS + row;
        const serial = table.entries[offsets[row]! + SERIAL]!;
        if (round === 0) first.set(machine, serial);
        else if (first.get(machine) !== serial) expect.fail(`machine ${machine} has another entry`);
      }
    }
  }
  expect(new Set(first.values()).size).toBe(count);
  expect(counting.made).toBe(count);
});

test('rows that begin anywhere in a column', () => {
  const { table } = countingTable(10);
  const keys = [1, 2, 3].map(word => new Uint32Array(KEY_WORDS).fill(word));
  const { address, mac } = endsOf(keys);
  const words = Uint32Array.of(2, 3);
  const offsets = new Uint32Array(3);
  table.resolve({ address, mac, tags: words, extras: words }, 1, 3, offsets);
  expect([...offsets]).toEqual([0, table.at(keys[1]!), table.at(keys[2]!)]);
  expect(table.size).toBe(2);
});

test('the key of nothing but zeros is one like others', () => {
  const { table } = countingTable(10);
  const offsets = new Uint32Array(1);
  table.resolve(endsOf([new Uint32Array(KEY_WORDS)]), 0, 1, offsets);
  expect(offsets[0]).not.toBe(0);
  expect(table.at(new Uint32Array(KEY_WORDS))).toBe(offsets[0]);
});

test('at its bound every row still has its entry, which lasts until the table is cleared', () => {
  const { table } = countingTable(4);
  const keys = Array.from({ length: 20 }, (_, i) => new Uint32Array(KEY_WORDS).fill(i));
  const offsets = new Uint32Array(20);
  table.resolve(endsOf(keys), 0, 20, offsets);
  expect(table.size).toBe(4);
  expect(new Set(offsets).size).toBe(20);
  keys.forEach((words, i) => {
    expect(table.entries.slice(offsets[i], offsets[i]! + KEY_WORDS)).toEqual(words);
  });
  table.clear();
  expect(table.size).toBe(0);
  const again = new Uint32Array(4);
  table.resolve(endsOf(keys.slice(16)), 0, 4, again);
  expect(keys.slice(16).map(words => table.at(words))).toEqual([...again]);
  expect(table.size).toBe(4);
});

test('more entries than an index word can number are refused', () => {
  expect(() => countingTable(ENTRIES_MAX + 1)).toThrow(RangeError);
});
