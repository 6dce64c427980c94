// Sequence numbers, and the bound of what is known about exporters.

import { describe, expect, test } from 'vitest';
import { PROTOCOL } from '../../../schemas/codes.ts';
import {
  Bench,
  type Bytes,
  ethernet,
  flowSample,
  ip4,
  ipfix,
  ipfixOptions,
  ipv4,
  netflow5,
  netflow9,
  RECEIVED_MS,
  record5,
  sampledHeader,
  set,
  sflow,
  tcp,
  template,
  u32,
} from '../../../testing/data/datagrams.ts';
import { compileTemplate } from '../templated/template.ts';
import { Domain, TEMPLATES_TOTAL_MAX } from './domain.ts';
import { PROVEN_MS, RENEW_MS } from './roster.ts';

describe('a sequence number', () => {
  const lostIn = (steps: readonly (readonly [sequence: number, advance: number])[]) => {
    const domain = new Domain(new Uint32Array(4), PROTOCOL.netflow9, 0, { exporter: 0, total: { count: 0 } });
    for (const [sequence, advance] of steps) domain.checkSequence(sequence, advance);
    return domain.lost;
  };

  test.each([
    ['that starts anywhere loses nothing', [[123456, 1]], 0],
    [
      'that goes on loses nothing',
      [
        [5, 30],
        [35, 20],
        [55, 1],
      ],
      0,
    ],
    [
      'that leaves a gap loses the gap',
      [
        [5, 30],
        [40, 20],
        [67, 1],
      ],
      12,
    ],
    [
      'that wraps loses nothing',
      [
        [2 ** 32 - 10, 30],
        [20, 1],
      ],
      0,
    ],
    [
      'with a gap over the wrap loses the gap',
      [
        [2 ** 32 - 10, 5],
        [3, 1],
      ],
      8,
    ],
    [
      'that steps back by one loses nothing',
      [
        [100, 1],
        [100, 1],
        [101, 1],
      ],
      0,
    ],
    [
      'that starts again at 0 loses nothing',
      [
        [100000, 1],
        [0, 1],
        [1, 1],
        [3, 1],
      ],
      1,
    ],
    [
      'that is overtaken loses nothing',
      [
        [1, 1],
        [2, 1],
        [5, 1],
        [3, 1],
        [4, 1],
        [6, 1],
      ],
      0,
    ],
    [
      'that starts again far below loses nothing',
      [
        [3_000_000_000, 1],
        [0, 1],
        [1, 1],
        [2, 1],
      ],
      0,
    ],
    [
      'that starts again close below is believed after some',
      [[500, 1], ...Array.from({ length: 20 }, (_, i) => [i, 1] as const), [25, 1]],
      5,
    ],
  ] as const)('%s', (_, steps, lost) => {
    expect(lostIn(steps)).toBe(lost);
  });

  // proves: loss-flows
  test('counts flows in NetFlow v5', () => {
    const bench = new Bench();
    bench.decode(netflow5([record5(), record5()], { sequence: 100 }));
    bench.decode(netflow5([record5()], { sequence: 102 }));
    expect(bench.domain().lost).toBe(0);
    bench.decode(netflow5([record5()], { sequence: 133 }));
    expect(bench.domain().lost).toBe(30);
  });

  // proves: loss-datagrams
  test('counts datagrams in NetFlow v9 and sFlow', () => {
    const bench = new Bench();
    for (const sequence of [7, 8, 12]) bench.decode(netflow9([], { sequence }));
    expect(bench.domain().lost).toBe(3);
    const agents = new Bench();
    for (const sequence of [7, 8, 12]) agents.decode(sflow([], { sequence }));
    expect(agents.domain().lost).toBe(3);
  });

  test('is kept by domain: two engines, two sources, two sub-agents behind one address', () => {
    const bench = new Bench();
    for (const sequence of [10, 12])
      for (const engine of [0x0001, 0x0102])
        bench.decode(netflow5([record5()], { sequence: sequence + engine, engine }));
    for (const sequence of [1, 2])
      for (const sourceId of [1, 2]) bench.decode(netflow9([], { sequence: 100 * sourceId + sequence, sourceId }));
    for (const sequence of [1, 2])
      for (const subAgent of [0, 1]) bench.decode(sflow([], { sequence: 100 * subAgent + sequence, subAgent }));
    expect(bench.domains().map(domain => [domain.protocol, domain.id, domain.lost])).toEqual([
      [PROTOCOL.netflow5, 0x0001, 1],
      [PROTOCOL.netflow5, 0x0102, 1],
      [PROTOCOL.netflow9, 1, 0],
      [PROTOCOL.netflow9, 2, 0],
      [PROTOCOL.sflow5, 0, 0],
      [PROTOCOL.sflow5, 1, 0],
    ]);
  });

  describe('in IPFIX counts data records, options records among them', () => {
    const announce = [set(2, template(300, [[1, 4]])), set(3, ipfixOptions(310, [[149, 4]], [[34, 4]]))];
    const flows = (count: number): Bytes => set(300, ...Array.from({ length: count }, () => u32(1)));
    const lostOf = (messages: readonly (readonly [sequence: number, records: number])[]) => {
      const bench = new Bench();
      for (const [sequence, records] of messages) bench.decode(ipfix([...announce, flows(records)], { sequence }));
      return bench.domain().lost;
    };

    test('sent before the message, as the standard says', () => {
      expect(
        lostOf([
          [0, 10],
          [10, 5],
          [15, 0],
          [15, 7],
          [22, 3],
        ]),
      ).toBe(0);
      expect(
        lostOf([
          [0, 10],
          [10, 5],
          [18, 7],
          [25, 3],
        ]),
      ).toBe(3);
      const bench = new Bench();
      bench.decode(ipfix([...announce, flows(2), set(310, u32(0), u32(1))], { sequence: 0 }));
      bench.decode(ipfix([flows(1)], { sequence: 3 }));
      expect(bench.domain().lost).toBe(0);
    });

    test('or sent up to and with the message, as some do', () => {
      expect(
        lostOf([
          [10, 10],
          [15, 5],
          [15, 0],
          [22, 7],
          [25, 3],
        ]),
      ).toBe(0);
    });

    test('and a gap is measured by the reading that the exporter has shown', () => {
      // Missing: 3 records between 22 and 26.
      expect(
        lostOf([
          [10, 10],
          [15, 5],
          [22, 7],
          [26, 1],
          [28, 2],
        ]),
      ).toBe(3);
      expect(
        lostOf([
          [10, 10],
          [15, 5],
          [22, 7],
          [65, 40],
        ]),
      ).toBe(3);
    });

    test('over the wrap, either way', () => {
      expect(
        lostOf([
          [2 ** 32 - 5, 10],
          [5, 3],
          [8, 1],
        ]),
      ).toBe(0);
      expect(
        lostOf([
          [2 ** 32 - 5, 10],
          [3, 8],
          [6, 3],
        ]),
      ).toBe(0);
    });
  });
});

