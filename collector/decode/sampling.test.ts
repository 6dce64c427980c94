// Where a record's sampling rate comes from: the record, its selector, its domain, the header, the sample.

import { describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
  type FieldSpec,
  ipfix,
  ipfixOptions,
  netflow5,
  netflow9,
  record5,
  set,
  template,
  u8,
  u16,
  u32,
  u64,
  v9Options,
} from './testdata.ts';

const PLAIN = set(2, template(300, [[1, 4]]));
const data: Bytes = set(300, u32(100));

function options(fields: readonly FieldSpec[], ...records: readonly Bytes[]): Bytes {
  return [
    ...set(3, ipfixOptions(310, [[149, 4]], fields)),
    ...set(310, ...records.map(record => [...u32(0), ...record])),
  ];
}

describe('a record', () => {
  test('with 34 has that rate, whatever the options say', () => {
    const bench = new Bench();
    bench.decode(ipfix([options([[34, 4]], u32(1000))]));
    const rows = bench.decode(ipfix([set(2, template(301, [[34, 4]])), set(301, u32(64), u32(1))]));
    expect(rows).toMatchObject([
      { samplingRate: 64, rateSource: 'record' },
      { samplingRate: 1, rateSource: 'record' },
    ]);
  });

  test('with 50 has that rate where it has no 34', () => {
    const rows = new Bench().decode(ipfix([set(2, template(301, [[50, 4]])), set(301, u32(64))]));
    expect(rows).toMatchObject([{ samplingRate: 64, rateSource: 'record' }]);
  });

  test('with 0 in 34 has the rate of its domain', () => {
    const bench = new Bench();
    bench.decode(ipfix([options([[34, 4]], u32(1000))]));
    const rows = bench.decode(ipfix([set(2, template(301, [[34, 4]])), set(301, u32(0), u32(5))]));
    expect(rows).toMatchObject([
      { samplingRate: 1000, rateSource: 'domain' },
      { samplingRate: 5, rateSource: 'record' },
    ]);
  });

  test('of which nobody says a rate has 0, is unknown and is counted', () => {
    const bench = new Bench();
    expect(bench.decode(ipfix([PLAIN, set(300, u32(1), u32(2)), data]))).toMatchObject(
      [1, 2, 100].map(bytes => ({ bytes, samplingRate: 0, rateSource: 'unknown' })),
    );
    expect(bench.domain().unknownRateRecords).toBe(3);
  });
});

