// Exporters that report running totals. What is right is arithmetic: the bytes that a flow had, each once.

import { describe, expect, test } from 'vitest';
import {
  Bench,
  type BenchOptions,
  type Bytes,
  EXPORT_S,
  type FieldSpec,
  ip4,
  ipfix,
  memory,
  netflow9,
  RECEIVED_MS,
  type Row,
  set,
  template,
  UPTIME_MS,
  u8,
  u16,
  u32,
  u64,
} from '../../../testing/data/datagrams.ts';
import { RunningTotals } from './running-totals.ts';
import { TotalsTable } from './totals-table.ts';

const START_MS = EXPORT_S * 1000 - 600_000;
const FIELDS: readonly FieldSpec[] = [
  [8, 4],
  [12, 4],
  [7, 2],
  [11, 2],
  [4, 1],
  [85, 8],
  [86, 8],
  [152, 8],
  [153, 8],
];

interface Report {
  readonly total: number | bigint;
  /** Seconds after EXPORT_S. */
  readonly atS?: number;
  readonly startMs?: number;
  readonly port?: number;
}

function record({ total, atS = 0, startMs = START_MS, port = 40000 }: Report): Bytes {
  const ends = [...ip4('10.0.0.1'), ...ip4('10.0.0.2'), ...u16(port), ...u16(443), ...u8(6)];
  return [...ends, ...u64(total), ...u64(BigInt(total) / 10n), ...u64(startMs), ...u64((EXPORT_S + atS) * 1000)];
}

/** An IPFIX exporter that reports totals, at a decoder. */
class Exporter {
  readonly bench: Bench;
  readonly #port: number;

  constructor(options: BenchOptions & { bench?: Bench; port?: number } = {}) {
    this.bench = options.bench ?? new Bench(options);
    this.#port = options.port ?? 50000;
    this.announce();
  }

  announce(id = 256): void {
    this.#send([set(2, template(id, FIELDS))], 0);
  }

  report(report: Report, id = 256): Row {
    const [row] = this.#send([set(id, record(report))], report.atS ?? 0);
    return row!;
  }

  withdraw(): void {
    this.#send([set(2, [...u16(256), ...u16(0)])], 0);
  }

  #send(sets: readonly Bytes[], atS: number): Row[] {
    const datagram = ipfix(sets, { exportTime: EXPORT_S + atS });
    return this.bench.decode(datagram, '198.51.100.1', this.#port, RECEIVED_MS + 1000 * atS);
  }
}

/** Bytes of rows that count. */
const counted = (rows: readonly Row[]) =>
  rows
    .filter(({ counterSource }) => counterSource !== 'baseline' && counterSource !== 'late')
    .reduce((sum, { bytes }) => sum + Number(bytes), 0);

