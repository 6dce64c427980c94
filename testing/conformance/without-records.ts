// Files of the corpus that give no flow record, by reason. A file that gives none and is not here is an error, and so is
// one that is here and gives some.

function inFolder(folder: string, names: string): string[] {
  return names
    .trim()
    .split(/\s+/)
    .map(name => `${folder}/${name}`);
}

export const WITHOUT_RECORDS: Readonly<Record<string, readonly string[]>> = {
  'templates and options only; data, if any, are in the next files of the exporter': [
    ...inFolder(
      'logstash-codec-netflow',
      `
        ipfix_test_barracuda_tpl.dat ipfix_test_barracuda_extended_uniflow_tpl256.dat
        ipfix_test_mikrotik_tpl.dat ipfix_test_netscaler_tpl.dat ipfix_test_nokia_bras_tpl.dat
        ipfix_test_openbsd_pflow_tpl.dat ipfix_test_procera_tpl52935.dat ipfix_test_viptela_tpl257.dat
        ipfix_test_vmware_vds_tpl.dat ipfix_test_yaf_tpls_option_tpl.dat ipfix_test_yaf_tpl45841.dat
        ipfix_test_juniper_mx240_junos151r6s3_opttpl512.dat
        ipfix_test_juniper_mx240_junos151r6s3_data512.dat ipfix_test_yaf_data53248.dat
        netflow9_test_cisco_aci_tpl256-258.dat netflow9_test_cisco_asa_1_tpl.dat
        netflow9_test_cisco_asa_2_tpl_26x.dat netflow9_test_cisco_asa_2_tpl_27x.dat
        netflow9_test_cisco_asr9k_opttpl256.dat netflow9_test_cisco_asr9k_data256.dat
        netflow9_test_cisco_asr9k_opttpl257.dat netflow9_test_cisco_asr9k_opttpl334.dat
        netflow9_test_cisco_asr9k_tpl260.dat netflow9_test_cisco_asr9k_tpl266.dat
        netflow9_test_cisco_nbar_opttpl260.dat netflow9_test_cisco_nbar_tpl262.dat
        netflow9_test_cisco_wlc_8510_tpl_262.dat netflow9_test_cisco_wlc_tpl.dat
        netflow9_test_fortigate_fortios_521_tpl.dat netflow9_test_fortigate_fortios_521_data256.dat
        netflow9_test_fortigate_fortios_542_appid_tpl258-269.dat netflow9_test_h3c_tpl3281.dat
        netflow9_test_h3c_netstream_varstring_tpl3281.dat netflow9_test_huawei_netstream_tpl.dat
        netflow9_test_juniper_srx_tplopt.dat netflow9_test_field_layer2segmentid_tpl.dat
        netflow9_test_macaddr_tpl.dat netflow9_test_nprobe_tpl.dat netflow9_test_paloalto_81_tpl256-263.dat
        netflow9_test_paloalto_panos_tpl.dat netflow9_test_ubnt_edgerouter_tpl.dat
      `,
    ),
    ...inFolder(
      'akvorado/netflow',
      `
        options-template.pcap options-data.pcap template.pcap samplingrate-template.pcap
        multiplesamplingrates-options-template.pcap multiplesamplingrates-options-data.pcap
        multiplesamplingrates-template.pcap datalink-template.pcap ipfix-srv6-template.pcap
        ethernet-over-mpls-with-control-word-template.pcap ipfixprobe-templates.pcap
        juniper-cpid-template.pcap
      `,
    ),
    ...inFolder(
      'goflow2/extracted',
      `
        netflow_test__TestDecodeNetFlowV9_0.bin
      `,
    ),
    ...inFolder(
      'netflow_parser/extracted',
      `
        tests__it_parses_v9_no_data_9.bin tests__it_parses_v9_options_template_15.bin
        tests__it_parses_ipfix_options_template_24.bin
        tests__it_parses_ipfix_options_template_with_data_25.bin
        tests__it_parses_ipfix_enterprise_bit_template_and_data_27.bin
        tests__test_template_reregistration_same_definition_29.bin
      `,
    ),
    ...inFolder(
      'vflow/extracted',
      `
        decoder_test__TestDecodeDataTpl_5.bin decoder_test__init_0.bin decoder_test__init_1.bin
      `,
    ),
    ...inFolder(
      'libnetflow9',
      `
        malformed_4.pcap
      `,
    ),
    ...inFolder(
      'libnetflow9/fuzz-corpus',
      `
        pcap_malformed_4
      `,
    ),
    ...inFolder(
      'ipfixcol',
      `
        withdrawal-message-256.ipfix
      `,
    ),
    ...inFolder(
      'pmacct/112-IPFIXv10-CISCO-options-map-reassignment',
      `
        traffic-00.pcap
      `,
    ),
  ],
  'data whose template is in no file': [
    ...inFolder(
      'ipfixcol',
      `
        only-data-no-templates.ipfix
      `,
    ),
    ...inFolder(
      'netflow_parser/extracted',
      `
        tests__it_parses_ipfix_data_cached_template_21.bin
      `,
    ),
  ],
  'NetFlow v8 of an aggregation that nobody defined': [
    ...inFolder(
      'beats/extracted',
      `
        v8_Unknown.bin
      `,
    ),
  ],
  'sFlow without flow samples: counters and discarded packets': [
    ...inFolder(
      'cistern-sflow',
      `
        counter_sample.dump event_discarded_packet.dump host_sample.dump
      `,
    ),
    ...inFolder(
      'goflow2/extracted',
      `
        sflow_test__TestSFlowDecodeDropEgressQueue_2.bin sflow_test__TestSFlowDecodeDropExtendedACL_3.bin
        sflow_test__TestSFlowDecodeDropExtendedFunction_4.bin
      `,
    ),
    ...inFolder(
      'gopacket/extracted',
      `
        sflow_test__SFlowTestPacket3_2.bin sflow_test__SFlowTestPacket9_8.bin
        sflow_test__SFlowTestPacket10_9.bin sflow_test__SFlowTestPacket12_12.bin
        sflow_test__SFlowTestPacket13_13.bin
      `,
    ),
  ],
  'sFlow flow samples that hold no packet, made by hand to try one extended record': [
    ...inFolder(
      'gopacket/extracted',
      `
        sflow_test__SFlowTestPacket4_3.bin sflow_test__SFlowTestPacket5_4.bin
        sflow_test__SFlowTestPacket6_5.bin sflow_test__SFlowTestPacket7_6.bin
        sflow_test__SFlowTestPacket8_7.bin sflow_test__SFlowTestPacket11_10.bin
      `,
    ),
  ],
  'encapsulated packets and no export datagram: `packet/tshark.test.ts` compares them with tshark': [
    ...inFolder(
      'akvorado/inner-packets',
      `
        gre-v4-key.pcap gre-v4-plain.pcap gre-v6-plain.pcap ipv4-ipv4.pcap ipv4-ipv6.pcap
        mpls-eompls-cw.pcap mpls-eompls-invalid-cw.pcap mpls-explicit-null-ipv4.pcap
        mpls-explicit-null-ipv6.pcap mpls-invalid-nibble.pcap mpls-ipv4.pcap mpls-ipv6.pcap
        srv6-end-dt6.pcap vlan-ipv6.pcap
      `,
    ),
  ],
  'a packet and no export datagram': [
    ...inFolder(
      'goflow2/extracted',
      `
        producer_bench_test__benchSampledHeaderIPv6_0.bin producer_test__TestProcessMessageSFlow_0.bin
        producer_test__getSflowPacket_1.bin
      `,
    ),
    ...inFolder(
      'vflow/extracted',
      `
        packet_test__BenchmarkDecodeEthernetIPv4TCP_1.bin packet_test__TestDecodeEthernetIPv4TCP_0.bin
      `,
    ),
  ],
  'an Ethernet frame with an sFlow datagram in it, but no capture around it': [
    ...inFolder(
      'gopacket/extracted',
      `
        sflow_test__SFlowTestPacket1_0.bin sflow_test__SFlowTestPacket2_1.bin
      `,
    ),
  ],
  'part of a message: sets or a header only, or cut where it was lifted from': [
    ...inFolder(
      'beats/extracted',
      `
        ipfix_TestReadOptionsTemplateFlowSet_a0.bin ipfix_TestReadOptionsTemplateFlowSet_a1.bin
        ipfix_TestReadOptionsTemplateFlowSet_a2.bin ipfix_TestReadOptionsTemplateFlowSet_a3.bin
        ipfix_TestReadOptionsTemplateFlowSet_a4.bin ipfix_TestReadRecordTemplateFlowSet_a5.bin
        ipfix_TestReadRecordTemplateFlowSet_a6.bin v9_TestDecoderV9_ReadPacketHeader_a0.bin
        v9_TestReadOptionsTemplateFlowSet_a1.bin v9_TestReadOptionsTemplateFlowSet_a2.bin
        v9_TestReadOptionsTemplateFlowSet_a3.bin v9_TestReadOptionsTemplateFlowSet_a4.bin
        v9_TestReadTemplateFlowSet_a5.bin v9_TestReadTemplateFlowSet_a6.bin
        v6_TestNetflowProtocol_OnPacket_1.bin v7_TestNetflowProtocol_OnPacket_1.bin
      `,
    ),
    ...inFolder(
      'vflow/extracted',
      `
        decoder_test__init_3.bin
      `,
    ),
  ],
  'malformed on purpose': [
    ...inFolder(
      'ipfixcol',
      `
        bad-length-in-set-very-long.ipfix bad-length-in-set.ipfix bad-template-field-count.ipfix
        header-and-zeros.ipfix
      `,
    ),
    ...inFolder(
      'libnetflow9',
      `
        malformed-OT.pcap malformed_1.pcap malformed_2.pcap malformed_3.pcap malformed_5.pcap
        malformed_6.pcap
      `,
    ),
    ...inFolder(
      'libnetflow9/fuzz-corpus',
      `
        0d396df5eec88d24de5261a8ea9262104f6e7da5 25228517aa87dccd2c216ebbc9169bfd10c00a4e
        320355ced694aa69924f6bb82e7b74f420303fd9 3cd1db56088570b169808f13638f643bd5e3228c
        3d5bb81dbbdad857a70b80dad9e7c35dc3e3f295 60cd5c2798d5288c6e6dfe1f93eacdb093b2a6fd
        66bdd3dd108599159cb2548b5718514afbd4ebb0 7f20f80ab9ea8163161802b7bbfe61c742cd86c1
        841bbe186b4f81a183766bc4a9fd867e2b4698a7 9ca73e30f42100f50921121745a4066c96e1fd26
        a38264829a14c662b331ae87027edbc98b66471a b17bb9bcffb9e7bcab3154b485b8bd6e33859a69 pcap-malformed-OT
        pcap_malformed_1
      `,
    ),
    ...inFolder(
      'netflow_parser/extracted',
      `
        tests__it_parses_ipfix_with_no_template_fields_22.bin
        tests__it_parses_ipfix_enterprise_bit_in_non_options_template_26.bin
        tests__it_raises_error_when_parsing_v9_with_no_template_fields_23.bin
      `,
    ),
    ...inFolder(
      'tcpdump',
      `
        sflow_print-segv.pcap
      `,
    ),
  ],
};

const reasons = new Map(
  Object.entries(WITHOUT_RECORDS).flatMap(([reason, files]) => files.map(file => [file, reason] as const)),
);

/** Why a file gives no records; `beats/dat` has the files of logstash. */
export function reasonWithoutRecords(file: string): string | undefined {
  return reasons.get(file.replace('beats/dat/', 'logstash-codec-netflow/'));
}
