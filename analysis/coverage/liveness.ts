// Who was seen last and when, by every name under which an exporter may be registered. Which exporters are silent is the
// recorded liveness that the election uses as well (inventory/model/liveness.ts).

import { EVERY_DOMAIN, EVERY_PROTOCOL, keyText, nameOfEntry } from '../../inventory/model/liveness.ts';
import { canonicalAddress } from '../../schemas/address.ts';
import type { SeenExporter } from '../../schemas/coverage.ts';
import type { RegisteredExporter } from '../../schemas/exporters.ts';

export class LastSeen {
  readonly #byName = new Map<string, number>();

  constructor(seen: readonly SeenExporter[]) {
    for (const one of seen)
      for (const name of namesOfSeen(one)) this.#byName.set(name, Math.max(this.#of(name), one.lastSeenMs));
  }

  /** -Infinity when it was not seen. */
  of(exporter: RegisteredExporter): number {
    return this.#of(nameOfEntry(exporter));
  }

  #of(name: string): number {
    return this.#byName.get(name) ?? Number.NEGATIVE_INFINITY;
  }
}

/** Every name under which an exporter may be registered: with its domain and protocol, or without. */
export function namesOfSeen({ address, domain, protocol }: SeenExporter): string[] {
  const exporter = canonicalAddress(address);
  return [domain, EVERY_DOMAIN].flatMap(d =>
    [protocol, EVERY_PROTOCOL].map(p => keyText({ exporter, domain: d, protocol: p })),
  );
}
