// IEEE 802.2 LLC with SNAP (RFC 1042): AA AA 03 | organisation 3, 0 for EtherTypes | type 2. Any other LLC header has no
// EtherType behind it.

export const LLC_SNAP_BYTES = 8;

/** Type behind the header at `offset`; 0 when there is none. */
export function llcEtherType(view: DataView, offset: number, end: number): number {
  if (offset + LLC_SNAP_BYTES > end) return 0;
  if (view.getUint32(offset) !== 0xaaaa0300 || view.getUint16(offset + 4) !== 0) return 0;
  return view.getUint16(offset + 6);
}
