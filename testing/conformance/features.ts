// What the protocols have, where their standards say it, and the captures that show it; tests name the ids. The groups
// follow the parts of a datagram, from its version to the packets sampled in it.

import type { Feature } from './proof.ts';

const logstash = (...names: readonly string[]) => names.map(name => `logstash-codec-netflow/${name}`);

export interface FeatureGroup {
  readonly title: string;
  readonly features: readonly Feature[];
}

const PROTOCOLS: readonly Feature[] = [
  {
    id: 'netflow1',
    feature: 'NetFlow v1',
    standard: 'Cisco, NetFlow export datagram formats',
    captures: ['made/softflowd-v1.pcap', 'beats/extracted/v1_TestNetflowProtocol_OnPacket_0.bin'],
  },
  {
    id: 'netflow5',
    feature: 'NetFlow v5, NetStream v5',
    standard: 'Cisco, NetFlow export datagram formats',
    captures: [
      'made/softflowd-v5.pcap',
      'made/ovs-netflow5.pcap',
      'akvorado/netflow/nfv5.pcap',
      ...logstash('netflow5_*'),
    ],
  },
  {
    id: 'netflow6',
    feature: 'NetFlow v6',
    standard: 'no public one; filebeat',
    captures: ['beats/extracted/v6_TestNetflowProtocol_OnPacket_0.bin'],
  },
  {
    id: 'netflow7',
    feature: 'NetFlow v7',
    standard: 'Cisco, NetFlow export datagram formats',
    captures: [
      'beats/extracted/v7_TestNetflowProtocol_OnPacket_0.bin',
      'netflow_parser/extracted/tests__it_parses_v7_1.bin',
    ],
  },
  {
    id: 'netflow8',
    feature: 'NetFlow v8, NetStream v8: aggregations 1 to 14',
    standard: 'Cisco, NetFlow export datagram formats',
    captures: ['beats/extracted/v8_*'],
    note: 'an unknown aggregation is counted as `unknown-aggregation`',
  },
  {
    id: 'netflow9',
    feature: 'NetFlow v9, NetStream v9',
    standard: 'RFC 3954 5',
    captures: [
      'made/softflowd-v9.pcap',
      'pmacct/101-*',
      'pmacct/102-*',
      'akvorado/netflow/data+templates.pcap',
      ...logstash('netflow9_*'),
    ],
  },
  {
    id: 'ipfix',
    feature: 'IPFIX',
    standard: 'RFC 7011 3',
    captures: [
      'made/softflowd-ipfix.pcap',
      'made/ovs-ipfix.pcap',
      'NetGauze/flow/srv6/srv6.pcap',
      'pmacct/4*',
      'pmacct/5*',
      'ipfixcol/*',
      ...logstash('ipfix*'),
    ],
  },
  {
    id: 'sflow5',
    feature: 'sFlow v5',
    standard: 'sFlow v5, sample_datagram_v5',
    captures: [
      'akvorado/sflow/*',
      'cistern-sflow/*',
      'gopacket/*',
      'goflow2/extracted/sflow_*',
      'vflow/extracted/decoder_test__TestsFlow*',
      'made/ovs-sflow.pcap',
      'tcpdump/*',
    ],
  },
  {
    id: 'sflow2-4',
    feature: 'sFlow v2 and v4',
    standard: 'RFC 3176',
  },
  {
    id: 'variable-length',
    feature: 'Fields of variable length, in IPFIX and in NetFlow v9',
    standard: 'RFC 7011 7',
    captures: [
      ...logstash(
        'ipfix_test_procera_data52935.dat',
        'ipfix_test_netscaler_data.dat',
        'netflow9_test_h3c_netstream_varstring_data3281.dat',
      ),
      'made/ovs-ipfix.pcap',
    ],
  },
  {
    id: 'enterprise-elements',
    feature: 'Enterprise elements; one registry of names and types as data, a file of the installation may add to it',
    standard: 'RFC 7011 3.2, RFC 7012',
    captures: [
      'netflow_parser/extracted/tests__it_parses_ipfix_enterprise_bit_template_and_data_28.bin',
      'pmacct/106-*',
      'ipfixcol/enterprise-from-nfv9.ipfix',
    ],
  },
  {
    id: 'netflow9-high-ids',
    feature: 'NetFlow v9 element ids of 32768 and more are plain ids',
    standard: 'RFC 3954 8',
    captures: logstash('netflow9_test_cisco_asa_1_data.dat', 'netflow9_test_paloalto_panos_data.dat'),
  },
  {
    id: 'options-templates',
    feature: 'Options templates and their data',
    standard: 'RFC 7011 3.4.2, RFC 3954 6.1',
    captures: ['pmacct/112-*', 'pmacct/104-*', 'akvorado/netflow/options-*'],
  },
  {
    id: 'template-withdrawal',
    feature: 'Template withdrawal, of one and of all',
    standard: 'RFC 7011 8.1',
    captures: ['ipfixcol/withdrawal-message-256.ipfix'],
  },
  {
    id: 'structured-data',
    feature: 'Structured data: basicList, subTemplateList, subTemplateMultiList',
    standard: 'RFC 6313 4.5',
    captures: logstash('ipfix_test_yaf_*', 'ipfix_test_ixia_*'),
  },
  {
    id: 'reduced-size',
    feature: 'Reduced-size encoding',
    standard: 'RFC 7011 6.2',
    captures: logstash('netflow9_test_iptnetflow_reduced_size_encoding_tpldata260.dat'),
  },
  {
    id: 'wide-integers',
    feature:
      'Integers in more bytes than their column has: a value that fits is kept, one beyond is left out and counted',
    standard: '-',
  },
  {
    id: 'repeated-elements',
    feature: 'An element that stands twice in a record: the layers of a tunnel, or the first counts',
    standard: 'RFC 7011 8',
    captures: ['pmacct/106-*', 'akvorado/netflow/ipfix-srv6-data.pcap'],
  },
  {
    id: 'biflow',
    feature: 'Biflow: the reverse direction is a record of its own',
    standard: 'RFC 5103 6.1',
    captures: ['made/softflowd-ipfix-biflow.pcap', ...logstash('ipfix_test_yaf_data45841.dat')],
  },
  {
    id: 'ipfix-tcp',
    feature: 'IPFIX over TCP',
    standard: 'RFC 7011 10.4',
    note: 'softflowd is the exporter of one test',
  },
  {
    id: 'ipfix-tls',
    feature: 'IPFIX over TLS 1.2 and 1.3, with certificates of exporters',
    standard: 'RFC 7011 11',
    note: 'openssl is the client of some tests',
  },
  {
    id: 'ipfix-sctp',
    feature: 'IPFIX over SCTP',
    standard: 'RFC 7011 10.2',
    unsupported: 'Node has no SCTP, and exporters that have it have UDP or TCP as well',
  },
  {
    id: 'ipfix-dtls',
    feature: 'IPFIX over DTLS',
    standard: 'RFC 7011 11',
    unsupported: 'Node has no DTLS; TLS serves',
  },
  {
    id: 'ipfix-lz4',
    feature: 'IPFIX in LZ4 frames over TCP',
    standard: 'no standard; ipfixcol2',
    unsupported: 'one exporter, its own, sends it',
  },
  {
    id: 'ipfix-files',
    feature: 'IPFIX files',
    standard: 'RFC 5655',
    captures: ['ipfixcol/*'],
    note: 'as input of `hairpin decode`',
  },
  {
    id: 'export-fragments',
    feature: 'Export datagrams in fragments of IPv4 and IPv6, in any order',
    standard: 'RFC 791 3.2, RFC 8200 4.5',
    note: 'in captures, 4,096 packets at a time; of a live collector the kernel does it',
  },
  {
    id: 'padding',
    feature: 'Padding behind records, sets and templates',
    standard: 'RFC 7011 3.3.1',
    captures: ['beats/pcap/netflow9_e10s_4_7byte_pad.pcap'],
  },
  {
    id: 'reserved-sets',
    feature: 'Set ids that no standard defines cost their set only',
    standard: 'RFC 7011 3.3.2',
  },
];

