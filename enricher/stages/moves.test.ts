import { describe, expect, test } from 'vitest';
import { parseAddress, swap32 } from '../../schemas/address.ts';
import { createBatch } from '../../schemas/batch.ts';
import { COUNT_REASON, ELECTION_RULE, MARKS } from '../../schemas/codes.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import type { FlowBatch } from './enrich.ts';
import { CONFLICT_MS, EPISODE_GAP_MS, EVENT_INTERVAL_MS, Moves, PORTS_PER_MAC_MAX, REFRESH_MS } from './moves.ts';
import { setTime } from './times.ts';

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5);
const MAC = 0x0200_0000_0001;

interface Seen {
  readonly mac?: number;
  readonly exporter?: string;
  readonly ifIndex?: number;
  /** Seconds after NOW that the record began and ended. */
  readonly start?: number;
  readonly end?: number;
  readonly moved?: boolean;
  /** Low words of node keys: the host that the inventory says, and the one of the port. */
  readonly fromHost?: number;
  readonly toHost?: number;
}

/** Shows `moves` a batch as the enricher does. */
function show(moves: Moves, seen: readonly Seen[], nowMs = NOW): void {
  const batch = createBatch(FLOW_COLUMNS, seen.length) as FlowBatch;
  batch.rows = seen.length;
  const { columns } = batch;
  seen.forEach(({ mac = MAC, exporter = '192.0.2.2', ifIndex = 7, start = 0, end = start, moved = true }, row) => {
    columns.srcMac.set([mac % 2 ** 32, Math.floor(mac / 2 ** 32)], 2 * row);
    columns.exporter.set(parseAddress(exporter)!.map(swap32), 4 * row);
    columns.inIf[row] = ifIndex;
    setTime(columns.flowStart, row, NOW + 1000 * start);
    setTime(columns.flowEnd, row, NOW + 1000 * end);
    columns.srcVm[2 * row] = 5;
    columns.marks[row] = moved ? MARKS.moved : 0;
    columns.electionRule[row] = ELECTION_RULE[moved ? 'moved' : 'source-ingress'];
    columns.countReason[row] = COUNT_REASON.elected;
    columns.srcHost[2 * row] = seen[row]!.fromHost ?? 11;
  });
  moves.elected(columns, 0, batch.rows);
  seen.forEach(({ toHost = 12 }, row) => {
    columns.srcHost[2 * row] = toHost;
  });
  moves.enriched(columns, batch.rows, nowMs);
}

const reported = (moves: Moves, nowMs = NOW) => moves.take(nowMs).map(({ kind, toIfIndex }) => `${kind} ${toIfIndex}`);
/** The same MAC where the inventory has it. */
const old = (start: number, more: Seen = {}): Seen => ({
  exporter: '192.0.2.1',
  ifIndex: 3,
  start,
  moved: false,
  ...more,
});

