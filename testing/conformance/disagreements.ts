// Where another decoder says something else, and why it is not followed. Reviewed one by one: a difference that is not
// here is an error, and so is an entry without a difference.

import { type Agreement, BARE, type OracleName, UNTOLD, type Unreported } from './agreement.ts';

export interface Disagreement {
  readonly oracle: OracleName;
  /** Files of expected values, or for tshark the files that hold the data. */
  readonly subjects: readonly string[];
  readonly fields: readonly string[];
  /** Rows that the oracle leaves out. */
  readonly unreported?: Unreported;
  /** Both: the same bytes, said in different ways. */
  readonly right: 'Hairpin' | 'both';
  readonly reason: string;
}

const golden = (name: string) => [`beats/golden/${name}.golden.json`];

export const DISAGREEMENTS: readonly Disagreement[] = [
  {
    oracle: 'tshark',
    subjects: ['logstash-codec-netflow/netflow9_test_h3c_data3281.dat'],
    fields: [UNTOLD],
    unreported: [1, 15],
    right: 'Hairpin',
    reason: 'element 43 with a length of 2 is malformed to tshark and ends its walk; filebeat reads all 16 records',
  },
  {
    oracle: 'tshark',
    subjects: ['logstash-codec-netflow/netflow9_test_invalid01.dat'],
    fields: [UNTOLD],
    unreported: [0, 2],
    right: 'Hairpin',
    reason:
      'tshark stops after the 2 sets that the header announces; the header counts records (RFC 3954 5.1), and there are 6 sets',
  },
  {
    oracle: 'tshark',
    subjects: ['akvorado/netflow/data+templates.pcap'],
    fields: [UNTOLD],
    unreported: [10, 11],
    right: 'Hairpin',
    reason: 'data before their template wait for it; tshark passes over them',
  },
  {
    oracle: 'tshark',
    subjects: ['beats/pcap/netflow9_e10s_4_7byte_pad.pcap'],
    fields: [UNTOLD],
    unreported: [0, 2],
    right: 'Hairpin',
    reason: 'data before their template wait for it; tshark passes over them',
  },
  {
    oracle: 'tshark',
    subjects: ['beats/extracted/v6_TestNetflowProtocol_OnPacket_0.bin'],
    fields: [UNTOLD],
    unreported: [0, 1],
    right: 'Hairpin',
    reason: 'tshark does not know NetFlow v6; filebeat does',
  },
  {
    oracle: 'tshark',
    subjects: ['vflow/extracted/decoder_test__init_2.bin'],
    fields: [UNTOLD],
    unreported: [0, 2],
    right: 'Hairpin',
    reason:
      'two bytes of padding between options templates become a template of 506 fields to tshark, which stops there',
  },
  {
    oracle: 'tshark',
    subjects: ['beats/extracted/v8_TosAS.bin'],
    fields: ['inIf', 'outIf', 'tos'],
    right: 'Hairpin',
    reason:
      'tshark reads the type of service of aggregation 9 before the interfaces; filebeat and flow-tools read it behind them, as in every other pair of schemes with and without it',
  },
  {
    oracle: 'tshark',
    subjects: ['logstash-codec-netflow/netflow5_test_invalid02.dat'],
    fields: ['flowStart', 'flowEnd'],
    right: 'both',
    reason:
      'First lies 32 days of uptime before the header, where a counter of 32 bits no longer distinguishes before from after; both times are absurd, and the enricher replaces them',
  },
  {
    oracle: 'tshark',
    subjects: ['logstash-codec-netflow/ipfix_test_netscaler_data.dat'],
    fields: ['flowStart', 'flowEnd'],
    right: 'Hairpin',
    reason:
      'tshark reads the fraction of NTP times by the standard; Netscaler writes microseconds there, and filebeat reads it so too',
  },
  {
    oracle: 'tshark',
    subjects: ['logstash-codec-netflow/netflow9_test_nprobe_data.dat', 'logstash-codec-netflow/ipfix.dat'],
    fields: ['flowStart'],
    right: 'Hairpin',
    reason: 'an uptime of 0 is the start of the exporter; tshark shows it as 1970',
  },
  {
    oracle: 'tshark',
    subjects: ['libnetflow9/1.pcap'],
    fields: ['flowStart', 'flowEnd'],
    right: 'Hairpin',
    reason: 'an uptime of 0 is the start of the exporter; tshark shows it as 1970',
  },
  {
    oracle: 'tshark',
    subjects: ['made/softflowd-psamp.pcap'],
    fields: [BARE],
    right: 'both',
    reason: 'a record is a packet (313, 315), which tshark shows as bytes; `sections.test.ts` looks into them',
  },
  {
    oracle: 'filebeat',
    subjects: golden('IPFIX-YAF-basic-with-applabel'),
    fields: ['bytes', 'packets'],
    right: 'Hairpin',
    reason: 'filebeat adds the reverse direction (RFC 5103), a row of its own here, to the forward one',
  },
  {
    oracle: 'filebeat',
    subjects: golden('Netflow-9-Cisco-ASA'),
    fields: ['dstPort'],
    right: 'Hairpin',
    reason: 'filebeat keeps the port, 0, where the record has ICMP type and code in 176 and 177',
  },
  {
    oracle: 'filebeat',
    subjects: golden('Netflow-9-template-with-0-length-fields'),
    fields: ['bytes', 'packets'],
    right: 'Hairpin',
    reason: 'filebeat leaves out 23 and 24, which count where 1 and 2 are 0',
  },
  {
    oracle: 'filebeat',
    subjects: golden('Netflow-9-Cisco-ASA-2'),
    fields: ['bytes'],
    right: 'Hairpin',
    reason: 'filebeat adds 232 responderOctets to 231 initiatorOctets; here they are two rows',
  },
  {
    oracle: 'filebeat',
    subjects: golden('ipfix_cisco.pcap'),
    fields: ['bytes', 'packets'],
    right: 'Hairpin',
    reason: 'filebeat adds 232 and 299 of the responder to 231 and 298; here they are two rows',
  },
  {
    oracle: 'filebeat',
    subjects: golden('IPFIX-Procera'),
    fields: ['srcAddr', 'dstAddr'],
    right: 'Hairpin',
    reason: 'filebeat takes 0.0.0.0 where the record has an IPv6 address',
  },
  {
    oracle: 'filebeat',
    subjects: golden('Netflow-9-Cisco-WLC'),
    fields: ['srcAddr', 'dstAddr', 'srcMac'],
    right: 'Hairpin',
    reason: 'filebeat takes the station (365, 366) for an end of the flow',
  },
  {
    oracle: 'filebeat',
    subjects: golden('Netflow-9-invalid-01'),
    fields: [UNTOLD],
    unreported: [0, 2],
    right: 'Hairpin',
    reason: 'filebeat stops after the number of sets that the header announces',
  },
  {
    oracle: 'filebeat',
    subjects: golden('netflow9_e10s_4_7byte_pad.pcap'),
    fields: [UNTOLD],
    unreported: [0, 2],
    right: 'Hairpin',
    reason: 'data before their template wait for it; filebeat gave them up in this run',
  },
  {
    oracle: 'tcpdump',
    subjects: ['tcpdump/sflow_multiple_counter_30_pdus.out', 'tcpdump/sflow_multiple_counter_30_pdus-nv.out'],
    fields: ['agent', 'subAgent'],
    right: 'Hairpin',
    reason: '5 of the 30 datagrams are NetFlow v5 sent to the sFlow port; tcpdump goes by the port',
  },
  {
    oracle: 'pmacct',
    subjects: ['pmacct/102-NFv9-CISCO-f2rd-pretag-sampling-reload/output-flow-01.json'],
    fields: ['bytes', 'packets'],
    right: 'both',
    reason: 'this run of pmacct multiplies by a rate of 1000 from its configuration; the other run agrees',
  },
  {
    oracle: 'pmacct',
    subjects: ['pmacct/112-IPFIXv10-CISCO-options-map-reassignment/output-flow-00.json'],
    fields: ['bytes', 'packets'],
    right: 'both',
    reason: 'the capture with the data of this test is not in the corpus, only the one with its options',
  },
];

