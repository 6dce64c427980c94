// Values as texts that ClickHouse reads into columns.

import { formatAddress, isMapped4, type Words } from '../../schemas/address.ts';

/** `2026-01-31 12:00:00.000`, for DateTime64(3, 'UTC'). */
export function dateTimeText(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').slice(0, -1);
}

/** For IPv6, from the text of either kind of address. */
export function mappedAddress(address: string): string {
  return address.includes(':') ? address : `::ffff:${address}`;
}

export function addressText(address: Words): string {
  return isMapped4(address) ? `::ffff:${formatAddress(address)}` : formatAddress(address);
}
