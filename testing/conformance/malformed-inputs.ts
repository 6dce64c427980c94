// Inputs of each malformed case, in their order, with everything that a decoder counts for them: the faults of all
// protocols together, and what else an exporter has a counter for. Where the faults are none, the input is read.

import type { Fault } from '../../collector/decode/faults.ts';
import {
  type Bytes,
  datagramOf,
  ethernet,
  type FieldSpec,
  fixedNetflow,
  flowSample,
  ip4,
  ipfix,
  ipfixOptions,
  ipv4,
  ipv6,
  netflow5,
  netflow9,
  record5,
  sampledHeader,
  set,
  sflow,
  tcp,
  template,
  typed,
  u16,
  u32,
  udp,
  v9Options,
  zeros,
} from '../data/datagrams.ts';

/** Counters of exporters that are no faults. */
export type Reported = 'unknownRateRecords' | 'lostSets' | 'lost' | 'restarts';

export interface MalformedInput {
  readonly about: string;
  /** In the order in which they are sent, from one address and port. */
  readonly datagrams: readonly Uint8Array[];
  /** Each from a port of its own instead. */
  readonly apart?: true;
  /** So long nothing comes afterwards. */
  readonly idleMs?: number;
  readonly records: number;
  readonly faults: Readonly<Partial<Record<Fault, number>>>;
  readonly reported?: Readonly<Partial<Record<Reported, number>>>;
}

/** Of the decoder that gets them. */
export const EXPORTERS_MAX = 500;

const OCTETS: readonly FieldSpec[] = [[1, 4]];
const OCTETS_PACKETS: readonly FieldSpec[] = [
  [1, 4],
  [2, 4],
];
const NAME_OCTETS: readonly FieldSpec[] = [
  [82, 65535],
  [1, 4],
];
const announced = set(2, template(300, OCTETS));
const record = set(300, u32(7));
/** A template and a record of it: what follows something broken is read. */
const sane: Bytes = [...set(2, template(999, OCTETS)), ...set(999, u32(7))];
const sane9: Bytes = [...set(0, template(999, OCTETS)), ...set(999, u32(7))];
const frame = ethernet(0x0800, ipv4(tcp()));
const sample = flowSample([sampledHeader(frame)]);
const sampled = (...headers: readonly Bytes[]) => sflow(headers.map(header => flowSample([sampledHeader(header)])));
const many = <T>(count: number, one: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => one(i));
const whole = sflow([sample]);
const withAgent = (family: number): Uint8Array => {
  const datagram = whole.slice();
  new DataView(datagram.buffer).setUint32(4, family);
  return datagram;
};

