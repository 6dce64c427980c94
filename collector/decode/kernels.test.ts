import { describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
  type FieldSpec,
  hex,
  ipfix,
  type Row,
  set,
  template,
  u16,
  u32,
  u64,
} from '../../testing/data/datagrams.ts';
import { DatagramContext } from './context.ts';
import * as k from './kernels.ts';
import { whereInner } from './templated/layers.ts';

/** One record whose only field is `element` of `bytes.length` bytes. */
function decodeField(element: number, bytes: Bytes): Row {
  const rows = new Bench().decode(
    ipfix([
      set(
        2,
        template(300, [
          [element, bytes.length],
          [210, 1],
        ]),
      ),
      set(300, bytes, [0]),
    ]),
  );
  expect(rows.length).toBe(1);
  return rows[0]!;
}

describe('unsigned integers of every width', () => {
  const value = 0x1122334455667788n;
  const bytes = hex('1122334455667788');

  // proves: reduced-size, odd-lengths
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('a counter of %i bytes keeps all of them', size => {
    const expected = value & ((1n << BigInt(8 * size)) - 1n);
    const decoded = decodeField(1, bytes.slice(8 - size));
    expect(BigInt(decoded['bytes']!)).toBe(expected);
  });

  // proves: wide-integers, odd-lengths
  test.each([9, 16])('a counter of %i bytes is one of 64 bits, or none', size => {
    const wide = (fill: number) => [...new Array<number>(size - 8).fill(fill), ...bytes];
    expect(decodeField(1, wide(0))['bytes']).toBe(value);
    expect(decodeField(1, wide(0xee))['bytes']).toBe(0);
  });

  test('the largest counter is exact', () => {
    expect(decodeField(2, u64(2n ** 64n - 1n))['packets']).toBe(2n ** 64n - 1n);
  });

  // proves: odd-lengths
  test.each([1, 2, 3, 4, 5, 8])('an interface of %i bytes is one of 32 bits, or none', size => {
    const low = bytes.slice(8 - Math.min(4, size));
    expect(decodeField(10, [...new Array<number>(Math.max(0, size - 4)).fill(0), ...low])['inIf']).toBe(
      Number(value & ((1n << BigInt(8 * low.length)) - 1n)),
    );
    if (size > 4) expect(decodeField(10, bytes.slice(8 - size))['inIf']).toBe(0);
  });

  test.each([1, 2, 3, 4])('a port of %i bytes is one of 16 bits, or none', size => {
    const low = bytes.slice(8 - Math.min(2, size));
    expect(decodeField(7, [...new Array<number>(Math.max(0, size - 2)).fill(0), ...low])['srcPort']).toBe(
      Number(value & ((1n << BigInt(8 * low.length)) - 1n)),
    );
    if (size > 2) expect(decodeField(7, bytes.slice(8 - size))['srcPort']).toBe(0);
  });

  test.each([1, 2, 4])('TCP flags of %i bytes keep their low byte', size => {
    expect(decodeField(6, bytes.slice(8 - size))['tcpFlags']).toBe(0x88);
  });

  test.each([1, 4])('a forwarding status of %i bytes keeps its low byte', size => {
    expect(decodeField(89, bytes.slice(8 - size))['forwardingStatus']).toBe(0x88);
  });

  // proves: virtual-networks
  test.each([1, 2, 3, 4, 8])('a layer-2 segment of %i bytes keeps its low 24 bits', size => {
    expect(decodeField(351, bytes.slice(8 - size))['vni']).toBe(
      Number(value & 0xffffffn & ((1n << BigInt(8 * size)) - 1n)),
    );
  });
});

test('addresses, MAC addresses and identifiers are copied byte by byte', () => {
  expect(decodeField(8, [192, 0, 2, 255])['srcAddr']).toBe('192.0.2.255');
  expect(decodeField(28, hex('20010db8000000000000000000000c0a'))['dstAddr']).toBe('2001:db8::c0a');
  expect(decodeField(56, hex('fedcba987654'))['srcMac']).toBe('fe:dc:ba:98:76:54');
  expect(decodeField(80, hex('010203040506'))['dstMac']).toBe('01:02:03:04:05:06');
  expect(decodeField(349, hex('00112233445566778899aabbccddeeff'))['stationId']).toBe(
    '00112233445566778899aabbccddeeff',
  );
});

