// How the small statements are sent that a question needs before it reads traffic.

import type { SelectOptions } from '../../storage/storage.ts';

/** Their subqueries would run for an estimate as well, and they read little. */
export const BOOKKEEPING = { unestimated: true } as const satisfies SelectOptions;

/** Of what changes with every batch, or when a day expires: an answer may be that of two seconds ago. */
export const OF_LATE = { ...BOOKKEEPING, mayBeOldMs: 2000 } as const satisfies SelectOptions;

/** Of what an installation does not change while it runs. */
export const OF_INSTALLATION = { ...BOOKKEEPING, mayBeOldMs: 3_600_000 } as const satisfies SelectOptions;
