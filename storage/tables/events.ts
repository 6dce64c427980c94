// Events that enrichers notice in flows. Several enrichers notice the same event: rows of one key are one row, and a reader
// joins rows of one subject whose times meet.

import { homeOf, type Storage } from '../storage.ts';
import { dateTimeText, mappedAddress } from './column-text.ts';
import { column, DATETIME_MS, HOUR_DAYS, type Table } from './table.ts';

export const EVENT_KINDS = ['move', 'mac-conflict'] as const;

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

export const EVENTS: Table = {
  name: 'events',
  columns: [
    column('kind', 'LowCardinality(String)'),
    column('mac', 'UInt64'),
    column('toExporter', 'IPv6'),
    column('toIfIndex', 'UInt32'),
    column('at', DATETIME_MS),
    column('lastSeen', `SimpleAggregateFunction(max, ${DATETIME_MS})`),
    column('detectedAt', `SimpleAggregateFunction(min, ${DATETIME_MS})`),
    column('confirmedAt', `SimpleAggregateFunction(max, ${DATETIME_MS})`),
    ...['vm', 'fromHost', 'toHost'].map(name => column(name, 'SimpleAggregateFunction(max, UInt64)')),
    column('fromExporter', 'SimpleAggregateFunction(max, IPv6)'),
    column('fromIfIndex', 'SimpleAggregateFunction(max, UInt32)'),
  ],
  engine: 'AggregatingMergeTree',
  order: '(kind, mac, toExporter, toIfIndex, at)',
  expiry: { column: 'toDateTime(at)', days: HOUR_DAYS },
};

/** An event that is stored again, or by another enricher, is the same event. */
export function insertEvents(storage: Storage, events: readonly NoticedEvent[]): Promise<void> {
  return homeOf(storage).insert({ table: 'events', rows: events.map(eventRow) });
}

function eventRow({ atMs, lastSeenMs, detectedAtMs, confirmedAtMs, ...event }: NoticedEvent) {
  return {
    ...event,
    at: dateTimeText(atMs),
    lastSeen: dateTimeText(lastSeenMs),
    detectedAt: dateTimeText(detectedAtMs),
    confirmedAt: dateTimeText(confirmedAtMs),
    vm: String(event.vm),
    fromHost: String(event.fromHost),
    toHost: String(event.toHost),
    fromExporter: mappedAddress(event.fromExporter),
    toExporter: mappedAddress(event.toExporter),
  };
}
