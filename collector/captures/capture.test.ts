import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type Bytes,
  datagramOf,
  ethernet,
  ip4,
  ipfix,
  ipv4,
  ipv6,
  netflow5,
  SRC6,
  u16,
  u32,
  zeros,
} from '../../testing/data/datagrams.ts';
import { type Capture, parseCapture, readCapture } from './capture.ts';

const PAYLOAD: Bytes = [0xde, 0xad, 0xbe, 0xef];

const udp = (payload: Bytes = PAYLOAD, length = 8 + payload.length): Bytes => [
  ...u16(40000),
  ...u16(2055),
  ...u16(length),
  ...u16(0),
  ...payload,
];
const packet4 = (payload?: Bytes): Bytes => ipv4(udp(payload), { proto: 17 });
const packet6: Bytes = ipv6(17, udp());

const little = (bytes: Bytes): Bytes => [...bytes].reverse();

interface PcapOptions {
  readonly magic?: number;
  readonly swapped?: boolean;
  readonly linkType?: number;
  readonly seconds?: number;
  readonly fraction?: number;
}

function pcap(
  frames: readonly Bytes[],
  { magic = 0xa1b2c3d4, swapped = false, linkType = 1, seconds = 100, fraction = 250_000 }: PcapOptions = {},
): Uint8Array {
  const word = swapped ? (value: number) => little(u32(value)) : u32;
  const half = swapped ? (value: number) => little(u16(value)) : u16;
  const head = [...word(magic), ...half(2), ...half(4), ...word(0), ...word(0), ...word(65535), ...word(linkType)];
  const records = frames.flatMap(frame => [
    ...word(seconds),
    ...word(fraction),
    ...word(frame.length),
    ...word(frame.length),
    ...frame,
  ]);
  return datagramOf(head, records);
}

const payloads = (capture: Capture) => capture.datagrams.map(({ payload }) => [...payload]);

describe('a pcap file', () => {
  test.each([
    ['microseconds, big endian', 0xa1b2c3d4, false, 250_000, 100_250],
    ['microseconds, little endian', 0xa1b2c3d4, true, 250_000, 100_250],
    ['nanoseconds, big endian', 0xa1b23c4d, false, 250_999_999, 100_250],
    ['nanoseconds, little endian', 0xa1b23c4d, true, 250_999_999, 100_250],
  ])('with %s gives payload, addresses, ports and time', (_, magic, swapped, fraction, timeMs) => {
    const capture = parseCapture(pcap([ethernet(0x0800, packet4())], { magic, swapped, fraction }));
    expect(capture).toMatchObject({ format: 'pcap', passedOver: 0, truncated: false });
    expect(capture.datagrams).toEqual([
      { payload: Uint8Array.from(PAYLOAD), source: '10.1.0.1', sourcePort: 40000, destinationPort: 2055, timeMs },
    ]);
  });

  test.each([
    ['BSD loopback', 0, [2, 0, 0, 0, ...packet4()]],
    ['Ethernet', 1, ethernet(0x0800, packet4())],
    ['Ethernet with a VLAN tag', 1, ethernet(0x0800, packet4(), [0x8100, 7])],
    ['Ethernet with two VLAN tags', 1, ethernet(0x0800, packet4(), [0x88a8, 7], [0x8100, 8])],
    ['raw IP', 101, packet4()],
    ['Linux cooked', 113, [...zeros(14), ...u16(0x0800), ...packet4()]],
    ['Linux cooked version 2', 276, [...u16(0x0800), ...zeros(18), ...packet4()]],
    ['IPv4 options', 101, ipv4(udp(), { proto: 17, options: [1, 1, 1, 0] })],
  ] as const)('of link type %s is read', (_, linkType, frame) => {
    expect(payloads(parseCapture(pcap([frame], { linkType })))).toEqual([PAYLOAD]);
  });

  test('gives datagrams over IPv6', () => {
    const { datagrams } = parseCapture(pcap([ethernet(0x86dd, packet6)]));
    expect(datagrams).toMatchObject([{ source: SRC6, sourcePort: 40000 }]);
  });

  test('leaves Ethernet padding out of the payload', () => {
    expect(payloads(parseCapture(pcap([[...ethernet(0x0800, packet4()), ...zeros(14)]])))).toEqual([PAYLOAD]);
  });

  test('counts what is no whole UDP datagram and goes on', () => {
    const frames = [
      ethernet(0x0800, ipv4(udp(), { proto: 6 })),
      ethernet(0x0800, ipv4(udp(), { proto: 17, fragment: 0x2000 })),
      ethernet(0x0800, ipv4(udp(), { proto: 17, fragment: 185 })),
      ethernet(0x0806, zeros(28)),
      ethernet(0x0800, ipv4(udp(PAYLOAD, 4000), { proto: 17 })),
      ethernet(0x0800, ipv4(udp(PAYLOAD, 3), { proto: 17 })),
      [],
      ethernet(0x0800, packet4()),
    ];
    const capture = parseCapture(pcap(frames));
    expect(capture).toMatchObject({ passedOver: 5, fragments: 2 });
    expect(payloads(capture)).toEqual([PAYLOAD]);
  });

  test('that ends in the middle of a frame gives what came before and says so', () => {
    const whole = pcap([ethernet(0x0800, packet4()), ethernet(0x0800, packet4([9]))]);
    const capture = parseCapture(whole.subarray(0, whole.length - 1));
    expect(capture.truncated).toBe(true);
    expect(payloads(capture)).toEqual([PAYLOAD]);
  });
});

type Word = (value: number) => Bytes;

