// A client of the query API for TypeScript: paths, parameters and answers are typed by client/paths.ts, which is made from
// the OpenAPI document.

import createFetchClient, { type Client, type Middleware } from 'openapi-fetch';
import type { paths } from './paths.ts';

export type { paths } from './paths.ts';

export interface ClientOptions {
  /** URL of the query API: http://127.0.0.1:8080 */
  readonly api: string;
  /** The bearer token, where the API requires one. */
  readonly token?: string;
}

export type HairpinClient = Client<paths>;

/** What the API answers instead of an answer (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  /** What would make the request acceptable, each a sentence's part. */
  readonly remedies?: readonly string[];
  readonly [more: string]: unknown;
}

/** The API refused the request or failed, and says why. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.status = problem.status;
    this.problem = problem;
  }
}

/** The API does not answer at all. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

/** A request with `if-none-match` was answered with 304: the answer is the one that the client has. */
export class NotModifiedError extends Error {
  override readonly name = 'NotModifiedError';
  readonly etag: string | null;

  constructor(etag: string | null) {
    super('the answer has not changed: it is the one whose etag the request named in if-none-match');
    this.etag = etag;
  }
}

/** The answer of a request; throws as the request does, and a NotModifiedError where the API answers 304. */
export async function answerOf<D>(
  request: Promise<{ readonly data?: D; readonly response: Response }>,
): Promise<NonNullable<D>> {
  const { data, response } = await request;
  if (response.status === 304) throw new NotModifiedError(response.headers.get('etag'));
  // Any other response without data has thrown (createClient), and no route answers without a body.
  return data!;
}

/**
 * Every request either has `data` or throws: a ProblemError for each status that is not 2xx, an UnreachableError where there
 * is no answer. Only a 304, the response to `if-none-match`, has neither. An aborted request rejects with the reason of its signal.
 */
export function createClient({ api, token }: ClientOptions): HairpinClient {
  const client = createFetchClient<paths>({
    baseUrl: api.replace(/\/+$/, ''),
    ...(token && { headers: { authorization: `Bearer ${token}` } }),
  });
  client.use(throwing);
  return client;
}

const throwing: Middleware = {
  async onResponse({ response }) {
    if (!response.ok && response.status !== 304) throw new ProblemError(await problemOf(response));
  },
  onError({ error, request }) {
    if (request.signal.aborted) return;
    const { cause } = error as Error;
    const reason = cause instanceof Error ? cause.message : String((error as Error).message);
    return new UnreachableError(`${new URL(request.url).origin} does not answer: ${reason}`, { cause: error });
  },
};

/** A proxy in between may answer with a page of its own. */
async function problemOf(response: Response): Promise<Problem> {
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json');
  const problem = isProblem ? ((await response.json().catch(() => undefined)) as Problem | undefined) : undefined;
  return problem ?? { type: 'about:blank', title: `the API answered ${response.status}`, status: response.status };
}