const STATE: readonly Feature[] = [
  {
    id: 'template-scope',
    feature: 'Templates belong to address, port, observation domain and protocol; those of a connection to it',
    standard: 'RFC 7011 8',
    captures: ['pmacct/110-*', 'pmacct/111-*'],
  },
  {
    id: 'template-versions',
    feature:
      'Templates are versioned by export time: data that were overtaken by a redefinition are read as they were meant',
    standard: 'RFC 7011 8',
  },
  {
    id: 'early-data',
    feature: 'Data before their template wait for it, bounded in sets, bytes and age',
    standard: 'RFC 7011 9',
    captures: ['akvorado/netflow/data+templates.pcap', 'beats/pcap/netflow9_e10s_4_7byte_pad.pcap'],
  },
  {
    id: 'state-kept',
    feature: 'Templates and rates survive a restart and `kill -9`',
    standard: '-',
  },
  {
    id: 'state-moved',
    feature: 'Templates go to an exporter that comes back from another port, and to other threads',
    standard: '-',
  },
  {
    id: 'templates-forgotten',
    feature: 'Templates that nobody announced or used for a day are forgotten',
    standard: 'RFC 7011 8.4',
  },
  {
    id: 'state-bounds',
    feature: 'Bounds on templates, exporters and domains; those that deliver are never evicted by new ones',
    standard: '-',
  },
  {
    id: 'exporter-restart',
    feature: 'Restart of an exporter, by its uptime or its sequence',
    standard: '-',
  },
  {
    id: 'sampling-netflow5',
    feature: 'Sampling: the header of NetFlow v5, 14 bits and a mode',
    standard: 'Cisco, NetFlow export datagram formats',
    captures: logstash('netflow5_test_juniper_mx80.dat'),
  },
  {
    id: 'sampling-selector',
    feature: 'Sampling: options by sampler (48, 50), by selector (302 with 305 and 306, or 309 and 310), 34, 311, 304',
    standard: 'RFC 5477 8, RFC 3954 8',
    captures: ['pmacct/104-*', 'akvorado/netflow/multiplesamplingrates-*'],
  },
  {
    id: 'sampling-scope',
    feature:
      'Sampling: options by interface (scope 10, 14, Interface), by template (145), by domain (144, 149, System)',
    standard: 'RFC 7011 3.4.2, RFC 3954 6.1',
    captures: [
      'akvorado/netflow/mpls.pcap',
      'akvorado/netflow/physicalinterfaces.pcap',
      'akvorado/netflow/data+templates.pcap',
    ],
  },
  {
    id: 'sampling-record',
    feature: 'Sampling: in the record itself (34, 50, 305 with 306, 309 with 310, 311)',
    standard: 'RFC 7012',
    captures: ['akvorado/netflow/samplingrate-data.pcap'],
  },
  {
    id: 'sampling-nearest',
    feature: 'Sampling: the nearest statement holds; what nobody states is 0, unknown, counted and never taken as 1',
    standard: '-',
  },
  {
    id: 'sampling-prescaled',
    feature: 'Sampling: exporters that multiply before they send are recognised and not multiplied again',
    standard: '-',
    captures: [
      'made/ovs-ipfix.pcap',
      ...logstash('ipfix_test_vmware_vds_data264.dat'),
      'vflow/extracted/decoder_test__init_2.bin',
    ],
  },
  {
    id: 'sampling-squares',
    feature: 'Sampling: sums of squared lengths (198) and the longest packet (26), for the variance',
    standard: 'RFC 7012',
    captures: ['made/ovs-ipfix.pcap'],
  },
  {
    id: 'loss-flows',
    feature: 'Loss: NetFlow v5, v7 and v8 number flows',
    standard: 'Cisco, NetFlow export datagram formats',
  },
  {
    id: 'loss-datagrams',
    feature: 'Loss: NetFlow v9 and sFlow number datagrams',
    standard: 'RFC 3954 5.1, sFlow v5, sample_datagram_v5',
  },
  {
    id: 'loss-ipfix',
    feature: 'Loss: IPFIX numbers data records, before the message or with it; both conventions are recognised',
    standard: 'RFC 7011 3.1',
    captures: ['made/softflowd-ipfix.pcap', ...logstash('ipfix_test_vmware_vds_data264.dat')],
  },
  {
    id: 'loss-restart',
    feature: 'Loss: counted over a restart of the collector and `kill -9`, where sequence numbers prove it',
    standard: '-',
  },
  {
    id: 'times-uptime',
    feature: 'Times: uptime of the header (21, 22), also when it rolls over',
    standard: 'RFC 3954 5.1',
    captures: ['pmacct/101-*', 'made/softflowd-v9.pcap', 'made/softflowd-v5.pcap'],
  },
  {
    id: 'times-init',
    feature: 'Times: uptime with 160 systemInitTimeMilliseconds, in the record or in options, also when it rolls over',
    standard: 'RFC 7012, element 160',
    captures: ['pmacct/106-*', 'pmacct/4*', 'pmacct/5*'],
  },
  {
    id: 'times-absolute',
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
  },
  {
    id: 'times-before-export',
    feature: 'Times: microseconds before the export, 158 and 159',
    standard: 'RFC 7012, elements 158, 159',
    captures: ['made/ovs-ipfix.pcap'],
  },
  {
    id: 'times-wide',
    feature: 'Times: 21 and 22 in 8 bytes',
    standard: '-',
  },
  {
    id: 'exporter-clocks',
    feature:
      'Times of exporters whose clock is off are moved by the difference that was measured, and marked; NetFlow and IPFIX, of a live collector',
    standard: '-',
  },
  {
    id: 'times-absurd',
    feature: 'Times that are absurd are flagged and replaced by the receive time',
    standard: '-',
  },
  {
    id: 'in-band',
    feature: 'Inventory in band: names of interfaces, VRFs, stations and hosts become facts',
    standard: 'RFC 7012 and RFC 7133, elements 82, 83, 236, 347 to 350',
    note: '346 (privateEnterpriseNumber, RFC 5610) describes elements and no station: it is named and shown, nothing reads it',
    captures: ['pmacct/112-*', 'pmacct/501-*', 'pmacct/106-*'],
  },
];

