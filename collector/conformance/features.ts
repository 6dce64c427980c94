// What the protocols have, where their standards say it, and what proves that it is read. The groups follow the parts of
// a datagram, from its version to the packets sampled in it.

import { decode, type Feature, packet, packetCases, sflow, testsOf } from './proof.ts';

const stream = (...titles: readonly string[]) => testsOf('collector/ipfix-stream.test.ts', ...titles);
const tls = (...titles: readonly string[]) => testsOf('collector/ipfix-tls.test.ts', ...titles);
const registry = (...titles: readonly string[]) => testsOf('collector/element-registry.test.ts', ...titles);
const allElements = (...titles: readonly string[]) =>
  testsOf('collector/decode-command/all-elements.oracle.test.ts', ...titles);
const logstash = (...names: readonly string[]) => names.map(name => `logstash-codec-netflow/${name}`);

export interface FeatureGroup {
  readonly title: string;
  readonly features: readonly Feature[];
}

const PROTOCOLS: readonly Feature[] = [
  {
    feature: 'NetFlow v1',
    standard: 'Cisco, NetFlow export datagram formats',
    captures: ['softflowd-generated/softflowd-v1.pcap', 'beats/extracted/v1_TestNetflowProtocol_OnPacket_0.bin'],
    tests: decode(
      'fixed/netflow1',
      'a record fills every column it can, and no other',
      "filebeat's vector gives what its own test expects",
    ),
  },
  {
    feature: 'NetFlow v5, NetStream v5',
    standard: 'Cisco, NetFlow export datagram formats',
    captures: [
      'softflowd-generated/softflowd-v5.pcap',
      'openvswitch-generated/ovs-netflow5.pcap',
      'akvorado/netflow/nfv5.pcap',
      ...logstash('netflow5_*'),
    ],
    tests: decode(
      'fixed/netflow5',
      'a record fills every column it can, and no other',
      'a datagram as a NetStream board sends it: engine by slot, interfaces of 16 bits, ICMP in the destination port',
    ),
  },
  {
    feature: 'NetFlow v6',
    standard: 'no public one; filebeat',
    captures: ['beats/extracted/v6_TestNetflowProtocol_OnPacket_0.bin'],
    tests: decode(
      'fixed/netflow6',
      'a record is one of version 5 with encapsulation sizes and a next hop behind it',
      "filebeat's vector gives what its own test expects",
    ),
  },
  {
    feature: 'NetFlow v7',
    standard: 'Cisco, NetFlow export datagram formats',
    captures: [
      'beats/extracted/v7_TestNetflowProtocol_OnPacket_0.bin',
      'netflow_parser/extracted/tests__it_parses_v7_1.bin',
    ],
    tests: decode(
      'fixed/netflow7',
      'a record is one of version 5 with flags and the router passed by behind it; there is no engine and no rate',
    ),
  },
  {
    feature: 'NetFlow v8, NetStream v8: aggregations 1 to 14',
    standard: 'Cisco, NetFlow export datagram formats',
    captures: ['beats/extracted/v8_*'],
    tests: [
      ...decode(
        'fixed/netflow8',
        'mode %s is a row a record, with what it tells and nothing else',
        "filebeat's vectors give what its own test expects",
      ),
      ...testsOf('collector/decode/fixed/fixed-layout.tshark.test.ts', 'tshark agrees'),
    ],
    note: 'an unknown aggregation is counted as `unknown-aggregation`',
  },
  {
    feature: 'NetFlow v9, NetStream v9',
    standard: 'RFC 3954 5',
    captures: [
      'softflowd-generated/softflowd-v9.pcap',
      'pmacct/101-*',
      'pmacct/102-*',
      'akvorado/netflow/data+templates.pcap',
      ...logstash('netflow9_*'),
    ],
    tests: decode('templated/template', 'announced again unchanged is not learnt again'),
  },
  {
    feature: 'IPFIX',
    standard: 'RFC 7011 3',
    captures: [
      'softflowd-generated/softflowd-ipfix.pcap',
      'openvswitch-generated/ovs-ipfix.pcap',
      'NetGauze/flow/srv6/srv6.pcap',
      'pmacct/4*',
      'pmacct/5*',
      'ipfixcol/*',
      ...logstash('ipfix*'),
    ],
    tests: decode('malformed', 'an IPFIX message shorter than its datagram is followed by another one'),
  },
  {
    feature: 'sFlow v5',
    standard: 'sFlow v5, sample_datagram_v5',
    captures: [
      'akvorado/sflow/*',
      'cistern-sflow/*',
      'gopacket/*',
      'goflow2/extracted/sflow_*',
      'vflow/extracted/decoder_test__TestsFlow*',
      'openvswitch-generated/ovs-sflow.pcap',
      'tcpdump/*',
    ],
    tests: sflow('flow-sample', 'a flow sample fills every column it can'),
  },
  {
    feature: 'sFlow v2 and v4',
    standard: 'RFC 3176',
    tests: sflow('version4', 'a flow sample of version %i becomes a row', 'tshark agrees'),
  },
  {
    feature: 'Fields of variable length, in IPFIX and in NetFlow v9',
    standard: 'RFC 7011 7',
    captures: [
      ...logstash(
        'ipfix_test_procera_data52935.dat',
        'ipfix_test_netscaler_data.dat',
        'netflow9_test_h3c_netstream_varstring_data3281.dat',
      ),
      'openvswitch-generated/ovs-ipfix.pcap',
    ],
    tests: decode(
      'malformed',
      'the three-byte form of a short length is read',
      'what is shorter than the shortest record behind variable-length records is padding',
    ),
  },
  {
    feature: 'Enterprise elements; one registry of names and types as data, a file of the installation may add to it',
    standard: 'RFC 7011 3.2, RFC 7012',
    captures: [
      'netflow_parser/extracted/tests__it_parses_ipfix_enterprise_bit_template_and_data_28.bin',
      'pmacct/106-*',
      'ipfixcol/enterprise-from-nfv9.ipfix',
    ],
    tests: [
      ...decode('templated/template', 'with enterprise elements, fixed and variable, is read around them'),
      ...registry(
        'have a known type and a name that stands once per enterprise',
        'fill their column where no built-in element does',
      ),
    ],
  },
  {
    feature: 'NetFlow v9 element ids of 32768 and more are plain ids',
    standard: 'RFC 3954 8',
    captures: logstash('netflow9_test_cisco_asa_1_data.dat', 'netflow9_test_paloalto_panos_data.dat'),
    tests: decode('templated/template', 'of NetFlow v9 with element ids above 32767 has no enterprise numbers'),
  },
  {
    feature: 'Options templates and their data',
    standard: 'RFC 7011 3.4.2, RFC 3954 6.1',
    captures: ['pmacct/112-*', 'pmacct/104-*', 'akvorado/netflow/options-*'],
    tests: decode(
      'templated/template',
      'of options with scope fields, fixed and variable, is read to the option behind them',
    ),
  },
  {
    feature: 'Template withdrawal, of one and of all',
    standard: 'RFC 7011 8.1',
    captures: ['ipfixcol/withdrawal-message-256.ipfix'],
    tests: decode(
      'templated/template',
      'is withdrawn alone; the others stay, an unknown one is no fault',
      'is withdrawn with all of its kind: data by id 2, options by id 3',
    ),
  },
  {
    feature: 'Structured data: basicList, subTemplateList, subTemplateMultiList',
    standard: 'RFC 6313 4.5',
    captures: logstash('ipfix_test_yaf_*', 'ipfix_test_ixia_*'),
    tests: decode(
      'templated/lists',
      'subTemplateList: the first entry wins',
      'subTemplateMultiList: entries of several templates; what the record says itself stays',
      'basicList: of fixed and of variable length',
      'lists in lists, and fields of variable length in them',
    ),
  },
  {
    feature: 'Reduced-size encoding',
    standard: 'RFC 7011 6.2',
    captures: logstash('netflow9_test_iptnetflow_reduced_size_encoding_tpldata260.dat'),
    tests: decode('kernels', 'a counter of %i bytes keeps all of them'),
  },
  {
    feature: 'Integers of more than 8 bytes keep their low 64 bits',
    standard: '-',
    tests: decode('kernels', 'a counter of %i bytes keeps its low 64 bits'),
  },
  {
    feature: 'An element that stands twice in a record: the layers of a tunnel, or the first counts',
    standard: 'RFC 7011 8',
    captures: ['pmacct/106-*', 'akvorado/netflow/ipfix-srv6-data.pcap'],
    tests: decode(
      'templated/template',
      'elements that stand twice describe a tunnel: the inner layer, where there is one',
      'the first of two equal elements counts where the record is no tunnel',
    ),
  },
  {
    feature: 'Biflow: the reverse direction is a record of its own',
    standard: 'RFC 5103 6.1',
    captures: ['softflowd-generated/softflowd-ipfix-biflow.pcap', ...logstash('ipfix_test_yaf_data45841.dat')],
    tests: decode(
      'templated/biflow',
      'becomes two rows: the second has its ends swapped, its own counters, flags and start',
    ),
  },
  {
    feature: 'IPFIX over TCP',
    standard: 'RFC 7011 10.4',
    tests: [
      ...stream(
        'gives messages of 65,535 bytes',
        'has its own templates: the same id and domain on two connections do not mix',
        'every other IPFIX capture over TCP gives the rows it gives over UDP',
      ),
      ...testsOf(
        'commands/ipfix-stream.integration.test.ts',
        'stores what softflowd exports over TCP: flows, packets and bytes are those of the packets',
      ),
      ...testsOf('collector/connections.test.ts', 'with column buffers %s exporters wait, and not a row is dropped'),
    ],
    note: 'softflowd is the exporter of one test',
  },
  {
    feature: 'IPFIX over TLS 1.2 and 1.3, with certificates of exporters',
    standard: 'RFC 7011 11',
    tests: [
      ...tls(
        '%s gives every message and ends with the exporter',
        'older than 1.2 is refused',
        'a certificate of it is taken',
      ),
      ...testsOf(
        'commands/ipfix-stream.integration.test.ts',
        'stores what comes over TLS from an exporter with a certificate, and nothing from one without',
      ),
    ],
    note: 'openssl is the client of some tests',
  },
  {
    feature: 'IPFIX over SCTP',
    standard: 'RFC 7011 10.2',
    unsupported: 'Node has no SCTP, and exporters that have it have UDP or TCP as well',
  },
  { feature: 'IPFIX over DTLS', standard: 'RFC 7011 11', unsupported: 'Node has no DTLS; TLS serves' },
  {
    feature: 'IPFIX in LZ4 frames over TCP',
    standard: 'no standard; ipfixcol2',
    unsupported: 'one exporter, its own, sends it',
  },
  {
    feature: 'IPFIX files',
    standard: 'RFC 5655',
    captures: ['ipfixcol/*'],
    tests: testsOf('collector/capture.test.ts', 'of IPFIX messages one after the other is split, and the rest is kept'),
    note: 'as input of `hairpin decode`',
  },
  {
    feature: 'Padding behind records, sets and templates',
    standard: 'RFC 7011 3.3.1',
    captures: ['beats/pcap/netflow9_e10s_4_7byte_pad.pcap'],
    tests: decode(
      'malformed',
      'zeros behind the last template of a set are padding',
      'NetFlow v9 with %i bytes of padding behind it',
      'zeros behind the last set, or behind the header, are padding',
    ),
  },
  {
    feature: 'Set ids that no standard defines cost their set only',
    standard: 'RFC 7011 3.3.2',
    tests: decode('malformed', 'set id %i is reserved-set, the sets around it count'),
  },
];

