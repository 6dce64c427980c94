import { tableFromIPC, tableToIPC } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAddress } from './address.ts';
import { encodeTable } from './arrow.ts';
import { decodeFacts, encodeFacts } from './fact-batch.ts';
import { FACT_KINDS, type FactRow, formatUuid, parseUuid } from './facts.ts';

const FACT: FactRow = {
  receivedAtMs: 1_767_323_045_000,
  exporter: '192.0.2.1',
  observationDomain: 4_294_967_295,
  protocol: 7,
  kind: 'station',
  index: 3,
  mac: 0xfe_ff_ff_ff_ff_ff,
  stationId: '0123456789abcdef0123456789abcdef',
  name: 'wéb-01 端',
  hostId: '',
};

const word = fc.integer({ min: 0, max: 0xffffffff });
const uuid = fc.constantFrom('', 'f'.repeat(32), '00112233445566778899aabbccddeeff');
const anyFact: fc.Arbitrary<FactRow> = fc.record({
  receivedAtMs: fc.integer({ min: 0, max: Date.UTC(2299, 11, 31) }),
  exporter: fc.tuple(word, word, word, word).map(formatAddress),
  observationDomain: word,
  protocol: fc.integer({ min: 0, max: 7 }),
  kind: fc.constantFrom(...FACT_KINDS),
  index: word,
  mac: fc.integer({ min: 0, max: 0xffffffffffff }),
  stationId: uuid,
  name: fc.string({ unit: 'grapheme', maxLength: 20 }).filter(name => name.isWellFormed()),
  hostId: uuid,
});

describe('a batch of facts', () => {
  test('comes back the same, whatever is in it', () => {
    fc.assert(
      fc.property(fc.array(anyFact, { maxLength: 20 }), facts => {
        expect(decodeFacts(encodeFacts(facts).arrow)).toEqual({ facts, leftOut: 0 });
      }),
      { numRuns: 50 },
    );
  });

  test.each<[string, Partial<Record<keyof FactRow, unknown>>]>([
    ['a kind nobody knows', { kind: 'weather' }],
    ['an exporter that is no address', { exporter: 'switch-1' }],
    ['a domain of 33 bits', { observationDomain: 2 ** 32 }],
    ['a protocol without a name', { protocol: 99 }],
    ['a MAC of 49 bits', { mac: 2 ** 48 }],
    ['half a number', { index: 1.5 }],
    ['no number', { index: Number.NaN }],
    ['a time before all times', { receivedAtMs: -1 }],
    ['an id that is no UUID', { stationId: 'web' }],
    ['a host that is no UUID', { hostId: 'F'.repeat(32) }],
    ['a name of more bytes than any', { name: 'é'.repeat(128) }],
    ['nothing where a name belongs', { name: null }],
    ['a time that no DateTime64 holds', { receivedAtMs: Date.UTC(2300, 0, 1) }],
  ])('leaves out one with %s: whoever writes it, and whoever reads it', (_, wrong) => {
    const facts = [FACT, { ...FACT, ...wrong } as FactRow, { ...FACT, index: 4 }];
    const expected = { facts: [FACT, { ...FACT, index: 4 }], leftOut: 1 };
    const { arrow, leftOut } = encodeFacts(facts);
    expect(leftOut).toBe(1);
    expect(decodeFacts(arrow)).toEqual({ ...expected, leftOut: 0 });
    const columns = (Object.keys(FACT) as (keyof FactRow)[]).map(name => ({
      name,
      kind: typeof FACT[name] === 'number' ? ('number' as const) : ('text' as const),
      values: facts.map(fact => fact[name]),
    }));
    expect(decodeFacts(encodeTable(columns))).toEqual(expected);
  });

  test('that lacks a column, or has it in another type, is refused; a column more is left out', () => {
    const columns = (Object.keys(FACT) as (keyof FactRow)[]).map(name => ({
      name,
      kind: typeof FACT[name] === 'number' ? ('number' as const) : ('text' as const),
      values: [FACT[name]],
    }));
    const more = [...columns, { name: 'speed', kind: 'number' as const, values: [10] }];
    expect(decodeFacts(encodeTable(more))).toEqual({ facts: [FACT], leftOut: 0 });
    expect(() => decodeFacts(encodeTable(columns.filter(({ name }) => name !== 'mac')))).toThrow('mac is missing');
    const typed = columns.map(column => (column.name === 'name' ? { ...column, kind: 'number' as const } : column));
    expect(() => decodeFacts(encodeTable(typed))).toThrow('name is Float64, expected Utf8');
  });

  test('is one record batch and no other bytes', () => {
    expect(() => decodeFacts(Uint8Array.of(1, 2, 3))).toThrow();
    expect(() => decodeFacts(new Uint8Array(0))).toThrow('0 record batches');
    const table = tableFromIPC(encodeFacts([FACT]).arrow);
    expect(() => decodeFacts(tableToIPC(table.concat(table), 'stream'))).toThrow('2 record batches');
  });
});

test('a UUID is read however people write it', () => {
  expect(parseUuid('564D3A1E-0B1C-2D3E-4F50-617283940000')).toBe('564d3a1e0b1c2d3e4f50617283940000');
  expect(parseUuid('56 4d 3a 1e 0b 1c 2d 3e-4f 50 61 72 83 94 00 00')).toBe('564d3a1e0b1c2d3e4f50617283940000');
  expect(parseUuid('vm-17')).toBeUndefined();
  expect(formatUuid('564d3a1e0b1c2d3e4f50617283940000')).toBe('564d3a1e-0b1c-2d3e-4f50-617283940000');
});
