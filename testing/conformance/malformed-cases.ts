// What a decoder must survive; tests name the ids. What each case counts is in malformed-inputs.ts.

import type { MalformedCase } from './proof.ts';

export const MALFORMED_CASES: readonly MalformedCase[] = [
  {
    id: 'bad-version',
    input: 'a datagram of 0 to 3 bytes, a version word alone, an unknown version, one protocol on the port of another',
  },
  {
    id: 'bad-fixed-count',
    input: 'NetFlow v1 to v8 with a count of 0, 31 or 65535, a count beyond the payload, bytes behind the last record',
    note: 'records behind the count are not read, as in tshark and nfdump: an earlier datagram may have left them',
  },
  {
    id: 'bad-netflow9-count',
    input: 'a NetFlow v9 count that is not that of the records',
    note: 'exporters count records or sets: either will do, and only lengths are believed',
  },
  {
    id: 'bad-ipfix-length',
    input: 'an IPFIX length below 16, beyond the datagram, or before its end; a datagram that was cut',
    note: 'a datagram carries its own end: every whole set is read, one that leads beyond the datagram is refused',
  },
  {
    id: 'bad-set-length',
    input: 'a set of length 0, 1, 3 or 4, or longer than its message',
  },
  {
    id: 'zero-sets',
    input: 'a header or a set, then zeros',
  },
  {
    id: 'bad-field-count',
    input: 'a template with a field count of 0, 1000 or 65535 in a short set',
    note: 'a count of 0 is a withdrawal in IPFIX',
  },
  {
    id: 'empty-template',
    input: 'a template whose fields are all empty, or all padding; data for it',
  },
  {
    id: 'long-template',
    input: 'a template whose record is longer than 16 or 32 bits can say',
  },
  {
    id: 'bad-template-id',
    input: 'a template id below 256, id 0 in padding, the same id twice in a set, the same id as data and as options',
  },
  {
    id: 'redefinition',
    input: 'a redefinition in the middle of a datagram, one that comes late, one that is malformed',
  },
  {
    id: 'bad-withdrawal',
    input: 'a withdrawal of an unknown id, of all (2, 3), in a set of options templates, over UDP',
  },
  {
    id: 'bad-options-scope',
    input: 'an options template without scope, with more scope than fields, with a scope of length 0, with odd lengths',
  },
  {
    id: 'short-options',
    input: 'a NetFlow v9 options template without options; options data shorter than their scope',
  },
  {
    id: 'bad-variable-length',
    input:
      'a variable length that points past its set, a marker 255 cut off, the long form of a short length, all of it in NetFlow v9',
  },
  {
    id: 'variable-only',
    input: 'a template of variable fields only, with padding behind its records',
  },
  {
    id: 'odd-lengths',
    input:
      'integers of 0, 3, 5, 6, 7, 9, 16 and 17 bytes, addresses of 2, 5 and 20, a MAC address of 8, times of the wrong length',
  },
  {
    id: 'odd-strings',
    input: 'strings with NUL, with broken UTF-8, of 65,000 bytes',
  },
  {
    id: 'bad-lists',
    input:
      'lists (RFC 6313) nested too deep, beyond their field, of elements of length 0, of an unknown template or of themselves',
  },
  {
    id: 'floods',
    input: 'a million unknown template ids, observation domains, spoofed sources',
  },
  {
    id: 'record-bomb',
    input: 'a small datagram that becomes very many records',
  },
  {
    id: 'odd-uptimes',
    input: 'an uptime that rolled over, First behind Last, uptime 0, seconds of 0 or of 2106, First and Last 0',
    note: 'absurd times are kept by the decoder, flagged and replaced by the enricher',
  },
  {
    id: 'odd-rates',
    input: 'a sampling rate of 0 or 2^32 - 1, the mode bits of NetFlow v5, an unknown algorithm, 309 above 310',
    note: 'the rate is then unknown, 0, and the records are counted as such',
  },
  {
    id: 'odd-sequences',
    input: 'sequence numbers that start again, repeat, go back by one, wrap; two exporters behind one address',
    note: 'lost, repeated and restarted are counters of the exporter',
  },
  {
    id: 'bad-sflow-samples',
    input:
      'sFlow with an agent address of type 0 or 3, 2^32 - 1 samples or records, samples longer than the datagram, lengths that are no multiple of 4',
  },
  {
    id: 'bad-sampled-header',
    input:
      'a sampled header longer than its record or its frame, of 0 to 13 bytes, of every link layer, with more stripped than there is, unpadded',
  },
  {
    id: 'bad-sflow-counts',
    input:
      'AS paths, communities, strings and tags in sFlow with counts of 2^32 - 1 or beyond their record; other enterprises',
    note: 'nothing in them fills a column: their own counts are not believed',
  },
  {
    id: 'bad-ethernet',
    input:
      'Ethernet with 20 tags, LLC and SNAP, fewer than 14 bytes, 300 labels without a bottom, a label stack before a control word',
  },
  {
    id: 'bad-ip',
    input:
      'IPv4 header lengths of 0 to 4, a total length below the header, 100 extension headers, one of 255, later fragments, GRE with all flags, 50 tunnels',
  },
  {
    id: 'bad-tunnels',
    input:
      'VXLAN and Geneve beyond their end; datagrams of the corpus of every kind cut and with a byte changed, at every byte of the short kinds and at sampled ones of the long',
    note: '16 seeded changes of each byte; `hairpin bench fuzz` goes on with millions, `hairpin bench hostile` at a running Hairpin',
  },
  {
    id: 'large-datagrams',
    input: 'a datagram of 65,507 bytes and more; datagrams that the kernel dropped',
  },
  {
    id: 'template-behind-data',
    input: 'a template announced behind its data, in the same datagram or a later one',
  },
  {
    id: 'record-short',
    input: 'a record of an sFlow sample that is shorter than its structure, beside whole ones, in any order',
    note: 'the fullest of the whole ones describes the packet',
  },
  {
    id: 'header-mislabelled',
    input: 'a sampled header whose protocol contradicts its bytes: a packet labelled Ethernet, a frame labelled IP',
    note: 'the bytes are believed where they are a valid IP header whose length fits the frame',
  },
  {
    id: 'value-range',
    input: 'values beyond their element: an interface of 8 bytes above 2^32 in options, a port of 4 bytes above 65,535',
    note: 'the value is left out, the record and its batch are kept',
  },
];
