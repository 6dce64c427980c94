import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { formatAddress, wordsOfRow } from '../../schemas/address.ts';
import { pathOf, requireCorpus } from '../../testing/corpus/folder.ts';
import { Bench, type Bytes, type Row, rowOf, sflow, typed, u32, u64, zeros } from '../../testing/data/datagrams.ts';
import { onPath, requireTool } from '../../testing/requirements.ts';
import { readCapture } from '../captures/capture.ts';
import { COUNTERS_32, type InterfaceCounters } from '../decode/interface-counters.ts';
import { GAP_MS_MAX, HAND_OVER_ROWS_MAX, InterfaceTable } from './interface-table.ts';

const START_MS = 1_577_836_800_000;
const UNKNOWN_32 = 0xffffffff;

interface Reading {
  readonly ifIndex?: number;
  readonly speed?: number | bigint;
  readonly inOctets?: number | bigint;
  readonly outOctets?: number | bigint;
  /** Unicast, multicast, broadcast, discards, errors. */
  readonly inPackets?: readonly number[];
  readonly outPackets?: readonly number[];
}

const ifCounters = (reading: Reading): Bytes => {
  const { ifIndex = 7, speed = 10_000_000_000, inOctets = 0, outOctets = 0 } = reading;
  const { inPackets = [0, 0, 0, 0, 0], outPackets = [0, 0, 0, 0, 0] } = reading;
  const head = [u32(ifIndex), u32(6), u64(speed), u32(1), u32(3)].flat();
  const received = [u64(inOctets), ...inPackets.map(u32), u32(UNKNOWN_32)].flat();
  return typed(1, head, received, u64(outOctets), ...outPackets.map(u32), u32(2));
};

const sample = (sequence: number, ...records: readonly Bytes[]) =>
  typed(2, u32(sequence), u32(7), u32(records.length), ...records);

/** A decoder with the table behind it; the agent's uptime goes with the time of receipt. */
class Switch {
  readonly bench = new Bench();
  readonly table: InterfaceTable;
  constructor(...bounds: ConstructorParameters<typeof InterfaceTable>) {
    this.table = new InterfaceTable(...bounds);
    this.bench.decoder.context.sflow.interfaces = this.table;
  }
  read(atS: number, sequence: number, reading: Reading, uptimeMs = 1_000_000 + 1000 * atS, subAgent = 0): void {
    const datagram = sflow([sample(sequence, ifCounters(reading))], { uptimeMs, subAgent });
    this.bench.decode(datagram, '198.51.100.1', 50000, START_MS + 1000 * atS);
  }
  /** Everything that waits, minutes as their number. */
  rows(nowMs = Number.POSITIVE_INFINITY): Row[] {
    const rows: Row[] = [];
    for (let batch = this.table.take(nowMs); batch; batch = this.table.take(nowMs))
      for (let row = 0; row < batch.rows; row++) rows.push(rowOf(batch, row));
    return rows.map(({ minute, ...row }) => ({ minute: (Number(minute) - START_MS) / 60_000, ...row }));
  }
  octets(): (readonly [minute: unknown, inOctets: unknown, coveredMs: unknown])[] {
    return this.rows().map(({ minute, inOctets, coveredMs }) => [minute, inOctets, coveredMs]);
  }
}

