import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import {
  Bench,
  type Bytes,
  EXPORT_S,
  fixedNetflow,
  hex,
  RECEIVED_MS,
  type Row,
  rest8,
  UPTIME_MS,
  u16,
  u32,
} from '../../../testing/data/datagrams.ts';

const ready = requireCorpus();

/** A row of an aggregate that reports nothing; what its scheme reports is written over it. */
const NOTHING_TOLD: Row = {
  receivedAt: RECEIVED_MS,
  timeSource: 'uptime',
  exporter: '198.51.100.1',
  protocol: 'netflow8',
  inIf: 0,
  outIf: 0,
  biflow: 'none',
  counterSource: 'record',
  direction: 'unknown',
  forwardingStatus: 0,
  samplingRate: 0,
  rateSource: 'unknown',
  l2Bytes: 0,
  bytesSumOfSquares: 0,
  packetBytesMax: 0,
  srcAddr: '::',
  dstAddr: '::',
  vrf: 0,
  etherType: 0x0800,
  proto: 0,
  srcPort: 0,
  dstPort: 0,
  tcpFlags: 0,
  tos: 0,
  srcMac: '00:00:00:00:00:00',
  dstMac: '00:00:00:00:00:00',
  vlan: 0,
  sVlan: 0,
  ecid: 0,
  vni: 0,
  stationId: '0'.repeat(32),
};

/** flows, dPkts, dOctets, first and last of the schemes that routers have; then what the flows have in common. */
const aggregate = (key: string, packets = 70, bytes = 90_000): Bytes => [
  ...u32(5),
  ...u32(packets),
  ...u32(bytes),
  ...u32(UPTIME_MS - 60_000),
  ...u32(UPTIME_MS - 500),
  ...hex(key),
];
const SUMS = {
  packets: 70,
  bytes: 90_000,
  flowStart: EXPORT_S * 1000 - 60_000,
  flowEnd: EXPORT_S * 1000 - 500,
};

/** As the configuration guides of NetStream describe the modes: engine 3 (a slot), version 2 of the aggregation. */
const NETSTREAM: readonly (readonly [name: string, aggregation: number, key: string, reported: Row])[] = [
  ['as', 1, 'fde8 fde9 0003 0004', { inIf: 3, outIf: 4 }],
  ['protocol-port', 2, '11 00 0000 0035 c001', { proto: 17, srcPort: 53, dstPort: 49153 }],
  ['source-prefix', 3, '0a010000 10 00 fde8 0003 0000', { srcAddr: '10.1.0.0', inIf: 3 }],
  ['destination-prefix', 4, '0a020000 10 00 fde9 0004 0000', { dstAddr: '10.2.0.0', outIf: 4 }],
  [
    'prefix',
    5,
    '0a010000 0a020000 10 10 0000 fde8 fde9 0003 0004',
    { srcAddr: '10.1.0.0', dstAddr: '10.2.0.0', inIf: 3, outIf: 4 },
  ],
  ['as-tos', 9, 'fde8 fde9 0003 0004 b8 00 0000', { inIf: 3, outIf: 4, tos: 0xb8 }],
  [
    'protocol-port-tos',
    10,
    '06 b8 0000 c001 01bb 0003 0004',
    { proto: 6, tos: 0xb8, srcPort: 49153, dstPort: 443, inIf: 3, outIf: 4 },
  ],
  ['source-prefix-tos', 11, '0a010000 10 b8 fde8 0003 0000', { srcAddr: '10.1.0.0', tos: 0xb8, inIf: 3 }],
  ['destination-prefix-tos', 12, '0a020000 10 b8 fde9 0004 0000', { dstAddr: '10.2.0.0', tos: 0xb8, outIf: 4 }],
  [
    'prefix-tos',
    13,
    '0a010000 0a020000 10 10 b8 00 fde8 fde9 0003 0004',
    { srcAddr: '10.1.0.0', dstAddr: '10.2.0.0', tos: 0xb8, inIf: 3, outIf: 4 },
  ],
  [
    'prefix-port',
    14,
    '0a010000 0a020000 10 10 b8 06 c001 01bb 0003 0004',
    { srcAddr: '10.1.0.0', dstAddr: '10.2.0.0', tos: 0xb8, proto: 6, srcPort: 49153, dstPort: 443, inIf: 3, outIf: 4 },
  ],
];

// proves: netflow8, netstream-fixed
test.each(NETSTREAM)(
  'mode %s is a row a record, with what it reports and nothing else',
  (_, aggregation, key, reported) => {
    const bench = new Bench();
    const records = [aggregate(key), aggregate(key, 1, 40), aggregate(key)];
    const rows = bench.decode(fixedNetflow(8, rest8(aggregation, 0, 3), records));
    const row = { ...NOTHING_TOLD, observationDomain: 0x300 | aggregation, ...SUMS, ...reported };
    expect(rows).toEqual([row, { ...row, packets: 1, bytes: 40 }, row]);
    expect(bench.domain()).toMatchObject({ records: 3, unknownRateRecords: 3, malformedSets: 0 });
  },
);

test('the reserved bytes behind the aggregation are no sampling rate, and its version does not matter', () => {
  const rest = [...u32(0), ...u16(3), 1, 99, ...hex('40640000')];
  expect(new Bench().decode(fixedNetflow(8, rest, [aggregate('fde8fde900030004')]))).toMatchObject([
    { samplingRate: 0, rateSource: 'unknown', observationDomain: 0x301, inIf: 3 },
  ]);
});

