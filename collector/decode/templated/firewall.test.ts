// Cisco NSEL (233 firewallEvent). What an appliance sends with which event: NetFlow implementation guide of the ASA,
// "Templates for Flow Update Events"; real appliances also send an update for flows that end before the timer.

import { describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
  EXPORT_S,
  type FieldSpec,
  ip4,
  netflow9,
  type Row,
  set,
  template,
  u16,
  u32,
  u64,
} from '../../../testing/data/datagrams.ts';

const [CREATED, DELETED, DENIED, UPDATED] = [1, 2, 3, 5];
const NOW = EXPORT_S * 1000;

const FIELDS: readonly FieldSpec[] = [
  [148, 4],
  [8, 4],
  [12, 4],
  [7, 2],
  [11, 2],
  [10, 2],
  [14, 2],
  [4, 1],
  [233, 1],
  [323, 8],
  [152, 8],
  [231, 4],
  [232, 4],
];

function event(code: number, ageMs: number, bytes = 0, responder = 0): Bytes {
  const ends = [...u32(1), ...ip4('10.0.0.1'), ...ip4('10.0.0.2'), ...u16(40000), ...u16(443), ...u16(3), ...u16(4), 6];
  return [...ends, code, ...u64(NOW), ...u64(NOW - ageMs), ...u32(bytes), ...u32(responder)];
}

function decode(...records: readonly Bytes[]): Row[] {
  return new Bench().decode(netflow9([set(0, template(263, FIELDS)), set(263, ...records)]));
}
const bytes = (rows: readonly Row[]) => rows.map(row => row['bytes']);

describe('a firewall', () => {
  test('that sends teardowns only has each flow counted by its teardown', () => {
    const rows = decode(event(CREATED, 0), event(DELETED, 500, 81, 763));
    expect(rows).toMatchObject([
      { bytes: 0, flowStart: NOW, flowEnd: NOW },
      { srcAddr: '10.0.0.1', bytes: 81, flowStart: NOW - 500, flowEnd: NOW },
      { srcAddr: '10.0.0.2', inIf: 4, outIf: 3, bytes: 763 },
    ]);
  });

  // proves: firewall-directions, asa-events
  test('that sends updates has the teardown of an updated flow count nothing', () => {
    const rows = decode(event(UPDATED, 61_000, 100, 200), event(UPDATED, 75_000, 10), event(DELETED, 75_000, 110, 200));
    expect(bytes(rows)).toEqual([100, 200, 10, 0]);
  });

  test('that sends updates has the teardown of a flow too short for one count in full', () => {
    expect(bytes(decode(event(UPDATED, 61_000, 100), event(DELETED, 2_000, 50, 60)))).toEqual([100, 50, 60]);
  });

  test('that updates even the shortest flows has no teardown count', () => {
    const rows = decode(
      event(UPDATED, 60, 81, 763),
      event(DELETED, 60, 81, 763),
      event(UPDATED, 20, 5),
      event(DELETED, 20, 5),
    );
    expect(bytes(rows)).toEqual([81, 763, 0, 5, 0]);
  });

  test('reports by an update what passed in the last minute, not since the flow began', () => {
    const [row] = decode(event(UPDATED, 3_600_000, 100)).slice(-1);
    expect(row).toMatchObject({ flowEnd: NOW, flowStart: NOW - 3_600_000 });
    const rows = decode(event(UPDATED, 61_000, 100), event(UPDATED, 3_600_000, 100));
    expect(rows[1]).toMatchObject({ flowEnd: NOW, flowStart: NOW - 61_000 });
  });

  // proves: firewall-directions, asa-events
  test('denies a flow: dropped, without bytes', () => {
    expect(decode(event(DENIED, 0))).toMatchObject([{ forwardingStatus: 128, bytes: 0, packets: 0 }]);
    expect(decode(event(CREATED, 0))).toMatchObject([{ forwardingStatus: 0 }]);
  });

  test('with counters that mean the same in every event is left alone', () => {
    const fields: FieldSpec[] = [
      [233, 1],
      [1, 4],
    ];
    const rows = new Bench().decode(
      netflow9([set(0, template(256, fields)), set(256, [UPDATED, ...u32(7)], [DELETED, ...u32(9)])]),
    );
    expect(bytes(rows)).toEqual([7, 9]);
  });

  test('without times in its records has no teardown count once an update was seen', () => {
    const fields: FieldSpec[] = [
      [233, 1],
      [231, 4],
      [232, 4],
    ];
    const record = (code: number) => [code, ...u32(7), ...u32(8)];
    const rows = new Bench().decode(
      netflow9([set(0, template(256, fields)), set(256, record(DELETED), record(UPDATED), record(DELETED))]),
    );
    expect(bytes(rows)).toEqual([7, 8, 7, 8, 0]);
  });

  // proves: firewall-directions, asa-elements
  test('of software before 8.4 reports its event in 40005', () => {
    const fields: FieldSpec[] = [
      [40005, 1],
      [85, 4],
    ];
    const rows = new Bench().decode(
      netflow9([set(0, template(256, fields)), set(256, [DENIED, ...u32(0)], [DELETED, ...u32(9)])]),
    );
    expect(rows).toMatchObject([{ forwardingStatus: 128 }, { forwardingStatus: 0, bytes: 9 }]);
  });
});
