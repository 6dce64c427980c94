import { expect, test } from 'vitest';
import { RATE_SOURCE } from '../../schemas/codes.ts';
import { EXPORTER_COLUMNS } from '../../schemas/exporter-minute.ts';
import {
  Bench,
  type FieldSpec,
  ipfix,
  netflow5,
  RECEIVED_MS,
  record5,
  rowOf,
  set,
  template,
  u32,
} from '../../testing/data/datagrams.ts';
import { PENDING_MS_MAX } from '../decode/exporters/pending.ts';
import { exporterReport } from './exporter-report.ts';

const MINUTE_MS = 1_577_836_800_000;

test('a report has a row per domain that sent something, and the counters start again', () => {
  const bench = new Bench();
  bench.decode(netflow5([record5(), record5()], { sampling: 100, engine: 3 }));
  bench.decode(
    netflow5([record5()], { sampling: 200, engine: 3, sequence: 12 }),
    '198.51.100.1',
    50000,
    RECEIVED_MS + 59_000,
  );
  bench.decode(netflow5([record5()]), '2001:db8::5');
  const report = exporterReport(bench.decoder.exporters.domains())!;
  expect(report.rows).toBe(2);
  expect(report.list).toBe(EXPORTER_COLUMNS);
  // In no particular order.
  const rows = [rowOf(report, 0), rowOf(report, 1)].sort((a, b) =>
    String(a['exporter']).localeCompare(String(b['exporter'])),
  );
  expect(rows[0]).toEqual({
    minute: MINUTE_MS,
    exporter: '198.51.100.1',
    observationDomain: 3,
    protocol: 'netflow5',
    lastSeen: RECEIVED_MS + 59_000,
    datagrams: 2,
    datagramBytes: 2 * 24 + 3 * 48,
    records: 3,
    lost: 10,
    restarts: 0,
    templates: 0,
    unknownTemplateSets: 0,
    waitingSets: 0,
    lostSets: 0,
    malformedSets: 0,
    unknownRateRecords: 0,
    rateChanges: 1,
    clashes: 0,
    samplingRate: 200,
    clock: 'unknown',
    clockSkewMs: 0,
  });
  expect(rows[1]).toMatchObject({ exporter: '2001:db8::5', datagrams: 1, records: 1, samplingRate: 0 });

  expect(exporterReport(bench.decoder.exporters.domains())).toBeUndefined();
  bench.decode(
    netflow5([record5()], { sampling: 200, engine: 3, sequence: 13 }),
    '198.51.100.1',
    50000,
    RECEIVED_MS + 60_000,
  );
  const next = exporterReport(bench.decoder.exporters.domains())!;
  expect(next.rows).toBe(1);
  expect(rowOf(next, 0)).toMatchObject({
    minute: MINUTE_MS + 60_000,
    datagrams: 1,
    records: 1,
    lost: 0,
    rateChanges: 0,
  });
});

test('the clock of an exporter is reported once it is known', () => {
  const bench = new Bench({ measuresClocks: true });
  const report = () => rowOf(exporterReport(bench.decoder.exporters.domains())!, 0);
  const receive = (seconds: number) =>
    bench.decode(netflow5([record5()]), '198.51.100.1', 50000, MINUTE_MS + 35_000 + seconds * 1000);
  receive(0);
  expect(report()).toMatchObject({ clock: 'unknown', clockSkewMs: 0 });
  const header = { unixSecs: MINUTE_MS / 1000 };
  for (let seconds = 10; seconds <= 200; seconds += 10) {
    const datagram = netflow5([record5()], { ...header, unixSecs: header.unixSecs + seconds });
    bench.decode(datagram, '198.51.100.1', 50000, MINUTE_MS + (seconds + 35) * 1000);
  }
  expect(report()).toMatchObject({ clock: 'steady', clockSkewMs: -35_000 });
});

test('the rate that records state is reported where the domain has none', () => {
  const bench = new Bench();
  const fields: FieldSpec[] = [
    [1, 4],
    [34, 4],
  ];
  const records = [
    [...u32(100), ...u32(64)],
    [...u32(100), ...u32(128)],
  ];
  bench.decode(ipfix([set(2, template(300, fields)), set(300, ...records)]));
  expect(rowOf(exporterReport([bench.domain()])!, 0)).toMatchObject({ records: 2, samplingRate: 128 });
});

test('counters beyond 32 bits keep their value', () => {
  const bench = new Bench();
  bench.decode(netflow5([record5()], { engine: 0xffff }), '198.51.100.1', 50000, MINUTE_MS + 59_999);
  const domain = bench.domain();
  domain.datagramBytes = 2 ** 40 + 5;
  domain.setRate(0xffffffff, RATE_SOURCE.override);
  expect(rowOf(exporterReport([domain])!, 0)).toMatchObject({
    minute: MINUTE_MS,
    lastSeen: MINUTE_MS + 59_999,
    datagramBytes: 2 ** 40 + 5,
    samplingRate: 0xffffffff,
  });
});

test('reports data sets that wait for their template, and those given up, of a silent exporter too', () => {
  const bench = new Bench();
  const sets = (...ids: readonly number[]) => ipfix(ids.map(id => set(id, u32(1))));
  bench.decode(sets(300, 301), '192.0.2.1', 1, MINUTE_MS);
  bench.decode(sets(300), '192.0.2.1', 1, MINUTE_MS + 30_000);
  const report = () => exporterReport(bench.decoder.exporters.domains());
  expect(rowOf(report()!, 0)).toMatchObject({ unknownTemplateSets: 3, waitingSets: 3, lostSets: 0 });
  bench.decoder.expire(MINUTE_MS + PENDING_MS_MAX + 1);
  expect(rowOf(report()!, 0)).toMatchObject({ unknownTemplateSets: 0, waitingSets: 1, lostSets: 2 });
  expect(report()).toBeUndefined();
});

test('without exporters there is no report', () => {
  expect(exporterReport([])).toBeUndefined();
});
