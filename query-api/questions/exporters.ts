// Health of each exporter: when it was last heard, what it sent, what was lost on the way, what could not be decoded.

import { SILENT_AFTER_MS } from '../../schemas/coverage.ts';
import { EXPORTER_COUNTERS, type ExporterCounter } from '../../schemas/exporter-minute.ts';
import { protocolRow } from '../../schemas/protocols.ts';
import type { Exporter } from '../answers/answers.ts';
import type { Statement } from '../sql/tables.ts';
import { addressText } from '../sql/values.ts';
import type { Asked } from '../sql/window.ts';
import { interfacesOf, type TellerRow } from './interfaces.ts';

/** Rates are over the last five minutes. */
const RATE_MS = 300_000;
export const EXPORTERS_MAX = 10_000;

export interface ExporterRow extends Readonly<Record<ExporterCounter, string>> {
  readonly address: string;
  readonly domain: number;
  readonly code: number;
  readonly seen: string;
  readonly first: string;
  readonly rate: number;
  readonly waiting: number;
  readonly recent: string;
}

export function exportersStatement({ fromMs, toMs }: Asked, nowMs: number): Statement {
  const sql = `
SELECT toString(e.exporter) AS address, e.observationDomain AS domain, e.protocol AS code, toUnixTimestamp64Milli(max(e.lastSeen)) AS seen,
  toUnixTimestamp64Milli(min(e.minute)) AS first, argMax(e.samplingRate, e.lastSeen) AS rate, argMax(e.waitingSets, e.lastSeen) AS waiting, sumIf(e.records, e.minute >= fromUnixTimestamp64Milli({recent:Int64})) AS recent,
  ${EXPORTER_COUNTERS.map(name => `sum(e.${name}) AS ${name}`).join(', ')}
FROM exporters AS e
WHERE e.minute >= fromUnixTimestamp64Milli({from:Int64}) AND e.minute < fromUnixTimestamp64Milli({to:Int64})
GROUP BY e.exporter, e.observationDomain, e.protocol
ORDER BY records DESC, address, domain, code
LIMIT ${EXPORTERS_MAX}`;
  const from = Math.floor(fromMs / 60_000) * 60_000;
  return { sql, params: { from, to: Math.ceil(toMs / 60_000) * 60_000, recent: recentFrom(nowMs) } };
}

/** Start of the whole minutes that a rate is over. */
function recentFrom(nowMs: number): number {
  return Math.floor((nowMs - RATE_MS) / 60_000) * 60_000;
}

/** What the sequence number of the protocol counts. */
function lostUnit(code: number): 'records' | 'datagrams' {
  return protocolRow(code).sequence === 'datagrams' ? 'datagrams' : 'records';
}

/** Where nothing is numbered, what is lost cannot be known. */
function isNumbered(code: number): boolean {
  return protocolRow(code).sequence !== 'nothing';
}

export function shapeExporter(row: ExporterRow, teller: TellerRow | undefined, nowMs: number): Exporter {
  const unit = lostUnit(row.code);
  const counters = Object.fromEntries(EXPORTER_COUNTERS.map(name => [name, Number(row[name])])) as Record<
    ExporterCounter,
    number
  >;
  const expected = counters.lost + counters[unit];
  const observedMs = Math.max(1000, nowMs - Math.max(recentFrom(nowMs), Number(row.first)));
  return {
    exporter: addressText(row.address),
    observationDomain: row.domain,
    protocol: protocolRow(row.code).name,
    lastSeen: new Date(Number(row.seen)).toISOString(),
    silent: nowMs - Number(row.seen) > SILENT_AFTER_MS,
    samplingRate: row.rate === 0 ? null : row.rate,
    recordsPerSecond: (Number(row.recent) * 1000) / observedMs,
    lostUnit: unit,
    lossRatio: expected > 0 && isNumbered(row.code) ? counters.lost / expected : null,
    ...counters,
    waitingSets: row.waiting,
    facts: Number(teller?.facts ?? 0),
    interfaces: interfacesOf(teller, row.domain),
  };
}

/** Over all exporters. Lost datagrams are turned into records by the records a datagram of that exporter had. */
export function lossRatioOf(rows: readonly ExporterRow[]): number | null {
  let [lost, numbered] = [0, 0];
  for (const row of rows) {
    const perDatagram = Number(row.records) / Math.max(1, Number(row.datagrams));
    lost += Number(row.lost) * (lostUnit(row.code) === 'datagrams' ? perDatagram : 1);
    if (isNumbered(row.code)) numbered += Number(row.records);
  }
  return lost + numbered > 0 ? lost / (lost + numbered) : null;
}