function pcapng(word: Word, half: Word, blocks: readonly Bytes[]): Uint8Array {
  return datagramOf(
    block(word, 0x0a0d0d0a, [...word(0x1a2b3c4d), ...half(1), ...half(0), ...word(0xffffffff), ...word(0xffffffff)]),
    ...blocks,
  );
}

function block(word: Word, type: number, body: Bytes): Bytes {
  const padded = [...body, ...zeros(-body.length & 3)];
  return [...word(type), ...word(padded.length + 12), ...padded, ...word(padded.length + 12)];
}

describe.each([
  ['big endian', u32, u16],
  ['little endian', (value: number) => little(u32(value)), (value: number) => little(u16(value))],
] as const)('a pcapng file, %s', (_, word, half) => {
  const iface = (linkType: number, tsresol?: number): Bytes =>
    block(word, 1, [
      ...half(linkType),
      ...half(0),
      ...word(0),
      ...(tsresol === undefined ? [] : [...half(9), ...half(1), tsresol, 0, 0, 0, ...half(0), ...half(0)]),
    ]);
  const packet = (on: number, ticks: number, frame: Bytes): Bytes =>
    block(word, 6, [
      ...word(on),
      ...word(Math.floor(ticks / 2 ** 32)),
      ...word(ticks % 2 ** 32),
      ...word(frame.length),
      ...word(frame.length),
      ...frame,
    ]);

  test('gives datagrams of each interface in the unit of its clock', () => {
    const file = pcapng(word, half, [
      iface(1),
      iface(101, 9),
      iface(101, 0x80 | 10),
      packet(0, 5_000_123, ethernet(0x0800, packet4([1]))),
      packet(1, 7_000_000_000, packet4([2])),
      packet(2, 3 * 1024, packet4([3])),
    ]);
    const capture = parseCapture(file);
    expect(capture).toMatchObject({ format: 'pcapng', passedOver: 0, truncated: false });
    expect(capture.datagrams.map(({ payload, timeMs }) => [...payload, timeMs])).toEqual([
      [1, 5000],
      [2, 7000],
      [3, 3000],
    ]);
  });

  test('gives simple packets, and passes over other blocks and unknown interfaces', () => {
    const file = pcapng(word, half, [
      iface(101),
      block(word, 5, zeros(12)),
      packet(4, 0, packet4()),
      block(word, 3, [...word(packet4().length), ...packet4()]),
    ]);
    const capture = parseCapture(file);
    expect(payloads(capture)).toEqual([PAYLOAD]);
    expect(capture.passedOver).toBe(1);
  });

  test('starts its interfaces anew with each section', () => {
    const section = pcapng(word, half, [iface(101), packet(0, 0, packet4())]);
    expect(payloads(parseCapture(datagramOf([...section], [...section])))).toEqual([PAYLOAD, PAYLOAD]);
  });

  test('with a block longer than the file is truncated there', () => {
    const file = pcapng(word, half, [iface(101), packet(0, 0, packet4()), packet(0, 0, packet4())]);
    const capture = parseCapture(file.subarray(0, file.length - 4));
    expect(capture.truncated).toBe(true);
    expect(payloads(capture)).toEqual([PAYLOAD]);
  });
});

describe('a file without a capture around it', () => {
  test('is one datagram', () => {
    const datagram = netflow5([]);
    expect(parseCapture(datagram)).toMatchObject({
      format: 'raw',
      datagrams: [{ payload: datagram, source: '0.0.0.0', sourcePort: 0 }],
    });
  });

  // proves: ipfix-files
  test('of IPFIX messages one after the other is split, and the rest is kept', () => {
    const message = [...ipfix([], { sequence: 5 })];
    expect(payloads(parseCapture(datagramOf(message, message, ip4('1.2.3.4'))))).toEqual([
      message,
      message,
      [1, 2, 3, 4],
    ]);
  });

  test('or of less than four bytes, or none at all, is one clear error', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hairpin-capture-'));
    const file = join(folder, 'short.pcap');
    writeFileSync(file, Uint8Array.of(1, 2, 3));
    expect(() => readCapture(file)).toThrow(`CAPTURE_UNREADABLE: ${file} has 3 bytes, too few for a datagram`);
    expect(() => readCapture(folder)).toThrow(`CAPTURE_UNREADABLE: ${folder} cannot be read (EISDIR)`);
    rmSync(folder, { recursive: true });
  });
});

test('no truncation and no changed byte of a capture throws', () => {
  const frames = [ethernet(0x0800, packet4(), [0x8100, 5]), ethernet(0x86dd, packet6)];
  const iface = block(u32, 1, [...u16(1), ...u16(0), ...u32(0), ...u16(9), ...u16(1), 9, 0, 0, 0]);
  const packet = block(u32, 6, [
    ...u32(0),
    ...u32(1),
    ...u32(2),
    ...u32(frames[0]!.length),
    ...u32(frames[0]!.length),
    ...frames[0]!,
  ]);
  const files = [
    pcap(frames),
    pcap(frames, { swapped: true }),
    pcapng(u32, u16, [iface, packet, block(u32, 3, [...u32(60), ...frames[1]!])]),
  ];
  fc.assert(
    fc.property(fc.constantFrom(...files), fc.nat(), fc.nat(), fc.nat(255), (file, cut, at, value) => {
      const bytes = file.slice(0, 4 + (cut % (file.length - 3)));
      bytes[at % bytes.length] = value;
      const { datagrams } = parseCapture(bytes);
      for (const { payload } of datagrams)
        expect(payload.byteOffset + payload.length).toBeLessThanOrEqual(bytes.length);
    }),
    { seed: 20200101, numRuns: 3000 },
  );
});
