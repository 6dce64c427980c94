// Days of receipt, in UTC, as the numbers that name partitions: 20260131.

export const DAY_MS = 86_400_000;
export const DAY_S = DAY_MS / 1000;

export function dayOf(ms: number): number {
  return Number(new Date(ms).toISOString().slice(0, 10).replaceAll('-', ''));
}

/** The start of a day, in seconds since the epoch. */
export function dayStartS(day: number): number {
  return Date.UTC(Math.floor(day / 10_000), (Math.floor(day / 100) % 100) - 1, day % 100) / 1000;
}
