// Export datagrams in fragments: what is put together is the datagram that was sent, in any order, and tshark reads the same.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import {
  type Bytes,
  datagramOf,
  dst6,
  type FieldSpec,
  ip4,
  ipfix,
  set,
  src6,
  template,
  u8,
  u16,
  u32,
  zeros,
} from '../../testing/data/datagrams.ts';
import { onPath, requireTool } from '../../testing/requirements.ts';
import { parseCapture } from './capture.ts';
import { decodeFiles } from './decode/decode-files.ts';
import { FRAGMENTS_PER_PACKET_MAX, PACKETS_MAX, REASSEMBLY_MS_MAX } from './fragments.ts';

const folder = mkdtempSync(join(tmpdir(), 'hairpin-fragments-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FIELDS: readonly FieldSpec[] = [
  [8, 4],
  [12, 4],
  [1, 4],
];
const record = (i: number): Bytes => [...ip4('198.51.100.7'), ...ip4('203.0.113.9'), ...u32(1000 + i)];
const RECORDS = 200;
/** Some 2,400 bytes. */
const message = [
  ...ipfix([set(2, template(300, FIELDS)), set(300, ...Array.from({ length: RECORDS }, (_, i) => record(i)))]),
];
const udpOf = (payload: Bytes): Bytes => [
  ...u16(4739),
  ...u16(4739),
  ...u16(8 + payload.length),
  ...u16(0),
  ...payload,
];
const packet = udpOf(message);

interface Cut {
  readonly from: number;
  readonly to: number;
  readonly last: boolean;
}

/** Cuts of at most `size` bytes, a multiple of 8. */
const cutsOf = (length: number, size: number): Cut[] =>
  Array.from({ length: Math.ceil(length / size) }, (_, i) => ({
    from: i * size,
    to: Math.min(length, (i + 1) * size),
    last: (i + 1) * size >= length,
  }));

function fragment4(whole: Bytes, { from, to, last }: Cut, id = 7, proto = 17): Bytes {
  const body = whole.slice(from, to);
  const flags = (last ? 0 : 0x2000) | (from / 8);
  const head = [0x45, 0, ...u16(20 + body.length), ...u16(id), ...u16(flags), 64, proto, ...u16(0)];
  return [...head, ...ip4('192.0.2.1'), ...ip4('192.0.2.2'), ...body];
}

/** With a hop-by-hop header in front of the fragment header (RFC 8200 4.5). */
function fragment6(whole: Bytes, { from, to, last }: Cut, id = 7): Bytes {
  const body = whole.slice(from, to);
  const fragment = [17, 0, ...u16(from | (last ? 0 : 1)), ...u32(id)];
  const payload = [44, 0, 1, 4, ...zeros(4), ...fragment, ...body];
  return [0x60, ...zeros(3), ...u16(payload.length), 0, 64, ...src6, ...dst6, ...payload];
}

function pcap(packets: readonly Bytes[], msOf: (i: number) => number = () => 0): Uint8Array {
  const head = [...u32(0xa1b2c3d4), ...u16(2), ...u16(4), ...zeros(8), ...u32(65535), ...u32(101)];
  const records = packets.flatMap((bytes, i) => {
    const ms = msOf(i);
    const lengths = [...u32(bytes.length), ...u32(bytes.length)];
    return [...u32(100 + Math.floor(ms / 1000)), ...u32((ms % 1000) * 1000), ...lengths, ...bytes];
  });
  return datagramOf(head, records);
}

const payloadsOf = (file: Uint8Array) => parseCapture(file).datagrams.map(({ payload }) => [...payload]);

describe.each([
  ['IPv4', fragment4],
  ['IPv6', fragment6],
] as const)('%s fragments', (_, fragment) => {
  // proves: export-fragments
  test('are put together in any order', () => {
    const size = fc.integer({ min: 20, max: 250 }).map(words => 8 * words);
    const shuffled = size.chain(bytes =>
      fc.shuffledSubarray(cutsOf(packet.length, bytes), { minLength: Math.ceil(packet.length / bytes) }),
    );
    fc.assert(
      fc.property(shuffled, cuts => {
        const capture = parseCapture(pcap(cuts.map(cut => fragment(packet, cut))));
        expect(capture.datagrams.map(({ payload }) => [...payload])).toEqual([message]);
        expect(capture).toMatchObject({ passedOver: 0, fragments: 0 });
        expect(capture.datagrams[0]).toMatchObject({ sourcePort: 4739, destinationPort: 4739 });
      }),
      { numRuns: 30 },
    );
  });

  test('of two packets at a time are put together each by itself', () => {
    const other = udpOf(message.map(byte => byte ^ 0xff));
    const cuts = cutsOf(packet.length, 1000);
    const mixed = cuts.flatMap(cut => [fragment(packet, cut, 1), fragment(other, cut, 2)]);
    expect(payloadsOf(pcap(mixed))).toEqual([message, other.slice(8)]);
  });

  // proves: export-fragments
  test('that are not all there are counted as fragments', () => {
    const cuts = cutsOf(packet.length, 1000);
    for (let left = 0; left < cuts.length; left++) {
      const capture = parseCapture(pcap(cuts.toSpliced(left, 1).map(cut => fragment(packet, cut))));
      expect(capture).toMatchObject({ datagrams: [], passedOver: 0, fragments: cuts.length - 1 });
    }
  });

  test('that come twice change nothing', () => {
    const cuts = cutsOf(packet.length, 1000);
    const capture = parseCapture(pcap([cuts[0]!, cuts[0]!, ...cuts.slice(1)].map(cut => fragment(packet, cut))));
    expect(capture.datagrams.map(({ payload }) => [...payload])).toEqual([message]);
    expect(capture.fragments).toBe(1);
  });

  test('that contradict those before them begin a new packet: the identification was used again', () => {
    const [first, ...rest] = cutsOf(packet.length, 1000);
    const old = udpOf(message.map(() => 1));
    const capture = parseCapture(pcap([fragment(old, first!), ...[first!, ...rest].map(cut => fragment(packet, cut))]));
    expect(capture.datagrams.map(({ payload }) => [...payload])).toEqual([message]);
    expect(capture.fragments).toBe(1);
  });

  test(`wait for ${REASSEMBLY_MS_MAX} ms`, () => {
    const [first, ...rest] = cutsOf(packet.length, 1000).map(cut => fragment(packet, cut));
    const after = (ms: number) => parseCapture(pcap([first!, ...rest], i => (i === 0 ? 0 : ms)));
    expect(after(REASSEMBLY_MS_MAX).datagrams.length).toBe(1);
    expect(after(REASSEMBLY_MS_MAX + 1)).toMatchObject({ datagrams: [], fragments: 1 + rest.length });
  });

  test('wait with a bounded number of packets: the oldest is given up', () => {
    const cuts = cutsOf(packet.length, 2000);
    const of = (packets: number) => {
      const begun = Array.from({ length: packets - 1 }, (_unused, i) =>
        fragment(udpOf(zeros(8)), cutsOf(16, 8)[0]!, i + 1000),
      );
      const [first, second] = cuts.map(cut => fragment(packet, cut));
      return parseCapture(pcap([first!, ...begun, second!]));
    };
    expect(of(PACKETS_MAX)).toMatchObject({ datagrams: [{}], fragments: PACKETS_MAX - 1 });
    expect(of(PACKETS_MAX + 1)).toMatchObject({ datagrams: [], fragments: PACKETS_MAX + 2 });
  });

  test('are at most so many of one packet', () => {
    const of = (count: number) => {
      const whole = udpOf(zeros(8 * count - 8));
      return parseCapture(pcap(cutsOf(whole.length, 8).map(cut => fragment(whole, cut))));
    };
    expect(of(FRAGMENTS_PER_PACKET_MAX).datagrams.length).toBe(1);
    expect(of(FRAGMENTS_PER_PACKET_MAX + 1).datagrams.length).toBe(0);
  });

  test('of nonsense neither throw nor give more bytes than there are', () => {
    const cut = fc.record({
      from: fc.integer({ min: 0, max: 8191 }).map(words => 8 * words),
      length: fc.integer({ min: 0, max: 40 }),
      last: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(cut, { maxLength: 12 }), cuts => {
        const packets = cuts.map(({ from, length, last }) => {
          const bytes = fragment(zeros(length), { from: 0, to: length, last });
          // The offset is written over: the body is not that of a packet that long.
          const at = fragment === fragment4 ? 6 : 50;
          const flags = fragment === fragment4 ? (from / 8) | (last ? 0 : 0x2000) : from | (last ? 0 : 1);
          return bytes.toSpliced(at, 2, ...u16(flags));
        });
        const { datagrams, fragments, passedOver } = parseCapture(pcap(packets));
        const given = datagrams.reduce((sum, { payload }) => sum + payload.length, 0);
        expect(given).toBeLessThanOrEqual(cuts.reduce((sum, { length }) => sum + length, 0));
        expect(fragments + passedOver).toBeLessThanOrEqual(cuts.length);
      }),
    );
  });
});

test('fragments of what is neither UDP nor GRE are no export', () => {
  const capture = parseCapture(pcap(cutsOf(packet.length, 1000).map(cut => fragment4(packet, cut, 7, 6))));
  expect(capture).toMatchObject({ datagrams: [], passedOver: 3, fragments: 0 });
});

test('GRE in fragments is put together', () => {
  const gre = [...u16(0x1000), ...u16(0x88be), ...u32(1), ...zeros(1992)];
  const capture = parseCapture(pcap(cutsOf(gre.length, 1000).map(cut => fragment4(gre, cut, 7, 47))));
  expect(capture.gre.map(({ payload }) => [...payload])).toEqual([gre]);
});

test('UDP behind extension headers that are no fragment is read', () => {
  const payload = [60, 0, 1, 4, ...zeros(4), 17, 0, 1, 4, ...zeros(4), ...packet];
  const bytes = [0x60, ...zeros(3), ...u16(payload.length), ...u8(0), 64, ...src6, ...dst6, ...payload];
  expect(payloadsOf(pcap([bytes]))).toEqual([message]);
});

async function decode(file: Uint8Array): Promise<{ out: string; err: string }> {
  const path = join(folder, 'capture.pcap');
  writeFileSync(path, file);
  const texts = ['', ''];
  const [out, err] = [0, 1].map(
    i =>
      new Writable({
        write(chunk, _encoding, done) {
          texts[i] += String(chunk);
          done();
        },
      }),
  );
  await decodeFiles([path], { format: 'csv' }, out!, err!);
  return { out: texts[0]!, err: texts[1]! };
}

describe('hairpin decode', () => {
  // proves: export-fragments
  test('gives the records of an export datagram in fragments', async () => {
    const { out, err } = await decode(
      pcap(
        cutsOf(packet.length, 1480)
          .reverse()
          .map(cut => fragment4(packet, cut)),
      ),
    );
    expect(out.trim().split('\n').length).toBe(1 + RECORDS);
    expect(err).toContain(`pcap, 1 datagrams, ${RECORDS} records\n`);
  });

  test('says that what it cannot put together were fragments', async () => {
    const [first] = cutsOf(packet.length, 1480).map(cut => fragment4(packet, cut));
    const { err } = await decode(pcap([first!]));
    expect(err).toContain('pcap, 0 datagrams, 0 records, 1 fragments of datagrams that are not whole\n');
  });

  const ready = requireTool('tshark', onPath('tshark'), 'no such program on PATH (Debian package tshark)');
  test.runIf(ready).each([
    ['IPv4', fragment4],
    ['IPv6', fragment6],
  ] as const)('reads of %s fragments what tshark reads', async (_, fragment) => {
    const file = pcap(
      cutsOf(packet.length, 1000)
        .reverse()
        .map(cut => fragment(packet, cut)),
    );
    const { out } = await decode(file);
    const [head, ...lines] = out
      .trim()
      .split('\n')
      .map(line => line.split(','));
    const octets = lines.map(line => Number(line[head!.indexOf('bytes')]));
    const args = [
      '-r',
      join(folder, 'capture.pcap'),
      '-d',
      'udp.port==4739,cflow',
      '-T',
      'fields',
      '-e',
      'cflow.octets',
    ];
    const text = execFileSync('tshark', args, { encoding: 'utf8' }).trim();
    expect(octets.length).toBe(RECORDS);
    expect(octets).toEqual(text.split(',').map(Number));
  });
});
