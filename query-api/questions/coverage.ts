// What can be seen, what cannot and since when: the advisor's report on the inventory, the health of exporters, bytes
// without an application, and ports that count otherwise than their interface does.

import { type Static, Type } from 'typebox';
import { PROTOCOLS } from '../../schemas/codes.ts';
import { BLIND_REASONS, type CoverageReport, type SeenInWindow, SILENT_AFTER_MS } from '../../schemas/coverage.ts';
import { closed, NullableNumber, provisional } from '../answers/answers.ts';
import type { ColumnKinds } from '../http/format-table.ts';
import { HttpProblem } from '../http/problem.ts';
import { readStoredUntil } from '../sql/history.ts';
import { addressText } from '../sql/values.ts';
import { parseRequestedWindow, type RequestedWindow } from '../sql/window.ts';
import {
  type AccountingRow,
  accountingStatement,
  type RatelessRow,
  ratelessStatement,
  shapeAccounting,
} from './accounting.ts';
import { type Advisor, requestCoverage } from './advisor.ts';
import { type Exporter, type ExporterRow, exportersStatement, lossRatioOf, shapeExporter } from './exporters.ts';
import { iso } from './grouped.ts';
import { format, Limit, window } from './parameters.ts';
import { provisionalOf } from './provisional.ts';
import { defineQuestion, type QuestionContext } from './question.ts';
import { ACCOUNTING_S_MAX, accountedOf, receiptBounds } from './receipt.ts';
import {
  PORTS_MAX,
  Port,
  type PortRow,
  RECONCILED_S_MAX,
  reconciliationStatement,
  shapePort,
} from './reconciliation.ts';
import { readSeen } from './seen-exporters.ts';

const Parameters = Type.Object(
  {
    ...window,
    host: Type.String({ default: '', maxLength: 255, description: 'only blind spots of this host, by id or name' }),
    vm: Type.String({ default: '', maxLength: 255, description: 'only those of VMs of this name or glob' }),
    limit: Limit(100, 10_000, 'blind spots reported, the largest first'),
    pairs: Type.Integer({ default: 100, minimum: 0, maximum: 10_000, description: 'invisible VM pairs listed' }),
    ports: Limit(100, PORTS_MAX, 'ports compared with their counters, those that agree least first'),
    format,
  },
  closed,
);
type Parameters = Static<typeof Parameters>;

const Count = (description: string) => Type.Number({ description });
const Reason = Type.Enum([...BLIND_REASONS] as unknown as typeof BLIND_REASONS, {
  description:
    'veb: turned round inside the host by a bridge that exports nothing; relay-not-operational: a VEPA whose switch does not turn frames back; vswitch-not-metered: the exporter of the vSwitch is not registered or not seen; no-access-port: the inventory does not say where the host is cabled; not-metered: no registered exporter meters the access port; exporter-silent: it is not seen',
});
const Since = Type.String({ format: 'date-time', description: 'start of the unbroken time of which this holds' });

const Spot = Type.Object(
  {
    reason: Reason,
    site: Type.String(),
    rack: Type.String(),
    host: Type.String(),
    vswitch: Type.String(),
    segment: Type.String({ description: 'empty where the segment does not matter' }),
    vms: Count('running VMs there'),
    pairs: Count('ordered pairs of VMs that nobody sees, for this reason'),
    since: Since,
    sinceOrEarlier: Type.Boolean({ description: 'older inventories were not looked at' }),
    ports: Type.Array(Type.Object({ switch: Type.String(), ifIndex: Type.Integer(), name: Type.String() }, closed), {
      description: 'switch ports that the host hangs on',
    }),
    remedies: Type.Array(Type.String(), { description: 'what would make it visible, the likeliest first' }),
  },
  closed,
);
export type SpotAnswer = Static<typeof Spot>;

const Pair = Type.Object(
  { src: Type.String(), dst: Type.String(), reason: Reason, host: Type.String(), since: Since },
  closed,
);

const States = Type.Object(
  {
    found: Type.Integer({ description: 'states of documents and silent exporters in the window' }),
    examined: Type.Integer(),
  },
  closed,
);

const Names = (description: string) => Type.Array(Type.String(), { description });

