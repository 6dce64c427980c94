// The name that IANA registered for the port of a service: `https` of tcp/443. Ranges and protocols have none.

import { Type } from 'typebox';
import { SERVICE_NAMES } from './service-names.ts';

/** The first name of the registry that has this port alone. */
const TITLES: ReadonlyMap<string, string> = titles();

function titles(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [name, ports] of SERVICE_NAMES) for (const port of ports) if (!found.has(port)) found.set(port, name);
  return found;
}

export const ServiceTitle = Type.Unsafe<string | null>({
  type: ['string', 'null'],
  description: 'what IANA registered the port for',
});

/** `service` as it is shown: `tcp/443`. */
export function serviceTitle(service: string): string | null {
  return TITLES.get(service) ?? null;
}
