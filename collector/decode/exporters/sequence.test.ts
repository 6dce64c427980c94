// The sequence meter against exporters that are simulated: in either convention of IPFIX, with losses, overtaking,
// repeats and restarts. What is lost is known by construction.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { corpusFiles, pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import {
  Bench,
  ipfix,
  ipfixOptions,
  netflow5,
  netflow9,
  record5,
  set,
  sflow,
  template,
  UPTIME_MS,
  u32,
} from '../../../testing/data/datagrams.ts';
import { readCapture } from '../../captures/capture.ts';
import { GAPS_MAX, SequenceMeter, UNCOUNTED } from './sequence.ts';

function meter() {
  const tally = { lost: 0, restarts: 0 };
  return { tally, meter: new SequenceMeter(tally) };
}

// proves: odd-sequences
describe('numbers that count what was sent before', () => {
  const after = (steps: readonly (readonly [sequence: number, advance: number])[]) => {
    const { tally, meter: m } = meter();
    for (const [sequence, advance] of steps) m.check(sequence, advance);
    return tally;
  };

  test.each([
    [
      'a gap is what is missing',
      [
        [5, 1],
        [9, 1],
      ],
      { lost: 3, restarts: 0 },
    ],
    [
      'a gap across 2^32',
      [
        [2 ** 32 - 2, 1],
        [3, 1],
      ],
      { lost: 4, restarts: 0 },
    ],
    [
      'an overtaken datagram is taken back',
      [
        [0, 10],
        [30, 10],
        [20, 10],
        [10, 10],
        [40, 10],
      ],
      { lost: 0, restarts: 0 },
    ],
    [
      'one taken back from the middle of a gap leaves both its ends',
      [
        [0, 1],
        [9, 1],
        [4, 2],
        [2, 1],
      ],
      { lost: 5, restarts: 0 },
    ],
    [
      'a repeat takes nothing back',
      [
        [0, 1],
        [5, 1],
        [5, 1],
        [0, 1],
        [6, 1],
      ],
      { lost: 4, restarts: 0 },
    ],
    [
      'one that comes late twice is taken back once',
      [
        [0, 1],
        [3, 1],
        [1, 1],
        [1, 1],
      ],
      { lost: 1, restarts: 0 },
    ],
    [
      'backwards by one is no loss and no restart',
      [
        [7, 1],
        [7, 1],
        [8, 1],
        [9, 1],
      ],
      { lost: 0, restarts: 0 },
    ],
    [
      'from far above to 0 is a restart',
      [
        [3_000_000_000, 1],
        [0, 1],
        [1, 1],
      ],
      { lost: 0, restarts: 1 },
    ],
    [
      'far ahead is a restart',
      [
        [0, 1],
        [1_000_000_000, 1],
        [1_000_000_001, 1],
      ],
      { lost: 0, restarts: 1 },
    ],
    [
      'from close above is a restart once so many follow each other',
      [[500, 1], ...Array.from({ length: 20 }, (_, i) => [i, 1] as const)],
      { lost: 0, restarts: 1 },
    ],
  ] as const)('%s', (_, steps, expected) => {
    expect(after(steps)).toEqual(expected);
  });

  // proves: loss-datagrams
  test('any order within the gaps remembered: what never came is what is lost', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.array(
          fc.record({
            advance: fc.integer({ min: 1, max: 30 }),
            lost: fc.boolean(),
            late: fc.integer({ min: 0, max: 3 }),
          }),
          {
            minLength: 1,
            maxLength: 60,
          },
        ),
        (first, sent) => {
          let next = first;
          const datagrams = sent.map(({ advance, lost, late }, at) => {
            const datagram = { sequence: next, advance, lost, at: at + late };
            next = (next + advance) >>> 0;
            return datagram;
          });
          // The first and the last arrive in order, so that both ends of the measure are known.
          const [head] = datagrams.splice(0, 1);
          const arrived = datagrams.filter(({ lost }) => !lost).sort((a, b) => a.at - b.at);
          const { tally, meter: m } = meter();
          m.check(head!.sequence, head!.advance);
          for (const { sequence, advance } of arrived) m.check(sequence, advance);
          m.check(next, 1);
          const lost = datagrams.filter(datagram => datagram.lost).reduce((sum, { advance }) => sum + advance, 0);
          expect(tally).toEqual({ lost, restarts: 0 });
        },
      ),
      { seed: 7011, numRuns: 300 },
    );
  });

  test(`of more than ${GAPS_MAX} gaps the oldest stay lost`, () => {
    const { tally, meter: m } = meter();
    for (let i = 0; i <= 2 * (GAPS_MAX + 2); i += 2) m.check(i, 1);
    expect(tally.lost).toBe(GAPS_MAX + 2);
    for (let i = 1; i <= 2 * (GAPS_MAX + 2); i += 2) m.check(i, 1);
    expect(tally.lost).toBe(2);
  });
});

