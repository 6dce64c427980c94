// Writes UDP datagrams as a classic pcap (raw IPv4, link type 101), so that other decoders can read what was made here.

export interface CapturedDatagram {
  readonly payload: Uint8Array;
  readonly timeMs: number;
  /** Dotted IPv4 address. */
  readonly srcAddress: string;
  readonly srcPort: number;
  readonly dstAddress: string;
  readonly dstPort: number;
}

const LINK_TYPE_RAW = 101;
const IP_BYTES = 20;
const UDP_BYTES = 8;

export function pcapOf(datagrams: readonly CapturedDatagram[]): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(65_535, 16);
  header.writeUInt32LE(LINK_TYPE_RAW, 20);
  return Buffer.concat([header, ...datagrams.map(packetOf)]);
}

function packetOf({ payload, timeMs, srcAddress, srcPort, dstAddress, dstPort }: CapturedDatagram): Buffer {
  const length = IP_BYTES + UDP_BYTES + payload.length;
  const packet = Buffer.alloc(16 + IP_BYTES + UDP_BYTES);
  packet.writeUInt32LE(Math.floor(timeMs / 1000), 0);
  packet.writeUInt32LE((timeMs % 1000) * 1000, 4);
  packet.writeUInt32LE(length, 8);
  packet.writeUInt32LE(length, 12);
  const ip = packet.subarray(16);
  ip[0] = 0x45;
  ip.writeUInt16BE(length, 2);
  ip[8] = 64;
  ip[9] = 17;
  ip.set(srcAddress.split('.').map(Number), 12);
  ip.set(dstAddress.split('.').map(Number), 16);
  ip.writeUInt16BE(checksum(ip.subarray(0, IP_BYTES)), 10);
  ip.writeUInt16BE(srcPort, IP_BYTES);
  ip.writeUInt16BE(dstPort, IP_BYTES + 2);
  ip.writeUInt16BE(UDP_BYTES + payload.length, IP_BYTES + 4); // checksum 0: none
  return Buffer.concat([packet, payload]);
}

/** RFC 1071 */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
