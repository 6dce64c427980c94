// Properties of the decoder under any input. Two decoders read the same datagrams with different bytes behind them:
// when their columns and counters agree, nothing was read outside the datagram.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrayOf, clearBatch, createBatch } from '../../schemas/batch.ts';
import { KINDS } from '../../schemas/columns.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { pathOf, requireCorpus } from '../../testing/corpus/folder.ts';
import {
  Bench,
  CORPUS_GROUPS,
  dst6,
  ethernet,
  expandedSample,
  fixedNetflow,
  flowSample,
  hex,
  ipfix,
  ipfixOptions,
  ipv4,
  ipv6,
  netflow5,
  netflow9,
  RECEIVED_MS,
  record5,
  rest8,
  rowOf,
  sampledHeader,
  set,
  sflow,
  src6,
  tcp,
  template,
  typed,
  u8,
  u16,
  u32,
  u64,
  udp,
  v9Options,
  zeros,
} from '../../testing/data/datagrams.ts';
import { readCapture } from '../captures/capture.ts';
import { RECORDS_PER_DATAGRAM_MAX } from './context.ts';
import { Decoder } from './decoder.ts';
import type { FlowBatch } from './flow-batch.ts';

const SEED = 20200101;
const SOURCE = '198.51.100.7';

/** A decoder whose unused bytes are `filler`, and its rows as they lie in the batch. */
function decoderWith(filler: number) {
  const batch = createBatch(DECODED_COLUMNS, RECORDS_PER_DATAGRAM_MAX + 1) as unknown as FlowBatch;
  const full = () => {
    throw new Error('more rows than one datagram may become');
  };
  const decoder = new Decoder({ batch, flush: full }, { templatesMax: 50, exportersMax: 200_000 });
  return {
    batch,
    faults: decoder.context.faults,
    decode(datagram: Uint8Array, port: number): number {
      clearBatch(batch);
      decoder.context.bytes.fill(filler);
      return decoder.decode(datagram, SOURCE, port, RECEIVED_MS);
    },
  };
}

function bytesOf(batch: FlowBatch, name: string): Buffer {
  const { buffer } = arrayOf(batch, name);
  const { kind } = DECODED_COLUMNS.find(column => column.name === name)!;
  return Buffer.from(buffer, 0, batch.rows * KINDS[kind].bytesPerRow);
}

const ones = decoderWith(0xff);
const zeroes = decoderWith(0);
let port = 0;

function check(holds: boolean, message: string): void {
  if (!holds) throw new Error(message);
}

/** Reads datagrams of one new session with both decoders; the last one is the one in question. */
function readBoth(datagrams: readonly Uint8Array[]): void {
  port++;
  for (const datagram of datagrams) {
    const records = ones.decode(datagram, port);
    check(records <= RECORDS_PER_DATAGRAM_MAX, `${records} records`);
    check(records === ones.batch.rows, `${records} records, ${ones.batch.rows} rows`);
    check(zeroes.decode(datagram, port) === records, 'the number of records depends on what lies behind the datagram');
  }
  for (const { name } of DECODED_COLUMNS) {
    check(
      bytesOf(ones.batch, name).equals(bytesOf(zeroes.batch, name)),
      `${name} depends on what lies behind the datagram`,
    );
  }
  check(
    ones.faults.every((count, i) => count === zeroes.faults[i]),
    'a fault depends on what lies behind the datagram',
  );
}

/** Of every column that state of the session may change on purpose, only the sampling rate is in it. */
const probe = netflow9([
  set(
    0,
    template(400, [
      [8, 4],
      [12, 4],
      [7, 2],
      [11, 2],
      [4, 1],
      [1, 8],
      [2, 4],
      [22, 4],
      [21, 4],
    ]),
  ),
  set(
    400,
    u32(0x0a000001),
    u32(0x0a000002),
    u16(5),
    u16(6),
    u8(6),
    u64(123456789012),
    u32(7),
    u32(999_000_000),
    u32(1_000_000_000),
  ),
]);

