// What tcpdump prints of its own sFlow captures: agents, and of every sample its head, its counters and the length of the
// packet. Flow samples are compared with their rows, and all of them with what `hairpin decode --all-elements` reports.

import { readFileSync } from 'node:fs';
import { type CapturedDatagram, readCapture } from '../../collector/captures/capture.ts';
import { ElementPrinter } from '../../collector/captures/decode/all-elements.ts';
import { builtInElements } from '../../collector/elements/element-registry.ts';
import { formatAddress, wordsOfRow } from '../../schemas/address.ts';
import { pathOf } from '../corpus/folder.ts';
import { Bench, type Row } from '../data/datagrams.ts';
import { Agreement } from './agreement.ts';

type Members = { readonly [name: string]: string | number | Members };

const DATAGRAM = /^(?= *\d+ {2}\d{4}-\d\d-\d\d )/m;
const AGENT = /sFlowv5, IPv[46] agent ([\da-f.:]+), agent-id (\d+),/;
const SAMPLE = /^\t(?=\S)/m;
const FLOW_SAMPLE = /^(?:expanded )?flow sample/;
const STRUCTURE = /^\t {4}enterprise \d+,? .*\((\d+)\) length \d+$/m;

/** Structures of which tcpdump prints every number, or, of a packet, all but its bytes. */
const COUNTERS: Readonly<Record<string, string>> = { 1: 'if_counters', 2: 'ethernet_counters' };
const RECORDS: Readonly<Record<string, string>> = { 1: 'sampled_header', 1001: 'extended_switch' };
const PACKET = ['frame_length', 'stripped'];

/** The top bits of an interface report a format; an expanded sample has it beside the number. */
const FORMAT = 0x40000000;

const names = builtInElements();

export function compareTcpdump(golden: string): Agreement {
  const file = golden.replace(/(-nv)?\.out$/, '.pcap');
  const agreement = new Agreement('tcpdump', [file], golden);
  const { datagrams } = readCapture(pathOf(file));
  const printed = readFileSync(pathOf(golden), 'utf8').split(DATAGRAM);
  agreement.compareCount('datagrams', datagrams.length, printed.length);
  for (const [i, text] of printed.entries()) {
    const datagram = datagrams[i]!;
    const bench = new Bench();
    const elements = elementsOf(bench, datagram);
    const [domain] = bench.domains();
    const agent = AGENT.exec(text);
    agreement.compare(i, 'agent', domain && formatAddress(wordsOfRow(domain.exporter, 0)), agent?.[1]);
    agreement.compare(i, 'subAgent', domain?.id, agent?.[2] && Number(agent[2]));
    // The brief form of the output has agents only, and what is no sFlow to tcpdump has no samples.
    if (!agent || golden.endsWith('-nv.out')) continue;
    const samples = text.split(SAMPLE).slice(1);
    const flows = samples.filter(sample => FLOW_SAMPLE.test(sample));
    agreement.compareCount('samples', elements.length, samples.length);
    agreement.compareCount('rows', bench.rows.length, flows.length);
    for (const [s, sample] of samples.entries()) compareSample(agreement, i, elements[s] ?? {}, sample);
    for (const [s, sample] of flows.entries()) compareRow(agreement, i, bench.rows[s] ?? {}, sample);
  }
  return agreement;
}

/** What is reported of each sample; the rows go to the bench. */
function elementsOf(bench: Bench, datagram: CapturedDatagram): Members[] {
  const { payload, source, sourcePort, timeMs } = datagram;
  bench.decode(payload, source, sourcePort, timeMs);
  const { text } = new ElementPrinter(new Bench().decoder, names, 'jsonl').decode(datagram);
  const lines = text.split('\n').slice(0, -1);
  return lines
    .map(line => JSON.parse(line) as { readonly kind: string; readonly elements: Members })
    .filter(({ kind }) => kind === 'sample')
    .map(({ elements }) => elements);
}

/** The numbers of a text but for those in parentheses, which say what another one means. */
function numbersOf(text: string): number[] {
  return (text.replaceAll(/\(.*?\)/g, '').match(/\b\d+\b/g) ?? []).map(Number);
}

/** `name 5` of the head of a sample. */
function numberNamed(text: string, name: string): number | undefined {
  const found = new RegExp(`\\b${name} (\\d+)`).exec(text);
  return found ? Number(found[1]) : undefined;
}

function compareSample(agreement: Agreement, record: number, ours: Members, text: string): void {
  const [head, ...structures] = text.split(STRUCTURE) as [string, ...string[]];
  const { source_id: source } = ours;
  agreement.compareRecord(
    record,
    { ...ours, ...(source as Members) },
    {
      sequence_number: numberNamed(head, 'seqnum'),
      source_id_type: numberNamed(head, 'type'),
      source_id_index: numberNamed(head, 'idx'),
      sampling_rate: numberNamed(head, 'rate'),
      sample_pool: numberNamed(head, 'pool'),
      drops: numberNamed(head, 'drops'),
      records: numberNamed(head, 'records'),
    },
  );
  const kinds = FLOW_SAMPLE.test(head) ? RECORDS : COUNTERS;
  for (let i = 0; i < structures.length; i += 2) {
    const kind = kinds[structures[i]!];
    if (kind === undefined) continue;
    const structure = ours[kind] as Members | undefined;
    const reported = Object.entries(structure ?? {}).filter(
      ([name]) => kind !== 'sampled_header' || PACKET.includes(name),
    );
    const theirs = numbersOf(structures[i + 1]!).slice(0, kind === 'sampled_header' ? PACKET.length : undefined);
    agreement.compareCount(`fields of ${kind}`, reported.length, theirs.length);
    for (const [n, [name, value]] of reported.entries()) agreement.compare(record, name, value, theirs[n]);
  }
}

function compareRow(agreement: Agreement, record: number, row: Row, text: string): void {
  const [index, input, output] = ['idx', 'input', 'output'].map(name => numberNamed(text, name));
  const toInterface = text.startsWith('expanded') || output! < FORMAT;
  agreement.compareRecord(record, row, {
    samplingRate: numberNamed(text, 'rate'),
    inIf: input,
    outIf: toInterface ? output : 0,
    direction: input === output ? 'unknown' : index === input ? 'ingress' : index === output ? 'egress' : 'unknown',
    l2Bytes: numberNamed(text.slice(text.indexOf('protocol Ethernet')), 'length'),
  });
}
