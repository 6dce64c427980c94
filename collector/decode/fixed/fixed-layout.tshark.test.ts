// NetFlow v1, v5, v7 and every aggregation of v8 against tshark, over records of random bytes: a field that is read at
// the wrong place has a wrong value. Version 6 is none that tshark knows.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
  datagramOf,
  EXPORT_S,
  fixedNetflow,
  ip4,
  type Row,
  rest8,
  UPTIME_MS,
  u16,
  u32,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { onPath, requireTool } from '../../../testing/requirements.ts';

const ready = requireTool('tshark', onPath('tshark'), 'no such program on PATH (Debian package tshark)');

const RECORDS = 8;
const UINT32 = 2 ** 32;

/** Pseudo-random bytes, the same in every run. */
let state = 20240501;
const randomBytes = (count: number): Bytes =>
  Array.from({ length: count }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 24;
  });

const V8_BYTES = [28, 28, 32, 32, 40, 32, 40, 44, 32, 32, 32, 32, 40, 40] as const;

interface Case {
  readonly name: string;
  readonly datagram: Uint8Array;
}

const fixed = (version: number, rest: Bytes, recordBytes: number): Uint8Array =>
  fixedNetflow(
    version,
    rest,
    Array.from({ length: RECORDS }, () => randomBytes(recordBytes)),
  );
const CASES: readonly Case[] = [
  { name: 'version 1', datagram: fixed(1, [], 48) },
  { name: 'version 5', datagram: fixed(5, zeros(8), 48) },
  { name: 'version 7', datagram: fixed(7, zeros(8), 52) },
  ...V8_BYTES.map((bytes, i) => ({
    name: `version 8, aggregation ${i + 1}`,
    datagram: fixed(8, rest8(i + 1), bytes),
  })),
];

/** Where tshark reads a field elsewhere, and why it is not followed. */
const TSHARK_ERRS: Readonly<Record<string, { readonly columns: readonly string[]; readonly reason: string }>> = {
  'version 8, aggregation 9': {
    columns: ['inIf', 'outIf', 'tos'],
    reason:
      'tshark reads the type of service before the interfaces; filebeat and flow-tools read it behind them, so that the ' +
      'record is that of aggregation 1 and more, as it is for every other pair of schemes with and without it',
  },
};

type Tree = { readonly [name: string]: Tree | string | undefined };

const folder = ready ? mkdtempSync(join(tmpdir(), 'hairpin-fixed-')) : '';
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The datagrams as a capture of raw IPv4 packets, dissected; a list of records for each. */
function dissect(datagrams: readonly Uint8Array[]): Tree[][] {
  const frames = datagrams.flatMap(payload => {
    const length = 28 + payload.length;
    const ip = [0x45, 0, ...u16(length), ...zeros(4), 64, 17, 0, 0, ...ip4('10.0.0.1'), ...ip4('10.0.0.2')];
    const packet = [...ip, ...u16(50000), ...u16(2055), ...u16(length - 20), 0, 0, ...payload];
    return [...u32(EXPORT_S), ...u32(0), ...u32(length), ...u32(length), ...packet];
  });
  const file = join(folder, 'fixed.pcap');
  writeFileSync(file, datagramOf(u32(0xa1b2c3d4), u16(2), u16(4), u32(0), u32(0), u32(262144), u32(101), frames));
  const args = ['-r', file, '-d', 'udp.port==2055,cflow', '-T', 'json', '--no-duplicate-keys', '-J', 'cflow'];
  const text = execFileSync('tshark', args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const packets = JSON.parse(text) as { _source: { layers: { cflow: Tree } } }[];
  return packets.map(({ _source }) =>
    Object.entries(_source.layers.cflow)
      .filter(([name]) => name.startsWith('pdu '))
      .map(([, record]) => record as Tree),
  );
}

/** What tshark says of a record, in full: what it leaves out is not reported. */
function expectedRow(record: Tree): Row {
  const text = (...names: string[]) => names.map(name => record[name]).find(value => value !== undefined) as string;
  const number = (...names: string[]) => Number(text(...names) ?? 0);
  const times = record['cflow.timedelta_tree'] as Tree;
  return {
    srcAddr: text('cflow.srcaddr', 'cflow.srcnet') ?? '::',
    dstAddr: text('cflow.dstaddr', 'cflow.dstnet') ?? '::',
    srcPort: number('cflow.srcport'),
    dstPort: number('cflow.dstport'),
    proto: number('cflow.protocol'),
    tos: number('cflow.tos'),
    tcpFlags: number('cflow.tcpflags'),
    packets: number('cflow.packets'),
    bytes: number('cflow.octets'),
    inIf: number('cflow.inputint'),
    outIf: number('cflow.outputint'),
    // Seconds of uptime, with milliseconds behind the point.
    flowStart: Math.round(Number(times['cflow.timestart']) * 1000),
    flowEnd: Math.round(Number(times['cflow.timeend']) * 1000),
  };
}

/** A time as the 32 bits of uptime it was made from. */
const uptimeOf = (ms: unknown): number => (((Number(ms) - EXPORT_S * 1000 + UPTIME_MS) % UINT32) + UINT32) % UINT32;

// proves: netflow8
describe.skipIf(!ready)('tshark agrees', () => {
  const reported = ready ? dissect(CASES.map(({ datagram }) => datagram)) : [];

  test.each(CASES.map((one, i) => [one.name, one, i] as const))('on %s', (name, { datagram }, i) => {
    const rows = new Bench().decode(datagram);
    expect(rows.length).toBe(RECORDS);
    expect(reported[i]!.length).toBe(RECORDS);
    const columns = TSHARK_ERRS[name]?.columns ?? [];
    const disagreements = rows.map((row, r) => {
      const ours: Row = { ...row, flowStart: uptimeOf(row['flowStart']), flowEnd: uptimeOf(row['flowEnd']) };
      return Object.entries(expectedRow(reported[i]![r]!))
        .filter(([column, value]) => ours[column] !== value)
        .map(([column]) => column);
    });
    expect([...new Set(disagreements.flat())].sort()).toEqual([...columns].sort());
  });
});