describe('running totals', () => {
  // proves: running-totals
  test('of a flow that is reported three times count once', () => {
    const exporter = new Exporter();
    const rows = [100, 250, 400].map((total, i) => exporter.report({ total, atS: 60 * i }));
    expect(rows).toMatchObject([
      { bytes: 100, packets: 10, counterSource: 'since-start', flowStart: START_MS, flowEnd: EXPORT_S * 1000 },
      { bytes: 150, packets: 15, counterSource: 'difference', flowStart: EXPORT_S * 1000 },
      { bytes: 150, packets: 15, flowStart: (EXPORT_S + 60) * 1000, flowEnd: (EXPORT_S + 120) * 1000 },
    ]);
    expect(counted(rows)).toBe(400);
    expect(exporter.bench.faults('ipfix')).toEqual({});
  });

  test('beside deltas are passed over', () => {
    const fields: FieldSpec[] = [
      [8, 4],
      [1, 4],
      [85, 8],
    ];
    const one = (delta: number, total: number) => [...ip4('10.0.0.1'), ...u32(delta), ...u64(total)];
    const rows = new Bench().decode(netflow9([set(0, template(256, fields)), set(256, one(70, 900), one(0, 900))]));
    expect(rows).toMatchObject([
      { bytes: 70, counterSource: 'record' },
      { bytes: 0, counterSource: 'record' },
    ]);
  });

  test('of 171, 172 and 353 are totals as well', () => {
    const fields: FieldSpec[] = [
      [8, 4],
      [171, 8],
      [172, 4],
      [353, 8],
      [152, 8],
    ];
    const one = (total: number) => [
      ...ip4('10.0.0.1'),
      ...u64(total),
      ...u32(total / 10),
      ...u64(total + 18),
      ...u64(START_MS),
    ];
    const bench = new Bench();
    bench.decode(ipfix([set(2, template(256, fields)), set(256, one(1000))]));
    const rows = bench.decode(ipfix([set(256, one(3000))], { exportTime: EXPORT_S + 60 }));
    // Without 153 a report counts up to its export.
    expect(rows).toMatchObject([{ bytes: 2000, packets: 200, l2Bytes: 2000, flowEnd: (EXPORT_S + 60) * 1000 }]);
  });

  test('begin again with a new flow of the same ends, and keep the old one apart', () => {
    const exporter = new Exporter();
    const later = { startMs: START_MS + 300_000 };
    const rows = [
      exporter.report({ total: 1000 }),
      exporter.report({ total: 50, atS: 60, ...later }),
      exporter.report({ total: 1200, atS: 60 }),
      exporter.report({ total: 80, atS: 120, ...later }),
    ];
    expect(rows.map(row => row['bytes'])).toEqual([1000, 50, 200, 30]);
  });

  test('that arrive out of order or twice count nothing more', () => {
    const exporter = new Exporter();
    const rows = [
      exporter.report({ total: 100 }),
      exporter.report({ total: 400, atS: 120 }),
      exporter.report({ total: 250, atS: 60 }),
      exporter.report({ total: 400, atS: 120 }),
      exporter.report({ total: 390, atS: 120 }),
    ];
    expect(rows.map(row => row['counterSource'])).toEqual(['since-start', 'difference', 'late', 'difference', 'late']);
    expect(rows[2]).toMatchObject({ bytes: 250 });
    expect(counted(rows)).toBe(400);
    expect(exporter.bench.faults('ipfix')).toEqual({ 'total-late': 2 });
  });

  test('that were cleared count from there', () => {
    const exporter = new Exporter();
    const rows = [900, 30, 70].map((total, i) => exporter.report({ total, atS: 60 * i }));
    expect(rows[1]).toMatchObject({ bytes: 30, counterSource: 'since-start', flowStart: EXPORT_S * 1000 });
    expect(counted(rows)).toBe(970);
  });

  test('that no flow can have, as -1, spoil nothing', () => {
    const exporter = new Exporter();
    const rows = [100, 2n ** 64n - 1n, 250].map((total, i) => exporter.report({ total, atS: 60 * i }));
    expect(rows[1]!['counterSource']).toBe('baseline');
    expect(counted(rows)).toBe(250);
  });

  test('of more than 2^53 are subtracted exactly', () => {
    const exporter = new Exporter();
    const rows = [2n ** 60n + 1n, 2n ** 60n + 2n ** 33n].map((total, i) => exporter.report({ total, atS: i }));
    expect(rows[1]).toMatchObject({ bytes: 2 ** 33 - 1, counterSource: 'difference' });
  });

  test('in 4 bytes wrap', () => {
    const fields: FieldSpec[] = [
      [8, 4],
      [85, 4],
      [152, 8],
    ];
    const bench = new Bench();
    const report = (total: number, atS: number) =>
      bench.decode(
        ipfix([set(256, [...ip4('10.0.0.1'), ...u32(total), ...u64(START_MS)])], { exportTime: EXPORT_S + atS }),
      );
    bench.decode(ipfix([set(2, template(256, fields))]));
    report(2 ** 32 - 100, 0);
    expect(report(900, 60)).toMatchObject([{ bytes: 1000, counterSource: 'difference' }]);
  });

  test('of NetFlow v9 are distinguished by the uptime at which their flows began', () => {
    const fields: FieldSpec[] = [
      [8, 4],
      [85, 8],
      [22, 4],
      [21, 4],
    ];
    const bench = new Bench();
    bench.decode(netflow9([set(0, template(256, fields))]));
    const first = UPTIME_MS - 50_000;
    // The header has whole seconds: the computed beginning is not the same in each report.
    const report = (total: number, ms: number) =>
      bench.decode(
        netflow9([set(256, [...ip4('10.0.0.1'), ...u64(total), ...u32(first), ...u32(UPTIME_MS + ms)])], {
          uptime: UPTIME_MS + ms,
          unixSecs: EXPORT_S + Math.floor((ms + 700) / 1000),
        }),
      );
    const rows = [...report(100, 0), ...report(250, 60_400), ...report(400, 120_000)];
    expect(rows.map(row => row['bytes'])).toEqual([100, 150, 150]);
  });

  test('without any time in the record count by what the flow had before', () => {
    const fields: FieldSpec[] = [
      [8, 4],
      [85, 8],
    ];
    const bench = new Bench();
    const report = (total: number, atS: number) =>
      bench.decode(ipfix([set(256, [...ip4('10.0.0.1'), ...u64(total)])], { exportTime: EXPORT_S + atS }));
    bench.decode(ipfix([set(2, template(256, fields))]));
    const rows = [...report(100, 0), ...report(250, 60), ...report(40, 120)];
    expect(rows.map(row => row['bytes'])).toEqual([100, 150, 40]);
    expect(rows[1]).toMatchObject({ flowStart: EXPORT_S * 1000, flowEnd: (EXPORT_S + 60) * 1000 });
  });

  test('of a biflow are totals of each direction', () => {
    const fields: FieldSpec[] = [
      [8, 4],
      [12, 4],
      [85, 8],
      [85, 8, 29305],
      [152, 8],
    ];
    const bench = new Bench();
    const one = (there: number, back: number) => [
      ...ip4('10.0.0.1'),
      ...ip4('10.0.0.2'),
      ...u64(there),
      ...u64(back),
      ...u64(START_MS),
    ];
    bench.decode(ipfix([set(2, template(256, fields)), set(256, one(100, 7))]));
    const rows = bench.decode(ipfix([set(256, one(250, 9))], { exportTime: EXPORT_S + 60 }));
    expect(rows).toMatchObject([
      { srcAddr: '10.0.0.1', bytes: 150, biflow: 'forward' },
      { srcAddr: '10.0.0.2', bytes: 2, biflow: 'reverse' },
    ]);
  });

  test('go on when their template is withdrawn, announced anew, or has another id', () => {
    const exporter = new Exporter();
    exporter.report({ total: 100 });
    exporter.withdraw();
    exporter.announce();
    expect(exporter.report({ total: 250, atS: 60 })).toMatchObject({ bytes: 150 });
    exporter.announce(300);
    expect(exporter.report({ total: 400, atS: 120 }, 300)).toMatchObject({ bytes: 150 });
  });

  test('in a list are left out: nothing says which flow they count', () => {
    const fields: FieldSpec[] = [
      [8, 4],
      [291, 65535],
    ];
    const list = [3, ...u16(85), ...u16(8), ...u64(1000)];
    const bench = new Bench();
    const rows = bench.decode(
      ipfix([set(2, template(256, fields)), set(256, [...ip4('10.0.0.1'), list.length, ...list])]),
    );
    expect(rows).toMatchObject([{ bytes: 0, counterSource: 'baseline' }]);
    expect(bench.faults('ipfix')).toEqual({ 'total-unknown': 1 });
  });
});