describe('options', () => {
  test('34 and 35 of NetFlow v9 serve their domain and no other', () => {
    const bench = new Bench();
    const announce = [
      set(
        1,
        v9Options(
          310,
          [[1, 4]],
          [
            [34, 4],
            [35, 1],
          ],
        ),
      ),
      set(310, u32(0), u32(512), u8(2)),
    ];
    bench.decode(netflow9(announce, { sourceId: 1 }));
    const flows = [set(0, template(300, [[1, 4]])), data];
    expect(bench.decode(netflow9(flows, { sourceId: 1 }))).toMatchObject([{ samplingRate: 512, rateSource: 'domain' }]);
    expect(bench.decode(netflow9(flows, { sourceId: 2 }))).toMatchObject([{ samplingRate: 0, rateSource: 'unknown' }]);
  });

  test('of a later datagram change the rate; the change is counted, saying the same again is not', () => {
    const bench = new Bench();
    for (const rate of [100, 100, 200, 200]) bench.decode(ipfix([options([[34, 4]], u32(rate))]));
    expect(bench.decode(ipfix([PLAIN, data]))).toMatchObject([{ samplingRate: 200 }]);
    expect(bench.domain().rateChanges).toBe(1);
  });

  test('48 and 50 give rates by sampler, for the sampler each record names, in whatever width', () => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        options(
          [
            [48, 1],
            [50, 4],
          ],
          [...u8(1), ...u32(100)],
          [...u8(2), ...u32(1000)],
        ),
      ]),
    );
    const rows = bench.decode(
      ipfix([
        set(
          2,
          template(301, [[48, 2]]),
          template(302, [
            [48, 1],
            [82, 65535],
          ]),
        ),
        set(301, u16(1), u16(2)),
        set(302, [2, 0], [1, 0]),
      ]),
    );
    expect(rows).toMatchObject([100, 1000, 1000, 100].map(samplingRate => ({ samplingRate, rateSource: 'selector' })));
    expect(bench.domain().rateChanges).toBe(0);
  });

  test('305 and 306 with selector 302: one in (interval + space) / interval', () => {
    const bench = new Bench();
    const fields: FieldSpec[] = [
      [302, 8],
      [305, 4],
      [306, 4],
    ];
    bench.decode(ipfix([options(fields, [...u64(7), ...u32(1), ...u32(255)], [...u64(8), ...u32(10), ...u32(90)])]));
    expect(bench.decode(ipfix([set(2, template(301, [[302, 8]])), set(301, u64(7), u64(8))]))).toMatchObject([
      { samplingRate: 256, rateSource: 'selector' },
      { samplingRate: 10, rateSource: 'selector' },
    ]);
  });

  test('309 and 310: population over size', () => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        options(
          [
            [309, 4],
            [310, 4],
          ],
          [...u32(2), ...u32(128)],
        ),
      ]),
    );
    expect(bench.decode(ipfix([PLAIN, data]))).toMatchObject([{ samplingRate: 64, rateSource: 'domain' }]);
  });

  test('of one selector serve records that name none', () => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        options(
          [
            [302, 4],
            [34, 4],
          ],
          [...u32(1), ...u32(100)],
        ),
      ]),
    );
    expect(bench.decode(ipfix([PLAIN, data]))).toMatchObject([{ samplingRate: 100, rateSource: 'selector' }]);
  });

  test('of selectors that differ leave records that name none unknown, and are no change of rate', () => {
    const bench = new Bench();
    const both = options(
      [
        [302, 4],
        [34, 4],
      ],
      [...u32(1), ...u32(100)],
      [...u32(2), ...u32(200)],
    );
    for (let i = 0; i < 3; i++) bench.decode(ipfix([both]));
    expect(bench.decode(ipfix([PLAIN, data]))).toMatchObject([{ samplingRate: 0, rateSource: 'unknown' }]);
    expect(bench.domain().rateChanges).toBe(0);
    bench.decode(
      ipfix([
        options(
          [
            [302, 4],
            [34, 4],
          ],
          [...u32(2), ...u32(100)],
        ),
      ]),
    );
    expect(bench.decode(ipfix([data]))).toMatchObject([{ samplingRate: 100, rateSource: 'selector' }]);
    expect(bench.domain().rateChanges).toBe(1);
  });

  test('of other selectors say nothing of the one a record names; what the domain says of itself does', () => {
    const bench = new Bench();
    bench.decode(
      ipfix([
        options(
          [
            [302, 4],
            [34, 4],
          ],
          [...u32(1), ...u32(100)],
        ),
        set(2, template(301, [[302, 4]])),
      ]),
    );
    expect(bench.decode(ipfix([set(301, u32(9))]))).toMatchObject([{ samplingRate: 0, rateSource: 'unknown' }]);
    expect(bench.domain().unknownRateRecords).toBe(1);
    bench.decode(ipfix([options([[34, 4]], u32(50))]));
    expect(bench.decode(ipfix([set(301, u32(9), u32(1))]))).toMatchObject([
      { samplingRate: 50, rateSource: 'domain' },
      { samplingRate: 100, rateSource: 'selector' },
    ]);
  });

  test('that say 0 change nothing', () => {
    const bench = new Bench();
    bench.decode(ipfix([options([[34, 4]], u32(100))]));
    bench.decode(ipfix([options([[34, 4]], u32(0))]));
    expect(bench.domain().samplingRate).toBe(100);
  });
});

test('NetFlow v5 has it in the header; 0 is unknown', () => {
  const bench = new Bench();
  expect(bench.decode(netflow5([record5()], { sampling: 0x4000 | 16383 }))).toMatchObject([
    { samplingRate: 16383, rateSource: 'header' },
  ]);
  expect(bench.decode(netflow5([record5(), record5()], { sampling: 0x4000 }))).toMatchObject([
    { samplingRate: 0, rateSource: 'unknown' },
    { samplingRate: 0, rateSource: 'unknown' },
  ]);
  expect(bench.domain().unknownRateRecords).toBe(2);
});
