// Data that come before their template: what they become when it comes, and what bounds them.

import { describe, expect, test } from 'vitest';
import {
  Bench,
  type Bytes,
  EXPORT_S,
  type FieldSpec,
  ipfix,
  ipfixOptions,
  netflow9,
  RECEIVED_MS,
  set,
  template,
  UPTIME_MS,
  u32,
  zeros,
} from '../../../testing/data/datagrams.ts';
import {
  PENDING_DOMAIN_SETS_MAX,
  PENDING_EXPORTER_BYTES_MAX,
  PENDING_MS_MAX,
  PENDING_UNPROVEN_BYTES_MAX,
} from './pending.ts';

const COUNTERS: FieldSpec[] = [
  [1, 4],
  [22, 4],
];
const announce = set(2, template(300, COUNTERS));
const waits = (bytes: number, id = 300) => set(id, u32(bytes), u32(UPTIME_MS));
const bytesOf = (rows: readonly { readonly bytes?: unknown }[]) => rows.map(row => row.bytes);

describe('data before their template', () => {
  // proves: early-data, netstream-templates
  test('become the rows they would have been, with the times of their own datagrams', () => {
    const bench = new Bench();
    const v9 = (sets: readonly (readonly number[])[], later: number) =>
      netflow9(sets, { unixSecs: EXPORT_S + later, uptime: UPTIME_MS + 1000 * later });
    for (const later of [0, 60])
      expect(bench.decode(v9([waits(later)], later), undefined, undefined, RECEIVED_MS + 1000 * later)).toEqual([]);
    expect(bench.domain()).toMatchObject({ pendingSets: 2, unknownTemplateSets: 2, lostSets: 0 });
    const rows = bench.decode(
      v9([set(0, template(300, COUNTERS)), waits(120)], 120),
      undefined,
      undefined,
      RECEIVED_MS + 120_000,
    );
    expect(rows.map(({ bytes, receivedAt, flowStart }) => [bytes, receivedAt, flowStart])).toEqual([
      [120, RECEIVED_MS + 120_000, EXPORT_S * 1000],
      [0, RECEIVED_MS, EXPORT_S * 1000],
      [60, RECEIVED_MS + 60_000, EXPORT_S * 1000],
    ]);
    expect(bench.domain()).toMatchObject({ pendingSets: 0, pendingBytes: 0, records: 3 });
  });

  test('are read with the layout that came first, though the same datagram has a second one', () => {
    const bench = new Bench();
    bench.decode(ipfix([waits(7)]));
    const wide = set(2, template(300, [[2, 8]]));
    expect(bench.decode(ipfix([announce, waits(8), wide]))).toMatchObject([{ bytes: 8 }, { bytes: 7, packets: 0 }]);
  });

  test('of options are taken in too', () => {
    const bench = new Bench();
    bench.decode(ipfix([set(310, u32(1), u32(64))]));
    expect(bench.decode(ipfix([set(3, ipfixOptions(310, [[149, 4]], [[34, 4]])), announce, waits(1)]))).toMatchObject([
      { bytes: 1 },
    ]);
    expect(bench.domain().samplingRate).toBe(64);
  });

  test('that turn out shorter than a record are record-malformed then', () => {
    const bench = new Bench();
    bench.decode(ipfix([set(300, u32(1))]));
    bench.decode(ipfix([announce]));
    expect(bench.faults('ipfix')).toEqual({ 'unknown-template': 1, 'record-malformed': 1 });
  });

  test('have a budget of their own: each set may become as many records as a datagram', () => {
    const bench = new Bench({ rowsMax: 65536 });
    const records = (...sets: Bytes[]) => bench.decoder.decode(ipfix(sets), '192.0.2.1', 1, RECEIVED_MS);
    for (let i = 0; i < 3; i++) expect(records(set(300, zeros(16_000)))).toBe(0);
    expect(records(set(2, template(300, [[4, 1]])), set(300, zeros(16_000)))).toBe(64_000);
    expect(bench.faults('ipfix')).toEqual({ 'unknown-template': 3 });
  });

  test('wait after a malformed redefinition, and after a withdrawal', () => {
    const bench = new Bench();
    const broken = set(2, [...template(300, COUNTERS).slice(0, 6)]);
    expect(bytesOf(bench.decode(ipfix([announce, waits(1), broken, waits(2)])))).toEqual([1]);
    expect(bytesOf(bench.decode(ipfix([announce])))).toEqual([2]);
    expect(bytesOf(bench.decode(ipfix([set(2, template(300, [])), waits(3)])))).toEqual([]);
    expect(bytesOf(bench.decode(ipfix([announce])))).toEqual([3]);
    expect(bench.faults('ipfix')).toEqual({ 'template-malformed': 1, 'unknown-template': 2 });
  });

  test('of two domains of one session, and of two sessions of one address, wait apart', () => {
    const bench = new Bench();
    const places = [
      [1, 5000],
      [2, 5000],
      [1, 5001],
    ] as const;
    places.forEach(([domain, port], i) => bench.decode(ipfix([waits(i)], { domain }), '192.0.2.1', port));
    places.forEach(([domain, port], i) =>
      expect(bytesOf(bench.decode(ipfix([announce], { domain }), '192.0.2.1', port))).toEqual([i]),
    );
  });
});

