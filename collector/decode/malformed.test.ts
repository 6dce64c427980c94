// What a broken exporter, or an unfriendly one, may send. Each case names the counter it raises; what is not broken in
// the same datagram is decoded.

import { describe, expect, test } from 'vitest';
import { EXPORTERS_MAX, MALFORMED_INPUTS } from '../../testing/conformance/malformed-inputs.ts';
import {
  Bench,
  type Bytes,
  datagramOf,
  ethernet,
  expandedSample,
  type FieldSpec,
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
  typed,
  u8,
  u16,
  u32,
  u64,
  v9Options,
  zeros,
} from '../../testing/data/datagrams.ts';
import { RECORDS_PER_DATAGRAM_MAX } from './context.ts';
import { type Domain, SELECTORS_PER_DOMAIN_MAX } from './exporters/domain.ts';
import { DOMAINS_PER_SESSION_MAX } from './exporters/exporters.ts';
import { PENDING_DOMAIN_SETS_MAX } from './exporters/pending.ts';
import { FIELDS_PER_TEMPLATE_MAX } from './templated/template-set.ts';

const BYTES_PACKETS: readonly FieldSpec[] = [
  [1, 4],
  [2, 4],
];
const good: Bytes = [...u32(1000), ...u32(2)];
/** A template and one record of it, to see that the rest of a datagram is still read. */
const sane = (v9: boolean): Bytes => [...set(v9 ? 0 : 2, template(999, BYTES_PACKETS)), ...set(999, good)];
const saneRow = { bytes: 1000, packets: 2 };

describe('any datagram', () => {
  // proves: bad-version
  test.each([0, 1, 2, 3])('of %i bytes is too-short', length => {
    const bench = new Bench();
    expect(bench.decode(new Uint8Array(length))).toEqual([]);
    expect(bench.faults('unknown')).toEqual({ 'too-short': 1 });
    expect(bench.domains()).toEqual([]);
  });

  // proves: bad-version
  test.each([
    [1, 'netflow1'],
    [5, 'netflow5'],
    [6, 'netflow6'],
    [7, 'netflow7'],
    [8, 'netflow8'],
    [9, 'netflow9'],
    [10, 'ipfix'],
  ] as const)('of version %i that ends behind the version word is too-short', (version, protocol) => {
    const bench = new Bench();
    expect(bench.decode(datagramOf(u16(version), zeros(2)))).toEqual([]);
    expect(bench.faults(protocol)).toEqual({ 'too-short': 1 });
  });

  test('of sFlow that ends before the number of samples is too-short', () => {
    const bench = new Bench();
    bench.decode(sflow([]).subarray(0, 27));
    expect(bench.faults('sflow5')).toEqual({ 'too-short': 1 });
  });

  // proves: bad-version
  test.each([
    ['NetFlow v2, which nobody released', [0, 2, 0, 1]],
    ['sFlow v3', u32(3)],
    ['nothing known', [0xff, 0xff, 0xff, 0xff]],
    ['a little-endian 5', [5, 0, 0, 0]],
  ])('of %s is unknown-version and makes no exporter', (_, start) => {
    const bench = new Bench();
    expect(bench.decode(datagramOf(start, zeros(60)))).toEqual([]);
    expect(bench.faults('unknown')).toEqual({ 'unknown-version': 1 });
    expect(bench.decoder.exporters.size).toBe(0);
  });

  // proves: bad-version
  test('is reported by its version, whatever the port: sFlow and NetFlow from one socket', () => {
    const bench = new Bench();
    expect(bench.decode(netflow5([record5()])).length).toBe(1);
    expect(bench.decode(sflow([flowSample([sampledHeader(ethernet(0x0800, ipv4(tcp())))])])).length).toBe(1);
    expect(bench.decode(ipfix([sane(false)])).length).toBe(1);
    expect(bench.decode(netflow9([sane(true)])).length).toBe(1);
  });
});

describe('NetFlow v5', () => {
  // proves: bad-fixed-count
  test.each([
    ['0 for 2 records', 0, 2, 'count-mismatch', 0],
    ['1 for 2 records', 1, 2, 'count-mismatch', 1],
    ['31 for 1 record', 31, 1, 'length-mismatch', 1],
    ['65535 for 1 record', 65535, 1, 'length-mismatch', 1],
  ] as const)('count %s is %s, and what both agree on is read', (_, count, held, fault, rows) => {
    const bench = new Bench();
    const records = Array.from({ length: held }, () => record5());
    expect(bench.decode(netflow5(records, { count })).length).toBe(rows);
    expect(bench.faults('netflow5')).toEqual({ [fault]: 1 });
    expect(bench.domain().malformedSets).toBe(1);
  });

  // proves: bad-fixed-count
  test('trailing bytes that are no record are padding', () => {
    const bench = new Bench();
    expect(bench.decode(datagramOf([...netflow5([record5()])], zeros(47))).length).toBe(1);
    expect(bench.faults('netflow5')).toEqual({});
  });

  // proves: bad-fixed-count
  test('a record cut off is length-mismatch, the whole ones before it are read', () => {
    const bench = new Bench();
    const whole = netflow5([record5(1), record5(2)]);
    expect(bench.decode(whole.subarray(0, whole.length - 1)).map(row => row['packets'])).toEqual([1]);
    expect(bench.faults('netflow5')).toEqual({ 'length-mismatch': 1 });
  });
});