const STATE: readonly Feature[] = [
  {
    feature: 'Templates belong to address, port, observation domain and protocol; those of a connection to it',
    standard: 'RFC 7011 8',
    captures: ['pmacct/110-*', 'pmacct/111-*'],
    tests: [
      ...decode('templated/template', 'belongs to its address, port, domain and protocol'),
      ...decode(
        'exporters/take-over',
        'never mixes with another that is live, as two behind one NAT are',
        'of a connection live as long as it does: no journal, no take-over, no end before its end',
      ),
    ],
  },
  {
    feature:
      'Templates are versioned by export time: data that were overtaken by a redefinition are read as they were meant',
    standard: 'RFC 7011 8',
    tests: decode('exporters/pending', 'by a redefinition are read with the layout of their time, for a minute'),
  },
  {
    feature: 'Data before their template wait for it, bounded in sets, bytes and age',
    standard: 'RFC 7011 9',
    captures: ['akvorado/netflow/data+templates.pcap', 'beats/pcap/netflow9_e10s_4_7byte_pad.pcap'],
    tests: decode(
      'exporters/pending',
      'become the rows they would have been, with the times of their own datagrams',
      'the oldest sets of the domain give way, counted',
      'an exporter has PENDING_EXPORTER_BYTES_MAX, whatever the size of its sets; others lose nothing',
      'what has waited too long is given up, the rest stays',
    ),
  },
  {
    feature: 'Templates and rates survive a restart and `kill -9`',
    standard: '-',
    tests: [
      ...testsOf(
        'collector/template-journal.test.ts',
        'opened again knows what was told, and serves a decoder with it',
        'cut off at any byte knows every whole change before, and goes on',
      ),
      ...testsOf('commands/templates.slow.test.ts', 'kill -9 and a start lose no template and no rate'),
    ],
  },
  {
    feature: 'Templates go to an exporter that comes back from another port, and to other threads',
    standard: '-',
    tests: decode(
      'exporters/take-over',
      'takes over templates, rate and sequence of the only session of its address, when that one is silent',
      'hears of templates and rates, and reads what waited for them',
    ),
  },
  {
    feature: 'Templates that nobody announced or used for a day are forgotten',
    standard: 'RFC 7011 8.4',
    tests: decode('exporters/take-over', 'that nobody announced or used for a day are forgotten; those in use are not'),
  },
  {
    feature: 'Bounds on templates, exporters and domains; those that deliver are never evicted by new ones',
    standard: '-',
    tests: [
      ...decode(
        'floods',
        '%s, proven: %s, stays within the caps with a flat heap, and the exporter beside it loses nothing',
      ),
      ...decode(
        'exporters/exporters',
        'that delivered decodable data never give way to new ones; after half an hour without they do',
      ),
    ],
  },
  {
    feature: 'Restart of an exporter, by its uptime or its sequence',
    standard: '-',
    tests: decode(
      'exporters/sequence',
      'is a restart',
      'is the rollover after 49 days where both sides are near it',
      'in %s counts once with the sequence number that starts again, and as no loss',
    ),
  },
  {
    feature: 'Sampling: the header of NetFlow v5, 14 bits and a mode',
    standard: 'Cisco, NetFlow export datagram formats',
    captures: logstash('netflow5_test_juniper_mx80.dat'),
    tests: decode('fixed/netflow5', 'the sampling interval', '%s is unknown, and counted'),
  },
  {
    feature: 'Sampling: options by sampler (48, 50), by selector (302 with 305 and 306, or 309 and 310), 34, 311, 304',
    standard: 'RFC 5477 8, RFC 3954 8',
    captures: ['pmacct/104-*', 'akvorado/netflow/multiplesamplingrates-*'],
    tests: decode(
      'sampling/sampling',
      '48 and 50 give rates by sampler, for the sampler each record names, in whatever width',
      '305 and 306 with selector 302: one in (interval + space) / interval',
      '309 and 310: population over size',
      'IOS-XR: 309 and 310 of selector 302',
      'IOS: 50 of samplers 1 and 2',
    ),
  },
  {
    feature:
      'Sampling: options by interface (scope 10, 14, Interface), by template (145), by domain (144, 149, System)',
    standard: 'RFC 7011 3.4.2, RFC 3954 6.1',
    captures: [
      'akvorado/netflow/mpls.pcap',
      'akvorado/netflow/physicalinterfaces.pcap',
      'akvorado/netflow/data+templates.pcap',
    ],
    tests: decode(
      'sampling/sampling',
      'scope 2 of NetFlow v9, for the interface at which the packets were seen',
      'scope %i of IPFIX',
      '%s serves the records of that template and no other',
      '305 and 306 of a template (145)',
      '34 of scope System, length 0',
    ),
  },
  {
    feature: 'Sampling: in the record itself (34, 50, 305 with 306, 309 with 310, 311)',
    standard: 'RFC 7012',
    captures: ['akvorado/netflow/samplingrate-data.pcap'],
    tests: decode('sampling/sampling', 'with 34 has that rate, whatever the options say', '34 in each record'),
  },
  {
    feature: 'Sampling: the nearest statement holds; what nobody states is 0, unknown, counted and never taken as 1',
    standard: '-',
    tests: decode(
      'sampling/sampling',
      'the nearest statement holds: record, selector, interface, template, domain',
      'of which nobody says a rate has 0, is unknown and is counted',
    ),
  },
  {
    feature: 'Sampling: exporters that multiply before they send are recognised and not multiplied again',
    standard: '-',
    captures: [
      'openvswitch-generated/ovs-ipfix.pcap',
      ...logstash('ipfix_test_vmware_vds_data264.dat'),
      'vflow/extracted/decoder_test__init_2.bin',
    ],
    tests: decode(
      'sampling/sampling',
      'is known by the elements of VMware',
      'is known by the start of the templates of Open vSwitch, which name no enterprise without a tunnel',
    ),
  },
  {
    feature: 'Sampling: sums of squared lengths (198) and the longest packet (26), for the variance',
    standard: 'RFC 7012',
    captures: ['openvswitch-generated/ovs-ipfix.pcap'],
    tests: [
      ...decode('templated/template', 'sum of squared lengths: 198, never the total of 199; longest packet: 26'),
      ...decode(
        'templated/vendors',
        'Open vSwitch: the sum of squares is that of its packets, which are all of one length',
      ),
    ],
  },
  {
    feature: 'Loss: NetFlow v5, v7 and v8 number flows',
    standard: 'Cisco, NetFlow export datagram formats',
    tests: [
      ...decode('exporters/exporters', 'counts flows in NetFlow v5'),
      ...decode('fixed/netflow8', 'each cache of each engine numbers its records on its own'),
      ...decode(
        'exporters/sequence',
        'in every capture of the corpus what is lost is what is missing, and nobody started again',
      ),
    ],
  },
  {
    feature: 'Loss: NetFlow v9 and sFlow number datagrams',
    standard: 'RFC 3954 5.1, sFlow v5, sample_datagram_v5',
    tests: [
      ...decode('exporters/exporters', 'counts datagrams in NetFlow v9 and sFlow'),
      ...decode(
        'exporters/sequence',
        'sFlow counts datagrams of each sub-agent',
        'any order within the gaps remembered: what never came is what is lost',
      ),
    ],
  },
  {
    feature: 'Loss: IPFIX numbers data records, before the message or with it; both conventions are recognised',
    standard: 'RFC 7011 3.1',
    captures: ['softflowd-generated/softflowd-ipfix.pcap', ...logstash('ipfix_test_vmware_vds_data264.dat')],
    tests: decode(
      'exporters/sequence',
      'that count the records sent up to and %s the message',
      'one message whose numbers fit the other convention by chance does not turn the meter',
      'around records that cannot be counted no loss is invented, and what is known to be lost is counted',
    ),
  },
  {
    feature: 'Times: uptime of the header (21, 22), also when it rolls over',
    standard: 'RFC 3954 5.1',
    captures: ['pmacct/101-*', 'softflowd-generated/softflowd-v9.pcap', 'softflowd-generated/softflowd-v5.pcap'],
    tests: decode(
      'times',
      'across the rollover of the uptime',
      'a little after the export, as some exporters write them',
    ),
  },
  {
    feature: 'Times: uptime with 160 systemInitTimeMilliseconds, in the record or in options',
    standard: 'RFC 7012, element 160',
    captures: ['pmacct/106-*', 'pmacct/4*', 'pmacct/5*'],
    tests: decode(
      'times',
      'with 160 in the record, before or behind the times',
      'with 160 from options: unknown before, known after, even in the same message',
    ),
  },
  {
    feature: 'Times: 150 to 157, 322 to 325, 258, durations 161 and 162; in NetFlow v9 too',
    standard: 'RFC 7012, RFC 7011 6.1.9',
    captures: [
      ...logstash(
        'ipfix_test_openbsd_pflow_data.dat',
        'ipfix_test_netscaler_data.dat',
        'netflow9_test_nprobe_data.dat',
      ),
      'pmacct/100-*',
    ],
    tests: [
      ...decode(
        'templated/vendors',
        'one of start and end stands for both',
        'a duration (161, 162) from the start or before the end',
      ),
      ...decode(
        'kernels',
        'milliseconds win over seconds and uptime, in whatever order they stand',
        'an NTP time before 1970 is 1970',
      ),
    ],
  },
  {
    feature: 'Times: microseconds before the export, 158 and 159',
    standard: 'RFC 7012, elements 158, 159',
    captures: ['openvswitch-generated/ovs-ipfix.pcap'],
    tests: decode(
      'templated/vendors',
      'Open vSwitch: microseconds before the export (158, 159), of any size',
      'Open vSwitch: totals and deltas of a record agree, times lie before the export',
    ),
  },
  {
    feature: 'Times: 21 and 22 in 8 bytes',
    standard: '-',
    tests: decode('templated/vendors', 'NX-OS: 21 and 22 in 8 bytes, of uptime or since the epoch'),
  },
  {
    feature: 'Times that are absurd are flagged and replaced by the receive time',
    standard: '-',
    tests: [
      ...decode('times', '%s gives what it says, within the range of time'),
      ...testsOf(
        'enricher/times.test.ts',
        'a flow that ended outside the limits has a clock nobody believes: both times become receivedAt',
      ),
    ],
  },
  {
    feature: 'Inventory in band: names of interfaces, VRFs, stations and hosts become facts',
    standard: 'RFC 7012 and RFC 7133, elements 82, 83, 236, 347 to 350',
    note: '346 (privateEnterpriseNumber, RFC 5610) describes elements and no station: it is named and shown, nothing reads it',
    captures: ['pmacct/112-*', 'pmacct/501-*', 'pmacct/106-*'],
    tests: [
      ...decode(
        'templated/options-set',
        'IOS-XR names interfaces and VRFs, and gives ids anew',
        'Huawei names a VRF',
        'UUID, name, port and MAC address',
      ),
      ...testsOf(
        'query-api/in-band.integration.test.ts',
        'IPFIX interface names show beside the exporter, by ifIndex, also in its other domains',
      ),
      ...testsOf('collector/fact-table.test.ts', 'a fact is handed over as a row, once'),
      ...testsOf(
        'enricher/stations.test.ts',
        'without any document, the MACs of told stations are VMs with name, host and automatic node',
        'a document wins: its MAC keeps its VM and its host',
      ),
    ],
  },
];