describe('at their bounds', () => {
  // proves: early-data, template-behind-data
  test('the oldest sets of the domain give way, counted', () => {
    const bench = new Bench({ rowsMax: 4096 });
    for (let i = 0; i < PENDING_DOMAIN_SETS_MAX + 3; i++) bench.decode(ipfix([waits(i)]));
    expect(bench.faults('ipfix')).toEqual({ 'unknown-template': PENDING_DOMAIN_SETS_MAX + 3, 'pending-limit': 3 });
    const rows = bench.decode(ipfix([announce]));
    expect(bytesOf(rows)).toEqual(Array.from({ length: PENDING_DOMAIN_SETS_MAX }, (_, i) => i + 3));
    expect(bench.domain().lostSets).toBe(3);
  });

  // proves: early-data
  test('an exporter has PENDING_EXPORTER_BYTES_MAX, whatever the size of its sets; others lose nothing', () => {
    const bench = new Bench();
    bench.decode(ipfix([waits(7)]), '192.0.2.9');
    for (let i = 0; i < 200; i++) bench.decode(ipfix([set(300 + i, zeros(60_000))], { domain: i % 3 }), '192.0.2.1');
    const { pending } = bench.decoder.context.templated;
    expect(pending.bytes).toBeGreaterThan(PENDING_EXPORTER_BYTES_MAX - 70_000);
    expect(pending.bytes).toBeLessThanOrEqual(PENDING_EXPORTER_BYTES_MAX + 300);
    expect(bench.faults('ipfix')['pending-limit']).toBe(201 - pending.sets);
    expect(bytesOf(bench.decode(ipfix([announce]), '192.0.2.9'))).toEqual([7]);
  });

  test('exporters that have proven nothing share half of all; a proven one finds room beside them', () => {
    const bench = new Bench();
    bench.decode(ipfix([announce, waits(1)]), '192.0.2.9');
    for (let i = 0; i < 200; i++) bench.decode(ipfix([set(256, zeros(60_000))]), `192.0.2.${10 + (i % 20)}`);
    const { pending } = bench.decoder.context.templated;
    expect(pending.bytes).toBeLessThanOrEqual(PENDING_UNPROVEN_BYTES_MAX);
    expect(pending.bytes).toBeGreaterThan(PENDING_UNPROVEN_BYTES_MAX - 70_000);
    const before = bench.faults('ipfix')['pending-limit'];
    bench.decode(ipfix([waits(9, 301)]), '192.0.2.9');
    expect(bench.faults('ipfix')['pending-limit']).toBe(before);
    expect(bytesOf(bench.decode(ipfix([set(2, template(301, COUNTERS))]), '192.0.2.9'))).toEqual([9]);
  });

  // proves: early-data, template-behind-data
  test('what has waited too long is given up, the rest stays', () => {
    const bench = new Bench();
    bench.decode(ipfix([waits(1)]), undefined, undefined, RECEIVED_MS);
    bench.decode(ipfix([waits(2)]), undefined, undefined, RECEIVED_MS + 1000);
    bench.decoder.expire(RECEIVED_MS + PENDING_MS_MAX + 1);
    expect(bench.faults('ipfix')).toEqual({ 'unknown-template': 2, 'pending-expired': 1 });
    expect(bench.domain()).toMatchObject({ pendingSets: 1, lostSets: 1 });
    expect(bytesOf(bench.decode(ipfix([announce])))).toEqual([2]);
  });

  test('of an exporter that gives way itself are given up with it, and their bytes are free again', () => {
    const bench = new Bench({ exportersMax: 1 });
    bench.decode(ipfix([waits(1), waits(2)]), '192.0.2.1');
    bench.decode(ipfix([announce]), '192.0.2.2');
    expect(bench.faults('ipfix')).toEqual({ 'unknown-template': 2, 'pending-limit': 2 });
    expect(bench.decoder.context.templated.pending).toMatchObject({ bytes: 0, sets: 0 });
  });
});

describe('data that were overtaken', () => {
  const narrow = set(2, template(300, [[1, 2]]));
  const at = (seconds: number) => ({ exportTime: EXPORT_S + seconds });

  // proves: template-versions, redefinition
  test('by a redefinition are read with the layout of their time, for a minute', () => {
    const bench = new Bench();
    bench.decode(ipfix([announce], at(0)));
    bench.decode(ipfix([narrow], at(10)));
    expect(bytesOf(bench.decode(ipfix([waits(5)], at(9))))).toEqual([5]);
    expect(bytesOf(bench.decode(ipfix([set(300, [0, 7])], at(10))))).toEqual([7]);
    // A clock that was set back: what is in force holds.
    expect(bench.decode(ipfix([set(300, [0, 8])], at(-100)))).toMatchObject([{ bytes: 8 }]);
    expect(bench.faults('ipfix')).toEqual({});
  });

  // proves: redefinition
  test('an older announcement does not take the place of a newer one; one of a clock set back does', () => {
    const bench = new Bench();
    bench.decode(ipfix([announce], at(0)));
    bench.decode(ipfix([narrow], at(10)));
    bench.decode(ipfix([announce], at(5)));
    expect(bytesOf(bench.decode(ipfix([set(300, [0, 7])], at(11))))).toEqual([7]);
    bench.decode(ipfix([announce], at(-1000)));
    expect(bytesOf(bench.decode(ipfix([waits(5)], at(-999))))).toEqual([5]);
    expect(bench.domain().templatesLearned).toBe(3);
  });
});