function entriesFor(oracle: OracleName, subject: string): Disagreement[] {
  return DISAGREEMENTS.filter(entry => entry.oracle === oracle && entry.subjects.includes(subject));
}

/** Rows that the oracle is known to leave out. */
export function unreportedOf(oracle: OracleName, subject: string): Unreported {
  return entriesFor(oracle, subject).find(entry => entry.unreported)?.unreported ?? [0, 0];
}

/** Columns that the oracle is known to read otherwise. */
export function columnsReadOtherwise(oracle: OracleName, subject: string): readonly string[] {
  return entriesFor(oracle, subject).flatMap(entry => entry.fields);
}

/** Number of the entry in the list, from 1, for each field that differs; 0 for a difference nobody has reviewed. */
export function reviewOf({ oracle, subject, differences }: Agreement): { field: string; number: number }[] {
  return [...differences.keys()].map(field => ({
    field,
    number:
      1 +
      DISAGREEMENTS.findIndex(
        entry => entry.oracle === oracle && entry.subjects.includes(subject) && entry.fields.includes(field),
      ),
  }));
}

/** Differences that nobody has reviewed, and entries of the list that no longer differ. */
export function unreviewed(agreements: readonly Agreement[]): string[] {
  const open = agreements.flatMap(agreement =>
    reviewOf(agreement)
      .filter(({ number }) => number === 0)
      .map(({ field }) => {
        const { count, example } = agreement.differences.get(field)!;
        return `${agreement.subject}: ${count} times ${field}: ${example}`;
      }),
  );
  const stale = DISAGREEMENTS.flatMap(({ oracle, subjects, fields }) =>
    subjects.flatMap(subject => {
      const found = agreements.find(agreement => agreement.oracle === oracle && agreement.subject === subject);
      return fields
        .filter(field => !found?.differences.has(field))
        .map(field => `${subject}: ${oracle} agrees on ${field}, the entry can go`);
    }),
  );
  return [...open, ...stale];
}