const RECORDS: readonly Feature[] = [
  {
    id: 'bytes-packets',
    feature: 'Bytes: 1, 85, 171, 352, 353, 231; packets: 2, 86, 172, 298; 23 and 24 only where 1 and 2 are 0',
    standard: 'RFC 7012',
    captures: logstash('netflow9_test_fortigate_*', 'netflow9_test_0length_fields_tpl_data.dat'),
  },
  {
    id: 'running-totals',
    feature:
      'Running totals (85, 86, 171, 172, 353): of each report what it has beyond the one before; a new beginning, counters that were cleared, wrapped, repeated or reordered',
    standard: 'RFC 7012 5.10',
  },
  {
    id: 'firewall-directions',
    feature: 'Firewalls: 231, 232, 298 and 299 as two directions; an update counts, the teardown behind it does not',
    standard: 'Cisco, NetFlow Secure Event Logging',
    captures: logstash('netflow9_test_cisco_asa_1_data.dat', 'netflow9_test_cisco_asa_2_data.dat'),
  },
  {
    id: 'nat',
    feature: 'NAT: the addresses and ports before the translation',
    standard: 'RFC 8158',
    captures: ['akvorado/netflow/nat.pcap', ...logstash('ipfix_test_nokia_bras_data256.dat')],
    note: '225 to 228, 230, 281, 282 and 361 to 364 fill no column; `hairpin decode --all-elements` shows them',
  },
  {
    id: 'mac-addresses',
    feature: 'MAC addresses: 56, 81; 80, 57',
    standard: 'RFC 7012',
    captures: [...logstash('netflow9_test_macaddr_data.dat'), 'pmacct/401-*'],
  },
  {
    id: 'vlan-elements',
    feature: 'VLAN: 243, 58 and 245 as S-VID and C-VID; 254, 255 and 59 where they are alone',
    standard: 'RFC 7012',
    captures: ['pmacct/401-*', 'pmacct/106-*', 'made/ovs-ipfix.pcap'],
  },
  {
    id: 'physical-interfaces',
    feature: 'Physical interfaces 252 and 253 where 10 and 14 are 0',
    standard: 'RFC 7012',
    captures: ['akvorado/netflow/physicalinterfaces.pcap'],
  },
  {
    id: 'virtual-networks',
    feature: 'Virtual networks: 351 layer2SegmentId, 347 and 349 as the station',
    standard: 'RFC 7133',
    captures: logstash('netflow9_test_field_layer2segmentid_data.dat', 'ipfix_test_vmware_vds_data264.dat'),
  },
  {
    id: 'frames-in-records',
    feature: 'Frames in records: 315 dataLinkFrameSection with 312, 408 to 410; 104 of NetFlow v9',
    standard: 'RFC 7133, RFC 5477',
    captures: [
      'made/softflowd-psamp.pcap',
      'akvorado/netflow/datalink-data.pcap',
      'akvorado/netflow/ethernet-over-mpls-with-control-word-data.pcap',
      'akvorado/netflow/ipfixprobe-data.pcap',
      'akvorado/netflow/juniper-cpid-data.pcap',
    ],
  },
  {
    id: 'packets-in-records',
    feature: 'Packets in records: 313 ipHeaderPacketSection, 316 mplsLabelStackSection',
    standard: 'RFC 5477',
    captures: ['made/softflowd-psamp.pcap'],
  },
  {
    id: 'label-elements',
    feature: 'MPLS labels 70 to 79, SRv6 492 to 500',
    standard: 'RFC 7012, RFC 9487',
    captures: ['pmacct/101-*', 'NetGauze/flow/srv6/srv6.pcap', 'akvorado/netflow/ipfix-srv6-data.pcap'],
    note: 'fill no column; `hairpin decode --all-elements` shows them',
  },
  {
    id: 'forwarding-status',
    feature: 'Forwarding status in 1 or 4 bytes',
    standard: 'RFC 7270 4.12',
    captures: ['pmacct/100-*', 'pmacct/101-*'],
  },
  {
    id: 'icmp-elements',
    feature: 'ICMP type and code (32, 139, 176 to 179) as the destination port',
    standard: 'RFC 7012',
    captures: ['akvorado/netflow/icmp-data.pcap', ...logstash('netflow9_test_cisco_asa_1_data.dat')],
  },
  {
    id: 'all-elements',
    feature: 'Every element of every record, by name, type and value',
    standard: 'RFC 7012, RFC 7011 6.1',
    captures: ['NetGauze/*', 'pmacct/*'],
    note: '`hairpin decode --all-elements`',
  },
];

