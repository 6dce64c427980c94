// Simulated time, for test installations only: `2026-03-01T00:00:00Z*1000@2026-03-20T09:00:00Z` says that it was the first
// of March when it really was 09:00 on the 20th, and that every real second since lasts 1000. The same text
// given to the installation and to `load` or `replay` makes them agree without asking each other.

export interface ClockSetting {
  /** Simulated time at the moment `realMs`. */
  readonly startMs: number;
  readonly speed: number;
  readonly realMs: number;
}

const TIME = '\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(?:\\.\\d+)?Z';
export const CLOCK_PATTERN = `^(?:${TIME}\\*\\d{1,6}(?:\\.\\d+)?@${TIME})?$`;
export const CLOCK_SPEED_MAX = 100_000;

/** Undefined for '' (the wall clock) and for what is no clock. */
export function parseClock(text: string): ClockSetting | undefined {
  if (text === '' || !new RegExp(CLOCK_PATTERN).test(text)) return undefined;
  const [start = '', rest = ''] = text.split('*');
  const [speed, real = ''] = rest.split('@');
  const setting = { startMs: Date.parse(start), speed: Number(speed), realMs: Date.parse(real) };
  const valid = Number.isFinite(setting.startMs) && Number.isFinite(setting.realMs);
  return valid && setting.speed > 0 && setting.speed <= CLOCK_SPEED_MAX ? setting : undefined;
}
