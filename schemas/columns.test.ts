import { describe, expect, test } from 'vitest';
import * as codes from './codes.ts';
import { COLLECTOR_COLUMNS } from './collector-minute.ts';
import { type Column, clickhouseType, KINDS, type Kind, viewOf } from './columns.ts';
import { columnsDocument } from './columns-document.ts';
import { EXPORTER_COLUMNS } from './exporter-minute.ts';
import { DECODED_COLUMNS, FLOW_COLUMNS } from './flow.ts';
import { INTERFACE_COLUMNS } from './interface-minute.ts';

const LISTS: readonly (readonly [string, readonly Column[]])[] = [
  ['flow', FLOW_COLUMNS],
  ['exporter', EXPORTER_COLUMNS],
  ['interface', INTERFACE_COLUMNS],
  ['collector', COLLECTOR_COLUMNS],
];

describe.each(LISTS)('the %s columns', (_, list) => {
  test('are each there once', () => {
    const names = list.map(({ name }) => name);
    expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
    expect(names.filter(name => !/^[a-z][A-Za-z0-9]*$/.test(name))).toEqual([]);
  });

  test('that are enumerated are one byte, and 0 is what is not reported', () => {
    const coded = list.filter(column => column.codes);
    // A collector has nothing to enumerate.
    expect(coded.length > 0).toBe(list !== COLLECTOR_COLUMNS);
    expect(coded.filter(({ kind }) => kind !== 'u8')).toEqual([]);
    for (const { codes: names } of coded) {
      expect(new Set(names).size).toBe(names!.length);
      expect(names!.length).toBeLessThanOrEqual(256);
    }
  });

  test('say what they mean and where they come from', () => {
    expect(list.filter(({ about, source }) => about === '' || source === '')).toEqual([]);
  });
});

test('the column of the other end names this one, and holds the same', () => {
  const columns: readonly Column[] = FLOW_COLUMNS;
  const ends = columns.filter(column => column.opposite !== undefined);
  expect(ends.length).toBeGreaterThan(15);
  for (const { name, kind, codes: names, opposite, reveals } of ends) {
    const other = columns.find(column => column.name === opposite);
    expect(other, name).toMatchObject({ opposite: name, kind, reveals });
    expect(other!.codes).toBe(names);
  }
  expect(columns.filter(({ name, opposite }) => /^(src|dst)/.test(name) && opposite === undefined)).toEqual([]);
});

test('the decoded columns are those of the list, in its order', () => {
  expect(DECODED_COLUMNS.map(({ name }) => name)).toEqual(
    (FLOW_COLUMNS as readonly Column[]).filter(({ stage }) => stage === 'decoded').map(({ name }) => name),
  );
});

test('a view of every kind holds as many bytes a row as its type in ClickHouse', () => {
  const BYTES: Readonly<Record<string, number>> = {
    UInt8: 1,
    UInt16: 2,
    UInt32: 4,
    UInt64: 8,
    Float32: 4,
    Float64: 8,
    "DateTime64(3, 'UTC')": 8,
    IPv6: 16,
    'FixedString(16)': 16,
  };
  for (const kind of Object.keys(KINDS) as Kind[]) {
    const { bytesPerRow, wordsPerRow } = KINDS[kind];
    const view = viewOf(kind, new ArrayBuffer(5 * bytesPerRow), bytesPerRow, 3);
    expect([kind, view.length, view.byteLength]).toEqual([kind, 3 * wordsPerRow, 3 * bytesPerRow]);
    const column: Column = { name: 'x', kind, stage: 'decoded', reveals: 'nothing', about: '', source: '' };
    expect([kind, BYTES[clickhouseType(column)]]).toEqual([kind, bytesPerRow]);
  }
});

// Stored rows keep the numbers: a change here is a change of what they mean.
test('codes keep the numbers they were released with', () => {
  expect(codes.PROTOCOL).toEqual({
    unknown: 0,
    netflow1: 1,
    netflow5: 2,
    netflow7: 3,
    netflow8: 4,
    netflow9: 5,
    ipfix: 6,
    sflow5: 7,
    netflow6: 8,
    sflow4: 9,
    sflow2: 10,
    mirror: 11,
  });
  expect(codes.DIRECTION).toEqual({ unknown: 0, ingress: 1, egress: 2 });
  expect(codes.COUNT_REASONS.slice(0, 4)).toEqual(['unelected', 'elected', 'not-canonical', 'discarded']);
  expect(codes.SERVER_SIDES).toEqual(['unknown', 'src', 'dst']);
  expect(codes.IDENTITIES.slice(0, 5)).toEqual(['none', 'station', 'mac', 'address', 'ambiguous']);
});

test('docs/COLUMNS.md is what the lists say', async () => {
  await expect(columnsDocument()).toMatchFileSnapshot('../docs/COLUMNS.md');
});
