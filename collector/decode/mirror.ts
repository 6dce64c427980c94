// Mirrored frames as a source: copies of whole frames that a switch or a cloud sends in ERSPAN (GRE) or in VXLAN (UDP).
// Each frame becomes one record and stands for as many frames as its session samples one of, which no frame reports: the
// rate is the receiver's to state. Sessions are domains: the ERSPAN session id, or the VNI of the mirror. GRE numbers
// the packets of a session, so ERSPAN II and III show their losses.

import { clearRow } from '../../schemas/batch.ts';
import { PROTOCOL, RATE_SOURCE, TIME_SOURCE } from '../../schemas/codes.ts';
import type { DatagramContext } from './context.ts';
import type { Domain } from './exporters/domain.ts';
import type { ExporterTable } from './exporters/exporters.ts';
import type { Session } from './exporters/session.ts';
import { FAULT } from './faults.ts';
import { fillTime } from './kernels.ts';
import { cursor, NOTHING } from './packet/cursor.ts';
import { enterGre } from './packet/gre.ts';
import { decodeCarried } from './packet/header.ts';
import { enterUdpTunnel, VXLAN } from './packet/udp-tunnels.ts';

/** What a mirrored frame came in: behind an IP header GRE, behind a UDP header VXLAN. */
export const MIRROR_CARRIERS = ['gre', 'vxlan'] as const;
export type MirrorCarrier = (typeof MIRROR_CARRIERS)[number];

const GRE_CHECKSUM_OR_ROUTING = 0xc000;
const GRE_KEY = 0x2000;
const GRE_SEQUENCE = 0x1000;

/** Decodes the frame that the bytes at hand carry, as one of `rate`; undefined when they carry none. */
export function decodeMirrored(
  context: DatagramContext,
  exporters: ExporterTable,
  session: Session,
  carrier: MirrorCarrier,
  rate: number,
): Domain | undefined {
  const { length, output } = context;
  context.protocol = PROTOCOL.mirror;
  cursor.lead(NOTHING, 0, 0, 0);
  if (carrier === 'gre') enterGre(context, 0, length, length);
  else enterUdpTunnel(context, VXLAN, 0, length, length);
  const { next, offset } = cursor;
  if (next === NOTHING) {
    context.fault(FAULT['header-malformed']);
    return undefined;
  }
  const domain = exporters.domain(session, PROTOCOL.mirror, carrier === 'gre' ? cursor.session : cursor.vni);
  if (!domain) {
    context.fault(FAULT['domain-limit']);
    return undefined;
  }
  // The segment number of a mirror is its session, not one that the frame travelled in.
  cursor.vni = 0;
  const sequence = carrier === 'gre' ? greSequenceOffset(context) : 0;
  if (sequence > 0) domain.checkSequence(context.view.getUint32(sequence), 1);

  const { batch } = output;
  const { rows: row, columns } = batch;
  if (!decodeCarried(context, row)) {
    clearRow(batch, row);
    context.fault(FAULT['header-malformed'], domain);
    return domain;
  }
  domain.setRate(rate, RATE_SOURCE.override);
  columns.samplingRate[row] = rate;
  columns.rateSource[row] = RATE_SOURCE.override;
  columns.packets[2 * row] = 1;
  columns.l2Bytes[2 * row] = length - offset;
  context.stamp(domain, row, 1, TIME_SOURCE.received);
  fillTime(columns.flowStart, row, 1, context.receivedAtMs);
  fillTime(columns.flowEnd, row, 1, context.receivedAtMs);
  domain.records++;
  context.records++;
  batch.rows = row + 1;
  if (batch.rows === batch.rowsMax) output.flush();
  return domain;
}

/** Where the GRE header has its sequence number, 0 where it has none (RFC 2890). */
function greSequenceOffset({ view }: DatagramContext): number {
  const flags = view.getUint16(0);
  if ((flags & GRE_SEQUENCE) === 0) return 0;
  return 4 + ((flags & GRE_CHECKSUM_OR_ROUTING) !== 0 ? 4 : 0) + ((flags & GRE_KEY) !== 0 ? 4 : 0);
}