// proves: direction-absent
test.each([
  [0, 'ingress'],
  [1, 'egress'],
  [2, 'unknown'],
  [255, 'unknown'],
])('direction %i is %s', (value, name) => {
  expect(decodeField(61, [value])['direction']).toBe(name);
});

test('a kernel fills `count` rows from `row` on, `stride` bytes apart, and nothing else', () => {
  const view = new DataView(Uint8Array.from([9, ...u16(1), 0, ...u16(2), 0, ...u16(3), 0]).buffer);
  const column = new Uint16Array(6).fill(7);
  k.copyU16(view, 1, 3, 3, column, 2);
  expect([...column]).toEqual([7, 7, 1, 2, 3, 7]);
});

test('an inner layer is read only in the records that have one', () => {
  const context = new DatagramContext({ batch: undefined as never, flush() {} }, { templatesMax: 1, exportersMax: 1 });
  const records = [
    [...u16(11), 6],
    [...u16(22), 0],
    [...u16(33), 17],
  ];
  const view = new DataView(Uint8Array.from(records.flat()).buffer);
  const column = new Uint16Array(3).fill(5);
  whereInner(k.copyU16)(view, 0, 3, 3, column, 0, context, 2);
  expect([...column]).toEqual([11, 5, 33]);
});

describe('times', () => {
  const EXPORT_MS = 1577836800_000;
  const decode = (fields: readonly FieldSpec[], bytes: Bytes): Row =>
    new Bench().decode(
      ipfix([set(2, template(300, [...fields, [210, 1]])), set(300, bytes, [0])], { exportTime: EXPORT_MS / 1000 }),
    )[0]!;

  test.each([
    ['150 and 151, seconds', 150, 151, 4, u32(1577836000), u32(1577836001), 1577836000_000, 1577836001_000],
    [
      '152 and 153, milliseconds',
      152,
      153,
      8,
      u64(1577836000_123),
      u64(1577836001_456),
      1577836000_123,
      1577836001_456,
    ],
    [
      '154 and 155, NTP with microseconds',
      154,
      155,
      8,
      [...u32(3786824800), ...u32(0x80000000)],
      [...u32(3786824801), ...u32(0x40000000)],
      1577836000_500,
      1577836001_250,
    ],
    [
      '156 and 157, NTP with nanoseconds',
      156,
      157,
      8,
      [...u32(3786824800), ...u32(0x80000000)],
      [...u32(3786824801), ...u32(0xffffffff)],
      1577836000_500,
      1577836001_999,
    ],
    [
      '158 and 159, microseconds before the export',
      158,
      159,
      4,
      u32(2_500_000),
      u32(1_000_999),
      EXPORT_MS - 2500,
      EXPORT_MS - 1000,
    ],
  ] as const)('%s', (_, start, end, size, startBytes, endBytes, flowStart, flowEnd) => {
    const fields: FieldSpec[] = [
      [start, size],
      [end, size],
    ];
    expect(decode(fields, [...startBytes, ...endBytes])).toMatchObject({ flowStart, flowEnd });
  });

  // proves: times-absolute
  test('an NTP time before 1970 is 1970', () => {
    expect(decode([[154, 8]], [...u32(1), ...u32(0)])).toMatchObject({ flowStart: 0 });
  });

  // proves: times-absolute
  test('milliseconds win over seconds and uptime, in whatever order they stand', () => {
    const fields: FieldSpec[] = [
      [22, 4],
      [150, 4],
      [152, 8],
    ];
    expect(decode(fields, [...u32(5), ...u32(1577836000), ...u64(1577836000_777)])).toMatchObject({
      flowStart: 1577836000_777,
    });
  });

  test('a flow with one time has it at both ends; one with none has the export time', () => {
    expect(decode([[152, 8]], u64(1577836000_123))).toMatchObject({
      flowStart: 1577836000_123,
      flowEnd: 1577836000_123,
    });
    expect(decode([[151, 4]], u32(1577836000))).toMatchObject({ flowStart: 1577836000_000, flowEnd: 1577836000_000 });
    expect(decode([[1, 4]], u32(1))).toMatchObject({ flowStart: EXPORT_MS, flowEnd: EXPORT_MS });
  });
});
