// The clock of the data: when datagrams were received, and what `now` means in a request. It is the wall clock unless the
// configuration sets another, which only test installations should do. Time-outs, retries, log lines and the time when a
// row was stored always use the wall clock.

import { parseClock } from '../schemas/clock.ts';

export interface Clock {
  /** Whole milliseconds since the epoch. */
  nowMs(): number;
  /** Real milliseconds until it is `ms`; 0 when that has passed. */
  realMsUntil(ms: number): number;
  readonly speed: number;
}

/** `text` is the setting of schemas/clock.ts, checked with the configuration; '' is the wall clock. */
export function createClock(text: string, realNowMs: () => number = Date.now): Clock {
  const setting = parseClock(text);
  if (!setting) return { nowMs: realNowMs, realMsUntil: ms => Math.max(0, ms - realNowMs()), speed: 1 };
  const { startMs, speed, realMs } = setting;
  const nowMs = () => Math.floor(startMs + (realNowMs() - realMs) * speed);
  return { nowMs, realMsUntil: ms => Math.max(0, (ms - nowMs()) / speed), speed };
}
