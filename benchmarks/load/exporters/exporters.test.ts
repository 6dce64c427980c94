// The datagrams, read by Wireshark: what it finds must be the traffic.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Recorded, record } from '../../../testing/data/load.ts';
import { pcapOf } from '../../../testing/data/pcap-writer.ts';
import { onPath, requireTool } from '../../../testing/requirements.ts';
import { type ExportProtocol, FABRIC_IF_INDEX, VLAN } from '../model/data-centre.ts';
import { DATAGRAM_BYTES_MAX } from './exporter.ts';

const hasTshark = requireTool('tshark', onPath('tshark'), 'it decodes what the load generator encodes');

/** The values of each field in one datagram; more fields than any test asks for. */
type Columns = [
  string[],
  string[],
  string[],
  string[],
  string[],
  string[],
  string[],
  string[],
  string[],
  string[],
  string[],
  string[],
];

/** One line per datagram; a field that occurs several times in it is an array. */
function dissect({ datagrams }: Recorded, decodeAs: string, fields: readonly string[]): string[][][] {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-tshark-'));
  try {
    const file = join(folder, 'load.pcap');
    writeFileSync(file, pcapOf(datagrams));
    const args = [
      '-n',
      '-r',
      file,
      '-d',
      decodeAs,
      '-T',
      'fields',
      '-E',
      'separator=|',
      '-E',
      'occurrence=a',
      '-E',
      'aggregator=,',
    ];
    const text = execFileSync('tshark', [...args, ...fields.flatMap(field => ['-e', field])], {
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();
    return text
      .trimEnd()
      .split('\n')
      .map(line => line.split('|').map(value => (value === '' ? [] : value.split(','))));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Bytes by pair of endpoint names: the truth's own cells, each as often as bridges saw it. */
function bytesByPair({ feed }: Recorded): Map<string, number> {
  const pairs = new Map<string, number>();
  for (const { src, dst, bytes, links } of feed.truth().cells) add(pairs, `${src} ${dst}`, bytes * links.length);
  return pairs;
}

function add(map: Map<string, number>, key: string, value: number) {
  map.set(key, (map.get(key) ?? 0) + value);
}

function namesByAddress({ dataCentre }: Recorded): (address: string) => string {
  const names = new Map<string, string>();
  const { endpoints } = dataCentre;
  for (let i = 0; i < endpoints.count; i++) {
    const word = endpoints.address4[i]!;
    names.set([24, 16, 8, 0].map(shift => (word >>> shift) & 255).join('.'), endpoints.names[i]!);
    names.set(`fd20::5254:0:0:${(i + 1).toString(16)}`, endpoints.names[i]!);
    names.set(`fd20::5254:0:${(i + 1).toString(16)}`, endpoints.names[i]!);
  }
  return address => names.get(address) ?? address;
}

describe.skipIf(!hasTshark)('tshark reads the traffic out of', () => {
  test.each<[ExportProtocol, string]>([
    ['netflow5', '5'],
    ['netflow9', '9'],
    ['ipfix', '10'],
  ])('%s', (protocol, version) => {
    const recorded = record({ protocols: [protocol] }, 40);
    const name = namesByAddress(recorded);
    const lines = dissect(recorded, 'udp.port==2055,cflow', [
      'cflow.version',
      'cflow.srcaddr',
      'cflow.dstaddr',
      'cflow.srcaddrv6',
      'cflow.dstaddrv6',
      'cflow.octets',
      'cflow.packets',
      'cflow.srcport',
      'cflow.dstport',
      'cflow.inputint',
      'cflow.srcmac',
      'cflow.vlanid',
    ]);
    const pairs = new Map<string, number>();
    let records = 0;
    let packets = 0;
    let serverPorts = 0;
    const fabricRecords = lines.flatMap(line => line[9]!).filter(port => Number(port) === FABRIC_IF_INDEX).length;
    for (const line of lines) {
      const [versions, src4, dst4, src6, dst6, octets, counts, srcPorts, dstPorts, , macs, vlans] = line as Columns;
      expect(versions).toEqual([version]);
      records += octets.length;
      packets += counts.reduce((sum, count) => sum + Number(count), 0);
      serverPorts += octets.filter((_, i) => Math.min(Number(srcPorts[i]), Number(dstPorts[i])) < 10_000).length;
      expect(vlans).toEqual(protocol === 'netflow5' ? [] : octets.map(() => String(VLAN)));
      expect(macs).toHaveLength(protocol === 'netflow5' ? 0 : octets.length);
      // Sets of both families may share a datagram; which octets are whose is then only known per family.
      if (src6.length === 0) src4.forEach((src, i) => add(pairs, `${name(src)} ${name(dst4[i]!)}`, Number(octets[i])));
      else if (src4.length === 0)
        src6.forEach((src, i) => add(pairs, `${name(src)} ${name(dst6[i]!)}`, Number(octets[i])));
      else
        add(
          pairs,
          'mixed',
          octets.reduce((sum, value) => sum + Number(value), 0),
        );
    }
    expect(records).toBe(recorded.feed.counts.records);
    expect(serverPorts).toBe(records);
    expect(fabricRecords).toBe(records - recorded.feed.counts.flows);
    const truth = recorded.feed.truth();
    expect(packets).toBe(truth.cells.reduce((sum, cell) => sum + cell.packets * cell.links.length, 0));
    const expected = bytesByPair(recorded);
    const total = (map: ReadonlyMap<string, number>) => [...map.values()].reduce((sum, bytes) => sum + bytes, 0);
    expect(total(pairs)).toBe(total(expected));
    if (protocol === 'netflow5') expect(Object.fromEntries(pairs)).toEqual(Object.fromEntries(expected));
    for (const [pair, bytes] of pairs) if (pair !== 'mixed') expect(bytes).toBeLessThanOrEqual(expected.get(pair) ?? 0);
  });

  test('netflow5, netflow9 and ipfix sequence numbers', () => {
    const step = { netflow5: 'records', netflow9: 'datagrams', ipfix: 'records' } as const;
    for (const protocol of ['netflow5', 'netflow9', 'ipfix'] as const) {
      const recorded = record({ protocols: [protocol], bridges: 1 }, 30);
      const lines = dissect(recorded, 'udp.port==2055,cflow', ['cflow.sequence', 'cflow.octets']);
      let next = 0;
      for (const [[sequence], octets] of lines as [string[], string[]][]) {
        expect(Number(sequence)).toBe(next);
        next += step[protocol] === 'records' ? octets.length : 1;
      }
    }
  });

  test('sflow5', () => {
    const recorded = record({ protocols: ['sflow5'] }, 20);
    const name = namesByAddress(recorded);
    const lines = dissect(recorded, 'udp.port==6343,sflow', [
      'ip.src',
      'ip.dst',
      'ip.len',
      'ipv6.src',
      'ipv6.dst',
      'ipv6.plen',
      'vlan.id',
      'sflow_245.agent',
      'sflow_245.numsamples',
    ]);
    const pairs = new Map<string, number>();
    let samples = 0;
    for (const [src4, dst4, lengths4, src6, dst6, lengths6, vlans, agents, counts] of lines as Columns[]) {
      expect(agents).toEqual([src4[0]]);
      expect(Number(counts[0])).toBe(src4.length - 1 + src6.length);
      samples += src4.length - 1 + src6.length;
      expect(new Set(vlans)).toEqual(new Set([String(VLAN)]));
      // The first addresses are those of the datagram itself.
      for (let i = 1; i < src4.length; i++) add(pairs, `${name(src4[i]!)} ${name(dst4[i]!)}`, Number(lengths4[i]));
      for (let i = 0; i < src6.length; i++) add(pairs, `${name(src6[i]!)} ${name(dst6[i]!)}`, Number(lengths6[i]) + 40);
    }
    expect(samples).toBe(recorded.feed.counts.records);
    expect(Object.fromEntries(pairs)).toEqual(Object.fromEntries(bytesByPair(recorded)));
  });
});

test('no datagram is longer than its bound, and sampled exporters send fewer records of the same traffic', () => {
  for (const protocol of ['netflow5', 'netflow9', 'ipfix', 'sflow5'] as const) {
    const whole = record({ protocols: [protocol] });
    expect(Math.max(...whole.datagrams.map(({ payload }) => payload.length))).toBeLessThanOrEqual(DATAGRAM_BYTES_MAX);
    if (protocol === 'sflow5') continue; // its flows grow with the sampling rate
    const sampled = record({ protocols: [protocol], sampling: 64 });
    expect(sampled.feed.truth().bytes).toBe(whole.feed.truth().bytes);
    expect(sampled.feed.counts.records).toBeLessThan(whole.feed.counts.records / 2);
    expect(sampled.feed.counts.records).toBeGreaterThan(0);
  }
});

test('encoders are fast (figures are printed, not judged)', () => {
  const figures = (['netflow5', 'netflow9', 'ipfix', 'sflow5'] as const).map(protocol => {
    const { feed } = record({ protocols: [protocol], vms: 200, apps: 20 }, 200);
    const before = feed.counts.records;
    const started = performance.now();
    for (let slot = 0; slot < 60; slot++) feed.emit(4000, { endMs: 1.8e12 + slot, exportMs: 1.8e12 + slot });
    return `${protocol} ${((feed.counts.records - before) / (performance.now() - started) / 1000).toFixed(1)} M records/s`;
  });
  console.info(`traffic, truth and encoder together: ${figures.join(', ')}`);
  expect(figures).toHaveLength(4);
});
