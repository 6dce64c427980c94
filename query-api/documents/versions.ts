// Documents that are replaced whole, and of which every version is kept: a version is named by the time at which it was
// recorded. What their routes share, and the recording of a new one behind the active one.

import { Type } from 'typebox';
import { HttpProblem } from '../http/problem.ts';

/** Versions that are listed. */
export const VERSIONS_MAX = 100;

/** Of a route that reads one. */
export const versionParameters = {
  version: Type.Optional(Type.String({ maxLength: 64, description: 'an older version' })),
};
export const replaces = Type.Optional(
  Type.String({ maxLength: 64, description: 'the version that must be the active one, or nothing is recorded' }),
);
export const recordedAnswer = {
  outcome: Type.Enum(['recorded', 'unchanged']),
  version: Type.String({ format: 'date-time' }),
};

interface Replacing<D> {
  /** Undefined: none was ever recorded. */
  readonly active: { readonly recordedAtMs: number; readonly isSame: (document: D) => boolean } | undefined;
  readonly replaces: string | undefined;
  readonly nowMs: number;
}

interface Recorded<D> {
  readonly outcome: 'recorded' | 'unchanged';
  readonly version: string;
  readonly document: D;
}

/**
 * Records what `make` returns, if the active document is still version `replaces`. Nothing is to be recorded meanwhile
 * (SerialWriter).
 */
export async function recordVersion<D>(
  { active, replaces, nowMs }: Replacing<D>,
  make: () => D | Promise<D>,
  insert: (document: D, recordedAtMs: number) => Promise<void>,
): Promise<Recorded<D>> {
  const version = active ? new Date(active.recordedAtMs).toISOString() : null;
  if (replaces !== undefined && replaces !== version)
    throw new HttpProblem(
      409,
      'version-replaced',
      `the active version is ${version ?? 'none'}, not ${replaces}; read it and try again`,
    );
  const document = await make();
  if (version !== null && active?.isSame(document)) return { outcome: 'unchanged', version, document };
  // A version is named by its time: never the same as, or before, the one that is replaced.
  const recordedAtMs = Math.max(nowMs, active ? active.recordedAtMs + 1 : 0);
  await insert(document, recordedAtMs);
  return { outcome: 'recorded', version: new Date(recordedAtMs).toISOString(), document };
}
