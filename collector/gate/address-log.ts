// Warnings about addresses that a flood may choose: few lines, whatever comes.

import type { Log } from '../../service/log.ts';

/** Addresses that may have a line in the log within a minute. */
const LOG_ADDRESSES_MAX = 100;
const LOG_INTERVAL_MS = 60_000;

/** At most one line per address and minute, and LOG_ADDRESSES_MAX in all. */
export function createAddressLog(log: Log): (address: string, values: object, message: string) => void {
  const reported = new Set<string>();
  let since = Number.NEGATIVE_INFINITY;
  return (address, values, message) => {
    const now = performance.now();
    if (now - since >= LOG_INTERVAL_MS) {
      since = now;
      reported.clear();
    }
    if (reported.has(address) || reported.size >= LOG_ADDRESSES_MAX) return;
    reported.add(address);
    log.warn({ address, ...values }, message);
  };
}
