// Requests to the API. A problem document becomes an error with its own words.

import { token } from './token.ts';

export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export async function ask<T>(
  question: string,
  params: Readonly<Record<string, string | number | undefined>>,
  signal?: AbortSignal,
): Promise<T> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params))
    if (value !== undefined && value !== '') query.set(name, String(value));
  const known = token();
  let response: Response;
  try {
    response = await fetch(`api/v1/${question}?${query}`, {
      signal: signal ?? null,
      headers: { accept: 'application/json', ...(known !== undefined && { authorization: `Bearer ${known}` }) },
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, 'The query API does not answer. Is Hairpin still running?');
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body as T;
  // An RFC 9457 problem document, if the answer comes from the API itself.
  const problem = body as { title?: string; detail?: string } | undefined;
  throw new ApiError(
    response.status,
    problem?.detail ?? problem?.title ?? `The query API answered ${response.status}.`,
  );
}

/** Undefined when the token has no right to it. */
export async function askIfAllowed<T>(...question: Parameters<typeof ask>): Promise<T | undefined> {
  try {
    return await ask<T>(...question);
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return undefined;
    throw error;
  }
}