const SFLOW: readonly Feature[] = [
  {
    id: 'flow-sample',
    feature: 'flow_sample and flow_sample_expanded',
    standard: 'sFlow v5, flow_sample, flow_sample_expanded',
    captures: ['akvorado/sflow/*', 'tcpdump/sflow_expanded.pcap', 'tcpdump/sflow-print-v6.pcap', 'made/ovs-sflow.pcap'],
  },
  {
    id: 'counters-sample',
    feature:
      'counters_sample and counters_sample_expanded: host structures 2000 to 2002 and port_name 1005 become facts, and the counters of a virtual machine (2101 to 2104) say that a data source is one',
    standard: 'sFlow v5, counters_sample; sFlow Host Structures',
    captures: [
      'cistern-sflow/host_sample.dump',
      'gopacket/extracted/sflow_test__SFlowTestPacket9_8.bin',
      'tcpdump/sflow_multiple_counter_30_pdus.pcap',
    ],
    note: 'counters themselves are no flows: they are passed over by length, and shown by `hairpin decode --all-elements`',
  },
  {
    id: 'discarded-packet',
    feature: 'discarded_packet (5)',
    standard: 'sFlow Dropped Packet Notification Structures',
    captures: ['cistern-sflow/event_discarded_packet.dump', 'goflow2/extracted/sflow_test__TestSFlowDecodeDrop*'],
  },
  {
    id: 'structure-names',
    feature:
      'Every sample, flow and counter structure of the catalogue, and of Foundry, Broadcom and NVIDIA, is known by name; what fills no column is passed over by length',
    standard: 'sFlow structure numbers (sflow.org)',
    captures: ['gopacket/extracted/*'],
  },
  {
    id: 'sampled-header',
    feature: 'sampled_header (1)',
    standard: 'sFlow v5, sampled_header',
    captures: ['akvorado/sflow/*', 'made/ovs-sflow.pcap'],
  },
  {
    id: 'sampled-addresses',
    feature: 'sampled_ethernet (2), sampled_ipv4 (3), sampled_ipv6 (4)',
    standard: 'sFlow v5, sampled_ethernet, sampled_ipv4, sampled_ipv6',
    captures: ['akvorado/sflow/data-sflow-ipv4-data.pcap'],
  },
  {
    id: 'switch-structures',
    feature: 'extended_switch (1001), extended_vlantunnel (1012), extended_vni (1029, 1030)',
    standard: 'sFlow v5, extended_switch; sFlow structure numbers',
    captures: ['akvorado/sflow/data-qinq.pcap', 'tcpdump/sflow-print-v6.pcap'],
  },
  {
    id: 'other-structures',
    feature: 'Router, gateway, user, URL, MPLS, NAT, tunnel, 802.11, queue, function and timestamp structures',
    standard: 'sFlow structure numbers (sflow.org)',
    captures: ['akvorado/sflow/data-1140.pcap', 'gopacket/extracted/*'],
    note: 'fill no column: AS paths, communities and names are passed over, so that their counts need no bound',
  },
  {
    id: 'link-layers',
    feature:
      'Link layers of sampled headers: Ethernet, PPP, POS, IPv4, IPv6, MPLS, 802.11, AAL5; the others count by volume',
    standard: 'sFlow v5, sampled_header',
    captures: ['akvorado/sflow/data-sflow-raw-ipv4.pcap'],
  },
  {
    id: 'effective-rate',
    feature: 'Effective rate from sample_pool, for samples that got lost',
    standard: 'sFlow v5, sample_pool',
    note: 'proven against simulated ports',
  },
  {
    id: 'interface-formats',
    feature:
      'Interface formats: ifIndex, discarded with a reason, several outputs; 32 bits in expanded samples, unmasked',
    standard: 'sFlow v5, interface',
    captures: [
      'akvorado/sflow/data-discard-interface.pcap',
      'akvorado/sflow/data-multiple-interfaces.pcap',
      'akvorado/sflow/data-local-interface.pcap',
      'tcpdump/sflow_expanded.pcap',
    ],
  },
  {
    id: 'agents',
    feature: 'Agents by agent address and sub-agent, IPv4 and IPv6; direction from the data source',
    standard: 'sFlow v5, sample_datagram_v5',
    captures: ['tcpdump/sflow-print-v6.pcap', 'made/ovs-sflow.pcap'],
  },
];

