import { Table, tableFromIPC, Uint64, vectorFromArray } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeArrow, encodeArrow, encodePieces, encodeTable } from './arrow.ts';
import {
  arrayOf,
  BATCH_KINDS,
  type Batch,
  type BatchIdentity,
  batchOver,
  buffersOf,
  clearBatch,
  createBatch,
  parseToken,
  tokenOf,
} from './batch.ts';
import { type Column, KINDS, type Kind } from './columns.ts';
import { DECODED_COLUMNS, FLOW_COLUMNS } from './flow.ts';

const column = <const K extends Kind, const N extends string>(name: N, kind: K) =>
  ({ name, kind, stage: 'decoded', reveals: 'nothing', about: '', source: '' }) as const;

const EVERY_KIND = [
  column('a', 'u8'),
  column('b', 'u16'),
  column('c', 'u32'),
  column('d', 'u64'),
  column('e', 'f32'),
  column('f', 'f64'),
  column('g', 'time'),
  column('h', 'address'),
  column('i', 'bytes16'),
] as const satisfies readonly Column[];

/** The bytes of the rows in use, column by column. */
function contents(batch: Batch<readonly Column[]>): Record<string, string> {
  return Object.fromEntries(
    batch.list.map(({ name, kind }) => [
      name,
      Buffer.from(arrayOf(batch, name).buffer, 0, batch.rows * KINDS[kind].bytesPerRow).toString('hex'),
    ]),
  );
}

/** Random bytes in every column, beyond the rows too. */
function filled<const L extends readonly Column[]>(list: L, rows: number, seed: number, rowsMax = rows): Batch<L> {
  const batch = createBatch(list, rowsMax);
  let state = seed | 1;
  for (const buffer of buffersOf(batch)) {
    const bytes = new Uint8Array(buffer);
    for (let i = 0; i < bytes.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      bytes[i] = state >>> 24;
    }
  }
  batch.rows = rows;
  return batch;
}

