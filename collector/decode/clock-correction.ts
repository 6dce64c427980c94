// Moves the times of rows from the clock of their exporter to ours, where that clock is known to be off or cannot be
// trusted (exporters/exporter-clock.ts). It runs last, so that whatever compares times of one exporter with each other
// (templates, running totals) does so by one clock.

import type { DatagramContext } from './context.ts';
import type { Domain } from './exporters/domain.ts';
import { TWO_32, writeTime } from './kernels.ts';

/**
 * Flows are of the clock of the header when they ended so near to it: the longest idle timeout before, a minute after. A
 * header without a clock (0, or an uptime) says nothing of times that are right without it.
 */
const BEFORE_EXPORT_MS = 3600_000;
const AFTER_EXPORT_MS = 60_000;

export function observeClock({ receivedAtMs, exportMs }: DatagramContext, domain: Domain): void {
  domain.clock?.observe(receivedAtMs - exportMs, receivedAtMs);
}

/** Corrects rows of the datagram at hand. */
export function correctTimes(context: DatagramContext, { clock }: Domain, row: number, count: number): void {
  const { receivedAtMs, exportMs } = context;
  const differenceMs = receivedAtMs - exportMs;
  if (clock === undefined || clock.isRight(differenceMs)) return;
  const correctionMs = clock.correctionOf(differenceMs);
  const source = clock.sourceOf(differenceMs);
  const { flowStart, flowEnd, timeSource } = context.output.batch.columns;
  for (let i = row; i < row + count; i++) {
    const end = flowEnd[2 * i]! + flowEnd[2 * i + 1]! * TWO_32;
    if (end < exportMs - BEFORE_EXPORT_MS || end > exportMs + AFTER_EXPORT_MS) continue;
    const start = flowStart[2 * i]! + flowStart[2 * i + 1]! * TWO_32;
    writeTime(flowEnd, 2 * i, end + correctionMs);
    writeTime(flowStart, 2 * i, start + correctionMs);
    timeSource[i] = source;
  }
}
