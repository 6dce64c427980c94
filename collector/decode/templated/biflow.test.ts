import { describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
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
  u64,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { RECORDS_PER_DATAGRAM_MAX } from '../context.ts';

const REVERSE = 29305;

describe('a record with reverse elements (RFC 5103)', () => {
  const fields: FieldSpec[] = [
    [8, 4],
    [12, 4],
    [7, 2],
    [11, 2],
    [4, 1],
    [10, 4],
    [14, 4],
    [56, 6],
    [80, 6],
    [58, 2],
    [61, 1],
    [5, 1],
    [6, 1],
    [152, 8],
    [153, 8],
    [1, 8],
    [2, 4],
    [1, 8, REVERSE],
    [2, 4, REVERSE],
    [6, 1, REVERSE],
    [152, 8, REVERSE],
    [198, 8],
    [26, 2],
    [198, 8, REVERSE],
  ];
  const ends = [...ip4('10.0.0.1'), ...ip4('10.0.0.2'), ...u16(40000), ...u16(443), 6, ...u32(3), ...u32(4)];
  const link = [...[2, 0, 0, 0, 0, 0x0a], ...[2, 0, 0, 0, 0, 0x0b], ...u16(100), 0, 0x10, 0x1b];
  const record = (reverseBytes: number, reversePackets = 0): Bytes => [
    ...ends,
    ...link,
    ...u64(1577836790000),
    ...u64(1577836799000),
    ...u64(1000),
    ...u32(10),
    ...u64(reverseBytes),
    ...u32(reversePackets),
    0x12,
    ...u64(1577836790020),
    ...u64(200_000),
    ...u16(400),
    ...u64(4_000_000),
  ];
  const announce = set(2, template(300, fields));

  // proves: biflow
  test('becomes two rows: the second has its ends swapped, its own counters, flags and start', () => {
    const rows = new Bench().decode(ipfix([announce, set(300, record(5000, 8))]));
    expect(rows).toMatchObject([
      {
        srcAddr: '10.0.0.1',
        dstAddr: '10.0.0.2',
        srcPort: 40000,
        dstPort: 443,
        inIf: 3,
        outIf: 4,
        bytes: 1000,
        packets: 10,
        bytesSumOfSquares: 200_000,
        packetBytesMax: 400,
        biflow: 'forward',
      },
      {
        srcAddr: '10.0.0.2',
        dstAddr: '10.0.0.1',
        srcPort: 443,
        dstPort: 40000,
        inIf: 4,
        outIf: 3,
        bytes: 5000,
        packets: 8,
        bytesSumOfSquares: 4_000_000,
        packetBytesMax: 0,
        biflow: 'reverse',
      },
    ]);
    expect(rows[0]).toMatchObject({ srcMac: '02:00:00:00:00:0a', tcpFlags: 0x1b, tos: 0x10, direction: 'ingress' });
    expect(rows[1]).toMatchObject({
      srcMac: '02:00:00:00:00:0b',
      dstMac: '02:00:00:00:00:0a',
      proto: 6,
      vlan: 100,
      etherType: 0x0800,
      tcpFlags: 0x12,
      // Nothing was said of the other direction.
      tos: 0,
      direction: 'unknown',
      flowStart: 1577836790020,
      flowEnd: 1577836799000,
    });
  });

  test('whose reverse counters are all zero stays one row; one that is not zero is enough', () => {
    expect(new Bench().decode(ipfix([announce, set(300, record(0), record(0, 1), record(7))]))).toMatchObject([
      { bytes: 1000, biflow: 'forward' },
      { bytes: 1000, biflow: 'forward' },
      { bytes: 0, packets: 1, biflow: 'reverse' },
      { bytes: 1000, biflow: 'forward' },
      { bytes: 7, packets: 0, biflow: 'reverse' },
    ]);
  });

  test('counts once in the sequence of data records', () => {
    const bench = new Bench();
    bench.decode(ipfix([announce], { sequence: 0 }));
    for (let sequence = 0; sequence < 20; sequence += 2)
      bench.decode(ipfix([set(300, record(1), record(2))], { sequence }));
    expect(bench.domain().lost).toBe(0);
    expect(bench.domain().records).toBe(40);
  });

  test('fills batches of any size without losing a row', () => {
    for (const rowsMax of [1, 2, 3, 7]) {
      const bench = new Bench({ rowsMax });
      const rows = bench.decode(ipfix([announce, set(300, record(1), record(0), record(2), record(3))]));
      expect(rows.map(row => row['bytes'])).toEqual([1000, 1, 1000, 1000, 2, 1000, 3]);
    }
  });

  test('may make no more rows than a datagram may become', () => {
    const pair: FieldSpec[] = [
      [1, 1],
      [1, 1, REVERSE],
    ];
    const bench = new Bench({ rowsMax: 65536 });
    const records = new Array<number>(2 * RECORDS_PER_DATAGRAM_MAX).fill(1);
    expect(bench.decode(ipfix([set(2, template(300, pair)), set(300, records)])).length).toBe(RECORDS_PER_DATAGRAM_MAX);
    expect(bench.faults('ipfix')).toEqual({ 'output-budget': 1 });
  });

  test('with variable fields has its reverse row as well', () => {
    const variable: FieldSpec[] = [
      [82, 65535],
      [27, 16],
      [28, 16],
      [85, 8],
      [85, 65535, REVERSE],
    ];
    const rows = new Bench().decode(
      ipfix([set(2, template(300, variable)), set(300, [2, 65, 66, ...src6, ...dst6, ...u64(9), 2, ...u16(600)])]),
    );
    expect(rows).toMatchObject([
      { srcAddr: '2001:db8::1', bytes: 9 },
      { srcAddr: '2001:db8::2', dstAddr: '2001:db8::1', bytes: 600, etherType: 0x86dd },
    ]);
  });

  test('of ICMP has no ports in the other direction', () => {
    const icmp: FieldSpec[] = [
      [7, 2],
      [11, 2],
      [4, 1],
      [1, 4],
      [1, 4, REVERSE],
    ];
    const rows = new Bench().decode(
      ipfix([set(2, template(300, icmp)), set(300, [0, 0, 8, 0, 1, ...u32(84), ...u32(84)])]),
    );
    expect(rows).toMatchObject([
      { srcPort: 0, dstPort: 0x0800 },
      { srcPort: 0, dstPort: 0 },
    ]);
  });

  test('without a reverse counter is a plain record', () => {
    const flags: FieldSpec[] = [
      [1, 4],
      [6, 1, REVERSE],
    ];
    expect(new Bench().decode(ipfix([set(2, template(300, flags)), set(300, [...u32(5), 2])]))).toMatchObject([
      { bytes: 5, tcpFlags: 0, biflow: 'none' },
    ]);
  });
});

describe('initiator and responder counters', () => {
  // proves: firewall-directions
  test('231 and 298 are the row, 232 and 299 the row of the other direction', () => {
    const fields: FieldSpec[] = [
      [8, 4],
      [12, 4],
      [7, 2],
      [11, 2],
      [231, 4],
      [232, 4],
      [298, 4],
      [299, 4],
    ];
    const record = [
      ...ip4('10.0.0.1'),
      ...ip4('10.0.0.2'),
      ...u16(40000),
      ...u16(443),
      ...[81, 763, 2, 3].flatMap(u32),
    ];
    expect(new Bench().decode(ipfix([set(2, template(300, fields)), set(300, record)]))).toMatchObject([
      { srcAddr: '10.0.0.1', srcPort: 40000, bytes: 81, packets: 2, biflow: 'forward' },
      { srcAddr: '10.0.0.2', srcPort: 443, bytes: 763, packets: 3, biflow: 'reverse' },
    ]);
  });

  test('232 alone, which other exporters use for something else, makes no row', () => {
    const fields: FieldSpec[] = [
      [1, 4],
      [232, 4],
    ];
    expect(new Bench().decode(ipfix([set(2, template(300, fields)), set(300, [...u32(81), ...u32(9)])]))).toHaveLength(
      1,
    );
  });

  test('of application visibility belong to client and server', () => {
    const fields: FieldSpec[] = [
      [12236, 4, 9],
      [12237, 4, 9],
      [12241, 2, 9],
      [4, 1],
      [231, 4],
      [232, 4],
    ];
    const record = [...ip4('10.0.0.1'), ...ip4('10.0.0.2'), ...u16(443), ...u8(6), ...u32(81), ...u32(763)];
    expect(new Bench().decode(ipfix([set(2, template(300, fields)), set(300, record, zeros(3))]))).toMatchObject([
      { srcAddr: '10.0.0.1', dstAddr: '10.0.0.2', srcPort: 0, dstPort: 443, bytes: 81 },
      { srcAddr: '10.0.0.2', dstAddr: '10.0.0.1', srcPort: 443, dstPort: 0, bytes: 763 },
    ]);
  });
});