describe('the difference of two readings', () => {
  test("is taken over the rollover of the agent's uptime at 2^32 ms", () => {
    const agent = new Switch();
    agent.read(0, 1, { inOctets: 1000 }, 2 ** 32 - 15_000);
    agent.read(30, 2, { inOctets: 1077 }, 15_000);
    expect(agent.octets()).toEqual([[0, 77, 30_000]]);
    expect(agent.table.anew).toBe(0);
  });

  test('goes to the minutes between them, in proportion, and adds up', () => {
    const agent = new Switch();
    agent.read(40, 1, { inOctets: 1000, outOctets: 5, inPackets: [1, 2, 3, 4, 5], outPackets: [6, 7, 8, 9, 10] });
    agent.read(70, 2, { inOctets: 1301, outOctets: 5, inPackets: [11, 22, 33, 44, 55], outPackets: [7, 8, 9, 10, 12] });
    expect(agent.rows(START_MS + 59_999)).toEqual([]);
    const [first] = agent.rows(START_MS + 70_000);
    expect(first).toEqual({
      minute: 0,
      exporter: '192.0.2.1',
      observationDomain: 0,
      protocol: 'sflow5',
      ifIndex: 7,
      coveredMs: 20_000,
      inOctets: 200,
      outOctets: 0,
      inPackets: 40,
      outPackets: 2,
      inDiscards: 26,
      outDiscards: 0,
      inErrors: 33,
      outErrors: 1,
      speedBps: 10_000_000_000,
    });
    const [rest] = agent.rows();
    expect(rest).toMatchObject({ minute: 1, coveredMs: 10_000, inOctets: 101, inPackets: 20, inErrors: 17 });
    expect(agent.rows()).toEqual([]);
  });

  test('readings within one minute are one row, what comes later for a minute is another', () => {
    const agent = new Switch();
    for (const [i, at] of [0, 20, 40].entries()) agent.read(at, i + 1, { inOctets: 100 * i });
    agent.read(80, 4, { inOctets: 700 });
    expect(agent.octets()).toEqual([
      [0, 450, 60_000],
      [1, 250, 20_000],
    ]);
  });

  test('a counter wraps at 32 and at 64 bits', () => {
    const agent = new Switch();
    agent.read(0, 1, { inOctets: 2n ** 64n - 100n, outOctets: 2 ** 32 - 50, outPackets: [0xfffffff0, 0, 0, 0, 0] });
    agent.read(30, 2, { inOctets: 900, outOctets: 1950, outPackets: [4, 0, 0, 0, 0] });
    expect(agent.rows()).toMatchObject([{ inOctets: 1000, outOctets: 2000, outPackets: 20 }]);
    expect(agent.table.anew).toBe(0);
  });

  test('beyond 2^53 the octets are exact', () => {
    const agent = new Switch();
    agent.read(0, 1, { inOctets: 2n ** 60n + 1n });
    agent.read(30, 2, { inOctets: 2n ** 60n + 2n });
    expect(agent.octets()).toEqual([[0, 1, 30_000]]);
  });

  test('what the agent does not count is not counted, before or after', () => {
    const agent = new Switch();
    const all = 0xffffffffffffffffn;
    agent.read(0, 1, { inOctets: all, inPackets: [10, UNKNOWN_32, 10, 0, 0] });
    agent.read(20, 2, { inOctets: 500, inPackets: [15, 7, UNKNOWN_32, 0, 0] });
    agent.read(40, 3, { inOctets: 600, inPackets: [16, 9, UNKNOWN_32, 0, 0] });
    expect(agent.rows()).toMatchObject([{ inOctets: 100, inPackets: 5 + 1 + 2, coveredMs: 40_000 }]);
  });

  test.each([0n, 0xffffffffn, 0xffffffffffffffffn])('a speed of %d is unknown', speed => {
    const agent = new Switch();
    agent.read(0, 1, { speed });
    agent.read(30, 2, { speed });
    expect(agent.rows()).toMatchObject([{ speedBps: 0 }]);
  });

  test('interfaces of two sub-agents are two', () => {
    const agent = new Switch();
    for (const subAgent of [0, 1]) agent.read(0, 1, { inOctets: 100 * subAgent }, 1_000_000, subAgent);
    for (const subAgent of [0, 1]) agent.read(30, 2, { inOctets: 1000 }, 1_030_000, subAgent);
    expect(agent.rows().map(row => [row['observationDomain'], row['inOctets']])).toEqual([
      [0, 1000],
      [1, 900],
    ]);
  });
});

describe('nothing is reported for the time before', () => {
  test.each([
    ['a restart: the sequence begins again', 30, 1, 2000],
    ['a restart between two readings: the uptime goes back', 30, 6, 2000, 4000],
    ['silence for longer than GAP_MS_MAX', GAP_MS_MAX / 1000 + 1, 6, 6000],
    ['octets that go back', 30, 6, 4_999_999_999],
    ['octets that no interface carries in that time', 30, 6, 5_000_000_000 + 30 * 200_000_000_000 + 1],
  ] as const)('%s', (_, atS, sequence, inOctets, uptimeMs?: number) => {
    const agent = new Switch();
    agent.read(0, 5, { inOctets: 5_000_000_000 });
    agent.read(atS, sequence, { inOctets }, uptimeMs);
    expect(agent.octets()).toEqual([]);
    expect(agent.table.anew).toBe(1);
    agent.read(atS + 20, sequence + 1, { inOctets: inOctets + 77 }, uptimeMs && uptimeMs + 20_000);
    expect(agent.octets().reduce((sum, [, octets]) => sum + Number(octets), 0)).toBe(77);
  });

  test('packets that went back without the bytes of a wrap', () => {
    const agent = new Switch();
    agent.read(0, 1, { inOctets: 1000, inPackets: [500, 0, 0, 0, 0] });
    agent.read(30, 2, { inOctets: 2000, inPackets: [3, 0, 0, 0, 0] });
    expect(agent.octets()).toEqual([]);
  });

  test('a datagram that came late or twice changes nothing', () => {
    const agent = new Switch();
    agent.read(0, 1, { inOctets: 1000 });
    agent.read(30, 3, { inOctets: 3000 }, 1_030_000);
    agent.read(30.1, 2, { inOctets: 2900 }, 1_029_000);
    agent.read(30.2, 3, { inOctets: 3000 }, 1_030_000);
    agent.read(50, 4, { inOctets: 4000 });
    expect(agent.octets()).toEqual([[0, 3000, 50_000]]);
    expect(agent.table.anew).toBe(0);
  });
});