const RECORDS: readonly Feature[] = [
  {
    feature: 'Bytes: 1, 85, 352, 231; packets: 2, 86, 298; 23 and 24 only where 1 and 2 are 0',
    standard: 'RFC 7012',
    captures: logstash('netflow9_test_fortigate_*', 'netflow9_test_0length_fields_tpl_data.dat'),
    tests: [
      ...decode('templated/template', 'bytes: 1, then 85, then 352, then 231; packets: 2, then 86, then 298'),
      ...decode('templated/vendors', 'Fortinet, OPNsense and Huawei: 23 and 24 count only where 1 and 2 are 0'),
    ],
  },
  {
    feature: 'Firewalls: 231, 232, 298 and 299 as two directions; an update counts, the teardown behind it does not',
    standard: 'Cisco, NetFlow Secure Event Logging',
    captures: logstash('netflow9_test_cisco_asa_1_data.dat', 'netflow9_test_cisco_asa_2_data.dat'),
    tests: [
      ...decode('templated/biflow', '231 and 298 are the row, 232 and 299 the row of the other direction'),
      ...decode(
        'templated/firewall',
        'that sends updates has the teardown of an updated flow count nothing',
        'denies a flow: dropped, without bytes',
        'of software before 8.4 tells its event in 40005',
      ),
      ...decode('templated/vendors', 'ASA: each flow is told once, both ways'),
    ],
  },
  {
    feature: 'NAT: the addresses and ports before the translation',
    standard: 'RFC 8158',
    captures: ['akvorado/netflow/nat.pcap', ...logstash('ipfix_test_nokia_bras_data256.dat')],
    note: '225 to 228, 230, 281, 282 and 361 to 364 fill no column; `hairpin decode --all-elements` shows them',
  },
  {
    feature: 'MAC addresses: 56, 81; 80, 57',
    standard: 'RFC 7012',
    captures: [...logstash('netflow9_test_macaddr_data.dat'), 'pmacct/401-*'],
    tests: decode('templated/vendors', '81 and 57 where 56 and 80 are absent, 195 where 5 is'),
  },
  {
    feature: 'VLAN: 243, 58 and 245 as S-VID and C-VID; 254, 255 and 59 where they are alone',
    standard: 'RFC 7012',
    captures: ['pmacct/401-*', 'pmacct/106-*', 'openvswitch-generated/ovs-ipfix.pcap'],
    tests: [
      ...decode('templated/template', '243 beside 245 is the S-VID', 'priority and drop eligibility are no part of it'),
      ...decode('templated/vendors', 'VLAN: 254, 255 and 59 tell of it where 243, 245 and 58 are absent'),
    ],
  },
  {
    feature: 'Physical interfaces 252 and 253 where 10 and 14 are 0',
    standard: 'RFC 7012',
    captures: ['akvorado/netflow/physicalinterfaces.pcap'],
    tests: decode('templated/vendors', 'physical interfaces 252 and 253 where 10 and 14 are 0'),
  },
  {
    feature: 'Virtual networks: 351 layer2SegmentId, 347 and 349 as the station',
    standard: 'RFC 7133',
    captures: logstash('netflow9_test_field_layer2segmentid_data.dat', 'ipfix_test_vmware_vds_data264.dat'),
    tests: [
      ...decode('kernels', 'a layer-2 segment of %i bytes keeps its low 24 bits'),
      ...decode('templated/vendors', 'NSX: the UUID of the VM is the station'),
    ],
  },
  {
    feature: 'Frames in records: 315 dataLinkFrameSection with 312, 408 to 410; 104 of NetFlow v9',
    standard: 'RFC 7133, RFC 5477',
    captures: [
      'softflowd-generated/softflowd-psamp.pcap',
      'akvorado/netflow/datalink-data.pcap',
      'akvorado/netflow/ethernet-over-mpls-with-control-word-data.pcap',
      'akvorado/netflow/ipfixprobe-data.pcap',
      'akvorado/netflow/juniper-cpid-data.pcap',
    ],
    tests: decode(
      'templated/sections',
      'fills the columns of one packet: ends, tags, IP length, and the frame with 312',
      'every conversation of the PSAMP packets is one that softflowd metered of the same traffic, and no larger',
      '104 layer2packetSectionData of NetFlow v9, with its size in 103',
    ),
  },
  {
    feature: 'Packets in records: 313 ipHeaderPacketSection, 316 mplsLabelStackSection',
    standard: 'RFC 5477',
    captures: ['softflowd-generated/softflowd-psamp.pcap'],
    tests: decode(
      'templated/sections',
      '313 ipHeaderPacketSection begins with an IP header of either version',
      '316 mplsLabelStackSection leads through its labels to the packet',
    ),
  },
  {
    feature: 'MPLS labels 70 to 79, SRv6 492 to 500',
    standard: 'RFC 7012, RFC 9487',
    captures: ['pmacct/101-*', 'NetGauze/flow/srv6/srv6.pcap', 'akvorado/netflow/ipfix-srv6-data.pcap'],
    tests: decode('templated/vendors', 'MPLS labels and SRv6 segments are skipped by their length'),
    note: 'fill no column; `hairpin decode --all-elements` shows them',
  },
  {
    feature: 'Forwarding status in 1 or 4 bytes',
    standard: 'RFC 7270 4.12',
    captures: ['pmacct/100-*', 'pmacct/101-*'],
    tests: decode('templated/vendors', 'a forwarding status of 1 or 4 bytes'),
  },
  {
    feature: 'ICMP type and code (32, 139, 176 to 179) as the destination port',
    standard: 'RFC 7012',
    captures: ['akvorado/netflow/icmp-data.pcap', ...logstash('netflow9_test_cisco_asa_1_data.dat')],
    tests: decode('templated/template', 'ICMP type and code from %s, unless they are zero'),
  },
  {
    feature: 'Every element of every record, by name, type and value',
    standard: 'RFC 7012, RFC 7011 6.1',
    captures: ['NetGauze/*', 'pmacct/*'],
    tests: [
      ...decode(
        'templated/inspect',
        'of options are told too, their scope marked',
        'of unknown lists stay octets, of known ones become their entries',
      ),
      ...allElements('tshark agrees on every field of NetFlow', 'NetGauze agrees on every element of v9 and IPFIX'),
    ],
    note: '`hairpin decode --all-elements`',
  },
];

