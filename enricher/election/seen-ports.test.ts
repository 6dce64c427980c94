import { expect, test } from 'vitest';
import { findPort, PORT } from '../../inventory/lookup/port-table.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { documentsOf } from '../../testing/data/enrichment.ts';
import { RowOffsets } from '../entries/row-offsets.ts';
import { NOTHING_BEHIND, SEEN, SeenPorts } from './seen-ports.ts';

const PORTS = 3000;
const snapshot = compileSnapshot(
  documentsOf({
    inventory: {
      switches: [{ id: 'sw', ports: Array.from({ length: PORTS }, (_, i) => ({ ifIndex: 10 + i })) }],
      hosts: [
        { id: 'h1', pnics: [{ id: 'p', switch: 'sw', ifIndex: 10 }] },
        { id: 'h2', pnics: [{ id: 'p', switch: 'sw', ifIndex: 12 }] },
      ],
    },
    exporters: [
      { address: '192.0.2.1', switch: 'sw', metering: 'ingress' },
      { address: '192.0.2.2', metering: 'both', role: 'external' },
    ],
  }),
);

function resolve(rows: readonly (readonly [exporter: number, inIf: number, outIf: number])[], portsMax?: number) {
  const seen = new SeenPorts(snapshot, portsMax);
  const column = (at: 0 | 1 | 2) => Uint32Array.from(rows, row => row[at]);
  const offsets = new RowOffsets(rows.length);
  offsets.exporters.set(column(0));
  const again = (from: number, to: number) => seen.resolve({ inIf: column(1), outIf: column(2) }, from, to, offsets);
  again(0, rows.length);
  return { seen, inPorts: offsets.inPorts, outPorts: offsets.outPorts, again };
}

const expected = (exporter: number, ifIndex: number) => {
  const at = ifIndex === 0 ? exporter * PORT.words : findPort(snapshot.access, exporter, ifIndex);
  return snapshot.access.ports.slice(at, at + PORT.words);
};

test('every port is what the table of metered ports says, however many are seen', () => {
  const rows = Array.from(
    { length: 2 * PORTS },
    (_, i) => [i % 3, (i * 7) % (PORTS + 40), i % 5 === 0 ? 0 : i % 50] as const,
  );
  const { seen, inPorts, outPorts } = resolve(rows);
  rows.forEach(([exporter, inIf, outIf], row) => {
    const words = (at: number) => seen.words.slice(at, at + PORT.words);
    expect(words(inPorts[row]!)).toEqual(expected(exporter, inIf));
    expect(words(outPorts[row]!)).toEqual(expected(exporter, outIf));
  });
});

test('what stands behind a port, and nothing where none is reported', () => {
  const { seen, inPorts, outPorts } = resolve([
    [1, 10, 12],
    [1, 11, 0],
    [2, 10, 12],
    [0, 10, 12],
  ]);
  const behind = [...inPorts, ...outPorts].map(at => seen.words[at + SEEN.behind]);
  expect(behind).toEqual([
    1,
    NOTHING_BEHIND,
    NOTHING_BEHIND,
    NOTHING_BEHIND,
    2,
    NOTHING_BEHIND,
    NOTHING_BEHIND,
    NOTHING_BEHIND,
  ]);
});

test('ports beyond the bound are forgotten between calls, those of one call never', () => {
  const rows = Array.from({ length: 100 }, (_, i) => [1, 10 + i, 10 + i] as const);
  const { seen, inPorts, again } = resolve(rows, 20);
  expect(new Set(inPorts).size).toBe(100);
  again(0, 5);
  expect(seen.size).toBe(5);
  again(5, 9);
  expect(seen.size).toBe(9);
  for (let row = 5; row < 9; row++) expect(seen.words[inPorts[row]! + SEEN.ifIndex]).toBe(10 + row);
  again(50, 60);
  expect(seen.size).toBe(10);
});
