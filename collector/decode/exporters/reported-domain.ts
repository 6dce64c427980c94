// What a report on a domain reads, and its counters by the column that holds them.

import type { ClockState } from '../../../schemas/codes.ts';
import type { ExporterCounter } from '../../../schemas/exporter-minute.ts';

export const DELTAS = {
  datagrams: 'datagrams',
  datagramBytes: 'datagramBytes',
  records: 'records',
  lost: 'lost',
  restarts: 'restarts',
  templates: 'templatesLearned',
  unknownTemplateSets: 'unknownTemplateSets',
  lostSets: 'lostSets',
  malformedSets: 'malformedSets',
  unknownRateRecords: 'unknownRateRecords',
  rateChanges: 'rateChanges',
  clashes: 'clashes',
} as const satisfies Readonly<Record<ExporterCounter, string>>;

export interface ReportedDomain extends Record<(typeof DELTAS)[ExporterCounter], number> {
  readonly exporter: Uint32Array;
  readonly id: number;
  readonly protocol: number;
  /** Of the domain, 0 unknown. */
  readonly samplingRate: number;
  /** That of the newest record of a template, wherever it was stated; 0 unknown. */
  readonly newestRate: number;
  readonly pendingSets: number;
  readonly lastSeenMs: number;
  /** Undefined where its protocol has no time of export, or nobody measures. */
  readonly clock?: { readonly state: ClockState; readonly skewMs: number } | undefined;
}
