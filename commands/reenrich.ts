// `hairpin reenrich`: asks a running Hairpin to do it and shows how far it is.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ReenrichedDay, ReenrichmentAnswer } from '../query-api/maintenance/reenrichments.ts';
import { HairpinError } from '../service/errors.ts';
import { authorization, readToken, TOKEN_FILE } from './api-token.ts';
import { parseCommand, usageError } from './command-line.ts';

const POLL_MS = 500;

const HELP = `hairpin reenrich --from DAY --to DAY [--dry-run] [--api URL]

Reads the stored records of whole days again, applies what the inventory, the applications and the exporter registry say
today about that time, and puts records and roll-ups in place of the old ones, while traffic goes on coming in. A day is
one of receipt, in UTC: traffic before midnight that was reported after it belongs to the next day. The running Hairpin
does the work. Ctrl-C stops it where nothing is half done; the same command again goes on from there.

  --from DAY   first day: 2026-01-31, or a time of that day (RFC 3339, now-2d)
  --to DAY     last day: 2026-01-31, or a time up to which days are taken
  --dry-run    tell how many records would change and how many bytes would move, and change nothing
  --api URL    where Hairpin answers [http://127.0.0.1:8080]
${TOKEN_FILE}
`;

export async function reenrich(args: readonly string[]): Promise<number> {
  const { values } = parseCommand(args, DAY_FLAGS, HELP);
  if (!values) return 0;
  const { from, to } = values;
  if (typeof from !== 'string' || typeof to !== 'string')
    throw usageError('--from DAY and --to DAY are required', HELP);
  const caller = callerOf(values, 'reenrichments', HELP);
  await ask(caller, 'POST', { from, to, dryRun: values['dry-run'] === true });
  return endOf(await follow(caller, lineOf), 'no records were received on these days');
}

/** Of both `reenrich` and `erase`. */
export const DAY_FLAGS = {
  from: { type: 'string' },
  to: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
  api: { type: 'string', default: 'http://127.0.0.1:8080' },
  'token-file': { type: 'string' },
} as const;

/** Whom they ask. */
export interface Caller {
  readonly url: string;
  readonly token: string;
}

export function callerOf(values: Readonly<Record<string, unknown>>, route: string, help: string): Caller {
  return {
    url: `${String(values['api']).replace(/\/$/, '')}/api/v1/${route}`,
    token: readToken(values['token-file'], help),
  };
}

/** Shows how far it is until it has ended; a signal stops it. */
export async function follow(caller: Caller, lineOf: (day: ReenrichedDay) => string): Promise<ReenrichmentAnswer> {
  const stop = () => {
    process.stderr.write('\nstopping where nothing is half done; the same command again goes on\n');
    void ask(caller, 'DELETE').catch(() => {});
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const told = new Set<number>();
  for (;;) {
    const state = await ask(caller, 'GET');
    for (const day of state.days) {
      if (day.outcome !== 'working' && !told.has(day.day)) {
        told.add(day.day);
        process.stderr.write(`${process.stderr.isTTY ? '\r' : ''}${lineOf(day)}\n`);
      } else if (day.outcome === 'working' && process.stderr.isTTY) process.stderr.write(`\r${lineOf(day)}`);
    }
    if (!state.running) return state;
    await sleep(POLL_MS);
  }
}

export function endOf({ days, error }: ReenrichmentAnswer, empty: string): number {
  if (error !== '') {
    process.stderr.write(`ended early: ${error}\n`);
    return 1;
  }
  if (days.length === 0) process.stderr.write(`${empty}\n`);
  return days.every(({ outcome }) => outcome === 'done' || outcome === 'previewed') ? 0 : 1;
}

export function dateOf(day: number): string {
  return String(day).replace(/(\d{4})(\d{2})(\d{2})/, '$1-$2-$3');
}

function lineOf({ day, outcome, records, recordsMax, recordsPerS, fencedMs, detail, changes }: ReenrichedDay): string {
  const date = dateOf(day);
  if (changes)
    return `${date}  ${changes.records} records: ${changes.renamed} with other names, ${changes.recounted} counted otherwise, ${changes.bytesMoved} bytes would move`;
  if (outcome === 'working') return `${date}  ${records} of ${recordsMax} records, ${recordsPerS} records/s`;
  if (outcome === 'done')
    return `${date}  done: ${records} records, ${recordsPerS} records/s; new ones waited for ${Math.round(fencedMs)} ms`;
  return `${date}  ${outcome} after ${records} records${detail && `: ${detail}`}`;
}

export async function ask<A extends ReenrichmentAnswer>(
  { url, token }: Caller,
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
    throw new HairpinError('API_UNREACHABLE', `${url} does not answer; start Hairpin, or say where with --api`, error);
  }
  const answer = (await response.json()) as A & { detail?: string };
  if (response.ok) return answer;
  throw new HairpinError('REENRICHMENT_REFUSED', answer.detail ?? `${method} ${url} answered ${response.status}`);
}