const PACKETS: readonly Feature[] = [
  {
    id: 'tag-vlan',
    feature: '802.1Q: VLAN without priority and drop eligibility',
    standard: 'IEEE 802.1Q 9.6',
    captures: ['akvorado/sflow/data-1140.pcap', 'akvorado/inner-packets/vlan-ipv6.pcap'],
  },
  {
    id: 'tag-stacked',
    feature: '802.1ad and stacked tags: S-VID and C-VID',
    standard: 'IEEE 802.1Q 9.6',
    captures: ['akvorado/sflow/data-qinq.pcap'],
  },
  {
    id: 'tag-etag',
    feature: '802.1BR E-TAG',
    standard: 'IEEE 802.1BR',
  },
  {
    id: 'tag-vntag',
    feature: 'VN-Tag',
    standard: 'Cisco, VN-Tag',
  },
  {
    id: 'fabricpath-pbb',
    feature: 'FabricPath, provider backbone bridges',
    standard: 'Cisco FabricPath; IEEE 802.1Q 9.7',
  },
  {
    id: 'mpls',
    feature: 'MPLS, with frames behind it, with and without control word',
    standard: 'RFC 3032, RFC 4385, RFC 4448',
    captures: ['akvorado/inner-packets/mpls-*', 'akvorado/netflow/ethernet-over-mpls-with-control-word-data.pcap'],
  },
  {
    id: 'pppoe',
    feature: 'PPPoE',
    standard: 'RFC 2516',
  },
  {
    id: 'llc-snap',
    feature: 'LLC and SNAP',
    standard: 'IEEE 802.2, RFC 1042',
  },
  {
    id: 'macsec',
    feature: 'MACsec',
    standard: 'IEEE 802.1AE',
    note: 'what is encrypted cannot be read: addresses and volume count',
  },
  {
    id: 'gre',
    feature: 'GRE with all flags, over IPv4 and IPv6; NVGRE, PPTP',
    standard: 'RFC 2784, RFC 2890, RFC 7637, RFC 2637',
    captures: ['akvorado/inner-packets/gre-*'],
  },
  {
    id: 'ip-in-ip',
    feature: 'IP in IP, 6in4, 4in6, EtherIP, MPLS in IP and in UDP',
    standard: 'RFC 2003, RFC 4213, RFC 2473, RFC 3378, RFC 4023, RFC 7510',
    captures: ['akvorado/inner-packets/ipv4-*'],
  },
  {
    id: 'vxlan',
    feature: 'VXLAN, VXLAN-GPE: the inner packet and its VNI',
    standard: 'RFC 7348, draft-ietf-nvo3-vxlan-gpe',
    captures: ['akvorado/sflow/data-encap-vxlan.pcap'],
  },
  {
    id: 'geneve',
    feature: 'Geneve',
    standard: 'RFC 8926',
  },
  {
    id: 'gtp-u',
    feature: 'GTP-U',
    standard: '3GPP TS 29.281',
  },
  {
    id: 'teredo',
    feature: 'Teredo',
    standard: 'RFC 4380',
  },
  {
    id: 'srv6',
    feature: 'SRv6',
    standard: 'RFC 8754, RFC 8986',
    captures: ['akvorado/inner-packets/srv6-end-dt6.pcap'],
  },
  {
    id: 'erspan',
    feature: 'ERSPAN types I to III: each mirrored frame a sample',
    standard: 'draft-foschiano-erspan-03',
  },
  {
    id: 'ipv4-options',
    feature: 'IPv4 options, later fragments without ports',
    standard: 'RFC 791 3.1',
  },
  {
    id: 'ipv6-headers',
    feature: 'IPv6 extension headers, bounded; authentication headers',
    standard: 'RFC 8200 4, RFC 4302',
  },
  {
    id: 'innermost-packet',
    feature: 'The innermost packet counts; tunnels are bounded in depth, and what is cut leaves the outer packet',
    standard: '-',
  },
];

export const FEATURES: readonly FeatureGroup[] = [
  { title: 'Protocols and messages', features: PROTOCOLS },
  { title: 'State: templates, sampling, loss, time', features: STATE },
  { title: 'What records report', features: RECORDS },
  { title: 'sFlow', features: SFLOW },
  { title: 'Sampled packets', features: PACKETS },
];
