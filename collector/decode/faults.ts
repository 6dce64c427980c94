// What can be wrong with a datagram. Each fault is counted by protocol and reason; the list bounds the labels.

import { codesOf, PROTOCOLS } from '../../schemas/codes.ts';

export const FAULTS = [
  'too-short', // less than the header of its protocol
  'unknown-version', // no protocol has this version word
  'length-mismatch', // IPFIX message length or v5 count says more than the datagram holds
  'count-mismatch', // the header's count differs from what was found
  'set-length', // set length below 4 or beyond the message
  'reserved-set', // set id that no standard defines
  'template-malformed', // template that ends early, has id below 256, or only empty fields
  'template-limit', // templates of this exporter are at their bound
  'unknown-template', // data set whose template has not been seen
  'record-malformed', // data set shorter than one record, or a variable-length field beyond its set
  'output-budget', // more records than one datagram may expand into
  'sample-malformed', // sFlow sample or record whose length does not fit
  'sample-unknown', // sFlow sample of a type that is not read, or without a packet
  'header-malformed', // sampled packet header that ends before its addresses
  'address-family', // sFlow agent address of unknown type
  'domain-limit', // domains or exporters are at their bound
  'step-budget', // more work than one datagram may cost
] as const;

export type Fault = (typeof FAULTS)[number];
export const FAULT = codesOf(FAULTS);

/** Slot of a fault in an array of `PROTOCOLS.length * FAULTS.length` counters. */
export function faultSlot(protocol: number, fault: number): number {
  return protocol * FAULTS.length + fault;
}

export const FAULT_SLOTS = PROTOCOLS.length * FAULTS.length;
