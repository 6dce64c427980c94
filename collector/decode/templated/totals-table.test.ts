// The bound of the table of flows with running totals: what is evicted, and what is known of it afterwards.

import { describe, expect, test } from 'vitest';
import { ENDED_KEPT_S, EVICTED_DOMAINS_MAX, NONE, TOTALS, TotalsTable } from './totals-table.ts';

const keyOf = (flow: number) => Uint32Array.of(Math.imul(flow, 0x9e3779b1), flow, 7, 9);

function add(table: TotalsTable, flow: number, { domain = 1, startMs = 1000 * flow, atS = flow } = {}): number {
  const at = table.add(keyOf(flow), domain, atS);
  table.doubles[(at + TOTALS.start) / 2] = startMs;
  table.words[at + TOTALS.exportS] = atS;
  table.words[at + TOTALS.bytes] = flow;
  return at;
}
const knows = (table: TotalsTable, flows: readonly number[]) => flows.filter(flow => table.find(keyOf(flow)) !== NONE);

describe('a table of running totals', () => {
  test('finds each of many flows after it has grown, and nothing else', () => {
    const table = new TotalsTable(10_000);
    for (let flow = 1; flow <= 10_000; flow++) add(table, flow);
    for (let flow = 1; flow <= 10_000; flow++) expect(table.words[table.find(keyOf(flow)) + TOTALS.bytes]).toBe(flow);
    expect(table.find(keyOf(10_001))).toBe(NONE);
    expect(table).toMatchObject({ size: 10_000, evicted: 0 });
  });

  test('at its bound evicts what was reported longest ago, and remembers when it had begun', () => {
    const table = new TotalsTable(3);
    for (const flow of [1, 2, 3]) add(table, flow);
    table.touch(table.find(keyOf(1)), 4, false);
    expect(table.evictedUntil(1)).toBe(Number.NEGATIVE_INFINITY);
    add(table, 4);
    expect(knows(table, [1, 2, 3, 4])).toEqual([1, 3, 4]);
    expect(table).toMatchObject({ size: 3, evicted: 1 });
    expect(table.evictedUntil(1)).toBe(2000);
    expect(table.evictedUntil(2)).toBe(Number.NEGATIVE_INFINITY);
  });

  test('evicts flows that have ended first, and has nothing to remember of them', () => {
    const table = new TotalsTable(3);
    for (const flow of [1, 2, 3]) add(table, flow);
    table.touch(table.find(keyOf(3)), 4, true);
    table.touch(table.find(keyOf(2)), 5, true);
    for (const flow of [6, 7]) add(table, flow);
    expect(knows(table, [1, 2, 3, 6, 7])).toEqual([1, 6, 7]);
    expect(table.evicted).toBe(0);
  });

  test('does not grow for flows that end', () => {
    const table = new TotalsTable();
    for (let flow = 1; flow <= 100_000; flow++) {
      add(table, flow);
      table.touch(table.find(keyOf(flow)), flow, true);
    }
    expect(table.size).toBeLessThanOrEqual(ENDED_KEPT_S + 2);
  });

  test('does not believe a flow that began after its report', () => {
    const table = new TotalsTable(1);
    add(table, 1, { startMs: Number.POSITIVE_INFINITY });
    add(table, 2);
    expect(table.evictedUntil(1)).toBe(2000);
  });

  test('remembers so many domains one by one, and the worst of all of them beyond', () => {
    const table = new TotalsTable(1);
    for (let domain = 1; domain <= EVICTED_DOMAINS_MAX + 2; domain++)
      add(table, domain, { domain, startMs: domain === 5 ? 77_000 : 10, atS: 100 });
    expect(table.evictedUntil(1)).toBe(77_000);
    expect(table.evictedUntil(EVICTED_DOMAINS_MAX + 9)).toBe(77_000);
  });

  test('keeps its chains and lists whole, whatever comes and goes', () => {
    const table = new TotalsTable(50);
    const known = new Map<number, number>();
    let seed = 7;
    const next = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let step = 1; step <= 20_000; step++) {
      const flow = 1 + next(200);
      const at = table.find(keyOf(flow));
      if (at === NONE) add(table, flow, { atS: step });
      else {
        expect(table.words[at + TOTALS.bytes]).toBe(flow);
        table.touch(at, step, next(4) === 0);
      }
      known.set(flow, step);
    }
    expect(table.size).toBe(50);
    expect(knows(table, [...known.keys()])).toHaveLength(50);
  });
});