function probeRow(): string {
  check(ones.decode(probe, port) === 1, 'the next datagram is not one record any more');
  const { samplingRate: _, rateSource: __, ...row } = rowOf(ones.batch, 0);
  return JSON.stringify(row);
}

const expectedProbe = probeRow();

function checkProbe(): void {
  expect(probeRow(), 'the next datagram').toBe(expectedProbe);
}

const options = ipfix([
  set(
    3,
    ipfixOptions(
      310,
      [[302, 4]],
      [
        [305, 4],
        [306, 4],
        [160, 8],
        [82, 65535],
      ],
    ),
  ),
  set(310, u32(7), u32(1), u32(99), u64(1_577_000_000_000), u8(3), [65, 66, 67]),
  set(
    2,
    template(311, [
      [302, 4],
      [27, 16],
      [28, 16],
      [1, 3],
      [2, 2],
      [56, 6],
      [152, 8],
      [245, 2],
      [243, 2],
      [139, 2],
    ]),
  ),
  set(
    311,
    u32(7),
    src6,
    dst6,
    [1, 2, 3],
    u16(9),
    hex('020000000001'),
    u64(1_577_836_000_000),
    u16(5),
    u16(6),
    u16(0x8000),
  ),
]);
const variable = ipfix([
  set(
    2,
    template(312, [
      [82, 65535],
      [1, 8],
      [95, 65535],
      [8, 4],
      [890, 2, 6876],
      [22, 4],
    ]),
  ),
  set(312, u8(2), [1, 2], u64(5), [255, 0, 1, 9], u32(1), u16(1), u32(2), u8(0), u64(6), u8(0), u32(3), u16(4), u32(5)),
]);
const tagged = ethernet(0x86dd, ipv6(0, [6, 0, ...zeros(6), ...tcp()]), [0x88a8, 100], [0x8100, 200]);
const builtByHand: readonly Uint8Array[] = [
  netflow5([record5(), record5(2)], { sampling: 100 }),
  fixedNetflow(1, [], [zeros(48), zeros(48)]),
  fixedNetflow(6, zeros(8), [zeros(52)]),
  fixedNetflow(7, zeros(8), [zeros(52)]),
  ...Array.from({ length: 14 }, (_, i) => fixedNetflow(8, rest8(i + 1), [zeros(44)], { count: 1 })),
  netflow9([
    set(
      1,
      v9Options(
        300,
        [[1, 4]],
        [
          [48, 1],
          [50, 4],
        ],
      ),
    ),
    set(300, u32(0), u8(3), u32(100)),
    set(
      0,
      template(301, [
        [48, 1],
        [8, 4],
        [12, 4],
        [1, 4],
        [2, 4],
        [21, 4],
        [22, 4],
        [61, 1],
        [32, 2],
      ]),
    ),
    set(301, u8(3), u32(1), u32(2), u32(3), u32(4), u32(5), u32(6), u8(1), u16(0x0800)),
  ]),
  options,
  variable,
  sflow([
    flowSample([sampledHeader(tagged), typed(1001, u32(5), u32(0), u32(6), u32(0))]),
    expandedSample([sampledHeader(ethernet(0x0800, ipv4(udp(), { proto: 17, options: [1, 1, 1, 1] })))]),
    flowSample([typed(2, u32(64), zeros(16), u32(0x0800)), typed(3, u32(60), u32(6), zeros(24))]),
  ]),
];

/** Datagrams to change, each after those that bring its templates. */
const corpusReady = requireCorpus();
const FILES: readonly string[] = [
  'akvorado/netflow/nfv5.pcap',
  'akvorado/netflow/nat.pcap',
  'akvorado/sflow/data-1140.pcap',
  'akvorado/sflow/data-qinq.pcap',
  'akvorado/sflow/data-sflow-ipv4-data.pcap',
  'beats/pcap/netflow9_e10s_4_7byte_pad.pcap',
  'logstash-codec-netflow/ipfix_test_ixia_tpldata271.dat',
  'logstash-codec-netflow/netflow9_test_0length_fields_tpl_data.dat',
  'made/ovs-sflow.pcap',
  'pmacct/104-IPFIXv10-IPv6-CISCO-sampling_option/traffic-00.pcap',
  'pmacct/106-IPFIXv10-HUAWEI-vrf_name/traffic-00.pcap',
  'made/softflowd-ipfix-biflow.pcap',
];
const payloadsOf = (files: readonly string[]) =>
  files.flatMap(file => readCapture(pathOf(file)).datagrams.map(({ payload }) => payload));