const SFLOW: readonly Feature[] = [
  {
    feature: 'flow_sample and flow_sample_expanded',
    standard: 'sFlow v5, flow_sample, flow_sample_expanded',
    captures: [
      'akvorado/sflow/*',
      'tcpdump/sflow_expanded.pcap',
      'tcpdump/sflow-print-v6.pcap',
      'openvswitch-generated/ovs-sflow.pcap',
    ],
    tests: sflow(
      'flow-sample',
      'a flow sample fills every column it can',
      'an expanded sample says the same, with interfaces of 32 bits',
    ),
  },
  {
    feature:
      'counters_sample and counters_sample_expanded: host structures 2000 to 2002 and port_name 1005 become facts, and the counters of a virtual machine (2101 to 2104) say that a data source is one',
    standard: 'sFlow v5, counters_sample; sFlow Host Structures',
    captures: [
      'cistern-sflow/host_sample.dump',
      'gopacket/extracted/sflow_test__SFlowTestPacket9_8.bin',
      'tcpdump/sflow_multiple_counter_30_pdus.pcap',
    ],
    tests: [
      ...sflow(
        'counters-sample',
        'a guest tells its adapters and the host that runs it, as soon as the host was heard',
        'counters of a virtual machine (%i) make a data source of any class a station, and no host',
        'names the interface that is the data source',
        'a Linux host: hostname, UUID and MACs as they stand in the datagram',
      ),
      ...sflow(
        'captures',
        'of tcpdump: counters samples give no rows and no faults, and the two hosts among them are told',
      ),
      ...testsOf(
        'query-api/in-band.integration.test.ts',
        'sFlow host structures name VMs and their host without any document, and again after a start',
      ),
    ],
    note: 'counters themselves are no flows: they are passed over by length, and shown by `hairpin decode --all-elements`',
  },
  {
    feature: 'discarded_packet (5)',
    standard: 'sFlow Dropped Packet Notification Structures',
    captures: ['cistern-sflow/event_discarded_packet.dump', 'goflow2/extracted/sflow_test__TestSFlowDecodeDrop*'],
    tests: sflow('counters-sample', 'discarded packets are counted, are no fault and no traffic'),
  },
  {
    feature:
      'Every sample, flow and counter structure of the catalogue, and of Foundry, Broadcom and NVIDIA, is known by name; what fills no column is passed over by length',
    standard: 'sFlow structure numbers (sflow.org)',
    captures: ['gopacket/extracted/*'],
    tests: [
      ...allElements('tshark agrees on every field of sFlow samples'),
      ...sflow(
        'structures',
        'every %s structure of enterprise %i has a name of its own',
        'everything in the captures of the corpus has a name',
      ),
      ...decode('malformed', '%s is passed over by its length'),
    ],
  },
  {
    feature: 'sampled_header (1)',
    standard: 'sFlow v5, sampled_header',
    captures: ['akvorado/sflow/*', 'openvswitch-generated/ovs-sflow.pcap'],
    tests: sflow('flow-sample', 'a sampled header wins over what stands behind it'),
  },
  {
    feature: 'sampled_ethernet (2), sampled_ipv4 (3), sampled_ipv6 (4)',
    standard: 'sFlow v5, sampled_ethernet, sampled_ipv4, sampled_ipv6',
    captures: ['akvorado/sflow/data-sflow-ipv4-data.pcap'],
    tests: sflow(
      'flow-sample',
      'sampled_ethernet',
      'sampled_ipv4',
      'sampled_ipv6',
      'sampled_ethernet and sampled_ipv4 of one sample complete each other',
    ),
  },
  {
    feature: 'extended_switch (1001), extended_vlantunnel (1012), extended_vni (1029, 1030)',
    standard: 'sFlow v5, extended_switch; sFlow structure numbers',
    captures: ['akvorado/sflow/data-qinq.pcap', 'tcpdump/sflow-print-v6.pcap'],
    tests: sflow('flow-sample', 'extended_switch %s', 'extended_vlantunnel: %s', 'extended_vni: %s'),
  },
  {
    feature: 'Router, gateway, user, URL, MPLS, NAT, tunnel, 802.11, queue, function and timestamp structures',
    standard: 'sFlow structure numbers (sflow.org)',
    captures: ['akvorado/sflow/data-1140.pcap', 'gopacket/extracted/*'],
    tests: [
      ...sflow('flow-sample', 'tunnel, decapsulation and NAT records describe another packet than the columns'),
      ...decode('malformed', '%s is passed over by its length'),
    ],
    note: 'fill no column: AS paths, communities and names are passed over, so that their counts need no bound',
  },
  {
    feature:
      'Link layers of sampled headers: Ethernet, PPP, POS, IPv4, IPv6, MPLS, 802.11, AAL5; the others count by volume',
    standard: 'sFlow v5, sampled_header',
    captures: ['akvorado/sflow/data-sflow-raw-ipv4.pcap'],
    tests: [
      ...packetCases(
        'IPv4 alone',
        'IPv6 alone, a tunnel in it',
        'MPLS',
        'PPP',
        'AAL5 with LLC and SNAP',
        '802.11 to the access point',
      ),
      ...packet('header', 'number %i counts by volume'),
    ],
  },
  {
    feature: 'Effective rate from sample_pool, for samples that got lost',
    standard: 'sFlow v5, sample_pool',
    tests: sflow(
      'effective-rate',
      'of a lossless source is the nominal rate',
      'holds the loss of the agent too: packets counted for samples it dropped',
      'the effective rate finds the true bytes within its error, the nominal one misses what was lost',
    ),
    note: 'proven against simulated ports',
  },
  {
    feature:
      'Interface formats: ifIndex, discarded with a reason, several outputs; 32 bits in expanded samples, unmasked',
    standard: 'sFlow v5, interface',
    captures: [
      'akvorado/sflow/data-discard-interface.pcap',
      'akvorado/sflow/data-multiple-interfaces.pcap',
      'akvorado/sflow/data-local-interface.pcap',
      'tcpdump/sflow_expanded.pcap',
    ],
    tests: sflow(
      'flow-sample',
      'discarded packets (format 1) have no output and are marked dropped',
      'several outputs (format 2), known or unknown in number, are no output',
    ),
  },
  {
    feature: 'Agents by agent address and sub-agent, IPv4 and IPv6; direction from the data source',
    standard: 'sFlow v5, sample_datagram_v5',
    captures: ['tcpdump/sflow-print-v6.pcap', 'openvswitch-generated/ovs-sflow.pcap'],
    tests: sflow(
      'flow-sample',
      'are known by agent address and sub-agent, from whatever address they send',
      'direction when %s',
    ),
  },
];

