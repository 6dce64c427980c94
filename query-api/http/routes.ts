// How routes are registered: with the right that a request needs, which nothing grants by default. Parts of the API are
// handed `Routes` instead of the server, so that a route without a statement does not compile; one that comes about
// otherwise needs the role admin (access/protection.ts).

import type {
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
  RouteGenericInterface,
  RouteHandlerMethod,
  RouteShorthandOptions,
} from 'fastify';

/** What a request needs, the least first. */
export type Right = 'nothing' | 'matrix' | 'read' | 'records' | 'inventory' | 'admin';

/** What a request needs; of some routes this depends on the columns that it names. */
export type RouteRight = Right | ((query: Readonly<Record<string, unknown>>) => Right);

declare module 'fastify' {
  interface FastifyContextConfig {
    right?: RouteRight;
    /**
     * The answer holds addresses, MACs or prefixes: rights of which one shows them; to others they are hidden. Access is
     * audited. Left out where the answer holds none, or where `right` says who sees them.
     */
    addresses?: readonly Right[];
    /** It takes `explain`, which only an administrator may wish. */
    explains?: true;
  }
}

/** Who reads documents whole: whoever sees addresses anyway, and whoever hands documents in. */
export const DOCUMENT_ADDRESSES: readonly Right[] = ['records', 'inventory'];

type Register = <R extends RouteGenericInterface = RouteGenericInterface>(
  url: string,
  options: RouteShorthandOptions<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, R> & {
    config: { right: RouteRight; addresses?: readonly Right[]; explains?: true };
  },
  handler: RouteHandlerMethod<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, R>,
) => unknown;

/** The part of the server that registers routes. */
export interface Routes {
  readonly get: Register;
  readonly put: Register;
  readonly post: Register;
  readonly delete: Register;
}
