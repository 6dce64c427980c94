// `hairpin reenrich` and `hairpin erase` start a job in a running Hairpin by its API, and show its progress until it ends.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ReenrichedDay, ReenrichmentAnswer } from '../query-api/maintenance/reenrichments.ts';
import { HairpinError } from '../service/errors.ts';
import { authorization, readToken } from './api-token.ts';

const POLL_MS = 500;

export const JOB_FLAGS = {
  from: { type: 'string' },
  to: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
  api: { type: 'string', default: 'http://127.0.0.1:8080' },
  'token-file': { type: 'string' },
} as const;

export interface JobRoute {
  readonly url: string;
  readonly token: string;
}

export function jobRoute(values: Readonly<Record<string, unknown>>, route: string, help: string): JobRoute {
  return {
    url: `${String(values['api']).replace(/\/$/, '')}/api/v1/${route}`,
    token: readToken(values['token-file'], help),
  };
}

/** Shows the progress until the job has ended; SIGINT and SIGTERM cancel it. */
export async function follow(route: JobRoute, lineOf: (day: ReenrichedDay) => string): Promise<ReenrichmentAnswer> {
  const cancel = () => {
    process.stderr.write('\nHairpin stops the job between two steps; the same command continues it later\n');
    void request(route, 'DELETE').catch(() => {});
  };
  process.on('SIGINT', cancel);
  process.on('SIGTERM', cancel);
  const printed = new Set<number>();
  const isTerminal = process.stderr.isTTY;
  for (;;) {
    const state = await request(route, 'GET');
    for (const day of state.days) {
      if (day.outcome !== 'working' && !printed.has(day.day)) {
        printed.add(day.day);
        process.stderr.write(`${isTerminal ? '\r' : ''}${lineOf(day)}\n`);
      } else if (day.outcome === 'working' && isTerminal) process.stderr.write(`\r${lineOf(day)}`);
    }
    if (!state.running) return state;
    await sleep(POLL_MS);
  }
}

/** The exit code. `empty` is printed when there was no day to work on. */
export function exitCodeOf({ days, error }: ReenrichmentAnswer, empty: string): number {
  if (error !== '') {
    process.stderr.write(`ended early: ${error}\n`);
    return 1;
  }
  if (days.length === 0) process.stderr.write(`${empty}\n`);
  return days.every(({ outcome }) => outcome === 'done' || outcome === 'previewed') ? 0 : 1;
}

/** 20260131 as 2026-01-31 */
export function dateOf(day: number): string {
  return String(day).replace(/(\d{4})(\d{2})(\d{2})/, '$1-$2-$3');
}

export async function request<A extends ReenrichmentAnswer>(
  { url, token }: JobRoute,
  method: 'GET' | 'POST' | 'DELETE',
  body?: object,
): Promise<A> {
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers: {
        ...authorization(token),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
  } catch (error) {
    throw new HairpinError(
      'API_UNREACHABLE',
      `${url} does not answer; start Hairpin, or name its address with --api`,
      error,
    );
  }
  const answer = (await response.json()) as A & { detail?: string };
  if (response.ok) return answer;
  throw new HairpinError('REENRICHMENT_REFUSED', answer.detail ?? `${method} ${url} answered ${response.status}`);
}
