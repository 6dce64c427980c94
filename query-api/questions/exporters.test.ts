import { expect, test } from 'vitest';
import { PROTOCOL } from '../../schemas/codes.ts';
import { type ExporterRow, lossRatioOf, shapeExporter } from './exporters.ts';

const NOW_MS = Date.parse('2024-05-01T12:00:00Z');

function row(code: number, reported: Partial<ExporterRow>): ExporterRow {
  return {
    address: '192.0.2.1',
    domain: 0,
    code,
    seen: String(NOW_MS),
    first: String(NOW_MS - 300_000),
    rate: 0,
    waiting: 0,
    clockCode: 0,
    skew: 0,
    recent: '0',
    datagrams: '10',
    datagramBytes: '10000',
    records: '100',
    lost: '0',
    restarts: '0',
    templates: '0',
    unknownTemplateSets: '0',
    lostSets: '0',
    malformedSets: '0',
    unknownRateRecords: '100',
    rateChanges: '0',
    clashes: '0',
    ...reported,
  };
}

test('loss is reported in the unit of the protocol', () => {
  const shape = (code: number) => shapeExporter(row(code, { lost: '10' }), undefined, NOW_MS);
  for (const code of [PROTOCOL.netflow5, PROTOCOL.netflow6, PROTOCOL.netflow7, PROTOCOL.netflow8, PROTOCOL.ipfix])
    expect(shape(code)).toMatchObject({ lostUnit: 'records', lossRatio: 10 / 110 });
  for (const code of [PROTOCOL.netflow9, PROTOCOL.sflow5])
    expect(shape(code)).toMatchObject({ lostUnit: 'datagrams', lossRatio: 0.5 });
});

test('a clock that was not measured is unknown, not right', () => {
  const shape = (clockCode: number, skew: number) =>
    shapeExporter(row(PROTOCOL.ipfix, { clockCode, skew }), undefined, NOW_MS);
  expect(shape(0, 0)).toMatchObject({ clock: 'unknown', clockSkewMs: null });
  expect(shape(1, 0)).toMatchObject({ clock: 'steady', clockSkewMs: 0 });
  expect(shape(2, -1_800_000)).toMatchObject({ clock: 'unsteady', clockSkewMs: -1_800_000 });
  expect(shape(200, 5)).toMatchObject({ clock: 'unknown', clockSkewMs: null });
});

test('NetFlow v1 has no sequence number: its loss is not known, and says nothing of the loss of others', () => {
  const v1 = row(PROTOCOL.netflow1, { records: '900' });
  expect(shapeExporter(v1, undefined, NOW_MS)).toMatchObject({ protocol: 'netflow1', lossRatio: null, lost: 0 });
  expect(lossRatioOf([v1])).toBeNull();
  expect(lossRatioOf([v1, row(PROTOCOL.netflow5, { lost: '25', records: '75' })])).toBe(0.25);
});
