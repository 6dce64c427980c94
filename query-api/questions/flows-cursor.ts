// Where a page of records ends, as an opaque text that leads to the next one.
//
// Records are in the order of `receivedAt`, the newest first; those of one millisecond in the order of their batch and of
// a hash of everything that was decoded, which no later enrichment changes. Equal records have no order; the cursor counts
// how many of them were given. Nothing that is inserted, merged or enriched again between two pages shifts this order, so
// no record comes twice, and none is left out that was stored when the first page was read.

import { createHash } from 'node:crypto';
import { refuse } from '../http/problem.ts';
import type { RequestedWindow } from '../sql/window.ts';

/** The last record that was given. */
export interface Position {
  readonly receivedAtMs: number;
  /** Numbers of 64 bits as decimal text. */
  readonly batch: string;
  readonly hash: string;
  /** How many of the records equal in all three were given. */
  readonly given: number;
}

/** What every page of one request has in common: relative times are those of the first page. */
export interface Paging extends RequestedWindow {
  readonly after: Position | undefined;
}

/** Base64 of eight short values. */
export const CURSOR_LENGTH_MAX = 300;
const VERSION = 1;
/** ClickHouse has times of milliseconds up to the year 2300. */
const TIME_MS_MAX = Date.UTC(2299, 0);
const GIVEN_MAX = 0xffffffff;

/** `question`: what must be the same on every page. */
export function cursorOf(question: string, { fromMs, toMs }: RequestedWindow, after: Position): string {
  const { receivedAtMs, batch, hash, given } = after;
  const values = [VERSION, digestOf(question), fromMs, toMs, receivedAtMs, batch, hash, given];
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

export function parseCursor(text: string, question: string): Paging {
  const [version, digest, fromMs, toMs, receivedAtMs, batch, hash, given] = valuesOf(text);
  const numbers = [fromMs, toMs, receivedAtMs, given];
  if (
    version !== VERSION ||
    !numbers.every(isWhole) ||
    Number(given) > GIVEN_MAX ||
    !isUint64(batch) ||
    !isUint64(hash)
  )
    refuse('cursor', 'is none of this API; take `next` of an answer, or the link `next` of its header');
  if (digest !== digestOf(question)) refuse('cursor', 'is of another request; only limit and format may differ');
  const after = { receivedAtMs: Number(receivedAtMs), batch: String(batch), hash: String(hash), given: Number(given) };
  return { fromMs: Number(fromMs), toMs: Number(toMs), after };
}

function valuesOf(text: string): readonly unknown[] {
  try {
    const values: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return Array.isArray(values) ? values : [];
  } catch {
    return [];
  }
}

function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= TIME_MS_MAX;
}

function isUint64(value: unknown): boolean {
  return typeof value === 'string' && /^\d{1,20}$/.test(value) && BigInt(value) < 2n ** 64n;
}

function digestOf(question: string): string {
  return createHash('sha256').update(question).digest('base64url').slice(0, 22);
}