describe('after a restart, or in another thread,', () => {
  // proves: running-totals
  test('the first total of a flow that ran before is not counted, what follows is', () => {
    const knowledge = memory();
    new Exporter({ knowledge }).report({ total: 1000 });
    const exporter = new Exporter({ knowledge });
    const rows = [1500, 1700].map((total, i) => exporter.report({ total, atS: 60 * i }));
    expect(rows).toMatchObject([
      { bytes: 1500, counterSource: 'baseline' },
      { bytes: 200, counterSource: 'difference' },
    ]);
    expect(exporter.bench.faults('ipfix')).toEqual({ 'total-unknown': 1 });
  });

  test('a flow that began since counts whole', () => {
    const knowledge = memory();
    new Exporter({ knowledge }).report({ total: 1000 });
    const exporter = new Exporter({ knowledge });
    const row = exporter.report({ total: 300, atS: 60, startMs: (EXPORT_S + 30) * 1000 });
    expect(row).toMatchObject({ bytes: 300, counterSource: 'since-start' });
  });

  test('an exporter that the kernel gives to another worker and back has no byte counted twice', () => {
    const [here, there] = [memory(), memory()];
    const first = new Exporter({ knowledge: here });
    const rows = [first.report({ total: 1000 })];
    const other = new Bench({ knowledge: there });
    other.learn(here.changes);
    const second = new Exporter({ bench: other });
    rows.push(second.report({ total: 1500, atS: 60 }), second.report({ total: 1600, atS: 120 }));
    first.bench.learn([...other.decoder.exporters.seenSince(0)]);
    rows.push(first.report({ total: 2000, atS: 180 }), first.report({ total: 2100, atS: 240 }));
    expect(rows.map(row => row['counterSource'])).toEqual([
      'since-start',
      'baseline',
      'difference',
      'baseline',
      'difference',
    ]);
    expect(counted(rows)).toBe(1000 + 100 + 100);
  });

  test('a session beside another one of the same domain has no totals of before', () => {
    const bench = new Bench();
    const first = new Exporter({ bench });
    first.report({ total: 1000 });
    const second = new Exporter({ bench, port: 50001 });
    expect(second.report({ total: 1500, atS: 1 })).toMatchObject({ counterSource: 'baseline' });
    expect(first.report({ total: 1600, atS: 2 })).toMatchObject({ bytes: 600, counterSource: 'difference' });
  });

  test('an exporter that went on from another port goes on with its totals', () => {
    const bench = new Bench();
    new Exporter({ bench }).report({ total: 1000 });
    const datagram = ipfix([set(256, record({ total: 1500, atS: 120 }))], { exportTime: EXPORT_S + 120 });
    expect(bench.decode(datagram, '198.51.100.1', 50001, RECEIVED_MS + 120_000)).toMatchObject([
      { bytes: 500, counterSource: 'difference' },
    ]);
  });

  test('an exporter that other collectors may have received begins with what it has then', () => {
    const exporter = new Exporter({ hasPeers: true });
    expect(exporter.report({ total: 1000 })).toMatchObject({ counterSource: 'baseline' });
    expect(exporter.report({ total: 1300, atS: 60 })).toMatchObject({ bytes: 300 });
  });

  test('a clock that is off by an hour changes none of this', () => {
    for (const offMs of [-3_600_000, 3_600_000]) {
      const knowledge = memory();
      const send = (bench: Bench, sets: Bytes[], atS: number) =>
        bench.decode(
          ipfix(sets, { exportTime: EXPORT_S + atS }),
          '198.51.100.1',
          50000,
          RECEIVED_MS + 1000 * atS + offMs,
        );
      send(new Bench({ knowledge }), [set(2, template(256, FIELDS)), set(256, record({ total: 10 }))], 0);
      const bench = new Bench({ knowledge });
      const startMs = (EXPORT_S + 80) * 1000;
      const rows = [
        ...send(bench, [set(256, record({ total: 20, atS: 60 }))], 60),
        ...send(bench, [set(256, record({ total: 5, atS: 90, startMs }))], 90),
      ];
      expect(rows.map(row => row['counterSource'])).toEqual(['baseline', 'since-start']);
    }
  });
});

describe('at the bound of the table', () => {
  test('the next total of a flow that was evicted counts nothing, and none of its bytes twice', () => {
    const exporter = new Exporter();
    exporter.bench.decoder.context.templated.totals = new RunningTotals(new TotalsTable(2));
    const port = (number: number) => ({ port: number, startMs: START_MS + number });
    const rows = [
      exporter.report({ total: 1000, ...port(1) }),
      exporter.report({ total: 10, ...port(2), atS: 1 }),
      exporter.report({ total: 20, ...port(3), atS: 2 }),
      exporter.report({ total: 1600, ...port(1), atS: 60 }),
      exporter.report({ total: 1700, ...port(1), atS: 120 }),
      // It began after what was evicted: new.
      exporter.report({ total: 30, ...port(4), atS: 121 }),
    ];
    expect(rows.map(row => row['counterSource'])).toEqual([
      'since-start',
      'since-start',
      'since-start',
      'baseline',
      'difference',
      'since-start',
    ]);
    expect(counted(rows)).toBe(1000 + 10 + 20 + 100 + 30);
    expect(exporter.bench.faults('ipfix')).toEqual({ 'total-unknown': 1 });
  });
});
