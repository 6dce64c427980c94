// What the follower of the inventory knows of a source: files, the documents recorded in ClickHouse, facts that exporters
// export. A source puts what it learns into the state, and the follower compiles it. To add one: write its file beside
// this one, add it to the list in sources.ts, and its key to ../configuration.ts.

import type { Counters } from '../../service/counters.ts';
import type { Log } from '../../service/log.ts';
import type { Storage } from '../../storage/storage.ts';
import type { DocumentConfiguration, InventoryConfiguration } from '../configuration.ts';
import type { INVENTORY_COUNTERS } from '../counters.ts';
import type { DocumentRecorder } from './document-recorder.ts';
import type { DocumentsInForce } from './documents-in-force.ts';

/** What is older is folded into one; flows that began before take the oldest that is kept. */
export const HORIZON_MS = 48 * 3_600_000;

export interface InventorySource {
  /** For log lines. */
  readonly name: string;
  /**
   * Reads what is there before the first update. Throws a DocumentError where what is configured is refused, unless
   * `restarted`: then the version recorded last is in force.
   */
  start(restarted: boolean): Promise<void> | void;
  /** Called every few seconds: puts what is new into the state, and returns whether anything was. */
  poll(nowMs: number): Promise<boolean> | boolean;
  stop(): Promise<void> | void;
}

/** A key that is added to either is there for every source. */
export type SourceConfiguration = DocumentConfiguration & InventoryConfiguration;

export interface SourceContext {
  readonly config: SourceConfiguration;
  readonly storage: Storage;
  readonly log: Log;
  readonly counters: Counters<typeof INVENTORY_COUNTERS>;
  /** The clock of what flows carry and documents are recorded by. */
  readonly nowMs: () => number;
  readonly inForce: DocumentsInForce;
  /** Stores versions and heartbeats for other processes and for later. */
  readonly recorder: DocumentRecorder;
  /** To be called when something is new between two polls. */
  readonly onChange: () => void;
  readonly documentPollMs?: number | undefined;
  readonly factsIntervalMs?: number | undefined;
}
