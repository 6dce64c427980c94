// filebeat's expected events, which hold the times of flows as well. The files stand in dat_tests.yaml in the order in
// which one exporter sent them.

import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { pathOf } from '../corpus/folder.ts';
import { Agreement, type Unreported } from './agreement.ts';
import { datagramsOf, decodeAll } from './corpus.ts';
import { splitReverse } from './directions.ts';

const BEATS = pathOf(`beats/`);

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

export interface FilebeatCase {
  readonly golden: string;
  readonly files: readonly string[];
}

export function filebeatCases(): FilebeatCase[] {
  const { tests } = parse(readFileSync(`${BEATS}dat_tests.yaml`, 'utf8')) as {
    tests: Record<string, { files: string[] }>;
  };
  return [
    ...Object.entries(tests).map(([name, { files }]) => ({
      golden: name.replaceAll(',', '').replaceAll('-', '--').replaceAll(/[ /]/g, '-'),
      files: files.map(file => `beats/dat/${file}`),
    })),
    ...['ipfix_cisco', 'netflow9_e10s_4_7byte_pad', 'netflow9_ubiquiti_edgerouter'].map(name => ({
      golden: `${name}.pcap`,
      files: [`beats/pcap/${name}.pcap`],
    })),
  ].map(({ golden, files }) => ({ golden: `beats/golden/${golden}.golden.json`, files }));
}

/** `unreported` are rows that filebeat leaves out, `leftOut` columns that it reads otherwise. */
export function compareFilebeat(
  { golden, files }: FilebeatCase,
  unreported: Unreported,
  leftOut: readonly string[],
): Agreement {
  const agreement = new Agreement('filebeat', files, golden);
  const events = eventsOf(golden);
  const expected = events.map(expectedOf);
  const others = events.flatMap(reverseOf);
  const { forward, reverse } = splitReverse(
    agreement.leaveOut(decodeAll(files.flatMap(datagramsOf)), unreported),
    expected,
    leftOut,
  );
  agreement.compareCount('rows', forward.length, events.length);
  agreement.compareCount('reverse rows', reverse.length, others.length);
  for (const [i, record] of expected.entries()) agreement.compareRecord(i, forward[i] ?? {}, record);
  // Without addresses nothing reports the direction of a row.
  if (!expected.some(({ srcAddr }) => srcAddr !== undefined)) return agreement;
  for (const [i, record] of others.entries()) agreement.compareRecord(i, reverse[i] ?? {}, record);
  return agreement;
}

function eventsOf(golden: string): Event[] {
  const { events = [] } = JSON.parse(readFileSync(pathOf(golden), 'utf8')) as { events?: Event[] };
  return events.filter(event => event.Fields.netflow.type === 'netflow_flow');
}

function expectedOf({
  Fields: { event, source, destination, network, netflow },
}: Event): Readonly<Record<string, string | number | undefined>> {
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
  // A firewall's teardown (2) repeats what its updates (5) have reported.
  const is = (code: number) => (other: Event) => other.Fields.netflow.firewall_event === code;
  if ((bytes === 0 && packets === 0) || (is(2)(event) && events.slice(0, i).some(is(5)))) return [];
  const { srcAddr, dstAddr, srcPort, dstPort, inIf, outIf } = expectedOf(event);
  return [{ bytes, srcAddr: dstAddr, dstAddr: srcAddr, srcPort: dstPort, dstPort: srcPort, inIf: outIf, outIf: inIf }];
}
