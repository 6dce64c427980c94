// Health of each exporter: when it was last seen, what it sent, what was lost on the way, what could not be decoded.

import { type Static, Type } from 'typebox';
import { CLOCK_STATES, type ClockState } from '../../schemas/codes.ts';
import { SILENT_AFTER_MS } from '../../schemas/coverage.ts';
import { EXPORTER_COLUMNS, EXPORTER_COUNTERS, type ExporterCounter } from '../../schemas/exporter-minute.ts';
import { INTERFACE_COLUMNS } from '../../schemas/interface-minute.ts';
import { protocolRow, protocolTitles } from '../../schemas/protocols.ts';
import { rightToSee } from '../access/rights.ts';
import { about, closed, NullableNumber, Sum, Time } from '../answers/answers.ts';
import type { ColumnKinds } from '../http/format-table.ts';
import { readStoredUntil } from '../sql/history.ts';
import type { Statement } from '../sql/tables.ts';
import { addressText } from '../sql/values.ts';
import { parseRequestedWindow, type RequestedWindow } from '../sql/window.ts';
import { iso } from './grouped.ts';
import { UNKNOWN_INSTALLATION } from './installation.ts';
import { ExporterInterface, type FactsRow, factsStatement, INTERFACES_MAX, interfacesOf } from './interfaces.ts';
import { format, windowFrom } from './parameters.ts';
import { defineQuestion } from './question.ts';

const Parameters = Type.Object(
  {
    ...windowFrom('now-24h', 'start; exporters seen since then are listed'),
    interfaces: Type.Integer({
      minimum: 0,
      maximum: INTERFACES_MAX,
      default: INTERFACES_MAX,
      description: 'ports listed of each exporter at most; only JSON has them',
    }),
    format,
  },
  closed,
);

const Exporter = Type.Object(
  {
    exporter: Type.String(),
    observationDomain: Type.Integer(),
    protocol: Type.String(),
    lastSeen: Time('newest datagram'),
    silent: Type.Boolean({
      description: 'no datagram in the three minutes before `storedUntil`, or before now where that is null',
    }),
    samplingRate: NullableNumber('current N of 1 in N; null when unknown'),
    recordsPerSecond: Type.Number({ description: 'over the last five minutes before `storedUntil`' }),
    datagrams: Sum('datagrams received'),
    datagramBytes: Sum('bytes of their payloads'),
    records: Sum('flow records or samples'),
    lost: Sum('lost before the collector, in the unit of the protocol'),
    lostUnit: Type.Enum(['records', 'datagrams']),
    lossRatio: NullableNumber('lost / (lost + received)'),
    restarts: Sum('starts of the exporter: its sequence number or uptime went back'),
    templates: Sum('templates learned or changed'),
    unknownTemplateSets: Sum('data sets that came before their template'),
    waitingSets: Type.Integer({ description: 'of them those that wait for it now', minimum: 0 }),
    lostSets: Sum('of them those dropped without their template'),
    malformedSets: Sum('sets, samples or datagrams with a fault'),
    unknownRateRecords: Sum('records without a sampling rate as they came; the registry may state one'),
    rateChanges: Sum('changes of the sampling rate'),
    clock: Type.Enum([...CLOCK_STATES], {
      description:
        'steady: differs from that of the collector by the same time in three minutes; unknown: not measured, or the protocol has no export time',
    }),
    clockSkewMs: NullableNumber(
      'how far its clock is ahead of that of the collector, ms, negative behind; null when unknown',
    ),
    clashes: Sum('times it was found to share its sFlow agent address with other agents'),
    facts: Sum('facts that this address reported within the last day: names of ports, stations and hosts'),
    interfaces: Type.Array(ExporterInterface, {
      description: 'ports that this address named within the last day, by ifIndex',
    }),
  },
  closed,
);
export type Exporter = Static<typeof Exporter>;

export const ExportersAnswer = Type.Object(
  {
    from: about.from,
    to: about.to,
    exporters: Type.Array(Exporter),
    live: Type.Integer(),
    silent: Type.Integer(),
    storedUntil: about.storedUntil,
    waiting: about.waiting,
    receiving: Type.Object(
      {
        udpPorts: Type.Array(Type.Integer()),
        udpHost: Type.String(),
        protocols: Type.String({ description: 'taken on each of these ports, in words' }),
        templateProtocols: Type.String({ description: 'those whose records need a template first' }),
      },
      {
        ...closed,
        description: 'where to point an exporter; ports are empty where collectors are processes of their own',
      },
    ),
    inventory: Type.Boolean({ description: 'whether an inventory document is configured' }),
    applications: Type.Boolean({ description: 'whether an applications document is configured' }),
    elapsedMs: about.elapsedMs,
  },
  closed,
);
export type ExportersAnswer = Static<typeof ExportersAnswer>;

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
  readonly clockCode: number;
  readonly skew: number;
  readonly recent: string;
}

const TEXTS: ReadonlySet<string> = new Set(['exporter', 'protocol', 'lastSeen', 'lostUnit', 'silent', 'clock']);
/** What fits a row of a table. */
const KINDS: ColumnKinds = Object.fromEntries(
  Object.keys(Exporter.properties)
    .filter(name => name !== 'interfaces')
    .map(name => [name, TEXTS.has(name) ? 'text' : 'number']),
);

