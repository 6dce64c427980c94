// Every flow column, once. The batch in memory, the Arrow schema, the ClickHouse tables, what a question may group by
// and the field table of the documentation are derived from this list. One name in every layer. In a source, a number that
// stands alone is an information element: of the IANA, or of the enterprise before it (element-registry.test.ts).

import {
  BIFLOWS,
  COUNT_REASONS,
  COUNTER_SOURCES,
  DIRECTIONS,
  ELECTION_RULES,
  IDENTITIES,
  LOCALITIES,
  PROTOCOLS,
  RATE_SOURCES,
  RULES,
  SERVER_SIDE_REASONS,
  SERVER_SIDES,
  TIME_SOURCES,
} from './codes.ts';
import type { Column, ColumnsOf } from './columns.ts';
import { domainTitles } from './protocols.ts';

/**
 * Raised when a column changes its meaning or type; added columns do not raise it, because batches are read by name. Part
 * of the spool header, for information, and of the Kafka topic name.
 */
export const FLOW_SCHEMA_VERSION = 1;

const DELTA = 'CODEC(Delta, LZ4)';

// biome-ignore format: one line a column
export const FLOW_COLUMNS = [
  // When
  { name: 'receivedAt', kind: 'time', stage: 'decoded', codec: DELTA, reveals: 'nothing', about: 'when the collector received the datagram', source: 'collector' },
  { name: 'flowStart', kind: 'time', stage: 'decoded', codec: DELTA, reveals: 'nothing', about: 'first packet of the flow', source: '152, 150, 154, 156, 158, 22 with 160 or the header uptime, 153 less 161 or 162, 323, 322, 324, 325, 258; sFlow: receivedAt' },
  { name: 'flowEnd', kind: 'time', stage: 'decoded', codec: DELTA, reveals: 'nothing', about: 'last packet of the flow', source: '153, 151, 155, 157, 159, 21 with 160 or the header uptime, 152 and 161 or 162, 323, 322, 324, 325, 258; sFlow: receivedAt' },
  { name: 'timeSource', kind: 'u8', stage: 'decoded', codes: TIME_SOURCES, reveals: 'nothing', about: 'which statement gave flowStart and flowEnd', source: 'collector; replaced: enricher; skewed, unsteady: export time of the header against receivedAt' },
  // Who saw it
  { name: 'exporter', kind: 'address', stage: 'decoded', dimension: true, reveals: 'infrastructure', about: 'address of the exporter', source: 'source address of the datagram; sFlow: agent address' },
  { name: 'observationDomain', kind: 'u32', stage: 'decoded', dimension: true, reveals: 'infrastructure', about: 'part of the exporter that saw it', source: domainTitles() },
  { name: 'protocol', kind: 'u8', stage: 'decoded', codes: PROTOCOLS, dimension: true, reveals: 'nothing', about: 'export protocol', source: 'version word of the datagram' },
  { name: 'inIf', kind: 'u32', stage: 'decoded', dimension: true, reveals: 'infrastructure', opposite: 'outIf', about: 'ifIndex the packet came in by, 0 unknown', source: '10, 252; sFlow input' },
  { name: 'outIf', kind: 'u32', stage: 'decoded', dimension: true, reveals: 'infrastructure', opposite: 'inIf', about: 'ifIndex the packet left by, 0 unknown', source: '14, 253; sFlow output when it names one interface' },
  { name: 'direction', kind: 'u8', stage: 'decoded', codes: DIRECTIONS, dimension: true, reveals: 'infrastructure', oneWay: true, about: 'whether the observation point meters arriving or leaving packets', source: '61; sFlow source_id against input and output' },
  { name: 'forwardingStatus', kind: 'u8', stage: 'decoded', reveals: 'infrastructure', oneWay: true, about: 'RFC 7270 4.12: top bits 00 unknown, 01 forwarded, 10 dropped, 11 consumed', source: '89, 233 (denied is stored as dropped); sFlow output of a discarded packet is stored as dropped' },
  // How much of it was seen
  { name: 'samplingRate', kind: 'u32', stage: 'decoded', reveals: 'nothing', about: 'N of 1 in N; 1 unsampled, 0 unknown', source: '34, 305 and 306, 50, 311, 309 and 310, options, header; sFlow sampling_rate, and sample_pool for what got lost' },
  { name: 'rateSource', kind: 'u8', stage: 'decoded', codes: RATE_SOURCES, reveals: 'nothing', about: 'which statement gave samplingRate', source: 'collector' },
  { name: 'bytes', kind: 'u64', stage: 'decoded', reveals: 'nothing', oneWay: true, about: 'bytes as reported, unscaled: IP total length, or the frame less its layer-2 header', source: '1, 23, 85, 171, 352, 353, 231 (232 the other way); IP length in the packet of 315, 313, 104, 316 or 317; sFlow: IP length in the sampled header' },
  { name: 'packets', kind: 'u64', stage: 'decoded', reveals: 'nothing', oneWay: true, about: 'packets as reported, unscaled', source: '2, 24, 86, 172, 298 (299 the other way); one for each packet of 315, 313, 104, 316 or 317, and for each sFlow sample' },
  { name: 'l2Bytes', kind: 'u64', stage: 'decoded', reveals: 'nothing', oneWay: true, about: 'bytes with the layer-2 header, 0 not reported', source: '352, 353; 312 or 103 beside a packet; sFlow frame_length' },
  { name: 'bytesSumOfSquares', kind: 'u64', stage: 'decoded', reveals: 'nothing', oneWay: true, about: 'sum of the squared lengths of the packets behind bytes, bytes squared, 0 not reported', source: '198' },
  { name: 'packetBytesMax', kind: 'u32', stage: 'decoded', reveals: 'nothing', oneWay: true, about: 'length of the longest packet behind bytes, 0 not reported', source: '26' },
  { name: 'counterSource', kind: 'u8', stage: 'decoded', codes: COUNTER_SOURCES, reveals: 'nothing', about: 'what bytes, packets and l2Bytes are: as reported, or made of a running total (85, 86, 171, 172, 353)', source: 'collector' },
  // Who talked
  { name: 'srcAddr', kind: 'address', stage: 'decoded', dimension: true, reveals: 'address', opposite: 'dstAddr', about: 'source address, IPv4 mapped', source: 'VMware 881 or 883, 8, 27, Cisco 12236 or 12238; sampled header' },
  { name: 'dstAddr', kind: 'address', stage: 'decoded', dimension: true, reveals: 'address', opposite: 'srcAddr', about: 'destination address, IPv4 mapped', source: 'VMware 882 or 884, 12, 28, Cisco 12237 or 12239; sampled header' },
  { name: 'vrf', kind: 'u32', stage: 'decoded', dimension: true, reveals: 'infrastructure', about: 'VRF id of the exporter, 0 none', source: '234, 235' },
  { name: 'etherType', kind: 'u16', stage: 'decoded', dimension: true, reveals: 'nothing', about: 'EtherType of the layer described', source: '256, or by address family; sampled header' },
  { name: 'proto', kind: 'u8', stage: 'decoded', dimension: true, reveals: 'nothing', about: 'IP protocol number', source: 'VMware 880, 4; sampled header' },
  { name: 'srcPort', kind: 'u16', stage: 'decoded', dimension: true, reveals: 'infrastructure', opposite: 'dstPort', about: 'transport source port', source: 'VMware 886, 7, 180, 182, Cisco 12240; sampled header' },
  { name: 'dstPort', kind: 'u16', stage: 'decoded', dimension: true, reveals: 'infrastructure', opposite: 'srcPort', about: 'transport destination port; ICMP: type << 8 | code', source: 'VMware 887, ICMP type and code of 32, 139, 176 and 177, 178 and 179, 11, 181, 183, Cisco 12241; sampled header' },
  { name: 'tcpFlags', kind: 'u8', stage: 'decoded', reveals: 'infrastructure', oneWay: true, about: 'OR of the TCP flags', source: '6; sampled header' },
  { name: 'tos', kind: 'u8', stage: 'decoded', dimension: true, reveals: 'infrastructure', oneWay: true, about: 'IP type of service or traffic class', source: '5, 195; sampled header' },
  { name: 'srcMac', kind: 'u64', stage: 'decoded', dimension: true, reveals: 'address', opposite: 'dstMac', shows: 'mac', about: 'source MAC address, 48 bits, 0 not reported', source: '56, 81; sampled header' },
  { name: 'dstMac', kind: 'u64', stage: 'decoded', dimension: true, reveals: 'address', opposite: 'srcMac', shows: 'mac', about: 'destination MAC address, 48 bits, 0 not reported', source: '80, 57; sampled header' },
  { name: 'vlan', kind: 'u16', stage: 'decoded', dimension: true, reveals: 'infrastructure', about: 'C-VID, 0 untagged or priority tag', source: '243 or 245, 58, 254 or 255, 59; sampled header, sFlow extended_vlantunnel, extended_switch' },
  { name: 'sVlan', kind: 'u16', stage: 'decoded', dimension: true, reveals: 'infrastructure', about: 'S-VID: service VLAN or S-channel', source: '243 when 245 is present, 254 when 255 is; sampled header (0x88a8), sFlow extended_vlantunnel' },
  { name: 'ecid', kind: 'u32', stage: 'decoded', dimension: true, reveals: 'infrastructure', about: '802.1BR E-CID or VN-Tag vif', source: 'sampled header' },
  { name: 'vni', kind: 'u32', stage: 'decoded', dimension: true, reveals: 'infrastructure', about: 'overlay segment, 24 bits', source: '351, VMware 892 (Open vSwitch tunnelKey); sampled header, sFlow extended_vni' },
  { name: 'stationId', kind: 'bytes16', stage: 'decoded', reveals: 'infrastructure', about: 'UUID of the VM when the exporter sends it', source: '349, 347, VMware 951 or 960' },
  { name: 'biflow', kind: 'u8', stage: 'decoded', codes: BIFLOWS, reveals: 'nothing', about: 'half of a bidirectional record', source: 'RFC 5103: reverse elements make a second row, its ends swapped' },
  // What it means
  { name: 'srcVm', kind: 'u64', stage: 'enriched', dimension: true, reveals: 'infrastructure', opposite: 'dstVm', rollUp: 'pairs', shows: 'node', about: 'node key of the source VM or other endpoint of the inventory, 0 none', source: 'enricher' },
  { name: 'dstVm', kind: 'u64', stage: 'enriched', dimension: true, reveals: 'infrastructure', opposite: 'srcVm', rollUp: 'pairs', shows: 'node', about: 'node key of the destination VM or other endpoint of the inventory, 0 none', source: 'enricher' },
  { name: 'srcHost', kind: 'u64', stage: 'enriched', dimension: true, reveals: 'infrastructure', opposite: 'dstHost', rollUp: 'pairs', shows: 'node', about: 'node key of the host of the source', source: 'enricher' },
  { name: 'dstHost', kind: 'u64', stage: 'enriched', dimension: true, reveals: 'infrastructure', opposite: 'srcHost', rollUp: 'pairs', shows: 'node', about: 'node key of the host of the destination', source: 'enricher' },
  { name: 'srcRack', kind: 'u64', stage: 'enriched', dimension: true, reveals: 'infrastructure', opposite: 'dstRack', rollUp: 'pairs', shows: 'node', about: 'node key of the rack of the source', source: 'enricher' },
  { name: 'dstRack', kind: 'u64', stage: 'enriched', dimension: true, reveals: 'infrastructure', opposite: 'srcRack', rollUp: 'pairs', shows: 'node', about: 'node key of the rack of the destination', source: 'enricher' },
  { name: 'srcPlace', kind: 'u64', stage: 'enriched', reveals: 'infrastructure', opposite: 'dstPlace', rollUp: 'pairs', shows: 'digest', about: 'key of the place of the source in the table places: site, vSwitch, port group, segment and tags, 0 unknown', source: 'enricher' },
  { name: 'dstPlace', kind: 'u64', stage: 'enriched', reveals: 'infrastructure', opposite: 'srcPlace', rollUp: 'pairs', shows: 'digest', about: 'key of the place of the destination in the table places, 0 unknown', source: 'enricher' },
  { name: 'srcApp', kind: 'u64', stage: 'enriched', dimension: true, reveals: 'application', opposite: 'dstApp', rollUp: 'traffic', shows: 'node', about: 'node key of the application or automatic node of the source', source: 'enricher' },
  { name: 'dstApp', kind: 'u64', stage: 'enriched', dimension: true, reveals: 'application', opposite: 'srcApp', rollUp: 'traffic', shows: 'node', about: 'node key of the application or automatic node of the destination', source: 'enricher' },
  { name: 'service', kind: 'u64', stage: 'enriched', dimension: true, reveals: 'application', rollUp: 'traffic', shows: 'service', about: 'node key of the service: protocol and port range of the server side', source: 'enricher' },
  { name: 'serverSide', kind: 'u8', stage: 'enriched', codes: SERVER_SIDES, dimension: true, reveals: 'nothing', rollUp: 'traffic', about: 'which end is the server', source: 'enricher' },
  { name: 'serverSideReason', kind: 'u8', stage: 'enriched', codes: SERVER_SIDE_REASONS, reveals: 'nothing', about: 'what decided the server side', source: 'enricher' },
  { name: 'srcRule', kind: 'u8', stage: 'enriched', codes: RULES, reveals: 'infrastructure', opposite: 'dstRule', about: 'which rule named the source', source: 'enricher' },
  { name: 'dstRule', kind: 'u8', stage: 'enriched', codes: RULES, reveals: 'infrastructure', opposite: 'srcRule', about: 'which rule named the destination', source: 'enricher' },
  { name: 'srcIdentity', kind: 'u8', stage: 'enriched', codes: IDENTITIES, reveals: 'infrastructure', opposite: 'dstIdentity', about: 'how the source endpoint was recognised', source: 'enricher' },
  { name: 'dstIdentity', kind: 'u8', stage: 'enriched', codes: IDENTITIES, reveals: 'infrastructure', opposite: 'srcIdentity', about: 'how the destination endpoint was recognised', source: 'enricher' },
  { name: 'locality', kind: 'u8', stage: 'enriched', codes: LOCALITIES, dimension: true, reveals: 'nothing', rollUp: 'traffic', about: 'how far the packet travelled', source: 'enricher' },
  { name: 'weight', kind: 'f32', stage: 'enriched', reveals: 'nothing', about: 'share of this record that counts: 0, 0.5 or 1; unelected records have 0', source: 'enricher' },
  { name: 'countReason', kind: 'u8', stage: 'enriched', codes: COUNT_REASONS, dimension: true, reveals: 'infrastructure', about: 'why it counts or not', source: 'enricher' },
  { name: 'electionRule', kind: 'u8', stage: 'enriched', codes: ELECTION_RULES, dimension: true, reveals: 'infrastructure', about: 'which rule named the point that counts this pair', source: 'enricher' },
  { name: 'marks', kind: 'u16', stage: 'enriched', reveals: 'nothing', about: 'bits: 1 straddles a change of inventory, 2 moved, 4 shared, 8 stale, 16 via, 32 approximate variance, 64 put in again after ClickHouse had lost it', source: 'enricher' },
  { name: 'estBytes', kind: 'u64', stage: 'enriched', reveals: 'nothing', about: 'estimated bytes: bytes x samplingRate; counted once weight is applied', source: 'enricher' },
  { name: 'estPackets', kind: 'u64', stage: 'enriched', reveals: 'nothing', about: 'estimated packets', source: 'enricher' },
  { name: 'varBytes', kind: 'f64', stage: 'enriched', reveals: 'nothing', about: 'variance of estBytes under independent sampling, bytes squared; infinite where the sampling rate is unknown, or where sums of such records could leave 64 bits', source: 'enricher' },
  { name: 'inventoryAsOf', kind: 'time', stage: 'enriched', codec: DELTA, reveals: 'nothing', about: 'asOf of the inventory used, 1970 when there was none', source: 'enricher' },
  { name: 'revision', kind: 'u32', stage: 'enriched', reveals: 'nothing', about: '0 as enriched at ingest, n after the nth re-enrichment or erasure of its day', source: 'enricher' },
  { name: 'batch', kind: 'u64', stage: 'enriched', reveals: 'nothing', shows: 'digest', about: 'first 64 bits of the SHA-256 of the batch identity', source: 'enricher' },
] as const satisfies readonly Column[];

export const DECODED_COLUMNS = FLOW_COLUMNS.filter(column => column.stage === 'decoded');

export type FlowColumnName = (typeof FLOW_COLUMNS)[number]['name'];
type DecodedList = Extract<(typeof FLOW_COLUMNS)[number], { stage: 'decoded' }>[];

/** The typed arrays a decoder writes. */
export type DecodedColumns = ColumnsOf<DecodedList>;
/** The typed arrays the enricher inserts. */
export type FlowColumns = ColumnsOf<typeof FLOW_COLUMNS>;
