// What a decoder must survive, and the tests of it. What each case counts is in malformed-inputs.ts.

import { decode, type MalformedCase, packet, sflow, testsOf } from './proof.ts';

const malformed = (...titles: readonly string[]) => decode('malformed', ...titles);
const EVERY_BYTE = decode(
  'mutation',
  'no cut and no changed byte throws, reads beyond the datagram or exceeds a bound',
);

export const MALFORMED_CASES: readonly MalformedCase[] = [
  {
    input: 'a datagram of 0 to 3 bytes, a version word alone, an unknown version, one protocol on the port of another',
    tests: malformed(
      'of %i bytes is too-short',
      'of version %i that ends behind the version word is too-short',
      'of %s is unknown-version and makes no exporter',
      'is told by its version, whatever the port: sFlow and NetFlow from one socket',
    ),
  },
  {
    input: 'NetFlow v1 to v8 with a count of 0, 31 or 65535, a count beyond the payload, bytes behind the last record',
    tests: [
      ...malformed(
        'count %s is %s, and what both agree on is read',
        'trailing bytes that are no record are padding',
        'a record cut off is length-mismatch, the whole ones before it are read',
      ),
      ...decode(
        'fixed/fixed-layout',
        'count %s is %s: what both agree on is read',
        'cut anywhere, it gives its whole records and one fault',
      ),
    ],
  },
  {
    input: 'a NetFlow v9 count that is not that of the records',
    tests: malformed(
      'a NetFlow v9 count of %i is count-mismatch and changes nothing: sets are walked by their lengths',
      'a NetFlow v9 count of %s is as good as one of records',
    ),
    note: 'exporters count records or sets: either will do, and only lengths are believed',
  },
  {
    input: 'an IPFIX length below 16, beyond the datagram, or before its end',
    tests: malformed(
      'an IPFIX length of %i is length-mismatch',
      'an IPFIX message shorter than its datagram is followed by another one',
      'what follows an IPFIX message and is none is length-mismatch, the message counts',
    ),
  },
  {
    input: 'a set of length 0, 1, 3 or 4, or longer than its message',
    tests: malformed(
      'a set of length %i is set-length and ends the walk',
      'a set longer than the message is set-length',
      'an empty set (length 4) is no fault',
    ),
  },
  {
    input: 'a header or a set, then zeros',
    tests: [
      ...malformed('zeros behind the last set, or behind the header, are padding'),
      ...decode(
        'templated/vendors',
        'Palo Alto: application and user names of v9, then zeros to the end of the packet',
      ),
    ],
  },
  {
    input: 'a template with a field count of 0, 1000 or 65535 in a short set',
    tests: malformed(
      'a template that claims %i fields and has 2 is template-malformed',
      'a template of more fields than the bound is template-malformed, one at the bound is not',
    ),
    note: 'a count of 0 is a withdrawal in IPFIX',
  },
  {
    input: 'a template whose fields are all empty, or all padding; data for it',
    tests: malformed(
      'a template whose fields are all empty is template-malformed: its records would never end',
      'a template of padding only gives records without values',
    ),
  },
  {
    input: 'a template whose record is longer than 16 or 32 bits can say',
    tests: malformed('a record longer than %s can say makes its data sets record-malformed'),
  },
  {
    input: 'a template id below 256, id 0 in padding, the same id twice in a set, the same id as data and as options',
    tests: malformed(
      'a template id below 256 is template-malformed',
      'zeros behind the last template of a set are padding',
      'the same id twice in one set: the last layout holds',
      'the same id as data and then as options template: its records stop being flows, and come back',
    ),
  },
  {
    input: 'a redefinition in the middle of a datagram, one that comes late, one that is malformed',
    tests: [
      ...malformed(
        'a redefinition in the middle of a datagram holds from there on',
        'a malformed redefinition removes the layout that is out of date',
      ),
      ...decode(
        'exporters/pending',
        'by a redefinition are read with the layout of their time, for a minute',
        'an older announcement does not take the place of a newer one; one of a clock set back does',
      ),
    ],
  },
  {
    input: 'a withdrawal of an unknown id, of all (2, 3), in a set of options templates, over UDP',
    tests: decode(
      'templated/template',
      'is withdrawn alone; the others stay, an unknown one is no fault',
      'is withdrawn with all of its kind: data by id 2, options by id 3',
    ),
  },
  {
    input: 'an options template without scope, with more scope than fields, with a scope of length 0, with odd lengths',
    tests: malformed(
      'IPFIX with more scope fields than fields is template-malformed',
      'IPFIX without scope, which the standard forbids, is read all the same',
      'NetFlow v9 with a scope of length 0 (Juniper SRX) and with scope only are read',
      'NetFlow v9 whose lengths are no multiple of four stops at its set, without reading the next',
    ),
  },
  {
    input: 'a NetFlow v9 options template without options; options data shorter than their scope',
    tests: malformed(
      'NetFlow v9 with neither scope nor options is template-malformed',
      'options data shorter than their scope are record-malformed',
    ),
  },
  {
    input:
      'a variable length that points past its set, a marker 255 cut off, the long form of a short length, all of it in NetFlow v9',
    tests: malformed(
      '%s of a variable-length field that points past its set is record-malformed; records before it count',
      'an option of variable length that points past its set is record-malformed; the records before it count',
      'the three-byte form of a short length is read',
    ),
  },
  {
    input: 'a template of variable fields only, with padding behind its records',
    tests: malformed(
      'what is shorter than the shortest record behind variable-length records is padding',
      'variable-length records stop at the same bound',
    ),
  },
  {
    input:
      'integers of 0, 3, 5, 6, 7, 9, 16 and 17 bytes, addresses of 2, 5 and 20, a MAC address of 8, times of the wrong length',
    tests: [
      ...malformed('%s fills no column, the fields behind it do'),
      ...decode(
        'kernels',
        'a counter of %i bytes keeps all of them',
        'a counter of %i bytes keeps its low 64 bits',
        'an interface of %i bytes keeps its low 32 bits',
      ),
      ...decode(
        'templated/vendors',
        'an address of 2, 5 or 20 bytes and a MAC address of 8 leave their column empty',
        'milliseconds in 4 bytes and seconds in 8 fill no column',
        'the direction in more than one byte',
      ),
    ],
  },
  {
    input: 'strings with NUL, with broken UTF-8, of 65,000 bytes',
    tests: [
      ...malformed('a string of 65,000 bytes, NUL and broken UTF-8 among them, is passed over'),
      ...decode('facts', 'what is no UTF-8 is replaced', 'the name %j is kept as %j'),
    ],
  },
  {
    input:
      'lists (RFC 6313) nested too deep, beyond their field, of elements of length 0, of an unknown template or of themselves',
    tests: decode(
      'templated/lists',
      'a malformed list costs the list, not the record',
      'a basicList with element length 0',
      'a subTemplateList of an unknown template',
      'a template whose list names the template itself ends at the depth that is followed',
      'a list that reaches beyond its set is a malformed record',
      'entries of many fields use up the steps of a datagram, and no more',
    ),
  },
  {
    input: 'a million unknown template ids, observation domains, spoofed sources',
    tests: [
      ...decode(
        'floods',
        '%s, proven: %s, stays within the caps with a flat heap, and the exporter beside it loses nothing',
      ),
      ...malformed(
        'a flood of unknown template ids keeps the newest sets up to the bound, pending-limit',
        'a flood of domains of one exporter stops at the bound, domain-limit',
      ),
      ...decode(
        'exporters/exporters',
        'that find no room are decoded where no state is needed: NetFlow v5 and sFlow, without accounting',
      ),
    ],
  },
  {
    input: 'a small datagram that becomes very many records',
    tests: malformed('one-byte records of a full datagram stop at the bound, output-budget'),
  },
  {
    input: 'an uptime that rolled over, First behind Last, uptime 0, seconds of 0 or of 2106, First and Last 0',
    tests: [
      ...decode(
        'times',
        'across the rollover of the uptime',
        '%s gives what it says, within the range of time',
        'first behind last',
      ),
      ...malformed('times before 1970 and in 2106 stay in range'),
      ...testsOf(
        'enricher/stages/times.test.ts',
        'a flow that ended outside the limits has a clock nobody believes: both times become receivedAt',
      ),
    ],
    note: 'absurd times are kept by the decoder, flagged and replaced by the enricher',
  },
  {
    input: 'a sampling rate of 0 or 2^32 - 1, the mode bits of NetFlow v5, an unknown algorithm, 309 above 310',
    tests: [
      ...malformed(
        'a rate of %i in options is none',
        'a population smaller than the sample says nothing',
        'the mode bits of NetFlow v5 are no part of the rate',
      ),
      ...decode('sampling/sampling', 'an algorithm nobody knows', '34 of all ones, which is no rate'),
    ],
    note: 'the rate is then unknown, 0, and the records are counted as such',
  },
  {
    input: 'sequence numbers that start again, repeat, go back by one, wrap; two exporters behind one address',
    tests: decode(
      'exporters/sequence',
      'numbers that count what was sent before',
      'is a restart',
      'two exporters behind one translated address are two sequences',
      'in %s counts once with the sequence number that starts again, and as no loss',
    ),
    note: 'lost, repeated and restarted are counters of the exporter',
  },
  {
    input:
      'sFlow with an agent address of type 0 or 3, 2^32 - 1 samples or records, samples longer than the datagram, lengths that are no multiple of 4',
    tests: [
      ...malformed(
        'an agent address of type %i is address-family',
        '4,294,967,295 samples of which one is there: that one counts, sample-malformed',
        'a sample longer than the datagram is sample-malformed, those before it count',
        'a sample of %i bytes is walked by that length, padded or not',
        '4,294,967,295 records in a %s are sample-malformed and leave no half-filled row',
        '4,294,967,295 records in a sample of type %i are sample-malformed, and so is one cut short',
        'a sample of type %i is sample-unknown',
      ),
      ...sflow('version4', '4,294,967,295 samples of which one is there'),
    ],
  },
  {
    input:
      'a sampled header longer than its record or its frame, of 0 to 13 bytes, of every link layer, with more stripped than there is, unpadded',
    tests: [
      ...malformed(
        'a sampled header longer than its record is sample-malformed',
        'a sampled Ethernet header of %i bytes is header-malformed',
        'a sampled IP header (protocol %i) of %i bytes is header-malformed',
        'a header of link layer %i that cannot be read has a volume and no ends',
        'more bytes stripped than the frame has leave no negative length',
        'a frame shorter than its header is told by its IP length',
        'an odd header without padding behind it is read',
        'a record of %i bytes is walked by that length, padded or not',
      ),
    ],
  },
  {
    input:
      'AS paths, communities, strings and tags in sFlow with counts of 2^32 - 1 or beyond their record; other enterprises',
    tests: malformed('%s is passed over by its length'),
    note: 'nothing in them fills a column: their own counts are not believed',
  },
  {
    input:
      'Ethernet with 20 tags, LLC and SNAP, fewer than 14 bytes, 300 labels without a bottom, a label stack before a control word',
    tests: [
      ...packet(
        'ethernet',
        'with 20 tags keeps the outer two and the volume',
        'in 802.3 form without SNAP (spanning tree) has no type',
        'of %i bytes is none',
        'of 300 labels without a bottom, or cut off, leaves the frame',
        'before %s leaves the frame',
      ),
      ...malformed('a sampled Ethernet header of %i bytes is header-malformed'),
    ],
  },
  {
    input:
      'IPv4 header lengths of 0 to 4, a total length below the header, 100 extension headers, one of 255, later fragments, GRE with all flags, 50 tunnels',
    tests: [
      ...packet(
        'ip',
        'with a header length of %i words is no IPv4; the volume counts',
        'with a total length of %i counts the frame less its header',
        'with 100 extension headers, or one that leads outside, is walked a bounded way',
        'of a later fragment has the protocol and no ports',
      ),
      ...packet('header', 'bounds', 'GRE routing entries too many or outside leave the outer packet'),
      ...testsOf('testing/data/packet-cases.ts', 'GRE with checksum, key and sequence', 'GRE with routing'),
    ],
  },
  {
    input:
      'VXLAN and Geneve beyond their end; every datagram of the corpus cut at every byte and with every byte changed',
    tests: [
      ...packet(
        'header',
        'a Geneve header whose options lead outside leaves the outer packet',
        'cut at any byte describes a whole outer packet or a whole inner one:',
      ),
      ...EVERY_BYTE,
      ...decode(
        'property',
        'every truncation of datagrams of the corpus',
        'nothing throws, reads outside or outgrows its bound, and the next datagram decodes as before',
      ),
    ],
    note: '16 seeded changes of each byte; `hairpin bench fuzz` goes on with millions',
  },
  {
    input: 'a datagram of 65,507 bytes and more; datagrams that the kernel dropped',
    tests: [
      ...malformed(
        'a datagram of 65,507 bytes is read to its end',
        'what no datagram can hold is cut, not read outside',
      ),
      ...testsOf('collector/receive/kernel-drops.test.ts', 'what the kernel drops at a full receive buffer is counted'),
    ],
  },
  {
    input: 'a template announced behind its data, in the same datagram or a later one',
    tests: [
      ...malformed(
        'data before its template, in the same datagram or an earlier one, is unknown-template and read when it comes',
      ),
      ...decode(
        'exporters/pending',
        'the oldest sets of the domain give way, counted',
        'what has waited too long is given up, the rest stays',
      ),
    ],
  },
];
