// Every file of the corpus: what it is, what it gives, and what other decoders say of it or why they say nothing.

import { PROTOCOLS } from '../../schemas/codes.ts';
import { Bench } from '../decode/testdata.ts';
import type { Agreement } from './agreement.ts';
import { type Corpus, datagramsOf } from './corpus.ts';
import { type Cell, code, lines, table } from './markdown.ts';
import { resultLines } from './results.ts';
import { reasonWithoutRecords } from './without-records.ts';

/** Files that are neither captures nor expected values that something is compared with; `*` ends a folder. */
const OTHERS: readonly (readonly [file: RegExp, what: string])[] = [
  [/^INDEX\.tsv$/, 'list of the captures'],
  [/^PROVENANCE\.txt$/, 'where the files come from'],
  [/^beats\/dat_tests\.yaml$/, 'which files filebeat decodes together, in which order: read by the comparison'],
  [/^beats\/fields\/.*\.yaml$/, 'names of elements for one case of filebeat; no values'],
  [/^beats\/golden\/ssl_local_example\.pcap\.golden\.json$/, 'expected values of a capture that is not in the corpus'],
];

export interface FileReport {
  readonly protocols: readonly string[];
  readonly datagrams: number;
  readonly records: number;
}

/** What each file gives, decoded after the files of its exporter that come before it. */
export function reportFiles({ units }: Corpus): Map<string, FileReport> {
  const reports = new Map<string, FileReport>();
  for (const { files } of units) {
    const bench = new Bench({ rowsMax: 4096 });
    for (const file of files) {
      const datagrams = datagramsOf(file);
      const protocols = new Set<string>();
      let records = 0;
      for (const { payload, source, sourcePort, timeMs } of datagrams) {
        records += bench.decode(payload, source, sourcePort, timeMs).length;
        protocols.add(PROTOCOLS[bench.decoder.context.protocol]!);
      }
      reports.set(file, { protocols: [...protocols], datagrams: datagrams.length, records });
    }
  }
  return reports;
}

/** Files that nothing is said of: no comparison, or no records without a reason, or a reason in spite of records. */
export function unexplained(
  { all, captures, twins }: Corpus,
  reports: ReadonlyMap<string, FileReport>,
  agreements: readonly Agreement[],
): string[] {
  const compared = new Set(agreements.flatMap(({ subject, files }) => [subject, ...files]));
  return all.filter(file => {
    if (!captures.includes(file)) return compared.has(file) === OTHERS.some(([name]) => name.test(file));
    const first = twins.get(file) ?? file;
    const empty = reports.get(first)?.records === 0;
    return !compared.has(first) || empty !== (reasonWithoutRecords(file) !== undefined);
  });
}

export function corpusTables(
  { all, twins, units }: Corpus,
  agreements: readonly Agreement[],
  reports: ReadonlyMap<string, FileReport>,
): string {
  const lastOf = new Map(units.flatMap(({ files }) => files.map(file => [file, files.at(-1)!] as const)));
  const goldens = new Map(agreements.map(({ subject, files }) => [subject, files] as const));

  const resultOf = (file: string): string => {
    const twin = twins.get(file);
    const reason = reasonWithoutRecords(file);
    const last = lastOf.get(file) ?? file;
    return lines(
      ...(twin === undefined ? [] : [`same bytes as ${code(twin)}`]),
      ...(reason === undefined ? [] : [reason]),
      ...resultLines(agreements.filter(agreement => agreement.files.at(-1) === file)),
      ...(last === file ? [] : [`compared with ${code(nameIn(last))}`]),
    );
  };
  const rowOf = (file: string): Cell[] => {
    const report = reports.get(twins.get(file) ?? file);
    if (report)
      return [code(inFolder(file)), report.protocols.join(', '), report.datagrams, report.records, resultOf(file)];
    const files = goldens.get(file);
    const use = files
      ? `expected values of ${files.map(one => code(nameIn(one))).join(', ')}`
      : OTHERS.find(([name]) => name.test(file))![1];
    return [code(inFolder(file)), '', '', '', use];
  };

  return [...Map.groupBy(all, folderOf)]
    .map(([folder, files]) => {
      const head = ['File', 'Protocol', 'Datagrams', 'Records', 'Result'];
      return `### ${folder === '' ? 'About the corpus' : code(folder)}\n\n${table(head, files.map(rowOf))}`;
    })
    .join('\n\n');
}

/** The project that a file comes from. */
function folderOf(file: string): string {
  return file.slice(0, Math.max(0, file.indexOf('/')));
}

function inFolder(file: string): string {
  return file.slice(file.indexOf('/') + 1);
}

function nameIn(file: string): string {
  return file.slice(file.lastIndexOf('/') + 1);
}
