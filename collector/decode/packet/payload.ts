// What an IP packet carries: ports, TCP flags, ICMP type and code as far as they are there, or another packet, to which
// the cursor is led.

import type { DecodedColumns } from '../../../schemas/flow.ts';
import type { DatagramContext } from '../context.ts';
import { AUTHENTICATION, upper, walkExtensionHeaders } from './extension-headers.ts';
import { enterIpTunnel } from './tunnels.ts';
import { enterUdpTunnel, TUNNEL_PORT_MAX, TUNNEL_PORT_MIN } from './udp-tunnels.ts';

const ICMP = 1;
const TCP = 6;
const UDP = 17;
const DCCP = 33;
const ICMP6 = 58;
const SCTP = 132;
const UDP_LITE = 136;

/** Decodes the header of protocol `proto` at `offset`; the columns stay as they are where it says nothing. */
export function decodePayload(
  context: DatagramContext,
  columns: DecodedColumns,
  row: number,
  proto: number,
  offset: number,
  end: number,
  packetEnd: number,
): void {
  if (proto !== TCP && proto !== UDP) {
    decodeOther(context, columns, row, proto, offset, end, packetEnd);
    return;
  }
  if (offset + 4 > end) return;
  const { view } = context;
  const dstPort = view.getUint16(offset + 2);
  columns.srcPort[row] = view.getUint16(offset);
  columns.dstPort[row] = dstPort;
  if (proto === UDP) {
    if (dstPort >= TUNNEL_PORT_MIN && dstPort <= TUNNEL_PORT_MAX)
      enterUdpTunnel(context, dstPort, offset + 8, end, packetEnd);
  } else if (offset + 14 <= end) columns.tcpFlags[row] = view.getUint8(offset + 13);
}

function decodeOther(
  context: DatagramContext,
  columns: DecodedColumns,
  row: number,
  proto: number,
  offset: number,
  end: number,
  packetEnd: number,
): void {
  const { view } = context;
  switch (proto) {
    case ICMP:
    case ICMP6:
      if (offset + 2 <= end) columns.dstPort[row] = view.getUint16(offset);
      return;
    case SCTP:
    case DCCP:
    case UDP_LITE:
      if (offset + 4 > end) return;
      columns.srcPort[row] = view.getUint16(offset);
      columns.dstPort[row] = view.getUint16(offset + 2);
      return;
    case AUTHENTICATION:
      // IPv4 has it, too; that of IPv6 has been walked past with the other headers.
      walkExtensionHeaders(context, proto, offset, end);
      columns.proto[row] = upper.proto;
      if (upper.offset !== 0) decodePayload(context, columns, row, upper.proto, upper.offset, end, packetEnd);
      return;
    default:
      enterIpTunnel(context, proto, offset, end, packetEnd);
  }
}