const PACKETS: readonly Feature[] = [
  {
    feature: '802.1Q: VLAN without priority and drop eligibility',
    standard: 'IEEE 802.1Q 9.6',
    captures: ['akvorado/sflow/data-1140.pcap', 'akvorado/inner-packets/vlan-ipv6.pcap'],
    tests: packetCases('802.1ad, two tags with priority'),
  },
  {
    feature: '802.1ad and stacked tags: S-VID and C-VID',
    standard: 'IEEE 802.1Q 9.6',
    captures: ['akvorado/sflow/data-qinq.pcap'],
    tests: [
      ...packetCases('802.1ad, two tags with priority'),
      ...packet('ethernet', 'with 20 tags keeps the outer two and the volume'),
    ],
  },
  {
    feature: '802.1BR E-TAG',
    standard: 'IEEE 802.1BR',
    tests: [...packetCases('E-TAG and 802.1Q'), ...packet('ethernet', 'with an E-TAG behind an S-tag has both')],
  },
  {
    feature: 'VN-Tag',
    standard: 'Cisco, VN-Tag',
    tests: packetCases('VN-Tag from the interface', 'VN-Tag from the bridge'),
  },
  {
    feature: 'FabricPath, provider backbone bridges',
    standard: 'Cisco FabricPath; IEEE 802.1Q 9.7',
    tests: packetCases('FabricPath', 'provider backbone bridge'),
  },
  {
    feature: 'MPLS, with frames behind it, with and without control word',
    standard: 'RFC 3032, RFC 4385, RFC 4448',
    captures: ['akvorado/inner-packets/mpls-*', 'akvorado/netflow/ethernet-over-mpls-with-control-word-data.pcap'],
    tests: [
      ...packetCases(
        'MPLS, one label, IPv4',
        'MPLS, three labels, IPv6',
        'MPLS, control word, frame',
        'MPLS, frame without control word',
      ),
      ...packet('ethernet', 'of 16 labels is read, of 17 not'),
    ],
  },
  { feature: 'PPPoE', standard: 'RFC 2516', tests: packetCases('PPPoE, IPv4', 'PPPoE, IPv6, behind two tags') },
  {
    feature: 'LLC and SNAP',
    standard: 'IEEE 802.2, RFC 1042',
    tests: [
      ...packetCases('802.3, LLC and SNAP'),
      ...packet('ethernet', 'in 802.3 form with LLC and SNAP has the type behind them'),
    ],
  },
  {
    feature: 'MACsec',
    standard: 'IEEE 802.1AE',
    tests: packet('ethernet', 'encrypted by MACsec keeps its addresses, tags in front and volume'),
    note: 'what is encrypted cannot be read: addresses and volume count',
  },
  {
    feature: 'GRE with all flags, over IPv4 and IPv6; NVGRE, PPTP',
    standard: 'RFC 2784, RFC 2890, RFC 7637, RFC 2637',
    captures: ['akvorado/inner-packets/gre-*'],
    tests: packetCases('GRE, IPv4', 'GRE with checksum, key and sequence', 'GRE with routing', 'NVGRE', 'GRE for PPTP'),
  },
  {
    feature: 'IP in IP, 6in4, 4in6, EtherIP, MPLS in IP and in UDP',
    standard: 'RFC 2003, RFC 4213, RFC 2473, RFC 3378, RFC 4023, RFC 7510',
    captures: ['akvorado/inner-packets/ipv4-*'],
    tests: packetCases('IPv4 in IPv4', 'IPv6 in IPv4', 'IPv4 in IPv6', 'EtherIP', 'MPLS in IP', 'MPLS in UDP'),
  },
  {
    feature: 'VXLAN, VXLAN-GPE: the inner packet and its VNI',
    standard: 'RFC 7348, draft-ietf-nvo3-vxlan-gpe',
    captures: ['akvorado/sflow/data-encap-vxlan.pcap'],
    tests: packetCases(
      'VXLAN',
      'VXLAN on the port of Linux, tags inside and outside',
      'VXLAN-GPE, IPv4',
      'VXLAN-GPE, frame',
    ),
  },
  {
    feature: 'Geneve',
    standard: 'RFC 8926',
    tests: [
      ...packetCases('Geneve, frame', 'Geneve with options, IPv4'),
      ...packet('header', 'a Geneve header whose options lead outside leaves the outer packet'),
    ],
  },
  {
    feature: 'GTP-U',
    standard: '3GPP TS 29.281',
    tests: packetCases('GTP-U', 'GTP-U with sequence and extension headers'),
  },
  { feature: 'Teredo', standard: 'RFC 4380', tests: packetCases('Teredo', 'Teredo with origin indication') },
  {
    feature: 'SRv6',
    standard: 'RFC 8754, RFC 8986',
    captures: ['akvorado/inner-packets/srv6-end-dt6.pcap'],
    tests: packetCases('SRv6, IPv4', 'SRv6, IPv6', 'SRv6, frame'),
  },
  {
    feature: 'ERSPAN types I to III: each mirrored frame a sample',
    standard: 'draft-foschiano-erspan-03',
    tests: packetCases(
      'ERSPAN type I',
      'ERSPAN type II, frame without tag',
      'ERSPAN type III, in',
      'ERSPAN type III, out, platform header',
    ),
  },
  {
    feature: 'IPv4 options, later fragments without ports',
    standard: 'RFC 791 3.1',
    tests: [
      ...packetCases('IPv4 options', 'first fragment of a tunnel'),
      ...packet('ip', 'with options has its ports behind them', 'of a later fragment has the protocol and no ports'),
    ],
  },
  {
    feature: 'IPv6 extension headers, bounded; authentication headers',
    standard: 'RFC 8200 4, RFC 4302',
    tests: [
      ...packetCases('IPv6 extension headers', 'IPv4 authentication header'),
      ...packet(
        'ip',
        'with 16 extension headers is read, with 17 not',
        'with 100 extension headers, or one that leads outside, is walked a bounded way',
      ),
    ],
  },
  {
    feature: 'The innermost packet counts; tunnels are bounded in depth, and what is cut leaves the outer packet',
    standard: '-',
    tests: [
      ...packetCases('VXLAN, GRE, IPv6 in IPv6: three tunnels'),
      ...packet('header', 'bounds', 'cut at any byte describes a whole outer packet or a whole inner one:'),
    ],
  },
];

export const FEATURES: readonly FeatureGroup[] = [
  { title: 'Protocols and messages', features: PROTOCOLS },
  { title: 'State: templates, sampling, loss, time', features: STATE },
  { title: 'What records tell', features: RECORDS },
  { title: 'sFlow', features: SFLOW },
  { title: 'Sampled packets', features: PACKETS },
];
