// How the sFlow 5 structures are laid out: sFlow Version 5 and the specifications of 802.11, LAG, OpenFlow, host, HTTP,
// memcache, application, tunnel, drop and transit structures at https://sflow.org/developers/specifications.php, the rest
// as its users publish it (host-sflow, Broadcom, NVIDIA). A layout is what xdrLayout() reads. Structures that are named
// (collector/decode/sflow/structures.ts) and are not here are printed as octets.

import { type Layout, xdrLayout } from './xdr.ts';

type Layouts = Readonly<Record<string, Layout>>;

function layouts(texts: Readonly<Record<string, string>>): Layouts {
  return Object.fromEntries(Object.entries(texts).map(([type, text]) => [type, xdrLayout(text)]));
}

/** Datagram header behind the version. */
export const DATAGRAM_LAYOUT = xdrLayout('agent_address:address sub_agent_id sequence_number uptime samples');

/** What a sample holds before its records, by type; records follow. */
export const SAMPLE_LAYOUTS: Layouts = layouts({
  '0.1': 'sequence_number source_id sampling_rate sample_pool drops input output records',
  '0.2': 'sequence_number source_id records',
  '0.3': 'sequence_number source_id:source sampling_rate sample_pool drops input:interface output:interface records',
  '0.4': 'sequence_number source_id:source records',
  '0.5': 'sequence_number source_id:source drops input output reason records',
});

const IPV4_TUNNEL = 'header:ipv4_header';
const IPV6_TUNNEL = 'header:ipv6_header';
const L2_TUNNEL = 'header:ethernet';

/** Flow records by enterprise.format. */
export const FLOW_LAYOUTS: Layouts = layouts({
  '0.1': 'protocol frame_length stripped header:opaque',
  '0.2': 'length src_mac:mac dst_mac:mac type',
  '0.3': 'length protocol src_ip:ipv4 dst_ip:ipv4 src_port dst_port tcp_flags tos',
  '0.4': 'length protocol src_ip:ipv6 dst_ip:ipv6 src_port dst_port tcp_flags priority',
  '0.1001': 'src_vlan src_priority dst_vlan dst_priority',
  '0.1002': 'nexthop:address src_mask_len dst_mask_len',
  '0.1003': 'nexthop:address as src_as src_peer_as dst_as_path:as_path[] communities:u32[] localpref',
  '0.1004': 'src_charset src_user:string dst_charset dst_user:string',
  '0.1005': 'direction url:string host:string',
  '0.1006': 'nexthop:address in_stack:u32[] out_stack:u32[]',
  '0.1007': 'src_address:address dst_address:address',
  '0.1008': 'tunnel_lsp_name:string tunnel_id tunnel_cos',
  '0.1009': 'vc_instance_name:string vll_vc_id vc_label_cos',
  '0.1010': 'mplsFTNDescr:string mplsFTNMask',
  '0.1011': 'mplsFecAddrPrefixLength',
  '0.1012': 'stack:u32[]',
  '0.1013': 'ciphersuite data:opaque',
  '0.1014': 'ssid:string bssid:mac version channel speed:u64 rsni rcpi packet_duration',
  '0.1015': 'ssid:string bssid:mac version transmissions packet_duration retrans_duration channel speed:u64 power',
  '0.1017': 'flow_cookie:u64 flow_match flow_actions',
  '0.1020': 'src_port dst_port',
  '0.1021': L2_TUNNEL,
  '0.1022': L2_TUNNEL,
  '0.1023': IPV4_TUNNEL,
  '0.1024': IPV4_TUNNEL,
  '0.1025': IPV6_TUNNEL,
  '0.1026': IPV6_TUNNEL,
  '0.1027': 'inner_header_offset',
  '0.1028': 'inner_header_offset',
  '0.1029': 'vni',
  '0.1030': 'vni',
  '0.1031': 'src_vl src_sl src_dlid src_slid src_lnh dst_vl dst_sl dst_dlid dst_slid dst_lnh',
  '0.1032': 'flow_label tc s_gid:octets16 d_gid:octets16 next_header length',
  '0.1033': 'pkey dst_qp opcode',
  '0.1034': 'stack:u32[]',
  '0.1035': 'stack:u32[]',
  '0.1036': 'queue',
  '0.1037': 'number name:string direction',
  '0.1038': 'symbol:string',
  '0.1039': 'delay',
  '0.1040': 'depth',
  '0.1041': 'group:string trap:string',
  '0.1042': 'reason:string',
  '0.2000': 'direction wait duration status bytes_received:u64 bytes_send:u64',
  '0.2001': 'path:string operation status',
  '0.2002': 'lun operation status',
  '0.2003': 'url:string host:string referer:string useragent:string user:string status',
  '0.2100': 'protocol local_ip:ipv4 remote_ip:ipv4 local_port remote_port',
  '0.2101': 'protocol local_ip:ipv6 remote_ip:ipv6 local_port remote_port',
  '0.2102': 'socket:ipv4_socket',
  '0.2103': 'socket:ipv6_socket',
  '0.2200': 'protocol cmd key:string nkeys value_bytes uS status',
  '0.2202': 'context:context status_descr:string req_bytes:u64 resp_bytes:u64 uS status',
  '0.2203': 'context:context',
  '0.2204': 'actor:string',
  '0.2205': 'actor:string',
  '0.2206':
    'method protocol uri:string host:string referer:string useragent:string xff:string authuser:string ' +
    'mime_type:string req_bytes:u64 resp_bytes:u64 uS status:i32',
  '0.2207': 'uri:string host:string',
  '0.2209': 'dir snd_mss rcv_mss unacked lost retrans pmtu rtt rttvar snd_cwnd reordering min_rtt',
  '0.2210': 'src_ds:source dst_ds:source',
  '4413.1': 'queue',
});

