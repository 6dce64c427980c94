// Exporters whose clocks are wrong. The truth is known: flows end when they end, and a datagram is received after its export,
// later by the delay of the network. What the exporter says is that truth by its own clock.

import { describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
  EXPORT_S,
  type FieldSpec,
  flowSample,
  ipfix,
  memory,
  netflow5,
  netflow9,
  type Row,
  record5,
  set,
  sflow,
  template,
  UPTIME_MS,
  u32,
  u64,
} from '../../testing/data/datagrams.ts';

const MINUTE_MS = 60_000;
const BUCKET_MS = 300_000;
const NOW_MS = EXPORT_S * 1000;
const ABSOLUTE: readonly FieldSpec[] = [
  [152, 8],
  [153, 8],
];
const UPTIME: readonly FieldSpec[] = [
  [22, 4],
  [21, 4],
];

/** What a clock shows at a time. */
type ExporterTime = (trueMs: number) => number;

/** Datagrams with a flow of ten seconds that ended a second before, by protocol. */
const PROTOCOLS: Readonly<Record<string, (trueMs: number, clock: ExporterTime) => Uint8Array>> = {
  ipfix: (trueMs, clock) => {
    const times: Bytes = [...u64(Math.floor(clock(trueMs - 11_000))), ...u64(Math.floor(clock(trueMs - 1000)))];
    return ipfix([set(2, template(256, ABSOLUTE)), set(256, times)], {
      exportTime: Math.floor(clock(trueMs) / 1000),
    });
  },
  netflow9: (trueMs, clock) => {
    const uptime = UPTIME_MS + (trueMs - NOW_MS);
    return netflow9([set(0, template(256, UPTIME)), set(256, u32(uptime - 11_000), u32(uptime - 1000))], {
      uptime,
      unixSecs: Math.floor(clock(trueMs) / 1000),
    });
  },
  netflow5: (trueMs, clock) => {
    const uptime = UPTIME_MS + (trueMs - NOW_MS);
    return netflow5([record5(1, 100, uptime - 11_000, uptime - 1000)], {
      uptime,
      unixSecs: Math.floor(clock(trueMs) / 1000),
    });
  },
};

interface Received extends Row {
  readonly trueMs: number;
}

interface Line {
  readonly bench?: Bench;
  readonly protocol?: string;
  readonly port?: number;
  readonly everyMs?: number;
  /** What the network adds, by number of the datagram. */
  readonly delayMs?: (i: number) => number;
}

/** The rows of an exporter that sends from `fromMs` to `toMs`, both relative to NOW_MS. */
function receive(clock: ExporterTime, fromMs: number, toMs: number, line: Line = {}): Received[] {
  const { bench = new Bench({ measuresClocks: true }), protocol = 'ipfix', port = 50000 } = line;
  const { everyMs = 5700, delayMs = () => 20 } = line;
  const rows: Received[] = [];
  for (let i = 0, at = fromMs; at < toMs; at += everyMs, i++) {
    const trueMs = NOW_MS + at;
    const datagram = PROTOCOLS[protocol]!(trueMs, clock);
    for (const row of bench.decode(datagram, '198.51.100.1', port, trueMs + delayMs(i))) rows.push({ ...row, trueMs });
  }
  return rows;
}

const errorMs = ({ flowEnd, trueMs }: Received) => Number(flowEnd) - (trueMs - 1000);
const sources = (rows: readonly Received[]) => [...new Set(rows.map(row => row['timeSource']))];
const after = (rows: readonly Received[], ms: number) => rows.filter(({ trueMs }) => trueMs >= NOW_MS + ms);
const worst = (rows: readonly Received[]) => Math.max(...rows.map(row => Math.abs(errorMs(row))));
/** Jitter of up to `ms`, the same in each run. */
const jitter = (ms: number) => (i: number) => ((Math.imul(i + 1, 2654435761) >>> 0) / 2 ** 32) * ms;

/** Three whole minutes, and what a datagram may be late. */
const MEASURED_MS = 3 * MINUTE_MS + 10_000;

