// One decoder: datagrams in, rows of columns and counters out. The protocol is told by the version word, whatever the
// port. A decoder belongs to one thread; it reads no clock and opens nothing.

import { parseAddress, swap32 } from '../../schemas/address.ts';
import { PROTOCOL } from '../../schemas/codes.ts';
import { DatagramContext, type Limits, type Output } from './context.ts';
import type { Domain } from './domain.ts';
import { ExporterTable } from './exporters.ts';
import { FAULT } from './faults.ts';
import { decodeIpfix } from './ipfix.ts';
import { decodeNetflow5 } from './netflow5.ts';
import { decodeNetflow9 } from './netflow9.ts';
import { decodeSflow5 } from './sflow5.ts';

/** The largest payload UDP can carry over IPv4. */
export const DATAGRAM_BYTES_MAX = 65535;

export class Decoder {
  readonly context: DatagramContext;
  readonly exporters: ExporterTable;

  constructor(output: Output, limits: Limits, faults?: Float64Array) {
    this.context = new DatagramContext(output, limits, faults);
    this.exporters = new ExporterTable(limits.exportersMax);
  }

  /** Decodes one datagram that came from `address` (text) and `port`; returns the number of flow records. */
  decode(datagram: Uint8Array, address: string, port: number, receivedAtMs: number): number {
    const { context, exporters } = this;
    const length = Math.min(datagram.length, DATAGRAM_BYTES_MAX);
    context.bytes.set(length < datagram.length ? datagram.subarray(0, length) : datagram);
    context.length = length;
    context.receivedAtMs = receivedAtMs;
    context.records = 0;
    context.steps = 0;
    context.protocol = PROTOCOL.unknown;
    if (length < 4) {
      context.fault(FAULT['too-short']);
      return 0;
    }
    const decode = protocolOf(context.view);
    if (!decode) {
      context.fault(FAULT['unknown-version']);
      return 0;
    }
    const session = exporters.session(address, port, receivedAtMs, addressColumnWords);
    context.exporter.set(session.address);
    const domain: Domain | undefined = decode(context, exporters, session);
    domain?.seen(length, receivedAtMs);
    return context.records;
  }
}

function protocolOf(view: DataView) {
  switch (view.getUint16(0)) {
    case 0:
      return view.getUint16(2) === 5 ? decodeSflow5 : undefined;
    case 5:
      return decodeNetflow5;
    case 9:
      return decodeNetflow9;
    case 10:
      return decodeIpfix;
    default:
      return undefined;
  }
}

/** An address as the four words of its column; what is no address (a UNIX path, say) is ::. */
export function addressColumnWords(text: string): Uint32Array {
  return Uint32Array.from(parseAddress(text.split('%')[0]!) ?? [0, 0, 0, 0], swap32);
}
