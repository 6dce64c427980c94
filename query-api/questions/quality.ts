// What a matrix answer says about its own certainty, beside the intervals of its cells; coverage is the advisor's word.

import type { Storage } from '../../storage/storage.ts';
import type { Quality } from '../answers/answers.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import type { Rows } from '../sql/tables.ts';
import { type AccountingRow, accountingStatement, shapeAccounting } from './accounting.ts';
import { type ExporterRow, exportersStatement, lossRatioOf } from './exporters.ts';
import { aboutStored } from './grouped.ts';
import { provisionalIn } from './provisional.ts';
import { ACCOUNTING_S_MAX, accountedOf, receiptBounds } from './receipt.ts';

type Figures = Pick<Quality, 'unclassifiedShare' | 'unelectedShare' | 'largestPointShare'>;

export async function qualityOf(
  storage: Storage,
  config: QueryApiConfiguration,
  { window, stored }: Rows<unknown>,
  nowMs: number,
  figures: Figures,
): Promise<{ readonly quality: Quality; readonly exporters: readonly ExporterRow[] }> {
  const requested = { fromMs: window.fromS * 1000, toMs: window.toS * 1000 };
  const long = window.toS - window.fromS > ACCOUNTING_S_MAX;
  const accounting = accountingStatement({ ...accountedOf(requested), ...receiptBounds(config) });
  const exporters = exportersStatement(requested, nowMs);
  const [records, health, provisional] = await Promise.all([
    storage.select<AccountingRow>(accounting.sql, accounting.params),
    storage.select<ExporterRow>(exporters.sql, exporters.params),
    provisionalIn(storage, window),
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
    settledUntil: aboutStored(stored, window, { config, nowMs }).settledUntil,
    provisional,
    accounting: long ? null : shaped.accounting,
  };
  return { quality, exporters: health };
}