describe('the malformed cases', () => {
  const inputs = MALFORMED_INPUTS.flatMap((list, i) => list.map(input => [`${i + 1}: ${input.about}`, input] as const));

  test.each(inputs)('case %s raises exactly its counters', (_, input) => {
    const { datagrams, apart = false, idleMs = 0, records, faults, reported = {} } = input;
    const bench = new Bench({ rowsMax: 20_000, templatesMax: 2000, exportersMax: EXPORTERS_MAX });
    let found = 0;
    for (const [i, datagram] of datagrams.entries())
      found += bench.decode(datagram, '198.51.100.1', 50_000 + (apart ? i : 0)).length;
    bench.decoder.expire(RECEIVED_MS + idleMs);
    expect(found).toBe(records);
    expect(bench.allFaults()).toEqual(faults);
    const domains = bench.domains();
    const sum = (count: (domain: Domain) => number) => domains.reduce((total, domain) => total + count(domain), 0);
    const counts = {
      unknownRateRecords: sum(domain => domain.unknownRateRecords),
      lostSets: sum(domain => domain.lostSets),
      lost: sum(domain => domain.lost),
      restarts: sum(domain => domain.restarts),
    };
    expect(counts).toMatchObject(reported);
  });
});

describe('headers', () => {
  // proves: bad-netflow9-count
  test.each([0, 1, 7, 65535])(
    'a NetFlow v9 count of %i is count-mismatch and changes nothing: sets are walked by their lengths',
    count => {
      const bench = new Bench();
      expect(bench.decode(netflow9([sane(true)], { count }))).toMatchObject([saneRow]);
      expect(bench.faults('netflow9')).toEqual({ 'count-mismatch': 1 });
      // No set of it is broken.
      expect(bench.domain().malformedSets).toBe(0);
    },
  );

  // proves: bad-netflow9-count
  test.each([
    ['sets', 2],
    ['records and templates', 3],
  ])('a NetFlow v9 count of %s is as good as one of records', (_, count) => {
    const bench = new Bench();
    const sets = [set(0, template(300, BYTES_PACKETS)), set(300, good, good)];
    expect(bench.decode(netflow9(sets, { count }))).toMatchObject([saneRow, saneRow]);
    expect(bench.faults('netflow9')).toEqual({});
  });

  // proves: bad-ipfix-length
  test.each([0, 4, 15, 16, 42, 65535])('an IPFIX length of %i is length-mismatch, its whole sets are read', length => {
    const bench = new Bench();
    expect(bench.decode(ipfix([sane(false)], { length }))).toMatchObject([saneRow]);
    expect(bench.faults('ipfix')).toEqual({ 'length-mismatch': 1 });
    expect(bench.domain()).toMatchObject({ malformedSets: 1, lost: 0 });
    // The records of it are counted: the next message follows.
    bench.decode(ipfix([set(999, good)], { sequence: 1 }));
    bench.decode(ipfix([set(999, good)], { sequence: 2 }));
    expect(bench.domain()).toMatchObject({ lost: 0, restarts: 0 });
  });

  // proves: bad-ipfix-length
  test.each([
    ['short', -2],
    ['long', 6],
    ['long by a whole message', 44],
  ])('an IPFIX length that is too %s does not cost the message behind it', (_, error) => {
    const bench = new Bench();
    const first = ipfix([sane(false)], { length: 44 + error });
    const second = ipfix([set(999, [...u32(2000), ...u32(3)])], { sequence: 1 });
    const rows = bench.decode(datagramOf([...first], [...second], [...ipfix([set(999, good)], { sequence: 2 })]));
    expect(rows).toMatchObject([saneRow, { bytes: 2000, packets: 3 }, saneRow]);
    expect(bench.faults('ipfix')).toEqual({ 'length-mismatch': 1 });
    expect(bench.domain()).toMatchObject({ lost: 0, restarts: 0 });
  });

  // proves: bad-ipfix-length
  test('of an IPFIX datagram that was cut the whole sets are read, the cut one is refused', () => {
    const bench = new Bench();
    const whole = ipfix([sane(false), set(999, good, good)]);
    expect(bench.decode(whole.subarray(0, whole.length - 1))).toMatchObject([saneRow]);
    expect(bench.faults('ipfix')).toEqual({ 'length-mismatch': 1, 'set-length': 1 });
  });

  // proves: bad-ipfix-length
  test('a set that is too long costs its message, not the one behind', () => {
    const bench = new Bench();
    const first = ipfix([sane(false), [...u16(999), ...u16(14), ...good]]);
    const second = ipfix([set(999, good)], { sequence: 1 });
    expect(bench.decode(datagramOf([...first], [...second]))).toMatchObject([saneRow, saneRow]);
    expect(bench.faults('ipfix')).toEqual({ 'set-length': 1 });
  });

  // proves: bad-ipfix-length
  test('to look for the end of messages takes a bounded number of steps', () => {
    const bench = new Bench();
    // Each set leads over the header behind it, so that each walk from a wrong length goes to the end of the datagram.
    const message = ipfix([[...u16(2), ...u16(20)]], { length: 20 });
    const count = Math.floor(65_500 / message.length);
    bench.decode(datagramOf(...Array.from({ length: count }, () => [...message]), zeros(7)));
    expect(bench.faults('ipfix')['step-budget']).toBeGreaterThan(0);
  });

  // proves: ipfix, bad-ipfix-length
  test('an IPFIX message shorter than its datagram is followed by another one', () => {
    const bench = new Bench();
    const first = ipfix([set(2, template(999, BYTES_PACKETS))], { sequence: 0 });
    const second = ipfix([set(999, good)], { sequence: 0 });
    expect(bench.decode(datagramOf([...first], [...second]))).toMatchObject([saneRow]);
    expect(bench.faults('ipfix')).toEqual({});
  });

  // proves: bad-ipfix-length
  test('what follows an IPFIX message and is none is length-mismatch, the message counts', () => {
    const bench = new Bench();
    expect(bench.decode(datagramOf([...ipfix([sane(false)])], [...netflow9([sane(true)])]))).toMatchObject([saneRow]);
    expect(bench.faults('ipfix')).toEqual({ 'length-mismatch': 1 });
  });
});

