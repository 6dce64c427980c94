// What can be seen, what cannot and since when: the advisor's report on the inventory, the health of exporters, bytes
// that nobody named, and ports that count otherwise than their interface does.

import { PROTOCOLS } from '../../schemas/codes.ts';
import { SILENT_AFTER_MS } from '../../schemas/coverage.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Exporter } from '../answers/answers.ts';
import type { CoverageAnswer } from '../answers/coverage-answer.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import { HttpProblem } from '../http/problem.ts';
import { addressText } from '../sql/values.ts';
import type { Asked } from '../sql/window.ts';
import {
  ACCOUNTING_S_MAX,
  type AccountingRow,
  accountingStatement,
  type RatelessRow,
  ratelessStatement,
  shapeAccounting,
} from './accounting.ts';
import { type Advisor, askCoverage, heardOf } from './advisor.ts';
import { type ExporterRow, exportersStatement, lossRatioOf, shapeExporter } from './exporters.ts';
import { accountedOf, receiptBounds } from './quality.ts';
import { type PortRow, RECONCILED_S_MAX, reconciliationStatement, shapePort } from './reconciliation.ts';

export interface CoverageParameters {
  readonly host: string;
  readonly vm: string;
  readonly limit: number;
  readonly pairs: number;
  readonly ports: number;
}

/** Worth naming: a hundredth of the records is lost. */
const LOSSY_MIN = 0.01;
/** Below this share of visible pairs, sums of VM traffic are doubtful. */
export const COVERAGE_MIN = 0.95;

export interface CoverageDependencies {
  readonly storage: Storage;
  readonly config: QueryApiConfiguration;
  readonly advisor: Advisor | undefined;
}

export async function answerCoverage(
  { storage, config, advisor }: CoverageDependencies,
  asked: Asked,
  params: CoverageParameters,
  nowMs: number,
): Promise<Omit<CoverageAnswer, 'elapsedMs'>> {
  const { fromMs, toMs } = asked;
  const atMs = Math.min(nowMs, toMs);
  const lengthS = (toMs - fromMs) / 1000;
  const exporters = exportersStatement({ fromMs: Math.min(fromMs, atMs - SILENT_AFTER_MS), toMs }, nowMs);
  const accounted = { ...accountedOf(asked), ...receiptBounds(config) };
  const accounting = accountingStatement(accounted);
  const rateless = ratelessStatement(accounted);
  const minutes = { fromS: Math.ceil(fromMs / 60_000) * 60, toS: Math.floor(atMs / 60_000) * 60 };
  const reconciliation = reconciliationStatement(minutes, params.ports);
  const [health, records, ratelessRows, ports] = await Promise.all([
    storage.select<ExporterRow>(exporters.sql, exporters.params),
    storage.select<AccountingRow>(accounting.sql, accounting.params),
    storage.select<RatelessRow>(rateless.sql, rateless.params),
    lengthS <= RECONCILED_S_MAX ? storage.select<PortRow>(reconciliation.sql, reconciliation.params) : undefined,
  ]);
  const heard = heardOf(health);
  const report =
    advisor &&
    (await askCoverage(advisor, {
      heard,
      atMs,
      host: params.host,
      vm: params.vm,
      spotsMax: params.limit,
      pairsMax: params.pairs,
    }));
  if (!report && (params.host !== '' || params.vm !== '')) refuseWithoutInventory(advisor);
  const shaped = health.map(row => shapeExporter(row, undefined, atMs));
  const { unclassifiedByReason, unknownRateShare, unknownErrorShare } = shapeAccounting(records);
  const named = (fits: (exporter: Exporter) => boolean) => shaped.filter(fits).map(nameOf);
  const hosts = new Map(report?.accessPorts.map(({ exporter, ifIndex, host }) => [`${exporter} ${ifIndex}`, host]));
  const coverage = report && report.pairs > 0 ? 1 - report.invisiblePairs / report.pairs : null;
  return {
    from: iso(fromMs),
    to: iso(toMs),
    coverage,
    doubtful: coverage !== null && coverage < COVERAGE_MIN,
    inventoryAsOf: report ? iso(report.asOfMs) : null,
    vms: report?.vms ?? null,
    pairs: report?.pairs ?? null,
    invisiblePairs: report?.invisiblePairs ?? null,
    byReason: report?.byReason ?? null,
    spots:
      report?.spots.map(({ sinceMs, ports: at, remedies, ...spot }) => ({
        ...spot,
        ports: [...at],
        remedies: [...remedies],
        since: iso(sinceMs),
      })) ?? [],
    spotCount: report?.spotCount ?? 0,
    invisible: report?.invisible.map(({ sinceMs, ...pair }) => ({ ...pair, since: iso(sinceMs) })) ?? [],
    exporters: {
      silent: named(exporter => exporter.silent),
      unheard: [...(report?.unheard ?? [])],
      unregistered: report ? [...report.unregistered] : shaped.map(nameOf),
      withoutTemplate: named(exporter => exporter.waitingSets > 0 || exporter.lostSets > 0),
      withoutRate: ratelessRows.map(({ address, domain, code }) =>
        nameOf({ exporter: addressText(address), observationDomain: domain, protocol: PROTOCOLS[code] ?? 'unknown' }),
      ),
      lossy: named(exporter => (exporter.lossRatio ?? 0) > LOSSY_MIN),
    },
    lossRatio: lossRatioOf(health),
    unknownRateShare,
    unknownErrorShare,
    unclassifiedByReason: lengthS <= ACCOUNTING_S_MAX ? unclassifiedByReason : null,
    ports:
      ports?.map(row => {
        const port = shapePort(row);
        return { ...port, host: hosts.get(`${port.exporter} ${port.ifIndex}`) ?? '' };
      }) ?? null,
  };
}

function refuseWithoutInventory(advisor: Advisor | undefined): never {
  throw new HttpProblem(
    409,
    'inventory-missing',
    'There is no inventory',
    advisor
      ? 'which hosts and VMs are invisible is known from an inventory snapshot, and none was given yet; start with --inventory FILE or give one to /api/v1/inventory/snapshots'
      : 'this process does not hold the inventory',
  );
}

function nameOf({
  exporter,
  protocol,
  observationDomain,
}: Pick<Exporter, 'exporter' | 'protocol' | 'observationDomain'>): string {
  return `${exporter} ${protocol}${observationDomain === 0 ? '' : ` domain ${observationDomain}`}`;
}

const iso = (ms: number) => new Date(ms).toISOString();