describe.each(Object.keys(PROTOCOLS))('%s', protocol => {
  // proves: exporter-clocks
  test.each([
    ['35 s ahead', 35_000],
    ['30 minutes behind', -1_800_000],
    ['3 s behind', -3000],
    ['a year behind', -365 * 86_400_000],
  ])('a clock that is %s has its flows moved to when they were', (_, offMs) => {
    const bench = new Bench({ measuresClocks: true });
    const rows = receive(ms => ms + offMs, 0, 20 * MINUTE_MS, { bench, protocol });
    const measured = after(rows, MEASURED_MS);
    expect(sources(measured)).toEqual(['skewed']);
    expect(worst(measured)).toBeLessThan(1100);
    expect(measured.every(row => Number(row['flowEnd']) - Number(row['flowStart']) === 10_000)).toBe(true);
    expect(bench.domain().clock).toMatchObject({ state: 'steady' });
    expect(Math.abs(bench.domain().clock!.skewMs - offMs)).toBeLessThan(1100);
  });

  test('a clock that is right, or as good as right, changes nothing', () => {
    for (const offMs of [0, 900, -1500])
      for (const row of receive(ms => ms + offMs, 0, 10 * MINUTE_MS, { protocol })) {
        expect(row['timeSource']).toBe(protocol === 'ipfix' ? 'absolute' : 'uptime');
        // Half of the second that the header leaves out.
        expect(Math.abs(errorMs(row) - offMs)).toBeLessThanOrEqual(1000);
      }
  });
});

test('two exporters that are 35 s apart have the same flow in the same bucket, from the first datagram on', () => {
  // Around the turn of a bucket.
  const bucket = ({ flowEnd }: Received) => Math.floor(Number(flowEnd) / BUCKET_MS);
  const line = { everyMs: 6000 };
  const right = receive(ms => ms, 0, 30 * MINUTE_MS, line);
  const ahead = receive(ms => ms + 35_000, 0, 30 * MINUTE_MS, line);
  const apart = right.filter((row, i) => bucket(row) !== bucket(ahead[i]!));
  expect(right).toHaveLength(300);
  // 35 s of 300 without a correction: 35 of 300 records. Half a second of resolution remains.
  expect(apart.length).toBeLessThanOrEqual(6);
});

test('an export later than its receipt is moved to it at once, one before it is marked until the clock is known', () => {
  const ahead = receive(ms => ms + 35_000, 0, MINUTE_MS);
  expect(sources(ahead)).toEqual(['unsteady']);
  expect(worst(ahead)).toBeLessThan(1100);
  const behind = receive(ms => ms - 1_800_000, 0, MINUTE_MS);
  expect(sources(behind)).toEqual(['unsteady']);
  expect(errorMs(behind[0]!)).toBe(-1_800_000);
});

test('a clock that is put back by an hour, as by a change of summer time, costs no flow its place', () => {
  const bench = new Bench({ measuresClocks: true });
  const jumpMs = 20 * MINUTE_MS;
  for (const sign of [-1, 1]) {
    const rows = receive(ms => (ms < NOW_MS + jumpMs ? ms : ms + sign * 3_600_000), 0, 40 * MINUTE_MS, {
      bench,
      port: 50001 + sign,
    });
    expect(worst(rows)).toBeLessThan(1100);
    expect(sources(after(rows, 0).filter(({ trueMs }) => trueMs < NOW_MS + jumpMs))).toEqual(['absolute']);
    expect(sources(after(rows, jumpMs).filter(({ trueMs }) => trueMs < NOW_MS + jumpMs + 2 * MINUTE_MS))).toEqual([
      'unsteady',
    ]);
    expect(sources(after(rows, jumpMs + MEASURED_MS + MINUTE_MS))).toEqual(['skewed']);
  }
});

test('a clock that drifts by 100 ppm is followed for days', () => {
  const clock: ExporterTime = ms => ms + (ms - NOW_MS) * 1e-4;
  const rows = receive(clock, 0, 3 * 86_400_000, { everyMs: 15_000 });
  const last = after(rows, 2 * 86_400_000);
  expect(sources(last)).toEqual(['skewed']);
  expect(worst(last)).toBeLessThan(2100);
  // 26 s after three days.
  expect(errorMs({ ...rows.at(-1)!, flowEnd: clock(rows.at(-1)!.trueMs - 1000) })).toBeGreaterThan(25_000);
});