describe.each([
  ['netflow9', true],
  ['ipfix', false],
] as const)('%s sets', (protocol, v9) => {
  const message = (...sets: readonly Bytes[]) => (v9 ? netflow9(sets) : ipfix(sets));
  const templates = (...list: readonly Bytes[]) => set(v9 ? 0 : 2, ...list);
  const optionsSet = (...list: readonly Bytes[]) => set(v9 ? 1 : 3, ...list);
  const options = v9 ? v9Options : ipfixOptions;

  // proves: bad-set-length
  test.each([0, 1, 3])('a set of length %i is set-length and ends the walk', length => {
    const bench = new Bench();
    expect(bench.decode(message(sane(v9), [...u16(999), ...u16(length)], set(999, good)))).toMatchObject([saneRow]);
    expect(bench.faults(protocol)).toEqual({ 'set-length': 1 });
  });

  // proves: bad-set-length
  test('a set longer than the message is set-length', () => {
    const bench = new Bench();
    expect(bench.decode(message(sane(v9), [...u16(999), ...u16(200), ...good]))).toMatchObject([saneRow]);
    expect(bench.faults(protocol)).toEqual({ 'set-length': 1 });
  });

  // proves: bad-set-length
  test('an empty set (length 4) is no fault', () => {
    const bench = new Bench();
    expect(bench.decode(message(templates(), sane(v9), set(999), set(999, good)))).toMatchObject([saneRow, saneRow]);
    expect(bench.faults(protocol)).toEqual({});
  });

  // proves: padding, zero-sets
  test('zeros behind the last set, or behind the header, are padding', () => {
    const bench = new Bench();
    expect(bench.decode(message(sane(v9), zeros(1364)))).toMatchObject([saneRow]);
    expect(bench.decode(message(zeros(1364)))).toEqual([]);
    expect(bench.faults(protocol)).toEqual({});
  });

  // proves: reserved-sets
  test.each(v9 ? [2, 3, 4, 255] : [0, 1, 4, 255])('set id %i is reserved-set, the sets around it count', id => {
    const bench = new Bench();
    expect(bench.decode(message(set(id, zeros(8)), sane(v9)))).toMatchObject([saneRow]);
    expect(bench.faults(protocol)).toEqual({ 'reserved-set': 1 });
  });

  // proves: bad-field-count
  test.each([1000, 65535])('a template that claims %i fields and has 2 is template-malformed', count => {
    const bench = new Bench();
    const claims = [...u16(300), ...u16(count), ...template(300, BYTES_PACKETS).slice(4)];
    expect(bench.decode(message(templates(claims), sane(v9)))).toMatchObject([saneRow]);
    expect(bench.faults(protocol)).toEqual({ 'template-malformed': 1 });
  });

  // proves: bad-field-count
  test('a template of more fields than the bound is template-malformed, one at the bound is not', () => {
    const bench = new Bench();
    const fields = (count: number) => Array.from({ length: count }, (): FieldSpec => [1, 4]);
    bench.decode(message(templates(template(300, fields(FIELDS_PER_TEMPLATE_MAX)))));
    expect(bench.faults(protocol)).toEqual({});
    bench.decode(message(templates(template(301, fields(FIELDS_PER_TEMPLATE_MAX + 1)))));
    expect(bench.faults(protocol)).toEqual({ 'template-malformed': 1 });
  });

  // proves: empty-template
  test('a template whose fields are all empty is template-malformed: its records would never end', () => {
    const bench = new Bench();
    const empty: FieldSpec[] = [
      [1, 0],
      [2, 0],
    ];
    expect(bench.decode(message(templates(template(300, empty)), set(300, zeros(64)), sane(v9)))).toMatchObject([
      saneRow,
    ]);
    expect(bench.faults(protocol)).toEqual({ 'template-malformed': 1, 'unknown-template': 1 });
  });

  // proves: empty-template
  test('a template of padding only gives records without values', () => {
    const bench = new Bench();
    const rows = bench.decode(message(templates(template(300, [[210, 4]])), set(300, zeros(8))));
    expect(rows).toMatchObject([{ bytes: 0 }, { bytes: 0 }]);
  });

  // proves: long-template
  test.each([
    ['16 bits', 2],
    ['32 bits', FIELDS_PER_TEMPLATE_MAX],
  ])('a record longer than %s can say makes its data sets record-malformed', (_, count) => {
    const bench = new Bench();
    const fields = Array.from({ length: count }, (): FieldSpec => [210, 65534]);
    expect(bench.decode(message(templates(template(300, fields)), set(300, zeros(100)), sane(v9)))).toMatchObject([
      saneRow,
    ]);
    expect(bench.faults(protocol)).toEqual({ 'record-malformed': 1 });
  });

  // proves: bad-template-id
  test('a template id below 256 is template-malformed', () => {
    const bench = new Bench();
    bench.decode(message(templates(template(255, BYTES_PACKETS)), sane(v9)));
    expect(bench.faults(protocol)).toEqual({ 'template-malformed': 1 });
  });

  // proves: padding, bad-template-id
  test('zeros behind the last template of a set are padding', () => {
    const bench = new Bench();
    expect(bench.decode(message(templates(template(300, BYTES_PACKETS), zeros(7)), set(300, good)))).toMatchObject([
      saneRow,
    ]);
    expect(bench.faults(protocol)).toEqual({});
  });

  // proves: bad-template-id
  test('the same id twice in one set: the last layout holds', () => {
    const bench = new Bench();
    const swapped: FieldSpec[] = [
      [2, 4],
      [1, 4],
    ];
    const rows = bench.decode(message(templates(template(300, BYTES_PACKETS), template(300, swapped)), set(300, good)));
    expect(rows).toMatchObject([{ bytes: 2, packets: 1000 }]);
  });

  // proves: bad-template-id
  test('the same id as data and then as options template: its records stop being flows, and come back', () => {
    const bench = new Bench();
    const asData = templates(template(300, BYTES_PACKETS));
    const asOptions = optionsSet(options(300, [[v9 ? 1 : 149, 4]], [[34, 4]]));
    expect(
      bench.decode(message(asData, set(300, good), asOptions, set(300, good), asData, set(300, good))),
    ).toMatchObject([saneRow, saneRow]);
    expect(bench.faults(protocol)).toEqual({});
  });

  // proves: redefinition
  test('a redefinition in the middle of a datagram holds from there on', () => {
    const bench = new Bench();
    const narrow: FieldSpec[] = [[1, 2]];
    const rows = bench.decode(
      message(
        templates(template(300, BYTES_PACKETS)),
        set(300, good),
        templates(template(300, narrow)),
        set(300, u16(5), u16(6)),
        set(300, u16(7)),
      ),
    );
    expect(rows.map(row => row['bytes'])).toEqual([1000, 5, 6, 7]);
    expect(bench.domain().templatesLearned).toBe(2);
  });

  // proves: redefinition
  test('a malformed redefinition removes the layout that is out of date', () => {
    const bench = new Bench();
    bench.decode(message(templates(template(300, BYTES_PACKETS))));
    expect(bench.decode(message(templates([...u16(300), ...u16(9), ...u16(1), ...u16(4)]), set(300, good)))).toEqual(
      [],
    );
    expect(bench.faults(protocol)).toEqual({ 'template-malformed': 1, 'unknown-template': 1 });
  });

  // proves: cisco-options-order, template-behind-data
  test('data before its template, in the same datagram or an earlier one, is unknown-template and read when it comes', () => {
    const bench = new Bench();
    expect(bench.decode(message(set(300, good)))).toEqual([]);
    expect(bench.decode(message(set(300, good), templates(template(300, BYTES_PACKETS)), sane(v9)))).toMatchObject([
      saneRow,
      saneRow,
      saneRow,
    ]);
    expect(bench.faults(protocol)).toEqual({ 'unknown-template': 2 });
    expect(bench.domain()).toMatchObject({ unknownTemplateSets: 2, pendingSets: 0, lostSets: 0 });
    expect(bench.decode(message(set(300, good)))).toMatchObject([saneRow]);
  });

  // proves: short-options
  test('options data shorter than their scope are record-malformed', () => {
    const bench = new Bench();
    bench.decode(message(optionsSet(options(300, [[v9 ? 1 : 149, 4]], [[34, 4]])), set(300, u16(1)), sane(v9)));
    expect(bench.faults(protocol)).toEqual({ 'record-malformed': 1 });
  });

  // proves: bad-variable-length
  test('an option of variable length that points past its set is record-malformed; the records before it count', () => {
    const bench = new Bench();
    const rateAndName: FieldSpec[] = [
      [34, 4],
      [82, 65535],
    ];
    const announce = optionsSet(options(300, [[v9 ? 1 : 149, 4]], rateAndName));
    bench.decode(message(announce, set(300, u32(0), u32(64), u8(0), u32(0), u32(99), u8(9)), sane(v9)));
    expect(bench.domain().samplingRate).toBe(64);
    expect(bench.faults(protocol)).toEqual({ 'record-malformed': 1 });
  });

  test('a data set shorter than one record is record-malformed', () => {
    const bench = new Bench();
    expect(bench.decode(message(sane(v9), set(999, u32(1)), set(999, good)))).toMatchObject([saneRow, saneRow]);
    expect(bench.faults(protocol)).toEqual({ 'record-malformed': 1 });
    expect(bench.domain().malformedSets).toBe(1);
  });

  // proves: bad-variable-length
  test.each([
    ['the length byte', [...u32(9), 0, ...u32(7), 200]],
    ['the marker 255 with one byte behind it', [...u32(9), 0, ...u32(7), 255, 1]],
    ['a three-byte length', [...u32(9), 0, ...u32(7), 255, 1, 0, 1]],
  ])(
    '%s of a variable-length field that points past its set is record-malformed; records before it count',
    (_, body) => {
      const bench = new Bench();
      const fields: FieldSpec[] = [
        [1, 4],
        [82, 65535],
      ];
      const rows = bench.decode(message(templates(template(300, fields)), set(300, body), sane(v9)));
      expect(rows).toMatchObject([{ bytes: 9 }, saneRow]);
      expect(bench.faults(protocol)).toEqual({ 'record-malformed': 1 });
    },
  );

  // proves: variable-length, bad-variable-length
  test('the three-byte form of a short length is read', () => {
    const bench = new Bench();
    const fields: FieldSpec[] = [
      [82, 65535],
      [1, 4],
    ];
    const body = [255, ...u16(3), 65, 66, 67, ...u32(8), 0, ...u32(9), 1, 0, ...u32(10)];
    expect(bench.decode(message(templates(template(300, fields)), set(300, body))).map(row => row['bytes'])).toEqual([
      8, 9, 10,
    ]);
    expect(bench.faults(protocol)).toEqual({});
  });

  // proves: variable-length, variable-only
  test('what is shorter than the shortest record behind variable-length records is padding', () => {
    const bench = new Bench();
    const fields: FieldSpec[] = [
      [82, 65535],
      [1, 4],
    ];
    expect(bench.decode(message(templates(template(300, fields)), set(300, [0, ...u32(9), ...zeros(3)]))).length).toBe(
      1,
    );
    expect(bench.faults(protocol)).toEqual({});
  });

  // proves: odd-strings
  test('a string of 65,000 bytes, NUL and broken UTF-8 among them, is passed over', () => {
    const bench = new Bench();
    const fields: FieldSpec[] = [
      [82, 65535],
      [1, 4],
    ];
    const text = Array.from({ length: 65000 }, (_, i) => i & 0xff);
    expect(
      bench.decode(message(templates(template(300, fields)), set(300, [255, ...u16(65000), ...text, ...u32(9)]))),
    ).toMatchObject([{ bytes: 9 }]);
  });

  // proves: zero-length-fields, odd-lengths
  test.each([
    ['an address of 2 bytes', [8, 2], 'srcAddr', '::'],
    ['an address of 5 bytes', [8, 5], 'srcAddr', '::'],
    ['an IPv6 address of 4 bytes', [27, 4], 'srcAddr', '::'],
    ['a MAC address of 8 bytes', [56, 8], 'srcMac', '00:00:00:00:00:00'],
    ['a millisecond time of 4 bytes', [152, 4], 'flowStart', 1577836800000],
    ['a second time of 8 bytes', [150, 8], 'flowStart', 1577836800000],
    ['a counter of 17 bytes', [2, 17], 'packets', 0],
    ['a counter of 0 bytes', [2, 0], 'packets', 0],
    ['a direction of 3 bytes', [61, 3], 'direction', 'unknown'],
  ] as const)('%s fills no column, the fields behind it do', (_, field, column, value) => {
    const bench = new Bench();
    const rows = bench.decode(
      message(templates(template(300, [[...field], [1, 4]])), set(300, new Array<number>(field[1]).fill(1), u32(77))),
    );
    expect(rows).toMatchObject([{ bytes: 77, [column]: value }]);
  });

  // proves: record-bomb
  test('one-byte records of a full datagram stop at the bound, output-budget', () => {
    const bench = new Bench({ rowsMax: 65536 });
    bench.decode(message(templates(template(300, [[4, 1]]))));
    const rows = bench.decode(message(set(300, zeros(65_000)), set(300, zeros(100))));
    expect(rows.length).toBe(RECORDS_PER_DATAGRAM_MAX);
    expect(bench.faults(protocol)).toEqual({ 'output-budget': 2 });
    expect(bench.decode(message(set(300, zeros(5)))).length).toBe(5);
  });

  // proves: variable-only
  test('variable-length records stop at the same bound', () => {
    const bench = new Bench({ rowsMax: 65536 });
    const rows = bench.decode(message(templates(template(300, [[82, 65535]])), set(300, zeros(60_000))));
    expect(rows.length).toBe(RECORDS_PER_DATAGRAM_MAX);
    expect(bench.faults(protocol)).toEqual({ 'output-budget': 1 });
  });

  // proves: floods
  test('a flood of unknown template ids keeps the newest sets up to the bound, pending-limit', () => {
    const bench = new Bench();
    for (let id = 256; id < 65536; id += 16) bench.decode(message(set(id, good)));
    expect(bench.faults(protocol)).toEqual({
      'unknown-template': 4080,
      'pending-limit': 4080 - PENDING_DOMAIN_SETS_MAX,
    });
    expect(bench.domain().templates.size).toBe(0);
    expect(bench.domain()).toMatchObject({
      pendingSets: PENDING_DOMAIN_SETS_MAX,
      lostSets: 4080 - PENDING_DOMAIN_SETS_MAX,
    });
    expect(bench.decode(message(templates(template(65520, BYTES_PACKETS))))).toMatchObject([saneRow]);
  });

  // proves: floods
  test('a flood of domains of one exporter stops at the bound, domain-limit', () => {
    const bench = new Bench({ templatesMax: 10 * DOMAINS_PER_SESSION_MAX });
    const from = (domain: number) => (v9 ? netflow9([sane(v9)], { sourceId: domain }) : ipfix([sane(v9)], { domain }));
    for (let domain = 0; domain < DOMAINS_PER_SESSION_MAX; domain++) expect(bench.decode(from(domain)).length).toBe(1);
    expect(bench.decode(from(DOMAINS_PER_SESSION_MAX))).toEqual([]);
    expect(bench.faults(protocol)).toEqual({ 'domain-limit': 1 });
    expect(bench.domains().length).toBe(DOMAINS_PER_SESSION_MAX);
    expect(bench.decode(from(0)).length).toBe(1);
  });

  test('a sampling table longer than the bound keeps the first ones', () => {
    const bench = new Bench();
    const announce = optionsSet(
      options(
        300,
        [[v9 ? 1 : 149, 4]],
        [
          [302, 4],
          [50, 4],
        ],
      ),
    );
    bench.decode(message(announce));
    for (let first = 0; first < SELECTORS_PER_DOMAIN_MAX + 1000; first += 1000) {
      bench.decode(
        message(set(300, ...Array.from({ length: 1000 }, (_, i) => [...u32(0), ...u32(first + i), ...u32(10)]))),
      );
    }
    expect(bench.domain().selectorRates.size).toBe(SELECTORS_PER_DOMAIN_MAX);
  });
});

