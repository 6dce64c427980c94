// From when an exporter counts that is seen for the first time while no registered exporter was live before: where an installation
// begins, or its exporters were registered first and configured later. A return holds from the end of its first minute,
// because somebody else counts what began before. Here nobody does, and flows would be a guess until exporters that began
// within one minute are live one after the other: a flow of one that lasts longer than the guess counts at another too. So
// it counts from its first flow on.

import { formatAddress, parseAddress } from '../../schemas/address.ts';
import type { Storage } from '../../storage/storage.ts';
import type { LivenessRow } from '../../storage/tables/liveness.ts';
import { type ExporterKey, keyText } from '../model/liveness.ts';
import { activityOf, isOf } from './activity.ts';
import type { Evidence, FirstFlows } from './evidence.ts';
import type { Registration } from './registrations.ts';
import { type Change, MINUTE_MS, ROUND_MS } from './transitions.ts';

export interface Beginning {
  readonly key: ExporterKey;
  readonly cacheMs: number;
  /** A silence from then on, or from before, is that of an exporter that was never seen. */
  readonly neverMs: number;
  /** Last state before the changes, undefined: live. */
  readonly silentMs: number | undefined;
  readonly recorded: readonly LivenessRow[];
}

/** The changes, with the moment of a first return put right; without it while its minute is not stored. */
export function withBeginning(
  changes: readonly Change[],
  { key, cacheMs, neverMs, silentMs, recorded }: Beginning,
  { liveMs, receiving, firstFlows }: Evidence,
): readonly Change[] {
  const at = changes.findIndex(({ state }) => state === 'live');
  const silenceMs = at > 0 ? changes[at - 1]!.atMs : silentMs;
  if (at < 0 || silenceMs === undefined || silenceMs > neverMs) return changes;
  const untilMs = changes[at]!.atMs;
  const minuteMs = untilMs - MINUTE_MS;
  const fromMs = roundDown(minuteMs - cacheMs - MINUTE_MS);
  if (liveMs < fromMs) return changes;
  if ((receiving.at(-1) ?? 0) < minuteMs) return at === changes.length - 1 ? changes.slice(0, -1) : changes;
  // Of a minute whose flows have expired, what was recorded holds.
  const known = recorded.find(({ state, atMs }) => state === 'live' && atMs >= fromMs && atMs < untilMs)?.atMs;
  const startMs = firstFlows(key, minuteMs) ?? known ?? untilMs;
  return changes.with(at, { state: 'live', atMs: Math.min(untilMs, Math.max(fromMs, roundDown(startMs))) });
}

/** Moments are rounded, so that exporters that begin together are one epoch. */
function roundDown(ms: number): number {
  return Math.floor(ms / ROUND_MS) * ROUND_MS;
}

/** From when any of the registered exporters was live; Infinity where none was seen. */
export function liveSince(
  registrations: readonly Registration[],
  { fromMs, activity, recorded }: Pick<Evidence, 'fromMs' | 'activity' | 'recorded'>,
  spanMsMax: number,
): number {
  return registrations.reduce((earliest, { key, sinceMs }) => {
    const rows = recorded.get(keyText(key)) ?? [];
    const [first] = rows;
    if (first) {
      const wasSeen = first.state === 'silent' && first.atMs > sinceMs - spanMsMax;
      const live = rows.find(({ state }) => state === 'live');
      return Math.min(earliest, wasSeen ? sinceMs : (live?.atMs ?? Number.POSITIVE_INFINITY));
    }
    if (sinceMs <= fromMs) return Math.min(earliest, sinceMs);
    return Math.min(earliest, Math.max(sinceMs, firstRecords(key, activity)));
  }, Number.POSITIVE_INFINITY);
}

function firstRecords(key: ExporterKey, activity: Evidence['activity']): number {
  const spans = activityOf(key, activity.get(key.exporter) ?? []).flatMap(one => one.spans);
  return Math.min(...spans.map(({ recordsMs }) => recordsMs ?? Number.POSITIVE_INFINITY));
}

interface FirstFlow {
  readonly domain: number;
  readonly protocol: number;
  readonly startMs: number;
}

/** Minutes read at once. */
const MINUTES_MAX = 16;
const FIRST_FLOWS_SQL = `
SELECT toString(exporter) AS address, observationDomain AS domain, protocol AS code, toString(toUnixTimestamp64Milli(min(flowStart))) AS start
FROM flows WHERE receivedAt >= fromUnixTimestamp64Milli({from:Int64}) AND receivedAt < fromUnixTimestamp64Milli({to:Int64})
GROUP BY exporter, observationDomain, protocol`;

/** The stored flows of minutes that were looked for; each minute is read once, and kept while it is looked for. */
export class StoredFirstFlows {
  readonly #storage: Storage;
  readonly #minutes = new Map<number, ReadonlyMap<string, readonly FirstFlow[]>>();
  #wanted = new Set<number>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  earliest: FirstFlows = (key, minuteMs) => {
    this.#wanted.add(minuteMs);
    const flows = this.#minutes.get(minuteMs)?.get(key.exporter) ?? [];
    const starts = flows.filter(flow => isOf(key, flow)).map(({ startMs }) => startMs);
    return starts.length > 0 ? Math.min(...starts) : undefined;
  };

  /** Whether there were minutes to read. */
  async read(): Promise<boolean> {
    for (const minuteMs of this.#minutes.keys()) if (!this.#wanted.has(minuteMs)) this.#minutes.delete(minuteMs);
    const missing = [...this.#wanted].filter(minuteMs => !this.#minutes.has(minuteMs)).slice(0, MINUTES_MAX);
    this.#wanted = new Set();
    for (const minuteMs of missing) this.#minutes.set(minuteMs, await this.#readOne(minuteMs));
    return missing.length > 0;
  }

  async #readOne(minuteMs: number): Promise<ReadonlyMap<string, readonly FirstFlow[]>> {
    const rows = await this.#storage.select<{ address: string; domain: number; code: number; start: string }>(
      FIRST_FLOWS_SQL,
      { from: minuteMs, to: minuteMs + MINUTE_MS },
    );
    const found = new Map<string, FirstFlow[]>();
    for (const { address, domain, code, start } of rows) {
      const exporter = formatAddress(parseAddress(address)!);
      const flows = found.get(exporter) ?? [];
      found.set(exporter, flows);
      flows.push({ domain, protocol: code, startMs: Number(start) });
    }
    return found;
  }
}