describe('a MAC at a port where the inventory does not have it', () => {
  test('is one event, of the first evidence, with both hosts', () => {
    const moves = new Moves();
    show(moves, [{ start: 3, end: 9 }, { start: -2, end: 1 }, { start: 4 }], NOW + 10_000);
    expect(moves.take(NOW + 10_000)).toEqual([
      {
        ...{ kind: 'move', mac: MAC, vm: 5n, fromHost: 11n, toHost: 12n },
        ...{ atMs: NOW - 2000, lastSeenMs: NOW + 9000, detectedAtMs: NOW + 10_000, confirmedAtMs: 0 },
        ...{ fromExporter: '::', fromIfIndex: 0, toExporter: '192.0.2.2', toIfIndex: 7 },
      },
    ]);
    show(moves, [{ start: 20 }], NOW + 20_000);
    expect(reported(moves, NOW + 20_000)).toEqual([]);
  });

  test('is reported again while evidence goes on, under the same time', () => {
    const moves = new Moves();
    show(moves, [{ start: 0 }]);
    moves.take(NOW);
    show(moves, [{ start: -5, end: 29 }], NOW + REFRESH_MS);
    expect(moves.take(NOW + REFRESH_MS)).toMatchObject([{ atMs: NOW, lastSeenMs: NOW + 29_000 }]);
    expect(reported(moves, NOW + 2 * REFRESH_MS)).toEqual([]);
  });

  test('is confirmed when the inventory has it there, and the old port is known once it was seen', () => {
    const moves = new Moves();
    show(moves, [{ start: 0 }, old(-3)]);
    expect(moves.take(NOW)).toMatchObject([{ confirmedAtMs: 0, fromExporter: '192.0.2.1', fromIfIndex: 3 }]);
    show(moves, [{ start: 40, moved: false }], NOW + 41_000);
    expect(moves.take(NOW + 41_000)).toMatchObject([{ kind: 'move', atMs: NOW, confirmedAtMs: NOW + 41_000 }]);
    show(moves, [{ start: 50, moved: false }], NOW + 51_000);
    expect(reported(moves, NOW + 51_000)).toEqual([]);
  });

  test('is another event after a pause, and for another port or MAC', () => {
    const moves = new Moves();
    show(moves, [{ start: 0 }, { start: 0, mac: MAC + 1 }]);
    expect(reported(moves)).toEqual(['move 7', 'move 7']);
    show(moves, [{ start: 20, ifIndex: 8 }], NOW + 20_000);
    expect(reported(moves, NOW + 20_000)).toEqual(['move 8']);
    const later = EPISODE_GAP_MS / 1000 + 1;
    show(moves, [{ start: later }], NOW + 1000 * later);
    expect(moves.take(NOW + 1000 * later).map(({ atMs }) => atMs)).toEqual([NOW + 1000 * later]);
    moves.expire(NOW + 1000 * later + EPISODE_GAP_MS + 1);
    expect(moves.size).toBe(0);
  });
});

describe('two ports that go on sending', () => {
  const conflict = CONFLICT_MS / 1000;

  test('are a conflict after CONFLICT_MS, and not before', () => {
    const moves = new Moves();
    show(moves, [{ start: 0 }, old(1)]);
    expect(reported(moves)).toEqual(['move 7']);
    show(moves, [{ start: 10, end: conflict }, old(conflict - 1)], NOW + 1000);
    expect(reported(moves, NOW + 1000)).toEqual([]);
    show(moves, [old(conflict)], NOW + 2000);
    expect(reported(moves, NOW + 2000)).toEqual(['move 7', 'mac-conflict 7']);
  });

  test('are none where the old one only sends what began before the move', () => {
    const moves = new Moves();
    show(moves, [{ start: 0, end: 2 * conflict }, old(-30, { end: 2 * conflict })]);
    show(moves, [old(-1, { end: 3 * conflict })]);
    expect(reported(moves)).toEqual(['move 7']);
  });
});

describe('bounds', () => {
  test('a MAC that flaps begins an event every EVENT_INTERVAL_MS at most', () => {
    const moves = new Moves();
    for (let ms = 0; ms < 60_000; ms += 100) show(moves, [{ start: ms / 1000, ifIndex: 1 + ms / 100 }], NOW + ms);
    expect(moves.begun).toBe(60_000 / EVENT_INTERVAL_MS);
    expect(moves.begun + moves.heldBack).toBe(600);
    expect(reported(moves, NOW + 60_000).length).toBe(6);
  });

  test('MACs and the ports of one beyond the bound are refused and counted', () => {
    const moves = new Moves(2);
    show(
      moves,
      [0, 1, 2].map(i => ({ mac: MAC + i })),
    );
    expect([moves.size, moves.refused]).toEqual([2, 1]);
    for (let i = 0; i <= PORTS_PER_MAC_MAX; i++) show(moves, [{ ifIndex: 100 + i }], NOW + EVENT_INTERVAL_MS * (i + 1));
    expect([moves.begun, moves.refused]).toEqual([2 + PORTS_PER_MAC_MAX - 1, 3]);
  });

  test('what is not taken in one go is taken in the next', () => {
    const moves = new Moves();
    show(
      moves,
      Array.from({ length: 1500 }, (_, i) => ({ mac: MAC + i })),
    );
    expect([1, 2, 3].map(() => moves.take(NOW).length)).toEqual([1000, 500, 0]);
  });
});
