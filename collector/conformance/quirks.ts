// What particular exporters do that the standards do not say, or say otherwise, and what is made of it.

import { decode, packetCases, type Quirk, sflow, testsOf } from './proof.ts';

const logstash = (...names: readonly string[]) => names.map(name => `logstash-codec-netflow/${name}`);
const vendors = (...titles: readonly string[]) => decode('templated/vendors', ...titles);
const sampling = (...titles: readonly string[]) => decode('sampling/sampling', ...titles);

export const QUIRKS: readonly Quirk[] = [
  {
    exporter: 'H3C',
    quirk: 'element 0 of 1 byte, element 43 in 2 bytes, prefixes 92 and 93 in NetFlow v9',
    captures: logstash('netflow9_test_h3c_data3281.dat'),
    tests: vendors('H3C: element 0, element 43 in 2 bytes and a VRF name of variable length'),
  },
  {
    exporter: 'H3C',
    quirk: '236 of variable length in NetFlow v9 (VRF name)',
    captures: logstash('netflow9_test_h3c_netstream_varstring_data3281.dat'),
    tests: vendors('H3C: element 0, element 43 in 2 bytes and a VRF name of variable length'),
  },
  {
    exporter: 'H3C',
    quirk: '35 and 34 in the record are 0: unknown, not unsampled',
    captures: logstash('netflow9_test_h3c_data3281.dat'),
    tests: sampling('H3C: 34 of 0', 'with 0 in 34 has the rate of its domain'),
  },
  {
    exporter: 'H3C, Huawei',
    quirk: 'templates every 30 minutes: data wait, templates are kept over a restart',
    tests: [
      ...decode('exporters/pending', 'become the rows they would have been, with the times of their own datagrams'),
      ...testsOf('commands/templates.slow.test.ts', 'kill -9 and a start lose no template and no rate'),
    ],
  },
  {
    exporter: 'H3C, Huawei',
    quirk: 'NetStream v5 and v8 as default: the layouts of Cisco',
    tests: [
      ...decode(
        'fixed/netflow5',
        'a datagram as a NetStream board sends it: engine by slot, interfaces of 16 bits, ICMP in the destination port',
      ),
      ...decode('fixed/netflow8', 'mode %s is a row a record, with what it tells and nothing else'),
    ],
    note: 'no capture of a NetStream v5 or v8 is public',
  },
  {
    exporter: 'H3C',
    quirk: 'version 10 with the switch for templates of RFC 7011 off',
    unsupported: 'no capture of it is public; with the switch on it is IPFIX',
  },
  {
    exporter: 'Huawei',
    quirk: '232 as a plain id of NetFlow v9, ifIndex in 16 bits',
    captures: logstash('netflow9_test_huawei_netstream_data.dat'),
    tests: vendors('Huawei: interfaces of 2 bytes, 232 as a plain field'),
  },
  {
    exporter: 'Huawei',
    quirk: 'no rate in the header of v5, none in v9 without its option: unknown; a static rate by exporter serves',
    captures: logstash('netflow9_test_huawei_netstream_data.dat'),
    tests: [
      ...decode('fixed/netflow5', 'reserved, as NetStream of Huawei has it although it samples'),
      ...sampling('Huawei: nothing'),
    ],
  },
  {
    exporter: 'Huawei',
    quirk: '160 in each record behind 21 and 22; outer IPv6 and inner IPv4 with repeated elements (template 6017)',
    captures: ['pmacct/106-*'],
    tests: vendors(
      'Huawei and Mikrotik: 160 in the record, before or after 21 and 22',
      'Huawei SRv6: the inner IPv4 of the record that has both',
    ),
  },
  {
    exporter: 'Huawei',
    quirk: 'VRF name and distinguisher in options of scope 234 and 235',
    captures: ['pmacct/106-*'],
    tests: decode('templated/options-set', 'Huawei names a VRF'),
  },
  {
    exporter: 'Huawei',
    quirk: '23 and 24 always 0',
    tests: vendors('Fortinet, OPNsense and Huawei: 23 and 24 count only where 1 and 2 are 0'),
  },
  {
    exporter: 'Cisco ASA',
    quirk:
      'events: bytes in 231 and 232, packets in 298 and 299, no 1 and 2; updates and teardowns tell the same bytes twice',
    captures: logstash('netflow9_test_cisco_asa_1_data.dat', 'netflow9_test_cisco_asa_2_data.dat'),
    tests: [
      ...decode(
        'templated/firewall',
        'that sends updates has the teardown of an updated flow count nothing',
        'denies a flow: dropped, without bytes',
      ),
      ...vendors('ASA: each flow is told once, both ways'),
    ],
  },
  {
    exporter: 'Cisco ASA',
    quirk: 'ids 33000 to 33002 and 40000 to 40005, 152 and 323 in NetFlow v9, user names filled with NUL',
    captures: logstash('netflow9_test_cisco_asa_1_data.dat'),
    tests: [
      ...vendors('ASA: access lists, user names and ids above 32767 are passed over'),
      ...decode('templated/firewall', 'of software before 8.4 tells its event in 40005'),
    ],
  },
  {
    exporter: 'Cisco IOS-XR',
    quirk: '21 and 22 in data, 160 in options of scope 149: times are those of the export until it has come',
    captures: ['pmacct/4*', 'pmacct/5*'],
    tests: decode('times', 'with 160 from options: unknown before, known after, even in the same message'),
  },
  {
    exporter: 'Cisco IOS-XR',
    quirk: 'rates by selector (302) in options: 305, 304, 309, 310; 305 alone says nothing',
    captures: ['pmacct/104-*', 'pmacct/500-*'],
    tests: sampling('IOS-XR: 309 and 310 of selector 302', 'IOS-XR: 1 of 1', 'IOS-XR: 305 alone'),
  },
  {
    exporter: 'Cisco IOS-XR',
    quirk: 'ids of VRFs and interfaces are given anew at run time',
    captures: ['pmacct/112-*'],
    tests: decode('templated/options-set', 'IOS-XR names interfaces and VRFs, and gives ids anew'),
  },
  {
    exporter: 'Cisco IOS-XR',
    quirk: 'templates with both families of addresses: the one that is set counts',
    captures: ['pmacct/401-*', 'pmacct/501-*'],
    tests: decode('templated/template', 'IPv4 and IPv6 in one template: the one that is set, and its EtherType'),
  },
  {
    exporter: 'Cisco IOS-XR',
    quirk: 'EtherType 0xfe and MAC addresses of other headers in element 256, 56 and 80 of routed traffic',
    captures: ['pmacct/502-*', 'pmacct/401-*'],
    note: 'kept as sent, as NetGauze and pmacct keep them',
  },
  {
    exporter: 'Cisco ASR 9000',
    quirk: 'options of scope 1 (System) with 10 behind it name interfaces',
    captures: logstash('netflow9_test_cisco_asr9k_data256.dat'),
    tests: decode('templated/options-set', 'scope 1 of NetFlow v9 with 10 behind it, as ASR 9000 sends'),
  },
  {
    exporter: 'Cisco NX-OS',
    quirk: '21 and 22 in 8 bytes',
    tests: vendors('NX-OS: 21 and 22 in 8 bytes, of uptime or since the epoch'),
  },
  {
    exporter: 'Cisco WLC',
    quirk: 'the station in 365 and 366, the direction in 61: no ends',
    captures: logstash('netflow9_test_cisco_wlc_data261.dat'),
    note: 'a record tells one address only; ends stay empty',
  },
  {
    exporter: 'Cisco',
    quirk: 'options templates in the datagram of their data; templates behind their data',
    captures: ['akvorado/netflow/data+templates.pcap'],
    tests: decode(
      'malformed',
      'data before its template, in the same datagram or an earlier one, is unknown-template and read when it comes',
    ),
  },
  {
    exporter: 'Juniper',
    quirk: 'rate in 34 of options of scope 144, an observation domain for each family',
    captures: logstash('ipfix_test_juniper_mx240_junos151r6s3_data512.dat'),
    tests: sampling(
      'Juniper MX: 34 of an observation domain that is not the one of the header belongs to that of the header',
    ),
  },
  {
    exporter: 'Juniper SRX',
    quirk: 'totals 85 and 86 only; options of scope System with length 0',
    captures: logstash('netflow9_test_juniper_srx_tplopt.dat'),
    tests: [
      ...vendors('SRX: the totals 85 and 86 where there is nothing else, never for a delta of 0'),
      ...decode('malformed', 'NetFlow v9 with a scope of length 0 (Juniper SRX) and with scope only are read'),
    ],
  },
  {
    exporter: 'Juniper',
    quirk: 'options records are no flows',
    captures: logstash('ipfix_test_juniper_mx240_junos151r6s3_*'),
    tests: decode('templated/options-set', 'of data records tell nothing'),
  },
  {
    exporter: 'Mikrotik',
    quirk: '21 and 22 without 160 (times of the export), with 160 behind them, sizes that do not match',
    captures: logstash(
      'ipfix_test_mikrotik_data258.dat',
      'ipfix_test_mikrotik_data259.dat',
      'netflow5_test_microtik.dat',
    ),
    tests: vendors('Huawei and Mikrotik: 160 in the record, before or after 21 and 22'),
    note: 'IPv6 byte counts of 6.x are wrong as sent',
  },
  {
    exporter: 'VMware vDS',
    quirk: 'counters are scaled already and no option says so',
    captures: logstash('ipfix_test_vmware_vds_*'),
    tests: sampling('is known by the elements of VMware', 'vSphere switch'),
  },
  {
    exporter: 'VMware vDS',
    quirk: 'the sequence number counts its own message too',
    tests: decode('exporters/sequence', 'that count the records sent up to and %s the message'),
  },
  {
    exporter: 'VMware vDS, NSX',
    quirk: 'tenant elements of enterprise 6876 for the inner packet, 351 as segment, the UUID of the VM',
    captures: logstash('ipfix_test_vmware_vds_data264.dat'),
    tests: vendors(
      'VMware: the tenant elements describe the inner packet',
      'VMware: tenants of IPv6 in IPv4, and of IPv4 in IPv6',
      'NSX: the UUID of the VM is the station',
    ),
    note: 'no capture of overlay templates is public',
  },
  {
    exporter: 'Open vSwitch',
    quirk:
      '118 templates; 158 and 159 from the export; tunnel elements 891 to 897 of enterprise 6876; names in 82 and 83',
    captures: ['openvswitch-generated/ovs-ipfix.pcap'],
    tests: vendors(
      'Open vSwitch: microseconds before the export (158, 159), of any size',
      'Open vSwitch: the key of its tunnel (892, variable) is the segment; its addresses stay the inner ones',
      'Open vSwitch: totals and deltas of a record agree, times lie before the export',
    ),
  },
  {
    exporter: 'Open vSwitch',
    quirk: 'IPFIX counters are scaled already',
    captures: ['openvswitch-generated/ovs-ipfix.pcap', 'vflow/extracted/decoder_test__init_2.bin'],
    tests: sampling(
      'is known by the start of the templates of Open vSwitch, which name no enterprise without a tunnel',
      'Open vSwitch 3.1',
      'Open vSwitch 2',
    ),
  },
  {
    exporter: 'Open vSwitch',
    quirk: 'the sFlow data source is the bridge',
    captures: ['openvswitch-generated/ovs-sflow.pcap'],
    tests: sflow(
      'captures',
      'of Open vSwitch: the data source is the bridge, which sees each packet once, as it arrives',
    ),
  },
  {
    exporter: 'Palo Alto',
    quirk: '56701 and 56702 in NetFlow v9, datagrams filled with zeros',
    captures: logstash('netflow9_test_paloalto_*'),
    tests: vendors('Palo Alto: application and user names of v9, then zeros to the end of the packet'),
  },
  {
    exporter: 'Fortinet',
    quirk: '1 and 23 together, 95 of 9 bytes, rates by options of scope System that change',
    captures: logstash(
      'netflow9_test_fortigate_fortios_521_data257.dat',
      'netflow9_test_fortigate_fortios_542_appid_data258_262.dat',
    ),
    tests: [
      ...sampling(
        'FortiGate: 34 of scope System',
        'of a later datagram change the rate; the change is counted, saying the same again is not',
      ),
      ...vendors('Fortinet, OPNsense and Huawei: 23 and 24 count only where 1 and 2 are 0'),
    ],
  },
  {
    exporter: 'Nokia BRAS',
    quirk: 'NAT log without counters, one time only',
    captures: logstash('ipfix_test_nokia_bras_data256.dat'),
    tests: vendors('one of start and end stands for both'),
  },
  {
    exporter: 'OPNsense, ng_netflow',
    quirk: '23 and 24 of 0 behind 1 and 2',
    tests: vendors('Fortinet, OPNsense and Huawei: 23 and 24 count only where 1 and 2 are 0'),
  },
  {
    exporter: 'one of logstash',
    quirk: 'fields of length 0 in templates',
    captures: logstash('netflow9_test_0length_fields_tpl_data.dat'),
    tests: decode('malformed', '%s fills no column, the fields behind it do'),
  },
  {
    exporter: 'softflowd',
    quirk: 'interface 0 in options is every interface; IPFIX numbers include the message',
    captures: ['softflowd-generated/*'],
    tests: [
      ...sampling('interface 0, as softflowd names it, is every interface'),
      ...decode(
        'exporters/sequence',
        'in every capture of the corpus what is lost is what is missing, and nobody started again',
      ),
      ...testsOf('commands/softflowd.slow.test.ts', 'softflowd exports to a Hairpin without documents'),
    ],
  },
  {
    exporter: 'Ixia',
    quirk: 'padding of 4 to 7 bytes, nested lists',
    captures: ['beats/pcap/netflow9_e10s_4_7byte_pad.pcap', ...logstash('ipfix_test_ixia_*')],
    tests: decode('templated/lists', '%s is read without a fault'),
  },
  {
    exporter: 'Arista',
    quirk: 'interfaces of more than 30 bits in expanded samples; outer tag 0x8100 of two',
    captures: ['tcpdump/sflow_expanded.pcap', 'akvorado/sflow/data-qinq.pcap'],
    tests: [
      ...sflow('captures', 'of tcpdump: %s has the %i samples that tcpdump prints'),
      ...packetCases('802.1ad, two tags with priority'),
    ],
  },
  {
    exporter: 'YAF',
    quirk: 'application data and MAC addresses in lists',
    captures: logstash('ipfix_test_yaf_*'),
    tests: decode('templated/lists', 'YAF tells MAC addresses in a subTemplateMultiList'),
  },
  {
    exporter: 'Netscaler',
    quirk: 'the fraction of its NTP times is a number of microseconds',
    captures: logstash('ipfix_test_netscaler_data.dat'),
    tests: vendors('NTP (154 to 157, 324, 325), and Netscaler, whose fraction is a number of microseconds'),
  },
  {
    exporter: 'Procera',
    quirk: 'fields of floating point',
    captures: logstash('ipfix_test_procera_data52935.dat'),
    note: 'fill no column',
  },
  {
    exporter: 'many',
    quirk: 'exporters behind one translated address: the port tells them apart',
    tests: [
      ...decode('exporters/sequence', 'two exporters behind one translated address are two sequences'),
      ...decode('exporters/take-over', 'never mixes with another that is live, as two behind one NAT are'),
    ],
  },
  {
    exporter: 'many',
    quirk: 'direction (61) is absent or fixed: kept as sent, never turned',
    tests: decode('kernels', 'direction %i is %s'),
  },
  {
    exporter: 'many',
    quirk: 'VLAN 0 is a priority tag, 58 is 0 where 243 is filled',
    tests: decode('templated/template', '0 is no VLAN', '58 fills in where 243 is zero'),
  },
  {
    exporter: 'Meraki, Viptela',
    quirk: 'times that do not move or lie years away',
    captures: logstash('ipfix_test_viptela_data257.dat'),
    tests: testsOf(
      'enricher/times.test.ts',
      'a flow that ended outside the limits has a clock nobody believes: both times become receivedAt',
    ),
  },
];