export const CoverageAnswer = Type.Object(
  {
    from: Type.String({ format: 'date-time' }),
    to: Type.String({ format: 'date-time' }),
    coverage: NullableNumber(
      'of the ordered pairs of running VMs and the time of the window, the share with a live canonical point; from the first minute with an exporter on. null without inventory',
    ),
    states: Type.Union([States, Type.Null()], {
      description:
        'what coverage follows from; of more than 12 states 12 moments at equal distance stand for the window, and fewer where there is no time for all',
    }),
    doubtful: Type.Boolean({ description: 'coverage is below 0.95: sums of VM traffic miss more than a little' }),
    inventoryAsOf: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'inventory in force at `to`' }),
    vms: NullableNumber('running VMs with a vNIC'),
    pairs: NullableNumber('ordered pairs of them'),
    invisiblePairs: NullableNumber(
      'pairs without a live canonical point at the end of the window; their bytes are not estimated',
    ),
    byReason: Type.Unsafe<Record<string, number> | null>({
      type: ['object', 'null'],
      additionalProperties: { type: 'number' },
      description: 'invisible pairs by reason',
    }),
    spots: Type.Array(Spot, { description: 'the largest first; limit says how many are reported' }),
    spotCount: Count('blind spots there are'),
    invisible: Type.Array(Pair, { description: 'the pairs themselves, spot by spot, as many as `pairs` allows' }),
    exporters: Type.Object(
      {
        silent: Names('seen in the window, but not in its last three minutes'),
        unseen: Names('registered and recorded as silent at the end of the window'),
        unregistered: Names('seen, but in no registry: their ports are unknown'),
        withoutTemplate: Names('with data sets that wait for their template or were given up'),
        withoutRate: Names('with records whose sampling rate nobody reports, in the last six hours of the window'),
        lossy: Names('that lost more than one in a hundred on the way'),
      },
      closed,
    ),
    lossRatio: NullableNumber('share of records lost before the collector'),
    unknownRateShare: NullableNumber(
      'share of records whose sampling rate neither exporter nor registry reports; of the last six hours of a longer window',
    ),
    unknownErrorShare: NullableNumber(
      'share of bytes without a sampling rate to estimate their error from; of the last six hours of a longer window',
    ),
    unclassifiedByReason: Type.Unsafe<Record<string, number> | null>({
      type: ['object', 'null'],
      additionalProperties: { type: 'number' },
      description: 'share of bytes without an application, by reason; null beyond six hours',
    }),
    ports: Type.Union([Type.Array(Port), Type.Null()], {
      description:
        'ports with counters of their own (sFlow if_counters), those that agree least first; null beyond six hours',
    }),
    provisional,
    elapsedMs: Type.Number(),
  },
  closed,
);
export type CoverageAnswer = Static<typeof CoverageAnswer>;

/** Worth naming: a hundredth of the records is lost. */
const LOSSY_MIN = 0.01;
/** Below this share of visible pairs, sums of VM traffic are doubtful. */
const COVERAGE_MIN = 0.95;

const SPOT_KINDS: ColumnKinds = {
  reason: 'text',
  site: 'text',
  rack: 'text',
  host: 'text',
  vswitch: 'text',
  segment: 'text',
  vms: 'number',
  pairs: 'number',
  since: 'text',
  ports: 'text',
  remedies: 'text',
};

export const coverage = defineQuestion({
  name: 'coverage',
  right: 'read',
  summary: 'What is seen, what is not, and why',
  parameters: Parameters,
  answer: CoverageAnswer,
  table: () => ({ kinds: SPOT_KINDS, keys: ['reason', 'site', 'rack', 'host', 'vswitch', 'segment'] }),
  async respond(params, context) {
    const requested = parseRequestedWindow(params.from, params.to, context.nowMs);
    // What collectors received later and is not stored yet makes no exporter silent.
    const { storedUntilMs = context.nowMs } = await readStoredUntil(context.storage, context.nowMs);
    const atMs = Math.min(storedUntilMs, requested.toMs);
    const read = await readStored(context, requested, atMs, params.ports);
    const seenIn = await readSeen(context.storage, { fromMs: requested.fromMs, toMs: atMs });
    const report = await readReport(context.advisor, params, seenIn);
    const spans = await provisionalOf(context.storage, requested);
    const answer = { ...shapeCoverage(requested, atMs, read, report), provisional: spans };
    return { answer, kinds: SPOT_KINDS, rows: () => answer.spots.map(flatSpot) };
  },
});

interface Stored {
  readonly health: readonly ExporterRow[];
  readonly records: readonly AccountingRow[];
  readonly rateless: readonly RatelessRow[];
  /** Undefined for windows too long to compare record by record. */
  readonly ports: readonly PortRow[] | undefined;
}

async function readStored(
  { storage, config, nowMs }: QuestionContext,
  requested: RequestedWindow,
  atMs: number,
  portsMax: number,
): Promise<Stored> {
  const { fromMs, toMs } = requested;
  const exporters = exportersStatement({ fromMs: Math.min(fromMs, atMs - SILENT_AFTER_MS), toMs }, nowMs);
  const accounted = { ...accountedOf(requested), ...receiptBounds(config) };
  const accounting = accountingStatement(accounted);
  const rateless = ratelessStatement(accounted);
  const minutes = { fromS: Math.ceil(fromMs / 60_000) * 60, toS: Math.floor(atMs / 60_000) * 60 };
  const reconciliation = reconciliationStatement(minutes, portsMax);
  const isShort = lengthOf(requested) <= RECONCILED_S_MAX;
  const [health, records, ratelessRows, ports] = await Promise.all([
    storage.select<ExporterRow>(exporters.sql, exporters.params),
    storage.select<AccountingRow>(accounting.sql, accounting.params),
    storage.select<RatelessRow>(rateless.sql, rateless.params),
    isShort ? storage.select<PortRow>(reconciliation.sql, reconciliation.params) : undefined,
  ]);
  return { health, records, rateless: ratelessRows, ports };
}

