// What the services ask of ClickHouse. client.ts is the one module that knows its client library.

import type { ArrowBytes } from '../schemas/arrow.ts';
import type { FactRow } from '../schemas/facts.ts';

/** `passing`: try again later (server away, overloaded, out of memory). `lasting`: this batch can never be stored. */
export type FailureClass = 'passing' | 'lasting';

export class StorageError extends Error {
  readonly failure: FailureClass;
  /** ClickHouse error code, 0 when the server did not answer. */
  readonly clickhouseCode: number;
  constructor(failure: FailureClass, clickhouseCode: number, message: string, cause?: unknown) {
    super(message, { cause });
    this.failure = failure;
    this.clickhouseCode = clickhouseCode;
  }
}

export type QueryParams = Readonly<Record<string, unknown>>;

export interface NodeName {
  readonly key: bigint;
  /** Name shown to people; append-only: a renamed thing gets a second row. */
  readonly name: string;
  /** What the key was computed from; see schemas/keys.ts. */
  readonly identity: string;
}

/** A fact as the table `facts` keeps it: told first at `firstSeenMs`, last at `receivedAtMs`. */
export interface StoredFact extends FactRow {
  readonly firstSeenMs: number;
}

/** A version of a document that came into force; table `documents`. */
export interface DocumentVersion {
  readonly kind: 'inventory' | 'applications' | 'exporters';
  readonly recordedAtMs: number;
  /** When it describes the world; 0 when the document does not say. */
  readonly asOfMs: number;
  /** Inventory source, or the file it came from. */
  readonly source: string;
  /** The whole document as JSON. */
  readonly body: string;
}

export interface Storage {
  /** Inserts one Arrow stream as one block; the same token is stored once. Throws StorageError. */
  insertArrow(table: 'flows' | 'exporters' | 'interfaces', arrow: ArrowBytes, token: string): Promise<void>;
  /** Whether rows of this batch (first 64 bits of the SHA-256 of its token) with this day of receivedAt are stored. Says nothing of roll-ups. */
  hasBatch(batch: bigint, receivedAtMs: number): Promise<boolean>;
  /** Records what node keys mean; repeating is harmless. */
  insertNodes(nodes: readonly NodeName[]): Promise<void>;
  /** Records what exporters told; of a fact told again the newest row stays, so repeating is harmless. */
  insertFacts(facts: readonly StoredFact[]): Promise<void>;
  /** Facts told since `sinceMs`, the newest first. */
  recentFacts(sinceMs: number, factsMax: number): Promise<StoredFact[]>;
  /** Records a version of a document; one whose body is that of the newest of its kind is left out. */
  insertDocument(version: DocumentVersion): Promise<void>;
  /** Rows of a SELECT with bound parameters ({name:Type}), as objects; 64-bit integers come as strings. */
  select<T>(sql: string, params?: QueryParams): Promise<T[]>;
  /** A statement without a result. */
  command(sql: string, params?: QueryParams): Promise<void>;
  close(): Promise<void>;
}
