// What a matrix answer says about its own certainty, beside the intervals of its cells; coverage is the advisor's word.

import type { Storage } from '../../storage/storage.ts';
import type { Quality } from '../answers/answers.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import type { Window } from '../sql/window.ts';
import { type AccountingRow, accountingStatement, shapeAccounting } from './accounting.ts';
import { type ExporterRow, exportersStatement, lossRatioOf } from './exporters.ts';
import { ACCOUNTING_S_MAX, accountedOf, receiptBounds } from './receipt.ts';

/** The active timeout that exporters are advised to use: flows longer than this are reported in pieces. */
const ACTIVE_TIMEOUT_MS = 60_000;

type Figures = Pick<Quality, 'unclassifiedShare' | 'unelectedShare'>;

export async function qualityOf(
  storage: Storage,
  config: QueryApiConfiguration,
  window: Window,
  nowMs: number,
  figures: Figures,
): Promise<{ readonly quality: Quality; readonly exporters: readonly ExporterRow[] }> {
  const requested = { fromMs: window.fromS * 1000, toMs: window.toS * 1000 };
  const long = window.toS - window.fromS > ACCOUNTING_S_MAX;
  const accounting = accountingStatement({ ...accountedOf(requested), ...receiptBounds(config) });
  const exporters = exportersStatement(requested, nowMs);
  const [records, health] = await Promise.all([
    storage.select<AccountingRow>(accounting.sql, accounting.params),
    storage.select<ExporterRow>(exporters.sql, exporters.params),
  ]);
  const shaped = shapeAccounting(records);
  const quality: Quality = {
    ...figures,
    lossRatio: lossRatioOf(health),
    unknownRateShare: shaped.unknownRateShare,
    unknownErrorShare: shaped.unknownErrorShare,
    sharedShare: long ? null : shaped.sharedShare,
    unclassifiedByReason: long ? null : shaped.unclassifiedByReason,
    coverage: null,
    inventoryAsOf: shaped.inventoryAsOf,
    settledUntil: health.length > 0 ? settledUntil(config, window, nowMs) : null,
    accounting: long ? null : shaped.accounting,
  };
  return { quality, exporters: health };
}

/** The last bucket that ended an active timeout and a batch's age ago. */
function settledUntil(config: QueryApiConfiguration, window: Window, nowMs: number): string {
  const step = window.resolutionS * 1000;
  const arrived = Math.floor((nowMs - ACTIVE_TIMEOUT_MS - config.batchAgeMsMax) / step) * step;
  return new Date(Math.min(arrived, window.toS * 1000)).toISOString();
}
