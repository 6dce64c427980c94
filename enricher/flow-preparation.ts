// From a delivered batch of flows to one that can be inserted: decoded, its times normalised, enriched with what held at
// each row's time, and encoded again.

import { createHash } from 'node:crypto';
import type { KnowledgeFeed } from '../inventory/snapshot/feed.ts';
import type { Snapshot } from '../inventory/snapshot/snapshot.ts';
import { decodeArrow, encodePieces } from '../schemas/arrow.ts';
import { FLOW_COLUMNS } from '../schemas/flow.ts';
import { type Key, keyToBigint } from '../schemas/keys.ts';
import type { Counters } from '../service/counters.ts';
import { DAY_MS, dayOf } from '../storage/days.ts';
import type { Storage } from '../storage/storage.ts';
import { insertFlows } from '../storage/tables/flows.ts';
import type { Delivery } from '../transport/transport.ts';
import type { ENRICHER_COUNTERS } from './counters.ts';
import type { NodeNames } from './endpoints/node-names.ts';
import type { PreparedBatch } from './prepared-batch.ts';
import {
  Enrichment,
  type EnrichmentOptions,
  type EnrichTallies,
  type FlowBatch,
  type NormalisedBatch,
} from './stages/enrich.ts';
import { timeAt } from './stages/times.ts';

/**
 * A batch delivered again is inserted again, under its token: ClickHouse leaves out what it has, in the table and in each
 * roll-up, also where it crashed between the two. It remembers the tokens of 100,000 blocks of each table, an hour of 16 a
 * second (eight receive workers) being 57,600; and few come between a try and its repetition, because the oldest batches
 * are delivered first. A batch received longer ago than this is looked up in the table before its first try. What remains:
 * a crash between table and roll-up, and then more than this until the next start, leaves the roll-up without that batch.
 */
const TOKEN_TRUST_MS = 3_600_000;

/** Roll-ups hold seconds of 32 bits, and ClickHouse stores a time that it cannot hold as another one, in silence. */
const RECEIVED_MS_MAX = Date.UTC(2100, 0, 1);
/** Times a batch requests states: each time another snapshot may have come and cut other epochs. */
const NEEDS_MAX = 3;
const DECODED = new Set<string>(FLOW_COLUMNS.filter(column => column.stage === 'decoded').map(column => column.name));

export interface FlowPreparationDependencies {
  readonly storage: Storage;
  readonly counters: Counters<typeof ENRICHER_COUNTERS>;
  readonly feed: KnowledgeFeed;
  readonly names: NodeNames;
  /** Called with each batch that is enriched, before it is stored. */
  readonly onEnriched: (batch: FlowBatch) => void;
}

export class FlowPreparation {
  readonly #options: EnrichmentOptions;
  readonly #dependencies: FlowPreparationDependencies;
  #enrichment: Enrichment;
  // Columns of batches that are settled, at most one more than are on their way: fresh memory for each batch would cost
  // as much as enriching it, in page faults and garbage.
  readonly #spares: FlowBatch[] = [];

  constructor(options: EnrichmentOptions, dependencies: FlowPreparationDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#enrichment = this.#createEnrichment();
  }

  /** Enriches a batch. Throws when it cannot be read. */
  async prepare(delivery: Delivery, token: string): Promise<PreparedBatch> {
    const { storage, names, onEnriched } = this.#dependencies;
    const batch = this.#decode(delivery);
    const key = batchKey(token);
    const { oldest, newest } = receivedSpan(batch);
    if (oldest < 0 || newest >= RECEIVED_MS_MAX)
      throw new Error(`received at ${oldest} to ${newest} ms since 1970: the clock of the collector was wrong`);
    const normalised = await this.#normalise(batch);
    this.#count(this.#enrichment.enrichBatch(batch, key, normalised));
    onEnriched(batch);
    const isOld = delivery.redelivered && Date.now() - newest > TOKEN_TRUST_MS;
    const arrow = encodePieces(batch);
    const stored = () => ({
      batch: keyToBigint(key),
      fromMs: oldest,
      toMs: newest,
      days: receivedDays(batch, oldest, newest),
    });
    return {
      delivery,
      token,
      kind: 'flows',
      insert: again => insertFlows(storage, arrow, token, again ? stored() : undefined),
      rows: batch.rows,
      columns: batch,
      names: names.take(),
      places: names.takePlaces(),
      ...(isOld && { lookup: { key: keyToBigint(key), receivedAtMs: [oldest, newest] } }),
    };
  }

