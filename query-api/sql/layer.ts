// The layer whose bytes a query counts. Roll-ups hold IP bytes. Layer-2 bytes are read from the records, and only where
// every record that counts reports the length of its frames: an estimate from packets would not show that it is one.

import type { Storage } from '../../storage/storage.ts';
import { ELECTED_SQL, UNELECTED_SQL } from '../../storage/tables/elections.ts';
import { COUNTED, type Volume, WHOLE } from '../../storage/tables/spread.ts';
import { refuse } from '../http/problem.ts';
import type { Condition } from './filter.ts';
import type { Window } from './window.ts';

export const LAYERS = ['l3', 'l2'] as const;
export type Layer = (typeof LAYERS)[number];

/** Frames of a record, scaled as its packets are; `weight` is what of it counts. */
function framesOf(packets: string): string {
  return `toUInt64(round(l2Bytes * (toFloat64(${packets}) / greatest(packets, 1))))`;
}

/** The variance of a sum of frames is that of its IP bytes at the scale of frames. */
function inFrames(volume: Volume): Volume {
  const scale = `if(estBytes = 0, 1, l2Bytes * (estPackets / greatest(packets, 1)) / estBytes)`;
  return {
    ...volume,
    bytes: framesOf(volume.packets),
    varBytes: `(${volume.varBytes}) * pow(${scale}, 2)`,
    largestBytes: `(${volume.largestBytes}) * ${scale}`,
  };
}

/** What is summed of elected and of unelected records. */
export const VOLUMES: Readonly<Record<Layer, { readonly counted: Volume; readonly whole: Volume }>> = {
  l3: { counted: COUNTED, whole: WHOLE },
  l2: { counted: inFrames(COUNTED), whole: inFrames(WHOLE) },
};

/** Records that may count in a window. */
export const MEETS_WINDOW = `receivedAt >= toDateTime({windowFrom:UInt32} - 86400, 'UTC') AND receivedAt < toDateTime({windowTo:UInt32} + 86400, 'UTC')
    AND flowEnd >= toDateTime({windowFrom:UInt32}, 'UTC') AND flowStart < toDateTime({windowTo:UInt32}, 'UTC')`;

interface UnreportedRow {
  readonly exporters: string;
  readonly unreported: string;
  readonly share: number | null;
}

/** Refuses layer 2 where a part of what counts does not report the length of its frames, and says how large that part is. */
export async function refuseUnreported(storage: Storage, window: Window, condition: Condition): Promise<void> {
  const [row] = await storage.select<UnreportedRow>(
    `SELECT uniqExact(exporter) AS exporters, uniqExactIf(exporter, l2Bytes = 0) AS unreported, sumIf(estBytes, l2Bytes = 0) / sum(estBytes) AS share
    FROM flows WHERE (${ELECTED_SQL} OR ${UNELECTED_SQL}) AND ${MEETS_WINDOW} AND ${condition.sql}`,
    { ...condition.params, windowFrom: window.fromS, windowTo: window.toS },
  );
  if (!row || Number(row.unreported) === 0) return;
  const share = ((row.share ?? 0) * 100).toPrecision(3);
  refuse(
    'layer',
    `l2 cannot be reported: ${row.unreported} of ${row.exporters} exporters do not report the length of frames, for ${share} % of the bytes; use l3, or filter to exporters that report it`,
  );
}
