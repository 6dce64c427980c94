// Every file of the corpus gives records or stands in a list with the reason, and is compared with something.

import { Bench } from '../data/datagrams.ts';
import type { Agreement } from './agreement.ts';
import { type Corpus, datagramsOf } from './corpus.ts';
import { reasonWithoutRecords } from './without-records.ts';

/** Files that are neither captures nor expected values that something is compared with; `*` ends a folder. */
const OTHERS: readonly (readonly [file: RegExp, what: string])[] = [
  [/^beats\/dat_tests\.yaml$/, 'which files filebeat decodes together, in which order: read by the comparison'],
  [/^beats\/fields\/.*\.yaml$/, 'names of elements for one case of filebeat; no values'],
  [/^beats\/golden\/ssl_local_example\.pcap\.golden\.json$/, 'expected values of a capture that is not in the corpus'],
];

/** How many records each file gives, decoded after the files of its exporter that come before it. */
export function countRecords({ units }: Corpus): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { files } of units) {
    const bench = new Bench({ rowsMax: 4096 });
    for (const file of files) {
      let records = 0;
      for (const { payload, source, sourcePort, timeMs } of datagramsOf(file))
        records += bench.decode(payload, source, sourcePort, timeMs).length;
      counts.set(file, records);
    }
  }
  return counts;
}

/** Files that nothing is said of: no comparison, or no records without a reason, or a reason in spite of records. */
export function unexplained(
  { all, captures, twins }: Corpus,
  records: ReadonlyMap<string, number>,
  agreements: readonly Agreement[],
): string[] {
  const compared = new Set(agreements.flatMap(({ subject, files }) => [subject, ...files]));
  return all.filter(file => {
    if (!captures.includes(file)) return compared.has(file) === OTHERS.some(([name]) => name.test(file));
    const first = twins.get(file) ?? file;
    const empty = records.get(first) === 0;
    return !compared.has(first) || empty !== (reasonWithoutRecords(file) !== undefined);
  });
}