/** The answer holds every column of its tables. */
export const exporters = defineQuestion({
  name: 'exporters',
  right: rightToSee([...EXPORTER_COLUMNS, ...INTERFACE_COLUMNS].map(({ reveals }) => reveals)),
  summary: 'Exporters and their health: last seen, received, lost, not decoded',
  parameters: Parameters,
  answer: ExportersAnswer,
  table: () => ({ kinds: KINDS, keys: ['exporter', 'observationDomain', 'protocol'] }),
  async respond(params, { storage, nowMs, installation = UNKNOWN_INSTALLATION }) {
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const stored = await readStoredUntil(storage, nowMs);
    // What collectors received later and is not stored yet says nothing of an exporter.
    const atMs = stored.storedUntilMs ?? nowMs;
    const health = exportersStatement(requested, atMs);
    const facts = factsStatement(params.interfaces, nowMs);
    const [rows, reported] = await Promise.all([
      storage.select<ExporterRow>(health.sql, health.params),
      storage.select<FactsRow>(facts.sql, facts.params),
    ]);
    const factsOf = new Map(reported.map(row => [row.address, row]));
    const found = rows.map(row => shapeExporter(row, factsOf.get(row.address), atMs));
    const silent = found.filter(exporter => exporter.silent).length;
    return {
      answer: {
        from: iso(requested.fromMs),
        to: iso(requested.toMs),
        exporters: found,
        live: found.length - silent,
        silent,
        storedUntil: stored.storedUntilMs === undefined ? null : iso(stored.storedUntilMs),
        waiting: stored.waiting ?? null,
        ...installation,
        receiving: {
          ...installation.receiving,
          protocols: protocolTitles(),
          templateProtocols: protocolTitles(({ templates }) => templates),
        },
      },
      kinds: KINDS,
      rows: () => found.map(({ interfaces: _, ...flat }) => flat),
    };
  },
});

export function exportersStatement({ fromMs, toMs }: RequestedWindow, atMs: number): Statement {
  const sql = `
SELECT toString(e.exporter) AS address, e.observationDomain AS domain, e.protocol AS code, toUnixTimestamp64Milli(max(e.lastSeen)) AS seen,
  toUnixTimestamp64Milli(min(e.minute)) AS first, argMax(e.samplingRate, e.lastSeen) AS rate, argMax(e.waitingSets, e.lastSeen) AS waiting, argMax(e.clock, e.lastSeen) AS clockCode, argMax(e.clockSkewMs, e.lastSeen) AS skew, sumIf(e.records, e.minute >= fromUnixTimestamp64Milli({recent:Int64})) AS recent,
  ${EXPORTER_COUNTERS.map(name => `sum(e.${name}) AS ${name}`).join(', ')}
FROM exporters AS e
WHERE e.minute >= fromUnixTimestamp64Milli({from:Int64}) AND e.minute < fromUnixTimestamp64Milli({to:Int64})
GROUP BY e.exporter, e.observationDomain, e.protocol
ORDER BY records DESC, address, domain, code
LIMIT ${EXPORTERS_MAX}`;
  const from = Math.floor(fromMs / 60_000) * 60_000;
  return { sql, params: { from, to: Math.ceil(toMs / 60_000) * 60_000, recent: recentFrom(atMs) } };
}

/** Start of the whole minutes that a rate is over. */
function recentFrom(atMs: number): number {
  return Math.floor((atMs - RATE_MS) / 60_000) * 60_000;
}

/** What the sequence number of the protocol counts. */
function lostUnit(code: number): 'records' | 'datagrams' {
  return protocolRow(code).sequence === 'datagrams' ? 'datagrams' : 'records';
}

/** Where nothing is numbered, what is lost cannot be known. */
function isNumbered(code: number): boolean {
  return protocolRow(code).sequence !== 'nothing';
}

export function shapeExporter(row: ExporterRow, reported: FactsRow | undefined, atMs: number): Exporter {
  const unit = lostUnit(row.code);
  const counters = Object.fromEntries(EXPORTER_COUNTERS.map(name => [name, Number(row[name])])) as Record<
    ExporterCounter,
    number
  >;
  const expected = counters.lost + counters[unit];
  const observedMs = Math.max(1000, atMs - Math.max(recentFrom(atMs), Number(row.first)));
  return {
    exporter: addressText(row.address),
    observationDomain: row.domain,
    protocol: protocolRow(row.code).name,
    lastSeen: new Date(Number(row.seen)).toISOString(),
    silent: atMs - Number(row.seen) > SILENT_AFTER_MS,
    samplingRate: row.rate === 0 ? null : row.rate,
    recordsPerSecond: (Number(row.recent) * 1000) / observedMs,
    lostUnit: unit,
    lossRatio: expected > 0 && isNumbered(row.code) ? counters.lost / expected : null,
    ...counters,
    waitingSets: row.waiting,
    clock: clockOf(row),
    clockSkewMs: clockOf(row) === 'unknown' ? null : row.skew,
    facts: Number(reported?.facts ?? 0),
    interfaces: interfacesOf(reported, row.domain),
  };
}

/** A state that a newer version may have stored is unknown here. */
function clockOf({ clockCode }: ExporterRow): ClockState {
  return CLOCK_STATES[clockCode] ?? 'unknown';
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
