import { describe, expect, test } from 'vitest';
import { formatAddress, formatMac, wordsOfRow } from '../../../schemas/address.ts';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import {
  Bench,
  type Bytes,
  ethernet,
  flowSample,
  hex,
  sampledHeader,
  sflow,
  typed,
  u32,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { readCapture } from '../../captures/capture.ts';
import { type Fact, NAME_BYTES_MAX } from '../facts.ts';
import { HOSTS_PER_AGENT_MAX } from './agent.ts';

const ready = requireCorpus();

interface Reported extends Fact {
  readonly exporter: string;
  readonly observationDomain: number;
  readonly mac: string;
}

class FactBench extends Bench {
  readonly reported: Reported[] = [];
  constructor() {
    super();
    this.decoder.context.facts = {
      report: (fact, exporter, observationDomain) => {
        const mac = formatMac(fact.macLow, fact.macHigh);
        this.reported.push({ ...fact, mac, exporter: formatAddress(wordsOfRow(exporter, 0)), observationDomain });
      },
    };
  }
  /** What the datagram reports, as `kind index mac stationId name hostId`. */
  report(datagram: Uint8Array): string[] {
    const before = this.reported.length;
    this.decode(datagram);
    return this.reported
      .slice(before)
      .map(({ kind, index, mac, stationId, name, hostId }) => [kind, index, mac, stationId, name, hostId].join(' '));
  }
}

const text = (value: string | Bytes): Bytes => {
  const bytes = typeof value === 'string' ? [...new TextEncoder().encode(value)] : value;
  return [...u32(bytes.length), ...bytes, ...zeros(-bytes.length & 3)];
};
const uuidOf = (last: number) => `000102030405060708090a0b0c0d0e${last.toString(16).padStart(2, '0')}`;
const macOf = (last: number) => `02:00:00:00:00:${last.toString(16).padStart(2, '0')}`;

const descr = (name: string | Bytes, uuid: string) => typed(2000, text(name), hex(uuid), u32(3), u32(2), text('6.1.0'));
const adapters = (...list: readonly (readonly [ifIndex: number, ...macs: readonly string[]])[]) =>
  typed(
    2001,
    u32(list.length),
    ...list.flatMap(([ifIndex, ...macs]) => [
      u32(ifIndex),
      u32(macs.length),
      ...macs.map(mac => [...hex(mac), ...zeros(2)]),
    ]),
  );
const parent = (sourceClass: number, index: number) => typed(2002, u32(sourceClass), u32(index));
const portName = (name: string | Bytes) => typed(1005, text(name));
const ifCounters = typed(1, zeros(88));

const counters = (sourceClass: number, index: number, ...records: readonly Bytes[]) =>
  typed(2, u32(1), u32(sourceClass * 2 ** 24 + index), u32(records.length), ...records);
const countersExpanded = (sourceClass: number, index: number, ...records: readonly Bytes[]) =>
  typed(4, u32(1), u32(sourceClass), u32(index), u32(records.length), ...records);

const host = counters(2, 1, descr('kvm-7', uuidOf(1)), adapters([2, macOf(0xa)], [3, macOf(0xb)]));
const guest = counters(3, 100, descr('web-1', uuidOf(9)), adapters([12, macOf(0x10)]), parent(2, 1));
const [hostFacts, guestFact] = [
  [`host 2 ${macOf(0xa)} ${uuidOf(1)} kvm-7 `, `host 3 ${macOf(0xb)} ${uuidOf(1)} kvm-7 `],
  `station 12 ${macOf(0x10)} ${uuidOf(9)} web-1 `,
];

describe('host structures', () => {
  test('a host reports its adapters', () => {
    const bench = new FactBench();
    expect(bench.report(sflow([host], { subAgent: 5 }))).toEqual(hostFacts);
    expect(bench.reported[0]).toMatchObject({ exporter: '192.0.2.1', observationDomain: 5 });
    expect(bench.faults('sflow5')).toEqual({});
  });

  // proves: counters-sample
  test('a guest reports its adapters and the host that runs it, as soon as the host was seen', () => {
    const bench = new FactBench();
    expect(bench.report(sflow([guest]))).toEqual([guestFact]);
    expect(bench.report(sflow([host, guest]))).toEqual([...hostFacts, guestFact + uuidOf(1)]);
    expect(bench.report(sflow([guest]))).toEqual([guestFact + uuidOf(1)]);
  });

  // proves: counters-sample
  test.each([2101, 2102, 2103, 2104])(
    'counters of a virtual machine (%i) make a data source of any class a station, and no host',
    type => {
      const bench = new FactBench();
      const machine = counters(2, 7, typed(type, zeros(40)), descr('db-1', uuidOf(8)), adapters([9, macOf(0x20)]));
      expect(bench.report(sflow([machine]))).toEqual([`station 9 ${macOf(0x20)} ${uuidOf(8)} db-1 `]);
      const inside = counters(3, 8, descr('pod-1', uuidOf(9)), adapters([10, macOf(0x21)]), parent(2, 7));
      expect(bench.report(sflow([inside]))).toEqual([`station 10 ${macOf(0x21)} ${uuidOf(9)} pod-1 `]);
    },
  );

  test('counters of the machine that runs others (2100) leave a host a host', () => {
    const node = counters(2, 1, descr('kvm-7', uuidOf(1)), adapters([2, macOf(0xa)]), typed(2100, zeros(28)));
    expect(new FactBench().report(sflow([node]))).toEqual([hostFacts[0]]);
  });

  test('a guest of another agent has another host', () => {
    const bench = new FactBench();
    bench.report(sflow([host]));
    expect(bench.report(sflow([guest], { agent: [192, 0, 2, 2] }))).toEqual([guestFact]);
  });

  test('records may come in any order, in the expanded form, between others', () => {
    const bench = new FactBench();
    bench.report(sflow([host]));
    const records = [
      parent(2, 1),
      ifCounters,
      adapters([12, macOf(0x10)]),
      typed(2100, zeros(28)),
      descr('web-1', uuidOf(9)),
    ];
    expect(bench.report(sflow([countersExpanded(3, 100, ...records)]))).toEqual([guestFact + uuidOf(1)]);
  });

  test('a guest without adapters is reported once, one with several MACs once for each', () => {
    const bench = new FactBench();
    const none = '00:00:00:00:00:00';
    expect(bench.report(sflow([counters(3, 1, descr('db', uuidOf(2)))]))).toEqual([
      `station 0 ${none} ${uuidOf(2)} db `,
    ]);
    expect(bench.report(sflow([counters(3, 1, adapters([7, macOf(1), none, macOf(2)]))]))).toEqual([
      `station 7 ${macOf(1)}   `,
      `station 7 ${macOf(2)}   `,
    ]);
    expect(bench.report(sflow([counters(3, 1, adapters([7, none]))]))).toEqual([]);
  });

  test('the nil UUID is none', () => {
    const bench = new FactBench();
    expect(bench.report(sflow([counters(3, 1, descr('db', '0'.repeat(32)), adapters([1, macOf(1)]))]))).toEqual([
      `station 1 ${macOf(1)}  db `,
    ]);
  });

  test('hosts beyond HOSTS_PER_AGENT_MAX are reported, but not remembered for their guests', () => {
    const bench = new FactBench();
    for (let i = 1; i <= HOSTS_PER_AGENT_MAX + 1; i++) bench.report(sflow([counters(2, i, descr(`h${i}`, uuidOf(i)))]));
    const hostOf = (index: number) => {
      bench.report(sflow([counters(3, 1, descr('g', uuidOf(200)), parent(2, index))]));
      return bench.reported.at(-1)!.hostId;
    };
    expect([HOSTS_PER_AGENT_MAX, HOSTS_PER_AGENT_MAX + 1].map(hostOf)).toEqual([uuidOf(HOSTS_PER_AGENT_MAX), '']);
    expect(bench.reported.filter(fact => fact.kind === 'host').length).toBe(HOSTS_PER_AGENT_MAX + 1);
  });
});

describe('port_name', () => {
  // proves: counters-sample
  test('names the interface that is the data source', () => {
    const bench = new FactBench();
    const none = '00:00:00:00:00:00';
    expect(bench.report(sflow([counters(0, 7, ifCounters, portName('swp7'))]))).toEqual([`interface 7 ${none}  swp7 `]);
    expect(bench.report(sflow([countersExpanded(0, 0x4ca40191, portName('Et1/1.7'))]))).toEqual([
      `interface ${0x4ca40191} ${none}  Et1/1.7 `,
    ]);
  });

  test('of a data source that is no interface, or of interface 0, names nothing', () => {
    expect(new FactBench().report(sflow([counters(2, 7, portName('br0')), counters(0, 0, portName('x'))]))).toEqual([]);
  });

  test('is cleaned and cut', () => {
    const bench = new FactBench();
    bench.report(
      sflow([counters(0, 1, portName([0x65, 0x1b, 0xff, 0x30])), counters(0, 2, portName('x'.repeat(400)))]),
    );
    expect(bench.reported.map(fact => fact.name)).toEqual(['e\ufffd\ufffd0', 'x'.repeat(NAME_BYTES_MAX)]);
  });
});

describe('malformed', () => {
  const packet = flowSample([sampledHeader(ethernet(0x88cc, zeros(40)))]);
  test.each([
    ['a name longer than its record', counters(0, 1, typed(1005, u32(0xffffffff), u32(0)))],
    ['a name without length', counters(0, 1, typed(1005, zeros(2)))],
    ['a hostname longer than its record', counters(2, 1, typed(2000, u32(0xfffffffd), zeros(40)))],
    ['a UUID cut short', counters(2, 1, typed(2000, text('h'), zeros(12)))],
    ['4,294,967,295 adapters', counters(2, 1, typed(2001, u32(0xffffffff), u32(1), u32(0)))],
    ['4,294,967,295 MACs', counters(2, 1, typed(2001, u32(1), u32(1), u32(0xffffffff), zeros(8)))],
    ['an adapter cut short', counters(2, 1, typed(2001, u32(1), u32(1)))],
  ])('%s is sample-malformed and reports nothing', (_, sample) => {
    const bench = new FactBench();
    expect(bench.decode(sflow([sample, packet])).length).toBe(1);
    expect(bench.faults('sflow5')).toEqual({ 'sample-malformed': 1 });
    expect(bench.reported).toEqual([]);
  });

  // proves: record-short
  test('a host_descr that is cut does not cost the MACs of host_adapters', () => {
    const bench = new FactBench();
    const adapters = typed(2001, u32(1), u32(2), u32(1), [2, 0, 0, 0, 0, 7, 0, 0]);
    bench.decode(sflow([counters(2, 1, typed(2000, text('h'), zeros(12)), adapters)]));
    expect(bench.faults('sflow5')).toEqual({ 'sample-malformed': 1 });
    expect(bench.reported).toMatchObject([{ kind: 'host', index: 2, macHigh: 0x0200, macLow: 7, name: '' }]);
  });

  test('what stands before the record that does not fit is reported', () => {
    const bench = new FactBench();
    const sample = typed(2, u32(1), u32(5), u32(2), portName('eth5'), u32(1), u32(4000));
    bench.decode(sflow([sample]));
    expect(bench.faults('sflow5')).toEqual({ 'sample-malformed': 1 });
    expect(bench.reported.map(fact => fact.name)).toEqual(['eth5']);
  });
});

// proves: discarded-packet
test('discarded packets are counted, are no fault and no traffic', () => {
  const bench = new FactBench();
  const discarded = typed(5, zeros(28), u32(1), sampledHeader(ethernet(0x88cc, zeros(40))));
  expect(bench.decode(sflow([discarded, discarded]))).toEqual([]);
  expect(bench.domain().discardedSamples).toBe(2);
  expect(bench.faults('sflow5')).toEqual({});
});

describe.skipIf(!ready)('captures', () => {
  const noteInFile = (file: string) => {
    const bench = new FactBench();
    const reported = readCapture(pathOf(file)).datagrams.flatMap(({ payload }) => bench.report(payload));
    return { bench, reported };
  };

  // proves: counters-sample
  test('a Linux host: hostname, UUID and MACs as they stand in the datagram', () => {
    const { bench, reported } = noteInFile('cistern-sflow/host_sample.dump');
    const rest = '20d11d01515011cb957d990521365ba3 fractal ';
    expect(reported).toEqual([`host 2 3c:97:0e:25:f0:56 ${rest}`, `host 3 9c:4e:36:59:b2:54 ${rest}`]);
    expect(bench.faults('sflow5')).toEqual({});
  });

  test.each([
    'cistern-sflow/event_discarded_packet.dump',
    'goflow2/extracted/sflow_test__TestSFlowDecodeDropEgressQueue_2.bin',
    'goflow2/extracted/sflow_test__TestSFlowDecodeDropExtendedACL_3.bin',
    'goflow2/extracted/sflow_test__TestSFlowDecodeDropExtendedFunction_4.bin',
  ])('a discarded packet: %s', file => {
    const { bench } = noteInFile(file);
    expect(bench.domain().discardedSamples).toBe(1);
    expect(bench.domain().records).toBe(0);
    expect(bench.faults('sflow5')).toEqual({});
  });
});
