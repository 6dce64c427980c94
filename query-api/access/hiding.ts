// Addresses, MACs and prefixes in answers, shown only to roles that may see them. Some routes answer with documents and events
// whose shape is not ours; so every text of the answer is searched, names of automatic nodes and remarks included.

import type { FastifyInstance, FastifyRequest } from 'fastify';
import { parseAddress } from '../../schemas/address.ts';
import { may } from './rights.ts';

export const HIDDEN = '[hidden]';

const MAC = /(?<![0-9a-f])(?:[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2})(?![0-9a-f])/gi;
const BARE_MAC = /^[0-9a-f]{12}$/i;
const IPV6 = /[0-9a-f:.]{2,}(?:%\w+)?(?:\/\d{1,3})?/gi;
const IPV4 = /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?:\/\d{1,2})?(?!\d)/g;

/** The hook of all routes that state `addresses`. Tables are not objects any more when it runs: see question.ts. */
export function registerHiding(app: FastifyInstance): void {
  app.addHook('preSerialization', async (request, reply, payload) =>
    reply.statusCode < 300 && !seesAddresses(request) ? hideAddresses(payload) : payload,
  );
}

/** Whether the answer of this route may show addresses to this caller. */
export function seesAddresses({ caller, routeOptions }: FastifyRequest): boolean {
  const { addresses } = routeOptions.config;
  return addresses === undefined || addresses.some(right => caller !== undefined && may(caller.role, right));
}

/** A copy without addresses, MACs and prefixes. */
export function hideAddresses(value: unknown): unknown {
  if (typeof value === 'string') return hideInText(value);
  if (Array.isArray(value)) return value.map(hideAddresses);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [hideInText(key), hideAddresses(inner)]));
}

function hideInText(text: string): string {
  if (BARE_MAC.test(text)) return HIDDEN;
  return text.replace(IPV6, hideIPv6).replace(MAC, HIDDEN).replace(IPV4, HIDDEN);
}

/** What looks like an address may begin or end with the punctuation of a sentence: `auto:fd00::/64`, `fd00::1: not seen`. */
function hideIPv6(found: string): string {
  const [core = ''] = found.split(/[%/]/);
  if ((core.match(/:/g)?.length ?? 0) < 2) return found;
  for (const [from, to] of [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ] as const) {
    const inner = core.slice(from, core.length - to);
    if (inner.includes(':') && parseAddress(inner)) return core.slice(0, from) + HIDDEN + core.slice(core.length - to);
  }
  return found;
}
