import { expect, test } from 'vitest';
import { corpusFiles, pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import { readCapture } from '../../captures/capture.ts';
import { type StructureKind, sflowStructureName } from './structures.ts';

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

// proves: structure-names
test.each([
  ['sample', 0, range(1, 5)],
  ['flow', 0, [...range(1, 4), ...range(1001, 1043), ...range(2100, 2103), ...range(2200, 2210)]],
  ['counter', 0, [...range(1, 7), 10, 11, ...range(1001, 1005), ...range(2000, 2010), ...range(2100, 2106)]],
  ['counter', 0, [...range(2200, 2207), ...range(3000, 3003)]],
  ['counter', 4413, [1, 2, 3]],
  ['counter', 5703, [1]],
] as const)('every %s structure of enterprise %i has a name of its own', (kind, enterprise, formats) => {
  const names = formats.map(format => sflowStructureName(kind, enterprise, format));
  expect(names.every(name => /^[a-zA-Z\d_]+$/.test(name ?? ''))).toBe(true);
  expect(new Set(names).size).toBe(formats.length);
});

test('a number means something else in another place', () => {
  expect(sflowStructureName('flow', 0, 1001)).toBe('extended_switch');
  expect(sflowStructureName('counter', 0, 1001)).toBe('processor');
  expect(sflowStructureName('flow', 4413, 1001)).toBeUndefined();
  expect(sflowStructureName('counter', 4095, 1)).toBeUndefined();
});

const FOLDERS = ['akvorado/sflow', 'cistern-sflow', 'goflow2/extracted', 'gopacket/extracted', 'vflow/extracted'];
const CAPTURES = ['made/ovs-sflow.pcap', 'tcpdump/sflow-print-v6.pcap', 'tcpdump/sflow_expanded.pcap'];
const ready = requireCorpus();

// proves: structure-names
test.skipIf(!ready)('everything in the captures of the corpus has a name', () => {
  const files = [
    ...FOLDERS.flatMap(folder => corpusFiles(`${folder}/`)),
    ...CAPTURES,
    'tcpdump/sflow_multiple_counter_30_pdus.pcap',
  ];
  const seen = new Map<string, string | undefined>();
  for (const { payload } of files.flatMap(file => readCapture(pathOf(file)).datagrams)) walk(payload, seen);
  expect([...seen].filter(([, name]) => name === undefined)).toEqual([]);
  expect(seen.size).toBeGreaterThan(30);
});

/** An independent walk over a datagram of version 5 whose lengths are right. */
function walk(payload: Uint8Array, seen: Map<string, string | undefined>): void {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (payload.length < 28 || view.getUint32(0) !== 5) return;
  const see = (kind: StructureKind, type: number) =>
    seen.set(`${kind} ${type >>> 12}:${type & 0xfff}`, sflowStructureName(kind, type >>> 12, type & 0xfff));
  let at = view.getUint32(4) === 1 ? 24 : 36;
  for (let samples = view.getUint32(at); samples > 0; samples--) {
    at += 4;
    const type = view.getUint32(at);
    see('sample', type);
    const isCounter = type === 2 || type === 4;
    let record = at + 8 + ({ 1: 32, 2: 12, 3: 44, 4: 16, 5: 32 }[type] ?? 0);
    for (let records = view.getUint32(record - 4); records > 0; records--) {
      see(isCounter ? 'counter' : 'flow', view.getUint32(record));
      record += 8 + view.getUint32(record + 4);
    }
    at += 4 + view.getUint32(at + 4);
  }
}
