// Tags between the MAC addresses of a frame and its type: VLAN and service tags (802.1Q, 802.1ad and what came before
// it), the port extender's E-TAG (802.1BR) and VN-Tag.
//
//   VLAN:   type 2 | PCP 3 bits, DEI 1, VID 12
//   E-TAG:  0x893f | E-PCP 3, E-DEI 1, ingress E-CID base 12 | 0 2, GRP 2, E-CID base 12 | ingress ext 8 | ext 8
//   VN-Tag: 0x8926 | D 1, P 1, destination vif 14 | L 1, R 1, version 2, source vif 12
//
// GRP, extension and base are the 22 bits of the E-CID: it names the source upstream and the destination downstream. Of
// a VN-Tag the vif that is not the bridge's says the same: D is 1 for what comes from the bridge.

import type { DatagramContext } from '../context.ts';

export const VLAN = 0x8100;
const SERVICE_VLAN = 0x88a8;
const E_TAG = 0x893f;
const VN_TAG = 0x8926;
const TAGS_MAX = 8;
export const VID = 0xfff;

/** What the tags of a frame came to. One for all, like the cursor. */
export const tags = {
  /** Type behind the tags: again that of a tag where one is cut off or there are too many. */
  etherType: 0,
  offset: 0,
  vlan: 0,
  sVlan: 0,
  ecid: 0,
};

export function isVlanTag(etherType: number): boolean {
  // 0x9100, 0x9200 and 0x9300 are service tags of equipment older than 802.1ad.
  return (
    etherType === VLAN ||
    etherType === SERVICE_VLAN ||
    etherType === 0x9100 ||
    etherType === 0x9200 ||
    etherType === 0x9300
  );
}

export function isTag(etherType: number): boolean {
  return isVlanTag(etherType) || etherType === E_TAG || etherType === VN_TAG;
}

/** Reads the tags of a frame whose first type is `first` and ends at `start`. */
export function walkTags(context: DatagramContext, first: number, start: number, end: number): void {
  const { view } = context;
  let etherType = first;
  let offset = start;
  let outerType = 0;
  let outer = 0;
  let second = 0;
  let vlanTags = 0;
  tags.ecid = 0;
  if (isTag(etherType) && context.mayTake(TAGS_MAX)) {
    for (let i = 0; i < TAGS_MAX; i++) {
      let bytes = 4;
      if (isVlanTag(etherType)) {
        if (offset + bytes > end) break;
        const vid = view.getUint16(offset) & VID;
        if (vlanTags === 0) {
          outer = vid;
          outerType = etherType;
        } else if (vlanTags === 1) second = vid;
        vlanTags++;
      } else if (etherType === E_TAG) {
        bytes = 8;
        if (offset + bytes > end) break;
        const word = view.getUint16(offset + 2);
        tags.ecid = ((word & 0x3000) << 8) | (view.getUint8(offset + 5) << 12) | (word & 0xfff);
      } else if (etherType === VN_TAG) {
        bytes = 6;
        if (offset + bytes > end) break;
        const word = view.getUint16(offset);
        const fromBridge = (word & 0x8000) !== 0;
        tags.ecid = fromBridge ? word & 0x3fff : view.getUint16(offset + 2) & 0xfff;
      } else break;
      offset += bytes;
      etherType = view.getUint16(offset - 2);
    }
  }
  // One plain tag is the customer's; a service tag, or the outer one of two, is the service's.
  const service = vlanTags > 1 || outerType !== VLAN;
  tags.sVlan = service ? outer : 0;
  tags.vlan = service ? second : outer;
  tags.etherType = etherType;
  tags.offset = offset;
}
