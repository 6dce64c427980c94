// docs/PROTOCOLS.md: what is read, what proves it, and every file of the corpus with what other decoders say of it.

import type { Agreement, OracleName } from './agreement.ts';
import type { Corpus } from './corpus.ts';
import { corpusTables, type FileReport } from './corpus-tables.ts';
import { DISAGREEMENTS } from './disagreements.ts';
import { FEATURES } from './features.ts';
import { MALFORMED_CASES } from './malformed-cases.ts';
import { countersOf, MALFORMED_INPUTS } from './malformed-inputs.ts';
import { code, lines, table } from './markdown.ts';
import { type Feature, fullTitle, type Line, matches, type TestReference } from './proof.ts';
import { QUIRKS } from './quirks.ts';
import { resultLines, totalsOf } from './results.ts';

const ORACLES: Readonly<Record<OracleName, readonly [what: string, compared: string]>> = {
  tshark: ['dissection by tshark 4 of every datagram of the corpus', 'every record, by column'],
  NetGauze: [
    'JSON of every message of the captures of pmacct, and of one of SRv6',
    'every element of every record, options too, and the columns that follow',
  ],
  filebeat: ['expected events of its NetFlow input', 'every record, by column, times included'],
  tcpdump: [
    'expected output of its sFlow tests',
    'every sample: its head, its counters, and the row that a flow sample becomes',
  ],
  pmacct: ['expected output of its tests', 'bytes and packets by key, summed'],
};

const HEAD = `# Protocols

What the collector reads, and what proves it. Made by \`testing/conformance\`, which decodes every file of a corpus of
other projects' captures and compares the records with what other decoders say of them; \`npm test -- testing/conformance
--update\` writes it again. A difference that has not been reviewed, a capture that is no longer there and a test that has
another name fail that test.

Captures are called by their names in the corpus, tests by their titles in files below \`collector/decode/\`, below
\`collector/\` or of the folder given. "Result" counts the records and fields of the captures of a line that were compared;
where a line has no captures its tests are the proof.`;

const MALFORMED = `## Malformed input

Whatever comes, a decoder does not throw, reads nothing outside of the datagram and takes a bounded number of steps. The
counter is the \`reason\` of \`hairpin_collector_decode_faults_total\`; [COLLECTOR.md](COLLECTOR.md) says what to do about each.
\`unknownRateRecords\`, \`lostSets\`, \`lost\` and \`restarts\` are counters of the exporter. Where none stands the input is read.
\`malformed.test.ts\` sends inputs of every case and compares everything that was counted: nothing else may be.`;

const CORPUS = `## The corpus, file by file

Records are rows: the other direction of a biflow is one of its own. Files of one exporter are decoded together, and
compared where the last of them stands.`;

export function protocolsDocument(
  corpus: Corpus,
  agreements: readonly Agreement[],
  reports: ReadonlyMap<string, FileReport>,
): string {
  const result = ({ captures = [], tests = [], unsupported }: Line): string => {
    if (unsupported !== undefined) return `not supported: ${unsupported}`;
    const { captures: files, twins } = corpus;
    const named = files.filter(file => captures.some(pattern => matches(pattern, file)));
    const meant = new Set(named.map(file => twins.get(file) ?? file));
    const results = resultLines(
      agreements.filter(agreement => agreement.files.some(file => meant.has(twins.get(file) ?? file))),
    );
    return lines(...(results.length > 0 || tests.length === 0 ? results : ['test']));
  };
  const featureTable = (features: readonly Feature[]) =>
    table(
      ['Feature', 'Standard', 'Proof', 'Result'],
      features.map(line => [sentence(line.feature, line.note), line.standard, proof(line), result(line)]),
    );
  const quirkTable = table(
    ['Exporter', 'What it does', 'Proof', 'Result'],
    QUIRKS.map(line => [line.exporter, sentence(line.quirk, line.note), proof(line), result(line)]),
  );
  const malformedTable = table(
    ['', 'Input', 'Counter', 'Tests'],
    MALFORMED_CASES.map(({ input, note, tests }, i) => [
      i + 1,
      sentence(input, note),
      countersOf(MALFORMED_INPUTS[i]!).map(code).join(', '),
      lines(...testLines(tests)),
    ]),
  );
  return `${[
    HEAD,
    oracleTable(agreements),
    disagreementTable(agreements),
    ...FEATURES.map(({ title, features }) => `## ${title}\n\n${featureTable(features)}`),
    `## Exporters with ways of their own\n\n${quirkTable}`,
    `${MALFORMED}\n\n${malformedTable}`,
    `${CORPUS}\n\n${corpusTables(corpus, agreements, reports)}`,
  ].join('\n\n')}\n`;
}

function oracleTable(agreements: readonly Agreement[]): string {
  const rows = Object.entries(ORACLES).map(([oracle, [what, compared]]) => {
    const mine = agreements.filter(agreement => agreement.oracle === oracle);
    const { records, fields, differences } = totalsOf(mine);
    return [oracle, what, compared, mine.length, records, fields, differences];
  });
  const head = ['Oracle', 'What it is', 'Compared', 'Files or groups', 'Records', 'Fields that agree', 'Differences'];
  return `## Agreement with other decoders\n\n${table(head, rows)}`;
}

function disagreementTable(agreements: readonly Agreement[]): string {
  const rows = DISAGREEMENTS.map(({ oracle, subjects, fields, right, reason }, i) => {
    const count = agreements
      .filter(agreement => agreement.oracle === oracle && subjects.includes(agreement.subject))
      .flatMap(({ differences }) => fields.map(field => differences.get(field)?.count ?? 0))
      .reduce((sum, one) => sum + one, 0);
    return [i + 1, oracle, lines(...subjects.map(code)), `${fields.join(', ')} (${count})`, right, reason];
  });
  const head = ['No.', 'Oracle', 'File', 'Fields (differences)', 'Right is', 'Why'];
  return `## Disagreements\n\nAll there are. "Both" is right where both say what was sent, each in its way.\n\n${table(head, rows)}`;
}

function sentence(text: string, note: string | undefined): string {
  return note === undefined ? text : `${text}; ${note}`;
}

function proof({ captures = [], tests = [] }: Line): string {
  return lines(...(captures.length > 0 ? [captures.map(code).join(', ')] : []), ...testLines(tests));
}

function testLines(tests: readonly TestReference[]): string[] {
  return [...Map.groupBy(tests, ({ file }) => file)].map(
    ([file, list]) => `${code(file.replace(/^collector\/(decode\/)?/, ''))}: ${list.map(fullTitle).join('; ')}`,
  );
}
