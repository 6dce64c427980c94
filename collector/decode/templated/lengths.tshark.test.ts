// What an exporter states of the length of its datagram, and what tshark reads of it: the datagram carries its own end.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
  type FieldSpec,
  ipfix,
  netflow5,
  netflow9,
  record5,
  set,
  template,
  u32,
} from '../../../testing/data/datagrams.ts';
import { pcapOf } from '../../../testing/data/pcap-writer.ts';
import { onPath, requireTool } from '../../../testing/requirements.ts';

const ready = requireTool('tshark', onPath('tshark'), 'no such program on PATH (Debian package tshark)');
const folder = ready ? mkdtempSync(join(tmpdir(), 'hairpin-lengths-')) : '';
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const OCTETS_PACKETS: readonly FieldSpec[] = [
  [1, 4],
  [2, 4],
];
const record = (octets: number): Bytes => [...u32(octets), ...u32(2)];
const data = [set(300, record(1200), record(1201)), set(300, record(1202))];
const sets10 = [set(2, template(300, OCTETS_PACKETS)), ...data];
const sets9 = [set(0, template(300, OCTETS_PACKETS)), ...data];
const LENGTH = 16 + sets10.flat().length;

/** Octets of each record as tshark reads them. */
function octetsByTshark(payload: Uint8Array): number[] {
  const file = join(folder, 'one.pcap');
  const [srcAddress, dstAddress] = ['192.0.2.1', '192.0.2.2'];
  writeFileSync(file, pcapOf([{ payload, timeMs: 1, srcAddress, srcPort: 5000, dstAddress, dstPort: 2055 }]));
  const args = ['-r', file, '-d', 'udp.port==2055,cflow', '-T', 'fields', '-e', 'cflow.octets'];
  const text = execFileSync('tshark', args, { encoding: 'utf8' }).trim();
  return text === '' ? [] : text.split(',').map(Number);
}

describe.runIf(ready)('tshark reads the same records of', () => {
  // proves: bad-ipfix-length
  test.each([
    [4, 1],
    [16, 1],
    [LENGTH - 14, 1],
    [LENGTH - 2, 1],
    [LENGTH, 0],
    [LENGTH + 6, 1],
    [65535, 1],
  ])('an IPFIX message that states a length of %i', (length, mismatches) => {
    const payload = ipfix(sets10, { length });
    const bench = new Bench();
    const octets = bench.decode(payload).map(row => row['bytes']);
    expect(octets).toEqual([1200, 1201, 1202]);
    expect(octets).toEqual(octetsByTshark(payload));
    expect(bench.faults('ipfix')).toEqual(mismatches > 0 ? { 'length-mismatch': mismatches } : {});
  });

  // proves: bad-netflow9-count
  test.each([3, 4, 5, 65535])('a NetFlow v9 datagram that states a count of %i', count => {
    const payload = netflow9(sets9, { count });
    const octets = new Bench().decode(payload).map(row => row['bytes']);
    expect(octets).toEqual([1200, 1201, 1202]);
    expect(octets).toEqual(octetsByTshark(payload));
  });

  // What lies behind the count may be what an earlier datagram left in the exporter's buffer.
  // proves: bad-fixed-count
  test.each([
    [2, 3],
    [3, 3],
    [4, 3],
    [31, 3],
  ])('a NetFlow v5 datagram that states %i records and holds %i', (count, held) => {
    const payload = netflow5(
      Array.from({ length: held }, (_, i) => record5(1, 100 + i)),
      { count },
    );
    const octets = new Bench().decode(payload).map(row => row['bytes']);
    expect(octets).toEqual(Array.from({ length: Math.min(count, held) }, (_, i) => 100 + i));
    expect(octets).toEqual(octetsByTshark(payload));
  });
});