  /** Makes ready for a snapshot that is about to be in force. */
  prepareSnapshot(snapshot: Snapshot, isStopped: () => boolean): Promise<void> {
    return this.#enrichment.prepare(snapshot, isStopped);
  }

  /** Columns of a batch that is settled serve the next one. */
  release(columns: FlowBatch): void {
    this.#spares.push(columns);
  }

  /** Announces every node again: the caches of the enrichment announce a node once, so they start anew. */
  forgetNames(): void {
    this.#dependencies.names.forget();
    this.#enrichment = this.#createEnrichment();
  }

  #createEnrichment(): Enrichment {
    const { feed, names } = this.#dependencies;
    return new Enrichment(feed.knowledge, names, this.#options);
  }

  #decode({ arrow }: Delivery): FlowBatch {
    const { counters } = this.#dependencies;
    const { batch, missing, unknown } = decodeArrow(FLOW_COLUMNS, arrow, this.#spares.pop());
    counters.add('columnsMissing', missing.filter(name => DECODED.has(name)).length);
    counters.add('columnsUnknown', unknown.length);
    counters.add('rowsIn', batch.rows);
    return batch;
  }

  /** Normalises a batch's times and sees to it that what held then is here. */
  async #normalise(batch: FlowBatch): Promise<NormalisedBatch> {
    const { feed, counters } = this.#dependencies;
    let normalised = this.#enrichment.normalise(batch);
    for (let needs = 0; needs < NEEDS_MAX; needs++) {
      const missing = feed.knowledge.missing(normalised.epochs.distinct);
      if (missing.length === 0) break;
      counters.add('epochsAwaited', missing.length);
      await feed.need(missing);
      // A snapshot that came meanwhile makes other epochs, whose states may not be here either.
      normalised = { ...normalised, epochs: this.#enrichment.normalise(batch).epochs };
    }
    return normalised;
  }

  #count({ cut, reversed, unknownRate, implausible, cacheResets, endpoints, straddles }: EnrichTallies): void {
    const { counters } = this.#dependencies;
    counters.add('timesCut', cut);
    counters.add('timesReversed', reversed);
    counters.add('unknownRateRows', unknownRate);
    counters.add('implausibleRows', implausible);
    counters.add('cacheResets', cacheResets);
    counters.set('endpoints', endpoints);
    counters.add('straddlingRows', straddles);
  }
}

/** First 64 bits of the SHA-256 of a token. */
export function batchKey(token: string): Key {
  const digest = createHash('sha256').update(token).digest();
  return { high: digest.readUInt32BE(0), low: digest.readUInt32BE(4) };
}

function receivedSpan({ columns: { receivedAt }, rows }: FlowBatch): { oldest: number; newest: number } {
  let oldest = Number.POSITIVE_INFINITY;
  let newest = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < rows; row++) {
    const ms = timeAt(receivedAt, row);
    if (ms < oldest) oldest = ms;
    if (ms > newest) newest = ms;
  }
  return { oldest, newest };
}

function receivedDays({ columns: { receivedAt }, rows }: FlowBatch, oldest: number, newest: number): number[] {
  const days = new Set([Math.floor(oldest / DAY_MS), Math.floor(newest / DAY_MS)]);
  // Of a batch within a day, or a midnight, that is all.
  if (newest - oldest > DAY_MS)
    for (let row = 0; row < rows; row++) days.add(Math.floor(timeAt(receivedAt, row) / DAY_MS));
  return Array.from(days, day => dayOf(day * DAY_MS));
}
