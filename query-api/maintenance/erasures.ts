// Erasing an address over the API: begin it, look at it, stop it. It runs like a re-enrichment, and instead of one. The
// address comes in the body, which no log shows.

import { type Static, Type } from 'typebox';
import { parseAddress } from '../../schemas/address.ts';
import { ProblemDocument, refuse } from '../http/problem.ts';
import type { Routes } from '../http/routes.ts';
import {
  Beside,
  DAY_MS,
  dayOrTime,
  newest,
  ReenrichmentAnswer,
  type Reenrichments,
  ROUTES,
  runningProblem,
  stop,
} from './reenrichments.ts';

const ErasureAnswer = Type.Object(
  {
    ...ReenrichmentAnswer.properties,
    beside: Type.Optional(Beside),
  },
  { additionalProperties: false },
);
export type ErasureAnswer = Static<typeof ErasureAnswer>;

const Request = Type.Object(
  {
    address: Type.String({ maxLength: 64, description: 'IPv4 or IPv6 address' }),
    from: Type.Optional(Type.String({ description: 'first day: 2026-01-31, or a time of that day; all by default' })),
    to: Type.Optional(Type.String({ description: 'last day, or a time up to which days are taken' })),
    dryRun: Type.Boolean({
      default: false,
      description: 'report how many records have the address, and change nothing',
    }),
  },
  { additionalProperties: false },
);

export function registerErasures(app: Routes, reenrichments: Reenrichments, nowMs: () => number): void {
  const url = ROUTES.erasure;
  const tags = ['re-enrichment'];
  app.post<{ Body: Static<typeof Request> }>(
    url,
    {
      config: { right: 'admin' },
      schema: {
        summary: 'Erase an address from the stored records of whole days, and from their roll-ups',
        tags,
        body: Request,
        response: { 202: ErasureAnswer, 400: ProblemDocument, 409: ProblemDocument },
      },
    },
    (request, reply) => {
      const { address, from, to, dryRun } = request.body;
      if (!parseAddress(address)) refuse('address', 'is no IPv4 or IPv6 address');
      const fromMs = from === undefined ? 0 : dayOrTime('from', from, 0, nowMs());
      // Records may have been received since the clock of this machine was read.
      const toMs = to === undefined ? nowMs() + DAY_MS : dayOrTime('to', to, DAY_MS, nowMs());
      if (fromMs >= toMs) refuse('from', 'must lie before to');
      if (reenrichments.start({ fromMs, toMs, dryRun, erase: address }))
        return reply.status(202).send(reenrichments.state());
      return reply.status(409).send(runningProblem(reenrichments));
    },
  );
  app.get(
    url,
    {
      config: { right: 'admin' },
      schema: { summary: 'The newest erasure of this process', tags, response: { 200: ErasureAnswer } },
    },
    () => newest(reenrichments, 'erasure'),
  );
  app.delete(
    url,
    {
      config: { right: 'admin' },
      schema: {
        summary: 'Stop it where nothing is half done; days that are done stay done',
        tags,
        response: { 202: ErasureAnswer, 409: ProblemDocument },
      },
    },
    (_request, reply) =>
      stop(reenrichments, 'erasure')
        ? reply.status(202).send(newest(reenrichments, 'erasure'))
        : reply.status(409).send(runningProblem(reenrichments)),
  );
}