async function readReport(
  advisor: Advisor | undefined,
  { host, vm, limit, pairs }: Parameters,
  window: SeenInWindow,
): Promise<CoverageReport | undefined> {
  const report = advisor && (await requestCoverage(advisor, { ...window, host, vm, spotsMax: limit, pairsMax: pairs }));
  if (!report && (host !== '' || vm !== '')) refuseWithoutInventory(advisor);
  return report;
}

function shapeCoverage(
  requested: RequestedWindow,
  atMs: number,
  { health, records, rateless, ports }: Stored,
  report: CoverageReport | undefined,
): Omit<CoverageAnswer, 'provisional' | 'elapsedMs'> {
  const exporters = health.map(row => shapeExporter(row, undefined, atMs));
  const { unclassifiedByReason, unknownRateShare, unknownErrorShare } = shapeAccounting(records);
  const hosts = new Map(report?.accessPorts.map(({ exporter, ifIndex, host }) => [`${exporter} ${ifIndex}`, host]));
  const share = report?.share ?? null;
  return {
    from: iso(requested.fromMs),
    to: iso(requested.toMs),
    coverage: share,
    states: report?.states ?? null,
    doubtful: share !== null && share < COVERAGE_MIN,
    inventoryAsOf: report ? iso(report.asOfMs) : null,
    vms: report?.vms ?? null,
    pairs: report?.pairs ?? null,
    invisiblePairs: report?.invisiblePairs ?? null,
    byReason: report?.byReason ?? null,
    spots: report?.spots.map(shapeSpot) ?? [],
    spotCount: report?.spotCount ?? 0,
    invisible: report?.invisible.map(({ sinceMs, ...pair }) => ({ ...pair, since: iso(sinceMs) })) ?? [],
    exporters: shapeFaults(exporters, rateless, report),
    lossRatio: lossRatioOf(health),
    unknownRateShare,
    unknownErrorShare,
    unclassifiedByReason: lengthOf(requested) <= ACCOUNTING_S_MAX ? unclassifiedByReason : null,
    ports:
      ports?.map(row => {
        const port = shapePort(row);
        return { ...port, host: hosts.get(`${port.exporter} ${port.ifIndex}`) ?? '' };
      }) ?? null,
  };
}

/** Exporters by what is wrong with them. */
function shapeFaults(
  exporters: readonly Exporter[],
  rateless: readonly RatelessRow[],
  report: CoverageReport | undefined,
): CoverageAnswer['exporters'] {
  const named = (fits: (exporter: Exporter) => boolean) => exporters.filter(fits).map(nameOf);
  return {
    silent: named(exporter => exporter.silent),
    unseen: [...(report?.unseen ?? [])],
    unregistered: report ? [...report.unregistered] : exporters.map(nameOf),
    withoutTemplate: named(exporter => exporter.waitingSets > 0 || exporter.lostSets > 0),
    withoutRate: rateless.map(({ address, domain, code }) =>
      nameOf({ exporter: addressText(address), observationDomain: domain, protocol: PROTOCOLS[code] ?? 'unknown' }),
    ),
    lossy: named(exporter => (exporter.lossRatio ?? 0) > LOSSY_MIN),
  };
}

function shapeSpot({ sinceMs, ports, remedies, ...spot }: CoverageReport['spots'][number]): SpotAnswer {
  return { ...spot, ports: [...ports], remedies: [...remedies], since: iso(sinceMs) };
}

function flatSpot({ ports, remedies, sinceOrEarlier: _, ...spot }: SpotAnswer) {
  return {
    ...spot,
    ports: ports.map(port => `${port.switch} ${port.name || port.ifIndex}`).join(', '),
    remedies: remedies.join('; '),
  };
}

function lengthOf({ fromMs, toMs }: RequestedWindow): number {
  return (toMs - fromMs) / 1000;
}

function refuseWithoutInventory(advisor: Advisor | undefined): never {
  throw new HttpProblem(
    409,
    'inventory-missing',
    advisor
      ? 'no inventory snapshot was recorded yet, and only an inventory names invisible hosts and VMs; start with --inventory FILE, or send a snapshot to /api/v1/inventory/snapshots'
      : 'this process does not hold the inventory; send the request to one that does',
  );
}

function nameOf({
  exporter,
  protocol,
  observationDomain,
}: Pick<Exporter, 'exporter' | 'protocol' | 'observationDomain'>): string {
  return `${exporter} ${protocol}${observationDomain === 0 ? '' : ` domain ${observationDomain}`}`;
}