/** Counter records by enterprise.format. */
export const COUNTER_LAYOUTS: Layouts = layouts({
  '0.1':
    'ifIndex ifType ifSpeed:u64 ifDirection ifStatus ifInOctets:u64 ifInUcastPkts ifInMulticastPkts ' +
    'ifInBroadcastPkts ifInDiscards ifInErrors ifInUnknownProtos ifOutOctets:u64 ifOutUcastPkts ' +
    'ifOutMulticastPkts ifOutBroadcastPkts ifOutDiscards ifOutErrors ifPromiscuousMode',
  '0.2':
    'dot3StatsAlignmentErrors dot3StatsFCSErrors dot3StatsSingleCollisionFrames dot3StatsMultipleCollisionFrames ' +
    'dot3StatsSQETestErrors dot3StatsDeferredTransmissions dot3StatsLateCollisions dot3StatsExcessiveCollisions ' +
    'dot3StatsInternalMacTransmitErrors dot3StatsCarrierSenseErrors dot3StatsFrameTooLongs ' +
    'dot3StatsInternalMacReceiveErrors dot3StatsSymbolErrors',
  '0.3':
    'dot5StatsLineErrors dot5StatsBurstErrors dot5StatsACErrors dot5StatsAbortTransErrors dot5StatsInternalErrors ' +
    'dot5StatsLostFrameErrors dot5StatsReceiveCongestions dot5StatsFrameCopiedErrors dot5StatsTokenErrors ' +
    'dot5StatsSoftErrors dot5StatsHardErrors dot5StatsSignalLoss dot5StatsTransmitBeacons dot5StatsRecoverys ' +
    'dot5StatsLobeWires dot5StatsRemoves dot5StatsSingles dot5StatsFreqErrors',
  '0.4':
    'dot12InHighPriorityFrames dot12InHighPriorityOctets:u64 dot12InNormPriorityFrames ' +
    'dot12InNormPriorityOctets:u64 dot12InIPMErrors dot12InOversizeFrameErrors dot12InDataErrors ' +
    'dot12InNullAddressedFrames dot12OutHighPriorityFrames dot12OutHighPriorityOctets:u64 ' +
    'dot12TransitionIntoTrainings dot12HCInHighPriorityOctets:u64 dot12HCInNormPriorityOctets:u64 ' +
    'dot12HCOutHighPriorityOctets:u64',
  '0.5': 'vlan_id octets:u64 ucastPkts multicastPkts broadcastPkts discards',
  '0.6':
    'dot11TransmittedFragmentCount dot11MulticastTransmittedFrameCount dot11FailedCount dot11RetryCount ' +
    'dot11MultipleRetryCount dot11FrameDuplicateCount dot11RTSSuccessCount dot11RTSFailureCount ' +
    'dot11ACKFailureCount dot11ReceivedFragmentCount dot11MulticastReceivedFrameCount dot11FCSErrorCount ' +
    'dot11TransmittedFrameCount dot11WEPUndecryptableCount dot11QoSDiscardedFragmentCount ' +
    'dot11AssociatedStationCount dot11QoSCFPollsReceivedCount dot11QoSCFPollsUnusedCount ' +
    'dot11QoSCFPollsUnusableCount dot11QoSCFPollsLostCount',
  '0.7':
    'dot3adAggPortActorSystemID:mac dot3adAggPortPartnerOperSystemID:mac dot3adAggPortAttachedAggID ' +
    'dot3adAggPortState:octets4 dot3adAggPortStatsLACPDUsRx dot3adAggPortStatsMarkerPDUsRx ' +
    'dot3adAggPortStatsMarkerResponsePDUsRx dot3adAggPortStatsUnknownRx dot3adAggPortStatsIllegalRx ' +
    'dot3adAggPortStatsLACPDUsTx dot3adAggPortStatsMarkerPDUsTx dot3adAggPortStatsMarkerResponsePDUsTx',
  '0.1001': '5s_cpu 1m_cpu 5m_cpu total_memory:u64 free_memory:u64',
  '0.1002': 'elapsed_time on_channel_time on_channel_busy_time',
  '0.1004': 'datapath_id:u64 port_no',
  '0.1005': 'name:string',
  '0.2000': 'hostname:string uuid:octets16 machine_type os_name os_release:string',
  '0.2001': 'adapters:adapter[]',
  '0.2002': 'container_type container_index',
  '0.2003':
    'load_one:float load_five:float load_fifteen:float proc_run proc_total cpu_num cpu_speed uptime cpu_user ' +
    'cpu_nice cpu_system cpu_idle cpu_wio cpu_intr cpu_sintr interrupts contexts cpu_steal cpu_guest cpu_guest_nice',
  '0.2004':
    'mem_total:u64 mem_free:u64 mem_shared:u64 mem_buffers:u64 mem_cached:u64 swap_total:u64 swap_free:u64 ' +
    'page_in page_out swap_in swap_out',
  '0.2005':
    'disk_total:u64 disk_free:u64 part_max_used reads bytes_read:u64 read_time writes bytes_written:u64 write_time',
  '0.2006': 'bytes_in:u64 pkts_in errs_in drops_in bytes_out:u64 packets_out errs_out drops_out',
  '0.2007':
    'ipForwarding ipDefaultTTL ipInReceives ipInHdrErrors ipInAddrErrors ipForwDatagrams ipInUnknownProtos ' +
    'ipInDiscards ipInDelivers ipOutRequests ipOutDiscards ipOutNoRoutes ipReasmTimeout ipReasmReqds ipReasmOKs ' +
    'ipReasmFails ipFragOKs ipFragFails ipFragCreates',
  '0.2008':
    'icmpInMsgs icmpInErrors icmpInDestUnreachs icmpInTimeExcds icmpInParamProbs icmpInSrcQuenchs icmpInRedirects ' +
    'icmpInEchos icmpInEchoReps icmpInTimestamps icmpInAddrMasks icmpInAddrMaskReps icmpOutMsgs icmpOutErrors ' +
    'icmpOutDestUnreachs icmpOutTimeExcds icmpOutParamProbs icmpOutSrcQuenchs icmpOutRedirects icmpOutEchos ' +
    'icmpOutEchoReps icmpOutTimestamps icmpOutTimestampReps icmpOutAddrMasks icmpOutAddrMaskReps',
  '0.2009':
    'tcpRtoAlgorithm tcpRtoMin tcpRtoMax tcpMaxConn tcpActiveOpens tcpPassiveOpens tcpAttemptFails ' +
    'tcpEstabResets tcpCurrEstab tcpInSegs tcpOutSegs tcpRetransSegs tcpInErrs tcpOutRsts tcpInCsumErrs',
  '0.2010': 'udpInDatagrams udpNoPorts udpInErrors udpOutDatagrams udpRcvbufErrors udpSndbufErrors udpInCsumErrors',
  '0.2100': 'mhz cpus memory:u64 memory_free:u64 num_domains',
  '0.2101': 'state cpuTime nrVirtCpu',
  '0.2102': 'memory:u64 maxMemory:u64',
  '0.2103': 'capacity:u64 allocation:u64 physical:u64 rd_req rd_bytes:u64 wr_req wr_bytes:u64 errs',
  '0.2104': 'rx_bytes:u64 rx_packets rx_errs rx_drop tx_bytes:u64 tx_packets tx_errs tx_drop',
  '0.2105': 'vm_name:string vm_vendor:string vm_version:string',
  '0.2201':
    'method_option_count method_get_count method_head_count method_post_count method_put_count ' +
    'method_delete_count method_trace_count method_connect_count method_other_count status_1XX_count ' +
    'status_2XX_count status_3XX_count status_4XX_count status_5XX_count status_other_count',
  '0.2202':
    'application:string success other timeout internal_error bad_request forbidden too_large not_implemented ' +
    'not_found unavailable unauthorized',
  '0.2203': 'user_time system_time mem_used:u64 mem_max:u64 fd_open fd_max conn_open conn_max',
  '0.2206': 'workers_active workers_idle workers_max req_delayed req_dropped',
  '0.2207': 'hits misses lost mask_hits flows masks',
  '4413.1': 'uc_pc:i32 mc_pc:i32',
  '4413.2':
    'ingress_uc_pc:i32 ingress_mc_pc:i32 egress_uc_pc:i32 egress_mc_pc:i32 egress_queue_uc_pc:i32[] egress_queue_mc_pc:i32[]',
  '5703.1':
    'device_count processes gpu_time mem_time mem_total:u64 mem_free:u64 ecc_errors energy temperature fan_speed',
});