describe('options templates', () => {
  // proves: bad-options-scope
  test('IPFIX with more scope fields than fields is template-malformed', () => {
    const bench = new Bench();
    bench.decode(ipfix([set(3, [...u16(300), ...u16(1), ...u16(2), ...u16(149), ...u16(4)]), sane(false)]));
    expect(bench.faults('ipfix')).toEqual({ 'template-malformed': 1 });
  });

  // proves: bad-options-scope
  test('IPFIX without scope, which the standard forbids, is read all the same', () => {
    const bench = new Bench();
    bench.decode(ipfix([set(3, ipfixOptions(300, [], [[34, 4]])), set(300, u32(64))]));
    expect(bench.domain().samplingRate).toBe(64);
    expect(bench.faults('ipfix')).toEqual({});
  });

  // proves: short-options
  test('NetFlow v9 with neither scope nor options is template-malformed', () => {
    const bench = new Bench();
    bench.decode(netflow9([set(1, [...u16(300), ...u16(0), ...u16(0)]), sane(true)]));
    expect(bench.faults('netflow9')).toEqual({ 'template-malformed': 1 });
  });

  // proves: srx-totals, bad-options-scope
  test('NetFlow v9 with a scope of length 0 (Juniper SRX) and with scope only are read', () => {
    const bench = new Bench();
    bench.decode(
      netflow9([
        set(1, v9Options(300, [[1, 0]], [[34, 4]])),
        set(300, u32(64)),
        set(1, v9Options(301, [[1, 4]], [])),
        set(301, u32(1)),
      ]),
    );
    expect(bench.domain().samplingRate).toBe(64);
    expect(bench.faults('netflow9')).toEqual({});
  });

  // proves: padding
  test.each([1, 2, 3, 6])('NetFlow v9 with %i bytes of padding behind it', padding => {
    const bench = new Bench();
    bench.decode(netflow9([set(1, v9Options(300, [[1, 4]], [[34, 4]]), zeros(padding)), set(300, u32(0), u32(64))]));
    expect(bench.domain().samplingRate).toBe(64);
    expect(bench.faults('netflow9')).toEqual({});
  });

  // proves: bad-options-scope
  test('NetFlow v9 whose lengths are no multiple of four stops at its set, without reading the next', () => {
    const bench = new Bench();
    const odd = [...u16(300), ...u16(5), ...u16(7), ...u16(1), ...u16(4), ...u16(34), ...u16(4)];
    expect(bench.decode(netflow9([set(1, odd), sane(true)]))).toMatchObject([saneRow]);
    expect(bench.faults('netflow9')).toEqual({});
    expect(bench.domain().templates.get(300)?.recordLength).toBe(8);
  });
});

