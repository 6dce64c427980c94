import { describe, expect, test } from 'vitest';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import {
  Bench,
  type Bytes,
  type FieldSpec,
  ip4,
  ipfix,
  set,
  template,
  u8,
  u16,
  u32,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { readCapture } from '../../captures/capture.ts';
import { LIST_DEPTH_MAX } from './lists.ts';

const BASIC = 291;
const SUB = 292;
const MULTI = 293;
const ALL_OF = 3;
const FIRST = 400;

const variable = (bytes: Bytes): Bytes =>
  bytes.length < 255 ? [bytes.length, ...bytes] : [255, ...u16(bytes.length), ...bytes];
const basicList = (element: number, length: number, ...values: readonly Bytes[]): Bytes => [
  ALL_OF,
  ...u16(element),
  ...u16(length),
  ...values.flat(),
];
const subTemplateList = (id: number, ...records: readonly Bytes[]): Bytes => [ALL_OF, ...u16(id), ...records.flat()];
const multiEntry = (id: number, ...records: readonly Bytes[]): Bytes => {
  const body = records.flat();
  return [...u16(id), ...u16(4 + body.length), ...body];
};

const MACS: FieldSpec[] = [
  [56, 6],
  [80, 6],
];
const macs = (last: number): Bytes => [2, 0, 0, 0, 0, last, 2, 0, 0, 0, 1, last];

/** Records of template 300: octets and one list. */
function decode(list: number, bytes: Bytes, bench = new Bench()) {
  const announce = set(
    2,
    template(300, [
      [1, 4],
      [list, 65535],
    ]),
    template(FIRST, MACS),
    template(401, [
      [4, 1],
      [1, 4],
      [58, 2],
    ]),
  );
  return {
    rows: bench.decode(ipfix([announce, set(300, [...u32(7), ...variable(bytes)], [...u32(8), 0])])),
    faults: bench.faults('ipfix'),
  };
}

describe('a list in a record (RFC 6313) fills columns that the record itself does not fill', () => {
  // proves: structured-data
  test('subTemplateList: the first entry wins', () => {
    const { rows, faults } = decode(SUB, subTemplateList(FIRST, macs(1), macs(2)));
    expect(rows).toMatchObject([
      { bytes: 7, srcMac: '02:00:00:00:00:01', dstMac: '02:00:00:00:01:01' },
      { bytes: 8, srcMac: '00:00:00:00:00:00' },
    ]);
    expect(faults).toEqual({});
  });

  // proves: structured-data
  test('subTemplateMultiList: entries of several templates; what the record says itself stays', () => {
    const list = [ALL_OF, ...multiEntry(401, [17, ...u32(999), ...u16(100)]), ...multiEntry(FIRST, macs(1))];
    expect(decode(MULTI, list).rows[0]).toMatchObject({ bytes: 7, proto: 17, vlan: 100, srcMac: '02:00:00:00:00:01' });
  });

  // proves: structured-data
  test('basicList: of fixed and of variable length', () => {
    expect(decode(BASIC, basicList(58, 2, u16(100), u16(200))).rows[0]).toMatchObject({ vlan: 0, bytes: 7 });
    expect(decode(BASIC, basicList(351, 8, zeros(5), [1, 2, 3])).rows[0]).toMatchObject({ vni: 0x010203 });
    expect(
      decode(BASIC, basicList(8, 65535, variable(ip4('10.0.0.1')), variable(ip4('10.0.0.2')))).rows[0],
    ).toMatchObject({ srcAddr: '10.0.0.1' });
    expect(decode(BASIC, [ALL_OF, ...u16(0x8000 | 892), ...u16(4), ...u32(6876), ...u32(5001)]).rows[0]).toMatchObject({
      vni: 5001,
    });
  });

  // proves: structured-data
  test('lists in lists, and fields of variable length in them', () => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        set(
          2,
          template(410, [
            [82, 65535],
            [SUB, 65535],
            [5, 1],
          ]),
        ),
      ]),
    );
    const inner = subTemplateList(FIRST, macs(9));
    const list = subTemplateList(410, [...variable([65, 66]), ...variable(inner), 0x20], [...variable([]), 0, 0x40]);
    const { rows, faults } = decode(SUB, list, bench);
    expect(rows[0]).toMatchObject({ srcMac: '02:00:00:00:00:09', tos: 0x20 });
    expect(faults).toEqual({});
  });

  test('times and the sampling rate are those of the record', () => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        set(
          2,
          template(410, [
            [152, 8],
            [34, 4],
          ]),
        ),
      ]),
    );
    const { rows } = decode(SUB, subTemplateList(410, [...zeros(8), ...u32(5)]), bench);
    expect(rows[0]).toMatchObject({ flowStart: 1577836800000, samplingRate: 0, rateSource: 'unknown' });
  });

  test('an empty list is no fault', () => {
    expect(decode(SUB, subTemplateList(FIRST)).faults).toEqual({});
    expect(decode(MULTI, [ALL_OF]).faults).toEqual({});
    expect(decode(BASIC, basicList(58, 2)).faults).toEqual({});
  });
});