describe('numbers of IPFIX', () => {
  const MESSAGES = fc.array(fc.record({ records: fc.integer({ min: 0, max: 40 }), lost: fc.boolean() }), {
    minLength: 20,
    maxLength: 200,
  });

  // proves: loss-ipfix, vmware-sequence
  test.each(['before', 'with'] as const)('that count the records sent up to and %s the message', convention => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), MESSAGES, (first, messages) => {
        const { tally, meter: m } = meter();
        let sent = first;
        let lost = 0;
        messages.forEach((message, i) => {
          // Different counts at first show the convention; the last shows what was lost before it.
          const records = i < 4 ? [5, 3, 8, 2][i]! : message.records;
          const isLost = message.lost && i >= 4 && i < messages.length - 1;
          const sequence = convention === 'with' ? sent + records : sent;
          sent += records;
          if (isLost) lost += records;
          else m.checkRecords(sequence >>> 0, records);
        });
        expect(tally).toEqual({ lost, restarts: 0 });
      }),
      { seed: 7011, numRuns: 300 },
    );
  });

  // proves: loss-ipfix
  test('one message whose numbers fit the other convention by chance does not turn the meter', () => {
    const { tally, meter: m } = meter();
    for (const [sequence, records] of [
      [0, 4],
      [4, 6],
      [10, 2],
      [12, 5],
    ] as const)
      m.checkRecords(sequence, records);
    // 17 is lost with 3 records; 20 = 12 + 8 looks like the other convention.
    m.checkRecords(20, 8);
    m.checkRecords(28, 1);
    m.checkRecords(29, 1);
    expect(tally).toEqual({ lost: 3, restarts: 0 });
  });

  // proves: loss-ipfix
  test('around records that cannot be counted no loss is invented, and what is known to be lost is counted', () => {
    const before = meter();
    for (const [sequence, records] of [
      [0, 4],
      [4, 6],
      [15, UNCOUNTED],
      [40, 2],
      [42, 3],
      [50, 1],
    ] as const)
      before.meter.checkRecords(sequence, records);
    expect(before.tally).toEqual({ lost: 5 + 5, restarts: 0 });
    const inclusive = meter();
    for (const [sequence, records] of [
      [4, 4],
      [10, 6],
      [35, UNCOUNTED],
      [37, 2],
      [50, 3],
    ] as const)
      inclusive.meter.checkRecords(sequence, records);
    expect(inclusive.tally).toEqual({ lost: 10, restarts: 0 });
  });

  test('data sets of an unknown template and broken sets are such', () => {
    const bench = new Bench();
    const announce = set(2, template(300, [[1, 4]]));
    const send = (sequence: number, ...sets: Parameters<typeof ipfix>[0]) => bench.decode(ipfix(sets, { sequence }));
    send(0, announce, set(300, u32(1), u32(1)));
    send(2, set(301, u32(1), u32(1), u32(1)));
    send(5, set(300, u32(1)));
    send(6, set(300, [1, 2]));
    send(9, set(300, u32(1)));
    expect(bench.domain()).toMatchObject({ lost: 0, restarts: 0, unknownTemplateSets: 1, malformedSets: 1 });
    send(12, set(300, u32(1)));
    expect(bench.domain().lost).toBe(2);
  });

  test('records of both directions are one record each', () => {
    const bench = new Bench();
    const biflow = set(
      2,
      template(300, [
        [8, 4],
        [12, 4],
        [1, 4],
        [1, 4, 29305],
      ]),
    );
    const record = [10, 0, 0, 1, 10, 0, 0, 2, ...u32(100), ...u32(200)];
    bench.decode(ipfix([biflow, set(300, record, record)], { sequence: 0 }));
    bench.decode(ipfix([set(300, record)], { sequence: 2 }));
    bench.decode(ipfix([set(300, record)], { sequence: 3 }));
    expect(bench.domain()).toMatchObject({ lost: 0, restarts: 0 });
    const options = set(3, ipfixOptions(310, [[149, 4]], [[34, 4]]));
    bench.decode(ipfix([options, set(310, u32(0), u32(1))], { sequence: 4 }));
    bench.decode(ipfix([set(300, record)], { sequence: 5 }));
    expect(bench.domain().lost).toBe(0);
  });
});

