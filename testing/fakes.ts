// In-memory stand-ins for transport and storage, for unit tests of the enricher alone.

import type { FlowBatch } from '../enricher/stages/enrich.ts';
import { decodeArrow, encodeArrow, piecesOf } from '../schemas/arrow.ts';
import type { BatchIdentity, BatchKind } from '../schemas/batch.ts';
import { FLOW_COLUMNS } from '../schemas/flow.ts';
import type { ArrowInsert, QueryParams, RowInsert, Storage } from '../storage/storage.ts';
import type { factRow } from '../storage/tables/facts.ts';
import type { BatchSource, Delivery } from '../transport/transport.ts';

/** A change that tests wait for: every `changed()` lets the waiting conditions look again. */
export function createSignal() {
  const waiting: (() => void)[] = [];
  return {
    changed() {
      for (const wake of waiting.splice(0)) wake();
    },
    async until(condition: () => boolean): Promise<void> {
      while (!condition()) await new Promise<void>(resolve => waiting.push(resolve));
    },
  };
}
export type Signal = ReturnType<typeof createSignal>;

export function createFakeSource(signal: Signal) {
  const queue: Delivery[] = [];
  const acknowledged: number[] = [];
  const quarantined: { sequence: number; reason: string }[] = [];
  const failures: Error[] = [];
  let taken = 0;
  const source: BatchSource = {
    async next() {
      const failure = failures.shift();
      if (failure) throw failure;
      await signal.until(() => queue.length > 0);
      taken++;
      return queue.shift();
    },
    backlog: () => ({ batches: queue.length, sinceMs: undefined }),
    close() {},
  };
  return {
    source,
    acknowledged,
    quarantined,
    failures,
    get taken() {
      return taken;
    },
    deliver(
      sequence: number,
      arrow: Uint8Array,
      { kind = 'flows' as BatchKind, redelivered = false } = {},
    ): BatchIdentity {
      const identity: BatchIdentity = { kind, collector: 'test', worker: 0, epoch: '0'.repeat(32), sequence };
      queue.push({
        identity,
        arrow,
        redelivered,
        acknowledge() {
          acknowledged.push(sequence);
          signal.changed();
        },
        quarantine(reason) {
          quarantined.push({ sequence, reason });
          signal.changed();
        },
      });
      signal.changed();
      return identity;
    },
  };
}

export interface FakeInsert {
  readonly table: string;
  readonly token: string;
  readonly arrow: Uint8Array;
}

export function createFakeStorage(signal: Signal) {
  const inserts: FakeInsert[] = [];
  const tries: FakeInsert[] = [];
  const rows = new Map<string, object[]>();
  const lookups: { batch: bigint; receivedAtMs: number }[] = [];
  const rowsOf = <T>(table: string) => (rows.get(table) ?? []) as T[];
  const fake = {
    inserts,
    tries,
    lookups,
    /** Rows of tables that batches do not fill, as storage/tables/ maps them. */
    get nodes() {
      return rowsOf<{ key: string; name: string }>('nodes');
    },
    get documents() {
      return rowsOf('documents');
    },
    get facts() {
      return rowsOf<ReturnType<typeof factRow>>('facts');
    },
    /** Called before each insert of a batch; what it throws is what the insert throws. */
    beforeInsert: async (_: FakeInsert): Promise<void> => {},
    beforeNodes: async (): Promise<void> => {},
    has: (_: bigint, __: number): boolean => false,
    /** A stored flow batch, decoded. */
    flows: (at: number): FlowBatch => decodeArrow(FLOW_COLUMNS, inserts[at]!.arrow).batch,
    storage: {
      async insert(given: RowInsert | ArrowInsert): Promise<void> {
        if ('arrow' in given) return insertArrow(given);
        if (given.table === 'nodes') await fake.beforeNodes();
        rows.set(given.table, [...rowsOf<object>(given.table), ...given.rows]);
        signal.changed();
      },
      /** Nothing is recorded, and batches are looked up. */
      async select<T>(_: string, params: QueryParams = {}): Promise<T[]> {
        const { batch, at } = params as { batch?: bigint; at?: number };
        if (batch === undefined || at === undefined) return [];
        lookups.push({ batch, receivedAtMs: at });
        return fake.has(batch, at) ? [{} as T] : [];
      },
      selectArrow: () => Promise.reject(new Error('the enricher reads no Arrow')),
      command: () => Promise.reject(new Error('the enricher commands nothing')),
      // No rows are looked for that a server without replicas may have lost.
      replicated: true,
      shards: [],
    } satisfies Storage,
  };
  async function insertArrow({ into, arrow, token }: ArrowInsert): Promise<void> {
    // The bytes as they are now: the columns behind them are used again once the batch is settled.
    const insert = { table: /^INSERT INTO (\w+)/.exec(into)![1]!, token, arrow: Buffer.concat(piecesOf(arrow)) };
    tries.push(insert);
    signal.changed();
    await fake.beforeInsert(insert);
    inserts.push(insert);
    signal.changed();
  }
  return fake;
}

/** A batch as a collector sends it: decoded columns only. */
export function decodedArrow(batch: FlowBatch): Uint8Array {
  const list = FLOW_COLUMNS.filter(column => column.stage === 'decoded');
  return encodeArrow({ ...batch, list });
}
