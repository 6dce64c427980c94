// No single row costs its batch: whatever datagrams claim, the facts, exporter minutes and interface minutes that become of
// them are encoded and read again, every row.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeArrow, encodeArrow } from '../../schemas/arrow.ts';
import { EXPORTER_COLUMNS } from '../../schemas/exporter-minute.ts';
import { decodeFacts, encodeFacts } from '../../schemas/fact-batch.ts';
import { INTERFACE_COLUMNS } from '../../schemas/interface-minute.ts';
import {
  Bench,
  type Bytes,
  type FieldSpec,
  ipfix,
  ipfixOptions,
  netflow9,
  RECEIVED_MS,
  rowOf,
  set,
  sflow,
  template,
  typed,
  u16,
  u32,
  u64,
  v9Options,
} from '../../testing/data/datagrams.ts';
import { exporterReport } from './exporter-report.ts';
import { FactTable } from './fact-table.ts';
import { InterfaceTable } from './interface-table.ts';

class Collector {
  readonly bench = new Bench({ rowsMax: 20_000 });
  readonly facts = new FactTable();
  readonly interfaces = new InterfaceTable();
  constructor() {
    this.bench.decoder.context.facts = this.facts;
    this.bench.decoder.context.sflow.interfaces = this.interfaces;
  }

  /** All batches that become of these datagrams can be read again. */
  check(datagrams: readonly Uint8Array[]): number {
    for (const [i, datagram] of datagrams.entries())
      this.bench.decode(datagram, '198.51.100.1', 5000, RECEIVED_MS + 20_000 * i);
    const facts = this.facts.take(RECEIVED_MS + 1e9);
    expect(decodeFacts(encodeFacts(facts).arrow)).toEqual({ facts, leftOut: 0 });
    const exporters = exporterReport(this.bench.decoder.exporters.domains());
    if (exporters) {
      const { batch } = decodeArrow(EXPORTER_COLUMNS, encodeArrow(exporters));
      for (let row = 0; row < batch.rows; row++) expect(rowOf(batch, row)).toEqual(rowOf(exporters, row));
    }
    const minutes = this.interfaces.take(Number.POSITIVE_INFINITY);
    if (minutes) {
      const { batch } = decodeArrow(INTERFACE_COLUMNS, encodeArrow(minutes));
      for (let row = 0; row < batch.rows; row++) {
        expect(rowOf(batch, row)).toEqual(rowOf(minutes, row));
        expect(Number(rowOf(batch, row)['coveredMs'])).toBeLessThanOrEqual(60_000 * datagrams.length);
      }
    }
    return facts.length;
  }
}

const NAMED: FieldSpec = [82, 8];
const name: Bytes = [...Buffer.from('port-001')];

// proves: value-range
describe('an options record with values beyond their type', () => {
  const optionsOf = (scope: FieldSpec, value: Bytes) =>
    ipfix([set(3, ipfixOptions(300, [scope], [NAMED])), set(300, value, name)]);

  test('loses the value, not the batch of facts: an ingressInterface of 8 bytes', () => {
    const collector = new Collector();
    const beyond = optionsOf([10, 8], u64(2n ** 32n));
    expect(collector.check([beyond, optionsOf([10, 8], u64(7)), optionsOf([10, 4], u32(8))])).toBe(2);
    expect(collector.bench.faults('ipfix')).toEqual({ 'value-range': 1 });
  });

  test.each([
    ['ingressVRFID', [234, 8]],
    ['egressInterface', [14, 8]],
    ['ingressPhysicalInterface', [252, 5]],
  ] as const)('%s', (_, [element, length]) => {
    const collector = new Collector();
    const value = new Array<number>(length).fill(0xff);
    const names: readonly FieldSpec[] = [NAMED, [236, 8]];
    const datagram = ipfix([set(3, ipfixOptions(300, [[element, length]], names)), set(300, value, name, name)]);
    expect(collector.check([datagram])).toBe(0);
    expect(collector.bench.faults('ipfix')['value-range']).toBeGreaterThan(0);
  });

  test('the interface scope of NetFlow v9, and a station behind it', () => {
    const collector = new Collector();
    const v9 = netflow9([set(1, v9Options(300, [[2, 8]], [NAMED])), set(300, u64(2n ** 40n), name)]);
    const station: readonly FieldSpec[] = [
      [10, 8],
      [350, 8],
    ];
    const named = ipfix([set(3, ipfixOptions(301, [[149, 4]], station)), set(301, u32(1), u64(2n ** 33n), name)]);
    expect(collector.check([v9, named])).toBe(1);
    expect(collector.bench.faults('netflow9')).toEqual({ 'value-range': 1 });
    expect(collector.bench.faults('ipfix')).toEqual({ 'value-range': 1 });
  });

  test('a rate of an interface beyond its type is the rate of nothing else', () => {
    const collector = new Collector();
    const rate = [set(3, ipfixOptions(300, [[10, 8]], [[34, 4]])), set(300, u64(2n ** 32n), u32(100))];
    collector.check([ipfix(rate)]);
    expect(collector.bench.domain()).toMatchObject({ samplingRate: 0 });
    expect(collector.bench.domain().interfaceRates.size).toBe(0);
  });
});

