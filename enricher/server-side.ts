// Which end of a record is the server. A pure, symmetric function: the record of the other direction, with its ends
// exchanged, names the same end. Learned services come between listed ports and ephemeral ranges once they exist.

import { SERVER_SIDE } from '../schemas/codes.ts';

/** IANA begins at 49152, Linux at 32768: from here on a port is taken for a client's. */
export const EPHEMERAL_PORT_MIN = 32768;

const { unknown: UNKNOWN, src: SRC, dst: DST } = SERVER_SIDE;

/**
 * `srcWidth` and `dstWidth` are the number of ports in the listed range that each end's port falls into, 0 when no
 * application lists it. Protocols without ports pass 0 as both ports.
 */
export function serverSideOf(srcWidth: number, dstWidth: number, srcPort: number, dstPort: number): number {
  if (srcWidth !== dstWidth) {
    if (dstWidth === 0) return SRC;
    if (srcWidth === 0) return DST;
    return srcWidth < dstWidth ? SRC : DST;
  }
  // One end ephemeral and the other not is the case of the lower port too.
  if (srcPort === dstPort) return UNKNOWN;
  return srcPort < dstPort ? SRC : DST;
}
