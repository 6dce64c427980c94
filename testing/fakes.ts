// In-memory stand-ins for transport and storage, for unit tests of the enricher alone.

import type { FlowBatch } from '../enricher/stages/enrich.ts';
import { type ArrowBytes, decodeArrow, encodeArrow, piecesOf } from '../schemas/arrow.ts';
import type { BatchIdentity, BatchKind } from '../schemas/batch.ts';
import { FLOW_COLUMNS } from '../schemas/flow.ts';
import type { DocumentVersion, NodeName, NoticedEvent, ServiceSeen, Storage, StoredFact } from '../storage/storage.ts';
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
  const nodes: NodeName[] = [];
  const documents: DocumentVersion[] = [];
  const facts: StoredFact[] = [];
  const events: NoticedEvent[] = [];
  const services: ServiceSeen[] = [];
  const lookups: { batch: bigint; receivedAtMs: number }[] = [];
  const fake = {
    inserts,
    tries,
    nodes,
    documents,
    facts,
    events,
    services,
    lookups,
    /** Called before each insert; what it throws is what the insert throws. */
    beforeInsert: async (_: FakeInsert): Promise<void> => {},
    beforeNodes: async (): Promise<void> => {},
    has: (_: bigint, __: number): boolean => false,
    /** A stored flow batch, decoded. */
    flows: (at: number): FlowBatch => decodeArrow(FLOW_COLUMNS, inserts[at]!.arrow).batch,
    storage: {
      async insertArrow(table: string, arrow: ArrowBytes, token: string): Promise<void> {
        // The bytes as they are now: the columns behind them are used again once the batch is settled.
        const insert = { table, token, arrow: Buffer.concat(piecesOf(arrow)) };
        tries.push(insert);
        signal.changed();
        await fake.beforeInsert(insert);
        inserts.push(insert);
        signal.changed();
      },
      async hasBatch(batch: bigint, receivedAtMs: number): Promise<boolean> {
        lookups.push({ batch, receivedAtMs });
        return fake.has(batch, receivedAtMs);
      },
      async insertNodes(given: readonly NodeName[]): Promise<void> {
        await fake.beforeNodes();
        nodes.push(...given);
        signal.changed();
      },
      async insertFacts(given: readonly StoredFact[]): Promise<void> {
        facts.push(...given);
        signal.changed();
      },
      recentFacts: async () => [],
      async insertServices(given: readonly ServiceSeen[]): Promise<void> {
        services.push(...given);
        signal.changed();
      },
      recordedServices: async () => [],
      servicesSeen: async () => [],
      async insertDocument(version: DocumentVersion): Promise<void> {
        documents.push(version);
        signal.changed();
      },
      async insertHeartbeat(): Promise<void> {},
      async insertEvents(given: readonly NoticedEvent[]): Promise<void> {
        events.push(...given);
        signal.changed();
      },
      // Nothing is recorded.
      select: async <T>(): Promise<T[]> => [],
      command: () => Promise.reject(new Error('the enricher commands nothing')),
      close: async (): Promise<void> => {},
    } satisfies Storage,
  };
  return fake;
}

/** A batch as a collector sends it: decoded columns only. */
export function decodedArrow(batch: FlowBatch): Uint8Array {
  const list = FLOW_COLUMNS.filter(column => column.stage === 'decoded');
  return encodeArrow({ ...batch, list });
}
