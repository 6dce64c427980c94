// Re-enrichment over the API: begin one, look at it, stop it. The work is done elsewhere in the process; here are its
// routes and its words. Days are days of receipt, in UTC, because that is how records are partitioned.

import { type Static, Type } from 'typebox';
import { ProblemDocument, problem, refuse } from '../http/problem.ts';
import type { Routes } from '../http/routes.ts';
import { parseTime, refuseMissingDay } from '../sql/window.ts';

export const DAY_MS = 86_400_000;
const DAYS_MAX = 400;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

const Day = Type.Object(
  {
    day: Type.Integer({ description: 'day of receipt in UTC, such as 20260131' }),
    outcome: Type.Enum(['working', 'done', 'stopped', 'refused', 'previewed'], {
      description: 'refused: records of that day are no longer all there',
    }),
    records: Type.Number({ description: 'records enriched anew so far' }),
    recordsMax: Type.Number({ description: 'records the day had when it began' }),
    recordsPerS: Type.Number(),
    elapsedMs: Type.Number(),
    fencedMs: Type.Number({ description: 'how long records of that day could not be stored and waited' }),
    detail: Type.String(),
    changes: Type.Optional(
      Type.Object({
        records: Type.Number(),
        renamed: Type.Number({ description: 'records with another VM, application or service at either end' }),
        recounted: Type.Number({ description: 'records with another weight or reason to count' }),
        bytesMoved: Type.Number({ description: 'estimated bytes of either' }),
      }),
    ),
    erased: Type.Optional(Type.Number({ description: 'of an erasure: records with the address at an end' })),
  },
  { additionalProperties: false },
);
export type ReenrichedDay = Static<typeof Day>;

/** Rows that hold an address, of what is kept beside the records of days. */
export const Beside = Type.Object(
  {
    services: Type.Number({ description: 'what was learned of servers there, which goes' }),
    asExporter: Type.Number({ description: 'rows of an exporter of this address, which stay' }),
    documents: Type.Number({ description: 'recorded documents that name it in canonical form (RFC 5952), which stay' }),
  },
  { additionalProperties: false },
);
export type Beside = Static<typeof Beside>;

export const ReenrichmentAnswer = Type.Object(
  {
    running: Type.Boolean(),
    dryRun: Type.Boolean(),
    days: Type.Array(Day, { description: 'days of the newest re-enrichment of this process, the oldest first' }),
    error: Type.String({ description: 'why it ended early; empty when it did not' }),
  },
  { additionalProperties: false },
);
export type ReenrichmentAnswer = Static<typeof ReenrichmentAnswer>;

export interface Reenrichments {
  /** False when one is running here, or an erasure; a repair that Hairpin started itself is stopped for it. */
  start(request: {
    readonly fromMs: number;
    readonly toMs: number;
    readonly dryRun: boolean;
    readonly erase?: string;
  }): boolean;
  /** Stops the running one at the next point where nothing is half done. */
  stop(): void;
  state(): ReenrichmentAnswer & { readonly erasing: boolean; readonly beside?: Beside };
}

const Request = Type.Object(
  {
    from: Type.String({ description: 'first day: 2026-01-31, or a time of that day' }),
    to: Type.String({ description: 'last day: 2026-01-31, or a time up to which days are taken' }),
    dryRun: Type.Boolean({ default: false, description: 'report what would change, and change nothing' }),
  },
  { additionalProperties: false },
);

const SUMMARY = 'Apply the current inventory and applications to stored records of whole days, and to their roll-ups';

export function registerReenrichments(app: Routes, reenrichments: Reenrichments, nowMs: () => number): void {
  const url = ROUTES.reenrichment;
  const tags = ['re-enrichment'];
  app.post<{ Body: Static<typeof Request> }>(
    url,
    {
      config: { right: 'admin' },
      schema: {
        summary: SUMMARY,
        tags,
        body: Request,
        response: { 202: ReenrichmentAnswer, 400: ProblemDocument, 409: ProblemDocument },
      },
    },
    (request, reply) => {
      const { from, to, dryRun } = request.body;
      const fromMs = dayOrTime('from', from, 0, nowMs());
      const toMs = dayOrTime('to', to, DAY_MS, nowMs());
      if (fromMs >= toMs) refuse('from', 'must lie before to');
      if (toMs - fromMs > DAYS_MAX * DAY_MS) refuse('from', `lies more than ${DAYS_MAX} days before to`);
      if (reenrichments.start({ fromMs, toMs, dryRun })) return reply.status(202).send(reenrichments.state());
      return reply.status(409).send(runningProblem(reenrichments));
    },
  );
  app.get(
    url,
    {
      config: { right: 'admin' },
      schema: { summary: 'The newest re-enrichment of this process', tags, response: { 200: ReenrichmentAnswer } },
    },
    () => newest(reenrichments, 'reenrichment'),
  );
  app.delete(
    url,
    {
      config: { right: 'admin' },
      schema: {
        summary: 'Stop it where nothing is half done; started again, it continues from there',
        tags,
        response: { 202: ReenrichmentAnswer, 409: ProblemDocument },
      },
    },
    (_request, reply) =>
      stop(reenrichments, 'reenrichment')
        ? reply.status(202).send(newest(reenrichments, 'reenrichment'))
        : reply.status(409).send(runningProblem(reenrichments)),
  );
}

/** Of the two there is one at a time; its route knows nothing of the other. */
export const ROUTES = { reenrichment: '/api/v1/reenrichments', erasure: '/api/v1/erasures' } as const;
type Kind = keyof typeof ROUTES;

function kindOf({ erasing }: ReturnType<Reenrichments['state']>): Kind {
  return erasing ? 'erasure' : 'reenrichment';
}

export function newest(reenrichments: Reenrichments, kind: Kind) {
  const state = reenrichments.state();
  return kindOf(state) === kind ? state : NONE;
}

const NONE: ReenrichmentAnswer = { running: false, dryRun: false, days: [], error: '' };

/** Stops what runs; false when that is of the other kind. */
export function stop(reenrichments: Reenrichments, kind: Kind): boolean {
  const state = reenrichments.state();
  if (state.running && kindOf(state) !== kind) return false;
  reenrichments.stop();
  return true;
}

export function runningProblem(reenrichments: Reenrichments): ProblemDocument {
  const route = ROUTES[kindOf(reenrichments.state())];
  const detail = `a re-enrichment or an erasure is running; wait for its end, or stop it with DELETE ${route}`;
  return problem(409, 'reenrichment-running', detail);
}

export function dayOrTime(parameter: string, text: string, dayMs: number, nowMs: number): number {
  if (!DATE.test(text)) return parseTime(parameter, text, nowMs);
  refuseMissingDay(parameter, text, text);
  return Date.parse(text) + dayMs;
}
