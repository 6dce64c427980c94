// The files of the corpus as the comparisons take them: those that share templates together, and bytes that stand in
// several files once.

import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { type CapturedDatagram, readCapture } from '../../collector/captures/capture.ts';
import { corpusFiles, corpusThere, pathOf } from '../corpus/folder.ts';
import { Bench, CORPUS_GROUPS, type Row } from '../data/datagrams.ts';

/** Expected values of other decoders and descriptions of the files; everything else is export datagrams or packets. */
const NO_CAPTURE = /\.(json|yaml|tsv|txt|out)$/;

export interface Unit {
  /** Files of one exporter, in the order in which it sent them. */
  readonly files: readonly string[];
  readonly datagrams: readonly CapturedDatagram[];
}

export interface Corpus {
  /** Every file there is. */
  readonly all: readonly string[];
  readonly captures: readonly string[];
  /** Files whose bytes stand in an earlier file, and that one. */
  readonly twins: ReadonlyMap<string, string>;
  readonly units: readonly Unit[];
}

export function readCorpus(): Corpus {
  const all = corpusThere ? corpusFiles().sort() : [];
  const captures = all.filter(file => !NO_CAPTURE.test(file));
  const byBytes = Map.groupBy(captures, file =>
    createHash('sha256')
      .update(readFileSync(pathOf(file)))
      .digest('hex'),
  );
  const grouped = new Set(CORPUS_GROUPS.flat());
  const twins = new Map<string, string>();
  for (const same of byBytes.values()) {
    const first = same.find(file => grouped.has(file)) ?? same.find(file => !file.startsWith('beats/dat/')) ?? same[0]!;
    for (const file of same) if (file !== first && !grouped.has(file)) twins.set(file, first);
  }
  const single = captures.filter(file => !grouped.has(file) && !twins.has(file));
  const units = [
    ...CORPUS_GROUPS.filter(group => group.every(file => captures.includes(file))),
    ...single.map(file => [file]),
  ];
  return { all, captures, twins, units: units.map(unitOf) };
}

function unitOf(files: readonly string[]): Unit {
  return { files, datagrams: files.flatMap(datagramsOf) };
}

/** A file too short for a capture is a datagram all the same. */
export function datagramsOf(file: string): readonly CapturedDatagram[] {
  if (statSync(pathOf(file)).size >= 4) return readCapture(pathOf(file)).datagrams;
  return [{ payload: readFileSync(pathOf(file)), source: '0.0.0.0', sourcePort: 0, destinationPort: 0, timeMs: 0 }];
}

/** The rows of one exporter's datagrams. */
export function decodeAll(datagrams: readonly CapturedDatagram[]): Row[] {
  const bench = new Bench({ rowsMax: 4096 });
  return datagrams.flatMap(({ payload, source, sourcePort, timeMs }) =>
    bench.decode(payload, source, sourcePort, timeMs),
  );
}