/** Elements that facts and rates are made of, with lengths of all kinds, and values that try the bounds. */
const element = fc.constantFrom(
  10,
  14,
  252,
  253,
  82,
  83,
  234,
  235,
  236,
  347,
  348,
  349,
  350,
  56,
  80,
  160,
  34,
  50,
  48,
  302,
  145,
);
const length = fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 16, 40, 300);
const byte = fc.oneof(fc.constantFrom(0, 0xff, 0x80, 0xed, 0xa0), fc.nat(255));
const SEED = 20261130;

test('any options record gives facts that can be stored', () => {
  let found = 0;
  const record = fc.array(fc.tuple(element, length), { minLength: 1, maxLength: 6 }).chain(fields =>
    fc.tuple(
      fc.constant(fields),
      fc.nat(fields.length),
      fc.uint8Array({ minLength: 3000, maxLength: 3000 }).map(bytes => [...bytes]),
      byte,
    ),
  );
  fc.assert(
    fc.property(record, fc.boolean(), ([fields, scopes, bytes, fill], isV9) => {
      const body = fields.flatMap(([, size], i) =>
        bytes.slice(50 * i, 50 * i + 1).concat(new Array(size - 1).fill(fill)),
      );
      const [scope, options] = [fields.slice(0, scopes), fields.slice(scopes)];
      const datagram = isV9
        ? netflow9([set(1, v9Options(300, scope, options)), set(300, body, body)])
        : ipfix([set(3, ipfixOptions(300, scope, options)), set(300, body, body)]);
      found += new Collector().check([datagram]);
    }),
    { seed: SEED, numRuns: 1000 },
  );
  expect(found).toBeGreaterThan(100);
});

test('any counters sample gives facts and minutes that can be stored', () => {
  const word = fc.oneof(fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff), fc.nat(0xffffffff));
  const type = fc.constantFrom(1, 1005, 2000, 2001, 2002);
  const record = fc.tuple(type, fc.array(word, { minLength: 0, maxLength: 24 }));
  const sample = fc.tuple(
    fc.constantFrom(2, 4),
    fc.array(word, { minLength: 2, maxLength: 2 }),
    fc.array(record, { maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(sample, { minLength: 1, maxLength: 6 }), samples => {
      const datagrams = samples.map(([form, [sourceClass = 0, index = 0], records], i) => {
        const source = form === 4 ? [...u32(sourceClass), ...u32(index)] : u32(index);
        const bodies = records.map(([kind, words]) => typed(kind, words.flatMap(u32)));
        return sflow([typed(form, u32(i), source, u32(records.length), ...bodies)], {
          sequence: i,
          uptimeMs: 20_000 * i,
        });
      });
      new Collector().check([...datagrams, ...datagrams.map(datagram => datagram.slice())]);
    }),
    { seed: SEED, numRuns: 1000 },
  );
});

// proves: value-range
describe('flow columns hold no part of a value beyond them', () => {
  const decodeField = (id: number, bytes: Bytes) => {
    const bench = new Bench();
    const [row] = bench.decode(
      ipfix([
        set(
          2,
          template(300, [
            [id, bytes.length],
            [210, 1],
          ]),
        ),
        set(300, bytes, [0]),
      ]),
    );
    return { row: row!, faults: bench.faults('ipfix') };
  };
  test.each([
    [10, 'inIf', u64(2n ** 32n), u64(2n ** 32n - 1n), 2 ** 32 - 1],
    [14, 'outIf', [1, 0, 0, 0, 0], [0, 0xff, 0, 0, 0], 0xff000000],
    [7, 'srcPort', u32(65536), u32(65535), 65535],
    [11, 'dstPort', [1, 0, 0], [0, 1, 187], 443],
    [256, 'etherType', u32(0x10800), u32(0x0800), 0x0800],
    [4, 'proto', u16(256 + 6), u16(6), 6],
    [234, 'vrf', u64(2n ** 40n), u64(9), 9],
    [2, 'packets', [1, ...u64(5)], [0, ...u64(5)], 5],
    [26, 'packetBytesMax', u64(2n ** 33n), u64(1500), 1500],
  ] as const)('element %i into %s', (id, column, beyond, within, value) => {
    const dropped = decodeField(id, beyond);
    expect(dropped.row[column]).toBe(0);
    expect(dropped.faults).toEqual({ 'value-range': 1 });
    const kept = decodeField(id, within);
    expect(kept.row[column]).toBe(value);
    expect(kept.faults).toEqual({});
  });
});