describe('sampling', () => {
  // proves: odd-rates
  test.each([0, 0xffffffff])('a rate of %i in options is none', rate => {
    const bench = new Bench();
    bench.decode(ipfix([set(3, ipfixOptions(300, [[149, 4]], [[34, 4]])), set(300, u32(0), u32(rate))]));
    expect(bench.domain()).toMatchObject({ samplingRate: 0, rateSource: 0 });
  });

  // proves: odd-rates
  test('a population smaller than the sample says nothing', () => {
    const bench = new Bench();
    const fields: FieldSpec[] = [
      [309, 4],
      [310, 4],
    ];
    bench.decode(ipfix([set(3, ipfixOptions(300, [[149, 4]], fields)), set(300, u32(0), u32(100), u32(1))]));
    expect(bench.domain().samplingRate).toBe(0);
  });

  // proves: odd-rates
  test('the mode bits of NetFlow v5 are no part of the rate', () => {
    const bench = new Bench();
    expect(bench.decode(netflow5([record5()], { sampling: 0xc000 | 100 }))).toMatchObject([
      { samplingRate: 100, rateSource: 'header' },
    ]);
  });
});

describe('sFlow', () => {
  const header = sampledHeader(ethernet(0x0800, ipv4(tcp())));
  const goodSample = flowSample([header]);

  // proves: bad-sflow-samples
  test.each([0, 3, 0xffffffff])('an agent address of type %i is address-family', family => {
    const bench = new Bench();
    const datagram = sflow([goodSample]);
    new DataView(datagram.buffer).setUint32(4, family);
    expect(bench.decode(datagram)).toEqual([]);
    expect(bench.faults('sflow5')).toEqual({ 'address-family': 1 });
  });

  // proves: bad-sflow-samples
  test('4,294,967,295 samples of which one is there: that one counts, sample-malformed', () => {
    const bench = new Bench();
    expect(bench.decode(sflow([goodSample], { samples: 0xffffffff })).length).toBe(1);
    expect(bench.faults('sflow5')).toEqual({ 'sample-malformed': 1 });
  });

  // proves: bad-sflow-samples
  test('a sample longer than the datagram is sample-malformed, those before it count', () => {
    const bench = new Bench();
    expect(bench.decode(sflow([goodSample, [...u32(1), ...u32(4000), ...zeros(40)]])).length).toBe(1);
    expect(bench.faults('sflow5')).toEqual({ 'sample-malformed': 1 });
  });

  // proves: bad-sflow-samples
  test.each([1, 2, 3, 5])('a sample of %i bytes is walked by that length, padded or not', length => {
    for (const padding of [0, -length & 3]) {
      const bench = new Bench();
      const odd = [...typed(6, zeros(length)), ...zeros(padding)];
      expect(bench.decode(sflow([odd, goodSample])).length).toBe(1);
      expect(bench.faults('sflow5')).toEqual({ 'sample-unknown': 1 });
    }
  });

  // proves: bad-sampled-header
  test.each([1, 2, 3, 5])('a record of %i bytes is walked by that length, padded or not', length => {
    for (const padding of [0, -length & 3]) {
      const record = [...typed(1038, Array<number>(length).fill(0x61)), ...zeros(padding)];
      const bench = new Bench();
      expect(bench.decode(sflow([flowSample([record, header])])).length).toBe(1);
      expect(bench.faults('sflow5')).toEqual({});
    }
  });

  test.each([1, 3])('a flow sample of type %i that ends before its records is sample-malformed', type => {
    const bench = new Bench();
    expect(bench.decode(sflow([typed(type, zeros(20)), goodSample])).length).toBe(1);
    expect(bench.faults('sflow5')).toEqual({ 'sample-malformed': 1 });
  });

  // proves: bad-sflow-samples
  test.each([
    ['flow_sample', flowSample([header], { records: 0xffffffff })],
    ['expanded', typed(3, ...[1, 0, 3, 512, 1, 0, 0, 3, 0, 4, 0xffffffff].map(u32), header)],
  ])('4,294,967,295 records in a %s are sample-malformed and leave no half-filled row', (_, sample) => {
    const bench = new Bench();
    expect(bench.decode(sflow([sample, typed(1, ...zeros(7).map(u32), u32(0)), goodSample]))).toMatchObject([
      { srcAddr: '10.1.0.1' },
    ]);
    expect(bench.faults('sflow5')).toEqual({ 'sample-malformed': 1, 'sample-unknown': 1 });
  });

  // proves: bad-sflow-samples
  test.each([
    [2, 12],
    [4, 16],
    [5, 32],
  ])('4,294,967,295 records in a sample of type %i are sample-malformed, and so is one cut short', (type, head) => {
    const bench = new Bench();
    const counted = typed(type, zeros(head - 4), u32(0xffffffff));
    const short = typed(type, zeros(head - 4));
    const long = typed(type, zeros(head - 4), u32(1), u32(2000), u32(4000));
    expect(bench.decode(sflow([counted, short, long, goodSample])).length).toBe(1);
    expect(bench.faults('sflow5')).toEqual({ 'sample-malformed': 3 });
    expect(bench.domain().discardedSamples).toBe(0);
  });

  test('a record longer than its sample is sample-malformed', () => {
    const bench = new Bench();
    expect(bench.decode(sflow([flowSample([[...u32(1), ...u32(4000)]]), goodSample])).length).toBe(1);
    expect(bench.faults('sflow5')).toEqual({ 'sample-malformed': 1 });
  });

  // proves: bad-sampled-header
  test('a sampled header longer than its record is sample-malformed', () => {
    const bench = new Bench();
    const record = typed(1, u32(1), u32(64), u32(4), u32(200), zeros(60));
    expect(bench.decode(sflow([flowSample([record]), goodSample])).length).toBe(1);
    expect(bench.faults('sflow5')).toEqual({ 'sample-malformed': 1 });
  });

  // proves: bad-sampled-header, bad-ethernet
  test.each(Array.from({ length: 14 }, (_, i) => i))(
    'a sampled Ethernet header of %i bytes is header-malformed',
    length => {
      const bench = new Bench();
      const short = sampledHeader(ethernet(0x0800, []).slice(0, length), 64);
      expect(bench.decode(sflow([flowSample([short]), goodSample])).length).toBe(1);
      expect(bench.faults('sflow5')).toEqual({ 'header-malformed': 1 });
    },
  );

  // proves: bad-sampled-header
  test.each([
    [11, 19],
    [12, 39],
  ])('a sampled IP header (protocol %i) of %i bytes is header-malformed', (protocol, length) => {
    const bench = new Bench();
    const first = protocol === 11 ? 0x45 : 0x60;
    expect(bench.decode(sflow([flowSample([sampledHeader([first, ...zeros(length - 1)], 64, protocol)])]))).toEqual([]);
    expect(bench.faults('sflow5')).toEqual({ 'header-malformed': 1 });
  });

  // What the others hold is in packet/header.test.ts.
  // proves: bad-sampled-header
  test.each([2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 16])(
    'a header of link layer %i that cannot be read has a volume and no ends',
    protocol => {
      const bench = new Bench();
      expect(bench.decode(sflow([flowSample([sampledHeader(zeros(40), 500, protocol)])]))).toMatchObject([
        { bytes: 496, l2Bytes: 500, packets: 1, srcAddr: '::', etherType: 0 },
      ]);
    },
  );

  // proves: bad-sampled-header
  test('more bytes stripped than the frame has leave no negative length', () => {
    const bench = new Bench();
    expect(bench.decode(sflow([flowSample([sampledHeader(ethernet(0x88cc, zeros(20)), 60, 1, 900)])]))).toMatchObject([
      { bytes: 0, l2Bytes: 60 },
    ]);
  });

  test('what the header does not hold is no stripped encapsulation, whatever the agent says', () => {
    const frame = ethernet(0x88cc, zeros(114));
    const bytes = (frameLength: number, stripped: number) =>
      new Bench().decode(sflow([flowSample([sampledHeader(frame, frameLength, 1, stripped)])]))[0]!['bytes'];
    expect(bytes(1390, 1390 - frame.length)).toBe(1390 - 4 - 14);
    expect(bytes(1390, 54)).toBe(1390 - 54 - 14);
    // A frame that is whole in its header.
    expect(bytes(frame.length + 4, 4)).toBe(114);
  });

  // proves: bad-sampled-header
  test('a frame shorter than its header is reported by its IP length', () => {
    const bench = new Bench();
    expect(bench.decode(sflow([flowSample([sampledHeader(ethernet(0x0800, ipv4(tcp())), 10)])]))).toMatchObject([
      { bytes: 40, l2Bytes: 10 },
    ]);
  });

  // proves: bad-sampled-header
  test('an odd header without padding behind it is read', () => {
    const bench = new Bench();
    const frame = ethernet(0x0800, ipv4([...tcp(), 1]));
    const record = typed(1, u32(1), u32(59), u32(4), u32(frame.length), frame);
    expect(bench.decode(sflow([flowSample([record])]))).toMatchObject([{ srcPort: 40000, bytes: 41 }]);
    expect(bench.faults('sflow5')).toEqual({});
  });

  // proves: structure-names, other-structures, bad-sflow-counts
  test.each([
    [
      'extended_gateway with 4,294,967,295 AS path segments',
      typed(1003, u32(1), ip4('192.0.2.9'), u32(1), u32(2), u32(3), u32(0xffffffff)),
    ],
    [
      'extended_gateway whose AS path segment has 4,294,967,295 numbers',
      typed(1003, u32(1), ip4('192.0.2.9'), u32(1), u32(2), u32(3), u32(1), u32(2), u32(0xffffffff), u32(0xffffffff)),
    ],
    [
      'extended_gateway with 4,294,967,295 communities',
      typed(1003, u32(1), ip4('192.0.2.9'), u32(1), u32(2), u32(3), u32(0), u32(0xffffffff), u32(100)),
    ],
    ['extended_vlantunnel with 4,294,967,295 tags', typed(1012, u32(0xffffffff), u32(0x81000007))],
    ['extended_vlantunnel without a count', typed(1012)],
    ['extended_vni cut short', typed(1030, zeros(2))],
    ['extended_80211_aggregation with 4,294,967,295 packets', typed(1016, u32(0xffffffff))],
    ['extended_url longer than its record', typed(1005, u32(1), u32(0xffffffff), zeros(8))],
    ['extended_user longer than its record', typed(1004, u32(106), u32(0xfffffff0))],
    ['a record of another enterprise', typed((4413 << 12) | 1, zeros(12))],
    ['a record of length 0', typed(1002)],
    ['an extended_switch cut short', typed(1001, u32(7))],
  ])('%s is passed over by its length', (_, record) => {
    const bench = new Bench();
    expect(bench.decode(sflow([flowSample([record, header, record])]))).toMatchObject([
      { srcAddr: '10.1.0.1', vlan: 0 },
    ]);
    expect(bench.faults('sflow5')).toEqual({});
  });

  // proves: bad-sflow-samples
  test.each([6, 4095 * 4096 + 1, 0xffffffff])('a sample of type %i is sample-unknown', type => {
    const bench = new Bench();
    expect(bench.decode(sflow([typed(type, zeros(32)), goodSample])).length).toBe(1);
    expect(bench.faults('sflow5')).toEqual({ 'sample-unknown': 1 });
  });

  test('a flow sample without a packet is sample-unknown', () => {
    const bench = new Bench();
    expect(bench.decode(sflow([flowSample([typed(1002, zeros(16))]), expandedSample([])]))).toEqual([]);
    expect(bench.faults('sflow5')).toEqual({ 'sample-unknown': 2 });
  });
});

