// Firewall events (233, Cisco NSEL): what a record's event says about its counters. A created (1) or denied (3) flow has
// none; a denied one was dropped. A flow update (5) counts since the update before, a teardown (2) counts the whole flow
// again, which updates have reported already where the flow had any: software differs in whether flows that end before the
// first turn of the update timer have one. An update comes before the teardown of its flow, so a flow at least as old as
// the youngest one that had an update had one itself.

import type { FlowColumnName } from '../../../schemas/flow.ts';
import type { DatagramContext } from '../context.ts';
import type { Domain } from '../exporters/domain.ts';
import { TWO_32, writeTime } from '../kernels.ts';
import type { FieldIndex, Place } from './field.ts';
import { offsetOf } from './record-fields.ts';
import type { RecordRun } from './record-run.ts';

const DELETED = 2;
const DENIED = 3;
const UPDATED = 5;

/** The shortest update timer that can be set, and the usual one. */
const UPDATE_TIMER_MS = 60_000;

/** RFC 7270 4.12: dropped. */
const FORWARDING_DROPPED = 0x80;

export interface Firewall extends Place {
  /** The counters are those of the initiator (231): their meaning depends on the event. */
  readonly countsByEvent: boolean;
  /** When the flow was created (152) and when the event happened (323), both present or neither. */
  readonly created: Place | undefined;
  readonly happened: Place | undefined;
  readonly hasStatus: boolean;
}

export function firewallOf(index: FieldIndex, columns: ReadonlySet<FlowColumnName>): Firewall | undefined {
  // 40005 is the number that ASA software used before 8.4.
  const event = index.placeOf(233, 40005);
  if (event?.length !== 1) return undefined;
  const has = (element: number) => index.find(element) >= 0;
  const [created, happened] = [index.placeOf(152), index.placeOf(323)];
  const hasAge = created?.length === 8 && happened?.length === 8;
  return {
    ...event,
    countsByEvent: has(231) && !has(1) && !has(85),
    created: hasAge ? created : undefined,
    happened: hasAge ? happened : undefined,
    hasStatus: columns.has('forwardingStatus'),
  };
}

/** Applies the events of records to their rows. */
export function applyFirewallEvents(
  context: DatagramContext,
  domain: Domain,
  firewall: Firewall,
  { row, count, start, stride }: Readonly<RecordRun>,
): void {
  const { view } = context;
  const { columns } = context.output.batch;
  for (let i = row, at = start; i < row + count; i++, at += stride) {
    const event = view.getUint8(offsetOf(firewall, at));
    if (event === DENIED && !firewall.hasStatus) columns.forwardingStatus[i] = FORWARDING_DROPPED;
    if (!firewall.countsByEvent) continue;
    if (event === UPDATED) {
      const { firewallUpdateMs } = domain;
      const age = ageOf(view, firewall, at);
      domain.firewallUpdateMs = Math.max(1, firewallUpdateMs === 0 ? age : Math.min(firewallUpdateMs, age));
      // It counts what passed since the last turn of the timer.
      const span = Math.max(domain.firewallUpdateMs, UPDATE_TIMER_MS);
      if (age > span) writeTime(columns.flowStart, 2 * i, timeAt(view, firewall.happened!, at) - span);
    } else if (countedByUpdates(context, domain, firewall, at)) {
      columns.bytes.fill(0, 2 * i, 2 * i + 2);
      columns.packets.fill(0, 2 * i, 2 * i + 2);
    }
  }
}

/** The record is a teardown of a flow older than the update timer, or of one whose age is unknown. */
export function countedByUpdates(
  { view }: DatagramContext,
  { firewallUpdateMs }: Domain,
  firewall: Firewall,
  start: number,
): boolean {
  if (!firewall.countsByEvent || firewallUpdateMs === 0) return false;
  if (view.getUint8(offsetOf(firewall, start)) !== DELETED) return false;
  return !firewall.created || ageOf(view, firewall, start) >= firewallUpdateMs;
}

/** Time from the creation of the flow to the event; 0 when it is not reported. */
function ageOf(view: DataView, { created, happened }: Firewall, start: number): number {
  return created && happened ? Math.max(0, timeAt(view, happened, start) - timeAt(view, created, start)) : 0;
}

function timeAt(view: DataView, place: Place, start: number): number {
  const offset = offsetOf(place, start);
  return view.getUint32(offset) * TWO_32 + view.getUint32(offset + 4);
}
