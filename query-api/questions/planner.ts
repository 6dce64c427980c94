// The planner as the API sees it: it knows which links traffic takes, which no table holds. Without one, or without an
// inventory, answers are empty and say so.

import type { PlannerAnswer, PlannerRequest } from '../../schemas/planning.ts';

export interface Planner {
  /** Rejects with a message for people. `undefined`: there is no inventory. */
  request(question: PlannerRequest): Promise<PlannerAnswer>;
}

/** The planner could not answer; the message says why. */
export class PlannerError extends Error {}

export async function requestPlan<A extends NonNullable<PlannerAnswer>>(
  planner: Planner | undefined,
  question: PlannerRequest,
): Promise<A | undefined> {
  if (!planner) return undefined;
  try {
    return (await planner.request(question)) as A | undefined;
  } catch (error) {
    throw new PlannerError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
