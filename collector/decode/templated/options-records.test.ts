// What options records report of interfaces, VRFs and stations, and when the origin of uptimes is learnt.

import { describe, expect, test } from 'vitest';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import {
  Bench,
  type Bytes,
  type FieldSpec,
  hex,
  ipfix,
  ipfixOptions,
  netflow9,
  RECEIVED_MS,
  set,
  template,
  u16,
  u32,
  u64,
  v9Options,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { readCapture } from '../../captures/capture.ts';
import type { Fact } from '../facts.ts';

const UUID = '00112233445566778899aabbccddeeff';
const NOTHING: Fact = { kind: 'station', index: 0, macHigh: 0, macLow: 0, stationId: '', name: '', hostId: '' };

const text = (value: string, length = value.length): Bytes => {
  const bytes = [...Buffer.from(value)];
  return [...bytes, ...zeros(length - bytes.length)];
};

function listening() {
  const bench = new Bench({ rowsMax: 4096 });
  const facts: Fact[] = [];
  const sources: object[] = [];
  bench.decoder.context.facts = {
    report(fact, exporter, observationDomain, protocol, receivedAtMs) {
      facts.push(fact);
      sources.push({ exporter: [...exporter], observationDomain, protocol, receivedAtMs });
    },
  };
  return { bench, facts, sources };
}

function factsOf(scope: readonly FieldSpec[], fields: readonly FieldSpec[], ...records: readonly Bytes[]): Fact[] {
  const { bench, facts } = listening();
  bench.decode(ipfix([set(3, ipfixOptions(310, scope, fields)), set(310, ...records)]));
  return facts;
}

describe('names of interfaces', () => {
  const eth3: Fact = { ...NOTHING, kind: 'interface', index: 3, name: 'eth3' };

  test('82 beats 83, whichever comes first; each record is one', () => {
    expect(
      factsOf(
        [[10, 4]],
        [
          [83, 8],
          [82, 6],
        ],
        [...u32(3), ...text('uplink 3', 8), ...text('eth3', 6)],
        [...u32(4), ...text('uplink 4', 8), ...text('eth4', 6)],
      ),
    ).toEqual([eth3, { ...eth3, index: 4, name: 'eth4' }]);
  });

  test('83 alone, an interface of 2 bytes, a name of variable length', () => {
    expect(factsOf([[14, 2]], [[83, 65535]], [...u16(3), 4, ...text('eth3')])).toEqual([eth3]);
  });

  test('scope 2 of NetFlow v9 is an interface, and no element of that number', () => {
    const { bench, facts, sources } = listening();
    bench.decode(
      netflow9([set(1, v9Options(310, [[2, 4]], [[82, 4]])), set(310, u32(3), text('eth3'))], { sourceId: 9 }),
    );
    expect(facts).toEqual([eth3]);
    expect(sources).toMatchObject([{ observationDomain: 9, protocol: 5, receivedAtMs: RECEIVED_MS }]);
  });

  // proves: asr9k-interfaces
  test('scope 1 of NetFlow v9 with 10 behind it, as ASR 9000 sends', () => {
    const { bench, facts } = listening();
    const announce = v9Options(
      310,
      [[1, 4]],
      [
        [10, 4],
        [83, 64],
      ],
    );
    bench.decode(netflow9([set(1, announce), set(310, u32(1), u32(3), text('eth3', 64))]));
    expect(facts).toEqual([eth3]);
  });

  test('interface 0 and empty names report nothing', () => {
    const fields: readonly FieldSpec[] = [[82, 4]];
    expect(factsOf([[10, 4]], fields, [...u32(0), ...text('eth3')], [...u32(3), ...zeros(4)])).toEqual([]);
  });

  // proves: juniper-options
  test('of data records report nothing', () => {
    const { bench, facts } = listening();
    const fields: readonly FieldSpec[] = [
      [10, 4],
      [82, 4],
    ];
    bench.decode(ipfix([set(2, template(300, fields)), set(300, u32(3), text('eth3'))]));
    expect(facts).toEqual([]);
  });
});

test('names of VRFs', () => {
  const fields: readonly FieldSpec[] = [
    [236, 32],
    [234, 4],
    [235, 4],
    [90, 8],
  ];
  const record = [...u32(0x60000002), ...text('A2', 32), ...u32(0x60000002), ...u32(0x60000002), ...zeros(8)];
  expect(factsOf([[234, 4]], fields, record)).toEqual([{ ...NOTHING, kind: 'vrf', index: 0x60000002, name: 'A2' }]);
});

describe('stations', () => {
  // proves: in-band
  test('UUID, name, port and MAC address', () => {
    const fields: readonly FieldSpec[] = [
      [349, 16],
      [350, 65535],
      [56, 6],
      [348, 4],
    ];
    const record = [...u32(7), ...hex(UUID), 5, ...text('web-1'), ...hex('020000000a0b'), ...text('vif0')];
    expect(factsOf([[10, 4]], fields, record)).toEqual([
      { ...NOTHING, index: 7, macHigh: 0x0200, macLow: 0x00000a0b, stationId: UUID, name: 'web-1' },
    ]);
  });

  test('an id and name of the interface serve where the station has none', () => {
    const fields: readonly FieldSpec[] = [
      [348, 4],
      [80, 6],
    ];
    expect(factsOf([[347, 16]], fields, [...hex(UUID), ...text('vif0'), ...hex('020000000a0b')])).toEqual([
      { ...NOTHING, macHigh: 0x0200, macLow: 0x00000a0b, stationId: UUID, name: 'vif0' },
    ]);
  });

  test('ids of other lengths and of zeros are none', () => {
    expect(factsOf([[349, 16]], [[350, 1]], [...zeros(16), 0])).toEqual([]);
    expect(factsOf([[349, 4]], [[350, 1]], [...u32(1), ...text('a')])).toEqual([{ ...NOTHING, name: 'a' }]);
  });
});

test('records of variable length that end early cost their set, those before them count', () => {
  const { bench, facts } = listening();
  const announce = set(3, ipfixOptions(310, [[10, 4]], [[82, 65535]]));
  bench.decode(ipfix([announce, set(310, u32(3), [4], text('eth3'), u32(4), [9], text('eth'))]));
  expect(facts.map(fact => fact.name)).toEqual(['eth3']);
  expect(bench.faults('ipfix')).toEqual({ 'record-malformed': 1 });
});

test('all options of one datagram cost no more steps than it may take', () => {
  const { bench } = listening();
  // 1000 fields of which 999 are empty: each byte of data is a record.
  const fields = Array.from({ length: 999 }, (): FieldSpec => [5, 0]);
  bench.decode(ipfix([set(3, ipfixOptions(310, [[60, 1]], fields))]));
  bench.decode(ipfix([set(310, zeros(60_000))]));
  expect(bench.faults('ipfix')).toEqual({ 'step-budget': 1 });
});

test('rates stay apart from what looks like them in NetFlow v9 scopes', () => {
  // Scope type 5 is a template id; its length and value are no rate, selector or interface.
  const { bench } = listening();
  bench.decode(netflow9([set(1, v9Options(310, [[5, 2]], [[34, 4]])), set(310, u16(300), u32(7))]));
  expect([...bench.domain().templateRates]).toEqual([[300, 7]]);
  expect(bench.domain().samplingRate).toBe(0);
});

test('what options change is reported to whoever keeps it, what they repeat is not', () => {
  const bench = new Bench();
  const send = (initMs: number, rate: number) =>
    bench.decode(
      ipfix([
        set(
          3,
          ipfixOptions(
            310,
            [[149, 4]],
            [
              [160, 8],
              [34, 4],
            ],
          ),
        ),
        set(310, u32(0), u64(initMs), u32(rate)),
      ]),
    );
  send(1000, 5);
  const { stateRevision } = bench.domain();
  expect(stateRevision).toBeGreaterThan(0);
  send(1000, 5);
  expect(bench.domain().stateRevision).toBe(stateRevision);
  send(1000, 6);
  send(2000, 6);
  expect(bench.domain().stateRevision).toBe(stateRevision + 2);
});

const ready = requireCorpus();

describe.runIf(ready)('captures', () => {
  const reported = (file: string) => {
    const { bench, facts } = listening();
    for (const { payload, source, sourcePort, timeMs } of readCapture(pathOf(file)).datagrams)
      bench.decode(payload, source, sourcePort, timeMs);
    return new Map(facts.map(({ kind, index, name }) => [`${kind} ${index}`, name]));
  };

  // proves: in-band, xr-ids
  test('IOS-XR names interfaces and VRFs, and gives ids anew', () => {
    const names = reported('pmacct/112-IPFIXv10-CISCO-options-map-reassignment/traffic-00.pcap');
    expect(names.get('vrf 1610612738')).toBe('A2');
    expect(names.get('vrf 1610612749')).toBe('A2_TEST_10');
    const interfaces = reported('pmacct/501-IPFIXv10-BGP-IPv6-CISCO-MPLS/traffic-00.pcap');
    expect(Object.fromEntries([...interfaces].filter(([key]) => key.startsWith('interface')))).toMatchObject({
      'interface 55': 'HundredGigE0_0_0_11',
      'interface 90': 'TenGigE0_0_0_15',
    });
  });

  // proves: in-band, huawei-vrf
  test('Huawei names a VRF', () => {
    expect(reported('pmacct/106-IPFIXv10-HUAWEI-vrf_name/traffic-00.pcap')).toEqual(new Map([['vrf 1', 'A4']]));
  });
});
