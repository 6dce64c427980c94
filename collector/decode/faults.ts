// What can be wrong with a datagram. Each fault is counted by protocol and reason; the list bounds the labels.

import { codesOf, PROTOCOLS } from '../../schemas/codes.ts';

export const FAULTS = [
  'too-short', // less than the header of its protocol
  'unknown-version', // no protocol has this version word
  'length-mismatch', // IPFIX message length is not that of its sets, or NetFlow v1 to v8 count is beyond the datagram
  'count-mismatch', // the header's count differs from what was found: for NetFlow v9 from records and from sets
  'set-length', // set length below 4 or beyond the message
  'reserved-set', // set id that no standard defines
  'template-malformed', // template that ends early, has id below 256, or only empty fields
  'template-limit', // templates of this exporter are at their bound
  'unknown-template', // data set that came before its template, and waits for it
  'record-malformed', // data set shorter than one record, or a variable-length field beyond its set
  'output-budget', // more records than one datagram may expand into
  'sample-malformed', // sFlow sample or record whose length does not fit
  'sample-unknown', // sFlow sample of a type that is not read, or without a packet
  'header-malformed', // sampled packet header whose first packet ends before its addresses, or is none
  'address-family', // sFlow agent address of unknown type
  'domain-limit', // domains are at their bound, all of them proven
  'step-budget', // more work than one datagram may cost
  'unknown-aggregation', // NetFlow v8 aggregation scheme beyond those that are defined
  'rate-limit', // sampling rates of this domain are at their bound
  'source-limit', // sFlow data sources of this agent are at their bound: its samples keep the nominal rate
  'list-malformed', // list in a record that does not fit, nests too deep or names an unknown template
  'exporter-limit', // exporters are at their bound, all of them proven: decoded only where no state is needed
  'pending-limit', // data sets evicted before their template came, for want of room
  'pending-expired', // data sets expired before their template came, after PENDING_MS_MAX
  'record-short', // sFlow flow record shorter than its structure, in a sample that another record describes
  'header-mislabelled', // sampled packet header whose protocol contradicts its bytes: the bytes are believed
  'value-range', // value beyond its element or its column: left out, the rest of the record is kept
  'total-unknown', // running total of which an unknown part was counted before: it counts nothing, the next one does
  'total-late', // running total exported before one that was received already: it counts nothing
] as const;

export type Fault = (typeof FAULTS)[number];
export const FAULT = codesOf(FAULTS);

/** Slot of a fault in an array of `PROTOCOLS.length * FAULTS.length` counters. */
export function faultSlot(protocol: number, fault: number): number {
  return protocol * FAULTS.length + fault;
}

export const FAULT_SLOTS = PROTOCOLS.length * FAULTS.length;
