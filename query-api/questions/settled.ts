// Validators of settled answers (RFC 9110, 8.8.3 and 13.1.2): a client that has the answer already gets 304 without the
// statements behind it. They are weak, because an answer also says how long it took and until when data are stored now.

import { createHash, randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Storage } from '../../storage/storage.ts';
import type { QueryApiConfiguration } from '../configuration.ts';
import { varyBy } from '../http/compression.ts';
import { comparedTime } from '../sql/compared-window.ts';
import { readDataVersion } from '../sql/data-version.ts';
import { requestedTime } from '../sql/window.ts';
import { receiptBounds } from './receipt.ts';

/** For so long a client may use its copy without a request. */
const AGE_S_MAX = 60;
/** Another version or configuration of Hairpin may answer otherwise. */
const PROCESS = randomUUID();

interface Context {
  readonly storage: Storage;
  readonly config: QueryApiConfiguration;
  readonly nowMs: number;
}

/** Undefined where the answer may change without anything else changing. `query` is checked. */
export async function validatorOf(
  request: FastifyRequest,
  query: Readonly<Record<string, unknown>>,
  { storage, config, nowMs }: Context,
): Promise<string | undefined> {
  const { from, to, calendar, compare, order } = query as Readonly<Record<string, string | undefined>>;
  if (from === undefined || to === undefined || /now/.test(from + to + (compare ?? ''))) return undefined;
  const time = requestedTime({ from, to, calendar: calendar ?? '' }, nowMs);
  const compared = comparedTime({ ...(compare && { compare }), ...(order && { order }) }, time, nowMs);
  const windows = compared ? [time.requested, compared] : [time.requested];
  const { lateMs } = receiptBounds(config);
  const versions = await Promise.all(windows.map(window => readDataVersion(storage, window, { nowMs, lateMs })));
  if (versions.includes(undefined)) return undefined;
  const seen = [PROCESS, request.routeOptions.url, request.caller?.role, query, ...versions];
  return `W/"${createHash('sha256').update(JSON.stringify(seen)).digest('base64url').slice(0, 27)}"`;
}

export function hasCopy({ headers }: FastifyRequest, validator: string): boolean {
  const known = String(headers['if-none-match'] ?? '').split(',');
  return known.some(one => one.trim() === '*' || one.trim().replace(/^W\//, '') === validator.slice(2));
}

export function announceSettled(reply: FastifyReply, validator: string): void {
  reply.header('etag', validator).header('cache-control', `private, max-age=${AGE_S_MAX}`);
  varyBy(reply, 'authorization');
}