const sequences: readonly (readonly Uint8Array[])[] = corpusReady
  ? [...FILES.map(file => [file]), ...CORPUS_GROUPS].map(files => payloadsOf(files).slice(0, 8))
  : [];

// proves: bad-tunnels
describe('nothing throws, reads outside or outgrows its bound, and the next datagram decodes as before', () => {
  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
        readBoth([bytes]);
        checkProbe();
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });

  test('random bytes behind each version word', () => {
    const versions = [...[1, 5, 6, 7, 8, 9, 10].map(u16), u32(5)];
    fc.assert(
      fc.property(fc.constantFrom(...versions), fc.uint8Array({ maxLength: 400 }), (version, bytes) => {
        readBoth([Uint8Array.from([...version, ...bytes])]);
        checkProbe();
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });

  test('random sets in a message of the right length', () => {
    const setId = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 256, max: 259 }));
    const sets = fc.array(
      fc.tuple(setId, fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.nat(65535)), { maxLength: 24 })),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(fc.boolean(), sets, (v9, list) => {
        const body = list.map(([id, words]) => set(id, ...words.map(u16)));
        readBoth([v9 ? netflow9(body) : ipfix(body)]);
        checkProbe();
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });

  test('every truncation and every changed byte of datagrams built by hand', () => {
    for (const datagram of builtByHand) {
      for (let length = 0; length < datagram.length; length++) readBoth([datagram.subarray(0, length)]);
      for (let at = 0; at < datagram.length; at++) {
        for (const value of [0, 1, 0x7f, 0xff]) {
          const changed = datagram.slice();
          changed[at] = value;
          readBoth([changed, datagram]);
        }
      }
      checkProbe();
    }
  });

  // proves: bad-tunnels
  test.skipIf(!corpusReady)('every truncation of datagrams of the corpus', () => {
    for (const datagrams of sequences) {
      const last = datagrams.at(-1)!;
      const step = Math.max(1, Math.floor(last.length / 60));
      for (let length = 0; length < last.length; length += step)
        readBoth([...datagrams.slice(0, -1), last.subarray(0, length)]);
      checkProbe();
    }
  });

  test.skipIf(!corpusReady)('changed bytes of datagrams of the corpus', () => {
    const changes = fc.array(fc.tuple(fc.nat(65535), fc.oneof(fc.constantFrom(0, 1, 0x80, 0xff), fc.nat(255))), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(fc.nat(sequences.length - 1), fc.nat(), changes, (which, one, list) => {
        const datagrams = sequences[which]!.map(datagram => datagram.slice());
        const target = datagrams[one % datagrams.length]!;
        for (const [at, value] of list) target[at % target.length] = value;
        readBoth(datagrams);
        checkProbe();
      }),
      { seed: SEED, numRuns: 3000 },
    );
  });
});

describe.skipIf(!corpusReady)('batches', () => {
  const rowsOf = (bench: Bench, datagrams: readonly Uint8Array[]) =>
    datagrams.flatMap(datagram => bench.decode(datagram));
  const one = new Bench({ rowsMax: 20_000 });
  const expected = sequences.map(datagrams => rowsOf(one, datagrams));

  test.each([
    ['cleared and used again', true],
    ['replaced by another', false],
  ])('of 10 rows, %s, hold the same rows as one large batch', (_, reuse) => {
    const small = new Bench({ rowsMax: 10, reuse });
    sequences.forEach((datagrams, i) => expect(rowsOf(small, datagrams)).toEqual(expected[i]));
    expect(Math.max(...small.flushed)).toBe(10);
  });
});
