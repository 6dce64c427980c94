// Parts of a window.

/** Seconds since the epoch, with fractions; `toS` is excluded. */
export interface Part {
  readonly fromS: number;
  readonly toS: number;
}

export function secondsOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { fromS, toS }) => sum + toS - fromS, 0);
}

/** What two lists of parts, each in order and without overlap, have in common. */
export function inBoth(a: readonly Part[], b: readonly Part[]): Part[] {
  const common: Part[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const fromS = Math.max(a[i]!.fromS, b[j]!.fromS);
    const toS = Math.min(a[i]!.toS, b[j]!.toS);
    if (toS > fromS) common.push({ fromS, toS });
    if (a[i]!.toS < b[j]!.toS) i++;
    else j++;
  }
  return common;
}
