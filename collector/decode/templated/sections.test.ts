import { describe, expect, test } from 'vitest';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import {
  Bench,
  type Bytes,
  EXPORT_S,
  ethernet,
  type FieldSpec,
  ipfix,
  ipv4,
  ipv6,
  netflow9,
  type Row,
  set,
  tcp,
  template,
  u16,
  u32,
  udp,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { readCapture } from '../../captures/capture.ts';

function decode(fields: readonly FieldSpec[], ...records: readonly Bytes[]): Row[] {
  return new Bench().decode(ipfix([set(2, template(300, fields)), set(300, ...records)]));
}
const FRAME = ethernet(0x0800, ipv4(tcp(), { totalLength: 1400 }), [0x8100, 100]);

describe('315 dataLinkFrameSection', () => {
  // proves: frames-in-records
  test('fills the columns of one packet: ends, tags, IP length, and the frame with 312', () => {
    const rows = decode(
      [
        [10, 4],
        [312, 2],
        [315, 65535],
      ],
      [...u32(7), ...u16(1418), FRAME.length, ...FRAME],
    );
    expect(rows).toMatchObject([
      {
        inIf: 7,
        srcAddr: '10.1.0.1',
        dstAddr: '10.2.0.2',
        proto: 6,
        srcPort: 40000,
        dstPort: 443,
        tcpFlags: 0x12,
        vlan: 100,
      },
    ]);
    expect(rows).toMatchObject([
      {
        srcMac: '02:00:00:00:00:0a',
        dstMac: '02:00:00:00:00:0b',
        etherType: 0x0800,
        bytes: 1400,
        packets: 1,
        l2Bytes: 1418,
      },
    ]);
  });

  test('of fixed length is read as far as 312 or 410 say: the rest is padding', () => {
    const arp = ethernet(0x0806, zeros(10));
    const padded = (frame: Bytes) => [...frame, ...zeros(64 - frame.length)];
    expect(
      decode(
        [
          [312, 2],
          [315, 64],
        ],
        [...u16(arp.length), ...padded(arp)],
        [...u16(FRAME.length), ...padded(FRAME)],
      ),
    ).toMatchObject([
      { etherType: 0x0806, bytes: 10, l2Bytes: 24 },
      { etherType: 0x0800, srcPort: 40000 },
    ]);
    // Ends before the ports.
    expect(
      decode(
        [
          [410, 2],
          [315, 64],
        ],
        [...u16(38), ...padded(FRAME)],
      ),
    ).toMatchObject([{ srcAddr: '10.1.0.1', srcPort: 0 }]);
  });

  test('leaves to the elements of the record what they say', () => {
    const fields: FieldSpec[] = [
      [1, 4],
      [2, 4],
      [7, 2],
      [352, 4],
      [315, FRAME.length],
    ];
    expect(decode(fields, [...u32(9999), ...u32(7), ...u16(1), ...u32(12000), ...FRAME])).toMatchObject([
      { bytes: 9999, packets: 7, srcPort: 1, dstPort: 443, l2Bytes: 12000 },
    ]);
  });

  test('too short for a frame costs the section, not the record', () => {
    const bench = new Bench();
    const fields: FieldSpec[] = [
      [10, 4],
      [315, 65535],
    ];
    const rows = bench.decode(
      ipfix([set(2, template(300, fields)), set(300, [...u32(7), 5, ...zeros(5)], [...u32(8), 0])]),
    );
    expect(rows).toMatchObject([
      { inIf: 7, packets: 1, srcAddr: '::' },
      { inIf: 8, packets: 1 },
    ]);
    expect(bench.faults('ipfix')).toEqual({ 'header-malformed': 2 });
  });

  test('that begins within the packet (409) is not taken for its beginning', () => {
    expect(
      decode(
        [
          [409, 2],
          [315, FRAME.length],
        ],
        [...u16(14), ...FRAME],
      ),
    ).toMatchObject([{ srcAddr: '::', packets: 1 }]);
  });

  test('in a batch used again leaves nothing behind', () => {
    const bench = new Bench({ rowsMax: 2 });
    const fields: FieldSpec[] = [
      [312, 2],
      [315, 64],
    ];
    const arp = ethernet(0x0806, zeros(50));
    const rows = bench.decode(
      ipfix([
        set(2, template(300, fields)),
        set(300, [...u16(64), ...FRAME, ...zeros(64 - FRAME.length)], [...u16(64), ...arp], [...u16(64), ...arp]),
      ]),
    );
    expect(rows[2]).toMatchObject({ srcAddr: '::', vlan: 0, srcPort: 0, etherType: 0x0806 });
  });
});

describe('other sections', () => {
  // proves: packets-in-records
  test('313 ipHeaderPacketSection begins with an IP header of either version', () => {
    const [v4, v6] = [ipv4(udp(), { proto: 17 }), ipv6(6, tcp())];
    expect(decode([[313, 65535]], [v4.length, ...v4], [v6.length, ...v6])).toMatchObject([
      { srcAddr: '10.1.0.1', proto: 17, dstPort: 53, bytes: 28, packets: 1 },
      { srcAddr: '2001:db8::1', proto: 6, dstPort: 443, bytes: 60 },
    ]);
  });

  // proves: frames-in-records
  test('104 layer2packetSectionData of NetFlow v9, with its size in 103', () => {
    const fields: FieldSpec[] = [
      [102, 2],
      [103, 2],
      [104, FRAME.length],
    ];
    const rows = new Bench().decode(
      netflow9([set(0, template(300, fields)), set(300, [...u16(0), ...u16(1418), ...FRAME])]),
    );
    expect(rows).toMatchObject([{ srcAddr: '10.1.0.1', l2Bytes: 1418, bytes: 1400, packets: 1 }]);
  });

  // proves: packets-in-records
  test('316 mplsLabelStackSection leads through its labels to the packet', () => {
    const labels = [0x00, 0x01, 0x00, 0x40, 0x00, 0x02, 0x01, 0x40];
    expect(decode([[316, 65535]], [labels.length + 40, ...labels, ...ipv4(tcp())])).toMatchObject([
      { srcAddr: '10.1.0.1', dstPort: 443, bytes: 40 },
    ]);
  });
});

const ready = requireCorpus();

describe.skipIf(!ready)('captures', () => {
  test('softflowd PSAMP gives one packet a record, at the time it was observed', () => {
    const bench = new Bench({ rowsMax: 4096 });
    const rows = readCapture(pathOf(`made/softflowd-psamp.pcap`)).datagrams.flatMap(
      ({ payload, source, sourcePort, timeMs }) => bench.decode(payload, source, sourcePort, timeMs),
    );
    expect(rows.length).toBe(42);
    // The first packet of the second conversation that make.ts invents.
    expect(rows[2]).toMatchObject({
      srcAddr: '10.0.0.2',
      dstAddr: '10.0.1.2',
      srcPort: 40001,
      dstPort: 443,
      bytes: 70,
      packets: 1,
    });
    expect(rows[2]).toMatchObject({
      srcMac: '02:00:00:00:01:02',
      dstMac: '02:00:00:00:00:02',
      flowStart: Date.parse('2026-01-01T12:00:00.040Z'),
    });
    expect(rows.filter(row => row['srcAddr'] === '::')).toEqual([]);
    expect(bench.faults('ipfix')).toEqual({});
  });

  // proves: frames-in-records
  test('every conversation of the PSAMP packets is one that softflowd metered of the same traffic, and no larger', () => {
    const conversations = (file: string) => {
      const bench = new Bench({ rowsMax: 4096 });
      const { datagrams } = readCapture(pathOf(`made/${file}`));
      const sums = new Map<string, number>();
      for (const { payload, source, sourcePort, timeMs } of datagrams) {
        for (const row of bench.decode(payload, source, sourcePort, timeMs)) {
          const ends = `${row['srcAddr']} ${row['srcPort']} ${row['dstAddr']} ${row['dstPort']} ${row['proto']}`;
          sums.set(ends, (sums.get(ends) ?? 0) + Number(row['bytes']));
        }
      }
      return sums;
    };
    const metered = conversations('softflowd-ipfix-biflow.pcap');
    const sampled = conversations('softflowd-psamp.pcap');
    const unknown = [...sampled].filter(([ends, bytes]) => bytes > (metered.get(ends) ?? 0));
    expect(unknown).toEqual([]);
    expect(sampled.size).toBeGreaterThan(20);
  });

  test.each([
    ['datalink', { vlan: 231, bytes: 96 }],
    ['ethernet-over-mpls-with-control-word', {}],
  ])('akvorado %s', (name, expected) => {
    const bench = new Bench();
    const rows = ['template', 'data'].flatMap(part =>
      readCapture(pathOf(`akvorado/netflow/${name}-${part}.pcap`)).datagrams.flatMap(({ payload }) =>
        bench.decode(payload),
      ),
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(rows[0]).toMatchObject(expected);
    for (const row of rows) expect(row['srcAddr']).not.toBe('::');
    expect(bench.faults('ipfix')).toEqual({});
  });
});

test('a section beside 324 takes its time', () => {
  const ntp = [...u32(EXPORT_S + 2208988800), ...u32(2 ** 31)];
  expect(
    decode(
      [
        [324, 8],
        [315, 65535],
      ],
      [...ntp, FRAME.length, ...FRAME],
    ),
  ).toMatchObject([{ flowStart: EXPORT_S * 1000 + 500, flowEnd: EXPORT_S * 1000 + 500 }]);
});
