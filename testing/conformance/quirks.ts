// What particular exporters do that the standards do not say, or say otherwise, and what is made of it.

import type { Quirk } from './proof.ts';

const logstash = (...names: readonly string[]) => names.map(name => `logstash-codec-netflow/${name}`);

export const QUIRKS: readonly Quirk[] = [
  {
    id: 'h3c-element-0',
    exporter: 'H3C',
    quirk: 'element 0 of 1 byte, element 43 in 2 bytes, prefixes 92 and 93 in NetFlow v9',
    captures: logstash('netflow9_test_h3c_data3281.dat'),
  },
  {
    id: 'h3c-vrf-name',
    exporter: 'H3C',
    quirk: '236 of variable length in NetFlow v9 (VRF name)',
    captures: logstash('netflow9_test_h3c_netstream_varstring_data3281.dat'),
  },
  {
    id: 'h3c-rate-0',
    exporter: 'H3C',
    quirk: '35 and 34 in the record are 0: unknown, not unsampled',
    captures: logstash('netflow9_test_h3c_data3281.dat'),
  },
  {
    id: 'netstream-templates',
    exporter: 'H3C, Huawei',
    quirk: 'templates every 30 minutes: data wait, templates are kept over a restart',
  },
  {
    id: 'netstream-fixed',
    exporter: 'H3C, Huawei',
    quirk: 'NetStream v5 and v8 as default: the layouts of Cisco',
    note: 'no capture of a NetStream v5 or v8 is public',
  },
  {
    id: 'h3c-version-10',
    exporter: 'H3C',
    quirk: 'version 10 with the switch for templates of RFC 7011 off',
    unsupported: 'no capture of it is public; with the switch on it is IPFIX',
  },
  {
    id: 'huawei-232',
    exporter: 'Huawei',
    quirk: '232 as a plain id of NetFlow v9, ifIndex in 16 bits',
    captures: logstash('netflow9_test_huawei_netstream_data.dat'),
  },
  {
    id: 'huawei-rate',
    exporter: 'Huawei',
    quirk: 'no rate in the header of v5, none in v9 without its option: unknown; a static rate by exporter serves',
    captures: logstash('netflow9_test_huawei_netstream_data.dat'),
  },
  {
    id: 'huawei-times',
    exporter: 'Huawei',
    quirk: '160 in each record behind 21 and 22; outer IPv6 and inner IPv4 with repeated elements (template 6017)',
    captures: ['pmacct/106-*'],
  },
  {
    id: 'huawei-vrf',
    exporter: 'Huawei',
    quirk: 'VRF name and distinguisher in options of scope 234 and 235',
    captures: ['pmacct/106-*'],
  },
  {
    id: 'huawei-zero-counters',
    exporter: 'Huawei',
    quirk: '23 and 24 always 0',
  },
  {
    id: 'asa-events',
    exporter: 'Cisco ASA',
    quirk:
      'events: bytes in 231 and 232, packets in 298 and 299, no 1 and 2; updates and teardowns report the same bytes twice',
    captures: logstash('netflow9_test_cisco_asa_1_data.dat', 'netflow9_test_cisco_asa_2_data.dat'),
  },
  {
    id: 'asa-elements',
    exporter: 'Cisco ASA',
    quirk: 'ids 33000 to 33002 and 40000 to 40005, 152 and 323 in NetFlow v9, user names filled with NUL',
    captures: logstash('netflow9_test_cisco_asa_1_data.dat'),
  },
  {
    id: 'xr-times',
    exporter: 'Cisco IOS-XR',
    quirk: '21 and 22 in data, 160 in options of scope 149: times are those of the export until it has come',
    captures: ['pmacct/4*', 'pmacct/5*'],
  },
  {
    id: 'xr-selectors',
    exporter: 'Cisco IOS-XR',
    quirk: 'rates by selector (302) in options: 305, 304, 309, 310; 305 alone says nothing',
    captures: ['pmacct/104-*', 'pmacct/500-*'],
  },
  {
    id: 'xr-ids',
    exporter: 'Cisco IOS-XR',
    quirk: 'ids of VRFs and interfaces are given anew at run time',
    captures: ['pmacct/112-*'],
  },
  {
    id: 'xr-families',
    exporter: 'Cisco IOS-XR',
    quirk: 'templates with both families of addresses: the one that is set counts',
    captures: ['pmacct/401-*', 'pmacct/501-*'],
  },
  {
    id: 'xr-ethertype',
    exporter: 'Cisco IOS-XR',
    quirk: 'EtherType 0xfe and MAC addresses of other headers in element 256, 56 and 80 of routed traffic',
    captures: ['pmacct/502-*', 'pmacct/401-*'],
    note: 'kept as sent, as NetGauze and pmacct keep them',
  },
  {
    id: 'asr9k-interfaces',
    exporter: 'Cisco ASR 9000',
    quirk: 'options of scope 1 (System) with 10 behind it name interfaces',
    captures: logstash('netflow9_test_cisco_asr9k_data256.dat'),
  },
  {
    id: 'nxos-wide-times',
    exporter: 'Cisco NX-OS',
    quirk: '21 and 22 in 8 bytes',
  },
  {
    id: 'wlc-station',
    exporter: 'Cisco WLC',
    quirk: 'the station in 365 and 366, the direction in 61: no ends',
    captures: logstash('netflow9_test_cisco_wlc_data261.dat'),
    note: 'a record reports one address only; ends stay empty',
  },
  {
    id: 'cisco-options-order',
    exporter: 'Cisco',
    quirk: 'options templates in the datagram of their data; templates behind their data',
    captures: ['akvorado/netflow/data+templates.pcap'],
  },
  {
    id: 'juniper-domain-rate',
    exporter: 'Juniper',
    quirk: 'rate in 34 of options of scope 144, an observation domain for each family',
    captures: logstash('ipfix_test_juniper_mx240_junos151r6s3_data512.dat'),
  },
  {
    id: 'srx-totals',
    exporter: 'Juniper SRX',
    quirk: 'totals 85 and 86 only; options of scope System with length 0',
    captures: logstash('netflow9_test_juniper_srx_tplopt.dat'),
  },
  {
    id: 'juniper-options',
    exporter: 'Juniper',
    quirk: 'options records are no flows',
    captures: logstash('ipfix_test_juniper_mx240_junos151r6s3_*'),
  },
  {
    id: 'mikrotik-times',
    exporter: 'Mikrotik',
    quirk: '21 and 22 without 160 (times of the export), with 160 behind them, sizes that do not match',
    captures: logstash(
      'ipfix_test_mikrotik_data258.dat',
      'ipfix_test_mikrotik_data259.dat',
      'netflow5_test_microtik.dat',
    ),
    note: 'IPv6 byte counts of 6.x are wrong as sent',
  },
  {
    id: 'vmware-prescaled',
    exporter: 'VMware vDS',
    quirk: 'counters are scaled already and no option says so',
    captures: logstash('ipfix_test_vmware_vds_*'),
  },
  {
    id: 'vmware-sequence',
    exporter: 'VMware vDS',
    quirk: 'the sequence number counts its own message too',
  },
  {
    id: 'nsx-tenant',
    exporter: 'VMware vDS, NSX',
    quirk: 'tenant elements of enterprise 6876 for the inner packet, 351 as segment, the UUID of the VM',
    captures: logstash('ipfix_test_vmware_vds_data264.dat'),
    note: 'no capture of overlay templates is public',
  },
  {
    id: 'ovs-templates',
    exporter: 'Open vSwitch',
    quirk:
      '118 templates; 158 and 159 from the export; tunnel elements 891 to 897 of enterprise 6876; names in 82 and 83',
    captures: ['made/ovs-ipfix.pcap'],
  },
  {
    id: 'ovs-prescaled',
    exporter: 'Open vSwitch',
    quirk: 'IPFIX counters are scaled already',
    captures: ['made/ovs-ipfix.pcap', 'vflow/extracted/decoder_test__init_2.bin'],
  },
  {
    id: 'ovs-source',
    exporter: 'Open vSwitch',
    quirk: 'the sFlow data source is the bridge',
    captures: ['made/ovs-sflow.pcap'],
  },
  {
    id: 'paloalto-elements',
    exporter: 'Palo Alto',
    quirk: '56701 and 56702 in NetFlow v9, datagrams filled with zeros',
    captures: logstash('netflow9_test_paloalto_*'),
  },
  {
    id: 'fortinet-counters',
    exporter: 'Fortinet',
    quirk: '1 and 23 together, 95 of 9 bytes, rates by options of scope System that change',
    captures: logstash(
      'netflow9_test_fortigate_fortios_521_data257.dat',
      'netflow9_test_fortigate_fortios_542_appid_data258_262.dat',
    ),
  },
  {
    id: 'nokia-nat',
    exporter: 'Nokia BRAS',
    quirk: 'NAT log without counters, one time only',
    captures: logstash('ipfix_test_nokia_bras_data256.dat'),
  },
  {
    id: 'opnsense-counters',
    exporter: 'OPNsense, ng_netflow',
    quirk: '23 and 24 of 0 behind 1 and 2',
  },
  {
    id: 'zero-length-fields',
    exporter: 'one of logstash',
    quirk: 'fields of length 0 in templates',
    captures: logstash('netflow9_test_0length_fields_tpl_data.dat'),
  },
  {
    id: 'softflowd-interface-0',
    exporter: 'softflowd',
    quirk: 'interface 0 in options is every interface; IPFIX numbers include the message',
    captures: ['made/softflowd-*'],
  },
  {
    id: 'ixia-padding',
    exporter: 'Ixia',
    quirk: 'padding of 4 to 7 bytes, nested lists',
    captures: ['beats/pcap/netflow9_e10s_4_7byte_pad.pcap', ...logstash('ipfix_test_ixia_*')],
  },
  {
    id: 'arista-interfaces',
    exporter: 'Arista',
    quirk: 'interfaces of more than 30 bits in expanded samples; outer tag 0x8100 of two',
    captures: ['tcpdump/sflow_expanded.pcap', 'akvorado/sflow/data-qinq.pcap'],
  },
  {
    id: 'yaf-lists',
    exporter: 'YAF',
    quirk: 'application data and MAC addresses in lists',
    captures: logstash('ipfix_test_yaf_*'),
  },
  {
    id: 'netscaler-fraction',
    exporter: 'Netscaler',
    quirk: 'the fraction of its NTP times is a number of microseconds',
    captures: logstash('ipfix_test_netscaler_data.dat'),
  },
  {
    id: 'procera-floats',
    exporter: 'Procera',
    quirk: 'fields of floating point',
    captures: logstash('ipfix_test_procera_data52935.dat'),
    note: 'fill no column',
  },
  {
    id: 'shared-address',
    exporter: 'many',
    quirk: 'exporters behind one translated address: the port distinguishes them',
  },
  {
    id: 'shared-agent-address',
    exporter: 'many',
    quirk: 'sFlow agents that report one agent address (127.0.0.1, a default): the source address distinguishes them',
    note: 'where their sequence numbers cannot be one; counted as a clash, not as loss',
  },
  {
    id: 'direction-absent',
    exporter: 'many',
    quirk: 'direction (61) is absent or fixed: kept as sent, never turned',
  },
  {
    id: 'vlan-0',
    exporter: 'many',
    quirk: 'VLAN 0 is a priority tag, 58 is 0 where 243 is filled',
  },
  {
    id: 'frozen-times',
    exporter: 'Meraki, Viptela',
    quirk: 'times that do not move or lie years away',
    captures: logstash('ipfix_test_viptela_data257.dat'),
  },
];
