// Values by exporter and fact, bounded in all and for each exporter: whoever sends names under one forged address fills
// its own share and nobody else's. What is in the map stays until it was not put again for a while; at a bound the new
// fact is refused, because what an exporter keeps reporting is worth more than what one begins to report.

export interface FactMap<V> {
  get(exporter: string, key: string): V | undefined;
  /** Keeps or replaces, as seen at `atMs`; false when it is new and there is no room. */
  put(exporter: string, key: string, value: V, atMs: number): boolean;
  /** Forgets what was last seen before `beforeMs`, and returns it. */
  expire(beforeMs: number): V[];
  values(): Iterable<V>;
  readonly size: number;
}

interface Entry<V> {
  value: V;
  lastSeenAtMs: number;
}

export function createFactMap<V>(factsMax: number, exporterFactsMax: number): FactMap<V> {
  const exporters = new Map<string, Map<string, Entry<V>>>();
  let size = 0;
  return {
    get: (exporter, key) => exporters.get(exporter)?.get(key)?.value,
    put(exporter, key, value, atMs) {
      const facts = exporters.get(exporter);
      const known = facts?.get(key);
      if (known) {
        known.value = value;
        known.lastSeenAtMs = Math.max(known.lastSeenAtMs, atMs);
        return true;
      }
      if (size >= factsMax || (facts && facts.size >= exporterFactsMax)) return false;
      const entry = { value, lastSeenAtMs: atMs };
      if (facts) facts.set(key, entry);
      else exporters.set(exporter, new Map([[key, entry]]));
      size++;
      return true;
    },
    expire(beforeMs) {
      const expired: V[] = [];
      for (const [exporter, facts] of exporters) {
        for (const [key, { lastSeenAtMs, value }] of facts) {
          if (lastSeenAtMs >= beforeMs) continue;
          facts.delete(key);
          expired.push(value);
          size--;
        }
        if (facts.size === 0) exporters.delete(exporter);
      }
      return expired;
    },
    *values() {
      for (const facts of exporters.values()) for (const { value } of facts.values()) yield value;
    },
    get size() {
      return size;
    },
  };
}
