// What decisions are made of: what is stored of exporters and collectors, and what was decided before.

import type { LivenessRow } from '../../storage/tables/liveness.ts';
import type { ExporterKey } from '../model/liveness.ts';
import type { Activity } from './activity.ts';

/** Start of the earliest flow that an exporter reported in a minute, undefined when none is stored. */
export type FirstFlows = (key: ExporterKey, minuteMs: number) => number | undefined;

/** What is examined at once. */
export interface Evidence {
  readonly fromMs: number;
  readonly nowMs: number;
  /** By exporter. */
  readonly activity: ReadonlyMap<string, readonly Activity[]>;
  readonly receiving: readonly number[];
  /** By exporter key, ascending. */
  readonly recorded: ReadonlyMap<string, readonly LivenessRow[]>;
  /** From when any registered exporter was live. */
  readonly liveMs: number;
  readonly firstFlows: FirstFlows;
}
