// The decoders against filebeat's expected events, which hold the times of flows as well. The files stand in
// dat_tests.yaml in the order in which one exporter sent them.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { requireTool } from '../../service/test-requirements.ts';
import { readCapture } from '../capture.ts';
import { Bench, CORPUS, type Row } from './testdata.ts';

const BEATS = `${CORPUS}beats/`;
const ready = requireTool('corpus', existsSync(BEATS), `no folder ${BEATS}`);

interface Event {
  readonly Fields: {
    readonly netflow: { readonly type: string; readonly exporter: { readonly timestamp: string } };
    readonly event: { readonly start?: string; readonly end?: string };
    readonly source?: { readonly ip?: string; readonly port?: number; readonly mac?: string };
    readonly destination?: { readonly ip?: string; readonly port?: number };
    readonly network?: { readonly bytes?: number; readonly packets?: number; readonly iana_number?: number };
  };
}

/** Where filebeat and Hairpin read a record differently on purpose. */
const LEFT_OUT: Readonly<Record<string, { readonly columns: readonly string[]; readonly reason: string }>> = {
  'IPFIX-YAF-basic-with-applabel': {
    columns: ['bytes', 'packets'],
    reason: 'filebeat adds the reverse direction (RFC 5103) to the forward one',
  },
  'Netflow-9-Cisco-ASA-2': { columns: ['bytes'], reason: 'filebeat adds 232 responderOctets to 231 initiatorOctets' },
  'ipfix_cisco.pcap': {
    columns: ['bytes', 'packets'],
    reason: 'filebeat adds 232 and 299 of the responder to 231 and 298',
  },
  'IPFIX-Procera': {
    columns: ['srcAddr', 'dstAddr'],
    reason: 'filebeat takes 0.0.0.0 where the record has an IPv6 address',
  },
  'Netflow-9-Cisco-WLC': {
    columns: ['srcAddr', 'dstAddr', 'srcMac'],
    reason: 'filebeat takes the station (365, 366) for an end of the flow',
  },
};

/** Files of which filebeat reads no record and why. */
const UNREAD: ReadonlySet<string> = new Set([
  // It stops after the number of sets that the header announces.
  'Netflow-9-invalid-01',
]);

function expectedOf({
  Fields: { event, source, destination, network },
}: Event): Record<string, string | number | undefined> {
  return {
    srcAddr: source?.ip,
    dstAddr: destination?.ip,
    srcPort: source?.port,
    dstPort: destination?.port,
    bytes: network?.bytes,
    packets: network?.packets,
    proto: network?.iana_number,
    flowStart: event.start === undefined ? undefined : Date.parse(event.start),
    flowEnd: event.end === undefined ? undefined : Date.parse(event.end),
    srcMac: source?.mac?.replaceAll('-', ':').toLowerCase(),
  };
}

function decode(files: readonly string[]): Row[] {
  const bench = new Bench();
  return files
    .flatMap(file => readCapture(`${BEATS}${file}`).datagrams)
    .flatMap(({ payload, source, sourcePort, timeMs }) => bench.decode(payload, source, sourcePort, timeMs));
}

function eventsOf(name: string): Event[] {
  const file = `${BEATS}golden/${name}.golden.json`;
  const golden = JSON.parse(readFileSync(file, 'utf8')) as { events?: Event[] };
  return (golden.events ?? []).filter(event => event.Fields.netflow.type === 'netflow_flow');
}

const groups: Readonly<Record<string, { readonly files: readonly string[] }>> = ready
  ? (parse(readFileSync(`${BEATS}dat_tests.yaml`, 'utf8')) as { tests: Record<string, { files: string[] }> }).tests
  : {};
const cases: readonly (readonly [name: string, files: readonly string[]])[] = [
  ...Object.entries(groups).map(
    ([name, { files }]) =>
      [
        name.replaceAll(',', '').replaceAll('-', '--').replaceAll(/[ /]/g, '-'),
        files.map(file => `dat/${file}`),
      ] as const,
  ),
  ...['ipfix_cisco', 'netflow9_e10s_4_7byte_pad', 'netflow9_ubiquiti_edgerouter'].map(
    name => [`${name}.pcap`, [`pcap/${name}.pcap`]] as const,
  ),
];

describe.skipIf(!ready)('filebeat agrees', () => {
  test.each(cases)('on %s', (name, files) => {
    const rows = decode(files);
    const events = eventsOf(name);
    expect(events.length).toBe(UNREAD.has(name) ? 0 : rows.length);
    const leftOut = LEFT_OUT[name]?.columns ?? [];
    const disagreements = events.flatMap((event, i) =>
      Object.entries(expectedOf(event))
        .filter(([column, value]) => value !== undefined && rows[i]![column] !== value && !leftOut.includes(column))
        .map(([column, value]) => `record ${i}: ${column} is ${rows[i]![column]}, filebeat says ${value}`),
    );
    expect(disagreements).toEqual([]);
  });
});