describe('a batch as Arrow', () => {
  test('keeps the extreme values of every kind', () => {
    const batch = createBatch(EVERY_KIND, 2);
    const { a, b, c, d, e, f, g, h, i } = batch.columns;
    a.set([0, 255]);
    b.set([0, 65535]);
    c.set([0, 0xffffffff]);
    d.set([0, 0, 0xffffffff, 0xffffffff]);
    e.set([-3.4028234663852886e38, Number.POSITIVE_INFINITY]);
    f.set([Number.MIN_VALUE, -Number.MAX_VALUE]);
    g.set([0, 0, 8.64e15 % 2 ** 32, Math.floor(8.64e15 / 2 ** 32)]);
    h.fill(0xffffffff, 4);
    i.fill(0x01020304, 0, 4);
    batch.rows = 2;
    const bytes = encodeArrow(batch);
    expect(contents(decodeArrow(EVERY_KIND, bytes).batch)).toEqual(contents(batch));
    // As another reader sees it.
    const rows = tableFromIPC(bytes).toArray() as Record<string, unknown>[];
    expect(rows.map(row => [row['a'], row['b'], row['c'], row['d'], row['e'], row['f'], Number(row['g'])])).toEqual([
      [0, 0, 0, 0n, -3.4028234663852886e38, 5e-324, 0],
      [255, 65535, 4294967295, 18446744073709551615n, Number.POSITIVE_INFINITY, -Number.MAX_VALUE, 8.64e15],
    ]);
    expect(Buffer.from(rows[1]!['h'] as Uint8Array).toString('hex')).toBe('f'.repeat(32));
    expect(Buffer.from(rows[0]!['i'] as Uint8Array).toString('hex')).toBe('04030201'.repeat(4));
  });

  test('comes back the same, whatever is in it, into a new batch or a spare one', () => {
    const spare = createBatch(FLOW_COLUMNS, 300);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), fc.integer(), fc.boolean(), (rows, seed, useSpare) => {
        const batch = filled(FLOW_COLUMNS, rows, seed, 300);
        const read = decodeArrow(FLOW_COLUMNS, encodeArrow(batch), useSpare ? spare : undefined);
        expect(read.batch === spare).toBe(useSpare);
        expect(read.batch.rows).toBe(rows);
        expect(contents(read.batch)).toEqual(contents(batch));
        expect([read.missing, read.unknown]).toEqual([[], []]);
      }),
    );
  });

  test('goes into a new batch when the spare one is too small', () => {
    const spare = createBatch(EVERY_KIND, 4);
    const batch = filled(EVERY_KIND, 5, 1);
    const read = decodeArrow(EVERY_KIND, encodeArrow(batch), spare).batch;
    expect(read).not.toBe(spare);
    expect(contents(read)).toEqual(contents(batch));
  });

  test('shows nothing of what the spare batch held before, in columns the stream lacks neither', () => {
    const spare = filled(FLOW_COLUMNS, 100, 3);
    const batch = filled(DECODED_COLUMNS, 40, 4);
    const { batch: read, missing } = decodeArrow(FLOW_COLUMNS, encodeArrow(batch), spare);
    expect(read).toBe(spare);
    expect(read.rows).toBe(40);
    expect(missing).toEqual(FLOW_COLUMNS.filter(({ stage }) => stage === 'enriched').map(({ name }) => name));
    const seen = contents(read);
    expect(missing.filter(name => /[^0]/.test(seen[name]!))).toEqual([]);
    expect(seen).toMatchObject(contents(batch));
  });

  test('of columns in another order, with unknown ones, is read by name', () => {
    const [a, b, c] = EVERY_KIND;
    const batch = filled([c, column('new', 'f64'), a], 7, 5);
    const read = decodeArrow([a, b, c], encodeArrow(batch));
    expect([read.missing, read.unknown]).toEqual([['b'], ['new']]);
    expect(contents(read.batch)).toEqual({ a: contents(batch)['a'], b: '00'.repeat(14), c: contents(batch)['c'] });
  });

  test('with a column of another type is refused, with both types', () => {
    for (const { name, kind } of EVERY_KIND) {
      for (const other of Object.keys(KINDS) as Kind[]) {
        const same = other === kind || (/address|bytes16/.test(other) && /address|bytes16/.test(kind));
        const read = () => decodeArrow([column(name, kind)], encodeArrow(filled([column(name, other)], 3, 6)));
        if (same) expect(read().batch.rows).toBe(3);
        else expect(read).toThrow(new RegExp(`^column ${name} is \\S+( .*)?, expected `));
      }
    }
  });

  test('is refused when it is no stream of one record batch', () => {
    const batch = filled(EVERY_KIND, 3, 7);
    expect(() => decodeArrow(EVERY_KIND, encodeArrow(batch, batch))).toThrow('2 record batches, expected 1');
    expect(() => decodeArrow(EVERY_KIND, new Uint8Array())).toThrow(Error);
    expect(() => decodeArrow(EVERY_KIND, Buffer.from('no Arrow at all, but long enough'))).toThrow(Error);
  });

  test('cut anywhere is refused or gives a batch of the same rows', () => {
    const batch = filled(EVERY_KIND, 3, 8);
    const whole = encodeArrow(batch);
    let refused = 0;
    for (let length = 0; length < whole.length; length++) {
      try {
        // A copy: the end of the buffer must be the end of the stream.
        expect(decodeArrow(EVERY_KIND, Uint8Array.from(whole.subarray(0, length))).batch.rows).toBe(3);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(whole.length / 2);
  });

  test('is made of views: no column is copied', () => {
    const batch = filled(DECODED_COLUMNS, 1000, 9, 2000);
    const buffers = new Set<ArrayBufferLike>(buffersOf(batch));
    const pieces = encodePieces(batch);
    const viewed = new Set(pieces.map(piece => piece.buffer).filter(buffer => buffers.has(buffer)));
    expect(viewed.size).toBe(DECODED_COLUMNS.length);
    const own = pieces.filter(piece => !buffers.has(piece.buffer)).reduce((sum, piece) => sum + piece.length, 0);
    expect(own).toBeLessThan(10_000); // schema and header only
    expect(Buffer.compare(Buffer.concat(pieces), encodeArrow(batch))).toBe(0);
    batch.columns.bytes[0] = 0xabcdef01;
    const now = decodeArrow(DECODED_COLUMNS, Buffer.concat(pieces)).batch;
    expect(now.columns.bytes[0]).toBe(0xabcdef01);
  });

  test('of several batches is one stream with all rows in order', () => {
    const batches = [filled(EVERY_KIND, 3, 10), filled(EVERY_KIND, 0, 11), filled(EVERY_KIND, 5, 12)] as const;
    const table = tableFromIPC(encodeArrow(...batches));
    expect([...(table.getChild('c') as Iterable<number>)]).toEqual(
      batches.flatMap(({ columns, rows }) => [...columns.c.subarray(0, rows)]),
    );
  });
});