describe('exporters', () => {
  const flow = [set(2, template(300, [[1, 4]])), set(300, u32(1))];
  const data = ipfix([set(300, u32(1))]);

  const announce = ipfix([set(2, template(300, [[1, 4]]))]);
  const sflowOf = (last: number, rate = 512) =>
    sflow([flowSample([sampledHeader(ethernet(0x0800, ipv4(tcp())))], { rate })], { agent: ip4(`192.0.2.${last}`) });

  test('that have proven nothing give way at the bound, the oldest first, counted; their templates go with them', () => {
    const bench = new Bench({ exportersMax: 3 });
    for (const port of [1, 2, 3]) bench.decode(announce, '192.0.2.1', port);
    expect([bench.decoder.exporters.size, bench.decoder.exporters.evicted]).toEqual([3, 0]);
    bench.decode(announce, '192.0.2.4', 4);
    expect([bench.decoder.exporters.size, bench.decoder.exporters.evicted]).toEqual([3, 1]);
    expect(bench.decode(data, '192.0.2.1', 2).length).toBe(1);
    expect(bench.decode(data, '192.0.2.4', 4).length).toBe(1);
    expect(bench.decode(data, '192.0.2.1', 1).length).toBe(0);
    expect(bench.faults('ipfix')).toEqual({ 'unknown-template': 1 });
  });

  // proves: state-bounds
  test('that delivered decodable data never give way to new ones; after half an hour without they do', () => {
    const bench = new Bench({ exportersMax: 2 });
    for (const port of [1, 2]) bench.decode(ipfix(flow), '192.0.2.1', port, 0);
    expect(bench.decode(ipfix(flow), '192.0.2.2', 3, PROVEN_MS)).toEqual([]);
    expect(bench.faults('ipfix')).toEqual({ 'exporter-limit': 1 });
    expect(bench.decode(data, '192.0.2.1', 1, PROVEN_MS).length).toBe(1);
    expect(bench.decode(ipfix(flow), '192.0.2.2', 3, PROVEN_MS + 1).length).toBe(1);
    expect(bench.decode(data, '192.0.2.1', 1, PROVEN_MS + 2).length).toBe(1);
    expect(bench.decoder.exporters.evicted).toBe(1);
  });

  // proves: floods
  test('that find no room are decoded where no state is needed: NetFlow v5 and sFlow, without accounting', () => {
    const bench = new Bench({ exportersMax: 1 });
    for (const ago of [RENEW_MS, 0])
      bench.decode(netflow5([record5()], { sequence: 1 }), '192.0.2.1', 1, RECEIVED_MS - ago);
    for (const sequence of [7, 99]) {
      expect(bench.decode(netflow5([record5()], { sequence }), '192.0.2.2', 2)).toMatchObject([
        { exporter: '192.0.2.2', bytes: 100 },
      ]);
    }
    expect(bench.decode(sflowOf(7), '192.0.2.3', 3)).toMatchObject([{ exporter: '192.0.2.7', samplingRate: 512 }]);
    expect(bench.decode(sflowOf(8), '192.0.2.3', 3)).toMatchObject([{ exporter: '192.0.2.8', samplingRate: 512 }]);
    expect(bench.decoder.context.sflow.sampleSources.count).toBe(1);
    expect(bench.faults('netflow5')).toEqual({ 'exporter-limit': 2 });
    expect(bench.faults('sflow5')).toEqual({ 'exporter-limit': 1 });
    expect(bench.domains().map(({ protocol, lost }) => [protocol, lost])).toEqual([
      [PROTOCOL.netflow5, 0],
      [PROTOCOL.sflow5, 0],
    ]);
  });

  test('of 10,000 spoofed addresses stay within the bound', () => {
    const bench = new Bench({ exportersMax: 100 });
    for (let i = 0; i < 10_000; i++) bench.decode(announce, `10.${i >> 8}.${i & 255}.1`, i);
    expect([bench.decoder.exporters.size, bench.decoder.exporters.evicted]).toEqual([100, 9900]);
    // Those let go with something to report are reported once.
    expect(bench.domains().length).toBe(200);
    expect(bench.domains().length).toBe(100);
  });

  test('that go on sending are not the ones to give way', () => {
    const bench = new Bench({ exportersMax: 3 });
    for (let i = 0; i < 50; i++) {
      const nowMs = 20_000 * i;
      bench.decode(ipfix(flow), '192.0.2.1', 1, nowMs);
      bench.decode(ipfix(flow), '192.0.2.2', 1000 + i, nowMs + 1);
    }
    expect(bench.decode(data, '192.0.2.1', 1).length).toBe(1);
  });

  test('have one bound for the templates of all their domains, and one for all of them', () => {
    const bench = new Bench({ templatesMax: 5 });
    for (let domain = 0; domain < 10; domain++) bench.decode(ipfix([set(2, template(300, [[1, 4]]))], { domain }));
    expect(bench.faults('ipfix')).toEqual({ 'template-limit': 5 });
    const total = { count: TEMPLATES_TOTAL_MAX - 1 };
    const domain = new Domain(new Uint32Array(4), PROTOCOL.ipfix, 0, { exporter: 0, total });
    const announced = { fields: [{ id: 1, pen: 0, length: 4 }], scopeCount: -1, raw: new Uint8Array(0) };
    const [first, second] = [300, 301].map(id => compileTemplate({ ...announced, id }, true)!);
    expect(domain.learn(first!, 100)).toBe(true);
    expect(domain.learn(second!, 100)).toBe(false);
    domain.forget(300);
    expect(domain.learn(second!, 100)).toBe(true);
  });

  test('of sFlow are agents; a flood of them does not make those give way that delivered samples', () => {
    const bench = new Bench({ exportersMax: 2 });
    bench.decode(sflowOf(1), '192.0.2.1', 1);
    const noSamples = (last: number) => sflow([], { agent: ip4(`192.0.2.${last}`) });
    for (let last = 2; last < 250; last++) bench.decode(noSamples(last), '192.0.2.2', 2);
    expect(bench.decoder.exporters.evicted).toBe(247);
    bench.decode(sflowOf(1), '192.0.2.1', 1);
    const agents = bench.domains().filter(domain => !domain.evicted);
    expect(agents.map(({ datagrams }) => datagrams)).toEqual(expect.arrayContaining([2, 1]));
  });

  test('are known by their address: IPv4, IPv4 through an IPv6 socket, IPv6 with a zone', () => {
    const bench = new Bench();
    const exporter = (address: string) => bench.decode(ipfix(flow), address)[0]!['exporter'];
    expect(exporter('192.0.2.1')).toBe('192.0.2.1');
    expect(exporter('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(exporter('fe80::1%eth0')).toBe('fe80::1');
    expect(exporter('nonsense')).toBe('::');
  });

  test('have their health counted by domain', () => {
    const bench = new Bench();
    const message = ipfix([...flow, set(999, u32(1)), set(4, u32(1))], { domain: 7 });
    bench.decode(message, '192.0.2.1', 1, 5000);
    bench.decode(message, '192.0.2.1', 1, 6000);
    expect(bench.domain()).toMatchObject({
      id: 7,
      protocol: PROTOCOL.ipfix,
      lastSeenMs: 6000,
      datagrams: 2,
      datagramBytes: 2 * message.length,
      records: 2,
      templatesLearned: 1,
      unknownTemplateSets: 2,
      malformedSets: 2,
    });
  });
});
