// What the inspector reads. Every record of the captures that NetGauze decodes is compared in collector/conformance.

import { describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
  EXPORT_S,
  type FieldSpec,
  hex,
  ip4,
  ipfix,
  ipfixOptions,
  netflow9,
  set,
  src6,
  template,
  u16,
  u32,
  u64,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { builtInElements } from '../../elements/element-registry.ts';
import { type InspectedField, type InspectedValue, inspectRecords } from './inspect.ts';

const names = builtInElements();

/** A bench, and every record it is given. */
function inspecting(): { readonly bench: Bench; readonly records: InspectedField[][] } {
  const bench = new Bench();
  const records: InspectedField[][] = [];
  const { context } = bench.decoder;
  context.templated.inspect = (domain, plan, start, end) =>
    records.push(...inspectRecords(context.view, domain, plan, start, end, names));
  return { bench, records };
}

function inspect(...sets: readonly Bytes[]): InspectedField[][] {
  const { bench, records } = inspecting();
  bench.decode(ipfix(sets));
  return records;
}
const values = (fields: readonly FieldSpec[], record: Bytes) =>
  inspect(set(2, template(300, fields)), set(300, record))[0]?.map(({ name, value }) => [name, value]);

describe('every type', () => {
  const ntp = [...u32(EXPORT_S + 2208988800), ...u32(2 ** 31)];
  const cases: readonly (readonly [string, FieldSpec, Bytes, InspectedValue])[] = [
    ['octetDeltaCount', [1, 8], u64(2n ** 64n - 1n), 2n ** 64n - 1n],
    ['octetDeltaCount', [1, 3], [1, 0, 0], 65536],
    ['octetDeltaCount', [1, 9], [1, ...u64(0)], 2n ** 64n],
    ['ipv6ExtensionHeadersFull', [515, 32], [...zeros(31), 5], 5],
    ['mibObjectValueInteger', [434, 2], u16(0xfffe), -2],
    ['samplingProbability', [311, 8], hex('3fb999999999999a'), 0.1],
    ['samplingProbability', [311, 4], hex('3e800000'), 0.25],
    ['dataRecordsReliability', [276, 1], [1], true],
    ['dataRecordsReliability', [276, 1], [2], false],
    ['dataRecordsReliability', [276, 1], [3], '03'],
    ['sourceMacAddress', [56, 6], [2, 0, 0, 0, 0, 10], '02:00:00:00:00:0a'],
    ['sourceMacAddress', [56, 8], zeros(8), '0000000000000000'],
    ['sourceIPv4Address', [8, 4], ip4('10.0.0.1'), '10.0.0.1'],
    ['sourceIPv4Address', [8, 5], [1, 2, 3, 4, 5], '0102030405'],
    ['sourceIPv6Address', [27, 16], src6, '2001:db8::1'],
    ['interfaceName', [82, 8], [...Buffer.from('eth0'), 0, 0, 0, 0], 'eth0'],
    ['interfaceName', [82, 5], [0xc3, 0xbc, 0xff, 0, 0x41], 'ü\ufffd\0A'],
    ['interfaceName', [82, 65535], [0], ''],
    ['interfaceName', [82, 65535], [255, ...u16(300), ...new Array<number>(300).fill(65)], 'A'.repeat(300)],
    ['flowStartSeconds', [150, 4], u32(EXPORT_S), '2020-01-01T00:00:00.000Z'],
    ['flowStartMilliseconds', [152, 8], u64(EXPORT_S * 1000 + 7), '2020-01-01T00:00:00.007Z'],
    ['flowStartMilliseconds', [152, 8], u64(2n ** 64n - 1n), 'ffffffffffffffff'],
    ['flowStartMilliseconds', [152, 4], u32(7), '00000007'],
    ['flowStartMicroseconds', [154, 8], ntp, '2020-01-01T00:00:00.500000Z'],
    ['flowStartNanoseconds', [156, 8], ntp, '2020-01-01T00:00:00.500000000Z'],
    ['paddingOctets', [210, 2], [0, 1], '0001'],
    ['reversePacketDeltaCount', [2, 4, 29305], u32(9), 9],
    ['H3C.7', [7, 2, 25506], [1, 2], '0102'],
    ['4242.7', [7, 2, 4242], [1, 2], '0102'],
    ['9999', [9999, 2], [1, 2], '0102'],
  ];
  test.each(cases)('%s %j', (name, field, bytes, value) => {
    expect(values([field], bytes)).toEqual([[name, value]]);
  });

  test('of NetFlow v9 beyond 32767 is named', () => {
    const { bench, records } = inspecting();
    bench.decode(
      netflow9([
        set(
          0,
          template(300, [
            [40000, 8],
            [33002, 2],
          ]),
        ),
        set(300, [...Buffer.from('alice'), 0, 0, 0, ...u16(1001)]),
      ]),
    );
    expect(records[0]).toMatchObject([
      { name: 'aaaUsername', value: 'alice' },
      { name: 'firewallExtendedEvent', value: 1001 },
    ]);
  });
});

describe('records', () => {
  // proves: all-elements
  test('of options are reported too, their scope marked', () => {
    const [record] = inspect(set(3, ipfixOptions(310, [[149, 4]], [[34, 4]])), set(310, u32(7), u32(100)));
    expect(record).toMatchObject([
      { name: 'observationDomainId', scope: true, value: 7 },
      { name: 'samplingInterval', scope: false, value: 100 },
    ]);
  });

  test('end at padding, and where one does not fit', () => {
    const fields: FieldSpec[] = [
      [1, 2],
      [82, 65535],
    ];
    expect(inspect(set(2, template(300, fields)), set(300, [0, 1, 0], [0, 2, 1, 65], [0, 3, 9, 65], [0])).length).toBe(
      2,
    );
  });

  // proves: all-elements
  test('of unknown lists stay octets, of known ones become their entries', () => {
    const list = [3, ...u16(400), 17, 6];
    const sets = (id: number) => [set(2, template(300, [[292, 5]]), template(id, [[4, 1]])), set(300, list)];
    const entries = [[{ name: 'protocolIdentifier', value: 17 }], [{ name: 'protocolIdentifier', value: 6 }]];
    expect(inspect(...sets(400))[0]).toMatchObject([{ name: 'subTemplateList', value: entries }]);
    expect(inspect(...sets(401))[0]).toMatchObject([{ value: '0301901106' }]);
    // 484 bgpSourceCommunityList is a basicList of bgpCommunity.
    expect(values([[484, 13]], [3, ...u16(483), ...u16(4), ...u32(1), ...u32(2)])).toMatchObject([
      ['bgpSourceCommunityList', [[{ name: 'bgpCommunity', value: 1 }], [{ name: 'bgpCommunity', value: 2 }]]],
    ]);
  });

  test("are nobody's business in production: nothing is called", () => {
    const { bench, records } = inspecting();
    bench.decoder.context.templated.inspect = undefined;
    expect(bench.decode(ipfix([set(2, template(300, [[1, 1]])), set(300, [5])])).length).toBe(1);
    expect(records).toEqual([]);
  });
});
