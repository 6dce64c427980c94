// Packets inside IP packets, by IP protocol: IP in IP (RFC 2003, 4213, 2473), EtherIP (RFC 3378), MPLS in IP (RFC 4023),
// Ethernet behind an SRv6 segment list (RFC 8986) and GRE. Encrypted ones (50) and those whose layout is agreed out of
// band (L2TPv3) stay closed.

import type { DatagramContext } from '../context.ts';
import { cursor, FRAME, IPV4, IPV6, MPLS } from './cursor.ts';
import { enterGre } from './gre.ts';

const IPV4_IN_IP = 4;
const IPV6_IN_IP = 41;
const GRE = 47;
const ETHERIP = 97;
const MPLS_IN_IP = 137;
const ETHERNET = 143;

/** Version 3 in the top four bits, the others zero. */
const ETHERIP_HEADER = 0x3000;

/** Leads the cursor into what an IP packet of protocol `proto` carries at `offset`, if that is a packet. */
export function enterIpTunnel(
  context: DatagramContext,
  proto: number,
  offset: number,
  end: number,
  frameEnd: number,
): void {
  switch (proto) {
    case IPV4_IN_IP:
      cursor.lead(IPV4, offset, end, frameEnd);
      return;
    case IPV6_IN_IP:
      cursor.lead(IPV6, offset, end, frameEnd);
      return;
    case GRE:
      enterGre(context, offset, end, frameEnd);
      return;
    case ETHERIP:
      if (offset + 2 <= end && context.view.getUint16(offset) === ETHERIP_HEADER)
        cursor.lead(FRAME, offset + 2, end, frameEnd);
      return;
    case MPLS_IN_IP:
      cursor.lead(MPLS, offset, end, frameEnd);
      return;
    case ETHERNET:
      cursor.lead(FRAME, offset, end, frameEnd);
      return;
  }
}
