// Every flow column, once. The batch in memory, the Arrow schema, the ClickHouse tables, what a question may group by
// and the field table of the documentation are derived from this list. One name in every layer.

import {
  COUNT_REASONS,
  DIRECTIONS,
  IDENTITIES,
  LOCALITIES,
  PROTOCOLS,
  RATE_SOURCES,
  RULES,
  SERVER_SIDES,
} from './codes.ts';
import type { Column, ColumnsOf } from './columns.ts';

/**
 * Raised when a column changes its meaning or type; added columns do not raise it, because batches are read by name. Part
 * of the spool header, for information, and of the Kafka topic name.
 */
export const FLOW_SCHEMA_VERSION = 1;

const DELTA = 'CODEC(Delta, LZ4)';

// biome-ignore format: one line a column
export const FLOW_COLUMNS = [
  // When
  { name: 'receivedAt', kind: 'time', stage: 'decoded', codec: DELTA, about: 'when the collector received the datagram', source: 'collector' },
  { name: 'flowStart', kind: 'time', stage: 'decoded', codec: DELTA, about: 'first packet of the flow', source: '152, 150, 154, 156, 158, 22 with 160 or the header uptime; sFlow: receivedAt' },
  { name: 'flowEnd', kind: 'time', stage: 'decoded', codec: DELTA, about: 'last packet of the flow', source: '153, 151, 155, 157, 159, 21 with 160 or the header uptime; sFlow: receivedAt' },
  // Who saw it
  { name: 'exporter', kind: 'address', stage: 'decoded', dimension: true, about: 'address of the exporter', source: 'source address of the datagram; sFlow: agent address' },
  { name: 'observationDomain', kind: 'u32', stage: 'decoded', dimension: true, about: 'part of the exporter that saw it', source: 'IPFIX observation domain id, NetFlow v9 source id, NetFlow v5 engine, sFlow sub-agent id' },
  { name: 'protocol', kind: 'u8', stage: 'decoded', codes: PROTOCOLS, dimension: true, about: 'export protocol', source: 'version word of the datagram' },
  { name: 'inIf', kind: 'u32', stage: 'decoded', dimension: true, about: 'ifIndex the packet came in by, 0 unknown', source: '10; sFlow input' },
  { name: 'outIf', kind: 'u32', stage: 'decoded', dimension: true, about: 'ifIndex the packet left by, 0 unknown', source: '14; sFlow output when it names one interface' },
  { name: 'direction', kind: 'u8', stage: 'decoded', codes: DIRECTIONS, dimension: true, about: 'whether the observation point meters arriving or leaving packets', source: '61; sFlow source_id against input and output' },
  { name: 'forwardingStatus', kind: 'u8', stage: 'decoded', about: 'RFC 7270 4.12: top bits 00 unknown, 01 forwarded, 10 dropped, 11 consumed', source: '89; sFlow output format 1 is stored as 128 (dropped)' },
  // How much of it was seen
  { name: 'samplingRate', kind: 'u32', stage: 'decoded', about: 'N of 1 in N; 1 unsampled, 0 unknown', source: '34, 305 and 306, 50, options, header; sFlow sampling_rate' },
  { name: 'rateSource', kind: 'u8', stage: 'decoded', codes: RATE_SOURCES, about: 'which statement gave samplingRate', source: 'collector' },
  { name: 'bytes', kind: 'u64', stage: 'decoded', about: 'bytes as reported, unscaled: IP total length, or the frame less its layer-2 header', source: '1, 85, 352, 231; sFlow: IP length in the sampled header' },
  { name: 'packets', kind: 'u64', stage: 'decoded', about: 'packets as reported, unscaled', source: '2, 86, 298; sFlow: 1' },
  { name: 'l2Bytes', kind: 'u64', stage: 'decoded', about: 'bytes with the layer-2 header, 0 not told', source: '352, 353; sFlow frame_length' },
  // Who talked
  { name: 'srcAddr', kind: 'address', stage: 'decoded', dimension: true, about: 'source address, IPv4 mapped', source: '8, 27; sampled header' },
  { name: 'dstAddr', kind: 'address', stage: 'decoded', dimension: true, about: 'destination address, IPv4 mapped', source: '12, 28; sampled header' },
  { name: 'vrf', kind: 'u32', stage: 'decoded', dimension: true, about: 'VRF id of the exporter, 0 none', source: '234' },
  { name: 'etherType', kind: 'u16', stage: 'decoded', dimension: true, about: 'EtherType of the layer described', source: '256, or by address family; sampled header' },
  { name: 'proto', kind: 'u8', stage: 'decoded', dimension: true, about: 'IP protocol number', source: '4; sampled header' },
  { name: 'srcPort', kind: 'u16', stage: 'decoded', dimension: true, about: 'transport source port', source: '7, 180, 182; sampled header' },
  { name: 'dstPort', kind: 'u16', stage: 'decoded', dimension: true, about: 'transport destination port; ICMP: type << 8 | code', source: '11, 181, 183, 32, 139; sampled header' },
  { name: 'tcpFlags', kind: 'u8', stage: 'decoded', about: 'OR of the TCP flags', source: '6; sampled header' },
  { name: 'tos', kind: 'u8', stage: 'decoded', dimension: true, about: 'IP type of service or traffic class', source: '5; sampled header' },
  { name: 'srcMac', kind: 'u64', stage: 'decoded', dimension: true, about: 'source MAC address, 48 bits, 0 not told', source: '56; sampled header' },
  { name: 'dstMac', kind: 'u64', stage: 'decoded', dimension: true, about: 'destination MAC address, 48 bits, 0 not told', source: '80, 57; sampled header' },
  { name: 'vlan', kind: 'u16', stage: 'decoded', dimension: true, about: 'C-VID, 0 untagged or priority tag', source: '243 or 245, 58; sampled header, sFlow extended_switch' },
  { name: 'sVlan', kind: 'u16', stage: 'decoded', dimension: true, about: 'S-VID: service VLAN or S-channel', source: '243 when 245 is present; sampled header (0x88a8)' },
  { name: 'ecid', kind: 'u32', stage: 'decoded', dimension: true, about: '802.1BR E-CID or VN-Tag vif', source: 'sampled header' },
  { name: 'vni', kind: 'u32', stage: 'decoded', dimension: true, about: 'overlay segment, 24 bits', source: '351; sampled header' },
  { name: 'stationId', kind: 'bytes16', stage: 'decoded', about: 'UUID of the VM when the exporter sends it', source: '349, 347' },
  // What it means
  { name: 'srcVm', kind: 'u64', stage: 'enriched', dimension: true, about: 'node key of the source VM or other endpoint of the inventory, 0 none', source: 'enricher' },
  { name: 'dstVm', kind: 'u64', stage: 'enriched', dimension: true, about: 'node key of the destination VM or other endpoint of the inventory, 0 none', source: 'enricher' },
  { name: 'srcHost', kind: 'u64', stage: 'enriched', dimension: true, about: 'node key of the host of the source', source: 'enricher' },
  { name: 'dstHost', kind: 'u64', stage: 'enriched', dimension: true, about: 'node key of the host of the destination', source: 'enricher' },
  { name: 'srcRack', kind: 'u64', stage: 'enriched', dimension: true, about: 'node key of the rack of the source', source: 'enricher' },
  { name: 'dstRack', kind: 'u64', stage: 'enriched', dimension: true, about: 'node key of the rack of the destination', source: 'enricher' },
  { name: 'srcApp', kind: 'u64', stage: 'enriched', dimension: true, about: 'node key of the application or automatic node of the source', source: 'enricher' },
  { name: 'dstApp', kind: 'u64', stage: 'enriched', dimension: true, about: 'node key of the application or automatic node of the destination', source: 'enricher' },
  { name: 'service', kind: 'u64', stage: 'enriched', dimension: true, about: 'node key of the service: protocol and port range of the server side', source: 'enricher' },
  { name: 'serverSide', kind: 'u8', stage: 'enriched', codes: SERVER_SIDES, dimension: true, about: 'which end is the server', source: 'enricher' },
  { name: 'srcRule', kind: 'u8', stage: 'enriched', codes: RULES, about: 'which rule named the source', source: 'enricher' },
  { name: 'dstRule', kind: 'u8', stage: 'enriched', codes: RULES, about: 'which rule named the destination', source: 'enricher' },
  { name: 'srcIdentity', kind: 'u8', stage: 'enriched', codes: IDENTITIES, about: 'how the source endpoint was recognised', source: 'enricher' },
  { name: 'dstIdentity', kind: 'u8', stage: 'enriched', codes: IDENTITIES, about: 'how the destination endpoint was recognised', source: 'enricher' },
  { name: 'locality', kind: 'u8', stage: 'enriched', codes: LOCALITIES, dimension: true, about: 'how far the packet travelled', source: 'enricher' },
  { name: 'weight', kind: 'f32', stage: 'enriched', about: 'share of this record that counts: 0, 0.5 or 1; unelected records have 0', source: 'enricher' },
  { name: 'countReason', kind: 'u8', stage: 'enriched', codes: COUNT_REASONS, dimension: true, about: 'why it counts or not', source: 'enricher' },
  { name: 'estBytes', kind: 'u64', stage: 'enriched', about: 'estimated bytes: bytes x samplingRate; counted once weight is applied', source: 'enricher' },
  { name: 'estPackets', kind: 'u64', stage: 'enriched', about: 'estimated packets', source: 'enricher' },
  { name: 'varBytes', kind: 'f64', stage: 'enriched', about: 'variance of estBytes under independent sampling, bytes squared', source: 'enricher' },
  { name: 'inventoryAsOf', kind: 'time', stage: 'enriched', codec: DELTA, about: 'asOf of the inventory used, 1970 when there was none', source: 'enricher' },
  { name: 'batch', kind: 'u64', stage: 'enriched', about: 'first 64 bits of the SHA-256 of the batch identity', source: 'enricher' },
] as const satisfies readonly Column[];

export const DECODED_COLUMNS = FLOW_COLUMNS.filter(column => column.stage === 'decoded');

export type FlowColumnName = (typeof FLOW_COLUMNS)[number]['name'];
type DecodedList = Extract<(typeof FLOW_COLUMNS)[number], { stage: 'decoded' }>[];

/** The typed arrays a decoder writes. */
export type DecodedColumns = ColumnsOf<DecodedList>;
/** The typed arrays the enricher inserts. */
export type FlowColumns = ColumnsOf<typeof FLOW_COLUMNS>;
