// What the services ask of ClickHouse. client.ts is the one module that knows its client library.

import type { Words } from '../schemas/address.ts';
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

/** A server that was seen at work; table `services`. */
export interface ServiceSeen {
  readonly address: Words;
  readonly vrf: number;
  readonly proto: number;
  readonly port: number;
  /** It answered; false when it was only asked. */
  readonly answered: boolean;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
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

/** A source told its newest version again, unchanged, as of a later time; table `heartbeats`. */
export interface Heartbeat {
  readonly kind: DocumentVersion['kind'];
  readonly source: string;
  readonly asOfMs: number;
  readonly recordedAtMs: number;
}

export const EVENT_KINDS = ['move', 'mac-conflict'] as const;

/** Something noticed in flows; table `events`. */
export interface NoticedEvent {
  readonly kind: (typeof EVENT_KINDS)[number];
  readonly mac: number;
  /** Flow time of the first and of the newest evidence. */
  readonly atMs: number;
  readonly lastSeenMs: number;
  readonly detectedAtMs: number;
  /** 0 until the inventory says the same. */
  readonly confirmedAtMs: number;
  /** Node keys, 0 unknown: the VM, its host by inventory, the host cabled to the port where it was seen. */
  readonly vm: bigint;
  readonly fromHost: bigint;
  readonly toHost: bigint;
  /** A port where the inventory has it, unspecified when none is metered. */
  readonly fromExporter: string;
  readonly fromIfIndex: number;
  readonly toExporter: string;
  readonly toIfIndex: number;
}

/** A batch of flows that may be stored already, in part or whole. */
export interface InsertedBefore {
  readonly batch: bigint;
  /** Oldest and newest `receivedAt` of its rows. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Days of `receivedAt` (UTC, 20260131) of its rows. */
  readonly days: readonly number[];
}

export interface Storage {
  /**
   * Inserts one Arrow stream as one block; the same token is stored once. `again` goes with every try but the first: it
   * leaves out rows of days that have been re-enriched with this batch in them, and sees to it that the rows of every other
   * day are there afterwards, even where ClickHouse knows the token and has lost the rows. Throws StorageError.
   */
  insertArrow(
    table: 'flows' | 'exporters' | 'interfaces',
    arrow: ArrowBytes,
    token: string,
    again?: InsertedBefore,
  ): Promise<void>;
  /** Whether rows of this batch (first 64 bits of the SHA-256 of its token) with this day of receivedAt are stored. Says nothing of roll-ups. */
  hasBatch(batch: bigint, receivedAtMs: number): Promise<boolean>;
  /** Records what node keys mean; repeating is harmless. */
  insertNodes(nodes: readonly NodeName[]): Promise<void>;
  /** Records what exporters told; of a fact told again the newest row stays, so repeating is harmless. */
  insertFacts(facts: readonly StoredFact[]): Promise<void>;
  /** Facts told since `sinceMs`, the newest first. */
  recentFacts(sinceMs: number, factsMax: number): Promise<StoredFact[]>;
  /** Records servers that were seen; repeating is harmless. */
  insertServices(services: readonly ServiceSeen[]): Promise<void>;
  /** Servers recorded by anyone within the last `withinS` seconds of the server's clock, the last seen first. */
  recordedServices(withinS: number, servicesMax: number): Promise<ServiceSeen[]>;
  /** Servers seen between two times, the last seen first. */
  servicesSeen(fromMs: number, toMs: number, servicesMax: number): Promise<ServiceSeen[]>;
  /** Records a version of a document; one whose body is that of the newest of its kind (inventory: and source) is left out. */
  insertDocument(version: DocumentVersion): Promise<void>;
  /** Records that the newest version of a source still holds; repeating is harmless. */
  insertHeartbeat(heartbeat: Heartbeat): Promise<void>;
  /** Records what was noticed; an event told again, or by another enricher, is the same event. */
  insertEvents(events: readonly NoticedEvent[]): Promise<void>;
  /** Rows of a SELECT with bound parameters ({name:Type}), as objects; 64-bit integers come as strings. */
  select<T>(sql: string, params?: QueryParams): Promise<T[]>;
  /** A statement without a result. */
  command(sql: string, params?: QueryParams): Promise<void>;
  close(): Promise<void>;
}
