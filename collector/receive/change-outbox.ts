// Changes on their way from a receive worker to the journal. They leave at the end of the turn in which they were
// learned; a newer change replaces an older one that still waits. In a flood no more than POST_BYTES_MAX leave in
// POST_INTERVAL_MS, which the journal can write, and at OUTBOX_BYTES_MAX the oldest change of an unproven domain is
// dropped and counted.

import type { Change, ChangeSink, DomainKey } from '../decode/exporters/template-store.ts';

const POST_BYTES_MAX = 512 * 1024;
const POST_INTERVAL_MS = 100;
export const OUTBOX_BYTES_MAX = 8 * 1024 * 1024;
const OVERHEAD_BYTES = 256;
const RATE_BYTES = 24;

export interface OutboxDependencies {
  post(changes: readonly Change[]): void;
  isProven(key: DomainKey): boolean;
  /** Calls back at the end of this turn. */
  later(act: () => void): void;
  now(): number;
}

export interface ChangeOutbox extends ChangeSink {
  readonly dropped: number;
  /** Sends what is due; `everything` for the end. To be called regularly. */
  flush(everything?: boolean): void;
}

export function createChangeOutbox({ post, isProven, later, now }: OutboxDependencies): ChangeOutbox {
  const waiting = new Map<string, Change>();
  let bytes = 0;
  let dropped = 0;
  let isDue = false;
  let postedAtMs = Number.NEGATIVE_INFINITY;

  function remove(name: string): void {
    const change = waiting.get(name);
    if (change && waiting.delete(name)) bytes -= costOf(change);
  }

  function dropOldest(): void {
    let oldest = '';
    for (const [name, { key }] of waiting) {
      oldest ||= name;
      if (isProven(key)) continue;
      oldest = name;
      break;
    }
    remove(oldest);
    dropped++;
  }

  function flush(everything = false): void {
    if (!everything && now() - postedAtMs < POST_INTERVAL_MS) return;
    const changes: Change[] = [];
    let left = everything ? Number.POSITIVE_INFINITY : POST_BYTES_MAX;
    for (const [name, change] of waiting) {
      if (left <= 0) break;
      left -= costOf(change);
      remove(name);
      changes.push(change);
    }
    if (changes.length === 0) return;
    postedAtMs = now();
    post(changes);
  }

  return {
    changed(change) {
      // The newer one goes to the end, so that the order between names holds.
      const name = nameOf(change);
      remove(name);
      waiting.set(name, change);
      bytes += costOf(change);
      while (bytes > OUTBOX_BYTES_MAX) dropOldest();
      if (isDue) return;
      isDue = true;
      later(() => {
        isDue = false;
        flush();
      });
    },
    flush,
    get dropped() {
      return dropped;
    },
  };
}

/** Changes of one name replace each other. */
function nameOf(change: Change): string {
  const { address, port, protocol, domain } = change.key;
  const what = change.type === 'template' || change.type === 'withdrawn' ? change.templateId : change.type;
  return `${address} ${port} ${protocol} ${domain} ${what}`;
}

function costOf(change: Change): number {
  if (change.type === 'template') return OVERHEAD_BYTES + change.raw.length;
  if (change.type !== 'state') return OVERHEAD_BYTES;
  const { selectorRates, interfaceRates, templateRates } = change.state;
  return OVERHEAD_BYTES + RATE_BYTES * (selectorRates.length + interfaceRates.length + templateRates.length);
}