describe('bounds', () => {
  test('interfaces beyond those in all and of an exporter are refused and counted', () => {
    const agent = new Switch(3, 2);
    for (const ifIndex of [1, 2, 3]) agent.read(0, 1, { ifIndex });
    expect([agent.table.size, agent.table.refused]).toEqual([2, 1]);
    agent.table.take(START_MS + GAP_MS_MAX + 1);
    expect(agent.table.size).toBe(0);
    agent.read(1000, 2, { ifIndex: 3 });
    expect([agent.table.size, agent.table.refused]).toEqual([1, 1]);
  });

  test('while no room is left for minutes, the time is reported by the next reading that finds some', () => {
    const agent = new Switch(10, 10, 1);
    agent.read(0, 1, { inOctets: 0 });
    agent.read(30, 2, { inOctets: 100 });
    agent.read(50, 3, { inOctets: 150 });
    expect(agent.table.refused).toBe(1);
    expect(agent.octets()).toEqual([[0, 100, 30_000]]);
    agent.read(59, 4, { inOctets: 200 });
    expect(agent.octets()).toEqual([[0, 100, 29_000]]);
  });

  test('a batch has at most HAND_OVER_ROWS_MAX rows', () => {
    const table = new InterfaceTable(HAND_OVER_ROWS_MAX + 1, HAND_OVER_ROWS_MAX + 1);
    const reading = (ifIndex: number, sequence: number): InterfaceCounters => ({
      ...{ sequence, uptimeMs: sequence, source: ifIndex, ifIndex, ifType: 6, speedBps: 0, direction: 1, status: 3 },
      ...{ inOctets: 0n, outOctets: 0n, counters: COUNTERS_32.map(() => 0) },
    });
    for (const sequence of [1, 2])
      for (let i = 0; i <= HAND_OVER_ROWS_MAX; i++)
        table.report(reading(i, sequence), new Uint32Array(4), 0, 7, START_MS + sequence);
    expect([1, 2, 3].map(() => table.take(Number.POSITIVE_INFINITY)?.rows)).toEqual([HAND_OVER_ROWS_MAX, 1, undefined]);
  });

  test('a second data source of an interface is refused while the first one reports', () => {
    const agent = new Switch();
    const other = (sequence: number) => typed(4, u32(sequence), u32(3), u32(9), u32(1), ifCounters({ inOctets: 9 }));
    agent.read(0, 1, { inOctets: 0 });
    agent.bench.decode(sflow([other(1)]), '198.51.100.1', 50000, START_MS + 10_000);
    agent.read(30, 2, { inOctets: 50 });
    expect(agent.octets()).toEqual([[0, 50, 30_000]]);
    expect(agent.table.refused).toBe(1);
  });
});

test('a record cut short is a fault and reports nothing', () => {
  const agent = new Switch();
  agent.bench.decode(sflow([sample(1, typed(1, zeros(80)))]));
  expect(agent.bench.faults('sflow5')).toEqual({ 'sample-malformed': 1 });
  expect(agent.table.size).toBe(0);
});

const ready =
  requireCorpus() && requireTool('tshark', onPath('tshark'), 'no such program on PATH (Debian package tshark)');

const TSHARK_FIELDS = [
  ...['ifindex', 'iftype', 'ifspeed', 'ifdirection', 'ifinoct', 'ifoutoct'],
  ...['ifinpkt', 'ifinmcast', 'ifinbcast', 'ifindisc', 'ifinerr'],
  ...['ifoutpkt', 'ifoutmcast', 'ifoutbcast', 'ifoutdisc', 'ifouterr'],
];

test.skipIf(!ready).each(['tcpdump/sflow_multiple_counter_30_pdus.pcap', 'tcpdump/sflow-print-v6.pcap'])(
  'tshark reads the same counters: %s',
  file => {
    const reported: string[][] = [];
    const bench = new Bench();
    bench.decoder.context.sflow.interfaces = {
      report: ({ ifIndex, ifType, speedBps, direction, inOctets, outOctets, counters }, exporter) => {
        expect(formatAddress(wordsOfRow(exporter, 0))).toMatch(/[.:]/);
        reported.push([ifIndex, ifType, speedBps, direction, inOctets, outOctets, ...counters].map(String));
      },
    };
    for (const { payload } of readCapture(pathOf(file)).datagrams) bench.decode(payload);
    const args = ['-r', pathOf(file), '-d', 'udp.port==6343,sflow', '-T', 'fields', '-E', 'aggregator=,'];
    const fields = TSHARK_FIELDS.flatMap(name => ['-e', `sflow_245.${name}`]);
    const text = execFileSync('tshark', [...args, ...fields], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const expected = text.split('\n').flatMap(line => {
      const columns = line.split('\t').map(cell => cell.split(','));
      return columns[0]![0] === '' ? [] : columns[0]!.map((_, i) => columns.map(column => column[i]!));
    });
    expect(expected.length).toBeGreaterThan(0);
    expect(reported.map(values => values.map(Number))).toEqual(expected.map(values => values.map(Number)));
  },
);