describe('sizes', () => {
  // proves: large-datagrams
  test('a datagram of 65,507 bytes is read to its end', () => {
    const bench = new Bench({ rowsMax: 65536 });
    const records = Math.floor((65507 - 16 - 16 - 4) / 8);
    const body = Array.from({ length: records }, (_, i) => [...u32(i), ...u32(1)]).flat();
    const rows = bench.decode(ipfix([set(2, template(300, BYTES_PACKETS)), set(300, body)]));
    expect(rows.length).toBe(records);
    expect(rows.at(-1)).toMatchObject({ bytes: records - 1 });
  });

  // proves: large-datagrams
  test('what no datagram can hold is cut, not read outside', () => {
    const bench = new Bench();
    const large = new Uint8Array(100_000);
    large.set(netflow5([]));
    expect(bench.decode(large)).toEqual([]);
    expect(bench.faults('netflow5')).toEqual({ 'count-mismatch': 1 });
  });

  // proves: odd-uptimes
  test('times before 1970 and in 2106 stay in range', () => {
    const bench = new Bench();
    expect(bench.decode(netflow5([record5(1, 1, 0, 0)], { unixSecs: 0 }))).toMatchObject([
      { flowStart: 0, flowEnd: 0 },
    ]);
    expect(bench.decode(netflow5([record5()], { unixSecs: 0xffffffff }))).toMatchObject([
      { flowEnd: 0xffffffff * 1000 },
    ]);
    const fields: FieldSpec[] = [
      [158, 4],
      [157, 8],
      [4, 1],
    ];
    const record = [...u32(0xffffffff), ...u64(5), ...u8(6)];
    expect(bench.decode(ipfix([set(2, template(300, fields)), set(300, record)], { exportTime: 0 }))).toMatchObject([
      { flowStart: 0, flowEnd: 0 },
    ]);
  });
});