test('a clock that drifts by more than 3 s in three minutes is unsteady', () => {
  const bench = new Bench({ measuresClocks: true });
  const rows = receive(ms => ms - 40_000 + (ms - NOW_MS) * 0.03, 0, 15 * MINUTE_MS, { bench });
  expect(sources(rows)).toEqual(['unsteady']);
  expect(bench.domain().clock!.state).toBe('unsteady');
});

test('delays of up to 2 s are no skew, and hide none', () => {
  const delayMs = jitter(2000);
  for (const everyMs of [1000, 20_000]) {
    const right = receive(ms => ms, 0, 30 * MINUTE_MS, { delayMs, everyMs });
    expect(sources(right)).toEqual(['absolute']);
    const ahead = receive(ms => ms + 35_000, 0, 30 * MINUTE_MS, { delayMs, everyMs });
    const measured = after(ahead, MEASURED_MS + everyMs);
    expect(sources(measured)).toEqual(['skewed']);
    expect(worst(measured)).toBeLessThan(3100);
  }
});

test('what an exporter kept for an hour and sends at last keeps its times', () => {
  const bench = new Bench({ measuresClocks: true });
  // 3,600 datagrams of an hour, received within six seconds.
  const old = receive(ms => ms, -3_600_000, 0, { bench, everyMs: 1000, delayMs: i => 3_600_000 - 998 * i });
  expect(worst(old)).toBe(0);
  expect(sources(old.slice(0, 100))).toEqual(['unsteady']);
});

test('a connection that delivers what had waited keeps its times, also when the clock was steady', () => {
  const bench = new Bench({ measuresClocks: true });
  const port = 65536 + 50000;
  receive(ms => ms, 0, 10 * MINUTE_MS, { bench, port });
  const rows = receive(ms => ms, 10 * MINUTE_MS, 15 * MINUTE_MS, {
    bench,
    port,
    delayMs: i => 5 * MINUTE_MS - 5700 * i,
  });
  expect(worst(rows)).toBe(0);
});

test('times that are right beside a header without a clock stay', () => {
  const bench = new Bench({ measuresClocks: true });
  for (let at = 0; at < 10 * MINUTE_MS; at += 5000) {
    const times = [...u64(NOW_MS + at - 5000), ...u64(NOW_MS + at)];
    const datagram = ipfix([set(2, template(256, ABSOLUTE)), set(256, times)], { exportTime: 0 });
    expect(bench.decode(datagram, '198.51.100.1', 50000, NOW_MS + at + 20)).toMatchObject([
      { flowEnd: NOW_MS + at, timeSource: 'absolute' },
    ]);
  }
});

test('running totals are distinguished by the clock of their exporter, and their rows moved by ours', () => {
  const fields: FieldSpec[] = [[85, 8], ...ABSOLUTE];
  const offMs = -1_800_000;
  const bench = new Bench({ measuresClocks: true });
  let total = 0;
  for (let at = 0; at <= 10 * MINUTE_MS; at += MINUTE_MS / 2) {
    const times = [...u64(NOW_MS + offMs - 60_000), ...u64(NOW_MS + offMs + at)];
    const sets = [set(2, template(256, fields)), set(256, u64(1000 + at), times)];
    const datagram = ipfix(sets, { exportTime: (NOW_MS + offMs + at) / 1000 });
    for (const row of bench.decode(datagram, '198.51.100.1', 50000, NOW_MS + at + 20)) {
      total += Number(row['bytes']);
      if (at > 5 * MINUTE_MS)
        expect(row).toMatchObject({ flowEnd: NOW_MS + at + 20, flowStart: NOW_MS + at - 30_000 + 20, bytes: 30_000 });
    }
  }
  expect(total).toBe(1000 + 10 * MINUTE_MS);
  expect(bench.faults('ipfix')).toEqual({});
});

test('nothing is measured where receipt is not now, nor of sFlow, which has no time of export', () => {
  const knowledge = memory();
  const rows = receive(ms => ms + 35_000, 0, 10 * MINUTE_MS, { bench: new Bench({ knowledge }) });
  expect(sources(rows)).toEqual(['absolute']);
  const bench = new Bench({ measuresClocks: true });
  bench.decode(sflow([flowSample([])]));
  expect(bench.domain().clock).toBeUndefined();
});