describe('a lower uptime', () => {
  const restarts = (...uptimes: readonly number[]) => {
    const { tally, meter: m } = meter();
    for (const uptime of uptimes) m.checkUptime(uptime);
    return tally.restarts;
  };

  // proves: exporter-restart, odd-sequences
  test('is a restart', () => {
    expect(restarts(9_000_000, 5000, 6000)).toBe(1);
  });

  test('by little comes from an overtaken datagram', () => {
    expect(restarts(9_000_000, 8_990_000, 9_001_000)).toBe(0);
  });

  // proves: exporter-restart
  test('is the rollover after 49 days where both sides are near it', () => {
    expect(restarts(2 ** 32 - 5000, 3000, 8000)).toBe(0);
    expect(restarts(2 ** 31, 3000)).toBe(1);
  });

  test('of 0 says nothing', () => {
    expect(restarts(9_000_000, 0, 9_000_100, 0)).toBe(0);
  });

  // proves: exporter-restart, odd-sequences
  test.each([
    ['NetFlow v5', (sequence: number, uptime: number) => netflow5([record5()], { sequence, uptime })],
    ['NetFlow v9', (sequence: number, uptime: number) => netflow9([], { sequence, uptime })],
  ])('in %s counts once with the sequence number that starts again, and as no loss', (_, datagram) => {
    const bench = new Bench();
    bench.decode(datagram(1000, UPTIME_MS));
    bench.decode(datagram(1001, UPTIME_MS + 10));
    bench.decode(datagram(0, 2000));
    bench.decode(datagram(1, 3000));
    bench.decode(datagram(3, 4000));
    expect(bench.domain()).toMatchObject({ lost: 1, restarts: 1 });
  });
});

// proves: shared-address, odd-sequences
test('two exporters behind one translated address are two sequences', () => {
  const bench = new Bench();
  for (let i = 0; i < 50; i++) {
    bench.decode(netflow9([], { sequence: i }), '192.0.2.1', 10_001);
    bench.decode(netflow9([], { sequence: 700_000 + i, uptime: 5000 + i }), '192.0.2.1', 10_002);
  }
  expect(bench.domains()).toMatchObject([
    { lost: 0, restarts: 0 },
    { lost: 0, restarts: 0 },
  ]);
});

// proves: loss-datagrams
test('sFlow counts datagrams of each sub-agent', () => {
  const bench = new Bench();
  for (const sequence of [1, 2, 4, 3, 9]) bench.decode(sflow([], { sequence }));
  expect(bench.domain()).toMatchObject({ lost: 4, restarts: 0 });
});

/** Captures of the corpus from which datagrams are missing, by domain, and how that is known. */
const CUT = 'its authors cut the capture down to some datagrams';
const LOSSES: Readonly<Record<string, { readonly lost: readonly number[]; readonly reason: string }>> = {
  'pmacct/101-NFv9-CISCO-cust_primitives/traffic-00.pcap': { lost: [18], reason: CUT },
  'pmacct/102-NFv9-CISCO-f2rd-pretag-sampling-reload/traffic-00.pcap': { lost: [15, 14], reason: CUT },
  'pmacct/104-IPFIXv10-IPv6-CISCO-sampling_option/traffic-00.pcap': { lost: [21], reason: CUT },
  'pmacct/106-IPFIXv10-HUAWEI-vrf_name/traffic-00.pcap': { lost: [35], reason: CUT },
  'pmacct/110-IPFIXv10-NFv9-multiple-sources/traffic-01.pcap': { lost: [18], reason: CUT },
  'pmacct/110-IPFIXv10-NFv9-multiple-sources/traffic-02.pcap': { lost: [15, 14], reason: CUT },
  'pmacct/111-IPFIXv10-NFv9-IPv6-IPv4-mix_sources/traffic-01.pcap': { lost: [8], reason: CUT },
  'pmacct/112-IPFIXv10-CISCO-options-map-reassignment/traffic-00.pcap': { lost: [1], reason: CUT },
  'pmacct/400-IPFIXv10-BMP-CISCO-SRv6-multiple-sources/traffic-01.pcap': { lost: [507], reason: CUT },
  'pmacct/403-IPFIXv10-BMP-IPv6-CISCO-locrib-peerdown-vrf/traffic-00.pcap': { lost: [11], reason: CUT },
  'pmacct/500-IPFIXv10-BGP-CISCO-SRv6/traffic-00.pcap': { lost: [30], reason: CUT },
  'made/softflowd-psamp.pcap': {
    lost: [5],
    reason: 'every eighth datagram was left out when the capture was made',
  },
};

const ready = requireCorpus();

// proves: loss-flows, softflowd-interface-0
test.runIf(ready)('in every capture of the corpus what is lost is what is missing, and nobody started again', () => {
  const found: Record<string, readonly number[]> = {};
  const files = corpusFiles().filter(file => file.endsWith('.pcap'));
  for (const file of files) {
    const bench = new Bench({ rowsMax: 4096 });
    for (const { payload, source, sourcePort, timeMs } of readCapture(pathOf(file)).datagrams)
      bench.decode(payload, source, sourcePort, timeMs);
    const lost = bench.domains().flatMap(domain => (domain.lost > 0 ? [domain.lost] : []));
    if (lost.length > 0) found[file] = lost;
    expect(
      bench.domains().filter(domain => domain.restarts > 0),
      file,
    ).toEqual([]);
  }
  expect(found).toEqual(Object.fromEntries(Object.entries(LOSSES).map(([file, { lost }]) => [file, lost])));
});
