// When exporters were seen, and when collectors received: the stored minutes, as spans.

import { formatAddress, parseAddress } from '../../schemas/address.ts';
import { protocolRow } from '../../schemas/protocols.ts';
import type { Storage } from '../../storage/storage.ts';
import { EVERY_DOMAIN, EVERY_PROTOCOL, type ExporterKey } from '../model/liveness.ts';
import { MINUTE_MS, type SeenSpan } from './transitions.ts';

/** Spans of one observation domain of an exporter. */
export interface Activity {
  /** In canonical form. */
  readonly exporter: string;
  readonly domain: number;
  readonly protocol: number;
  readonly spans: readonly SeenSpan[];
}

/**
 * A minute in which an exporter was seen has records, or datagrams without anything that could not be decoded: templates,
 * counters. Minutes that stand together are one span: (first, last, first with records, last seen, last is mixed).
 */
const ACTIVITY_SQL = `
SELECT toString(exporter) AS address, observationDomain AS domain, protocol AS code,
  arrayMap(span -> (span[1].1, span[-1].1, arrayFirst(one -> one.2, span).1, span[-1].3, toUInt8(span[-1].4)),
    arraySplit((one, step) -> step > 1, minutes, arrayDifference(arrayMap(one -> toInt64(one.1), minutes)))) AS spans
FROM (
  SELECT exporter, observationDomain, protocol, arraySort(groupArray((number, records > 0, seen, undecoded > 0))) AS minutes
  FROM (
    SELECT e.exporter AS exporter, e.observationDomain AS observationDomain, e.protocol AS protocol,
      toUInt32(intDiv(toUnixTimestamp64Milli(e.minute), ${MINUTE_MS})) AS number, sum(e.records) AS records,
      sum(e.datagrams) AS datagrams, sum(e.malformedSets + e.unknownTemplateSets) AS undecoded,
      toString(toUnixTimestamp64Milli(max(e.lastSeen))) AS seen
    FROM exporters AS e WHERE e.minute >= fromUnixTimestamp64Milli({from:Int64})
    GROUP BY exporter, observationDomain, protocol, number
    HAVING records > 0 OR (datagrams > 0 AND undecoded = 0)
  )
  GROUP BY exporter, observationDomain, protocol
)`;

interface ActivityRow {
  readonly address: string;
  readonly domain: number;
  readonly code: number;
  readonly spans: readonly (readonly [number, number, number, string, number])[];
}

export async function activitySince(storage: Storage, fromMs: number): Promise<Activity[]> {
  const rows = await storage.select<ActivityRow>(ACTIVITY_SQL, { from: fromMs });
  return rows.map(({ address, domain, code, spans }) => ({
    exporter: formatAddress(parseAddress(address)!),
    domain,
    protocol: code,
    spans: spans.map(([first, last, records, seen, isMixed]) => ({
      firstMs: first * MINUTE_MS,
      lastMs: last * MINUTE_MS,
      recordsMs: records === 0 ? undefined : records * MINUTE_MS,
      lastSeenMs: Number(seen),
      isLastMixed: isMixed !== 0,
    })),
  }));
}

/** The oldest minute from `fromMs` on among those stored within the last `ageS` seconds by the clock of the server; undefined: none were. */
export async function oldestMinuteStored(storage: Storage, fromMs: number, ageS: number): Promise<number | undefined> {
  const [row] = await storage.select<{ oldest: string; rows: string }>(
    `SELECT toString(toUnixTimestamp64Milli(min(minute))) AS oldest, toString(count()) AS rows FROM exporters
     WHERE minute >= fromUnixTimestamp64Milli({from:Int64}) AND storedAt >= now() - toIntervalSecond({age:UInt32})`,
    { from: Math.floor(fromMs), age: ageS },
  );
  return row === undefined || row.rows === '0' ? undefined : Number(row.oldest);
}

/** What an entry of the registry was seen by: all domains and protocols that it stands for. */
export function activityOf(key: ExporterKey, all: readonly Activity[]): Activity[] {
  return all.filter(one => one.exporter === key.exporter && isOf(key, one));
}

/** Whether an entry stands for a domain and protocol of its exporter. */
export function isOf(key: ExporterKey, { domain, protocol }: Pick<Activity, 'domain' | 'protocol'>): boolean {
  return (
    (key.domain === EVERY_DOMAIN || key.domain === domain) &&
    (key.protocol === EVERY_PROTOCOL || key.protocol === protocol)
  );
}

/** The spans of several as those of one. */
export function joinSpans(lists: readonly (readonly SeenSpan[])[]): SeenSpan[] {
  const joined: SeenSpan[] = [];
  for (const span of lists.flat().sort((a, b) => a.firstMs - b.firstMs || a.lastMs - b.lastMs)) {
    const last = joined.at(-1);
    if (last && span.firstMs <= last.lastMs + MINUTE_MS) joined[joined.length - 1] = joinTwo(last, span);
    else joined.push(span);
  }
  return joined;
}

function joinTwo(a: SeenSpan, b: SeenSpan): SeenSpan {
  const newest = b.lastMs > a.lastMs || (b.lastMs === a.lastMs && b.lastSeenMs > a.lastSeenMs) ? b : a;
  const records = [a.recordsMs, b.recordsMs].filter(ms => ms !== undefined);
  return { ...newest, firstMs: a.firstMs, recordsMs: records.length > 0 ? Math.min(...records) : undefined };
}

/** Whether any of them keeps flows before it reports them; one that nobody has seen may. */
export function hasFlowCache(key: ExporterKey, seen: readonly Activity[]): boolean {
  const protocols = key.protocol === EVERY_PROTOCOL ? seen.map(({ protocol }) => protocol) : [key.protocol];
  return protocols.length === 0 || protocols.some(code => protocolRow(code).flowCache);
}