test.each([0, 15, 255])('aggregation %i is unknown: counted by exporter, and no row', aggregation => {
  const bench = new Bench();
  expect(bench.decode(fixedNetflow(8, rest8(aggregation), [aggregate('00'.repeat(24))]))).toEqual([]);
  expect(bench.faults('netflow8')).toEqual({ 'unknown-aggregation': 1 });
  expect(bench.domain()).toMatchObject({ datagrams: 1, malformedSets: 1, records: 0, lost: 0 });
});

// proves: loss-flows
test('each cache of each engine numbers its records on its own', () => {
  const bench = new Bench();
  const records = [aggregate('fde8fde900030004')];
  for (let i = 0; i < 20; i++) {
    bench.decode(fixedNetflow(8, rest8(1, i, 0x0001), records));
    bench.decode(fixedNetflow(8, rest8(2, 5000 + i, 0x0001), records));
    bench.decode(fixedNetflow(8, rest8(1, 90_000 + i, 0x0002), records));
  }
  bench.decode(fixedNetflow(8, rest8(2, 5030, 0x0001), records));
  expect(bench.domains().map(({ id, records, lost }) => [id, records, lost])).toEqual([
    [0x0101, 20, 0],
    [0x0102, 21, 10],
    [0x0201, 20, 0],
  ]);
});

/** What filebeat's own test expects of each vector, by the names of our columns. */
const common = { packets: 0x9abcdef, bytes: 0x11223344, first: 0x55667788, last: 0x99aa99bb };
const FILEBEAT: Readonly<Record<string, Row>> = {
  RouterAS: { ...common, inIf: 0x3333, outIf: 0x4444 },
  RouterProtoPort: { ...common, proto: 0x11, srcPort: 0x3333, dstPort: 0x4444 },
  RouterSrcPrefix: { ...common, srcAddr: '17.17.34.34', inIf: 0x0506 },
  RouterDstPrefix: { ...common, dstAddr: '17.17.34.34', outIf: 0x0506 },
  RouterPrefix: { ...common, srcAddr: '17.17.34.34', dstAddr: '51.51.68.68', inIf: 0x090a, outIf: 0x0b0c },
  DestOnly: { ...common, dstAddr: '18.52.86.120', outIf: 0x1111, tos: 0x22 },
  SrcDst: {
    packets: 0x11223344,
    bytes: 0x55667788,
    first: 0x99aa99bb,
    last: 0x11112222,
    srcAddr: '9.171.205.239',
    dstAddr: '18.52.86.120',
    inIf: 0x4444,
    outIf: 0x3333,
    tos: 0x55,
  },
  FullFlow: {
    packets: 0x55667788,
    bytes: 0x99aa99bb,
    first: 0x11112222,
    last: 0x33334444,
    srcAddr: '9.171.205.239',
    dstAddr: '18.52.86.120',
    srcPort: 0x3344,
    dstPort: 0x1122,
    inIf: 0x6666,
    outIf: 0x5555,
    tos: 0x71,
    proto: 0x81,
  },
  TosAS: { ...common, inIf: 0x3333, outIf: 0x4444, tos: 0x55 },
  TosProtoPort: {
    ...common,
    proto: 0x11,
    tos: 0x11,
    srcPort: 0x3333,
    dstPort: 0x4444,
    inIf: 0x5555,
    outIf: 0x6666,
  },
  TosSrcPrefix: { ...common, srcAddr: '17.17.34.34', tos: 0x33, inIf: 0x5555 },
  TosDstPrefix: { ...common, dstAddr: '17.17.34.34', tos: 0x33, outIf: 0x5555 },
  TosPrefix: {
    ...common,
    srcAddr: '17.17.34.34',
    dstAddr: '51.51.68.68',
    tos: 0x66,
    inIf: 0xb1c1,
    outIf: 0xd1e1,
  },
  PrePortProtocol: {
    ...common,
    srcAddr: '17.17.34.34',
    dstAddr: '51.51.68.68',
    tos: 0x66,
    proto: 0x66,
    srcPort: 0x7181,
    dstPort: 0x91a1,
    inIf: 0xb1c1,
    outIf: 0xd1e1,
  },
};

// proves: netflow8
describe.skipIf(!ready)("filebeat's vectors give what its own test expects", () => {
  const read = (name: string) => readFileSync(pathOf(`beats/extracted/v8_${name}.bin`));
  const exportMs = Date.parse('2018-11-22T20:53:03.987Z');
  const uptimeMs = 0x10002;

  test.each(Object.entries(FILEBEAT))('%s', (name, expected) => {
    const bench = new Bench();
    const vector = read(name);
    const { first, last, ...reported } = expected;
    const at = (uptime: Row[string]) => exportMs + ((Number(uptime) - uptimeMs) | 0);
    expect(bench.decode(vector)).toEqual([
      {
        ...NOTHING_TOLD,
        observationDomain: 0x010200 | vector[22]!,
        flowStart: at(first!),
        flowEnd: at(last!),
        ...reported,
      },
    ]);
    expect(bench.faults('netflow8')).toEqual({});
  });

  test('Unknown has no record', () => {
    const bench = new Bench();
    expect(bench.decode(read('Unknown'))).toEqual([]);
    expect(bench.faults('netflow8')).toEqual({ 'unknown-aggregation': 1 });
  });
});