describe('a batch', () => {
  test('is the same over its buffers on another thread', () => {
    const batch = filled(EVERY_KIND, 5, 13);
    const before = contents(batch);
    const buffers = buffersOf(batch);
    const moved = structuredClone(buffers, { transfer: buffers });
    expect(contents(batchOver(EVERY_KIND, 5, moved, 5))).toEqual(before);
    expect(batch.columns.c.length).toBe(0);
  });

  test('is zero in the rows that were used once it is cleared', () => {
    const batch = createBatch(EVERY_KIND, 10);
    for (const { name, kind } of EVERY_KIND) arrayOf(batch, name).fill(9, 0, 4 * KINDS[kind].wordsPerRow);
    batch.rows = 4;
    clearBatch(batch);
    expect(batch.rows).toBe(0);
    expect(buffersOf(batch).every(buffer => new Uint8Array(buffer).every(byte => byte === 0))).toBe(true);
  });

  test('is named by a token that gives its identity back', () => {
    const identity = fc.record({
      kind: fc.constantFrom(...BATCH_KINDS),
      collector: fc.stringMatching(/^[a-z0-9-]{1,63}$/),
      worker: fc.integer({ min: 0, max: 63 }),
      epoch: fc.stringMatching(/^[0-9a-f]{32}$/),
      sequence: fc.integer({ min: 0, max: 999_999_999_999_999 }),
    }) satisfies fc.Arbitrary<BatchIdentity>;
    fc.assert(
      fc.property(identity, value => {
        expect(parseToken(tokenOf(value))).toEqual(value);
      }),
    );
  });

  test.each([
    '',
    'flows.c.0',
    `other.c.0.${'a'.repeat(32)}.0`,
    `flows.C.0.${'a'.repeat(32)}.0`,
    `flows.c.0.${'a'.repeat(31)}.0`,
    `flows.c.0.${'a'.repeat(32)}.-1`,
    `flows.c/../x.0.${'a'.repeat(32)}.0`,
    `flows.${'c'.repeat(64)}.0.${'a'.repeat(32)}.0`,
    `flows.c.0.${'a'.repeat(32)}.0.batch`,
  ])('has no token "%s"', text => {
    expect(parseToken(text)).toBeUndefined();
  });
});

test('an answer as Arrow keeps text, numbers and what is null', () => {
  const table = tableFromIPC(
    encodeTable([
      { name: 'name', kind: 'text', values: ['a', null, 'é, "x"'] },
      { name: 'value', kind: 'number', values: [1.5, null, '7'] },
    ]),
  );
  expect([...(table.getChild('name') as Iterable<string>)]).toEqual(['a', null, 'é, "x"']);
  expect([...(table.getChild('value') as Iterable<number>)]).toEqual([1.5, null, 7]);
  expect(tableFromIPC(encodeTable([{ name: 'none', kind: 'number', values: [] }])).numRows).toBe(0);
});

test('64-bit columns are what apache-arrow itself writes', () => {
  const list = [column('d', 'u64')] as const;
  const values = [0n, 1n, 2n ** 32n, 2n ** 64n - 1n];
  const batch = createBatch(list, values.length);
  new BigUint64Array(batch.columns.d.buffer).set(values);
  batch.rows = values.length;
  const theirs = new Table({ d: vectorFromArray(values, new Uint64()) });
  expect([...(tableFromIPC(encodeArrow(batch)).getChild('d') as Iterable<bigint>)]).toEqual([
    ...(theirs.getChild('d') as Iterable<bigint>),
  ]);
});
