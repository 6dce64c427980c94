// The decoders against filebeat's expected events, which hold the times of flows as well. The files stand in
// dat_tests.yaml in the order in which one exporter sent them.

import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { requireTool } from '../../service/test-requirements.ts';
import { readCapture } from '../capture.ts';
import { Bench, CORPUS, type Row, splitReverse } from './testdata.ts';

const BEATS = `${CORPUS}beats/`;
const ready = requireTool('corpus', existsSync(BEATS), `no folder ${BEATS}`);

interface Event {
  readonly Fields: {
    readonly netflow: {
      readonly type: string;
      readonly exporter: { readonly timestamp: string };
      readonly reverse_octet_total_count?: number;
      readonly ingress_interface?: number;
      readonly egress_interface?: number;
      readonly responder_octets?: number;
      readonly responder_packets?: number;
      readonly firewall_event?: number;
    };
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
    reason: 'filebeat adds the reverse direction (RFC 5103), a row of its own here, to the forward one',
  },
  'Netflow-9-Cisco-ASA': {
    columns: ['dstPort'],
    reason: 'filebeat keeps the port where the record has ICMP type and code in 176 and 177',
  },
  'IPFIX-Netscaler': {
    columns: ['flowStart', 'flowEnd'],
    reason: 'the fraction of these NTP times is a number of microseconds',
  },
  'Netflow-9-template-with-0-length-fields': {
    columns: ['bytes', 'packets'],
    reason: 'filebeat leaves out 23 and 24, which count where 1 and 2 are 0',
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

/** How many records came before their template; they are the first to be decoded, and filebeat does without. */
const BEFORE_TEMPLATE: Readonly<Record<string, number>> = { 'netflow9_e10s_4_7byte_pad.pcap': 2 };

/** Files of which filebeat reads no record and why. */
const UNREAD: ReadonlySet<string> = new Set([
  // It stops after the number of sets that the header announces.
  'Netflow-9-invalid-01',
]);

function expectedOf({
  Fields: { event, source, destination, network, netflow },
}: Event): Record<string, string | number | undefined> {
  return {
    srcAddr: source?.ip,
    dstAddr: destination?.ip,
    srcPort: source?.port,
    dstPort: destination?.port,
    inIf: netflow.ingress_interface,
    outIf: netflow.egress_interface,
    bytes: network?.bytes,
    packets: network?.packets,
    proto: network?.iana_number,
    flowStart: event.start === undefined ? undefined : Date.parse(event.start),
    flowEnd: event.end === undefined ? undefined : Date.parse(event.end),
    srcMac: source?.mac?.replaceAll('-', ':').toLowerCase(),
  };
}

/** The other direction of the same record, where it counted something. */
function reverseOf(event: Event, i: number, events: readonly Event[]): Record<string, unknown>[] {
  const { netflow } = event.Fields;
  const bytes = netflow.reverse_octet_total_count ?? netflow.responder_octets ?? 0;
  const packets = netflow.responder_packets ?? 0;
  // A firewall's teardown (2) repeats what its updates (5) have told.
  const is = (code: number) => (other: Event) => other.Fields.netflow.firewall_event === code;
  if ((bytes === 0 && packets === 0) || (is(2)(event) && events.slice(0, i).some(is(5)))) return [];
  const { srcAddr, dstAddr, srcPort, dstPort, inIf, outIf } = expectedOf(event);
  const ends = { srcAddr: dstAddr, dstAddr: srcAddr, srcPort: dstPort, dstPort: srcPort, inIf: outIf, outIf: inIf };
  const told = Object.entries(ends).filter(([, value]) => value !== undefined);
  return [{ bytes, ...Object.fromEntries(told) }];
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
    const rows = decode(files).slice(BEFORE_TEMPLATE[name] ?? 0);
    const events = eventsOf(name);
    const leftOut = LEFT_OUT[name]?.columns ?? [];
    const expected = events.map(expectedOf);
    const { forward, reverse } = UNREAD.has(name)
      ? { forward: [], reverse: [] }
      : splitReverse(rows, expected, leftOut);
    expect(events.length).toBe(forward.length);
    const others = events.flatMap(reverseOf);
    expect(reverse.length).toBe(others.length);
    // Without addresses nothing tells the direction of a row.
    if (expected.some(({ srcAddr }) => srcAddr !== undefined)) expect(reverse).toMatchObject(others);
    const disagreements = expected.flatMap((record, i) =>
      Object.entries(record)
        .filter(([column, value]) => value !== undefined && forward[i]![column] !== value && !leftOut.includes(column))
        .map(([column, value]) => `record ${i}: ${column} is ${forward[i]![column]}, filebeat says ${value}`),
    );
    expect(disagreements).toEqual([]);
  });
});
