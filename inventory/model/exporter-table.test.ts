import { expect, test } from 'vitest';
import { batchOf, documentsOf, type Row } from '../../testing/data/enrichment.ts';
import { compileExporters } from './exporter-table.ts';

const resolve = (exporters: object[], rows: Row[], exportersMax?: number) => {
  const numbers = new Uint32Array(rows.length).fill(99);
  compileExporters(documentsOf({ exporters }).exporters, exportersMax).resolve(
    batchOf(rows).columns,
    0,
    rows.length,
    numbers,
  );
  return [...numbers];
};

test('the entry that says most about a record is taken, 0 is nobody', () => {
  const address = '192.0.2.1';
  const exporters = [
    { address },
    { address, protocol: 'sflow5' },
    { address, domain: 7 },
    { address, domain: 7, protocol: 'ipfix' },
    { address: '2001:db8::1' },
  ];
  const rows: Row[] = [
    { exporter: address, domain: 1, protocol: 'ipfix' },
    { exporter: address, domain: 1, protocol: 'sflow5' },
    { exporter: address, domain: 7, protocol: 'sflow5' },
    { exporter: address, domain: 7, protocol: 'ipfix' },
    { exporter: '2001:db8::1', domain: 7 },
    { exporter: '192.0.2.2', domain: 7 },
  ];
  expect(resolve(exporters, rows)).toEqual([1, 2, 3, 4, 5, 0]);
  expect(resolve([], rows)).toEqual([0, 0, 0, 0, 0, 0]);
});

test('more exporters and domains than the cache holds are still distinguished', () => {
  const rows = Array.from({ length: 200 }, (_, i): Row => ({ exporter: `192.0.2.${(i % 50) + 1}`, domain: i }));
  const exporters = Array.from({ length: 50 }, (_, i) => ({ address: `192.0.2.${i + 1}` }));
  expect(resolve(exporters, rows, 8)).toEqual(rows.map((_, i) => (i % 50) + 1));
});