export const MALFORMED_INPUTS: readonly (readonly MalformedInput[])[] = [
  [
    {
      about: '0 to 3 bytes, a version word alone',
      datagrams: [zeros(0), zeros(1), zeros(2), zeros(3), u16(5), [...u16(9), 0, 0]].map(bytes => datagramOf(bytes)),
      records: 0,
      faults: { 'too-short': 6 },
    },
    { about: 'version 77', datagrams: [datagramOf(u16(77), zeros(60))], records: 0, faults: { 'unknown-version': 1 } },
    {
      about: 'one protocol after the other from one port',
      datagrams: [netflow5([record5()]), whole, ipfix([sane]), netflow9([sane9])],
      records: 4,
      faults: {},
    },
  ],
  [
    {
      about: 'a count of 0 and of 1 for 2 records',
      datagrams: [netflow5([record5(), record5()], { count: 0 }), netflow5([record5(), record5()], { count: 1 })],
      records: 1,
      faults: { 'count-mismatch': 2 },
      reported: { restarts: 0 },
    },
    {
      about: 'a count of 31 and of 65535 for 1 record, in v5 and in v1',
      datagrams: [
        netflow5([record5()], { count: 31 }),
        netflow5([record5()], { count: 65535 }),
        fixedNetflow(1, [], [zeros(52)], { count: 65535 }),
      ],
      records: 3,
      faults: { 'length-mismatch': 3 },
    },
    {
      about: 'bytes behind the last record',
      datagrams: [datagramOf([...netflow5([record5()])], zeros(47))],
      records: 1,
      faults: {},
    },
  ],
  [
    {
      about: 'a count of 0',
      datagrams: [netflow9([sane9], { count: 0 })],
      records: 1,
      faults: { 'count-mismatch': 1 },
    },
    {
      about: 'a count of 65535',
      datagrams: [netflow9([sane9], { count: 65535 })],
      records: 1,
      faults: { 'count-mismatch': 1 },
    },
    {
      about: 'a count of sets, and one of records: a template and three',
      datagrams: [2, 4].map(count =>
        netflow9([set(0, template(300, OCTETS)), set(300, u32(1), u32(2), u32(3))], { count }),
      ),
      records: 6,
      faults: {},
    },
    {
      about: 'any count where records cannot be counted',
      datagrams: [netflow9([set(300, u32(1))], { count: 9 })],
      records: 0,
      faults: { 'unknown-template': 1 },
    },
  ],
  [
    {
      about: 'a length of 0, of 15 and of 65535, and all sets whole',
      datagrams: [0, 15, 65535].map((length, sequence) => ipfix([sane], { length, sequence })),
      records: 3,
      faults: { 'length-mismatch': 3 },
      reported: { lost: 0, restarts: 0 },
    },
    {
      about: 'a datagram that was cut inside of its last set',
      datagrams: [ipfix([sane, record]).subarray(0, -1)],
      records: 1,
      faults: { 'length-mismatch': 1, 'set-length': 1 },
    },
    {
      about: 'a second message behind it',
      datagrams: [datagramOf([...ipfix([announced])], [...ipfix([record])])],
      records: 1,
      faults: {},
    },
  ],
  [
    ...[0, 1, 3].map(length => ({
      about: `a length of ${length}`,
      datagrams: [ipfix([sane, [...u16(999), ...u16(length)], set(999, u32(1))])],
      records: 1,
      faults: { 'set-length': 1 },
    })),
    { about: 'a length of 4', datagrams: [ipfix([sane, set(999), set(999, u32(1))])], records: 2, faults: {} },
    {
      about: 'longer than the message',
      datagrams: [ipfix([sane, [...u16(999), ...u16(99), ...u32(1)]])],
      records: 1,
      faults: { 'set-length': 1 },
    },
  ],
  [
    { about: 'a header and zeros', datagrams: [ipfix([zeros(1384)]), netflow9([zeros(1380)])], records: 0, faults: {} },
    { about: 'sets and zeros', datagrams: [netflow9([sane9, zeros(1300)])], records: 1, faults: {} },
  ],
  [
    ...[1000, 65535].map(count => ({
      about: `${count} fields claimed, one there`,
      datagrams: [ipfix([set(2, [...u16(300), ...u16(count), ...u16(1), ...u16(4)]), sane])],
      records: 1,
      faults: { 'template-malformed': 1 },
    })),
    { about: 'no fields', datagrams: [ipfix([set(2, [...u16(300), ...u16(0)]), sane])], records: 1, faults: {} },
    {
      about: 'no fields in NetFlow v9',
      datagrams: [netflow9([set(0, [...u16(300), ...u16(0)]), sane9])],
      records: 1,
      faults: { 'template-malformed': 1 },
    },
  ],
  [
    {
      about: 'all fields empty, then data',
      datagrams: [ipfix([set(2, template(300, [[1, 0]])), set(300, zeros(64)), sane])],
      records: 1,
      faults: { 'template-malformed': 1, 'unknown-template': 1 },
    },
    {
      about: 'all padding, then data',
      datagrams: [ipfix([set(2, template(300, [[210, 4]])), set(300, zeros(8))])],
      records: 2,
      faults: {},
    },
  ],
  [2, 1000].map(fields => ({
    about: `${fields} fields of 65,534 bytes, then data`,
    datagrams: [
      ipfix([
        set(
          2,
          template(
            300,
            many(fields, () => [210, 65534]),
          ),
        ),
        set(300, zeros(100)),
        sane,
      ]),
    ],
    records: 1,
    faults: { 'record-malformed': 1 },
  })),
  [
    {
      about: 'an id of 255',
      datagrams: [ipfix([set(2, template(255, OCTETS)), sane])],
      records: 1,
      faults: { 'template-malformed': 1 },
    },
    {
      about: 'an id of 0 in padding, the same id twice',
      datagrams: [ipfix([set(2, template(300, OCTETS), template(300, OCTETS_PACKETS), zeros(8)), set(300, zeros(8))])],
      records: 1,
      faults: {},
    },
    {
      about: 'an id of data, then of options, then of data',
      datagrams: [
        ipfix([announced, record, set(3, ipfixOptions(300, [[149, 2]], [[34, 2]])), record, announced, record]),
      ],
      records: 2,
      faults: {},
    },
  ],
  [
    {
      about: 'in the middle of a datagram',
      datagrams: [ipfix([announced, record, set(2, template(300, [[1, 2]])), record])],
      records: 3,
      faults: {},
    },
    {
      about: 'one that is older, late: the layout of the newer one holds',
      datagrams: [
        ipfix([announced], { exportTime: 1577836800 }),
        ipfix([set(2, template(300, [[1, 2]])), record], { exportTime: 1577836810 }),
        ipfix([announced], { exportTime: 1577836805 }),
        ipfix([record], { exportTime: 1577836811, sequence: 2 }),
      ],
      records: 4,
      faults: {},
    },
    {
      about: 'malformed, then data',
      datagrams: [ipfix([announced, record, set(2, [...u16(300), ...u16(9), ...u16(1), ...u16(4)]), record])],
      records: 1,
      faults: { 'template-malformed': 1, 'unknown-template': 1 },
    },
  ],
  [
    {
      about: 'of an unknown id, in a set of templates and of options, and of all',
      datagrams: [
        ipfix([set(2, u16(700), u16(0)), set(3, u16(701), u16(0)), set(2, u16(2), u16(0)), set(3, u16(3), u16(0))]),
      ],
      records: 0,
      faults: {},
    },
    {
      about: 'then data of what was withdrawn',
      datagrams: [ipfix([announced, set(2, u16(300), u16(0)), record])],
      records: 0,
      faults: { 'unknown-template': 1 },
    },
  ],
  [
    {
      about: 'without scope in IPFIX, with an empty one in NetFlow v9',
      datagrams: [
        ipfix([set(3, ipfixOptions(300, [], [[34, 4]])), set(300, u32(64))]),
        netflow9([set(1, v9Options(300, [[1, 0]], [[34, 4]])), set(300, u32(64))]),
      ],
      records: 0,
      faults: {},
    },
    {
      about: 'more scope than fields',
      datagrams: [ipfix([set(3, u16(300), u16(1), u16(2), u16(149), u16(4)), sane])],
      records: 1,
      faults: { 'template-malformed': 1 },
    },
    {
      about: 'lengths that are no multiple of four',
      datagrams: [netflow9([set(1, u16(300), u16(5), u16(7), u16(1), u16(4), u16(34), u16(4)), sane9])],
      records: 1,
      faults: {},
    },
  ],
  [
    {
      about: 'neither scope nor options',
      datagrams: [netflow9([set(1, u16(300), u16(0), u16(0)), sane9])],
      records: 1,
      faults: { 'template-malformed': 1 },
    },
    {
      about: 'shorter than their scope',
      datagrams: [netflow9([set(1, v9Options(300, [[1, 4]], [[34, 4]])), set(300, u16(1)), sane9])],
      records: 1,
      faults: { 'record-malformed': 1 },
    },
  ],
  [
    ...[
      [...u32(9), 200],
      [...u32(9), 255, 1],
      [...u32(9), 255, 1, 0, 1],
    ].map(tail => ({
      about: `${tail.slice(4).join(', ')} at the end of the set`,
      datagrams: [ipfix([set(2, template(300, [...OCTETS, [82, 65535]])), set(300, u32(1), [0], tail), sane])],
      records: 2,
      faults: { 'record-malformed': 1 },
    })),
    {
      about: 'the long form of 3 bytes, in NetFlow v9',
      datagrams: [netflow9([set(0, template(300, NAME_OCTETS)), set(300, [255], u16(3), [1, 2, 3], u32(8))])],
      records: 1,
      faults: {},
    },
  ],
  [
    {
      about: 'padding of three bytes',
      datagrams: [ipfix([set(2, template(300, NAME_OCTETS)), set(300, [0], u32(9), zeros(3))])],
      records: 1,
      faults: {},
    },
    {
      about: 'zeros that could all be records',
      datagrams: [ipfix([set(2, template(300, [[82, 65535]])), set(300, zeros(60_000))])],
      records: 16384,
      faults: { 'output-budget': 1 },
    },
  ],
  [
    ...[0, 3, 5, 6, 7, 9, 16, 17].map(length => [2, length] as const),
    ...[2, 5, 20].map(length => [8, length] as const),
    [56, 8] as const,
    [152, 4] as const,
    [150, 8] as const,
  ].map(([element, length]) => ({
    about: `element ${element} of ${length} bytes`,
    datagrams: [ipfix([set(2, template(300, [[element, length], ...OCTETS])), set(300, zeros(length), u32(1))])],
    records: 1,
    faults: {},
  })),
  [
    {
      about: 'of 65,000 bytes of every value',
      datagrams: [
        ipfix([
          set(2, template(300, NAME_OCTETS)),
          set(
            300,
            [255],
            u16(65000),
            many(65000, i => i & 0xff),
            u32(9),
          ),
        ]),
      ],
      records: 1,
      faults: {},
    },
  ],
  [
    {
      about: 'a list beyond its field, one of empty elements',
      datagrams: [
        ipfix([
          set(2, template(300, [...OCTETS, [291, 65535]])),
          set(300, u32(1), [9, 3], u16(1), u16(400), zeros(4)),
          set(300, u32(2), [6, 3], u16(1), u16(0), [0]),
        ]),
      ],
      records: 2,
      faults: { 'list-malformed': 2 },
    },
    {
      about: 'a list of 10,000 entries of 1001 fields: more than a datagram may cost',
      datagrams: [
        ipfix([
          set(
            2,
            template(410, [[4, 1], ...many(1000, (): FieldSpec => [82, 0])]),
            template(300, [...OCTETS, [292, 65535]]),
          ),
          set(300, u32(1), [255], u16(10_003), [3], u16(410), zeros(10_000)),
        ]),
      ],
      records: 1,
      faults: { 'list-malformed': 1, 'step-budget': 1 },
    },
    {
      about: 'a list of an unknown template',
      datagrams: [
        ipfix([set(2, template(300, [...OCTETS, [292, 65535]])), set(300, u32(1), [7, 3], u16(700), zeros(4))]),
      ],
      records: 1,
      faults: { 'list-malformed': 1 },
    },
  ],
  [
    {
      about: 'more unknown ids than sets may wait',
      datagrams: many(1100, i => ipfix([set(256 + i, u32(1))], { sequence: 0 })),
      records: 0,
      faults: { 'unknown-template': 1100, 'pending-limit': 1100 - 1024 },
      reported: { lostSets: 1100 - 1024 },
    },
    {
      about: 'an exporter more than there may be, all of them with data',
      datagrams: many(EXPORTERS_MAX + 1, () => netflow9([sane9])),
      apart: true,
      records: EXPORTERS_MAX,
      faults: { 'exporter-limit': 1 },
    },
    {
      about: 'a domain more than there may be',
      datagrams: many(1025, domain => netflow9([sane9], { sourceId: domain })),
      records: 1024,
      faults: { 'domain-limit': 1 },
    },
  ],
  [
    {
      about: '65,000 records of one byte',
      datagrams: [ipfix([set(2, template(300, [[4, 1]])), set(300, zeros(65_000))])],
      records: 16384,
      faults: { 'output-budget': 1 },
    },
  ],
  [
    {
      about: 'an uptime of 0, First behind Last, both 0, seconds of 0 and of 2106',
      datagrams: [
        netflow5([record5()], { uptime: 0 }),
        netflow5([record5(1, 1, 9000, 8000)], { sequence: 1 }),
        netflow5([record5(1, 1, 0, 0)], { unixSecs: 0, sequence: 2 }),
        netflow5([record5()], { unixSecs: 0xffffffff, sequence: 3 }),
      ],
      records: 4,
      faults: {},
    },
  ],
  [
    {
      about: 'a rate of 0, and of 2^32 - 1, in options',
      datagrams: [0, 0xffffffff].map(rate =>
        ipfix([set(3, ipfixOptions(301, [[149, 4]], [[34, 4]])), set(301, u32(0), u32(rate)), announced, record]),
      ),
      records: 2,
      faults: {},
      reported: { unknownRateRecords: 2 },
    },
    {
      about: 'a sample of a rate of 0',
      datagrams: [sflow([flowSample([sampledHeader(frame)], { rate: 0 })])],
      records: 1,
      faults: {},
      reported: { unknownRateRecords: 1 },
    },
    {
      about: 'more taken (309) than there was (310)',
      datagrams: [
        ipfix([
          set(
            3,
            ipfixOptions(
              301,
              [[149, 4]],
              [
                [309, 4],
                [310, 4],
              ],
            ),
          ),
          set(301, u32(0), u32(100), u32(1)),
          announced,
          record,
        ]),
      ],
      records: 1,
      faults: {},
      reported: { unknownRateRecords: 1 },
    },
  ],
  [
    {
      about: 'a number twice, one back, a wrap',
      datagrams: [0xfffffffe, 0xffffffff, 0xffffffff, 0xfffffffe, 0, 1].map(sequence =>
        netflow9([sane9], { sequence }),
      ),
      records: 6,
      faults: {},
      reported: { lost: 0, restarts: 0 },
    },
    {
      about: 'five of ten lost',
      datagrams: [0, 1, 2, 8, 9].map(sequence => netflow9([sane9], { sequence })),
      records: 5,
      faults: {},
      reported: { lost: 5, restarts: 0 },
    },
    {
      about: 'numbers that start again',
      datagrams: [5_000_000, 5_000_001, 0, 1].map((sequence, i) =>
        netflow9([sane9], { sequence, uptime: i < 2 ? 900_000_000 : 1000 + i }),
      ),
      records: 4,
      faults: {},
      reported: { lost: 0, restarts: 1 },
    },
  ],
  [
    {
      about: 'an agent address of type 0 and of type 3',
      datagrams: [withAgent(0), withAgent(3)],
      records: 0,
      faults: { 'address-family': 2 },
    },
    {
      about: '2^32 - 1 samples, 2^32 - 1 records, a sample beyond the datagram',
      datagrams: [
        sflow([sample], { samples: 0xffffffff }),
        sflow([flowSample([sampledHeader(frame)], { records: 0xffffffff })]),
        sflow([sample, [...u32(1), ...u32(4000), ...zeros(40)]]),
      ],
      records: 2,
      faults: { 'sample-malformed': 3 },
    },
    {
      about: 'a sample of 5 bytes and of another type',
      datagrams: [sflow([typed(6, zeros(5)), sample])],
      records: 1,
      faults: { 'sample-unknown': 1 },
    },
  ],
  [
    {
      about: 'longer than its record',
      datagrams: [sflow([flowSample([typed(1, u32(1), u32(64), u32(4), u32(200), zeros(60))]), sample])],
      records: 1,
      faults: { 'sample-malformed': 1 },
    },
    {
      about: 'Ethernet of 0 to 13 bytes',
      datagrams: [sampled(...many(14, i => frame.slice(0, i)))],
      records: 0,
      faults: { 'header-malformed': 14 },
    },
    {
      about: 'link layers 2 to 9 and 14 to 17 of zeros; more stripped than there is',
      datagrams: [
        sflow(
          [2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 16, 17].map(protocol =>
            flowSample([sampledHeader(zeros(40), 500, protocol)]),
          ),
        ),
        sflow([flowSample([sampledHeader(frame, 60, 1, 900)])]),
      ],
      records: 13,
      faults: {},
    },
  ],
  [
    {
      about: 'AS path, communities, URL, user and tags',
      datagrams: [
        sflow([
          flowSample([
            typed(1003, u32(1), ip4('192.0.2.9'), u32(1), u32(2), u32(3), u32(0xffffffff)),
            typed(1005, u32(1), u32(0xffffffff), zeros(8)),
            typed(1004, u32(106), u32(0xfffffff0)),
            typed(1012, u32(0xffffffff), u32(0x81000007)),
            typed((4413 << 12) | 1, zeros(12)),
            sampledHeader(frame),
          ]),
        ]),
      ],
      records: 1,
      faults: {},
    },
  ],
  [
    {
      about: '20 tags, 802.3, 300 labels without a bottom',
      datagrams: [
        sampled(
          ethernet(0x0800, ipv4(tcp()), ...many(20, i => [0x88a8, i] as const)),
          ethernet(38, [0x42, 0x42, 3, ...zeros(35)]),
          ethernet(0x8847, many(300, () => u32(0x00100040)).flat()),
        ),
      ],
      records: 3,
      faults: {},
    },
    {
      about: 'fewer than 14 bytes',
      datagrams: [sampled(frame.slice(0, 13))],
      records: 0,
      faults: { 'header-malformed': 1 },
    },
  ],
  [
    {
      about: 'IPv4 header lengths of 0 to 4, and an IPv6 header cut off: volume without ends',
      datagrams: [
        sampled(
          ...many(5, words => [...frame.slice(0, 14), 0x40 | words, ...frame.slice(15)]),
          ethernet(0x86dd, ipv6(6, tcp())).slice(0, 50),
        ),
      ],
      records: 6,
      faults: { 'header-malformed': 6 },
    },
    {
      about: 'a total length below the header, 100 extension headers, one of 255, a later fragment, 50 tunnels',
      datagrams: [
        sampled(
          ethernet(0x0800, ipv4(tcp(), { totalLength: 3 })),
          ethernet(0x86dd, ipv6(60, [...many(100, () => [60, 0, ...zeros(6)]).flat(), ...tcp()])),
          ethernet(0x86dd, ipv6(0, [6, 255, ...zeros(6), ...tcp()])),
          ethernet(0x0800, ipv4(udp(), { proto: 17, fragment: 100 })),
          ethernet(
            0x0800,
            many(50, () => 0).reduce((inner: Bytes) => ipv4(inner, { proto: 4 }), ipv4(tcp())),
          ),
        ),
      ],
      records: 5,
      faults: {},
    },
  ],
  [
    {
      about: 'Geneve options beyond the end',
      datagrams: [sampled(ethernet(0x0800, ipv4([...udp(5000, 6081), 0x3f, 0, ...u16(0x6558)], { proto: 17 })))],
      records: 1,
      faults: {},
    },
    {
      about:
        'an sFlow datagram cut at every byte: 24 behind its version without a header, the others inside of the sample',
      datagrams: many(whole.length - 4, i => whole.subarray(0, i + 4)),
      records: 0,
      faults: { 'too-short': 24, 'sample-malformed': whole.length - 28 },
    },
  ],
  [
    {
      about: '65,507 bytes',
      datagrams: [ipfix([set(2, template(300, OCTETS_PACKETS)), set(300, zeros(8 * 8183))])],
      records: 8183,
      faults: {},
    },
    {
      about: '100,000 bytes, with no record by its count',
      datagrams: [datagramOf([...netflow5([])], zeros(100_000))],
      records: 0,
      faults: { 'count-mismatch': 1 },
    },
  ],
  [
    {
      about: 'in the same datagram, and in a later one',
      datagrams: [
        ipfix([record, announced]),
        ipfix([set(301, u32(1))], { sequence: 1 }),
        ipfix([set(2, template(301, OCTETS))], { sequence: 2 }),
      ],
      records: 2,
      faults: { 'unknown-template': 2 },
      reported: { lostSets: 0 },
    },
    {
      about: 'never: data are given up after half an hour',
      datagrams: [ipfix([record])],
      idleMs: 40 * 60_000,
      records: 0,
      faults: { 'unknown-template': 1, 'pending-expired': 1 },
      reported: { lostSets: 1 },
    },
  ],
  [
    {
      about: 'before and behind a header, and alone',
      datagrams: [
        sflow([
          flowSample([typed(2, zeros(20)), sampledHeader(frame)]),
          flowSample([sampledHeader(frame), typed(3, zeros(28))]),
          flowSample([typed(3, zeros(28))]),
        ]),
      ],
      records: 2,
      faults: { 'record-short': 2, 'sample-malformed': 1 },
    },
  ],
  [
    {
      about: 'IPv4 labelled Ethernet, and Ethernet labelled IPv4',
      datagrams: [
        sflow([flowSample([sampledHeader(ipv4(tcp()), 44, 1)]), flowSample([sampledHeader(frame, frame.length, 11)])]),
      ],
      records: 2,
      faults: { 'header-mislabelled': 2 },
    },
  ],
  [
    {
      about: 'in an option, and in records',
      datagrams: [
        ipfix([
          set(3, ipfixOptions(300, [[10, 8]], [[82, 1]])),
          set(300, u32(1), u32(0), [65]),
          set(2, template(301, [[7, 4]])),
          set(301, u32(65536), u32(443)),
        ]),
      ],
      records: 2,
      faults: { 'value-range': 2 },
    },
  ],
];

/** What a case counts, each counter once. */
export function countersOf(inputs: readonly MalformedInput[]): string[] {
  const faults = inputs.flatMap(input => Object.keys(input.faults));
  const reported = inputs.flatMap(input =>
    Object.entries(input.reported ?? {}).flatMap(([name, count]) => (count! > 0 ? [name] : [])),
  );
  return [...new Set([...faults, ...reported])];
}
