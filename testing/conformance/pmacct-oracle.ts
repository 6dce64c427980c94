// What pmacct makes of the flow captures of its own tests: bytes and packets by key, summed over the captures of a test.
// Its keys are finer in some tests and coarser in others; those compared are ends, protocol, type of service and
// interfaces, over which both are summed.

import { readFileSync } from 'node:fs';
import { readCapture } from '../../collector/captures/capture.ts';
import { pathOf } from '../corpus/folder.ts';
import { Bench, type Row } from '../data/datagrams.ts';
import { Agreement } from './agreement.ts';

interface Aggregate {
  readonly ip_src: string;
  readonly ip_dst: string;
  readonly port_src: number;
  readonly port_dst: number;
  readonly ip_proto: string;
  readonly tos: number;
  readonly iface_in: number;
  readonly iface_out: number;
  readonly packets: number;
  readonly bytes: number;
}

const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  ipip: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  'ipv6-icmp': 58,
  vrrp: 112,
};

/** Configurations that multiply by the sampling rate. */
export const RENORMALISED = /104-/;

export function comparePmacct(golden: string, files: readonly string[]): Agreement {
  const agreement = new Agreement('pmacct', files, golden);
  const bench = new Bench({ rowsMax: 4096 });
  const rows = files
    .flatMap(file => readCapture(pathOf(file)).datagrams)
    .flatMap(({ payload, source, sourcePort, timeMs }) => bench.decode(payload, source, sourcePort, timeMs));
  const reported = readFileSync(pathOf(golden), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Aggregate);
  const factor = (row: Row) => (RENORMALISED.test(golden) ? Number(row['samplingRate']) : 1);
  const ours = Map.groupBy(rows, row => keyOf(row as Readonly<Record<string, string | number>>));
  const theirs = Map.groupBy(reported, ({ ip_src, ip_dst, port_src, port_dst, ip_proto, tos, iface_in, iface_out }) =>
    keyOf({
      srcAddr: ip_src,
      dstAddr: ip_dst,
      srcPort: port_src,
      dstPort: port_dst,
      proto: PROTOCOLS[ip_proto] ?? ip_proto,
      tos,
      inIf: iface_in,
      outIf: iface_out,
    }),
  );
  for (const key of new Set([...ours.keys(), ...theirs.keys()])) {
    agreement.records++;
    const [mine, their] = [ours.get(key) ?? [], theirs.get(key) ?? []];
    for (const counter of ['bytes', 'packets'] as const)
      agreement.compare(
        key,
        counter,
        mine.reduce((sum, row) => sum + Number(row[counter]) * factor(row), 0),
        their.reduce((sum, aggregate) => sum + aggregate[counter], 0),
      );
  }
  return agreement;
}

function keyOf({
  srcAddr,
  dstAddr,
  srcPort,
  dstPort,
  proto,
  tos,
  inIf,
  outIf,
}: Readonly<Record<string, string | number>>): string {
  return [srcAddr, srcPort, dstAddr, dstPort, proto, tos, inIf, outIf].join(' ');
}