// proves: bad-lists
describe('a malformed list costs the list, not the record', () => {
  const cases: readonly (readonly [string, number, Bytes])[] = [
    ['a basicList shorter than its header', BASIC, [ALL_OF, 0, 58]],
    ['a basicList of an enterprise element shorter than its header', BASIC, [ALL_OF, ...u16(0x8001), ...u16(1), 0, 0]],
    // proves: bad-lists
    ['a basicList with element length 0', BASIC, basicList(58, 0, [1, 2, 3])],
    ['a basicList that ends within an element', BASIC, basicList(58, 2, u16(1), u8(2))],
    ['a basicList whose only element does not fit', BASIC, basicList(8, 4, [1, 2])],
    ['a basicList of variable length beyond its end', BASIC, basicList(82, 65535, [9, 65])],
    ['a subTemplateList without a template id', SUB, [ALL_OF, 1]],
    // proves: bad-lists
    ['a subTemplateList of an unknown template', SUB, subTemplateList(999, macs(1))],
    ['a subTemplateList that ends within a record', SUB, subTemplateList(FIRST, macs(1), [1, 2, 3])],
    ['a subTemplateMultiList entry of length 0', MULTI, [ALL_OF, ...u16(FIRST), ...u16(0)]],
    ['a subTemplateMultiList entry shorter than its header', MULTI, [ALL_OF, ...u16(FIRST), ...u16(3), 0]],
    ['a subTemplateMultiList entry beyond its list', MULTI, [ALL_OF, ...u16(FIRST), ...u16(40), ...macs(1)]],
    ['a subTemplateMultiList that ends within an entry header', MULTI, [ALL_OF, ...multiEntry(FIRST, macs(1)), 1, 2]],
  ];

  test.each(cases)('%s', (_, list, bytes) => {
    const { rows, faults } = decode(list, bytes);
    expect(rows.map(row => row['bytes'])).toEqual([7, 8]);
    expect(faults).toEqual({ 'list-malformed': 1 });
  });

  // proves: bad-lists
  test('a template whose list names the template itself ends at the depth that is followed', () => {
    const self = (depth: number): Bytes =>
      depth === 0 ? [...u32(1), 0] : [...u32(1), ...variable(subTemplateList(300, self(depth - 1)))];
    for (const [depth, faults] of [
      [LIST_DEPTH_MAX, {}],
      [LIST_DEPTH_MAX + 1, { 'list-malformed': 1 }],
    ] as const) {
      const bench = new Bench();
      const rows = bench.decode(
        ipfix([
          set(
            2,
            template(300, [
              [1, 4],
              [SUB, 65535],
            ]),
          ),
          set(300, self(depth)),
        ]),
      );
      expect(rows).toMatchObject([{ bytes: 1 }]);
      expect(bench.faults('ipfix')).toEqual(faults);
    }
  });

  // proves: bad-lists
  test('a list that reaches beyond its set is a malformed record', () => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        set(
          2,
          template(300, [
            [1, 4],
            [SUB, 65535],
          ]),
        ),
        set(300, [...u32(7), 200, 3, 1, 144]),
      ]),
    );
    expect(bench.faults('ipfix')).toEqual({ 'record-malformed': 1 });
  });

  // proves: bad-lists
  test('entries of many fields use up the steps of a datagram, and no more', () => {
    const bench = new Bench();
    const wide: FieldSpec[] = [[4, 1], ...Array.from({ length: 1000 }, (): FieldSpec => [82, 0])];
    const list = variable(subTemplateList(410, zeros(10_000)));
    const rows = bench.decode(
      ipfix([
        set(
          2,
          template(410, wide),
          template(300, [
            [1, 1],
            [SUB, 65535],
          ]),
        ),
        set(300, [7, ...list], [8, ...list]),
      ]),
    );
    expect(bench.decoder.context.steps).toBeLessThanOrEqual(1_000_000);
    expect(rows[0]).toMatchObject({ bytes: 7 });
    expect(bench.faults('ipfix')).toMatchObject({ 'list-malformed': 2 });
    expect(bench.faults('ipfix')['step-budget']).toBeGreaterThan(0);
  });
});

const ready = requireCorpus();

describe.skipIf(!ready)('captures', () => {
  const LOGSTASH = 'logstash-codec-netflow/';

  // proves: yaf-lists
  test('YAF reports MAC addresses in a subTemplateMultiList', () => {
    const bench = new Bench();
    const rows = ['tpls_option_tpl', 'tpl45841', 'data45841', 'data45873', 'data53248'].flatMap(part =>
      readCapture(pathOf(`${LOGSTASH}ipfix_test_yaf_${part}.dat`)).datagrams.flatMap(({ payload }) =>
        bench.decode(payload),
      ),
    );
    expect(rows.map(row => row['srcMac'])).toEqual(expect.arrayContaining(['00:0c:29:70:86:09', '00:0c:29:8d:af:c3']));
    expect(rows.length).toBe(4);
    expect(bench.faults('ipfix')).toEqual({});
  });

  // proves: ixia-padding
  test.each([
    [`${LOGSTASH}ipfix_test_ixia_tpldata256.dat`, 1],
    [`${LOGSTASH}ipfix_test_ixia_tpldata271.dat`, 2],
  ])('%s is read without a fault', (file, records) => {
    const bench = new Bench();
    const rows = readCapture(pathOf(file)).datagrams.flatMap(({ payload }) => bench.decode(payload));
    expect(rows.length).toBe(records);
    expect(bench.faults('ipfix')).toEqual({});
  });
});
