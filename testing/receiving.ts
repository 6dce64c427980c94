// Says for tests that insert records themselves what a collector would have said: it was receiving meanwhile.

import type { Storage } from '../storage/storage.ts';
import { insertCollectorMinutes } from '../storage/tables/collectors.ts';
import { encodeReceiving, type FlowObject } from './data/stored-rows.ts';

const MINUTE_MS = 60_000;

/** A collector that was receiving without a gap; everything it received is stored. */
export function insertReceiving(
  storage: Storage,
  fromMs: number,
  untilMs: number,
  { collector = 'test', stopped = false } = {},
): Promise<void> {
  const arrow = encodeReceiving(fromMs, untilMs, stopped ? { stoppedAt: untilMs } : {});
  return insertCollectorMinutes(storage, arrow, `collectors.${collector}.${fromMs}.${untilMs}`, { collector });
}

/** From the minute in which the first of the flows began. */
export async function insertReceivingOf(
  storage: Storage,
  flows: readonly FlowObject[],
  untilMs: number,
): Promise<void> {
  const starts = flows.map(({ flowStart }) => Number(flowStart)).filter(startMs => startMs < untilMs);
  const firstMs = Math.floor(Math.min(...starts) / MINUTE_MS) * MINUTE_MS;
  if (starts.length > 0) await insertReceiving(storage, firstMs, untilMs);
}
