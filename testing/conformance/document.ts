// docs/PROTOCOLS.md: what is read, what exporters do of their own, what malformed input costs, and the limits. It is made
// of the tables beside this file and needs no corpus.

import { RECORDS_PER_DATAGRAM_MAX, STEPS_PER_DATAGRAM_MAX } from '../../collector/decode/context.ts';
import { DATAGRAM_BYTES_MAX } from '../../collector/decode/decoder.ts';
import {
  INTERFACES_PER_DOMAIN_MAX,
  SELECTORS_PER_DOMAIN_MAX,
  TEMPLATES_TOTAL_MAX,
} from '../../collector/decode/exporters/domain.ts';
import { DOMAINS_PER_SESSION_MAX } from '../../collector/decode/exporters/exporters.ts';
import {
  PENDING_BYTES_MAX,
  PENDING_EXPORTER_BYTES_MAX,
  PENDING_MS_MAX,
} from '../../collector/decode/exporters/pending.ts';
import { TUNNELS_MAX } from '../../collector/decode/packet/header.ts';
import { SOURCES_PER_AGENT_MAX } from '../../collector/decode/sflow/agent.ts';
import { readCaptures } from '../corpus/captures.ts';
import { FEATURES } from './features.ts';
import { MALFORMED_CASES } from './malformed-cases.ts';
import { countersOf, MALFORMED_INPUTS } from './malformed-inputs.ts';
import { code, counted, table } from './markdown.ts';
import { type Feature, type Line, matches } from './proof.ts';
import { QUIRKS } from './quirks.ts';

const MIB = 1024 * 1024;

const HEAD = `# Protocols

What the collector reads. The tables are those that the tests use: \`npm test -- testing/conformance --update\` writes
this page again, and a page that differs fails. "Proof" counts the captures of other projects that show a line, and the
tests that name it. The records of every capture are compared with what tshark, NetGauze, filebeat, tcpdump and pmacct say
of them; a difference that nobody has reviewed fails the gate (\`disagreements.ts\` holds those that have been).`;

const MALFORMED = `## Malformed input

Whatever arrives, a decoder does not throw, reads nothing outside the datagram and takes a bounded number of steps. The
counter is the \`reason\` of \`hairpin_collector_decode_faults_total\`; [COLLECTOR.md](COLLECTOR.md) says what to do about
each. \`unknownRateRecords\`, \`lostSets\`, \`lost\` and \`restarts\` are counters of the exporter. Input without a counter is
read.`;

const LIMITS: readonly (readonly [what: string, limit: string | number])[] = [
  ['bytes of a datagram', DATAGRAM_BYTES_MAX],
  ['records of a datagram', RECORDS_PER_DATAGRAM_MAX],
  ['steps of a datagram: a field copied, a layer or a record passed', STEPS_PER_DATAGRAM_MAX],
  ['tunnels of a sampled header that are looked into', TUNNELS_MAX],
  ['observation domains of an exporter', DOMAINS_PER_SESSION_MAX],
  ['templates of all exporters; `templatesMax` limits those of one', TEMPLATES_TOTAL_MAX],
  ['selectors of a domain', SELECTORS_PER_DOMAIN_MAX],
  ['interfaces of a domain', INTERFACES_PER_DOMAIN_MAX],
  ['data sources of an sFlow agent', SOURCES_PER_AGENT_MAX],
  ['MiB of data that wait for a template, of one exporter', PENDING_EXPORTER_BYTES_MAX / MIB],
  ['MiB of data that wait for a template, of all exporters', PENDING_BYTES_MAX / MIB],
  ['minutes that data wait for a template', PENDING_MS_MAX / 60_000],
];

export function protocolsDocument(proofs: ReadonlyMap<string, number>): string {
  const files = readCaptures().map(({ file }) => file);
  const proof = ({ id, captures = [], unsupported }: Line): string => {
    if (unsupported !== undefined) return `not supported: ${unsupported}`;
    const shown = files.filter(file => captures.some(pattern => matches(pattern, file))).length;
    const tests = proofs.get(id) ?? 0;
    return [...(shown > 0 ? [counted(shown, 'capture')] : []), ...(tests > 0 ? [counted(tests, 'test')] : [])].join(
      ', ',
    );
  };
  const featureTable = (features: readonly Feature[]) =>
    table(
      ['Feature', 'Standard', 'Proof'],
      features.map(line => [sentence(line.feature, line.note), line.standard, proof(line)]),
    );
  const quirkTable = table(
    ['Exporter', 'What it does', 'Proof'],
    QUIRKS.map(line => [line.exporter, sentence(line.quirk, line.note), proof(line)]),
  );
  const malformedTable = table(
    ['Input', 'Counter', 'Proof'],
    MALFORMED_CASES.map((line, i) => [
      sentence(line.input, line.note),
      countersOf(MALFORMED_INPUTS[i]!).map(code).join(', '),
      proof(line),
    ]),
  );
  const limitTable = table(
    ['Limit', 'At most'],
    LIMITS.map(([what, limit]) => [what, limit.toLocaleString('en')]),
  );
  return `${[
    HEAD,
    ...FEATURES.map(({ title, features }) => `## ${title}\n\n${featureTable(features)}`),
    `## Exporters that deviate\n\n${quirkTable}`,
    `${MALFORMED}\n\n${malformedTable}`,
    `## Limits\n\n${limitTable}`,
  ].join('\n\n')}\n`;
}

function sentence(text: string, note: string | undefined): string {
  return note === undefined ? text : `${text}; ${note}`;
}
