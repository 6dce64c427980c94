// Where the walk through a packet is: what comes next and where. A layer that leads to another one (a label stack,
// a tunnel) leaves here the EtherType of what it carries, because that is how most of them name it; the walk of
// header.ts goes on from there. One cursor for all, so that nothing is allocated for a packet.

/** What comes next, as an EtherType. */
export const NOTHING = 0;
export const IPV4 = 0x0800;
export const IPV6 = 0x86dd;
/** A frame, as GRE and Geneve name it: transparent Ethernet bridging. */
export const FRAME = 0x6558;
export const MPLS = 0x8847;
export const MPLS_UPSTREAM = 0x8848;
export const PPP = 0x880b;
export const PPPOE_SESSION = 0x8864;

/** Bytes of an Ethernet header without tags. */
export const ETHERNET_BYTES = 14;

class Cursor {
  next = NOTHING;
  offset = 0;
  /** Bytes before `end` are there. */
  end = 0;
  /** Where the whole frame or packet would end. */
  frameEnd = 0;
  /** Overlay segment of what comes next, 0 none. */
  vni = 0;
  /** VLAN of what comes next where its frame has no tag, 0 none. */
  vlan = 0;
  /** Direction of what comes next at the port that mirrored it, 0 unknown. */
  direction = 0;
  /** Mirror session (ERSPAN) that what comes next belongs to, 0 none. */
  session = 0;

  /** Nothing of what stood here before goes along. */
  lead(next: number, offset: number, end: number, frameEnd: number): void {
    this.next = next;
    this.offset = offset;
    this.end = end;
    this.frameEnd = frameEnd;
    this.vni = 0;
    this.vlan = 0;
    this.direction = 0;
    this.session = 0;
  }
}

export const cursor = new Cursor();
